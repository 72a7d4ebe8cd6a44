"""A model that is read when it is first asked for."""

import threading
from collections.abc import Callable
from pathlib import Path

import keras

from dancenet.errors import DancenetError
from dancenet.fitting.checkpoints import stamp_of


class Later:
    """Reads a model once, for whichever thread asks first, if its weights are still those of now.

    Args:
        weights: their file.
        read: gives the model.

    Raises:
        DancenetError: there is no such file; on being called, it has changed.
    """

    def __init__(self, weights: Path, read: Callable[[], keras.Model]):
        self._weights, self._known, self._read = weights, stamp_of(weights), read
        self._lock = threading.Lock()
        self._model: keras.Model | None = None

    def __call__(self) -> keras.Model:
        """The model."""
        with self._lock:
            if self._model is None:
                if stamp_of(self._weights) != self._known:
                    raise DancenetError(
                        f"{self._weights} has changed since dances were begun with it", "the same weights",
                        "start the command again: the run has been trained further meanwhile",
                    )  # fmt: skip
                self._model = self._read()
            return self._model
