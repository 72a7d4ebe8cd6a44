"""Steps of training, taken as each backend takes them fastest."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from dancenet.machine.hardware import on_gpu

#: So many steps are one call on a GPU: a step alone takes it less time than it takes to begin one.
STRIDE = 8


class Steps:
    """Training steps of one compiled model, as Keras itself takes them or as `step` does.

    Args:
        model: compiled.
        step: takes a step on a batch and gives the model's metrics over it.

    Attributes:
        behind: so many calls may be under way before the figures of the first are asked for.
        stride: batches that are best learned from in one call.
    """

    behind, stride = 0, 1

    def __init__(self, model: keras.Model, step: Callable[[Any], dict[str, Any]] | None = None):
        self.model, self._own = model, step

    def take(self, batch: Any) -> dict[str, Any]:
        """Learn from one batch; the model's metrics over it, numbers once `float` is taken of them."""
        return self._own(batch) if self._own else self.model.train_on_batch(batch, return_dict=True)

    def take_all(self, batches: Sequence[Any]) -> dict[str, Any]:
        """Learn from some batches in turn; the model's metrics, on average."""
        figures = [self.take(batch) for batch in batches]
        return {name: sum(each[name] for each in figures) / len(figures) for name in figures[0]}

    def settle(self) -> None:
        """The model's variables are now what the steps have made of them."""


class JaxSteps(Steps):
    """Steps on JAX, whose state stays on the device from one to the next.

    Keras copies all of it into the model's variables after each step and waits for the loss: a few
    milliseconds, in which a GPU does several such steps. Variables that are assigned in between (a learning
    rate, the weight of the KL) are noticed; all others are old until `settle`. A call gives no buffer away,
    so that one that is interrupted leaves the state as it was.

    Several steps are one loop of XLA: what it needs lies at the same addresses every time round, so that its
    kernels are launched as one recorded graph; those of a step alone are recorded anew each time.
    """

    def __init__(self, model: keras.Model, stride: int = 1):
        import jax

        super().__init__(model)
        self.optimizer, self.stride = model.optimizer, stride
        self.behind = 2 if stride == 1 else 1  # each lies on the device with its batches
        self._step, self._loop = jax.jit(model.train_step), jax.jit(self._in_a_loop)
        self._groups = [
            list(group)
            for group in (
                model.trainable_variables,
                model.non_trainable_variables,
                model.optimizer.variables,
            )
        ]
        # every step's metrics are its own, as with Keras
        self._metrics = [keras.ops.zeros(each.shape, each.dtype) for each in model.metrics_variables]
        self._seen: list[list[Any]] = [[None] * len(group) for group in self._groups]
        self._state: list[list[Any]] = [[None] * len(group) for group in self._groups]

    def take(self, batch: Any) -> dict[str, Any]:
        """See `Steps`."""
        self._notice()
        figures, made = self._step((*self._state, self._metrics), (batch,))
        self._state = [list(group) for group in made[:-1]]
        return figures

    def take_all(self, batches: Sequence[Any]) -> dict[str, Any]:
        """See `Steps`; each number of batches is compiled for itself."""
        if len(batches) == 1:
            return self.take(batches[0])
        self._notice()
        figures, self._state = self._loop(self._state, tuple(batches))
        return figures

    def _in_a_loop(self, state: list[list[Any]], batches: tuple) -> tuple[dict[str, Any], list[list[Any]]]:
        import jax

        def step(state: list[list[Any]], batch: Any) -> tuple[list[list[Any]], dict[str, Any]]:
            """One of them."""
            figures, made = self.model.train_step((*state, self._metrics), (batch,))
            return [list(group) for group in made[:-1]], figures

        stacked = jax.tree.map(lambda *parts: jax.numpy.stack(parts), *batches)
        state, figures = jax.lax.scan(step, state, stacked)
        return jax.tree.map(jax.numpy.mean, figures), state

    def _notice(self) -> None:
        """Take over variables that were assigned."""
        for group, seen, state in zip(self._groups, self._seen, self._state, strict=True):
            for i, variable in enumerate(group):
                if (value := variable.value) is not seen[i]:
                    seen[i] = state[i] = value

    def settle(self) -> None:
        """See `Steps`."""
        for group, seen, state in zip(self._groups, self._seen, self._state, strict=True):
            for i, variable in enumerate(group):
                if variable.value is seen[i] and state[i] is not seen[i]:
                    variable.assign(state[i])
                    seen[i] = state[i] = variable.value


def steps_of(model: keras.Model, *, strides: bool = False) -> Steps:
    """The steps of a compiled model on the backend that is in use, the same each time it is asked.

    Args:
        model: compiled.
        strides: whether several may be one call, where that is faster.
    """
    if keras.backend.backend() != "jax" or not model.jit_compile:
        return Steps(model)
    stride = STRIDE if strides and on_gpu() else 1
    kept = model.__dict__.setdefault("_steps_kept", {})
    if (steps := kept.get(stride)) is None or steps.optimizer is not model.optimizer:
        steps = kept[stride] = JaxSteps(model, stride)
    return steps
