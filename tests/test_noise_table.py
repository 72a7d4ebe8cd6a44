"""Noise out of a table is noise."""

import numpy as np
import pytest

from dancenet.batching import noise_table


def test_it_is_normal_and_other_chance_is_other_noise():
    drawn = [noise_table.normal(np.random.default_rng(seed), (97, 128)) for seed in range(40)]
    whole = np.stack(drawn).astype("float64")
    assert drawn[0].dtype == np.float32
    assert abs(whole.mean()) < 0.01
    assert whole.std() == pytest.approx(1, abs=0.01)
    assert (whole**4).mean() == pytest.approx(3, abs=0.1)
    flat = whole.reshape(40, -1)
    between = np.corrcoef(flat) - np.eye(40)
    assert np.abs(between).max() < 0.06, "windows share no noise at like places"
    steps = np.corrcoef(whole[:, :-1].ravel(), whole[:, 1:].ravel())[0, 1]
    assert abs(steps) < 0.01


def test_the_same_chance_is_the_same_noise_and_nobody_changes_it():
    one, other = (noise_table.normal(np.random.default_rng(7), (5, 3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="read-only"):
        one[0] = 0


def test_more_than_the_table_holds_is_drawn(monkeypatch):
    monkeypatch.setattr(noise_table, "SIZE", 100)
    assert noise_table.normal(np.random.default_rng(0), (50, 10)).std() == pytest.approx(1, abs=0.15)
