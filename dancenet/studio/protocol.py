"""What a client and the studio say to one another over the WebSocket; docs/studio-protocol.md comes of it.

A client sends JSON texts, each one `Request` named by its field `do`. The studio answers with JSON texts,
each one `Event` named by its field `is`, and with binary messages: a header (`pack_frame`) and a JPEG each.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from dancenet.studio.frame_message import LOOKING_BACK as LOOKING_BACK
from dancenet.studio.frame_message import PAUSED as PAUSED
from dancenet.studio.frame_message import POSE as POSE
from dancenet.studio.frame_message import SCORE as SCORE
from dancenet.studio.frame_message import FrameHeader as FrameHeader
from dancenet.studio.frame_message import pack_frame as pack_frame
from dancenet.studio.frame_message import unpack_frame as unpack_frame
from dancenet.studio.quantities import Amount, Frame, Gesture, Name, Place, Seconds, Share
from dancenet.studio.score_table import Sheet

#: Raised when a message changes its meaning; the studio tells it in `welcome`.
VERSION = 1


class Request(msgspec.Struct, kw_only=True, tag_field="do", tag=str.lower, forbid_unknown_fields=True):
    """Anything that a client asks for. `id`, if given, comes back in the answer."""

    id: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class Set(Request):
    """Move controls; those left out stay as they are. `dancer`: whose body is shown, but for a score's."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    stray: Share | None = None
    energy: Annotated[float, msgspec.Meta(ge=-1, le=1)] | None = None
    tempo: Annotated[float, msgspec.Meta(ge=0.25, le=2.5)] | None = None
    dancer: Annotated[str, msgspec.Meta(max_length=200, description="one `welcome` names")] | None = None


class Pause(Request):
    """Hold the dancer, or let it go on."""

    paused: bool = True


class Restart(Request):
    """Begin another dance; the same seed is the same dance."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0


class Go(Request):
    """Let the dancer go to a pose and dance on from there."""

    frame: Frame | None = None
    pose: Place | None = None


class Follow(Request):
    """Let the dancer follow a path through frames of the film, and dance on from its end."""

    frames: Annotated[list[Frame], msgspec.Meta(min_length=2, max_length=400)]


class Scrub(Request):
    """Look back: show what was danced so many seconds ago. None: back to now."""

    ago_s: Seconds | None = None


class Snapshot(Request):
    """Keep the pose that is shown."""

    name: Name | None = None


class Keep(Request):
    """Keep a stretch of what was danced as a phrase, from so many seconds ago to so many."""

    from_ago_s: Seconds
    to_ago_s: Seconds = 0.0
    name: Name | None = None


class Bend(Request):
    """Move whatever is shown along directions; those left out stay as they are, 0 is not at all."""

    amounts: dict[Name, Amount]
    gesture: Gesture | None = None


class Mix(Request):
    """Hold poses mixed by weight, on the pose desk. No pose at all: back to the dance."""

    poses: Annotated[list[Place], msgspec.Meta(max_length=8)] = []
    weights: Annotated[list[Share], msgspec.Meta(max_length=8)] = []
    gesture: Gesture | None = None


class Undo(Request):
    """Take back the last change of the pose desk."""


class Redo(Request):
    """Do again what was taken back."""


class Remove(Request):
    """Put a saved thing away (it is renamed, not erased; an export is erased, it can be made again)."""

    kind: Literal["pose", "phrase", "score", "export"]
    name: Name


class Rename(Request):
    """Give a saved thing another name."""

    kind: Literal["pose", "phrase", "score"]
    name: Name
    to: Name


class Learn(Request):
    """Make a named direction from two baskets of frames."""

    name: Name
    having: Annotated[list[Place], msgspec.Meta(min_length=2, max_length=500)]
    lacking: Annotated[list[Place], msgspec.Meta(min_length=2, max_length=500)]


class Write(Request):
    """Save a score: the TOML that `dancenet generate score` reads, or its table; one of the two.

    Whoever says what was changed, by the `mark` that came with it (empty: there was none), cannot write over
    what another has saved meanwhile: then this is saved under a free name, which the answer tells. `by` is a
    name of whoever writes: one's own earlier writing is nobody else's.
    """

    name: Name
    text: Annotated[str, msgspec.Meta(max_length=200_000)] | None = None
    score: Sheet | None = None
    mark: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    by: Name | None = None


class Open(Request):
    """Ask for the text of a saved score."""

    name: Name


class Play(Request):
    """Dance a saved score on the stage, from a second of it on."""

    name: Name
    at_s: Seconds = 0.0


class Seek(Request):
    """Go to another second of the score that is on the stage."""

    at_s: Seconds


class Stop(Request):
    """Leave the score; the dancer dances on from there."""


class Export(Request):
    """Make a file of a saved score or of a kept phrase."""

    name: Name
    kind: Literal["score", "phrase"] = "score"
    form: Literal["mp4", "gif", "png", "sheet"] = "mp4"


class Cancel(Request):
    """Stop long work, also what waits for its turn; `job` is its name in `progress`."""

    job: Name


AnyRequest = (
    Set | Pause | Restart | Go | Follow | Scrub | Snapshot | Keep | Bend | Mix | Undo | Redo | Remove | Rename
    | Learn | Write | Open | Play | Seek | Stop | Export | Cancel
)  # fmt: skip

_R = TypeVar("_R", bound=Request)
_DECODER = msgspec.json.Decoder(AnyRequest)
_ENCODER = msgspec.json.Encoder()


def read_request(text: str | bytes) -> Request:
    """The request in a client's message.

    Raises:
        ValueError: no JSON, an unknown request or field, or a value out of range; says which.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def as_request(kind: type[_R], values: dict[str, Any]) -> _R:
    """A request from its values, as from a message.

    Raises:
        ValueError: a value is missing or out of range.
    """
    return msgspec.convert({"do": kind.__name__.lower(), **values}, kind)


class _Numbered(msgspec.Struct):
    id: int | None = None


def id_of(text: str | bytes) -> int | None:
    """The `id` of a message that is no request, so that whoever sent it learns which it was."""
    try:
        return msgspec.json.decode(text, type=_Numbered).id
    except (ValueError, RecursionError):
        return None


class Event(msgspec.Struct, tag_field="is", tag=str.lower):
    """Anything that the studio tells a client besides frames."""


class Welcome(Event):
    """The first message: what this is, and everything as it stands."""

    version: int
    dancenet: str
    run: str
    session: str
    width: int
    height: int
    fps: float
    frames: int
    film_fps: float
    clips: list[dict[str, Any]]
    dancers: list[str]
    hears: bool
    encodes: bool
    beat_s: float | None
    directions: list[dict[str, Any]]
    state: dict[str, Any]
    library: dict[str, Any]


class State(Event):
    """The session's state, told whenever it changes: to all its windows."""

    state: dict[str, Any]


class Library(Event):
    """What is saved, told whenever it changes."""

    library: dict[str, Any]


class Directions(Event):
    """The directions there are, told when one was learned."""

    directions: list[dict[str, Any]]


class Mapped(Event):
    """What takes long of the film's map is there, to be had at /api/map; or says why it is not."""

    error: str = ""


class Done(Event):
    """A request was carried out; `result` holds what it asked for. Frames of `revision` or later obey it."""

    id: int | None = None
    result: dict[str, Any] = {}
    revision: int = 0


class Failed(Event):
    """A request was not carried out; nothing has changed."""

    error: str
    id: int | None = None


class Progress(Event):
    """How far long work is: `share` in [0, 1], seconds left where known."""

    job: str
    what: str
    share: float
    left_s: float | None = None
    done: bool = False
    error: str | None = None
    result: dict[str, Any] = {}


class Pulse(Event):
    """Once a second: how fast frames are made and sent, and whether that is slower than it should be."""

    made_fps: float
    sent_fps: float
    asked_fps: float
    clients: int
    slow: str = ""


def write_event(event: Event) -> str:
    """An event as JSON text."""
    return _ENCODER.encode(event).decode()
