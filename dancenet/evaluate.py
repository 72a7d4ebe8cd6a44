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
from dancenet.evaluation.reconstruction import PictureError
from dancenet.evaluation.similarity import grey, silhouette_overlap, ssim
from dancenet.frames import frames_like
from dancenet.generation import Dance, Dancer
from dancenet.prediction import errors_ahead
from dancenet.runs import Progress, Run, provenance, silent
from dancenet.sequences import Span, split_takes
from dancenet.trained import Trained, load_trained, reconstruct_batch
from dancenet.trivial import TRIVIAL_DANCERS, Stage

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
    "drift": ("high", ()),
    "coverage": ("low", ("still", "two-second loop")),
    "self_repetition": ("high", ("still", "two-second loop")),
    "replay_s": ("high", ("replay",)),
    "frechet": ("high", ("still", "two-second loop", "shuffled frames", "random walk")),
    "transition_entropy": ("both", ("still", "two-second loop", "shuffled frames")),
    "new_transitions": ("both", ("replay", "shuffled frames")),
}


def evaluate(
    run: Run, options: EvaluateOptions, progress: Progress = silent, *, against: Run | None = None
) -> tuple[dict[str, Any], list[Dance]]:
    """Measure a run.

    Args:
        run: a run whose stages are all done.
        options: how long and how many dances.
        progress: told how far it is.
        against: another run; its dances are measured by the same yardstick, made of the first one's film.

    Returns:
        The measurements, and the dances they are of. Measurements are `protocol`, `figures` (see `compared`),
        `diversity`, `over_time`, `real_over_time`, `pictures`, `prediction`, `likelihood`, `provenance`.

    Raises:
        DancenetError: a stage is missing or stale; no unseen take; videos that cannot be read.
    """
    trained = load_trained(run)
    other = load_trained(against) if against else None
    packed = trained.packed
    training, unseen = split_takes(packed)
    films = [frames_like(Path(video), packed.options) for video in options.held_out]
    held_out = [clip for film in films for clip in _clips(film)] or _takes(packed, unseen)
    progress("evaluate · real takes", 0, 1)
    measure = DanceMeasure(
        _takes(packed, training), held_out_clips=held_out, fps=packed.fps,
        measured_fps=min(MEASURED_FPS, packed.fps),
    )  # fmt: skip
    dances = _dances(trained, options)
    made = _points(measure, dances, progress)
    figures = compared(
        [measure.measure_stretch([points]) for points in made],
        measure.real(seconds=options.seconds, seeds=range(REAL_STRETCHES)),
        _trivial(measure, Stage(trained, training, round(options.seconds * packed.fps)), progress),
    )
    if other is not None:
        beside = [
            measure.measure_stretch([points])
            for points in _points(measure, _dances(other, options), progress)
        ]
        for name, row in figures.items():
            row["against"] = interval([getattr(each, name) for each in beside])
    progress("evaluate · pictures and prediction", 0, 1)
    return {
        "run": str(run.path),
        "protocol": {
            **_protocol(options, measure, training, held_out, trained),
            "against": str(against.path) if against else None,
        },
        "figures": figures,
        "diversity": _diversity(measure, made, options.seconds),
        "over_time": [measure.over_time(points) for points in made],
        "real_over_time": _real_over_time(measure),
        "pictures": picture_figures(trained, unseen),
        "prediction": _predicted(trained, training, unseen),
        "likelihood": run.read("choreographer")["figures"],
        "provenance": provenance(),
    }, dances


def _real_over_time(measure: DanceMeasure) -> list[dict[str, list[float]]]:
    return [measure.over_time(take) for take in measure.held_out if len(take) > 2 * measure.fps]


def _points(measure: DanceMeasure, dances: list[Dance], progress: Progress) -> list[np.ndarray]:
    points = []
    for done, dance in enumerate(dances):
        progress("evaluate · dances", done, len(dances))
        points.append(measure.points(iter(dance), fps=dance.fps))
    return points


def _trivial(measure: DanceMeasure, stage: Stage, progress: Progress) -> dict[str, DanceFigures]:
    figures = {}
    for done, (name, dancer) in enumerate(TRIVIAL_DANCERS.items()):
        progress("evaluate · trivial dancers", done, len(TRIVIAL_DANCERS))
        figures[name] = measure.measure(dancer(stage), fps=stage.trained.packed.fps)
    return figures


def _dances(trained: Trained, options: EvaluateOptions) -> list[Dance]:
    """One dance per seed, at the rate of the run's frames."""
    wanted = DanceOptions(seconds=options.seconds, fps=trained.packed.fps)
    return Dancer(trained).dances(wanted, list(range(options.seeds)))


def _takes(packed: PackedFrames, spans: Sequence[Span]) -> list[np.ndarray]:
    return [packed.pixels[span.start : span.stop] for span in spans]


def _clips(packed: PackedFrames) -> list[np.ndarray]:
    return [packed.pixels[clip.start : clip.stop] for clip in packed.clips]


def _protocol(options, measure: DanceMeasure, training, held_out, trained: Trained) -> dict[str, Any]:
    return {
        **dataclasses.asdict(options), "held_out": [str(path) for path in options.held_out],
        "measured_fps": measure.fps, "real_stretches": REAL_STRETCHES,
        "training_frames": sum(map(len, training)), "held_out_frames": sum(map(len, held_out)),
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


def picture_figures(trained: Trained, unseen: Sequence[Span]) -> dict[str, float]:
    """Reconstructions of every unseen frame: PSNR in dB, SSIM, silhouette overlap, sharpness, KL, units."""
    packed, error = trained.packed, PictureError()
    similar, both, either, means, nats = [], 0, 0, [], 0.0
    for span in unseen:
        clip = next(i for i, clip in enumerate(packed.clips) if span.start < clip.stop)
        background = packed.backgrounds[clip]
        for first in range(span.start, span.stop, 64):
            real = packed.pixels[first : min(first + 64, span.stop)]
            mean, log_variance, made = reconstruct_batch(trained.vae, real)
            error.add(real, made, background)
            means.append(mean)
            nats += 0.5 * float(np.sum(mean**2 + np.exp(log_variance) - log_variance - 1))
            for one, two in zip(real, made, strict=True):
                similar.append(ssim(grey(one), grey(two)))
                inside, outside = silhouette_overlap(one, two, background)
                both, either = both + inside, either + outside
    stacked = np.concatenate(means)
    figures = {
        "psnr_db": error.plain_psnr, "ssim": float(np.mean(similar)), "sharpness": error.sharpness,
        "kl_nats": nats / len(stacked), "active_units": float((stacked.var(axis=0) > 0.01).sum()),
    }  # fmt: skip
    if either:
        figures["silhouette_iou"] = both / either
        figures["foreground_psnr_db"] = error.foreground_psnr
    return figures


def _predicted(trained: Trained, training, unseen) -> dict[str, dict[str, float]] | None:
    try:
        return errors_ahead(trained, training, unseen)
    except DancenetError as error:
        log.warning("prediction is not measured: %s", error)
        return None
