"""All poses of a film in the plane, and what is known of each.

Shape letters: N frames of the film, D = 128 latent dimensions.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dancenet.exploring.planes import PLANES, Plane, plane
from dancenet.exploring.repertoire import Repertoire
from dancenet.exploring.space import Space
from dancenet.latents import Latents
from dancenet.runs import Progress, silent


@dataclass(frozen=True)
class PoseMap:
    """Where every frame of a film lies, and what is known of it.

    Attributes:
        planes: by name, (N, 2).
        clip: (N,) 0-based.
        time_s: (N,) from the start of its clip.
        word: (N,) number from 1 of the move that is danced (`Repertoire`).
        energy: (N,) how fast the dancer moves.
    """

    planes: dict[Plane, np.ndarray]
    clip: np.ndarray
    time_s: np.ndarray
    word: np.ndarray
    energy: np.ndarray

    def __len__(self) -> int:
        return len(self.clip)


def find_map(
    space: Space, moves: Repertoire, kinds: list[Plane], *, seed: int = 0, progress: Progress = silent
) -> PoseMap:
    """The map of a run's film.

    Args:
        space: of the run.
        moves: its vocabulary.
        kinds: the planes to draw (`planes.planes`).
        seed: of UMAP and t-SNE.
        progress: told how far it is.

    Raises:
        MissingDependencyError: UMAP is not installed.
    """
    drawn: dict[Plane, np.ndarray] = {}
    for done, how in enumerate(kinds):
        progress(f"placing poses · {PLANES[how]}", done, len(kinds))
        drawn[how] = plane(space.latents.mean, how, seed=seed)
    lengths = [clip.length for clip in space.packed.clips]
    return PoseMap(
        drawn,
        clip=np.repeat(np.arange(len(lengths)), lengths),
        time_s=np.concatenate([np.arange(length) for length in lengths]) / space.packed.fps,
        word=moves.by_frame(len(space.packed)),
        energy=energy(space.latents),
    )


def energy(latents: Latents) -> np.ndarray:
    """(N,) how fast the dancer moves in each frame, standardised latents per second; no cut counts."""
    speed = np.zeros(len(latents.mean))
    for clip in range(len(latents.clip_starts)):
        span = latents.span(clip)
        poses = latents.standardise(latents.mean[span])
        steps = np.linalg.norm(np.diff(poses, axis=0, prepend=poses[:1]), axis=1)
        speed[span] = gaussian_filter1d(steps, 2, mode="nearest") * float(latents.fps)
    return speed
