"""Making things by a thread while others that are made already are used."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END: object = object()


def ahead(items: Iterator[T], depth: int) -> Iterator[T]:
    """`items` in their order, made by a thread while those before are used.

    Numerical code and encoders leave Python to others meanwhile, so that both run at once.

    Args:
        items: where they come from; what it raises is raised here, in its turn.
        depth: how many may wait to be taken, 1 or more: they take memory.
    """
    with ThreadPoolExecutor(1) as maker:
        coming = deque(maker.submit(next, items, _END) for _ in range(depth))
        try:
            while (item := coming.popleft().result()) is not _END:
                coming.append(maker.submit(next, items, _END))
                yield item  # type: ignore[misc]
        finally:
            for future in coming:
                future.cancel()
