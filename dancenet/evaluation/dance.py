"""Figures of a dance beside unseen real takes of the same length: liveliness, freezes, variety, memory.

    measure = DanceMeasure(training_clips, held_out_clips=held_out_clips, fps=15)
    made = [measure.measure(frames, fps=30) for frames in dances]
    real = measure.real(seconds=60, seeds=range(8))
    table = ratios(made, real)

Held-out clips are *takes* of which the model saw nothing: neighbouring frames are near copies. Single
real takes vary a lot, so several dances and several seeds are compared by their means.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from dancenet.errors import DancenetError
from dancenet.evaluation import choreography, movement, novelty
from dancenet.evaluation.features import MEASURED_FPS, PoseSpace, at_rate, small_grey
from dancenet.evaluation.stretches import real_stretches
from dancenet.evaluation.windows import WindowSpace

#: Number of k-means clusters of training frames.
CLUSTERS = 64


@dataclass(frozen=True)
class DanceFigures:
    """What was measured in one dance, or in real takes put together."""

    duration_s: float
    """Length that was measured, seconds."""
    motion: float
    """Mean step between frames at 15 fps. Low: sluggish, averaged or blurred; high: frantic or noisy."""
    jitter: float
    """Mean second difference over mean step, 0 to 2. High: trembling, pops; low: gliding."""
    frozen_seconds_share: float
    """Share of seconds with less than 15% of the median real second's motion. Catches dying dances."""
    longest_frozen_run_s: float
    """Longest run of frozen seconds. Catches one long freeze that a share hides."""
    form: float
    """Mean distance to the nearest training frame. High: poses that no body has, ghosts; well below
    unseen real takes: the dance hugs what it was trained on. Blur hardly shows in it at 104×60
    (`reconstruction.gradient_energy` finds blur)."""
    drift: float
    """Form of the last third over that of the first. Above 1: the dance falls apart with time."""
    coverage: float
    """Share of 64 k-means clusters of training frames that are visited. Low: few moves, few places."""
    self_repetition: float
    """Highest autocorrelation at lags of 1 to 8 s. 1: a loop."""
    replay_s: float
    """Longest piece of a training clip shown in its order, seconds. Long: memorised, not danced."""
    frechet: float
    """Fréchet distance of half-second windows to those of the training takes. High: movement as no take
    has it, or only a small part of it. Falls with length: compare equal lengths."""
    transition_entropy: float
    """Bits of surprise in which cluster follows which. Low: loops, stills; very high: no order."""
    new_transitions: float
    """Share of changes of cluster that no training take has. 0: replay; near 1: no order."""
    copying_z: float
    """Z_U of the copying test. Far below 0: nearer to training takes than unseen takes are, beyond chance."""


#: How `ratios` compares each figure: by ratio to real, or beside it (where real may well be 0).
_BY_RATIO = (
    "motion", "jitter", "form", "drift", "coverage", "self_repetition", "frechet", "transition_entropy",
    "new_transitions",
)  # fmt: skip

#: Figures of which the worst of several dances counts as well as the mean.
_WORST = ("frozen_seconds_share", "longest_frozen_run_s", "replay_s")


class DanceMeasure:
    """A yardstick made once from real takes; measures any number of dances.

    Args:
        training_clips: per clip, frames (N, H, W, C) uint8 or an iterable of (H, W, C) uint8. May be a
            generator: only small grey pictures are kept (6 kB per frame).
        held_out_clips: unseen real takes, in the same form.
        fps: rate of both.
        measured_fps: rate at which everything is measured, not above any rate given. Figures of
            different measured rates cannot be compared with each other.
        seed: of the principal components and clusters.

    Raises:
        DancenetError: too few frames, no held-out second, or a rate below `measured_fps`.
    """

    def __init__(
        self,
        training_clips: Iterable[Iterable[np.ndarray]],
        *,
        held_out_clips: Iterable[Iterable[np.ndarray]],
        fps: float = MEASURED_FPS,
        measured_fps: float = MEASURED_FPS,
        seed: int = 0,
    ):
        self.fps = measured_fps
        pictures = [small_grey(at_rate(clip, fps, measured_fps)) for clip in training_clips]
        if not pictures:
            raise DancenetError("no training clip to measure against", "at least one")
        self._clip_of = np.repeat(np.arange(len(pictures)), [len(clip) for clip in pictures])
        stacked = np.concatenate(pictures)
        del pictures
        self.space = PoseSpace(stacked, seed=seed)
        training = self.space.project(stacked)
        self._neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(training)
        self._clusters = KMeans(min(CLUSTERS, len(training)), n_init=1, random_state=seed).fit(training)
        ends = np.flatnonzero(np.diff(self._clip_of)) + 1
        self._known = choreography.transitions(np.split(self._clusters.labels_, ends))
        self._windows = WindowSpace(np.split(training, ends), measured_fps, seed=seed)
        self.held_out = [self.points(clip, fps=fps) for clip in held_out_clips]
        seconds = [second for take in self.held_out for second in
                   movement.motion_of_seconds([take], measured_fps)[0]]  # fmt: skip
        if not seconds:
            raise DancenetError(
                "no second of unseen real dance", "at least one held-out take of more than a second",
                "hold out a whole take",
            )  # fmt: skip
        self.median_second = float(np.median(seconds))
        self._unseen_distances = [self.distances(take) for take in self.held_out]

    def points(self, frames: Iterable[np.ndarray], *, fps: float) -> np.ndarray:
        """Frames (N, H, W, C) uint8 at `fps` as points (M, 96) float32 at the measured rate."""
        return self.space.project(small_grey(at_rate(frames, fps, self.fps)))

    def measure(self, frames: Iterable[np.ndarray], *, fps: float) -> DanceFigures:
        """All figures of one dance.

        Args:
            frames: (N, H, W, C) uint8, or an iterable of (H, W, C); more than two seconds.
            fps: their rate, at least the measured one.

        Raises:
            DancenetError: the dance is too short, or its rate too low.
        """
        return self.measure_stretch([self.points(frames, fps=fps)])

    def measure_stretch(self, stretch: movement.Stretch) -> DanceFigures:
        """All figures of points (`points`) in one segment, or several that are never joined."""
        stretch = [np.asarray(part, np.float32) for part in stretch]
        together = np.concatenate(stretch)
        count = len(together)
        if count < 2 * self.fps:
            raise DancenetError(
                f"a dance of {count / self.fps:.1f} s to measure", "2 seconds or more",
                "make a longer one, for example --seconds 20",
            )  # fmt: skip
        distances, nearest = self._neighbours.kneighbors(together)
        distances, nearest = distances[:, 0], nearest[:, 0]
        third = count // 3
        # Training frames themselves lie at rounding errors from themselves: this keeps their drift at 1.
        floor = 0.01 * self.median_second
        frozen_share, frozen_run_s = movement.frozen(stretch, self.fps, self.median_second)
        moves = self._clusters.predict(together)
        ends = np.cumsum([len(part) for part in stretch])[:-1]
        changes = choreography.transitions(np.split(moves, ends))
        return DanceFigures(
            duration_s=count / self.fps,
            motion=movement.motion(stretch),
            jitter=movement.jitter(stretch),
            frozen_seconds_share=frozen_share,
            longest_frozen_run_s=frozen_run_s,
            form=float(distances.mean()),
            drift=float((distances[-third:].mean() + floor) / (distances[:third].mean() + floor)),
            coverage=len(np.unique(moves)) / self._clusters.n_clusters,
            self_repetition=movement.self_repetition(stretch, self.fps),
            replay_s=novelty.replay(np.split(nearest, ends), self._clip_of, self.fps),
            frechet=self._windows.distance(stretch),
            transition_entropy=choreography.transition_entropy(changes),
            new_transitions=novelty.new_transitions(changes, self._known),
            copying_z=novelty.copying(np.split(distances, ends), self._unseen_distances, self.fps).z,
        )

    def distances(self, points: np.ndarray) -> np.ndarray:
        """(N,) distance of points (N, 96) to the nearest training frame."""
        return self._neighbours.kneighbors(points)[0][:, 0] if len(points) else np.empty(0)

    def copying(self, dances: Sequence[np.ndarray]) -> novelty.Copying:
        """The copying test of one or more dances, each (N, 96), together."""
        return novelty.copying([self.distances(dance) for dance in dances], self._unseen_distances, self.fps)

    def copying_of_halves(self, seed: int) -> novelty.Copying:
        """The copying test where nothing is copied: halves of the unseen takes against one another."""
        return novelty.copying(*novelty.halves(self._unseen_distances, seed), self.fps)

    def real(self, *, seconds: float, seeds: Iterable[int] = range(8)) -> list[DanceFigures]:
        """The figures of unseen real takes put together to the same length, one per seed.

        Their `copying_z` is that of `copying_of_halves`: a take beside itself would always look alike.
        """
        return [
            replace(
                self.measure_stretch(real_stretches(self.held_out, seconds, seed, fps=self.fps)),
                copying_z=self.copying_of_halves(seed).z,
            )
            for seed in seeds
        ]


def ratios(made: Sequence[DanceFigures], real: Sequence[DanceFigures]) -> dict[str, dict[str, float | None]]:
    """Made dances against real stretches, by their means.

    Returns:
        Per figure of `DanceFigures` a dict with `made` and `real` (means), `ratio` (made over real; None
        where the figure is one that stands beside real, or real is 0), and for freezes and replay
        `worst`, the highest among the made dances.

    Raises:
        DancenetError: one of the lists is empty.
    """
    if not made or not real:
        raise DancenetError(f"{len(made)} dances and {len(real)} real stretches", "at least one of each")
    table: dict[str, dict[str, float | None]] = {}
    for field in fields(DanceFigures):
        values = [getattr(figures, field.name) for figures in made]
        mean_made = float(np.mean(values))
        mean_real = float(np.mean([getattr(figures, field.name) for figures in real]))
        ratio = mean_made / mean_real if field.name in _BY_RATIO and mean_real else None
        table[field.name] = {"made": mean_made, "real": mean_real, "ratio": ratio}
        if field.name in _WORST:
            table[field.name]["worst"] = float(max(values))
    return table
