"""Convolutional encoders and decoders of the VAE, for frames of any size.

Shape letters: B batch, H height, W width, C channels, D = 128 latent dimensions.

Decoders of several dancers take a second input, (B, L) with a 1 for whose body is drawn.

Those of the preset `classic` are in `classic.py`.
"""

import keras
from keras import layers, ops

from dancenet.config import LATENT_SIZE
from dancenet.presets import VaePreset

#: The coarsest grid of the residual networks: one cell per 16 × 16 pixels.
COARSEST = 16
#: Side of one patch of the discriminator, pixels.
PATCH = 16


def padded_size(size: int, multiple: int = COARSEST) -> int:
    """The smallest multiple of `multiple` that holds `size` pixels."""
    return -(-size // multiple) * multiple


@keras.saving.register_keras_serializable("dancenet")
class PadTo(layers.Layer):
    """Pad (B, H, W, C) to `height` × `width` by mirroring, so that the grid divides evenly."""

    def __init__(self, height: int, width: int, **kwargs):
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def call(self, x):
        """Mirror rows and columns on both sides."""
        more_h, more_w = self.height - x.shape[1], self.width - x.shape[2]
        if not more_h and not more_w:
            return x
        pads = [[0, 0], [more_h // 2, more_h - more_h // 2], [more_w // 2, more_w - more_w // 2], [0, 0]]
        return ops.pad(x, pads, mode="symmetric")


@keras.saving.register_keras_serializable("dancenet")
class PixelShuffle(layers.Layer):
    """Turn (B, H, W, C·r²) into (B, H·r, W·r, C) (Shi et al. 2016, eq. 4)."""

    def __init__(self, factor: int, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        """Move channels into space."""
        r, (_, h, w, c) = self.factor, x.shape
        x = ops.reshape(x, (-1, h, w, r, r, c // (r * r)))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, h * r, w * r, c // (r * r)))


@keras.saving.register_keras_serializable("dancenet")
class ResidualBlock(layers.Layer):
    """x + g · conv(relu(conv(relu(x)))), the gain g starting at 0 (ReZero, Bachlechner et al. 2021).

    Without normalisation layers, which cost a CPU as much as the convolutions do.
    """

    def __init__(self, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.first = layers.Conv2D(channels, 3, padding="same", activation="relu", dtype=self.dtype_policy)
        self.second = layers.Conv2D(channels, 3, padding="same", dtype=self.dtype_policy)

    def build(self, input_shape):
        """Make the two convolutions and the gain."""
        self.first.build(input_shape)
        self.second.build(input_shape)
        self.gain = self.add_weight(shape=(), initializer="zeros", name="gain")

    def call(self, x):
        """Apply the block to (B, H, W, channels)."""
        return x + self.gain * self.second(self.first(ops.relu(x)))


def as_body(x, body, channels: int, name: str):
    """Features (B, H, W, channels) scaled and shifted by whose body they are to become (FiLM, Perez et al.
    2018, eq. 2); as they are where `body` is None."""
    if body is None:
        return x
    both = layers.Dense(2 * channels, kernel_initializer="zeros", name=f"body_{name}")(body)
    scale, shift = ops.split(ops.reshape(both, (-1, 1, 1, 2 * channels)), 2, axis=-1)
    return x * ops.cast(1.0 + scale, x.dtype) + ops.cast(shift, x.dtype)


def code_of(bodies: int):
    """Inputs of a decoder, the body's (None for one dancer), and both as one vector."""
    latent = keras.Input((LATENT_SIZE,), name="latents")
    if not bodies:
        return latent, None, latent
    body = keras.Input((bodies,), name="body")
    return [latent, body], body, layers.Concatenate(name="body_code")([latent, body])


def body_judge(bodies: int) -> keras.Model:
    """Latents (B, D) → logits (B, bodies) of whose they are: what the encoder learns to leave nothing to."""
    latent = keras.Input((LATENT_SIZE,), name="latents")
    x = latent
    for number in (1, 2):
        x = layers.Dense(256, name=f"body_judge_{number}")(x)
        x = layers.LeakyReLU(0.2)(x)
    return keras.Model(latent, layers.Dense(bodies, name="body_verdict")(x), name="body_judge")


def body_eraser() -> keras.Model:
    """Standardised latents (B, D) → what is to be added to them (B, D); nothing before it has learned."""
    latent = keras.Input((LATENT_SIZE,), name="latents")
    x = latent
    for _ in range(2):
        x = layers.LeakyReLU(0.2)(layers.Dense(512)(x))
    return keras.Model(latent, layers.Dense(LATENT_SIZE, kernel_initializer="zeros")(x), name="body_eraser")


def _blocks(x, channels: int, count: int, policy):
    for _ in range(count):
        x = ResidualBlock(channels, dtype=policy)(x)
    return x


def residual_encoder(preset: VaePreset, height: int, width: int, channels: int, policy) -> keras.Model:
    """Frames (B, H, W, C) in [0, 1] → concatenated posterior mean and log-variance (B, 2·D)."""
    rows, columns = padded_size(height), padded_size(width)
    fine, middle, coarse = preset.encoder_widths
    image = keras.Input((height, width, channels), name="frames")
    x = PadTo(rows, columns, dtype=policy)(image - 0.5)
    x = layers.Conv2D(fine, 8, strides=4, padding="same", dtype=policy)(x)
    x = _blocks(x, fine, preset.encoder_blocks[0], policy)
    x = layers.Conv2D(middle, 4, strides=2, padding="same", dtype=policy)(ops.relu(x))
    x = _blocks(x, middle, preset.encoder_blocks[1], policy)
    x = layers.Conv2D(coarse, 4, strides=2, padding="same", dtype=policy)(ops.relu(x))
    x = _blocks(x, coarse, preset.encoder_blocks[2], policy)
    x = layers.Conv2D(preset.neck, 1, dtype=policy)(ops.relu(x))
    x = layers.Dense(preset.dense, activation="relu", dtype=policy)(layers.Flatten()(x))
    x = layers.Dense(2 * LATENT_SIZE, dtype="float32", name="posterior")(x)
    return keras.Model(image, x, name="encoder")


def residual_decoder(
    preset: VaePreset, height: int, width: int, channels: int, policy, bodies: int = 0
) -> keras.Model:
    """Latents (B, D) → frames (B, H, W, C), unbounded; the VAE adds the base picture and clips."""
    rows, columns = padded_size(height) // COARSEST, padded_size(width) // COARSEST
    fine, middle, coarse = preset.widths
    inputs, body, code = code_of(bodies)
    x = layers.Dense(preset.dense, activation="relu", dtype=policy)(code)
    x = layers.Dense(rows * columns * preset.neck, activation="relu", dtype=policy)(x)
    x = layers.Reshape((rows, columns, preset.neck))(x)
    x = layers.Conv2D(coarse, 3, padding="same", dtype=policy)(x)
    x = _blocks(as_body(x, body, coarse, "coarse"), coarse, preset.blocks[2], policy)
    x = PixelShuffle(2, dtype=policy)(layers.Conv2D(4 * middle, 1, dtype=policy)(ops.relu(x)))
    x = _blocks(as_body(x, body, middle, "middle"), middle, preset.blocks[1], policy)
    x = PixelShuffle(2, dtype=policy)(layers.Conv2D(4 * fine, 1, dtype=policy)(ops.relu(x)))
    x = _blocks(as_body(x, body, fine, "fine"), fine, preset.blocks[0], policy)
    x = layers.Conv2D(16 * channels, 3, padding="same", kernel_initializer="zeros", dtype=policy)(ops.relu(x))
    x = PixelShuffle(4, dtype=policy)(x)
    top, left = (rows * COARSEST - height) // 2, (columns * COARSEST - width) // 2
    x = layers.Cropping2D(
        ((top, rows * COARSEST - height - top), (left, columns * COARSEST - width - left)), dtype="float32"
    )(x)
    return keras.Model(inputs, x, name="decoder")


def patch_discriminator(height: int, width: int, channels: int, *, seed: int = 0) -> keras.Model:
    """Pictures (B, H, W, C) → how real each patch looks (B, H/16, W/16, 1), and the features before.

    A PatchGAN (Isola et al. 2017, section 3.2.2) that looks at pictures at half size.
    """
    seeds = iter(range(1000 * seed, 1000 * seed + 10))
    image = keras.Input((height, width, channels), name="pictures")
    x, features = layers.AveragePooling2D(2, padding="same")(image), []
    for filters, size, strides in ((32, 5, 2), (64, 4, 2), (128, 4, 2), (128, 3, 1)):
        start = keras.initializers.GlorotUniform(next(seeds))
        x = layers.Conv2D(filters, size, strides=strides, padding="same", kernel_initializer=start)(x)
        x = layers.LeakyReLU(0.2)(x)
        features.append(x)
    start = keras.initializers.GlorotUniform(next(seeds))
    verdict = layers.Conv2D(1, 3, padding="same", kernel_initializer=start)(x)
    return keras.Model(image, [verdict, *features], name="discriminator")
