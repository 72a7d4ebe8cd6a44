"""The last minutes of what was danced, to look back at and to keep.

Shape letters: N shown poses, T poses of a stretch, D = 128 latent dimensions.
"""

import numpy as np

from dancenet.errors import DancenetError

#: So much is remembered, seconds.
LASTS_S = 300.0
#: Shorter stretches are no phrase.
LEAST_S = 0.5


class History:
    """Shown poses and when each was; memory does not grow.

    Args:
        fps: about so many are added a second.
        size: D.
    """

    def __init__(self, fps: float, size: int):
        count = round(LASTS_S * fps)
        self._poses = np.zeros((count, size), "float32")
        self._times_s = np.zeros(count)
        self._next = self._count = 0

    def add(self, time_s: float, pose: np.ndarray) -> None:
        """A pose (D,) shown at a time, later than the one before."""
        self._poses[self._next], self._times_s[self._next] = pose, time_s
        self._next = (self._next + 1) % len(self._poses)
        self._count = min(self._count + 1, len(self._poses))

    def _order(self) -> np.ndarray:
        return (self._next - self._count + np.arange(self._count)) % len(self._poses)

    @property
    def length_s(self) -> float:
        """How far back it reaches."""
        if not self._count:
            return 0.0
        order = self._order()
        return float(self._times_s[order[-1]] - self._times_s[order[0]])

    def at(self, ago_s: np.ndarray) -> np.ndarray:
        """(T, D) what was shown so many seconds ago (T,); beyond the ends what is there.

        Raises:
            DancenetError: nothing was shown yet.
        """
        if not self._count:
            raise DancenetError("nothing was danced yet", "a dance to look back at", "let it dance first")
        order = self._order()
        times_s = self._times_s[order]
        place = np.interp(times_s[-1] - np.asarray(ago_s), times_s, np.arange(len(order)))
        before = np.floor(place).astype(int)
        after = np.minimum(before + 1, len(order) - 1)
        share = (place - before)[:, None]
        return ((1 - share) * self._poses[order[before]] + share * self._poses[order[after]]).astype(
            "float32"
        )

    def stretch(self, from_ago_s: float, to_ago_s: float, fps: float) -> np.ndarray:
        """(T, D) what was shown from so many seconds ago to so many, evenly at `fps`.

        Raises:
            DancenetError: it ends before it begins, is too short, or longer ago than is remembered.
        """
        if from_ago_s > self.length_s + 1 / fps:
            raise DancenetError(
                f"{from_ago_s:.1f} s ago", f"the last {self.length_s:.1f} s, which are remembered"
            )
        if from_ago_s - to_ago_s < LEAST_S:
            raise DancenetError(
                f"a stretch from {from_ago_s:.1f} to {to_ago_s:.1f} s ago", f"{LEAST_S:g} s or more"
            )
        count = round((from_ago_s - to_ago_s) * fps) + 1
        return self.at(np.linspace(from_ago_s, to_ago_s, count))
