"""A run's vocabulary told: its words with their best moments, who follows whom, and how usual dances are.

Everything is plain numbers and names, ready for a page or a file. Shape letters: K words.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.errors import DancenetError
from dancenet.exploring.moves import Phrase, Vocabulary, transitions
from dancenet.exploring.poses import Origin, check_origin
from dancenet.exploring.space import Space
from dancenet.frames import frames_like
from dancenet.sequences import split_takes
from dancenet.trained import encoded

#: So many followers of a word are told.
FOLLOWERS = 4


@dataclass(frozen=True)
class Word:
    """One move of the dancer.

    Attributes:
        number: from 1, the most danced first.
        share: of the film's time.
        times: how often it comes.
        first, last: frames [first, last) of the film that show it best, cut so that they make a loop.
        moment: where that begins, CLIP:SECOND.
        followed_by: (number, share of the times that it is followed at all), the most frequent first.
    """

    number: int
    share: float
    times: int
    first: int
    last: int
    moment: str
    followed_by: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Repertoire:
    """Words of a film, and where they are danced.

    Attributes:
        vocabulary: finds them in any dance.
        words: the most danced first; `Phrase.word` 0 is the first.
        phrases: by clip, in time steps from the clip's start.
        follows: (K, K) counts of which word (row) is followed by which (column).
    """

    vocabulary: Vocabulary
    words: tuple[Word, ...]
    phrases: tuple[tuple[Phrase, ...], ...]
    follows: np.ndarray

    def by_frame(self, count: int) -> np.ndarray:
        """(count,) number from 1 of the word danced in each of the film's frames."""
        numbers, start = np.zeros(count, int), 0
        for clip in self.phrases:
            for phrase in clip:
                numbers[start + phrase.start : start + phrase.stop] = phrase.word + 1
            start += clip[-1].stop
        return numbers

    def told(self, space: Space) -> dict[str, Any]:
        """Everything as plain JSON."""
        fps = space.packed.fps
        return {
            "words": [vars(word) for word in self.words],
            "follows": self.follows.tolist(),
            "phrases": {
                clip.name: [[round(p.start / fps, 3), round(p.stop / fps, 3), p.word + 1] for p in phrases]
                for clip, phrases in zip(space.packed.clips, self.phrases, strict=True)
            },
        }


def find_repertoire(space: Space, *, seed: int = 0) -> Repertoire:
    """The words of a run's film, learned from its training takes.

    Raises:
        DancenetError: less than a few seconds of film.
    """
    latents, fps = space.latents.mean, space.packed.fps
    training, unseen = split_takes(space.packed)
    vocabulary = Vocabulary.fit(
        [latents[span.start : span.stop] for span in training], fps, seed=seed,
        judged_by=[latents[span.start : span.stop] for span in unseen],
    )  # fmt: skip
    clips = space.spans()
    phrases = tuple(tuple(vocabulary.phrases(latents[clip])) for clip in clips)
    follows = transitions(phrases, len(vocabulary))
    steps, times = (np.zeros(len(vocabulary), int) for _ in range(2))
    for phrase in (phrase for clip in phrases for phrase in clip):
        steps[phrase.word] += phrase.stop - phrase.start
        times[phrase.word] += 1
    best = vocabulary.typical([latents[span.start : span.stop] for span in training])
    words = []
    for word, (number, first, last) in enumerate(best):
        start = training[number].start
        after = follows[word] / max(1, follows[word].sum())
        words.append(
            Word(
                word + 1, float(steps[word] / len(latents)), int(times[word]), start + first, start + last,
                space.moment(start + first),
                tuple((int(i) + 1, float(after[i])) for i in np.argsort(-after)[:FOLLOWERS] if after[i] > 0),
            )
        )  # fmt: skip
    return Repertoire(vocabulary, tuple(words), phrases, follows)


def dance_of(path: Path, space: Space) -> tuple[list[np.ndarray], float]:
    """Latents of any dance, by uncut stretches (T, D), and their rate.

    Args:
        path: a dance that dancenet has made (its .latents.npz, or the video beside which that lies), or any
            other video, which goes through the run's own frame options and encoder.
        space: of the run.

    Raises:
        DancenetError: no such file, damaged, or a dance of another run.
    """
    path = Path(path)
    beside = path if path.suffix == ".npz" else path.with_suffix("").with_suffix(".latents.npz")
    if not path.is_file():
        raise DancenetError(f"there is no file {path}", "a video, or the .latents.npz of a dance")
    if beside.is_file():
        latents, fps = made_dance(beside, space.origin)
        return [latents], fps
    other = frames_like(path, space.packed.options)
    return [encoded(space.vae, other.pixels[clip.start : clip.stop]) for clip in other.clips], other.fps


def made_dance(path: Path, origin: Origin) -> tuple[np.ndarray, float]:
    """Latents (T, D) and their rate, of the .latents.npz beside a dance.

    Raises:
        DancenetError: damaged, or a dance of another run.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            latents, fps = stored["latents"], float(stored["fps"])
        if latents.ndim != 2 or not np.isfinite(latents).all() or not 0 < fps < 1e4:
            raise ValueError(f"latents of shape {latents.shape} at {fps:g} per second")
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DancenetError(
            f"{path} is damaged or no dance ({error})", "the .latents.npz that dancenet leaves beside a dance"
        ) from error
    said = path.with_name(path.name.removesuffix(".npz").removesuffix(".latents") + ".json")
    check_origin(said, "dance", origin)
    return latents, fps
