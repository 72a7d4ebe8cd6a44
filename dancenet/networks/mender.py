"""A small network that mends poses: what a choreographer shows → what the encoder sees once that is drawn.

Shape letters: D = 128 latent dimensions, U units.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops


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
        poses = ops.convert_to_tensor(poses)
        x = rest = poses[..., self.kept :]
        last = len(self.kernels) - 1
        for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            # as tensors: a device's own numbers do not mix with NumPy's on torch
            x = ops.matmul(x, ops.convert_to_tensor(kernel)) + ops.convert_to_tensor(bias)
            x = x if number == last else ops.relu(x)
        return ops.concatenate([poses[..., : self.kept], rest + x], axis=-1)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by names that begin with `mender_`."""
        layers = zip(self.kernels, self.biases, strict=True)
        numbered = {f"mender_{i}_{j}": part for i, layer in enumerate(layers) for j, part in enumerate(layer)}
        return {"mender_kept": np.array(self.kept, "uint8"), **numbered}

    @classmethod
    def of(cls, arrays: Any) -> "Mender | None":
        """What `arrays` has made, out of these and others; None where they hold no mender."""
        if "mender_kept" not in arrays:
            return None
        count = sum(name.startswith("mender_") and name.endswith("_0") for name in arrays)
        kernels, biases = ([arrays[f"mender_{i}_{j}"] for i in range(count)] for j in (0, 1))
        return cls(kernels, biases, int(arrays["mender_kept"]))
