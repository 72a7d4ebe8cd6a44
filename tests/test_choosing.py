"""A dance is where the dancer is, as often: the repertoire, and choosing among continuations."""

import itertools
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from learned import here, trained_run

from dancenet.config import LATENT_SIZE, DanceOptions
from dancenet.current import joint_is_current
from dancenet.dancing.choosing import Chooser
from dancenet.dancing.in_time import free_cues
from dancenet.dancing.rollout import CHUNK, Rollout, noise_of
from dancenet.generation import Dancer, load
from dancenet.latents import Latents
from dancenet.mixture import Noise, draw
from dancenet.repertoire import Nearest, Repertoire
from dancenet.runs import Run
from dancenet.sequences import frame_indices, split_takes
from dancenet.stages.waiting import dancing
from dancenet.trained import load_trained

#: Two poses far from one another, standardised.
A, B = np.full(LATENT_SIZE, -1.0), np.full(LATENT_SIZE, 1.0)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def dancer(learned):
    return load(learned)


def film(mean):
    nothing = mean[None][:0]
    return Latents(
        mean.astype("float32"), np.zeros_like(mean), nothing, nothing,
        center=np.ones(LATENT_SIZE), scale=np.full(LATENT_SIZE, 2.0),
        clip_starts=np.array([0]), clip_lengths=np.array([len(mean)]), fps=np.array(15.0),
    )  # fmt: skip


def test_a_repertoire_is_where_the_film_is_and_how_often():
    random = np.random.default_rng(0)
    places = random.normal(size=(5, LATENT_SIZE))
    # each frame near one of five places, a share of them each, and as many that nobody asks about
    which = np.repeat(np.arange(5), [500, 250, 125, 75, 50])
    mean = 1 + 2 * (places[which] + 0.01 * random.normal(size=(1000, LATENT_SIZE)))
    latents = film(np.concatenate([mean, np.full((1000, LATENT_SIZE), 50.0)]))
    found = Repertoire.of(latents, np.arange(1000))
    assert len(found.frames) == len(found.shares) <= 64
    assert max(found.frames) < 1000
    assert sum(found.shares) == pytest.approx(1, abs=1e-3)
    at = np.bincount(which[list(found.frames)], found.shares)
    np.testing.assert_allclose(at, [0.5, 0.25, 0.125, 0.075, 0.05], atol=1e-3)
    near = found.nearest(latents)
    assert len(near) == len(found.frames)
    np.testing.assert_array_equal(near((latents.mean[list(found.frames)] - 1) / 2), np.arange(len(near)))
    assert Repertoire.told(json.loads(json.dumps(found.as_told))) == found
    assert Repertoire.told(None) is None


def test_of_a_short_film_each_frame_is_a_pose():
    found = Repertoire.of(film(np.random.default_rng(0).normal(size=(9, LATENT_SIZE))), np.arange(3, 9))
    assert found.frames == (3, 4, 5, 6, 7, 8)
    np.testing.assert_allclose(found.shares, 1 / 6, atol=1e-4)


def test_of_a_film_that_stands_still_one_pose_is_left():
    found = Repertoire.of(film(np.ones((30, LATENT_SIZE))), np.arange(30))
    assert len(found.frames) == 1
    assert found.shares == (1.0,)


@pytest.mark.slow
def test_the_same_film_has_the_same_repertoire(dancer):
    trained = dancer.trained
    made = [Repertoire.of(trained.latents, np.arange(len(trained.latents.mean))) for _ in range(3)]
    assert made[0] == made[1] == made[2]
    assert 32 < len(made[0].frames) <= 64


@pytest.mark.slow
@pytest.mark.parametrize("sharp", [False, True])
def test_training_tells_the_repertoire_of_the_takes_it_learned_from(learned, sharp):
    run = Run(learned)
    plain = "joint" if joint_is_current(run) else "choreographer"
    trained, stage = load_trained(run, sharp=sharp), run.read("sharpen" if sharp else plain)
    assert json.loads(json.dumps(trained.told)) == {name: stage[name] for name in trained.told}
    # pauses at the ends of takes are left out of it
    danced = frame_indices(dancing(trained.latents, split_takes(trained.packed)[0]))
    assert set(trained.repertoire.frames) <= set(danced.tolist())
    near = trained.repertoire.nearest(trained.latents)
    seen = near(trained.latents.standardise(trained.latents.mean[danced]))
    shares = np.bincount(seen, minlength=len(near)) / len(danced)
    # of a place between two poses the last digit of the stage's width may decide
    np.testing.assert_allclose(shares, trained.repertoire.shares, atol=2.5 / len(danced))


def test_the_nearest_pose_is_found_for_any_number_of_poses():
    random = np.random.default_rng(0)
    poses, known = random.normal(size=(3, 4, LATENT_SIZE)), random.normal(size=(7, LATENT_SIZE))
    expected = np.linalg.norm(poses[..., None, :] - known, axis=-1).argmin(axis=-1)
    np.testing.assert_array_equal(Nearest(known)(poses), expected)


def test_what_hardly_differs_between_poses_does_not_say_which_is_near():
    random = np.random.default_rng(0)
    known = np.concatenate([random.normal(size=(64, 24)), 1e-3 * random.normal(size=(64, 104))], axis=1)
    noise = np.concatenate([np.zeros((64, 24)), random.normal(size=(64, 104))], axis=1)
    np.testing.assert_array_equal(Nearest(known)(known + noise), np.arange(64))


def ways(*shares, steps=40):
    """(T, 1, C, D): for each continuation the share of its poses that are near A; the others are near B."""
    near_a = np.arange(steps)[:, None] < steps * np.array(shares)
    return np.where(near_a[:, None, :, None], A, B)


def test_the_dance_goes_where_it_has_been_too_seldom():
    chooser = Chooser(Nearest(np.stack([A, B])), np.array([0.5, 0.5]), dances=1, continuations=3, memory=1e9)
    assert chooser.best(ways(1.0, 0.25, 0.4)) == [2], "nearest to a half of its time"
    assert chooser.best(ways(0.5, 0.6, 0.1)) == [1], "it has been at B more often until now"
    assert chooser.best(ways(0.5, 0.5, 0.5)) == [0], "where all are alike it goes on as it comes"
    forgetful = Chooser(
        Nearest(np.stack([A, B])), np.array([0.5, 0.5]), dances=1, continuations=3, memory=5.0
    )
    forgetful.best(ways(0.0, 0.0, 0.0, steps=400))
    assert forgetful.best(ways(0.5, 0.9, 1.0)) == [0], "long ago does not count"
    chooser.best(ways(0.0, 0.0, 0.0, steps=400))
    assert chooser.best(ways(0.5, 0.9, 1.0)) == [2], "it does for who forgets nothing"


def test_each_dance_is_chosen_for_by_itself():
    chooser = Chooser(
        Nearest(np.stack([A, B])), np.array([0.75, 0.25]), dances=2, continuations=2, memory=1e9
    )
    both = np.concatenate([ways(1.0, 0.7), ways(0.8, 0.0)], axis=1)
    np.testing.assert_array_equal(chooser.best(both), [1, 0])


class Fixed:
    """Chooses what it is told, chunk by chunk."""

    continuations = 3

    def __init__(self, *best):
        self.next = iter(best)

    def best(self, made):
        assert made.shape[1:] == (2, 3, LATENT_SIZE)
        return np.array(next(self.next))


@pytest.mark.slow
def test_the_first_continuation_is_the_plain_dance_and_the_others_are_its_own(dancer):
    model, trained = dancer.trained.choreographer, dancer.trained
    rollout = Rollout(model, as_drawn=True)
    start = trained.latents.standardise(trained.latents.mean[:9]).astype("float32")
    start = np.repeat(start[None], 2, axis=0)
    cues = np.repeat(free_cues(200).features()[:, None, : model.preset.cues], 2, axis=1)
    shares = {"temperature": 0.5, "stray": 0.5, "cues": cues}

    def dances(seeds, chooser=None):
        made = rollout.poses(start, seeds, **shares, chooser=chooser)
        return np.concatenate(list(itertools.islice(made, 2)))

    plain, free = dances([3, 4]), CHUNK - 8
    first = dances([3, 4], Fixed([0, 0], [0, 0]))
    np.testing.assert_allclose(first, plain, atol=2e-3)
    # the second dance goes another way from the first pose, the first from the second chunk on
    mixed = dances([3, 4], Fixed([0, 2], [1, 2]))
    np.testing.assert_allclose(mixed[:, 1], dances([3, (4, 2)])[:, 1], atol=2e-3)
    np.testing.assert_allclose(mixed[:free, 0], plain[:free, 0], atol=2e-3)
    assert np.abs(mixed[free:, 0] - plain[free:, 0]).max() > 0.05
    # what the network remembers is of the way that was chosen
    for number, way in enumerate(((3, 1), (4, 2))):
        state = model.initial_state(1)
        for pose in [*start[number], *mixed[:free, number]]:
            predicted, state = model.step(pose[None], state, free_cues(1).features()[:, : model.preset.cues])
        noise = Noise(*(part[0] for part in noise_of([way], 1, model.preset)))
        expected = keras.ops.convert_to_numpy(draw(predicted, noise, 0.5, 0.5))[0]
        np.testing.assert_allclose(mixed[free, number], expected, atol=2e-3)


def alike(dances, trained):
    """Mean Bhattacharyya coefficient of where dances are and where the dancer is."""
    known = trained.repertoire
    nearest = known.nearest(trained.latents)
    near = [nearest(trained.latents.standardise(dance.latents)) for dance in dances]
    shares = [np.bincount(each, minlength=len(nearest)) / len(each) for each in near]
    return np.mean([np.sqrt(share * known.shares).sum() for share in shares])


@pytest.mark.slow
def test_dances_are_in_the_dancers_poses_as_often_as_the_dancer(dancer):
    options = DanceOptions(seconds=40)
    seeds = list(range(6))
    chosen, plain = (dancer.dances(replace(options, continuations=count), seeds) for count in (4, 1))
    assert alike(chosen, dancer.trained) > alike(plain, dancer.trained) + 0.01
    other = Dancer(replace(dancer.trained, repertoire=None)).dances(options, seeds)
    for one, two in zip(other, plain, strict=True):
        np.testing.assert_array_equal(one.latents, two.latents)


@pytest.mark.slow
def test_the_command_says_how_many(learned, dancer, tmp_path):
    for count in (1, 4):
        out = tmp_path / f"{count}.mp4"
        options = ("--seconds", 8, "--continuations", count)
        assert here("generate", "dance", "--run", learned, "--out", out, *options) == 0
        with np.load(out.with_suffix(".latents.npz")) as made:
            expected = dancer.dance(8, continuations=count).latents
            np.testing.assert_allclose(made["latents"], expected, atol=1e-3)
        assert json.loads(out.with_suffix(".json").read_text())["dance"]["continuations"] == count
