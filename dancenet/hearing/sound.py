"""Sound out of any file that FFmpeg reads, as one channel at one rate."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from dancenet.decoding import decoded, reason
from dancenet.errors import DancenetError

log = logging.getLogger(__name__)

#: Samples per second of everything that is heard. 12 kHz of bandwidth hold all that carries rhythm.
RATE_HZ = 24000

#: Stamps of lossy formats wander by less than this; a larger step is a gap.
_STAMP_SLACK_S = 0.05

#: A gap longer than this is a damaged stamp, not silence.
_LONGEST_GAP_S = 600.0


def read_sound(path: Path, rate_hz: int = RATE_HZ, warn: Callable[[str], None] = log.warning) -> np.ndarray:
    """The sound of an audio or video file, all channels mixed into one.

    Args:
        path: anything that FFmpeg reads, at any rate and with any number of channels.
        rate_hz: samples per second of the result.
        warn: called with one line where the file breaks off: what was decoded is returned.

    Returns:
        (n,) float32, full scale 1 (a mix of several channels may pass it); it begins at `origin_s`.

    Raises:
        DancenetError: a missing, empty or unreadable file, or one without sound.
    """
    path = Path(path)
    errors: list[str] = []
    with open_sound(path) as container:
        declared_s = _declared_s(container)
        pieces = [piece[0] for piece in sound_in_time(container, rate_hz, "mono", errors)]
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
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


def open_sound(path: Path) -> av.container.InputContainer:
    """A file with sound, open for reading.

    Raises:
        DancenetError: a missing, empty or unreadable file, or one without sound.
    """
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
        raise DancenetError(f"{path} cannot be read as sound ({reason(error)})", expected, mend) from error
    if not container.streams.audio:
        container.close()
        raise DancenetError(f"{path} has no sound", expected, "name another file")
    return container


def origin_s(container: av.container.InputContainer) -> float:
    """The time stamp, in seconds, that is time 0 of a file's sound.

    In a video it is that of the first picture, so that sound which begins later or earlier stays in time with
    it; else that of the first sample.
    """
    for stream in container.streams.video:
        # a cover is a picture that does not move
        if not stream.disposition & av.stream.Disposition.attached_pic and stream.start_time is not None:
            return float(stream.start_time * (stream.time_base or 0))
    sound = container.streams.audio[0]
    return float((sound.start_time or 0) * (sound.time_base or 0))


def _declared_s(container: av.container.InputContainer) -> float:
    stream = container.streams.audio[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def sound_in_time(
    container: av.container.InputContainer, rate_hz: int, layout: str, errors: list[str]
) -> Iterator[np.ndarray]:
    """All sound of a file from its time 0 (`origin_s`) on, piece by piece.

    What is missing between two stamps is silence, so that what follows is in time; what is damaged is noted
    in `errors` and passed over.

    Args:
        container: from `open_sound`.
        rate_hz: samples per second that are wanted.
        layout: "mono" or "stereo"; other channels are mixed into it.
        errors: is added to.

    Yields:
        (channels, n) float32.
    """
    begins_s, reached = origin_s(container), 0
    for time_s, piece in _resampled(container, rate_hz, layout, errors):
        gap = round((time_s - begins_s) * rate_hz) - reached if time_s is not None else 0
        if gap < 0 and not reached:  # sound that runs before the first picture
            piece = piece[:, -gap:]
        elif (_STAMP_SLACK_S * rate_hz if reached else 0) < gap < _LONGEST_GAP_S * rate_hz:
            yield np.zeros((len(piece), gap), np.float32)
            reached += gap
        reached += piece.shape[1]
        if piece.shape[1]:
            yield piece


def _resampled(
    container: av.container.InputContainer, rate_hz: int, layout: str, errors: list[str]
) -> Iterator[tuple[float | None, np.ndarray]]:
    """Pieces of sound as (time of the first sample in seconds or None, (channels, n) float32)."""
    resampler, form = None, None
    for frame in decoded(container, container.streams.audio[0], errors):
        if not (frame.samples and frame.sample_rate):
            continue
        now = (frame.format.name, frame.layout.name, frame.sample_rate)
        if now != form:  # at the start, and where a stream changes midway
            yield from _pieces(resampler, None, errors)
            resampler, form = av.AudioResampler("fltp", layout, rate_hz), now
        yield from _pieces(resampler, frame, errors)
    yield from _pieces(resampler, None, errors)


def _pieces(
    resampler: av.AudioResampler | None, frame: av.AudioFrame | None, errors: list[str]
) -> Iterator[tuple[float | None, np.ndarray]]:
    try:
        made = resampler.resample(frame) if resampler is not None else ()
    except (av.FFmpegError, ValueError) as error:  # damage that looks like a form of sound that there is not
        errors.append(reason(error))
        return
    for piece in made:
        time_s = float(piece.pts * piece.time_base) if piece.pts is not None and piece.time_base else None
        yield time_s, np.nan_to_num(piece.to_ndarray())
