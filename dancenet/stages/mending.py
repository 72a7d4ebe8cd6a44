"""Teaching a mender: dances' poses, drawn and seen again.

A choreographer's poses lie between those of the film: each latent by itself is plausible, together they are
those of no body. Drawn, that is a foot apart from its leg. But the encoder, which knows bodies only, reads
such a picture as the body that comes nearest, and drawn once more from there it is whole: an autoencoder
brings what it is shown nearer to what it has learned (Alain & Bengio 2014, "What regularized auto-encoders
learn from the data-generating distribution"). Drawing everything twice would be dear, so a small network
learns to say of a pose what would be seen of it.
Shape letters: N poses, D = 128 latent dimensions.
"""

import logging
import time
import warnings
from typing import Any

import numpy as np
from keras import ops

from dancenet.networks.centring import PLACE
from dancenet.networks.mender import Mender
from dancenet.sequences import evenly
from dancenet.stages import practice
from dancenet.trained import Trained, decode_batch, encoded

log = logging.getLogger(__name__)

#: Poses of dances that it learns from for each frame of the film, and at most; and frames of the film.
TIMES, MOST_POSES, MOST_FRAMES = 4, 36_000, 12_000
#: Hidden layers, passes over all examples, examples in a step.
UNITS, PASSES, BATCH = (512, 512), 15, 128
#: Poses of the film are to stay as they are, also with so much of their posterior's spread.
SPREADS = (0.0, 0.5)
#: Share of the poses, the end of the last dances, that is left out, to tell what it has learned.
LEFT_OUT = 0.06
#: Of fewer poses it learns nothing.
FEWEST = 256
#: Poses drawn and seen again in one go.
AT_ONCE = 64
#: About how long it takes on two cores with as many poses as are taken at most, in seconds.
MOST_S = 45.0


def mending_s(trained: Trained, frames: int) -> float:
    """About how long it takes for a film of so many frames, in seconds."""
    return 0.0 if trained.vae.bodies else MOST_S * min(1.0, TIMES * frames / MOST_POSES)


def learned(
    trained: Trained, indices: np.ndarray, seed: int, *, most_s: float | None = None
) -> tuple[Mender | None, dict[str, float]]:
    """A mender for the dances of a run, whose choreographer has none yet.

    Args:
        trained: with the decoder that draws its dances.
        indices: (N,) frames of the film that may be learned from.
        seed: of the dances and of the network's first weights.
        most_s: poses are drawn for so many seconds at most; None: until all are.

    Returns:
        the mender, and how far poses of dances that it has not seen are from what is seen of them, `off`, and
        with the mender `left`, as root mean squares in the choreographer's units. None and no figures of
        several dancers, whose pose codes are means of true ones already (`networks/kindred.py`), and where
        nothing is gained.
    """
    if trained.vae.bodies:
        return None, {}
    kept = PLACE if trained.vae.window else 0
    poses = practice.poses_in_the_picture(trained, min(MOST_POSES, TIMES * len(indices)), kept, seed)
    wanted = seen_again(trained, poses, kept, most_s)
    if len(wanted) < FEWEST:
        return None, {}
    poses, wanted = (trained.latents.standardise(part)[:, kept:] for part in (poses[: len(wanted)], wanted))
    tested = np.arange(len(poses)) >= (1 - LEFT_OUT) * len(poses)
    film, as_they_are = _film(trained, evenly(indices, MOST_FRAMES), seed)
    x = np.concatenate([poses[~tested], film[:, kept:]]).astype("float32")
    y = np.concatenate([wanted[~tested], as_they_are[:, kept:]]).astype("float32") - x
    mender = _fitted(x, y, kept, seed)
    padded = np.concatenate([np.zeros((int(tested.sum()), kept)), poses[tested]], axis=1).astype("float32")
    off, left = (
        _rms(wanted[tested] - made[:, kept:]) for made in (padded, ops.convert_to_numpy(mender(padded)))
    )
    if not left < off:
        log.info("dances are shown as they are drawn: a mender has learned nothing (%.3f, %.3f)", off, left)
        return None, {"off": off, "left": off}
    return mender, {"off": off, "left": left}


def seen_again(trained: Trained, poses: np.ndarray, kept: int, most_s: float | None = None) -> np.ndarray:
    """Poses (N, D) as the encoder sees them once they are drawn, but for the first `kept` latents; of the
    first ones, as far as `most_s` seconds go."""
    made, begun = np.array(poses, "float32"), time.monotonic()
    for start in range(0, len(poses), AT_ONCE):
        if most_s is not None and time.monotonic() - begun > most_s:
            return made[:start]
        part = slice(start, start + AT_ONCE)
        made[part, kept:] = encoded(trained.vae, decode_batch(trained.vae, poses[part]))[:, kept:]
    return made


def _film(trained: Trained, indices: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standardised draws from the posteriors of the film, and their means, (N, D) each."""
    latents, random = trained.latents, np.random.default_rng(seed)
    mean, sigma = latents.mean[indices], np.exp(0.5 * latents.log_variance[indices])
    drawn = [mean + spread * sigma * random.standard_normal(mean.shape) for spread in SPREADS]
    return latents.standardise(np.concatenate(drawn)), latents.standardise(np.tile(mean, (len(SPREADS), 1)))


def _fitted(x: np.ndarray, y: np.ndarray, kept: int, seed: int) -> Mender:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    network: Any = MLPRegressor(
        hidden_layer_sizes=UNITS, max_iter=PASSES, batch_size=min(BATCH, len(x)), random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the passes are a budget
        network.fit(x, y)
    return Mender(network.coefs_, network.intercepts_, kept)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="float64"))))
