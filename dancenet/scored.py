"""A score made: its dancers and music loaded, its sections danced or taken from an earlier time, one video.

Shape letters: N frames, H height, W width, C channels, D = 128 latent dimensions.
"""

import dataclasses
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.checkpoints import weights_hash
from dancenet.config import moment
from dancenet.directing.director import Director
from dancenet.directing.path import Path as DancePath
from dancenet.directing.phrases import Reader
from dancenet.directing.piece import Made, frame_times, make
from dancenet.directing.plan import Actor, Planned, Song, plan
from dancenet.directing.score import Score, located, read_score
from dancenet.directions import moved, read_amounts
from dancenet.errors import DancenetError
from dancenet.generation import decoded, load
from dancenet.outputs import check_video_out
from dancenet.poses import Direction, Origin
from dancenet.rendering import leave_beside, write_frames
from dancenet.runs import Progress, Run, replacing, silent
from dancenet.shipped import MODEL
from dancenet.sound_out import SoundOf
from dancenet.timing import Warp
from dancenet.trained import dancing_weights, sharp_is_current

log = logging.getLogger(__name__)

#: A preview has so many frames per second, and pictures so much smaller.
PREVIEW_FPS, PREVIEW_SCALE = 10.0, 0.5


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
    """

    def __init__(self, own: str | Path | None, beside: Path):
        self.own, self.beside = own, beside
        self._actors: dict[str, Actor] = {}

    def __call__(self, name: str | None) -> Actor:
        """The actor of that name; None: the piece's own.

        Raises:
            DancenetError: it cannot dance, or its pictures have another size than those of the first.
        """
        chosen = name or self.own
        run = Run(_found(str(chosen), self.beside)) if chosen else None
        key = str(run.path.resolve()) if run else ""
        if key not in self._actors:
            trained = load(run).trained
            identity = weights_hash(MODEL) if run is None else _identity(run)
            actor = Actor(Director(trained), Reader(run, trained, beside=self.beside), identity)
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
        return Run(_found(str(self.own), self.beside)) if self.own else None

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


def _identity(run: Run) -> str:
    weights = dancing_weights(run)
    if sharp_is_current(run):  # music is met in its pictures
        weights["sharpen"] = weights_hash(run / "sharpen" / "vae.weights.h5")
    return "-".join(weights[name] for name in sorted(weights))


def _found(name: str, beside: Path) -> Path:
    """A path as it is named, from the score's own folder or from here."""
    return beside / name if (beside / name).exists() else Path(name)


def write_score(
    source: Path,
    out: Path | None = None,
    progress: Progress = silent,
    *,
    preview: bool = False,
    run: Path | None = None,
    seed: int | None = None,
    fps: float | None = None,
    music: Path | None = None,
    apply: tuple[str, ...] = (),
) -> Path:
    """Make the whole piece of a score.

    Sections are kept beside the video (`FILE.sections/`) and not made again as long as they, the pose in
    which the next one begins, and the dancer's models are what they were.

    Args:
        source: the score, a TOML file.
        out: the video; the default is the score's name with .mp4, or -preview.mp4.
        progress: told how far it is.
        preview: few and small frames of the same dance, and no more than that to be made.
        run, seed, fps, music: in place of what the score says.
        apply: directions along which the piece's own dancer is moved, as NAME=AMOUNT or FILE.json=AMOUNT.

    Raises:
        DancenetError: with the line of the score and the remedy; nothing is written then.
    """
    score = _read(source, run=run, seed=seed, fps=fps, music=music)
    out = Path(out) if out else source.with_name(source.stem + ("-preview" if preview else "") + ".mp4")
    check_video_out(out, None, source)
    song = _song(score, source, progress)
    cast = Cast(score.dancer, source.parent)
    planned = plan(score, source.name, cast, song)
    amounts = cast.amounts(apply)
    heard = [_found(score.music, source.parent)] if score.music else []
    check_video_out(out, None, source, *heard, *cast.films)
    shelf = Shelf(out.with_name(out.stem.removesuffix("-preview") + ".sections"))
    sections, made_now = _sections(planned, shelf, progress)
    shown_fps = PREVIEW_FPS if preview else score.fps
    times = list(frame_times(planned, shown_fps))
    latents = [
        moved(sections[number].at(at), amounts if amounts and planned[number].actor is cast(None) else [])
        for number, at in times
    ]
    frames = _frames(planned, latents)
    sound = SoundOf(heard[0], song.start_s) if song else None
    scale = score.scale * (PREVIEW_SCALE if preview else 1.0)
    write_frames(out, frames, sum(map(len, latents)), shown_fps, scale, progress, sound)
    told = [_told(one, made) for one, made in zip(planned, made_now, strict=True)]
    said = {
        "score": str(source), "text": source.read_text(encoding="utf-8"), "preview": preview,
        "apply": apply, "sections": told,
    }  # fmt: skip
    of = np.repeat(np.arange(len(latents)), [len(part) for part in latents])
    leave_beside(out, cast.run, np.concatenate(latents), shown_fps, said, section=of)
    new = sum(made_now)
    log.info("%d of %d sections made, %d kept from before", new, len(planned), len(planned) - new)
    return out


def _read(source: Path, **instead: Path | float | None) -> Score:
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DancenetError(f"{source} cannot be read ({error})", "a score, a TOML file") from None
    names = {"run": "dancer"}
    given: dict[str, Any] = {
        names.get(name, name): str(value) if isinstance(value, Path) else value
        for name, value in instead.items()
        if value is not None
    }
    return dataclasses.replace(read_score(text, source.name), **given)


def _song(score: Score, source: Path, progress: Progress) -> Song | None:
    """The music of the piece, heard."""
    if score.music is None:
        return None
    from dancenet.music import hear, read_sound

    progress(f"hearing {Path(score.music).name}", 0, 1)
    try:
        music = hear(read_sound(_found(score.music, source.parent)))
    except DancenetError as error:
        raise located(source.name, score.lines.get("music", 1), error) from None
    start_s = moment("from", score.begin)
    if start_s >= music.duration_s:
        raise DancenetError(
            f"{source.name}, line {score.lines.get('from', 1)}: from = {score.begin!r}",
            f"a moment of the music, which lasts {music.duration_s:.1f} s", "begin earlier",
        )  # fmt: skip
    return Song(music, start_s)


def _sections(planned: list[Planned], shelf: Shelf, progress: Progress) -> tuple[list[Made], list[bool]]:
    """Every section, and whether it had to be danced now."""
    sections, made_now = [], []
    for number, one in enumerate(planned):
        progress("dancing sections", number, len(planned))
        made = shelf.get(one.key)
        made_now.append(made is None)
        if made is None:
            made = make(one)
            shelf.put(one.key, made)
        sections.append(made)
    return sections, made_now


def _frames(planned: list[Planned], latents: list[np.ndarray]) -> Iterator[np.ndarray]:
    for one, part in zip(planned, latents, strict=True):
        yield from decoded(one.actor.director.trained.vae, part)


def _told(one: Planned, new: bool) -> dict:
    """What is said of a section beside the video."""
    section = one.section
    return {
        "name": section.name, "verb": section.verb, "start_s": one.start_s, "length_s": one.length_s,
        "seed": one.style.seed, "line": section.line, "key": one.key, "made": new,
    }  # fmt: skip
