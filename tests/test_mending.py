"""Poses are mended: what a choreographer shows becomes what the encoder sees of it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops
from learned import copy_of, here, trained_run

from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE, DanceOptions
from dancenet.dancing.rollout import CHUNK, Rollout
from dancenet.directing.director import Director, Style
from dancenet.errors import DancenetError
from dancenet.fitting.checkpoints import keep_mender, load_mender
from dancenet.generation import Dancer
from dancenet.networks.centring import PLACE
from dancenet.networks.mender import Mender
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.runs import Run
from dancenet.sequences import frame_indices, split_takes
from dancenet.stages import mending
from dancenet.trained import load_trained

RANDOM = np.random.default_rng(0)


def a_mender(kept=2, units=7):
    size = LATENT_SIZE - kept
    shapes = [(size, units), (units, units), (units, size)]
    kernels = [RANDOM.normal(0, 0.1, shape) for shape in shapes]
    return Mender(kernels, [RANDOM.normal(0, 0.1, shape[1]) for shape in shapes], kept)


def shifting(by=0.5):
    """A mender that moves every latent."""
    return Mender([np.zeros((LATENT_SIZE, 1)), np.zeros((1, LATENT_SIZE))], [np.zeros(1), np.full(128, by)])


def test_a_mender_is_a_network_whose_outcome_is_added():
    mender, poses = a_mender(), RANDOM.normal(size=(2, 3, LATENT_SIZE)).astype("float32")
    one, two, three = mender.kernels
    x = np.maximum(poses[..., 2:] @ one + mender.biases[0], 0)
    x = np.maximum(x @ two + mender.biases[1], 0) @ three + mender.biases[2]
    made = ops.convert_to_numpy(mender(poses))
    np.testing.assert_allclose(made[..., 2:], poses[..., 2:] + x, atol=1e-5)
    np.testing.assert_array_equal(made[..., :2], poses[..., :2], "the place is where it was")


def test_a_mender_is_kept_and_read_again(tmp_path):
    mender, path = a_mender(), tmp_path / "mender.npz"
    assert load_mender(path) is None, "runs from before there were menders have none"
    assert Mender.of({"other": np.ones(3)}) is None
    keep_mender(mender, path)
    again, poses = load_mender(path), RANDOM.normal(size=(4, LATENT_SIZE)).astype("float32")
    np.testing.assert_array_equal(again(poses), mender(poses))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DancenetError, match=r"mender\.npz is damaged"):
        load_mender(path)
    np.savez(path, other=np.ones(3))
    with pytest.raises(DancenetError, match="holds no mender"):
        load_mender(path)
    keep_mender(None, path)
    assert not path.exists()


def test_what_is_shown_is_mended_and_the_dance_goes_on_from_what_was_drawn():
    model = Choreographer(CHOREOGRAPHER_PRESETS["tiny"])
    opening = RANDOM.normal(size=(1, 3, LATENT_SIZE)).astype("float32")

    def danced(**options):
        made = Rollout(model, **options).poses(opening, [3], temperature=0.5, stray=0.3)
        return np.concatenate([next(made), next(made)])  # the second chunk goes on from the first

    plain, drawn = danced(), danced(as_drawn=True)
    model.mender = shifting()
    np.testing.assert_allclose(danced(), plain + 0.5, atol=1e-5)
    np.testing.assert_array_equal(danced(as_drawn=True), drawn)
    assert len(plain) > CHUNK


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.mark.slow
def test_mended_poses_are_nearer_to_what_is_seen_of_them(learned):
    trained = load_trained(Run(learned), sharp=False)
    trained.choreographer.mender = None
    indices = frame_indices(split_takes(trained.packed)[0])
    mender, figures = mending.learned(trained, indices, 0)
    assert figures["left"] < 0.8 * figures["off"]
    kept = PLACE if trained.vae.window else 0
    # as it goes on: which of several ways is danced depends on the poses that are shown
    options = DanceOptions(seconds=4, fps=15, continuations=1)
    before = Dancer(trained).dances(options, [77])[0].latents
    trained.choreographer.mender = mender
    after = Dancer(trained).dances(options, [77])[0].latents
    seen = mending.seen_again(trained, before, kept)
    np.testing.assert_array_equal(seen[:, :kept], before[:, :kept])
    scale = trained.latents.scale
    off, left = (np.sqrt(np.mean(((one - seen) / scale) ** 2)) for one in (before, after))
    assert left < off
    film = trained.latents.standardise(trained.latents.mean[indices]).astype("float32")
    moved = np.sqrt(np.mean((np.asarray(mender(film)) - film) ** 2))
    assert moved < 0.5 * figures["off"], "poses of the film hardly move"
    trained.choreographer.mender = None
    again = mending.learned(trained, indices, 0)
    assert again[1] == figures, "the same poses and seed give the same mender"
    for one, same in zip(again[0].kernels, mender.kernels, strict=True):
        np.testing.assert_array_equal(one, same)


@pytest.mark.slow
def test_steered_dances_and_those_along_a_phrase_are_mended(learned, monkeypatch):
    trained = load_trained(Run(learned))
    latents, style = trained.latents.mean, Style(seed=4)
    shift = 0.5 * trained.latents.scale

    def danced(mender):
        trained.choreographer.mender = mender
        director, times = Director(trained, particles=4), np.arange(1, 13) / 15
        steered = director._steer(
            latents[:30], latents[60:72], np.arange(12)[::-1], np.ones((12, 4), "float32"), times, style, 0
        )
        return steered, director.follow(latents[:30], latents[60:72], np.array([0.1]), times, style)

    for plain, shifted in zip(danced(None), danced(shifting()), strict=True):
        np.testing.assert_allclose(shifted, plain + shift, atol=1e-3)


@pytest.mark.slow
def test_sharpening_leaves_a_mender_that_dances_and_directed_dances_use(learned, tmp_path, capfd):
    content = json.loads((learned / "sharpen.json").read_text())
    assert content["mended"]["left"] < content["mended"]["off"]
    trained = load_trained(Run(learned))
    mender = trained.choreographer.mender
    assert mender is not None
    opening, times = trained.latents.mean[:30], np.arange(1, 20) / 15
    with_it = Director(trained).free(opening, times, Style(seed=4))
    trained.choreographer.mender = None
    without = Director(trained).free(opening, times, Style(seed=4))
    mended = np.asarray(mender(trained.latents.standardise(without).astype("float32")))
    np.testing.assert_allclose(with_it, trained.latents.restore(mended), atol=1e-4)
    run = copy_of(learned, tmp_path / "run")
    (run / "sharpen" / "mender.npz").write_bytes(b"no mender")
    assert here("generate", "dance", "--run", run, "--out", tmp_path / "o.mp4", "--seconds", 1) == 2
    assert "dancenet train sharpen --fresh" in capfd.readouterr().err


def test_several_dancers_are_not_mended():
    several = SimpleNamespace(vae=SimpleNamespace(bodies=3))
    assert mending.learned(several, np.arange(9), 0) == (None, {})
