"""Decoding what FFmpeg reads, also where it is damaged."""

from collections.abc import Iterator
from typing import Any

import av

#: After so many damaged packets in a row the rest of a file is given up.
DAMAGED_PACKETS = 100


def decoded(container: av.container.InputContainer, stream: Any, errors: list[str]) -> Iterator[Any]:
    """All frames of a video or sound stream that can be decoded; damage between is noted in `errors`."""
    in_a_row = 0
    while in_a_row < DAMAGED_PACKETS:
        try:
            for frame in container.decode(stream):
                in_a_row = 0
                yield frame
            return
        except av.EOFError:
            return
        except (av.FFmpegError, OSError, ValueError) as error:
            errors.append(reason(error))
            in_a_row += 1


def reason(error: BaseException) -> str:
    """What FFmpeg or the system says was wrong."""
    return str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
