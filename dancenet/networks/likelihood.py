"""The likelihood of mixtures that have directions, with its gradient written out.

A third of a training step of the choreographer was finding the way back through a factorisation for every
pose. The gradient of a Gaussian is known: here it is, at a third of the time. Shape letters: K components,
D latent dimensions, R directions; leading dimensions are free, and the same for all that is given.
"""

import math

from keras import ops


@ops.custom_gradient
def log_prob(logits, mean, scale, size, factor, x):
    """log p(x) in nats for x (..., D), shape (...), of `mixture.MixtureParameters` with directions.

    With W = factor / scale, the covariance of component k is size_k² S (I + W Wᵀ) S, S = diag(scale); of what
    x is off by, u = S⁻¹ (x - mean_k), its inverse leaves u - W (I + Wᵀ W)⁻¹ Wᵀ u (Woodbury), and its volume
    is that of I + Wᵀ W (matrix determinant lemma). The gradients are those of Petersen & Pedersen 2012, "The
    Matrix Cookbook", eqs. 57 and 61, of I + W Wᵀ.
    """
    dimensions, directions = factor.shape[-2:]
    column = ops.swapaxes(scale, -1, -2)
    white = factor / column
    root = ops.cholesky(ops.einsum("...dr,...ds->...rs", white, white) + ops.eye(directions))
    unrooted = ops.solve_triangular(root, ops.zeros_like(root) + ops.eye(directions), lower=True)
    inverse = ops.einsum("...tr,...ts->...rs", unrooted, unrooted)
    off = (ops.expand_dims(x, -2) - mean) / scale
    along = ops.matmul(ops.matmul(off, white), inverse)
    left = off - ops.einsum("...kr,...dr->...kd", along, white)
    # off · left, as a sum of squares: however long the directions, no digits cancel
    squares = ops.sum(left * left, axis=-1) + ops.sum(along * along, axis=-1)
    squares = squares / ops.square(size)
    volume = (
        ops.sum(ops.log(scale), axis=-1)
        + ops.sum(ops.log(ops.diagonal(root, axis1=-2, axis2=-1)), axis=-1, keepdims=True)
        + dimensions * (ops.log(size) + 0.5 * math.log(2 * math.pi))
    )
    component = ops.log_softmax(logits, axis=-1) - 0.5 * squares - volume

    def gradient(*given, upstream=None):
        """Of all that was given, in its order; `upstream` is given by name with torch, else alone."""
        upstream = ops.expand_dims(given[0] if upstream is None else upstream, -1)
        share = upstream * ops.softmax(component, axis=-1)  # the components' responsibilities
        pull = ops.expand_dims(share / ops.square(size), -1) * left
        spread = ops.matmul(white, ops.expand_dims(upstream, -1) * inverse)
        of_white = ops.einsum("...kd,...kr->...dr", pull, along) - spread
        of_mean = pull / scale
        of_scale = ops.sum(pull * left, axis=-2) + ops.sum(spread * white, axis=-1) - upstream
        return (
            share - upstream * ops.softmax(logits, axis=-1),
            of_mean,
            ops.expand_dims(of_scale, -2) / scale,
            share * (squares - dimensions) / size,
            of_white / column,
            -ops.sum(of_mean, axis=-2),
        )

    return ops.logsumexp(component, axis=-1), gradient
