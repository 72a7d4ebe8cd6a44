"""Where the dancer stands, apart from the pose: a window that goes with the dancer, cut out and put back.

A network that has to learn each pose anew at each place has few examples of it, and half way between two
places it draws two faint dancers. So the place is read off the picture (the centre of what differs from the
empty room) and kept as two of the latents; the networks see and draw a window around it, and a spatial
transformer (Jaderberg et al. 2015, eq. 3) without parameters moves that to its place. Where a floor ends
behind the dancer the window goes to the sides alone: what differs from a floor is no more the same before a
wall.
Shape letters: B batch, H height, W width, C channels, h w size of the window.
"""

import cv2
import numpy as np
from keras import ops

from dancenet.batching.batches import clip_numbers
from dancenet.footage.clips import PackedFrames
from dancenet.footage.mapped import read_rows

#: Latents that hold the place: how far to the right of the picture's middle the dancer is, and how far below.
PLACE = 2
#: The first of them.
ACROSS = 0
#: A place is spoken of in such shares of the picture's width and height.
UNIT = 0.25
#: Standard deviation of a place in the posterior, in pixels: it is measured, not guessed.
SIGMA = 0.05
#: Weight of the picture's middle in the centre, in fully different pixels: an empty picture has one too.
EMPTY = 1e-2
#: Frames whose dancers the window is made to hold, and pixels that are left around them.
LOOKED_AT, MARGIN = 600, 4
#: Such a share of all the pixels of dancers may lie outside of the window.
OUTSIDE = 2e-4


def place_of(difference, threshold: float):
    """Centre of what differs from the empty room, as latents (B, 2): 0, 0 is the middle of the picture.

    Args:
        difference: (B, H, W, C), picture minus empty room, in [-1, 1].
        threshold: how much of 1 a pixel must differ to count; what it differs more is its weight.
    """
    _, height, width, _ = difference.shape
    weight = ops.relu(ops.max(ops.abs(difference), axis=-1) - threshold)
    total = ops.sum(weight, axis=(1, 2)) + EMPTY
    across = ops.sum(ops.sum(weight, axis=1) * _positions(width), axis=1) / total
    down = ops.sum(ops.sum(weight, axis=2) * _positions(height), axis=1) / total
    return ops.stack([across / (UNIT * width), down / (UNIT * height)], axis=-1)


def sigma(frame_shape: tuple[int, ...]) -> np.ndarray:
    """(2,) standard deviation of a place in the posterior, as latents, in pictures of (H, W, ·)."""
    height, width = frame_shape[:2]
    return (SIGMA / (UNIT * np.array([width, height]))).astype("float32")


def _positions(size: int):
    """(size,) pixels, counted from the middle of the picture."""
    return np.arange(size, dtype="float32") - (size - 1) / 2


def cut_out(pictures, place, size: tuple[int, int], *, across_only: bool = False):
    """Windows (B, h, w, C) around places (B, 2) of pictures (B, H, W, C); 0 beyond their edges.

    `across_only`: h = H, and the windows do not go up and down with the place.
    """
    rows = None if across_only else ops.swapaxes(_matrix(place, 0, pictures.shape[1], size[0]), 1, 2)
    return _both(rows, pictures, ops.swapaxes(_matrix(place, 1, pictures.shape[2], size[1]), 1, 2))


def put_back(windows, place, size: tuple[int, int], *, across_only: bool = False):
    """The inverse: pictures (B, H, W, C), 0 around windows (B, h, w, C) at their places (B, 2)."""
    rows = None if across_only else _matrix(place, 0, size[0], windows.shape[1])
    return _both(rows, windows, _matrix(place, 1, size[1], windows.shape[2]))


def _both(down, pictures, across):
    """Columns of pictures (B, r, c, C) by `down` (B, R, r), rows by `across` (B, K, c): (B, R, K, C).

    `down` is None where columns stay as they are.
    """
    if down is not None:
        _, rows, columns, channels = pictures.shape
        tall = ops.matmul(down, ops.reshape(pictures, (-1, rows, columns * channels)))
        pictures = ops.reshape(tall, (-1, down.shape[1], columns, channels))
    _, rows, columns, channels = pictures.shape
    if channels == 1:
        return ops.expand_dims(ops.matmul(ops.squeeze(pictures, -1), ops.swapaxes(across, 1, 2)), -1)
    turned = ops.reshape(ops.transpose(pictures, (0, 2, 1, 3)), (-1, columns, rows * channels))
    wide = ops.reshape(ops.matmul(across, turned), (-1, across.shape[1], rows, channels))
    return ops.transpose(wide, (0, 2, 1, 3))


def _matrix(place, axis: int, whole: int, part: int):
    """How the rows (axis 0) or columns of a window weigh in those of a picture: (B, whole, part)."""
    offset = place[:, 1 - axis] * (UNIT * whole)
    numbers = np.arange(whole)[:, None] - np.arange(part)
    apart = np.arange(1 - part, whole, dtype="float32") + np.float32((part - whole) / 2)
    # it depends on how far apart they are alone: worked out once for each distance
    return ops.take(_cubic(ops.convert_to_tensor(apart) - offset[:, None]), numbers + part - 1, axis=1)


def _cubic(apart):
    """Weight of samples so many pixels apart, cubic convolution with a = -1/2 (Keys 1981, eq. 15).

    Linear interpolation would blur whoever stands between two pixels.
    """
    apart = ops.abs(apart)
    near = (1.5 * apart - 2.5) * apart * apart + 1.0
    far = ((-0.5 * apart + 2.5) * apart - 4.0) * apart + 2.0
    return ops.where(apart < 1.0, near, ops.where(apart < 2.0, far, ops.zeros_like(apart)))


def window_for(packed: PackedFrames, indices: np.ndarray, threshold: float, multiple: int) -> tuple[int, int]:
    """Height and width of the smallest window that holds the dancer of (nearly) all frames.

    Args:
        packed: the film.
        indices: frames that are looked at, a sample of them.
        threshold: as in `place_of`.
        multiple: of which both are multiples.
    """
    sample = indices[:: max(1, len(indices) // LOOKED_AT)]
    reach = [np.zeros(packed.height), np.zeros(packed.width)]
    for number, clip in zip(sample, clip_numbers(packed)[sample], strict=True):
        frame = read_rows(packed.pixels, [number])[0].astype("float32")
        apart = np.abs(frame - packed.backgrounds[clip]).max(axis=-1) / 255
        weight = np.maximum(apart - threshold, 0.0)
        weight[cv2.medianBlur((weight > 0).astype("uint8"), 3) == 0] = 0.0  # specks are no dancer
        for axis, far in enumerate(reach):
            along = weight.sum(axis=1 - axis)
            positions = _positions(len(along))
            from_centre = np.abs(positions - (along @ positions) / (along.sum() + EMPTY))
            np.add.at(far, np.minimum(np.ceil(from_centre).astype(int), len(far) - 1), along)
    rows, columns = (_smallest(far, multiple) for far in reach)
    return rows, columns


def _smallest(weight_at: np.ndarray, multiple: int) -> int:
    """Twice the distance beyond which hardly any weight lies, as a multiple, not above the picture's own."""
    inside = np.cumsum(weight_at) / max(weight_at.sum(), 1e-9)
    half = int(np.searchsorted(inside, 1.0 - OUTSIDE)) + MARGIN
    return min(-(-2 * half // multiple), -(-len(weight_at) // multiple)) * multiple
