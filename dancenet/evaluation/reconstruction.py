"""How well decoded pictures hold the real ones: foreground PSNR, plain PSNR and sharpness.

Plain PSNR mostly measures the wall behind the dancer: a still background alone scores well. The figure
to trust is the *foreground* PSNR, which counts only the pixels where there is something to draw.
Sharpness stands beside it, since the mean of all plausible pictures, a blur, wins on squared error.
"""

import math
from collections.abc import Iterable
from itertools import zip_longest

import cv2
import numpy as np

from dancenet.errors import DancenetError

#: A pixel counts as foreground where any channel differs from the background by more, in [0, 1].
FOREGROUND_THRESHOLD = 0.06

#: Where a finite number is needed: equal pictures have an infinite PSNR.
BEST_PSNR_DB = 100.0

#: Bytes of pixels worked on at once, so that memory stays flat whatever the clip's length.
_BLOCK_BYTES = 16_000_000


def temporal_median(frames: np.ndarray) -> np.ndarray:
    """The median over time of every pixel and channel: the clip's background.

    Args:
        frames: (N, H, W, C) uint8, N at least 1; a memory map will do.

    Returns:
        (H, W, C) float32 in [0, 255]; halves occur where N is even.
    """
    count, height, width, channels = frames.shape
    median = np.empty((height, width, channels), np.float32)
    rows = max(1, _BLOCK_BYTES // (count * width * channels))
    for top in range(0, height, rows):
        median[top : top + rows] = np.median(frames[:, top : top + rows], axis=0)
    return median


class PictureError:
    """Collects the error of made against real pictures, clip by clip or batch by batch.

    Args:
        threshold: how far from the background, in [0, 1], a pixel counts as foreground.
    """

    def __init__(self, threshold: float = FOREGROUND_THRESHOLD):
        self.threshold = threshold
        self._squares = self._values = 0.0  # all pixels
        self._fore_squares = self._fore_values = 0.0  # counted pixels, all their channels
        self._made_gradient = self._real_gradient = 0.0
        self._made_half = self._real_half = 0.0

    def add(self, real: np.ndarray, made: np.ndarray, background: np.ndarray) -> None:
        """Count some frames of one clip.

        Args:
            real, made: (N, H, W, C) uint8, C is 1 or 3.
            background: (H, W, C) in [0, 255], uint8 or float: the temporal median of the *whole* real
                clip (`temporal_median`), also when only a part of its frames is added at a time.

        Raises:
            ValueError: shapes or types do not fit each other.
        """
        if real.shape != made.shape or real.ndim != 4 or background.shape != real.shape[1:]:
            raise ValueError(f"real {real.shape}, made {made.shape} and background {background.shape} differ")
        if real.dtype != np.uint8 or made.dtype != np.uint8:
            raise ValueError(f"frames are {real.dtype} and {made.dtype}, expected uint8")
        background = background.astype(np.float32) / 255
        block = max(1, _BLOCK_BYTES // (4 * max(1, background.size)))
        for first in range(0, len(real), block):
            part = slice(first, first + block)
            self._add_block(
                real[part].astype(np.float32) / 255, made[part].astype(np.float32) / 255, background
            )

    def _add_block(self, real: np.ndarray, made: np.ndarray, background: np.ndarray) -> None:
        squares = np.square(made - real)
        counted = (np.abs(real - background) > self.threshold).any(axis=-1)  # (N, H, W)
        self._squares += float(squares.sum(dtype=np.float64))
        self._values += squares.size
        self._fore_squares += float(squares[counted].sum(dtype=np.float64))
        self._fore_values += float(counted.sum()) * real.shape[-1]
        self._made_gradient += gradient_energy(made)
        self._real_gradient += gradient_energy(real)
        self._made_half += gradient_energy(halved(made))
        self._real_half += gradient_energy(halved(real))

    @property
    def foreground_psnr(self) -> float:
        """Foreground PSNR in dB (peak 1), `inf` for equal pictures. Catches what plain PSNR hides.

        Raises:
            DancenetError: no pixel ever left the background.
        """
        if not self._fore_values:
            raise DancenetError(
                "nothing moves in these pictures",
                f"pixels that differ from the clip's temporal median by more than {self.threshold}",
                "measure on a video in which somebody moves",
            )
        return psnr(self._fore_squares / self._fore_values)

    @property
    def plain_psnr(self) -> float:
        """PSNR over all pixels in dB (peak 1): the usual figure, flattered by a still wall.

        Raises:
            DancenetError: no frame was added.
        """
        if not self._values:
            raise DancenetError("no frames to measure", "at least one frame")
        return psnr(self._squares / self._values)

    @property
    def foreground_share(self) -> float:
        """Share of the pixels that counted as foreground, in [0, 1]: how much picture the figure is about."""
        return self._fore_values / self._values if self._values else 0.0

    @property
    def sharpness(self) -> float:
        """Gradient energy, made over real: 1 is as sharp as real, less is blur, more is noise or ringing.

        `nan` where the real pictures have no gradient at all.
        """
        return self._made_gradient / self._real_gradient if self._real_gradient else math.nan

    @property
    def half_sharpness(self) -> float:
        """`sharpness` of pictures at half size, where noise of single pixels counts for less."""
        return self._made_half / self._real_half if self._real_half else math.nan


def psnr(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error of values in [0, 1]; `inf` for 0."""
    return math.inf if mean_squared_error <= 0 else -10 * math.log10(mean_squared_error)


def halved(frames: np.ndarray) -> np.ndarray:
    """Frames (N, H, W, C) at half their size, by area: 208 × 120 → 104 × 60."""
    height, width = max(1, frames.shape[1] // 2), max(1, frames.shape[2] // 2)
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
    return np.stack(small).reshape(len(frames), height, width, frames.shape[-1])


def gradient_energy(frames: np.ndarray) -> float:
    """Sum over frames of the mean squared gradient magnitude of the grey picture.

    Args:
        frames: (N, H, W, C) float32 in [0, 1], C is 1 or 3 (RGB).

    Returns:
        The sum over N of mean(dx² + dy²), with dx and dy one-pixel forward differences.
    """
    total = 0.0
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if frame.shape[-1] == 3 else frame[..., 0]
        across, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
        total += float(np.mean(across * across + down * down)) if across.size else 0.0
    return total


def foreground_psnr(clips_real: Iterable[np.ndarray], clips_made: Iterable[np.ndarray]) -> float:
    """Foreground PSNR over several clips, pooled over all their frames.

    For each clip the background is the temporal median frame of the real clip; a pixel counts where any
    channel of the real frame differs from it by more than 0.06 (values in [0, 1]); the mean squared
    error of all channels of all counted pixels of all frames, as dB with peak 1. Pooling is over pixels
    (a clip with more foreground weighs more), not a mean of decibels.

    Args:
        clips_real, clips_made: one (N, H, W, C) uint8 array per clip, in the same order. Both may be
            generators: one clip of each is held at a time.

    Returns:
        dB; `inf` where the pictures are equal.

    Raises:
        ValueError: clips are missing on one side, or shapes differ.
        DancenetError: nothing moves in the real clips.
    """
    return compare(clips_real, clips_made).foreground_psnr


def compare(clips_real: Iterable[np.ndarray], clips_made: Iterable[np.ndarray]) -> PictureError:
    """All figures of this file for several clips; arguments and errors as in `foreground_psnr`."""
    error = PictureError()
    for real, made in zip_longest(clips_real, clips_made):
        if real is None or made is None:
            raise ValueError("there are more real clips than made ones, or more made than real")
        error.add(real, made, temporal_median(real))
    return error
