"""The trained stages as functions of a run: VAE, latents, choreographer, and all of them in a row.

Each leaves one JSON at the top of the run as its last act, and goes on from its own checkpoint when it was
interrupted. Joint fine-tuning is in `joint.py`, sharpening in `sharpening.py`.
"""

import dataclasses
import functools
import logging
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dancenet import trained
from dancenet.batches import Augmentation, FrameBatches, foreground_share, median_picture
from dancenet.centring import window_for
from dancenet.checkpoints import load_weights, save_weights
from dancenet.choreographer import Choreographer
from dancenet.clips import PackedFrames
from dancenet.config import TrainOptions
from dancenet.dancers_beat import cues_of_run
from dancenet.devices import team_of
from dancenet.encoding import encode_latents
from dancenet.erasing import erase_bodies
from dancenet.fidelity import picture_figures
from dancenet.fitting import Fit
from dancenet.frames import load_frames
from dancenet.hardware import compiles_steps, compute_policy, spare_gpu_memory, start_up_s
from dancenet.latents import Latents
from dancenet.mapped import read_rows
from dancenet.networks import COARSEST
from dancenet.optimizer import ConvMuon
from dancenet.pace import PACE_S, natural_pace
from dancenet.pictures import contact_sheet
from dancenet.presets import CHOREOGRAPHER_PRESETS, VAE_PRESETS, ChoreographerPreset
from dancenet.runs import Progress, Run, silent
from dancenet.sequences import (
    Baselines,
    WindowBatches,
    context_noise,
    frame_indices,
    require_length,
    split_takes,
    validation_stretches,
)
from dancenet.stages import BatchSize, Stage, budget_of
from dancenet.team import Team
from dancenet.vae import FOREGROUND_THRESHOLD, VAE

log = logging.getLogger(__name__)

#: Validation during training looks at this many frames at most.
VALIDATION_FRAMES = 384
#: The stage's own figures are of so many at most: more say the same and take longer.
FINAL_FRAMES = 8192
#: Share of the budget over which the weight of the KL rises to 1 (Bowman et al. 2016, section 3.1).
KL_WARM_UP = 0.1
#: Frames on the picture of reconstructions.
SHOWN = 12
#: Frames encoded at once.
ENCODED = 64


def train_vae(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, Any]:
    """Stage 2: train the VAE on a run's frames.

    Returns:
        the content of `vae.json`.

    Raises:
        DancenetError: no frames; begun with other settings; the loss became NaN; disk full.
    """
    started = time.monotonic() - start_up_s()
    packed, budget, team = load_frames(run), budget_of(options), team_of(options.devices)
    settings = {"preset": options.preset, "seed": options.seed, "frames": packed.fingerprint}
    stage = Stage(run, "vae", settings, team=team)
    begun = stage.begun_with(fresh=options.fresh)
    size = BatchSize.of(options, VAE_PRESETS[options.preset].batch, team, begun)
    settings |= size.settings
    if begun is None or begun.get("centred"):  # begun before there were windows, it goes on without
        settings["centred"] = True
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    spare_gpu_memory()
    training, validation = split_takes(packed)
    indices, unseen = frame_indices(training), frame_indices(validation)
    augmentation = Augmentation.fitting(packed, indices)
    new_model = functools.partial(
        _new_vae, packed, options, indices, augmentation, centred="centred" in settings
    )
    with team.scope():
        model = new_model()
    sample, final = (_evenly(unseen, most) for most in (VALIDATION_FRAMES, FINAL_FRAMES))
    fit = Fit(
        model, folder=stage.folder, what="VAE", budget=budget, started=started, progress=progress,
        learning_rate=size.rate(options, model.preset.learning_rate), team=team,
        epoch_of=lambda epoch: FrameBatches(
            packed, indices, size.examples, seed=options.seed, epoch=epoch, augmentation=augmentation,
            share=team.replicas,
        ),
        validate=lambda: picture_figures(model, packed, sample),
        on_progress=lambda share: model.kl_weight.assign(min(1.0, share / KL_WARM_UP)),
        reserve_s=2.0 + 0.004 * len(final),
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    if not team.chief:
        return stage.followed()
    if team.replicas > 1:  # in what follows the others take no part
        model = new_model()
    load_weights(model, fit.best)
    best = _without_bodies(model, packed, indices, stage.folder, options, progress) or fit.best
    figures = picture_figures(model, packed, final)
    _show_reconstructions(model, packed, unseen, stage.folder / "reconstructions.png")
    return stage.finish(
        options, budget, outcome, figures, fit.elapsed_s(), best=best,
        augmentation=dataclasses.asdict(augmentation), size=list(model.frame_shape),
        network=dataclasses.asdict(model.preset), window=model.window,
        parameters={"encoder": model.encoder.count_params(), "decoder": model.decoder.count_params()},
        **({"dancers": list(packed.dancers)} if packed.dancers else {}),
        policy=model.policy, training_frames=len(indices), validation_frames=len(unseen),
    )  # fmt: skip


def _evenly(frames: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the frames, evenly picked."""
    return frames[np.linspace(0, len(frames) - 1, min(len(frames), most)).astype(int)]


def _new_vae(
    packed: PackedFrames,
    options: TrainOptions,
    indices: np.ndarray,
    augmentation: Augmentation,
    *,
    centred: bool = True,
) -> VAE:
    """A new VAE, compiled; `centred` with a window, where dancers can be moved on this film's background."""
    keras.utils.set_random_seed(options.seed)
    preset = VAE_PRESETS[options.preset]
    walls, window = median_picture(packed, indices), None
    if packed.dancers:
        shown = packed.bodies[indices]
        walls = np.stack([median_picture(packed, indices[shown == body]) for body in np.unique(shown)])
    elif centred and augmentation.shift and preset.name != "classic":
        window = window_for(packed, indices, FOREGROUND_THRESHOLD, COARSEST)
    model = VAE(
        preset, packed.height, packed.width, packed.channels, bodies=len(packed.dancers), base_frame=walls,
        window=window, foreground_share=foreground_share(packed, indices, FOREGROUND_THRESHOLD),
        policy=compute_policy(), seed=options.seed,
    )  # fmt: skip
    if model.is_classic:
        optimizer = keras.optimizers.RMSprop(preset.learning_rate)
    else:
        optimizer = ConvMuon(
            preset.learning_rate, adam_beta_2=0.99, weight_decay=0.0, adam_weight_decay=0.0,
            exclude_layers=["posterior", "body"],
            newton_schulz_dtype="bfloat16" if model.policy == "mixed_bfloat16" else "float32",
        )  # fmt: skip
    model.compile(optimizer=optimizer, jit_compile=compiles_steps())
    return model


def _without_bodies(
    model: VAE, packed: PackedFrames, indices: np.ndarray, folder: Path, options: TrainOptions,
    progress: Progress,
) -> Path | None:  # fmt: skip
    """Take the bodies of several dancers out of pose codes: the weights after it; None for one dancer."""
    if not packed.dancers:
        return None
    encoded = [
        trained.encode_batch(model, read_rows(packed.pixels, indices[start : start + ENCODED]))
        for start in range(0, len(indices), ENCODED)
    ]
    mean, log_variance = (np.concatenate(part) for part in zip(*encoded, strict=True))
    erase_bodies(
        model, mean, np.exp(0.5 * log_variance), packed.bodies[indices], seed=options.seed, progress=progress
    )
    save_weights(model, folder / "erased.weights.h5")
    return folder / "erased.weights.h5"


def _show_reconstructions(model: VAE, packed: PackedFrames, unseen: np.ndarray, path) -> None:
    """A sheet of unseen frames, each row of real ones above their reconstructions."""
    picks = _evenly(unseen, SHOWN)
    real = read_rows(packed.pixels, picks)
    made = trained.reconstruct_batch(model, real, packed.bodies[picks])[2]
    half = -(-len(picks) // 2)
    rows = [real[:half], made[:half], real[half:], made[half:]]
    blank = np.full((half - len(rows[2]), *real.shape[1:]), 255, "uint8")
    rows[2:] = [np.concatenate([row, blank]) for row in rows[2:]]
    contact_sheet(np.concatenate(rows), path, columns=half)


def train_choreographer(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, Any]:
    """Stage 4: train the choreographer on a run's latents.

    Returns:
        the content of `choreographer.json`.

    Raises:
        DancenetError: no latents, or latents of another VAE; takes of a few frames only; begun with other
            settings; NaN; disk full.
    """
    started = time.monotonic() - start_up_s()
    packed, budget, team = load_frames(run), budget_of(options), team_of(options.devices)
    source = trained.fresh_latents(run, packed)
    training, validation = split_takes(packed)
    require_length(training, 4, "training")
    require_length(validation, 2, "validation")
    told = run.read("latents").get("told")
    stage, preset, size = _choreographers_stage(run, options, source, team, told is not None)
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    spare_gpu_memory()
    latents = Latents.load(run / "latents.npz")
    with team.scope():
        model = _new_choreographer(preset, options.seed)
    baselines = Baselines.fit(latents, training)
    model.start_from(baselines.weights)
    known = team.first(lambda: cues_of_run(run, packed)) if preset.cues else None
    cues = known.cues if known else None
    stretches = validation_stretches(latents, validation, cues=cues)
    fit = Fit(
        model, folder=stage.folder, what="choreographer", budget=budget, started=started, progress=progress,
        learning_rate=size.rate(options, preset.learning_rate), team=team,
        epoch_of=lambda epoch: WindowBatches(
            latents, training, window=preset.window, batch=size.examples, seed=options.seed, epoch=epoch,
            noise=context_noise(fit.share()), cues=cues, told=np.array(told) if preset.ways else None,
        ),
        validate=lambda: trained.likelihood(model, stretches), reserve_s=1.0 + PACE_S,
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    if not team.chief:
        return stage.followed()
    if team.replicas > 1:  # in what follows the others take no part
        model = _new_choreographer(preset, options.seed)
    load_weights(model, fit.best)
    vae = trained.load_vae(run, packed)
    pace = natural_pace(trained.Trained(packed, vae, model, latents, False), training)
    figures = {
        **trained.likelihood(model, stretches), **trained.likelihood_to_cues(model, stretches),
        **baselines.nll(stretches),
    }  # fmt: skip
    return stage.finish(
        options, budget, outcome, figures, fit.elapsed_s(), best=fit.best, pace=pace,
        beat_s=known.period_s if known and np.isfinite(known.period_s) else None,
        network=dataclasses.asdict(preset), parameters=model.count_params(),
    )  # fmt: skip


def _choreographers_stage(
    run: Run, options: TrainOptions, source: str, team: Team, told: bool
) -> tuple[Stage, ChoreographerPreset, BatchSize]:
    """The stage as it is begun or goes on; `told`: it is known what the latents' variations are."""
    preset = CHOREOGRAPHER_PRESETS[options.preset]
    if not told:  # encoded before it was kept
        preset = dataclasses.replace(preset, ways=0)
    settings = {"preset": options.preset, "seed": options.seed, "latents": source}
    stage = Stage(run, "choreographer", settings, team=team)
    begun = stage.begun_with(fresh=options.fresh)
    if begun is not None:  # begun before there were cues, or with them: it goes on as it began
        preset = dataclasses.replace(preset, cues=begun.get("cues", 0), ways=begun.get("ways", 0))
    size = BatchSize.of(options, preset.batch, team, begun)
    stage.settings |= {name: count for name in ("cues", "ways") if (count := getattr(preset, name))}
    stage.settings |= size.settings
    return stage, preset, size


def _new_choreographer(preset: ChoreographerPreset, seed: int) -> Choreographer:
    keras.utils.set_random_seed(seed)
    model = Choreographer(preset, seed=seed)
    optimizer = keras.optimizers.AdamW(preset.learning_rate, weight_decay=preset.weight_decay, clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=compiles_steps())
    return model


def train_all(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, dict[str, Any]]:
    """Stages 2 to 6 in a row; a budget in minutes is for the VAE and for the choreographer each.

    Returns:
        the content of each stage's JSON by its name.
    """
    from dancenet import sharpening
    from dancenet.joint import SHARE_OF_MINUTES, WINDOW, finetune_joint

    made = {"vae": train_vae(run, options, progress)}
    made["latents"] = encode_latents(run, fresh=options.fresh, devices=options.devices, progress=progress)
    made["choreographer"] = train_choreographer(run, options, progress)

    def part(share: float) -> TrainOptions:
        """The options of a stage that has a share of the minutes."""
        minutes = None if options.minutes is None else share * options.minutes
        return dataclasses.replace(options, minutes=minutes)

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
