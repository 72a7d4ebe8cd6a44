"""Directions of the latent space: ways in which any pose can be changed.

Shape letters: T time steps, D = 128 latent dimensions.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dancenet.errors import DancenetError
from dancenet.poses import Direction, Origin, load_direction, names_file
from dancenet.runs import Run

#: Directions that are given by name lie in this folder of the run.
FOLDER = "directions"

#: Directions, and how far poses are moved along each.
Amounts = Sequence[tuple[Direction, float]]


def moved(latents: np.ndarray, amounts: Amounts) -> np.ndarray:
    """Latents (..., D) moved along directions: each vector times its amount is added."""
    total = sum((amount * direction.vector for direction, amount in amounts), np.zeros(latents.shape[-1]))
    return (latents + total).astype("float32")


def read_amounts(texts: Sequence[str], run: Run | None, origin: Origin) -> list[tuple[Direction, float]]:
    """What `--apply NAME=AMOUNT` names: a direction saved in the run, or any direction file (.json).

    Args:
        texts: such as "arms_up=1.5" or "found/arms_up.json=-0.5".
        run: where names are looked for; None: files only.
        origin: what the directions must belong to.

    Raises:
        DancenetError: no such direction, not one of this run, or no number.
    """
    found = []
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            amount = float(number) if equals and name else math.nan
        except ValueError:
            amount = math.nan
        if not math.isfinite(amount):
            raise DancenetError(f"--apply {text}", "NAME=AMOUNT", "for example --apply arms_up=1.5")
        found.append((load_direction(_file_of(name, run), origin), amount))
    return found


def _file_of(name: str, run: Run | None) -> Path:
    """Where a direction lies that a user names."""
    if names_file(name):
        return Path(name)
    there = sorted(path.stem for path in (run / FOLDER).glob("*.json")) if run else []
    if run is None or name not in there:
        known = f"one of {', '.join(there)}" if there else "the file of a direction"
        place = f" in {run.path}" if run else ""
        raise DancenetError(
            f"no direction is named '{name}'{place}", known,
            f"find one with: dancenet explore directions --run {run.path if run else 'DIR'} --name {name} "
            "--with CLIP:SECOND ... --without CLIP:SECOND ...",
        )  # fmt: skip
    return run / FOLDER / f"{name}.json"
