"""How fast a choreographer is played, so that its dances move as the dancer does.

A model that has learned more than one way to go on averages a little over them: it moves more slowly than
any of them. Nothing is wrong with its poses or their order: played faster by a constant, the dance has the
dancer's own energy. It is measured once, when training ends, with how the dancer travels (`travel.py`). Shape
letters: T time steps, H height, W width, C channels.
"""

import logging
from dataclasses import replace

import numpy as np

from dancenet.evaluation.features import PoseSpace, small_grey
from dancenet.footage.mapped import read_rows
from dancenet.latents import farthest_of
from dancenet.repertoire import Repertoire
from dancenet.sequences import Span, evenly, frame_indices
from dancenet.stages.travel import ENTRANCE_S, Travels, in_the_middle
from dancenet.stages.waiting import dancing
from dancenet.trained import Trained, reconstruct_batch

log = logging.getLogger(__name__)

#: Dances and frames of each that are measured, after their entrance.
DANCES, STEPS = 12, 192
#: Takes that it is compared with, at most, and frames of all of them; frames whose principal components are
#: taken; frames, or pairs of them, that are read at once.
TAKES, SHOWN, FRAMES, AT_ONCE = 128, 4096, 3000, 100
#: So often it is seen how far dances travel at a pace, and which pace they need then.
TURNS = 3
#: About how long it takes on two cores, in seconds, and how a dancer travels.
MEASURED_S, TRAVELS_S = 5.0, 14.0
#: Share of where each latent has been lately that every step takes back. Without it a dance of minutes comes
#: to a pose that film shows for moments, and stays there (docs/experiments.md).
RESTLESSNESS = 0.02
#: No dance is played slower or faster than this.
SLOWEST, FASTEST = 0.8, 2.0


class Motion:
    """How much pictures move: the mean step between neighbours, on the principal components of the film.

    Those are blind to what no take shows, such as a limb that dissolves and comes back: what flickers does
    not move.

    Args:
        trained: models whose film it is.
        training: its training takes.

    Attributes:
        target: mean motion of the takes as the decoder draws them, waiting at their ends left out.
    """

    def __init__(self, trained: Trained, training: list[Span]):
        takes = evenly([span for span in training if len(span) > 2], TAKES)
        known = evenly(frame_indices(takes), FRAMES)
        parts = np.array_split(known, -(-len(known) // AT_ONCE))
        frames = (frame for part in parts for frame in read_rows(trained.packed.pixels, part))
        self._space = PoseSpace(small_grey(frames))
        danced, pairs = dancing(trained.latents, takes), max(1, SHOWN // (2 * len(takes)))
        self.target = float(np.mean([self._of_take(trained, take, pairs) for take in danced]))

    def points(self, frames: np.ndarray) -> np.ndarray:
        """uint8 (T, H, W, C) → (T, ·)."""
        return self._space.project(small_grey(frames))

    def _of_take(self, trained: Trained, span: Span, pairs: int) -> float:
        """Of a take, pauses included, from so many pairs of frames all over it."""
        early = evenly(np.arange(span.start, span.stop - 1), pairs)
        parts = np.array_split(early, -(-len(early) // AT_ONCE))
        return float(
            np.average([self._of_pairs(trained, part) for part in parts], weights=list(map(len, parts)))
        )

    def _of_pairs(self, trained: Trained, early: np.ndarray) -> float:
        """Of frames and those that follow them."""
        frames = read_rows(trained.packed.pixels, np.concatenate([early, early + 1]))
        return mean_step(self.points(reconstruct_batch(trained.vae, frames)[2]), len(early))


def in_dancers_measure(trained: Trained, training: list[Span]) -> Trained:
    """The same models with the homing, balance, reach, middle, pace and repertoire of the training takes.

    How soon a dance comes home depends on how fast it is played, and that on how far it travels: so both are
    looked for in turns. How restless they are is not measured, and how far they go at most is the film's.
    """
    trained.choreographer.restlessness, trained.choreographer.farthest = RESTLESSNESS, 0.0
    travels, motion = Travels.of(trained, training), Motion(trained, training)  # that they run away is seen
    trained.choreographer.farthest = farthest_of(trained.latents, frame_indices(training))
    trained = replace(trained, pace=1.0)
    if travels is None:
        return _with_repertoire(_told(_as_shown(trained, motion)), training)
    plain = travels.applied(trained, (0.0, 0.0))
    # a dance that comes home sooner needs less pace: it will be about half way to none
    now = replace(plain, pace=(1 + natural_pace(plain, motion)) / 2)
    for _ in range(TURNS):
        now = travels.applied(now)
        now = replace(now, pace=natural_pace(now, motion))
    return _with_repertoire(in_the_middle(_told(now), training), training)


def _with_repertoire(measured: Trained, training: list[Span]) -> Trained:
    """The same, and the poses of the takes, waiting at their ends left out, on the stage as it is now."""
    danced = frame_indices(dancing(measured.latents, training))
    return replace(measured, repertoire=Repertoire.of(measured.latents, danced))


def _told(measured: Trained) -> Trained:
    """The same, and a warning where its pace is as slow or as fast as it may be."""
    if measured.pace in (SLOWEST, FASTEST):
        how = "less" if measured.pace == FASTEST else "more"
        log.warning("dances move %s than the dancer, more than pace can mend; more film or minutes may", how)
    return measured


def _as_shown(trained: Trained, motion: Motion) -> Trained:
    """At its natural pace; looked at once more when it is played so: between poses a video shows their
    means, which move less."""
    once = replace(trained, pace=natural_pace(trained, motion))
    return replace(once, pace=natural_pace(once, motion))


def measuring_s(travels: object) -> float:
    """About how long all of it takes, in seconds; `travels` is true for a VAE that knows the place."""
    return 4 * MEASURED_S + TRAVELS_S if travels else 2 * MEASURED_S


def mean_step(points: np.ndarray, apart: int) -> float:
    """Mean distance of points (T, ·) so many frames apart."""
    return float(np.linalg.norm(points[apart:] - points[:-apart], axis=1).mean())


def natural_pace(trained: Trained, motion: Motion) -> float:
    """The pace that gives dances, as they are shown at `trained.pace`, the motion of the takes.

    How motion grows with the pace is read off steps twice as long: motion(p) ~ p^a.
    """
    from dancenet.config import DanceOptions
    from dancenet.generation import Dancer

    fps = trained.packed.fps
    entrance = round(ENTRANCE_S * fps)
    options = DanceOptions(seconds=(entrance + STEPS) / fps, fps=fps, continuations=1)
    near, far = [], []
    for dance in Dancer(trained).dances(options, list(range(DANCES))):
        points = motion.points(np.stack(list(dance)))[entrance:]
        near.append(mean_step(points, 1))
        far.append(mean_step(points, 2))
    made = float(np.mean(near))
    if made <= 0 or motion.target <= 0:
        return 1.0
    growth = float(np.clip(np.log2(max(float(np.mean(far)), 1e-9) / made), 0.3, 1.0))
    wanted = float(trained.pace * (motion.target / made) ** (1 / growth))
    return round(float(np.clip(wanted, SLOWEST, FASTEST)), 3)
