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
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.centring import PLACE
from dancenet.mender import Mender
from dancenet.sequences import evenly
from dancenet.trained import Trained, decode_batch, encoded

log = logging.getLogger(__name__)

#: Poses of dances that it learns from for each frame of the film, and at most; and frames of the film.
TIMES, MOST_POSES, MOST_FRAMES = 4, 36_000, 12_000
#: Length of these dances, seconds.
DANCE_S = 60.0
#: Hidden layers, passes over all examples, examples in a step.
UNITS, PASSES, BATCH = (512, 512), 15, 128
#: Poses of the film are to stay as they are, also with so much of their posterior's spread.
SPREADS = (0.0, 0.5)
#: Each so many poses are left out, to tell what it has learned.
LEFT_OUT = 20
#: Poses drawn and seen again in one go.
AT_ONCE = 64
#: About how long it takes on two cores with as many poses as are taken at most, in seconds.
MOST_S = 45.0


def mending_s(frames: int) -> float:
    """About how long it takes for a film of so many frames, in seconds."""
    return MOST_S * min(1.0, TIMES * frames / MOST_POSES)


def mend(trained: Trained, indices: np.ndarray, seed: int, path: Path) -> dict[str, float]:
    """Give the choreographer a mender (`learned`) and keep that in a file; returns its figures."""
    trained.choreographer.mender = None
    mender, figures = learned(trained, indices, seed)
    trained.choreographer.mender = mender
    if mender is None:
        path.unlink(missing_ok=True)
    else:
        mender.save(path)
    return figures


def learned(trained: Trained, indices: np.ndarray, seed: int) -> tuple[Mender | None, dict[str, float]]:
    """A mender for the dances of a run.

    Args:
        trained: with the decoder that draws its dances.
        indices: (N,) frames of the film that may be learned from.
        seed: of the dances and of the network's first weights.

    Returns:
        the mender, and how far poses of dances that it has not seen are from what is seen of them, `off`, and
        with the mender `left`, as root mean squares in the choreographer's units. None and no figures of
        several dancers, whose pose codes are means of true ones already (`kindred.py`), and where nothing
        is gained.
    """
    if trained.vae.bodies:
        return None, {}
    kept = PLACE if trained.vae.window else 0
    poses = _danced(trained, min(MOST_POSES, TIMES * len(indices)), seed)
    wanted = trained.latents.standardise(seen_again(trained, poses, kept))[:, kept:]
    poses = trained.latents.standardise(poses)[:, kept:]
    tested = np.arange(len(poses)) % LEFT_OUT == 0
    film, as_they_are = _film(trained, evenly(indices, MOST_FRAMES), seed)
    x = np.concatenate([poses[~tested], film[:, kept:]]).astype("float32")
    y = np.concatenate([wanted[~tested], as_they_are[:, kept:]]).astype("float32") - x
    mender = _fitted(x, y, kept, seed)
    padded = np.concatenate([np.zeros((int(tested.sum()), kept)), poses[tested]], axis=1).astype("float32")
    off, left = (_rms(wanted[tested] - made[:, kept:]) for made in (padded, np.asarray(mender(padded))))
    if not left < off:
        log.info("dances are shown as they are drawn: a mender has learned nothing (%.3f, %.3f)", off, left)
        return None, {"off": off, "left": off}
    return mender, {"off": off, "left": left}


def seen_again(trained: Trained, poses: np.ndarray, kept: int) -> np.ndarray:
    """Poses (N, D) as the encoder sees them once they are drawn, but for the first `kept` latents."""
    made = np.array(poses, "float32")
    for start in range(0, len(poses), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        made[part, kept:] = encoded(trained.vae, decode_batch(trained.vae, poses[part]))[:, kept:]
    return made


def _danced(trained: Trained, count: int, seed: int) -> np.ndarray:
    """(count, D) poses of dances, as they are shown without a mender."""
    from dancenet.config import DanceOptions
    from dancenet.generation import Dancer

    fps = trained.packed.fps
    steps = max(1, round(DANCE_S * fps))
    seeds = [seed + 2000 + number for number in range(-(-count // steps))]
    dances = Dancer(trained).dances(DanceOptions(seconds=DANCE_S, fps=fps), seeds)
    return np.concatenate([dance.latents for dance in dances])[:count]


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
