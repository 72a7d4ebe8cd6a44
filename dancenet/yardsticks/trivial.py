"""Trivial dancers: what a good figure must rank below real dance.

Each gives frames (H, W, C) uint8 at the rate of the run's frames. Shape letters: T time steps, D = 128.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dancenet.generation import decoded
from dancenet.sequences import AR_ORDER, Span, frame_indices
from dancenet.trained import Trained
from dancenet.yardsticks.baselines import Baselines

#: Length of the loop, seconds.
LOOP_S = 2.0


@dataclass(frozen=True)
class Stage:
    """What trivial dancers have to work with."""

    trained: Trained
    training: list[Span]
    baselines: Baselines
    """Fitted to the training takes."""
    count: int
    """Frames to make."""
    seed: int = 0

    @property
    def random(self) -> np.random.Generator:
        """Chance of this stage, the same each time."""
        return np.random.default_rng(self.seed)

    def longest(self) -> Span:
        """The longest training take."""
        return max(self.training, key=len)


def still(stage: Stage) -> Iterator[np.ndarray]:
    """One pose, held."""
    span = stage.longest()
    frame = stage.trained.packed.pixels[(span.start + span.stop) // 2]
    return (frame for _ in range(stage.count))


def loop(stage: Stage) -> Iterator[np.ndarray]:
    """Two seconds of a take, over and over."""
    span, pixels = stage.longest(), stage.trained.packed.pixels
    length = min(len(span), max(2, round(LOOP_S * stage.trained.packed.fps)))
    first = span.start + (len(span) - length) // 2
    return (pixels[first + i % length] for i in range(stage.count))


def shuffled(stage: Stage) -> Iterator[np.ndarray]:
    """Frames of the training takes without order."""
    picks = stage.random.choice(frame_indices(stage.training), stage.count)
    return (stage.trained.packed.pixels[pick] for pick in picks)


def replay(stage: Stage) -> Iterator[np.ndarray]:
    """Training takes as they were filmed, one after the other."""
    order = stage.random.permutation(len(stage.training))
    frames = np.resize(frame_indices([stage.training[i] for i in order]), stage.count)
    return (stage.trained.packed.pixels[frame] for frame in frames)


def random_walk(stage: Stage) -> Iterator[np.ndarray]:
    """A random walk in latent space, with the takes' own step in each dimension."""
    baselines, latents = stage.baselines, stage.trained.latents
    steps = stage.random.standard_normal((stage.count, len(latents.center))) * baselines.copy_sigma
    start = latents.standardise(latents.mean[stage.longest().start])
    return decoded(stage.trained.vae, latents.restore(start + np.cumsum(steps, axis=0)).astype("float32"))


def linear(stage: Stage) -> Iterator[np.ndarray]:
    """The linear autoregression, rolled out with its own residuals."""
    baselines, latents, random = stage.baselines, stage.trained.latents, stage.random
    start = stage.longest().start
    poses = list(latents.standardise(latents.mean[start : start + AR_ORDER]))
    for _ in range(stage.count):
        history = np.concatenate([*poses[: -AR_ORDER - 1 : -1], np.ones(1)])
        pose = history @ baselines.weights
        poses.append(pose + baselines.linear_sigma * random.standard_normal(len(pose)))
    made = latents.restore(np.stack(poses[AR_ORDER:]))
    return decoded(stage.trained.vae, made.astype("float32"))


#: Every trivial dancer by the name that reports give it.
TRIVIAL_DANCERS: dict[str, Callable[[Stage], Iterator[np.ndarray]]] = {
    "still": still,
    "two-second loop": loop,
    "shuffled frames": shuffled,
    "replay": replay,
    "random walk": random_walk,
    "linear autoregression": linear,
}
