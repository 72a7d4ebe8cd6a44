"""How far a dancer travels across the picture, and how soon they come back, so that dances do as much.

A choreographer that averages over ways to go strays more slowly than the dancer, less far, and comes back
later: a second on, its dances still stand where they stood. And it has a side that it likes better. All of it
can be mended: each step takes a share of the place back toward the middle (`homing`, the mean reversion of
Uhlenbeck & Ornstein 1930), the stage is wider by a constant than the choreographer thinks (`reach`), and it
lies farther to one side (`middle`). They are measured once, when training ends.
Shape letters: T time steps, K homings.
"""

import logging
from dataclasses import replace

import numpy as np

from dancenet.centring import ACROSS
from dancenet.sequences import Span, evenly
from dancenet.trained import Trained

log = logging.getLogger(__name__)

#: Homings that are tried; between them what they give is read off a line.
HOMINGS = (0.0, 0.002, 0.004, 0.008, 0.016)
#: Dances and steps of each whose way across the stage is measured, and takes that they are compared with.
DANCES, STEPS, TAKES = 16, 576, 128
#: No stage is made narrower or wider than this.
NARROWEST, WIDEST = 0.8, 3.0
#: Dances, and steps of each, whose mean is the middle; it takes them a while to come to their side.
LONG_DANCES, LONG_STEPS, SETTLING = 64, 1200, 300
#: No stage is moved farther, in standard deviations of the film.
FARTHEST = 1.0
#: Of dances that spread so many times as far as the takes nothing is measured: they have run away.
RUN_AWAY = 100.0
#: Who strays less than that stands.
STANDING = 0.01
#: A place is compared with the one so many seconds later: what sways is back by then, what travels is not.
LATER_S = 0.75


class Travels:
    """How dances of one choreographer travel, for each of `HOMINGS`, beside the takes it has learned from.

    Args:
        made: for each homing the places (T,) of dances across the picture, in the choreographer's own time.
        real: places (T,) of stretches of the takes.
        fps: of the takes.
    """

    def __init__(self, made: list[list[np.ndarray]], real: list[np.ndarray], fps: float):
        self.made, self.real, self.fps = made, real, fps

    @classmethod
    def of(cls, trained: Trained, training: list[Span]) -> "Travels | None":
        """Dance with each homing (seconds); None for a VAE that does not know the place (`centring.py`), and
        where dances run away, as those of a choreographer that has hardly trained."""
        if not trained.vae.window:
            return None
        from dancenet.config import DanceOptions
        from dancenet.generation import Dancer

        fps = trained.packed.fps
        options, seeds = DanceOptions(seconds=STEPS / fps, fps=fps), list(range(DANCES))
        made = []
        for share in HOMINGS:
            with trained.choreographer.homing_by(share):
                dances = Dancer(replace(trained.on_stage(), pace=1.0)).dances(options, seeds)
                made.append([dance.latents[:, ACROSS] for dance in dances])
        length = round(STEPS / 1.5)  # as long as those are at a usual pace
        parts = [
            trained.latents.mean[start : min(start + length, span.stop), ACROSS]
            for span in training
            for start in range(span.start, span.stop, length)
        ]
        long = [part for part in parts if 2 * len(part) >= length] or parts
        far = RUN_AWAY * max(_spread(long), STANDING)
        if not _spread([part for places in made for part in places]) <= far:  # also where it is no number
            log.warning("dances run away from the picture: more film or more minutes may mend that")
            return None
        return cls(made, evenly(long, TAKES), fps)

    def applied(self, trained: Trained, homing: float | None = None) -> Trained:
        """The models with the homing (None: that which suits their pace), told to the choreographer itself,
        and its reach."""
        homing = self.homing(trained.pace) if homing is None else homing
        trained.choreographer.homing = homing
        return trained.on_stage(self.reach(homing, trained.pace))

    def homing(self, pace: float) -> float:
        """The share with which dances stray as far in `LATER_S`, of all they stray, as the takes do."""
        wanted = strayed(self.real, LATER_S * self.fps)
        made = [strayed(self._as_long(places, pace), LATER_S * self.fps * pace) for places in self.made]
        return round(float(np.interp(wanted, np.maximum.accumulate(made), HOMINGS)), 5)

    def reach(self, homing: float, pace: float) -> float:
        """The factor that gives dances of that homing and pace the takes' standard deviation of the place."""
        made = np.interp(homing, HOMINGS, [_spread(self._as_long(places, pace)) for places in self.made])
        real = _spread(self.real)
        if made <= 0 or real <= 0:
            return 1.0
        return round(float(np.clip(real / made, NARROWEST, WIDEST)), 3)

    def _as_long(self, dances: list[np.ndarray], pace: float) -> list[np.ndarray]:
        """Dances in stretches that last as long as those of the takes: who has longer comes farther."""
        length = max(2, round(pace * float(np.mean([len(part) for part in self.real]))))
        return [
            places[start : start + length]
            for places in dances
            for start in range(0, max(1, len(places) - length // 2), length)
        ]


def in_the_middle(trained: Trained, training: list[Span]) -> Trained:
    """The models on a stage moved so that dances (seconds) are on both sides of it as often as the takes."""
    from dancenet.config import DanceOptions
    from dancenet.generation import Dancer

    fps, plain = trained.packed.fps, trained.on_stage(trained.reach)
    options = DanceOptions(seconds=LONG_STEPS / fps, fps=fps)
    dances = Dancer(replace(plain, pace=1.0)).dances(options, list(range(LONG_DANCES)))
    made = np.mean([dance.latents[SETTLING:, ACROSS].mean() for dance in dances])
    takes = [trained.latents.mean[span.start : span.stop, ACROSS] for span in evenly(training, TAKES)]
    real = np.concatenate(takes).mean()
    middle = (real - made) * trained.reach / plain.latents.scale[ACROSS]
    return plain.on_stage(trained.reach, round(float(np.clip(middle, -FARTHEST, FARTHEST)), 3))


def _spread(parts: list[np.ndarray]) -> float:
    """Standard deviation of places, each part (T,) around its own mean."""
    return float(np.sqrt(np.mean([np.var(part, dtype="float64") for part in parts])))


def strayed(parts: list[np.ndarray], steps: float) -> float:
    """Mean square of the way over so many steps, of twice the variance: 0 stands, 1 may be anywhere."""
    lag = max(1, int(steps))
    return float(np.interp(steps, (lag, lag + 1), [_strayed(parts, each) for each in (lag, lag + 1)]))


def _strayed(parts: list[np.ndarray], lag: int) -> float:
    ways = [np.mean((part[lag:] - part[:-lag]) ** 2) for part in parts if len(part) > lag]
    spread = _spread(parts)
    return float(np.mean(ways) / (2 * spread**2)) if ways and spread > 0 else 0.0
