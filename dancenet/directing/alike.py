"""The verbs that keep near to given phrases: vary, blend, mix; and the loop, which keeps near to itself.

Shape letters: T poses, B versions, D = 128 latent dimensions.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from dancenet.directing.director import Director, Style
from dancenet.directing.path import Path, steady
from dancenet.directing.verbs import Phrase, paced
from dancenet.errors import DancenetError

#: How near the versions of a phrase keep to it, from nuance to cousin; see `Director.follow`.
GAINS = np.geomspace(0.5, 0.012, 24)
#: A cousin is about so far from the phrase, as part of the distance of any other moment of the film.
COUSIN = 0.7
#: How near a mixture keeps to the middle between two phrases.
MIX_GAIN = 0.1
#: A loop comes back to its beginning along the poses that led to it, over so long, seconds.
CLOSING_S = 0.5
#: Speed over a loop's seam, of that at which it was filmed: begun in a fast moment, with the rest slower,
#: a loop would have its largest step there.
SEAM_PACE = 0.8
#: Shorter loops than this are no dance.
LEAST_S = 0.5


def varied(director: Director, phrase: Phrase, amount: float, style: Style) -> Path:
    """The same phrase, danced differently.

    Versions that keep more or less near to the phrase are danced with the same chance; the one that is as far
    from it as `amount` says is taken. So a larger amount is never nearer.

    Args:
        director: of the run.
        phrase: shown at its own speed, which the variation keeps.
        amount: 0 (the phrase itself) to 1 (`COUSIN` of the way to any other moment).
        style: how.
    """
    if amount == 0 or len(phrase.latents) < 2:
        return steady(phrase.latents, phrase.fps)
    phrase = phrase.at_rate(director.trained.packed.fps)
    times = np.arange(1, len(phrase.latents)) / phrase.fps
    made = director.follow(phrase.before, phrase.latents[1:], GAINS, times, style)
    versions = np.concatenate([np.repeat(phrase.latents[:1, None], len(GAINS), axis=1), made])
    away = np.maximum.accumulate(director.apart(versions, phrase.latents[:, None]).mean(axis=0))
    wanted = amount * COUSIN * director.strangers()
    return steady(_at(away, wanted, versions, phrase.latents), phrase.fps)


def _at(away: np.ndarray, wanted: float, versions: np.ndarray, phrase: np.ndarray) -> np.ndarray:
    """The version (T, D) that is `wanted` away; nearer than all of them, a part of the way to the nearest."""
    if wanted <= away[0]:
        return phrase + np.float32(wanted / away[0]) * (versions[:, 0] - phrase)
    after = min(int(np.searchsorted(away, wanted)), len(away) - 1)
    return versions[:, after]


def mixed(director: Director, one: Phrase, other: Phrase, shares: Sequence[float], style: Style) -> Path:
    """Two phrases at once: a dance that keeps near to the middle between them, weighted over time.

    Args:
        director: of the run.
        one, other: the phrases; the shorter one ends it.
        shares: of the other, 0 to 1, at evenly spaced moments; where it is 0 or 1 it is the phrase itself.
        style: how.
    """
    one, other = (phrase.at_rate(director.trained.packed.fps) for phrase in (one, other))
    steps = min(len(one.latents), len(other.latents))
    share = (
        np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(shares)), shares)
        if len(shares) > 1
        else (np.full(steps, shares[0]))
    )
    share = share[:, None].astype("float32")
    middle = (1 - share) * one.latents[:steps] + share * other.latents[:steps]
    first = one if share[0] < 0.5 else other
    opening = first.lead if len(first.lead) > 1 else first.latents[:1]
    made = director.follow(opening, middle, np.array([MIX_GAIN]), np.arange(steps) / one.fps, style)[:, 0]
    free = 1 - (2 * share - 1) ** 8  # 0 where a phrase is alone, soon 1
    return steady(middle + free * (made - middle), one.fps)


def blended(director: Director, phrases: Sequence[Phrase], over_s: float, style: Style) -> Path:
    """From one phrase into another, and the next: between them new dance that arrives at the next.

    Args:
        director: of the run.
        phrases: two or more, shown at their own speed.
        over_s: seconds of new dance between two of them.
        style: how.
    """
    path = steady(phrases[0].latents, phrases[0].fps)
    fps = director.trained.packed.fps  # whatever its rate, a phrase moves as fast as the film does
    for part, (last, coming) in enumerate(itertools.pairwise(phrases)):
        begun_s = path.end_s
        times = paced(director.rate, over_s, fps, fps)
        made = director.arrive(last.at_rate(fps).until_here, coming.latents[0], begun_s + times, style, part)
        ends_s = begun_s + over_s
        bridge = Path(
            np.concatenate([last.latents[-1:], made]),
            begun_s + np.concatenate([[0.0], times]),
            (begun_s, ends_s),
        )
        path = path.then(bridge).then(steady(coming.latents, coming.fps, ends_s))
    return path


def looped(director: Director, opening: np.ndarray, seconds: float, style: Style) -> Path:
    """A dance that ends where it begins: shown again and again it goes on for ever.

    It comes back to the poses that led to its first one, and leans into them more and more, so that the step
    over the seam is the one that was filmed there, a little slower.

    Args:
        director: of the run.
        opening: (T, D) poses that lead to the first one, which is the last of them.
        seconds: from the beginning to the beginning.
        style: how.

    Returns:
        a path from 0 to `seconds`, whose first and last poses are the same.

    Raises:
        DancenetError: less than `LEAST_S`.
    """
    if not seconds >= LEAST_S:
        raise DancenetError(f"a loop of {seconds:g} s", f"{LEAST_S:g} s or more", "make it longer")
    fps = director.trained.packed.fps
    times = paced(director.rate, seconds, SEAM_PACE * fps, SEAM_PACE * fps)
    steps = len(times)
    back = min(round(CLOSING_S * fps), len(opening) - 1, steps // 3)
    made = director.return_to(opening, opening[len(opening) - 1 - back :], times, style)
    return Path(np.concatenate([opening[-1:], made]), np.concatenate([[0.0], times]))


def calmest_first(latents: np.ndarray) -> np.ndarray:
    """A loop (N, D) turned so that its seam lies where it moves least: viewers that halt there hide it."""
    steps = np.linalg.norm(latents - np.roll(latents, 1, axis=0), axis=1)
    return np.roll(latents, -int(np.argmin(steps)), axis=0)
