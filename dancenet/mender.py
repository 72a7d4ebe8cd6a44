"""A small network that mends poses: what a choreographer shows → what the encoder sees once that is drawn.

Shape letters: D = 128 latent dimensions, U units.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from dancenet.errors import DancenetError
from dancenet.runs import replacing


class Mender:
    """Dense layers with ReLU between them, whose outcome is added to the pose.

    Args:
        kernels, biases: of the layers, (D - kept, U), …, (U, D - kept), and (U,), …; float32.
        kept: so many latents, the first ones, are neither looked at nor changed.
    """

    def __init__(self, kernels: Sequence[np.ndarray], biases: Sequence[np.ndarray], kept: int = 0):
        self.kernels = [np.asarray(kernel, "float32") for kernel in kernels]
        self.biases = [np.asarray(bias, "float32") for bias in biases]
        self.kept = kept

    def __call__(self, poses: Any) -> Any:
        """Standardised poses (..., D) mended."""
        x = rest = poses[..., self.kept :]
        last = len(self.kernels) - 1
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = ops.matmul(x, kernel) + bias
            x = x if number == last else ops.relu(x)
        return ops.concatenate([poses[..., : self.kept], rest + x], axis=-1)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by names that begin with `mender_`."""
        layers = zip(self.kernels, self.biases, strict=True)
        numbered = {f"mender_{i}_{j}": part for i, layer in enumerate(layers) for j, part in enumerate(layer)}
        return {"mender_kept": np.array(self.kept), **numbered}

    @classmethod
    def of(cls, arrays: Any) -> "Mender | None":
        """What `arrays` has made, out of these and others; None where they hold no mender."""
        if "mender_kept" not in arrays:
            return None
        count = sum(name.startswith("mender_") and name.endswith("_0") for name in arrays)
        kernels, biases = ([arrays[f"mender_{i}_{j}"] for i in range(count)] for j in (0, 1))
        return cls(kernels, biases, int(arrays["mender_kept"]))

    def save(self, path: Path) -> None:
        """Write it as an .npz, atomically."""
        with replacing(path) as beside, open(beside, "wb") as file:
            np.savez(file, allow_pickle=False, **self.arrays)

    @classmethod
    def load(cls, path: Path) -> "Mender | None":
        """Read what `save` wrote; None where there is no file: runs were sharpened before there were menders.

        Raises:
            DancenetError: it is damaged.
        """
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls.of({name: stored[name] for name in stored.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DancenetError(
                f"{path} is damaged ({error})", "the mender that sharpening left",
                "make it again: dancenet train sharpen --fresh --run DIR",
            ) from error  # fmt: skip
