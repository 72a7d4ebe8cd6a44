"""The batch that a GPU trains fastest with, found by trying."""

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from dancenet.fitting.budget import Budget
from dancenet.fitting.checkpoints import variables_of
from dancenet.fitting.loop import Batches
from dancenet.fitting.stage import BatchSize, Stage
from dancenet.machine.hardware import on_gpu
from dancenet.machine.stepping import steps_of

log = logging.getLogger(__name__)

#: A batch twice as large is tried as long as it trains on so many times as many frames a second.
WORTH = 1.2
#: Each size is timed for so long, in seconds, and for more than so many steps.
TIMED_S, TIMED_STEPS = 0.5, 5
#: Trying may take so large a share of a stage's budget: each size is compiled anew.
SHARE = 0.05
#: No batch is tried that makes fewer steps of an epoch.
STEPS_AN_EPOCH = 30


def fastest(
    size: BatchSize,
    stage: Stage,
    model: keras.Model,
    budget: Budget,
    examples: int,
    batches: Callable[[int, int], Batches],
) -> BatchSize:
    """The batch that a single GPU trains fastest with, where nobody has said another; else `size`.

    What is found by timing depends on the moment: a budget in epochs, which repeats, keeps the preset's.

    Args:
        size: what is known of the batch.
        stage: keeps what is found.
        model: compiled; it is left as it was.
        budget: of the stage.
        examples: in an epoch.
        batches: epoch and examples of a step → batches.
    """
    if not (size.free and budget.seconds and on_gpu()):
        return size
    most, seconds = examples // STEPS_AN_EPOCH, SHARE * budget.seconds
    found = fastest_batch(model, lambda count: batches(0, count)[0], size.preset, most, seconds)
    size = dataclasses.replace(size, times=found // size.preset, noted=found != size.preset, free=False)
    stage.note(**size.settings)
    return size


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
    steps = steps_of(model, strides=True)
    batches = steps.stride * [batch]
    for _ in range(2):  # the first compiles, the second may still choose its algorithms
        float(steps.take_all(batches)["loss"])
    begun, times = time.perf_counter(), list[float]()
    while len(times) < TIMED_STEPS // steps.stride + 1 or time.perf_counter() - begun < TIMED_S:
        before = time.perf_counter()
        float(steps.take_all(batches)["loss"])
        times.append(time.perf_counter() - before)
    return steps.stride * size / float(np.median(times))
