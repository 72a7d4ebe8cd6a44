"""Arrays of frames on disk, written as they come."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np


class Writer:
    """Appends uint8 (H, W, C) frames to an .npy file of a length not known before.

    NumPy leaves room in the header for any length, so the header is written again at the end.
    """

    def __init__(self, path: Path, height: int, width: int, channels: int):
        self.path, self.shape, self.count = path, (height, width, channels), 0
        self._hash = hashlib.blake2b(digest_size=16)

    def __enter__(self) -> "Writer":
        self._file = open(self.path, "w+b")
        self._header()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None:
                self._file.seek(0)
                self._header()
        finally:
            self._file.close()
            if kind is not None:
                self.path.unlink(missing_ok=True)

    def _header(self) -> None:
        shape = (self.count, *self.shape)
        np.lib.format.write_array_header_1_0(
            self._file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, (H, W, C) uint8."""
        data = np.ascontiguousarray(frame, np.uint8).reshape(self.shape).tobytes()
        self._file.write(data)
        self._hash.update(data)
        self.count += 1

    def tail(self, start: int) -> np.ndarray:
        """Frames from `start` on as written so far, (T, H, W, C), a read-only memory map."""
        self._file.flush()
        offset = self._offset() + start * int(np.prod(self.shape))
        return np.memmap(self.path, np.uint8, "r", offset, (self.count - start, *self.shape))

    def _offset(self) -> int:
        return self._file.tell() - self.count * int(np.prod(self.shape))

    def digest(self) -> str:
        """Hash of all pixels written."""
        return self._hash.hexdigest()
