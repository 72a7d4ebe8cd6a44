"""Poses of a run's own dances: what decoder and mender practise on besides the film.

Shape letters: N poses, D = 128 latent dimensions.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dancenet import trained
from dancenet.config import DanceOptions
from dancenet.generation import Dancer
from dancenet.runs import replacing

#: Length of each dance, seconds, and how many are kept for a decoder.
DANCE_S, DANCES = 60.0, 8


def kept_poses(base: trained.Trained, seed: int, keep: Path) -> np.ndarray:
    """(N, D) poses of dances as they are shown, in random order; the first ones are for validation.

    They are kept: a long dance goes another way after the last digit of a sum, and what is resumed after a
    kill shall be what it would have been.
    """
    if keep.is_file():
        return np.load(keep, allow_pickle=False)
    options = DanceOptions(seconds=DANCE_S, fps=base.packed.fps, continuations=1)
    dances = Dancer(base).dances(options, [seed + 1000 + number for number in range(DANCES)])
    poses = np.random.default_rng(seed).permutation(np.concatenate([dance.latents for dance in dances]))
    poses = _in_reach(poses, base.latents.mean)
    with replacing(keep) as beside, open(beside, "wb") as file:
        np.save(file, poses)
    return poses


def poses_in_the_picture(base: trained.Trained, count: int, place: int, seed: int) -> np.ndarray:
    """Up to (count, D) poses of dances, as they are shown without a mender; their place, the first `place`
    latents, is one that the film has."""
    fps = base.packed.fps
    steps = max(1, round(DANCE_S * fps))
    seeds = [seed + 2000 + number for number in range(-(-count // steps))]
    dancer = Dancer(replace(base, pace=1.0))
    dances = dancer.dances(DanceOptions(seconds=DANCE_S, fps=fps, continuations=1), seeds)
    poses = np.concatenate([dance.latents for dance in dances])[:count]
    poses = _in_reach(poses, base.latents.mean)
    film = base.latents.mean[:, :place]  # outside of the picture nothing would be seen
    poses[:, :place] = np.clip(poses[:, :place], film.min(axis=0), film.max(axis=0))
    return poses


def _in_reach(poses: np.ndarray, film: np.ndarray) -> np.ndarray:
    """Poses (N, D) led back to twice the width of the film (M, D) from it, what is no number to its mean: a
    choreographer that has hardly trained may run away, and nobody learns from pictures of 1e38."""
    least, most = film.min(axis=0), film.max(axis=0)
    poses = np.where(np.isnan(poses), film.mean(axis=0), poses)
    return np.clip(poses, least - 2 * (most - least), most + 2 * (most - least))
