import keras
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from dancenet import mixture
from dancenet.mixture import MixtureParameters

K, D, R = 4, 6, 2


def arrays(seed=0, leading=(5,), components=K, dimensions=D):
    """logits, mean, scale of components with a diagonal of their own."""
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(*leading, components)),
        2 * random.normal(size=(*leading, components, dimensions)),
        0.1 + random.gamma(2.0, 0.5, size=(*leading, components, dimensions)),
    )


def directed(seed=0, leading=(5,), components=K, dimensions=D, directions=R):
    """logits, mean, scale, size, factor: a shared diagonal, and directions."""
    logits, mean, scale = arrays(seed, leading, components, dimensions)
    random = np.random.default_rng(seed + 100)
    size = np.exp(random.uniform(-1.5, 1.5, size=(*leading, components)))
    return logits, mean, scale[..., :1, :], size, random.normal(size=(*leading, dimensions, directions))


def as_mixture(*parts):
    return MixtureParameters(*(keras.ops.convert_to_tensor(part.astype("float32")) for part in parts))


def by_hand(logits, mean, scale, *rest, x):
    """log p(x) in float64 from scipy's normal densities."""
    weights = logits - logsumexp(logits, axis=-1, keepdims=True)
    if not rest:
        return logsumexp(weights + norm.logpdf(x[..., None, :], mean, scale).sum(axis=-1), axis=-1)
    size, factor = rest
    components = np.empty(logits.shape)
    for index in np.ndindex(logits.shape):
        at, k = index[:-1], index[-1]
        covariance = size[index] ** 2 * (np.diag(scale[at][0] ** 2) + factor[at] @ factor[at].T)
        components[index] = multivariate_normal.logpdf(x[at], mean[at][k], covariance)
    return logsumexp(weights + components, axis=-1)


FORMS = pytest.mark.parametrize("form", [arrays, directed], ids=["diagonals", "directions"])


def numpy(x):
    return keras.ops.convert_to_numpy(x)


@FORMS
@pytest.mark.parametrize("leading", [(5,), (2, 3)])
def test_log_prob_is_the_closed_form(leading, form):
    parts, x = form(1, leading), np.random.default_rng(2).normal(size=(*leading, D))
    made = numpy(mixture.log_prob(as_mixture(*parts), x.astype("float32")))
    assert made.shape == leading
    np.testing.assert_allclose(made, by_hand(*parts, x=x), rtol=1e-5, atol=1e-5)


@FORMS
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TFP's distribution needs TensorFlow")
def test_log_prob_is_that_of_the_tfp_distribution(form):
    # the real size: 24 components over 128 dimensions, values far out in the tails among them
    parts = form(3, (8,), 24, 128)
    x = np.random.default_rng(4).normal(size=(8, 128)) * np.linspace(0.1, 4, 8)[:, None]
    made, x32 = as_mixture(*parts), x.astype("float32")
    ours, tfp = numpy(mixture.log_prob(made, x32)), numpy(mixture.distribution(made).log_prob(x32))
    np.testing.assert_allclose(ours, tfp, rtol=1e-5)
    np.testing.assert_allclose(ours, by_hand(*parts, x=x), rtol=1e-5)
    loss = numpy(mixture.negative_log_likelihood(made, x32))
    np.testing.assert_allclose(loss, -by_hand(*parts, x=x) / 128, rtol=1e-5)


@FORMS
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are taken with TensorFlow")
def test_both_likelihoods_have_the_same_gradient(form):
    import tensorflow as tf

    parts, x = form(5), tf.Variable(np.random.default_rng(6).normal(size=(5, D)), dtype="float32")
    gradients = []
    for likelihood in (mixture.log_prob, lambda made, x: mixture.distribution(made).log_prob(x)):
        made = [tf.Variable(a.astype("float32")) for a in parts]
        with tf.GradientTape() as tape:
            each = likelihood(MixtureParameters(*map(tf.convert_to_tensor, made)), tf.convert_to_tensor(x))
            value = tf.tensordot(each, tf.constant([1.0, -2.0, 0.5, 3.0, 1.0]), 1)
        gradients.append(tape.gradient(value, [*made, x]))
    for ours, tfp in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, tfp, rtol=1e-4, atol=1e-5)


def slopes(likelihood, arguments):
    """The gradient of the sum of what `likelihood` gives, by the backend."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return jax.grad(lambda *given: likelihood(*given).sum(), argnums=range(len(arguments)))(*arguments)
    if backend == "torch":
        import torch

        given = [torch.tensor(one, requires_grad=True) for one in arguments]
        return torch.autograd.grad(likelihood(*given).sum(), given)
    import tensorflow as tf

    given = [tf.constant(one) for one in arguments]
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(likelihood(*given))
    return tape.gradient(total, given)


def test_the_gradient_is_the_slope_that_small_steps_find_on_every_backend():
    parts = [*directed(11, (2, 3)), np.random.default_rng(12).normal(size=(2, 3, D))]
    found = slopes(
        lambda *given: mixture.log_prob(MixtureParameters(*given[:-1]), given[-1]),
        [part.astype("float32") for part in parts],
    )
    random = np.random.default_rng(13)
    for place, (part, slope) in enumerate(zip(parts, map(numpy, found), strict=True)):
        way = random.normal(size=part.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = [*parts[:place], part + step * way, *parts[place + 1 :]]
            ends.append(by_hand(*moved[:-1], x=moved[-1]).sum())
        assert (slope * way).sum() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3), place


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are taken with TensorFlow")
def test_the_gradient_in_a_graph_of_any_batch_is_that_of_the_distribution():
    import tensorflow as tf

    parts = [part.astype("float32") for part in directed(7, (2, 3))]
    x = np.random.default_rng(8).normal(size=(2, 3, D)).astype("float32")
    found = []
    for likelihood in (mixture.log_prob, lambda made, x: mixture.distribution(made).log_prob(x)):

        def differentiated(*given, likelihood=likelihood):
            with tf.GradientTape() as tape:
                tape.watch(given)
                value = tf.reduce_sum(likelihood(MixtureParameters(*given[:-1]), given[-1]))
            return tape.gradient(value, given)

        specs = [tf.TensorSpec((None, *part.shape[1:])) for part in (*parts, x)]
        found.append(tf.function(differentiated, input_signature=specs)(*parts, x))
    for ours, tfp in zip(*found, strict=True):
        np.testing.assert_allclose(ours, tfp, rtol=1e-4, atol=1e-5)


def test_directions_that_are_long_beside_the_floor_lose_no_digits():
    logits, mean, scale, size, factor = directed(9, (8,), 4, 128, 32)
    x = np.random.default_rng(10).normal(size=(8, 128))
    parts = logits, mean, np.full_like(scale, mixture.SCALE_FLOOR), size, factor
    made = numpy(mixture.log_prob(as_mixture(*parts), x.astype("float32")))
    np.testing.assert_allclose(made, by_hand(*parts, x=x), rtol=1e-4)


def test_equal_components_are_one_gaussian_whatever_their_weights():
    logits, mean, scale = arrays(7)
    mean[:], scale[:] = mean[:, :1], scale[:, :1]
    x = np.random.default_rng(8).normal(size=(5, D))
    made = numpy(mixture.log_prob(as_mixture(logits, mean, scale), x.astype("float32")))
    np.testing.assert_allclose(made, norm.logpdf(x, mean[:, 0], scale[:, 0]).sum(-1), rtol=1e-5)


def test_order_of_components_and_a_constant_on_the_logits_do_not_matter():
    logits, mean, scale = arrays(9)
    x = np.random.default_rng(10).normal(size=(5, D)).astype("float32")
    order = np.array([2, 0, 3, 1])
    moved = as_mixture(logits[:, order] + 30, mean[:, order], scale[:, order])
    straight = as_mixture(logits, mean, scale)
    np.testing.assert_allclose(
        numpy(mixture.log_prob(moved, x)), numpy(mixture.log_prob(straight, x)), rtol=1e-5
    )


def test_density_integrates_to_one():
    parts = arrays(11, (1,), K, 1)
    grid = np.linspace(-40, 40, 80_001)[:, None].astype("float32")
    density = np.exp(numpy(mixture.log_prob(as_mixture(*parts), grid)).astype("float64"))
    assert np.trapezoid(density, grid[:, 0]) == pytest.approx(1, abs=1e-4)


def test_parameters_are_read_in_order_and_scales_stay_above_the_floor():
    raw = np.random.default_rng(12).normal(size=(2, 3, mixture.output_size(K, D)))
    assert raw.shape[-1] == K * (1 + 2 * D)
    raw[..., -D:] = -1e4  # the last component, as narrow as a network can ask for
    logits, mean, scale = map(numpy, mixture.parameters(raw.astype("float32"), K, D)[:3])
    np.testing.assert_allclose(logits, raw[..., :K], rtol=1e-6)
    np.testing.assert_allclose(mean.reshape(2, 3, -1), raw[..., K : K + K * D], rtol=1e-6)
    softplus = np.log1p(np.exp(np.minimum(raw[..., K + K * D :], 30)))
    np.testing.assert_allclose(scale.reshape(2, 3, -1), mixture.SCALE_FLOOR + softplus, rtol=1e-5)
    assert (scale >= np.float32(mixture.SCALE_FLOOR)).all()
    assert np.isfinite(numpy(mixture.log_prob(MixtureParameters(logits, mean, scale), mean[..., 0, :]))).all()


def test_parameters_with_directions_are_read_in_order_and_sizes_stay_in_their_range():
    raw = np.random.default_rng(12).normal(size=(2, 3, mixture.output_size(K, D, R)))
    assert raw.shape[-1] == K + K * D + D + K + D * R
    after = K + K * D + D
    raw[..., after] = 1e4
    made = mixture.parameters(raw.astype("float32"), K, D, R)
    logits, mean, scale, size, factor = map(numpy, made)
    np.testing.assert_allclose(logits, raw[..., :K], rtol=1e-6)
    np.testing.assert_allclose(mean.reshape(2, 3, -1), raw[..., K : K + K * D], rtol=1e-6)
    softplus = np.log1p(np.exp(raw[..., K + K * D : after]))
    np.testing.assert_allclose(scale[:, :, 0], mixture.SCALE_FLOOR + softplus, rtol=1e-5)
    np.testing.assert_allclose(size[..., 0], np.exp(mixture.SIZE_RANGE), rtol=1e-5)
    wanted = mixture.SIZE_RANGE * np.tanh(raw[..., after + 1 : after + K] / mixture.SIZE_RANGE)
    np.testing.assert_allclose(np.log(size[..., 1:]), wanted, atol=1e-5)
    np.testing.assert_allclose(
        factor.reshape(2, 3, -1), mixture.FACTOR_GAIN * raw[..., after + K :], rtol=1e-5
    )


def noise(count, components, dimensions, directions=0, seed=13):
    random = np.random.default_rng(seed)
    parts = (
        random.gumbel(size=(count, components)),
        random.standard_normal((count, directions)),
        random.standard_normal((count, dimensions)),
    )
    return mixture.Noise(*(part.astype("float32") for part in parts))


def repeated(count, *parts):
    return as_mixture(*(np.broadcast_to(part, (count, *part.shape)) for part in parts))


def drawn(temperature, stray, count=60_000):
    """Many draws from one mixture of two dimensions, and the mixture."""
    logits = np.log([0.5, 0.3, 0.2])
    mean = np.array([[-20.0, 1.0], [0.0, 5.0], [20.0, -3.0]])
    scale = np.array([[0.5, 1.0], [0.3, 0.2], [1.0, 0.7]])
    made = mixture.draw(repeated(count, logits, mean, scale), noise(count, 3, 2), temperature, stray)
    return numpy(made).astype("float64"), np.exp(logits), mean, scale


@pytest.mark.parametrize(("temperature", "stray"), [(1.0, 1.0), (1.0, 0.0), (0.5, 0.3)])
def test_draws_along_directions_have_the_covariance_that_the_density_has(temperature, stray):
    logits, mean, scale, size, factor = (part[0] for part in directed(15))
    mean[:] = 0
    logits[:] = [-50, 50, -50, -50]  # always the second
    made = mixture.draw(
        repeated(100_000, logits, mean, scale, size, factor), noise(100_000, K, D, R), temperature, stray
    )
    expected = stray**2 * np.diag(scale[0] ** 2) + temperature * factor @ factor.T
    expected = size[1] ** 2 * expected
    np.testing.assert_allclose(np.cov(numpy(made).T), expected, atol=0.03 * np.abs(expected).max())


def test_temperature_zero_and_stray_zero_with_directions_are_the_likeliest_mean():
    parts = [part[0] for part in directed(16)]
    made = numpy(mixture.draw(repeated(50, *parts), noise(50, K, D, R), 0.0, 0.0))
    np.testing.assert_allclose(made, np.repeat(parts[1][parts[0].argmax()][None], 50, 0), rtol=1e-5)


def test_draws_at_full_temperature_and_stray_follow_the_mixture():
    made, weights, mean, scale = drawn(1.0, 1.0)
    expected = weights @ mean
    variance = weights @ (scale**2 + mean**2) - expected**2
    error = np.sqrt(variance / len(made))
    assert (np.abs(made.mean(0) - expected) < 5 * error).all()
    np.testing.assert_allclose(made.var(0), variance, rtol=0.02)
    nearest = np.abs(made[:, None, 0] - mean[:, 0]).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(nearest) / len(made), weights, atol=0.01)
    for k in range(3):
        np.testing.assert_allclose(made[nearest == k].std(0), scale[k], rtol=0.05)


def test_temperature_zero_takes_the_likeliest_component_and_stray_zero_its_mean():
    made, _, mean, scale = drawn(0.0, 1.0, 20_000)
    np.testing.assert_allclose(made.mean(0), mean[0], atol=0.05)
    np.testing.assert_allclose(made.std(0), scale[0], rtol=0.05)
    made, weights, mean, _ = drawn(1.0, 0.0, 20_000)
    which = (np.abs(made[:, None] - mean).sum(-1) < 1e-5).astype(float)
    assert (which.sum(axis=1) == 1).all(), "each draw is exactly one of the means"
    np.testing.assert_allclose(which.mean(0), weights, atol=0.02)
    np.testing.assert_allclose(drawn(0.0, 0.0, 100)[0], np.repeat(mean[:1], 100, 0), rtol=1e-6)


def test_half_temperature_squares_the_weights():
    # argmax(log w / t + gumbel) follows w ** (1 / t)
    made, weights, mean, _ = drawn(0.5, 0.0)
    nearest = np.abs(made[:, None, 0] - mean[:, 0]).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(nearest) / len(made), weights**2 / (weights**2).sum(), atol=0.01)
