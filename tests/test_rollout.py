import itertools

import keras
import numpy as np
import pytest

from dancenet import mixture
from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE
from dancenet.dancing.rollout import CHUNK, Rollout, noise_of
from dancenet.generation import resample, typical_start
from dancenet.latents import Latents
from dancenet.networks.centring import ACROSS
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.rendering import scaled

TINY = CHOREOGRAPHER_PRESETS["tiny"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = Choreographer(TINY)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:  # untrained, it would soon stand still
        if "skip" not in variable.path:
            variable.assign(variable + 0.1 * random.standard_normal(variable.shape))
    return model


@pytest.fixture(scope="module")
def rollout(model):
    return Rollout(model, as_drawn=True)


def opening(steps=10, batch=1, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, steps, LATENT_SIZE)).astype("float32")


def dance(rollout, start, seeds, chunks=2, temperature=0.5, stray=0.5, cues=None):
    made = rollout.poses(start, seeds, temperature=temperature, stray=stray, cues=cues)
    return np.concatenate(list(itertools.islice(made, chunks)))


@pytest.mark.parametrize("cued", [0, 40, 300])
def test_it_is_the_model_called_on_its_own_dance(model, rollout, cued):
    # teacher forcing on opening + dance, across a chunk's boundary, with the same noise and cues
    start, seed = opening(), 7
    cues = np.random.default_rng(2).normal(size=(cued, 1, TINY.cues)).astype("float32")
    made = dance(rollout, start, [seed], cues=cues if cued else None)[:, 0]
    assert made.shape == (2 * CHUNK - 9, LATENT_SIZE)
    sequence = np.concatenate([start[0], made])
    seen = np.zeros(
        (1, len(sequence) - 1, TINY.cues), "float32"
    )  # none before the dance, none after the cues
    known = cues[: len(made), 0]
    seen[0, 9 : 9 + len(known)] = known
    predicted = model((sequence[None, :-1], None, seen))
    chunks = [noise_of([seed], i, TINY) for i in (0, 1)]
    noise = mixture.Noise(*(np.concatenate(parts)[:, 0] for parts in zip(*chunks, strict=True)))
    predicted = mixture.MixtureParameters(*(keras.ops.convert_to_numpy(part)[0] for part in predicted))
    expected = mixture.draw(predicted, noise, 0.5, 0.5)
    np.testing.assert_allclose(made, keras.ops.convert_to_numpy(expected)[9:], atol=1e-3)
    assert np.abs(np.diff(made, axis=0)).mean() > 0.01, "and it moves"


def test_shown_is_the_middle_of_each_pose_and_the_one_before(model, rollout):
    start = opening(CHUNK + 5, batch=2)
    drawn, shown = (dance(roll, start, [3, 4], chunks=3) for roll in (rollout, Rollout(model)))
    before = np.concatenate([start[:, -1][None], drawn[:-1]])
    np.testing.assert_allclose(shown, 0.5 * (before + drawn), atol=1e-5)
    assert np.abs(np.diff(shown, n=2, axis=0)).mean() < 0.7 * np.abs(np.diff(drawn, n=2, axis=0)).mean()


def test_opening_longer_than_a_chunk_warms_all_of_the_state(model, rollout):
    start = opening(CHUNK + 20)
    made = dance(rollout, start, [3], chunks=1)[:, 0]  # of the first chunk nothing is left
    assert len(made) == 2 * CHUNK - (CHUNK + 19)
    state = model.initial_state(1)
    for t in range(start.shape[1]):
        predicted, state = model.step(start[:, t], state, model.no_cues(1))
    noise = mixture.Noise(*(part[19] for part in noise_of([3], 1, TINY)))
    first = mixture.draw(predicted, noise, 0.5, 0.5)
    np.testing.assert_allclose(made[0], keras.ops.convert_to_numpy(first)[0], atol=1e-3)


def test_the_same_seed_is_the_same_dance_and_another_one_another(rollout):
    start = opening()
    once, again, other = (dance(rollout, start, [seed]) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).mean() > 0.05


def test_a_longer_dance_begins_as_the_shorter_one(rollout):
    start = opening()
    short, long = (dance(rollout, start, [5], chunks=chunks) for chunks in (1, 3))
    np.testing.assert_array_equal(short, long[: len(short)])
    assert len(long) == 3 * CHUNK - 9
    assert np.isfinite(long).all()


def test_dances_made_together_are_those_made_alone(rollout):
    start, seeds = opening(), [4, 9, 2]
    together = dance(rollout, np.repeat(start, 3, axis=0), seeds, chunks=1)
    for i, seed in enumerate(seeds):
        np.testing.assert_allclose(together[:, i], dance(rollout, start, [seed], chunks=1)[:, 0], atol=2e-3)


def test_without_temperature_and_stray_seeds_do_not_matter(rollout):
    start = opening()
    first, second = (dance(rollout, start, [seed], temperature=0, stray=0) for seed in (1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(dance(rollout, start, [1], temperature=0, stray=0.3) - first).max() > 0.1


def test_noise_is_standard_and_differs_from_chunk_to_chunk():
    made = [noise_of([1, 2], chunk, TINY) for chunk in range(40)]
    gumbel, along, normal = (np.concatenate(part) for part in zip(*made, strict=True))
    assert gumbel.shape == (40 * CHUNK, 2, TINY.components)
    assert along.shape == (40 * CHUNK, 2, TINY.directions)
    assert normal.shape == (40 * CHUNK, 2, LATENT_SIZE)
    for standard, near in ((along, 0.03), (normal, 0.01)):
        assert standard.mean() == pytest.approx(0, abs=near)
        assert standard.std() == pytest.approx(1, abs=near)
    assert gumbel.mean() == pytest.approx(np.euler_gamma, abs=0.04)
    assert np.abs(np.corrcoef(normal[:, 0].ravel(), normal[:, 1].ravel())[0, 1]) < 0.01
    assert np.abs(normal[:CHUNK] - normal[CHUNK : 2 * CHUNK]).max() > 1


def test_no_two_chunks_of_any_continuations_have_the_same_noise():
    seeds = [5, *((5, way) for way in range(1, 8)), 6, (6, 1)]
    made = np.concatenate([noise_of(seeds, chunk, TINY).normal[0] for chunk in range(9)])
    assert len(np.unique(made[:, 0])) == 9 * len(seeds)


def test_resampled_path_hits_every_pose_and_never_overshoots():
    poses = np.random.default_rng(2).normal(size=(31, 8)).astype("float32")
    path = resample(poses, 15.0, np.arange(121) / 60)
    assert path.shape == (121, 8)
    assert path.dtype == np.float32
    np.testing.assert_allclose(path[::4], poses, atol=1e-6)
    for between in (1, 2, 3):
        low, high = np.minimum(poses[:-1], poses[1:]), np.maximum(poses[:-1], poses[1:])
        assert (path[between::4] >= low - 1e-6).all()
        assert (path[between::4] <= high + 1e-6).all()
    np.testing.assert_array_equal(resample(poses, 15.0, np.arange(20) / 15), poses[:20])
    line = np.arange(31, dtype="float32")[:, None] * [1.0, -2.0]
    np.testing.assert_allclose(
        resample(line, 15.0, np.arange(48) / 24), np.arange(48)[:, None] / 24 * 15 * [1, -2], atol=1e-4
    )


def test_resampling_ends_at_the_last_pose():
    poses = np.random.default_rng(2).normal(size=(5, 3)).astype("float32")
    np.testing.assert_array_equal(resample(poses, 10.0, np.array([0.4, 0.41, 9.0])), poses[[4, 4, 4]])


def test_resampled_path_does_not_depend_on_what_comes_two_poses_later():
    poses = np.random.default_rng(3).normal(size=(40, 4)).astype("float32")
    # 31 frames at 30 fps end at second 1, which is pose 15; two poses more are there
    np.testing.assert_allclose(
        resample(poses[:17], 15.0, np.arange(31) / 30), resample(poses, 15.0, np.arange(31) / 30), atol=1e-6
    )


def test_scaling_gives_the_size_asked_for():
    frame = np.random.default_rng(4).integers(0, 256, (20, 31, 1), "uint8")
    assert scaled(frame, 1.0) is frame
    assert scaled(frame, 2.0).shape == (40, 62, 1)
    assert scaled(np.repeat(frame, 3, axis=2), 0.5).shape == (10, 16, 3)
    np.testing.assert_array_equal(scaled(np.full((8, 8, 3), 77, "uint8"), 3.0), np.full((24, 24, 3), 77))


def test_typical_start_is_the_opening_nearest_to_the_mean():
    mean = np.zeros((90, LATENT_SIZE), "float32")
    for clip, level in enumerate((5.0, 1.0, -4.0)):  # mean 0.67: the second is nearest
        mean[30 * clip : 30 * clip + 30] = level
    latents = Latents(
        mean, mean, mean[:0], mean[:0], center=np.zeros(LATENT_SIZE), scale=np.ones(LATENT_SIZE),
        clip_starts=np.array([0, 30, 60]), clip_lengths=np.array([30, 30, 30]), fps=np.array(15.0),
    )  # fmt: skip
    assert typical_start(latents, 12) == (1, 42)
    assert typical_start(latents, 100) == (1, 60)


def test_what_would_grow_without_end_stays_within_the_film():
    model = Choreographer(TINY)
    model.skip.kernel.assign(2.5 * model.skip.kernel)  # a linear autoregression that grows
    free = dance(Rollout(model), opening(), [3])
    assert not np.abs(free[-1]).max() < 1e9
    model.farthest = 20.0
    bound = dance(Rollout(model), opening(), [3])
    lengths = np.linalg.norm(bound, axis=-1)
    assert 18 < lengths[-20:].min() <= lengths[-20:].max() < 24, "as far as it may, and what chance adds"


def test_who_rolls_as_many_out_again_has_it_compiled_already(model):
    start = opening(batch=2)
    stays = dance(Rollout(model), start, [3, 4])
    compiled = set(model.__dict__["_compiled_calls"])
    with model.coming_home(0.5, 0.2):
        comes = dance(Rollout(model), start, [3, 4])
    np.testing.assert_array_equal(dance(Rollout(model), start, [3, 4]), stays)
    assert set(model.__dict__["_compiled_calls"]) == compiled
    spreads = [np.square(made[..., ACROSS]).mean() for made in (comes, stays)]
    assert spreads[0] < 0.7 * spreads[1], "what is taken back is no part of what is compiled"
