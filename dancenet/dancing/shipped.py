"""The built-in dancer's model that comes with dancenet: a dance without film, without training.

One file of half-precision arrays and a JSON text, read without executing anything; `make model` fills it
from a run of the demo. It can dance, and no more: it holds no frames and no encoder.
"""

import dataclasses
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from dancenet.config import FrameOptions
from dancenet.errors import DancenetError
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.latents import Latents
from dancenet.networks.mender import Mender
from dancenet.presets import ChoreographerPreset, VaePreset
from dancenet.repertoire import Repertoire
from dancenet.runs import Run, provenance, replacing
from dancenet.trained import Trained, load_trained

#: Where it lies.
MODEL = Path(__file__).parents[1] / "built_in_dancer.npz"
#: Raised when the meaning of the file changes.
FORMAT = 1


def pack(run: Run, path: Path = MODEL) -> int:
    """Write what a dance needs of a run.

    Returns:
        bytes of the file.

    Raises:
        DancenetError: the run cannot dance.
    """
    trained = load_trained(run)
    packed, latents = trained.packed, trained.latents
    made = provenance()
    about = {
        "format": FORMAT, "vae": dataclasses.asdict(trained.vae.preset),
        "choreographer": dataclasses.asdict(trained.choreographer.preset),
        "size": [packed.height, packed.width, packed.channels], "window": trained.vae.window,
        "across_only": trained.vae.across_only,
        "fps": packed.fps, **trained.told,
        "options": dataclasses.asdict(packed.options),
        "clips": [
            {"name": clip.name, "length": clip.length, "dancer": clip.dancer} for clip in packed.clips
        ],
        "bodies": trained.vae.bodies,
        "figures": {stage: run.read(stage)["figures"] for stage in ("vae", "choreographer")},
        "joint": trained.joint, "sharp": trained.sharp, "beat_s": trained.beat_s,
        "versions": made["versions"],
    }  # fmt: skip
    arrays = {
        "about": np.frombuffer(json.dumps(about, default=str).encode(), "uint8"),
        "base_frame": np.asarray(trained.vae.base_frame),
        "mean": latents.mean, "center": latents.center, "scale": latents.scale,
        **_numbered("decoder", trained.vae.decoder), **_numbered("choreographer", trained.choreographer),
        **(trained.choreographer.mender.arrays if trained.choreographer.mender else {}),
    }  # fmt: skip
    arrays = {
        name: array.astype(np.float16) if np.issubdtype(array.dtype, np.floating) else array
        for name, array in arrays.items()
    }
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return path.stat().st_size


def _numbered(name: str, model) -> dict[str, np.ndarray]:
    return {f"{name}_{i}": np.asarray(weight) for i, weight in enumerate(_weights(model))}


def _weights(model) -> list:
    """What a forward pass needs, in a fixed order: no metrics, no state of random numbers."""
    return list(model.trainable_variables)


def unpack(path: Path = MODEL) -> Trained:
    """The model that comes with dancenet, ready for `generation.Dancer`.

    Raises:
        DancenetError: the file is missing, damaged, or of a newer version.
    """
    from dancenet.choreographer import TAKEN_BACK, Choreographer
    from dancenet.machine.hardware import compute_policy
    from dancenet.networks.read_over import to_be_read
    from dancenet.vae import VAE

    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {
                name: stored[name].astype("float32") if stored[name].dtype == np.float16 else stored[name]
                for name in stored.files
            }
        about = json.loads(arrays["about"].tobytes())
        if about["format"] > FORMAT:
            raise ValueError(f"format {about['format']}")
        window = about.get("window")
        with to_be_read():
            vae = VAE(
                VaePreset(**_tuples(about["vae"])), *about["size"], bodies=about.get("bodies", 0),
                window=tuple(window) if window else None, across_only=about.get("across_only", False),
                policy=compute_policy(), draws_only=True,
            )  # fmt: skip
            choreographer = Choreographer(ChoreographerPreset(**_tuples(about["choreographer"])))
        vae.base_frame.assign(arrays["base_frame"])
        for name, model in (("decoder", vae.decoder), ("choreographer", choreographer)):
            for i, weight in enumerate(_weights(model)):
                weight.assign(arrays[f"{name}_{i}"])
        packed, latents, mender = _film(about), _latents(about, arrays), Mender.of(arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DancenetError(
            f"the built-in dancer's model {path} cannot be used ({error})",
            "the file that came with dancenet",
            "install dancenet again, or name a --run of your own (dancenet demo makes one)",
        ) from error  # fmt: skip
    for name in TAKEN_BACK:
        setattr(choreographer, name, about.get(name, 0.0))
    choreographer.mender = mender
    return Trained(
        packed,
        vae,
        choreographer,
        latents,
        about["joint"],
        about["pace"],
        about["sharp"],
        about.get("beat_s"),
        about.get("reach", 1.0),  # the scale of its latents has it
        about.get("middle", 0.0),  # and their center
        Repertoire.told(about.get("repertoire")),
    )


def _tuples(preset: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in preset.items()}


def _film(about: dict) -> PackedFrames:
    """The film that it was trained on, as far as dances need it: clips and sizes, every pixel 0."""
    lengths = [clip["length"] for clip in about["clips"]]
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    clips = tuple(
        Clip(i + 1, clip["name"], "", i, start, clip["length"], 0.0, dancer=clip.get("dancer", ""))
        for i, (clip, start) in enumerate(zip(about["clips"], starts, strict=True))
    )
    nothing = np.zeros((), "uint8")
    return PackedFrames(
        np.broadcast_to(nothing, (sum(lengths), *about["size"])),
        np.broadcast_to(nothing, (len(lengths), *about["size"])),
        clips, float(about["fps"]), FrameOptions(**about["options"]), "built-in",
    )  # fmt: skip


def _latents(about: dict, arrays: dict[str, np.ndarray]) -> Latents:
    lengths = np.array([clip["length"] for clip in about["clips"]])
    mean = arrays["mean"]
    return Latents(
        mean, np.full_like(mean, -10.0), mean[:0][None], mean[:0][None],
        center=arrays["center"], scale=arrays["scale"],
        clip_starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]), clip_lengths=lengths,
        fps=np.array(about["fps"]),
    )  # fmt: skip
