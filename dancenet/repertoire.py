"""Which poses a dancer takes, and how often, so that a dance can be held against it (`dancing/choosing.py`).

Shape letters: N frames of the film, P poses of the repertoire, D = 128 latent dimensions.
"""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dancenet.latents import Latents
from dancenet.sequences import evenly

#: Poses of a repertoire, found among so many frames of the film at most.
POSES, LOOKED_AT = 64, 6000
#: Rounds of k-means, Lloyd's (1982), from centres far apart (Arthur & Vassilvitskii 2007).
ROUNDS = 30
#: Poses are compared by so many principal components: the others are hardly seen.
COMPONENTS = 24


@dataclass(frozen=True)
class Repertoire:
    """Poses of a film, as frames of it, and the share of its frames that are nearest to each.

    Attributes:
        frames: (P,) indices.
        shares: (P,) of 1 in all.
    """

    frames: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, latents: Latents, frames: np.ndarray) -> "Repertoire":
        """The repertoire of these frames (N,), of many those that lie evenly: the nearest to the centres that
        k-means finds."""
        from scipy.cluster.vq import kmeans2  # one thread: the same film always has the same repertoire

        frames = np.asarray(evenly(frames, LOOKED_AT))
        poses = latents.standardise(latents.mean[frames]).astype("float32")
        seen = (poses - poses.mean(axis=0)) @ principal(poses)
        count = min(POSES, len(np.unique(seen, axis=0)))
        with warnings.catch_warnings(action="ignore"):  # a centre that nothing is near to stays where it is
            centres, _ = kmeans2(seen, count, iter=ROUNDS, minit="++", missing="warn", rng=0)
        typical = np.unique([np.square(seen - centre).sum(axis=1).argmin() for centre in centres])
        near = Nearest(poses[typical])(poses)
        shares = np.bincount(near, minlength=len(typical)) / len(poses)
        return cls(tuple(frames[typical].tolist()), tuple(shares.round(5).tolist()))

    @classmethod
    def told(cls, content: dict[str, Any] | None) -> "Repertoire | None":
        """As a run's files have it (see `as_told`); None of runs from before there were any."""
        return cls(tuple(content["frames"]), tuple(content["shares"])) if content else None

    @property
    def as_told(self) -> dict[str, Any]:
        """For a run's files."""
        return asdict(self)

    def nearest(self, latents: Latents) -> "Nearest":
        """Finds its poses in dances; `latents` are those of its film."""
        return Nearest(latents.standardise(latents.mean[list(self.frames)]).astype("float32"))


class Nearest:
    """Which of some poses is nearest to others, by principal components.

    Args:
        poses: (P, D) standardised.
    """

    def __init__(self, poses: np.ndarray):
        self._axes = principal(poses)
        self._places = poses @ self._axes

    def __len__(self) -> int:
        return len(self._places)

    def __call__(self, poses: np.ndarray) -> np.ndarray:
        """(...) of poses (..., D), standardised."""
        distances = np.square(self._places).sum(axis=-1) - 2 * poses @ self._axes @ self._places.T
        return distances.argmin(axis=-1)


def principal(poses: np.ndarray) -> np.ndarray:
    """(D, up to `COMPONENTS`): the axes along which poses (N, D) differ most."""
    return np.linalg.svd(poses - poses.mean(axis=0), full_matrices=False)[2][:COMPONENTS].T
