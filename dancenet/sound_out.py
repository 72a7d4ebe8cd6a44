"""Sound for a video that is being written: samples, or a part of any file with sound.

Both sorts are as long as the picture: what is longer is cut, what is shorter is filled up with silence.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from dancenet.errors import DancenetError

#: Rates at which AAC is written; another one is resampled to the second.
RATES_HZ = (44100, 48000)


class Sound(Protocol):
    """What `VideoWriter` asks of a sound."""

    def add_to(self, container: Any) -> None:
        """Add a stream to an open container, before anything is written."""

    def write(self, length_s: float) -> None:
        """Write the whole stream, so long."""


class Samples:
    """Sound in memory.

    Args:
        samples: (n,) or (n, 1 or 2) in [-1, 1]; louder is clipped.
        rate_hz: samples per second.
    """

    def __init__(self, samples: np.ndarray, rate_hz: int):
        self.samples = np.asarray(samples, np.float32).reshape(len(samples), -1)
        self.rate_hz = rate_hz

    def add_to(self, container: Any) -> None:
        """See `Sound`."""
        layout = "stereo" if self.samples.shape[1] == 2 else "mono"
        self._encoder = _Encoder(container, self.rate_hz, layout)

    def write(self, length_s: float) -> None:
        """See `Sound`."""
        length = round(length_s * self.rate_hz)
        for start in range(0, min(length, len(self.samples)), 1 << 16):
            self._encoder.write(np.clip(self.samples[start : min(start + (1 << 16), length)].T, -1, 1))
        self._encoder.close(length)


class SoundOf:
    """Sound of a file from a moment on: AAC is copied as it is, anything else encoded as AAC.

    Args:
        path: any file with sound that FFmpeg reads.
        start_s: where in it the video begins.

    Raises:
        DancenetError: it cannot be read, or has no sound.
    """

    def __init__(self, path: Path, start_s: float = 0.0):
        self.path, self.start_s = Path(path), start_s
        try:
            with av.open(str(path)) as source:
                self._has_sound = bool(source.streams.audio)
        except (av.FFmpegError, OSError) as error:
            raise DancenetError(
                f"{path} cannot be read ({getattr(error, 'strerror', None) or error})", "a file with sound"
            ) from error
        if not self._has_sound:
            raise DancenetError(f"{path} has no sound", "music, or a video with sound")

    def add_to(self, container: Any) -> None:
        """See `Sound`."""
        self._container = container
        self._source = av.open(str(self.path))
        stream = self._source.streams.audio[0]
        self._copied = stream.codec_context.name == "aac" and "mp4" in self._source.format.name
        if self._copied:
            self._stream = container.add_stream_from_template(stream)
            return
        rate_hz = stream.rate if stream.rate in RATES_HZ else RATES_HZ[1]
        layout = "mono" if stream.channels == 1 else "stereo"
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate_hz)
        self._encoder = _Encoder(container, rate_hz, layout)

    def write(self, length_s: float) -> None:
        """See `Sound`."""
        with self._source:
            if self._copied:
                self._copy(length_s)
            else:
                self._encode(length_s)

    def _copy(self, length_s: float) -> None:
        stream = self._source.streams.audio[0]
        tick = stream.time_base or Fraction(1, stream.rate)
        first = round(self.start_s / tick)
        for packet in self._source.demux(stream):
            if packet.pts is None or packet.pts < first:
                continue
            if (packet.pts - first) * tick >= length_s:
                break
            packet.pts -= first
            packet.dts = packet.pts
            packet.stream = self._stream
            self._container.mux(packet)

    def _encode(self, length_s: float) -> None:
        rate_hz = self._encoder.rate_hz
        wanted = round(length_s * rate_hz)
        for first, block in _blocks(self._source, self._resampler, rate_hz):
            skip = max(0, round(self.start_s * rate_hz) - first)
            block = block[:, skip : skip + wanted - self._encoder.count]
            if block.shape[1]:
                self._encoder.write(block)
            if self._encoder.count >= wanted:
                break
        self._encoder.close(wanted)


def _blocks(source: Any, resampler: Any, rate_hz: int) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the first sample, (channels, n) float32) of a file's sound, resampled; stops where the
    file is damaged."""
    stream = source.streams.audio[0]
    first = 0
    begun = float(stream.start_time * stream.time_base) if stream.start_time else 0.0
    try:
        for frame in source.decode(stream):
            if first == 0 and frame.pts is not None:  # a track may begin later than its file
                first = max(0, round((frame.time - min(begun, 0.0)) * rate_hz))
            for made in resampler.resample(frame):
                block = made.to_ndarray()
                yield first, block
                first += block.shape[1]
    except av.FFmpegError:
        return
    for made in resampler.resample(None):
        yield first, made.to_ndarray()


class _Encoder:
    """An AAC stream that takes blocks of any length."""

    def __init__(self, container: Any, rate_hz: int, layout: str):
        self.rate_hz, self.layout, self.count, self._encoded = rate_hz, layout, 0, 0
        self._container = container
        self._stream = container.add_stream("aac", rate=rate_hz, layout=layout)
        self._left = np.zeros((1 if layout == "mono" else 2, 0), np.float32)

    def write(self, block: np.ndarray) -> None:
        """Append (channels, n) float32."""
        self.count += block.shape[1]
        self._left = np.concatenate([self._left, block.astype(np.float32)], axis=1)
        self._flush(self._stream.codec_context.frame_size or 1024)

    def _flush(self, size: int) -> None:
        while self._left.shape[1] >= size:
            self._encode(self._left[:, :size])
            self._left = self._left[:, size:]

    def _encode(self, block: np.ndarray) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self.layout)
        frame.sample_rate, frame.time_base = self.rate_hz, Fraction(1, self.rate_hz)
        frame.pts = self._encoded
        self._encoded += block.shape[1]
        self._container.mux(self._stream.encode(frame))

    def close(self, length: int) -> None:
        """Fill up with silence to `length` samples and end the stream."""
        if self.count < length:
            self.write(np.zeros((len(self._left), length - self.count), np.float32))
        if self._left.shape[1]:
            self._encode(self._left)
        self._container.mux(self._stream.encode(None))
