"""The verbs: continue, between, vary, blend, loop. From poses to paths; no files, no flags.

A studio may call them as the command line does. Shape letters: T poses, D = 128 latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dancenet.directing.director import Director, Style
from dancenet.directing.openings import led_to
from dancenet.directing.path import Path, steady
from dancenet.errors import DancenetError
from dancenet.generation import opening_poses

#: Real dance is slowed or sped into the pace of made dance over so long, seconds.
EASE_S = 0.75
#: Keyframes are at least so far apart: less is no time to dance.
NEAREST_S = 0.3
#: A stretch with a pose to arrive at after it leaves what it did so long before.
ARRIVAL_S = 1.5


@dataclass(frozen=True)
class Phrase:
    """Some seconds of dance, filmed or made.

    Attributes:
        latents: (T, D).
        fps: poses per second.
        lead: (L, D) what led to it, where that is known, at the same rate; the last is the one before.
        name: how the user named it.
    """

    latents: np.ndarray
    fps: float
    lead: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), "float32"))
    name: str = ""

    @property
    def until_here(self) -> np.ndarray:
        """The poses up to the phrase's end."""
        return np.concatenate([self.lead, self.latents]) if len(self.lead) else self.latents

    @property
    def before(self) -> np.ndarray:
        """The poses up to its first one."""
        return np.concatenate([self.lead, self.latents[:1]]) if len(self.lead) else self.latents[:1]

    @property
    def duration_s(self) -> float:
        """Seconds from the first pose to the last."""
        return (len(self.latents) - 1) / self.fps

    def at_rate(self, fps: float) -> "Phrase":
        """The same dance at another rate: the choreographer goes on from poses at the film's."""
        if fps == self.fps:
            return self
        latents = _at_rate(self.latents, self.fps, fps)
        lead = self.lead
        if len(lead):  # from the first pose backwards, so that the two parts meet
            lead = _at_rate(self.before[::-1], self.fps, fps)[:0:-1]
        return Phrase(latents, fps, lead, self.name)


def _at_rate(latents: np.ndarray, fps: float, wanted: float) -> np.ndarray:
    """Poses (T, D) at another rate, the first one kept."""
    count = int((len(latents) - 1) / fps * wanted + 1e-6) + 1
    return steady(latents, fps).at(np.arange(count) / wanted)


@dataclass(frozen=True)
class Keyframe:
    """A pose and when the dance passes through it.

    Attributes:
        at_s: seconds from the beginning of the video.
        pose: (D,).
        lead: (L, D) what led to it, where that is known; the last is the one before.
        name: how the user named it.
    """

    at_s: float
    pose: np.ndarray
    lead: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), "float32"))
    name: str = ""


def continued(
    director: Director,
    source: Phrase,
    seconds: float,
    style: Style,
    *,
    lead_s: float = 0.0,
    arrive: np.ndarray | None = None,
) -> Path:
    """The dance goes on from a phrase's last pose for some seconds.

    Real dance is shown at its own speed, made dance at the run's pace; the new part eases into that.

    Args:
        director: of the run.
        source: where it goes on from.
        seconds: of new dance.
        style: how.
        lead_s: of the source that is shown first; as much of it as there is.
        arrive: (D,) the pose to end in; None: wherever it leads.

    Returns:
        a path that begins with the lead; the first new pose follows at its end, which is a fixed moment.
    """
    source = source.at_rate(director.trained.packed.fps)
    lead_s = min(lead_s, source.duration_s)
    known = source.until_here
    lead = steady(known, source.fps, lead_s - (len(known) - 1) / source.fps)
    times = lead.end_s + paced(director.rate, seconds, source.fps)
    if arrive is None:
        made = director.free(known, times, style)
    else:
        made = director.arrive(known, arrive, times, style)
    times = np.concatenate([[lead.end_s], times])
    return lead.then(Path(np.concatenate([known[-1:], made]), times, (lead.end_s,)))


def paced(rate: float, seconds: float, first: float | None = None, last: float | None = None) -> np.ndarray:
    """When the poses after a seam are shown, seconds from it, rising; the last at `seconds`.

    Args:
        rate: poses per second of made dance.
        seconds: how long it lasts.
        first, last: poses per second of what comes before and after, from and to which the rate changes over
            `EASE_S`, as a half cosine; None: the same rate.
    """
    fine = np.linspace(0, seconds, max(2, round(seconds * 240)) + 1)
    rates = np.full(len(fine), float(rate))
    for other, away in ((first, fine), (last, seconds - fine)):
        if other is not None:
            near = 0.5 + 0.5 * np.cos(np.pi * np.clip(away / min(EASE_S, seconds / 2), 0, 1))
            rates += (other - rate) * near
    passed = np.concatenate([[0.0], np.cumsum((rates[1:] + rates[:-1]) / 2 * np.diff(fine))])
    steps = max(1, round(passed[-1]))
    return np.interp(np.arange(1, steps + 1), passed * steps / passed[-1], fine)


def between(
    director: Director,
    keyframes: Sequence[Keyframe],
    seconds: float,
    style: Style,
    *,
    opening: np.ndarray | None = None,
    arrive: np.ndarray | None = None,
) -> Path:
    """A dance that passes through keyframes on time.

    Args:
        director: of the run.
        keyframes: in order; one at 0 is the beginning.
        seconds: length of the dance, to the last keyframe at least.
        style: how; each seed has ways of its own between the keyframes.
        opening: (T, D) poses that lead into the dance where no keyframe is at 0.
        arrive: (D,) the pose to end in.

    Returns:
        a path through the keyframes, which are its fixed moments.

    Raises:
        DancenetError: keyframes out of order, too near to one another, or beyond the end.
    """
    check_keyframes([(key.at_s, key.name) for key in keyframes], seconds)
    goals = list(keyframes)
    if arrive is not None and (not goals or goals[-1].at_s < seconds - NEAREST_S):
        goals.append(Keyframe(seconds, arrive))
    if goals and goals[0].at_s == 0:
        opening = led_to(director.trained, goals[0].pose, goals[0].lead)
        del goals[0]
    elif opening is None:
        opening = opening_poses(director.trained, None)
    path = Path(opening[-1:].astype("float32"), np.zeros(1))
    seen = opening
    for part, goal in enumerate(goals):
        begun_s = path.end_s
        times = _evenly(director, begun_s, goal.at_s)
        made = director.arrive(seen, goal.pose, times[1:], style, part)
        seen = np.concatenate([seen, made])
        path = path.then(Path(seen[-len(times) :], times, (begun_s, goal.at_s)))
    if seconds > path.end_s + 1e-9:
        begun_s = path.end_s
        times = _evenly(director, begun_s, seconds)
        made = director.free(seen, times[1:], style, len(goals))
        path = path.then(Path(np.concatenate([seen[-1:], made]), times))
    return path


def check_keyframes(moments: Sequence[tuple[float, str]], seconds: float | None) -> None:
    """Raise `DancenetError` unless keyframes (seconds, name) are in order, apart, and before the end."""
    before = None
    for at_s, name in moments:
        if not 0 <= at_s < float("inf"):
            raise DancenetError(f"keyframe {name} at {at_s:g} s", "0 or more seconds")
        if before is not None and at_s <= before[0]:
            raise DancenetError(
                f"keyframe {name} at {at_s:g} s comes after {before[1]} at {before[0]:g} s",
                "keyframes in the order of their times", "sort them",
            )  # fmt: skip
        if before is not None and at_s - before[0] < NEAREST_S:
            raise DancenetError(
                f"keyframes {before[1]} at {before[0]:g} s and {name} at {at_s:g} s",
                f"{NEAREST_S:g} s or more from one to the next", "that is no time to dance",
            )  # fmt: skip
        if before is None and 0 < at_s < NEAREST_S:
            raise DancenetError(
                f"the first keyframe {name} at {at_s:g} s", f"0, or {NEAREST_S:g} s or later", "put it at 0"
            )
        if seconds is not None and at_s > seconds + 1e-9:
            raise DancenetError(
                f"keyframe {name} at {at_s:g} s lies beyond the end at {seconds:g} s",
                "keyframes within the dance", "make it longer, or leave the keyframe out",
            )  # fmt: skip
        before = (at_s, name)


def _evenly(director: Director, start_s: float, end_s: float) -> np.ndarray:
    """Times of poses at an even rate from one fixed moment to another, both among them."""
    return np.linspace(start_s, end_s, max(1, round((end_s - start_s) * director.rate)) + 1)


def arriving(
    director: Director,
    path: Path,
    pose: np.ndarray,
    style: Style,
    *,
    fps: float | None = None,
    part: int = 99,
) -> Path:
    """A path that leaves what it does `ARRIVAL_S` (or a third of it) before its end, and ends in a pose (D,).

    Args:
        director, path, pose, style: see there.
        fps: rate at which it was filmed, where it does not move at the pace of made dance.
        part: as in `Director.free`.
    """
    end_s = path.end_s
    keep = max(1, int((path.times_s <= end_s - min(ARRIVAL_S, end_s / 3)).sum()))
    kept = Path(
        path.latents[:keep],
        path.times_s[:keep],
        tuple(m for m in path.fixed_s if m <= path.times_s[keep - 1]),
    )
    times = paced(director.rate, end_s - kept.end_s, fps)
    seen = kept.latents
    if fps is not None and not np.allclose(np.diff(kept.times_s), 1 / fps):  # of a path at another rate
        seen = kept.at(np.arange(kept.end_s, -1e-6, -1 / fps)[::-1])
    made = director.arrive(seen, pose, kept.end_s + times, style, part)
    new = Path(
        np.concatenate([kept.latents[-1:], made]), kept.end_s + np.concatenate([[0.0], times]), (end_s,)
    )
    return kept.then(new)
