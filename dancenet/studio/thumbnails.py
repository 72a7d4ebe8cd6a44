"""Thumbnails of a film's frames, many to a sheet, made when they are first asked for.

Shape letters: B frames, H height, W width, C channels.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from dancenet.errors import DancenetError
from dancenet.footage.clips import PackedFrames
from dancenet.footage.framing import resize
from dancenet.studio.jpeg import as_jpeg

#: The longest side of a thumbnail, pixels; a sheet holds so many by so many.
THUMB, ACROSS = 56, 32
#: So many sheets stay in memory, and so good are they, of 100.
KEPT, QUALITY = 64, 80


class Thumbnails:
    """All thumbnails of a film.

    Sheet r holds the frames r, r + `sheets`, r + 2 `sheets` ... in reading order: the first sheet alone shows
    the whole film, each further one the same more densely.

    Args:
        packed: the film.
        pictures: frames by number (B,) → (B, H, W, C) uint8.
    """

    def __init__(self, packed: PackedFrames, pictures: Callable[[np.ndarray], np.ndarray]):
        self._packed, self._pictures = packed, pictures
        self._lock = threading.Lock()
        self._made: OrderedDict[int, bytes] = OrderedDict()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of one in pixels."""
        height, width = self._packed.height, self._packed.width
        ratio = min(1.0, THUMB / max(height, width))
        return max(1, round(height * ratio)), max(1, round(width * ratio))

    @property
    def sheets(self) -> int:
        """How many sheets hold all frames."""
        return -(-len(self._packed) // ACROSS**2)

    def sheet(self, number: int) -> bytes:
        """A sheet as JPEG.

        Raises:
            DancenetError: there is none of that number.
        """
        if not 0 <= number < self.sheets:
            raise DancenetError(f"sheet {number}", f"0 to {self.sheets - 1}")
        with self._lock:  # one at a time: the dance goes on meanwhile
            if number not in self._made:
                self._made[number] = self._drawn(number)
            self._made.move_to_end(number)
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
            return self._made[number]

    def _drawn(self, number: int) -> bytes:
        frames = np.arange(number, len(self._packed), self.sheets)
        height, width = self.size
        rows = -(-len(frames) // ACROSS)
        sheet = np.zeros((rows * height, ACROSS * width, self._packed.channels), np.uint8)
        for start in range(0, len(frames), ACROSS):
            top = start // ACROSS * height
            for column, picture in enumerate(self._pictures(frames[start : start + ACROSS])):
                small = resize(np.ascontiguousarray(picture), width, height)
                sheet[top : top + height, column * width : (column + 1) * width] = small
        return as_jpeg(sheet, QUALITY)
