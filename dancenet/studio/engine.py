"""The engine: runs, their sessions, and the clock by which every session's frames are made.

One thread makes all frames and carries out all requests, so that no session needs a lock; what takes long is
done by others, of lower priority. Knows no HTTP: whoever watches is a `Window`.
"""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from dancenet.errors import DancenetError
from dancenet.runs import Run
from dancenet.studio import protocol
from dancenet.studio.clock import Clock
from dancenet.studio.hands import handle
from dancenet.studio.jobs import INSIDE, Jobs
from dancenet.studio.later import Later
from dancenet.studio.library import checked
from dancenet.studio.performer import Performer
from dancenet.studio.session import FPS, Session
from dancenet.studio.stage import Stage, Window, show
from dancenet.studio.worker import Worker, settle

log = logging.getLogger(__name__)

#: A session without a name.
MAIN = "main"
#: How a session stands is written down this long after a change, seconds.
REMEMBER_S = 1.0
#: So many sessions are kept at once; the one unwatched for longest gives way.
SESSIONS = 40
#: So many windows may watch.
WINDOWS = 64
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
        self._loading: dict[str, list[Future]] = {}
        self._stages: dict[tuple[str, str], Stage] = {}
        self._clock = Clock(FPS, self._tick, self._remember_all)
        self._jobs = Jobs(self.call)
        self._worker, self._painter = Worker("dancenet-work"), Worker("dancenet-pictures")
        self._pulsed_s = time.monotonic()

    def start(self) -> None:
        """Begin; the first run is ready to dance when this returns."""
        self._clock.start()
        first = next(iter(self.runs))
        self.ready(first).result()
        self.call(lambda: self._stage((first, MAIN))).result()

    def stop(self) -> None:
        """End; how sessions stand is written down, and long work is given up."""
        self._clock.stop()
        self._jobs.stop()
        self._worker.stop()
        self._painter.stop()

    # called from any thread

    def call(self, what: Callable[[], Any]) -> Future:
        """Have something done in the engine's thread."""
        return self._clock.call(what)

    def work(self, what: Callable[[], Any]) -> Future:
        """Have something done that takes long, in a thread of its own."""
        return self._worker.submit(what)

    def paint(self, what: Callable[[], Any]) -> Future:
        """Have pictures made, one order after another, in a thread of their own."""
        return self._painter.submit(what)

    def ready(self, run: str) -> Future:
        """Gives the `Performer` of that name, or of the first where it is empty; dances go on meanwhile.

        Raises (in the future):
            DancenetError: there is none, or it cannot dance.
        """
        future: Future = Future()
        self._clock.soon(lambda: self._load(run or next(iter(self.runs)), future))
        return future

    def enter(self, run: str, session: str, window: Window) -> Future:
        """Let a window watch a session; gives its key.

        Raises (in the future):
            DancenetError: there is no such run, that is no name of a session, or too many watch already.
        """
        entered: Future = Future()

        def enter(ready: Future) -> None:
            """Now that the run is there."""

            def what() -> tuple[str, str]:
                """In the engine's thread."""
                ready.result()
                return self._enter(run, session, window)

            self._clock.soon(lambda: settle(entered, what))

        self.ready(run).add_done_callback(enter)
        return entered

    def leave(self, key: tuple[str, str], window: Window) -> None:
        """A window goes; the session stays."""
        self._clock.soon(lambda: self._leave(key, window))

    def request(self, key: tuple[str, str], window: Window, request: protocol.Request) -> Future:
        """Carry a request out and tell the window how it went; done when it is carried out or waits."""
        return self.call(lambda: self._request(self._stages.get(key), window, request))

    # in the engine's thread

    def performer(self, run: str) -> Performer:
        """The run of that name; `ready` first.

        Raises:
            DancenetError: there is none.
        """
        if run not in self.runs:
            raise DancenetError(f"no run is named {run[:80]!r}", f"one of {', '.join(self.runs)}")
        if run not in self._performers:
            self._performers[run] = self._performer_of(run)
        return self._performers[run]

    def stage(self, run: str, session: str) -> Session:
        """The session of that name.

        Raises:
            DancenetError: no window has opened it.
        """
        key = (run or next(iter(self.runs)), session)
        if key not in self._stages:
            raise DancenetError(f"no session is named {session[:80]!r}", "one that a window has opened")
        return self._stages[key].session

    def _performer_of(self, run: str) -> Performer:
        found = self.runs[run]
        performer = Performer(found, None if found else self._folder)
        performer.roots = [*performer.roots, *(other.path for other in self.runs.values() if other)]
        performer.warm_up()
        return performer

    def _load(self, run: str, waiting: Future) -> None:
        """Settle `waiting` with the performer, now or once it is loaded."""
        self._let_go_of_stale(run)
        if run in self._performers or run not in self.runs:
            settle(waiting, lambda: self.performer(run))
            return
        self._loading.setdefault(run, []).append(waiting)
        if len(self._loading[run]) == 1:
            loaded = self._worker.submit(lambda: self._performer_of(run))
            loaded.add_done_callback(lambda done: self._clock.soon(lambda: self._loaded(run, done)))

    def _loaded(self, run: str, done: Future) -> None:
        if not done.cancelled() and done.exception() is None:
            self._performers[run] = done.result()
        for waiting in self._loading.pop(run):
            settle(waiting, done.result)

    def _let_go_of_stale(self, run: str) -> None:
        """A run that was trained further is loaded anew, once nobody watches what it was."""
        performer = self._performers.get(run)
        if performer is None or not performer.is_stale:
            return
        stages = [key for key in self._stages if key[0] == run]
        if not any(self._stages[key].windows for key in stages):
            for key in stages:
                self._stages.pop(key).remember()
            del self._performers[run]

    def _stage(self, key: tuple[str, str]) -> Stage:
        if key not in self._stages:
            checked(key[1], "a session")
            self._make_room()
            self._stages[key] = Stage(Session(self.performer(key[0]), key[1]), last_s=time.monotonic())
        return self._stages[key]

    def _make_room(self) -> None:
        """The sessions unwatched for longest are written down and let go."""
        unwatched = sorted((s.last_s, key) for key, s in self._stages.items() if not s.windows)
        for _, key in unwatched[: max(0, len(self._stages) + 1 - SESSIONS)]:
            self._stages.pop(key).remember()
        if len(self._stages) >= SESSIONS:
            raise DancenetError(
                f"{len(self._stages)} sessions are watched", "forty at most", "close a window"
            )

    def _enter(self, run: str, name: str, window: Window) -> tuple[str, str]:
        windows = sum(len(stage.windows) for stage in self._stages.values())
        if windows >= WINDOWS:
            raise DancenetError(f"{windows} windows are open", f"{WINDOWS} at most", "close one of them")
        key = (run or next(iter(self.runs)), name)
        self._stage(key).enter(window, key[0], time.monotonic())
        return key

    def _leave(self, key: tuple[str, str], window: Window) -> None:
        stage = self._stages.get(key)
        if stage is not None and window in stage.windows:
            stage.windows.remove(window)
            stage.remember()

    def _request(self, stage: Stage | None, window: Window, request: protocol.Request) -> None:
        if stage is None:
            window.tell(protocol.Failed("this session has ended; load the page again", request.id))
            return
        try:
            if isinstance(request, protocol.Cancel) and self._jobs.cancel(request.job):
                self._carried_out(stage, window, request, {})
                return
            answer = handle(stage.session, request)
            if isinstance(answer, Later):
                self._do_later(stage, window, request, answer)
            else:
                self._carried_out(stage, window, request, answer)
        except DancenetError as error:
            window.tell(protocol.Failed(str(error), request.id))
        except Exception:  # one window's request must not stop everyone's dance
            what = type(request).__name__.lower()
            log.exception("%s failed", what)
            window.tell(protocol.Failed(INSIDE.format(what), request.id))

    def _do_later(self, stage: Stage, window: Window, request: protocol.Request, later: Later) -> None:
        self._jobs.add(
            later, stage.tell,
            done=lambda result: self._carried_out(stage, window, request, result),
            failed=lambda message: window.tell(protocol.Failed(message, request.id)),
        )  # fmt: skip

    def _carried_out(
        self, stage: Stage, window: Window, request: protocol.Request, result: dict[str, Any]
    ) -> None:
        window.tell(protocol.Done(request.id, result, stage.session.revision))
        stage.tell_state()
        if isinstance(request, LIBRARY_CHANGES):
            self.tell_library(stage.session.performer)
        if isinstance(request, protocol.Learn):
            told = protocol.Directions(stage.session.performer.told_directions())
            self.announce(stage.session.performer, told)

    def announce(self, performer: Performer, event: protocol.Event) -> None:
        """Tell all windows that watch a run."""
        for stage in self._of(performer):
            stage.tell(event)

    def tell_library(self, performer: Performer) -> None:
        """Tell all who watch a run what is saved of it."""
        self.announce(performer, protocol.Library(performer.listed()))

    def _of(self, performer: Performer) -> Iterable[Stage]:
        return (stage for stage in self._stages.values() if stage.session.performer is performer)

    # by the clock

    def _tick(self, now: float) -> None:
        show(list(self._stages.values()), now)
        if now - self._pulsed_s >= 1.0:
            self._pulse(now, now - self._pulsed_s)
            self._pulsed_s = now

    def _pulse(self, now: float, passed_s: float) -> None:
        clients = sum(len(stage.windows) for stage in self._stages.values())
        for stage in self._stages.values():
            stage.pulse(now, passed_s, clients)
            if now - stage.changed_s > REMEMBER_S:
                stage.remember()

    def _remember_all(self) -> None:
        for stage in self._stages.values():
            stage.remember()
