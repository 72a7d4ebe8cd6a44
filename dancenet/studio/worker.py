"""A thread of its own for what takes long: one thing after another, giving way to the dance.

Unlike a pool of `concurrent.futures` it never holds up the end of the program.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

#: By how much less what takes long counts for the scheduler than the dance.
NICE = 10


class Worker:
    """One thread.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str):
        self._waiting: queue.SimpleQueue[tuple[Future, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, what: Callable[[], Any]) -> Future:
        """Have something done after all that waits already."""
        future: Future = Future()
        if self._stopped.is_set():
            future.cancel()
        else:
            self._waiting.put((future, what))
        return future

    def stop(self) -> None:
        """Begin nothing more; what is being done goes on until it ends, or the program does."""
        self._stopped.set()
        self._waiting.put(None)

    def _run(self) -> None:
        less_urgent()
        while (asked := self._waiting.get()) is not None:
            future, what = asked
            if self._stopped.is_set():
                future.cancel()
            else:
                settle(future, what)


def settle(future: Future, what: Callable[[], Any]) -> None:
    """Do it, unless nobody waits for it any more; whoever waits is told what came of it."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(what())
    except Exception as error:  # whoever waits for it is told
        future.set_exception(error)


def less_urgent() -> None:
    """Let this thread give way to the one that makes frames, where the system can."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
