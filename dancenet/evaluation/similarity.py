"""Structural similarity and silhouette overlap of made and real pictures."""

import cv2
import numpy as np

from dancenet.evaluation.reconstruction import FOREGROUND_THRESHOLD

#: Constants and window of Wang et al. (2004), section III-C, for values in [0, 1].
K1, K2, SIGMA, WINDOW = 0.01, 0.03, 1.5, (11, 11)


def ssim(real: np.ndarray, made: np.ndarray) -> float:
    """Mean structural similarity of two grey pictures (Wang et al. 2004, eq. 13), -1 to 1.

    Args:
        real, made: (H, W) float32 in [0, 1].
    """

    def blurred(picture: np.ndarray) -> np.ndarray:
        """Its Gaussian weighted mean around each pixel."""
        return cv2.GaussianBlur(picture, WINDOW, SIGMA)

    one, two = blurred(real), blurred(made)
    variances = blurred(real * real) - one * one + blurred(made * made) - two * two
    covariance = blurred(real * made) - one * two
    c1, c2 = K1**2, K2**2
    similar = (2 * one * two + c1) * (2 * covariance + c2)
    return float(np.mean(similar / ((one * one + two * two + c1) * (variances + c2))))


def silhouette_overlap(real: np.ndarray, made: np.ndarray, background: np.ndarray) -> tuple[int, int]:
    """Pixels in both silhouettes, and in either: intersection over union is their ratio over all frames.

    A silhouette is where a picture differs from the background by more than 0.06 in any channel.

    Args:
        real, made, background: (H, W, C) uint8; the clip's temporal median.
    """
    limit = round(FOREGROUND_THRESHOLD * 255)
    wall = background.astype(np.int16)
    one, two = ((np.abs(picture.astype(np.int16) - wall) > limit).any(axis=-1) for picture in (real, made))
    return int((one & two).sum()), int((one | two).sum())


def grey(picture: np.ndarray) -> np.ndarray:
    """(H, W, C) uint8 → (H, W) float32 in [0, 1]."""
    flat = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.shape[-1] == 3 else picture[..., 0]
    return flat.astype(np.float32) / 255
