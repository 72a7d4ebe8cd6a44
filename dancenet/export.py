"""A trained run as ONNX files and one JSON: all that a phone or a web page needs to dance.

Keras exports them (through tf2onnx, on TensorFlow), in float32 whatever the run computes in; each is then
run by ONNX Runtime and must give what Keras gives. docs/export.md says what a client does with them.
Shape letters: B batch, D = 128 latent dimensions, S numbers of state, F cues, K mixture components,
R directions, H height, W width, C channels.
"""

import dataclasses
import importlib
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE, DanceOptions
from dancenet.dancing.in_time import free_cues
from dancenet.dancing.rollout import noise_of, shown_between
from dancenet.errors import DancenetError, MissingDependencyError
from dancenet.generation import OPENING_S, body_of, heat_of, load, opening_poses
from dancenet.machine.compiling import once
from dancenet.mixture import Noise, draw
from dancenet.outputs import json_or_empty
from dancenet.runs import Progress, Run, provenance, replacing, silent, write_json
from dancenet.trained import Trained, whole
from dancenet.vae import VAE

#: Raised when the meaning of the files changes.
FORMAT = 1
#: The JSON beside the models.
ABOUT = "dancer.json"
#: What ONNX Runtime and Keras may differ by, in pixels of 1 and in standardised latents.
TOLERANCE = 1e-4
#: Frames and poses that are compared, and places in the film that a client may begin from.
COMPARED, STARTS = 16, 4


@dataclasses.dataclass(frozen=True)
class Part:
    """One model to export.

    Attributes:
        name: of its file.
        function: of its inputs, in their order, to its outputs by name.
        holds: the models whose weights it uses.
        sample: inputs by name, with which it is compared; all have a leading B but those of shape ().
    """

    name: str
    function: Callable[..., dict[str, Any]]
    holds: keras.Model
    sample: dict[str, np.ndarray]


def check_installed() -> None:
    """Raise `MissingDependencyError` where the extra `export` is not installed."""
    for package in ("onnx", "onnxruntime", "tf2onnx"):
        try:
            importlib.import_module(package)
        except ImportError:
            raise MissingDependencyError(package, "export") from None


def export_onnx(run: Run | None, out: Path, progress: Progress = silent) -> dict[Path, float]:
    """Write a run's decoder, choreographer and encoder as ONNX, and `dancer.json`, into the folder `out`.

    Args:
        run: a run that can dance; None: the built-in dancer, which has no encoder.
        out: made where it is not there; an export before is replaced.
        progress: told how far it is.

    Returns:
        every model's file, with the greatest difference to Keras; the JSON is not among them.

    Raises:
        DancenetError: the run cannot dance; other files stand there; another backend than TensorFlow; a
            model's file gives something else than Keras does. What was there before then stays.
    """
    check_installed()
    if keras.backend.backend() != "tensorflow":
        raise DancenetError(
            f"export with KERAS_BACKEND={keras.backend.backend()}", "tensorflow, whatever made the run",
            "run it again with KERAS_BACKEND=tensorflow",
        )  # fmt: skip
    trained = load(run).trained
    starts = [_start(trained, place) for place in _places(trained)]
    parts = [_choreographer(trained, starts), _decoder(trained)]
    if run is not None:  # of the built-in dancer there is none
        parts.append(_encoder(trained))
    _check_place(out, [f"{part.name}.onnx" for part in parts])
    differences = {}
    for number, part in enumerate(parts):
        progress("exporting", number, len(parts))
        path = out / f"{part.name}.onnx"
        with replacing(path) as beside:
            write_onnx(part, beside)
            differences[path] = checked(part, beside)
    write_json(out / ABOUT, _about(trained, starts, differences))
    return differences


def _check_place(out: Path, names: list[str]) -> None:
    taken = [name for name in (*names, ABOUT) if (out / name).exists()]
    if taken and "provenance" not in json_or_empty(out / ABOUT):
        raise DancenetError(
            f"{out / taken[0]} would be replaced, and is no export", "a folder of its own",
            "name another --out",
        )  # fmt: skip


class _Exported(keras.Model):
    """A part as a Keras model of one list of inputs."""

    def __init__(self, part: Part):
        super().__init__(name=part.name)
        self.function, self.holds = part.function, part.holds
        self.built = True

    def call(self, inputs):
        """The part's outputs."""
        return self.function(*inputs)


def write_onnx(part: Part, path: Path) -> None:
    """Write a part as an ONNX file whose inputs and outputs have the part's own names."""
    inputs = [
        keras.InputSpec(
            shape=(None, *value.shape[1:]) if value.ndim else (), dtype=str(value.dtype), name=name
        )
        for name, value in part.sample.items()
    ]
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # tf2onnx asks NumPy for names that it had
        _Exported(part).export(str(path), format="onnx", verbose=False, input_signature=[inputs])


def checked(part: Part, path: Path) -> float:
    """The greatest difference between what the file gives and what Keras gives for the part's sample.

    Raises:
        DancenetError: it is above `TOLERANCE`.
    """
    from onnxruntime import InferenceSession

    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted = part.function(*(ops.convert_to_tensor(value) for value in part.sample.values()))
    made = session.run(list(wanted), part.sample)
    apart = [
        float(np.abs(one - ops.convert_to_numpy(other)).max())
        for one, other in zip(made, wanted.values(), strict=True)
    ]
    worst = max(apart)
    if not worst <= TOLERANCE:
        raise DancenetError(
            f"the exported {part.name} differs from Keras' own by {worst:.2g} "
            f"in '{list(wanted)[apart.index(worst)]}'",
            f"{TOLERANCE:g} or less", "install the tested versions: pip install --upgrade 'dancenet[export]'",
        )  # fmt: skip
    return worst


def _in_float32(vae: VAE) -> VAE:
    """The same VAE with every convolution in float32."""
    twin = VAE(
        vae.preset, *vae.frame_shape, bodies=vae.bodies, window=vae.window, across_only=vae.across_only,
        draws_only=vae.encoder is None,
    )  # fmt: skip
    twin.set_weights(vae.get_weights())
    return twin


def _spread_over(trained: Trained) -> np.ndarray:
    """(COMPARED,) frames all over the film."""
    return np.linspace(0, len(trained.latents.mean) - 1, COMPARED).astype(int)


def _decoder(trained: Trained) -> Part:
    """Latents (B, D) → frames (B, H, W, C) in [0, 1]; of several dancers with `body` (B,)."""
    vae, some = _in_float32(trained.vae), _spread_over(trained)
    sample = {"latents": trained.latents.mean[some].astype("float32")}
    if vae.bodies:
        sample["body"] = trained.packed.bodies[some].astype("int32")

    def decode(latents, body=None):
        """Frames, clipped."""
        return {"frames": ops.clip(vae.decode(latents, body), 0.0, 1.0)}

    return Part("decoder", decode, vae, sample)


def _encoder(trained: Trained) -> Part:
    """Frames (B, H, W, C) in [0, 1] → mean and log-variance of the posterior, each (B, D)."""
    vae = _in_float32(whole(trained.vae))
    frames = trained.packed.pixels[_spread_over(trained)].astype("float32") / 255.0

    def encode(frames):
        """The posterior."""
        return dict(zip(("mean", "log_variance"), vae.encode(frames), strict=True))

    return Part("encoder", encode, vae, {"frames": frames})


def _choreographer(trained: Trained, starts: list[dict[str, Any]]) -> Part:
    """One step: the pose and the state before it, cues and noise → the next pose, its mixture, the state.

    Inputs that the network does not know (`cues`, `along`) are left out.
    """
    model = trained.choreographer
    preset = model.preset
    pose, state = (
        np.stack([start[name] for start in starts]).astype("float32") for name in ("pose", "state")
    )
    noise = [part[0] for part in noise_of(list(range(len(starts))), 0, preset)]
    sample = {
        "pose": pose, "state": state,
        "cues": np.repeat(free_cues(1).features()[:, : preset.cues], len(pose), axis=0),
        **dict(zip(("gumbel", "along", "normal"), noise, strict=True)),
        **{name: np.array(value, "float32") for name, value in _shares(trained).items()},
    }  # fmt: skip
    sample = {name: value for name, value in sample.items() if value.size}
    names = list(sample)

    def step(*inputs):
        """The next pose and all that it was drawn from."""
        given = dict(zip(names, inputs, strict=True))
        cues = given["cues"] if preset.cues else given["pose"][:, :0]
        mixture, new = model.step(given["pose"], _apart(given["state"], model), cues)
        chance = Noise(given["gumbel"], given.get("along"), given["normal"])
        shown, follows = (
            draw(mixture, chance, given["temperature"], given[share]) for share in ("stray", "spread")
        )
        shown = model.mended(shown_between(given["pose"], shown))
        told = {name: value for name, value in mixture._asdict().items() if value is not None}
        return {"shown": shown, "next_pose": follows, "next_state": ops.concatenate(new, axis=-1), **told}

    return Part("choreographer", step, model, sample)


def _apart(state, model: Choreographer) -> list:
    """State (B, S) as the list that `Choreographer.step` takes."""
    widths = [part.shape[1] for part in model.initial_state(1)]
    return [state[:, end - width : end] for width, end in zip(widths, np.cumsum(widths), strict=True)]


def _places(trained: Trained) -> list[str | None]:
    """The most typical start, and the beginnings of the first clips."""
    return [None, *(f"{clip.number}:{_led_in(clip, trained):g}" for clip in trained.packed.clips[:STARTS])]


def _led_in(clip, trained: Trained) -> float:
    """Seconds into a clip at which a dance can begin that has seen all before."""
    return min(OPENING_S, (clip.length - 1) / trained.packed.fps)


def _start(trained: Trained, place: str | None) -> dict[str, Any]:
    """A place in the film to begin from: the pose there (D,), standardised, and the state (S,) before it."""
    poses = opening_poses(trained, place)
    model = trained.choreographer
    step = once(model, "one_step", lambda pose, state, cues: model.step(pose, state, cues)[1])
    state, cues = model.initial_state(1), np.zeros((1, model.preset.cues), "float32")
    opening = trained.latents.standardise(poses).astype("float32")
    for pose in opening[:-1]:
        state = step(pose[None], state, cues)
    body = body_of(trained.packed, trained.latents, poses[-1])
    return {
        "from": place or "typical", "body": body, "pose": opening[-1],
        "state": np.concatenate([ops.convert_to_numpy(part) for part in state], axis=-1)[0],
    }  # fmt: skip


def _shares(trained: Trained) -> dict[str, float]:
    """What the defaults of `generate dance` are as inputs of the choreographer."""
    heat = heat_of(trained, DanceOptions.temperature)
    return {"temperature": heat, "stray": DanceOptions.stray, "spread": heat**0.5}


def _about(trained: Trained, starts: list[dict[str, Any]], differences: dict[Path, float]) -> dict[str, Any]:
    """All that a client must know, as `dancer.json`."""
    packed, preset, latents = trained.packed, trained.choreographer.preset, trained.latents
    return {
        "format": FORMAT,
        "models": {path.stem: {"file": path.name, "differs_by": differences[path]} for path in differences},
        "height": packed.height, "width": packed.width, "channels": packed.channels,
        "poses_per_second": packed.fps * trained.pace, "film_fps": packed.fps,
        "dancers": list(packed.dancers),
        "latent_size": LATENT_SIZE, "state_size": len(starts[0]["state"]), "cues": preset.cues,
        "components": preset.components, "directions": preset.directions,
        "presets": {
            name: dataclasses.asdict(sizes)
            for name, sizes in (("vae", trained.vae.preset), ("choreographer", preset))
        },
        "center": _numbers(latents.center), "scale": _numbers(latents.scale),
        "draw": {
            **_shares(trained),
            "cues": _numbers(free_cues(1).features()[0, : preset.cues]),
            "gumbel": "-log(-log(u)), u uniform in (0, 1)",
            "along": "standard normal", "normal": "standard normal",
            "latents": "shown * scale + center",
        },
        "starts": [
            {**start, "pose": _numbers(start["pose"]), "state": _numbers(start["state"])} for start in starts
        ],
        "provenance": provenance(),
    }  # fmt: skip


def _numbers(values: np.ndarray) -> list[float]:
    """float32 as decimals of nine digits, which tell every one apart."""
    return [float(f"{value:.9g}") for value in values]
