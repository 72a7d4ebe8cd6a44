"""Frames as numbered JPEGs in a folder (`dancenet frames --images`), and nobody else's files replaced."""

import json
from collections.abc import Sequence
from pathlib import Path

from dancenet import runs
from dancenet.errors import DancenetError
from dancenet.footage.clips import PackedFrames
from dancenet.footage.inputs import Source
from dancenet.media import pictures
from dancenet.runs import Progress

#: Lies in a folder of images that `--images` has written: only such a folder is written again.
IMAGES_MARK = ".dancenet-images.json"


def check_apart(folder: Path, sources: Sequence[Source]) -> None:
    """Refuse to write images over those that are read."""
    for source in sources:
        if source.images and source.path.resolve().is_relative_to(folder.resolve()):
            raise DancenetError(
                f"--images {folder} is where the input {source.path} lies", "another folder for the result",
                "name a new one, for example --images out/imgs",
            )  # fmt: skip


def _ours(folder: Path) -> set[Path]:
    """Images that an earlier `--images` has left in `folder`, as its `IMAGES_MARK` says."""
    try:
        counts = json.loads((folder / IMAGES_MARK).read_text(encoding="utf-8"))["images"]
        return {
            folder / name / f"{number}.jpg"
            for name, count in counts.items()
            for number in range(1, count + 1)
        }
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return set()  # none, or damaged: then nothing there is known to be ours


def check_images_folder(folder: Path) -> None:
    """Raise `DancenetError` unless images can be written there without touching what is not ours."""
    if folder.exists() and not folder.is_dir():
        raise DancenetError(f"--images {folder} is a file", "the name of a folder", "name another one")
    there = {path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")}
    if others := sorted(there - _ours(folder)):
        raise DancenetError(
            f"{folder} holds other files already, such as {others[0].relative_to(folder)}",
            "an empty or new folder", "remove them or name another folder with --images",
        )  # fmt: skip


def write_images(packed: PackedFrames, folder: Path, progress: Progress) -> None:
    """Numbered JPEGs, from 1.jpg on; one sub-folder per clip where there are several.

    Those of an earlier time go, in case they were more.
    """
    earlier, many = _ours(folder), len(packed.clips) > 1
    counts = {clip.name if many else ".": clip.length for clip in packed.clips}
    runs.write_json(folder / IMAGES_MARK, {"images": counts})
    for image in earlier:
        image.unlink(missing_ok=True)
    for clip in packed.clips:
        below = folder / clip.name if many else folder
        for index in range(clip.length):
            pictures.write_image(packed.pixels[clip.start + index], below / f"{index + 1}.jpg")
            progress("writing images", clip.start + index + 1, len(packed))
