"""Products in bfloat16 in training, on processors, and nowhere else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dancenet.choreographer import Choreographer
from dancenet.config import TrainOptions
from dancenet.networks import mixed_precision, recurrence
from dancenet.networks.mixed_precision import Dense
from dancenet.networks.recurrence import LSTM
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.stages.choreographer_training import _new_choreographer

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


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch):
    for module in (mixed_precision, recurrence):
        monkeypatch.setattr(module, "on_gpu", lambda: False)


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
    for module in (mixed_precision, recurrence):
        monkeypatch.setattr(module, "on_gpu", lambda: True)
    np.testing.assert_array_equal(exact(sequences, training=True), narrow(sequences, training=True))


def test_what_comes_from_the_step_before_is_rounded_as_well():
    exact, narrow = layers(LSTM, return_sequences=True)
    for layer in (exact, narrow):  # nothing goes in: only the loop multiplies
        layer.cell.bias.assign(np.linspace(-1, 1, 4 * UNITS))
    off = np.abs(np.array(exact(np.zeros((B, T, INPUTS), "float32"), training=True))
                 - np.array(narrow(np.zeros((B, T, INPUTS), "float32"), training=True)))  # fmt: skip
    assert off[:, 0].max() < 1e-6
    assert 0 < off[:, 1:].max() < 4 * DIGIT


@pytest.mark.parametrize(("precision", "narrow"), [("float32", False), ("bfloat16", True)])
def test_training_is_as_narrow_as_it_is_asked_to_be(precision, narrow):
    model = _new_choreographer(CHOREOGRAPHER_PRESETS["tiny"], TrainOptions(precision=precision))
    assert model.head.narrow == narrow


def test_a_layer_is_made_again_from_its_description():
    for kind in (Dense, LSTM):
        assert kind.from_config(kind(3, narrow=True).get_config()).narrow


def test_a_choreographer_multiplies_narrowly_everywhere_or_nowhere():
    for narrow in (False, True):
        model = Choreographer(CHOREOGRAPHER_PRESETS["tiny"], narrow=narrow)
        assert [layer.narrow for layer in (*model.lstms, model.hidden, model.head)] == 5 * [narrow]
