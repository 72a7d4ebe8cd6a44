"""Stage 3's product: the posterior of every frame, with clip boundaries and the scale it is standardised by.

Shape letters: N frames, D = 128 latent dimensions.
"""

import contextlib
import math
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.batching.ahead import batch_makers, made_ahead
from dancenet.batching.batches import Variation
from dancenet.config import LATENT_SIZE
from dancenet.errors import DancenetError
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.footage.mapped import read_rows
from dancenet.runs import Progress, replacing, silent

#: Larger arrays are mapped from the file; posteriors are looked through so many frames at a time.
MAPPED_BYTES, BLOCK = 64 << 20, 8192

#: frames uint8 (B, H, W, C) → posterior mean and log-variance, each (B, D).
Encoder = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Latents:
    """Posteriors of a run's frames.

    Attributes:
        mean, log_variance: (N, D) float32.
        varied_mean, varied_log_variance: (V, N, D) of the same frames turned over or by other cameras, as far
            as that suits the film; V may be 0.
        center, scale: (D,) mean and standard deviation of draws from the posteriors of the training takes.
        clip_starts, clip_lengths: (clips,) frames.
        fps: frames per second.
    """

    mean: np.ndarray
    log_variance: np.ndarray
    varied_mean: np.ndarray
    varied_log_variance: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    clip_starts: np.ndarray
    clip_lengths: np.ndarray
    fps: np.ndarray

    def standardise(self, latents: np.ndarray) -> np.ndarray:
        """(..., D) latents → about zero mean and unit variance, the choreographer's units."""
        return (latents - self.center) / self.scale

    def restore(self, standardised: np.ndarray) -> np.ndarray:
        """The inverse of `standardise`."""
        return standardised * self.scale + self.center

    def span(self, clip: int) -> slice:
        """Frames of the 0-based clip."""
        return slice(int(self.clip_starts[clip]), int(self.clip_starts[clip] + self.clip_lengths[clip]))

    def save(self, path: Path) -> None:
        """Write all arrays to an .npz without pickles, atomically."""
        with replacing(path) as beside, open(beside, "wb") as file:
            np.savez(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Latents":
        """Read what `save` wrote; arrays of more than `MAPPED_BYTES` are memory-mapped read-only.

        Raises:
            DancenetError: the file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(**{name: _array(path, stored, name) for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise DancenetError(
                f"{path} is missing or damaged ({error})", "the latents that training left",
                "make them again: dancenet train latents --fresh --run DIR",
            ) from error  # fmt: skip


def _array(path: Path, stored: Any, name: str) -> np.ndarray:
    """One array of an .npz: read, or where it is large mapped from where it lies in the file."""
    entry = stored.zip.getinfo(f"{name}.npy")
    if entry.file_size <= MAPPED_BYTES or entry.compress_type != zipfile.ZIP_STORED:
        return stored[name]
    with open(path, "rb") as file:
        file.seek(entry.header_offset + 26)  # lengths of the name and of what follows it
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{name} holds objects")
        return np.memmap(file, dtype, "r", file.tell(), shape)


class _Posteriors:
    """Posteriors under way, (ways, 2, N, D) float32: means, then log-variances, one way after the other.

    Args:
        folder: where they lie, so that a kill costs one way at most; None: in memory.
        shape: see above.
    """

    def __init__(self, folder: Path | None, shape: tuple[int, ...]):
        self.folder, self.shape = folder, shape
        self._memory = np.zeros(shape, "float32") if folder is None else None
        if folder is None or (self._file.is_file() and self.array.shape == shape):
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with replacing(self._file) as beside, open(beside, "wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": shape}
            )
            file.truncate(file.tell() + 4 * math.prod(shape))

    @property
    def _file(self) -> Path:
        return self.folder / "posteriors.npy"  # type: ignore[operator]

    @property
    def array(self) -> np.ndarray:
        """What there is."""
        return (
            np.load(self._file, mmap_mode="r", allow_pickle=False) if self._memory is None else self._memory
        )

    def has(self, way: int) -> bool:
        """Whether a way is done."""
        return self.folder is not None and (self.folder / f"{way}.done").is_file()

    def fill(self, way: int, blocks: Iterator[tuple[np.ndarray, np.ndarray]]) -> None:
        """Take a way's means and log-variances (n, D), blocks of them in order.

        Written as any file is: a full disk is an error then, which through a memory map it would not be.
        """
        at = 0
        with open(self._file, "r+b") if self.folder else contextlib.nullcontext() as file:
            for both in blocks:
                for which, part in enumerate(both):
                    if file is None:
                        self.array[way, which, at : at + len(part)] = part
                        continue
                    place = ((way * 2 + which) * self.shape[2] + at) * self.shape[3] * 4
                    file.seek(place - 4 * math.prod(self.shape), os.SEEK_END)
                    file.write(np.ascontiguousarray(part, "<f4").tobytes())
                at += len(both[0])
            if file is not None:
                file.flush()
                os.fsync(file.fileno())
                (self.folder / f"{way}.done").touch()  # type: ignore[operator]


def encode_frames(
    packed: PackedFrames,
    encoder: Encoder,
    training: np.ndarray,
    *,
    variations: list[Variation],
    batch: int = 64,
    keep: Path | None = None,
    progress: Progress = silent,
) -> Latents:
    """Encode every frame, as filmed and in every variation.

    Args:
        encoder: frames → posterior.
        training: indices of the frames whose draws set `center` and `scale`.
        variations: other ways of showing the film.
        keep: folder for each way that is done, so that a kill costs one at most, and memory does not grow
            with the film: the arrays returned lie there until they are saved. None: in memory alone.
    """
    ways = [Variation(False), *variations]
    made = _Posteriors(keep, (len(ways), 2, len(packed), LATENT_SIZE))
    for done, way in enumerate(ways):
        if not made.has(done):
            made.fill(done, _encode(packed, encoder, batch, way, (done, len(ways)), progress))
    mean, log_variance = made.array[:, 0], made.array[:, 1]
    center, scale = _spread(mean, log_variance, training)
    return Latents(
        mean[0],
        log_variance[0],
        mean[1:],
        log_variance[1:],
        center=center,
        scale=scale,
        clip_starts=np.array([clip.start for clip in packed.clips]),
        clip_lengths=np.array([clip.length for clip in packed.clips]),
        fps=np.array(packed.fps),
    )


def blocks(indices: np.ndarray) -> Iterator[np.ndarray]:
    """Indices, `BLOCK` at a time."""
    for start in range(0, len(indices), BLOCK):
        yield indices[start : start + BLOCK]


def farthest_of(latents: Latents, frames: np.ndarray) -> float:
    """How far draws of the posteriors of these frames lie from their mean, standardised, of the farthest.

    A length: the root of the mean square over draws of that frame.
    """
    far = 0.0
    for some in blocks(frames):
        square = latents.standardise(latents.mean[some]).astype("float64") ** 2
        square += np.exp(latents.log_variance[some]) / latents.scale.astype("float64") ** 2
        far = max(far, float(square.sum(axis=1).max()))
    return round(math.sqrt(far), 3)


def _spread(
    mean: np.ndarray, log_variance: np.ndarray, training: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (D,) of draws from posteriors (ways, N, D) of the training frames."""
    first, square = np.zeros(mean.shape[-1]), np.zeros(mean.shape[-1])
    for way in range(len(mean)):
        for some in blocks(training):
            part = mean[way][some].astype("float64")
            first += part.sum(axis=0)
            square += (part**2 + np.exp(log_variance[way][some])).sum(axis=0)
    count = len(mean) * len(training)
    center = first / count
    scale = np.sqrt(square / count - center**2 + 1e-8)
    return center.astype("float32"), scale.astype("float32")


def _encode(
    packed: PackedFrames,
    encoder: Encoder,
    batch: int,
    way: Variation,
    part: tuple[int, int],
    progress: Progress,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Posterior mean and log-variance (n, D) of all frames shown that way; `part` is (done, of how many)."""

    def starts() -> Iterator[tuple[Clip, np.ndarray, int]]:
        """Where neighbouring frames of one clip begin."""
        for clip, background in zip(packed.clips, packed.backgrounds, strict=True):
            for start in range(clip.start, clip.stop, batch):
                yield clip, background, start

    def shown(part_of: tuple[Clip, np.ndarray, int]) -> tuple[int, np.ndarray]:
        """The frames there."""
        clip, background, start = part_of
        frames = read_rows(packed.pixels, np.arange(start, min(start + batch, clip.stop)))
        return start, way.apply(frames, background)

    with ThreadPoolExecutor(batch_makers()) as makers:
        for start, frames in made_ahead(shown, starts(), makers):
            yield encoder(frames)
            progress("encoding frames", part[0] * len(packed) + start, part[1] * len(packed))


def clip_of(clips: tuple[Clip, ...], frame: int) -> int:
    """The 0-based clip that holds a frame."""
    return next(i for i, clip in enumerate(clips) if frame < clip.stop)
