"""What has been taken from each source while an extraction is under way: a kill costs one source at most.

Shape letters: N frames, H height, W width, C channels.
"""

import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from dancenet import runs
from dancenet.config import FrameOptions
from dancenet.errors import DancenetError
from dancenet.footage.array_writer import Writer
from dancenet.footage.film_music import beats_of_film
from dancenet.footage.inputs import Source
from dancenet.footage.packing import Part, Piece, pack_source
from dancenet.footage.pools import lost_workers
from dancenet.footage.shards import store
from dancenet.runs import Progress, silent

log = logging.getLogger(__name__)


class UnusableError(DancenetError):
    """A source that cannot be read; others may."""


@dataclasses.dataclass(frozen=True)
class Taken:
    """The frames of one source, in a file.

    Attributes:
        pixels: .npy of uint8 (N, H, W, C).
        pieces: its clips; their starts count from the source's own first frame.
        report: `digest` of the pixels, `duplicates`, `warnings`, `duration_s` (of it all, and of a frame).
        beats_s, downbeats_s: of its sound, where it was listened to.
    """

    pixels: Path
    pieces: list[Piece]
    report: dict[str, Any]
    beats_s: np.ndarray
    downbeats_s: np.ndarray

    def __len__(self) -> int:
        return sum(piece.length for piece in self.pieces)


class Shelf:
    """A folder for what has been taken so far.

    Args:
        folder: where; it is this shelf's alone.
        options: how frames are taken.
        stamps: of all sources (`Source.stamp`). What other options or sources have left there is removed.
        hears: whether the sources' sound is listened to.
    """

    def __init__(
        self, folder: Path, options: FrameOptions, stamps: Sequence[dict[str, Any]], *, hears: bool = False
    ):
        self.folder, self.options, self.hears = folder, options, hears
        self._keys = [_key(options, stamp) for stamp in stamps]
        folder.mkdir(parents=True, exist_ok=True)
        for entry in folder.iterdir():
            if entry.name.split(".")[0] not in self._keys:
                entry.unlink()

    def take(self, number: int, source: Source, part: Part) -> Taken:
        """Frames of the source with that number, from an earlier time where they are there.

        Raises:
            UnusableError: the source cannot be read.
        """
        place = self.folder / self._keys[number]
        put(place, source, self.options, self.hears, part)
        content = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        if "unusable" in content:
            raise UnusableError(*content["unusable"])
        for warning in content["report"]["warnings"]:
            log.warning("%s", warning)
        backgrounds = np.load(place.with_suffix(".backgrounds.npy"))
        pieces = [
            Piece(**piece, background=background)
            for piece, background in zip(content["pieces"], backgrounds, strict=True)
        ]
        heard = (np.array(times_s) for times_s in content["heard"])
        return Taken(place.with_suffix(".npy"), pieces, content["report"], *heard)

    def take_in(self, pool: Executor, sources: Sequence[Source], progress: Progress) -> None:
        """Have all sources taken by the processes of a pool, in any order.

        Raises:
            ProcessDiedError: one of them was ended from outside.
        """
        todo = [  # names that also hold where a process works in another folder
            pool.submit(put, (self.folder / key).absolute(), source.absolute(), self.options, self.hears)
            for key, source in zip(self._keys, sources, strict=True)
        ]
        gone: tuple[type[Exception], ...] = (BrokenExecutor, *lost_workers())
        try:
            for done, future in enumerate(as_completed(todo)):
                future.result()
                progress("taking films", done + 1, len(todo))
        except gone as error:
            raise ProcessDiedError(
                f"a process that took frames has ended ({error})", "all of them until the end",
                "run the same command again: films that are done stay (fewer --workers take less memory)",
            ) from error  # fmt: skip
        finally:
            for future in todo:
                future.cancel()

    def clear(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class ProcessDiedError(DancenetError):
    """What has been taken is kept."""


def put(place: Path, source: Source, options: FrameOptions, hears: bool, part: Part | None = None) -> None:
    """Take a source, in this process: arrays beside `place` and last the notes, unless they are there."""
    notes, part = place.with_suffix(".json"), part or Part(0, 1, silent)
    if notes.is_file():
        return
    shape = options.height, options.width, 1 if options.gray else 3
    try:
        with runs.replacing(place.with_suffix(".npy")) as beside, Writer(beside, *shape) as writer:
            pieces = list(_pieces(source, options, place.parent, writer, part))
    except UnusableError as error:
        runs.write_json(notes, {"unusable": [error.received, error.expected, error.mend]})
        return
    with runs.replacing(place.with_suffix(".backgrounds.npy")) as beside, open(beside, "wb") as file:
        np.save(file, [piece.background for piece in pieces])
    described = [dict(vars(piece)) for piece in pieces]
    for piece in described:
        del piece["background"]
    report = {
        "digest": writer.digest(), "duplicates": part.duplicates, "warnings": part.warnings,
        "duration_s": source.duration_s(options.fps),
    }  # fmt: skip
    heard = beats_of_film(source.path) if hears else ([], [])
    runs.write_json(notes, {"pieces": described, "report": report, "heard": heard})


def _pieces(source: Source, *how: Any) -> Iterator[Piece]:
    """`pack_source`; what is wrong with the source, not with the disk, told apart."""
    try:
        yield from pack_source(source, *how)
    except DancenetError as error:
        raise UnusableError(error.received, error.expected, error.mend) from error


def _key(options: FrameOptions, stamp: dict[str, Any]) -> str:
    content = json.dumps([dataclasses.asdict(options), stamp], default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def join(taken: Sequence[Taken], path: Path) -> str:
    """All frames at `path`, in order, as `shards.store` says; returns a hash of all pixels."""
    store([one.pixels for one in taken], path)
    digests = "".join(one.report["digest"] for one in taken)
    return hashlib.sha256(digests.encode()).hexdigest()
