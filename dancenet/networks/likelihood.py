"""The mixture's likelihood on TensorFlow, with its gradient written out.

A third of a training step of the choreographer was TensorFlow finding its way back through a factorisation
for every pose. The gradient of a Gaussian is known: here it is, at a quarter of the time.
Shape letters: K components, D latent dimensions, R directions; leading dimensions are
free, and the same for all that is given.
"""

import functools
import math


def log_prob(logits, mean, scale, size, factor, x):
    """log p(x) in nats for x (..., D), shape (...), of `mixture.MixtureParameters` with directions.

    With W = factor / scale, the covariance of component k is size_k² S (I + W Wᵀ) S, S = diag(scale); of what
    x is off by, u = S⁻¹ (x - mean_k), its inverse leaves u - W (I + Wᵀ W)⁻¹ Wᵀ u (Woodbury). The gradients
    are those of Petersen & Pedersen 2012, "The Matrix Cookbook", eqs. 57 and 61, of I + W Wᵀ.
    """
    return _with_gradient()(logits, mean, scale, size, factor, x)


@functools.cache
def _with_gradient():
    import tensorflow as tf

    @tf.custom_gradient
    def likelihood(logits, mean, scale, size, factor, x):
        """log p(x)."""
        dimensions, directions = factor.shape[-2:]
        column = tf.linalg.matrix_transpose(scale)
        white = factor / column
        gram = tf.matmul(white, white, transpose_a=True) + tf.eye(directions)
        root = tf.linalg.cholesky(gram)
        inverse = tf.linalg.cholesky_solve(root, tf.eye(directions, batch_shape=tf.shape(gram)[:-2]))
        off = (tf.expand_dims(x, -2) - mean) / scale
        along = tf.matmul(tf.matmul(off, white), inverse)
        left = off - tf.matmul(along, white, transpose_b=True)
        # off · left, as a sum of squares: however long the directions, no digits cancel
        squares = tf.reduce_sum(left * left, axis=-1) + tf.reduce_sum(along * along, axis=-1)
        squares = squares / tf.square(size)
        volume = (
            tf.reduce_sum(tf.math.log(scale), axis=-1)
            + tf.reduce_sum(tf.math.log(tf.linalg.diag_part(root)), axis=-1, keepdims=True)
            + dimensions * (tf.math.log(size) + 0.5 * math.log(2 * math.pi))
        )
        component = tf.nn.log_softmax(logits) - 0.5 * squares - volume

        def gradient(upstream):
            """Of all that was given, in its order."""
            upstream = tf.expand_dims(upstream, -1)
            share = upstream * tf.nn.softmax(component)  # the components' responsibilities
            pull = tf.expand_dims(share / tf.square(size), -1) * left
            spread = tf.matmul(white, tf.expand_dims(upstream, -1) * inverse)
            of_white = tf.matmul(pull, along, transpose_a=True) - spread
            of_mean = pull / scale
            of_scale = tf.reduce_sum(pull * left, axis=-2) + tf.reduce_sum(spread * white, axis=-1) - upstream
            return (
                share - upstream * tf.nn.softmax(logits),
                of_mean,
                tf.expand_dims(of_scale, -2) / scale,
                share * (squares - dimensions) / size,
                of_white / column,
                -tf.reduce_sum(of_mean, axis=-2),
            )

        return tf.reduce_logsumexp(component, axis=-1), gradient

    return likelihood
