"""What a dance is like around a moment: numbers in which the same move, danced again, looks the same.

Poses alone tell moves badly: every move passes through the same stance. So a moment is described by a window
around it: the mean pose, how far poses stray from it, and how fast they move, each along the main ways in
which poses differ; and by how smoothly all of it goes. None of these cares about the order within the window,
nor therefore about where in the move the moment lies.
Shape letters: T time steps, D = 128 latent dimensions, P pose components, F = 18 features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA

from dancenet.errors import DancenetError

#: The window is a Gaussian of this standard deviation, seconds: about a beat to either side.
WINDOW_S = 0.5
#: Poses are smoothed over so long before their speed is taken, seconds.
SPEED_S = 0.07
#: Pose components, and features that are kept of their statistics.
POSE_COMPONENTS, FEATURES = 32, 16
#: A stretch shorter than this has no window, seconds.
LEAST_S = 0.5


@dataclass(frozen=True)
class Phrasing:
    """Describes moments; made once from a film (`fit`), it serves for any dance of its latent space.

    Attributes:
        fps: rate of the poses that it takes.
        poses: the main ways in which poses differ.
        scales: of the three groups of statistics, so that each counts alike.
        features: the main ways in which windows differ.
        usual: mean and deviation of `smoothness` over the film, (2, 2).
    """

    fps: float
    poses: PCA
    scales: tuple[float, ...]
    features: PCA
    usual: np.ndarray

    @classmethod
    def fit(cls, stretches: Sequence[np.ndarray], fps: float) -> "Phrasing":
        """Find the main ways in which poses, and windows of them, differ.

        Args:
            stretches: latents (T, D) of uncut film.
            fps: their rate.

        Raises:
            DancenetError: less than a few seconds of film.
        """
        stretches = [part for part in stretches if len(part) >= LEAST_S * fps]
        count = sum(map(len, stretches))
        if count < 4 * FEATURES:
            raise DancenetError(
                f"{count} frames in stretches of {LEAST_S} s or more", f"{4 * FEATURES} or more",
                "film longer: moves have to come again to be found",
            )  # fmt: skip
        poses = PCA(min(POSE_COMPONENTS, count // 4), svd_solver="full").fit(np.concatenate(stretches))
        groups = [_statistics(poses.transform(part), fps) for part in stretches]
        scales = tuple(
            float(np.sqrt(np.concatenate(group).var(axis=0).sum()) + 1e-9)
            for group in zip(*groups, strict=True)
        )
        together = np.concatenate([_scaled(group, scales) for group in groups])
        smooth = np.concatenate([_smoothness(poses.transform(part), fps) for part in stretches])
        return cls(
            fps, poses, scales, PCA(FEATURES, svd_solver="full", whiten=True).fit(together),
            np.stack([smooth.mean(axis=0), smooth.std(axis=0) + 1e-9]),
        )  # fmt: skip

    def __call__(self, latents: np.ndarray) -> np.ndarray:
        """(T, F) of one uncut stretch of latents (T, D) at `fps`; unit variance over the film."""
        poses = self.poses.transform(latents)
        told = self.features.transform(_scaled(_statistics(poses, self.fps), self.scales))
        smooth = (_smoothness(poses, self.fps) - self.usual[0]) / self.usual[1]
        return np.concatenate([told, smooth], axis=1)


def _statistics(poses: np.ndarray, fps: float) -> list[np.ndarray]:
    """Mean, spread and speed around each moment, each (T, P)."""
    mean = _smooth(poses, WINDOW_S * fps)
    spread = np.sqrt(_smooth((poses - mean) ** 2, WINDOW_S * fps) + 1e-6)
    calm = _smooth(poses, SPEED_S * fps)
    speed = np.gradient(calm, axis=0) * fps if len(calm) > 1 else np.zeros_like(calm)
    return [mean, spread, np.sqrt(_smooth(speed**2, WINDOW_S * fps) + 1e-6)]


def _smoothness(poses: np.ndarray, fps: float) -> np.ndarray:
    """(T, 2): logarithms of the mean step around each moment, and of how much steps change against it."""
    steps = np.linalg.norm(np.diff(poses, axis=0, prepend=poses[:1]), axis=1, keepdims=True)
    turns = np.linalg.norm(
        np.diff(poses, 2, axis=0, prepend=poses[:1], append=poses[-1:]), axis=1, keepdims=True
    )
    step, turn = _smooth(steps, WINDOW_S * fps) + 1e-3, _smooth(turns, WINDOW_S * fps) + 1e-3
    return np.log(np.concatenate([step, turn / step], axis=1))


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter1d(values, sigma, axis=0, mode="nearest")


def _scaled(groups: Sequence[np.ndarray], scales: Sequence[float]) -> np.ndarray:
    return np.concatenate([group / scale for group, scale in zip(groups, scales, strict=True)], axis=1)


def at_rate(latents: np.ndarray, fps: float, to_fps: float) -> np.ndarray:
    """Latents (T, D) at another rate, between poses on the straight line."""
    if abs(fps - to_fps) < 1e-6 * to_fps or len(latents) < 2:
        return latents
    times = np.arange(int((len(latents) - 1) / fps * to_fps) + 1) / to_fps * fps
    early = np.minimum(times.astype(int), len(latents) - 2)
    part = (times - early)[:, None]
    return ((1 - part) * latents[early] + part * latents[early + 1]).astype("float32")
