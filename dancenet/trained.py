"""Trained models of a run: loading them, and the few batched calls that training and generation share.

Shape letters: B batch, T time steps, H height, W width, C channels, D = 128 latent dimensions.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from dancenet.choreographer import TAKEN_BACK, Choreographer
from dancenet.config import LATENT_SIZE
from dancenet.current import joint_is_current, sharp_is_current
from dancenet.errors import DancenetError
from dancenet.fitting.checkpoints import load_mender, load_weights, weights_hash
from dancenet.fitting.later import Later
from dancenet.footage.clips import PackedFrames
from dancenet.frames import load_frames
from dancenet.latents import Latents
from dancenet.machine.compiling import once
from dancenet.machine.hardware import compute_policy, prepare_gpu
from dancenet.networks.centring import ACROSS
from dancenet.networks.read_over import to_be_read
from dancenet.presets import ChoreographerPreset, VaePreset
from dancenet.repertoire import Repertoire
from dancenet.runs import Run
from dancenet.vae import VAE, as_unit

#: Frames encoded at once.
ENCODE_BATCH = 32


def to_uint8(frames):
    """Frames of about [0, 1] → uint8, rounded and clipped."""
    return ops.cast(ops.clip(ops.round(frames * 255.0), 0.0, 255.0), "uint8")


def _bodies(model: VAE, bodies: np.ndarray | None, count: int) -> np.ndarray:
    """(B,) whose bodies are drawn; all `model.body`'s where nobody says."""
    return np.full(count, model.body, "int32") if bodies is None else np.asarray(bodies, "int32")


def reconstruct_batch(
    model: VAE, frames: np.ndarray, bodies: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """uint8 frames (B, H, W, C) → posterior mean, log-variance (B, D) and the mean's picture, uint8.

    `bodies` (B,) says as whose each is drawn; None: as `model.body`'s.
    """

    def reconstruct(x, whose):
        """Posterior and picture of frames."""
        mean, log_variance, made = model((x, x, whose), training=False)
        return mean, log_variance, to_uint8(made)

    whose = _bodies(model, bodies, len(frames))
    model = whole(model)
    made = once(model, "reconstruct", reconstruct)(frames, whose)
    return tuple(ops.convert_to_numpy(part) for part in made)


def encode_batch(model: VAE, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uint8 frames (B, H, W, C) → posterior mean and log-variance, each (B, D)."""
    model = whole(model)
    encode = once(model, "encode", lambda x: model.encode(as_unit(x)))
    return tuple(ops.convert_to_numpy(part) for part in encode(np.ascontiguousarray(frames)))


def encoded(model: VAE, frames: np.ndarray) -> np.ndarray:
    """uint8 frames (N, H, W, C) → posterior means (N, D) float32, encoded in batches of one size."""
    made = [np.zeros((0, LATENT_SIZE), "float32")]
    for start in range(0, len(frames), ENCODE_BATCH):
        part = np.asarray(frames[start : start + ENCODE_BATCH])
        padded = np.pad(part, ((0, ENCODE_BATCH - len(part)), (0, 0), (0, 0), (0, 0)))
        made.append(encode_batch(model, padded)[0][: len(part)])
    return np.concatenate(made)


def decode_batch(model: VAE, latents: np.ndarray, bodies: np.ndarray | None = None) -> np.ndarray:
    """Latents (B, D) → uint8 frames (B, H, W, C); `bodies` (B,): as whose, None: as `model.body`'s."""
    latents = np.asarray(latents, "float32")
    decode = once(model, "decode", lambda x, whose: to_uint8(model.decode(x, whose)))
    return ops.convert_to_numpy(decode(latents, _bodies(model, bodies, len(latents))))


def likeliest_body(model: VAE, frames: np.ndarray) -> int:
    """Whose body uint8 frames (N, H, W, C) show best when they are drawn again; 0 of one dancer."""
    errors = []
    for body in range(model.bodies or 1):
        made = reconstruct_batch(model, frames, np.full(len(frames), body))[2]
        errors.append(np.mean((made.astype("float32") - frames) ** 2))
    return int(np.argmin(errors))


def fresh_latents(run: Run, packed: PackedFrames) -> str:
    """What the run's latents were made from, as one word.

    Raises:
        DancenetError: there are none, or the VAE has been trained further since.
    """
    source = run.read("latents")["source"]
    if source != {"frames": packed.fingerprint, "vae": weights_hash(run / "vae" / "best.weights.h5")}:
        raise DancenetError(
            f"the latents of {run.path} are stale: the VAE or the frames have changed since",
            "latents of the present VAE", f"run first: dancenet train latents --run {run.path}",
        )  # fmt: skip
    return f"{source['frames']}-{source['vae']}"


def load_vae(
    run: Run, packed: PackedFrames, weights=None, *, precision: str = "auto", draws_only: bool = False
) -> VAE:
    """The run's VAE with its best weights (or those at `weights`); `precision` as in `compute_policy`.

    One that `draws_only` is there sooner; its encoder is read when `whole` first asks for it.

    Raises:
        DancenetError: not trained, or trained on frames of another size.
    """
    prepare_gpu()
    content = run.read("vae")
    size = (packed.height, packed.width, packed.channels)
    if tuple(content["size"]) != size:
        raise DancenetError(
            f"the VAE of {run.path} was trained on {_size(content['size'])}, the frames are {_size(size)}",
            "frames of the same size", f"train it again: dancenet train vae --fresh --run {run.path}",
        )  # fmt: skip
    preset = _preset(VaePreset, content["network"])
    window = content.get("window")
    with to_be_read():
        model = VAE(
            preset, *size, bodies=len(content.get("dancers", ())), window=tuple(window) if window else None,
            across_only=content.get("across_only", False), policy=compute_policy(precision),
            draws_only=draws_only,
        )  # fmt: skip
    weights = weights or run / "vae" / "best.weights.h5"
    if draws_only:  # (first, so that it is noticed when the file changes while it is read)
        model.__dict__["_whole"] = Later(weights, lambda: load_vae(run, packed, weights, precision=precision))
    load_weights(model, weights)
    return model


def whole(model: VAE) -> VAE:
    """The VAE with its encoder: itself, or for one that draws only the one that is then read.

    Raises:
        DancenetError: the built-in dancer's model has none, or the run has been trained further since.
    """
    if model.encoder is not None:
        return model
    if (again := model.__dict__.get("_whole")) is None:
        raise DancenetError(
            "the built-in dancer's model has no encoder: it cannot read pictures", "a run of your own",
            "make one, and name it with --run (dancenet demo makes one)",
        )  # fmt: skip
    return again()


def _size(size) -> str:
    height, width, channels = size
    return f"{width} x {height} {'grey' if channels == 1 else 'colour'}"


def _preset(kind, content: dict[str, Any]):
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in content.items()})


def load_choreographer(run: Run, weights=None) -> Choreographer:
    """The run's choreographer with its best weights (or those at `weights`).

    Raises:
        DancenetError: not trained.
    """
    with to_be_read():
        model = Choreographer(_preset(ChoreographerPreset, run.read("choreographer")["network"]))
    load_weights(model, weights or run / "choreographer" / "best.weights.h5")
    return model


@dataclass(frozen=True)
class Trained:
    """Models and latents that belong together.

    Attributes:
        joint: whether they are the jointly fine-tuned ones.
        sharp: whether the decoder is the sharpened one.
        beat_s: time between the dancer's own beats; None where it is not known.
        pace: how much faster than it was trained the choreographer is played (`pace.natural_pace`).
        reach: how much wider the stage is than the choreographer thinks (`travel.Travels`): `latents` are
            standardised so, and what is made of them.
        middle: how far to the right of the film's middle that stage lies, in the film's standard deviations;
            the center of `latents` is moved by it.
        repertoire: the dancer's poses; None of runs from before there were any.
    """

    packed: PackedFrames
    vae: VAE
    choreographer: Choreographer
    latents: Latents
    joint: bool
    pace: float = 1.0
    sharp: bool = False
    beat_s: float | None = None
    reach: float = 1.0
    middle: float = 0.0
    repertoire: Repertoire | None = None

    @property
    def measures(self) -> dict[str, Any]:
        """What was measured after training."""
        return {
            "pace": self.pace, "reach": self.reach, "middle": self.middle,
            **{name: getattr(self.choreographer, name) for name in TAKEN_BACK},
        }  # fmt: skip

    @property
    def told(self) -> dict[str, Any]:
        """The same and the repertoire, as a run's files have them."""
        return {**self.measures, "repertoire": self.repertoire and self.repertoire.as_told}

    def on_stage(self, reach: float = 1.0, middle: float = 0.0) -> "Trained":
        """The same on a stage so much wider than the choreographer thinks, so far to the right."""
        center, scale = np.array(self.latents.center), np.array(self.latents.scale)
        own = scale[ACROSS] / self.reach
        center[ACROSS] += own * (middle - self.middle)
        scale[ACROSS] = own * reach
        latents = replace(self.latents, center=center, scale=scale)
        return replace(self, latents=latents, reach=reach, middle=middle)


def _vae_weights(run: Run, *, joint: bool, sharp: bool) -> Path | None:
    """The file with the weights of the VAE that draws dances; None for the best of its own training."""
    if sharp:
        return run / "sharpen" / "vae.weights.h5"
    return run / "joint" / "vae.weights.h5" if joint else None


def current_vae(run: Run, packed: PackedFrames) -> VAE:
    """The VAE that dances are decoded with: sharpened and jointly fine-tuned where those are current.

    Raises:
        DancenetError: not trained, or trained on frames of another size.
    """
    run.read("vae")  # that it is missing is told before anything that hangs on it
    if not run.has("choreographer"):
        return load_vae(run, packed)
    return load_vae(run, packed, _vae_weights(run, joint=joint_is_current(run), sharp=sharp_is_current(run)))


def load_trained(
    run: Run,
    *,
    joint: bool | None = None,
    sharp: bool | None = None,
    precision: str = "auto",
    draws_only: bool = False,
) -> Trained:
    """Everything that a dance needs.

    Args:
        joint: take the jointly fine-tuned models or not; the default is to take them where they are current.
        sharp: the same of the sharpened decoder; it never goes with another choice of `joint`.
        precision: of convolutions, as in `hardware.compute_policy`.
        draws_only: of the VAE, as in `load_vae`.

    Raises:
        DancenetError: a stage is missing or stale.
    """
    packed = load_frames(run)
    content, source = run.read("choreographer"), fresh_latents(run, packed)
    if content["settings"]["latents"] != source:
        raise DancenetError(
            f"the choreographer of {run.path} was trained on other latents",
            "one trained on the present ones",
            f"train it again: dancenet train choreographer --fresh --run {run.path}",
        )  # fmt: skip
    joint = joint_is_current(run) if joint is None else joint
    sharp = joint == joint_is_current(run) and sharp_is_current(run) if sharp is None else sharp
    weights = _vae_weights(run, joint=joint, sharp=sharp)
    vae = load_vae(run, packed, weights, precision=precision, draws_only=draws_only)
    choreographer = load_choreographer(run, run / "joint" / "choreographer.weights.h5" if joint else None)
    latents = Latents.load((run / "joint" if joint else run.path) / "latents.npz")
    said: dict[str, Any] = dict.fromkeys(TAKEN_BACK, 0.0)
    said |= {"pace": 1.0, "reach": 1.0, "middle": 0.0, "repertoire": None}
    for stage in ["joint" if joint else "choreographer", *(["sharpen"] if sharp else [])]:
        said |= {name: number for name, number in run.read(stage).items() if name in said}
    for name in TAKEN_BACK:
        setattr(choreographer, name, said[name])
    if sharp:
        choreographer.mender = load_mender(run / "sharpen" / "mender.npz")
    made = Trained(packed, vae, choreographer, latents, joint, said["pace"], sharp, content.get("beat_s"))
    known = Repertoire.told(said["repertoire"])
    return replace(made, repertoire=known).on_stage(said["reach"], said["middle"])
