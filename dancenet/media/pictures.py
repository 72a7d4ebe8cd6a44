"""Single pictures in and out: images of a folder, contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from dancenet import runs
from dancenet.errors import DancenetError


def read_image(path: Path) -> np.ndarray:
    """One image as uint8 RGB (H, W, 3), turned as its camera noted.

    Raises:
        DancenetError: missing, empty or damaged image.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DancenetError(f"{path} cannot be read ({error.strerror})", "a readable image") from error
    picture = as_picture(data)
    if picture is None:
        raise DancenetError(
            f"{path} is damaged or no image", "a whole JPEG or PNG", "remove it or export it again"
        )
    return picture


def as_picture(data: bytes) -> np.ndarray | None:
    """An image file's content as uint8 RGB (H, W, 3), turned as its camera noted; None: damaged, or none.

    Raises:
        cv2.error: more pixels than OpenCV reads.
    """
    if not data or _broken_jpeg(data):
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _broken_jpeg(data: bytes) -> bool:
    """Whether a JPEG is cut off or damaged inside: OpenCV fills what is missing with grey and goes on.

    The JPEG library notices nearly all such damage and only warns; `simplejpeg` makes its warnings errors.
    """
    if data[:2] != b"\xff\xd8":
        return False
    try:
        simplejpeg.decode_jpeg(data, colorspace="GRAY", strict=True)
    except ValueError as error:  # other errors are of kinds of JPEG that OpenCV may know
        return any(word in str(error) for word in ("Corrupt JPEG", "Premature end"))
    return False


def write_image(picture: np.ndarray, path: Path) -> None:
    """Write uint8 (H, W, C), C 1 or 3 (RGB), in the format of the suffix, through `runs.replacing`."""
    if picture.ndim == 3 and picture.shape[-1] == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    settings = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix.lower() in (".jpg", ".jpeg") else []
    done, data = cv2.imencode(path.suffix, np.ascontiguousarray(picture), settings)
    if not done:
        raise DancenetError(
            f"{path} has no image format that can be written", "a name ending in .png or .jpg"
        )
    with runs.replacing(path) as beside:
        beside.write_bytes(data.tobytes())


def contact_sheet(
    frames: np.ndarray, path: Path, *, columns: int = 8, labels: Sequence[str] | None = None
) -> None:
    """Frames side by side in one PNG, in reading order.

    Args:
        frames: (N, H, W, C) uint8, C 1 or 3 (RGB).
        path: the PNG.
        columns: frames per row.
        labels: a line of text under each frame.
    """
    count, height, width, _ = frames.shape
    columns = max(1, min(columns, count))
    strip = 14 if labels is not None else 0
    gap = 2
    rows = -(-count // columns)
    sheet = np.full((rows * (height + strip + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for index, frame in enumerate(frames):
        top = gap + index // columns * (height + strip + gap)
        left = gap + index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = frame  # one channel spreads over three
        if labels is not None:
            line = np.full((strip, width, 3), 255, np.uint8)
            _print(line, labels[index])
            sheet[top + height : top + height + strip, left : left + width] = line
    write_image(sheet, path)


def _print(line: np.ndarray, text: str) -> None:
    """Write text into a strip (h, w, 3), as large as it fits."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.36
    (wide, _), _ = cv2.getTextSize(text, font, scale, 1)
    scale = min(scale, scale * (line.shape[1] - 4) / max(wide, 1))
    cv2.putText(line, text, (2, line.shape[0] - 4), font, scale, (60, 60, 60), 1, cv2.LINE_AA)
