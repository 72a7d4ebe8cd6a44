"""The dancer told from the background: masks, silhouettes, and a window that follows the dancer.

Everything works on frames of one clip, taken by one camera that stands still.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import maximum_filter, minimum_filter

from dancenet.footage.background import clean_background, difference, sample

#: Learning rate at which the KNN model no longer takes the dancer for background (0 means "at once").
STILL = 1e-6

#: Part of the frames with two figures from which on a clip counts as showing several people.
CROWD = 0.1

#: Parts of a mask under this share of its largest are specks; and where what is behind the dancer is not
#: quite still, and its edges show.
SPECK, EDGE = 1 / 50, 1 / 8

#: Room left between the dancer and the window's edge, as a part of the window's height.
MARGIN = 0.03


class Foreground:
    """Finds the dancer in the frames of one clip.

    Args:
        frames: (T, H, W, 3) uint8, the clip.
        method: "median" compares with the temporal median; "knn" is OpenCV's KNN background model, which
            knows shadows.
        slack: pixels by which what is behind the dancer may lie elsewhere: a film that has been held still
            is so only nearly.
    """

    def __init__(self, frames: np.ndarray, method: Literal["median", "knn"] = "median", slack: int = 0):
        self.background = clean_background(frames)
        self._least = EDGE if slack else SPECK
        self._range, taken = None, sample(frames)
        if slack:
            around = np.ones((2 * slack + 1, 2 * slack + 1), np.uint8)
            self._range = cv2.erode(self.background, around), cv2.dilate(self.background, around)
            taken = np.stack([self._nearest(frame) for frame in taken])
        self.threshold = _threshold([difference(frame, self.background) for frame in taken])
        self._model = self._learned(taken) if method == "knn" else None

    def _learned(self, frames: np.ndarray) -> cv2.BackgroundSubtractorKNN:
        """OpenCV's model of what is behind the dancer, who is painted over in what it learns from."""
        model = cv2.createBackgroundSubtractorKNN(
            history=len(frames), dist2Threshold=float(self.threshold) ** 2, detectShadows=True
        )
        for frame in frames:
            apart = (difference(frame, self.background) > self.threshold).astype(np.uint8)
            apart = cv2.dilate(apart, np.ones((7, 7), np.uint8)).astype(bool)
            model.apply(np.where(apart[..., None], self.background, frame), learningRate=0.2)
        return model

    def _nearest(self, frame: np.ndarray) -> np.ndarray:
        """The frame (H, W, 3) as different from the background as it is from what lies within the slack."""
        if self._range is None:
            return frame
        low, high = self._range
        return cv2.add(cv2.subtract(self.background, cv2.subtract(low, frame)), cv2.subtract(frame, high))

    def mask(self, frame: np.ndarray) -> np.ndarray:
        """(H, W) bool: where the dancer is in one (H, W, 3) uint8 frame."""
        frame = self._nearest(frame)
        if self._model is not None:
            mask = (self._model.apply(frame, learningRate=STILL) == 255).astype(np.uint8)
        else:
            mask = (difference(frame, self.background) > self.threshold).astype(np.uint8)
        return _without_specks(mask, self._least)


def _threshold(differences: list[np.ndarray]) -> int:
    """A quarter of how much a dancer stands out, so that soft shadows and noise stay below; 16 to 64."""
    strong = [np.percentile(picture[picture > 12], 90) for picture in differences if (picture > 12).any()]
    return int(np.clip(0.25 * np.median(strong), 16, 64)) if strong else 16


def _without_specks(mask: np.ndarray, least: float) -> np.ndarray:
    """Close gaps between limbs and trunk and drop parts under that share of the largest."""
    size = max(3, round(min(mask.shape) / 60) | 1)
    closed = cv2.morphologyEx(
        mask, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    if count <= 1:
        return closed.astype(bool)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    keep = areas >= max(least * areas.max(), 4)
    return keep[labels]


def boxes(foreground: Foreground, frames: np.ndarray) -> np.ndarray:
    """The dancer's box in every frame: (T, 4) float left, top, right, bottom in pixels; NaN where none is."""
    found = np.full((len(frames), 4), np.nan)
    for index, frame in enumerate(frames):
        mask = foreground.mask(frame)
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if len(columns):
            found[index] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return found


@dataclass(frozen=True)
class Window:
    """A crop window of one size whose centre moves: all in parts of the source picture's width and height.

    Attributes:
        width, height: of the window.
        centres: (T, 2) float x, y of its centre in every frame.
        dancer_height: median height of the dancer as a part of the window's.
    """

    width: float
    height: float
    centres: np.ndarray
    dancer_height: float

    def summary(self) -> dict[str, Any]:
        """The window in JSON form, with the middle of its path."""
        return {
            "width": self.width,
            "height": self.height,
            "dancer_height": self.dancer_height,
            "centre": np.median(self.centres, 0).tolist(),
        }


def follow_window(found: np.ndarray, size: tuple[int, int], aspect: float, fps: float) -> Window:
    """The smallest window of one size that holds the dancer throughout, its centre smoothed over time.

    Args:
        found: (T, 4) boxes from `boxes`.
        size: width and height in pixels of the pictures that the boxes were found in.
        aspect: width over height of the window, in pixels.
        fps: frames per second, for the smoothing.

    Returns:
        The window; the whole picture (at the window's aspect) where no dancer was seen.
    """
    width, height = size
    seen = ~np.isnan(found[:, 0])
    if not seen.any():
        tall = max(height, width / aspect)
        centres = np.full((len(found), 2), 0.5)
        return Window(tall * aspect / width, tall / height, centres, 0.0)
    steady = _steady(found, seen)
    low, high = steady[:, :2], steady[:, 2:]
    tall = max((high[:, 1] - low[:, 1]).max(), (high[:, 0] - low[:, 0]).max() / aspect)
    tall *= 1 + 2 * MARGIN
    half = np.array([tall * aspect, tall]) / 2
    border = MARGIN / 2 * tall
    # Not beyond the picture's edge where the window fits into the picture.
    room = np.maximum([width, height] - half, half)
    wanted = np.where(room > half, np.clip((low + high) / 2, half, room), (low + high) / 2)
    centres = _smoothest(wanted, high - half + border, low + half - border, 0.5 * fps)
    dancer = np.median(steady[:, 3] - steady[:, 1]) / tall
    return Window(
        float(tall * aspect / width), float(tall / height), centres / (width, height), float(dancer)
    )


def _smoothest(wanted: np.ndarray, lowest: np.ndarray, highest: np.ndarray, frames: float) -> np.ndarray:
    """The path near `wanted` with the least acceleration that stays between two bounds, all (T, 2).

    Minimises |path - wanted|^2 + frames^4 |path''|^2 under the bounds, by the alternating direction method of
    multipliers (Boyd et al. 2011, section 5.2); each step is one banded solve.

    Args:
        frames: how many frames the smoothing spans.
    """
    count, weight, pull = len(wanted), frames**4, 4.0 * frames**2
    if count < 3:
        return np.clip(wanted, lowest, highest)
    bands = np.zeros((3, count))  # 1 + pull + weight D'D in upper form, D the second difference
    for row, column, product in ((0, 0, 1), (1, 1, 4), (2, 2, 1), (0, 1, -2), (0, 2, 1), (1, 2, -2)):
        bands[2 - (column - row), column : count - 2 + column] += weight * product
    bands[2] += 1 + pull
    path, slack = np.clip(wanted, lowest, highest), np.zeros_like(wanted)
    for _ in range(300):
        smooth = solveh_banded(bands, wanted + pull * (path - slack))
        path = np.clip(smooth + slack, lowest, highest)
        slack += smooth - path
    return path


def _steady(found: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Boxes (T, 4) without gaps, and without what juts far out for a single frame (noise, an insect)."""
    times = np.arange(len(found))
    filled = np.stack([np.interp(times, times[seen], found[seen, edge]) for edge in range(4)], 1)
    slack = 0.25 * np.median(filled[:, 3] - filled[:, 1])
    footprint = np.array([[1], [1], [0], [1], [1]], bool)
    low = minimum_filter(filled[:, :2], footprint=footprint, mode="nearest") - slack
    high = maximum_filter(filled[:, 2:], footprint=footprint, mode="nearest") + slack
    return np.hstack([np.maximum(filled[:, :2], low), np.minimum(filled[:, 2:], high)])


def silhouette(mask: np.ndarray) -> np.ndarray:
    """A mask (H, W) bool as a picture: (H, W, 3) uint8, black dancer on white."""
    return np.repeat(np.where(mask, 0, 255).astype(np.uint8)[..., None], 3, -1)


def several_people(foreground: Foreground, frames: np.ndarray) -> float:
    """How often a second figure of comparable size stands beside the first.

    Args:
        foreground: made from the clip.
        frames: (T, H, W, 3) uint8, the clip; at most `background.SAMPLE` of them are looked at.

    Returns:
        The part of those frames, 0 to 1. Above `CROWD` it is worth a warning.
    """
    taken = sample(frames)
    return sum(_side_by_side(foreground.mask(frame)) for frame in taken) / len(taken)


def _side_by_side(mask: np.ndarray) -> bool:
    """Whether two figures stand apart in a mask: alike in area and height, one beside the other."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 3:
        return False
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:2] + 1
    (left, _, width, height, area), (left2, _, width2, height2, area2) = stats[order]
    overlap = min(left + width, left2 + width2) - max(left, left2)
    large = area2 >= max(0.4 * area, 0.003 * mask.size)
    return bool(large and height2 >= 0.5 * height and overlap <= 0.3 * min(width, width2))
