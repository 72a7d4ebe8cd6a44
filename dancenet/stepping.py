"""Steps of training, taken as each backend takes them fastest."""

from collections.abc import Callable
from typing import Any

import keras


class Steps:
    """Training steps of one compiled model, as Keras itself takes them or as `step` does.

    Args:
        model: compiled.
        step: takes a step on a batch and gives the model's metrics over it.

    Attributes:
        behind: so many steps may be under way before the figures of the first are asked for.
    """

    behind = 0

    def __init__(self, model: keras.Model, step: Callable[[Any], dict[str, Any]] | None = None):
        self.model, self._own = model, step

    def take(self, batch: Any) -> dict[str, Any]:
        """Learn from one batch; the model's metrics over it, numbers once `float` is taken of them."""
        return self._own(batch) if self._own else self.model.train_on_batch(batch, return_dict=True)

    def settle(self) -> None:
        """The model's variables are now what the steps have made of them."""


class JaxSteps(Steps):
    """Steps on JAX, whose state stays on the device from one to the next.

    Keras copies all of it into the model's variables after each step and waits for the loss: a few
    milliseconds, in which a GPU does several such steps. Variables that are assigned in between (a learning
    rate, the weight of the KL) are noticed; all others are old until `settle`. A step gives no buffer away,
    so that one that is interrupted leaves the state as it was.
    """

    behind = 2

    def __init__(self, model: keras.Model):
        import jax

        super().__init__(model)
        self._step = jax.jit(model.train_step)
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
        for group, seen, state in zip(self._groups, self._seen, self._state, strict=True):
            for i, variable in enumerate(group):
                if (value := variable.value) is not seen[i]:
                    seen[i] = state[i] = value
        figures, made = self._step((*self._state, self._metrics), (batch,))
        self._state = [list(group) for group in made[:-1]]
        return figures

    def settle(self) -> None:
        """See `Steps`."""
        for group, seen, state in zip(self._groups, self._seen, self._state, strict=True):
            for i, variable in enumerate(group):
                if variable.value is seen[i] and state[i] is not seen[i]:
                    variable.assign(state[i])
                    seen[i] = state[i] = variable.value


def steps_of(model: keras.Model) -> Steps:
    """The steps of a compiled model on the backend that is in use."""
    if keras.backend.backend() == "jax" and model.jit_compile:
        return JaxSteps(model)
    return Steps(model)
