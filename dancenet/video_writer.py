"""Video files out: H.264 that plays in a browser, with sound."""

import contextlib
import errno
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dancenet import runs
from dancenet.errors import DancenetError


class VideoWriter:
    """Writes H.264 (yuv420p, faststart) that plays in a browser, with AAC sound where given.

    A context manager; the file appears when the block ends well. An odd size is made even by repeating
    the last row or column.

    Args:
        path: the video, .mp4 (or .mov, .mkv).
        width, height: of the frames, in pixels.
        fps: frames per second.
        sound: (samples float32 (n,) or (n, 1 or 2) in [-1, 1], samples per second).
        crf: H.264 quality, 0 (lossless) to 51; 16 looks like the original.
        comment: what the file says of itself (`video.probe` reads it); empty for nothing.

    Raises:
        DancenetError: the place cannot be written, the disk is full, or the name has no video suffix.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: float,
        sound: tuple[np.ndarray, int] | None = None,
        crf: int = 16,
        comment: str = "",
    ):
        self.path, self.width, self.height, self.fps = Path(path), width, height, fps
        self.sound, self.crf, self.count = sound, crf, 0
        self.comment = comment
        if self.path.suffix.lower() not in (".mp4", ".m4v", ".mov", ".mkv"):
            raise DancenetError(
                f"{path} has no video suffix", "a name ending in .mp4", "for example out/dance.mp4"
            )

    def __enter__(self) -> "VideoWriter":
        self._stack = contextlib.ExitStack()
        with self._stack:
            self._stack.enter_context(_encoder_errors(self.path))
            beside = self._stack.enter_context(runs.replacing(self.path))
            settings = {} if self.path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
            self._container = av.open(str(beside), "w", options=settings)
            self._stack.callback(self._container.close)
            if self.comment:
                self._container.metadata["comment"] = self.comment
            self._add_streams()
            self._stack = self._stack.pop_all()
        return self

    def _add_streams(self) -> None:
        rate = Fraction(self.fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=rate)
        self._stream.width, self._stream.height = self.width + self.width % 2, self.height + self.height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": str(self.crf), "preset": "veryfast"}  # half the time at the same size
        self._stream.codec_context.time_base = 1 / rate
        # Say how colour is meant, or players guess by the size of the picture.
        self._stream.codec_context.colorspace = self._stream.codec_context.color_primaries = 6
        self._stream.codec_context.color_trc = 6
        self._sound = None
        if self.sound is not None:
            samples, rate_hz = self.sound
            layout = "stereo" if samples.ndim == 2 and samples.shape[1] == 2 else "mono"
            self._sound = self._container.add_stream("aac", rate=rate_hz, layout=layout)

    def write(self, frames: np.ndarray) -> None:
        """Append one frame (H, W, C) or several (N, H, W, C); uint8, C 1 (grey) or 3 (RGB)."""
        for picture in frames if frames.ndim == 4 else frames[None]:
            if picture.shape[:2] != (self.height, self.width) or picture.shape[2] not in (1, 3):
                raise ValueError(
                    f"a frame of {picture.shape}, expected ({self.height}, {self.width}, 1 or 3)"
                )
            if picture.shape[2] == 1:
                picture = np.repeat(picture, 3, -1)
            if self.height % 2 or self.width % 2:
                picture = np.pad(picture, ((0, self.height % 2), (0, self.width % 2), (0, 0)), "edge")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = self.count, self._stream.codec_context.time_base
            self._container.mux(self._stream.encode(frame))
            self.count += 1

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        with self._stack:  # closes the container, then moves the file into place, or removes it
            if kind is not None:
                return self._stack.__exit__(kind, error, trace)
            if not self.count:
                raise DancenetError(f"no frame was written to {self.path}", "at least one frame")
            self._write_sound()
            self._container.mux(self._stream.encode(None))
        return None

    def _write_sound(self) -> None:
        """Sound, where there is any, as long as the picture: cut, or filled up with silence."""
        if self.sound is None or self._sound is None:
            return
        samples, rate_hz = self.sound
        samples = np.asarray(samples, np.float32).reshape(len(samples), -1)
        length = round(self.count / self.fps * rate_hz)
        samples = np.pad(samples[:length], ((0, max(0, length - len(samples))), (0, 0)))
        size = self._sound.codec_context.frame_size or 1024
        for start in range(0, length, size):
            block = np.clip(samples[start : start + size].T, -1, 1)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(block), format="fltp", layout="stereo" if len(block) == 2 else "mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            self._container.mux(self._sound.encode(frame))
        self._container.mux(self._sound.encode(None))


@contextlib.contextmanager
def _encoder_errors(path: Path) -> Iterator[None]:
    """What FFmpeg refuses, other than what the operating system does, in one line."""
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EPERM):
            with runs.disk_errors(path):
                raise OSError(error.errno, error.strerror) from error
        raise DancenetError(
            f"{path} cannot be written ({error.strerror or error})",
            "a place and a size that H.264 can be written to",
        ) from error
