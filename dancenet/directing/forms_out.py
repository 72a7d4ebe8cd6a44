"""What a piece is written as: a video with sound, a GIF or WebP, numbered pictures, or a contact sheet.

Shape letters: N frames, H height, W width, C channels.
"""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from dancenet.errors import DancenetError
from dancenet.media.moving_image import FASTEST, write_moving_image
from dancenet.media.moving_image import SUFFIXES as MOVING_IMAGES
from dancenet.media.pictures import contact_sheet
from dancenet.media.sound_out import Sound
from dancenet.outputs import VIDEOS
from dancenet.rendering import scaled, write_frames
from dancenet.runs import Progress, replacing

#: Numbered PNGs in one archive.
ARCHIVES = (".zip",)
#: Pictures side by side.
SHEETS = (".png", ".jpg", ".jpeg")
#: How the names of all forms end.
FORMS = (*VIDEOS, *MOVING_IMAGES, *ARCHIVES, *SHEETS)
#: A contact sheet has so many pictures at most, and so many in a row.
SHEET_PICTURES, SHEET_COLUMNS = 40, 8


def check_rate(path: Path, fps: float) -> None:
    """Raise `DancenetError` where the form of `path` cannot show so many frames per second."""
    kind = path.suffix.lower()
    if fps > FASTEST.get(kind, fps):
        raise DancenetError(f"--fps {fps:g} for a {kind}", f"{FASTEST[kind]:g} at most", "25 is smooth")


def write_form(
    path: Path,
    draw: Callable[[np.ndarray], Iterator[np.ndarray]],
    count: int,
    fps: float,
    scale: float,
    progress: Progress,
    sound: Sound | None = None,
) -> None:
    """Write a piece in the form that the name of the file asks for, through `runs.replacing`.

    Args:
        path: one of `FORMS`.
        draw: the frames (H, W, C) uint8 of some numbers, rising, of all `count`.
        count: N.
        fps: frames per second.
        scale: each frame is enlarged by it.
        progress: told how far it is.
        sound: of a video; other forms are silent.
    """
    kind = path.suffix.lower()
    if kind in VIDEOS:
        write_frames(path, draw(np.arange(count)), count, fps, scale, progress, sound)
        return
    numbers = np.arange(count)
    if kind in SHEETS:
        numbers = np.unique(np.linspace(0, count - 1, min(count, SHEET_PICTURES)).round().astype(int))

    def told() -> Iterator[np.ndarray]:
        """The frames, enlarged; says how far it is."""
        for done, frame in enumerate(draw(numbers), start=1):
            yield scaled(frame, scale)
            progress(f"writing {path.name}", done, len(numbers))

    if kind in ARCHIVES:
        _write_archive(path, told(), len(numbers))
    elif kind in MOVING_IMAGES:
        write_moving_image(path, np.stack(list(told())), fps)
    else:
        labels = [f"{number / fps:.1f} s" for number in numbers]
        contact_sheet(np.stack(list(told())), path, columns=SHEET_COLUMNS, labels=labels)


def _write_archive(path: Path, frames: Iterator[np.ndarray], count: int) -> None:
    """Frames as 0001.png, 0002.png … in one archive; PNGs are compressed already."""
    digits = max(4, len(str(count)))
    with replacing(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        for number, frame in enumerate(frames, start=1):
            picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if frame.shape[-1] == 3 else frame
            _, data = cv2.imencode(".png", np.ascontiguousarray(picture))
            # a date of its own would make the same piece another file
            archive.writestr(zipfile.ZipInfo(f"{number:0{digits}}.png"), data.tobytes())
