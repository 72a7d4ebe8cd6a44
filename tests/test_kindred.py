"""Pose codes from the nearest codes of every body: of bodies whose poses are known."""

import numpy as np
import pytest
from keras import ops
from sklearn.neural_network import MLPClassifier

from dancenet.networks.kindred import NEAREST, REMEMBERED, Kindred
from dancenet.presets import VAE_PRESETS
from dancenet.vae import VAE

SIGMA = np.full(128, 0.1)


def codes(count, seed, bodies=3):
    """Poses along a curve in 128 dimensions, of which others say whose they are, by the pose."""
    random = np.random.default_rng(seed)
    whose, phase = random.integers(bodies, size=count), random.uniform(0, 2 * np.pi, count)
    made = 0.05 * random.normal(size=(count, 128))
    for k in range(6):
        made[:, 2 * k] += np.cos((k % 3 + 1) * phase + k)
        made[:, 20 + k] += 0.06 * np.sin(phase + 2 * np.pi * whose / bodies + k)
    return made.astype("float32"), whose, phase


def told(some, whose, other, others):
    return MLPClassifier((64,), max_iter=300, random_state=0).fit(some, whose).score(other, others)


@pytest.fixture(scope="module")
def remembered():
    kindred, (mean, whose, phase) = Kindred(3), codes(3000, 0)
    kindred.remember([mean[whose == body] for body in range(3)], SIGMA)
    return kindred, mean, whose, phase


def test_before_anything_is_remembered_codes_stay_as_they_are():
    mean, *_ = codes(20, 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(Kindred(3)(mean)), mean)


def test_codes_say_the_pose_and_less_whose_it_is(remembered):
    kindred, mean, whose, _ = remembered
    unseen, others, _ = codes(600, 1)
    made, made_unseen = (ops.convert_to_numpy(kindred(some)) for some in (mean, unseen))
    assert told(mean, whose, unseen, others) > 0.8
    assert told(made, whose, made_unseen, others) < 0.7
    pose = np.arange(0, 12, 2)
    assert np.abs(made_unseen[:, pose] - unseen[:, pose]).mean() < 0.1


def test_every_body_counts_the_same_as_its_nearest_codes(remembered):
    kindred, mean, whose, _ = remembered
    query = codes(1, 5)[0]
    expected = []
    kept = ops.convert_to_numpy(kindred.codes)
    measure, known = ops.convert_to_numpy(kindred.measure), ops.convert_to_numpy(kindred.known)
    assert kept.shape == (3, REMEMBERED, 128)
    for body in range(3):
        count = int(known[body].sum())
        np.testing.assert_array_equal(kept[body, :count], mean[whose == body])
        order = np.argsort((((kept[body, :count] - query) * measure) ** 2).sum(axis=1))[:NEAREST]
        expected.append(kept[body][order].mean(axis=0))
    wanted = np.mean(expected, axis=0)
    np.testing.assert_allclose(ops.convert_to_numpy(kindred(query))[0], wanted, atol=1e-4)


def test_a_body_that_was_never_near_has_no_say():
    mean, whose, _ = codes(1200, 3, bodies=2)
    apart = [mean[whose == 0], mean[whose == 1] + 3.0]
    kindred = Kindred(2)
    kindred.remember(apart, SIGMA)
    for body, own in enumerate(apart):
        made = ops.convert_to_numpy(kindred(own[:50]))
        assert np.abs(made - own[:50]).mean() < 0.1, f"body {body} keeps its poses"


def test_of_few_codes_some_count_twice_and_what_says_nothing_is_measured_all_the_same():
    few = [np.full((2, 128), 0.5, "float32"), np.full((1, 128), 0.25, "float32")]
    kindred = Kindred(2)
    kindred.remember(few, SIGMA)
    np.testing.assert_allclose(kindred(np.zeros((3, 128), "float32")), np.full((3, 128), 0.375), atol=1e-6)
    still = [np.linspace(0, 1e-3, 20, dtype="float32")[:, None] * np.ones((1, 128), "float32")] * 2
    kindred.remember(still, SIGMA)
    first, last = ops.convert_to_numpy(kindred(np.stack([still[0][0], still[0][-1]])))
    assert (last > first).all(), "a VAE that has hardly learned anything tells poses apart"


def test_a_vae_that_learns_sees_its_own_codes():
    vae = VAE(VAE_PRESETS["tiny"], 16, 16, 1, bodies=2)
    frames = np.random.default_rng(0).integers(256, size=(4, 16, 16, 1)).astype("uint8")
    x = (frames, frames, np.array([0, 1, 0, 1]))
    before = [ops.convert_to_numpy(vae(x, training=training)[0]) for training in (False, True)]
    np.testing.assert_allclose(*before, atol=1e-5)
    random = np.random.default_rng(1)
    mean = random.normal(size=(40, 128)).astype("float32")
    vae.kindred.remember([mean[::2], mean[1::2]], np.ones(128))
    shown, learned = (ops.convert_to_numpy(vae(x, training=training)[0]) for training in (False, True))
    np.testing.assert_allclose(learned, before[1], atol=1e-5)
    assert np.abs(shown - before[0]).mean() > 0.01
