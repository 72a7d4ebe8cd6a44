"""Processes that work side by side: of this machine, or of a Dask cluster."""

import contextlib
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from dancenet.errors import DancenetError, MissingDependencyError

#: A scheduler that does not answer for so long is not there.
ANSWER_S = 20


@contextlib.contextmanager
def pool_of(workers: int, scheduler: str | None = None) -> Iterator[Executor | None]:
    """Processes for work that is told by its arguments alone; None where this one does it itself.

    Args:
        workers: processes of this machine.
        scheduler: address of a Dask scheduler (tcp://host:8786), whose workers do it instead. They must see
            the same files under the same names.

    Raises:
        DancenetError: there is no scheduler, or Dask is not installed.
    """
    if scheduler is not None:
        with _dask(scheduler) as client:
            yield client.get_executor(pure=False)
    elif workers > 1:
        # a process that has loaded video libraries cannot be copied safely
        spawning = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawning, initializer=_one_thread) as pool:
            yield pool
    else:
        yield None


def _one_thread() -> None:
    """In a pool there is a process for each processor already."""
    import cv2

    cv2.setNumThreads(1)


def _dask(scheduler: str):
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingDependencyError("distributed", "cluster") from error
    try:
        return Client(scheduler, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise DancenetError(
            f"no Dask scheduler answers at {scheduler} ({error})", "an address such as tcp://host:8786",
            "start one with: dask scheduler",
        ) from error  # fmt: skip


def lost_workers() -> tuple[type[Exception], ...]:
    """What Dask raises where workers were ended again and again."""
    found = sys.modules.get("distributed")
    return (found.KilledWorker,) if found else ()
