"""Networks whose first values are not drawn, because the weights of trained ones are read over them."""

import contextlib

import keras


class Blank(keras.initializers.Initializer):
    """Zeros, at once: orthogonal matrices and random numbers would take longer than reading the weights."""

    def __call__(self, shape, dtype=None, **_):
        """Zeros of a shape."""
        return keras.ops.zeros(shape, dtype)


def to_be_read() -> contextlib.AbstractContextManager[object]:
    """Networks that are made in it begin with zeros in place of Keras' defaults for layers."""
    names = ("glorot_uniform", "orthogonal")
    return keras.saving.custom_object_scope(dict.fromkeys(names, Blank))
