"""Poses in the plane: flat, or so that neighbours stay neighbours.

Shape letters: N poses, D = 128 latent dimensions.
"""

import importlib.util
from typing import Literal

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from dancenet.errors import MissingDependencyError

Plane = Literal["pca", "umap", "tsne"]

#: What the planes are called where they are shown.
PLANES: dict[Plane, str] = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}
#: t-SNE and UMAP place so many poses themselves; others come to lie among their neighbours there.
MOST_PLACED = 3000
#: So many of the neighbours say where.
PLACED_BY = 3


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
