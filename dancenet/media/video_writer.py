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
from dancenet.media.sound_out import Sound

#: How libx264 works: half the time at the same size; and the same file of the same frames on every
#: processor (with AVX-512 it is another one now and then, as memory happens to lie).
X264 = {"preset": "veryfast", "x264-params": "cpu-independent=1"}


class VideoWriter:
    """Writes H.264 (yuv420p, faststart) that plays in a browser, with AAC sound where given.

    A context manager; the file appears when the block ends well. An odd size is made even by repeating
    the last row or column.

    Args:
        path: the video, .mp4 (or .mov, .mkv).
        width, height: of the frames, in pixels.
        fps: frames per second.
        sound: what is heard (`sound_out.Samples` or `SoundOf`), as long as the picture.
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
        sound: Sound | None = None,
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
        self._stream.options = {"crf": str(self.crf), **X264}
        self._stream.codec_context.time_base = 1 / rate
        # Say how colour is meant, or players guess by the size of the picture.
        self._stream.codec_context.colorspace = self._stream.codec_context.color_primaries = 6
        self._stream.codec_context.color_trc = 6
        if self.sound is not None:
            self.sound.add_to(self._container)

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
            self._container.mux(self._stream.encode(None))
            if self.sound is not None:
                self.sound.write(self.count / self.fps)
        return None


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
