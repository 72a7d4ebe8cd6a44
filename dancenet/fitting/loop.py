"""The training loop that every trained stage shares: budgets, schedule, checkpoints, early stop, resume."""

import functools
import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import keras

from dancenet.batching.ahead import batch_makers, made_ahead
from dancenet.errors import DancenetError
from dancenet.fitting import checkpoints
from dancenet.fitting.budget import Budget, Counters
from dancenet.fitting.flow import Flow
from dancenet.machine.team import ALONE, Team
from dancenet.runs import Progress

log = logging.getLogger(__name__)

#: A kill costs at most this much work.
CHECKPOINT_EVERY_S = 40.0
#: Steps over which the learning rate rises to its peak.
WARM_UP_STEPS = 50
#: Under a time budget, training waits at least this many times the cost of a validation between two.
VALIDATION_SHARE = 15
#: Training stops when this share of the budget and so many validations have passed without a better one.
PATIENCE, PATIENT_VALIDATIONS = 0.35, 8


class Batches(Protocol):
    """One epoch of training data: a fixed number of batches, each made from its index alone.

    Attributes:
        size: rows of each batch.
    """

    size: int

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...

    def part(self, index: int, rows: slice) -> Any:
        """Some rows of a batch, as they are in the whole one."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a fit came to."""

    counters: Counters
    stopped_early: bool
    flow: dict[str, float] = field(default_factory=dict)


class Fit:
    """One stage's training.

    Args:
        model: compiled Keras model; `compute_loss` takes what `epoch_of` yields.
        folder: where `last.npz`, `best_so_far.weights.h5` and `log.jsonl` are kept.
        epoch_of: epoch number (from 0) → its batches; must be the same each time it is asked.
        validate: → figures; `score` among them is what is minimised.
        budget: when to stop.
        learning_rate: its peak; falls linearly to nothing over the budget.
        on_progress: called with the share of the budget that is spent, in [0, 1], before every step.
        started: `time.monotonic()` when the stage began, start-up included.
        reserve_s: seconds to leave for what the stage does after training.
        patient: never stop early: for a loss whose best states come when the learning rate has fallen.
        team: who trains; `model` was made in its scope. Its chief validates, decides by its clock, writes.
        on_validated: called on every worker with the figures of a validation.
        most_epochs: a budget in minutes ends after so many, and the learning rate falls as if it was one in
            epochs; None: however many there are.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        folder: Path,
        epoch_of: Callable[[int], Batches],
        validate: Callable[[], dict[str, float]],
        budget: Budget,
        learning_rate: float,
        started: float,
        progress: Progress,
        what: str,
        on_progress: Callable[[float], None] = lambda _: None,
        reserve_s: float = 0.0,
        patient: bool = False,
        team: Team = ALONE,
        on_validated: Callable[[dict[str, float]], None] = lambda _: None,
        most_epochs: int | None = None,
    ):
        self.model, self.folder, self.epoch_of, self.validate = model, folder, epoch_of, validate
        self.budget, self.learning_rate, self.reserve_s = budget, learning_rate, reserve_s
        self.started, self.progress, self.what, self.on_progress = started, progress, what, on_progress
        self.patient, self.team, self.on_validated = patient, team, on_validated
        self.most_epochs = most_epochs or math.inf
        self.trained: dict[str, float] = {}
        self.counters = Counters()
        self.before_s = 0.0
        self.last_saved = self.last_validated = time.monotonic()
        with team.scope():
            model.optimizer.build(model.trainable_variables)
        # a budget in epochs makes each step by itself, so that it repeats wherever it was interrupted
        self.steps = team.steps(model, strides=budget.epochs is None)
        self.under_way, self.loss = deque[tuple[int, dict[str, Any]]](), math.nan
        self.flow = Flow(team.workers)

    @property
    def last(self) -> Path:
        """The checkpoint that a resumed training starts from."""
        return self.folder / "last.npz"

    @property
    def best(self) -> Path:
        """The weights that validated best so far; later stages see them when this one finishes."""
        return self.folder / "best_so_far.weights.h5"

    def _variables(self) -> list:
        return checkpoints.variables_of(self.model, self.model.optimizer)

    def resume(self) -> bool:
        """Go on from the last checkpoint where there is one."""
        if not self.team.agreed(self.last.is_file() and self.best.is_file()):
            for leftover in (self.last, self.best, self.folder / "log.jsonl") if self.team.chief else ():
                leftover.unlink(missing_ok=True)
            return False
        self.counters = Counters(**checkpoints.load_state(self.last, self._variables()))
        self.before_s = self.counters.elapsed_s
        return True

    def elapsed_s(self) -> float:
        """Seconds spent on the stage so far, earlier sessions included."""
        return self.before_s + time.monotonic() - self.started

    def share(self) -> float:
        """Share of the budget that is spent, in [0, 1]; of a budget in epochs, those that are over."""
        return self.team.agreed(min(1.0, self._share(math.inf)))

    def _share(self, batches: float) -> float:
        """Share of the budget that is spent; `batches` in an epoch, infinity to count whole epochs only."""
        passed = self.counters.epoch + self.counters.batch / batches
        if self.budget.epochs is not None:
            return passed / self.budget.epochs
        left_for = self.budget.before(self.reserve_s) - 1.5 * self.counters.validation_s
        spent = self.budget.spent(self.elapsed_s(), left_for, self.counters.step)
        return max(spent, passed / self.most_epochs)

    def run(self) -> Outcome:
        """Train until the budget is spent or validation has stopped improving."""
        if not self.counters.best:
            self._validate(0.0)
        stopped = False
        try:
            with ThreadPoolExecutor(batch_makers()) as makers:
                while not stopped and self.share() < 1:
                    stopped = self._epoch(makers)
        except KeyboardInterrupt:
            self._save()
            raise
        flow = self.flow.figures()
        if not stopped and self.budget.epochs is None:  # epochs end with a validation of their own
            self._validate(1.0)
        self._save()
        if not self.counters.step:
            log.warning(
                "%s: the minutes were over before its first step: starting and compiling took %.0f s; "
                "give it more --minutes", self.what, self.elapsed_s(),
            )  # fmt: skip
        return Outcome(self.counters, stopped, flow)

    def best_model(self, again: Callable[[], keras.Model]) -> keras.Model:
        """The model with the weights that validated best, for what follows, in which other devices take no
        part: `again` makes it once more where several have trained it."""
        model = again() if self.team.replicas > 1 else self.model
        checkpoints.load_weights(model, self.best)
        return model

    def _batch(self, batches: Batches, index: int) -> Any:
        """This process' part of a batch."""
        return batches[index] if self.team.workers == 1 else batches.part(index, self.team.rows(batches.size))

    def _next(self, total: int) -> tuple[float, bool]:
        """Share of the budget that is spent, and whether to validate after the next step."""
        share = self._share(total)
        if self.budget.epochs is not None:
            return share, False
        share, due = self.team.agreed([share, self._validation_due()])
        return share, due

    def _epoch(self, makers: ThreadPoolExecutor) -> bool:
        counters = self.counters
        batches = self.epoch_of(counters.epoch)
        # as few calls as the steps' stride needs, all of as many batches: hardly any is left out so
        stride = len(batches) // -(-len(batches) // self.steps.stride)
        total = len(batches) - (len(batches) - counters.batch) % stride
        make = functools.partial(self._batch, batches)
        coming = made_ahead(make, range(counters.batch, total), makers)
        while counters.batch < total:
            share, due = self._next(total)
            if share >= 1:
                break
            with self.flow.waiting():
                taken = list(islice(coming, stride))
            self._step(taken, share)
            if due:
                self._validate(share)
            if self._given_up(share):
                return True
            if time.monotonic() - self.last_saved > CHECKPOINT_EVERY_S:
                self._save()
        coming.close()
        if counters.batch >= total:
            counters.epoch, counters.batch = counters.epoch + 1, 0
            if self.budget.epochs is not None:
                self._validate(counters.epoch / self.budget.epochs)
                self._save()
        return False

    def _step(self, batches: list[Any], share: float) -> None:
        rising = min(1.0, (self.counters.step + 1) / WARM_UP_STEPS)
        self.model.optimizer.learning_rate.assign(self.learning_rate * rising * max(1.0 - share, 0.01))
        self.on_progress(share)
        self.under_way.append((self.counters.step, self.steps.take_all(batches)))
        self.counters.step += len(batches)
        self.counters.batch += len(batches)
        self.flow.steps(batches)
        self._look(self.steps.behind)
        scale = self.budget.epochs or self.budget.seconds
        self.progress(
            f"{self.what} · loss {self.loss:.4g} · best {self.counters.best_score:.4g}{self.flow}",
            share * scale, scale,
        )  # fmt: skip

    def _look(self, behind: int) -> None:
        """Wait for losses until no more than `behind` calls are under way.

        Raises:
            DancenetError: one is no finite number.
        """
        while len(self.under_way) > behind:
            step, figures = self.under_way.popleft()
            self.trained = {name: float(value) for name, value in figures.items()}
            self.loss = self.trained["loss"]
            if not math.isfinite(self.loss):
                raise self._diverged(f"the loss of {self.what} became {self.loss}", step)

    def _diverged(self, what: str, step: int) -> DancenetError:
        return DancenetError(
            f"{what} at step {step}", "a finite one; the last good state is kept",
            "run the same command again with a lower --learning-rate, or with --fresh and another --seed",
        )  # fmt: skip

    def _validation_due(self) -> bool:
        wait = max(VALIDATION_SHARE * self.counters.validation_s, 0.02 * self.budget.seconds)
        return time.monotonic() - self.last_validated > wait

    def _validate(self, share: float) -> None:
        begun = time.monotonic()
        self._settle()
        figures = self.team.agreed(self.validate() if self.team.chief else None)
        self.on_validated(figures)
        counters = self.counters
        if share > 0:  # the first one pays for tracing the graph
            counters.validation_s = time.monotonic() - begun
        counters.since_best += 1
        if figures["score"] < counters.best_score or not counters.best:
            counters.best_score, counters.best_at, counters.best = figures["score"], share, figures
            counters.since_best = 0
            if self.team.chief:
                checkpoints.save_weights(self.model, self.best)
            self._save()  # a kill must not part the best weights from their score
        if self.team.chief:
            self._log(share, figures)
        self.last_validated = time.monotonic()

    def _log(self, share: float, figures: dict[str, float]) -> None:
        counters = self.counters
        row = {
            "step": counters.step,
            "epoch": counters.epoch,
            "elapsed_s": round(self.elapsed_s(), 1),
            "share": round(share, 4),
            "training": self.trained,
            "validation": figures,
        }
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _given_up(self, share: float) -> bool:
        late = not self.patient and share - self.counters.best_at > PATIENCE
        return late and self.counters.since_best >= PATIENT_VALIDATIONS

    def _settle(self) -> None:
        """Wait for the steps that are under way: the model is what they have made of it."""
        self._look(0)
        self.steps.settle()

    def _save(self) -> None:
        self._settle()
        if not self.team.chief:
            return
        variables = self._variables()
        # a finite loss can still have moved weights beyond all numbers
        if not checkpoints.all_finite(variables):
            raise self._diverged(f"a weight of {self.what} is no number", self.counters.step)
        self.counters.elapsed_s = self.elapsed_s()
        checkpoints.save_state(self.last, variables, asdict(self.counters))
        self.last_saved = time.monotonic()
