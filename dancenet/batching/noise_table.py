"""Normal numbers out of a table: a GPU would wait for them if each were drawn anew.

A table of some million numbers is drawn once; noise begins at a place in it that chance picks (Salimans et
al. 2017, section 2.1, share one between machines in the same way).
"""

import functools
import math

import numpy as np

#: Numbers in the table. A window of the choreographer's takes some thousands of them.
SIZE = 1 << 22


@functools.cache
def _table() -> np.ndarray:
    table = np.random.default_rng(0).standard_normal(SIZE, "float32")
    table.flags.writeable = False
    return table


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of standard deviation 1, float32 of a shape; `random` picks the place where they begin.

    What is asked for at once is independent of one another; two askings may share numbers, at other places.
    It is not to be written to. More than a quarter of the table is drawn anew.
    """
    count = math.prod(shape)
    if count > SIZE // 4:
        return random.standard_normal(shape, "float32")
    start = int(random.integers(SIZE - count))
    return _table()[start : start + count].reshape(shape)
