"""What a GPU really runs in a step of training, from a profile by JAX."""

import itertools
import tempfile
from pathlib import Path
from typing import Any

#: Calls that are profiled.
CALLS = 3


def kernels(steps: Any, batch: Any) -> tuple[float | None, float | None]:
    """Kernels of a step, and milliseconds that they run together.

    Args:
        steps: `stepping.Steps` that have compiled already.
        batch: is learned from again and again.

    Returns:
        both by the streams of a profile; (None, None) where JAX is not used or sees no GPU.
    """
    import keras

    if keras.backend.backend() != "jax":
        return None, None
    import jax

    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        with jax.profiler.trace(folder):
            for _ in range(CALLS):
                float(steps.take_all(steps.stride * [batch])["loss"])
        (path,) = Path(folder).rglob("*.xplane.pb")
        planes = jax.profiler.ProfileData.from_file(str(path)).planes
        lines = itertools.chain.from_iterable(plane.lines for plane in planes if "GPU" in plane.name)
        ran = [event.duration_ns for line in lines if line.name.startswith("Stream") for event in line.events]
    if not ran:
        return None, None
    taken = CALLS * steps.stride
    return len(ran) / taken, sum(ran) / taken / 1e6
