"""Joints, planted feet and moves of the built-in dancer, read from pictures.

What a picture shows is what the nearest reference pictures show, whose truth is known: k-nearest-neighbour
regression (Fix & Hodges 1951; Cover & Hart 1967). A ghost between two poses lies near both and is read as
their mean, with limbs too short. Shape letters: N frames, J joints, K neighbours, D dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

#: Neighbours that a pose is read from, and those that vote on moves and on standing feet.
POSE_NEIGHBOURS, MOVE_NEIGHBOURS = 4, 9
#: Moves and standing feet are read from frames at these times around, seconds.
MOVE_S = (-0.5, -0.25, 0.0, 0.25, 0.5)


@dataclass(frozen=True)
class Take:
    """A take of the built-in dancer of which everything is known.

    Attributes:
        points: (N, D) of its pictures.
        joints_m: (N, J, 3) metres; x and z from the pelvis, whose place a following window does not show.
        planted: (N, 2) bool, the left and the right foot.
        moves: (N,) number of the move.
    """

    points: np.ndarray
    joints_m: np.ndarray
    planted: np.ndarray
    moves: np.ndarray


@dataclass(frozen=True)
class Ways:
    """What frames are part of; whether a foot stands shows in movement, not in a pose.

    Attributes:
        moves: (n,) number of the move that most neighbours dance.
        votes: (n,) their share, in [0, 1].
        planted: (n, 2) bool, whether the left and the right foot stand for most of them.
    """

    moves: np.ndarray
    votes: np.ndarray
    planted: np.ndarray


class Reader:
    """Reads poses and moves.

    Args:
        takes: the reference.
        fps: rate of everything.
    """

    def __init__(self, takes: Sequence[Take], fps: float):
        self._offsets = [round(offset * fps) for offset in MOVE_S]
        self._joints = np.concatenate([take.joints_m for take in takes])
        points = np.concatenate([take.points for take in takes])
        self._poses = NearestNeighbors(n_neighbors=min(POSE_NEIGHBOURS, len(points)), algorithm="brute").fit(
            points
        )
        windows = np.concatenate([self._windows(take.points) for take in takes])
        inner = [self.inner(len(take.moves)) for take in takes]
        self._moves = np.concatenate([take.moves[part] for take, part in zip(takes, inner, strict=True)])
        self._planted = np.concatenate([take.planted[part] for take, part in zip(takes, inner, strict=True)])
        self._ways = NearestNeighbors(n_neighbors=min(MOVE_NEIGHBOURS, len(windows)), algorithm="brute").fit(
            windows
        )

    def poses(self, points: np.ndarray) -> np.ndarray:
        """(N, J, 3) joints in metres as in `Take`."""
        distances, nearest = self._poses.kneighbors(points)
        weights = 1 / (distances**2 + 1e-6)
        weights /= weights.sum(axis=1, keepdims=True)
        return np.einsum("nk,nkjc->njc", weights, self._joints[nearest])

    def ways(self, points: np.ndarray) -> Ways:
        """What every frame that has half a second before and after it (`inner`) is part of."""
        windows = self._windows(points)
        if not len(windows):
            return Ways(np.empty(0, int), np.empty(0), np.empty((0, 2), bool))
        nearest = self._ways.kneighbors(windows)[1]
        votes = self._moves[nearest]
        counts = np.stack([(votes == move).mean(axis=1) for move in range(self._moves.max() + 1)], axis=1)
        return Ways(counts.argmax(axis=1), counts.max(axis=1), self._planted[nearest].mean(axis=1) > 0.5)

    def inner(self, count: int) -> slice:
        """Which of `count` frames of a segment `ways` tells."""
        return slice(-self._offsets[0], max(-self._offsets[0], count - self._offsets[-1]))

    def _windows(self, points: np.ndarray) -> np.ndarray:
        """(n, 5 · D): each frame of `inner` with those around it."""
        here = np.arange(len(points))[self.inner(len(points))]
        return np.concatenate([points[here + offset] for offset in self._offsets], axis=1)
