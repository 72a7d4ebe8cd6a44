"""A piece planned: what each section of a score names, looked up, when it is danced, and where it begins.

A section's first pose is known before anything is danced: from its keyframe, its phrase, its `begin`, or its
seed. The section before it is steered there. So a section depends on itself and on that pose only.
Shape letters: T poses, L poses of a lead, D = 128 latent dimensions.
"""

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dancenet.dancing.in_time import Rhythm
from dancenet.direct_options import LOOP_TEMPO, keyed
from dancenet.directing.director import Director, Style
from dancenet.directing.openings import led_to, somewhere
from dancenet.directing.path import lasting
from dancenet.directing.phrases import Reader
from dancenet.directing.score import LEAST_S, Score, Section, located
from dancenet.directing.verbs import Keyframe, Phrase
from dancenet.errors import DancenetError
from dancenet.generation import opening_poses
from dancenet.music import Music

#: Raised when the same section would be danced otherwise by another version of this code.
EDITION = 3
#: A section begins on a beat that is so near, seconds.
ON_BEAT_S = 0.1


@dataclass(frozen=True)
class Actor:
    """A run that dances: `identity` changes when its models or measures do."""

    director: Director
    reader: Reader
    identity: str


@dataclass(frozen=True)
class Song:
    """The music of a piece, and the second of it at which the piece begins."""

    music: Music
    start_s: float


@dataclass(frozen=True)
class Planned:
    """A section with all it needs, before it is danced.

    Attributes:
        section: as written.
        actor: who dances it.
        start_s, length_s: when.
        style: how.
        phrases, keyframes: what it names, as poses.
        entrance: (L, D) poses that lead to its first one, which is the last of them.
        ending: (D,) the pose that it shall end in; None: a cut, or the end.
        period_s: of a loop.
        rhythm: of its part of the music, if any.
        sync: how strictly that is met.
    """

    section: Section
    actor: Actor
    start_s: float
    length_s: float
    style: Style
    phrases: tuple[Phrase, ...]
    keyframes: tuple[Keyframe, ...]
    entrance: np.ndarray
    ending: np.ndarray | None
    period_s: float
    rhythm: Rhythm | None
    sync: float

    @property
    def key(self) -> str:
        """A hash of everything that this section depends on."""
        section = self.section
        said = {
            "edition": EDITION, "actor": self.actor.identity, "verb": section.verb, "length": self.length_s,
            "style": [self.style.temperature, self.style.stray, self.style.seed],
            "amount": section.amount, "over": section.over, "mix": section.mix,
            "period": self.period_s, "sync": self.sync,
            "moments": [key.at_s for key in self.keyframes], "rates": [phrase.fps for phrase in self.phrases],
        }  # fmt: skip
        digest = hashlib.sha256(json.dumps(said).encode())
        arrays = [self.entrance, *(phrase.until_here for phrase in self.phrases)]
        arrays += [key.pose for key in self.keyframes]
        arrays += [self.ending] if self.ending is not None else []
        if self.rhythm is not None:
            rhythm = self.rhythm
            arrays += [
                rhythm.beats_s,
                rhythm.downbeats_s,
                rhythm.energy,
                rhythm.base.music_s,
                rhythm.base.dance_s,
            ]
        for array in arrays:
            digest.update(np.ascontiguousarray(array, "float32").tobytes() + b"|")
        return digest.hexdigest()[:16]


def plan(score: Score, name: str, cast: Callable[[str | None], Actor], song: Song | None) -> list[Planned]:
    """Everything that sections name, looked up, and when each is danced.

    Args:
        score: as read.
        name: of its file, for errors.
        cast: the actor of a dancer's name; None: the piece's own.
        song: the music, if any.

    Raises:
        DancenetError: with the line of the score, and the remedy.
    """
    planned: list[Planned] = []
    ends_s = 0.0
    for number, section in enumerate(score.sections):
        actor = _at_line(name, section, "dancer", lambda: cast(section.dancer))  # noqa: B023 - called at once
        whose = section.body or score.body
        if whose is not None:
            _at_line(name, section, "body", lambda: actor.director.trained.packed.body_named(whose))  # noqa: B023 - called at once
        _check_start(name, section, ends_s)
        one = _planned(score, name, number, section, actor, ends_s, song)
        ends_s += one.length_s
        planned.append(one)
    for number, (one, coming) in enumerate(itertools.pairwise(planned)):
        if one.actor is coming.actor:
            planned[number] = replace(one, ending=coming.entrance[-1])
    return planned


def _planned(
    score: Score, name: str, number: int, section: Section, actor: Actor, start_s: float, song: Song | None
) -> Planned:
    """One section, its ending not known yet."""
    reader, whole = actor.reader, section.verb != "continue"
    seed = section.seed if section.seed is not None else score.seed + number
    phrases = tuple(
        _at_line(name, section, "phrases", lambda text=text: reader.phrase(text, whole=whole))  # type: ignore[misc]
        for text in section.phrases
    )
    counted = "length" if section.beats is None else "beats"
    length_s = _at_line(
        name, section, counted, lambda: section_length_s(score, section, phrases, start_s, song)
    )
    if length_s < LEAST_S:
        raise DancenetError(
            f"{name}, line {section.line}: a section of {length_s:.2f} s", f"{LEAST_S:g} s or more"
        )
    keyframes = []
    for text in section.keyframes:
        second, pose = keyed(text, 1000.0)
        at_s = max(0.0, min(round((start_s + second) * score.fps) / score.fps - start_s, length_s))
        if second > length_s + 1e-3:
            error = DancenetError(
                f"keyframe {pose} at {second:g} s lies beyond the section's end at {length_s:g} s",
                "keyframes within the section", "make it longer, or leave the keyframe out",
            )  # fmt: skip
            raise located(name, section.lines.get("keyframes", section.line), error)
        read = _at_line(name, section, "keyframes", lambda pose=pose, at_s=at_s: reader.keyframe(pose, at_s))  # type: ignore[misc]
        keyframes.append(read if second else Keyframe(0.0, read.pose, read.lead, read.name))
    entrance = _at_line(
        name, section, "begin", lambda: _entrance(actor, section, phrases, keyframes, seed, number)
    )
    period_s = section.period or min(4.0, length_s)
    if section.period_beats:
        beats = section.period_beats
        period_s = _at_line(
            name, section, "period_beats", lambda: _beats_s(beats, score.tempo, start_s, song)
        )
    sync = score.sync if section.sync is None else section.sync
    energy = score.energy if section.energy is None else section.energy
    rhythm = _rhythm(song, start_s, length_s, energy) if song else None
    style = Style(section.temperature, section.stray, seed, rhythm, sync)
    return Planned(
        section,
        actor,
        start_s,
        length_s,
        style,
        phrases,
        tuple(keyframes),
        entrance,
        None,
        period_s,
        rhythm,
        sync,
    )


def _at_line(name: str, section: Section, key: str, call: Callable):
    try:
        return call()
    except DancenetError as error:
        raise located(name, section.lines.get(key, section.line), error) from None


def _check_start(name: str, section: Section, ends_s: float) -> None:
    if section.start is not None and abs(section.start - ends_s) > 1e-3:
        raise DancenetError(
            f"{name}, line {section.lines['start']}: start = {section.start:g}",
            f"{ends_s:g}, where the section before ends" if ends_s else "0 for the first section",
            "leave start out, or mend the lengths before it",
        )  # fmt: skip


def section_length_s(
    score: Score, section: Section, phrases: tuple[Phrase, ...], start_s: float, song: Song | None
) -> float:
    """How long a section lasts."""
    if section.beats is not None:
        return _beats_s(section.beats, score.tempo, start_s, song)
    natural_s = None
    if section.verb in ("vary", "transfer"):
        natural_s = phrases[0].duration_s
    elif section.verb == "blend":
        natural_s = (
            min(phrase.duration_s for phrase in phrases)
            if section.mix
            else (sum(phrase.duration_s for phrase in phrases) + section.over * (len(phrases) - 1))
        )
    if section.length is None:
        return float(natural_s or 0.0)
    if natural_s is not None and section.length > natural_s + 0.1:
        raise DancenetError(
            f"length = {section.length:g}, but what is named lasts {natural_s:.2f} s",
            "a length up to that", "leave length out, or name longer phrases",
        )  # fmt: skip
    return section.length if natural_s is None else min(section.length, natural_s)


def _beats_s(beats: int, tempo: float | None, start_s: float, song: Song | None) -> float:
    """Seconds of so many beats, from a moment of the piece on; `tempo` goes before the music's own."""
    if song is None or tempo is not None:
        return beats * 60 / (tempo or LOOP_TEMPO)
    times = song.music.beats_s - song.start_s - start_s
    times = times[times >= -ON_BEAT_S]
    if len(times) <= beats:
        raise DancenetError(
            f"beats = {beats}, but {max(0, len(times) - 1)} are left of the music", "fewer beats",
            "shorten it, or begin earlier in the song",
        )  # fmt: skip
    return float(times[beats])


def _entrance(
    actor: Actor,
    section: Section,
    phrases: tuple[Phrase, ...],
    keyframes: list[Keyframe],
    seed: int,
    number: int,
) -> np.ndarray:
    """(L, D) the poses that lead to a section's first one, itself the last of them."""
    director = actor.director
    if keyframes and keyframes[0].at_s == 0:
        return led_to(director.trained, keyframes[0].pose, keyframes[0].lead)
    if section.verb == "continue":
        return phrases[0].at_rate(director.trained.packed.fps).until_here
    if phrases:
        return phrases[0].at_rate(director.trained.packed.fps).before
    if section.begin is not None:
        read = actor.reader.keyframe(section.begin)
        return led_to(director.trained, read.pose, read.lead)
    if number == 0 and section.verb != "loop":
        return opening_poses(director.trained, None)
    return somewhere(director.trained, seed)


def _rhythm(song: Song, start_s: float, length_s: float, energy: float) -> Rhythm | None:
    """The rhythm of a section's part of the music; None where it has ended."""
    begun_s = song.start_s + start_s
    left_s = song.music.duration_s - begun_s
    if left_s < LEAST_S:
        return None
    part = Rhythm.of_music(song.music, start_s=begun_s, duration_s=min(length_s, left_s), energy=energy)
    return lasting(part, length_s)
