"""Stage 4 as a function of a run: the choreographer, trained on its latents."""

import dataclasses
import logging
import time
from typing import Any

import keras
import numpy as np

from dancenet import trained
from dancenet.choreographer import Choreographer
from dancenet.config import TrainOptions
from dancenet.evaluation.predicting import likelihood, likelihood_to_cues
from dancenet.fitting.loop import Fit
from dancenet.fitting.stage import BatchSize, Stage, budget_of
from dancenet.fitting.tuning import fastest
from dancenet.frames import load_frames
from dancenet.latents import Latents
from dancenet.machine.hardware import POLICIES, compiles_steps, compute_policy, prepare_gpu, start_up_s
from dancenet.machine.strategies import team_of
from dancenet.machine.team import Team
from dancenet.presets import CHOREOGRAPHER_PRESETS, ChoreographerPreset
from dancenet.runs import Progress, Run, silent
from dancenet.sequences import (
    Stretches,
    WindowBatches,
    context_noise,
    require_length,
    split_takes,
    step_sizes,
    validation_stretches,
)
from dancenet.stages.dancers_beat import cues_of_run
from dancenet.stages.pace import in_dancers_measure, measuring_s
from dancenet.stages.waiting import dancing
from dancenet.yardsticks.baselines import Baselines, no_better

log = logging.getLogger(__name__)


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
    prepare_gpu()
    latents = Latents.load(run / "latents.npz")
    with team.scope():
        model = _new_choreographer(preset, options)
    baselines, danced = Baselines.fit(latents, training), dancing(latents, training)
    sizes = step_sizes(latents, danced)
    model.start_from(baselines.weights)
    known = team.first(lambda: cues_of_run(run, packed)) if preset.cues else None
    cues = known.cues if known else None
    stretches = validation_stretches(latents, validation, cues=cues)

    def batches(epoch: int, examples: int, share: float = 0.0) -> WindowBatches:
        """Windows drawn anew, with the noise that is due after a share of the budget."""
        return WindowBatches(
            latents, danced, window=preset.window, batch=examples, seed=options.seed, epoch=epoch,
            noise=context_noise(share) * sizes, cues=cues, told=np.array(told) if preset.ways else None,
        )  # fmt: skip

    size = fastest(size, stage, model, budget, sum(map(len, danced)) // preset.window, batches)
    fit = Fit(
        model, folder=stage.folder, what="choreographer", budget=budget, started=started, progress=progress,
        learning_rate=size.rate(options, preset.learning_rate), team=team,
        epoch_of=lambda epoch: batches(epoch, size.examples, fit.share()),
        validate=lambda: likelihood(model, stretches), most_epochs=preset.most_epochs,
        reserve_s=1.0 + measuring_s(run.read("vae")["settings"].get("centred")),
    )  # fmt: skip
    fit.resume()
    outcome = fit.run()
    if not team.chief:
        return stage.followed()
    model = fit.best_model(lambda: _new_choreographer(preset, options))
    vae = trained.load_vae(run, packed, precision=options.precision)
    measured = in_dancers_measure(trained.Trained(packed, vae, model, latents, joint=False), training)
    figures = _figures(model, baselines, stretches)
    return stage.finish(
        options, budget, outcome, figures, fit.elapsed_s(), best=fit.best,
        **measured.told, beat_s=known.period_s if known and np.isfinite(known.period_s) else None,
        network=dataclasses.asdict(model.preset), parameters=model.count_params(),
    )  # fmt: skip


def _figures(model: Choreographer, baselines: Baselines, stretches: Stretches) -> dict[str, Any]:
    """Likelihoods of unseen dance, the baselines' beside, and a warning where those are as good."""
    figures = likelihood(model, stretches) | likelihood_to_cues(model, stretches)
    figures |= baselines.nll(stretches)
    if better := no_better(figures):
        log.warning(
            "the choreographer foretells unseen dance (%.3f nats) no better than %s: it has hardly learned, "
            "and may hardly move; more film or more --minutes, which go on, may mend that",
            figures["nll"], better,
        )  # fmt: skip
    return figures


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


def _new_choreographer(preset: ChoreographerPreset, options: TrainOptions) -> Choreographer:
    keras.utils.set_random_seed(options.seed)
    narrow = compute_policy(options.precision) == POLICIES["bfloat16"]
    model = Choreographer(preset, seed=options.seed, narrow=narrow)
    optimizer = keras.optimizers.AdamW(preset.learning_rate, weight_decay=preset.weight_decay, clipnorm=1.0)
    model.compile(optimizer=optimizer, jit_compile=compiles_steps(allowed=options.jit))
    return model
