"""Work that threads do ahead of whoever needs its results, in order."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

#: Results that lie ready, or are being made, for each thread.
AHEAD = 4
_END: object = object()


def made_ahead(
    make: Callable[[Item], Made], items: Iterable[Item], makers: ThreadPoolExecutor
) -> Generator[Made, None, None]:
    """`make` of every item, in order; what has been begun too early is dropped when the iterator closes."""
    coming: deque[Future[Made]] = deque()
    try:
        for item in items:
            coming.append(makers.submit(make, item))
            if len(coming) > AHEAD * batch_makers():
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        for future in coming:
            future.cancel()


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """`items` in their order, taken from their source by a thread while those before are used.

    Numerical code and encoders leave Python to others meanwhile, so that both run at once.

    Args:
        items: where they come from; what it raises is raised here, in its turn.
        depth: how many may wait to be taken, 1 or more: they take memory.
    """
    with ThreadPoolExecutor(1) as taker:
        coming = deque(taker.submit(next, items, _END) for _ in range(depth))
        try:
            while (item := coming.popleft().result()) is not _END:
                coming.append(taker.submit(next, items, _END))
                yield item  # type: ignore[misc]
        finally:
            for future in coming:
                future.cancel()


def batch_makers() -> int:
    """Threads that make batches while the network computes: half of the cores, and no more than eight."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, max(1, cores // 2))
