"""The trained stages as functions of a run: VAE, latents, choreographer, and all of them in a row.

Each leaves one JSON at the top of the run as its last act, and goes on from its own checkpoint when it was
interrupted. Joint fine-tuning is in `joint.py`, sharpening in `sharpening.py`.
"""

import dataclasses
import logging
import shutil
import time
from typing import Any

import keras
import numpy as np

from dancenet import trained
from dancenet.batches import Augmentation, FrameBatches, foreground_share, median_picture
from dancenet.centring import window_for
from dancenet.checkpoints import load_weights, weights_hash
from dancenet.choreographer import Choreographer
from dancenet.clips import PackedFrames
from dancenet.config import TrainOptions
from dancenet.dancers_beat import cues_of_run
from dancenet.erasing import without_bodies
from dancenet.errors import DancenetError
from dancenet.fidelity import ACTIVE_VARIANCE, picture_figures, show_reconstructions
from dancenet.fitting import Fit
from dancenet.frames import load_frames
from dancenet.hardware import (
    compiles_steps,
    compute_policy,
    on_gpu,
    scaling_its_loss,
    spare_gpu_memory,
    start_up_s,
)
from dancenet.latents import Latents, encode_frames
from dancenet.networks import COARSEST
from dancenet.optimizer import ConvMuon
from dancenet.pace import PACE_S, natural_pace
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
from dancenet.stages import Stage, budget_of
from dancenet.tuning import set_batch
from dancenet.vae import FOREGROUND_THRESHOLD, VAE

log = logging.getLogger(__name__)

#: Validation during training looks at this many frames at most.
VALIDATION_FRAMES = 384
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
    packed, budget = load_frames(run), budget_of(options)
    settings = {"preset": options.preset, "seed": options.seed, "frames": packed.fingerprint}
    stage = Stage(run, "vae", settings)
    begun = stage.begun_with(fresh=options.fresh)
    if begun is None or begun.get("centred"):  # begun before there were windows, it goes on without
        settings["centred"] = True
    batch = stage.batch(options)
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    spare_gpu_memory()
    training, validation = split_takes(packed)
    indices, unseen = frame_indices(training), frame_indices(validation)
    augmentation = Augmentation.fitting(packed, indices)
    model = _new_vae(packed, options, indices, augmentation, centred="centred" in settings)

    def epoch_of(epoch: int) -> FrameBatches:
        """Frames in an order of its own."""
        return FrameBatches(
            packed, indices, model.preset.batch, seed=options.seed, epoch=epoch, augmentation=augmentation
        )

    set_batch(model, stage, batch, budget, len(indices), epoch_of)
    sample = unseen[np.linspace(0, len(unseen) - 1, min(len(unseen), VALIDATION_FRAMES)).astype(int)]
    fit = Fit(
        model, folder=stage.folder, what="VAE", budget=budget, started=started, progress=progress,
        learning_rate=options.learning_rate or model.preset.learning_rate,
        epoch_of=epoch_of, validate=lambda: picture_figures(model, packed, sample),
        on_progress=lambda share: model.kl_weight.assign(min(1.0, share / KL_WARM_UP)),
        reserve_s=2.0 + 0.004 * len(unseen),
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    load_weights(model, fit.best)
    erased = without_bodies(model, packed, indices, stage.folder, seed=options.seed, progress=progress)
    figures = picture_figures(model, packed, unseen)
    show_reconstructions(model, packed, unseen, stage.folder / "reconstructions.png")
    return stage.finish(
        options, budget, outcome, figures, fit.elapsed_s(), best=erased or fit.best,
        augmentation=dataclasses.asdict(augmentation), size=list(model.frame_shape),
        network=dataclasses.asdict(model.preset), window=model.window,
        parameters={"encoder": model.encoder.count_params(), "decoder": model.decoder.count_params()},
        **({"dancers": list(packed.dancers)} if packed.dancers else {}),
        policy=model.policy, training_frames=len(indices), validation_frames=len(unseen),
    )  # fmt: skip


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
        policy=compute_policy(options.precision), seed=options.seed,
    )  # fmt: skip
    if model.is_classic:
        optimizer: keras.Optimizer = keras.optimizers.RMSprop(preset.learning_rate)
    else:
        optimizer = ConvMuon(
            preset.learning_rate, adam_beta_2=0.99, weight_decay=0.0, adam_weight_decay=0.0,
            exclude_layers=["posterior", "body"],
            newton_schulz=_newton_schulz(model.policy),
        )  # fmt: skip
    model.compile(
        optimizer=scaling_its_loss(optimizer, model.policy),
        jit_compile=compiles_steps(allowed=options.jit),
    )
    return model


def _newton_schulz(policy: str) -> str:
    """How `ConvMuon` orthogonalises fastest here."""
    if not on_gpu():
        return "gram"
    return "bfloat16" if policy == "mixed_bfloat16" else "float32"


def encode_latents(run: Run, *, fresh: bool = False, progress: Progress = silent) -> dict[str, Any]:
    """Stage 3: posterior of every frame by the VAE's best checkpoint.

    Returns:
        the content of `latents.json`.

    Raises:
        DancenetError: no trained VAE; disk full.
    """
    packed, content = load_frames(run), run.read("vae")
    source = {"frames": packed.fingerprint, "vae": weights_hash(run / "vae" / "best.weights.h5")}
    if not fresh and run.has("latents") and run.read("latents")["source"] == source:
        return run.read("latents")
    started = time.monotonic()
    run.sweep()
    model = trained.load_vae(run, packed)
    variations = Augmentation(**content["augmentation"]).variations()
    taken = run / f"latents-{packed.fingerprint}-{source['vae']}.taken"
    for earlier in run.path.glob("latents-*.taken"):
        if fresh or earlier != taken:
            shutil.rmtree(earlier)
    try:
        latents = encode_frames(
            packed, lambda frames: trained.encode_batch(model, frames),
            frame_indices(split_takes(packed)[0]), variations=variations, keep=taken, progress=progress,
        )  # fmt: skip
        latents.save(run / "latents.npz")
    except DancenetError:
        shutil.rmtree(taken, ignore_errors=True)
        raise
    shutil.rmtree(taken)
    run.write("latents", {
        "source": source, "frames": len(packed), "fps": packed.fps,
        "variations": len(variations), "told": [way.told() for way in variations],
        "seconds": round(time.monotonic() - started, 1),
        "figures": {
            "posterior_sigma": float(np.exp(0.5 * latents.log_variance).mean()),
            "active_units": int((latents.mean.var(axis=0) > ACTIVE_VARIANCE).sum()),
        },
    })  # fmt: skip
    return run.read("latents")


def train_choreographer(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, Any]:
    """Stage 4: train the choreographer on a run's latents.

    Returns:
        the content of `choreographer.json`.

    Raises:
        DancenetError: no latents, or latents of another VAE; takes of a few frames only; begun with other
            settings; NaN; disk full.
    """
    started = time.monotonic() - start_up_s()
    packed, budget = load_frames(run), budget_of(options)
    source = trained.fresh_latents(run, packed)
    training, validation = split_takes(packed)
    require_length(training, 4, "training")
    require_length(validation, 2, "validation")
    told = run.read("latents").get("told")
    stage = Stage(run, "choreographer", {"preset": options.preset, "seed": options.seed, "latents": source})
    preset, batch = _preset_of(stage, options, told), stage.batch(options)
    if (content := stage.finished(budget, fresh=options.fresh)) is not None:
        return content
    spare_gpu_memory()
    latents = Latents.load(run / "latents.npz")
    model = _new_choreographer(preset, options)
    baselines = Baselines.fit(latents, training)
    model.start_from(baselines.weights)
    known = cues_of_run(run, packed) if preset.cues else None
    cues = known.cues if known else None
    stretches = validation_stretches(latents, validation, cues=cues)

    def epoch_of(epoch: int, share: float = 0.0) -> WindowBatches:
        """Windows drawn anew, with the noise that is due after a share of the budget."""
        return WindowBatches(
            latents, training, window=preset.window, batch=model.preset.batch, seed=options.seed, epoch=epoch,
            noise=context_noise(share), cues=cues, told=np.array(told) if preset.ways else None,
        )  # fmt: skip

    set_batch(model, stage, batch, budget, sum(map(len, training)) // preset.window, epoch_of)
    fit = Fit(
        model, folder=stage.folder, what="choreographer", budget=budget, started=started, progress=progress,
        learning_rate=options.learning_rate or model.preset.learning_rate,
        epoch_of=lambda epoch: epoch_of(epoch, fit.share()),
        validate=lambda: trained.likelihood(model, stretches), reserve_s=1.0 + PACE_S,
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
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
        network=dataclasses.asdict(model.preset), parameters=model.count_params(),
    )  # fmt: skip


def _preset_of(stage: Stage, options: TrainOptions, told: list | None) -> ChoreographerPreset:
    """The preset with the inputs that the stage began with; they become part of its settings."""
    preset = CHOREOGRAPHER_PRESETS[options.preset]
    if told is None:  # encoded before it was kept what their variations are
        preset = dataclasses.replace(preset, ways=0)
    begun = stage.begun_with(fresh=options.fresh)
    if begun is not None:  # begun before there were cues, or with them: it goes on as it began
        preset = dataclasses.replace(preset, cues=begun.get("cues", 0), ways=begun.get("ways", 0))
    stage.settings |= {name: size for name in ("cues", "ways") if (size := getattr(preset, name))}
    return preset


def _new_choreographer(preset: ChoreographerPreset, options: TrainOptions) -> Choreographer:
    keras.utils.set_random_seed(options.seed)
    model = Choreographer(preset, seed=options.seed)
    optimizer = keras.optimizers.AdamW(preset.learning_rate, weight_decay=preset.weight_decay, clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=compiles_steps(allowed=options.jit))
    return model


def train_all(run: Run, options: TrainOptions, progress: Progress = silent) -> dict[str, dict[str, Any]]:
    """Stages 2 to 6 in a row; a budget in minutes is for the VAE and for the choreographer each.

    Returns:
        the content of each stage's JSON by its name.
    """
    from dancenet import sharpening
    from dancenet.joint import SHARE_OF_MINUTES, WINDOW, finetune_joint

    made = {"vae": train_vae(run, options, progress)}
    made["latents"] = encode_latents(run, fresh=options.fresh, progress=progress)
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
