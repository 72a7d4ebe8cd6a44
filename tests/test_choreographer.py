import dataclasses

import keras
import numpy as np
import pytest

from dancenet import mixture
from dancenet.choreographer import LATELY, LAYERS, Choreographer
from dancenet.config import LATENT_SIZE
from dancenet.evaluation import predicting
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.sequences import AR_ORDER, Stretches

TINY = CHOREOGRAPHER_PRESETS["tiny"]


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def poses(batch=2, steps=12, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, LATENT_SIZE)).astype("float32")


def fresh(seed=3):
    keras.utils.set_random_seed(seed)
    return Choreographer(TINY, seed=seed)


def test_classic_has_the_ancestors_parameter_count():
    assert Choreographer(CHOREOGRAPHER_PRESETS["classic"]).count_params() == 12_198_336


@pytest.mark.parametrize("preset", CHOREOGRAPHER_PRESETS)
def test_every_preset_is_three_lstm_layers_and_a_mixture(preset):
    sizes = CHOREOGRAPHER_PRESETS[preset]
    model = Choreographer(sizes)
    assert LAYERS == 3
    assert [lstm.units for lstm in model.lstms] == 3 * [sizes.units]
    u, d = sizes.units, LATENT_SIZE
    lstms = 4 * u * (d + sizes.cues + sizes.ways + u + 1) + 2 * 4 * u * (2 * u + 1)
    k, r = sizes.components, sizes.directions
    out = k * (2 + d) + d + r * d if r else k * (1 + 2 * d)
    head = u * sizes.dense + sizes.dense + (sizes.dense + 1) * out
    assert model.count_params() == lstms + head + AR_ORDER * d * d * sizes.skip


def test_what_it_is_not_told_of_a_variation_is_as_filmed():
    model, x = fresh(), poses()
    cues = np.random.default_rng(3).normal(size=(2, 12, TINY.cues)).astype("float32")
    as_filmed = np.concatenate([cues, np.zeros((2, 12, TINY.ways), "float32")], axis=-1)
    plain = numpy(model((x, None, cues)).mean)
    np.testing.assert_array_equal(plain, numpy(model((x, None, as_filmed)).mean))
    as_filmed[..., -1] = 1.0
    assert np.abs(numpy(model((x, None, as_filmed)).mean) - plain).max() > 1e-4


def place_taken_back(model, pose, state):
    """(B,) by how much less across the means lie than without homing and balance; nothing else moves."""
    with model.coming_home(0.0, 0.0):
        plain, before = model.step(pose, state, model.no_cues(len(pose)))
    made, after = model.step(pose, state, model.no_cues(len(pose)))
    moved = numpy(made.mean) - numpy(plain.mean)
    np.testing.assert_array_equal(moved[..., 1:], 0)
    np.testing.assert_allclose(moved[..., 0], np.tile(moved[:, :1, 0], (1, moved.shape[1])), atol=1e-5)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(numpy(one), numpy(other))
    return -moved[:, 0, 0]


def test_homing_takes_the_place_back_and_nothing_else():
    model, pose = fresh(), 3 * poses()[:, 0]
    model.homing = 0.25
    taken = place_taken_back(model, pose, model.initial_state(2))
    np.testing.assert_allclose(taken, 0.25 * pose[:, 0], atol=1e-5)
    model.homing = np.array([[0.25], [0.5]], "float32")  # of each dance its own
    taken = place_taken_back(model, pose, model.initial_state(2))
    np.testing.assert_allclose(taken, [0.25, 0.5] * pose[:, 0], atol=1e-5)


def test_balance_takes_back_where_the_dance_has_been_lately():
    model, pose = fresh(), 3 * poses()[:, 0]
    state = model.initial_state(2)
    for _ in range(LATELY):  # on one side for so long
        _, state = model.step(pose, state, model.no_cues(2))
    model.balance = 0.1
    lately = 1 - (1 - 1 / LATELY) ** LATELY
    taken = place_taken_back(model, 0 * pose, state)
    np.testing.assert_allclose(taken, 0.1 * lately * pose[:, 0] * (1 - 1 / LATELY), rtol=1e-4)


def test_restlessness_takes_back_every_latent_but_the_place():
    model, pose = fresh(), 3 * poses()[:, 0]
    state = model.initial_state(2)
    for _ in range(LATELY):  # in one pose for so long
        _, state = model.step(pose, state, model.no_cues(2))
    plain, _ = model.step(0 * pose, state, model.no_cues(2))
    model.restlessness = 0.1
    restless, _ = model.step(0 * pose, state, model.no_cues(2))
    taken = numpy(plain.mean)[:, 0] - numpy(restless.mean)[:, 0]
    lately = (1 - (1 - 1 / LATELY) ** LATELY) * (1 - 1 / LATELY)
    np.testing.assert_allclose(taken[:, 1:], 0.1 * lately * pose[:, 1:], atol=1e-4)
    np.testing.assert_array_equal(taken[:, 0], 0)


def test_of_a_step_beyond_the_film_what_is_beyond_is_taken_back():
    model, pose = fresh(), poses(3)[:, 0] * np.array([[0.1], [3.0], [3.0]], "float32")
    plain, before = model.step(pose, model.initial_state(3), model.no_cues(3))
    free = numpy(plain.mean)
    model.farthest = np.array([[9.0], [9.0], [0.0]], "float32")  # of each dance its own, the last has none
    made, after = model.step(pose, model.initial_state(3), model.no_cues(3))
    bound = numpy(made.mean)
    np.testing.assert_array_equal(bound[0], free[0])
    np.testing.assert_array_equal(bound[2], free[2])
    assert np.linalg.norm(free[1], axis=-1).min() > 9
    np.testing.assert_allclose(np.linalg.norm(bound[1], axis=-1), 9, rtol=1e-5)
    np.testing.assert_allclose(bound[1] / 9, free[1] / np.linalg.norm(free[1], axis=-1)[:, None], atol=1e-5)
    for one, other in zip((*plain[2:], plain.logits, *before), (*made[2:], made.logits, *after), strict=True):
        np.testing.assert_array_equal(numpy(one), numpy(other))


@pytest.mark.parametrize("with_cues", [False, True])
def test_step_by_step_is_the_whole_sequence_at_once(with_cues):
    model, x = fresh(), poses()
    cues = np.zeros((2, 12, TINY.cues), "float32")
    if with_cues:
        cues += np.random.default_rng(3).normal(size=cues.shape)
    whole = [numpy(part) for part in model((x, None, cues) if with_cues else x)]
    assert whole[0].shape == (2, 12, TINY.components)
    assert whole[1].shape == (2, 12, TINY.components, LATENT_SIZE)
    assert whole[2].shape == (2, 12, 1, LATENT_SIZE)
    assert whole[4].shape == (2, 12, LATENT_SIZE, TINY.directions)
    state = model.initial_state(2)
    for t in range(x.shape[1]):
        made, state = model.step(x[:, t], state, cues[:, t])
        for single, sequence in zip(made, whole, strict=True):
            np.testing.assert_allclose(numpy(single), sequence[:, t], rtol=1e-4, atol=1e-5)


def test_it_remembers_and_does_not_look_ahead():
    model, x = fresh(), poses()
    for lstm in model.lstms:  # untrained layers hardly let anything through
        lstm.cell.kernel.assign(4 * lstm.cell.kernel)
    changed = x.copy()
    changed[:, 4] += 2
    before, after = numpy(model(x).mean), numpy(model(changed).mean)
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert np.abs(before[:, 4] - after[:, 4]).max() > 1e-3
    assert np.abs(before[:, 10] - after[:, 10]).max() > 1e-6, "a pose is felt six steps later"


def test_it_starts_as_the_linear_autoregression_and_keeps_its_past_in_the_state():
    model, x = fresh(), poses()
    weights = np.random.default_rng(5).normal(size=(AR_ORDER * LATENT_SIZE + 1, LATENT_SIZE)) / 20
    plain = numpy(model(x).mean)
    model.start_from(weights)
    past = [np.pad(x, ((0, 0), (lag, 0), (0, 0)))[:, : x.shape[1]] for lag in range(AR_ORDER)]
    expected = np.concatenate(past, axis=-1) @ weights[:-1]
    made = numpy(model(x).mean)
    added = np.abs(made - expected[..., None, :]).mean()
    assert added < 0.2 * np.abs(plain).mean(), "what the network adds at first is small"
    model.head.set_weights([np.zeros_like(part) for part in model.head.get_weights()])
    np.testing.assert_allclose(numpy(model(x).mean)[:, :, 0], expected, rtol=1e-3, atol=1e-4)


def test_the_classic_preset_starts_from_nothing():
    model = Choreographer(dataclasses.replace(TINY, skip=False))
    before = model.get_weights()
    model.start_from(np.ones((AR_ORDER * LATENT_SIZE + 1, LATENT_SIZE)))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_loss_is_the_likelihood_of_the_targets_per_dimension():
    model, x, y = fresh(), poses(), poses(seed=1)
    batch = (x, y, np.zeros((2, 12, TINY.cues), "float32"))
    made = model(batch)
    loss = float(model.compute_loss(x=batch, y_pred=made))
    expected = numpy(mixture.negative_log_likelihood(made, y)).mean()
    assert loss == pytest.approx(expected, rel=1e-5)
    assert float(model.get_metrics_result()["loss"]) == pytest.approx(loss)


def test_validation_is_the_mean_over_all_that_counts_however_many_stretches_there_are():
    model, made = fresh(), []
    for count in (17, 3):
        counted = np.random.default_rng(2).random((count, 12)) < 0.7
        cues = np.zeros((count, 12, TINY.cues), "float32")
        x, y = poses(count), poses(count, seed=1)
        each = numpy(mixture.negative_log_likelihood(model((x, y, cues)), y))
        found = predicting.likelihood(model, Stretches(x, y, counted, cues))
        assert found["score"] == pytest.approx(each[counted].mean(), rel=1e-5)
        made.append(found["nll"])
    assert made[0] != made[1]


def test_dropout_acts_in_training_only():
    model, x = fresh(), poses()
    np.testing.assert_array_equal(numpy(model(x).mean), numpy(model(x, training=False).mean))
    first, second = numpy(model(x, training=True).mean), numpy(model(x, training=True).mean)
    assert np.abs(first - second).max() > 1e-5


def test_it_learns_a_sequence_by_heart():
    keras.utils.set_random_seed(3)
    model = Choreographer(dataclasses.replace(TINY, components=1, dropout=0.0), seed=3)
    model.compile(optimizer=keras.optimizers.Adam(3e-3, clipnorm=1.0))
    circle = np.concatenate([poses(1, 3, seed=4)] * 4, axis=1)
    x, y = circle[:, :-1], circle[:, 1:]
    batch = (x, y, np.zeros((*x.shape[:2], TINY.cues), "float32"))
    losses = [float(model.train_on_batch(batch, return_dict=True)["loss"]) for _ in range(300)]
    assert losses[-1] < losses[0] - 2
    np.testing.assert_allclose(numpy(model(x).mean)[0, 3:, 0], y[0, 3:], atol=0.25)


def test_it_learns_to_do_as_the_music_says():
    keras.utils.set_random_seed(5)
    model = Choreographer(dataclasses.replace(TINY, components=1, dropout=0.0), seed=5)
    model.compile(optimizer=keras.optimizers.Adam(3e-3, clipnorm=1.0))
    random, way = np.random.default_rng(5), poses(1, 1, seed=6)[0, 0]
    for _ in range(300):  # where to be next says the cue alone: way at energy 1, -way at -1
        x = poses(8, 6, seed=int(random.integers(10**6)))
        energy = np.broadcast_to(random.choice([-1.0, 1.0], (8, 1, 1)), (8, 6, 1))
        cues = np.concatenate([np.zeros((8, 6, TINY.cues - 2)), energy, np.ones((8, 6, 1))], axis=-1)
        model.train_on_batch((x, (energy * way).astype("float32"), cues.astype("float32")))
    made = numpy(model((x, None, cues.astype("float32"))).mean)[:, :, 0]
    followed = (made * energy * way).sum(axis=-1) / (way**2).sum()
    assert followed.mean() == pytest.approx(1, abs=0.25)
    assert followed.min() > 0
