"""What hands may do with scores: write, open, dance and export them, one function a request."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from dancenet.config import moment
from dancenet.directing.phrases import Reader
from dancenet.directing.plan import Song
from dancenet.directing.rehearsal import named
from dancenet.directing.score import read_score
from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.exports import ENDINGS, dancer_of
from dancenet.studio.later import Later
from dancenet.studio.performer import Performer
from dancenet.studio.playing import Playing
from dancenet.studio.score_table import Sheet
from dancenet.studio.session import Session
from dancenet.studio.sheet import by_hand, mark_of, text_of, told

#: So much of a name is left before the number of a free one.
STEM = 50


def write(session: Session, asked: protocol.Write) -> dict[str, Any]:
    """Save a score, also one that cannot be danced yet; says what it came to, and under which name."""
    if (asked.text is None) == (asked.score is None):
        raise DancenetError("write with neither a text nor a score, or with both", "one of the two")
    performer = session.performer
    library, name = performer.library, asked.name
    there = library.score(name) if library.path("score", name).is_file() else None
    text = (asked.text or "") if asked.score is None else _text_of(asked.score, performer)
    if there not in (None, text):
        own = asked.by is not None and performer.wrote.get(name) == (asked.by, mark_of(there))
        if asked.mark not in (None, mark_of(there)) and not own:
            name = library.free_name("score", name[:STEM])
        elif asked.score is not None and by_hand(there):
            library.keep_copy("score", name)
    library.write_score(name, text)
    performer.wrote[name] = (asked.by, mark_of(text))
    return said(performer, name, text)


def _text_of(sheet: Sheet, performer: Performer) -> str:
    """The TOML of a sheet; it names its dancer, so that the command line finds it."""
    if sheet.dancer is None and performer.run is not None:
        folder = performer.library.path("score", "any").parent
        sheet = msgspec.structs.replace(sheet, dancer=dancer_of(folder, performer.run.path))
    return text_of(sheet)


def open_score(session: Session, asked: protocol.Open) -> dict[str, Any]:
    """A score: its text, and what it comes to."""
    return said(session.performer, asked.name, session.performer.library.score(asked.name))


def said(performer: Performer, name: str, text: str) -> dict[str, Any]:
    """What a window is told of a score: see `sheet.told`, and the `mark` of its text."""
    source = performer.library.path("score", name)
    reader = Reader(performer.run, performer.trained, beside=source.parent)
    return {
        "mark": mark_of(text),
        **told(name, text, reader, source, performer.roots, _song(performer, text, source)),
    }


def _song(performer: Performer, text: str, source: Path) -> Song | None:
    """The music of a score, where it is an uploaded song; what is wrong is told elsewhere."""
    try:
        score = read_score(text, source.name)
        path = named(score.music or "", source.parent)
        if not score.music or path.resolve().parent != performer.songs.folder.resolve():
            return None
        return Song(performer.songs.heard(path.name), moment("from", score.begin))
    except DancenetError:
        return None


def play(session: Session, asked: protocol.Play) -> Later:
    """Dance a score: what of it was not danced before is danced first."""
    library, performer = session.performer.library, session.performer
    source = library.path("score", asked.name)
    text = library.score(asked.name)

    def work(progress) -> Playing:
        """Dance it."""
        return Playing.rehearsed(asked.name, text, source, performer, progress)

    def then(playing: Playing) -> dict[str, Any]:
        """Show it."""
        session.to_the_dance()
        playing.at_s = min(asked.at_s, playing.length_s)
        session.playing = playing
        session.revision += 1
        return playing.told()

    return Later(f"rehearsing {asked.name}", work, then)


def seek(session: Session, asked: protocol.Seek) -> None:
    """Go to another second of the score that is on the stage."""
    if session.playing is None:
        raise DancenetError("no score is on the stage", "one to move in", "play it first")
    session.look_back(None)
    session.playing.at_s = min(asked.at_s, session.playing.length_s)


def stop(session: Session, _: protocol.Stop) -> None:
    """Leave the score."""
    session.stop()


def export(session: Session, asked: protocol.Export) -> Later:
    """Make a file of a score or a phrase, by the command line."""
    performer = session.performer
    library = performer.library
    order = performer.exports.order(asked.kind, asked.name, asked.form, library, performer.roots)

    def work(progress) -> dict[str, Any]:
        """Make it."""
        return performer.exports.make(order, progress)

    about = {"export": order.file}
    what = f"exporting {asked.name} as {ENDINGS[asked.form]}"
    return Later(what, work, lambda made: made, apart=True, stop=order.stop, about=about)


HANDLERS: dict[type, Callable[[Session, Any], dict[str, Any] | Later | None]] = {
    protocol.Write: write, protocol.Open: open_score, protocol.Play: play, protocol.Seek: seek,
    protocol.Stop: stop, protocol.Export: export,
}  # fmt: skip
