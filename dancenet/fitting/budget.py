"""How long a stage may train, and how far it has come."""

import math
from dataclasses import dataclass, field
from typing import Any

#: Of a small budget at most this share is left for what comes after training, though it takes longer.
MOST_RESERVED = 0.4


@dataclass(frozen=True)
class Budget:
    """How long a stage may take: wall-clock minutes of the whole stage, or epochs.

    Attributes:
        least_steps: with minutes, so many steps are taken at least, however long that takes.
    """

    minutes: float | None = None
    epochs: int | None = None
    least_steps: int = 0

    @property
    def seconds(self) -> float:
        """The budget in seconds; 0 where it is in epochs."""
        return 60 * (self.minutes or 0.0)

    def before(self, reserve_s: float) -> float:
        """Seconds of it for training, when what comes after takes about `reserve_s`."""
        return self.seconds - min(reserve_s, MOST_RESERVED * self.seconds)

    def spent(self, elapsed_s: float, training_s: float, step: int) -> float:
        """Share of a budget in minutes that is spent, `training_s` of which are for training; 1 is all."""
        by_clock = elapsed_s / max(training_s, 1e-3)
        return min(by_clock, step / self.least_steps) if self.least_steps else by_clock

    def covered_by(self, finished: dict[str, Any]) -> bool:
        """Whether a stage that left `finished` as its JSON was given this budget, or has spent as much."""
        given = finished["budget"]
        if self.epochs is not None:
            return max(given["epochs"] or 0, finished["epochs"]) >= self.epochs
        stepped = max(given.get("least_steps", 0), finished.get("steps", 0)) >= self.least_steps
        return stepped and max(60 * (given["minutes"] or 0.0), finished["seconds"]) >= self.seconds


@dataclass
class Counters:
    """Where training stands; saved with every checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    best_score: float = math.inf
    best_at: float = 0.0
    since_best: int = 0
    best: dict[str, float] = field(default_factory=dict)
    validation_s: float = 0.1
