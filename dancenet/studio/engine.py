"""The engine: runs, their sessions, and the clock by which every session's frames are made.

One thread makes all frames and carries out all requests, so that no session needs a lock; another, of lower
priority, does what takes long. Knows no HTTP: whoever watches is a `Window`.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dancenet.errors import DancenetError
from dancenet.runs import Run
from dancenet.studio import protocol
from dancenet.studio.apart import less_urgent
from dancenet.studio.hands import Later, handle
from dancenet.studio.performer import Performer
from dancenet.studio.session import FPS, Session
from dancenet.studio.stage import Stage, Window

log = logging.getLogger(__name__)

#: A session without a name.
MAIN = "main"
#: After a stall the dance goes on from where it was; it does not jump further than this, seconds.
LEAP_S = 0.25
#: How a session stands is written down this long after a change, seconds.
REMEMBER_S = 1.0
#: So many sessions are kept at once; the one unwatched for longest gives way.
SESSIONS = 40
#: Slower than this share of the frames asked for is told.
SLOW = 0.85
#: Requests after which what is saved is told anew.
LIBRARY_CHANGES = (
    protocol.Snapshot, protocol.Keep, protocol.Remove, protocol.Rename, protocol.Write, protocol.Export,
)  # fmt: skip


class Engine:
    """All that dances.

    Args:
        runs: by the names that windows call them; None is the built-in dancer's model.
        folder: where the built-in dancer's things are saved.
    """

    def __init__(self, runs: dict[str, Run | None], folder: Path):
        self.runs, self._folder = runs, folder
        self._performers: dict[str, Performer] = {}
        self._stages: dict[tuple[str, str], Stage] = {}
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._worker = ThreadPoolExecutor(1, "dancenet-work", initializer=less_urgent)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dancenet-engine", daemon=True)
        self._jobs = 0

    def start(self) -> None:
        """Begin; the first run is ready to dance when this returns."""
        self._thread.start()
        first = self.call(lambda: self.stage(next(iter(self.runs)), MAIN)).result()
        self.call(lambda: first.performer.pictures(first.frame(0.0).pose[None])).result()

    def stop(self) -> None:
        """End; how sessions stand is written down."""
        self._stopped.set()
        self._asked.put(lambda: None)
        self._thread.join(timeout=10)
        self._worker.shutdown(wait=False, cancel_futures=True)

    # called from any thread

    def call(self, what: Callable[[], Any]) -> Future:
        """Have something done in the engine's thread."""
        future: Future = Future()

        def do() -> None:
            try:
                future.set_result(what())
            except Exception as error:  # whoever waits for it is told
                future.set_exception(error)

        self._asked.put(do)
        return future

    def work(self, what: Callable[[], Any]) -> Future:
        """Have something done that takes long, in the worker's thread."""
        return self._worker.submit(what)

    def enter(self, run: str, session: str, window: Window) -> Future:
        """Let a window watch a session; gives its key."""
        return self.call(lambda: self._enter(run, session, window))

    def leave(self, key: tuple[str, str], window: Window) -> None:
        """A window goes; the session stays."""
        self._asked.put(lambda: self._leave(key, window))

    def request(self, key: tuple[str, str], window: Window, request: protocol.Request) -> None:
        """Carry a request out, and tell the window how it went."""
        self._asked.put(lambda: self._request(self._stages.get(key), window, request))

    # in the engine's thread

    def performer(self, run: str) -> Performer:
        """The run of that name, loaded once.

        Raises:
            DancenetError: there is none, or it cannot dance.
        """
        if run not in self.runs:
            raise DancenetError(f"no run is named {run}", f"one of {', '.join(self.runs)}")
        if run not in self._performers:
            found = self.runs[run]
            self._performers[run] = Performer(found, None if found else self._folder)
        return self._performers[run]

    def stage(self, run: str, session: str) -> Session:
        """The session of that name, made when it is first asked for."""
        return self._stage((run, session)).session

    def _stage(self, key: tuple[str, str]) -> Stage:
        if key not in self._stages:
            session = Session(self.performer(key[0]), key[1])
            self._make_room()
            self._stages[key] = Stage(session, last_s=time.monotonic())
        return self._stages[key]

    def _make_room(self) -> None:
        """The sessions unwatched for longest are written down and let go."""
        unwatched = sorted((s.last_s, key) for key, s in self._stages.items() if not s.windows)
        for _, key in unwatched[: max(0, len(self._stages) + 1 - SESSIONS)]:
            self._remember(self._stages.pop(key))

    def _enter(self, run: str, name: str, window: Window) -> tuple[str, str]:
        key = (run or next(iter(self.runs)), name)
        stage = self._stage(key)
        stage.windows.append(window)
        stage.before = None  # the next frame goes out, changed or not
        window.tell(stage.welcome(key[0]))
        return key

    def _leave(self, key: tuple[str, str], window: Window) -> None:
        stage = self._stages.get(key)
        if stage is not None and window in stage.windows:
            stage.windows.remove(window)
            self._remember(stage)

    def _request(self, stage: Stage | None, window: Window, request: protocol.Request) -> None:
        if stage is None:
            window.tell(protocol.Failed("this session has ended; load the page again", request.id))
            return
        try:
            answer = handle(stage.session, request)
        except DancenetError as error:
            window.tell(protocol.Failed(str(error), request.id))
            return
        if isinstance(answer, Later):
            self._do_later(stage, window, request, answer)
        else:
            self._carried_out(stage, window, request, answer)

    def _carried_out(
        self, stage: Stage, window: Window, request: protocol.Request, result: dict[str, Any]
    ) -> None:
        window.tell(protocol.Done(request.id, result))
        self._tell_state(stage)
        if isinstance(request, LIBRARY_CHANGES):
            listed = protocol.Library(stage.session.performer.library.listed())
            self.announce(stage.session.performer, listed)
        if isinstance(request, protocol.Learn):
            told = protocol.Directions(stage.session.performer.told_directions())
            self.announce(stage.session.performer, told)

    def announce(self, performer: Performer, event: protocol.Event) -> None:
        """Tell all windows that watch a run."""
        for stage in self._of(performer):
            stage.tell(event)

    def _of(self, performer: Performer) -> Iterable[Stage]:
        return (stage for stage in self._stages.values() if stage.session.performer is performer)

    def _do_later(self, stage: Stage, window: Window, request: protocol.Request, later: Later) -> None:
        self._jobs += 1
        job, begun_s = f"job-{self._jobs}", time.monotonic()

        def progress(what: str, done: float, total: float) -> None:
            share = done / total if total else 0.0
            passed_s = time.monotonic() - begun_s
            left_s = passed_s * (1 - share) / share if share > 0 else None
            self.call(lambda: stage.tell(protocol.Progress(job, what, share, left_s)))

        def work() -> None:
            try:
                made = later.work(progress)
            except DancenetError as error:
                message = str(error)
                self.call(lambda: failed(message))
            except Exception:
                log.exception("%s failed", later.what)
                self.call(lambda: failed(f"{later.what} failed inside dancenet; the terminal says more"))
            else:
                self.call(lambda: finish(made))

        def failed(message: str) -> None:
            window.tell(protocol.Failed(message, request.id))
            stage.tell(protocol.Progress(job, later.what, 1.0, 0.0, True, message))

        def finish(made: Any) -> None:
            try:
                result = later.then(made)
            except DancenetError as error:
                failed(str(error))
                return
            stage.tell(protocol.Progress(job, later.what, 1.0, 0.0, True))
            self._carried_out(stage, window, request, result)

        stage.tell(protocol.Progress(job, later.what, 0.0))
        self.work(work)

    def _tell_state(self, stage: Stage) -> None:
        stage.changed_s, stage.told = time.monotonic(), stage.session.changed
        stage.tell(protocol.State(stage.session.state()))

    def _remember(self, stage: Stage) -> None:
        if stage.remembered != stage.session.changed:
            stage.remembered = stage.session.changed
            try:
                stage.session.remember()
            except DancenetError as error:  # a full disk must not stop the dance
                log.warning("how the session %s stands was not written down: %s", stage.session.name, error)

    # the clock

    def _run(self) -> None:
        next_s = pulse_s = time.monotonic()
        while not self._stopped.is_set():
            self._answer_until(next_s)
            now = time.monotonic()
            next_s = max(next_s + 1 / FPS, now)
            for stage in list(self._stages.values()):
                self._show(stage, now)
            if now - pulse_s >= 1.0:
                self._pulse(now - pulse_s)
                pulse_s = now
        for stage in self._stages.values():
            self._remember(stage)

    def _answer_until(self, until_s: float) -> None:
        """Carry out what is asked for until it is time for the next frames; what waits goes first."""
        while True:
            left_s = until_s - time.monotonic()
            try:
                do = self._asked.get(timeout=left_s) if left_s > 0 else self._asked.get_nowait()
            except queue.Empty:
                return
            try:
                do()
            except Exception:  # one window's request must not stop everyone's dance
                log.exception("a request failed inside dancenet")

    def _show(self, stage: Stage, now: float) -> None:
        """Make a stage's frame, and offer it to its windows."""
        passed_s, stage.last_s = min(now - stage.last_s, LEAP_S), now
        if not stage.windows:
            return
        try:
            shown = stage.session.frame(passed_s)
            message = stage.drawn(shown, now)
        except Exception:
            log.exception("a frame of session %s failed", stage.session.name)
            return
        if stage.session.changed != stage.told:  # by itself, such as at the end of a score
            self._tell_state(stage)
        if message is not None:
            for window in stage.windows:
                window.offer(message)

    def _pulse(self, passed_s: float) -> None:
        clients = sum(len(stage.windows) for stage in self._stages.values())
        for stage in self._stages.values():
            fps, stage.made = stage.made / passed_s, 0
            slow = ""
            if stage.windows and fps < SLOW * FPS:
                slow = f"this machine makes {fps:.0f} of {FPS:.0f} frames a second now"
            for window in stage.windows:
                window.pulse(fps, clients, slow)
            if stage.session.changed != stage.remembered and time.monotonic() - stage.changed_s > REMEMBER_S:
                self._remember(stage)
