"""Stage 5: VAE and choreographer trained together for a while, at a low rate.

The standard normal prior of the VAE is joined by the choreographer's own prediction as a prior over time
(Chung et al. 2015, eq. 11), so that latents become easier to predict while pictures stay as they are. The
result is kept only where both hold on unseen takes. Shape letters: B batch, T time steps, H height, W width,
C channels, D = 128 latent dimensions.
"""

import logging
import math
import shutil
import time
from typing import Any

import keras
import numpy as np
from keras import ops

from dancenet import current, mixture, trained
from dancenet.batching.batches import clip_numbers
from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE, TrainOptions
from dancenet.cues import Cues
from dancenet.evaluation.reconstruction import BEST_PSNR_DB, PictureError
from dancenet.fitting.checkpoints import save_weights
from dancenet.fitting.loop import Fit
from dancenet.fitting.stage import BatchSize, Stage, budget_of
from dancenet.footage.clips import PackedFrames
from dancenet.footage.mapped import read_rows
from dancenet.frames import load_frames
from dancenet.latents import Latents, encode_frames
from dancenet.machine.compiling import once
from dancenet.machine.hardware import compiles_steps, scaling_its_loss, start_up_s
from dancenet.machine.strategies import team_of
from dancenet.networks.masks import FOREGROUND_THRESHOLD
from dancenet.runs import Progress, Run, silent
from dancenet.sequences import COLD_STEPS, Span, frame_indices, require_length, shown_cues, split_takes
from dancenet.stages.dancers_beat import cues_of_run
from dancenet.stages.encoding import variations_of
from dancenet.stages.pace import in_dancers_measure, measuring_s
from dancenet.stages.waiting import dancing
from dancenet.vae import VAE, as_unit, kl_divergence

log = logging.getLogger(__name__)

#: Frames of a window and windows of a batch.
WINDOW, BATCH = 16, 2
#: Peak learning rate.
LEARNING_RATE = 1e-4
#: Part of a stage's minutes that joint fine-tuning takes where no budget of its own is given.
SHARE_OF_MINUTES = 0.2
#: Pictures hold where foreground PSNR falls by less than this, in dB.
TOLERANCE_DB = 0.05
#: It is kept where a frame costs at least so much less, as a share: for less, dances are only other ones, and
#: were seen to repeat themselves more (docs/experiments.md).
WORTH = 0.02
#: Frames of validation stretches.
VALIDATION_FRAMES, STRETCH = 512, 64


def log_posterior(latents, mean, log_variance):
    """log q(z | x) in nats, (...), of latents (..., D)."""
    squared = ops.square(latents - mean) / ops.exp(log_variance)
    return -0.5 * ops.sum(squared + log_variance + math.log(2 * math.pi), axis=-1)


class JointModel(keras.Model):
    """VAE and choreographer under one loss.

    Args:
        vae, choreographer: trained models; they are changed in place.
        latents: whose standardisation stays fixed.
    """

    def __init__(self, vae: VAE, choreographer: Choreographer, latents: Latents):
        super().__init__(name="joint")
        self.vae, self.choreographer = vae, choreographer
        if vae.bodies:  # their codes are made of remembered ones: there is no way back to the encoder
            vae.encoder.trainable = vae.judge.trainable = False
        self.center = np.asarray(latents.center, "float32")
        self.scale = np.asarray(latents.scale, "float32")
        self.means = {name: keras.metrics.Mean(name) for name in ("loss", "rate")}
        self.built = True

    def standardise(self, latents):
        """As `Latents.standardise`."""
        # not by operators: torch lets no array meet a tensor whose gradient is wanted
        return ops.divide(ops.subtract(latents, self.center), self.scale)

    def log_prior(self, contexts, targets, cues=None, *, training):
        """log p(z_t | z_<t) in nats (B, T) of plain targets, given standardised contexts (B, T, D).

        `cues` (B, T, F) are those of the targets; None: danced without.
        """
        seen = contexts if cues is None else (contexts, None, cues)
        predicted = self.choreographer(seen, training=training)
        return mixture.log_prob(predicted, self.standardise(targets)) - float(np.log(self.scale).sum())

    def call(self, x, training=False):
        """Posterior (mean, log_variance, draw) and pictures of windows of frames (B, T, H, W, C)."""
        frames = ops.reshape(as_unit(x[0]), (-1, *self.vae.frame_shape))
        bodies = ops.reshape(x[3], (-1,)) if self.vae.bodies else None
        mean, log_variance = self.vae.encode(frames)
        latents = self.vae.sample(mean, log_variance)
        place = self.vae.measured_place(latents)
        return mean, log_variance, latents, self.vae.decode(latents, bodies, place=place)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Picture in nats + the mean of both rates: KL to N(0, 1), and to the choreographer's prediction."""
        mean, log_variance, latents, made = y_pred
        shape = (-1, WINDOW, LATENT_SIZE)
        frames, backgrounds = (ops.reshape(as_unit(part), (-1, *self.vae.frame_shape)) for part in x[:2])
        if self.vae.is_classic:
            picture = self.vae.cross_entropy_nats(frames, made)
        else:
            picture = self.vae.reconstruction_nats(frames, backgrounds, made)
        posterior = ops.reshape(log_posterior(latents, mean, log_variance), (-1, WINDOW))
        over_time = ops.reshape(latents, shape)
        prior = self.log_prior(self.standardise(over_time[:, :-1]), over_time[:, 1:], x[2], training=training)
        rate = ops.mean(posterior[:, 1:] - prior)
        still = ops.mean(ops.sum(kl_divergence(mean, log_variance), axis=-1))
        loss = picture + 0.5 * (still + rate)
        self.means["loss"].update_state(loss)
        self.means["rate"].update_state(rate)
        return loss

    @property
    def metrics(self):
        """Running means since the last reset: loss and rate, nats per frame."""
        return list(self.means.values())


class FrameWindows:
    """One epoch of windows of neighbouring frames; row `r` of batch `i` depends only on (seed, epoch, i, r).

    Yields (frames, backgrounds, cues): uint8 (B, T, H, W, C) twice, and float32 (B, T - 1, F), the cues of
    all frames but the first, F = 0 without `cues`. Of several dancers also whose they are, (B, T).
    """

    def __init__(
        self, packed: PackedFrames, spans: list[Span], *, seed: int, epoch: int, cues: Cues | None = None,
        batch: int = BATCH,
    ):  # fmt: skip
        self.packed, self.key, self.cues, self.size = packed, (seed, epoch), cues, batch
        self.spans = [span for span in spans if len(span) >= WINDOW]
        self._up_to = np.cumsum([len(span) for span in self.spans])
        self.clip_of, self.bodies = clip_numbers(packed), packed.bodies

    def __len__(self) -> int:
        return max(1, int(self._up_to[-1]) // (WINDOW * self.size))

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self.part(index, slice(None))

    def part(self, index: int, rows: slice) -> tuple[np.ndarray, ...]:
        """Some rows of a batch."""
        frames, backgrounds, cues, bodies = [], [], [], []
        for row in range(self.size)[rows]:
            random = np.random.default_rng((*self.key, index, row))
            # a take as likely as it is long
            span = self.spans[np.searchsorted(self._up_to, random.integers(self._up_to[-1]), side="right")]
            start = int(random.integers(span.start, span.stop - WINDOW + 1))
            frames.append(self.packed.pixels[start : start + WINDOW])
            backgrounds.append(self.packed.backgrounds[self.clip_of[start : start + WINDOW]])
            cues.append(shown_cues(self.cues, np.arange(start + 1, start + WINDOW), random))
            bodies.append(self.bodies[start : start + WINDOW])
        made = np.stack(frames), np.stack(backgrounds), np.stack(cues)
        return (*made, np.stack(bodies)) if self.packed.dancers else made


def finetune_joint(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, Any]:
    """Stage 5: fine-tune both models together; keep the result where both validation figures hold.

    Returns:
        the content of `joint.json`; `kept` says whether the run's dances use it.

    Raises:
        DancenetError: a stage before is missing or stale; clips too short; begun with other settings.
    """
    started = time.monotonic() - start_up_s()
    preset = run.read("vae")["options"]["preset"]
    run.read("choreographer")  # that a stage is missing is told before its files are looked for
    settings = {"preset": preset, "seed": options.seed, "weights": current.own_weights(run)}
    budget = budget_of(options, preset, SHARE_OF_MINUTES)
    packed = load_frames(run)
    training, validation = split_takes(packed)
    require_length(training, WINDOW, "training")
    require_length(validation, 2, "validation")
    trained.fresh_latents(run, packed)
    team = team_of(options.devices)
    stage = Stage(run, "joint", settings, follows_inputs=True, team=team)
    size = BatchSize.of(options, BATCH, team, stage.begun_with(fresh=options.fresh))
    settings |= size.settings
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    with team.scope():
        base, model = _new_model(run, options)
    danced = dancing(base.latents, training)
    before = team.agreed(_figures(model, packed, validation) if team.chief else None)
    knows = base.choreographer.preset.cues
    known = team.first(lambda: cues_of_run(run, packed)).cues if knows else None
    fit = Fit(
        model, folder=stage.folder, what="joint", budget=budget, started=started, progress=progress,
        learning_rate=size.rate(options, LEARNING_RATE), team=team,
        epoch_of=lambda epoch: FrameWindows(
            packed, danced, seed=options.seed, epoch=epoch, cues=known, batch=size.examples
        ),
        validate=lambda: _scored(_figures(model, packed, validation), before),
        reserve_s=2.0 + measuring_s(base.vae.window) + run.read("latents")["seconds"],
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    if not team.chief:
        return stage.followed()
    model = fit.best_model(lambda: _new_model(run, options)[1])
    after = _scored(_figures(model, packed, validation), before)
    kept = after["holds"] and is_worth_it(before["rate_nats"], after["rate_nats"])
    measures = {}
    if kept:
        # until both models and their latents are in place, dances use the models as they were
        (run / "joint.json").unlink(missing_ok=True)
        latents = _keep(run, model, base, progress)
        tuned = trained.Trained(packed, model.vae, model.choreographer, latents, joint=True)
        measures = in_dancers_measure(tuned, training).told
    figures = {"before": before, "after": after}
    log.info("joint fine-tuning was %s", "kept" if kept else "not kept: the models stay as they were")
    return stage.finish(
        options, budget, outcome, figures, fit.elapsed_s(), kept=kept, **measures,
        weights=current.joint_weights(run) if kept else {},
    )  # fmt: skip


def _new_model(run: Run, options: TrainOptions) -> tuple[trained.Trained, JointModel]:
    """The run's models as their own training has left them, and both under one loss."""
    keras.utils.set_random_seed(options.seed)
    base = trained.load_trained(run, joint=False, sharp=False, precision=options.precision).on_stage()
    model = JointModel(base.vae, base.choreographer, base.latents)
    optimizer = scaling_its_loss(keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0), base.vae.policy)
    model.compile(optimizer=optimizer, jit_compile=compiles_steps(allowed=options.jit))
    return base, model


def is_worth_it(before_nats: float, after_nats: float) -> bool:
    """Whether the rate has fallen by `WORTH` of its size or more."""
    return before_nats - after_nats >= WORTH * abs(before_nats)


def _keep(run: Run, model: JointModel, base: trained.Trained, progress: Progress) -> Latents:
    """Write both models' weights and the latents that belong to them."""
    save_weights(model.vae, run / "joint" / "vae.weights.h5")
    save_weights(model.choreographer, run / "joint" / "choreographer.weights.h5")
    latents = encode_frames(
        base.packed, lambda frames: trained.encode_batch(model.vae, frames),
        frame_indices(split_takes(base.packed)[0]),
        variations=variations_of(run, base.packed), keep=run / "joint" / "latents.taken", progress=progress,
    )  # fmt: skip
    fixed = {name: getattr(base.latents, name) for name in ("center", "scale")}
    latents = Latents(**{**vars(latents), **fixed})
    latents.save(run / "joint" / "latents.npz")
    latents = Latents.load(run / "joint" / "latents.npz")
    shutil.rmtree(run / "joint" / "latents.taken", ignore_errors=True)
    return latents


def _stretches(validation: list[Span]) -> list[np.ndarray]:
    """Stretches of neighbouring validation frames, evenly picked, of one length."""
    length = min(STRETCH, max(len(span) for span in validation))
    starts = [s for span in validation for s in range(span.start, span.stop - length + 1, length)]
    count = max(1, min(len(starts), VALIDATION_FRAMES // length))
    picks = np.linspace(0, len(starts) - 1, count).astype(int)
    return [np.arange(starts[i], starts[i] + length) for i in np.unique(picks)]


def _figures(model: JointModel, packed: PackedFrames, validation: list[Span]) -> dict[str, float]:
    """Foreground PSNR in dB, and the rate in nats per frame: log q(z_t | x_t) - log p(z_t | z_<t).

    The rate is what a frame costs given those before it. Unlike a likelihood of latents it does not depend
    on how latents are scaled, so that before and after can be compared.
    """
    error, rates = PictureError(FOREGROUND_THRESHOLD), []
    clips, random = clip_numbers(packed), np.random.default_rng(0)
    log_prior = once(model, "log_prior", lambda x, targets: model.log_prior(x, targets, training=False))
    for indices in _stretches(validation):
        frames = read_rows(packed.pixels, indices)
        mean, log_variance, made = trained.reconstruct_batch(model.vae, frames, packed.bodies[indices])
        error.add(frames, made, packed.backgrounds[clips[indices[0]]])
        drawn = mean + np.exp(0.5 * log_variance) * random.standard_normal(mean.shape).astype("float32")
        contexts = model.standardise(mean[:-1])[None]
        prior = log_prior(contexts, drawn[None, 1:])
        rate = (
            ops.convert_to_numpy(log_posterior(drawn, mean, log_variance))[1:]
            - ops.convert_to_numpy(prior)[0]
        )
        rates.append(rate[min(COLD_STEPS, len(rate) - 1) :])
    psnr = error.foreground_psnr if error.foreground_share > 0 else error.plain_psnr
    return {
        "foreground_psnr_db": min(float(psnr), BEST_PSNR_DB),
        "rate_nats": float(np.concatenate(rates).mean()),
    }


def _scored(figures: dict[str, float], before: dict[str, float]) -> dict[str, Any]:
    """The rate as score where pictures hold; where they do not, a score that no holding one has."""
    lost = before["foreground_psnr_db"] - figures["foreground_psnr_db"]
    holds = lost <= TOLERANCE_DB
    return {**figures, "holds": bool(holds), "score": figures["rate_nats"] + (0.0 if holds else 1e6 + lost)}
