"""A latent space looked at: what is near what, ways through it, grids, sweeps.

Nothing here reads or writes files. Near and far are meant in standardised latents.
Shape letters: N frames of the film, T poses, K waypoints, P poses of a sweep, D = 128 latent dimensions.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.neighbors import NearestNeighbors

from dancenet.directions import principal
from dancenet.errors import DancenetError
from dancenet.latents import Latents

Sweep = Literal["principal", "units"]

#: Poses are joined with so many nearest ones on the way through the film; long films with every n-th pose.
JOINED, MOST_JOINED = 12, 20_000
#: A step costs its length to this power: many short steps, between poses that exist, beat one long one.
STEP_POWER = 2.5
#: A sweep goes from where this share of the film's poses lies below to where this share does.
SWEPT = (0.02, 0.98)
#: A way through the film is smoothed over this share of its length; waypoints stay where they are.
SMOOTH_SHARE = 0.04


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


def way_through(latents: Latents, waypoints: np.ndarray, poses: int) -> np.ndarray:
    """A way through waypoints along which every pose is one that the dancer nearly takes.

    The shortest path over the graph of the film's poses, each joined with those nearest to it and with the
    next in time; short steps are favoured (`STEP_POWER`), so that it keeps to where the film has poses. It
    is then smoothed, and gone along at a constant speed.

    Args:
        latents: of the film.
        waypoints: (K, D), two or more.
        poses: how many to return.

    Returns:
        (poses, D) float32, from the first waypoint to the last, through all.

    Raises:
        DancenetError: fewer than two waypoints.
    """
    if len(waypoints) < 2:
        raise DancenetError(
            f"{len(waypoints)} waypoint{'s' * (len(waypoints) != 1)}", "two or more poses to go through",
            "name them as CLIP:SECOND or pose files",
        )  # fmt: skip
    from scipy.sparse.csgraph import dijkstra

    film, graph = _graph(latents, latents.standardise(waypoints))
    first = len(film) - len(waypoints)
    parts = []
    for start, stop in zip(range(first, len(film)), range(first + 1, len(film)), strict=False):
        before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)[1]
        nodes = [stop]
        while nodes[-1] != start:
            nodes.append(int(before[nodes[-1]]))
        parts.append(film[nodes[::-1]])
    return latents.restore(_walked(parts, poses)).astype("float32")


def _graph(latents: Latents, waypoints: np.ndarray):
    """Standardised poses of film, then of waypoints (M, D), and the costs of going between them (M, M)."""
    from scipy.sparse import coo_matrix

    step = -(-len(latents.mean) // MOST_JOINED)
    frames = np.arange(0, len(latents.mean), step)
    film = np.concatenate([latents.standardise(latents.mean[frames]), waypoints])
    joined = min(JOINED + 1, len(film))
    nearest = NearestNeighbors(n_neighbors=joined, algorithm="brute").fit(film).kneighbors(film)[1]
    rows, columns = np.repeat(np.arange(len(film)), joined - 1), nearest[:, 1:].ravel()
    clip = np.searchsorted(latents.clip_starts, frames, side="right")
    on = np.flatnonzero(clip[1:] == clip[:-1])
    # the ends of clips are joined too, at the price of the jump, so that there is always a way
    cuts = np.flatnonzero(clip[1:] != clip[:-1])
    chain = np.concatenate([on, cuts, np.arange(len(frames) - 1, len(film) - 1)])
    rows, columns = np.concatenate([rows, chain]), np.concatenate([columns, chain + 1])
    lengths = np.linalg.norm(film[rows] - film[columns], axis=1)
    pairs = np.unique(
        np.stack([np.minimum(rows, columns), np.maximum(rows, columns)]), axis=1, return_index=True
    )[1]
    costs = np.maximum(lengths[pairs], 1e-6) ** STEP_POWER
    return film, coo_matrix((costs, (rows[pairs], columns[pairs])), shape=(len(film), len(film))).tocsr()


def _walked(parts: Sequence[np.ndarray], poses: int) -> np.ndarray:
    """Poses at equal distances along smoothed parts; the ends of each part stay where they are."""
    smooth = []
    for nodes in parts:
        fine = _spaced(nodes, 64)
        # mirrored through its ends, so that smoothing leaves them where they are
        reach = len(fine) - 1
        ahead, behind = 2 * fine[0] - fine[reach:0:-1], 2 * fine[-1] - fine[-2 : -reach - 2 : -1]
        calm = gaussian_filter1d(np.concatenate([ahead, fine, behind]), SMOOTH_SHARE * len(fine), axis=0)
        smooth.append(calm[reach : reach + len(fine)])
    return _spaced(np.concatenate([smooth[0], *(part[1:] for part in smooth[1:])]), poses)


def _spaced(line: np.ndarray, count: int) -> np.ndarray:
    """`count` points at equal distances along a line of points (M, D)."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, lengths[-1], count)
    early = np.clip(np.searchsorted(lengths, at, side="right") - 1, 0, len(line) - 2)
    part = (at - lengths[early]) / np.maximum(lengths[early + 1] - lengths[early], 1e-9)
    return line[early] + np.clip(part, 0, 1)[:, None] * (line[early + 1] - line[early])


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
