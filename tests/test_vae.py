import dataclasses

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from dancenet.config import LATENT_SIZE
from dancenet.fitting.checkpoints import load_weights, save_weights
from dancenet.networks import classic
from dancenet.networks.convolutional import PadTo, PixelShuffle, ResidualBlock, padded_size
from dancenet.networks.masks import FOREGROUND_THRESHOLD, RIM, with_rim
from dancenet.networks.optimizer import ConvMuon
from dancenet.networks.read_over import to_be_read
from dancenet.presets import VAE_PRESETS
from dancenet.vae import LOG_VARIANCE_RANGE, VAE, as_unit, kl_divergence

TINY = VAE_PRESETS["tiny"]


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def frames(count=3, height=32, width=48, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, channels), "uint8")


def test_kl_is_the_closed_form_and_what_monte_carlo_finds():
    random = np.random.default_rng(0)
    mean, log_variance = random.normal(size=8), random.uniform(-4, 1, 8)
    made = numpy(kl_divergence(mean.astype("float32"), log_variance.astype("float32")))
    sigma = np.exp(0.5 * log_variance)
    np.testing.assert_allclose(made, -np.log(sigma) + (sigma**2 + mean**2) / 2 - 0.5, rtol=1e-5, atol=1e-6)
    noise = random.standard_normal((400_000, 8))
    drawn = mean + sigma * noise
    log_ratio = (-0.5 * noise**2 - np.log(sigma)) + 0.5 * drawn**2
    np.testing.assert_allclose(made, log_ratio.mean(0), atol=6 * log_ratio.std(0).max() / 400_000**0.5)
    assert numpy(kl_divergence(np.zeros(3, "float32"), np.zeros(3, "float32"))) == pytest.approx(0)


def test_classic_networks_have_the_ancestors_parameter_counts():
    assert classic.classic_encoder(120, 208, 1).count_params() == 1_724_128
    assert classic.classic_decoder(120, 208, 1).count_params() == 1_744_545
    model = VAE(VAE_PRESETS["classic"], 120, 208, 1)
    assert (model.encoder.count_params(), model.decoder.count_params()) == (1_724_128, 1_744_545)
    widths = [layer.filters for layer in model.encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert widths == [128, 64, 32]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("preset", ["tiny", "classic"])
@pytest.mark.parametrize(("height", "width"), [(17, 33), (50, 31), (32, 48)])
def test_frames_of_any_size_come_back_at_that_size(preset, height, width, channels):
    model = VAE(VAE_PRESETS[preset], height, width, channels)
    mean, log_variance, made = model(frames(2, height, width, channels))
    assert made.shape == (2, height, width, channels)
    assert mean.shape == log_variance.shape == (2, LATENT_SIZE)


@pytest.mark.parametrize("preset", VAE_PRESETS)
def test_every_preset_has_128_latents(preset):
    model = VAE(VAE_PRESETS[preset], 48, 32, 1)
    assert model.encoder.output_shape == (None, 2 * LATENT_SIZE)
    assert model.decoder.input_shape == (None, LATENT_SIZE)


def test_pixel_shuffle_moves_channels_into_space():
    # channel r·row + column of a cell becomes the pixel at (row, column) in it; two such sets of channels
    # are interleaved: channel = (row · 2 + column) · C + c
    x = np.arange(2 * 1 * 3 * 8, dtype="float32").reshape(2, 1, 3, 8)
    made = numpy(PixelShuffle(2)(x))
    assert made.shape == (2, 2, 6, 2)
    for b, row, column, c in np.ndindex(made.shape):
        channel = ((row % 2) * 2 + column % 2) * 2 + c
        assert made[b, row, column, c] == x[b, row // 2, column // 2, channel]
    small = np.array([[[[1.0, 2.0, 3.0, 4.0]]]], "float32")
    np.testing.assert_array_equal(numpy(PixelShuffle(2)(small))[0, :, :, 0], [[1, 2], [3, 4]])


def test_padding_mirrors_and_is_centred():
    assert [padded_size(n) for n in (1, 16, 17, 120, 208)] == [16, 16, 32, 128, 208]
    x = np.arange(4, dtype="float32").reshape(1, 2, 2, 1)
    made = numpy(PadTo(4, 3)(x))[0, :, :, 0]
    np.testing.assert_array_equal(made, np.pad(x[0, :, :, 0], ((1, 1), (0, 1)), mode="symmetric"))
    np.testing.assert_array_equal(numpy(PadTo(2, 2)(x)), x)


def test_residual_block_begins_as_identity_and_its_gain_opens_it():
    block = ResidualBlock(4)
    x = np.random.default_rng(1).normal(size=(2, 5, 5, 4)).astype("float32")
    np.testing.assert_array_equal(numpy(block(x)), x)
    block.gain.assign(1.0)
    assert np.abs(numpy(block(x)) - x).max() > 0.01


def test_untrained_decoder_shows_the_base_picture():
    picture = np.random.default_rng(2).uniform(size=(32, 48, 3)).astype("float32")
    model = VAE(TINY, 32, 48, 3, base_frame=picture)
    made = numpy(model.decode(np.random.default_rng(3).normal(size=(2, LATENT_SIZE)).astype("float32")))
    np.testing.assert_allclose(made, np.stack([picture, picture]), atol=1e-6)


def test_a_body_is_drawn_by_its_own_weights_on_its_own_wall():
    walls = np.random.default_rng(2).uniform(size=(3, 32, 48, 3)).astype("float32")
    model = VAE(TINY, 32, 48, 3, bodies=3, base_frame=walls)
    latents = np.random.default_rng(3).normal(size=(3, LATENT_SIZE)).astype("float32")
    np.testing.assert_allclose(numpy(model.decode(latents, np.array([2, 0, 1]))), walls[[2, 0, 1]], atol=1e-6)
    model.body = 1
    np.testing.assert_allclose(numpy(model.decode(latents)), walls[[1, 1, 1]], atol=1e-6)
    assert model.decoder.input_shape == [(None, LATENT_SIZE), (None, 3)]
    shift = model.decoder.get_layer("body_coarse")
    shift.kernel.assign(np.random.default_rng(4).normal(size=shift.kernel.shape))
    last = [layer for layer in model.decoder.layers if isinstance(layer, keras.layers.Conv2D)][-1]
    last.kernel.assign(np.random.default_rng(5).normal(size=last.kernel.shape))
    same = np.repeat(latents[:1], 2, axis=0)
    one, other = numpy(model.decode(same, np.array([0, 2]))) - walls[[0, 2]]
    assert np.abs(one - other).max() > 1e-3, "the same pose, another body"


def test_a_vae_of_one_dancer_knows_of_no_bodies():
    model = VAE(TINY, 32, 48, 3)
    assert model.judge is model.eraser is None
    assert "body_nats" not in model.trackers
    assert not [weight.path for weight in model.weights if "body" in weight.path or "code" in weight.path]
    latents = np.random.default_rng(3).normal(size=(2, LATENT_SIZE)).astype("float32")
    named = numpy(model.decode(latents, np.array([1, 0])))
    np.testing.assert_array_equal(numpy(model.decode(latents)), named)


def test_the_judges_gradient_reaches_the_encoder_reversed():
    """One step down the judged loss: the judge alone loses less, the encoder alone makes it lose more."""
    bodies = np.array([0, 1, 2, 0])

    def nats(model):
        """What the judge loses now, by the closed form."""
        logits = numpy(model.judge(model.encode(as_unit(frames(4)))[0]))
        each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(4), bodies]
        return float(each.mean())

    class Judged(keras.Model):
        """The judged loss alone."""

        def __init__(self, vae):
            super().__init__()
            self.vae, self.built = vae, True

        def call(self, x, training=False):
            return self.vae.encode(as_unit(x))[0]

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return self.vae.judged_nats(y_pred, bodies)

    for learns, sign in (("judge", -1), ("encoder", 1)):
        vae = VAE(TINY, 32, 48, 3, bodies=3)
        for part in ("judge", "encoder", "decoder"):
            getattr(vae, part).trainable = part == learns
        model = Judged(vae)
        model.compile(optimizer=keras.optimizers.SGD(1e-4))
        before = nats(vae)
        model.train_on_batch(frames(4))
        assert sign * (nats(vae) - before) > 0, learns
    assert float(vae.judged_nats(numpy(vae.encode(as_unit(frames(4)))[0]), bodies)) == pytest.approx(
        nats(vae), rel=1e-4
    )


def test_posterior_draws_have_the_posterior_statistics():
    model = VAE(TINY, 16, 16, 1, seed=5)
    mean = np.broadcast_to(np.linspace(-2, 2, LATENT_SIZE, dtype="float32"), (4000, LATENT_SIZE))
    log_variance = np.broadcast_to(np.linspace(-6, 1, LATENT_SIZE, dtype="float32"), (4000, LATENT_SIZE))
    drawn = numpy(model.sample(mean, log_variance))
    sigma = np.exp(0.5 * log_variance[0])
    assert (np.abs(drawn.mean(0) - mean[0]) < 5 * sigma / 4000**0.5).all()
    np.testing.assert_allclose(drawn.std(0), sigma, rtol=0.07)
    assert np.abs(numpy(model.sample(mean, log_variance)) - drawn).max() > 0.1, "each draw is a new one"


def test_log_variance_is_bounded_and_validation_decodes_the_mean():
    model = VAE(TINY, 32, 48, 3)
    weights = model.encoder.get_layer("posterior")
    weights.kernel.assign(1e4 * np.random.default_rng(4).normal(size=weights.kernel.shape))
    mean, log_variance, made = model(frames(), training=False)
    low, high = LOG_VARIANCE_RANGE
    assert numpy(log_variance).min() == low
    assert numpy(log_variance).max() == high
    np.testing.assert_allclose(numpy(made), numpy(model.decode(mean)), atol=1e-5)


def test_uint8_and_float_frames_mean_the_same():
    x = frames()
    np.testing.assert_allclose(numpy(as_unit(x)), x / 255.0, atol=1e-6)
    model = VAE(TINY, 32, 48, 3)
    np.testing.assert_allclose(numpy(model(x)[0]), numpy(model((x / 255.0).astype("float32"))[0]), atol=1e-4)


def test_loss_is_the_sum_that_its_docstrings_promise():
    share = 0.2
    model = VAE(TINY, 32, 48, 3, foreground_share=share)
    x, backgrounds = frames(4), frames(4, seed=1)
    backgrounds[:, :16] = x[:, :16]  # the upper half is background
    mean = np.random.default_rng(6).normal(size=(4, LATENT_SIZE)).astype("float32")
    log_variance = np.random.default_rng(7).uniform(-3, 1, (4, LATENT_SIZE)).astype("float32")
    made = np.random.default_rng(8).uniform(size=x.shape).astype("float32")
    model.kl_weight.assign(0.3)
    loss = float(model.compute_loss(x=(x, backgrounds), y_pred=(mean, log_variance, made)))
    real, behind = x / 255.0, backgrounds / 255.0
    mask = (np.abs(real - behind).max(-1, keepdims=True) > FOREGROUND_THRESHOLD).astype(float)
    rimmed = np.stack([cv2.dilate(each, np.ones((2 * RIM + 1, 2 * RIM + 1))) for each in mask])[..., None]
    assert rimmed.sum() > mask.sum()
    weighted = np.mean((real - made) ** 2 * (1 + (1 / share - 1) * rimmed))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(-1).mean()
    expected = 0.5 * 32 * 48 * 3 / TINY.pixels_per_error * np.log(weighted + 1e-5) + 0.3 * kl
    assert loss == pytest.approx(expected, rel=1e-4)
    figures = {name: float(value) for name, value in model.get_metrics_result().items()}
    assert figures["kl"] == pytest.approx(kl, rel=1e-4)
    assert figures["error"] == pytest.approx(np.mean((real - made) ** 2), rel=1e-4)
    counted = ((real - made) ** 2 * mask).sum() / (3 * mask.sum())
    assert figures["foreground_error"] == pytest.approx(counted, rel=1e-4)


def test_several_bodies_add_the_judges_loss():
    model = VAE(TINY, 32, 48, 3, bodies=2)
    x, bodies = frames(4), np.array([0, 1, 1, 0])
    mean = np.random.default_rng(6).normal(size=(4, LATENT_SIZE)).astype("float32")
    made = np.random.default_rng(8).uniform(size=x.shape).astype("float32")
    alone = VAE(TINY, 32, 48, 3)
    told = (mean, np.zeros_like(mean), made)
    apart = float(model.compute_loss(x=(x, x, bodies), y_pred=told)) - float(
        alone.compute_loss(x=(x, x), y_pred=told)
    )
    assert apart == pytest.approx(float(model.judged_nats(mean, bodies)), abs=0.01)


def test_classic_loss_is_the_ancestors():
    model = VAE(VAE_PRESETS["classic"], 16, 16, 1)
    x = frames(2, 16, 16, 1)
    mean, log_variance = np.zeros((2, LATENT_SIZE), "float32"), np.zeros((2, LATENT_SIZE), "float32")
    made = np.random.default_rng(9).uniform(0.05, 0.95, x.shape).astype("float32")
    loss = float(model.compute_loss(x=(x, x), y_pred=(mean, log_variance, made)))
    real = x / 255.0
    expected = -(real * np.log(made) + (1 - real) * np.log(1 - made)).sum() / 2
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", ["float32", "gram"])
@pytest.mark.parametrize("shape", [(3, 3, 8, 24), (1, 1, 32, 16), (40, 24), (24, 40)])
def test_conv_muon_makes_updates_orthogonal(shape, kind):
    optimizer = ConvMuon(1e-3, newton_schulz=kind)
    gradient = np.random.default_rng(10).normal(size=shape).astype("float32")
    made = numpy(optimizer.zeropower_via_newtonschulz5(keras.ops.convert_to_tensor(gradient), 5))
    assert made.shape == shape
    values = np.linalg.svd(made.reshape(-1, shape[-1]), compute_uv=False)
    assert values.min() > 0.6, "the iteration brings all singular values near 1"
    assert values.max() < 1.3
    before = np.linalg.svd(gradient.reshape(-1, shape[-1]), compute_uv=False)
    assert before.max() / before.min() > values.max() / values.min()
    overlap = (made * gradient).sum() / (np.linalg.norm(made) * np.linalg.norm(gradient))
    assert overlap > 0.8, "and keeps the direction"


def test_conv_muon_takes_kernels_and_leaves_the_posterior_to_adam():
    model = VAE(TINY, 32, 48, 1)
    optimizer = ConvMuon(1e-3, exclude_layers=["posterior"])
    optimizer.build(model.trainable_variables)
    for variable in model.trainable_variables:
        adam = optimizer._should_use_adamw(variable)
        assert adam == (len(variable.shape) < 2 or "posterior" in variable.path), variable.path
    config = ConvMuon(1e-3, newton_schulz="gram").get_config()
    assert ConvMuon.from_config(config).newton_schulz == "gram"


@pytest.mark.parametrize("shape", [(3, 3, 32, 16), (200, 24), (16, 300)])
def test_by_gram_it_is_the_same_iteration_also_of_nearly_singular_updates(shape):
    optimizer, rows = ConvMuon(1e-3, newton_schulz="gram"), int(np.prod(shape[:-1]))
    random, rank = np.random.default_rng(11), min(rows, shape[-1])
    left, right = (np.linalg.qr(random.normal(size=(size, rank)))[0] for size in (rows, shape[-1]))
    values = np.geomspace(1, 1e-4, rank)
    gradient = (left * values) @ right.T
    wanted = values / np.linalg.norm(values)
    for _ in range(5):
        wanted = optimizer.muon_a * wanted + optimizer.muon_b * wanted**3 + optimizer.muon_c * wanted**5
    made = numpy(
        optimizer.zeropower_via_newtonschulz5(
            keras.ops.convert_to_tensor(gradient.reshape(shape), "float32"), 5
        )
    )
    np.testing.assert_allclose(made.reshape(rows, -1), (left * wanted) @ right.T, atol=2e-3)


def test_kernels_move_alike_by_every_way_to_orthogonalise():
    moved = []
    for kind in ("float32", "gram", "together"):
        keras.utils.set_random_seed(0)
        model = VAE(TINY, 32, 48, 1)
        optimizer = ConvMuon(1e-2, exclude_layers=["posterior"], newton_schulz=kind)
        optimizer.build(model.trainable_variables)
        random = np.random.default_rng(12)
        for _ in range(3):
            gradients = [random.normal(size=each.shape) for each in model.trainable_variables]
            optimizer.apply([keras.ops.convert_to_tensor(each, "float32") for each in gradients])
        moved.append([numpy(each) for each in model.trainable_variables])
    for step_by_step, alone, together in zip(*moved, strict=True):
        np.testing.assert_allclose(together, alone, atol=1e-5)
        np.testing.assert_allclose(alone, step_by_step, atol=1e-5)


@pytest.mark.parametrize(("policy", "dtype"), [("float32", "float32"), ("mixed_bfloat16", "bfloat16")])
def test_classic_networks_compute_in_the_precision_asked_for(policy, dtype):
    networks = classic.classic_encoder(24, 40, 1, policy), classic.classic_decoder(24, 40, 1, 0, policy)
    for network in networks:
        convolutions = [layer for layer in network.layers if isinstance(layer, classic.Conv2D)]
        assert {layer.compute_dtype for layer in convolutions} == {dtype}
        assert network.output.dtype == "float32"
        assert {weight.dtype for weight in network.weights} == {"float32"}


@pytest.mark.parametrize("size", [(24, 40), (20, 36)])  # halved three times; odd on the way
def test_what_xla_does_slowly_is_the_same_done_another_way(monkeypatch, size):
    keras.utils.set_random_seed(0)
    encoder, decoder = classic.classic_encoder(*size, 3), classic.classic_decoder(*size, 3)
    random = np.random.default_rng(0)
    for weight in encoder.weights + decoder.weights:
        weight.assign(weight + random.normal(scale=0.02, size=weight.shape))  # biases as well
    frames = tf.constant(random.random((4, *size, 3)), "float32")

    def made():
        """Pictures, and the slopes of all weights."""
        weights = [weight.value for weight in encoder.trainable_weights + decoder.trainable_weights]
        with tf.GradientTape() as tape:
            pictures = decoder(encoder(frames)[:, : classic.LATENT_SIZE])
            error = tf.reduce_sum((pictures - frames) ** 2)
        return numpy(pictures), np.concatenate([np.ravel(slope) for slope in tape.gradient(error, weights)
                                                if slope is not None])  # fmt: skip

    theirs, their_slopes = made()
    asked = []
    monkeypatch.setattr(classic, "_another_way", lambda: asked.append(True) or True)
    ours, slopes = made()
    assert len(asked) == 6  # three times pooled, three times doubled
    assert np.abs(their_slopes).max() > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(slopes, their_slopes, atol=1e-5 * np.abs(their_slopes).max())


def test_classic_layers_are_made_again_from_what_they_say_of_themselves():
    layer = classic.Conv2D(8, doubled=True, padding="same", dtype="mixed_bfloat16")
    again = classic.Conv2D.from_config(layer.get_config())
    assert (again.doubled, again.compute_dtype) == (True, "bfloat16")
    assert (
        again.compute_output_shape((2, 5, 7, 3))
        == tuple(again(np.zeros((2, 5, 7, 3))).shape)
        == (2, 10, 14, 8)
    )


def test_the_rim_is_what_lies_within_three_pixels():
    mask = (np.random.default_rng(5).uniform(size=(2, 30, 40, 1)) < 0.01).astype("float32")
    square = np.ones((2 * RIM + 1, 2 * RIM + 1), "uint8")
    expected = np.stack([cv2.dilate(each, square) for each in mask[..., 0]])[..., None]
    np.testing.assert_array_equal(numpy(with_rim(mask)), expected)


def test_no_weight_would_learn_anything_from_the_place():
    frames = np.random.default_rng(6).integers(0, 255, (2, 32, 64, 1), dtype="uint8")
    model = VAE(TINY, 32, 64, 1, window=(32, 32))
    random = np.random.default_rng(7)
    for weight in model.trainable_variables:  # those that begin as nothing let nothing through
        weight.assign(weight + 0.05 * random.normal(size=weight.shape))
    model.sample = lambda mean, log_variance: mean
    found = []
    as_it_is = model.decode
    for decode in (as_it_is, lambda latents, bodies, place: as_it_is(latents, bodies)):
        model.decode = decode
        with tf.GradientTape() as tape:
            _, log_variance, made = model.call((frames,), training=True)
            loss = tf.reduce_sum(tf.square(made)) + tf.reduce_sum(log_variance)
        found.append([numpy(each) for each in tape.gradient(loss, model.trainable_variables)])
    assert any(np.abs(each).max() > 0 for each in found[0])
    for with_place, without in zip(*found, strict=True):
        np.testing.assert_allclose(with_place, without, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bodies", [0, 2])
def test_what_is_to_be_read_begins_with_nothing(bodies):
    def kernels():
        made = VAE(VAE_PRESETS["tiny"], 32, 32, 1, bodies=bodies)
        return [numpy(v.value) for v in made.trainable_variables if v.path.endswith("kernel")]

    with to_be_read():
        assert not any(kernel.any() for kernel in kernels())
    assert sum(kernel.any() for kernel in kernels()) > 10


def test_one_that_only_draws_has_all_but_the_encoder():
    entire, drawing = (VAE(VAE_PRESETS["tiny"], 32, 32, 1, draws_only=only) for only in (False, True))
    paths = [[variable.path for variable in made.variables] for made in (entire, drawing)]
    left = len(entire.encoder.variables)
    assert len(paths[0]) == len(paths[1]) + left
    assert drawing.decoder.count_params() == entire.decoder.count_params()
    with pytest.raises(ValueError, match="only draws"):
        drawing.encode(np.zeros((1, 32, 32, 1), "float32"))


def test_networks_with_blocks_learn_and_are_read_again(tmp_path):
    keras.utils.set_random_seed(0)
    preset = dataclasses.replace(TINY, encoder_blocks=(0, 0, 1), blocks=(0, 1, 1))
    model = VAE(preset, 32, 32, 1)
    model.compile(optimizer=keras.optimizers.SGD(1e-3))
    gains = [variable for variable in model.trainable_variables if variable.path.endswith("gain")]
    assert len(gains) == 3
    pictures = frames(4, 32, 32, 1)
    for _ in range(2):
        model.train_on_batch((pictures, np.zeros_like(pictures)))
    assert all(float(gain.value) for gain in gains), "each takes part"
    save_weights(model, tmp_path / "it.weights.h5")
    with to_be_read():
        again = VAE(preset, 32, 32, 1)
    load_weights(again, tmp_path / "it.weights.h5")
    for mine, theirs in zip(again(pictures), model(pictures), strict=True):
        np.testing.assert_array_equal(numpy(mine), numpy(theirs))
