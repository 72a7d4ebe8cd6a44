"""How far ahead the choreographer sees: error of what it expects against what the dancer really did.

Shape letters: B windows, T time steps, D = 128 latent dimensions.
"""

import numpy as np

from dancenet.dancing.rollout import Rollout
from dancenet.errors import DancenetError
from dancenet.sequences import AR_ORDER, Span
from dancenet.trained import Trained
from dancenet.yardsticks.baselines import Baselines

#: Frames ahead that are looked at.
AHEAD = (1, 5, 15, 30)
#: Real poses before the first predicted one, frames.
CONTEXT = 32
#: At most so many windows, evenly picked.
WINDOWS = 64
#: Dances of each window whose mean is what the choreographer expects.
DRAWS = 32


def errors_ahead(trained: Trained, baselines: Baselines, unseen: list[Span]) -> dict[str, dict[str, float]]:
    """Root mean square error per dimension of standardised latents.

    A squared error is least for the expectation. The choreographer's is the mean of several dances as it has
    learned to make them; `linear` goes on by itself, which is its own expectation; `copy_last` stays where it
    is.

    Returns:
        {"1": {"choreographer": …, "copy_last": …, "linear": …}, "5": …}

    Raises:
        DancenetError: no unseen take is long enough for one window.
    """
    latents, whole = trained.on_stage().latents, CONTEXT + max(AHEAD)
    starts = [first for span in unseen for first in range(span.start, span.stop - whole + 1, CONTEXT // 2)]
    if not starts:
        raise DancenetError(
            f"unseen takes of {max(map(len, unseen), default=0)} frames at most",
            f"one of {whole} frames to predict ahead in", "hold out longer takes",
        )  # fmt: skip
    picks = np.linspace(0, len(starts) - 1, min(len(starts), WINDOWS)).astype(int)
    windows = np.stack([latents.standardise(latents.mean[starts[i] : starts[i] + whole]) for i in picks])
    windows = windows.astype("float32")
    context, truth = windows[:, :CONTEXT], windows[:, CONTEXT:]
    made = {
        "choreographer": _expected(trained, context, truth.shape[1]),
        "copy_last": np.repeat(context[:, -1:], truth.shape[1], axis=1),
        "linear": _linear(baselines, context, truth.shape[1]),
    }
    return {
        str(ahead): {name: _rms(poses[:, ahead - 1] - truth[:, ahead - 1]) for name, poses in made.items()}
        for ahead in AHEAD
    }


def _expected(trained: Trained, context: np.ndarray, steps: int) -> np.ndarray:
    """(B, steps, D), the mean of `DRAWS` dances that follow each context, with all the chance learned."""
    openings, seeds = np.repeat(context, DRAWS, axis=0), list(range(DRAWS)) * len(context)
    chunks, done = [], 0
    rollout = Rollout(trained.choreographer, as_drawn=True)
    with trained.choreographer.coming_home(0.0, 0.0):
        for made in rollout.poses(openings, seeds, temperature=1.0, stray=1.0):
            chunks.append(made)
            done += len(made)
            if done >= steps:
                break
    together = np.swapaxes(np.concatenate(chunks)[:steps], 0, 1)
    return together.reshape(len(context), DRAWS, steps, -1).mean(axis=1)


def _linear(baselines: Baselines, context: np.ndarray, steps: int) -> np.ndarray:
    poses = [context[:, i] for i in range(-AR_ORDER, 0)]
    ones = np.ones((len(context), 1))
    for _ in range(steps):
        poses.append(np.concatenate([*poses[: -AR_ORDER - 1 : -1], ones], axis=1) @ baselines.weights)
    return np.stack(poses[AR_ORDER:], axis=1)


def _rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(error))))
