"""What a window sends up: limited in size, and decoded in a process of its own that may die.

Shape letters: H height, W width.
"""

from collections.abc import AsyncIterable

import numpy as np

from dancenet.errors import DancenetError
from dancenet.studio.apart import DiedError, run_apart

#: An image file has so many bytes at most, and an image so many pixels.
IMAGE_BYTES, IMAGE_PIXELS = 12_000_000, 40_000_000
#: Decoding one takes no longer, seconds.
IMAGE_S = 20.0
#: Before its pixels an image tells its height and width: two little-endian numbers of so many bytes.
SIZE_BYTES = 4


async def read_limited(parts: AsyncIterable[bytes], most: int, what: str) -> bytes:
    """The whole of what is sent; no more of it is read than may be.

    Args:
        parts: as they arrive.
        most: bytes.
        what: "the image", for the error.

    Raises:
        DancenetError: it is longer, or nothing.
    """
    held = bytearray()
    async for part in parts:
        held += part
        if len(held) > most:
            raise DancenetError(
                f"{what} has more than {most / 1e6:g} MB", f"{most / 1e6:g} MB at most", "make it smaller"
            )
    if not held:
        raise DancenetError(f"{what} is empty", "a file")
    return bytes(held)


def decoded_image(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a JPEG, PNG or WebP, turned as its camera noted; large ones are made smaller.

    Raises:
        DancenetError: it is none, damaged, or too large.
    """
    limits = {"OPENCV_IO_MAX_IMAGE_PIXELS": str(IMAGE_PIXELS)}
    try:
        made = run_apart("dancenet.studio.image_reader", data, most_s=IMAGE_S, **limits)
    except DiedError:
        raise DancenetError(
            "the image cannot be read: its reader gave up", "a whole JPEG, PNG or WebP", "export it again"
        ) from None
    height, width = np.frombuffer(made, "<u4", 2)
    return np.frombuffer(made, np.uint8, offset=2 * SIZE_BYTES).reshape(int(height), int(width), 3)
