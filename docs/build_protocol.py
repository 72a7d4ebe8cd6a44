"""Write docs/studio-protocol.md from dancenet/studio/protocol.py (`make docs`; tests/test_docs.py checks)."""

import typing
from pathlib import Path

import msgspec

from dancenet.studio import frame_message, protocol, score_table

PAGE = Path(__file__).with_name("studio-protocol.md")

HEAD = """\
# What the studio and its clients say

<!-- Made by `make docs` from dancenet/studio/protocol.py; do not edit. -->

`dancenet studio` speaks over one WebSocket, so that anything can be a client: its own page, a sketch, a
VJ tool. [studio_client.py](studio_client.py) is one in thirty lines. This is version {version}.

Connect to `ws://HOST:PORT/live?run=NAME&session=NAME`. Without `run` it is the first, without `session` the
one named `main`, which all clients share; any other name is a session of one's own. A studio that is bound
elsewhere than to this machine asks for `&token=TOKEN` besides, which is in the address that it printed. A
client that names an `Origin` must be a page of the studio itself.

- The studio first sends `welcome`, then frames (binary) and events (JSON) as they come.
- A client sends requests, each a JSON text: `{{"do": "set", "id": 7, "tempo": 1.5}}`. Unknown requests,
  unknown fields and values out of range are refused, and change nothing.
- Every request is answered, with `done` or `failed`, in which its `id` comes back. What takes long is
  answered when it is finished, and tells `progress` meanwhile.
- Requests of one client are carried out in turn; one that asks faster than that waits. A text may be of
  1 MB; a longer one closes the line (1009). One that leaves 500 events unread is cut off.
- A client that reads slowly gets fewer frames, always the newest, and holds up nobody else.
- There are {windows} windows and {sessions} sessions at most. Sessions that nobody watches are written
  down and opened again when asked for; what was danced in them is not kept.

`state` holds `paused`, `seed`, `revision`, `ago_s` (how far is looked back, if it is), `controls` (as of
`set`), `amounts` (as of `bend`), `mix` (`poses` and `weights`), `can` (`undo` and `redo`), `dancer` (whose
body is shown, of a run of several), `playing` (of
a score: `name`, `at_s`, `length_s`, its `song` and where in it the piece begins, `music_from_s` …) and
`history_s` (how far one can look back). `library` holds the names of `poses`, `phrases` (and how long
they last, `phrases_s`), `scores` and `songs`, and the `exports`.

`write` and `open` answer with the score's `text`, its table as `score`, whether writing the table would
lose something of the text (`by_hand`), `layout` (the second at which each section begins, and how many it
lasts), and where it cannot be danced as it is, the `error` and its `line`. `progress` of an export tells
in `result` the file that it makes, as `export`. Sound, waveforms and exports are had by HTTP:
`api/music/SONG` (to be sent there by POST, too), `api/waveform/SONG.json`, `api/exports/FILE`.

"""

FRAME = """\
## A frame

A binary message: 20 bytes, little-endian, and a JPEG.

| bytes | type | what |
| --- | --- | --- |
| 0 to 3 | unsigned | number of the frame in its session |
| 4 to 7 | unsigned | revision: that of the last request which the frame obeys, as in `done` |
| 8 to 11 | unsigned | the film's frame that is nearest to it |
| 12 to 15 | unsigned | flags: {flags} |
| 16 to 19 | float | seconds danced; of a score, seconds since its beginning; below 0, seconds ago |
| 20 on | | the JPEG, of the size that `welcome` tells |

In Python: `struct.unpack_from("{header}", message)`.
"""

#: Words for types.
WORDS = {
    str: "text", int: "whole number", float: "number", bool: "true or false",
    score_table.Sheet: "table: the TOML of the score, key by key",
}  # fmt: skip


def kind_of(hint: object) -> str:
    """A type and its range, in words."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return f"{kind_of(inner[0])}{range_of(inner[1])}"
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in inner)
    if origin is list:
        return f"list of {kind_of(inner[0])}"
    if origin is dict:
        return "table" if inner[1] is typing.Any else f"table: {kind_of(inner[0])} → {kind_of(inner[1])}"
    if inner:  # X or nothing
        return kind_of(next(one for one in inner if one is not type(None)))
    return WORDS.get(hint, str(hint))  # type: ignore[call-overload]


def range_of(meta: msgspec.Meta) -> str:
    """What a value may be, in words."""
    if meta.description:
        return f" ({meta.description}{', sixty at most' if meta.pattern else ''})"
    if meta.ge is not None and meta.le is not None:
        return f", {number(meta.ge)} to {number(meta.le)}"
    least, most = meta.min_length or 0, meta.max_length
    return f", {least} to {most} of them" if most is not None and least else f", {most} at most"


def number(value: float) -> str:
    """Large numbers as powers."""
    for base, power in ((2, 53), (2, 31), (10, 9)):
        if value in (base**power, base**power - 1):
            return f"{base}^{power}" + (" - 1" if value == base**power - 1 else "")
    return f"{value:g}" if value < 1e5 else f"{value:,.0f}".replace(",", " ")


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """What a field is when it is left out."""
    if field.required:
        return "must be given"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return "" if value is None else f"`{msgspec.json.encode(value).decode()}`"


def message_of(kind: type[msgspec.Struct]) -> str:
    """One message: what it does, and its fields."""
    hints = typing.get_type_hints(kind, include_extras=True)
    text = f"### {kind.__struct_config__.tag}\n\n{' '.join((kind.__doc__ or '').split())}\n"
    fields = [field for field in msgspec.structs.fields(kind) if field.name != "id"]
    asked = issubclass(kind, protocol.Request)
    rows = [("field", "is", "if left out"), ("---", "---", "---")]
    rows += [(f"`{one.name}`", kind_of(hints[one.name]), default_of(one)) for one in fields]
    if fields:
        text += "\n" + "\n".join(f"| {' | '.join(row if asked else row[:2])} |" for row in rows) + "\n"
    return text


def members(base: type) -> list[type[msgspec.Struct]]:
    """The messages of a kind, in the order of their file."""
    return [
        one
        for one in vars(protocol).values()
        if isinstance(one, type) and issubclass(one, base) and one is not base
    ]


def page() -> str:
    """The whole page as Markdown."""
    from dancenet.studio.engine import SESSIONS, WINDOWS

    names = ("PAUSED", "LOOKING_BACK", "POSE", "SCORE")
    flags = ", ".join(f"{getattr(protocol, name)} {name.lower().replace('_', ' ')}" for name in names)
    return "\n".join([
        HEAD.format(version=protocol.VERSION, windows=WINDOWS, sessions=SESSIONS),
        "## Requests\n\nEach may hold an `id` besides, a whole number.\n",
        *map(message_of, members(protocol.Request)),
        "## Events\n",
        *map(message_of, members(protocol.Event)),
        FRAME.format(flags=flags, header=frame_message.HEADER.format),
    ])  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
