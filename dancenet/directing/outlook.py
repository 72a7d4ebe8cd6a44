"""The outlook: from a pose, where the body will be in r steps, and how far that may be off.

Linear and Gaussian, fitted to the training takes by ridge regression for each r. Far poses are far in any
measure of latents; how probable it is to be at one in r steps is what steering needs to know.
Shape letters: B particles, T time steps, D = 128 latent dimensions, r steps ahead.
"""

from dataclasses import dataclass

import numpy as np

from dancenet.config import LATENT_SIZE

#: Steps that the outlook looks ahead at most; farther off, a pose to come says nothing yet.
FARTHEST = 48
#: Share of the poses' variance that is added to the outlook's uncertainty: it is never surer than this.
DOUBT = 0.01
#: Examples of a take that count for something at least.
LEAST = 2
#: Ridge of the outlook's regression, per pose.
RIDGE = 0.02


@dataclass(frozen=True)
class Outlook:
    """Where the body will be r steps on, for r = 0 … `FARTHEST`: Gaussian, linear in pose and last step.

    Whitened: the error of the prediction has unit covariance.

    Attributes:
        goal: (r, D, D), what the pose to come is multiplied with.
        pose, step: (r, D, D), what the pose now, and its difference to the last one, are multiplied with.
        constant: (r, D).
    """

    goal: np.ndarray
    pose: np.ndarray
    step: np.ndarray
    constant: np.ndarray

    @classmethod
    def of(cls, stretches: list[np.ndarray]) -> "Outlook":
        """Fitted to stretches (T, D) of standardised poses, by ridge regression for each r."""
        tables = [_at_once(LATENT_SIZE)]
        for ahead in range(1, FARTHEST + 1):
            long = [part for part in stretches if len(part) > ahead + LEAST]
            if not long:  # of short takes only: farther off it is as unsure as at the farthest that was seen
                tables.append(tables[-1])
                continue
            now = np.concatenate([part[1:-ahead] for part in long])
            last = now - np.concatenate([part[: -ahead - 1] for part in long])
            tables.append(_fit(now, last, np.concatenate([part[1 + ahead :] for part in long])))
        return cls(*(np.stack(part).astype("float32") for part in zip(*tables, strict=True)))

    def off(self, pose: np.ndarray, before: np.ndarray, goal: np.ndarray, ahead: int) -> np.ndarray:
        """(B,) squared, whitened distance of `goal` (D,) from what poses (B, D) lead to in `ahead` steps."""
        r = min(ahead, FARTHEST)
        error = (
            goal @ self.goal[r].T
            - pose @ self.pose[r].T
            - (pose - before) @ self.step[r].T
            - self.constant[r]
        )
        return (error**2).sum(axis=-1)


def _at_once(size: int) -> tuple[np.ndarray, ...]:
    """The outlook for the pose itself."""
    sharp = np.eye(size) / DOUBT**0.5
    return sharp, sharp, np.zeros((size, size)), np.zeros(size)


def _fit(now: np.ndarray, last: np.ndarray, then: np.ndarray) -> tuple[np.ndarray, ...]:
    """The outlook for one r from examples (N, D) each.

    Its uncertainty is what either half of the examples leaves unexplained of the other: neighbouring poses
    are alike, and on its own examples a regression looks surer than it is.
    """
    together = np.concatenate([now, last, then], axis=1, dtype=np.float32)
    middle = together.mean(axis=0)
    together -= middle
    halves = np.array_split(together, 2)
    moments = [(half.T @ half).astype(float) / len(together) for half in halves]
    known = 2 * now.shape[1]
    one, other = moments
    spread = _left(_weights(2 * one, known), other) + _left(_weights(2 * other, known), one)
    white = np.linalg.inv(np.linalg.cholesky(spread + DOUBT * np.eye(len(spread))))
    weights = _weights(moments[0] + moments[1], known)
    linear, half = white @ weights.T, known // 2
    constant = white @ (middle[known:] - weights.T @ middle[:known])
    return white, linear[:, :half], linear[:, half:], constant


def _weights(moments: np.ndarray, known: int) -> np.ndarray:
    """Ridge regression from second moments of what is known, first, and what is asked."""
    return np.linalg.solve(moments[:known, :known] + RIDGE * np.eye(known), moments[:known, known:])


def _left(weights: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Covariance of what a regression leaves unexplained of others' second moments."""
    residual = np.concatenate([-weights, np.eye(len(weights.T))])
    return residual.T @ moments @ residual
