"""What has been taken from each source while an extraction is under way: a kill costs one source at most.

Shape letters: N frames, H height, W width, C channels.
"""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dancenet import runs
from dancenet.array_writer import Writer
from dancenet.config import FrameOptions
from dancenet.inputs import Source
from dancenet.packing import Part, Piece, pack_source


@dataclasses.dataclass(frozen=True)
class Taken:
    """The frames of one source, in a file.

    Attributes:
        pixels: .npy of uint8 (N, H, W, C).
        pieces: its clips; their starts count from the source's own first frame.
        report: `digest` of the pixels, `duplicates`, `warnings`.
    """

    pixels: Path
    pieces: list[Piece]
    report: dict[str, Any]

    def __len__(self) -> int:
        return sum(piece.length for piece in self.pieces)


class Shelf:
    """A folder for what has been taken so far.

    Args:
        folder: where; it is this shelf's alone.
        options: how frames are taken.
        stamps: of all sources (`Source.stamp`). What other options or sources have left there is removed.
    """

    def __init__(self, folder: Path, options: FrameOptions, stamps: Sequence[dict[str, Any]]):
        self.folder, self.options = folder, options
        self._keys = [_key(options, stamp) for stamp in stamps]
        folder.mkdir(parents=True, exist_ok=True)
        for entry in folder.iterdir():
            if entry.name.split(".")[0] not in self._keys:
                entry.unlink()

    def take(self, number: int, source: Source, part: Part) -> Taken:
        """Frames of the source with that number, from an earlier time where they are there.

        Raises:
            DancenetError: the source cannot be read.
        """
        key = self._keys[number]
        pixels, notes = self.folder / f"{key}.npy", self.folder / f"{key}.json"
        if not notes.is_file():
            runs.write_json(notes, self._pack(source, pixels, part))
        content = json.loads(notes.read_text(encoding="utf-8"))
        backgrounds = np.load(self.folder / f"{key}.backgrounds.npy")
        pieces = [
            Piece(**piece, background=background)
            for piece, background in zip(content["pieces"], backgrounds, strict=True)
        ]
        return Taken(pixels, pieces, content["report"])

    def _pack(self, source: Source, pixels: Path, part: Part) -> dict[str, Any]:
        """Write the source's arrays; returns the notes that go beside them."""
        options = self.options
        shape = options.height, options.width, 1 if options.gray else 3
        with runs.replacing(pixels) as beside, Writer(beside, *shape) as writer:
            pieces = list(pack_source(source, options, self.folder, writer, part))
        with runs.replacing(pixels.with_suffix(".backgrounds.npy")) as beside, open(beside, "wb") as file:
            np.save(file, [piece.background for piece in pieces])
        notes = [dict(vars(piece)) for piece in pieces]
        for note in notes:
            del note["background"]
        report = {"digest": writer.digest(), "duplicates": part.duplicates, "warnings": part.warnings}
        return {"pieces": notes, "report": report}

    def clear(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _key(options: FrameOptions, stamp: dict[str, Any]) -> str:
    content = json.dumps([dataclasses.asdict(options), stamp], default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def join(taken: Sequence[Taken], path: Path) -> str:
    """All frames in one .npy at `path`, in order; a single source's file is moved there.

    Returns:
        a hash of all pixels.
    """
    if len(taken) == 1:
        taken[0].pixels.replace(path)
    else:
        shape = np.load(taken[0].pixels, mmap_mode="r").shape[1:]
        whole = np.lib.format.open_memmap(path, "w+", np.uint8, (sum(map(len, taken)), *shape))
        start = 0
        for one in taken:
            whole[start : start + len(one)] = np.load(one.pixels, mmap_mode="r")
            start += len(one)
        whole.flush()
    digests = "".join(one.report["digest"] for one in taken)
    return hashlib.sha256(digests.encode()).hexdigest()
