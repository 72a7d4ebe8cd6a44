"""What this machine has, what dancenet uses of it, what could be installed, and whether each stage runs."""

import importlib.util
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from dancenet.config import DanceOptions, DancerOptions, FrameOptions, TrainOptions
from dancenet.errors import DancenetError
from dancenet.machine.hardware import compiles_steps, compute_policy
from dancenet.presets import CHOREOGRAPHER_PRESETS, VAE_PRESETS
from dancenet.runs import Progress, Run, silent

#: What is looked at of what is installed.
PACKAGES = ("dancenet", "tensorflow", "keras", "numpy", "opencv-python", "av", "tensorflow-probability")
#: Extras: what is imported, and what it is for.
EXTRAS = {
    "studio": ("starlette", "the studio in the browser"),
    "audio": ("librosa", "librosa's beat tracker beside the built-in one"),
    "explore": ("umap", "UMAP in place of t-SNE on maps of poses"),
    "export": ("onnx", "dancenet export --format onnx"),
    "cluster": ("distributed", "films read by a Dask cluster: dancenet frames --scheduler"),
    "jax": ("jax", "another backend: KERAS_BACKEND=jax"),
    "torch": ("torch", "another backend: KERAS_BACKEND=torch"),
}
#: Each of the two films that are tried, seconds: an epoch of one of them takes about ten on two cores.
FILM_S = 20.0
#: The least of a machine's memory and disk that is not told as little, in bytes.
LEAST_MEMORY, LEAST_DISK = 4e9, 3e9


@dataclass(frozen=True)
class Check:
    """How one stage did.

    Attributes:
        stage: its name.
        rate: how many of `unit` a second, of training without what goes before; None where it failed.
        seconds: how long it took.
        error: what stopped it.
    """

    stage: str
    unit: str
    rate: float | None
    seconds: float
    error: str = ""


def found() -> dict[str, Any]:
    """What is there."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory(), "disk_free_bytes": shutil.disk_usage(Path.cwd()).free,
        "gpus": gpus(), "gpus_of_the_driver": _driver_gpus(),
        "extras": [name for name, (module, _) in EXTRAS.items() if importlib.util.find_spec(module)],
        "versions": versions,
    }  # fmt: skip


def used() -> dict[str, str]:
    """What dancenet computes with."""
    backend = keras.backend.backend()
    return {
        "backend": f"Keras on {backend}",
        "device": ", ".join(gpus()) or "the processor",
        "precision of convolutions": compute_policy(),
        "training steps": "through XLA" if compiles_steps() else f"as {backend} makes them",
        "preset": "base" if gpus() else "small",
    }


def advice(there: dict[str, Any]) -> list[str]:
    """What to install or to mend, a line each; `there` as of `found`."""
    lines = []
    if there["gpus_of_the_driver"] and not there["gpus"]:
        lines.append(_advice_for_gpu(keras.backend.backend(), platform.system()))
    if platform.system() == "Darwin" and not there["gpus"]:
        lines.append('TensorFlow uses no GPU here: pip install -e ".[torch]", then KERAS_BACKEND=torch')
    if 0 < there["memory_bytes"] < LEAST_MEMORY:
        little = f"{there['memory_bytes'] / 1e9:.1f} GB"
        lines.append(f"little memory, {little}: take --preset tiny if training is killed")
    if there["disk_free_bytes"] < LEAST_DISK:
        lines.append(f"{there['disk_free_bytes'] / 1e9:.1f} GB of disk are free here: a run takes up to 1 GB")
    for name, (_, purpose) in EXTRAS.items():
        if name not in there["extras"]:
            lines.append(f'for {purpose}: pip install -e ".[{name}]"')
    return lines


def _advice_for_gpu(backend: str, system: str) -> str:
    """What makes `backend` see a GPU whose driver is there."""
    if system == "Linux" and backend != "torch":  # torch's own wheels have CUDA in them there
        extra = "jax-gpu" if backend == "jax" else "gpu"
        return f'a GPU is there that is not used: pip install -e ".[{extra}]"'
    if system == "Linux" or backend == "torch":
        return "a GPU is there that torch does not see: install its build for CUDA, as its own page says"
    return (
        "only torch uses a GPU here: install its build for CUDA, as its own page says (a plain pip install "
        'brings one for processors), pip install -e ".[torch]", then KERAS_BACKEND=torch'
    )


def gpus() -> list[str]:
    """The GPUs that the backend sees."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(device) for device in devices]
        return [str(detail.get("device_name", "GPU")) for detail in details]
    if backend == "jax":
        import jax

        return [] if jax.default_backend() == "cpu" else [device.device_kind for device in jax.devices()]
    import torch

    if torch.cuda.is_available():
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ["Apple GPU"] if torch.backends.mps.is_available() else []


def _driver_gpus() -> list[str]:
    """NVIDIA's GPUs, whether a backend sees them or not."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()]


def _memory() -> int:
    """Bytes of memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def checks(preset: str | None = None, progress: Progress = silent) -> Iterator[Check]:
    """Run every stage on a short film of the built-in dancer, in a folder that is removed afterwards.

    Args:
        preset: of the networks; None: the one that suits this machine.
        progress: told how far it is.

    Yields:
        how each stage did; those after one that failed are left out.
    """
    from dancenet import dancer, frames, rendering, training

    chosen = preset or used()["preset"]
    with tempfile.TemporaryDirectory(prefix="dancenet-doctor-") as folder:
        run, films = Run(Path(folder) / "run"), [Path(folder) / f"film{take}.mp4" for take in (1, 2)]

        def film() -> float:
            """Filmed pictures."""
            for seed, path in enumerate(films):
                dancer.write_video(path, DancerOptions(minutes=FILM_S / 60, seed=seed), progress)
            return len(films) * FILM_S * DancerOptions.fps

        def latents() -> float:
            """Encoded frames."""
            training.encode_latents(run, progress=progress)
            return len(frames.load_frames(run))

        def dance() -> float:
            """Danced pictures."""
            asked = DanceOptions(seconds=10)
            rendering.write_dance(run, Path(folder) / "dance.mp4", asked, progress)
            return asked.duration_s * asked.fps

        def trained(train: Callable, each: int) -> _Steps:
            """Steps of one epoch."""
            steps = _Steps(each, progress)
            train(run, TrainOptions(preset=chosen, epochs=1), steps)  # type: ignore[arg-type]
            return steps

        stages: list[tuple[str, str, Callable[[], float | _Steps]]] = [
            ("film", "pictures", film),
            ("frames", "frames", lambda: len(frames.extract(films, run, FrameOptions(), progress=progress))),
            ("VAE", "frames trained", lambda: trained(training.train_vae, VAE_PRESETS[chosen].batch)),
            ("latents", "frames encoded", latents),
            ("choreographer", "poses trained",
             lambda: trained(training.train_choreographer, _poses_a_step(chosen))),
            ("dance", "pictures", dance),
        ]  # fmt: skip
        for name, unit, work in stages:
            begun = time.monotonic()
            try:
                done = work()
            except (DancenetError, OSError, RuntimeError, MemoryError) as error:
                yield Check(name, unit, None, time.monotonic() - begun, str(error) or type(error).__name__)
                return
            took_s = time.monotonic() - begun
            yield Check(name, unit, done.rate if isinstance(done, _Steps) else done / took_s, took_s)


class _Steps:
    """Counts the steps of training that progress tells of: their rate without what goes before them."""

    def __init__(self, each: int, progress: Progress):
        self._each, self._progress = each, progress
        self.times_s: list[float] = []

    def __call__(self, what: str, done: float, total: float) -> None:
        """As a `Progress`."""
        if " · loss " in what:
            self.times_s.append(time.monotonic())
        self._progress(what, done, total)

    @property
    def rate(self) -> float:
        """How much is trained on in a second."""
        passed_s = self.times_s[-1] - self.times_s[0]
        return (len(self.times_s) - 1) * self._each / passed_s if passed_s else 0.0


def _poses_a_step(preset: str) -> int:
    chosen = CHOREOGRAPHER_PRESETS[preset]
    return chosen.batch * chosen.window
