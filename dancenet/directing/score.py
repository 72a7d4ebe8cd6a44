"""The choreographer's notation: a score in TOML, read into sections; what is wrong is told with its line.

No file is opened here: text in, dataclasses out.
"""

import difflib
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from dancenet.config import DanceOptions, MusicOptions, frame_rate, moment
from dancenet.direct_options import LOOP_TEMPO, keyed
from dancenet.directing.verbs import check_keyframes
from dancenet.errors import DancenetError

#: What a section may do.
VERBS = ("dance", "continue", "between", "vary", "blend", "loop", "transfer")
#: Keys that every section may have; those of its verb come to them.
COMMON = (
    "name", "verb", "start", "length", "beats", "seed", "dancer", "body", "energy", "sync", "temperature",
    "stray",
)  # fmt: skip
#: Keys that belong to some verbs only.
OWN = {
    "dance": ("begin",), "continue": ("phrases",), "between": ("keyframes", "begin"),
    "vary": ("phrases", "amount"), "blend": ("phrases", "over", "mix"),
    "loop": ("begin", "period", "period_beats"), "transfer": ("phrases",),
}  # fmt: skip
#: How many phrases a verb takes: at least, at most.
PHRASES = {"continue": (1, 1), "vary": (1, 1), "blend": (2, 99), "transfer": (1, 1)}
#: Verbs that last as long as their phrases where nothing else is said.
AS_LONG = ("vary", "blend", "transfer")
#: Shorter sections are no dance.
LEAST_S = 0.5


@dataclass(frozen=True)
class Section:
    """One section as it is written; `None` is what the score says for all, or the verb's own default.

    Attributes:
        line: where it begins in the score.
        lines: of each of its keys.
    """

    line: int
    lines: dict[str, int] = field(repr=False)
    verb: str = "dance"
    name: str = ""
    start: float | None = None
    length: float | None = None
    beats: int | None = None
    seed: int | None = None
    dancer: str | None = None
    body: str | None = None
    energy: float | None = None
    sync: float | None = None
    temperature: float = 0.2
    stray: float = 0.2
    phrases: tuple[str, ...] = ()
    keyframes: tuple[str, ...] = ()
    begin: str | None = None
    amount: float = 0.3
    over: float = 2.0
    mix: tuple[float, ...] = ()
    period: float | None = None
    period_beats: int | None = None


@dataclass(frozen=True)
class Score:
    """A piece as it is written.

    Attributes:
        sections: in order.
        lines: of the keys above them.
    """

    sections: tuple[Section, ...]
    lines: dict[str, int] = field(repr=False)
    dancer: str | None = None
    body: str | None = None
    seed: int = 0
    fps: float = 30.0
    scale: float = 1.0
    music: str | None = None
    begin: str = "0:00"
    sync: float = MusicOptions.sync
    energy: float = MusicOptions.energy
    tempo: float | None = None


def located(name: str, line: int, error: DancenetError) -> DancenetError:
    """The same error, with the score's name and line before it."""
    return DancenetError(
        f"{name}, line {line}: {error.received.removeprefix('--')}", error.expected, error.mend
    )


def read_score(text: str, name: str = "score") -> Score:
    """Read a score.

    Args:
        text: TOML.
        name: of the file, for errors.

    Raises:
        DancenetError: no TOML, unknown keys, wrong kinds or values; with line and remedy.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(name, text, str(error)) from None
    above, below = _lines(text)
    listed = content.pop("section", None)
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise DancenetError(
            f"{name}, line {above.get('section', 1)}: no section", "one [[section]] or more",
            'for example [[section]] with verb = "dance" and length = 8',
        )  # fmt: skip
    sections = []
    for number, written in enumerate(listed):
        line, lines = below[number] if number < len(below) else (1, {})
        sections.append(_section(name, written, line, lines))
    if "from" in content:
        content["begin"], above["begin"] = content.pop("from"), above.get("from", 1)
    known = tuple(one.name for one in fields(Score) if one.name not in ("sections", "lines"))
    values = _checked(name, content, above, 1, known, Score, {"begin": "from"})
    score = Score(sections=tuple(sections), lines=above, **values)
    _check_score(name, score)
    return score


def _no_toml(name: str, text: str, said: str) -> DancenetError:
    """What the parser said, with the line first; it counts the end of the text as no line."""
    found = re.search(r" \(at line (\d+), column (\d+)\)", said)
    line = int(found[1]) if found else text.count("\n") + 1
    what = re.sub(r" \(at .*\)$", "", said)
    return DancenetError(f"{name}, line {line}: {what}", "TOML", 'as in: verb = "vary" (words in quotes)')


def _lines(text: str) -> tuple[dict[str, int], list[tuple[int, dict[str, int]]]]:
    """Lines of the keys above all sections, and of each section (its header's, and its keys')."""
    above: dict[str, int] = {}
    below: list[tuple[int, dict[str, int]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\[\[\s*section\s*\]\]", line):
            below.append((number, {}))
        elif found := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line):
            (below[-1][1] if below else above).setdefault(found[1], number)
        elif found := re.match(r"\s*\[+\s*([\w-]+)", line):
            above.setdefault(found[1], number)
    return above, below


def _section(name: str, written: dict[str, Any], line: int, lines: dict[str, int]) -> Section:
    verb = written.get("verb", "dance")
    if verb not in VERBS:
        raise _wrong(
            name, lines.get("verb", line), f"verb = {verb!r}", f"one of {', '.join(VERBS)}", verb, VERBS
        )
    values = _checked(name, written, lines, line, (*COMMON, *OWN[verb]), Section, {})
    section = Section(line=line, lines=lines, **values)
    for key, check in _CHECKS.items():
        if key in values:
            _try(name, lines.get(key, line), lambda check=check: check(section))  # type: ignore[misc]
    least, most = PHRASES.get(verb, (0, 99))
    if not least <= len(section.phrases) <= most:
        expected = {1: "one", 2: "two or more"}[least]
        raise DancenetError(
            f"{name}, line {lines.get('phrases', line)}: {verb} with {len(section.phrases)} phrases",
            f"{expected}", 'for example phrases = ["solo:4-12"]',
        )  # fmt: skip
    if verb == "between" and not section.keyframes:
        raise DancenetError(
            f"{name}, line {line}: between without keyframes", 'keyframes = ["SECOND=POSE", …]',
            'for example keyframes = ["2.5=solo:12.5"]',
        )  # fmt: skip
    if verb == "transfer" and section.body is None:
        raise DancenetError(
            f"{name}, line {line}: transfer without body", "who of the run's dancers shall dance it",
            'for example body = "ben"',
        )  # fmt: skip
    if (section.length is None) == (section.beats is None) and (section.length or verb not in AS_LONG):
        both = "length and beats together" if section.length else "neither length nor beats"
        raise DancenetError(f"{name}, line {line}: {both}", "one of the two", "for example length = 8")
    return section


_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "words in quotes"),
}


def _checked(
    name: str, written: dict[str, Any], lines: dict[str, int], line: int, known: tuple[str, ...], form: type,
    shown: dict[str, str],
) -> dict[str, Any]:  # fmt: skip
    """The values of a table, all of them known and of the kind that `form` has them."""
    kinds = {one.name: str(one.type) for one in fields(form)}
    names = [shown.get(key, key) for key in known]
    values = {}
    for key, value in written.items():
        where = lines.get(key, line)
        if key not in known:
            raise _wrong(name, where, f"unknown key {key}", f"one of {', '.join(names)}", key, names)
        many, kind = "tuple" in kinds[key], next(kind for kind in _KINDS if kind in kinds[key])
        types, expected = _KINDS[kind]
        each = value if many and isinstance(value, list) else [value]
        if (many and not isinstance(value, list)) or any(
            not isinstance(one, types) or isinstance(one, bool) for one in each
        ):
            said = f"{shown.get(key, key)} = {value!r}"
            raise DancenetError(
                f"{name}, line {where}: {said}", f"[ … ], each {expected}" if many else expected
            )
        values[key] = tuple(value) if many else value
    return values


def _wrong(name: str, line: int, said: str, expected: str, word: Any, known) -> DancenetError:
    near = difflib.get_close_matches(str(word), known, 1)
    return DancenetError(f"{name}, line {line}: {said}", expected, f"is {near[0]} meant?" if near else "")


def _try(name: str, line: int, check: Callable[[], Any]) -> None:
    try:
        check()
    except DancenetError as error:
        raise located(name, line, error) from None


def _least(key: str, value: float | None, least: float, unit: str) -> None:
    if value is not None and not least <= value < float("inf"):
        raise DancenetError(f"{key} = {value:g}", f"{least:g} {unit} or more")


def _part(key: str, *values: float) -> None:
    for value in values:
        if not 0 <= value <= 1:
            raise DancenetError(f"{key} = {value:g}", "0 to 1")


def _dance(**values: Any) -> None:
    """Whether a dance may be danced so."""
    DanceOptions(**values)


def _keyframes(section: Section) -> None:
    moments = [keyed(text, 1000.0) for text in section.keyframes]
    check_keyframes(moments, section.length)


_CHECKS: dict[str, Callable[[Section], None]] = {
    "length": lambda section: _least("length", section.length, LEAST_S, "seconds"),
    "beats": lambda section: _least("beats", section.beats, 1, "beat"),
    "start": lambda section: _least("start", section.start, 0, "seconds"),
    "period": lambda section: _least("period", section.period, LEAST_S, "seconds"),
    "period_beats": lambda section: _least("period_beats", section.period_beats, 1, "beat"),
    "over": lambda section: _least("over", section.over, 0.3, "seconds"),
    "amount": lambda section: _part("amount", section.amount),
    "energy": lambda section: _part("energy", section.energy or 0),
    "sync": lambda section: _part("sync", section.sync or 0),
    "mix": lambda section: _part("mix", *section.mix),
    "seed": lambda section: _dance(seed=section.seed or 0),
    "temperature": lambda section: _dance(temperature=section.temperature),
    "stray": lambda section: _dance(stray=section.stray),
    "keyframes": _keyframes,
}


def _check_score(name: str, score: Score) -> None:
    """What belongs to the piece as a whole."""

    def at(key: str) -> int:
        """Line of a key above the sections."""
        return score.lines.get(key, 1)

    _try(name, at("fps"), lambda: frame_rate(score.fps))
    _try(name, at("scale"), lambda: DanceOptions(scale=score.scale))
    _try(name, at("seed"), lambda: DanceOptions(seed=score.seed))
    _try(name, at("from"), lambda: moment("from =", score.begin))
    for key in ("sync", "energy"):
        _try(name, at(key), lambda key=key: _part(key, getattr(score, key)))  # type: ignore[misc]
    if score.tempo is not None and not 20 <= score.tempo <= 400:
        raise DancenetError(
            f"{name}, line {at('tempo')}: tempo = {score.tempo:g}", "20 to 400 beats per minute"
        )
    for section in score.sections:
        counted = section.beats or section.period_beats
        if counted and score.music is None and score.tempo is None:
            key = "beats" if section.beats else "period_beats"
            raise DancenetError(
                f"{name}, line {section.lines.get(key, section.line)}: {key} without music or tempo",
                "a song or a tempo to count them by",
                f"for example tempo = {LOOP_TEMPO:g} above the sections",
            )  # fmt: skip
