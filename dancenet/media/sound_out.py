"""Sound for a video that is being written: samples, or a part of any file with sound.

Both sorts are as long as the picture: what is longer is cut, what is shorter is filled up with silence.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np

from dancenet.hearing.sound import open_sound, origin_s, sound_in_time

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
        start_s: where the video begins in it, counted as `hearing.read_sound` counts.

    Raises:
        DancenetError: it cannot be read, or has no sound.
    """

    def __init__(self, path: Path, start_s: float = 0.0):
        self.path, self.start_s = Path(path), start_s
        open_sound(self.path).close()

    def add_to(self, container: Any) -> None:
        """See `Sound`."""
        self._container, self._source = container, open_sound(self.path)
        stream = self._source.streams.audio[0]
        self._copied = stream.codec_context.name == "aac" and "mp4" in self._source.format.name
        if self._copied:
            self._stream = container.add_stream_from_template(stream)
            return
        rate_hz = stream.rate if stream.rate in RATES_HZ else RATES_HZ[1]
        self._encoder = _Encoder(container, rate_hz, "mono" if stream.channels == 1 else "stereo")

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
        first = round((origin_s(self._source) + self.start_s) / tick)
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
        encoder = self._encoder
        first, wanted, reached = round(self.start_s * encoder.rate_hz), round(length_s * encoder.rate_hz), 0
        # what is damaged was told when the song was heard
        for piece in sound_in_time(self._source, encoder.rate_hz, encoder.layout, errors=[]):
            part = piece[:, max(0, first - reached) : first + wanted - reached]
            reached += piece.shape[1]
            if part.shape[1]:
                encoder.write(part)
            if reached >= first + wanted:
                break
        encoder.close(wanted)


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
