"""The variational autoencoder: frames ↔ 128-d latents.

Kingma & Welling (2014), with a Gaussian likelihood whose variance is the one that fits best (σ-VAE, Rybkin
et al. 2021, eq. 6), so that there is no weight between picture and KL to tune for each kind of film, and
with the dancer weighing as much as the wall. Where the room allows it two of the latents say where the dancer
stands, and the networks see and draw a window there (`centring.py`).
Shape letters: B batch, H height, W width, C channels, D = 128.
"""

import keras
import numpy as np
from keras import ops

from dancenet import centring, networks
from dancenet.config import LATENT_SIZE
from dancenet.presets import VaePreset

#: A pixel belongs to the foreground where any channel differs by more than this from the clip's median.
FOREGROUND_THRESHOLD = 0.06

#: Bounds on the posterior's log-variance; unclipped, the ancestor's training diverges.
LOG_VARIANCE_RANGE = (-10.0, 2.0)


def kl_divergence(mean, log_variance):
    """KL(N(mean, exp(log_variance)) ‖ N(0, 1)) per dimension, in nats (Kingma & Welling 2014, app. B).

    Args:
        mean, log_variance: (..., D).
    """
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)


def as_unit(frames):
    """Frames in [0, 1] as float32, from uint8 or from float."""
    if keras.backend.standardize_dtype(frames.dtype) == "uint8":
        return ops.cast(frames, "float32") / 255.0
    return ops.cast(frames, "float32")


class VAE(keras.Model):
    """Encoder, decoder and training loss.

    Args:
        preset: sizes and training constants.
        height, width, channels: size of a frame (any; 1 or 3 channels).
        base_frame: (H, W, C) in [0, 1], the picture that the decoder draws on.
        window: height and width of what the networks see and draw, around the dancer's place; None: of the
            whole picture, and no latent says where the dancer is.
        foreground_share: share of all pixels that are foreground, in (0, 1); sets their weight.
        policy: Keras dtype policy of the convolutions; weights stay float32.
        seed: of the posterior samples.
    """

    def __init__(
        self,
        preset: VaePreset,
        height: int,
        width: int,
        channels: int,
        *,
        base_frame: np.ndarray | None = None,
        window: tuple[int, int] | None = None,
        foreground_share: float = 0.5,
        policy: str = "float32",
        seed: int = 0,
    ):
        super().__init__(name="vae")
        self.preset, self.policy = preset, policy
        self.frame_shape = (height, width, channels)
        self.is_classic = preset.name == "classic"
        if self.is_classic:
            self.encoder = networks.classic_encoder(height, width, channels)
            self.decoder = networks.classic_decoder(height, width, channels)
        else:
            seen = window or (height, width)
            self.encoder = networks.residual_encoder(preset, *seen, channels, policy)
            self.decoder = networks.residual_decoder(preset, *seen, channels, policy)
        self.window = window
        self.seeds = keras.random.SeedGenerator(seed)
        picture = np.zeros(self.frame_shape) if base_frame is None else base_frame
        self.base_frame = self._constant("base_frame", picture)
        self.foreground_weight = self._constant("foreground_weight", 1.0 / foreground_share - 1.0)
        self.kl_weight = self._constant("kl_weight", 1.0)
        self.trackers = {
            name: keras.metrics.Mean(name) for name in ("loss", "kl", "error", "foreground_error")
        }
        self.built = True

    def _constant(self, name: str, value):
        value = np.asarray(value, "float32")
        return self.add_weight(
            shape=value.shape,
            initializer=lambda *_, **__: ops.convert_to_tensor(value),
            trainable=False,
            name=name,
            dtype="float32",
        )

    def encode(self, frames):
        """Posterior mean and log-variance, each (B, D), of frames (B, H, W, C) in [0, 1]."""
        if self.window:
            difference = frames - self.base_frame
            place = centring.place_of(difference, FOREGROUND_THRESHOLD)
            frames = 0.5 + centring.cut_out(difference, place, self.window)
        posterior = ops.cast(self.encoder(frames), "float32")
        mean, log_variance = posterior[:, :LATENT_SIZE], posterior[:, LATENT_SIZE:]
        log_variance = ops.clip(log_variance, *LOG_VARIANCE_RANGE)
        if self.window:
            measured = ops.zeros_like(place) + 2.0 * np.log(centring.sigma(self.frame_shape))
            mean = ops.concatenate([place, mean[:, centring.PLACE :]], axis=-1)
            log_variance = ops.concatenate([measured, log_variance[:, centring.PLACE :]], axis=-1)
        return mean, log_variance

    def decode(self, latents):
        """Frames (B, H, W, C), about [0, 1] but not clipped, of latents (B, D)."""
        if self.window:
            place, pose = latents[:, : centring.PLACE], latents[:, centring.PLACE :]
            drawn = self.decoder(ops.concatenate([ops.zeros_like(place), pose], axis=-1))
            drawn = centring.put_back(ops.cast(drawn, "float32"), place, self.frame_shape[:2])
            return drawn + self.base_frame
        frames = ops.cast(self.decoder(latents), "float32")
        return frames if self.is_classic else frames + self.base_frame

    def sample(self, mean, log_variance):
        """A draw from the posterior: mean + σ · ε (the reparametrisation trick)."""
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * log_variance) * noise

    def call(self, x, training=False):
        """Posterior and picture of `x`.

        Args:
            x: frames (B, H, W, C), uint8 or in [0, 1], or a tuple that begins with them.
            training: decode a draw from the posterior in place of its mean.

        Returns:
            mean (B, D), log_variance (B, D), frames (B, H, W, C).
        """
        frames = as_unit(x[0] if isinstance(x, (tuple, list)) else x)
        mean, log_variance = self.encode(frames)
        return mean, log_variance, self.decode(self.sample(mean, log_variance) if training else mean)

    def foreground(self, frames, backgrounds):
        """1 where a pixel differs from its clip's background, else 0; (B, H, W, 1)."""
        difference = ops.max(ops.abs(frames - backgrounds), axis=-1, keepdims=True)
        return ops.cast(difference > FOREGROUND_THRESHOLD, "float32")

    def weighted_error(self, frames, backgrounds, made):
        """Mean squared error in which background and foreground have the same total weight; a scalar."""
        weights = 1.0 + self.foreground_weight * self.foreground(frames, backgrounds)
        return ops.mean(ops.square(frames - made) * weights)

    def reconstruction_nats(self, frames, backgrounds, made):
        """Negative log-likelihood per frame, up to a constant, of the fitted Gaussian.

        N/2 · log(weighted mean squared error): what -log N(x | made, σ²) becomes when σ² is at its
        optimum (Rybkin et al. 2021, eq. 6). N counts independent errors, not pixels. Background and
        foreground have the same total weight.
        """
        mask = self.foreground(frames, backgrounds)
        squared = ops.square(frames - made)
        weighted = self.weighted_error(frames, backgrounds, made)
        self.trackers["error"].update_state(ops.mean(squared))
        count = ops.maximum(ops.sum(mask), 1.0) * self.frame_shape[2]
        self.trackers["foreground_error"].update_state(ops.sum(squared * mask) / count)
        observations = np.prod(self.frame_shape) / self.preset.pixels_per_error
        return 0.5 * observations * ops.log(weighted + 1e-5)

    def cross_entropy_nats(self, frames, made):
        """The ancestor's loss: binary cross-entropy summed over the pixels of a frame."""
        made = ops.clip(made, 1e-7, 1 - 1e-7)
        each = -(frames * ops.log(made) + (1 - frames) * ops.log(1 - made))
        self.trackers["error"].update_state(ops.mean(ops.square(frames - made)))
        return ops.mean(ops.sum(each, axis=(1, 2, 3)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Negative evidence lower bound of x = (frames, backgrounds), both uint8 (B, H, W, C)."""
        frames, backgrounds = (as_unit(part) for part in x)
        mean, log_variance, made = y_pred
        kl = ops.mean(ops.sum(kl_divergence(mean, log_variance), axis=-1))
        if self.is_classic:
            picture = self.cross_entropy_nats(frames, made)
        else:
            picture = self.reconstruction_nats(frames, backgrounds, made)
        loss = picture + self.kl_weight * kl
        self.trackers["loss"].update_state(loss)
        self.trackers["kl"].update_state(kl)
        return loss

    @property
    def metrics(self):
        """Running means since the last reset: loss (nats), kl (nats), errors (squared, of 1)."""
        return list(self.trackers.values())
