"""Sound out of any file that FFmpeg reads, as one channel at one rate."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from dancenet.errors import DancenetError

log = logging.getLogger(__name__)

#: Samples per second of everything that is heard. 12 kHz of bandwidth hold all that carries rhythm.
RATE_HZ = 24000

#: After so many damaged packets in a row the rest of a file is given up.
DAMAGED_PACKETS = 100

#: Stamps of lossy formats wander by less than this; a larger step is a gap.
_STAMP_SLACK_S = 0.05

#: A gap longer than this is a damaged stamp, not silence.
_LONGEST_GAP_S = 600.0


def read_sound(path: Path, rate_hz: int = RATE_HZ, warn: Callable[[str], None] = log.warning) -> np.ndarray:
    """The sound of an audio or video file, all channels mixed into one.

    Time 0 is the first sample; in a video it is the first picture, so that sound that begins later or
    earlier is filled up with silence or cut.

    Args:
        path: anything that FFmpeg reads, at any rate and with any number of channels.
        rate_hz: samples per second of the result.
        warn: called with one line where the file breaks off: what was decoded is returned.

    Returns:
        (n,) float32, full scale 1 (a mix of several channels may pass it).

    Raises:
        DancenetError: a missing, empty or unreadable file, or one without sound.
    """
    path = Path(path)
    errors: list[str] = []
    with _open(path) as container:
        stream = container.streams.audio[0]
        origin_s = _picture_start_s(container)
        declared_s = _declared_s(container, stream)
        samples = _assemble(_resampled(container, stream, rate_hz, errors), rate_hz, origin_s)
    if not len(samples):
        raise DancenetError(
            f"{path} holds no sound that can be decoded" + (f" ({errors[0]})" if errors else ""),
            "a file with sound in it", "copy or export it again",
        )  # fmt: skip
    heard_s = len(samples) / rate_hz
    if not errors and declared_s - heard_s > max(0.5, 0.02 * declared_s):
        errors.append("it ends early")
    if errors:
        warn(
            f"{path} is damaged or cut off ({errors[0]}): the sound that can be decoded is used, "
            f"{heard_s:.1f} s of {max(declared_s, heard_s):.1f} s"
        )
    return samples


def _open(path: Path) -> av.container.InputContainer:
    expected, mend = "music or a video with sound", "check the name, or convert it: ffmpeg -i INPUT song.wav"
    if not path.exists():
        raise DancenetError(f"there is no file {path}", expected, "check the name")
    if path.is_dir():
        raise DancenetError(f"{path} is a folder", expected, "name a file in it")
    try:
        if path.stat().st_size == 0:
            raise DancenetError(f"{path} is empty (0 bytes)", expected, "copy or export it again")
        container = av.open(str(path), metadata_errors="ignore")
    except PermissionError as error:
        raise DancenetError(f"no permission to read {path}", "a readable file") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DancenetError(f"{path} cannot be read as sound ({_reason(error)})", expected, mend) from error
    if not container.streams.audio:
        container.close()
        raise DancenetError(f"{path} has no sound", expected, "name another file")
    return container


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).strip() or type(error).__name__


def _picture_start_s(container: av.container.InputContainer) -> float | None:
    """When the first picture is shown; None where there are no moving pictures (a cover is none)."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic and stream.start_time is not None:
            return float(stream.start_time * (stream.time_base or 0))
    return None


def _declared_s(container: av.container.InputContainer, stream: av.AudioStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _resampled(
    container: av.container.InputContainer, stream: av.AudioStream, rate_hz: int, errors: list[str]
) -> Iterator[tuple[float | None, np.ndarray]]:
    """Pieces of sound as (time of the first sample in seconds or None, (n,) float32)."""
    resampler, form = None, None
    for frame in _decoded(container, stream, errors):
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != form:  # at the start, and where a stream changes midway
            yield from _pieces(resampler, None, rate_hz)
            resampler, form = av.AudioResampler("flt", "mono", rate_hz), now
        yield from _pieces(resampler, frame, rate_hz)
    yield from _pieces(resampler, None, rate_hz)


def _pieces(
    resampler: av.AudioResampler | None, frame: av.AudioFrame | None, rate_hz: int
) -> Iterator[tuple[float | None, np.ndarray]]:
    for piece in resampler.resample(frame) if resampler is not None else ():
        time_s = float(piece.pts * piece.time_base) if piece.pts is not None and piece.time_base else None
        yield time_s, np.nan_to_num(piece.to_ndarray().reshape(-1))


def _decoded(
    container: av.container.InputContainer, stream: av.AudioStream, errors: list[str]
) -> Iterator[av.AudioFrame]:
    """All frames that can be decoded; what is damaged in between is noted in `errors` and passed over."""
    in_a_row = 0
    while in_a_row < DAMAGED_PACKETS:
        try:
            for frame in container.decode(stream):
                in_a_row = 0
                if frame.samples and frame.sample_rate:
                    yield frame
            return
        except av.EOFError:
            return
        except (av.FFmpegError, OSError, ValueError) as error:
            errors.append(_reason(error))
            in_a_row += 1


def _assemble(
    pieces: Iterator[tuple[float | None, np.ndarray]], rate_hz: int, origin_s: float | None
) -> np.ndarray:
    """One row of samples; what is missing between two stamps is silence, so that what follows is in time."""
    parts: list[np.ndarray] = []
    reached = 0
    for time_s, piece in pieces:
        if origin_s is None:
            origin_s = time_s if time_s is not None else 0.0
        gap = round((time_s - origin_s) * rate_hz) - reached if time_s is not None else 0
        first = not parts
        if gap < 0 and first:  # sound that runs before the first picture
            piece = piece[-gap:]
            if not len(piece):
                continue
        elif (_STAMP_SLACK_S * rate_hz if not first else 0) < gap < _LONGEST_GAP_S * rate_hz:
            parts.append(np.zeros(gap, np.float32))
            reached += gap
        parts.append(piece)
        reached += len(piece)
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
