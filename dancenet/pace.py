"""How fast a choreographer is played, so that its dances move as the dancer does.

A model that has learned more than one way to go on averages a little over them: it moves more slowly than
any of them. Nothing is wrong with its poses or their order: played faster by a constant, the dance has the
dancer's own energy. It is measured once, when training ends, with how the dancer travels (`travel.py`). Shape
letters: T time steps, D = 128 latent dimensions, H height, W width.
"""

import logging
from dataclasses import replace

import cv2
import numpy as np

from dancenet.mapped import read_rows
from dancenet.sequences import Span, evenly
from dancenet.trained import Trained, reconstruct_batch
from dancenet.travel import Travels, in_the_middle
from dancenet.waiting import dancing

log = logging.getLogger(__name__)

#: Dances and steps of each that are measured; one second at first is left out.
DANCES, STEPS = 8, 192
#: Takes that it is compared with, at most.
TAKES = 128
#: About how long it takes on two cores, in seconds, and how a dancer travels.
MEASURED_S, TRAVELS_S = 7.0, 14.0
#: No dance is played slower or faster than this.
SLOWEST, FASTEST = 0.8, 2.0


def in_dancers_measure(trained: Trained, training: list[Span]) -> Trained:
    """The same models with the homing, the reach, the middle and the pace of the training takes.

    How soon a dance comes home depends on how fast it is played, and that on how far it travels: so both are
    looked for in turns.
    """
    travels, target = Travels.of(trained, training), motion_of_takes(trained, training)
    trained = replace(trained, pace=1.0)
    if travels is None:
        return _as_shown(trained, target)
    plain = travels.applied(trained, homing=0.0)
    # a dance that comes home sooner needs less pace: it will be about half way to none
    first = travels.applied(replace(plain, pace=(1 + natural_pace(plain, target)) / 2))
    second = travels.applied(replace(first, pace=natural_pace(replace(first, pace=1.0), target)))
    return in_the_middle(_as_shown(replace(second, pace=1.0), target), training)


def _as_shown(trained: Trained, target: float) -> Trained:
    """At its natural pace; looked at once more when it is played so: between poses a video shows their
    means, which move less."""
    once = replace(trained, pace=natural_pace(trained, target))
    return replace(once, pace=natural_pace(once, target))


def measuring_s(travels: object) -> float:
    """About how long all of it takes, in seconds; `travels` is true for a VAE that knows the place."""
    return 4 * MEASURED_S + TRAVELS_S if travels else 2 * MEASURED_S


def natural_pace(trained: Trained, target: float) -> float:
    """The pace that gives dances a mean motion, that of the training takes (`motion_of_takes`).

    Motion is the mean step between neighbouring pictures, both sides as the decoder draws them, dances as
    they are shown at `trained.pace`. How it grows with the pace is read off steps twice as long:
    motion(p) ~ p^a.
    """
    from dancenet.config import DanceOptions
    from dancenet.generation import Dancer

    fps = trained.packed.fps
    options = DanceOptions(seconds=STEPS / fps, fps=fps)
    near, far = [], []
    for dance in Dancer(trained).dances(options, list(range(DANCES))):
        frames = _pictures(np.stack(list(dance)))[round(fps) :]
        near.append(_motion(frames, 1))
        far.append(_motion(frames, 2))
    made = float(np.mean(near))
    if made <= 0 or target <= 0:
        return 1.0
    growth = float(np.clip(np.log2(max(float(np.mean(far)), 1e-9) / made), 0.3, 1.0))
    wanted = float(trained.pace * (target / made) ** (1 / growth))
    if not SLOWEST <= wanted <= FASTEST:
        log.warning(
            "dances move %s than the dancer, more than pace can mend; more film or more minutes may",
            "less" if wanted > FASTEST else "more",
        )
    return round(float(np.clip(wanted, SLOWEST, FASTEST)), 3)


def motion_of_takes(trained: Trained, training: list[Span]) -> float:
    """Mean motion of the training takes as the decoder draws them, waiting at their ends left out."""
    takes = evenly([span for span in training if len(span) > 2], TAKES)
    return float(np.mean([_real_motion(trained, span) for span in dancing(trained.latents, takes)]))


def _real_motion(trained: Trained, span: Span) -> float:
    """Mean motion of a take as the decoder draws it, pauses included, from `STEPS` frames all over it."""
    early = evenly(np.arange(span.start, span.stop - 1), STEPS // 2)
    frames = read_rows(trained.packed.pixels, np.concatenate([early, early + 1]))
    return _motion(_pictures(reconstruct_batch(trained.vae, frames)[2]), len(early))


def _pictures(frames: np.ndarray) -> np.ndarray:
    """uint8 (T, H, W, C) → grey, a quarter of the size, float32 (T, ·): what flickers does not move."""
    size = max(1, frames.shape[2] // 4), max(1, frames.shape[1] // 4)
    grey = frames.mean(axis=-1, dtype="float32")
    return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in grey]).reshape(
        len(frames), -1
    )


def _motion(pictures: np.ndarray, step: int) -> float:
    """Mean distance of pictures `step` apart."""
    return float(np.linalg.norm(pictures[step:] - pictures[:-step], axis=1).mean())
