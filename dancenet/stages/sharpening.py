"""Stage 6: the decoder learns to draw as sharply as film, beside a discriminator that tells it from film.

A picture that minimises squared error is the mean of all that may be there: a blur. A short adversarial
finish (Goodfellow et al. 2014; short and last, as in DeOldify's NoGAN) teaches the decoder to decide. The
encoder stays, so latents and choreographer stay valid. The discriminator looks at the window around the
dancer where there is one, at half size: at full size it looks at the noise of single pixels, and the decoder
learns to draw that. What keeps it useful is that its verdict may not change steeply (docs/experiments.md).
Shape letters: B batch, H height, W width, C channels, D = 128 latent dimensions.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from dancenet import current, trained
from dancenet.config import TrainOptions
from dancenet.evaluation.fidelity import picture_figures
from dancenet.evaluation.reconstruction import gradient_energy, halved
from dancenet.fitting.budget import Budget
from dancenet.fitting.checkpoints import keep_mender, save_weights
from dancenet.fitting.loop import Fit
from dancenet.fitting.stage import BatchSize, Stage, budget_of
from dancenet.footage.clips import PackedFrames
from dancenet.generation import decoded
from dancenet.machine import replicas
from dancenet.machine.hardware import compiles_steps, scaling_its_loss, start_up_s
from dancenet.machine.strategies import team_of
from dancenet.networks import centring, convolutional
from dancenet.networks.masks import FOREGROUND_THRESHOLD
from dancenet.presets import VAE_PRESETS
from dancenet.runs import Progress, Run, silent
from dancenet.sequences import Span, frame_indices, split_takes
from dancenet.stages import mending
from dancenet.stages.pace import in_dancers_measure, measuring_s
from dancenet.stages.pose_batches import PoseBatches
from dancenet.stages.practice import kept_poses
from dancenet.vae import VAE, as_unit

log = logging.getLogger(__name__)

#: Peak learning rate of decoder and discriminator.
LEARNING_RATE = 2e-4
#: Weight of looking real, and of having the features of the very picture (Larsen et al. 2016, eq. 6), beside
#: the logarithm of the weighted squared error.
ADVERSARIAL, FEATURES = 1.0, 0.2
#: Weight of the wall's mean absolute error beside the squared one, to which a grid of two or three levels, as
#: the discriminator's pull leaves it, is nothing.
WALL = 0.3
#: How much a change of the verdict counts that so much noise makes, a standard deviation of the picture's 1.
STEADINESS, NOISE = 100.0, 0.0125
#: Weight of a patch without a dancer: in a window around the dancer, where the wall must stay clean; and in a
#: whole picture, which is nearly all wall.
EMPTY_IN_WINDOW, EMPTY_IN_PICTURE = 0.2, 0.02
#: The discriminator sees differences from the empty room so many times as large.
CONTRAST = 4.0
#: Part of a stage's minutes that sharpening takes where no budget of its own is given.
SHARE_OF_MINUTES = 0.6
#: Sharper pictures are kept where foreground PSNR falls by no more than this, in dB.
TOLERANCE_DB = 0.4
#: Where so large a share of the tolerance is lost, the weights of looking real and of features stay; where
#: `REACH` more of it or beyond, they fall to `LESS` of what they were; where `REACH` less, they rise again.
STEADY, REACH, LESS = 0.85, 0.2, 0.7
#: Frames of validation, of the film and of dances.
VALIDATION_FRAMES, VALIDATION_POSES = 256, 128


class Sharpener(keras.Model):
    """A decoder and a discriminator under one loss, each with gradients of its own.

    Args:
        vae: a trained VAE; its decoder is changed in place.
        seed: of the discriminator's first weights.
    """

    def __init__(self, vae: VAE, *, seed: int = 0):
        super().__init__(name="sharpener")
        self.vae = vae
        vae.encoder.trainable = False
        if vae.judge is not None:
            vae.judge.trainable = False
        looked_at = vae.window or vae.frame_shape[:2]
        self.discriminator = convolutional.patch_discriminator(*looked_at, vae.frame_shape[2], seed=seed)
        self.seeds = keras.random.SeedGenerator(seed)
        self.pressure = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="pressure", dtype="float32"
        )
        self.means = {name: keras.metrics.Mean(name) for name in ("loss", "error", "features", "fooled")}
        self.built = True

    def call(self, x, training=False):
        """Pictures of a film's latents and of dances' latents, (B, H, W, C) each."""
        film, danced = self._bodies(x)
        return self.vae.decode(x[2], film), self.vae.decode(x[3], danced)

    def _bodies(self, x):
        """Whose bodies the film's frames and the dances' poses of a batch show; None for one dancer."""
        return x[4:6] if self.vae.bodies else (None, None)

    def _views(self, frames, rooms, latents):
        """What is judged: how frames (B, H, W, C) differ from the empty room of each, in the window."""
        apart = frames - rooms
        if not self.vae.window:
            return apart
        return self.vae.cut_out(apart, latents[:, : centring.PLACE])

    def _weights(self, views):
        """1 for each of the discriminator's patches with a dancer in it, little for the others."""
        apart = ops.max(ops.abs(views), axis=-1, keepdims=True)
        inside = ops.cast(apart > FOREGROUND_THRESHOLD, "float32")
        empty = EMPTY_IN_WINDOW if self.vae.window else EMPTY_IN_PICTURE
        return ops.max_pool(inside, convolutional.PATCH, convolutional.PATCH, "same") + empty

    def _judged(self, views, frozen: bool):
        """The discriminator's output per patch, and its features; `frozen` lets no gradient into it."""
        if not frozen:
            return self.discriminator(CONTRAST * views)
        weights = [ops.stop_gradient(weight) for weight in self.discriminator.trainable_variables]
        return self.discriminator.stateless_call(weights, [], CONTRAST * views)[0]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Of the decoder: log error + features + looking real; and of the discriminator."""
        frames, backgrounds = as_unit(x[0]), as_unit(x[1])
        made, danced = (ops.clip(part, 0.0, 1.0) for part in y_pred)
        film, poses = (self.vae.base_of(bodies) for bodies in self._bodies(x))
        error, wall = self.vae.errors(frames, backgrounds, made)
        real = self._views(frames, film, x[2])
        fakes = [self._views(made, film, x[2]), self._views(danced, poses, x[3])]
        discriminator, truths = self._discriminated(real, [ops.stop_gradient(part) for part in fakes])
        resembling, fooled = self._looks(ops.concatenate(fakes), truths)
        looking = FEATURES * resembling - ADVERSARIAL * fooled
        decoder = ops.log(error + WALL * wall + 1e-5) + self.pressure * looking
        for name, value in (
            ("loss", decoder), ("error", error), ("features", resembling), ("fooled", fooled)
        ):  # fmt: skip
            self.means[name].update_state(value)
        return decoder + discriminator

    def _looks(self, fakes, truths):
        """How far features of made views are from `truths`, those of the real ones that they begin with, as a
        share; and the verdict on them all."""
        verdict, *features = self._judged(fakes, frozen=True)
        apart = [
            replicas.mean(ops.abs(part[: ops.shape(truth)[0]] - truth))
            / (replicas.mean(ops.abs(truth)) + 1e-3)
            for part, truth in zip(features, truths, strict=True)
        ]
        return ops.mean(ops.stack(apart)), _mean(verdict, self._weights(fakes))

    def _discriminated(self, real, fakes):
        """What the discriminator loses by real views and by parts of made ones; and the real ones' features.

        The hinge loss (Lim & Ye 2017, eq. 3), and its verdict's gradient by the picture, squared (Mescheder
        et al. 2018, eqs. 9 and 10): as the difference that a little noise makes, which is that gradient
        without a second derivative.
        """
        parts, count = [real, *fakes], ops.shape(real)[0]
        views = ops.concatenate(parts)
        # part by part: an example's noise must not depend on how many devices share the batch
        noise = NOISE * ops.concatenate([replicas.normal(ops.shape(part), self.seeds) for part in parts])
        # all in one call: TensorFlow adds up what three calls or more say of a weight in any order, and these
        # two players make much of a last digit
        verdicts, *features = self._judged(ops.concatenate([views, views + noise]), frozen=False)
        verdict, beside = ops.split(verdicts, 2)
        wanted = ops.concatenate([ops.ones_like(verdict[:count]), -ops.ones_like(verdict[count:])])
        lost = ops.relu(1.0 - wanted * verdict) + STEADINESS * ops.square(beside - verdict)
        weights = self._weights(views)
        both = _mean(lost[:count], weights[:count]) + _mean(lost[count:], weights[count:])
        return both, [ops.stop_gradient(part[:count]) for part in features]

    def ease(self, lost_db: float) -> None:
        """Look less at sharpness where pictures have lost nearly all they may, and more again where not."""
        # without a jump: a sum in another order must not make a resumed training another one
        beyond = np.clip((lost_db / TOLERANCE_DB - STEADY) / REACH, -1.0, 1.0)
        self.pressure.assign(min(1.0, float(ops.convert_to_numpy(self.pressure)) * LESS**beyond))

    @property
    def metrics(self):
        """Running means since the last reset; `fooled` is the discriminator's verdict on made pictures."""
        return list(self.means.values())


def _mean(values, weights):
    return replicas.mean(values * weights) / replicas.mean(weights)


def sharpen(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, Any]:
    """Stage 6: sharpen the decoder that the run's dances are drawn with.

    Kept where dances come nearer to the sharpness of unseen film and pictures of unseen film lose at most
    `TOLERANCE_DB`.

    Returns:
        the content of `sharpen.json`; `kept` says whether the run's dances use it.

    Raises:
        DancenetError: a stage before is missing or stale; begun with other settings; NaN; disk full.
    """
    started = time.monotonic() - start_up_s()
    run.read("choreographer")  # that a stage is missing is told before its files are looked for
    preset, team = run.read("vae")["options"]["preset"], team_of(options.devices)
    settings = {"preset": preset, "seed": options.seed, "weights": current.dancing_weights(run)}
    stage = Stage(run, "sharpen", settings, follows_inputs=True, team=team)
    budget = budget_of(options, preset, SHARE_OF_MINUTES)
    begun = stage.begun_with(fresh=options.fresh)
    size = BatchSize.of(options, VAE_PRESETS[preset].batch, team, begun)
    settings |= size.settings
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    with team.scope():
        base, model = _new_model(run, options)
    takes, held_out = split_takes(base.packed)
    training, unseen = frame_indices(takes), frame_indices(held_out)
    danced = team.first(lambda: kept_poses(base, options.seed, stage.folder / "danced.npy"))
    practice, examined = danced[VALIDATION_POSES:], danced[:VALIDATION_POSES]
    picks = unseen[np.linspace(0, len(unseen) - 1, min(len(unseen), VALIDATION_FRAMES)).astype(int)]
    examine = _examination(base.vae, base.packed, picks, examined)
    before = team.agreed(examine() if team.chief else None)
    fit = Fit(
        model, folder=stage.folder, what="sharpen", budget=budget, started=started, progress=progress,
        learning_rate=size.rate(options, LEARNING_RATE), team=team,
        epoch_of=lambda epoch: PoseBatches(
            base.packed, base.latents, training, practice,
            batch=size.examples, seed=options.seed, epoch=epoch, share=team.replicas,
        ),
        validate=lambda: _scored(examine(), before),
        # they also steer how much the next steps look at sharpness
        on_validated=lambda now: model.ease(before["foreground_psnr_db"] - now["foreground_psnr_db"]),
        reserve_s=2.0 + mending.mending_s(base, len(training)) + measuring_s(base.vae.window), patient=True,
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    if not team.chief:
        return stage.followed()
    model = fit.best_model(lambda: _new_model(run, options)[1])
    after = _scored(_examination(model.vae, base.packed, picks, examined)(), before)
    kept = after["holds"] and after["score"] < abs(1 - before["dance_sharpness"])
    mended: dict[str, float] = {}
    if kept:
        progress("sharpen · mending poses", 0, 1)
        base, mended = _keep(run, replace(base, vae=model.vae), takes, options.seed, budget)
    log.info("sharpening was %s", "kept" if kept else "not kept: dances are drawn as they were")
    return stage.finish(
        options, budget, outcome, {"before": before, "after": after}, fit.elapsed_s(), kept=bool(kept),
        mended=mended, **base.told,
    )  # fmt: skip


def _keep(
    run: Run, base: trained.Trained, takes: list[Span], seed: int, budget: Budget
) -> tuple[trained.Trained, dict[str, float]]:
    """Teach a mender for the sharpened decoder, measure dances with both, and write them; what the run dances
    with now, and the mender's figures."""
    frames = frame_indices(takes)
    most_s = mending.mending_s(base, len(frames)) if budget.epochs is None else None
    mender, mended = mending.learned(base, frames, seed, most_s=most_s)
    base.choreographer.mender = mender
    # sharper dances move more from picture to picture, and have become sharper by more than takes
    base = in_dancers_measure(base, takes)
    (run / "sharpen.json").unlink(missing_ok=True)  # until all is in place, dances are drawn as before
    save_weights(base.vae, run / "sharpen" / "vae.weights.h5")
    keep_mender(mender, run / "sharpen" / "mender.npz")
    return base, mended


def _new_model(run: Run, options: TrainOptions) -> tuple[trained.Trained, Sharpener]:
    """What the run dances with, and its decoder beside a new discriminator."""
    keras.utils.set_random_seed(options.seed)
    base = trained.load_trained(run, sharp=False, precision=options.precision)
    model = Sharpener(base.vae, seed=options.seed)
    adam = keras.optimizers.Adam(LEARNING_RATE, beta_1=0.5, beta_2=0.99)
    optimizer = scaling_its_loss(adam, base.vae.policy)
    model.compile(optimizer=optimizer, jit_compile=compiles_steps(allowed=options.jit))
    return base, model


def _examination(
    vae: VAE, packed: PackedFrames, unseen: np.ndarray, poses: np.ndarray
) -> Callable[[], dict[str, float]]:
    """A function that gives the figures of the VAE as it is when it is called."""
    real = _energy(packed.pixels[unseen])

    def examine() -> dict[str, float]:
        """Foreground PSNR of unseen frames in dB, and how sharp they and dances' poses are drawn, of real."""
        figures = picture_figures(vae, packed, unseen)
        dance = _energy(np.stack(list(decoded(vae, poses))))
        return {
            "foreground_psnr_db": -figures["score"], "sharpness": figures["half_sharpness"],
            "dance_sharpness": dance / real if real else 1.0,
        }  # fmt: skip

    return examine


def _energy(frames: np.ndarray) -> float:
    """Mean gradient energy at half size of uint8 frames (N, H, W, C)."""
    return gradient_energy(halved(frames).astype("float32") / 255) / len(frames)


def _scored(figures: dict[str, float], before: dict[str, float]) -> dict[str, Any]:
    """Distance of dances from real sharpness as score; where pictures do not hold, one far beyond."""
    lost = before["foreground_psnr_db"] - figures["foreground_psnr_db"]
    score = abs(1 - figures["dance_sharpness"])
    holds = lost <= TOLERANCE_DB
    return {**figures, "holds": bool(holds), "score": score + (0.0 if holds else 1e3 + lost)}
