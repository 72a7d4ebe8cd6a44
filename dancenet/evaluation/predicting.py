"""How likely a choreographer finds unseen stretches of takes: what its training minimises.

Graves (2013), eq. 26, in nats per latent dimension.
"""

import numpy as np
from keras import ops

from dancenet.choreographer import Choreographer
from dancenet.machine.compiling import once
from dancenet.mixture import negative_log_likelihood
from dancenet.sequences import Stretches

#: Stretches that are looked at together, at most.
EXAMPLES = 16


def likelihood(model: Choreographer, stretches: Stretches) -> dict[str, float]:
    """Nats per dimension of validation stretches danced without cues; `score` is what training minimises."""
    value = _nll(
        model, stretches._replace(cues=np.zeros((*stretches.counted.shape, model.preset.cues), "float32"))
    )
    return {"score": value, "nll": value}


def likelihood_to_cues(model: Choreographer, stretches: Stretches) -> dict[str, float]:
    """The same with the cues of the takes; empty where the model knows none."""
    return {"nll_to_cues": _nll(model, stretches)} if model.preset.cues else {}


def _nll(model: Choreographer, stretches: Stretches) -> float:
    contexts, targets, counted, cues = stretches
    nll = once(
        model, "nll", lambda x, y, known: negative_log_likelihood(model((x, y, known), training=False), y)
    )
    parts = -(-len(contexts) // EXAMPLES)
    total, size = 0.0, -(-len(contexts) // parts)  # alike, so that hardly any is padded
    for start in range(0, len(contexts), size):
        part = slice(start, start + size)
        each = ops.convert_to_numpy(
            nll(*(_padded(values[part], size) for values in (contexts, targets, cues)))
        )
        each = each[: len(counted[part])]
        total += float(each[counted[part]].sum())
    return float(total / counted.sum())


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    """As many as in every part: another number would be compiled once more, which takes seconds."""
    return np.pad(values, ((0, size - len(values)), (0, 0), (0, 0)))
