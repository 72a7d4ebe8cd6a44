"""A frame of the dance as a binary message: a header and a JPEG. Part of `protocol`."""

import struct
from typing import NamedTuple

#: Little-endian: number of the frame; revision of the controls that it obeys; the nearest frame of the film;
#: flags; seconds danced (of a score: seconds since its beginning).
HEADER = struct.Struct("<IIIIf")
#: Flags of a frame.
PAUSED, LOOKING_BACK, POSE, SCORE = 1, 2, 4, 8


class FrameHeader(NamedTuple):
    """What is said of a frame before its JPEG begins."""

    number: int
    revision: int
    nearest: int
    flags: int
    time_s: float


def pack_frame(header: FrameHeader, jpeg: bytes) -> bytes:
    """One binary message."""
    return HEADER.pack(*header) + jpeg


def unpack_frame(message: bytes) -> tuple[FrameHeader, bytes]:
    """Header and JPEG of a binary message."""
    return FrameHeader(*HEADER.unpack_from(message)), message[HEADER.size :]
