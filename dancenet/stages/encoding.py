"""Stage 3 as a function of a run: every frame as the VAE's posterior."""

import shutil
import time
from typing import Any, Literal

import numpy as np

from dancenet import trained
from dancenet.batching.batches import Augmentation, Variation
from dancenet.errors import DancenetError
from dancenet.evaluation.fidelity import ACTIVE_VARIANCE
from dancenet.fitting.checkpoints import weights_hash
from dancenet.footage.clips import PackedFrames
from dancenet.frames import load_frames
from dancenet.latents import Latents, blocks, encode_frames
from dancenet.machine.strategies import team_of
from dancenet.machine.team import ALONE, Team
from dancenet.runs import Progress, Run, silent
from dancenet.sequences import frame_indices, split_takes
from dancenet.stages.dancers_beat import cues_of_run
from dancenet.vae import as_unit

#: Frames encoded at once, by a device.
ENCODED = 64


def encode_latents(
    run: Run,
    *,
    fresh: bool = False,
    devices: int | Literal["all"] = 1,
    precision: str = "auto",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Stage 3: posterior of every frame by the VAE's best checkpoint.

    Of several machines one device of the chief's encodes, and the others wait until it is done. `precision`
    is that of convolutions, as in `hardware.compute_policy`.

    Returns:
        the content of `latents.json`.

    Raises:
        DancenetError: no trained VAE; disk full.
    """
    team = team_of(devices)
    return team.first(lambda: _encoded(run, fresh and team.chief, team, precision, progress))


def _encoded(run: Run, fresh: bool, team: Team, precision: str, progress: Progress) -> dict[str, Any]:
    packed = load_frames(run)
    run.read("vae")  # that it is missing is told before anything else
    source = {"frames": packed.fingerprint, "vae": weights_hash(run / "vae" / "best.weights.h5")}
    if not fresh and run.has("latents") and run.read("latents")["source"] == source:
        return run.read("latents")
    started = time.monotonic()
    run.sweep()
    if team.workers > 1:  # the others take no part
        team = ALONE
    with team.scope():
        model = trained.load_vae(run, packed, precision=precision)
    encoder = team.spread(lambda frames: model.encode(as_unit(frames)), model)
    variations = variations_of(run, packed)
    taken = run / f"latents-{packed.fingerprint}-{source['vae']}.taken"
    for earlier in run.path.glob("latents-*.taken"):
        if fresh or earlier != taken:
            shutil.rmtree(earlier)
    try:
        latents = encode_frames(
            packed, encoder, frame_indices(split_takes(packed)[0]), variations=variations,
            batch=ENCODED * team.devices, keep=taken, progress=progress,
        )  # fmt: skip
        latents.save(run / "latents.npz")
        cues_of_run(run, packed)  # all frames are looked at here, so that the next stage begins at once
    except DancenetError:
        shutil.rmtree(taken, ignore_errors=True)
        raise
    latents = Latents.load(run / "latents.npz")
    shutil.rmtree(taken, ignore_errors=True)
    run.write("latents", {
        "source": source, "frames": len(packed), "fps": packed.fps,
        "variations": len(variations), "told": [way.told() for way in variations],
        "seconds": round(time.monotonic() - started, 1),
        "figures": {
            "posterior_sigma": _mean_sigma(latents),
            "active_units": int((_variance(latents) > ACTIVE_VARIANCE).sum()),
        },
    })  # fmt: skip
    return run.read("latents")


def variations_of(run: Run, packed: PackedFrames) -> list[Variation]:
    """The ways in which frames are varied for the choreographer, as the VAE has learned them.

    Of several dancers none: what their codes are made of (`networks/kindred.py`) are poses as filmed.
    """
    return [] if packed.dancers else Augmentation(**run.read("vae")["augmentation"]).variations()


def _mean_sigma(latents: Latents) -> float:
    """Mean standard deviation of the posteriors of all frames."""
    parts = blocks(np.arange(len(latents.mean)))
    return float(sum(np.exp(0.5 * latents.log_variance[some]).sum() for some in parts) / latents.mean.size)


def _variance(latents: Latents) -> np.ndarray:
    """(D,) variance of the posterior means of all frames."""
    sums = np.zeros((2, latents.mean.shape[1]))
    for some in blocks(np.arange(len(latents.mean))):
        part = latents.mean[some].astype("float64")
        sums += part.sum(axis=0), (part**2).sum(axis=0)
    first, square = sums / len(latents.mean)
    return square - first**2
