"""Everything that training needs to go on: variables and counters in one file, loaded without executing it.

`last.npz` holds the arrays of model and optimiser and a JSON text; it is replaced as a whole, so that a
kill at any moment leaves a state that belongs together.
"""

import contextlib
import functools
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dancenet.errors import DancenetError
from dancenet.networks.mender import Mender
from dancenet.runs import replacing


def variables_of(*parts) -> list:
    """The variables of models and optimisers in a fixed order."""
    return [variable for part in parts for variable in part.variables]


def all_finite(variables: list) -> bool:
    """Whether every number in every variable of floating point is finite."""
    return all(
        bool(np.isfinite(keras.ops.convert_to_numpy(variable.value)).all())
        for variable in variables
        if "float" in keras.backend.standardize_dtype(variable.dtype)
    )


def save_state(path: Path, variables: list, counters: dict[str, Any]) -> None:
    """Write `variables` and the JSON-able `counters` to `path` (.npz), atomically."""
    arrays = {f"v{i}": keras.ops.convert_to_numpy(variable.value) for i, variable in enumerate(variables)}
    arrays["counters"] = np.frombuffer(json.dumps(counters, allow_nan=False).encode(), "uint8")
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, **arrays)


def load_state(path: Path, variables: list) -> dict[str, Any]:
    """Read `path` into `variables` and return the counters.

    Raises:
        DancenetError: the file is damaged, or belongs to another network.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            counters = json.loads(stored["counters"].tobytes())
            values = [stored[f"v{i}"] for i in range(len(stored.files) - 1)]
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _unfit(path, f"cannot be read ({error})") from error
    if len(values) != len(variables):
        raise _unfit(path, f"holds {len(values)} variables, the network has {len(variables)}")
    for value, variable in zip(values, variables, strict=True):
        if tuple(value.shape) != tuple(variable.shape):
            raise _unfit(path, f"{variable.path} has shape {value.shape} in place of {tuple(variable.shape)}")
    for value, variable in zip(values, variables, strict=True):
        variable.assign(value)
    return counters


def _unfit(path: Path, what: str) -> DancenetError:
    return DancenetError(
        f"the checkpoint {path} does not fit: {what}",
        "a checkpoint of the same preset and frame size",
        "start this stage again with --fresh",
    )


def _missing(path: Path) -> DancenetError:
    return DancenetError(
        f"there are no weights at {path}",
        "the file that training left",
        "train the stage again with --fresh",
    )


@contextlib.contextmanager
def _without_optimizer(model: keras.Model) -> Iterator[None]:
    """Keras counts the optimiser among a model's weights; it belongs into `last.npz` alone."""
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        yield
    finally:
        model.optimizer = optimizer


def save_weights(model: keras.Model, path: Path) -> None:
    """Write a model's weights (`.weights.h5`), atomically."""
    with replacing(path) as beside, _without_optimizer(model):
        model.save_weights(beside)


def load_weights(model: keras.Model, path: Path) -> None:
    """Read weights into `model`.

    Raises:
        DancenetError: the file is missing, damaged, or belongs to another network.
    """
    if not path.is_file():
        raise _missing(path)
    try:
        with _without_optimizer(model):
            model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise _unfit(path, str(error).splitlines()[0]) from error


def weights_hash(path: Path) -> str:
    """A short hash of a weights file, by which later stages notice that it has changed.

    Raises:
        DancenetError: the file is missing.
    """
    return _hash_of(path, stamp_of(path))


def stamp_of(path: Path) -> tuple[int, ...]:
    """What changes of a weights file, as it is replaced as a whole, whenever its content does.

    Raises:
        DancenetError: the file is missing.
    """
    if not path.is_file():
        raise _missing(path)
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@functools.lru_cache(maxsize=64)
def _hash_of(path: Path, stamp: tuple[int, ...]) -> str:
    # a run that is loaded asks for the same files' several times
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def keep_mender(mender: Mender | None, path: Path) -> None:
    """Write a mender as an .npz, atomically; where there is none, see that there is no file."""
    if mender is None:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, allow_pickle=False, **mender.arrays)


def load_mender(path: Path) -> Mender | None:
    """Read what `keep_mender` wrote; None without a file: runs were sharpened before there were menders.

    Raises:
        DancenetError: it is damaged.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            mender = Mender.of({name: stored[name] for name in stored.files})
        if mender is None:
            raise ValueError("it holds no mender")
        return mender
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DancenetError(
            f"{path} is damaged ({error})", "the mender that sharpening left",
            "make it again: dancenet train sharpen --fresh --run DIR",
        ) from error  # fmt: skip
