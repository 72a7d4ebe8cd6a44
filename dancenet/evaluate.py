"""All measurements of a run: its dances beside unseen real dance and beside trivial dancers.

The result is one dictionary that can be written as JSON; `report.py` makes a page of it.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from dancenet.clips import PackedFrames
from dancenet.config import DanceOptions, EvaluateOptions
from dancenet.errors import DancenetError
from dancenet.evaluation import choreography
from dancenet.evaluation.dance import DanceFigures, DanceMeasure, real_stretches
from dancenet.evaluation.features import MEASURED_FPS
from dancenet.fidelity import picture_figures
from dancenet.frames import frames_like
from dancenet.prediction import errors_ahead
from dancenet.rendering import write_dance
from dancenet.runs import Progress, Run, provenance, silent
from dancenet.sequences import Baselines, Span, frame_indices, split_takes
from dancenet.trained import Trained, load_trained
from dancenet.trivial import TRIVIAL_DANCERS, Stage
from dancenet.video import read_frames

log = logging.getLogger(__name__)

#: Real stretches of the dances' length that are averaged.
REAL_STRETCHES = 8
#: On which side of real dance a figure is wrong, and which trivial dancers it is there to catch.
FIGURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "motion": ("both", ("still", "shuffled frames")),
    "jitter": ("both", ("still", "shuffled frames")),
    "frozen_seconds_share": ("high", ("still",)),
    "longest_frozen_run_s": ("high", ("still",)),
    "form": ("both", ("replay", "shuffled frames", "two-second loop", "random walk")),
    "drift": ("high", ("random walk",)),
    "coverage": ("low", ("still", "two-second loop")),
    "self_repetition": ("high", ("still", "two-second loop")),
    "replay_s": ("high", ("replay",)),
    "frechet": ("high", ("still", "two-second loop", "shuffled frames", "random walk")),
    "transition_entropy": ("both", ("still", "two-second loop", "shuffled frames")),
    "new_transitions": ("both", ("replay", "shuffled frames")),
}


def evaluate(
    run: Run,
    folder: Path,
    options: EvaluateOptions,
    progress: Progress = silent,
    *,
    against: Run | None = None,
) -> tuple[dict[str, Any], list[Path]]:
    """Make dances of a run and measure what their videos show.

    Args:
        run: a run whose stages are all done.
        folder: where the dances are written.
        options: how long and how many dances.
        progress: told how far it is.
        against: another run; its dances are measured by the same yardstick, made of the first one's film.

    Returns:
        The measurements, and the videos they are of. Measurements are `protocol`, `figures` (see `compared`),
        `diversity`, `over_time`, `real_over_time`, `pictures`, `prediction`, `likelihood`, `provenance`.

    Raises:
        DancenetError: a stage is missing or stale; no unseen take; videos that cannot be read.
    """
    trained = load_trained(run)
    if against:
        load_trained(against)  # what it lacks is told before the long work
    packed = trained.packed
    training, unseen = split_takes(packed)
    progress("evaluate · real takes", 0, 1)
    measure = _yardstick(packed, training, unseen, options)
    baselines = Baselines.fit(trained.latents, training)
    stage = Stage(trained, training, baselines, round(options.seconds * packed.fps))
    videos = _dances(run, folder / "dance.mp4", options, progress)
    made = _points(measure, videos, progress)
    figures = compared(
        [measure.measure_stretch([points]) for points in made],
        measure.real(seconds=options.seconds, seeds=range(REAL_STRETCHES)),
        _trivial(measure, stage, progress),
    )
    if against:
        others = _dances(against, folder / "against.mp4", options, progress)
        _stand_beside(figures, measure, _points(measure, others, progress))
    progress("evaluate · pictures and prediction", 0, 1)
    return {
        "run": str(run.path),
        "protocol": {
            **_protocol(options, measure, training, trained),
            "against": str(against.path) if against else None,
        },
        "figures": figures,
        "diversity": _diversity(measure, made, options.seconds),
        "over_time": [measure.over_time(points) for points in made],
        "real_over_time": _real_over_time(measure),
        "pictures": picture_figures(trained.vae, packed, frame_indices(unseen), likeness=True),
        "prediction": _predicted(trained, baselines, unseen),
        "likelihood": run.read("choreographer")["figures"],
        "provenance": provenance(),
    }, videos


def _stand_beside(figures: dict[str, Any], measure: DanceMeasure, dances: list[np.ndarray]) -> None:
    """Add the same figures of another run's dances."""
    beside = [measure.measure_stretch([points]) for points in dances]
    for name, row in figures.items():
        row["against"] = interval([getattr(each, name) for each in beside])


def _yardstick(packed: PackedFrames, training, unseen, options: EvaluateOptions) -> DanceMeasure:
    """Made of the run's own takes; `--held-out` videos stand in for its unseen ones."""
    films = [frames_like(Path(video), packed.options) for video in options.held_out]
    held_out = [clip for film in films for clip in _clips(film)] or _takes(packed, unseen)
    rate = min(MEASURED_FPS, packed.fps)
    return DanceMeasure(_takes(packed, training), held_out_clips=held_out, fps=packed.fps, measured_fps=rate)


def _real_over_time(measure: DanceMeasure) -> list[dict[str, list[float]]]:
    return [measure.over_time(take) for take in measure.held_out if len(take) > 2 * measure.fps]


def _points(measure: DanceMeasure, videos: list[Path], progress: Progress) -> list[np.ndarray]:
    points = []
    for done, video in enumerate(videos):
        progress("evaluate · dances", done, len(videos))
        shown = (frame for _, frame in read_frames(video, fps=measure.fps))
        points.append(measure.points(shown, fps=measure.fps))
    return points


def _trivial(measure: DanceMeasure, stage: Stage, progress: Progress) -> dict[str, DanceFigures]:
    figures = {}
    for done, (name, dancer) in enumerate(TRIVIAL_DANCERS.items()):
        progress("evaluate · trivial dancers", done, len(TRIVIAL_DANCERS))
        figures[name] = measure.measure(dancer(stage), fps=stage.trained.packed.fps)
    return figures


def _dances(run: Run, out: Path, options: EvaluateOptions, progress: Progress) -> list[Path]:
    """One dance per seed, with the defaults of `dancenet generate dance`."""
    return write_dance(run, out, DanceOptions(seconds=options.seconds, takes=options.seeds), progress)


def _takes(packed: PackedFrames, spans: Sequence[Span]) -> list[np.ndarray]:
    return [packed.pixels[span.start : span.stop] for span in spans]


def _clips(packed: PackedFrames) -> list[np.ndarray]:
    return [packed.pixels[clip.start : clip.stop] for clip in packed.clips]


def _protocol(options, measure: DanceMeasure, training, trained: Trained) -> dict[str, Any]:
    return {
        **dataclasses.asdict(options), "held_out": [str(path) for path in options.held_out],
        "measured_fps": measure.fps, "real_stretches": REAL_STRETCHES,
        "training_frames": sum(map(len, training)), "held_out_frames": sum(map(len, measure.held_out)),
        "pace": trained.pace, "joint": trained.joint,
        "explained_variance": measure.space.explained,
    }  # fmt: skip


def compared(
    made: list[DanceFigures], real: list[DanceFigures], trivial: dict[str, DanceFigures]
) -> dict[str, Any]:
    """Every figure of made dances beside real stretches and trivial dancers.

    A trivial dancer is caught by a figure where it lies outside of the real stretches' whole range, widened
    by half of it on the side that counts as wrong. `evidence` is whether the figure catches all that it is
    there to catch: without that its word on the dances means nothing.
    """
    table = {}
    for name, (wrong, should) in FIGURES.items():
        reals = [getattr(figures, name) for figures in real]
        values = [getattr(figures, name) for figures in made]
        others = {dancer: getattr(figures, name) for dancer, figures in trivial.items()}
        caught = {dancer: is_wrong(value, reals, wrong) for dancer, value in others.items()}
        table[name] = {
            "wrong": wrong,
            "made": {**interval(values), "each": values},
            "real": {**interval(reals), "low": min(reals), "high": max(reals)},
            "trivial": others,
            "caught": caught,
            "evidence": all(caught[dancer] for dancer in should),
            "holds": not is_wrong(float(np.mean(values)), reals, wrong),
        }
    return table


def is_wrong(value: float, reals: Sequence[float], wrong: str) -> bool:
    """Whether a value lies outside of real dance on the side `wrong`: "low", "high" or "both"."""
    low, high = min(reals), max(reals)
    margin = max(0.5 * (high - low), 0.01 * abs(float(np.mean(reals))), 1e-9)
    return (wrong != "high" and value < low - margin) or (wrong != "low" and value > high + margin)


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and the half width of its 95% confidence interval (Student 1908); None for a single value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "ci95": None}
    spread = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return {"mean": mean, "ci95": float(student.ppf(0.975, len(values) - 1) * spread)}


def _diversity(measure: DanceMeasure, made: list[np.ndarray], seconds: float) -> dict[str, float | None]:
    """Distance between dances of different seeds, and between unseen real stretches."""
    stretches = [
        np.concatenate(real_stretches(measure.held_out, seconds, seed, fps=measure.fps))
        for seed in range(REAL_STRETCHES)
    ]
    real, apart = choreography.diversity(stretches), choreography.diversity(made)
    if np.isnan(apart):
        return {"made": None, "real": real, "ratio": None}
    return {"made": apart, "real": real, "ratio": apart / real if real else None}


def _predicted(
    trained: Trained, baselines: Baselines, unseen: list[Span]
) -> dict[str, dict[str, float]] | None:
    try:
        return errors_ahead(trained, baselines, unseen)
    except DancenetError as error:
        log.warning("prediction is not measured: %s", error)
        return None
