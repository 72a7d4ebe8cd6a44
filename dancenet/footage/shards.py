"""Frames in one .npy, or of many films in a folder of them: read as one array, of which nothing is loaded.

Shape letters: N frames, H height, W width, C channels.
"""

import bisect
import contextlib
import functools
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.footage.mapped import read_rows

#: More than so many bytes of several films stay in a file for each film.
SHARDED_BYTES = 2 << 30
#: So many files are kept mapped.
MAPPED = 512


class Shards:
    """What reads like a uint8 array (N, H, W, C): by a number, a slice, or an array of numbers.

    Args:
        files: .npy of uint8 (n, H, W, C), in order; none empty.
    """

    dtype, ndim = np.dtype("uint8"), 4

    def __init__(self, files: Sequence[Path]):
        self._open = functools.lru_cache(MAPPED)(
            lambda number: np.load(files[number], mmap_mode="r", allow_pickle=False)
        )
        shapes = [_shape_of(file) for file in files]
        if len({shape[1:] for shape in shapes}) != 1 or len(shapes[0]) != self.ndim:
            raise ValueError(f"frames of several sizes: {sorted(set(shapes))[:3]}")
        self._stops = list(itertools.accumulate(shape[0] for shape in shapes))
        self.shape = (self._stops[-1], *shapes[0][1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        """Frames as a copy; one of them by a number, as a view."""
        if isinstance(index, int | np.integer):
            if not -len(self) <= index < len(self):
                raise IndexError(f"frame {index} of {len(self)}")
            number, place = self._place(int(index) % len(self))
            return self._open(number)[place]
        wanted = np.arange(len(self))[index] if not isinstance(index, slice) else np.arange(
            *index.indices(len(self))
        )  # fmt: skip
        found = np.empty((*wanted.shape, *self.shape[1:]), "uint8")
        numbers = np.searchsorted(self._stops, wanted, side="right")
        for number in np.unique(numbers):
            here = numbers == number
            found[here] = read_rows(self._open(int(number)), wanted[here] - self._start(int(number)))
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or "uint8", copy=False)

    def _start(self, number: int) -> int:
        return self._stops[number - 1] if number else 0

    def _place(self, frame: int) -> tuple[int, int]:
        """The file that holds a frame, and its place there."""
        number = bisect.bisect_right(self._stops, frame)
        return number, frame - self._start(number)


def _shape_of(file: Path) -> tuple[int, ...]:
    """The shape of an array in a file, by its header alone."""
    with open(file, "rb") as opened:
        np.lib.format.read_magic(opened)
        return np.lib.format.read_array_header_1_0(opened)[0]


def open_frames(path: Path) -> Any:
    """Frames as `store` has left them, memory-mapped read-only.

    Raises:
        OSError, ValueError: they are missing or damaged.
    """
    if not path.is_dir():
        return np.load(path, mmap_mode="r", allow_pickle=False)
    files = sorted(path.glob("*.npy"))
    if not files:
        raise ValueError(f"{path} is empty")
    return Shards(files)


def store(files: Sequence[Path], path: Path) -> None:
    """Bring frames of films (.npy each) to `path`: of one film as they are, else in one file or a folder."""
    if len(files) == 1:
        files[0].replace(path)
        return
    filled = [file for file in files if _shape_of(file)[0]]
    shapes = [_shape_of(file) for file in filled]
    whole = (sum(shape[0] for shape in shapes), *shapes[0][1:])
    if np.prod(whole, dtype=np.int64) > SHARDED_BYTES:
        path.mkdir()
        for number, file in enumerate(filled):
            # the film stays where it was, too: what is interrupted here is not read again
            target = path / f"{number:07d}.npy"
            try:
                os.link(file, target)
            except OSError:  # no such links on this disk
                file.replace(target)
        return
    joined = np.lib.format.open_memmap(path, "w+", np.uint8, whole)
    start = 0
    for file, shape in zip(filled, shapes, strict=True):
        joined[start : start + shape[0]] = np.load(file, mmap_mode="r", allow_pickle=False)
        start += shape[0]
    joined.flush()


def remove(path: Path) -> None:
    """Take frames away, whatever form they have."""
    with contextlib.suppress(PermissionError):  # still open somewhere: the next extraction removes it
        if path.is_dir():
            for file in path.iterdir():
                file.unlink(missing_ok=True)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
