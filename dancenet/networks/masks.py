"""Which pixels are the dancer's, in training: masks (B, H, W, 1) of 0 and 1.

Shape letters: B batch, H height, W width, C channels.
"""

from keras import ops

#: A pixel belongs to the foreground where any channel differs by more than this from the clip's background.
FOREGROUND_THRESHOLD = 0.06

#: So many pixels around the dancer weigh as the dancer: else limbs that are too thick, and a bright rim, cost
#: little.
RIM = 3


def foreground(frames, backgrounds):
    """1 where a pixel of frames (B, H, W, C) in [0, 1] differs from its clip's background, else 0."""
    difference = ops.max(ops.abs(frames - backgrounds), axis=-1, keepdims=True)
    return ops.cast(difference > FOREGROUND_THRESHOLD, "float32")


def with_rim(mask):
    """A mask, and what lies within `RIM` pixels of it."""
    for _ in range(2):  # rows as pixels, columns as their channels, which is fast; then the other way round
        mask = ops.max_pool(ops.transpose(mask, (0, 1, 3, 2)), (2 * RIM + 1, 1), strides=1, padding="same")
        mask = ops.transpose(mask, (0, 3, 1, 2))
    return mask
