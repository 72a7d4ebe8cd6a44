"""Mixture density head: which move comes next, and how far it strays (Bishop 1994, eqs. 22–26).

A mixture of K diagonal Gaussians over D dimensions. On TensorFlow it is a TensorFlow Probability
distribution; the `keras.ops` twin below serves the compiled rollout and the other backends, and a test holds
the two equal. Shape letters: K components, D latent dimensions; leading dimensions are free.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

#: No component may be narrower than this, in standardised latents: a likelihood cannot run away.
SCALE_FLOOR = 0.02


class MixtureParameters(NamedTuple):
    """logits (..., K), mean (..., K, D), scale (..., K, D): standard deviations above `SCALE_FLOOR`."""

    logits: Any
    mean: Any
    scale: Any


def output_size(components: int, dimensions: int) -> int:
    """How many numbers the network must put out: K · (1 + 2·D)."""
    return components * (1 + 2 * dimensions)


def parameters(raw, components: int, dimensions: int) -> MixtureParameters:
    """Turn a network's output (..., K·(1 + 2·D)) into mixture parameters."""
    raw = ops.cast(raw, "float32")
    leading = tuple(raw.shape[:-1])
    leading = tuple(-1 if size is None and i == 0 else size for i, size in enumerate(leading))
    logits, rest = raw[..., :components], raw[..., components:]
    rest = ops.reshape(rest, (*leading, 2, components, dimensions))
    scale = SCALE_FLOOR + ops.softplus(rest[..., 1, :, :])
    return MixtureParameters(logits, rest[..., 0, :, :], scale)


def distribution(mixture: MixtureParameters):
    """The same mixture as a TensorFlow Probability distribution (TensorFlow backend only)."""
    from tensorflow_probability import distributions as tfd

    return tfd.MixtureSameFamily(
        tfd.Categorical(logits=mixture.logits), tfd.MultivariateNormalDiag(mixture.mean, mixture.scale)
    )


def log_prob(mixture: MixtureParameters, x):
    """log p(x) in nats for x (..., D), shape (...)."""
    standardised = (ops.expand_dims(x, -2) - mixture.mean) / mixture.scale
    dimensions = mixture.mean.shape[-1]
    component = -0.5 * ops.sum(ops.square(standardised), axis=-1) - ops.sum(ops.log(mixture.scale), axis=-1)
    component = component - 0.5 * dimensions * math.log(2 * math.pi)
    return ops.logsumexp(ops.log_softmax(mixture.logits, axis=-1) + component, axis=-1)


def negative_log_likelihood(mixture: MixtureParameters, x):
    """-log p(x) / D: nats per dimension, shape (...); the loss and the figure that is reported."""
    if keras.backend.backend() == "tensorflow":
        value = distribution(mixture).log_prob(x)
    else:
        value = log_prob(mixture, x)
    return -value / x.shape[-1]


def draw(mixture: MixtureParameters, gumbel, normal, temperature, stray):
    """One draw per leading index, from noise made outside, so that the same noise gives the same dance.

    Args:
        gumbel: (..., K) standard Gumbel noise: the component is argmax(logits / temperature + gumbel)
            (Gumbel-max, Maddison et al. 2014), written without the division so that 0 is allowed.
        normal: (..., D) standard normal noise.
        temperature: 0 takes the likeliest component every time, 1 follows the mixture's weights.
        stray: share of the component's standard deviation, 0 to 1; 0 takes its mean.

    Returns:
        (..., D).
    """
    choice = ops.argmax(ops.log_softmax(mixture.logits, axis=-1) + temperature * gumbel, axis=-1)
    chosen = ops.expand_dims(ops.one_hot(choice, mixture.logits.shape[-1], dtype="float32"), -1)
    mean = ops.sum(chosen * mixture.mean, axis=-2)
    scale = ops.sum(chosen * mixture.scale, axis=-2)
    return mean + stray * scale * normal
