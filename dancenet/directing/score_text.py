"""A score written: the text that `read_score` reads back as the same score.

No file is written here: dataclasses in, text out.
"""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from dancenet.directing.score import COMMON, OWN, Score, Section

#: Keys above the sections, in the order in which they are written.
_ABOVE = ("dancer", "body", "seed", "fps", "scale", "music", "begin", "sync", "energy", "tempo")
#: What a key is called in the text, where that differs.
_WRITTEN = {"begin": "from"}


def score_text(score: Score) -> str:
    """TOML, one key a line; what is as usual is left out.

    Args:
        score: checked or not: what `read_score` would refuse is written all the same. Keys that are not of a
            section's verb are left out.
    """
    above = [f"{_WRITTEN.get(key, key)} = {value}" for key, value in _unusual(score, _ABOVE)]
    parts = ["\n".join(above)] if above else []
    return "\n\n".join([*parts, *map(_section_text, score.sections)]) + "\n"


def _section_text(section: Section) -> str:
    keys = (*COMMON[1:], *OWN.get(section.verb, ()))
    named = [f"name = {_value(section.name)}"] if section.name else []
    lines = [f"{key} = {value}" for key, value in _unusual(section, [key for key in keys if key != "verb"])]
    return "\n".join(["[[section]]", *named, f"verb = {_value(section.verb)}", *lines])


def _unusual(what: Score | Section, keys: Iterable[str]) -> list[tuple[str, str]]:
    usual = {one.name: one.default for one in fields(what)}
    values = ((key, getattr(what, key)) for key in keys)
    return [(key, _value(value)) for key, value in values if value != usual[key]]


def _value(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for this one, which JSON leaves as it is
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)
