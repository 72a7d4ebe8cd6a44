"""What a VAE's pose codes still say of the body, taken away by a small network at the encoder's end.

While the encoder learns, the judge of bodies lags behind: a fresh one reads 97% of codes that it calls
unreadable (docs/experiments.md). Here codes stand still, so that a thousand rounds take seconds. Judge and
eraser play against one another: the judge tells bodies apart, the eraser makes it unsure (Tzeng et al. 2015,
eq. 3), at the price of each nat by which a code leaves its posterior.
Shape letters: N frames, B batch, D = 128 latent dimensions.
"""

import logging
from pathlib import Path

import keras
import numpy as np
from keras import ops

from dancenet import trained
from dancenet.fitting.checkpoints import save_weights
from dancenet.footage.clips import PackedFrames
from dancenet.footage.mapped import read_rows
from dancenet.machine.hardware import compiles_steps
from dancenet.networks.kindred import REMEMBERED
from dancenet.runs import Progress, silent
from dancenet.vae import ERASER_GAIN, VAE

log = logging.getLogger(__name__)

#: Rounds, codes in each, and the peak learning rate of both players.
ROUNDS, BATCH, LEARNING_RATE = 1500, 512, 1e-3
#: A small film is soon known by heart: no more rounds than one for so many frames.
FRAMES_A_ROUND = 4
#: Nats by which a code may leave its posterior for one that the judge is made to lose.
WEIGHT = 30.0
#: Frames encoded at once.
ENCODED = 64


class Erasing(keras.Model):
    """Judge and eraser under one loss, each with gradients of its own.

    Args:
        judge, eraser: of the VAE; they are changed in place.
    """

    def __init__(self, judge: keras.Model, eraser: keras.Model):
        super().__init__(name="erasing")
        self.judge, self.eraser = judge, eraser
        self.means = {name: keras.metrics.Mean(name) for name in ("loss", "judged", "unsure", "moved")}
        self.built = True

    def call(self, x, training=False):
        """Standardised codes (B, D) without the body."""
        return x[0] + ERASER_GAIN * self.eraser(x[0])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Of x = (standardised codes (B, D), their posteriors' sigma (B, D), bodies (B,)), nats."""
        codes, sigma, bodies = x
        logits = self.judge(ops.stop_gradient(y_pred))
        judged = ops.mean(keras.losses.sparse_categorical_crossentropy(bodies, logits, from_logits=True))
        frozen = [ops.stop_gradient(weight) for weight in self.judge.trainable_variables]
        told = self.judge.stateless_call(frozen, [], y_pred)[0]
        unsure = -ops.mean(ops.log_softmax(told))
        moved = 0.5 * ops.mean(ops.sum(ops.square((y_pred - codes) / sigma), axis=-1))
        loss = judged + WEIGHT * unsure + moved
        for name, value in (("loss", loss), ("judged", judged), ("unsure", unsure), ("moved", moved)):
            self.means[name].update_state(value)
        return loss

    @property
    def metrics(self):
        """Running means since the last reset, nats: what the judge loses, what it would lose against an even
        guess, how far codes have left their posteriors."""
        return list(self.means.values())


def erase_bodies(
    vae: VAE, mean: np.ndarray, sigma: np.ndarray, bodies: np.ndarray, *, seed: int,
    jit: bool = True, progress: Progress = silent,
) -> dict[str, float]:  # fmt: skip
    """Teach a VAE of several dancers to leave the body out of its codes; its eraser has learned nothing yet.

    Args:
        vae: its judge and its eraser are changed.
        mean, sigma: (N, D) posteriors of training frames.
        bodies: (N,) whose they are.
        seed: of the order of codes.
        jit: steps may be compiled with XLA, where that pays.
        progress: told how far it is.

    Returns:
        figures of the last hundred rounds, as of `Erasing.metrics`.
    """
    center, scale = mean.mean(axis=0), mean.std(axis=0) + 1e-3
    vae.code_center.assign(center)
    vae.code_scale.assign(scale)
    codes, spread = (mean - center) / scale, sigma / scale
    vae.eraser.trainable = True
    model = Erasing(vae.judge, vae.eraser)
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE, beta_1=0.5), jit_compile=compiles_steps(allowed=jit)
    )
    random = np.random.default_rng(seed)
    rounds = int(np.clip(len(codes) // FRAMES_A_ROUND, 1, ROUNDS))
    for number in range(rounds):
        if number == max(0, rounds - 100):
            model.reset_metrics()
        chosen = random.integers(len(codes), size=min(BATCH, len(codes)))
        model.optimizer.learning_rate.assign(LEARNING_RATE * max(1 - number / rounds, 0.02))
        model.train_on_batch((codes[chosen], spread[chosen], bodies[chosen]))
        progress("taking the body out of the pose code", number, rounds)
    vae.eraser.trainable = False
    figures = {name: float(value) for name, value in model.get_metrics_result().items()}
    log.info("judge of bodies after %d rounds: %s", rounds, figures)
    return figures


def without_bodies(
    model: VAE, packed: PackedFrames, indices: np.ndarray, folder: Path, *, seed: int,
    jit: bool = True, progress: Progress = silent,
) -> Path | None:  # fmt: skip
    """Take the bodies of several dancers out of pose codes: the weights after it; None for one dancer.

    Args:
        model: a trained VAE.
        packed, indices: the film and its training frames.
        folder: where the weights go.
        seed, jit, progress: as of `erase_bodies`.
    """
    if not packed.dancers:
        return None
    encoded = [
        trained.encode_batch(model, read_rows(packed.pixels, indices[start : start + ENCODED]))
        for start in range(0, len(indices), ENCODED)
    ]
    mean, log_variance = (np.concatenate(part) for part in zip(*encoded, strict=True))
    spread, bodies = np.exp(0.5 * log_variance), packed.bodies[indices]
    erase_bodies(model, mean, spread, bodies, seed=seed, jit=jit, progress=progress)
    random = np.random.default_rng(seed)
    some = [random.permutation(np.flatnonzero(bodies == body))[:REMEMBERED] for body in range(model.bodies)]
    model.kindred.remember(
        [ops.convert_to_numpy(model.erased(mean[of_body])) for of_body in some],
        spread[np.concatenate(some)].mean(axis=0),
    )
    save_weights(model, folder / "erased.weights.h5")
    return folder / "erased.weights.h5"
