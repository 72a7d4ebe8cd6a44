"""The table of a score's TOML, typed, as the page sends it; `sheet` turns it into the text and back."""

from typing import Annotated, Literal

import msgspec

from dancenet.config import MusicOptions

Word = Annotated[str, msgspec.Meta(max_length=400)]
Words = Annotated[list[Word], msgspec.Meta(max_length=200)]
Number = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Row(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A section, by the keys of the notation."""

    verb: Literal["dance", "continue", "between", "vary", "blend", "loop", "transfer"] = "dance"
    name: Word = ""
    start: Number | None = None
    length: Number | None = None
    beats: Count | None = None
    seed: Count | None = None
    dancer: Word | None = None
    body: Word | None = None
    energy: Number | None = None
    sync: Number | None = None
    temperature: Number = 0.2
    stray: Number = 0.2
    phrases: Words = []
    keyframes: Words = []
    begin: Word | None = None
    amount: Number = 0.3
    over: Number = 2.0
    mix: Annotated[list[Number], msgspec.Meta(max_length=200)] = []
    period: Number | None = None
    period_beats: Count | None = None


class Sheet(
    msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True,
    rename={"sections": "section", "begin": "from"},
):  # fmt: skip
    """A score, by the keys of the notation: `section` is the list of its sections."""

    sections: Annotated[list[Row], msgspec.Meta(max_length=300)] = []
    dancer: Word | None = None
    body: Word | None = None
    seed: Count = 0
    fps: Number = 30.0
    scale: Number = 1.0
    music: Word | None = None
    begin: Word = "0:00"
    sync: Number = MusicOptions.sync
    energy: Number = MusicOptions.energy
    tempo: Number | None = None
