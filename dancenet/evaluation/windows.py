"""Fréchet distance of short windows of movement to those of the training takes.

Heusel et al. (2017), eq. 6, on half-second windows of picture features in place of Inception's: features
that no model of ours has made, so that a collapsed VAE cannot flatter itself.
Shape letters: M windows, D dimensions.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA

#: Length of a window, seconds.
WINDOW_S = 0.5
#: Principal components of windows that are kept: their covariance can be told from a minute of dance.
COMPONENTS = 32


def frechet_distance(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> float:
    """|m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁C₂)^½) of two Gaussians, means (D,), covariances (D, D)."""
    # the trace of a root is the sum of the roots of the eigenvalues, real and positive but for rounding
    roots = np.sqrt(np.clip(np.linalg.eigvals(covariance @ other_covariance).real, 0, None))
    gap = float(np.sum(np.square(mean - other_mean)))
    return max(0.0, gap + float(np.trace(covariance) + np.trace(other_covariance) - 2 * roots.sum()))


class WindowSpace:
    """Windows of the training takes, as one Gaussian.

    Args:
        clips: per training take (N, D) points at `fps`.
        fps: their rate.
        seed: of the randomised principal components.
    """

    def __init__(self, clips: Sequence[np.ndarray], fps: float, *, seed: int = 0):
        self.length = max(2, round(WINDOW_S * fps))
        windows = self._windows(clips)
        kept = max(1, min(COMPONENTS, *(size - 1 for size in windows.shape)))
        self._pca = PCA(n_components=kept, svd_solver="randomized", random_state=seed).fit(windows)
        self._moments = _moments(self._pca.transform(windows))

    def _windows(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """(M, length · D): every window that lies inside one segment."""
        long = [clip for clip in clips if len(clip) >= self.length]
        if not long:
            return np.empty((0, self.length * clips[0].shape[1]), np.float32)
        return np.concatenate([
            np.stack([clip[first : first + self.length].ravel()
                      for first in range(len(clip) - self.length + 1)])
            for clip in long
        ])  # fmt: skip

    def distance(self, stretch: Sequence[np.ndarray]) -> float:
        """Fréchet distance of a stretch's windows to the training windows; `nan` with fewer than two."""
        windows = self._windows(stretch)
        if len(windows) < 2:
            return float("nan")
        return frechet_distance(*_moments(self._pca.transform(windows)), *self._moments)


def _moments(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points.mean(axis=0), np.atleast_2d(np.cov(points, rowvar=False))
