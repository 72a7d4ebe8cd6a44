"""Batches of frames for the VAE: order, mirroring, other cameras, and whether these suit the film at all.

Shape letters: B batch, N frames, H height, W width, C channels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from dancenet.errors import DancenetError
from dancenet.footage.background import SAMPLE, clean_background
from dancenet.footage.clips import PackedFrames
from dancenet.footage.mapped import read_rows

#: Mirrored frames may lie this much further from the other takes than frames as filmed.
MIRROR_TOLERANCE = 1.15
#: A camera may have stood so far off that dancers are this much smaller, and lean by so many degrees.
SMALLEST, LEAN = 0.86, 5.0
#: It may have looked beside the dancer by such a share of the picture's width and height.
ASIDE = (0.08, 0.02)
#: The cameras, of smaller dancers and leaning, through which the choreographer is shown the takes as well.
CAMERAS = ((0.94, 0.0), (0.88, 0.0), (0.92, 4.0), (0.92, -4.0))
#: Dancers are moved on a background that, itself moved by a share of its size, differs by so much (of 1).
SHIFT, SHIFT_TOLERANCE = 0.08, 0.04
#: Frames closer in time than this are not counted as another moment of the same take.
SAME_MOMENT_S = 2.0


@dataclass(frozen=True)
class Augmentation:
    """What may be done to frames without making pictures that the film could not hold.

    Attributes:
        mirror: every second frame is turned over, on average.
        shift: every second frame shows its dancer as another camera might have, smaller and leaning.
    """

    mirror: bool
    shift: bool

    @classmethod
    def fitting(cls, packed: PackedFrames, indices: np.ndarray) -> "Augmentation":
        """What suits the frames `indices` of a film."""
        return cls(mirror_fits(packed, indices), shift_fits(packed))

    def variations(self) -> "list[Variation]":
        """How takes are shown to the choreographer besides as filmed."""
        cameras = CAMERAS if self.shift else ()
        made = [Variation(False, *camera) for camera in cameras]
        if self.mirror:
            made += [Variation(True), *(Variation(True, *camera) for camera in cameras[1:])]
        return made


class FrameBatches:
    """One epoch of shuffled frames; row `r` of batch `i` depends only on (seed, epoch, i, r).

    `share` is what the number of rows is a multiple of: of several devices each gets as many.

    Yields (frames, backgrounds), both uint8 (B, H, W, C); the background is that of the frame's clip. Of
    several dancers it yields (frames, backgrounds, bodies), whose they are (B,).
    """

    def __init__(
        self,
        packed: PackedFrames,
        indices: np.ndarray,
        batch: int,
        *,
        seed: int,
        epoch: int,
        augmentation: Augmentation,
        share: int = 1,
    ):
        self.packed, self.augmentation, self.key = packed, augmentation, (seed, epoch)
        order = np.random.default_rng(self.key).permutation(indices)
        self.size = rows_of(batch, len(order), share)
        self.order = order[: len(order) // self.size * self.size]
        self.clip_of, self.bodies = clip_numbers(packed), packed.bodies

    def __len__(self) -> int:
        return len(self.order) // self.size

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self.part(index, slice(None))

    def chosen(self, index: int) -> np.ndarray:
        """Which frames a batch shows, (B,)."""
        # sorted reads touch the memory map in order
        return np.sort(self.order[index * self.size : (index + 1) * self.size])

    def part(self, index: int, rows: slice) -> tuple[np.ndarray, ...]:
        """Some rows of a batch."""
        chosen = self.chosen(index)[rows]
        frames = read_rows(self.packed.pixels, chosen)
        backgrounds = self.packed.backgrounds[self.clip_of[chosen]]
        for i, row in enumerate(range(self.size)[rows]):
            random = np.random.default_rng((*self.key, index, row))
            turned, moved = random.random(2) < 0.5
            if turned and self.augmentation.mirror:
                for picture in (frames[i], backgrounds[i]):
                    picture[:] = cv2.flip(picture, 1).reshape(picture.shape)
            if moved and self.augmentation.shift:
                size, lean = random.uniform(SMALLEST, 1.0), random.uniform(-LEAN, LEAN)
                aside = random.uniform(-1, 1, 2) * ASIDE * np.array(frames.shape[2:0:-1])
                frames[i] = filmed_by(frames[i : i + 1], backgrounds[i], size, lean, tuple(aside))[0]
        return (frames, backgrounds, self.bodies[chosen]) if self.packed.dancers else (frames, backgrounds)


def rows_of(batch: int, examples: int, share: int) -> int:
    """Rows of a batch that devices can share: a multiple of `share`, not above what there is.

    Raises:
        DancenetError: there are fewer examples than devices.
    """
    if examples < share:
        raise DancenetError(f"{examples} frames to train on", f"one for each of {share} devices")
    return min(-(-batch // share), examples // share) * share


def filmed_by(
    frames: np.ndarray,
    background: np.ndarray,
    size: float,
    lean: float,
    aside: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Frames whose dancer another camera has filmed, before the same background; uint8 (N, H, W, C).

    Args:
        frames: uint8 (N, H, W, C).
        background: uint8 (H, W, C).
        size: how large the dancer becomes, 1 as in `frames`; about the middle of the picture.
        lean: degrees, to the left.
        aside: pixels, to the right and down.
    """
    height, width = background.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), lean, size)
    matrix[:, 2] += np.asarray(aside)
    made = np.empty_like(frames)
    for frame, out in zip(frames, made, strict=True):
        difference = cv2.subtract(frame, background, dtype=cv2.CV_32F)
        moved = cv2.warpAffine(difference, matrix, (width, height)).reshape(frame.shape)
        cv2.add(background, moved, dst=out, dtype=cv2.CV_8U)  # rounds, and stays within 0 and 255
    return made


@dataclass(frozen=True)
class Variation:
    """One way of showing the same dance: turned over or not, and by another camera (`filmed_by`)."""

    mirror: bool
    size: float = 1.0
    lean: float = 0.0

    def apply(self, frames: np.ndarray, background: np.ndarray) -> np.ndarray:
        """Frames of one clip (N, H, W, C), uint8, with the clip's background (H, W, C), varied."""
        if (self.size, self.lean) != (1.0, 0.0):
            frames = filmed_by(frames, background, self.size, self.lean)
        return frames[:, :, ::-1] if self.mirror else frames

    def told(self) -> tuple[float, float, float]:
        """What the choreographer is told of it: turned over, smaller, leaning; all 0 is as filmed."""
        return float(self.mirror), (1.0 - self.size) / (1.0 - SMALLEST), self.lean / LEAN


def clip_numbers(packed: PackedFrames) -> np.ndarray:
    """The 0-based clip of every frame, (N,)."""
    return np.repeat(np.arange(len(packed.clips)), [clip.length for clip in packed.clips])


def foreground_share(packed: PackedFrames, indices: np.ndarray, threshold: float, rim: int = 0) -> float:
    """Share of pixels that differ from their clip's background, or are within `rim` pixels of one that does,
    over a sample of frames; in (0, 1)."""
    sample = indices[:: max(1, len(indices) // 300)]
    frames = read_rows(packed.pixels, sample).astype(np.int16)
    backgrounds = packed.backgrounds[clip_numbers(packed)[sample]]
    masks = (np.abs(frames - backgrounds).max(axis=-1) > 255 * threshold).astype("uint8")
    around = np.ones((2 * rim + 1, 2 * rim + 1), "uint8")
    share = float(np.mean([cv2.dilate(mask, around).mean() for mask in masks]))
    return min(max(share, 0.01), 0.99)


def empty_room(packed: PackedFrames, indices: np.ndarray) -> np.ndarray:
    """The wall without the dancer, (H, W, C) in [0, 1], of frames all over the takes."""
    picks = np.linspace(0, len(indices) - 1, min(len(indices), SAMPLE)).round().astype(int)
    return clean_background(read_rows(packed.pixels, indices[picks])).astype("float32") / 255


def mirror_fits(packed: PackedFrames, indices: np.ndarray) -> bool:
    """Whether mirrored frames look like frames this dancer could have been filmed in.

    A dancer in two colours, a logo or a scenery that is not symmetric speak against it: then frames
    turned over lie further from the film than the film lies from itself. Compared are distances of small
    pictures to the nearest other moment.
    """
    sample = np.sort(indices[:: max(1, len(indices) // 1200)])
    small = np.stack(
        [
            _small(frame)
            for some in np.split(sample, range(64, len(sample), 64))
            for frame in read_rows(packed.pixels, some)
        ]
    )
    turned = small[:, :, ::-1].reshape(len(sample), -1)
    small = small.reshape(len(sample), -1)
    clips = clip_numbers(packed)[sample]
    moments = np.abs(sample[:, None] - sample[None]) < SAME_MOMENT_S * packed.fps
    same = moments & (clips[:, None] == clips[None])
    return bool(
        np.median(_nearest(turned, small, same)) <= MIRROR_TOLERANCE * np.median(_nearest(small, small, same))
    )


def shift_fits(packed: PackedFrames) -> bool:
    """Whether the backgrounds are even enough for a dancer to be moved anywhere on them without leaving a
    trace."""
    return even_across(packed) and even_upward(packed)


def even_across(packed: PackedFrames) -> bool:
    """Whether dancers may be moved to the sides: most backgrounds are the same some way on."""
    step = max(1, round(SHIFT * packed.width))
    backgrounds = _some_backgrounds(packed)
    return bool(np.abs(backgrounds[:, :, step:] - backgrounds[:, :, :-step]).mean() <= SHIFT_TOLERANCE)


def even_upward(packed: PackedFrames) -> bool:
    """Whether they may be moved up and down: there is no edge all across, as that of a floor."""
    step = max(1, round(SHIFT * packed.height))
    backgrounds = _some_backgrounds(packed)
    apart = np.abs(backgrounds[:, step:] - backgrounds[:, :-step]).max(axis=-1)
    return bool(np.median(apart, axis=(0, 2)).max() <= SHIFT_TOLERANCE)


def _some_backgrounds(packed: PackedFrames) -> np.ndarray:
    some = slice(None, None, max(1, len(packed.backgrounds) // 300))
    return packed.backgrounds[some].astype("float32") / 255


def _small(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    factor = 32 / max(height, width)
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    return (
        cv2.resize(frame, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1).astype("float32")
    )


def _nearest(queries: np.ndarray, points: np.ndarray, excluded: np.ndarray) -> np.ndarray:
    squared = (queries**2).sum(1)[:, None] + (points**2).sum(1)[None] - 2 * queries @ points.T
    squared[excluded] = np.inf
    nearest = squared.min(axis=1)
    return (
        np.sqrt(np.maximum(nearest[np.isfinite(nearest)], 0)) if np.isfinite(nearest).any() else np.zeros(1)
    )
