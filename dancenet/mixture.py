"""Mixture density head: which move comes next, and how far it strays (Bishop 1994, eqs. 22–26).

A mixture of K Gaussians over D dimensions. With R > 0 directions all components share one covariance, a
diagonal plus a factor of rank R, and each has a size of its own by which that covariance grows or shrinks:
a body moves along few directions at a time, and moments are slow or fast. With R = 0 each component has a
diagonal covariance of its own (Graves 2013, eq. 23; the ancestor's).

On TensorFlow the likelihood that is reported is that of a TensorFlow Probability distribution; `log_prob`
below, by hand, serves training and the other backends, and tests hold the two equal, values and gradients.
Shape letters: K components, D latent dimensions, R directions; leading dimensions are free.
"""

import itertools
import math
from typing import Any, NamedTuple

import keras
from keras import ops

from dancenet.networks import likelihood

#: No component may be narrower than this, in standardised latents: a likelihood cannot run away.
SCALE_FLOOR = 0.02
#: Sizes of components lie between exp(-this) and exp(this).
SIZE_RANGE = 2.0
#: Directions start this short of what the network puts out: at first the diagonal explains nearly everything.
FACTOR_GAIN = 0.3


class MixtureParameters(NamedTuple):
    """Parameters of K Gaussians.

    Attributes:
        logits: (..., K).
        mean: (..., K, D).
        scale: (..., K, D), or (..., 1, D) where it is shared: standard deviations above `SCALE_FLOOR`.
        size: (..., K), or None without directions.
        factor: (..., D, R), or None. Covariance of component k: size_k² (diag(scale²) + factor factorᵀ).
    """

    logits: Any
    mean: Any
    scale: Any
    size: Any = None
    factor: Any = None


def output_size(components: int, dimensions: int, directions: int = 0) -> int:
    """How many numbers the network must put out."""
    if directions:
        return components * (2 + dimensions) + (1 + directions) * dimensions
    return components * (1 + 2 * dimensions)


def parameters(raw, components: int, dimensions: int, directions: int = 0) -> MixtureParameters:
    """Turn a network's output (..., `output_size`) into mixture parameters.

    In order: logits, means, scales, and with directions sizes and the factor.
    """
    raw = ops.cast(raw, "float32")
    leading = tuple(-1 if size is None and i == 0 else size for i, size in enumerate(raw.shape[:-1]))
    widths = [components, components * dimensions, (1 if directions else components) * dimensions]
    if directions:
        widths += [components, dimensions * directions]
    # not slices: the gradient of each would be as large as all of it
    logits, mean, scale, *rest = ops.split(raw, list(itertools.accumulate(widths))[:-1], axis=-1)
    mean = ops.reshape(mean, (*leading, components, dimensions))
    scale = ops.reshape(scale, (*leading, 1 if directions else components, dimensions))
    scale = SCALE_FLOOR + ops.softplus(scale)
    if not directions:
        return MixtureParameters(logits, mean, scale)
    size = ops.exp(SIZE_RANGE * ops.tanh(rest[0] / SIZE_RANGE))
    factor = FACTOR_GAIN * ops.reshape(rest[1], (*leading, dimensions, directions))
    return MixtureParameters(logits, mean, scale, size, factor)


def distribution(mixture: MixtureParameters):
    """The same mixture as a TensorFlow Probability distribution (TensorFlow backend only)."""
    from tensorflow_probability import bijectors as tfb
    from tensorflow_probability import distributions as tfd

    if mixture.factor is None:
        components = tfd.MultivariateNormalDiag(mixture.mean, mixture.scale)
    else:
        # one Gaussian moved and scaled for each component: its covariance is factorised once, not K times
        shared = tfd.MultivariateNormalDiagPlusLowRankCovariance(
            cov_diag_factor=ops.square(mixture.scale), cov_perturb_factor=ops.expand_dims(mixture.factor, -3)
        )
        components = tfd.TransformedDistribution(
            shared, tfb.Shift(mixture.mean)(tfb.Scale(ops.expand_dims(mixture.size, -1)))
        )
    return tfd.MixtureSameFamily(tfd.Categorical(logits=mixture.logits), components)


def log_prob(mixture: MixtureParameters, x):
    """log p(x) in nats for x (..., D), shape (...).

    With directions by `networks/likelihood.py`, which knows its gradient.
    """
    if mixture.factor is not None:
        return likelihood.log_prob(*map(ops.convert_to_tensor, (*mixture, x)))
    off = (ops.expand_dims(x, -2) - mixture.mean) / mixture.scale
    normaliser = ops.log(mixture.scale) + 0.5 * math.log(2 * math.pi)
    component = -ops.sum(0.5 * ops.square(off) + normaliser, axis=-1)
    return ops.logsumexp(ops.log_softmax(mixture.logits, axis=-1) + component, axis=-1)


def negative_log_likelihood(mixture: MixtureParameters, x):
    """-log p(x) / D: nats per dimension, shape (...); the figure that is reported.

    Training minimises the same by `log_prob`, whose gradient is quicker.
    """
    if keras.backend.backend() == "tensorflow":
        value = distribution(mixture).log_prob(x)
    else:
        value = log_prob(mixture, x)
    return -value / x.shape[-1]


class Noise(NamedTuple):
    """What chance adds to a draw, made outside of it, so that the same noise gives the same dance.

    Attributes:
        gumbel: (..., K), standard Gumbel.
        along: (..., R), standard normal, along the directions; unused without them.
        normal: (..., D), standard normal.
    """

    gumbel: Any
    along: Any
    normal: Any


def draw(mixture: MixtureParameters, noise: Noise, temperature, stray):
    """One draw per leading index.

    Args:
        mixture: what is drawn from.
        noise: its leading dimensions are those of the mixture.
        temperature: the mixture raised to the power of 1 / temperature, component by component. It picks them
            by argmax(logits + temperature · gumbel) (Gumbel-max, Maddison et al. 2014; no division, so that 0
            is allowed and takes the likeliest) and multiplies the variance along the directions.
        stray: share of the diagonal standard deviation, 0 to 1.

    Returns:
        (..., D).
    """
    choice = ops.squeeze(
        ops.top_k(ops.log_softmax(mixture.logits, axis=-1) + temperature * noise.gumbel, 1)[1], -1
    )
    chosen = ops.expand_dims(ops.one_hot(choice, mixture.logits.shape[-1], dtype="float32"), -1)
    mean = ops.sum(chosen * mixture.mean, axis=-2)
    if mixture.factor is None:
        return mean + stray * ops.sum(chosen * mixture.scale, axis=-2) * noise.normal
    along = ops.squeeze(ops.matmul(mixture.factor, ops.expand_dims(noise.along, -1)), -1)
    size = ops.sum(chosen * ops.expand_dims(mixture.size, -1), axis=-2)
    return mean + size * (ops.sqrt(temperature) * along + stray * mixture.scale[..., 0, :] * noise.normal)
