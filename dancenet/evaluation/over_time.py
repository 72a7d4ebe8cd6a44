"""Dances over time: second by second, minute by minute, and beside themselves some seconds ago.

A dance that is alive in its first minute and dead in its tenth has fair figures as a whole: here it shows.
Shape letters: N frames.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dancenet.evaluation import movement
from dancenet.evaluation.dance import DanceMeasure
from dancenet.evaluation.sharpness import SHARPNESS_FIGURES, SharpnessMeasure
from dancenet.evaluation.stretches import real_stretches
from dancenet.evaluation.verdict import FIGURES, Figures, interval, is_wrong

#: Figures of each minute: of poses, and of pictures.
OF_A_MINUTE = (
    "motion", "jitter", "frozen_seconds_share", "longest_frozen_run_s", "form", "self_repetition",
    "coverage", "frechet",
)  # fmt: skip
SHARPNESS_OF_A_MINUTE = ("half_sharpness",)
MINUTE_S = 60.0
#: Lags of the curve of self-repetition, seconds.
CURVE_S = (1.0, 16.0)


def seconds(measure: DanceMeasure, points: np.ndarray) -> dict[str, list[float]]:
    """Per whole second of one dance (N, 96): motion, jitter, form, and whether it is frozen (0 or 1)."""
    length = max(1, round(measure.fps))
    whole = (len(points) - 1) // length
    frozen = movement.frozen_seconds([points], measure.fps, measure.median_second)[0]
    form = measure.distances(points[: whole * length]).reshape(whole, length).mean(axis=1)
    return {
        "motion": movement.motion_of_seconds([points], measure.fps)[0].tolist(),
        "jitter": movement.jitter_of_seconds(points, measure.fps).tolist(),
        "form": form.tolist(),
        "frozen": frozen.astype(float).tolist(),
    }


def seconds_of_real(measure: DanceMeasure) -> list[dict[str, list[float]]]:
    """The same of every unseen take of more than two seconds."""
    return [seconds(measure, take) for take in measure.held_out if len(take) > 2 * measure.fps]


def minutes(
    measure: DanceMeasure, pictures: SharpnessMeasure, dances: Sequence[np.ndarray],
    energies: Sequence[np.ndarray], stretches: int,
) -> dict[str, dict[str, Any]] | None:  # fmt: skip
    """Figures of every whole minute, beside unseen real stretches of one minute.

    Args:
        measure, pictures: the yardsticks.
        dances: per seed (N, 96), all of one length.
        energies: gradient energies (N, 2) of the same frames.
        stretches: how many real ones.

    Returns:
        Per figure of `OF_A_MINUTE` and `SHARPNESS_OF_A_MINUTE` its `real` (mean, ci95, low, high), `made`
        (per minute: mean over seeds and 95% confidence interval), `all` (the same of each seed's mean over
        its minutes) and `holds` (per minute, as for whole dances); None under two minutes.
    """
    length, seeds = round(MINUTE_S * measure.fps), range(stretches)
    whole = min(len(dance) for dance in dances) // length
    if whole < 2:
        return None
    parts = [slice(minute * length, (minute + 1) * length) for minute in range(whole)]
    made = [[measure.measure_stretch([dance[part]]) for dance in dances] for part in parts]
    drawn = [[pictures.measure(energy[part]) for energy in energies] for part in parts]
    return _table(measure.real(seconds=MINUTE_S, seeds=seeds), made, OF_A_MINUTE, FIGURES) | _table(
        pictures.real(seconds=MINUTE_S, seeds=seeds), drawn, SHARPNESS_OF_A_MINUTE, SHARPNESS_FIGURES
    )


def _table(
    real: Sequence[Any], made: Sequence[Sequence[Any]], names: Sequence[str], table: Figures
) -> dict[str, Any]:
    """The rows that `minutes` gives, of figures of real stretches and, per minute, of each seed."""
    found: dict[str, Any] = {}
    for name in names:
        reals = [getattr(figures, name) for figures in real]
        values = np.array([[getattr(figures, name) for figures in minute] for minute in made])
        rows = [interval(minute.tolist()) for minute in values]
        found[name] = {
            "real": {**interval(reals), "low": min(reals), "high": max(reals)},
            "made": rows,
            "all": interval(values.mean(axis=0).tolist()),
            "holds": [not is_wrong(row["mean"], reals, table[name][0]) for row in rows],
        }
    return found


def repetition(
    measure: DanceMeasure, dances: Sequence[np.ndarray], seconds: float, stretches: int
) -> dict[str, Any]:
    """Autocorrelation at lags of 1 to 16 s (`movement.autocorrelation`): where a dance comes back to itself.

    Returns:
        `lags_s`, and for every dance (`made`) and real stretch (`real`) its curve; a curve ends early where
        half of the longest segment does, for lack of evidence.
    """
    first, last = (round(lag * measure.fps) for lag in CURVE_S)
    real = [real_stretches(measure.held_out, seconds, seed, fps=measure.fps) for seed in range(stretches)]

    def curve(stretch: Sequence[np.ndarray]) -> list[float]:
        """Its autocorrelation as far as its segments reach."""
        longest = max(len(part) for part in stretch)
        return movement.autocorrelation(stretch, range(first, min(last, longest // 2) + 1))

    return {
        "lags_s": [lag / measure.fps for lag in range(first, last + 1)],
        "made": [curve([dance]) for dance in dances],
        "real": [curve(stretch) for stretch in real],
    }
