"""The ancestor's encoder and decoder (jsn5/dancenet, 2018), layer by layer.

Shape letters: B batch, H height, W width, C channels, D = 128 latent dimensions.
"""

import keras
import numpy as np
from keras import layers, ops

from dancenet.config import LATENT_SIZE
from dancenet.networks.convolutional import PixelShuffle, code_of

#: Which row of a 3 × 3 kernel meets which of three rows before they were doubled: of even rows, of odd ones.
_ROWS_MET = np.array([[[1, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0], [0, 0, 1]]], "float32")


def _another_way() -> bool:
    """Whether XLA computes, which does two of these layers slowly as they are."""
    return keras.backend.backend() == "jax"


@keras.saving.register_keras_serializable("dancenet")
class Conv2D(layers.Conv2D):
    """Keras' layer; or, `doubled`, one of 3 × 3 and "same" over a picture that has every pixel four times.

    XLA writes such a picture to memory, which takes longer than to convolve it. There the four results of
    each pixel are made of the picture as it was, each with the sums of weights that fall together.
    """

    def __init__(self, filters: int, kernel_size=3, *, doubled: bool = False, **options):
        super().__init__(filters, kernel_size, **options)
        self.doubled = doubled
        if doubled:
            self.doubling = layers.UpSampling2D(2, dtype=self.dtype_policy)
            self.shuffle = PixelShuffle(2, dtype=self.dtype_policy)

    def compute_output_shape(self, input_shape):
        """Of (B, H, W, C): as Keras, of twice the height and width where it is doubled."""
        if self.doubled:
            batch, rows, columns, channels = input_shape
            input_shape = (batch, 2 * rows, 2 * columns, channels)
        return super().compute_output_shape(input_shape)

    def call(self, x):
        """Convolve (B, H, W, C)."""
        if not self.doubled:
            return super().call(x)
        if not _another_way():
            return super().call(self.doubling(x))
        kernel = ops.einsum("apk,bql,klio->pqiabo", _ROWS_MET, _ROWS_MET, ops.cast(self.kernel, "float32"))
        kernel = ops.cast(ops.reshape(kernel, (3, 3, kernel.shape[2], 4 * self.filters)), x.dtype)
        made = self.shuffle(ops.conv(x, kernel, padding="same"))
        return self.activation(made + ops.cast(self.bias, x.dtype))

    def get_config(self):
        """As Keras, and whether it is doubled."""
        return super().get_config() | {"doubled": self.doubled}


@keras.saving.register_keras_serializable("dancenet")
class MaxPooling2D(layers.MaxPooling2D):
    """Keras' layer, of 2 × 2. XLA's way back is slow on a GPU; there it is a choice among four."""

    def call(self, x):
        """(B, H, W, C) → (B, H/2, W/2, C), rounded up."""
        _, rows, columns, channels = x.shape
        if not _another_way() or rows % 2 or columns % 2:
            return super().call(x)
        return ops.max(ops.reshape(x, (-1, rows // 2, 2, columns // 2, 2, channels)), axis=(2, 4))


def classic_encoder(height: int, width: int, channels: int, policy="float32") -> keras.Model:
    """The ancestor's encoder: (B, H, W, C) → (B, 2·D); 1,724,128 parameters at 120 × 208 × 1."""
    image = keras.Input((height, width, channels), name="frames")
    x = image
    for filters in (128, 64, 32):
        x = Conv2D(filters, padding="same", activation="relu", dtype=policy)(x)
        x = MaxPooling2D(2, padding="same", dtype=policy)(x)
    x = layers.Dense(128, dtype=policy)(layers.Flatten()(x))
    x = layers.Concatenate(name="posterior", dtype="float32")(
        [layers.Dense(LATENT_SIZE, name=name, dtype="float32")(x) for name in ("mean", "log_variance")]
    )
    return keras.Model(image, x, name="encoder")


def classic_decoder(height: int, width: int, channels: int, bodies: int = 0, policy="float32") -> keras.Model:
    """The ancestor's decoder: (B, D) → (B, H, W, C) in [0, 1]; 1,744,545 parameters at 120 × 208 × 1."""
    rows, columns = -(-height // 8), -(-width // 8)
    inputs, _, code = code_of(bodies)
    x = layers.Dense(rows * columns * 32, activation="relu", dtype=policy)(code)
    x = layers.Reshape((rows, columns, 32))(x)
    x = layers.Dense(128, dtype=policy)(x)
    for filters, doubled in ((32, False), (64, True), (128, True)):
        x = Conv2D(filters, doubled=doubled, padding="same", activation="relu", dtype=policy)(x)
    x = Conv2D(channels, doubled=True, padding="same", dtype=policy)(x)
    x = layers.Activation("sigmoid", dtype="float32")(x)
    x = layers.Cropping2D(((0, rows * 8 - height), (0, columns * 8 - width)), dtype="float32")(x)
    return keras.Model(inputs, x, name="decoder")
