"""The variational autoencoder: frames ↔ 128-d latents.

Kingma & Welling (2014), with a Gaussian likelihood whose variance is the one that fits best (σ-VAE, Rybkin
et al. 2021, eq. 6), so that there is no weight between picture and KL to tune for each kind of film, and
with the dancer weighing as much as the wall. Where the room allows it two of the latents say where the dancer
stands, and the networks see and draw a window there (`networks/centring.py`).

Of several dancers the decoder is told whose body to draw, and the encoder learns to say nothing of it: a
judge tries to read it from the latents, and its gradient reaches the encoder reversed (Ganin et al. 2016).
What the judge can still read then, a small network at the encoder's end takes away (`stages/erasing.py`), and
what that leaves, the codes of the other bodies (`networks/kindred.py`).
Shape letters: B batch, H height, W width, C channels, D = 128, L dancers.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from dancenet.config import LATENT_SIZE
from dancenet.machine import replicas
from dancenet.networks import centring, classic, convolutional
from dancenet.networks.kindred import Kindred
from dancenet.networks.masks import FOREGROUND_THRESHOLD, foreground, with_rim
from dancenet.presets import VaePreset

#: Bounds on the posterior's log-variance; unclipped, the ancestor's training diverges.
LOG_VARIANCE_RANGE = (-10.0, 2.0)

#: So many nats the encoder gives for one that the judge of bodies loses (docs/experiments.md).
BODY_WEIGHT = 30.0
#: What the eraser says counts so much: it shall learn more slowly than the judge that it is to deceive.
ERASER_GAIN = 0.1


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


def reversed_gradient(x, weight):
    """`x` as it is, with its gradient turned round, times `weight` (Ganin et al. 2016, eqs. 16 and 17)."""
    return ops.stop_gradient((1.0 + weight) * x) - weight * x


class VAE(keras.Model):
    """Encoder, decoder and training loss.

    Args:
        preset: sizes and training constants.
        height, width, channels: size of a frame (any; 1 or 3 channels).
        bodies: L of several dancers; 0 for one.
        base_frame: (H, W, C) in [0, 1], the picture that the decoder draws on; of several dancers (L, H, W,
            C).
        window: height and width of what the networks see and draw, around the dancer's place; None, as always
            of several dancers: of the whole picture, and no latent says where the dancer is.
        across_only: the window goes with the dancer to the sides, not up and down: there the room is another.
        foreground_share: share of all pixels that are foreground or its rim, in (0, 1); sets their weight.
        draws_only: without an encoder, which dances do not need.
        policy: Keras dtype policy of the convolutions; weights stay float32.
        seed: of the posterior samples.

    Attributes:
        body: whose is drawn where nobody says, 0 to L - 1.
    """

    def __init__(
        self,
        preset: VaePreset,
        height: int,
        width: int,
        channels: int,
        *,
        bodies: int = 0,
        base_frame: np.ndarray | None = None,
        window: tuple[int, int] | None = None,
        across_only: bool = False,
        foreground_share: float = 0.5,
        draws_only: bool = False,
        policy: str = "float32",
        seed: int = 0,
    ):
        super().__init__(name="vae")
        self.preset, self.policy, self.bodies, self.body = preset, policy, bodies, 0
        self.frame_shape = (height, width, channels)
        self.is_classic = preset.name == "classic"
        self.window, self.across_only = window, across_only
        self.encoder: Any = None if draws_only else self._new_encoder()
        self.decoder = self._new_decoder()
        self.judge: Any = None
        self.eraser: Any = None
        self.kindred: Any = None
        if bodies:
            self.judge, self.eraser = convolutional.body_judge(bodies), convolutional.body_eraser()
            self.eraser.trainable = False
            self.kindred = Kindred(bodies)
            self.code_center = self._constant("code_center", np.zeros(LATENT_SIZE))
            self.code_scale = self._constant("code_scale", np.ones(LATENT_SIZE))
        self.seeds = keras.random.SeedGenerator(seed)
        shape = (bodies, *self.frame_shape) if bodies else self.frame_shape
        picture = np.zeros(shape) if base_frame is None else base_frame
        self.base_frame = self._constant("base_frame", picture)
        self.foreground_weight = self._constant("foreground_weight", 1.0 / foreground_share - 1.0)
        self.kl_weight = self._constant("kl_weight", 1.0)
        self.trackers = {
            name: keras.metrics.Mean(name)
            for name in ("loss", "kl", "error", "foreground_error", *(("body_nats",) if bodies else ()))
        }
        self.built = True

    def _new_encoder(self) -> keras.Model:
        if self.is_classic:
            return classic.classic_encoder(*self.frame_shape, self.policy)
        seen = self.window or self.frame_shape[:2]
        return convolutional.residual_encoder(self.preset, *seen, self.frame_shape[2], self.policy)

    def _new_decoder(self) -> keras.Model:
        if self.is_classic:
            return classic.classic_decoder(*self.frame_shape, self.bodies, self.policy)
        seen = self.window or self.frame_shape[:2]
        return convolutional.residual_decoder(
            self.preset, *seen, self.frame_shape[2], self.policy, self.bodies
        )

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
        """Posterior mean and log-variance, each (B, D), of frames (B, H, W, C) in [0, 1].

        Raises:
            ValueError: this one only draws.
        """
        mean, log_variance = self._posterior(frames)
        return self.kindred(mean) if self.bodies else mean, log_variance

    def _posterior(self, frames):
        """The same before `kindred`, as the encoder learns: codes that are their own."""
        if self.encoder is None:
            raise ValueError("this VAE only draws: `dancenet.trained.whole` gives the one with its encoder")
        if self.window:
            difference = frames - self.base_frame
            place = centring.place_of(difference, FOREGROUND_THRESHOLD)
            frames = 0.5 + self.cut_out(difference, place)
        posterior = ops.cast(self.encoder(frames), "float32")
        mean, log_variance = posterior[:, :LATENT_SIZE], posterior[:, LATENT_SIZE:]
        if self.bodies:
            mean = self.erased(mean)
        log_variance = ops.clip(log_variance, *LOG_VARIANCE_RANGE)
        if self.window:
            measured = ops.zeros_like(place) + 2.0 * np.log(centring.sigma(self.frame_shape))
            mean = ops.concatenate([place, mean[:, centring.PLACE :]], axis=-1)
            log_variance = ops.concatenate([measured, log_variance[:, centring.PLACE :]], axis=-1)
        return mean, log_variance

    def erased(self, mean):
        """Posterior means (B, D) of several dancers as the eraser leaves them."""
        added = self.eraser((mean - self.code_center) / self.code_scale)
        return mean + ERASER_GAIN * self.code_scale * added

    def decode(self, latents, bodies=None, *, place=None):
        """Frames (B, H, W, C), about [0, 1] but not clipped, of latents (B, D).

        `bodies` (B,) says whose each shows; None: all `self.body`'s. For one dancer it means nothing.
        `place` (B, 2), where there is a window, stands in for the latents' own.
        """
        if self.bodies:
            if bodies is None:
                bodies = ops.full((ops.shape(latents)[0],), self.body, dtype="int32")
            latents = [ops.convert_to_tensor(latents), ops.one_hot(bodies, self.bodies)]
        if self.window:
            return self._decode_at_place(latents, place) + self.base_frame
        frames = ops.cast(self.decoder(latents), "float32")
        return frames if self.is_classic else frames + self.base_of(bodies)

    def _decode_at_place(self, latents, place):
        """What is added to the base picture, drawn in the window and put back to its place."""
        place = latents[:, : centring.PLACE] if place is None else place
        pose = latents[:, centring.PLACE :]
        followed = self._followed(place)
        drawn = self.decoder(ops.concatenate([place - followed, pose], axis=-1))
        return centring.put_back(
            ops.cast(drawn, "float32"), followed, self.frame_shape[:2], across_only=self.across_only
        )

    def measured_place(self, latents):
        """Where the dancer of latents (B, D) is, (B, 2), for `decode` in training; None without a window.

        It is measured: no weight learns anything from what would move it, and finding that out takes time.
        """
        return ops.stop_gradient(latents[:, : centring.PLACE]) if self.window else None

    def cut_out(self, pictures, place):
        """What the networks see of pictures (B, H, W, C): the window around places (B, 2), (B, h, w, C)."""
        size = self.window or self.frame_shape[:2]
        return centring.cut_out(pictures, self._followed(place), size, across_only=self.across_only)

    def _followed(self, place):
        """Where the window is, (B, 2), for a dancer at places (B, 2)."""
        return ops.multiply(place, np.array([1.0, 0.0], "float32")) if self.across_only else place

    def base_of(self, bodies):
        """What is drawn on: (H, W, C), or for several dancers (B, H, W, C), of each of `bodies` (B,)."""
        return ops.take(self.base_frame, bodies, axis=0) if self.bodies else self.base_frame

    def sample(self, mean, log_variance):
        """A draw from the posterior: mean + σ · ε (the reparametrisation trick)."""
        noise = replicas.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * log_variance) * noise

    def call(self, x, training=False):
        """Posterior and picture of `x`.

        Args:
            x: frames (B, H, W, C), uint8 or in [0, 1], or a tuple that begins with them and has, for several
                dancers, whose they are (B,) in the third place.
            training: decode a draw from the posterior in place of its mean.

        Returns:
            mean (B, D), log_variance (B, D), frames (B, H, W, C).
        """
        parts = x if isinstance(x, (tuple, list)) else (x,)
        bodies = parts[2] if self.bodies and len(parts) > 2 else None
        encode = self._posterior if training else self.encode
        mean, log_variance = encode(as_unit(parts[0]))
        latents = self.sample(mean, log_variance) if training else mean
        place = self.measured_place(latents) if training else None
        return mean, log_variance, self.decode(latents, bodies, place=place)

    def weighted_error(self, frames, backgrounds, made):
        """Mean squared error in which the dancer, with `RIM` pixels around, has the same total weight as all
        else; a scalar."""
        return self.errors(frames, backgrounds, made)[0]

    def errors(self, frames, backgrounds, made):
        """The error of `weighted_error`, and the mean absolute one of the background alone; two scalars."""
        mask, apart = foreground(frames, backgrounds), frames - made
        squared = ops.square(apart) * (1.0 + self.foreground_weight * with_rim(mask))
        return replicas.mean(squared), replicas.mean(ops.abs(apart) * (1.0 - mask))

    def reconstruction_nats(self, frames, backgrounds, made):
        """Negative log-likelihood per frame, up to a constant, of the fitted Gaussian.

        N/2 · log(weighted mean squared error): what -log N(x | made, σ²) becomes when σ² is at its
        optimum (Rybkin et al. 2021, eq. 6). N counts independent errors, not pixels. The dancer with
        a rim has the same total weight as all else.
        """
        mask = foreground(frames, backgrounds)
        squared = ops.square(frames - made)
        weighted = self.weighted_error(frames, backgrounds, made)
        self.trackers["error"].update_state(ops.mean(squared))
        share = ops.maximum(replicas.mean(mask), 1e-9)
        self.trackers["foreground_error"].update_state(replicas.mean(squared * mask) / share)
        observations = np.prod(self.frame_shape) / self.preset.pixels_per_error
        return 0.5 * observations * ops.log(weighted + 1e-5)

    def cross_entropy_nats(self, frames, made):
        """The ancestor's loss: binary cross-entropy summed over the pixels of a frame."""
        made = ops.clip(made, 1e-7, 1 - 1e-7)
        each = -(frames * ops.log(made) + (1 - frames) * ops.log(1 - made))
        self.trackers["error"].update_state(ops.mean(ops.square(frames - made)))
        return ops.mean(ops.sum(each, axis=(1, 2, 3)))

    def judged_nats(self, mean, bodies):
        """What the judge of bodies loses: its cross-entropy in nats, of posterior means (B, D).

        The judge learns to lose less, the encoder to make it lose more, `BODY_WEIGHT` times as eagerly, as
        soon as the KL counts in full.
        """
        codes = (mean - self.code_center) / self.code_scale
        logits = self.judge(reversed_gradient(codes, BODY_WEIGHT * self.kl_weight))
        nats = ops.mean(keras.losses.sparse_categorical_crossentropy(bodies, logits, from_logits=True))
        self.trackers["body_nats"].update_state(nats)
        return nats

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Negative evidence lower bound of x = (frames, backgrounds), both uint8 (B, H, W, C).

        Of several dancers x = (frames, backgrounds, bodies), and the judge's loss comes to it.
        """
        frames, backgrounds = (as_unit(part) for part in x[:2])
        mean, log_variance, made = y_pred
        kl = ops.mean(ops.sum(kl_divergence(mean, log_variance), axis=-1))
        if self.is_classic:
            picture = self.cross_entropy_nats(frames, made)
        else:
            picture = self.reconstruction_nats(frames, backgrounds, made)
        loss = picture + self.kl_weight * kl
        if self.bodies:
            loss = loss + self.judged_nats(mean, x[2])
        self.trackers["loss"].update_state(loss)
        self.trackers["kl"].update_state(kl)
        return loss

    @property
    def metrics(self):
        """Running means since the last reset: loss (nats), kl (nats), errors (squared, of 1), body_nats."""
        return list(self.trackers.values())
