"""Video files in and out: upright RGB frames by time stamp, H.264 with sound, contact sheets, images.

Frames are uint8, (H, W, 3) RGB when read and (H, W, C) with C 1 or 3 when written. Nothing here holds
more than a few frames in memory.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from dancenet.decoding import decoded, reason
from dancenet.errors import DancenetError
from dancenet.media.pictures import contact_sheet, read_image, write_image
from dancenet.media.video_writer import VideoWriter

__all__ = [
    "VideoInfo", "VideoWriter", "contact_sheet", "probe", "read_frames", "read_image", "read_native",
    "resample", "write_image",
]  # fmt: skip

log = logging.getLogger(__name__)

#: Time stamps are stored in milliseconds by some containers: so far off a frame may be, in seconds.
STAMP_SLACK_S = 1.1e-3


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says about itself.

    Attributes:
        width, height: in pixels, after rotation.
        fps: average frames per second.
        duration_s: seconds, 0.0 where the file does not say.
        rotation: degrees counter-clockwise that the stored picture is turned to stand upright.
        has_sound: whether there is a sound stream.
        comment: what the file says of itself, empty where it says nothing.
    """

    width: int
    height: int
    fps: float
    duration_s: float
    rotation: int
    has_sound: bool
    comment: str = ""


def _open(path: Path) -> av.container.InputContainer:
    """Open a video, or say in one line why it is none."""
    path = Path(path)
    mend = "check the name, or convert it with: ffmpeg -i INPUT output.mp4"
    if not path.exists():
        raise DancenetError(f"there is no file {path}", "a video", "check the name")
    if path.is_dir():
        raise DancenetError(f"{path} is a folder", "a video file", "name a file in it")
    try:
        if path.stat().st_size == 0:
            raise DancenetError(f"{path} is empty (0 bytes)", "a video", "copy or export it again")
        container = av.open(str(path), metadata_errors="ignore")
    except PermissionError as error:
        raise DancenetError(f"no permission to read {path}", "a readable file") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DancenetError(
            f"{path} cannot be read as a video ({reason(error)})", "a whole file that FFmpeg reads", mend
        ) from error
    if not container.streams.video:
        container.close()
        raise DancenetError(f"{path} holds no picture stream", "a video", mend)
    return container


def _duration_s(container: av.container.InputContainer) -> float:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """The frame as RGB (H, W, 3) uint8, turned as the file's display matrix says."""
    picture = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def probe(path: Path) -> VideoInfo:
    """Look at a video without reading more than its first frame.

    Raises:
        DancenetError: missing, empty or unreadable file, or one without a single frame.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        try:
            first = next(container.decode(stream), None)
        except (av.FFmpegError, ValueError):
            first = None
        if first is None:
            raise _no_frames(path)
        rotation = round(first.rotation / 90) * 90
        width, height = (first.width, first.height)
        if rotation % 180:
            width, height = height, width
        rate = stream.average_rate or stream.guessed_rate or 25
        says = {name.lower(): text for name, text in container.metadata.items()}
        return VideoInfo(
            width, height, float(rate), _duration_s(container), rotation, bool(container.streams.audio),
            says.get("comment", ""),
        )  # fmt: skip


def _no_frames(path: Path) -> DancenetError:
    return DancenetError(
        f"{path} holds no frame that can be decoded", "a video with pictures in it", "copy or export it again"
    )


def read_native(
    path: Path, warn: Callable[[str], None] = log.warning
) -> Iterator[tuple[float, float, np.ndarray]]:
    """Every frame of a video as stored.

    Yields:
        (time_s from the first frame on, duration_s, uint8 RGB (H, W, 3) upright).

    Args:
        path: any video that FFmpeg reads.
        warn: called with one line where the file breaks off: what was decoded has been yielded.

    Raises:
        DancenetError: the file cannot be opened or holds no frame.
    """
    errors: list[str] = []
    count, last_s = 0, 0.0
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        period_s = float(1 / (stream.average_rate or stream.guessed_rate or 25))
        declared_s, first_s = _duration_s(container), None
        for frame in decoded(container, stream, errors):
            stamp_s = frame.time if frame.time is not None else last_s + (period_s if count else 0.0)
            first_s = stamp_s if first_s is None else first_s
            # A stamp that runs backwards (damaged file) is put right behind its predecessor.
            last_s = max(stamp_s - first_s, last_s)
            stored = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
            count += 1
            yield last_s, stored if stored > 0 else period_s, _upright(frame)
    if not count:
        raise _no_frames(path)
    missing_s = declared_s - last_s - period_s
    if not errors and missing_s > max(0.5, 4 * period_s):
        errors.append("it ends early")
    if errors:
        whole_s = max(declared_s, last_s + period_s)
        warn(
            f"{path} is damaged or cut off ({errors[0]}): {count} frames can be decoded and are used, "
            f"{last_s + period_s:.1f} s of {whole_s:.1f} s"
        )


def resample(
    frames: Iterable[tuple[float, float, Any]],
    fps: float,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Iterator[tuple[float, Any]]:
    """Pictures shown at the times start_s + k / fps: each the latest whose time has come.

    Args:
        frames: (time_s, duration_s, picture) in order; pictures may be anything.
        fps: rate of the result.
        start_s, end_s: part of the film, end excluded.
    """
    held: tuple[float, float, Any] | None = None
    number = 0

    def until(limit_s: float, picture: Any) -> Iterator[tuple[float, Any]]:
        """The ticks before `limit_s`, each with this picture."""
        nonlocal number
        while (time_s := start_s + number / fps) < limit_s and (end_s is None or time_s < end_s - 1e-9):
            yield time_s, picture
            number += 1

    for frame in frames:
        if held is not None:
            yield from until(frame[0] - STAMP_SLACK_S, held[2])
        held = frame
        if end_s is not None and frame[0] >= end_s:
            return
    if held is not None:
        yield from until(held[0] + max(held[1] - STAMP_SLACK_S, STAMP_SLACK_S), held[2])


def read_frames(
    path: Path, *, fps: float | None = None, start_s: float = 0.0, end_s: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Frames of a video, upright, as they are shown at a steady rate or as they are stored.

    Args:
        path: any video that FFmpeg reads.
        fps: resample to this rate by time stamp (right for variable rates too); None: as stored.
        start_s, end_s: seconds from the first frame; the end is excluded.

    Yields:
        (time_s, uint8 RGB (H, W, 3)).

    Raises:
        DancenetError: the file is missing, empty, no video, or holds no frame.
    """
    if fps is not None:
        yield from resample(read_native(path), fps, start_s, end_s)
        return
    for time_s, _, picture in read_native(path):
        if end_s is not None and time_s >= end_s:
            return
        if time_s >= start_s - STAMP_SLACK_S:
            yield time_s, picture
