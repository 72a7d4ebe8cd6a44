"""An LSTM layer that trains faster on processors, and does not learn few takes by heart so soon.

Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000); weights, gates and results are
those of `keras.layers.LSTM`. Shape letters: B batch, T time steps, I inputs, U units.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import layers, ops

from dancenet.machine.hardware import on_gpu
from dancenet.networks.mixed_precision import is_narrow, product


@keras.saving.register_keras_serializable("dancenet")
class LSTM(layers.LSTM):
    """Keras' layer. In training on a processor with TensorFlow it reads a quarter of the memory.

    Keras multiplies inputs inside the loop, and adds to the gradients of both matrices at every step. For
    few sequences at a time all of that is reading and writing weights. Here inputs are multiplied for all
    steps at once, and the gradients of both matrices are one multiplication each, after the loop.

    Args:
        units: U.
        weight_drop: so many of the recurrent weights are 0 in a training step, others in each (DropConnect,
            Wan et al. 2013, on an LSTM as by Merity et al. 2018, section 2). It leaves the loop as it is, so
            that a GPU's own LSTM can still be used.
        narrow: products are in bfloat16 in training, if processors have it (`networks/mixed_precision.py`).
        **options: of Keras' layer.
    """

    def __init__(self, units: int, *, weight_drop: float = 0.0, narrow: bool = False, **options):
        super().__init__(units, **options)
        self.weight_drop, self.narrow = weight_drop, narrow

    def call(self, sequences, initial_state=None, mask=None, training=False):
        """As Keras: (B, T, I) → (B, T, U)."""
        cell = self.cell
        if not training:
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        kernel = ops.convert_to_tensor(cell.recurrent_kernel)
        if self.weight_drop:
            kernel = keras.random.dropout(kernel, self.weight_drop, seed=cell.seed_generator)
        if keras.backend.backend() != "tensorflow" or on_gpu():
            with _in_place_of(cell, "recurrent_kernel", kernel):
                return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        import tensorflow as tf

        inputs = tf.transpose(sequences, (1, 0, 2))
        narrow, weights = is_narrow(self.narrow, training), tf.convert_to_tensor(cell.kernel)
        flat = tf.reshape(inputs, (-1, inputs.shape[-1]))
        gates = product(flat, weights) if narrow else tf.matmul(flat, weights)
        gates = tf.reshape(gates + cell.bias, tf.concat([tf.shape(inputs)[:2], [4 * self.units]], axis=0))
        gates.set_shape((*inputs.shape[:2], 4 * self.units))
        return tf.transpose(_recurrent(narrow)(gates, tf.convert_to_tensor(kernel)), (1, 0, 2))

    def get_config(self):
        """As Keras, and what is its own."""
        return super().get_config() | {"weight_drop": self.weight_drop, "narrow": self.narrow}


@contextlib.contextmanager
def _in_place_of(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of a layer for a while, past Keras' book-keeping: it is no variable."""
    before = getattr(owner, name)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        object.__setattr__(owner, name, before)


def _recurrent(narrow: bool):
    """The loop: gates without what comes from before (T, B, 4U), recurrent kernel (U, 4U) → (T, B, U).

    What a step does not need of the one before is done for all steps at once, as at such sizes every
    operation costs more to begin than to do; where it is `narrow` products are in bfloat16.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def recurrent(gates, kernel):
        """Outputs."""
        states, all_set = _forward(gates, kernel, narrow)
        units = kernel.shape[0]
        outputs = all_set[..., 3 * units :] * tf.tanh(states)

        def gradient(upstream):
            """Of gates and kernel: back through time (Werbos 1990)."""
            slopes = _back(upstream, states, all_set, kernel, narrow)
            rows = tf.reshape(_before(outputs), (-1, units)), tf.reshape(slopes, (-1, 4 * units))
            before, after = (_rounded(each, narrow) for each in rows)
            return slopes, tf.cast(tf.matmul(before, after, transpose_a=True), "float32")

        return outputs, gradient

    return recurrent


def _forward(gates, kernel, narrow: bool):
    """States (T, B, U) and gates as they were set (T, B, 4U), the third of them as (tanh + 1) / 2."""
    import tensorflow as tf

    steps, units = tf.shape(gates)[0], kernel.shape[0]
    doubled = tf.repeat(tf.constant([1.0, 1.0, 2.0, 1.0]), units)
    gates, kernel = gates * doubled, _rounded(kernel * doubled, narrow)  # tanh(x) = 2 sigmoid(2x) - 1
    arrays = [
        tf.TensorArray("float32", steps, element_shape=(gates.shape[1], width))
        for width in (units, 4 * units)
    ]

    def step(t, output, state, states, all_set):
        """One step."""
        is_set = tf.sigmoid(gates[t] + _times(output, kernel, narrow))
        i, f, g, o = tf.split(is_set, 4, axis=1)
        state = f * state + i * (2 * g - 1)
        return t + 1, o * tf.tanh(state), state, states.write(t, state), all_set.write(t, is_set)

    nothing = tf.zeros_like(gates[0, :, :units])
    made = tf.while_loop(lambda t, *_: t < steps, step, (0, nothing, nothing, *arrays))
    whole = [array.stack() for array in made[3:]]
    for part in whole:
        part.set_shape((gates.shape[0], *part.shape[1:]))
    return whole


def _back(upstream, states, all_set, kernel, narrow: bool):
    """Gradient of the gates before they were squashed, (T, B, 4U), of that of the outputs, (T, B, U)."""
    import tensorflow as tf

    steps, units = tf.shape(upstream)[0], kernel.shape[0]
    turned = _rounded(tf.transpose(kernel), narrow)
    i, f, g, o = tf.split(all_set, 4, axis=2)
    g, squashed = 2 * g - 1, tf.tanh(states)
    to_state = o * (1 - squashed * squashed)
    to_gates = tf.concat(
        [g * i * (1 - i), _before(states) * f * (1 - f), i * (1 - g * g), squashed * o * (1 - o)], axis=2
    )
    slopes = tf.TensorArray("float32", steps, element_shape=(upstream.shape[1], 4 * units))

    def step(t, d_output, d_state, slopes):
        """One step, towards the first."""
        d_output = d_output + upstream[t]
        d_state = d_state + d_output * to_state[t]
        slope = tf.concat([d_state, d_state, d_state, d_output], axis=1) * to_gates[t]
        return t - 1, _times(slope, turned, narrow), d_state * f[t], slopes.write(t, slope)

    nothing = tf.zeros_like(upstream[0])
    return tf.while_loop(lambda t, *_: t >= 0, step, (steps - 1, nothing, nothing, slopes))[3].stack()


def _rounded(x, narrow: bool):
    """As it goes into a product."""
    import tensorflow as tf

    return tf.cast(x, "bfloat16") if narrow else x


def _times(x, kernel, narrow: bool):
    """The product of x, with a kernel that is rounded already; float32."""
    import tensorflow as tf

    return tf.cast(tf.matmul(_rounded(x, narrow), kernel), "float32")


def _before(sequences):
    """(T, B, U) a step later, from nothing on."""
    import tensorflow as tf

    return tf.concat([tf.zeros_like(sequences[:1]), sequences[:-1]], axis=0)
