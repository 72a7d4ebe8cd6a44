"""What hands may do with scores: write, open, dance and export them, one function a request."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from dancenet.config import moment
from dancenet.directing.phrases import Reader
from dancenet.directing.plan import Song
from dancenet.directing.score import read_score
from dancenet.errors import DancenetError
from dancenet.rehearsal import named
from dancenet.studio import protocol
from dancenet.studio.exports import ENDINGS, dancer_of
from dancenet.studio.later import Later
from dancenet.studio.performer import Performer
from dancenet.studio.playing import Playing
from dancenet.studio.session import Session
from dancenet.studio.sheet import by_hand, text_of, told


def write(session: Session, asked: protocol.Write) -> dict[str, Any]:
    """Save a score, also one that cannot be danced yet; says what it came to."""
    if (asked.text is None) == (asked.score is None):
        raise DancenetError("write with neither a text nor a score, or with both", "one of the two")
    library, performer = session.performer.library, session.performer
    if asked.score is not None:
        if library.path("score", asked.name).is_file() and by_hand(library.score(asked.name)):
            library.keep_copy("score", asked.name)
        sheet = asked.score
        if sheet.dancer is None and performer.run is not None:
            folder = library.path("score", asked.name).parent
            sheet = msgspec.structs.replace(sheet, dancer=dancer_of(folder, performer.run.path))
        text = text_of(sheet)
    else:
        text = asked.text or ""
    library.write_score(asked.name, text)
    return said(performer, asked.name, text)


def open_score(session: Session, asked: protocol.Open) -> dict[str, Any]:
    """A score: its text, and what it comes to."""
    return said(session.performer, asked.name, session.performer.library.score(asked.name))


def said(performer: Performer, name: str, text: str) -> dict[str, Any]:
    """What a window is told of a score; see `sheet.told`."""
    source = performer.library.path("score", name)
    reader = Reader(performer.run, performer.trained, beside=source.parent)
    return told(name, text, reader, source, performer.roots, _song(performer, text, source))


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
