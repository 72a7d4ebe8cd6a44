"""Products in bfloat16 in training, on processors, and nowhere else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dancenet.choreographer import Choreographer
from dancenet.networks import mixed_precision
from dancenet.networks.mixed_precision import Dense
from dancenet.networks.recurrence import LSTM
from dancenet.presets import CHOREOGRAPHER_PRESETS

B, T, INPUTS, UNITS = 5, 7, 40, 24
#: bfloat16 has eight binary digits.
DIGIT = 2.0**-8


def layers(kind, **options):
    """One that multiplies in float32 and one in bfloat16, with the same weights."""
    pair = [kind(UNITS, narrow=narrow, **options) for narrow in (False, True)]
    for layer in pair:
        layer.build((None, None, INPUTS))
    pair[1].set_weights(pair[0].get_weights())
    return pair


def differentiated(layer, sequences, weights):
    with tf.GradientTape() as tape:
        tape.watch(sequences)
        made = layer(sequences, training=True)
        total = tf.reduce_sum(made * weights)
    return made, tape.gradient(total, [sequences, *(v.value for v in layer.trainable_variables)])


KINDS = pytest.mark.parametrize(
    ("kind", "options"),
    [(Dense, {"activation": "tanh"}), (LSTM, {"return_sequences": True})],
    ids=["dense", "lstm"],
)


@KINDS
def test_outputs_and_gradients_are_those_of_float32_but_for_rounding(kind, options):
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(1)
    sequences = tf.constant(random.standard_normal((B, T, INPUTS)), "float32")
    weights = tf.constant(random.standard_normal((B, T, UNITS)), "float32")
    (exact, slopes), (rounded, theirs) = (
        differentiated(layer, sequences, weights) for layer in layers(kind, **options)
    )
    off = np.abs(np.array(exact) - np.array(rounded))
    assert 0 < off.max() < 4 * DIGIT, "rounded, and no more than that"
    for ours, other in zip(slopes, theirs, strict=True):
        ours, other = np.array(ours), np.array(other)
        assert 0 < np.linalg.norm(ours - other) < 2 * DIGIT * np.linalg.norm(ours)
        assert other.dtype == np.float32


@KINDS
def test_outside_of_training_and_on_a_gpu_nothing_is_rounded(kind, options, monkeypatch):
    random = np.random.default_rng(1)
    sequences = random.standard_normal((B, T, INPUTS)).astype("float32")
    exact, narrow = layers(kind, **options)
    np.testing.assert_array_equal(exact(sequences), narrow(sequences))
    monkeypatch.setattr(mixed_precision, "on_gpu", lambda: True)
    np.testing.assert_array_equal(exact(sequences, training=True), narrow(sequences, training=True))


def test_a_layer_is_made_again_from_its_description():
    for kind in (Dense, LSTM):
        assert kind.from_config(kind(3, narrow=True).get_config()).narrow


def test_a_choreographer_multiplies_narrowly_everywhere_or_nowhere():
    for narrow in (False, True):
        model = Choreographer(CHOREOGRAPHER_PRESETS["tiny"], narrow=narrow)
        assert [layer.narrow for layer in (*model.lstms, model.hidden, model.head)] == 5 * [narrow]
