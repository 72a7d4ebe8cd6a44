"""The space in which dances are measured: small grey pictures on their principal components.

Every frame, real or made, goes the same way: grey, a common rate, fitted into 104×60, then projected
on the first 96 principal components of the training frames. Distances are then distances between
poses (of values in [0, 1], not whitened), blind to noise and grain of single pixels.
"""

import math
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from dancenet.errors import DancenetError

#: The rate at which dances are measured, frames per second.
MEASURED_FPS = 15.0

#: Size of the small grey pictures, pixels.
WIDTH, HEIGHT = 104, 60

#: Number of principal components kept.
COMPONENTS = 96

#: The components come from at most so many frames, spread evenly (400 MB of float32 pictures).
_MOST_FITTED = 16_000


def at_rate(frames: Iterable[np.ndarray], fps: float, to_fps: float) -> Iterator[np.ndarray]:
    """Keep the frames nearest to the ticks of a lower rate.

    Frames are picked, never blended: a blend of two poses is a pose that nobody danced.

    Args:
        frames: frames in time order at `fps`; any iterable, read once.
        fps: their rate.
        to_fps: the rate wanted, not above `fps`.

    Raises:
        DancenetError: `fps` is below `to_fps`; repeated frames would be counted as freezes.
    """
    if fps < to_fps * 0.999:
        raise DancenetError(
            f"frames at {fps:g} per second", f"{to_fps:g} or more to be measured at {to_fps:g}",
            "make the video at a higher rate",
        )  # fmt: skip
    tick = 0
    for index, frame in enumerate(frames):
        # Half up, so that neighbouring ticks never pick the same frame.
        if index >= math.floor(tick * fps / to_fps + 0.5):
            yield frame
            tick += 1


def small_grey(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Grey pictures fitted into 104×60, letterboxed in the clip's own background colour.

    Args:
        frames: (H, W, C) uint8 each, of one clip and one size, C is 1 or 3 (RGB).

    Returns:
        (N, 60, 104) uint8. The colour of the bars is the median of the picture's edge over all frames.
    """
    if isinstance(frames, np.ndarray) and (fitted := _shrunk_at_once(frames)) is not None:
        return fitted
    pictures: list[np.ndarray] = []
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.shape[-1] == 3 else frame[..., 0]
        scale = min(WIDTH / grey.shape[1], HEIGHT / grey.shape[0])
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pictures.append(cv2.resize(np.ascontiguousarray(grey), size, interpolation=how))
    if not pictures:
        return np.empty((0, HEIGHT, WIDTH), np.uint8)
    fitted = np.stack(pictures)
    height, width = fitted.shape[1:]
    edge = np.concatenate(
        [fitted[:, 0].ravel(), fitted[:, -1].ravel(), fitted[:, :, 0].ravel(), fitted[:, :, -1].ravel()]
    )
    canvas = np.full((len(fitted), HEIGHT, WIDTH), round(float(np.median(edge))), np.uint8)
    top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2
    canvas[:, top : top + height, left : left + width] = fitted
    return canvas


def _shrunk_at_once(frames: np.ndarray) -> np.ndarray | None:
    """The same of grey frames some whole times as large, one under the other: a sixth of the time."""
    _, height, width, channels = frames.shape
    times = height // HEIGHT
    if channels != 1 or not times or (height, width) != (times * HEIGHT, times * WIDTH):
        return None
    column = np.ascontiguousarray(frames).reshape(-1, width)
    small = cv2.resize(column, (WIDTH, len(frames) * HEIGHT), interpolation=cv2.INTER_AREA)
    return small.reshape(-1, HEIGHT, WIDTH)


class PoseSpace:
    """Principal components of the training frames.

    Args:
        training: (N, 60, 104) uint8 from `small_grey`, N at least 2.
        components: how many to keep; fewer where there are fewer frames.
        seed: of the randomised solver, so that the same frames give the same space.

    Raises:
        DancenetError: fewer than two training frames.
    """

    def __init__(self, training: np.ndarray, *, components: int = COMPONENTS, seed: int = 0):
        from sklearn.decomposition import PCA  # takes a second, and dances need none

        if len(training) < 2:
            raise DancenetError(
                f"{len(training)} training frames to measure against", "at least 2",
                "name more training video",
            )  # fmt: skip
        chosen = np.linspace(0, len(training) - 1, min(len(training), _MOST_FITTED)).round().astype(int)
        self._pca = PCA(
            n_components=min(components, len(chosen) - 1), svd_solver="randomized", random_state=seed
        ).fit(_flat(training[chosen]))

    @property
    def explained(self) -> float:
        """Share of the training pictures' variance that the kept components hold, in [0, 1]."""
        return float(self._pca.explained_variance_ratio_.sum())

    def project(self, pictures: np.ndarray) -> np.ndarray:
        """(N, 60, 104) uint8 to (N, 96) float32 points."""
        blocks = [
            self._pca.transform(_flat(pictures[first : first + 2048]))
            for first in range(0, len(pictures), 2048)
        ]
        if not blocks:
            return np.empty((0, self._pca.n_components_), np.float32)
        return np.concatenate(blocks).astype(np.float32)


def _flat(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255
