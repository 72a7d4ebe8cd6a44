"""How likely a choreographer finds unseen stretches of takes: what its training minimises.

Graves (2013), eq. 26, in nats per latent dimension.
"""

import numpy as np
from keras import ops

from dancenet.choreographer import Choreographer
from dancenet.machine.compiling import once
from dancenet.mixture import negative_log_likelihood
from dancenet.sequences import Stretches

#: Stretches that are looked at together.
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
    predicted = once(model, "predicted", lambda x, known: model((x, x, known), training=False))
    total, size = 0.0, min(EXAMPLES, len(contexts))
    for start in range(0, len(contexts), size):
        part = slice(start, start + size)
        context, target, known = (_padded(values[part], size) for values in (contexts, targets, cues))
        # the distribution is not compiled with the network: that takes longer than all these parts
        each = negative_log_likelihood(predicted(context, known), ops.convert_to_tensor(target))
        each = ops.convert_to_numpy(each)[: len(counted[part])]
        total += float(each[counted[part]].sum())
    return float(total / counted.sum())


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    """As many as in every part: for another number the network would be compiled once more."""
    return np.pad(values, ((0, size - len(values)), (0, 0), (0, 0)))
