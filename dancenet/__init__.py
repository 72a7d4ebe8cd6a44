"""dancenet: films of a dancer in, new dance out.

import dancenet

dancer = dancenet.load("out/demo/run")
for frame in dancer.dance(seconds=10, seed=1):  # uint8 (H, W, C)
    ...
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dancenet.generation import load

__all__ = ["__version__", "load"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`dancenet.load`, imported when it is first asked for: TensorFlow takes seconds to load."""
    if name == "load":
        from dancenet.generation import load

        return load
    raise AttributeError(f"module 'dancenet' has no attribute '{name}'")
