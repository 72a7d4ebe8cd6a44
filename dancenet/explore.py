"""A latent space looked at: what is near what, grids, sweeps; ways through it are in `ways`.

Nothing here reads or writes files. Near and far are meant in standardised latents.
Shape letters: N frames of the film, T poses, P poses of a sweep, D = 128 latent dimensions.
"""

from typing import Literal

import numpy as np
from sklearn.neighbors import NearestNeighbors

from dancenet.errors import DancenetError
from dancenet.exploring.directions import principal
from dancenet.latents import Latents

Sweep = Literal["principal", "units"]

#: A sweep goes from where this share of the film's poses lies below to where this share does.
SWEPT = (0.02, 0.98)


def neighbours(
    latents: Latents, pose: np.ndarray, count: int, *, apart_s: float = 1.0
) -> list[tuple[int, float]]:
    """The film's frames nearest to a pose (D,), nearest first, as (frame, distance).

    Args:
        count: how many, at most.
        apart_s: two frames of one clip lie further apart than this: other moments, not the next frame.
    """
    away = latents.standardise(latents.mean) - latents.standardise(pose)
    distances = np.linalg.norm(away, axis=1)
    clip = np.searchsorted(latents.clip_starts, np.arange(len(distances)), side="right")
    apart = apart_s * float(latents.fps)
    found: list[tuple[int, float]] = []
    for frame in np.argsort(distances):
        if all(clip[frame] != clip[other] or abs(frame - other) > apart for other, _ in found):
            found.append((int(frame), float(distances[frame])))
            if len(found) == count:
                break
    return found


def grid(corners: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Poses between two poses in a row, or between four in a field.

    Args:
        corners: (2, D), left and right; or (4, D), top left, top right, bottom left, bottom right.
        rows, columns: of the field; two corners make one row.

    Returns:
        (rows, columns, D).

    Raises:
        DancenetError: neither two nor four corners.
    """
    if len(corners) not in (2, 4):
        raise DancenetError(f"{len(corners)} corners", "two, for a row, or four, for a field")
    across = np.linspace(0, 1, columns)[:, None]
    lines = [
        (1 - across) * left + across * right for left, right in zip(corners[::2], corners[1::2], strict=True)
    ]
    if len(lines) == 1:
        return lines[0][None].astype("float32")
    down = np.linspace(0, 1, rows)[:, None, None]
    return ((1 - down) * lines[0] + down * lines[1]).astype("float32")


def sweeps(
    latents: Latents, count: int, poses: int, *, kind: Sweep = "principal", around: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One pose changed along each of the strongest dimensions, as far as the film goes.

    Args:
        count: how many dimensions.
        poses: how many pictures of each.
        kind: "principal", the directions in which the film's poses differ most; "units", single numbers of
            the latents, those first that tell most of the film: variance beside posterior variance.
        around: (D,) the pose that is changed.

    Returns:
        (count, poses, D): along each dimension from where 2% of the film's poses lie below to where 2% lie
        beyond; and (count,) what share of the film's variance, or of its information, each has.
    """
    if kind == "principal":
        vectors, shares = principal(latents, count)
    else:
        spread = latents.mean.std(axis=0)
        nats = 0.5 * np.log1p(spread**2 / np.exp(latents.log_variance).mean(axis=0))
        order = np.argsort(nats)[::-1][:count]
        vectors, shares = np.eye(len(spread))[order], nats[order] / nats.sum()
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    least, most = np.quantile(latents.mean @ units.T, SWEPT, axis=0)
    amounts = np.linspace(least, most, poses, axis=1) - (units @ around)[:, None]
    return (around + amounts[:, :, None] * units[:, None]).astype("float32"), shares


def typical_pose(latents: Latents) -> np.ndarray:
    """(D,) the pose of the film that is nearest to the mean of all."""
    away = np.linalg.norm(
        latents.standardise(latents.mean) - latents.standardise(latents.mean.mean(axis=0)), axis=1
    )
    return latents.mean[int(away.argmin())]


def off_film(latents: Latents, poses: np.ndarray) -> np.ndarray:
    """(T,) distance of poses (T, D) to the nearest of the film: how far from anything that was danced."""
    found = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(latents.standardise(latents.mean))
    return found.kneighbors(latents.standardise(poses))[0][:, 0]


def spread_poses(latents: Latents, count: int) -> np.ndarray:
    """(count, D) real poses, evenly spread over the film's time."""
    return latents.mean[np.linspace(0, len(latents.mean) - 1, count + 2).astype(int)[1:-1]]
