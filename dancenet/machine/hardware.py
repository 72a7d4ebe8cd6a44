"""What this machine computes with."""

import contextlib
import os
from pathlib import Path

import keras

#: Seconds that loading the models' libraries took, until a stage has counted them as its own.
_start_up: list[float] = []


def note_start_up(seconds: float) -> None:
    """Remember how long loading took: the budget of the first stage of a process pays for it."""
    _start_up.append(seconds)


def start_up_s() -> float:
    """Seconds noted and not yet counted; asked again it is 0."""
    spent = sum(_start_up)
    _start_up.clear()
    return spent


#: Keras dtype policies of convolutions by the name of their precision; weights are float32 in all of them.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def compute_policy(precision: str = "auto") -> str:
    """Keras dtype policy for convolutions; `precision` is a key of `POLICIES`, or auto.

    auto: bfloat16 where the machine has it: it needs no loss scaling, and on processors with AVX512-BF16 or
    AMX about doubles the speed. Else float16 on GPUs that multiply matrices of it (NVIDIA's since Volta),
    with the loss scaled (`scaling_its_loss`). Else float32.
    """
    if precision != "auto":
        return POLICIES[precision]
    if _has_bfloat16():
        return POLICIES["bfloat16"]
    return POLICIES["float16" if _gpu_capability() >= (7, 0) else "float32"]


def scaling_its_loss(optimizer: keras.Optimizer, policy: str) -> keras.Optimizer:
    """The optimiser, for float16 with a loss that is scaled so that small gradients do not vanish.

    Micikevicius et al. (2018), section 3.2; the scale is found as training goes.
    """
    return keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer


def on_gpu() -> bool:
    """Whether the backend computes on a GPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if backend == "jax":
        import jax

        return jax.default_backend() != "cpu"
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _gpu_capability() -> tuple[int, int]:
    """CUDA compute capability of the first GPU that the backend sees; (0, 0) where it sees none."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
        return tuple(details.get("compute_capability", (0, 0)))
    if backend == "torch":
        import torch

        return torch.cuda.get_device_capability() if torch.cuda.is_available() else (0, 0)
    import jax

    words = str(getattr(jax.devices()[0], "compute_capability", "0.0")).split(".")
    return int(words[0]), int(words[-1])


def _has_bfloat16() -> bool:
    if on_gpu():
        capability = _gpu_capability()
        return capability >= (8, 0) or (capability == (0, 0) and keras.backend.backend() == "jax")
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def all_digits() -> contextlib.AbstractContextManager:
    """While a function is traced on JAX, float32 is multiplied as such: GPUs would take fewer digits (TF32).

    With other backends nothing changes.
    """
    if keras.backend.backend() != "jax":
        return contextlib.nullcontext()
    import jax

    return jax.default_matmul_precision("highest")


def compiles_steps(*, allowed: bool = True) -> bool:
    """Whether training steps go through XLA, where that is `allowed`: on JAX, and on TensorFlow with a GPU.

    JAX knows no other way than one operation at a time. On processors XLA makes TensorFlow's convolutions
    several times slower than its own graphs do.
    """
    backend = keras.backend.backend()
    return allowed and (backend == "jax" or (backend == "tensorflow" and on_gpu()))


def spare_gpu_memory() -> None:
    """Let TensorFlow take GPU memory as it needs it in place of all at once."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # the GPU is in use already; its memory was settled then
            return


def prepare_gpu() -> None:
    """What a GPU needs before a model is made for it. It starts JAX: workers must have found one another."""
    spare_gpu_memory()
    keep_compiled()


def keep_compiled() -> None:
    """Let JAX keep what it compiles for a GPU from one start to the next: that takes it a minute and more.

    It lies in `~/.cache/dancenet/jax` (or under `XDG_CACHE_HOME`), or where `JAX_COMPILATION_CACHE_DIR` says.
    """
    if keras.backend.backend() != "jax" or not on_gpu():
        return
    import jax

    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not jax.config.jax_compilation_cache_dir and not home.startswith("~"):  # who has no home keeps nothing
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "dancenet", "jax"))


def sum_in_order() -> None:
    """Let TensorFlow add up three or more terms in the same order every time.

    Its graph optimiser joins sums of two into one of many, which begins with whichever term's memory it may
    use again: that differs between a training that has just been resumed and one under way, by a last digit,
    of which two networks that train against one another make a tenth of a weight in some hundred steps. None
    of the stages' steps is slower without (docs/experiments.md).
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
