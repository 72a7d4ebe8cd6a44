"""How sharp pictures are: gradient energy of dances beside that of unseen takes.

The other figures see poses, on principal components of small pictures, where blur hardly shows. A VAE's
mean of all plausible pictures is a blur (Larsen et al. 2016), so it is measured by itself.
Shape letters: N frames.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dancenet.evaluation.reconstruction import gradient_energy, halved
from dancenet.evaluation.stretches import real_stretches
from dancenet.evaluation.verdict import Figures

#: On which side of real dance they are wrong, and which trivial dancer they are there to catch: a random
#: walk leaves the poses that a decoder knows, and is drawn in pieces.
SHARPNESS_FIGURES: Figures = {
    "half_sharpness": ("both", ("random walk",)), "sharpness": ("both", ("random walk",)),
}  # fmt: skip


@dataclass(frozen=True)
class Sharpness:
    """Gradient energy of frames over that of all unseen frames: 1 is as sharp as film.

    Attributes:
        half_sharpness: of pictures at half their size, where arms and feet show, and grain does not.
        sharpness: of pictures at their own size.
    """

    half_sharpness: float
    sharpness: float


class Energies:
    """Takes the gradient energy of frames as they pass by on their way to something else."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []

    def of(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same frames (H, W, C), uint8."""
        for frame in frames:
            self._found.append((_energy(halved(frame[None])), _energy(frame[None])))
            yield frame

    def taken(self) -> np.ndarray:
        """(N, 2) of the frames that have passed: at half their size, and at their own."""
        return np.array(self._found, "float64").reshape(-1, 2)


class SharpnessMeasure:
    """Compares gradient energies with those of unseen takes.

    Args:
        held_out: per unseen take the energies (N, 2) of its frames.
        fps: rate of the takes.
    """

    def __init__(self, held_out: Sequence[np.ndarray], fps: float):
        self.held_out, self.fps = held_out, fps
        self._real = np.concatenate(list(held_out)).mean(axis=0)

    def measure(self, *segments: np.ndarray) -> Sharpness:
        """Of energies (N, 2) in one or several segments; `nan` where the unseen takes have no gradient."""
        made = np.concatenate(segments).mean(axis=0)
        half, full = np.divide(made, self._real, out=np.full(2, np.nan), where=self._real > 0)
        return Sharpness(float(half), float(full))

    def real(self, *, seconds: float, seeds: Iterable[int] = range(8)) -> list[Sharpness]:
        """Of unseen takes put together to the same length, one per seed."""
        return [self.measure(*real_stretches(self.held_out, seconds, seed, fps=self.fps)) for seed in seeds]


def _energy(frames: np.ndarray) -> float:
    return gradient_energy(frames.astype("float32") / 255)
