"""Stage 1: frames of any video, cut, fitted, resampled and packed as uint8 memory map with a JSON sidecar.

Every source is read once at its own rate into a small working copy on disk; cuts, backgrounds and the
dancer's place are found in that. Memory stays flat whatever the length.
"""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from dancenet import runs
from dancenet.config import FrameOptions
from dancenet.errors import DancenetError
from dancenet.footage.clips import Clip, PackedFrames, takes_for_validation
from dancenet.footage.film_music import with_beats
from dancenet.footage.image_folder import check_apart, check_images_folder, write_images
from dancenet.footage.inputs import Source, find_sources, performances
from dancenet.footage.packing import Part
from dancenet.footage.shards import open_frames, remove
from dancenet.footage.taken import ProcessDiedError, Shelf, Taken, UnusableError, join
from dancenet.media import pictures
from dancenet.runs import Progress, Run, silent

__all__ = ["Clip", "PackedFrames", "extract", "frames_like", "load_frames", "takes_for_validation"]

log = logging.getLogger(__name__)

#: Folder in a run for what has been taken so far; it goes when all of it is packed.
TAKEN = "frames.taken"

#: Frames on the contact sheet of what was taken.
SHEET = 64


def extract(
    inputs: Sequence[Path | str],
    run: Run,
    options: FrameOptions,
    *,
    dancers: bool = False,
    images: Path | None = None,
    fresh: bool = False,
    pool: Executor | None = None,
    progress: Progress = silent,
) -> PackedFrames:
    """Take frames from videos or image folders into a run; with the same inputs and options, nothing is done.

    Args:
        inputs: videos, folders of videos, folders of numbered images, or a mix; none: `data/imgs/`.
        run: where `frames.json`, its arrays and the contact sheet `frames.png` go.
        options: size, rate, colour, fit.
        dancers: each source lies in a folder named after who dances in it; otherwise all show one dancer.
        images: also write the frames as numbered JPEGs here, one sub-folder per clip where there are several.
        fresh: replace frames made from other inputs or with other options.
        pool: processes that take the sources; None: this one takes one after the other.

    What cannot be used is left out where it was found in a folder that was named, and `frames.json` lists it.

    Raises:
        DancenetError: unusable input that was named itself, one folder for several dancers, fewer than two
            frames, other frames in the run, disk full, or other images in the way of `images`.
    """
    sources = find_sources(inputs)
    if dancers:
        _check_dancers(sources)
    if images is not None:
        check_apart(Path(images), sources)
        check_images_folder(Path(images))
    stamps = [source.stamp() for source in sources]
    packed = _already_there(run, stamps, options, dancers, fresh)
    if packed is None:
        with runs.disk_errors(run.path):
            new = not run.path.exists()
            run.path.mkdir(parents=True, exist_ok=True)
            run.sweep()
            shelf = Shelf(run / TAKEN, options, stamps, hears=True)
            try:
                if pool is not None:
                    shelf.take_in(pool, sources, progress)
                packed = _make(sources, stamps, shelf, run, options, dancers, progress)
                shelf.clear()
            except BaseException as error:
                broken = isinstance(error, Exception) and not isinstance(error, ProcessDiedError)
                if broken or not any(shelf.folder.iterdir()):
                    shelf.clear()  # Ctrl-C keeps what is finished: the same command goes on from there
                if new:
                    with contextlib.suppress(OSError):
                        run.path.rmdir()
                raise
    if images is not None:
        write_images(packed, Path(images), progress)
    return packed


def _already_there(
    run: Run, stamps: list[dict[str, Any]], options: FrameOptions, dancers: bool, fresh: bool
) -> PackedFrames | None:
    if fresh or not run.has("frames"):
        return None
    content = run.read("frames")
    known = _as_json(FrameOptions()) | content.get("options", {})  # options are younger than some runs
    same = _as_json(options) == known and dancers == bool(content.get("dancers"))
    if same and content.get("inputs") == stamps:
        log.info("%s already holds these frames", run.path)
        return load_frames(run)
    raise DancenetError(
        f"{run.path} holds frames made {'from other inputs' if same else 'with other options'}",
        "the same inputs and options, or a new run",
        "add --fresh to replace them, or name another --run",
    )


def _check_dancers(sources: list[Source]) -> None:
    """Refuse to tell dancers apart by folders where there is one."""
    names = sorted({source.dancer for source in sources})
    if len(names) < 2:
        raise DancenetError(
            f"--dancers with all films in one folder, {names[0]}",
            "a folder for each dancer, named as they are",
            "put films/anna/… and films/ben/… into films, and name that",
        )  # fmt: skip


def _as_json(options: FrameOptions) -> dict[str, Any]:
    return json.loads(json.dumps(dataclasses.asdict(options)))


def _pack(
    sources: Sequence[Source],
    shelf: Shelf,
    options: FrameOptions,
    path: Path,
    progress: Progress,
    dancers: bool = False,
) -> tuple[np.ndarray, list[Clip], dict[str, Any]]:
    """Pack all sources into the file `path`: the clips' backgrounds, the clips, the report."""
    used, taken, left_out = _taken(sources, shelf, progress)
    numbers = performances([one.name for one in used], [one.report["duration_s"] for one in taken])
    clips: list[Clip] = []
    start = 0
    for source, one, number in zip(used, taken, numbers, strict=True):
        for piece in one.pieces:
            clip = Clip(
                number=len(clips) + 1, name=piece.name, source=str(source.path.resolve()),
                performance=number if len(sources) > 1 else len(clips),
                start=start + piece.start, length=piece.length, source_start_s=piece.start_s,
                crop=piece.crop, dancer=source.dancer if dancers else "",
            )  # fmt: skip
            clips.append(with_beats(clip, one.beats_s, one.downbeats_s, options.fps))
        start += len(one)
    progress("frames", len(sources), len(sources))
    if start < 2:
        raise DancenetError(
            "no two frames that follow one another could be taken",
            "a film of at least two frames", "name a longer video, widen --start and --end, or raise --fps",
        )  # fmt: skip
    report = {
        "digest": join(taken, path),
        "duplicates": sum(one.report["duplicates"] for one in taken),
        "warnings": [warning for one in taken for warning in one.report["warnings"]],
        "left_out": left_out,
    }
    return np.stack([piece.background for one in taken for piece in one.pieces]), clips, report


def _taken(
    sources: Sequence[Source], shelf: Shelf, progress: Progress
) -> tuple[list[Source], list[Taken], list[dict[str, str]]]:
    """The sources that could be used, what was taken from each, and which of a folder could not, and why.

    Raises:
        DancenetError: one that was named itself cannot be used, or none can.
    """
    used: list[Source] = []
    taken: list[Taken] = []
    left_out: list[dict[str, str]] = []
    for done, source in enumerate(sources):
        try:
            taken.append(shelf.take(done, source, Part(done, len(sources), progress)))
        except UnusableError as error:
            if not source.found or (not used and done == len(sources) - 1):
                raise
            left_out.append({"path": str(source.path), "why": str(error)})
            log.warning("%s is left out: %s", source.path, error)
        else:
            used.append(source)
    return used, taken, left_out


def _fingerprint(options: FrameOptions, clips: list[Clip], digest: str, backgrounds: np.ndarray) -> str:
    content = [_as_json(options), [(clip.name, clip.start, clip.length) for clip in clips], digest]
    content.append(hashlib.sha256(np.ascontiguousarray(backgrounds).data).hexdigest())
    if any(clip.dancer for clip in clips):  # the VAE is trained otherwise
        content.append([clip.dancer for clip in clips])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _make(
    sources: list[Source],
    stamps: list[dict[str, Any]],
    shelf: Shelf,
    run: Run,
    options: FrameOptions,
    dancers: bool,
    progress: Progress,
) -> PackedFrames:
    """Pack into files named by their fingerprint; `frames.json`, which names them, makes them the run's."""
    path = run / f".frames.{os.getpid()}.part.npy"
    backgrounds, clips, report = _pack(sources, shelf, options, path, progress, dancers)
    fingerprint = _fingerprint(options, clips, report.pop("digest"), backgrounds)
    names = {"pixels": f"frames-{fingerprint}.npy", "backgrounds": f"backgrounds-{fingerprint}.npy"}
    earlier = {entry.name for entry in _arrays(run)}
    try:
        runs.flush(path)
        if (run / names["pixels"]).is_dir():  # a folder cannot take another's place
            remove(run / names["pixels"])
        path.replace(run / names["pixels"])
        with runs.replacing(run / names["backgrounds"]) as beside:
            np.save(beside, backgrounds)
        pixels = open_frames(run / names["pixels"])
        with runs.replacing(run / "frames.png") as beside:
            _sheet(pixels, clips, options.fps, beside)
            run.write(
                "frames",
                {
                    "options": options, "inputs": stamps, "fingerprint": fingerprint, "files": names,
                    "frames": len(pixels), "size": list(pixels.shape[1:]), "fps": options.fps,
                    "duration_s": len(pixels) / options.fps, **report,
                    "clips": [dataclasses.asdict(clip) for clip in clips], "dancers": dancers,
                },
            )  # fmt: skip
    except BaseException:
        _remove(run, {entry.name for entry in _arrays(run)} - earlier)
        raise
    _remove(run, {entry.name for entry in _arrays(run)} - set(names.values()))
    return load_frames(run)


def _arrays(run: Run) -> list[Path]:
    return [*run.path.glob("frames-*.npy"), *run.path.glob("backgrounds-*.npy")]


def _remove(run: Run, names: set[str]) -> None:
    for name in names:
        remove(run / name)


def _sheet(pixels: np.ndarray, clips: list[Clip], fps: float, path: Path) -> None:
    picks = np.unique(np.linspace(0, len(pixels) - 1, min(SHEET, len(pixels))).round().astype(int))
    labels = []
    for pick in picks:
        clip = next(clip for clip in clips if pick < clip.stop)
        labels.append(f"{clip.name} {(pick - clip.start) / fps:.1f} s")
    pictures.contact_sheet(pixels[picks], path, labels=labels)


def load_frames(run: Run) -> PackedFrames:
    """The frames of a run, memory-mapped read-only.

    Raises:
        DancenetError: the stage has not run, or its files are missing or damaged.
    """
    content = run.read("frames")
    try:
        options = FrameOptions(**content["options"])
        clips = tuple(Clip(**clip) for clip in content["clips"])
        pixels = open_frames(run / content["files"]["pixels"])
        backgrounds = np.load(run / content["files"]["backgrounds"], mmap_mode="r", allow_pickle=False)
        expected = (content["frames"], *content["size"])
        if pixels.shape != expected or backgrounds.shape != (len(clips), *expected[1:]):
            raise ValueError(f"{pixels.shape} in place of {expected}")
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise DancenetError(
            f"the frames of {run.path} are missing or damaged ({error})", "the files that frames.json names",
            f"make them again: dancenet frames VIDEO --run {run.path} --fresh",
        ) from error  # fmt: skip
    return PackedFrames(pixels, backgrounds, clips, float(content["fps"]), options, content["fingerprint"])


def frames_like(inputs: Path | Sequence[Path | str], options: FrameOptions) -> PackedFrames:
    """Any other video through the same options, for example an unseen take; nothing is written to a run.

    The frames lie in a temporary file that goes when the result does.

    Raises:
        DancenetError: unusable input.
    """
    sources = find_sources([inputs] if isinstance(inputs, str | Path) else inputs)
    folder = Path(tempfile.mkdtemp(prefix="dancenet-"))
    try:
        with runs.disk_errors(folder):
            shelf = Shelf(folder / TAKEN, options, [source.stamp() for source in sources])
            path = folder / "frames.npy"
            backgrounds, clips, report = _pack(sources, shelf, options, path, silent)
            pixels = open_frames(path)
            shelf.clear()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(pixels, shutil.rmtree, folder, ignore_errors=True)
    fingerprint = _fingerprint(options, clips, report["digest"], backgrounds)
    return PackedFrames(pixels, backgrounds, tuple(clips), options.fps, options, fingerprint)
