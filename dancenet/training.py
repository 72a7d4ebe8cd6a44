"""The trained stages as functions of a run: VAE, latents, choreographer, and all of them in a row.

Each leaves one JSON at the top of the run as its last act, and goes on from its own checkpoint when it was
interrupted. Joint fine-tuning is in `stages/joint.py`, sharpening in `stages/sharpening.py`.
"""

import dataclasses
import functools
import logging
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from dancenet.batching.batches import (
    Augmentation,
    FrameBatches,
    empty_room,
    even_across,
    even_upward,
    foreground_share,
)
from dancenet.config import TrainOptions
from dancenet.evaluation.fidelity import picture_figures, show_reconstructions
from dancenet.fitting.loop import Fit
from dancenet.fitting.stage import BatchSize, Stage, budget_of
from dancenet.fitting.tuning import fastest
from dancenet.footage.clips import PackedFrames
from dancenet.frames import load_frames
from dancenet.machine.hardware import (
    compiles_steps,
    compute_policy,
    prepare_gpu,
    scaling_its_loss,
    start_up_s,
)
from dancenet.machine.strategies import team_of
from dancenet.machine.team import Team
from dancenet.networks.centring import window_for
from dancenet.networks.convolutional import COARSEST
from dancenet.networks.masks import FOREGROUND_THRESHOLD, RIM
from dancenet.networks.optimizer import ConvMuon, newton_schulz_for
from dancenet.presets import VAE_PRESETS
from dancenet.runs import Progress, Run, silent
from dancenet.sequences import (
    evenly,
    frame_indices,
    split_takes,
)
from dancenet.stages.choreographer_training import train_choreographer
from dancenet.stages.encoding import encode_latents
from dancenet.stages.erasing import without_bodies
from dancenet.vae import VAE

log = logging.getLogger(__name__)

#: Validation during training looks at this many frames at most.
VALIDATION_FRAMES = 384
#: The stage's own figures are of so many at most: more say the same and take longer.
FINAL_FRAMES = 8192
#: By which rule a VAE has a window: 0 none; 1 (and true) one that follows up and down as well; 2 before a
#: floor to the sides alone.
CENTRED = 2
#: Share of the budget over which the weight of the KL rises to 1 (Bowman et al. 2016, section 3.1).
KL_WARM_UP = 0.1


def train_vae(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, Any]:
    """Stage 2: train the VAE on a run's frames.

    Returns:
        the content of `vae.json`.

    Raises:
        DancenetError: no frames; begun with other settings; the loss became NaN; disk full.
    """
    started = time.monotonic() - start_up_s()
    packed, budget, team = load_frames(run), budget_of(options), team_of(options.devices)
    stage, size = _stage(run, options, packed.fingerprint, team)
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    prepare_gpu()
    training, validation = split_takes(packed)
    indices, unseen = frame_indices(training), frame_indices(validation)
    augmentation = Augmentation.fitting(packed, indices)
    new_model = functools.partial(
        _new_vae, packed, options, indices, augmentation, centred=stage.settings.get("centred", 0)
    )
    with team.scope():
        model = new_model()

    def batches(epoch: int, examples: int) -> FrameBatches:
        """Frames in an order of each epoch's own."""
        return FrameBatches(
            packed, indices, examples, seed=options.seed, epoch=epoch, augmentation=augmentation,
            share=team.replicas,
        )  # fmt: skip

    size = fastest(size, stage, model, budget, len(indices), batches)
    sample, final = (evenly(unseen, most) for most in (VALIDATION_FRAMES, FINAL_FRAMES))
    fit = Fit(
        model, folder=stage.folder, what="VAE", budget=budget, started=started, progress=progress,
        learning_rate=size.rate(options, model.preset.learning_rate), team=team,
        epoch_of=lambda epoch: batches(epoch, size.examples),
        validate=lambda: picture_figures(model, packed, sample),
        on_progress=lambda share: model.kl_weight.assign(min(1.0, share / KL_WARM_UP)),
        reserve_s=2.0 + 0.004 * len(final),
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    if not team.chief:
        return stage.followed()
    model = fit.best_model(new_model)
    erased = without_bodies(
        model, packed, indices, stage.folder, seed=options.seed, jit=options.jit, progress=progress
    )
    figures = picture_figures(model, packed, final)
    show_reconstructions(model, packed, unseen, stage.folder / "reconstructions.png")
    return stage.finish(
        options, budget, outcome, figures, fit.elapsed_s(), best=erased or fit.best,
        augmentation=dataclasses.asdict(augmentation), size=list(model.frame_shape),
        network=dataclasses.asdict(model.preset), window=model.window,
        across_only=model.across_only,
        parameters={"encoder": model.encoder.count_params(), "decoder": model.decoder.count_params()},
        **({"dancers": list(packed.dancers)} if packed.dancers else {}),
        policy=model.policy, training_frames=len(indices), validation_frames=len(unseen),
    )  # fmt: skip


def _stage(run: Run, options: TrainOptions, fingerprint: str, team: Team) -> tuple[Stage, BatchSize]:
    """The stage as it is begun or goes on."""
    stage = Stage(
        run, "vae", {"preset": options.preset, "seed": options.seed, "frames": fingerprint}, team=team
    )
    begun = stage.begun_with(fresh=options.fresh)
    size = BatchSize.of(options, VAE_PRESETS[options.preset].batch, team, begun)
    stage.settings |= size.settings
    if centred := CENTRED if begun is None else begun.get("centred"):  # what was begun goes on as it was
        stage.settings["centred"] = centred
    return stage, size


def _new_vae(
    packed: PackedFrames,
    options: TrainOptions,
    indices: np.ndarray,
    augmentation: Augmentation,
    *,
    centred: int = CENTRED,
) -> VAE:
    """A new VAE, compiled; `centred` with a window, where dancers can be moved to the sides on this film's
    background; as high as the picture, where they cannot be moved up and down (`CENTRED`)."""
    keras.utils.set_random_seed(options.seed)
    preset = VAE_PRESETS[options.preset]
    walls, window, across_only = empty_room(packed, indices), None, False
    if packed.dancers:
        shown = packed.bodies[indices]
        walls = np.stack([empty_room(packed, indices[shown == body]) for body in np.unique(shown)])
    elif centred and even_across(packed) and preset.name != "classic":
        window = window_for(packed, indices, FOREGROUND_THRESHOLD, COARSEST)
        if across_only := centred >= CENTRED and not even_upward(packed):
            window = packed.height, window[1]
    model = VAE(
        preset, packed.height, packed.width, packed.channels, bodies=len(packed.dancers), base_frame=walls,
        window=window, across_only=across_only,
        foreground_share=foreground_share(packed, indices, FOREGROUND_THRESHOLD, RIM),
        policy=compute_policy(options.precision), seed=options.seed,
    )  # fmt: skip
    if model.is_classic:
        optimizer: keras.Optimizer = keras.optimizers.RMSprop(preset.learning_rate)
    else:
        optimizer = ConvMuon(
            preset.learning_rate, adam_beta_2=0.99, weight_decay=0.0, adam_weight_decay=0.0,
            exclude_layers=["posterior", "body"],
            newton_schulz=newton_schulz_for(model.policy),
        )  # fmt: skip
    model.compile(
        optimizer=scaling_its_loss(optimizer, model.policy),
        jit_compile=compiles_steps(allowed=options.jit),
    )
    return model


def train_all(
    run: Run, options: TrainOptions, progress: Progress = silent, *, least_steps: Mapping[str, int] = {}
) -> dict[str, dict[str, Any]]:
    """Stages 2 to 6 in a row; a budget in minutes is for the VAE and for the choreographer each.

    `least_steps`: the options' for stages of that name, where it is another one.

    Returns:
        the content of each stage's JSON by its name.
    """
    from dancenet.stages import sharpening
    from dancenet.stages.joint import SHARE_OF_MINUTES, WINDOW, finetune_joint

    def of(stage: str) -> TrainOptions:
        """The options of a stage that has all of the minutes."""
        return dataclasses.replace(options, least_steps=least_steps.get(stage, options.least_steps))

    made = {"vae": train_vae(run, of("vae"), progress)}
    made["latents"] = encode_latents(
        run, fresh=options.fresh, devices=options.devices, precision=options.precision, progress=progress
    )
    made["choreographer"] = train_choreographer(run, of("choreographer"), progress)

    def part(share: float) -> TrainOptions:
        """The options of a stage that has a share of the minutes."""
        minutes = None if options.minutes is None else share * options.minutes
        return dataclasses.replace(options, minutes=minutes, least_steps=0)

    longest = max(len(span) for span in split_takes(load_frames(run))[0])
    if longest < WINDOW:
        log.warning(
            "joint fine-tuning is left out: the longest take has %d frames, it needs %d", longest, WINDOW
        )
    else:
        made["joint"] = finetune_joint(run, part(SHARE_OF_MINUTES), progress)
    if made["vae"]["network"]["name"] != "classic":  # the ancestor's picture has its own loss
        made["sharpen"] = sharpening.sharpen(run, part(sharpening.SHARE_OF_MINUTES), progress)
    return made
