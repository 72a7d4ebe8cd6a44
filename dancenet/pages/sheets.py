"""Pictures of what exploring finds: strips, sheets, a pose beside the film. No mathematics here.

Shape letters: K rows, P pictures in a row, H height, W width, C channels, D = 128 latent dimensions.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dancenet.errors import DancenetError
from dancenet.exploring.inversion import Inverted
from dancenet.exploring.space import Space
from dancenet.media.pictures import contact_sheet


def picture_out(path: Path) -> Path:
    """`path`, once it is sure that a picture can have that name.

    Raises:
        DancenetError: it ends otherwise, or is a folder.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg") or path.is_dir():
        raise DancenetError(
            f"--out {path}", "a picture ending in .png or .jpg", "for example --out found.png"
        )
    return path


def strips(space: Space, latents: np.ndarray, titles: Sequence[str] | None, path: Path) -> Path:
    """Rows of poses (K, P, D) as the decoder draws them; a title under the first of each row."""
    rows, columns = latents.shape[:2]
    labels = None
    if titles is not None:
        labels = [titles[row] if column == 0 else "" for row in range(rows) for column in range(columns)]
    contact_sheet(space.pictures(latents.reshape(rows * columns, -1)), path, columns=columns, labels=labels)
    return path


def beside_film(space: Space, pose: np.ndarray, frames: Sequence[int], path: Path) -> Path:
    """A pose (D,) as the decoder draws it, then frames of the film with their moments."""
    film = np.stack([space.packed.pixels[frame] for frame in frames])
    labels = ["the pose", *(space.moment(frame) for frame in frames)]
    contact_sheet(np.concatenate([space.pictures(pose[None]), film]), path, columns=7, labels=labels)
    return path


def inverted(space: Space, frame: np.ndarray, made: Inverted, path: Path) -> Path:
    """A frame (H, W, C), how the encoder's guess draws it, and how the refined latents do."""
    drawn = space.pictures(np.stack([made.encoded, made.latents]))
    contact_sheet(np.concatenate([frame[None], drawn]), path, labels=["image", "encoded", "refined"])
    return path
