"""Hard cuts: where one picture is followed by one that the motion around it does not explain."""

from collections import deque

import cv2
import numpy as np
from scipy.ndimage import maximum_filter1d

#: Width and height of the thumbnails that neighbouring frames are compared in.
THUMB = (48, 32)
#: A cut changes a thumbnail by at least so much (mean absolute difference, of 255) ...
FLOOR = 2.0
#: ... and so many times as much as its neighbours change, the strongest left out (it may be a cut too).
RATIO = 2.2
#: After a flash or a glitch the picture comes back; after a cut all pairs of frames across it stay so far
#: apart, as a part of the change at the cut.
LASTING = 0.7
#: Change of a thumbnail that compression alone makes of a repeated frame.
TRACES = 0.04
#: Frames on either side that count as neighbours, and change that is taken for noise.
REACH, NOISE = 8, 0.3
#: A cut leaves at least so many frames before and after it; a single odd first frame is none.
SHORTEST = 4


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 to (32, 48, 3) uint8."""
    return cv2.resize(frame, THUMB, interpolation=cv2.INTER_AREA)


class CutFinder:
    """Finds hard cuts in a stream of frames at their own rate; memory is two numbers per frame.

    Motion, however fast, changes a picture about as much in one frame as in the next: a cut stands out
    from its neighbours. A flash stands out too, but the picture is back a few frames later. Two takes by
    one camera joined while the dancer moves fast may pass as motion.
    """

    def __init__(self) -> None:
        self._thumbs: deque[np.ndarray] = deque(maxlen=2 * SHORTEST)
        self._changes: list[float] = []
        self._nearest: list[float] = []

    def add(self, frame: np.ndarray) -> None:
        """Look at the next frame, (H, W, 3) uint8."""
        thumb = thumbnail(frame)
        if self._thumbs:
            self._changes.append(_change(self._thumbs[-1], thumb))
        self._thumbs.append(thumb)
        if len(self._thumbs) == 2 * SHORTEST:
            self._nearest.append(self._nearest_across())

    def _nearest_across(self) -> float:
        """How near any of the last frames is to any before it, across the middle of the kept ones."""
        thumbs = list(self._thumbs)
        before, after = thumbs[:SHORTEST], thumbs[SHORTEST:]
        if _change(before[-1], after[0]) < FLOOR:
            return 0.0
        return min(_change(one, other) for one in before for other in after)

    def cuts(self) -> list[int]:
        """Numbers (0-based) of the frames that begin a new clip, without the first frame."""
        changes = np.array(self._changes)  # changes[i] leads from frame i to frame i + 1
        found = []
        for index in np.flatnonzero(changes >= FLOOR):
            if not SHORTEST - 1 <= index <= len(changes) - SHORTEST:
                continue
            before, after = changes[max(0, index - REACH) : index], changes[index + 1 : index + 1 + REACH]
            usual = max(np.sort(np.concatenate([before, after]))[-2], NOISE)
            lasting = self._nearest[index - SHORTEST + 1] > LASTING * changes[index]
            if changes[index] >= RATIO * usual and lasting:
                found.append(int(index) + 1)
        return found

    def repeats(self) -> int:
        """Frames that repeat the one before in the midst of motion, but for traces of compression.

        So a film looks that was encoded again at a higher rate.
        """
        changes = np.array(self._changes)
        if len(changes) < 5:
            return 0
        around = maximum_filter1d(changes, 5, mode="nearest")
        return int(((changes <= TRACES) & (around >= 10 * TRACES)).sum())


def _change(one: np.ndarray, other: np.ndarray) -> float:
    return float(cv2.absdiff(one, other).mean())
