"""New dance from a trained run, as latents and as frames; `rendering.py` writes videos of it.

Shape letters: B batch, T time steps, H height, W width, C channels, D = 128 latent dimensions.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from dancenet.config import DanceOptions, MusicOptions
from dancenet.dancing.choosing import Chooser
from dancenet.dancing.in_time import Rhythm, follow, free_cues
from dancenet.dancing.rollout import Rollout, Unrolled
from dancenet.footage.clips import PackedFrames
from dancenet.latents import Latents
from dancenet.runs import Progress, Run, silent
from dancenet.timing import Warp
from dancenet.trained import Trained, decode_batch, load_trained

log = logging.getLogger(__name__)

#: Seconds of real dance that warm the choreographer's state.
OPENING_S = 3.0
#: Frames decoded at once.
DECODE_BATCH = 32
#: The temperature at which moves are drawn as often, and poses varied as far, as the model has learned: the
#: default is three quarters of it. Models that know no cues dance at a little more than they have learned,
#: or they would repeat themselves.
NATURAL, NATURAL_WITHOUT_CUES = 0.2 / 0.75, 0.2 / 1.15
#: Rollouts longer than this are worth XLA's compilation.
XLA_FROM_STEPS = 4000


class Dance:
    """A dance: iterate over it for its frames. It is made as far as they need it, or whole, by `latents`.

    Attributes:
        latents: (T, D) float32.
        body: whose is drawn, a place in the run's `dancers`.
        latents_fps: their rate: that of the frames trained on, times the run's pace.
        fps: rate of the frames.
        warp: which moment of the latents is shown when; None where the dance follows no music.
    """

    def __init__(
        self,
        trained: Trained,
        latents: np.ndarray | Callable[[int | None], np.ndarray],
        *,
        count: int,
        fps: float,
        body: int = 0,
    ):
        self._trained, self._count, self.body = trained, count, body
        self._latents, self.latents_fps, self.fps = latents, trained.packed.fps * trained.pace, fps
        self.warp: Warp | None = None

    @property
    def latents(self) -> np.ndarray:
        """The whole dance: what of it is not made yet is made now."""
        return self._upto(None)

    @latents.setter
    def latents(self, latents: np.ndarray) -> None:
        """Dance these (T, D) in place of what was rolled out."""
        self._latents = latents

    def _upto(self, count: int | None) -> np.ndarray:
        """(T, D): at least the first `count` poses, None for all."""
        return self._latents if isinstance(self._latents, np.ndarray) else self._latents(count)

    def follow(self, rhythm: Rhythm, sync: float) -> None:
        """Dance to music: each moment is shown when the warp says, from now on."""
        poses = decoded(self._trained.vae, self.latents, self.body)
        self.warp = follow(rhythm, poses, self.latents_fps, sync=sync, beat_s=self._trained.beat_s)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        times_s = np.arange(self._count) / self.fps
        if self.warp is not None:
            times_s = self.warp(times_s)
        for start in range(0, self._count, DECODE_BATCH):
            path = self._path(times_s[start : start + DECODE_BATCH])
            yield from decoded(self._trained.vae, path, self.body)

    def _path(self, times_s: np.ndarray) -> np.ndarray:
        """(N, D) at `times_s` (N,), of no more of the dance than that needs.

        A smooth path bends at a pose as its two neighbours say (see `resample`).
        """
        at = times_s * self.latents_fps
        first, last = max(0, int(at.min()) - 2), max(0, int(at.max())) + 4
        latents = self._upto(last)
        first = min(first, len(latents) - 1)  # beyond the end the last pose holds
        return resample(latents[first:last], self.latents_fps, times_s - first / self.latents_fps)


class Dancer:
    """A trained run, ready to dance. `dancenet.load` makes one."""

    def __init__(self, trained: Trained):
        self.trained = trained
        self._rollouts: dict[bool, Rollout] = {}

    def dance(
        self,
        seconds: float = 20.0,
        *,
        fps: float = 30.0,
        temperature: float = 0.2,
        stray: float = 0.2,
        seed: int = 0,
        start: str | None = None,
        dancer: str | None = None,
        continuations: int = 8,
    ) -> Dance:
        """A new dance; the arguments are those of `DanceOptions`, which also checks them."""
        options = DanceOptions(
            seconds=seconds, fps=fps, temperature=temperature, stray=stray, seed=seed, start=start,
            dancer=dancer, continuations=continuations,
        )  # fmt: skip
        return self.dances(options, [seed])[0]

    def dances(
        self,
        options: DanceOptions,
        seeds: list[int],
        progress: Progress = silent,
        *,
        rhythm: Rhythm | None = None,
        sync: float = MusicOptions.sync,
    ) -> list[Dance]:
        """Several dances rolled out together, one per seed.

        Args:
            options: how long, how wild …
            seeds: one per dance.
            progress: told how far it is.
            rhythm: of the music that is danced to, as long as the dance; None: without music.
            sync: how strictly its beats are met, 0 to 1.
        """
        rate = self.trained.packed.fps * self.trained.pace
        count = max(1, round(options.duration_s * options.fps))
        # one pose beyond the end, so that the smooth path has a neighbour there
        lasts_s = (count - 1) / options.fps if rhythm is None else rhythm.dance_s
        steps = int(np.ceil(lasts_s * rate)) + 2
        poses = opening_poses(self.trained, options.start)
        body = body_of(self.trained.packed, self.trained.latents, poses[-1], options.dancer)
        opening = self.trained.latents.standardise(poses)
        heat = heat_of(self.trained, options.temperature)
        rollout = self._rollout(steps >= XLA_FROM_STEPS)
        cues = told(self.trained, steps, rhythm, sync=sync)
        made = rollout.poses(
            np.repeat(opening[None], len(seeds), axis=0), seeds,
            temperature=heat, stray=options.stray, spread=heat**0.5,
            cues=np.repeat(cues[:, None], len(seeds), axis=1),
            chooser=Chooser.of(self.trained, len(seeds), options.continuations),
        )  # fmt: skip
        restored = (self.trained.latents.restore(chunk).astype("float32") for chunk in made)
        unrolled = Unrolled(restored, steps)
        dances = [
            Dance(self.trained, partial(_one, unrolled, i), count=count, fps=options.fps, body=body)
            for i in range(len(seeds))
        ]
        if rhythm is not None:
            for number, dance in enumerate(dances):
                progress("choreographing", number, len(dances))
                dance.follow(rhythm, sync)
        return dances

    def _rollout(self, xla: bool) -> Rollout:
        if xla not in self._rollouts:
            self._rollouts[xla] = Rollout(self.trained.choreographer, xla=xla)
        return self._rollouts[xla]


def _one(unrolled: Unrolled, number: int, count: int | None) -> np.ndarray:
    """(T, D): one of several dances that are rolled out together, as far as `count` poses; None for all."""
    return unrolled.upto(unrolled.steps if count is None else count)[:, number]


def heat_of(trained: Trained, temperature: float) -> float:
    """The `temperature` of `DanceOptions` as `mixture.draw` takes it."""
    knows = trained.choreographer.preset.cues
    return temperature / (NATURAL if knows else NATURAL_WITHOUT_CUES)


def told(trained: Trained, steps: int, rhythm: Rhythm | None = None, *, sync: float = 0.0) -> np.ndarray:
    """(steps, F): what the choreographer is told of each pose that it makes; F = 0 where it knows no music.

    Args:
        trained: the run's models.
        steps: how many poses, `pace` times the film's rate of them a second.
        rhythm: of the music; None: without music.
        sync: at 0 its beats are not told.
    """
    if not trained.choreographer.preset.cues:
        return np.zeros((steps, 0), "float32")
    if rhythm is None:
        return free_cues(steps).features()
    rate = trained.packed.fps * trained.pace
    return rhythm.cues(steps, rate, trained.beat_s if sync else None).features()


def load(run: Run | Path | str | None = None) -> Dancer:
    """A trained run as a `Dancer`; without one, the built-in dancer's model that comes with dancenet.

    Raises:
        DancenetError: a stage is missing or stale.
    """
    if run is None:
        from dancenet.dancing.shipped import unpack

        return Dancer(unpack())
    return Dancer(load_trained(run if isinstance(run, Run) else Run(run), draws_only=True))


def opening_poses(trained: Trained, start: str | None) -> np.ndarray:
    """Latents of the real poses that lead into the dance, (T, D); its first pose follows the last of them.

    Args:
        start: CLIP:SECOND; None takes the most typical start.
    """
    latents, packed = trained.latents, trained.packed
    length = max(2, round(OPENING_S * packed.fps))
    if start is None:
        clip, stop = typical_start(latents, length)
    else:
        frame = packed.locate(start)
        clip = next(i for i, candidate in enumerate(packed.clips) if frame < candidate.stop)
        stop = max(frame + 1, latents.span(clip).start + 2)
    span = latents.span(clip)
    return latents.mean[max(span.start, stop - length) : min(stop, span.stop)]


def body_of(packed: PackedFrames, latents: Latents, pose: np.ndarray, dancer: str | None = None) -> int:
    """Whose body a dance shows that begins in a pose (D,), as a place in the run's `dancers`.

    Args:
        packed, latents: the run's film.
        pose: where it begins; the film's nearest moment says who dances.
        dancer: the one that is wanted; None: the film's.

    Raises:
        DancenetError: the run has no such dancer, or only one.
    """
    if dancer is not None:
        return packed.body_named(dancer)
    if not packed.dancers:
        return 0
    return int(packed.bodies[((latents.mean - pose) ** 2).sum(axis=1).argmin()])


def typical_start(latents, length: int) -> tuple[int, int]:
    """The clip, and the end in it, of the opening whose pose is nearest to the mean of all openings.

    Nearest in standardised latents; clips shorter than `length` count with all they have.
    """
    ends = [
        min(latents.span(i).start + length, latents.span(i).stop) for i in range(len(latents.clip_starts))
    ]
    poses = latents.standardise(latents.mean[np.array(ends) - 1])
    clip = int(np.argmin(((poses - poses.mean(axis=0)) ** 2).sum(axis=1)))
    return clip, ends[clip]


def resample(latents: np.ndarray, fps: float, times_s: np.ndarray) -> np.ndarray:
    """Latents at `times_s` (N,) along a smooth path through `latents` (T, D) at `fps`: (N, D).

    A shape-preserving cubic (PCHIP, Fritsch & Butland 1984): unlike a spline it never overshoots a pose.
    """
    at = np.clip(times_s * fps, 0, len(latents) - 1)
    whole = np.rint(at)
    if np.abs(at - whole).max(initial=0) < 1e-6:  # every time is that of a pose
        return latents[whole.astype(int)]
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(np.arange(len(latents)), latents, axis=0)(at).astype("float32")


def decoded(vae, latents: np.ndarray, body: int | None = None) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, C) of latents (T, D), decoded in batches of one size; `body`: as whose."""
    bodies = None if body is None else np.full(DECODE_BATCH, body)
    for start in range(0, len(latents), DECODE_BATCH):
        part = latents[start : start + DECODE_BATCH]
        padded = np.pad(part, ((0, DECODE_BATCH - len(part)), (0, 0)))
        yield from decode_batch(vae, padded, bodies)[: len(part)]
