"""Any picture to its latents: the encoder's guess, refined by gradient descent on the picture itself.

Shape letters: H height, W width, C channels, D = 128 latent dimensions.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from dancenet.exploring.space import Space
from dancenet.latents import clip_of
from dancenet.machine.hardware import compiles_steps
from dancenet.runs import Progress, silent
from dancenet.trained import decode_batch, encode_batch, likeliest_body
from dancenet.vae import VAE, as_unit

#: Steps of Adam, and its rate at the start; it falls to nothing. Three times as many gain a third more in dB,
#: and go twice as far from what the encoder, and so the film, knows.
STEPS, RATE = 60, 0.05


@dataclass(frozen=True)
class Inverted:
    """Latents of a picture.

    Attributes:
        latents: (D,) float32.
        encoded: (D,) float32, the encoder's guess.
        loss: negative log of posterior, up to a constant, of the guess and of the refined latents, nats.
        error_db: PSNR of the picture as both draw it, dB: (of the guess, of the refined latents).
    """

    latents: np.ndarray
    encoded: np.ndarray
    loss: tuple[float, float]
    error_db: tuple[float, float]

    def figures(self) -> dict[str, float]:
        """How well the picture is drawn, for whoever reads the pose file."""
        return {"encoded_psnr_db": self.error_db[0], "psnr_db": self.error_db[1]}


class _Refined(keras.Model):
    """The latents of one picture as the only weight; what they cost is the VAE's own loss at a point."""

    def __init__(self, vae: VAE, start: np.ndarray, background: np.ndarray):
        super().__init__(name="refined")
        vae.trainable = False
        self.vae = vae
        self.background = background
        self.point = self.add_weight(shape=start.shape, initializer="zeros", name="point")
        self.point.assign(start)
        self.built = True

    def call(self, frames, training=False):
        """The picture of the point (1, H, W, C)."""
        return self.vae.decode(self.point)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """-log p(picture | latents) - log p(latents), up to a constant, nats."""
        frames, backgrounds = as_unit(x), as_unit(ops.convert_to_tensor(self.background))
        if self.vae.is_classic:
            picture = self.vae.cross_entropy_nats(frames, y_pred)
        else:
            picture = self.vae.reconstruction_nats(frames, backgrounds, y_pred)
        return picture + 0.5 * ops.sum(ops.square(self.point))


def invert(
    space: Space,
    frame: np.ndarray,
    *,
    steps: int = STEPS,
    progress: Progress = silent,
) -> Inverted:
    """The latents under which a picture is likeliest.

    The encoder guesses; Adam then goes down the VAE's own loss at a single point: the picture's negative
    log-likelihood, and half the squared length of the latents, which keeps them where pictures are.
    Dancer and wall weigh the same, by the background of the clip that has the most similar pose.

    Args:
        space: of the run.
        frame: (H, W, C) uint8, as `framing.as_frame` gives it.
        steps: of gradient descent; 0 leaves the encoder's guess.
        progress: told how far it is.
    """
    vae, packed = space.vae, space.packed
    vae.body = likeliest_body(vae, frame[None])
    encoded = encode_batch(vae, frame[None])[0]
    nearest = int(((space.latents.mean - encoded) ** 2).sum(axis=1).argmin())
    background = packed.backgrounds[clip_of(packed.clips, nearest)]
    trained = vae.trainable
    try:
        model = _Refined(vae, encoded, background[None])
        rate = keras.optimizers.schedules.CosineDecay(RATE, max(1, steps))
        model.compile(optimizer=keras.optimizers.Adam(rate), jit_compile=compiles_steps())
        losses, found = [], encoded
        for step in range(steps + 1):
            here = ops.convert_to_numpy(model.point).copy()
            # the loss that is told is the one before the step
            losses.append(float(model.train_on_batch(frame[None], return_dict=True)["loss"]))
            found = here if losses[-1] == min(losses) else found
            progress("refining", step, steps)
    finally:
        vae.trainable = trained
    errors = (_psnr(vae, frame, encoded), _psnr(vae, frame, found))
    return Inverted(found[0], encoded[0], (losses[0], min(losses)), errors)


def _psnr(vae: VAE, frame: np.ndarray, latents: np.ndarray) -> float:
    """Of the whole picture as latents (1, D) draw it, dB."""
    error = np.mean((decode_batch(vae, latents)[0].astype(float) - frame) ** 2) / 255**2
    return float(-10 * np.log10(max(error, 1e-10)))
