"""The batch that a GPU trains fastest with, found by trying, and the learning rate that goes with it."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dancenet.checkpoints import variables_of
from dancenet.fitting import Batches, Budget
from dancenet.hardware import on_gpu
from dancenet.stages import Stage
from dancenet.stepping import steps_of

log = logging.getLogger(__name__)

#: A batch twice as large is tried as long as it trains on so many times as many frames a second.
WORTH = 1.2
#: Each size is timed for so long, in seconds, and for so many steps at least.
TIMED_S, TIMED_STEPS = 0.5, 5
#: Trying may take so large a share of a stage's budget: each size is compiled anew.
SHARE = 0.05
#: No batch is tried that makes fewer steps of an epoch.
STEPS_AN_EPOCH = 30


def set_batch(
    model: Any,
    stage: Stage,
    known: int | None,
    budget: Budget,
    examples: int,
    epoch_of: Callable[[int], Batches],
) -> None:
    """Give a new model the batch that it was asked for or begun with, or the one that this GPU likes best.

    What is found by timing depends on the moment: a budget in epochs, which repeats, keeps the preset's.

    Args:
        model: compiled, with a preset; its preset gets the batch and the learning rate that goes with it.
        stage: keeps what is found.
        known: a batch that was asked for or begun with.
        budget: of the stage.
        examples: in an epoch.
        epoch_of: makes an epoch of batches as the model's preset has them.
    """
    preset = model.preset

    def resized(batch: int) -> None:
        """Take this batch."""
        rate = learning_rate_for(preset.learning_rate, batch, preset.batch)
        model.preset = dataclasses.replace(preset, batch=batch, learning_rate=rate)

    def example(batch: int) -> Any:
        """A batch of that size."""
        resized(batch)
        return epoch_of(0)[0]

    if known is None and on_gpu() and budget.seconds:
        most = examples // STEPS_AN_EPOCH
        known = fastest_batch(model, example, preset.batch, most, SHARE * budget.seconds)
        stage.note(batch=known)
    resized(known or preset.batch)


def learning_rate_for(rate: float, batch: int, usual: int) -> float:
    """The learning rate for a batch that is not the usual one.

    It grows with the square root of the batch: so the noise of a step of Adam stays what it was (Malladi et
    al. 2022, "On the SDEs and scaling rules for adaptive gradient algorithms", definition 5.1).
    """
    return rate * math.sqrt(batch / usual)


def fastest_batch(
    model: keras.Model, example: Callable[[int], Any], usual: int, most: int, seconds: float
) -> int:
    """A multiple of the usual batch, from which on twice as many at once train hardly faster.

    Args:
        model: compiled; it is left as it was.
        example: makes a batch of so many.
        usual: the batch of the preset, where trying begins.
        most: no larger one is tried.
        seconds: no other one is tried after so long.
    """
    model.optimizer.build(model.trainable_variables)
    variables = variables_of(model, model.optimizer)
    kept = [keras.ops.convert_to_numpy(variable) for variable in variables]
    best, best_rate, size, begun = usual, 0.0, usual, time.monotonic()
    while size <= max(usual, most):
        try:
            rate = _frames_per_second(model, example(size), size)
        except (RuntimeError, MemoryError) as error:
            log.info("a batch of %d is too large for this GPU: %s", size, str(error).splitlines()[0])
            break
        log.info("batch %d: %.0f a second", size, rate)
        if rate < WORTH * best_rate:
            break
        best, best_rate = size, rate
        if time.monotonic() - begun > seconds:
            break
        size *= 2
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)
    return best


def _frames_per_second(model: keras.Model, batch: Any, size: int) -> float:
    steps = steps_of(model)
    for _ in range(2):  # the first compiles, the second may still choose its algorithms
        float(steps.take(batch))
    begun, times = time.perf_counter(), list[float]()
    while len(times) < TIMED_STEPS or time.perf_counter() - begun < TIMED_S:
        before = time.perf_counter()
        float(steps.take(batch))
        times.append(time.perf_counter() - before)
    return size / float(np.median(times))
