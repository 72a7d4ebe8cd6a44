"""Ways through a film's poses, along which every pose is one that the dancer nearly takes.

Near and far are meant in standardised latents. Shape letters: N frames of the film, M of them joined, K
waypoints, T poses, D = 128 latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.neighbors import NearestNeighbors

from dancenet.errors import DancenetError
from dancenet.latents import Latents

#: Poses are joined with so many nearest ones; of long films every n-th pose.
JOINED, MOST_JOINED = 12, 20_000
#: A step costs its length to this power: many short steps, between poses that exist, beat one long one.
STEP_POWER = 2.5
#: A way through the film is smoothed over this share of its length; waypoints stay where they are.
SMOOTH_SHARE = 0.04


def way_through(latents: Latents, waypoints: Sequence[np.ndarray], poses: int) -> np.ndarray:
    """A way through waypoints over the film's own poses; `FilmGraph.way` says how.

    Args:
        latents: of the film.
        waypoints, poses: as of `FilmGraph.way`.

    Raises:
        DancenetError: one pose alone.
    """
    return FilmGraph.of(latents).way(waypoints, poses)


def joined_frames(latents: Latents) -> np.ndarray:
    """(M,) the frames of the film that a graph joins."""
    return np.arange(0, len(latents.mean), -(-len(latents.mean) // MOST_JOINED))


def nearest_frames(latents: Latents) -> np.ndarray:
    """(M, `JOINED` or fewer) int32, which of the joined frames lie nearest to each, nearest first.

    What takes long of a graph: seconds for 20,000 frames.
    """
    film = latents.standardise(latents.mean[joined_frames(latents)])
    count = min(JOINED + 1, len(film))
    found = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(film)
    return found.kneighbors(film)[1][:, 1:].astype(np.int32)


@dataclass(frozen=True)
class FilmGraph:
    """The film's poses, each joined with those nearest to it and with the next in time.

    Attributes:
        latents: of the film.
        film: (M, D) the poses, standardised.
        pairs: (E, 2) which are joined, the lower number first, each pair once.
        costs: (E,) of going between them.
    """

    latents: Latents
    film: np.ndarray
    pairs: np.ndarray
    costs: np.ndarray

    @classmethod
    def of(cls, latents: Latents, nearest: np.ndarray | None = None) -> "FilmGraph":
        """The graph of a film.

        Args:
            latents: of the film.
            nearest: what `nearest_frames` gives, where it is known already.
        """
        nearest = nearest_frames(latents) if nearest is None else nearest
        frames = joined_frames(latents)
        film = latents.standardise(latents.mean[frames]).astype("float32")
        near = np.stack([np.repeat(np.arange(len(film)), nearest.shape[1]), nearest.ravel()], axis=1)
        # the ends of clips are joined too, at the price of the jump, so that there is always a way
        chain = np.stack([np.arange(len(film) - 1), np.arange(1, len(film))], axis=1)
        pairs = _once(np.concatenate([near, chain]), len(film))
        return cls(latents, film, pairs, _costs(film, pairs))

    def way(self, waypoints: Sequence[np.ndarray], poses: int) -> np.ndarray:
        """A way through waypoints along which every pose is one that the dancer nearly takes.

        The shortest path over the graph; short steps are favoured (`STEP_POWER`), so that it keeps to where
        the film has poses. It is then smoothed, and gone along at a constant speed.

        Args:
            waypoints: each a pose (D,), or a path (T, D), which is gone along as it is.
            poses: how many to return.

        Returns:
            (poses, D) float32, from the first waypoint to the last, through all.

        Raises:
            DancenetError: one pose alone.
        """
        parts = [self.latents.standardise(np.atleast_2d(waypoint)) for waypoint in waypoints]
        if sum(map(len, parts)) < 2:
            raise DancenetError(
                f"{len(parts)} waypoint{'s' * (len(parts) != 1)}", "two or more poses to go through",
                "name them as CLIP:SECOND or pose files",
            )  # fmt: skip
        from scipy.sparse.csgraph import dijkstra

        points, graph = self._with(np.concatenate([part[[0, -1]] for part in parts]))
        first, lines = len(self.film), []
        for number, part in enumerate(parts):
            lines += [part] if len(part) > 1 else []
            if number + 1 == len(parts):
                break
            start, stop = first + 2 * number + 1, first + 2 * number + 2
            before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)[1]
            nodes = [stop]
            while nodes[-1] != start:
                nodes.append(int(before[nodes[-1]]))
            lines.append(_calmed(points[nodes[::-1]]))
        line = np.concatenate([lines[0], *(part[1:] for part in lines[1:])])
        return self.latents.restore(_spaced(line, poses)).astype("float32")

    def _with(self, ends: np.ndarray):
        """Poses of the film, then ends of waypoints (2K, D), and the costs of going between all of them."""
        from scipy.sparse import coo_matrix

        count = len(self.film)
        points = np.concatenate([self.film, ends])
        away = ((self.film**2).sum(axis=1) - 2 * ends @ self.film.T).astype("float32")
        joined = min(JOINED, count)
        nearest = np.argpartition(away, joined - 1, axis=1)[:, :joined]
        near = np.stack([nearest.ravel(), np.repeat(np.arange(len(ends)) + count, joined)], axis=1)
        # one waypoint after another can be reached at the price of the jump
        chain = np.stack([np.arange(len(ends) - 1), np.arange(1, len(ends))], axis=1) + count
        new = np.concatenate([near, chain])
        rows, columns = np.concatenate([self.pairs, new]).T
        costs = np.concatenate([self.costs, _costs(points, new)])
        return points, coo_matrix((costs, (rows, columns)), shape=(len(points), len(points))).tocsr()


def _once(pairs: np.ndarray, count: int) -> np.ndarray:
    """Pairs (E, 2) of numbers below `count` with the lower first, each once; none of one with itself."""
    pairs = np.sort(pairs.astype(np.int64), axis=1)
    keys = np.unique(pairs[:, 0] * count + pairs[:, 1])
    found = np.stack([keys // count, keys % count], axis=1)
    return found[found[:, 0] != found[:, 1]]


def _costs(points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(E,) costs of steps between pairs (E, 2) of points."""
    lengths = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return np.maximum(lengths, 1e-6) ** STEP_POWER


def _calmed(nodes: np.ndarray) -> np.ndarray:
    """A line of points (M, D) smoothed; its ends stay where they are."""
    fine = _spaced(nodes, 64)
    # mirrored through its ends, so that smoothing leaves them where they are
    reach = len(fine) - 1
    ahead, behind = 2 * fine[0] - fine[reach:0:-1], 2 * fine[-1] - fine[-2 : -reach - 2 : -1]
    calm = gaussian_filter1d(np.concatenate([ahead, fine, behind]), SMOOTH_SHARE * len(fine), axis=0)
    return calm[reach : reach + len(fine)]


def _spaced(line: np.ndarray, count: int) -> np.ndarray:
    """`count` points at equal distances along a line of points (M, D)."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = np.linspace(0, lengths[-1], count)
    early = np.clip(np.searchsorted(lengths, at, side="right") - 1, 0, len(line) - 2)
    part = (at - lengths[early]) / np.maximum(lengths[early + 1] - lengths[early], 1e-9)
    return line[early] + np.clip(part, 0, 1)[:, None] * (line[early + 1] - line[early])
