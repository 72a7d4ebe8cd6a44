"""All poses of a film in the plane, and what is known of each.

Shape letters: N frames of the film, D = 128 latent dimensions.
"""

import importlib.util
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from dancenet.errors import MissingDependencyError
from dancenet.latents import Latents
from dancenet.repertoire import Repertoire
from dancenet.runs import Progress, silent
from dancenet.space import Space

Plane = Literal["pca", "umap", "tsne"]

#: What the planes are called where they are shown.
PLANES: dict[Plane, str] = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
#: t-SNE and UMAP place so many poses themselves; others come to lie among their neighbours there.
MOST_PLACED = 3000
#: So many of the neighbours say where.
PLACED_BY = 3


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
        kinds: the planes to draw (`planes`).
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


def planes() -> list[Plane]:
    """The ways of drawing the plane that can be had: UMAP where it is installed, t-SNE where it is not."""
    return ["pca", "umap" if importlib.util.find_spec("umap") else "tsne"]


def check_planes(kinds: list[Plane]) -> None:
    """Raise `MissingDependencyError` where one of them needs UMAP and it is not installed."""
    if "umap" in kinds and not importlib.util.find_spec("umap"):
        raise MissingDependencyError("umap-learn", "explore")


def plane(latents: np.ndarray, how: Plane = "pca", *, seed: int = 0) -> np.ndarray:
    """Poses (N, D) in the plane, (N, 2), about zero mean.

    Args:
        how: "pca", a flat view along the two directions in which poses differ most; "tsne" (van der Maaten &
            Hinton 2008) or "umap" (McInnes et al. 2018), in which neighbours stay neighbours and distances
            mean little.
        seed: of the latter two.

    Raises:
        MissingDependencyError: UMAP is not installed.
    """
    if how == "pca" or len(latents) < 8:
        return PCA(2, svd_solver="full").fit_transform(latents)
    step = -(-len(latents) // MOST_PLACED)
    few = PCA(min(50, len(latents) // step), svd_solver="full").fit(latents)
    points = few.transform(latents)
    if how == "umap":
        check_planes(["umap"])
        from umap import UMAP

        placed = UMAP(random_state=seed, n_jobs=1).fit_transform(points[::step])
    else:
        from sklearn.manifold import TSNE

        near = min(30.0, len(points[::step]) / 4)
        placed = TSNE(perplexity=near, init="pca", random_state=seed).fit_transform(points[::step])
    if step == 1:
        return placed
    found = NearestNeighbors(n_neighbors=PLACED_BY).fit(points[::step])
    distances, nearest = found.kneighbors(points)
    weights = 1 / (distances**2 + 1e-9)
    return np.einsum("nk,nkc->nc", weights / weights.sum(axis=1, keepdims=True), placed[nearest])
