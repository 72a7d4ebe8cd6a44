"""A score as the page edits it, into its text and back; and what the studio says of one.

The page may write a sheet that cannot be danced yet; it is kept all the same, and what is wrong is told.
"""

import functools
import hashlib
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from dancenet.directing.layout import layout
from dancenet.directing.phrases import Reader
from dancenet.directing.plan import Song
from dancenet.directing.rehearsal import files_named, named
from dancenet.directing.score import Score, Section, located, read_score
from dancenet.directing.score_text import score_text
from dancenet.errors import DancenetError
from dancenet.exploring.poses import load_path, names_file
from dancenet.footage.inputs import VIDEO_SUFFIXES
from dancenet.studio.score_table import Sheet


def text_of(sheet: Sheet) -> str:
    """The TOML of a sheet."""
    rows = tuple(Section(line=0, lines={}, **_values(row)) for row in sheet.sections)
    return score_text(Score(lines={}, **{**_values(sheet), "sections": rows}))


def sheet_of(text: str) -> Sheet | None:
    """That of a TOML text; None where the page could not show it as sections."""
    try:
        return msgspec.convert(tomllib.loads(text), Sheet)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError):
        return None


def _values(struct: msgspec.Struct) -> dict[str, Any]:
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def told(
    name: str, text: str, reader: Reader, source: Path, roots: list[Path], song: Song | None
) -> dict[str, Any]:
    """What a window is told of a score's text.

    Args:
        name: of the score.
        text: its TOML.
        reader: of the run that dances it.
        source: its file.
        roots: folders in which it may name files.
        song: its music, if it was heard.

    Returns:
        `text`; `score`, its sheet or None; `by_hand`, whether editing the sheet would lose something of the
        text, such as comments; `layout`, when each section begins and how long it lasts, in seconds;
        `error` and its `line` where it cannot be danced as it is.
    """
    sheet = sheet_of(text)
    said: dict[str, Any] = {
        "name": name, "text": text, "score": msgspec.to_builtins(sheet) if sheet else None,
        "by_hand": by_hand(text), "layout": [], "error": None, "line": None,
    }  # fmt: skip
    try:
        score = read_score(text, source.name)
        check_within(score, source, roots)
        said["layout"] = layout(score, source.name, lengths(reader, source), song)
    except DancenetError as error:
        said["error"] = str(error)
        line = re.search(r"line (\d+)", error.received)
        said["line"] = int(line[1]) if line else None
    return said


def by_hand(text: str) -> bool:
    """Whether a text says more than its sheet: writing the sheet would lose comments, or everything."""
    sheet = sheet_of(text)
    return sheet is None or text_of(sheet) != text


def mark_of(text: str) -> str:
    """Another one for every text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def lengths(reader: Reader, source: Path) -> Callable[[str], float | None]:
    """How long phrases that a score at `source` names last; see `layout.layout`."""

    def measured(text: str) -> float | None:
        """Seconds of a phrase."""
        part = re.search(r":([\d.]+)-([\d.]+)$", text)
        word = text[: part.start()] if part else text
        if names_file(word) and not part:
            return path_s(named(word, source.parent))
        if names_file(word) or Path(word).suffix.lower() in VIDEO_SUFFIXES:
            return float(part[2]) - float(part[1]) if part else None
        return reader.phrase(text).duration_s

    return measured


def path_s(path: Path) -> float:
    """Seconds of a saved path; looked at again when it has changed."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0
    return _path_s(path, stamp)


@functools.lru_cache(maxsize=1000)
def _path_s(path: Path, _: int) -> float:
    phrase = load_path(path)
    return (len(phrase.latents) - 1) / phrase.fps


def check_within(score: Score, source: Path, roots: list[Path]) -> None:
    """Raise `DancenetError`, with the line, where a score names a file outside of some folders.

    A score comes from a page: it opens nothing on this machine but what belongs to the runs that are shown.
    """
    for word, line in files_named(score):
        place = named(word, source.parent).resolve()
        if not any(place.is_relative_to(root.resolve()) for root in roots):
            error = DancenetError(
                f"{word} lies outside of the run", "a file of the run's folder",
                f"copy it into {source.parent.parent}, or use the command line: dancenet generate score",
            )  # fmt: skip
            raise located(source.name, line, error)
