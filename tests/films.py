"""Tiny videos with a known content, made on the spot."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared(name: str) -> Path:
    """A file or folder of ../shared/data; the test is skipped where it is missing."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"real videos are not here: {path}")
    return path


def flat(level: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A grey picture of one level."""
    return np.full((height, width, 3), level, np.uint8)


def walker(count: int, width: int = 96, height: int = 64, seed: int = 0, wall=(200, 210, 220)) -> np.ndarray:
    """(T, H, W, 3): a dark upright figure with one arm that goes up and down, walking to and fro."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = wall
    for index in range(count):
        middle = int(width * (0.5 + 0.25 * np.sin(0.35 * index + seed)))
        top, bottom = int(0.25 * height), int(0.85 * height)
        frames[index, top:bottom, middle - 3 : middle + 4] = (40, 30, 60)
        hand = int(0.3 * height + 0.2 * height * np.sin(0.5 * index))
        frames[index, min(hand, top) : top + 4, middle + 4 : middle + 7] = (40, 30, 60)
    return frames


def write(
    path: Path, frames, fps=15, codec="libx264", pix_fmt="yuv420p", times_ms=None, sound=False, options=None
) -> Path:
    """Write frames with PyAV; `times_ms` gives a time stamp to each, for variable rates."""
    frames = np.asarray(frames)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=1000 if times_ms is not None else fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        if options:
            stream.options = options
        if sound:
            audio = container.add_stream("aac", rate=8000, layout="mono")
            tone = np.sin(np.arange(8000, dtype=np.float32))[None]
            block = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 8000, 0, Fraction(1, 8000)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = int(times_ms[index]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def turn(path: Path) -> None:
    """Note in an mp4's track header that the picture is to be shown turned by a quarter, clockwise."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 8 + 4 + 4 + 4 + 8 + 2 + 2 + 2 + 2
    one = 1 << 16
    data[at : at + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
