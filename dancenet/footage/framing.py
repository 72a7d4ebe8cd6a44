"""A picture of any size into the frame: letterbox, crop, or a window cut out of it."""

import dataclasses
import math

import cv2
import numpy as np

from dancenet.config import Fit, FrameOptions
from dancenet.footage.background import border_colour
from dancenet.footage.clips import PackedFrames

#: Longest side in pixels of the pictures that the dancer is looked for in.
WORKING_SIDE = 256
#: Logarithms of shapes that differ by less are the same.
SAME_SHAPE = 0.03


def resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (h, w, C) uint8 at another size, by area averaging when it shrinks."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(picture, (width, height), interpolation=how).reshape(height, width, -1)


def fitted_size(width: int, height: int, options: FrameOptions) -> tuple[int, int]:
    """Width and height in pixels of a whole picture of that size, fitted into the frame or (crop) over it."""
    ratios = options.width / width, options.height / height
    ratio = max(ratios) if options.fit == "crop" else min(ratios)
    fitted = max(1, round(width * ratio)), max(1, round(height * ratio))
    if options.fit == "crop":
        return max(fitted[0], options.width), max(fitted[1], options.height)
    return min(fitted[0], options.width), min(fitted[1], options.height)


def working_size(width: int, height: int, options: FrameOptions) -> tuple[int, int]:
    """Width and height in pixels at which a picture is kept until the clip is known.

    Fitted already, where no dancer has to be found in it; twice as fine for silhouettes, so that their
    edges come out smooth.
    """
    if options.fit == "follow":
        ratio = min(1.0, WORKING_SIDE * (2 if options.silhouette else 1) / max(width, height))
    elif options.silhouette:
        ratio = min(1.0, 2 * fitted_size(width, height, options)[0] / width)
    else:
        return fitted_size(width, height, options)
    return max(2, round(width * ratio)), max(2, round(height * ratio))


def fit_whole(picture: np.ndarray, options: FrameOptions, colour: np.ndarray) -> np.ndarray:
    """Letterbox or crop a whole picture (h, w, 3) to (H, W, 3); `colour` (3,) fills what it leaves free."""
    picture = resize(picture, *fitted_size(picture.shape[1], picture.shape[0], options))
    height, width = picture.shape[:2]
    if options.fit == "crop":
        top, left = (height - options.height) // 2, (width - options.width) // 2
        return picture[top : top + options.height, left : left + options.width]
    top, left = (options.height - height) // 2, (options.width - width) // 2
    frame = np.empty((options.height, options.width, 3), np.uint8)
    frame[:] = colour
    frame[top : top + height, left : left + width] = picture
    return frame


def alike(shape: float, other: float) -> bool:
    """Whether two shapes of pictures (width / height) are the same but for rounding to whole pixels."""
    return abs(math.log(shape / other)) < SAME_SHAPE


def as_frame(picture: np.ndarray, packed: PackedFrames) -> np.ndarray:
    """Any picture (h, w, 3) RGB uint8 as a frame (H, W, C) of a film.

    One of the frames' shape is scaled, any other is fitted as the film's frames were, in the colour of its
    own rim; where a window follows the dancer, the middle is cut out.
    """
    options = packed.options
    if alike(picture.shape[1] / picture.shape[0], packed.width / packed.height):
        frame = resize(picture, packed.width, packed.height)
    else:
        fit: Fit = "crop" if options.fit == "follow" else options.fit
        whole = dataclasses.replace(options, width=packed.width, height=packed.height, fit=fit)
        frame = fit_whole(picture, whole, border_colour(picture))
    if packed.channels == 1:
        frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None]
    return np.ascontiguousarray(frame)


def cut_window(
    picture: np.ndarray,
    centre: np.ndarray,
    size: tuple[float, float],
    options: FrameOptions,
    colour: np.ndarray,
) -> np.ndarray:
    """Cut a window out of a picture and scale it to the frame.

    Args:
        picture: (h, w, 3) uint8.
        centre: x, y of the window's centre, in parts of the picture's width and height.
        size: the window's width and height in the same parts.
        options: width and height of the result.
        colour: (3,) uint8, for what lies beyond the picture.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = picture.shape[:2]
    scale = options.height / (size[1] * height)
    if scale < 1:  # area averaging first, then a cut at sub-pixel places
        picture = resize(picture, max(1, round(width * scale)), max(1, round(height * scale)))
        height, width = picture.shape[:2]
    span = np.array([size[0] * width, size[1] * height])
    step = span / (options.width, options.height)
    corner = centre * (width, height) - span / 2 + step / 2 - 0.5
    return cv2.warpAffine(
        picture,
        np.array([[step[0], 0, corner[0]], [0, step[1], corner[1]]]),
        (options.width, options.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=[int(value) for value in colour],
    )
