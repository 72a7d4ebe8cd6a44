"""Pose codes made of what all bodies have in common: each from the nearest codes of every body.

What an adversary has not taken out of a code, its neighbours take out: the mean of the nearest codes of each
body, every body counting the same, says little of whose the code was, because it is made of no one's in
particular (kNN-VC, Baas, van Niekerk & Kamper 2023, does so with voices). Nothing of a code stays its own: a
share of it, however small, says it all to a network that looks closely. A body that has never been near the
pose has no say: what one dancer alone has done stays that dancer's.
Shape letters: N codes, D = 128 latent dimensions, L bodies, M remembered codes of each.
"""

import keras
import numpy as np
from keras import ops

from dancenet.config import LATENT_SIZE

#: Codes of each body that are remembered, and how many of them a code is made of.
REMEMBERED, NEAREST = 4096, 4
#: How far apart a body's own moments lie is measured on one in so many of its codes, so that neighbours in
#: time do not count. A body whose nearest are `FAR` times as far off counts half, farther off soon nothing.
SPARSE, FAR, STEEP = 10, 1.5, 8
#: So far away lies what is not known.
UNKNOWN = 1e9
#: A dimension that varies less than this says nothing, and no distance is measured along it.
LEAST = 0.05


class Kindred(keras.layers.Layer):
    """Codes (N, D) → codes made of their nearest of every body; before anything is remembered, as they are.

    Args:
        bodies: how many there are.
    """

    def __init__(self, bodies: int):
        super().__init__(name="kindred", trainable=False, dtype="float32")
        shapes = {
            "codes": (bodies, REMEMBERED, LATENT_SIZE),
            "known": (bodies, REMEMBERED),
            "measure": (LATENT_SIZE,),
            "far": (),
        }
        self.codes, self.known, self.measure, self.far = (
            self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
            for name, shape in shapes.items()
        )
        self.built = True

    def remember(self, codes: list[np.ndarray], sigma: np.ndarray) -> None:
        """What codes are made of from now on.

        Args:
            codes: of each body (M, D), posterior means of one frame or more; `REMEMBERED` at most.
            sigma: (D,) standard deviation of posteriors, the unit of distances.
        """
        kept, known = (np.zeros(part.shape, "float32") for part in (self.codes, self.known))
        for body, own in enumerate(codes):
            count = max(len(own), NEAREST)  # of fewer some count twice
            kept[body, :count], known[body, :count] = np.resize(own, (count, LATENT_SIZE)), 1.0
        spread = np.concatenate(codes).astype("float64").std(axis=0)
        speaks = spread > min(LEAST, spread.max())  # of a VAE that has learned nothing, all dimensions
        measure = (speaks | ~speaks.any()) / sigma
        self.measure.assign(measure)
        self.far.assign(FAR * max(np.median([_apart(own * measure) for own in codes]), 1e-6))
        self.codes.assign(kept)
        self.known.assign(known)

    def call(self, codes):
        """See the class."""
        measured = self.codes * self.measure
        # |a - b|² without |a|², which is the same for all b
        near = 2.0 * ops.einsum("nd,lmd->nlm", codes * self.measure, measured)
        near = near - ops.sum(ops.square(measured), axis=-1) - UNKNOWN * (1.0 - self.known)
        near, chosen = ops.top_k(near, NEAREST)
        squared = ops.sum(ops.square(codes * self.measure), axis=-1, keepdims=True) - ops.mean(near, axis=-1)
        apart = ops.sqrt(ops.maximum(squared, 0.0)) / ops.maximum(self.far, 1e-6)
        # relative to the nearest body, so that something is left where all are far
        say = 1.0 / (1.0 + ops.power(ops.minimum(apart, 50.0), STEEP))
        say = say / ops.sum(say, axis=-1, keepdims=True)
        of_each = [
            ops.mean(ops.take(self.codes[body], chosen[:, body], axis=0), axis=1)
            for body in range(self.codes.shape[0])
        ]
        kindred = sum(say[:, body, None] * each for body, each in enumerate(of_each))
        return codes + ops.max(self.known) * (kindred - codes)


def _apart(points: np.ndarray) -> float:
    """Median distance of points (M, D) to the nearest among those of other moments."""
    order = np.random.default_rng(0).permutation(len(points))
    few, others = points[order[: max(1, len(points) // SPARSE)]], points[order[len(points) // SPARSE :][:500]]
    squared = (others**2).sum(axis=1)[:, None] - 2 * others @ few.T + (few**2).sum(axis=1)
    count = min(NEAREST, len(few))
    nearest = np.sort(np.maximum(squared, 0), axis=1)[:, :count]
    return float(np.median(np.sqrt(nearest.mean(axis=1))))
