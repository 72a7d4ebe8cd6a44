"""Where the dance of a take begins and ends: before and after, the dancer waits for camera and music.

Takes that begin and end with a second or two of standing still teach a choreographer to stop and wait in the
middle of a dance. Shape letters: N frames, D = 128 latent dimensions.
"""

import numpy as np

from dancenet.footage.mapped import read_rows
from dancenet.latents import Latents
from dancenet.sequences import Span, steps_of

#: Waiting is a second that moves less than this share of the usual second.
SHARE = 0.3
#: It is looked for in so many seconds at both ends of a take, or this part of it where that is less.
ENDS_S, PART = 5.0, 1 / 6


def dancing(latents: Latents, spans: list[Span]) -> list[Span]:
    """The spans without the waiting at their ends; a pause in the middle stays.

    A span begins after the last waiting second near its beginning and ends before the first one near its end.
    """
    second = max(1, round(float(latents.fps)))
    usual = float(np.median(np.linalg.norm(steps_of(latents, spans), axis=1)))
    found = []
    for span in spans:
        near = min(round(ENDS_S * float(latents.fps)), int(len(span) * PART))
        if near < second or not usual:
            found.append(span)
            continue
        head = _waiting(latents, span.start, near, second, usual)
        tail = _waiting(latents, span.stop - near - 1, near, second, usual)
        start = span.start + (head[-1] + second if len(head) else 0)
        stop = span.stop - near - 1 + tail[0] + 1 if len(tail) else span.stop
        found.append(Span(int(start), int(stop)))
    return found


def _waiting(latents: Latents, first: int, steps: int, second: int, usual: float) -> np.ndarray:
    """Which of the seconds that begin with frame `first`, the next … wait, counted from 0."""
    poses = read_rows(latents.mean, np.arange(first, first + steps + 1))
    lengths = np.linalg.norm(np.diff(poses, axis=0) / latents.scale, axis=1)
    return np.flatnonzero(np.convolve(lengths, np.ones(second) / second, "valid") < SHARE * usual)
