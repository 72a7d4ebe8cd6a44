"""The two baselines that the choreographer must beat: the last pose again, and a linear autoregression.

Shape letters: B batch, T time steps, D = 128 latent dimensions, P past frames.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dancenet.latents import Latents
from dancenet.sequences import AR_ORDER, Span, Stretches, evenly

#: They are fitted to takes of about so many frames: more say the same and take longer.
FITTED_FRAMES = 100_000


def gaussian_nll(residual: np.ndarray, sigma: np.ndarray) -> float:
    """Mean of -log N(residual | 0, diag σ²) per dimension in nats; residual (M, D), sigma (D,)."""
    return float(np.mean(0.5 * (residual / sigma) ** 2 + np.log(sigma) + 0.5 * np.log(2 * np.pi)))


def no_better(figures: dict[str, Any]) -> str:
    """Which baselines a choreographer's likelihood does not beat, in words; empty where it beats them."""
    names = {"copy_last_nll": "the last pose again", "linear_nll": "a linear autoregression"}
    beaten_by = [
        f"{words} ({figures[name]:.3f})"
        for name, words in names.items()
        if name in figures and not figures["nll"] < figures[name]
    ]
    return " and ".join(beaten_by)


def _history(poses: np.ndarray, order: int) -> np.ndarray:
    """(T, P·D + 1): each step's pose, the ones before it (the first repeated), and a one."""
    padded = np.concatenate([np.repeat(poses[:1], order - 1, axis=0), poses])
    columns = [padded[order - 1 - lag : len(padded) - lag] for lag in range(order)]
    return np.concatenate([*columns, np.ones((len(poses), 1))], axis=1)


@dataclass(frozen=True)
class Baselines:
    """What any model of dance must beat, with variances fitted to the training takes.

    Attributes:
        copy_sigma: (D,) of "the next pose is this pose".
        weights: (P·D + 1, D), linear autoregression of order P.
        linear_sigma: (D,) of its residual.
    """

    copy_sigma: np.ndarray
    weights: np.ndarray
    linear_sigma: np.ndarray

    @classmethod
    def fit(cls, latents: Latents, spans: list[Span], *, seed: int = 0, ridge: float = 10.0) -> "Baselines":
        """Fit both to the training takes by least squares (ridge against collinear dimensions)."""
        random = np.random.default_rng(seed)
        count, copied = 0, np.zeros(latents.mean.shape[1])
        width = AR_ORDER * latents.mean.shape[1] + 1
        xx, xy, yy = np.zeros((width, width)), np.zeros((width, len(copied))), np.zeros(len(copied))
        takes = -(-len(spans) * FITTED_FRAMES // max(FITTED_FRAMES, sum(map(len, spans))))
        for span in evenly(spans, takes):
            mean = latents.mean[span.start : span.stop]
            sigma = np.exp(0.5 * latents.log_variance[span.start : span.stop])
            clean = latents.standardise(mean)[:-1]
            drawn = latents.standardise(mean + sigma * random.standard_normal(mean.shape))[1:]
            x = _history(clean, AR_ORDER)
            count, copied = count + len(x), copied + ((drawn - clean) ** 2).sum(axis=0)
            xx, xy, yy = xx + x.T @ x, xy + x.T @ drawn, yy + (drawn**2).sum(axis=0)
        weights = np.linalg.solve(xx + ridge * np.eye(width), xy)
        # |y - x w|², from what was summed up
        residual = yy - 2 * (weights * xy).sum(axis=0) + (weights * (xx @ weights)).sum(axis=0)
        return cls(np.sqrt(copied / count), weights, np.sqrt(residual / count))

    def nll(self, stretches: Stretches) -> dict[str, float]:
        """Nats per dimension of both."""
        contexts, targets, counted, _ = stretches
        linear = np.stack([_history(row, AR_ORDER) @ self.weights for row in contexts])
        return {
            "copy_last_nll": gaussian_nll((targets - contexts)[counted], self.copy_sigma),
            "linear_nll": gaussian_nll((targets - linear)[counted], self.linear_sigma),
        }
