"""New dance from a trained run: as frames, and as video files with their latents beside them.

Shape letters: B batch, T time steps, H height, W width, C channels, D = 128 latent dimensions.
"""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dancenet.clips import PackedFrames
from dancenet.config import DanceOptions, InterpolateOptions
from dancenet.frames import frames_like, load_frames
from dancenet.outputs import check_video_out
from dancenet.rollout import Rollout
from dancenet.runs import Progress, Run, provenance, replacing, silent, write_json
from dancenet.trained import Trained, current_vae, decode_batch, encode_batch, fresh_latents, load_trained
from dancenet.video import VideoWriter

log = logging.getLogger(__name__)

#: Seconds of real dance that warm the choreographer's state.
OPENING_S = 3.0
#: Frames decoded at once.
DECODE_BATCH = 32
#: The temperature at which moves are drawn as often, and poses varied as far, as the model has learned. A
#: little more, the default, makes dances repeat themselves as little as the dancer does.
NATURAL = 0.2 / 1.15
#: Rollouts longer than this are worth XLA's compilation.
XLA_FROM_STEPS = 4000


class Dance:
    """A finished dance: iterate over it for its frames.

    Attributes:
        latents: (T, D) float32.
        latents_fps: their rate: that of the frames trained on, times the run's pace.
        fps: rate of the frames.
    """

    def __init__(self, trained: Trained, latents: np.ndarray, *, count: int, fps: float):
        self._trained, self._count = trained, count
        self.latents, self.latents_fps, self.fps = latents, trained.packed.fps * trained.pace, fps

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        path = resample(self.latents, self.latents_fps, self.fps, self._count)
        yield from decoded(self._trained.vae, path)


class Dancer:
    """A trained run, ready to dance. `dancenet.load` makes one."""

    def __init__(self, trained: Trained):
        self.trained = trained
        self._rollouts: dict[bool, Rollout] = {}

    def dance(
        self,
        seconds: float = 20.0,
        *,
        fps: float = 30.0,
        temperature: float = 0.2,
        stray: float = 0.2,
        seed: int = 0,
        start: str | None = None,
    ) -> Dance:
        """A new dance; the arguments are those of `DanceOptions`, which also checks them."""
        options = DanceOptions(
            seconds=seconds, fps=fps, temperature=temperature, stray=stray, seed=seed, start=start
        )
        return self.dances(options, [seed])[0]

    def dances(self, options: DanceOptions, seeds: list[int], progress: Progress = silent) -> list[Dance]:
        """Several dances rolled out together, one per seed."""
        rate = self.trained.packed.fps * self.trained.pace
        count = max(1, round(options.seconds * options.fps))
        # one pose beyond the end, so that the smooth path has a neighbour there
        steps = int(np.ceil((count - 1) / options.fps * rate)) + 2
        opening = self.trained.latents.standardise(opening_poses(self.trained, options.start))
        heat = options.temperature / NATURAL
        rollout = self._rollout(steps >= XLA_FROM_STEPS)
        chunks, done = [], 0
        for made in rollout.poses(
            np.repeat(opening[None], len(seeds), axis=0), seeds,
            temperature=heat, stray=options.stray, spread=heat**0.5,
        ):  # fmt: skip
            chunks.append(made)
            done += len(made)
            progress("choreographing", min(done, steps), steps)
            if done >= steps:
                break
        latents = self.trained.latents.restore(np.concatenate(chunks)[:steps]).astype("float32")
        return [Dance(self.trained, latents[:, i], count=count, fps=options.fps) for i in range(len(seeds))]

    def _rollout(self, xla: bool) -> Rollout:
        if xla not in self._rollouts:
            self._rollouts[xla] = Rollout(self.trained.choreographer, xla=xla)
        return self._rollouts[xla]


def load(run: Run | Path | str) -> Dancer:
    """A trained run as a `Dancer`.

    Raises:
        DancenetError: a stage is missing or stale.
    """
    return Dancer(load_trained(run if isinstance(run, Run) else Run(run)))


def opening_poses(trained: Trained, start: str | None) -> np.ndarray:
    """Latents of the real poses that lead into the dance, (T, D); its first pose follows the last of them.

    Args:
        start: CLIP:SECOND; None takes the most typical start.
    """
    latents, packed = trained.latents, trained.packed
    length = max(2, round(OPENING_S * packed.fps))
    if start is None:
        clip, stop = typical_start(latents, length)
    else:
        frame = packed.locate(start)
        clip = next(i for i, candidate in enumerate(packed.clips) if frame < candidate.stop)
        stop = max(frame + 1, latents.span(clip).start + 2)
    span = latents.span(clip)
    return latents.mean[max(span.start, stop - length) : min(stop, span.stop)]


def typical_start(latents, length: int) -> tuple[int, int]:
    """The clip, and the end in it, of the opening whose pose is nearest to the mean of all openings.

    Nearest in standardised latents; clips shorter than `length` count with all they have.
    """
    ends = [
        min(latents.span(i).start + length, latents.span(i).stop) for i in range(len(latents.clip_starts))
    ]
    poses = latents.standardise(latents.mean[np.array(ends) - 1])
    clip = int(np.argmin(((poses - poses.mean(axis=0)) ** 2).sum(axis=1)))
    return clip, ends[clip]


def resample(latents: np.ndarray, from_fps: float, to_fps: float, count: int) -> np.ndarray:
    """`count` latents at `to_fps` along a smooth path through `latents` (T, D) at `from_fps`.

    A shape-preserving cubic (PCHIP, Fritsch & Butland 1984): unlike a spline it never overshoots a pose.
    """
    if from_fps == to_fps:
        return latents[:count]
    from scipy.interpolate import PchipInterpolator

    times = np.minimum(np.arange(count) / to_fps, (len(latents) - 1) / from_fps)
    return PchipInterpolator(np.arange(len(latents)) / from_fps, latents, axis=0)(times).astype("float32")


def decoded(vae, latents: np.ndarray) -> Iterator[np.ndarray]:
    """Frames uint8 (H, W, C) of latents (T, D), decoded in batches of one size."""
    for start in range(0, len(latents), DECODE_BATCH):
        part = latents[start : start + DECODE_BATCH]
        padded = np.pad(part, ((0, DECODE_BATCH - len(part)), (0, 0)))
        yield from decode_batch(vae, padded)[: len(part)]


def scaled(frame: np.ndarray, factor: float) -> np.ndarray:
    """Enlarge (Lanczos) or shrink (area) a frame (H, W, C) by `factor`."""
    if factor == 1:
        return frame
    size = (max(2, round(frame.shape[1] * factor)), max(2, round(frame.shape[0] * factor)))
    how = cv2.INTER_LANCZOS4 if factor > 1 else cv2.INTER_AREA
    return cv2.resize(frame, size, interpolation=how).reshape(size[1], size[0], frame.shape[2])


def _write_frames(
    path: Path, frames: Iterator[np.ndarray], count: int, fps: float, scale: float, progress: Progress
) -> None:
    """Write `count` frames (H, W, C) uint8 as a video, each enlarged by `scale`."""
    first = scaled(next(frames), scale)
    with VideoWriter(path, width=first.shape[1], height=first.shape[0], fps=fps) as writer:
        writer.write(first)
        for done, frame in enumerate(frames, start=2):
            writer.write(scaled(frame, scale))
            progress(f"writing {path.name}", done, count)


def _leave_beside(path: Path, run: Run, latents: np.ndarray, fps: float, made: dict[str, Any]) -> None:
    """The latents and how the video was made, beside it."""
    beside = path.with_name(path.stem + ".latents.npz")
    with replacing(beside) as part, open(part, "wb") as file:
        np.savez(file, latents=latents, fps=np.array(fps))
    write_json(
        path.with_suffix(".json"), {"run": str(run.path.resolve()), **made, "provenance": provenance()}
    )


def write_dance(run: Run, out: Path, options: DanceOptions, progress: Progress = silent) -> list[Path]:
    """Make new dances and write them as video, latents and JSON.

    Returns:
        the videos: `out` itself, or for several takes `out` with -1, -2 … before the suffix.

    Raises:
        DancenetError: a stage is missing or stale; unknown start; the file cannot be written.
    """
    dancer = load(run)
    out = check_video_out(out, run, *(clip.source for clip in dancer.trained.packed.clips))
    seeds = [options.seed + take for take in range(options.takes)]
    many = options.takes > 1
    paths = [out.with_name(f"{out.stem}-{i + 1}{out.suffix}") if many else out for i in range(len(seeds))]
    for path in paths:
        check_video_out(path, run)
    for path, seed, dance in zip(paths, seeds, dancer.dances(options, seeds, progress), strict=True):
        _write_frames(path, iter(dance), len(dance), options.fps, options.scale, progress)
        made = {
            **dataclasses.asdict(options), "seed": seed, "takes": 1,
            "joint": dancer.trained.joint, "pace": dancer.trained.pace,
        }  # fmt: skip
        _leave_beside(path, run, dance.latents, dance.latents_fps, {"dance": made})
    return paths


def reconstruct(
    run: Run, video: Path, out: Path, progress: Progress = silent, *, scale: float = 1.0
) -> dict[str, float]:
    """Any video through the run's own frame options: real on the left, decoded on the right.

    Needs the VAE only. Returns foreground PSNR and PSNR in dB.
    """
    from dancenet.evaluation.reconstruction import PictureError
    from dancenet.trained import reconstruct_batch
    from dancenet.vae import FOREGROUND_THRESHOLD

    packed = load_frames(run)
    out = check_video_out(out, run, video, *(clip.source for clip in packed.clips))
    vae = current_vae(run, packed)
    other = frames_like(Path(video), packed.options)
    error, total = PictureError(FOREGROUND_THRESHOLD), len(other)

    def pairs() -> Iterator[np.ndarray]:
        """Real and decoded frames side by side, (H, 2·W, C), measured while they pass."""
        for clip, background in zip(other.clips, other.backgrounds, strict=True):
            for start in range(clip.start, clip.stop, DECODE_BATCH):
                real = other.pixels[start : min(start + DECODE_BATCH, clip.stop)]
                made = reconstruct_batch(vae, real)[2]
                error.add(real, made, background)
                yield from np.concatenate([real, made], axis=2)

    _write_frames(out, pairs(), total, other.fps, scale, progress)
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
    _write_frames(out, decoded(vae, path), count, options.fps, options.scale, progress)
    _leave_beside(
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
