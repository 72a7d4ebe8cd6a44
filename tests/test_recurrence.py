"""The choreographer's LSTM layer is Keras' own, whatever its loop leaves to matrices outside of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dancenet.recurrence import LSTM

B, T, INPUTS, UNITS = 5, 7, 11, 13


@pytest.fixture
def pair():
    keras.utils.set_random_seed(0)
    theirs, ours = (kind(UNITS, return_sequences=True) for kind in (keras.layers.LSTM, LSTM))
    for layer in (theirs, ours):
        layer.build((None, None, INPUTS))
    theirs.cell.bias.assign(np.linspace(-1, 1, 4 * UNITS))
    ours.set_weights(theirs.get_weights())
    return theirs, ours


def differentiated(layer, sequences, weights):
    @tf.function
    def run(sequences):
        with tf.GradientTape() as tape:
            tape.watch(sequences)
            made = layer(sequences, training=True)
            total = tf.reduce_sum(made * weights)
        return made, tape.gradient(total, [sequences, *(v.value for v in layer.trainable_variables)])

    return run(sequences)


def test_outputs_and_gradients_are_those_of_keras(pair):
    random = np.random.default_rng(1)
    sequences = tf.constant(random.standard_normal((B, T, INPUTS)), "float32")
    weights = tf.constant(random.standard_normal((B, T, UNITS)), "float32")
    (theirs, their_slopes), (ours, our_slopes) = (differentiated(layer, sequences, weights) for layer in pair)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert len(our_slopes) == 4  # inputs, kernel, recurrent kernel, bias
    for mine, expected in zip(our_slopes, their_slopes, strict=True):
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(mine, expected, atol=1e-5)


def test_gradients_are_the_slopes_that_small_steps_find(pair):
    ours = pair[1]
    random = np.random.default_rng(2)
    sequences = tf.constant(random.standard_normal((2, 4, INPUTS)), "float32")
    weights = tf.constant(random.standard_normal((2, 4, UNITS)), "float32")
    slope = np.array(differentiated(ours, sequences, weights)[1][2])
    kernel, direction = np.array(ours.cell.recurrent_kernel), random.standard_normal(slope.shape)
    values = []
    for step in (1e-2, -1e-2):
        ours.cell.recurrent_kernel.assign(kernel + step * direction)
        values.append(float(tf.reduce_sum(ours(sequences, training=True) * weights)))
    assert (slope * direction).sum() == pytest.approx((values[0] - values[1]) / 2e-2, rel=0.01)


def test_outside_of_training_it_is_the_layer_of_keras_to_the_bit(pair):
    sequences = np.random.default_rng(3).standard_normal((B, T, INPUTS)).astype("float32")
    theirs, ours = (np.array(layer(sequences)) for layer in pair)
    assert (theirs == ours).all()


def test_lengths_may_be_unknown_when_it_is_traced(pair):
    spec = tf.TensorSpec((None, None, INPUTS), "float32")
    run = tf.function(lambda x: pair[1](x, training=True), input_signature=[spec])
    for batch, steps in ((1, 3), (4, 6)):
        sequences = np.ones((batch, steps, INPUTS), "float32")
        np.testing.assert_allclose(run(sequences), pair[0](sequences), atol=1e-6)
