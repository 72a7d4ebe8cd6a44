"""Where dances come from and arrive: poses that lead to a pose, and the last step onto one.

Shape letters: T poses, L poses of a lead, D = 128 latent dimensions.
"""

import numpy as np

from dancenet.generation import OPENING_S
from dancenet.sequences import split_takes
from dancenet.trained import Trained

#: What is left between arrival and pose is spread over the last steps, so many at most.
LANDING = 10


def led_to(trained: Trained, pose: np.ndarray, lead: np.ndarray) -> np.ndarray:
    """(T, D) poses that lead to `pose` (D,), itself the last of them.

    Its own `lead` (L, D); or where there is none that of the film's most similar moment, leaning toward the
    pose.
    """
    if len(lead):
        return np.concatenate([lead, pose[None]])
    latents, length = trained.latents, round(OPENING_S * trained.packed.fps)
    away = ((latents.mean - pose) / latents.scale) ** 2
    best = int(away.sum(axis=1).argmin())
    begun = max(start for start in latents.clip_starts if start <= best)
    return landed(latents.mean[max(begun, best + 1 - length) : best + 1], pose)


def somewhere(trained: Trained, seed: int) -> np.ndarray:
    """(L, D) poses that lead to a moment of the training takes that the seed picks."""
    length = round(OPENING_S * trained.packed.fps)
    spans = [span for span in split_takes(trained.packed)[0] if len(span) > 1]
    ends = np.concatenate([np.arange(span.start + min(length, len(span) - 1), span.stop) for span in spans])
    end = int(np.random.default_rng((seed, 7)).choice(ends))
    start = next(span.start for span in spans if span.start <= end < span.stop)
    return trained.latents.mean[max(start, end + 1 - length) : end + 1]


def landed(path: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """A path (T, D) whose last poses lean toward `goal` (D,), more and more, so that the last is it.

    What was left between them is spread over a few steps with a smooth beginning and end.
    """
    count = min(LANDING, len(path))
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, count + 1) / count)
    moved = path.copy()
    moved[-count:] += (rise[:, None] * (goal - path[-1])).astype(path.dtype)
    moved[-1] = goal
    return moved
