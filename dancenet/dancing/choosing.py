"""Of several ways to go on, the one after which a dance has been where the dancer is, as often.

A choreographer knows what comes next, not where its dance has been for the last minute: left alone it takes
some poses more often than the dancer, and others seldom. Drawing several continuations and going on with the
best by what the network cannot see is sequential best-of-n sampling. Shape letters: B dances, C
continuations, T time steps, P poses of the repertoire, D = 128 latent dimensions.
"""

import numpy as np

from dancenet.repertoire import Nearest
from dancenet.trained import Trained

#: Where a dance has been is by and by forgotten, a share of 1 / e in so many seconds.
MEMORY_S = 60.0


class Chooser:
    """Chooses for dances that are rolled out together, each by itself.

    Args:
        nearest: finds poses of the repertoire.
        shares: (P,) of the dancer's time that are spent near each.
        dances: B.
        continuations: C.
        memory: poses in which 1 / e of where a dance has been is forgotten.
    """

    def __init__(
        self, nearest: Nearest, shares: np.ndarray, *, dances: int, continuations: int, memory: float
    ):
        self.continuations, self._nearest, self._memory = continuations, nearest, memory
        self._wanted = np.sqrt(shares)
        self._been = np.zeros((dances, len(nearest)))

    @classmethod
    def of(cls, trained: Trained, dances: int, continuations: int) -> "Chooser | None":
        """For so many dances of a run; None where there is nothing to choose from, or by."""
        known = trained.repertoire
        if known is None or continuations == 1:
            return None
        return cls(
            known.nearest(trained.latents), np.array(known.shares),
            dances=dances, continuations=continuations, memory=MEMORY_S * trained.packed.fps * trained.pace,
        )  # fmt: skip

    def best(self, made: np.ndarray) -> np.ndarray:
        """(B,): the continuation of each dance to go on with; it counts as danced from now on.

        By the Bhattacharyya coefficient (1943) of the shares of time near each pose, the dance's so far and
        the dancer's: 1 where they are alike, so that the best is nearest by Hellinger's distance.

        Args:
            made: (T, B, C, D) standardised.
        """
        near = self._nearest(made)
        visits = (near[..., None] == np.arange(len(self._nearest))).sum(axis=0)
        been = self._been[:, None] * np.exp(-len(made) / self._memory) + visits
        alike = (np.sqrt(been / been.sum(axis=-1, keepdims=True)) * self._wanted).sum(axis=-1)
        best = alike.argmax(axis=1)
        self._been = been[np.arange(len(been)), best]
        return best
