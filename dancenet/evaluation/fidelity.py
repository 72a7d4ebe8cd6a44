"""How faithfully a VAE draws frames: its figures on any of a run's frames.

Shape letters: B batch, H height, W width, C channels, D = 128 latent dimensions.
"""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from dancenet import trained
from dancenet.batching.batches import clip_numbers
from dancenet.evaluation.reconstruction import BEST_PSNR_DB, PictureError
from dancenet.evaluation.similarity import grey, silhouette_overlap, ssim
from dancenet.footage.clips import PackedFrames
from dancenet.footage.mapped import read_rows
from dancenet.media.pictures import contact_sheet
from dancenet.networks.masks import FOREGROUND_THRESHOLD
from dancenet.runs import finite
from dancenet.sequences import evenly
from dancenet.vae import VAE, kl_divergence

#: A latent dimension is active where its posterior mean varies by more than this (Burda et al. 2016: 0.01).
ACTIVE_VARIANCE = 0.01
#: Frames drawn at once.
BATCH = 64
#: Frames on the picture of reconstructions.
SHOWN = 12


def picture_figures(
    model: VAE, packed: PackedFrames, indices: np.ndarray, *, likeness: bool = False
) -> dict[str, float]:
    """Figures of the posterior mean's picture.

    Args:
        model: the VAE.
        packed: the film.
        indices: (N,) frames of it.
        likeness: add SSIM and the overlap of silhouettes, which take about as long as drawing.

    Returns:
        PSNR of foreground and whole picture in dB, sharpness at full and half size, KL in nats per frame and
        active units; `score` is what training minimises. What could not be measured is left out.
    """
    pictures, nats, means = _Pictures(likeness), 0.0, []
    for real, made, background, mean, log_variance in _drawn(model, packed, indices):
        pictures.add(real, made, background)
        means.append(mean)
        nats += float(keras.ops.sum(kl_divergence(mean, log_variance)))
    figures = pictures.figures()
    figures["score"] = -min(figures["foreground_psnr_db"], BEST_PSNR_DB)
    figures["kl_nats"] = nats / len(indices)
    figures["active_units"] = int((np.concatenate(means).var(axis=0) > ACTIVE_VARIANCE).sum())
    return finite(figures)


def empty_room_figures(packed: PackedFrames, indices: np.ndarray) -> dict[str, float]:
    """The same figures of pictures (but those of a posterior) in which nobody is drawn, only the room."""
    pictures, clips = _Pictures(likeness=True), clip_numbers(packed)[indices]
    for clip in np.unique(clips):
        of_clip, room = indices[clips == clip], packed.backgrounds[clip]
        for start in range(0, len(of_clip), BATCH):
            real = read_rows(packed.pixels, of_clip[start : start + BATCH])
            pictures.add(real, np.broadcast_to(room, real.shape), room)
    return finite(pictures.figures())


class _Pictures:
    """Collects what tells made pictures from real ones."""

    def __init__(self, likeness: bool):
        self.likeness, self.error = likeness, PictureError(FOREGROUND_THRESHOLD)
        self._similar: list[float] = []
        self._overlap = np.zeros(2)

    def add(self, real: np.ndarray, made: np.ndarray, background: np.ndarray) -> None:
        """Frames (b, H, W, C) of one clip, and its background (H, W, C)."""
        self.error.add(real, made, background)
        if self.likeness:
            for one, two in zip(real, made, strict=True):
                self._similar.append(ssim(grey(one), grey(two)))
                self._overlap += silhouette_overlap(one, two, background)

    def figures(self) -> dict[str, float]:
        """Of all pictures so far: PSNR of foreground and whole picture in dB, sharpness at full and half
        size, and with `likeness` SSIM and the overlap of silhouettes; `nan` where there is none."""
        error, psnr = self.error, self.error.plain_psnr
        found = {
            "foreground_psnr_db": error.foreground_psnr if error.foreground_share > 0 else psnr,
            "psnr_db": psnr, "sharpness": error.sharpness, "half_sharpness": error.half_sharpness,
        }  # fmt: skip
        if self.likeness:
            inside, either = self._overlap
            found["ssim"] = float(np.mean(self._similar))
            found["silhouette_iou"] = inside / either if either else float("nan")
        return found


def _drawn(model: VAE, packed: PackedFrames, indices: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Real frames and their reconstructions (b, H, W, C) of one clip at a time, with its background (H, W, C)
    and their posteriors' mean and log-variance (b, D)."""
    clips, whose = clip_numbers(packed)[indices], packed.bodies[indices]
    for start in range(0, len(indices), BATCH):
        frames = read_rows(packed.pixels, indices[start : start + BATCH])
        bodies = whose[start : start + BATCH]
        mean, log_variance, made = trained.reconstruct_batch(model, frames, bodies)
        of_clip = clips[start : start + BATCH]
        for clip in np.unique(of_clip):
            same = of_clip == clip
            yield frames[same], made[same], packed.backgrounds[clip], mean[same], log_variance[same]


def show_reconstructions(model: VAE, packed: PackedFrames, unseen: np.ndarray, path: Path) -> None:
    """A sheet of unseen frames, each row of real ones above their reconstructions."""
    picks = evenly(unseen, SHOWN)
    real = read_rows(packed.pixels, picks)
    made = trained.reconstruct_batch(model, real, packed.bodies[picks])[2]
    half = -(-len(picks) // 2)
    rows = [real[:half], made[:half], real[half:], made[half:]]
    blank = np.full((half - len(rows[2]), *real.shape[1:]), 255, "uint8")
    rows[2:] = [np.concatenate([row, blank]) for row in rows[2:]]
    contact_sheet(np.concatenate(rows), path, columns=half)
