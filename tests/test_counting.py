"""What benchmarks count of layers, against sums by hand."""

import importlib.util
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def counting():
    spec = importlib.util.spec_from_file_location("counting", BENCHMARKS / "counting.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["counting"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["counting"]


def test_a_dense_layer_and_a_convolution(counting):
    dense = layers.Dense(5)
    convolution = layers.Conv2D(8, 3, padding="same", dtype="mixed_bfloat16")
    x, picture = np.zeros((1, 7), "float32"), np.zeros((1, 6, 10, 4), "float32")
    dense(x), convolution(picture)  # built outside
    with counting.counting() as counted:
        dense(x)
        convolution(picture)
    flat, wide = counted
    assert (flat.operations, flat.data, flat.weights) == (2 * 7 * 5, 4 * (7 + 5), 4 * 7 * 5)
    kernel = 3 * 3 * 4 * 8
    assert wide.operations == 2 * kernel * 60
    assert (wide.data, wide.weights) == (2 * 60 * (4 + 8), 4 * kernel)  # bfloat16 data, float32 weights
    assert flat.recurrent == wide.recurrent == 0


def test_a_step_of_an_lstm_reads_its_recurrent_weights_again(counting):
    cell = layers.LSTMCell(6)
    x, state = np.zeros((1, 3), "float32"), [np.zeros((1, 6), "float32")] * 2
    cell(x, state)
    with counting.counting() as counted:
        cell(x, state)
    (needs,) = counted
    assert needs.operations == 2 * 24 * (3 + 6)
    assert needs.data == 4 * (3 + 2 * 6 + 2 * 6)
    assert (needs.weights, needs.recurrent) == (4 * 24 * 3, 4 * 24 * 6)
    assert needs.moved(batch=8, steps=4) == needs.data + needs.weights / 32 + needs.recurrent / 8


def test_sums_and_repetitions(counting):
    one, two = counting.Needs(1.0, 2.0, 3.0, 4.0), counting.Needs(10.0, 20.0, 30.0, 40.0)
    assert one + two == counting.Needs(11.0, 22.0, 33.0, 44.0)
    assert one.times(5, 2) == counting.Needs(5.0, 10.0, 6.0, 8.0)
    weight = keras.Variable(np.zeros((4, 3), "float32"))
    assert counting.updating([weight], 1).weights == 5 * 4 * 12  # gradient, weight, momentum; two written
