"""Unseen real takes, put together to any length: what every dance stands beside."""

import functools
import logging
from collections.abc import Sequence

import numpy as np

from dancenet.errors import DancenetError
from dancenet.evaluation.features import MEASURED_FPS

log = logging.getLogger(__name__)


@functools.cache
def _warn(available_s: int, wanted_s: int) -> None:
    """Say it once, not for every stretch."""
    log.warning("only %d s of unseen takes for stretches of %d s", available_s, wanted_s)


def real_stretches(
    held_out_clips: Sequence[np.ndarray], seconds: float, seed: int, *, fps: float = MEASURED_FPS
) -> list[np.ndarray]:
    """Put unseen takes together to a length: in random order, the last one cut at a random place.

    Args:
        held_out_clips: per take (N, ...) points or frames at `fps`.
        seconds: length wanted.
        seed: another seed is another order and cut.
        fps: rate of the takes.

    Returns:
        The segments, together `seconds` long; they are not joined, so that no step is counted across.
        Where all takes are shorter than that together, they come again in another order (and a
        warning is logged, for such a stretch holds less variety than its length promises).

    Raises:
        DancenetError: there is no take with at least two frames.
    """
    takes = [take for take in held_out_clips if len(take) > 1]
    if not takes:
        raise DancenetError("no unseen take to compare with", "at least one of two frames or more")
    rng = np.random.default_rng(seed)
    wanted = max(2, round(seconds * fps))
    available = sum(len(take) for take in takes)
    if available < wanted:
        _warn(round(available / fps), round(wanted / fps))
    segments: list[np.ndarray] = []
    while wanted > 0:
        for index in rng.permutation(len(takes)):
            length = min(wanted, len(takes[index]))
            if length <= 0:
                break
            first = int(rng.integers(len(takes[index]) - length + 1))
            segments.append(takes[index][first : first + length])
            wanted -= length
    return segments
