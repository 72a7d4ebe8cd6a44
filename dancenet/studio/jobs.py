"""Long work that windows have asked for: it waits its turn, says how far it is, and can be stopped.

All of it happens in the engine's thread but for the work itself.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.later import Later
from dancenet.studio.worker import Worker

log = logging.getLogger(__name__)

#: So many may wait.
WAITING = 8
#: How far work is, is told so often at most, seconds.
TOLD_S = 0.1

#: What is said where dancenet itself is to blame.
INSIDE = "{} failed inside dancenet; the terminal says more"


class StoppedError(DancenetError):
    """Someone has stopped it."""


@dataclass
class Job:
    """One piece of work.

    Attributes:
        name: by which it can be stopped.
        later: the work.
        tell: hears how far it is.
        done, failed: hear how it ended.
        stopped: set by whoever stops it; it ends when it next tells how far it is.
        begun_s, told_s: when it began, and when it last told.
    """

    name: str
    later: Later
    tell: Callable[[protocol.Event], None]
    done: Callable[[dict[str, Any]], None]
    failed: Callable[[str], None]
    stopped: threading.Event = field(default_factory=threading.Event)
    begun_s: float | None = None
    told_s: float = 0.0


class Jobs:
    """All of them, in the order in which they were asked for.

    Args:
        call: has something done in the engine's thread.
    """

    def __init__(self, call: Callable[[Callable[[], Any]], Future]):
        self._call, self._worker, self._apart = call, Worker("dancenet-jobs"), Worker("dancenet-apart")
        self._all: dict[str, Job] = {}
        self._count = 0

    def add(self, later: Later, tell, done, failed) -> None:
        """Do it when its turn comes; arguments as of `Job`.

        Raises:
            DancenetError: too many wait already.
        """
        if len(self._all) > WAITING:
            raise DancenetError(
                f"{len(self._all)} things are being made already", f"{WAITING} at most that wait",
                "wait for one of them, or stop one",
            )  # fmt: skip
        self._count += 1
        job = Job(f"job-{self._count}", later, tell, done, failed)
        self._all[job.name] = job
        self._tell_waiting()
        worker = self._apart if later.apart else self._worker
        worker.submit(lambda: self._work(job))

    def cancel(self, name: str) -> bool:
        """Stop work; False where there is none of that name."""
        if name not in self._all:
            return False
        job = self._all[name]
        job.stopped.set()
        job.later.stop()
        if job.begun_s is None:
            self._failed(job, f"{job.later.what} was stopped")
        return True

    def stop(self) -> None:
        """Stop all of it."""
        self._worker.stop()
        self._apart.stop()
        for job in self._all.values():
            job.stopped.set()
            job.later.stop()

    def _tell_waiting(self) -> None:
        before = {True: 0, False: 0}
        for job in self._all.values():
            if job.begun_s is None:
                others = before[job.later.apart]
                what = f"{job.later.what}: waits for {others} other" if others else job.later.what
                job.tell(protocol.Progress(job.name, what, 0.0, result=job.later.about))
            before[job.later.apart] += 1

    # in the worker's thread

    def _work(self, job: Job) -> None:
        if job.stopped.is_set():
            return
        job.begun_s = time.monotonic()
        try:
            made = job.later.work(lambda what, done, total: self._progress(job, what, done, total))
        except DancenetError as error:
            message = str(error)
            self._call(lambda: self._failed(job, message))
        except Exception:
            log.exception("%s failed", job.later.what)
            self._call(lambda: self._failed(job, INSIDE.format(job.later.what)))
        else:
            self._call(lambda: self._finish(job, made))

    def _progress(self, job: Job, what: str, done: float, total: float) -> None:
        if job.stopped.is_set():
            raise StoppedError(f"{job.later.what} was stopped")
        now = time.monotonic()
        if now - job.told_s < TOLD_S:
            return
        job.told_s = now
        share = min(1.0, done / total) if total else 0.0
        left_s = (now - (job.begun_s or now)) * (1 - share) / share if share > 0 else None
        event = protocol.Progress(job.name, what, share, left_s, result=job.later.about)

        def tell() -> None:
            """Unless it has ended meanwhile."""
            if job.name in self._all:
                job.tell(event)

        self._call(tell)

    # back in the engine's thread

    def _finish(self, job: Job, made: Any) -> None:
        if job.stopped.is_set():
            self._failed(job, f"{job.later.what} was stopped")
            return
        try:
            result = job.later.then(made)
        except DancenetError as error:
            self._failed(job, str(error))
        except Exception:
            log.exception("%s failed", job.later.what)
            self._failed(job, INSIDE.format(job.later.what))
        else:
            self._ended(job, None, result)
            job.done(result)

    def _failed(self, job: Job, message: str) -> None:
        if job.name in self._all:
            self._ended(job, message, {})
            job.failed(message)

    def _ended(self, job: Job, error: str | None, result: dict[str, Any]) -> None:
        self._all.pop(job.name, None)
        told = {**job.later.about, **result}
        job.tell(protocol.Progress(job.name, job.later.what, 1.0, 0.0, True, error, told))
        self._tell_waiting()
