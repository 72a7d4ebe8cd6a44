"""The choreographer's LSTM layer is Keras' own, whatever its loop leaves to matrices outside of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dancenet.networks import recurrence
from dancenet.networks.recurrence import LSTM

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


def dropping(seed: int) -> LSTM:
    layer = LSTM(UNITS, weight_drop=0.4, return_sequences=True, seed=seed)
    layer.build((None, None, INPUTS))
    return layer


@pytest.mark.parametrize("path", ["ours", "keras"])
def test_a_step_does_without_some_recurrent_weights_others_in_each(path, monkeypatch):
    monkeypatch.setattr(recurrence, "on_gpu", lambda: path == "keras")
    keras.utils.set_random_seed(0)
    layer = dropping(3)
    kernel = layer.cell.recurrent_kernel
    random = np.random.default_rng(1)
    sequences = tf.constant(random.standard_normal((B, T, INPUTS)), "float32")
    weights = tf.constant(random.standard_normal((B, T, UNITS)), "float32")
    first, second = (differentiated(layer, sequences, weights) for _ in range(2))
    assert np.abs(np.array(first[0]) - np.array(second[0])).max() > 1e-3
    left_out = [np.array(slopes[2]) == 0 for _, slopes in (first, second)]
    for each in left_out:  # what was dropped has no gradient
        assert each.mean() == pytest.approx(0.4, abs=0.1)
    assert (left_out[0] != left_out[1]).any()
    assert layer.cell.recurrent_kernel is kernel
    calm = [np.array(layer(sequences, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*calm)


def test_both_ways_drop_the_same_weights_and_agree(monkeypatch):
    random = np.random.default_rng(1)
    sequences = tf.constant(random.standard_normal((B, T, INPUTS)), "float32")
    weights = tf.constant(random.standard_normal((B, T, UNITS)), "float32")
    found = []
    for path in ("ours", "keras"):
        monkeypatch.setattr(recurrence, "on_gpu", lambda path=path: path == "keras")
        keras.utils.set_random_seed(0)
        found.append(differentiated(dropping(3), sequences, weights))
    (ours, our_slopes), (theirs, their_slopes) = found
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    for mine, expected in zip(our_slopes, their_slopes, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
