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
        **options: of Keras' layer.
    """

    def __init__(self, units: int, *, weight_drop: float = 0.0, **options):
        super().__init__(units, **options)
        self.weight_drop = weight_drop

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
        gates = tf.tensordot(inputs, tf.convert_to_tensor(cell.kernel), 1) + cell.bias
        return tf.transpose(_recurrent()(gates, tf.convert_to_tensor(kernel)), (1, 0, 2))

    def get_config(self):
        """As Keras, and what is dropped."""
        return super().get_config() | {"weight_drop": self.weight_drop}


@contextlib.contextmanager
def _in_place_of(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of a layer for a while, past Keras' book-keeping: it is no variable."""
    before = getattr(owner, name)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        object.__setattr__(owner, name, before)


def _recurrent():
    """The loop: gates without what comes from before (T, B, 4U), recurrent kernel (U, 4U) → (T, B, U)."""
    import tensorflow as tf

    def forward(gates, kernel):
        """Outputs, and what the way back needs: states (T, B, U), gates as they were set (T, B, 4U)."""
        steps, units = tf.shape(gates)[0], kernel.shape[0]
        arrays = [tf.TensorArray(gates.dtype, steps, element_shape=(gates.shape[1], width))
                  for width in (units, units, 4 * units)]  # fmt: skip

        def step(t, output, state, outputs, states, all_set):
            """One step."""
            i, f, g, o = tf.split(gates[t] + tf.matmul(output, kernel), 4, axis=1)
            i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
            state = f * state + i * g
            output = o * tf.tanh(state)
            is_set = tf.concat([i, f, g, o], axis=1)
            return (t + 1, output, state, outputs.write(t, output), states.write(t, state),
                    all_set.write(t, is_set))  # fmt: skip

        nothing = tf.zeros_like(gates[0, :, :units])
        made = tf.while_loop(lambda t, *_: t < steps, step, (0, nothing, nothing, *arrays))
        whole = [array.stack() for array in made[3:]]
        for part in whole:
            part.set_shape((gates.shape[0], *part.shape[1:]))
        return whole

    @tf.custom_gradient
    def recurrent(gates, kernel):
        """Outputs."""
        outputs, states, all_set = forward(gates, kernel)

        def gradient(upstream):
            """Of gates and kernel: back through time (Werbos 1990)."""
            slopes = _back(upstream, states, all_set, kernel)
            before = tf.concat([tf.zeros_like(outputs[:1]), outputs[:-1]], axis=0)
            units = kernel.shape[0]
            flat = tf.reshape(before, (-1, units)), tf.reshape(slopes, (-1, 4 * units))
            return slopes, tf.matmul(*flat, transpose_a=True)

        return outputs, gradient

    return recurrent


def _back(upstream, states, all_set, kernel):
    """Gradient of the gates before they were squashed, (T, B, 4U), of that of the outputs, (T, B, U)."""
    import tensorflow as tf

    steps, units = tf.shape(upstream)[0], kernel.shape[0]
    turned = tf.transpose(kernel)
    before = tf.concat([tf.zeros_like(states[:1]), states[:-1]], axis=0)
    slopes = tf.TensorArray(upstream.dtype, steps, element_shape=(upstream.shape[1], 4 * units))

    def step(t, d_output, d_state, slopes):
        """One step, towards the first."""
        i, f, g, o = tf.split(all_set[t], 4, axis=1)
        squashed = tf.tanh(states[t])
        d_output = d_output + upstream[t]
        d_state = d_state + d_output * o * (1 - squashed * squashed)
        slope = tf.concat(
            [
                d_state * g * i * (1 - i),
                d_state * before[t] * f * (1 - f),
                d_state * i * (1 - g * g),
                d_output * squashed * o * (1 - o),
            ],
            axis=1,
        )
        return t - 1, tf.matmul(slope, turned), d_state * f, slopes.write(t, slope)

    nothing = tf.zeros_like(upstream[0])
    return tf.while_loop(lambda t, *_: t >= 0, step, (steps - 1, nothing, nothing, slopes))[3].stack()
