"""The grammar: which move may follow which, and how a seed becomes a score."""

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from dancenet.figure import gestures, moves
from dancenet.figure.moves import TRAVEL_M
from dancenet.figure.score import Bar, Score

MOVES: Mapping[str, Callable[[Bar], None]] = MappingProxyType({
    "groove": gestures.groove,
    "step-touch": moves.step_touch,
    "grapevine": moves.grapevine,
    "march": moves.march,
    "box step": moves.box_step,
    "kick": moves.kick,
    "heel curl": moves.heel_curl,
    "squat": moves.squat,
    "jump": moves.jump,
    "spin": moves.spin,
    "twist": moves.twist,
    "sway": gestures.sway,
    "body wave": gestures.body_wave,
    "arm wave": gestures.arm_wave,
    "hip circle": gestures.hip_circle,
    "shimmy": gestures.shimmy,
    "clap": gestures.clap,
    "lunge": gestures.lunge,
    "disco point": gestures.disco_point,
    "shoulder roll": gestures.shoulder_roll,
    "freeze": gestures.freeze,
})  # fmt: skip

_STEPS = ("step-touch", "grapevine", "march", "box step", "heel curl")
_ACCENTS = ("kick", "squat", "lunge", "clap", "disco point", "jump")
_FLOW = ("sway", "body wave", "arm wave", "hip circle", "shoulder roll")
_TIGHT = ("groove", "twist", "shimmy")

#: What may follow each move. A move may always be answered by its own mirror image.
FOLLOWERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys(_STEPS, (*_STEPS, *_ACCENTS, *_TIGHT, "spin", "sway", "body wave"))
    | dict.fromkeys(_ACCENTS, (*_STEPS, *_FLOW, *_TIGHT, "clap", "disco point"))
    | dict.fromkeys(_FLOW, (*_FLOW, *_TIGHT, "step-touch", "grapevine", "lunge", "spin", "freeze"))
    | dict.fromkeys(_TIGHT, (*_STEPS, *_ACCENTS, *_FLOW))
    | {"spin": ("freeze", "lunge", "clap", "disco point", "step-touch", "body wave", "sway")}
    | {"freeze": (*_STEPS, *_TIGHT, "jump", "arm wave", "body wave")}
)

#: Counts of one bar, and of one section (eight bars; its last is an ending).
BAR_COUNTS = 4
SECTION_BARS = 8
#: Beyond this distance from the middle, sideways moves are danced towards it, in metres.
_ASIDE_M = 0.25
#: The stance never leaves this part of the floor: metres to the sides, to the back and to the front.
_SIDES_M, _BACK_M, _FRONT_M = 0.55, -0.50, 0.12
_HEADINGS_DEG = (0.0, 0.0, -35.0, 35.0)


def counts_per_beat(tempo_bpm: float) -> float:
    """Counts danced on each beat: 1, or a power of two that brings the counts to 70 up to 140 a minute."""
    return float(2.0 ** -np.floor(np.log2(tempo_bpm / 70.0)))


def _draw(rng: np.random.Generator, options: list[str], used: Counter[str]) -> str:
    """One of the options; those danced less so far are likelier."""
    weights = np.array([(1.0 + used[name]) ** -1.5 for name in options])
    return options[int(rng.choice(len(options), p=weights / weights.sum()))]


def _section(rng: np.random.Generator, previous: str, used: Counter[str]) -> list[str]:
    """Names of eight bars: phrases of four or eight counts, the last bar an ending."""
    names: list[str] = []
    while len(names) < SECTION_BARS - 1:
        options = [name for name in FOLLOWERS[previous] if name != previous]
        if names:
            options = [name for name in options if name not in names[-3:]] or options
        name = _draw(rng, options, used)
        # A phrase of eight counts answers four counts with their mirror image.
        answered = name not in ("freeze", "spin", "jump") and rng.random() < 0.55
        names += [name] * (2 if answered and len(names) < SECTION_BARS - 2 else 1)
        used[name] += 1
        previous = name
    endings: list[str] = [name for name in ("freeze", "spin", "jump", "clap") if name in FOLLOWERS[previous]]
    ending = _draw(rng, endings or list(FOLLOWERS[previous]), used)
    used[ending] += 1
    return [*names, ending]


def bars(rng: np.random.Generator, number: int) -> list[str]:
    """Names of `number` bars. One section in three comes back as it was, like a refrain."""
    sections: list[list[str]] = []
    previous = "groove"
    names: list[str] = ["groove"]
    used: Counter[str] = Counter(names)
    while len(names) < number:
        fits = [old for old in sections[:-1] if old[0] in FOLLOWERS[previous]]
        if fits and rng.random() < 0.33:
            section = fits[int(rng.integers(len(fits)))]
        else:
            section = _section(rng, previous, used)
        sections.append(section)
        names += section
        previous = section[-1]
    return names[:number]


def _leads_astray(score: Score, mirror: bool, size: float) -> bool:
    """Whether a grapevine from here would leave the floor."""
    angle = np.deg2rad(score.heading)
    travel = TRAVEL_M * size * score.scale * (-1.0 if mirror else 1.0)
    x, z = score.x + travel * np.cos(angle), score.z - travel * np.sin(angle)
    return abs(x) > _SIDES_M * score.scale or not _BACK_M * score.scale < z < _FRONT_M * score.scale


def compose(counts: float, seed: int, scale: float = 1.0) -> Score:
    """A choreography of at least `counts` counts.

    Args:
        counts: its length in counts.
        seed: another seed is another choreography.
        scale: stature over that of the default body; places and lifts grow with it.
    """
    # Two sources of chance, so that a longer dance starts with the shorter one.
    names = bars(np.random.default_rng([seed, 1]), int(np.ceil(counts / BAR_COUNTS)) + 1)
    rng = np.random.default_rng([seed, 2])
    score = Score(scale)
    mirror, last = False, ""
    for name in names:
        mirror = not mirror if name == last else bool(rng.random() < 0.5)
        last = name
        size = float(rng.uniform(0.85, 1.12))
        near = round(score.heading / 360.0) * 360.0
        turn = near + _HEADINGS_DEG[int(rng.integers(len(_HEADINGS_DEG)))] - score.heading
        if abs(score.x) > _ASIDE_M * scale:
            # A move to the left leads towards +x: from there it is danced mirrored.
            mirror = score.x > 0
        if name == "grapevine" and _leads_astray(score, mirror, size):
            mirror = not mirror
            if _leads_astray(score, mirror, size):
                name = "step-touch"
        MOVES[name](Bar(score, name, mirror=mirror, size=size, rng=rng, turn=-turn if mirror else turn))
    return score
