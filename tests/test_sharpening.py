"""The adversarial finish: what the discriminator sees, who learns from what, and when the result is kept."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from learned import copy_of, here, prints, trained_run

from dancenet.evaluation.reconstruction import gradient_energy, halved
from dancenet.networks import convolutional
from dancenet.presets import VAE_PRESETS
from dancenet.runs import Run
from dancenet.stages import practice
from dancenet.stages.sharpening import LESS, REACH, STEADY, TOLERANCE_DB, Sharpener, _mean, _scored
from dancenet.trained import load_trained
from dancenet.vae import VAE


@pytest.mark.parametrize("size", [(120, 208, 3), (48, 64, 1), (50, 35, 3)])
def test_one_verdict_per_patch(size):
    verdict, *features = convolutional.patch_discriminator(*size)(np.zeros((2, *size), "float32"))
    rows, columns = (-(-side // convolutional.PATCH) for side in size[:2])
    assert verdict.shape == (2, rows, columns, 1)
    assert len(features) == 4


def test_half_size_pictures_keep_edges_and_lose_the_noise_of_single_pixels():
    edge = np.zeros((1, 40, 60, 1), "uint8")
    edge[:, :, 30:] = 255
    noise = np.random.default_rng(0).integers(0, 2, (1, 40, 60, 1), dtype="uint8") * 255
    assert halved(edge).shape == (1, 20, 30, 1)
    small = [gradient_energy(halved(part).astype("float32") / 255) for part in (edge, noise)]
    full = [gradient_energy(part.astype("float32") / 255) for part in (edge, noise)]
    assert small[0] > full[0], "the same edge in half the pixels"
    assert small[1] < full[1] / 3
    assert halved(np.zeros((2, 7, 9, 3), "uint8")).shape == (2, 3, 4, 3)


@pytest.fixture
def sharpener():
    vae = VAE(VAE_PRESETS["tiny"], 32, 48, 1, foreground_share=0.2)
    model = Sharpener(vae)
    model.compile(optimizer=keras.optimizers.SGD(1.0))
    return model


def batch(seed=0):
    random = np.random.default_rng(seed)
    frames = random.integers(0, 255, (4, 32, 48, 1), dtype="uint8")
    latents = random.standard_normal((4, 128)).astype("float32")
    return frames, np.zeros_like(frames), latents, latents[:2]


def test_the_decoder_learns_and_the_encoder_stays(sharpener):
    before = [weight.numpy().copy() for weight in sharpener.vae.encoder.weights]
    decoder = [weight.numpy().copy() for weight in sharpener.vae.decoder.trainable_weights]
    judge = [weight.numpy().copy() for weight in sharpener.discriminator.trainable_weights]
    sharpener.train_on_batch(batch())
    sharpener.train_on_batch(batch())
    for weight, kept in zip(sharpener.vae.encoder.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), kept)
    for weights, was in ((sharpener.vae.decoder, decoder), (sharpener.discriminator, judge)):
        moved = [np.abs(w.numpy() - k).max() for w, k in zip(weights.trainable_weights, was, strict=True)]
        assert max(moved) > 0


def test_the_discriminator_learns_from_its_own_loss_alone(sharpener, monkeypatch):
    """What makes the decoder look real must not teach the discriminator to call made pictures real."""
    import dancenet.stages.sharpening as module

    moved = []
    for adversarial in (0.1, 100.0):
        monkeypatch.setattr(module, "ADVERSARIAL", adversarial)
        monkeypatch.setattr(module, "FEATURES", adversarial)
        start = [weight.numpy().copy() for weight in sharpener.discriminator.trainable_weights]
        drawn = [weight.numpy().copy() for weight in sharpener.vae.decoder.trainable_weights]
        model = Sharpener(sharpener.vae)
        model.discriminator.set_weights(sharpener.discriminator.get_weights())
        model.compile(optimizer=keras.optimizers.SGD(1e-3))
        model.train_on_batch(batch())
        moved.append(
            [w.numpy() - s for w, s in zip(model.discriminator.trainable_weights, start, strict=True)]
        )
        for weight, value in zip(sharpener.vae.decoder.trainable_weights, drawn, strict=True):
            weight.assign(value)
    for little, much in zip(*moved, strict=True):
        np.testing.assert_allclose(little, much, atol=1e-6)


def test_patches_without_a_dancer_hardly_count(sharpener):
    frames = np.zeros((1, 32, 48, 1), "float32")
    frames[:, 4:12, 4:12] = 1.0
    weights = ops.convert_to_numpy(sharpener._weights(frames - sharpener.vae.base_frame))[0, :, :, 0]
    np.testing.assert_allclose(weights, [[1.02, 0.02, 0.02], [0.02, 0.02, 0.02]], atol=1e-5)


def test_the_discriminator_looks_at_the_window_around_the_dancer():
    vae = VAE(VAE_PRESETS["tiny"], 32, 64, 1, window=(32, 32), foreground_share=0.2)
    model = Sharpener(vae)
    assert model.discriminator.input_shape == (None, 32, 32, 1)
    frames = np.zeros((2, 32, 64, 1), "float32")
    frames[:, 12:20, 44:52] = 1.0
    place = np.zeros((2, 128), "float32")
    place[1, 0] = 1.0  # a quarter of the picture's width to the right of its middle
    middle, aside = ops.convert_to_numpy(model._views(frames, vae.base_frame, place))[..., 0]
    np.testing.assert_allclose(aside[12:20, 12:20], 1.0, atol=1e-5)
    assert aside.sum() == pytest.approx(64, abs=1e-3)
    assert middle[:, 4:28].sum() < 1, "in the middle stands nobody"


def test_a_steep_verdict_costs_the_discriminator_more(sharpener):
    views = np.random.default_rng(0).random((4, 32, 48, 1)).astype("float32")

    def losses():
        """Of the same views as real and as made ones: in all, and by the hinge alone."""
        verdict, weights = sharpener._judged(views, frozen=False)[0], sharpener._weights(views)
        hinge = _mean(ops.relu(1.0 - verdict), weights) + _mean(ops.relu(1.0 + verdict), weights)
        return float(sharpener._discriminated(views, [views[:2], views[2:]])[0]), float(hinge)

    flat, hinge = losses()
    for weight in sharpener.discriminator.trainable_weights:
        weight.assign(2.0 * weight)
    steep, steep_hinge = losses()
    assert flat > hinge
    assert steep - steep_hinge > 100 * (flat - hinge)


def test_a_grid_on_the_wall_counts(sharpener):
    """Errors of two levels in 255 are nothing when squared, and seen."""
    frames, backgrounds, latents, danced = batch()
    frames = backgrounds = np.full_like(frames, 200)
    grid = np.where(np.indices(frames.shape).sum(axis=0) % 4, 200, 202) / np.float32(255)
    losses = []
    for made in (frames / np.float32(255), grid.astype("float32")):
        sharpener.compute_loss((frames, backgrounds, latents, danced), y_pred=(made, made[:2]))
        losses.append(float(sharpener.means["loss"].result()))
        sharpener.means["loss"].reset_state()
    assert losses[1] > losses[0] + 1


def test_pressure_falls_where_pictures_suffer_and_rises_again(sharpener):
    seen = []
    much = STEADY + REACH
    for lost in (0.0, much, much, STEADY, STEADY - REACH, STEADY + 0.1, STEADY + 0.1001):
        sharpener.ease(lost * TOLERANCE_DB)
        seen.append(float(sharpener.pressure.numpy()))
    powers = [0, 1, 2, 2, 1, 1.5, 2.0005]
    np.testing.assert_allclose(seen, [LESS**power for power in powers], rtol=1e-5)


def test_sharper_pictures_that_have_lost_too_much_are_no_candidates():
    before = {"foreground_psnr_db": 20.0, "dance_sharpness": 0.5}
    held = _scored({"foreground_psnr_db": 20 - TOLERANCE_DB + 0.01, "dance_sharpness": 0.8}, before)
    lost = _scored({"foreground_psnr_db": 20 - TOLERANCE_DB - 0.01, "dance_sharpness": 1.0}, before)
    noisy = _scored({"foreground_psnr_db": 20.0, "dance_sharpness": 1.6}, before)
    assert held["holds"]
    assert held["score"] == pytest.approx(0.2)
    assert not lost["holds"]
    assert held["score"] < noisy["score"] < lost["score"]


def test_poses_of_a_choreographer_that_has_hardly_trained_are_led_back(monkeypatch, tmp_path):
    film = np.random.default_rng(0).normal(0, 1, (50, 4)).astype("float32")
    danced = np.array([[0.1, 0.2, 0.3, 0.4], [3e38, 0, 0, -9], [-np.inf, 0, 0, 0], [0, np.nan, 0, 0]], "f")
    dancer = SimpleNamespace(dances=lambda options, seeds: [SimpleNamespace(latents=danced) for _ in seeds])
    monkeypatch.setattr(practice, "Dancer", lambda base: dancer)
    base = SimpleNamespace(packed=SimpleNamespace(fps=15.0), latents=SimpleNamespace(mean=film))
    kept = practice.kept_poses(base, 0, tmp_path / "danced.npy")
    assert len(kept) == practice.DANCES * len(danced)
    assert np.abs(kept).max() < 3 * np.ptp(film, axis=0).max(), "led back; and every one is a number"
    assert (kept == danced[0]).all(axis=1).sum() == practice.DANCES, "the others are as they were danced"
    np.testing.assert_array_equal(practice.kept_poses(base, 0, tmp_path / "danced.npy"), kept)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.mark.slow
def test_dances_become_sharper_and_everything_else_stays(learned, tmp_path):
    content = json.loads((learned / "sharpen.json").read_text())
    before, after = content["figures"]["before"], content["figures"]["after"]
    nearer = abs(1 - after["dance_sharpness"]) < abs(1 - before["dance_sharpness"])
    holds = after["foreground_psnr_db"] >= before["foreground_psnr_db"] - TOLERANCE_DB
    assert content["kept"] == (nearer and holds)
    assert (learned / "sharpen" / "vae.weights.h5").is_file() == content["kept"]
    plain, current = load_trained(Run(learned), sharp=False), load_trained(Run(learned))
    assert current.sharp == content["kept"]
    assert current.measures == {
        name: content[name]
        for name in ("pace", "reach", "middle", "homing", "balance", "restlessness", "farthest")
    }
    np.testing.assert_array_equal(plain.latents.mean, current.latents.mean)
    run = copy_of(learned, tmp_path / "run")
    made = prints(run)
    options = ("--preset", "tiny", "--epochs", content["budget"]["epochs"])
    assert here("train", "sharpen", "--run", run, *options) == 0
    assert prints(run) == made, "a finished stage is not done again"


@pytest.mark.slow
@pytest.mark.usefixtures("fewer_dances")
def test_a_choreographer_that_is_another_one_leaves_sharpening_stale(learned, tmp_path, capfd):
    run = copy_of(learned, tmp_path / "run")
    # another seed: two more epochs may well leave the best weights as they were
    options = ("--preset", "tiny", "--epochs", 2, "--seed", 5, "--fresh")
    assert here("train", "choreographer", "--run", run, *options) == 0
    assert not load_trained(Run(run)).sharp
    capfd.readouterr()
    assert here("info", "--run", run, "--json") == 0
    assert json.loads(capfd.readouterr().out)["stages"]["sharpen"]["stale"]
