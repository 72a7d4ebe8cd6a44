"""When each section of a score begins and how long it lasts, before anything is danced."""

from collections.abc import Callable

import numpy as np

from dancenet.directing.plan import Song, section_length_s
from dancenet.directing.score import Score, Section, located
from dancenet.directing.verbs import Phrase
from dancenet.errors import DancenetError

#: A phrase that cannot be measured at once (a whole video) is taken for so long, seconds.
UNKNOWN_S = 4.0


def layout(
    score: Score, name: str, measured: Callable[[str], float | None], song: Song | None
) -> list[tuple[float, float]]:
    """(start, length) of each section, in seconds.

    Args:
        score: as read.
        name: of its file, for errors.
        measured: how long the phrase of that name lasts, in seconds; None where that is not known at once.
        song: the music, if it was heard; without it, beats are counted by the tempo.

    Raises:
        DancenetError: with the line of the score: a phrase that is not there, more beats than are left.
    """
    placed: list[tuple[float, float]] = []
    start_s = 0.0
    for section in score.sections:
        try:
            phrases = tuple(_stand_in(text, section, measured) for text in section.phrases)
            length_s = section_length_s(score, section, phrases, start_s, song)
        except DancenetError as error:
            raise located(name, section.line, error) from None
        placed.append((start_s, length_s))
        start_s += length_s
    return placed


def _stand_in(text: str, section: Section, measured: Callable[[str], float | None]) -> Phrase:
    """As long as the phrase, and nothing else."""
    seconds = None if section.dancer or section.verb == "continue" else measured(text)
    if seconds is None:  # whatever is asked of it fits into it
        seconds = section.length or UNKNOWN_S
    return Phrase(np.zeros((2, 1), "float32"), 1 / seconds if seconds > 0 else 1e9, name=text)
