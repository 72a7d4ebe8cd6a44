"""Stage 3's product: the posterior of every frame, with clip boundaries and the scale it is standardised by.

Shape letters: N frames, D = 128 latent dimensions.
"""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancenet.clips import Clip, PackedFrames
from dancenet.errors import DancenetError
from dancenet.runs import Progress, replacing, silent

#: frames uint8 (B, H, W, C) → posterior mean and log-variance, each (B, D).
Encoder = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Latents:
    """Posteriors of a run's frames.

    Attributes:
        mean, log_variance: (N, D) float32.
        mirrored_mean, mirrored_log_variance: (N, D) of the frames turned over, or (0, D) where turning does
            not suit the film.
        center, scale: (D,) mean and standard deviation of draws from the posteriors of the training takes.
        clip_starts, clip_lengths: (clips,) frames.
        fps: frames per second.
    """

    mean: np.ndarray
    log_variance: np.ndarray
    mirrored_mean: np.ndarray
    mirrored_log_variance: np.ndarray
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
        """Read what `save` wrote.

        Raises:
            DancenetError: the file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(**{name: stored[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise DancenetError(
                f"{path} is missing or damaged ({error})", "the latents that training left",
                "make them again: dancenet train latents --fresh --run DIR",
            ) from error  # fmt: skip


def encode_frames(
    packed: PackedFrames,
    encoder: Encoder,
    training: np.ndarray,
    *,
    mirror: bool,
    batch: int = 64,
    progress: Progress = silent,
) -> Latents:
    """Encode every frame.

    Args:
        encoder: frames → posterior.
        training: indices of the frames whose draws set `center` and `scale`.
        mirror: also encode every frame turned over.
    """
    total = len(packed) * (1 + mirror)
    straight = _encode(packed, encoder, batch, False, 0, total, progress)
    size = straight[0].shape[1]
    turned = np.zeros((2, 0, size), "float32")
    if mirror:
        turned = _encode(packed, encoder, batch, True, len(packed), total, progress)
    mean, variance = straight[0][training], np.exp(straight[1][training])
    if mirror:
        mean = np.concatenate([mean, turned[0][training]])
        variance = np.concatenate([variance, np.exp(turned[1][training])])
    return Latents(
        straight[0], straight[1], turned[0], turned[1],
        center=mean.mean(0), scale=np.sqrt(mean.var(0) + variance.mean(0) + 1e-8),
        clip_starts=np.array([clip.start for clip in packed.clips]),
        clip_lengths=np.array([clip.length for clip in packed.clips]), fps=np.array(packed.fps),
    )  # fmt: skip


def _encode(packed, encoder, batch, mirror, done, total, progress) -> np.ndarray:
    parts = []
    for start in range(0, len(packed), batch):
        frames = packed.pixels[start : start + batch]
        parts.append(np.stack(encoder(frames[:, :, ::-1] if mirror else frames)))
        progress("encoding frames", done + start + len(frames), total)
    return np.concatenate(parts, axis=1).astype("float32")


def clip_of(clips: tuple[Clip, ...], frame: int) -> int:
    """The 0-based clip that holds a frame."""
    return next(i for i, clip in enumerate(clips) if frame < clip.stop)
