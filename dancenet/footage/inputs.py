"""From what a user names to clips that can be read: videos, folders of videos, folders of numbered images."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dancenet import video
from dancenet.config import DEFAULT_IMAGES
from dancenet.errors import DancenetError
from dancenet.media import pictures

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".gif", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts",
    ".m2ts", ".ogv", ".3gp",
))  # fmt: skip
IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"))


@dataclass(frozen=True)
class Source:
    """One video, or one series of images whose pictures follow one another at the frame rate.

    Attributes:
        name: unique among the inputs; the file's stem or the folder's name.
        path: the video, or the folder of the images.
        images: the images in natural order; empty for a video.
        found: in a folder that was named, not named itself: it may be left out where it cannot be used.
    """

    name: str
    path: Path
    images: tuple[Path, ...] = ()
    found: bool = False

    def native(
        self, fps: float, warn: Callable[[str], None] = log.warning
    ) -> Iterator[tuple[float, float, np.ndarray]]:
        """Every frame as (time_s, duration_s, uint8 RGB (H, W, 3)); images stand 1 / fps apart.

        `warn` is called with one line where a video breaks off.

        Raises:
            DancenetError: unreadable video or image, or images of mixed size.
        """
        if not self.images:
            yield from video.read_native(self.path, warn)
            return
        first_shape = None
        for number, path in enumerate(self.images):
            picture = pictures.read_image(path)
            first_shape = first_shape or picture.shape
            if picture.shape != first_shape:
                raise DancenetError(
                    f"{path} has {picture.shape[1]}x{picture.shape[0]} pixels",
                    f"{first_shape[1]}x{first_shape[0]} like {self.images[0].name}",
                    "give all images of a folder one size",
                )
            yield number / fps, 1 / fps, picture

    def duration_s(self, fps: float) -> tuple[float, float]:
        """(seconds, seconds of one frame) of the whole source, whatever part of it is taken."""
        if self.images:
            return len(self.images) / fps, 1 / fps
        info = video.probe(self.path)
        return info.duration_s, 1 / info.fps

    def absolute(self) -> "Source":
        """The same by names that hold in any folder."""
        images = tuple(path.absolute() for path in self.images)
        return replace(self, path=self.path.absolute(), images=images)

    @property
    def dancer(self) -> str:
        """Who dances, where every dancer has a folder: the name of the one that the source lies in."""
        return self.path.resolve().parent.name

    def stamp(self) -> dict[str, Any]:
        """What tells whether the source has changed: path, bytes, newest time of writing, number of files."""
        files = [path.stat() for path in self.images or (self.path,)]
        return {
            "name": self.name,
            "path": str(self.path.resolve()),
            "size": sum(file.st_size for file in files),
            "mtime_ns": max(file.st_mtime_ns for file in files),
            "files": len(files),
        }


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key under which 2.jpg stands before 10.jpg."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def find_sources(inputs: Sequence[Path | str]) -> list[Source]:
    """The clips behind the named files and folders, in order.

    Args:
        inputs: videos, folders of videos, folders of numbered images, folders of such folders, image
            files, in any mix; none: `data/imgs/`.

    Raises:
        DancenetError: a name that does not exist, or a folder without any of these.
    """
    named = [Path(path) for path in inputs]
    found: list[Source] = []
    loose: list[Path] = []
    for path in named or [DEFAULT_IMAGES]:
        if path.is_dir():
            below = _in_folder(path)
            if not below:
                raise _nothing(path, default=not named)
            found += [replace(source, found=source.path != path) for source in below]
        elif path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            loose.append(path)
        elif path.exists():
            found.append(Source(path.stem, path))
        elif not named:
            raise _nothing(path, default=True)
        else:
            raise DancenetError(
                f"there is no file or folder {path}", "a video or a folder of images", "check the name"
            )
    if loose:
        loose.sort(key=natural)
        found.append(Source(loose[0].resolve().parent.name, loose[0].parent, tuple(loose)))
    return _distinct(found)


def _nothing(path: Path, default: bool) -> DancenetError:
    if default:
        return DancenetError(
            f"no input is named and {path}/ holds no images", "a video, or images 1.jpg, 2.jpg ... in it",
            "name one: dancenet frames VIDEO --run DIR",
        )  # fmt: skip
    return DancenetError(
        f"the folder {path} holds no video and no image",
        "videos (mp4, mov, mkv, avi, webm, gif ...) or numbered images (1.jpg, 2.jpg ...)",
        "name another folder",
    )


def _in_folder(folder: Path) -> list[Source]:
    """Images of a folder as one clip, its videos one by one, then the same for its sub-folders."""
    entries = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural)
    images = tuple(path for path in entries if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES)
    found = [Source(folder.resolve().name, folder, images)] if images else []
    found += [
        Source(path.stem, path)
        for path in entries
        if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES
    ]
    for path in entries:
        if path.is_dir():
            found += _in_folder(path)
    return found


def _distinct(sources: list[Source]) -> list[Source]:
    """Each source once, under a name of its own (`stem`, `stem-2` ...)."""
    seen: set[tuple[Path, tuple[Path, ...]]] = set()
    names: set[str] = set()
    kept, again = [], []
    for source in sources:
        key = (source.path.resolve(), source.images)
        if key in seen:
            again.append(source.path)
            continue
        seen.add(key)
        name, number = source.name, 2
        while name in names:
            name, number = f"{source.name}-{number}", number + 1
        names.add(name)
        kept.append(replace(source, name=name))
    if again:
        more = f" and {len(again) - 1} more" if again[1:] else ""
        log.warning("%s%s: named twice and taken once", again[0], more)
    return kept


_CAMERA = re.compile(r"(?:(?<=[_\-. ])|^)(?:c|cam|camera)[_\-]?(?:\d{1,2}|all)(?=[_\-. ]|$)", re.IGNORECASE)


def performances(names: Sequence[str], durations_s: Sequence[tuple[float, float]]) -> list[int]:
    """Number the performances that sources belong to, so that no performance is both learned and validated.

    Sources are one performance where their names are equal up to a camera tag (`_c01_`, `-cam2`) or where
    their lengths agree within one frame (two cameras, or two partners recorded together), unless that
    length is shared by more than two and by more than a quarter of all: then it is a standard length.

    Args:
        names: of the sources.
        durations_s: (seconds, seconds of one frame) of each.

    Returns:
        For each source the 0-based number of its performance.
    """
    group = list(range(len(names)))

    def join(members: list[int]) -> None:
        """Make one group of all groups that these belong to."""
        numbers = {group[member] for member in members}
        for index, number in enumerate(group):
            if number in numbers:
                group[index] = min(numbers)

    by_tag: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        by_tag.setdefault(_CAMERA.sub("@", name) if _CAMERA.search(name) else f"={index}", []).append(index)
    for members in by_tag.values():
        join(members)
    for members in _equal_lengths(durations_s):
        if len(members) <= 2 or len(members) <= len(names) / 4:
            join(members)
    order = {number: place for place, number in enumerate(dict.fromkeys(group))}
    return [order[number] for number in group]


def _equal_lengths(durations_s: Sequence[tuple[float, float]]) -> list[list[int]]:
    """Indices of sources whose lengths lie within one frame of the shortest of them."""
    clusters: list[list[int]] = []
    for index in sorted(range(len(durations_s)), key=lambda index: durations_s[index][0]):
        seconds, frame_s = durations_s[index]
        if seconds > 0 and clusters:
            first_s, first_frame_s = durations_s[clusters[-1][0]]
            if seconds - first_s <= max(frame_s, first_frame_s) * 1.01:
                clusters[-1].append(index)
                continue
        clusters.append([index])
    return clusters
