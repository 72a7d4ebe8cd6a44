"""Who trains together: the devices of this machine, and of others that were started with the same command.

One process a machine. On TensorFlow `tf.distribute` keeps a replica of the weights on every device and sums
their gradients; on JAX `keras.distribution` does. What has to be alike everywhere but is known to one worker
alone (its clock, its validation) the chief says, over the same connections. Files are the chief's business.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import keras
import numpy as np

from dancenet.machine.compiling import compiled
from dancenet.machine.stepping import Steps, steps_of

Made = TypeVar("Made")


@dataclass(eq=False)
class Team:
    """One process that trains alone, on one device; also what all teams are like.

    Attributes:
        worker, workers: number of this process among all.
        devices: of this process.
    """

    worker: int = 0
    workers: int = 1
    devices: int = 1

    @property
    def chief(self) -> bool:
        """Whether this process validates and writes; all others read what it has written."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """Devices of all processes: a batch is a multiple of them."""
        return self.workers * self.devices

    def rows(self, examples: int) -> slice:
        """Which of the examples of a batch this process makes."""
        own = examples // self.workers
        return slice(self.worker * own, (self.worker + 1) * own)

    def scope(self) -> contextlib.AbstractContextManager:
        """Where models and optimisers that are trained together are made; all workers make the same."""
        return contextlib.nullcontext()

    def agreed(self, said: Any) -> Any:
        """What the chief said (anything that JSON holds): all workers ask at the same point."""
        return said

    def first(self, work: Callable[[], Made]) -> Made:
        """`work` done by the chief, and then by the others, who find what it has kept in files."""
        if self.chief:
            made = work()
        self.agreed(None)
        return made if self.chief else work()

    def steps(self, model: keras.Model, *, strides: bool = False) -> Steps:
        """How a compiled model's steps are taken, on this process' rows of each batch; see `steps_of`."""
        return steps_of(model, strides=strides)

    def spread(self, function: Callable, model: keras.Model) -> Callable:
        """`function` of rows (n, ...) → a tuple of (n, ...), with a model's weights: each device its share.

        On the devices of this process: with others it has nothing to do.
        """
        run = self._spread(function, model)

        def spread(batch: np.ndarray) -> tuple[np.ndarray, ...]:
            """Rows are filled up to a number that can be shared, and what comes of those is left out."""
            batch, missing = np.ascontiguousarray(batch), -len(batch) % self.devices
            whole = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch
            return tuple(part[: len(batch)] for part in run(whole))

        return spread

    def _spread(self, function: Callable, model: keras.Model) -> Callable:
        run = compiled(function, model)
        return lambda batch: tuple(keras.ops.convert_to_numpy(part) for part in run(batch))


#: One process on one device.
ALONE = Team()
