"""Videos made with a trained run: new dances, reconstructions, films from one frame to another.

Beside each video lie its latents and how it was made. Shape letters: T time steps, H height, W width,
C channels, D = 128 latent dimensions.
"""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dancenet.batching.ahead import ahead
from dancenet.config import DanceOptions, InterpolateOptions, MusicOptions
from dancenet.dancing.in_time import Rhythm
from dancenet.errors import DancenetError
from dancenet.evaluation.reconstruction import PictureError
from dancenet.exploring.directions import moved, read_amounts
from dancenet.exploring.poses import Origin, PosePath, json_out, save_path
from dancenet.exploring.space import Space
from dancenet.footage.clips import PackedFrames
from dancenet.frames import frames_like, load_frames
from dancenet.generation import DECODE_BATCH, decoded, load
from dancenet.media.sound_out import Sound, SoundOf
from dancenet.networks.masks import FOREGROUND_THRESHOLD
from dancenet.outputs import check_video_out
from dancenet.runs import Progress, Run, provenance, replacing, silent, write_json
from dancenet.trained import (
    current_vae,
    encode_batch,
    fresh_latents,
    likeliest_body,
    reconstruct_batch,
)
from dancenet.video import VideoWriter

if TYPE_CHECKING:
    from dancenet.music import Music

log = logging.getLogger(__name__)

#: Music shorter than this is no dance.
LEAST_MUSIC_S = 1.0


def scaled(frame: np.ndarray, factor: float) -> np.ndarray:
    """Enlarge (Lanczos) or shrink (area) a frame (H, W, C) by `factor`."""
    if factor == 1:
        return frame
    size = (max(2, round(frame.shape[1] * factor)), max(2, round(frame.shape[0] * factor)))
    how = cv2.INTER_LANCZOS4 if factor > 1 else cv2.INTER_AREA
    return cv2.resize(frame, size, interpolation=how).reshape(size[1], size[0], frame.shape[2])


def write_frames(
    path: Path,
    frames: Iterator[np.ndarray],
    count: int,
    fps: float,
    scale: float,
    progress: Progress,
    sound: Sound | None = None,
) -> None:
    """Write `count` frames (H, W, C) uint8 as a video, each enlarged by `scale`, with sound if any.

    A thread makes the next batch of frames while this one is encoded.
    """
    frames = ahead(frames, DECODE_BATCH)
    first = scaled(next(frames), scale)
    with VideoWriter(path, width=first.shape[1], height=first.shape[0], fps=fps, sound=sound) as writer:
        writer.write(first)
        for done, frame in enumerate(frames, start=2):
            writer.write(scaled(frame, scale))
            progress(f"writing {path.name}", done, count)


def leave_beside(
    path: Path, run: Run | None, latents: np.ndarray, fps: float, made: dict[str, Any], **arrays: np.ndarray
) -> None:
    """The latents and how the video was made, beside it."""
    beside = path.with_name(path.stem + ".latents.npz")
    with replacing(beside) as part, open(part, "wb") as file:
        np.savez(file, allow_pickle=False, latents=latents, fps=np.array(fps), **arrays)
    danced_by = str(run.path.resolve()) if run else "built-in dancer"
    write_json(path.with_suffix(".json"), {"run": danced_by, **made, "provenance": provenance()})


def write_dance(
    run: Run | None,
    out: Path,
    options: DanceOptions,
    progress: Progress = silent,
    *,
    music: MusicOptions | None = None,
) -> list[Path]:
    """Make new dances and write them as video, latents and JSON.

    Args:
        run: a run that can dance; None: the model of the built-in dancer that comes with dancenet.
        out: the video.
        options: how long, how wild …
        progress: told how far it is.
        music: what is danced to; it becomes the soundtrack.

    Returns:
        the videos: `out` itself, or for several takes `out` with -1, -2 … before the suffix.

    Raises:
        DancenetError: a stage is missing or stale; unknown start; the file cannot be written; no music.
    """
    dancer = load(run)
    sources = [clip.source for clip in dancer.trained.packed.clips if clip.source]
    out = check_video_out(out, run, *sources, *([music.music] if music else []))
    seeds = [options.seed + take for take in range(options.takes)]
    many = options.takes > 1
    paths = [out.with_name(f"{out.stem}-{i + 1}{out.suffix}") if many else out for i in range(len(seeds))]
    for path in paths:
        check_video_out(path, run)
    origin = Origin.of(run, dancer.trained.packed)
    amounts = read_amounts(options.apply, run, origin)
    rhythm = None
    if music is not None:
        rhythm = rhythm_of(heard(music, progress), music, options.seconds)
        options = dataclasses.replace(options, seconds=float(rhythm.base.music_s[-1]))
    dances = dancer.dances(options, seeds, progress, rhythm=rhythm, sync=music.sync if music else 0.0)
    for dance in dances if amounts else ():  # without, a video can begin before its dance is made
        dance.latents = moved(dance.latents, amounts)
    for path, seed, dance in zip(paths, seeds, dances, strict=True):
        sound = SoundOf(music.music, music.start_s) if music else None
        write_frames(path, iter(dance), len(dance), options.fps, options.scale, progress, sound)
        made = {
            **dataclasses.asdict(options), "seed": seed, "takes": 1,
            "joint": dancer.trained.joint, "sharp": dancer.trained.sharp,
            **dancer.trained.measures,
        }  # fmt: skip
        warp = vars(dance.warp) if dance.warp else {}
        said = {
            "belongs_to": vars(origin),
            "dance": made,
            **({"music": dataclasses.asdict(music)} if music else {}),
        }
        leave_beside(path, run, dance.latents, dance.latents_fps, said, **warp)
    return paths


def heard(music: MusicOptions, progress: Progress) -> "Music":
    """The whole song that is danced to.

    Raises:
        DancenetError: it cannot be read.
    """
    from dancenet.music import hear, read_sound

    progress(f"hearing {music.music.name}", 0, 1)
    return hear(read_sound(music.music))


def rhythm_of(song: "Music", music: MusicOptions, seconds: float | None) -> Rhythm:
    """The rhythm of the part of a song that is danced to, all that is left of it or so many seconds.

    Raises:
        DancenetError: nothing of it is left.
    """
    left_s = song.duration_s - music.start_s
    if left_s < LEAST_MUSIC_S:
        raise DancenetError(
            f"{max(left_s, 0):.1f} s of {music.music} are left from --from {music.start_s:g} on",
            f"{LEAST_MUSIC_S:g} s or more of music", f"it is {song.duration_s:.1f} s long",
        )  # fmt: skip
    if seconds is not None and seconds > left_s:
        log.warning("--seconds %g: the music, and the dance with it, ends after %.1f s", left_s, seconds)
    return Rhythm.of_music(
        song, start_s=music.start_s, duration_s=min(left_s, seconds or left_s), energy=music.energy
    )


def reconstruct(
    run: Run, video: Path, out: Path, progress: Progress = silent, *, scale: float = 1.0
) -> dict[str, float]:
    """Any video through the run's own frame options: real on the left, decoded on the right.

    Needs the VAE only; of several dancers each clip is drawn as the one who fits best.

    Returns:
        foreground PSNR and PSNR in dB.
    """
    packed = load_frames(run)
    out = check_video_out(out, run, video, *(clip.source for clip in packed.clips))
    vae = current_vae(run, packed)
    other = frames_like(Path(video), packed.options)
    error, total = PictureError(FOREGROUND_THRESHOLD), len(other)

    def pairs() -> Iterator[np.ndarray]:
        """Real and decoded frames side by side, (H, 2·W, C), measured while they pass."""
        for clip, background in zip(other.clips, other.backgrounds, strict=True):
            some = np.linspace(clip.start, clip.stop - 1, min(clip.length, DECODE_BATCH)).astype(int)
            body = likeliest_body(vae, other.pixels[some])
            for start in range(clip.start, clip.stop, DECODE_BATCH):
                real = other.pixels[start : min(start + DECODE_BATCH, clip.stop)]
                made = reconstruct_batch(vae, real, np.full(len(real), body))[2]
                error.add(real, made, background)
                yield from np.concatenate([real, made], axis=2)

    write_frames(out, pairs(), total, other.fps, scale, progress)
    figures = {"psnr_db": error.plain_psnr}
    if error.foreground_share > 0:
        figures["foreground_psnr_db"] = error.foreground_psnr
    write_json(
        out.with_suffix(".json"),
        {"video": str(video), "run": str(run.path), "figures": figures, "provenance": provenance()},
    )
    return figures


def interpolate(run: Run, out: Path, options: InterpolateOptions, progress: Progress = silent) -> Path:
    """A video along the smooth path through the latents of chosen frames.

    Raises:
        DancenetError: no VAE or latents; unknown stops.
    """
    from scipy.interpolate import PchipInterpolator

    packed = load_frames(run)
    out = check_video_out(out, run, *(clip.source for clip in packed.clips))
    fresh_latents(run, packed)
    vae = current_vae(run, packed)
    stops = options.stops or _typical_stops(packed)
    frames = [packed.locate(stop) for stop in stops]
    keys = np.concatenate([encode_batch(vae, packed.pixels[frame][None])[0] for frame in frames])
    at = np.arange(len(keys)) * options.seconds
    count = max(2, round(at[-1] * options.fps) + 1)
    path = PchipInterpolator(at, keys, axis=0)(np.minimum(np.arange(count) / options.fps, at[-1])).astype(
        "float32"
    )
    body = int(packed.bodies[frames[0]])
    write_frames(out, decoded(vae, path, body), count, options.fps, options.scale, progress)
    leave_beside(
        out, run, path, options.fps, {"interpolate": {**dataclasses.asdict(options), "stops": list(stops)}}
    )
    return out


def _typical_stops(packed: PackedFrames) -> list[str]:
    """Four moments spread over the film."""
    picks = np.linspace(0.1, 0.9, 4) * len(packed)
    stops = []
    for frame in picks.astype(int):
        clip = next(clip for clip in packed.clips if frame < clip.stop)
        stops.append(f"{clip.number}:{(frame - clip.start) / packed.fps:.3f}")
    return stops


def write_way(
    run: Run,
    space: Space,
    way: PosePath,
    out: Path,
    scale: float,
    progress: Progress = silent,
) -> list[Path]:
    """A path as a video, and beside it as a path file.

    Returns:
        the video and the file.

    Raises:
        DancenetError: one of them cannot be written there.
    """
    out = check_video_out(out, run, *(clip.source for clip in space.packed.clips))
    beside = json_out(out.with_suffix(".json"), "path")
    write_frames(out, space.stream(way.latents), len(way.latents), way.fps, scale, progress)
    return [out, save_path(beside, way)]
