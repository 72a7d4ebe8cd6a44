"""Windows of latents for the choreographer.

No window crosses a clip. Shape letters: B batch, T time steps, D = 128 latent dimensions, P past frames.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dancenet.batching import noise_table
from dancenet.cues import Cues
from dancenet.errors import DancenetError
from dancenet.footage.clips import PackedFrames, takes_for_validation
from dancenet.footage.mapped import read_rows
from dancenet.latents import Latents

#: Training windows are played at up to this much faster or slower than filmed.
TEMPO_RANGE = 0.12
#: Greatest standard deviation of the noise on what the network sees, in standardised latents: it learns to
#: correct its own errors. Drawn anew for each window. A latent that takes small steps gets less, or its speed
#: would be lost in the noise (`step_sizes`).
CONTEXT_NOISE = 0.1
#: The noise falls to nothing over this share of the budget: what is left of it, the network learns to trust
#: what it sees, and to tell a small step from noise.
NOISY_SHARE = 0.75
#: So often a window is shown without any cue, and each cue is left out of so many of the others: one network
#: dances to music, to its energy or its beat alone, and without.
FREE, LEFT_OUT = 0.2, 0.2
#: An epoch shows every frame about so often, each time at another tempo and with other noise.
SEEN = 16
#: A: what is told of how a window was varied, `batches.Variation.told` and how much faster it is played.
WAYS = 4
#: Past frames that the linear autoregression sees.
AR_ORDER = 3
#: Steps that are looked at to know their size.
STEPS_SEEN = 4096
#: So many stretches of unseen takes validate at most: more say the same and take longer.
STRETCHES = 256
#: Steps at the start of a validation stretch that are not scored: the state is still cold.
COLD_STEPS = 8


@dataclass(frozen=True)
class Span:
    """A stretch of frames inside one clip, frames [start, stop)."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def split_takes(packed: PackedFrames) -> tuple[list[Span], list[Span]]:
    """Training and validation stretches of a run.

    Whole takes validate (`takes_for_validation`). Of a dancer with a single clip its last sixth does, after a
    gap of a second, so that no validation frame has a neighbour that was trained on.
    """
    held_out = set(takes_for_validation(packed.clips))
    training, validation = [], []
    clips_of = Counter(clip.dancer for clip in packed.clips)
    for number, clip in enumerate(packed.clips):
        if number in held_out:
            validation.append(Span(clip.start, clip.stop))
        elif clips_of[clip.dancer] > 1:
            training.append(Span(clip.start, clip.stop))
        else:
            cut = max(clip.start + 1, clip.stop - max(1, clip.length // 6))
            gap = min(round(packed.fps), (cut - clip.start) // 4)
            training.append(Span(clip.start, cut - gap))
            validation.append(Span(cut, clip.stop))
    return training, validation


def require_length(spans: list[Span], frames: int, what: str) -> None:
    """Raise `DancenetError` unless one of the `what` (training or validation) takes has so many frames."""
    longest = max(len(span) for span in spans)
    if longest < frames:
        raise DancenetError(
            f"the longest {what} take has {longest} frames", f"one of {frames} or more",
            "film longer takes, or take more frames of them: dancenet frames --fps 30 --fresh",
        )  # fmt: skip


def frame_indices(spans: list[Span]) -> np.ndarray:
    """Indices of all frames of the spans, in order."""
    return np.concatenate([np.arange(span.start, span.stop) for span in spans])


def steps_of(latents: Latents, spans: list[Span]) -> np.ndarray:
    """(S, D): standardised steps from frame to frame inside the spans, `STEPS_SEEN` at most."""
    early = evenly(np.concatenate([np.arange(span.start, span.stop - 1) for span in spans]), STEPS_SEEN)
    before, after = read_rows(latents.mean, np.stack([early, early + 1]))
    return (after - before) / latents.scale


def step_sizes(latents: Latents, spans: list[Span]) -> np.ndarray:
    """(D,) float32: how far each latent goes from frame to frame, beside the root mean square of all."""
    sizes = np.sqrt(np.mean(steps_of(latents, spans) ** 2, axis=0))
    return (sizes / max(np.sqrt(np.mean(sizes**2)), 1e-6)).astype("float32")


class _Draw(NamedTuple):
    """One window of T steps as chance has it.

    Attributes:
        early: (T + 1,) the frame before each pose.
        part: (T + 1,) how far on to the next one.
        way: which of the latents' variations; -1 as filmed.
        noise: (T + 1, D) of the posteriors, of standard deviation 1.
        context_noise: (T, D) of what the network sees.
        cues: (T, F + A).
    """

    early: np.ndarray
    part: np.ndarray
    way: int
    noise: np.ndarray
    context_noise: np.ndarray
    cues: np.ndarray


class WindowBatches:
    """One epoch of windows drawn from `spans`; row `r` of batch `i` depends only on (seed, epoch, i, r).

    Every draw is a fresh sample of the posterior, so that the network cannot learn the frames by heart.

    Yields (contexts, targets, cues), all float32: (B, T, D) standardised, twice, targets one step ahead; and
    (B, T, F + A), the cues of the targets, F = 0 without `cues` (N frames long), and how the window was
    varied, A = 0 without `told`: what is told of each of the latents' variations, (V, A - 1). `noise` on the
    contexts is of all latents alike, or (D,).
    """

    def __init__(
        self,
        latents: Latents,
        spans: list[Span],
        *,
        window: int,
        batch: int,
        seed: int,
        epoch: int,
        noise: float | np.ndarray = CONTEXT_NOISE,
        tempo_range: float = TEMPO_RANGE,
        cues: Cues | None = None,
        told: np.ndarray | None = None,
    ):
        self.cues, self.told = cues, told
        self.latents, self.key, self.size = latents, (seed, epoch), batch
        self.spans = [span for span in spans if len(span) >= 4]
        self.window = min(window, max(len(span) for span in self.spans) - 2)
        self.noise, self.tempo_range = np.asarray(noise, "float32"), tempo_range
        self._long = [span for span in self.spans if len(span) > self.window + 1]
        self._up_to = np.cumsum([len(span) for span in self._long])
        self.count = max(1, round(sum(map(len, self.spans)) * SEEN / (self.window * batch)))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.part(index, slice(None))

    def part(self, index: int, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some rows of a batch."""
        drawn = [self._draw(np.random.default_rng((*self.key, index, row))) for row in range(self.size)[rows]]
        windows = self._windows(drawn)
        contexts = windows[:, :-1] + np.stack([draw.context_noise for draw in drawn])
        return contexts, windows[:, 1:], np.stack([draw.cues for draw in drawn])

    def _draw(self, random: np.random.Generator) -> "_Draw":
        """What chance says of one window: which, at which tempo, and all noise."""
        # a span as likely as it is long
        span = self._long[np.searchsorted(self._up_to, random.integers(self._up_to[-1]), side="right")]
        slowest = (len(span) - 1) / self.window
        tempo = min(1 + random.uniform(-self.tempo_range, self.tempo_range), slowest)
        start = span.start + random.uniform(0, len(span) - 1 - tempo * self.window)
        times = start + tempo * np.arange(self.window + 1)
        way = int(random.integers(-1, len(self.latents.varied_mean)))
        noise = noise_table.normal(random, (2 * self.window + 1, len(self.latents.center)))
        context_noise = noise[self.window + 1 :] * (np.float32(random.uniform()) * self.noise)
        cues = np.concatenate([shown_cues(self.cues, times[1:], random), self._way(way, tempo)], axis=-1)
        early = np.minimum(times.astype(int), span.stop - 2)
        return _Draw(early, times - early, way, noise[: self.window + 1], context_noise, cues)

    def _windows(self, drawn: "list[_Draw]") -> np.ndarray:
        """(B, T + 1, D) float32: standardised poses between frames, drawn from their posteriors."""
        early = np.stack([draw.early for draw in drawn])
        part = np.stack([draw.part for draw in drawn])[..., None].astype("float32")
        ways = np.array([draw.way for draw in drawn])
        windows = np.stack([draw.noise for draw in drawn])
        center, scale = (np.asarray(each, "float32") for each in (self.latents.center, self.latents.scale))
        for way in np.unique(ways):
            shown = ways == way
            mean = self.latents.varied_mean[way] if way >= 0 else self.latents.mean
            log_variance = self.latents.varied_log_variance[way] if way >= 0 else self.latents.log_variance
            here = early[shown]
            early_poses, late_poses = read_rows(mean, np.stack([here, here + 1]))
            poses = (1 - part[shown]) * early_poses + part[shown] * late_poses
            poses += np.exp(0.5 * read_rows(log_variance, here)) * windows[shown]
            windows[shown] = (poses - center) / scale
        return windows

    def _way(self, way: int, tempo: float) -> np.ndarray:
        """(T, A) float32 of a window that is shown in variation `way`, or with -1 as filmed."""
        if self.told is None:
            return np.zeros((self.window, 0), "float32")
        varied = self.told[way] if way >= 0 else np.zeros(WAYS - 1)
        row = np.append(varied, (tempo - 1) / TEMPO_RANGE).astype("float32")
        return np.repeat(row[None], self.window, axis=0)


def shown_cues(cues: Cues | None, frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(T, F) of the cues at `frames` (T,), some left out by chance; F = 0 without cues."""
    if cues is None:
        return np.zeros((len(frames), 0), "float32")
    here = cues.at(frames)
    free, *left_out = random.uniform(size=1 + len(vars(here)))
    names = [name for name, chance in zip(vars(here), left_out, strict=True) if chance < LEFT_OUT]
    return (Cues.none(len(frames)) if free < FREE else here.without(*names)).features()


def context_noise(share: float) -> float:
    """`CONTEXT_NOISE` as it is after a share of the training budget, in [0, 1]."""
    return CONTEXT_NOISE * max(0.0, 1.0 - share / NOISY_SHARE)


class Stretches(NamedTuple):
    """Stretches of unseen takes.

    Attributes:
        contexts: (B, T, D) posterior means, standardised.
        targets: (B, T, D) one posterior draw, one step ahead, standardised.
        counted: (B, T) bool, steps that are scored.
        cues: (B, T, F) of the targets; F = 0 where there are none.
    """

    contexts: np.ndarray
    targets: np.ndarray
    counted: np.ndarray
    cues: np.ndarray


def validation_stretches(
    latents: Latents, spans: list[Span], *, length: int = 128, seed: int = 0, cues: Cues | None = None
) -> Stretches:
    """Stretches of unseen takes, the same each time; `cues` are of all N frames."""
    random = np.random.default_rng(seed)
    length = min(length, max(len(span) for span in spans) - 1)
    contexts, targets, counted, known = [], [], [], []
    for start, stop in evenly(_parts(spans, length), STRETCHES):
        mean = latents.mean[start : stop + 1]
        sigma = np.exp(0.5 * latents.log_variance[start : stop + 1])
        drawn = mean + sigma * random.standard_normal(mean.shape)
        missing = length - (stop - start)
        pad = ((0, missing), (0, 0))
        contexts.append(np.pad(latents.standardise(mean[:-1]), pad))
        targets.append(np.pad(latents.standardise(drawn[1:]), pad))
        shown = np.zeros((stop - start, 0), "float32")
        if cues is not None:
            shown = cues.part(slice(start + 1, stop + 1)).features()
        known.append(np.pad(shown, pad))
        steps = np.arange(length)
        counted.append((steps < stop - start) & (steps >= min(COLD_STEPS, length - 1)))
    return Stretches(
        np.stack(contexts).astype("float32"), np.stack(targets).astype("float32"),
        np.stack(counted), np.stack(known),
    )  # fmt: skip


def _parts(spans: list[Span], length: int) -> list[tuple[int, int]]:
    """First frame and last target of stretches of at most `length` steps, all that can be scored."""
    parts = [
        (start, min(start + length, span.stop - 1))
        for span in spans
        for start in range(span.start, span.stop - 1, length)
    ]
    return [(start, stop) for start, stop in parts if stop - start > min(COLD_STEPS, length - 1)]


def evenly(found: Any, most: int) -> Any:
    """At most so many of what was found (a list, or an array along its first axis), evenly picked."""
    if len(found) <= most:
        return found
    places = np.linspace(0, len(found) - 1, most).astype(int)
    return found[places] if isinstance(found, np.ndarray) else [found[place] for place in places]
