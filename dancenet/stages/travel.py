"""How far a dancer travels across the picture, and how soon they come back, so that dances do as much.

A choreographer that averages over ways to go strays more slowly than the dancer, less far, and comes back
later: a second on, its dances still stand where they stood, and a minute on they are on the same side. And it
has a side that it likes better. All of it can be mended: each step takes a share of the place back toward the
middle (`homing`, the mean reversion of Uhlenbeck & Ornstein 1930), and a share of where the dance has been
lately (`balance`, integral action with a leak); the stage is wider by a constant than the choreographer
thinks (`reach`), and it lies farther to one side (`middle`). They are measured once, when training ends.
Shape letters: T time steps.
"""

import logging
from dataclasses import replace

import numpy as np

from dancenet.networks.centring import ACROSS
from dancenet.sequences import Span, evenly
from dancenet.trained import Trained

log = logging.getLogger(__name__)

#: Homings and balances that are tried, each with each; between them what they give is read off a line.
HOMINGS, BALANCES = (0.0, 0.002, 0.004, 0.008, 0.016), (0.0, 0.03)
#: Of fewer stretches of the takes than this it is not known on which side they are how often.
SIDES = 8
#: Dances whose way across the stage is measured, steps of each at most, and takes beside them.
DANCES, STEPS, TAKES = 24, 768, 128
#: Seconds before those: a dance comes from where its opening stood, which may be far outside.
ENTRANCE_S = 4.0
#: Longest stretch of a take, in frames. Dances are as long as two of the longest at a pace of 1.
STRETCH = STEPS // 2
#: No stage is made narrower or wider than this.
NARROWEST, WIDEST = 0.8, 3.0
#: Dances, and steps of each, whose mean is the middle; it takes them a while to come to their side.
LONG_DANCES, LONG_STEPS, SETTLING = 32, 1200, 300
#: No stage is moved farther, in standard deviations of the film.
FARTHEST = 1.0
#: Of dances that spread so many times as far as the takes nothing is measured: they have run away.
RUN_AWAY = 100.0
#: Who strays less than that stands.
STANDING = 0.01
#: A place is compared with the one so many seconds later: what sways is back by then, what travels is not.
LATER_S = 0.75


class Travels:
    """How dances of one choreographer travel beside the takes it has learned from.

    Args:
        made: for each of `BALANCES`, and for each of `HOMINGS`, the places (T,) of dances across the picture,
            in the choreographer's own time.
        real: places (T,) of stretches of the takes.
        fps: of the takes.
    """

    def __init__(self, made: list[list[list[np.ndarray]]], real: list[np.ndarray], fps: float):
        self.made, self.real, self.fps = made, real, fps

    @classmethod
    def of(cls, trained: Trained, training: list[Span]) -> "Travels | None":
        """Dance with each homing and balance (seconds); None for a VAE that does not know the place
        (`networks/centring.py`), and where dances run away, as those of a choreographer hardly trained."""
        if not trained.vae.window:
            return None
        parts = [
            trained.latents.mean[start : min(start + STRETCH, span.stop), ACROSS]
            for span in training
            for start in range(span.start, span.stop, STRETCH)
        ]
        long = [part for part in parts if 2 * len(part) >= STRETCH] or parts
        made = _danced(trained, 2 * max(len(part) for part in long))
        far = RUN_AWAY * max(_spread(long), STANDING)
        if not _spread([part for row in made for places in row for part in places]) <= far:  # also no number
            log.warning("dances run away from the picture: more film or more minutes may mend that")
            return None
        return cls(made, evenly(long, TAKES), trained.packed.fps)

    def applied(self, trained: Trained, home: tuple[float, float] | None = None) -> Trained:
        """The models with homing and balance (None: those that suit their pace), told to the choreographer
        itself, and their reach."""
        homing, balance = self.homeward(trained.pace) if home is None else home
        trained.choreographer.homing, trained.choreographer.balance = homing, balance
        return trained.on_stage(self.reach(homing, balance, trained.pace))

    def homeward(self, pace: float) -> tuple[float, float]:
        """Homing and balance.

        With that homing dances stray as far in `LATER_S`, of all they stray, as the takes do; that balance
        keeps them on one side for no longer than the takes are there, as far as `BALANCES` can.
        """
        wanted = strayed(self.real, LATER_S * self.fps)
        homings, sides = [], []
        for row in self.made:
            long = [self._as_long(places, pace) for places in row]
            made = [strayed(places, LATER_S * self.fps * pace) for places in long]
            homings.append(np.interp(wanted, np.maximum.accumulate(made), HOMINGS) if wanted > 0 else 0.0)
            sides.append(np.interp(homings[-1], HOMINGS, [one_sided(places) for places in long]))
        balance = 0.0
        if len(self.real) >= SIDES and sides[-1] < sides[0]:
            falling = -np.minimum.accumulate(sides)
            balance = float(np.interp(-one_sided(self.real), falling, BALANCES))
        return round(float(np.interp(balance, BALANCES, homings)), 5), round(balance, 4)

    def reach(self, homing: float, balance: float, pace: float) -> float:
        """The factor that gives dances that come home so, at that pace, the takes' standard deviation of the
        place."""
        spreads = [[_spread(self._as_long(places, pace)) for places in row] for row in self.made]
        made = np.interp(balance, BALANCES, [np.interp(homing, HOMINGS, row) for row in spreads])
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
            for start in np.linspace(0, max(0, len(places) - length), -(-len(places) // length)).astype(int)
        ]


def _danced(trained: Trained, steps: int) -> list[list[list[np.ndarray]]]:
    """Places of `DANCES` dances of so many steps with each balance and homing, all rolled out together."""
    from dancenet.config import DanceOptions
    from dancenet.generation import Dancer

    pairs = [(homing, balance) for balance in BALANCES for homing in HOMINGS]
    homing, balance = np.repeat(np.array(pairs, "float32"), DANCES, axis=0).T[..., None]
    fps = trained.packed.fps
    entrance = round(ENTRANCE_S * fps)
    options = DanceOptions(seconds=(entrance + steps) / fps, fps=fps, continuations=1)
    with trained.choreographer.coming_home(homing, balance):
        dancer = Dancer(replace(trained.on_stage(), pace=1.0))
        dances = dancer.dances(options, list(range(DANCES)) * len(pairs))
        places = [dance.latents[entrance : entrance + steps, ACROSS].copy() for dance in dances]
    by_pair = [places[first : first + DANCES] for first in range(0, len(places), DANCES)]
    return [by_pair[first : first + len(HOMINGS)] for first in range(0, len(by_pair), len(HOMINGS))]


def in_the_middle(trained: Trained, training: list[Span]) -> Trained:
    """The models on a stage moved so that dances (seconds) are on both sides of it as often as the takes."""
    from dancenet.config import DanceOptions
    from dancenet.generation import Dancer

    fps, plain = trained.packed.fps, trained.on_stage(trained.reach)
    options = DanceOptions(seconds=LONG_STEPS / fps, fps=fps, continuations=1)
    dances = Dancer(replace(plain, pace=1.0)).dances(options, list(range(LONG_DANCES)))
    made = np.mean([dance.latents[SETTLING:, ACROSS].mean() for dance in dances])
    takes = [trained.latents.mean[span.start : span.stop, ACROSS] for span in evenly(training, TAKES)]
    real = np.concatenate(takes).mean()
    middle = (real - made) * trained.reach / plain.latents.scale[ACROSS]
    return plain.on_stage(trained.reach, round(float(np.clip(middle, -FARTHEST, FARTHEST)), 3))


def _spread(parts: list[np.ndarray]) -> float:
    """Standard deviation of places, each part (T,) around its own mean."""
    return float(np.sqrt(np.mean([np.var(part, dtype="float64") for part in parts])))


def one_sided(parts: list[np.ndarray]) -> float:
    """Variance of the parts' mean places, of the variance within them: how long dances stay on a side."""
    spread = _spread(parts)
    if len(parts) < 2 or not spread > 0:
        return 0.0
    return float(np.var([part.mean() for part in parts], ddof=1) / spread**2)


def strayed(parts: list[np.ndarray], steps: float) -> float:
    """Mean square of the way over so many steps, of twice the variance: 0 stands, 1 may be anywhere."""
    lag = max(1, int(steps))
    return float(np.interp(steps, (lag, lag + 1), [_strayed(parts, each) for each in (lag, lag + 1)]))


def _strayed(parts: list[np.ndarray], lag: int) -> float:
    ways = [np.mean((part[lag:] - part[:-lag]) ** 2) for part in parts if len(part) > lag]
    spread = _spread(parts)
    return float(np.mean(ways) / (2 * spread**2)) if ways and spread > 0 else 0.0
