"""What a model must do otherwise while its batch is split over several devices: means, noise, dropout.

Each device is given a share of the batch and computes on a replica of the weights. What is a mean over
examples can stay a mean over the share; what is not (the logarithm of a mean, a ratio of means) needs the
mean of the whole batch, and chance must depend on the example, not on the device that it came to. On
TensorFlow this is told to every replica; JAX has programs of the whole batch, which it splits itself. On one
device all of it is what Keras does anyway.
"""

from typing import Any

import keras
from keras import ops


def _context() -> Any:
    """The replica that TensorFlow is tracing, where it is one of several; else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None


def mean(x):
    """The mean of `x` (...) over the shares of all devices, which are of one size; a scalar.

    Its gradient is right for gradients that are averaged over the devices.
    """
    local, context = ops.mean(x), _context()
    return local if context is None else context.all_reduce("MEAN", local)


def normal(shape, seed):
    """Standard normal noise (B, ...): the rows that belong to this device's share of the batch."""
    return _own_rows(shape, lambda whole: keras.random.normal(whole, seed=seed))


def _own_rows(shape, make):
    """`make` of the shape of the whole batch, and of it the rows of this device.

    All devices draw all rows from one seed: that costs little, and needs nothing to be sent.
    """
    context = _context()
    if context is None:
        return make(shape)
    whole = make((shape[0] * context.num_replicas_in_sync, *shape[1:]))
    start = context.replica_id_in_sync_group * shape[0]
    return whole[start : start + shape[0]]


@keras.saving.register_keras_serializable("dancenet")
class Dropout(keras.layers.Dropout):
    """Keras' own, with a mask that depends on an example's place in the whole batch.

    With a `noise_shape` of (None, 1, None) one mask holds for all steps of a sequence (Gal & Ghahramani
    2016).
    """

    def call(self, inputs, training=False):
        """Apply it to (B, ...); nothing is dropped outside of training."""
        if not training or self.rate == 0 or _context() is None:
            return super().call(inputs, training=training)

        def mask(shape):
            """0 where something is dropped, else what keeps the mean."""
            return keras.random.dropout(ops.ones(shape, inputs.dtype), self.rate, seed=self.seed_generator)

        kept = self.noise_shape or (None,) * len(inputs.shape)
        shape = tuple(own or given for own, given in zip(kept, ops.shape(inputs), strict=True))
        return inputs * _own_rows(shape, mask)
