"""A run: one folder with everything made from one set of videos, and safe ways to write into it.

Every file is written beside its place and moved into it, so that a kill at any moment leaves either
the old file or the new one. Each finished stage leaves one JSON at the top of the run: `frames.json`,
`vae.json`, `latents.json`, `choreographer.json`, `joint.json`, `sharpen.json`.
"""

import contextlib
import dataclasses
import errno
import json
import math
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from dancenet.errors import DancenetError

#: Raised when the meaning of a run's files changes; a run with a larger number is refused.
RUN_FORMAT = 1

#: The training stages in the order in which they run.
STAGES = ("frames", "vae", "latents", "choreographer", "joint", "sharpen")

#: Called by long work as `progress(what, done, total)`; `total` may be 0 where it is not known.
Progress = Callable[[str, float, float], None]


def silent(what: str, done: float, total: float) -> None:
    """A `Progress` that shows nothing."""


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into a `DancenetError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DancenetError(
                f"the disk is full while writing {path}",
                "room for the file",
                "free some space and run the same command again",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DancenetError(
                f"no permission to write {path}",
                "a folder you may write to",
                "name another folder or change its permissions",
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise DancenetError(
                f"{path} cannot be made: a file stands where a folder is needed",
                "a free name",
                "name another folder",
            ) from error
        raise


def flush(path: Path) -> None:
    """Have a file's content on the disk before it gets its name: power cuts leave it whole or not at all."""
    if path.is_file():
        with open(path, "rb+") as file:
            os.fsync(file.fileno())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; move it into place when the block ends well.

    The temporary name keeps the ending (encoders look at it) and holds the process number. It is
    removed when the block raises; `Run.sweep` removes what a kill left.
    """
    path = Path(path)
    beside = path.with_name(f".{os.getpid()}.part.{path.name}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            flush(beside)
            os.replace(beside, path)
        except BaseException:
            if beside.is_dir():
                shutil.rmtree(beside, ignore_errors=True)
            else:
                beside.unlink(missing_ok=True)
            raise


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON, atomically. NaN is refused."""
    text = json.dumps(content, indent=2, allow_nan=False, default=_plain) + "\n"
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def finite(figures: dict[str, float]) -> dict[str, float]:
    """The figures that are numbers: what could not be measured (no contrast, no error) is left out."""
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def provenance() -> dict[str, Any]:
    """How something was made: command line, time, versions of what it was made with."""
    versions = {"python": platform.python_version()}
    for package in ("dancenet", "tensorflow", "keras", "numpy", "opencv-python", "av"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
    }


class Run:
    """One run's folder.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, stage: str) -> bool:
        """Whether `stage` has finished at least once."""
        return (self / f"{stage}.json").is_file()

    def read(self, stage: str) -> dict[str, Any]:
        """The JSON of a finished stage.

        Raises:
            DancenetError: the run is missing, the stage has not run, its JSON is damaged, or it was
                written by a newer version.
        """
        path = self / f"{stage}.json"
        if not self.path.is_dir():
            raise DancenetError(
                f"there is no run at {self.path}",
                "a folder made by `dancenet frames`",
                f"make one with: dancenet frames VIDEO --run {self.path}",
            )
        if not path.is_file():
            made_by = "dancenet frames VIDEO" if stage == "frames" else f"dancenet train {stage}"
            raise DancenetError(
                f"{self.path} has no finished stage '{stage}'",
                f"{path.name} in it",
                f"run first: {made_by} --run {self.path}",
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DancenetError(
                f"{path} is damaged ({error})",
                "the JSON that the stage wrote",
                "run the stage again with --fresh",
            ) from error
        self._check_format(path, content)
        return content

    @staticmethod
    def _check_format(path: Path, content: Any) -> None:
        number = content.get("format") if isinstance(content, dict) else None
        if not isinstance(number, int):
            raise DancenetError(
                f"{path} says no format number",
                "a file written by dancenet",
                "run the stage again with --fresh",
            )
        if number > RUN_FORMAT:
            raise DancenetError(
                f"{path} was made by a newer dancenet (format {number})",
                f"format {RUN_FORMAT} or older",
                "update with: pip install --upgrade dancenet",
            )

    def write(self, stage: str, content: dict[str, Any]) -> None:
        """Write a stage's JSON with format number and provenance, atomically: the stage's last act."""
        write_json(
            self / f"{stage}.json",
            {"format": RUN_FORMAT, "stage": stage, **content, "provenance": provenance()},
        )

    def sweep(self) -> None:
        """Remove what killed writers left beside their targets."""
        for leftover in self.path.glob("**/.*.part*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
