"""A score rehearsed: its dancers and its music loaded, its sections danced or taken from an earlier time.

Shape letters: N frames, T poses, D = 128 latent dimensions.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.config import moment
from dancenet.current import dancing_weights, sharp_is_current
from dancenet.dancing.shipped import MODEL
from dancenet.directing.director import Director
from dancenet.directing.path import Path as DancePath
from dancenet.directing.phrases import Reader
from dancenet.directing.piece import Made, frame_times, make
from dancenet.directing.plan import Actor, Planned, Song
from dancenet.directing.score import Score, located
from dancenet.errors import DancenetError
from dancenet.exploring.directions import read_amounts
from dancenet.exploring.poses import Direction, Origin
from dancenet.fitting.checkpoints import weights_hash
from dancenet.footage.inputs import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dancenet.generation import load
from dancenet.music import Music, read_sound
from dancenet.music import hear as heard_anew
from dancenet.runs import Progress, Run, replacing
from dancenet.timing import Warp

#: Phrases and poses that are files, by how their names end; others are clips and moments.
FILES = VIDEO_SUFFIXES | IMAGE_SUFFIXES | {".json"}


class Shelf:
    """Sections that have been danced, in a folder, each by the hash of what it depends on."""

    def __init__(self, folder: Path):
        self.folder = folder

    def get(self, key: str) -> Made | None:
        """A section of an earlier time, if it is there and whole."""
        try:
            with np.load(self.folder / f"{key}.npz", allow_pickle=False) as stored:
                path = DancePath(stored["latents"], stored["times_s"], tuple(stored["fixed_s"].tolist()))
                warp = Warp(stored["music_s"], stored["dance_s"]) if "music_s" in stored else None
                return Made(path, warp)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, key: str, made: Made) -> None:
        """Keep a section."""
        path = made.path
        arrays = {"latents": path.latents, "times_s": path.times_s, "fixed_s": np.array(path.fixed_s)}
        warp = vars(made.warp) if made.warp else {}
        with replacing(self.folder / f"{key}.npz") as part, open(part, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays, **warp)


class Cast:
    """The dancers of a piece, each loaded once.

    Args:
        own: the piece's dancer; None: the built-in one.
        beside: folder of the score, from where names of runs are understood first.
        loaded: dancers that are there already, by the folder of their run; None of that: the built-in one.
    """

    def __init__(
        self, own: str | Path | None, beside: Path, loaded: dict[Path | None, Director] | None = None
    ):
        self.own, self.beside = own, beside
        self._loaded = {str(path.resolve()) if path else "": there for path, there in (loaded or {}).items()}
        self._actors: dict[str, Actor] = {}

    def __call__(self, name: str | None) -> Actor:
        """The actor of that name; None: the piece's own.

        Raises:
            DancenetError: it cannot dance, or its pictures have another size than those of the first.
        """
        chosen = name or self.own
        run = Run(named(str(chosen), self.beside)) if chosen else None
        key = str(run.path.resolve()) if run else ""
        if key not in self._actors:
            director = self._loaded.get(key) or Director(load(run).trained)
            identity = weights_hash(MODEL) if run is None else _identity(run, director)
            actor = Actor(director, Reader(run, director.trained, beside=self.beside), identity)
            self._check_size(str(chosen), actor)
            self._actors[key] = actor
        return self._actors[key]

    def _check_size(self, name: str, actor: Actor) -> None:
        for first in self._actors.values():
            one, other = (some.director.trained.packed.pixels.shape[1:] for some in (actor, first))
            if one != other:
                raise DancenetError(
                    f"dancer {name} makes pictures of {one[1]} x {one[0]} x {one[2]}",
                    f"{other[1]} x {other[0]} x {other[2]}, as the dancer before",
                    "take its frames at that size: dancenet frames --width … --height …",
                )  # fmt: skip

    @property
    def run(self) -> Run | None:
        """The piece's own dancer; None: the built-in one."""
        return Run(named(str(self.own), self.beside)) if self.own else None

    def amounts(self, apply: tuple[str, ...]) -> list[tuple[Direction, float]]:
        """Directions along which the piece's own dancer is moved; see `directions.read_amounts`."""
        if not apply:
            return []
        return read_amounts(apply, self.run, Origin.of(self.run, self(None).director.trained.packed))

    @property
    def films(self) -> list[str]:
        """What the runs were made of."""
        actors = self._actors.values()
        return [
            clip.source for actor in actors for clip in actor.director.trained.packed.clips if clip.source
        ]


def _identity(run: Run, director: Director) -> str:
    """Weights and measures: with other measures the same weights dance otherwise."""
    weights = dancing_weights(run) | {"measures": str(director.trained.measures)}
    if sharp_is_current(run):  # music is met in its pictures
        weights["sharpen"] = weights_hash(run / "sharpen" / "vae.weights.h5")
        if (mender := run / "sharpen" / "mender.npz").is_file():
            weights["mender"] = weights_hash(mender)
    return "-".join(weights[name] for name in sorted(weights))


def files_named(score: Score) -> Iterator[tuple[str, int]]:
    """What a score names that is a file or a folder, and the line where."""
    for key in ("music", "dancer"):
        if value := getattr(score, key):
            yield value, score.lines.get(key, 1)
    for section in score.sections:
        words = [re.sub(r":[\d.]+(-[\d.]+)?$", "", phrase) for phrase in section.phrases]
        words += [*(key.partition("=")[2] for key in section.keyframes), section.begin or ""]
        for word in words:
            if Path(word).suffix.lower() in FILES:
                yield word, section.line
        if section.dancer:
            yield section.dancer, section.lines.get("dancer", section.line)


def named(name: str, beside: Path) -> Path:
    """A path as it is named, from the score's own folder or from here."""
    return beside / name if (beside / name).exists() else Path(name)


@dataclass(frozen=True)
class Rehearsed:
    """A piece that can be shown.

    Attributes:
        planned, sections: in order, as planned and as danced.
        made_now: whether each had to be danced now.
    """

    planned: list[Planned]
    sections: list[Made]
    made_now: list[bool]

    @property
    def length_s(self) -> float:
        """How long it is."""
        last = self.planned[-1]
        return last.start_s + last.length_s

    def by_section(self, fps: float) -> list[np.ndarray]:
        """Poses (N, D) of the frames of each section."""
        return [self.sections[number].at(times_s) for number, times_s in frame_times(self.planned, fps)]

    def section_at(self, times_s: np.ndarray) -> np.ndarray:
        """(N,) numbers of the sections that are danced at times within the piece (N,)."""
        return np.searchsorted([one.start_s - 1e-6 for one in self.planned], times_s, side="right") - 1

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """(N, D) at times within the piece (N,), rising."""
        of = self.section_at(times_s)
        parts = [
            self.sections[number].at(times_s[of == number] - self.planned[number].start_s)
            for number in np.unique(of)
        ]
        return np.concatenate(parts)

    def told(self) -> list[dict[str, Any]]:
        """What is said of each section."""
        return [_told(one, made) for one, made in zip(self.planned, self.made_now, strict=True)]


def rehearse(planned: list[Planned], shelf: Path, progress: Progress) -> Rehearsed:
    """Dance what of a planned piece is not on the shelf.

    Args:
        planned: its sections.
        shelf: folder of the sections that were danced before.
        progress: told how far it is.
    """
    kept, sections, made_now = Shelf(shelf), [], []
    for number, one in enumerate(planned):
        progress("dancing sections", number, len(planned))
        made = kept.get(one.key)
        made_now.append(made is None)
        if made is None:
            made = make(one)
            kept.put(one.key, made)
        sections.append(made)
    return Rehearsed(planned, sections, made_now)


def hear_song(
    score: Score, source: Path, progress: Progress, hear: Callable[[Path], Music] | None = None
) -> Song | None:
    """The music of a piece, heard; None where it has none.

    Args:
        score: as read.
        source: its file.
        progress: told what is done.
        hear: hears a file; for who has heard it before.

    Raises:
        DancenetError: it cannot be read, or ends before the piece begins; with the line of the score.
    """
    if score.music is None:
        return None
    progress(f"hearing {Path(score.music).name}", 0, 1)
    try:
        song = named(score.music, source.parent)
        music = hear(song) if hear else heard_anew(read_sound(song))
    except DancenetError as error:
        raise located(source.name, score.lines.get("music", 1), error) from None
    start_s = moment("from", score.begin)
    if start_s >= music.duration_s:
        raise DancenetError(
            f"{source.name}, line {score.lines.get('from', 1)}: from = {score.begin!r}",
            f"a moment of the music, which lasts {music.duration_s:.1f} s", "begin earlier",
        )  # fmt: skip
    return Song(music, start_s)


def _told(one: Planned, new: bool) -> dict:
    """What is said of a section beside the video."""
    section = one.section
    return {
        "name": section.name, "verb": section.verb, "start_s": one.start_s, "length_s": one.length_s,
        "seed": one.style.seed, "line": section.line, "key": one.key, "made": new,
    }  # fmt: skip
