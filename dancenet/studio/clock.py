"""The thread in which everything happens that concerns sessions: requests as they come, frames when due."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from dancenet.studio.worker import settle

log = logging.getLogger(__name__)

#: Frames that are late wait for requests no longer than this, seconds.
LATE_S = 0.02


class Clock:
    """One thread.

    Args:
        fps: how often `tick` is due a second; where that is too much, as often as possible.
        tick: called with the time, `time.monotonic()`.
        last: called once, after the last tick.
    """

    def __init__(self, fps: float, tick: Callable[[float], None], last: Callable[[], None]):
        self._fps, self._tick, self._last = fps, tick, last
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dancenet-engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stopped.set()
        self.soon(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def soon(self, what: Callable[[], None]) -> None:
        """Have something done in the thread."""
        self._asked.put(what)

    def call(self, what: Callable[[], Any]) -> Future:
        """The same; gives what comes of it."""
        future: Future = Future()
        self.soon(lambda: settle(future, what))
        return future

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self._stopped.is_set():
            self._answer_until(next_s)
            now = time.monotonic()
            next_s = max(next_s + 1 / self._fps, now)
            self._safely(partial(self._tick, now))
        self._safely(self._last)

    def _answer_until(self, until_s: float) -> None:
        """Carry out what is asked for until it is time for the next frames; what waits goes first."""
        at_most_s = max(until_s, time.monotonic() + LATE_S)
        while (now := time.monotonic()) < at_most_s:
            try:
                do = self._asked.get(timeout=until_s - now) if now < until_s else self._asked.get_nowait()
            except queue.Empty:
                return
            self._safely(do)

    @staticmethod
    def _safely(do: Callable[[], Any]) -> None:
        try:
            do()
        except Exception:  # whatever it was must not stop everyone's dance
            log.exception("something failed inside dancenet")
