"""Pictures that move without being a video: animated GIF and WebP, which repeat for ever.

Shape letters: N frames, H height, W width, C channels.
"""

from pathlib import Path
from typing import Any

import numpy as np

from dancenet import runs
from dancenet.errors import DancenetError

#: How their names end.
SUFFIXES = (".gif", ".webp")
#: GIF counts in hundredths of a second, WebP in thousandths; players show no GIF faster than 50 per second.
TICKS = {".gif": 100, ".webp": 1000}
FASTEST = {".gif": 50.0, ".webp": 240.0}
#: Frames from which the colours of a GIF are chosen, all of its frames having the same: nothing flickers.
PALETTE_FRAMES = 16


def write_moving_image(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write frames (N, H, W, C) uint8 that repeat for ever, through `runs.replacing`.

    Frames last whole ticks of the format, a longer one now and then, so that the whole is as long as asked.

    Raises:
        DancenetError: a rate that the format cannot show, or a place that cannot be written.
    """
    from PIL import Image

    kind = path.suffix.lower()
    if fps > FASTEST[kind]:
        raise DancenetError(f"--fps {fps:g} for a {kind}", f"{FASTEST[kind]:g} at most", "25 is smooth")
    ticks = TICKS[kind]
    ends = np.rint(np.arange(len(frames) + 1) / fps * ticks).astype(int)
    lasts_ms = (np.diff(ends) * (1000 // ticks)).tolist()
    rgb = np.repeat(frames, 3, axis=-1) if frames.shape[-1] == 1 else frames
    pictures = [Image.fromarray(np.ascontiguousarray(frame)) for frame in rgb]
    if kind == ".gif":
        few = rgb[np.linspace(0, len(rgb) - 1, min(PALETTE_FRAMES, len(rgb))).astype(int)]
        palette = Image.fromarray(np.concatenate(few)).quantize(256)
        pictures = [picture.quantize(palette=palette) for picture in pictures]
        settings: dict[str, Any] = {"optimize": False, "disposal": 1}
    else:
        settings = {"quality": 90, "method": 4}
    with runs.replacing(path) as beside:
        pictures[0].save(
            beside, save_all=True, append_images=pictures[1:], duration=lasts_ms, loop=0, **settings
        )
