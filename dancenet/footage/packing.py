"""One source into packed frames: working copy, cuts, the dancer's place, fitted pictures appended to a file.

A source is read once at its own rate into a small working copy on disk, in which cuts, background and the
dancer's place are found; to follow the dancer at full sharpness it is read a second time.
"""

import itertools
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dancenet import video
from dancenet.config import FrameOptions
from dancenet.footage.array_writer import Writer
from dancenet.footage.background import border_colour, clean_background, sample
from dancenet.footage.camera import held, scaled, shake
from dancenet.footage.cuts import CutFinder
from dancenet.footage.foreground import (
    CROWD,
    Foreground,
    Window,
    boxes,
    follow_window,
    several_people,
    silhouette,
)
from dancenet.footage.framing import WORKING_SIDE, cut_window, fit_whole, resize, working_size
from dancenet.footage.inputs import Source
from dancenet.runs import Progress

log = logging.getLogger(__name__)

#: A film that is held still is so within this share of its width.
SLACK = 1 / 200


@dataclass
class Part:
    """What is noticed about one source, and where its progress is shown.

    Attributes:
        done, total: sources packed before this one, and in all.
        progress: see `runs.Progress`.
        warnings: one line each.
        duplicates: frames of the source that repeat the one before.
    """

    done: int
    total: int
    progress: Progress
    warnings: list[str] = field(default_factory=list)
    duplicates: int = 0

    def warn(self, text: str) -> None:
        """Keep a warning for `frames.json`; whoever takes the source tells it."""
        self.warnings.append(text)


@dataclass
class Piece:
    """One clip as packed: frames [start, start + length) of the writer, and their background (H, W, C)."""

    name: str
    start: int
    length: int
    start_s: float
    background: np.ndarray
    crop: dict[str, Any] | None


@dataclass
class _Copy:
    """A source's working copy: pictures (T, h, w, 3), their times and the clips [low, high) among them."""

    pictures: np.ndarray
    times_s: list[float]
    spans: list[tuple[int, int]]


def pack_source(
    source: Source, options: FrameOptions, folder: Path, writer: Writer, part: Part
) -> Iterator[Piece]:
    """Append all frames of a source, yielding one `Piece` per clip.

    Args:
        source: where from.
        options: size, rate, fit ...
        folder: for the working copy, which is removed again.
        writer: where to.
        part: collects warnings, shows progress.

    Raises:
        DancenetError: the source cannot be read.
    """
    path = folder / f".working.{os.getpid()}.part.raw"
    try:
        copy = _working_copy(source, options, path, part)
        if not copy.spans:
            part.warn(f"{source.path} has fewer than two frames between --start and --end and is left out")
            return
        full = None
        if options.fit == "follow" and not options.silhouette:
            full = enumerate(_taken(_native(source, options, _ignore), options))
        for number, (low, high) in enumerate(copy.spans):
            name = source.name if number == 0 else f"{source.name}#{number + 1}"
            start = writer.count
            crop = _pack_clip(name, copy.pictures[low:high], low, full, options, writer, part)
            room = clean_background(writer.tail(start))
            yield Piece(name, start, high - low, copy.times_s[low], room, crop)
        del copy  # let go of the file before it is removed
    finally:
        path.unlink(missing_ok=True)


def _ignore(text: str) -> None:
    """A warning that has been given before."""


def _native(source: Source, options: FrameOptions, warn: Any) -> Iterator[tuple[float, float, np.ndarray]]:
    """Frames of the source up to the wanted end, all of one size."""
    shape = None
    for time_s, duration_s, picture in source.native(options.fps, warn):
        if options.end is not None and time_s >= options.end:
            return
        shape = shape or picture.shape
        yield time_s, duration_s, resize(picture, shape[1], shape[0])


def _taken(frames: Iterator[tuple[float, float, Any]], options: FrameOptions) -> Iterator[Any]:
    """What is shown at the times of the options."""
    for _, picture in video.resample(frames, options.fps, options.start, options.end):
        yield picture


class _Watch:
    """Looks at a source's frames on their way: cuts, repeats, rate."""

    def __init__(self) -> None:
        self.finder, self.count, self.exact = CutFinder(), 0, 0
        self._previous: np.ndarray | None = None
        self._span_s = [0.0, 0.0]

    def over(
        self, frames: Iterator[tuple[float, float, np.ndarray]], start_s: float
    ) -> Iterator[tuple[float, float, tuple[int, float, np.ndarray]]]:
        """The same frames, each with its number from the start on (-1 before) and its time."""
        for time_s, duration_s, picture in frames:
            if time_s >= start_s - video.STAMP_SLACK_S:
                if self._previous is not None and np.array_equal(self._previous, picture):
                    self.exact += 1
                self._previous = picture
                self._span_s = [self._span_s[0] if self.count else time_s, time_s]
                self.finder.add(picture)
                self.count += 1
            yield time_s, duration_s, (self.count - 1, time_s, picture)

    def fps(self) -> float:
        """Mean rate of the source."""
        span_s = self._span_s[1] - self._span_s[0]
        return (self.count - 1) / span_s if span_s > 0 else 0.0


def _working_copy(source: Source, options: FrameOptions, path: Path, part: Part) -> _Copy:
    """Read the source once: resampled and scaled pictures to `path`, cuts and repeats on the way."""
    watch, size = _Watch(), None
    times_s: list[float] = []
    numbers: list[int] = []
    whole_s = options.end or source.duration_s(options.fps)[0]
    native = watch.over(_native(source, options, part.warn), options.start)
    with open(path, "wb") as file:
        for number, time_s, picture in _taken(native, options):
            size = size or working_size(picture.shape[1], picture.shape[0], options)
            file.write(resize(picture, *size).tobytes())
            times_s.append(options.start + len(times_s) / options.fps)
            numbers.append(number)
            if len(numbers) % 64 == 1:
                done = part.done + min(time_s / whole_s, 1.0) if whole_s else part.done
                part.progress(f"reading {source.path.name}", done, part.total)
    if size is None:
        return _Copy(np.zeros((0, 2, 2, 3), np.uint8), [], [])
    _report(watch, source, options, part)
    pictures = np.memmap(path, np.uint8, "r+", 0, (len(times_s), size[1], size[0], 3))
    edges = np.searchsorted(numbers, [-1, *watch.finder.cuts(), watch.count + 1]).tolist()
    spans = [(low, high) for low, high in itertools.pairwise(edges) if high - low >= 2]
    return _Copy(pictures, times_s, spans)


def _report(watch: _Watch, source: Source, options: FrameOptions, part: Part) -> None:
    """Say what a user should know about how a source was filmed."""
    part.duplicates = max(watch.exact, watch.finder.repeats())
    if part.duplicates:
        share = part.duplicates / max(watch.count - 1, 1)
        hint = ""
        if share > 0.2 and watch.fps():
            hint = f": its real rate is near {watch.fps() * (1 - share):.3g} frames per second (--fps)"
        part.warn(f"{source.path}: {part.duplicates} of {watch.count} frames repeat the one before{hint}")
    if not source.images and 0 < watch.fps() < 0.9 * options.fps:
        part.warn(
            f"{source.path} has {watch.fps():.3g} frames per second, fewer than --fps {options.fps:g}: "
            "frames are repeated"
        )
    cuts = len(watch.finder.cuts())
    if cuts:
        log.info("%s has %d cuts", source.path, cuts)


def _small(frames: np.ndarray) -> np.ndarray:
    """A sample of a clip at a size at which figures are told apart."""
    ratio = min(1.0, WORKING_SIDE / max(frames.shape[1:3]))
    size = round(frames.shape[2] * ratio), round(frames.shape[1] * ratio)
    return np.stack([resize(frame, *size) for frame in sample(frames)])


def _pack_clip(
    name: str,
    pictures: np.ndarray,
    low: int,
    full: Iterator[tuple[int, np.ndarray]] | None,
    options: FrameOptions,
    writer: Writer,
    part: Part,
) -> dict[str, Any] | None:
    """Append one clip.

    Args:
        name: the clip's.
        pictures: (T, h, w, 3) of the working copy; held still in place.
        low: number of the first of them in the source.
        full: the numbered pictures of the source at full size, where they are needed.
        options, writer, part: see `pack_source`.

    Returns:
        Description of the follow window, or None.
    """
    moves = _held_still(name, pictures, part) if options.camera == "steady" else None
    some = _small(pictures)
    few = Foreground(some)
    crowd = several_people(few, some)
    if crowd > CROWD:
        part.warn(
            f"{name} seems to show several people (in {crowd:.0%} of its frames): the result will mix them; "
            "expected one dancer · crop the video to one"
        )
    colour = np.full(3, 255, np.uint8) if options.silhouette else border_colour(few.background)
    dancer = window = None
    if options.silhouette or options.fit == "follow":
        slack = 0 if moves is None else max(1, round(pictures.shape[2] * SLACK))
        dancer = Foreground(pictures, options.foreground, slack)
        window = _window(dancer, pictures, name, options, part) if options.fit == "follow" else None
    seen = not options.silhouette
    for index, picture in enumerate(pictures):
        if options.silhouette and dancer is not None:
            mask = dancer.mask(picture)
            seen = seen or bool(mask.any())
            picture = silhouette(mask)
        elif full is not None:
            picture = next(sharp for number, sharp in full if number == low + index)
            if moves is not None:
                picture = held(picture, scaled(moves[index], picture.shape[1] / pictures.shape[2]))
        if window is None:
            frame = fit_whole(picture, options, colour)
        else:
            frame = cut_window(picture, window.centres[index], (window.width, window.height), options, colour)
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) if options.gray else frame)
    if not seen:
        part.warn(
            f"no dancer is seen to move in {name}: its silhouettes are empty; expected a dancer who differs "
            "from the wall · try --foreground knn, or leave --silhouette out"
        )
    return None if window is None else window.summary()


def _held_still(name: str, pictures: np.ndarray, part: Part) -> np.ndarray | None:
    """Move the pictures of one clip back onto one, in their place; how, or None where the camera stands."""
    part.progress(f"looking whether the camera of {name} shakes", part.done, part.total)
    moves = shake(pictures)
    if moves is None:
        return None
    for picture, move in zip(pictures, moves, strict=True):
        picture[...] = held(picture, move)
    part.warn(f"{name}: the camera shakes, and is held still · --camera filmed leaves it as it is")
    return moves


def _window(dancer: Foreground, pictures: np.ndarray, name: str, options: FrameOptions, part: Part) -> Window:
    size = pictures.shape[2], pictures.shape[1]
    found = boxes(dancer, pictures)
    if np.isnan(found).all():
        part.warn(f"no dancer is seen to move in {name}: the whole picture is taken in place of --fit follow")
    return follow_window(found, size, options.width / options.height, options.fps)
