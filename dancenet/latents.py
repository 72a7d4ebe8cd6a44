"""Stage 3's product: the posterior of every frame, with clip boundaries and the scale it is standardised by.

Shape letters: N frames, D = 128 latent dimensions.
"""

import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancenet.ahead import batch_makers, made_ahead
from dancenet.batches import Variation
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
        keep: folder for each way that is done, so that a kill costs one at most; None: in memory alone.
    """
    ways = [Variation(False), *variations]
    encoded = []
    for done, way in enumerate(ways):
        kept = keep / f"{done}.npz" if keep else None
        if kept and kept.is_file():
            with np.load(kept, allow_pickle=False) as stored:
                encoded.append((stored["mean"], stored["log_variance"]))
            continue
        mean, log_variance = _encode(packed, encoder, batch, way, (done, len(ways)), progress)
        encoded.append((mean, log_variance))
        if kept:
            with replacing(kept) as beside, open(beside, "wb") as file:
                np.savez(file, mean=mean, log_variance=log_variance)
    means, log_variances = (np.stack(part) for part in zip(*encoded, strict=True))
    drawn_mean = means[:, training].reshape(-1, means.shape[-1])
    drawn_variance = np.exp(log_variances[:, training]).reshape(drawn_mean.shape)
    return Latents(
        means[0],
        log_variances[0],
        means[1:],
        log_variances[1:],
        center=drawn_mean.mean(axis=0),
        scale=np.sqrt(drawn_mean.var(axis=0) + drawn_variance.mean(axis=0) + 1e-8),
        clip_starts=np.array([clip.start for clip in packed.clips]),
        clip_lengths=np.array([clip.length for clip in packed.clips]),
        fps=np.array(packed.fps),
    )


def _encode(
    packed: PackedFrames,
    encoder: Encoder,
    batch: int,
    way: Variation,
    part: tuple[int, int],
    progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean and log-variance (N, D) of all frames shown that way; `part` is (done, of how many)."""
    starts = [
        (clip, background, start)
        for clip, background in zip(packed.clips, packed.backgrounds, strict=True)
        for start in range(clip.start, clip.stop, batch)
    ]

    def shown(part_of: tuple[Clip, np.ndarray, int]) -> np.ndarray:
        """Neighbouring frames of one clip."""
        clip, background, start = part_of
        return way.apply(packed.pixels[start : min(start + batch, clip.stop)], background)

    means, log_variances = [], []
    with ThreadPoolExecutor(batch_makers()) as makers:
        for frames, (_, _, start) in zip(made_ahead(shown, starts, makers), starts, strict=True):
            mean, log_variance = encoder(frames)
            means.append(mean)
            log_variances.append(log_variance)
            progress("encoding frames", part[0] * len(packed) + start, part[1] * len(packed))
    return np.concatenate(means).astype("float32"), np.concatenate(log_variances).astype("float32")


def clip_of(clips: tuple[Clip, ...], frame: int) -> int:
    """The 0-based clip that holds a frame."""
    return next(i for i, clip in enumerate(clips) if frame < clip.stop)
