"""Matrix products of training in bfloat16, on processors that have it, with TensorFlow.

Weights and everything between products stay float32 (Micikevicius et al. 2018, section 3; bfloat16 needs no
loss scaling): it is only what goes into a product, and what comes out, that is rounded. Out of training
nothing is, so that a model is the same one wherever it dances. Shape letters: N rows, I inputs, O outputs.
"""

import functools

import keras
from keras import layers

from dancenet.machine.hardware import on_gpu


def is_narrow(wanted: bool, training: bool) -> bool:
    """Whether to multiply in bfloat16 here and now, where it is wanted."""
    return bool(wanted and training) and keras.backend.backend() == "tensorflow" and not on_gpu()


def product(x, kernel):
    """(N, I) times (I, O), float32 in and out, and so its gradients."""
    return _product()(x, kernel)


@functools.cache
def _product():
    import tensorflow as tf

    @tf.custom_gradient
    def multiplied(x, kernel):
        """x times kernel."""
        narrow, kernel = tf.cast(x, "bfloat16"), tf.cast(kernel, "bfloat16")

        def gradient(upstream):
            """Of both."""
            upstream = tf.cast(upstream, "bfloat16")
            made = (
                tf.matmul(upstream, kernel, transpose_b=True), tf.matmul(narrow, upstream, transpose_a=True)
            )  # fmt: skip
            return tuple(tf.cast(each, "float32") for each in made)

        return tf.cast(tf.matmul(narrow, kernel), "float32"), gradient

    return multiplied


@keras.saving.register_keras_serializable("dancenet")
class Dense(layers.Dense):
    """Keras' layer, whose product is in bfloat16 in training.

    Args:
        units: O.
        narrow: multiply in bfloat16, where this pays.
        **options: of Keras' layer.
    """

    def __init__(self, units: int, *, narrow: bool = False, **options):
        super().__init__(units, **options)
        self.narrow = narrow

    def call(self, x, training=False):
        """(..., I) → (..., O)."""
        if not is_narrow(self.narrow, training):
            return super().call(x)
        import tensorflow as tf

        made = product(tf.reshape(x, (-1, x.shape[-1])), tf.convert_to_tensor(self.kernel))
        made = tf.reshape(made, tf.concat([tf.shape(x)[:-1], [self.units]], axis=0))
        made.set_shape((*x.shape[:-1], self.units))
        return self.activation(made if self.bias is None else made + self.bias)

    def get_config(self):
        """As Keras, and whether it is narrow."""
        return super().get_config() | {"narrow": self.narrow}
