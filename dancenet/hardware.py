"""What this machine computes with."""

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


def compute_policy() -> str:
    """Keras dtype policy for convolutions: bfloat16 with float32 weights where the machine has it.

    bfloat16 needs no loss scaling, and on processors with AVX512-BF16 or AMX about doubles the speed.
    """
    return "mixed_bfloat16" if _has_bfloat16() else "float32"


def _has_bfloat16() -> bool:
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if gpus:
            capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
            return capability >= (8, 0)
    elif backend == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.is_bf16_supported()
    elif backend == "jax":
        import jax

        if jax.default_backend() != "cpu":
            return True
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def compiles_steps() -> bool:
    """Whether training steps go through XLA: JAX knows no other way than one operation at a time.

    On TensorFlow XLA makes convolutions on processors several times slower than its own graphs do.
    """
    return keras.backend.backend() == "jax"


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
