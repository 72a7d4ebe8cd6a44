"""Batches for sharpening: frames with draws from their posteriors, and poses of dances.

Shape letters: B batch, N frames, H height, W width, C channels, D = 128 latent dimensions.
"""

import numpy as np

from dancenet.batching.batches import Augmentation, FrameBatches, rows_of
from dancenet.config import LATENT_SIZE
from dancenet.footage.clips import PackedFrames
from dancenet.latents import Latents

#: Posteriors are drawn from with this share of their spread: the decoder is mostly asked for means.
SPREAD = 0.5


class PoseBatches:
    """Frames with draws from their posteriors, and poses of dances; row `r` of batch `i` depends only on
    (seed, epoch, i, r).

    Yields (frames, backgrounds, latents, danced): uint8 (B, H, W, C) twice, float32 (B, D), (B / 2, D). Of
    several dancers also whose the frames are (B,), and as whom the poses are to be danced (B / 2,).
    """

    def __init__(
        self, packed: PackedFrames, latents: Latents, indices: np.ndarray, danced: np.ndarray, *,
        batch: int, seed: int, epoch: int, share: int = 1,
    ):  # fmt: skip
        self.frames = FrameBatches(
            packed,
            indices,
            batch,
            seed=seed,
            epoch=epoch,
            augmentation=Augmentation(False, False),
            share=share,
        )
        self.size: int = self.frames.size
        self.dances = rows_of(max(1, self.size // 2), self.size, share)
        self.latents, self.danced, self.key = latents, danced, (seed, epoch)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self.part(index, slice(None))

    def part(self, index: int, rows: slice) -> tuple[np.ndarray, ...]:
        """Some rows of a batch, and as large a part of its dances."""
        frames, backgrounds = self.frames.part(index, rows)[:2]
        chosen, packed = self.frames.chosen(index), self.frames.packed
        random = np.random.default_rng((*self.key, index))  # of the whole batch: little is drawn
        noise = random.standard_normal((len(chosen), LATENT_SIZE))[rows]
        picks = random.integers(len(self.danced), size=self.dances)
        anyone = random.integers(max(1, len(packed.dancers)), size=self.dances).astype("int32")
        chosen = chosen[rows]
        first, stop, _ = rows.indices(self.size)
        own = slice(first * self.dances // self.size, stop * self.dances // self.size)
        drawn = self.latents.mean[chosen] + SPREAD * np.exp(0.5 * self.latents.log_variance[chosen]) * noise
        made = frames, backgrounds, drawn.astype("float32"), self.danced[picks[own]].astype("float32")
        return (*made, self.frames.bodies[chosen], anyone[own]) if packed.dancers else made
