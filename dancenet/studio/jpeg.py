"""Pictures as they are sent.

Shape letters: B frames, H height, W width, C channels.
"""

import numpy as np
import simplejpeg

#: Quality of the JPEGs, of 100.
QUALITY = 88


def as_jpeg(picture: np.ndarray, quality: int = QUALITY) -> bytes:
    """A frame (H, W, C) uint8 as JPEG."""
    colours = "GRAY" if picture.shape[-1] == 1 else "RGB"
    return simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=quality, colorspace=colours)


def row_as_jpeg(pictures: np.ndarray) -> bytes:
    """Frames (B, H, W, C) side by side as one JPEG."""
    return as_jpeg(np.concatenate(list(pictures), axis=1))
