"""What a figure says: of a dance beside real dance, and of itself beside trivial dancers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

#: Per figure on which side of real dance it is wrong ("low", "high", "both"), and which trivial dancers it
#: is there to catch.
Figures = Mapping[str, tuple[str, tuple[str, ...]]]

#: The figures of every dance.
FIGURES: Figures = {
    "motion": ("both", ("still", "shuffled frames")),
    "jitter": ("both", ("still", "shuffled frames")),
    "frozen_seconds_share": ("high", ("still",)),
    "longest_frozen_run_s": ("high", ("still",)),
    "form": (
        "both",
        ("replay", "shuffled frames", "two-second loop", "random walk", "linear autoregression"),
    ),
    "drift": ("high", ("random walk",)),
    "coverage": ("low", ("still", "two-second loop")),
    "self_repetition": ("high", ("still", "two-second loop")),
    "replay_s": ("high", ("replay",)),
    "frechet": (
        "high",
        ("still", "two-second loop", "shuffled frames", "random walk", "linear autoregression"),
    ),
    "transition_entropy": ("both", ("still", "two-second loop", "shuffled frames")),
    "new_transitions": ("both", ("replay", "shuffled frames")),
    "copying_z": ("low", ("replay",)),
}


def compared(
    made: Sequence[Any], real: Sequence[Any], trivial: Mapping[str, Any], table: Figures = FIGURES
) -> dict[str, Any]:
    """Every figure of made dances beside real stretches and trivial dancers.

    All are dataclasses that hold the figures that `table` names, such as `dance.DanceFigures`.

    A trivial dancer is caught by a figure where it lies outside of the real stretches' whole range, widened
    by half of it on the side that counts as wrong. `evidence` is whether the figure catches all that it is
    there to catch: without that its word on the dances means nothing.
    """
    found = {}
    for name, (wrong, should) in table.items():
        reals = [getattr(figures, name) for figures in real]
        values = [getattr(figures, name) for figures in made]
        others = {dancer: getattr(figures, name) for dancer, figures in trivial.items()}
        caught = {dancer: is_wrong(value, reals, wrong) for dancer, value in others.items()}
        found[name] = {
            "wrong": wrong,
            "made": {**interval(values), "each": values},
            "real": {**interval(reals), "low": min(reals), "high": max(reals)},
            "trivial": others,
            "caught": caught,
            "evidence": all(caught[dancer] for dancer in should),
            "holds": not is_wrong(float(np.mean(values)), reals, wrong),
        }
    return found


def is_wrong(value: float, reals: Sequence[float], wrong: str) -> bool:
    """Whether a value lies outside of real dance on the side `wrong`: "low", "high" or "both"."""
    low, high = min(reals), max(reals)
    margin = max(0.5 * (high - low), 0.01 * abs(float(np.mean(reals))), 1e-9)
    return (wrong != "high" and value < low - margin) or (wrong != "low" and value > high + margin)


def interval(values: Sequence[float]) -> dict[str, Any]:
    """Mean and the half width of its 95% confidence interval (Student 1908); None for a single value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "ci95": None}
    spread = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return {"mean": mean, "ci95": float(student.ppf(0.975, len(values) - 1) * spread)}
