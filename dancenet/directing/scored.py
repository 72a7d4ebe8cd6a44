"""A score made: rehearsed, and written as one video, or in another form.

Shape letters: N frames, H height, W width, C channels, D = 128 latent dimensions.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.directing.forms_out import FORMS, check_rate, write_form
from dancenet.directing.plan import Planned, plan
from dancenet.directing.rehearsal import Cast, files_named, hear_song, named, rehearse
from dancenet.directing.score import Score, read_score
from dancenet.errors import DancenetError
from dancenet.exploring.directions import moved
from dancenet.generation import body_of, decoded
from dancenet.media.sound_out import SoundOf
from dancenet.outputs import check_video_out
from dancenet.rendering import leave_beside
from dancenet.runs import Progress, silent

log = logging.getLogger(__name__)

#: A preview has so many frames per second, and pictures so much smaller.
PREVIEW_FPS, PREVIEW_SCALE = 10.0, 0.5


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
    sections: Path | None = None,
) -> Path:
    """Make the whole piece of a score.

    Sections are kept (in `FILE.sections/` beside the video) and not made again as long as they, the pose in
    which the next one begins, and the dancer's models are what they were.

    Args:
        source: the score, a TOML file.
        out: the video, moving image, archive of numbered pictures or contact sheet (`forms_out.FORMS`); the
            default is the score's name with .mp4, or -preview.mp4.
        progress: told how far it is.
        preview: few and small frames of the same dance, and no more than that to be made.
        run, seed, fps, music: in place of what the score says.
        apply: directions along which the piece's own dancer is moved, as NAME=AMOUNT or FILE.json=AMOUNT.
        sections: the folder that they are kept in, in place of the one beside the video.

    Raises:
        DancenetError: with the line of the score and the remedy; nothing is written then.
    """
    score = _read(source, run=run, seed=seed, fps=fps, music=music)
    out = Path(out) if out else source.with_name(source.stem + ("-preview" if preview else "") + ".mp4")
    shown_fps = PREVIEW_FPS if preview else score.fps
    read = [named(word, source.parent) for word, _ in files_named(score)]
    check_video_out(out, None, source, *read, suffixes=FORMS)
    check_rate(out, shown_fps)
    song = hear_song(score, source, progress)
    cast = Cast(score.dancer, source.parent)
    planned = plan(score, source.name, cast, song)
    amounts = cast.amounts(apply)
    check_video_out(out, None, *cast.films, suffixes=FORMS)
    shelf = sections or out.with_name(out.stem.removesuffix("-preview") + ".sections")
    piece = rehearse(planned, shelf, progress)
    latents = [
        moved(poses, amounts if amounts and one.actor is cast(None) else [])
        for one, poses in zip(planned, piece.by_section(shown_fps), strict=True)
    ]
    sound = SoundOf(named(score.music, source.parent), song.start_s) if song and score.music else None
    scale = score.scale * (PREVIEW_SCALE if preview else 1.0)
    count = sum(map(len, latents))
    write_form(out, _drawing(planned, latents, score.body), count, shown_fps, scale, progress, sound)
    said = {
        "score": str(source), "text": source.read_text(encoding="utf-8"), "preview": preview,
        "apply": apply, "sections": piece.told(),
    }  # fmt: skip
    of = np.repeat(np.arange(len(latents)), [len(part) for part in latents])
    leave_beside(out, cast.run, np.concatenate(latents), shown_fps, said, section=of)
    log.info("%d of %d sections danced anew", sum(piece.made_now), len(planned))
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


def bodies_of(planned: list[Planned], body: str | None) -> list[int]:
    """Whose body each section shows, a place in its run's `dancers`.

    It is the section's own `body`, that of the piece, or who danced where its dancer's first section begins.
    """
    first: dict[int, int] = {}
    shown = []
    for one in planned:
        trained, actor = one.actor.director.trained, id(one.actor)
        whose = one.section.body or body
        if actor not in first:
            first[actor] = body_of(trained.packed, trained.latents, one.entrance[-1])
        shown.append(first[actor] if whose is None else trained.packed.body_named(whose))
    return shown


def _drawing(
    planned: list[Planned], latents: list[np.ndarray], body: str | None
) -> Callable[[np.ndarray], Iterator[np.ndarray]]:
    """What draws frames of the piece by their numbers, each by its own dancer."""
    begun = np.cumsum([0, *map(len, latents)])
    bodies = bodies_of(planned, body)

    def draw(numbers: np.ndarray) -> Iterator[np.ndarray]:
        """Frames (H, W, C), in order."""
        for number, (one, part) in enumerate(zip(planned, latents, strict=True)):
            here = numbers[(numbers >= begun[number]) & (numbers < begun[number + 1])] - begun[number]
            if len(here):
                yield from decoded(one.actor.director.trained.vae, part[here], bodies[number])

    return draw
