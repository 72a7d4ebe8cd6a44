"""What the verbs make, as files: a video, GIF or WebP, and beside it the latents and how it was made.

Shape letters: N frames, H height, W width, C channels, D = 128 latent dimensions.
"""

import dataclasses
import itertools
import logging
from collections.abc import Callable
from pathlib import Path as FilePath

import numpy as np

from dancenet.config import MusicOptions
from dancenet.dancing.in_time import Rhythm
from dancenet.direct_options import (
    LOOP_TEMPO,
    BetweenOptions,
    BlendOptions,
    ContinueOptions,
    LoopOptions,
    TransferOptions,
    VaryOptions,
    VerbOptions,
)
from dancenet.directing.alike import blended, calmest_first, looped, mixed, varied
from dancenet.directing.director import Director, Style
from dancenet.directing.openings import led_to, somewhere
from dancenet.directing.path import BEATS_FPS, Path, in_step, lasting
from dancenet.directing.phrases import Reader
from dancenet.directing.verbs import between, check_keyframes, continued
from dancenet.errors import DancenetError
from dancenet.exploring.directions import moved, read_amounts
from dancenet.exploring.poses import Origin
from dancenet.footage.inputs import VIDEO_SUFFIXES
from dancenet.generation import Dance, body_of, decoded, load, opening_poses
from dancenet.media.moving_image import SUFFIXES as MOVING_IMAGES
from dancenet.media.moving_image import write_moving_image
from dancenet.media.sound_out import SoundOf
from dancenet.outputs import VIDEOS, check_video_out
from dancenet.rendering import heard, leave_beside, rhythm_of, scaled, write_frames
from dancenet.runs import Progress, Run, silent

log = logging.getLogger(__name__)

#: Files that verbs read, by how their names end: the result replaces none of them.
READ = VIDEO_SUFFIXES | {".json"}


def shown(
    director: Director,
    path: Path,
    fps: float,
    *,
    rhythm: Rhythm | None = None,
    sync: float = 0.0,
    loop: bool = False,
    dancer: str | None = None,
) -> Dance:
    """A path as a dance whose latents are those of its frames.

    Args:
        director: of the run.
        path: from 0 on.
        fps: frames per second of the video.
        rhythm, sync: the music that is danced to, if any; see `directing.path.in_step`.
        loop: the last pose is the first of the next time round: no frame shows it.
        dancer: whose body is drawn, of a run of several; None: who danced where the path begins.

    Raises:
        DancenetError: no such dancer.
    """
    ends = not loop and path.fixed_s and path.fixed_s[-1] >= path.end_s - 1e-6
    count = max(1, round(path.end_s * fps) + (1 if ends else 0))
    times = np.arange(count) / fps
    if loop:
        times *= path.end_s / (count / fps)
    trained = director.trained
    body = body_of(trained.packed, trained.latents, path.latents[0], dancer)
    if rhythm is not None:
        seen = path.at(np.arange(0, path.end_s, 1 / BEATS_FPS))
        poses = decoded(trained.vae, seen, body)
        warp = in_step(path, rhythm, poses, BEATS_FPS, sync=sync, beat_s=trained.beat_s)
        times = warp(np.minimum(times, path.end_s))
    dance = Dance(trained, path.at(times), count=count, fps=fps, body=body)
    dance.latents_fps = fps
    return dance


def write_directed(
    run: Run | None,
    out: FilePath,
    options: VerbOptions,
    progress: Progress = silent,
    *,
    music: MusicOptions | None = None,
) -> FilePath:
    """Do what a verb's options say, and write it as video, latents and JSON.

    Args:
        run: a run that can dance; None: the built-in dancer's model.
        out: the video; of a loop also .gif or .webp.
        options: of the verb.
        progress: told how far it is.
        music: what is danced to; it becomes the soundtrack.

    Raises:
        DancenetError: what is named is not there, or cannot be danced.
    """
    is_loop = isinstance(options, LoopOptions)
    suffixes = (*VIDEOS, *MOVING_IMAGES) if is_loop else VIDEOS
    named = [text.rpartition(":")[0] or text for text in _named(options)]
    read = [name for name in (*named, *_named(options)) if FilePath(name).suffix.lower() in READ]
    out = check_video_out(out, run, *read, *([music.music] if music else []), suffixes=suffixes)
    dancer = load(run)
    sources = [clip.source for clip in dancer.trained.packed.clips if clip.source]
    out = check_video_out(out, run, *sources, suffixes=suffixes)
    origin = Origin.of(run, dancer.trained.packed)
    amounts = read_amounts(options.apply, run, origin)
    if options.dancer is not None:
        dancer.trained.packed.body_named(options.dancer)  # told before the long work
    director, reader = Director(dancer.trained), Reader(run, dancer.trained)
    music, rhythm = _heard(options, music, progress)
    progress("choreographing", 0, 1)
    path = _MAKERS[type(options)](director, reader, options, style_of(options, music, rhythm))
    if rhythm is not None:
        rhythm = lasting(rhythm, path.end_s)
    sync = music.sync if music else 0.0
    dance = shown(director, path, options.fps, rhythm=rhythm, sync=sync, loop=is_loop, dancer=options.dancer)
    if isinstance(options, LoopOptions) and options.start is None and music is None:
        dance.latents = calmest_first(dance.latents)
    dance.latents = moved(dance.latents, amounts)
    times = options.times if isinstance(options, LoopOptions) else 1
    if out.suffix.lower() in MOVING_IMAGES:
        write_moving_image(out, np.stack([scaled(frame, options.scale) for frame in dance]), options.fps)
    else:
        sound = SoundOf(music.music, music.start_s) if music else None
        frames = itertools.chain.from_iterable(itertools.repeat(dance, times))
        write_frames(out, frames, times * len(dance), options.fps, options.scale, progress, sound)
    said = {
        "belongs_to": vars(origin),
        _verb(options): dataclasses.asdict(options), **director.trained.measures,
        "joint": director.trained.joint, "sharp": director.trained.sharp,
        **({"music": dataclasses.asdict(music)} if music else {}),
    }  # fmt: skip
    leave_beside(out, run, dance.latents, options.fps, said, fixed_s=np.array(path.fixed_s))
    return out


def _verb(options: VerbOptions) -> str:
    return type(options).__name__.removesuffix("Options").lower()


def _named(options: VerbOptions) -> list[str]:
    """Everything that the options name and that may be a file."""
    found: list[str] = []
    for name in ("after", "phrase", "start", "video", "clip"):
        if getattr(options, name, None):
            found.append(getattr(options, name))
    found += [key.partition("=")[2] for key in getattr(options, "keys", ())]
    return found + list(getattr(options, "phrases", ()))


def _beats(options: VerbOptions) -> int | None:
    return options.beats if isinstance(options, LoopOptions) else None


def _heard(
    options: VerbOptions, music: MusicOptions | None, progress: Progress
) -> tuple[MusicOptions | None, Rhythm | None]:
    """The music, and its rhythm; a loop of so many beats begins on one of them."""
    if music is None:
        return None, None
    song = heard(music, progress)
    rhythm = rhythm_of(song, music, None)
    if _beats(options) and len(rhythm.beats_s):
        music = dataclasses.replace(music, start_s=music.start_s + float(rhythm.beats_s[0]))
        rhythm = rhythm_of(song, music, None)
    return music, rhythm


def style_of(options: VerbOptions, music: MusicOptions | None, rhythm: Rhythm | None) -> Style:
    """How the dance is danced."""
    sync = music.sync if music else 0.0
    return Style(options.temperature, options.stray, options.seed, rhythm, sync)


def _continue(director: Director, reader: Reader, options: ContinueOptions, style: Style) -> Path:
    source = reader.phrase(options.after, whole=False)
    return continued(director, source, options.seconds, style, lead_s=options.lead)


def _between(director: Director, reader: Reader, options: BetweenOptions, style: Style) -> Path:
    moments = options.moments
    seconds = moments[-1][0] if options.seconds is None else options.seconds
    check_keyframes(moments, options.seconds)
    keyframes = [reader.keyframe(text, at_s) for at_s, text in moments]
    if not seconds:
        raise DancenetError("one keyframe, at 0", "a length", "add --seconds, or a second keyframe")
    opening = opening_poses(director.trained, options.start)
    return between(director, keyframes, seconds, style, opening=opening)


def _vary(director: Director, reader: Reader, options: VaryOptions, style: Style) -> Path:
    return varied(director, reader.phrase(options.phrase), options.amount, style)


def _blend(director: Director, reader: Reader, options: BlendOptions, style: Style) -> Path:
    phrases = [reader.phrase(text) for text in options.phrases]
    if options.mix:
        return mixed(director, phrases[0], phrases[1], options.mix, style)
    return blended(director, phrases, options.over, style)


def _transfer(director: Director, reader: Reader, options: TransferOptions, style: Style) -> Path:
    driver = reader.film(options.video) if options.video else reader.phrase(options.clip or "")
    return varied(director, driver, options.amount, style)


def _loop(director: Director, reader: Reader, options: LoopOptions, style: Style) -> Path:
    if options.start is None:
        opening = somewhere(director.trained, options.seed)
    else:
        key = reader.keyframe(options.start)
        opening = led_to(director.trained, key.pose, key.lead)
    return looped(director, opening, loop_s(options, style.rhythm), style)


def loop_s(options: LoopOptions, rhythm: Rhythm | None) -> float:
    """How long a loop lasts, seconds: so many beats of the music, or of the tempo.

    Raises:
        DancenetError: the music has fewer beats.
    """
    if options.beats is None:
        return 4.0 if options.seconds is None else options.seconds
    if options.tempo is None and rhythm is not None:
        if len(rhythm.beats_s) <= options.beats:
            raise DancenetError(
                f"--beats {options.beats}: {max(0, len(rhythm.beats_s) - 1)} beats are left of the music",
                "fewer beats", "or begin earlier in it with --from",
            )  # fmt: skip
        return float(rhythm.beats_s[options.beats] - rhythm.beats_s[0])
    return options.beats * 60 / (options.tempo or LOOP_TEMPO)


_MAKERS: dict[type, Callable[..., Path]] = {
    ContinueOptions: _continue, BetweenOptions: _between, VaryOptions: _vary, BlendOptions: _blend,
    LoopOptions: _loop, TransferOptions: _transfer,
}  # fmt: skip
