"""Poses, paths and directions as small files: what is found in a latent space and can be given back to it.

One JSON file each, to be read and changed by hand: what it is, where it is from, its numbers one pose a line,
and the run, the frames and the VAE that it belongs to, for a latent means nothing to another VAE.
Shape letters: T poses of a path, D = 128 latent dimensions.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dancenet.config import LATENT_SIZE
from dancenet.current import joint_is_current
from dancenet.errors import DancenetError
from dancenet.fitting.checkpoints import weights_hash
from dancenet.footage.clips import PackedFrames
from dancenet.latents import Latents
from dancenet.outputs import json_or_empty
from dancenet.runs import Run, provenance, replacing

Kind = Literal["pose", "path", "direction"]

#: Raised when the meaning of these files changes; a file with a larger number is refused.
FORMAT = 1
#: How many numbers of a latent are kept: a millionth of its size is far below the posterior's noise.
_DIGITS = 6
#: Which command makes a file of each kind anew.
_MADE_BY = {
    "pose": "dancenet explore invert",
    "path": "dancenet explore path",
    "direction": "dancenet explore directions",
    "dance": "dancenet generate dance",
}


@dataclass(frozen=True)
class Origin:
    """What latents belong to.

    Attributes:
        run: the run's folder, for whoever reads the file.
        frames: fingerprint of its frames.
        vae: hash of the weights that encode them. Sharpening leaves it: it changes no encoder.
    """

    run: str
    frames: str
    vae: str

    @classmethod
    def of(cls, run: Run | None, packed: PackedFrames) -> "Origin":
        """That of the latents that a run dances with; None: of the model that comes with dancenet.

        Raises:
            DancenetError: the VAE has not been trained.
        """
        if run is None:
            from dancenet.dancing.shipped import MODEL

            return cls("the built-in dancer's model", packed.fingerprint, weights_hash(MODEL))
        joint = run.has("choreographer") and joint_is_current(run)
        weights = run / "joint" / "vae.weights.h5" if joint else run / "vae" / "best.weights.h5"
        return cls(str(run.path.resolve()), packed.fingerprint, weights_hash(weights))


@dataclass(frozen=True)
class Pose:
    """One point of the latent space.

    Attributes:
        latents: (D,) float32.
        origin: what it belongs to.
        told: where it is from, for example {"moment": "solo:12.5"} or {"picture": "me.jpg"}; JSON-able.
    """

    latents: np.ndarray
    origin: Origin
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PosePath:
    """A way through the latent space.

    Attributes:
        latents: (T, D) float32.
        fps: poses per second.
        origin: what it belongs to.
        told: how it was made; JSON-able.
    """

    latents: np.ndarray
    fps: float
    origin: Origin
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Direction:
    """A way in which every pose can be changed; `directions.moved` does it.

    Attributes:
        name: what one goes along with it, such as "arms_up".
        vector: (D,) float32; an amount of 1 adds it once. Of a named direction that is the whole way from
            the poses without to the poses with, of a principal one a standard deviation of the film.
        origin: what it belongs to.
        told: how it was found and how well it was checked; JSON-able.
    """

    name: str
    vector: np.ndarray
    origin: Origin
    told: dict[str, Any] = field(default_factory=dict)


def save_pose(path: Path, pose: Pose) -> Path:
    """Write a pose (.json), atomically."""
    return _write(path, "pose", pose.origin, pose.told, {}, "latents", pose.latents[None])


def save_path(path: Path, way: PosePath) -> Path:
    """Write a path (.json), atomically."""
    return _write(path, "path", way.origin, way.told, {"fps": way.fps}, "latents", way.latents)


def save_direction(path: Path, direction: Direction) -> Path:
    """Write a direction (.json), atomically."""
    head = {"name": direction.name}
    return _write(path, "direction", direction.origin, direction.told, head, "vector", direction.vector[None])


def load_pose(path: Path, origin: Origin | None = None) -> Pose:
    """Read a pose.

    Args:
        path: what `save_pose` wrote.
        origin: what it must belong to; None: whatever it belongs to.

    Raises:
        DancenetError: missing, damaged, no pose, or that of another run or VAE.
    """
    content, own = _read(path, "pose", origin)
    return Pose(_numbers(path, content, "latents", "pose")[0], own, content["told"])


def load_path(path: Path, origin: Origin | None = None) -> PosePath:
    """Read a path; arguments and errors as of `load_pose`."""
    content, own = _read(path, "path", origin)
    fps = content.get("fps")
    if not isinstance(fps, int | float) or not 0 < fps < math.inf:
        raise _damaged(path, "path", f"fps {fps}")
    return PosePath(_numbers(path, content, "latents", "path"), float(fps), own, content["told"])


def load_direction(path: Path, origin: Origin | None = None) -> Direction:
    """Read a direction; arguments and errors as of `load_pose`."""
    content, own = _read(path, "direction", origin)
    vector = _numbers(path, content, "vector", "direction")[0]
    return Direction(str(content.get("name", Path(path).stem)), vector, own, content["told"])


def pose_at(text: str, packed: PackedFrames, latents: Latents, origin: Origin) -> np.ndarray:
    """The latents (D,) of what a user names: CLIP:SECOND of the film, or a pose file (.json).

    Raises:
        DancenetError: no such moment, no such file, or the pose of another run.
    """
    if names_file(text):
        return load_pose(Path(text), origin).latents
    return latents.mean[packed.locate(text)]


def names_file(text: str) -> bool:
    """Whether a user's word for a pose is that of a file rather than of a moment."""
    return text.lower().endswith(".json")


def _write(
    path: Path, kind: Kind, origin: Origin, told: dict, head: dict, name: str, numbers: np.ndarray
) -> Path:
    """Everything indented but the numbers, which stand one pose a line."""
    path = json_out(path, kind)
    content = {
        "kind": kind, "format": FORMAT, **head, "told": told, "belongs_to": vars(origin),
        "provenance": provenance(),
    }  # fmt: skip
    text = json.dumps(content, indent=2, allow_nan=False)
    rows = [", ".join(f"{value:.{_DIGITS}g}" for value in row) for row in np.asarray(numbers, float)]
    listed = ",\n".join(f"    [{row}]" for row in rows)
    with replacing(path) as beside:
        beside.write_text(f'{text[:-2]},\n  "{name}": [\n{listed}\n  ]\n}}\n', encoding="utf-8")
    return path


def json_out(path: Path, kind: str) -> Path:
    """`path`, once it is sure that it may hold a file of this kind.

    Raises:
        DancenetError: no name of a .json, or another kind of file has that name.
    """
    path = Path(path)
    if path.suffix.lower() != ".json" or path.is_dir():
        raise DancenetError(f"--out {path}", f"a {kind} file ending in .json", f"for example {kind}.json")
    if path.is_file() and json_or_empty(path).get("kind") != kind:
        raise DancenetError(f"{path} is no {kind} file and would be lost", "a name of its own")
    return path


def _read(path: Path, kind: Kind, origin: Origin | None) -> tuple[dict[str, Any], Origin]:
    """The content of a file of that kind, and what it belongs to: `origin`, where that is given."""
    path = Path(path)
    if not path.is_file():
        raise DancenetError(
            f"there is no file {path}", f"a {kind} file", f"make one with: {_MADE_BY[kind]} --help"
        )
    content = json_or_empty(path)
    if content.get("kind") != kind:
        said = content.get("kind")
        what = (
            f"a {said} file"
            if isinstance(said, str) and said in _MADE_BY
            else "damaged, or none of dancenet's files"
        )
        raise DancenetError(f"{path} is {what}", f"a {kind} file", f"make one with: {_MADE_BY[kind]} --help")
    if not isinstance(content.get("format"), int) or content["format"] > FORMAT:
        raise DancenetError(
            f"{path} has format {content.get('format')}", f"format {FORMAT} or older",
            "update with: pip install --upgrade dancenet",
        )  # fmt: skip
    try:
        own = Origin(**content["belongs_to"])
    except (KeyError, TypeError):
        raise _damaged(path, kind, "it does not say what it belongs to") from None
    if not isinstance(content.setdefault("told", {}), dict):
        raise _damaged(path, kind, "what it tells of itself is no table")
    if origin is not None and own.vae != origin.vae:
        raise foreign(f"{path}", kind, own, origin)
    return content, own


def check_origin(path: Path, kind: str, origin: Origin) -> None:
    """Raise `DancenetError` where the JSON at `path` says that it belongs to another VAE than `origin`."""
    said = json_or_empty(path).get("belongs_to") if path.is_file() else None
    try:
        own = Origin(**said) if said else origin
    except TypeError:
        own = origin
    if own.vae != origin.vae:
        raise foreign(str(path), kind, own, origin)


def foreign(what: str, kind: str, own: Origin, origin: Origin) -> DancenetError:
    """The error for a file of another run, or of this run before its VAE was trained further."""
    where = "an earlier VAE of this run" if own.run == origin.run else f"another run ({own.run})"
    return DancenetError(
        f"{what} is a {kind} of {where}: to this VAE its numbers mean nothing",
        f"a {kind} of {origin.run}", f"make it again with: {_MADE_BY[kind]} --run {origin.run}",
    )  # fmt: skip


def _numbers(path: Path, content: dict[str, Any], name: str, kind: Kind) -> np.ndarray:
    """(T, D) float32; T is 1 but for a path."""
    rows = content.get(name)
    try:
        array = np.array(rows, "float32") if isinstance(rows, Sequence) else np.empty(0)
    except (ValueError, TypeError):
        array = np.empty(0)
    good = array.ndim == 2 and array.shape[1] == LATENT_SIZE and len(array) and np.isfinite(array).all()
    if not good or (kind != "path" and len(array) != 1):
        raise _damaged(path, kind, f"'{name}' must be rows of {LATENT_SIZE} finite numbers")
    return array


def _damaged(path: Path, kind: Kind, what: str) -> DancenetError:
    return DancenetError(
        f"{path} is damaged: {what}", f"a {kind} file as dancenet writes it",
        f"make it again with: {_MADE_BY[kind]} --help",
    )  # fmt: skip
