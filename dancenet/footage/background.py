"""What is behind the dancer: temporal median, and its repair where the dancer stands most of the time."""

import functools

import cv2
import numpy as np

#: At most so many frames, evenly spread, are looked at for a clip's background.
SAMPLE = 64

#: Memory for a band of rows of the sampled frames.
BAND_BYTES = 16 << 20

#: Colours closer than this (largest difference of a channel, of 255) count as the same surface.
SAME = 28

#: Longest side in pixels at which the background is continued under the dancer.
PAINTING_SIDE = 160


def _picks(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).round().astype(int))


def sample(frames: np.ndarray) -> np.ndarray:
    """At most `SAMPLE` evenly spread frames of a clip, (S, H, W, C) uint8; a memory map will do."""
    return np.asarray(frames[_picks(len(frames))])


def median_frame(frames: np.ndarray) -> np.ndarray:
    """Temporal median of a clip (T, H, W, C) uint8, from at most `SAMPLE` frames, as (H, W, C) uint8.

    Goes through the picture in bands of rows, so that large frames need little memory.
    """
    picks = _picks(len(frames))
    height, row_bytes = frames.shape[1], len(picks) * int(np.prod(frames.shape[2:]))
    rows = max(1, BAND_BYTES // row_bytes)
    bands = [
        _median(np.stack([frames[pick, top : top + rows] for pick in picks]))
        for top in range(0, height, rows)
    ]
    return np.concatenate(bands)


def _median(frames: np.ndarray) -> np.ndarray:
    stack = np.ascontiguousarray(np.moveaxis(frames, 0, -1))
    middle = (len(frames) - 1) // 2
    return np.partition(stack, middle, axis=-1)[..., middle]


def border_colour(background: np.ndarray) -> np.ndarray:
    """Median colour of the rim of a background (H, W, C) uint8, as (C,) uint8."""
    rim = np.concatenate([background[0], background[-1], background[:, 0], background[:, -1]])
    return np.median(rim, axis=0).astype(np.uint8)


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Largest difference of any channel, (H, W) uint8, of two (H, W, C) uint8 pictures."""
    return functools.reduce(cv2.max, cv2.split(cv2.absdiff(one, other)))


def clean_background(frames: np.ndarray) -> np.ndarray:
    """The temporal median, without the dancer where he or she stands in one place most of the time.

    What no one ever passes, connected with the picture's rim, is background for certain. It is continued
    inwards; a pixel whose median is far from that and has a colour of the dancer is taken from those
    frames that fit, or from the continuation where none does.

    Args:
        frames: (T, H, W, C) uint8, one clip, or some of several before the same wall.

    Returns:
        (H, W, C) uint8.
    """
    taken = sample(frames)
    median = median_frame(taken)
    moved = np.stack([difference(frame, median) > SAME for frame in taken])
    visited = cv2.dilate(
        (moved.sum(0) >= max(1, len(taken) // 32)).astype(np.uint8), np.ones((5, 5), np.uint8)
    )
    sure = _touching_rim(visited == 0)
    if not visited.any() or sure.mean() < 0.05:
        return median
    guess = _continued(median, ~sure)
    doubtful = (difference(median, guess) > SAME) & ~sure
    palette = _colours(taken, moved & ~doubtful)
    doubtful &= palette[tuple(np.moveaxis(median // 16, -1, 0))]
    doubtful = cv2.dilate(doubtful.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~sure
    return np.where(doubtful[..., None], _fitting(taken, guess), median)


def _touching_rim(area: np.ndarray) -> np.ndarray:
    """The parts of a mask (H, W) bool that touch the picture's rim."""
    _, labels = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.isin(labels, rim[rim > 0])


def _continued(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture with the hole (H, W) bool painted in from around it, coarsely."""
    height, width = hole.shape
    ratio = min(1.0, PAINTING_SIDE / max(height, width))
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    covered = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    painted = cv2.inpaint(small, covered.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return cv2.resize(painted, (width, height), interpolation=cv2.INTER_LINEAR).reshape(picture.shape)


def _colours(frames: np.ndarray, dancer: np.ndarray) -> np.ndarray:
    """Which colours (16 steps a channel) the dancer wears, by what moved (S, H, W): (16, ...) bool, an axis a
    channel."""
    counts = np.zeros(frames.shape[-1] * (16,), np.float32)
    for frame, mask in zip(frames, dancer, strict=True):
        np.add.at(counts, tuple((frame[mask] // 16).T), 1)
    common = (counts > max(20.0, 5e-4 * counts.sum())).astype(np.uint8)
    # One step of tolerance along each channel.
    for axis in range(common.ndim):
        common = np.maximum.reduce([common, *(_shifted(common, axis, step) for step in (-1, 1))])
    return common.astype(bool)


def _shifted(cube: np.ndarray, axis: int, step: int) -> np.ndarray:
    moved = np.roll(cube, step, axis)
    edge = [slice(None)] * cube.ndim
    edge[axis] = slice(0, 1) if step > 0 else slice(-1, None)
    moved[tuple(edge)] = 0
    return moved


def _fitting(frames: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Per pixel the mean of those frames near the guess, or the guess where there are fewer than two."""
    total, count = np.zeros(guess.shape, np.float32), np.zeros(guess.shape[:2], np.float32)
    for frame in frames:
        near = (difference(frame, guess) <= SAME).astype(np.float32)
        total += frame * near[..., None]
        count += near
    mean = total / np.maximum(count, 1)[..., None]
    return np.where(count[..., None] >= 2, mean, guess).round().astype(np.uint8)
