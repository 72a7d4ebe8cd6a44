"""A score on the stage: danced before it is shown, then shown from any second of it.

Shape letters: T poses, D = 128 latent dimensions.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.directing.plan import Planned, plan
from dancenet.directing.rehearsal import Cast, Rehearsed, hear_song, named, rehearse
from dancenet.directing.score import located, read_score
from dancenet.directing.scored import bodies_of
from dancenet.errors import DancenetError
from dancenet.runs import Progress
from dancenet.studio.performer import Performer
from dancenet.studio.sheet import check_within
from dancenet.trained import Trained

#: Who dances on after a score is led there by so much of it, in seconds and poses a second.
LEAD_S, LEAD_FPS = 3.0, 15.0


@dataclass
class Playing:
    """A piece that is shown.

    Attributes:
        name: of the score.
        piece: all of its sections.
        heard_from_s: the piece begins at this second of its music.
        song: name of its music, where it is one that windows can ask for.
        bodies: whose body each section shows, a place in its run's `dancers`.
        at_s: where it stands.
    """

    name: str
    piece: Rehearsed
    heard_from_s: float = 0.0
    song: str = ""
    bodies: tuple[int, ...] = ()
    at_s: float = 0.0

    @classmethod
    def rehearsed(
        cls, name: str, text: str, source: Path, performer: Performer, progress: Progress
    ) -> "Playing":
        """Dance what was not danced before; what a score says of its dancer counts, this one is at hand.

        Raises:
            DancenetError: with the line of the score, and the remedy.
        """
        score = read_score(text, source.name)
        check_within(score, source, performer.roots)
        own = performer.run.path if performer.run else None
        cast = Cast(score.dancer or own, source.parent, {own: performer.director})
        song = hear_song(score, source, progress, performer.songs.hear)
        planned = plan(score, source.name, cast, song)
        _check_pictures(planned, source.name, performer)
        piece = rehearse(planned, source.with_suffix(".sections"), progress)
        heard = named(score.music, source.parent) if score.music else None
        has = heard is not None and heard.resolve().parent == performer.songs.folder.resolve()
        from_s, shown = song.start_s if song else 0.0, tuple(bodies_of(planned, score.body))
        return cls(name, piece, from_s, heard.name if heard and has else "", shown)

    @property
    def length_s(self) -> float:
        """How long the piece is."""
        return self.piece.length_s

    def advance(self, seconds: float) -> np.ndarray | None:
        """(D,) the pose that is shown so much later; None after the end."""
        self.at_s += seconds
        return None if self.at_s > self.length_s else self.piece.at(np.array([self.at_s]))[0]

    @property
    def _section(self) -> int:
        return int(self.piece.section_at(np.array([min(self.at_s, self.length_s)]))[0])

    @property
    def dancer(self) -> Trained:
        """Who dances where it stands: the run of the stage, or another that the score names."""
        return self.piece.planned[self._section].actor.director.trained

    @property
    def body(self) -> int:
        """Whose body is shown where it stands."""
        return self.bodies[self._section] if self.bodies else 0

    def lead(self) -> np.ndarray:
        """(T, D) the poses of the same dancer that led to where it stands."""
        until_s, planned = min(self.at_s, self.length_s), self.piece.planned
        number = self._section
        while number and planned[number - 1].actor is planned[number].actor:
            number -= 1
        first_s = max(planned[number].start_s, until_s - LEAD_S)
        return self.piece.at(np.arange(first_s, until_s + 1e-6, 1 / LEAD_FPS))

    def told(self) -> dict[str, Any]:
        """What a window needs to know of it."""
        return {
            "name": self.name, "at_s": round(self.at_s, 3), "length_s": round(self.length_s, 3),
            "song": self.song, "music_from_s": self.heard_from_s, "sections": self.piece.told(),
        }  # fmt: skip


def _check_pictures(planned: list[Planned], name: str, performer: Performer) -> None:
    """Raise `DancenetError`, with the line, where another dancer's pictures do not fit the stage."""
    own = performer.trained.packed.pixels.shape[1:]
    for one in planned:
        other = one.actor.director.trained.packed.pixels.shape[1:]
        if other != own:
            error = DancenetError(
                f"a dancer whose pictures are {other[1]} x {other[0]} x {other[2]}",
                f"{own[1]} x {own[0]} x {own[2]}, as on this stage", "open the studio with that run",
            )  # fmt: skip
            raise located(name, one.section.line, error)
