"""What the commands show: progress with the time left, warnings, results. Only the surface prints.

Results go to standard output; progress, warnings and errors to standard error.
"""

import contextlib
import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Where no terminal shows a moving bar, a line of progress is printed this often.
LINE_EVERY_S = 20.0
#: With this variable of the environment set to `json`, progress is told to programs: a JSON object a line.
FOR_PROGRAMS = "DANCENET_PROGRESS"
#: Programs are told this often.
TOLD_EVERY_S = 0.2

#: Passes on all but the lines that TensorFlow's C++ part writes while it loads: information, warnings,
#: and that there is no GPU. A process of its own, so that the last words of a crash are not lost.
_FILTER = r"""
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
chatter = re.compile(rb"[IW]\d{4} [\d:.]+ |E\d{4} [\d:.]+ .*(cuInit|CUDA|cuda|Unable to register)"
                     rb"|WARNING: All log messages before absl|To enable the following instructions")
for line in sys.stdin.buffer:
    if not chatter.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


class Console:
    """Shows what a command does; every method but `result` and `error` is silent with `quiet`.

    `progress` is a `dancenet.runs.Progress`: its text up to the first ` · ` names the work, the rest changes.
    """

    def __init__(self, *, quiet: bool = False):
        self.quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._work = ("", 0.0, 0.0)
        self._begun = (0.0, 0.0)
        self._printed_s: float | None = None

    def say(self, text: str) -> None:
        """A line about what happens."""
        if not self.quiet:
            self._line(text)

    def warn(self, text: str) -> None:
        """A line about what may surprise."""
        self.say(f"warning: {text}")

    def result(self, text: str | Path) -> None:
        """A line of the result, on standard output."""
        self.close()
        print(text, flush=True)

    def error(self, text: object) -> None:
        """A line about what stopped the command."""
        self.close()
        print(f"dancenet: error: {text}", file=sys.stderr, flush=True)

    def progress(self, what: str, done: float, total: float) -> None:
        """Show how far long work is and how long it will still take; `total` 0 where that is not known."""
        if self.quiet:
            return
        work, before, whole = self._work
        # One file after another of the same work goes on where the last one ended.
        new = what.split(" · ")[0] != work and not (total == whole and done >= before > 0)
        self._work = (what.split(" · ")[0], done, total)
        if os.environ.get(FOR_PROGRAMS) == "json":
            self._tell_program(what, done, total)
        elif sys.stderr.isatty():
            self._move_bar(new, what, done, total)
        else:
            self._print_now_and_then(new, what, done, total)

    def close(self) -> None:
        """End a moving bar, so that lines can follow."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._work = None, ("", 0.0, 0.0)

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _move_bar(self, new: bool, what: str, done: float, total: float) -> None:
        from rich.console import Console as Terminal
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        if self._bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Terminal(stderr=True))
            self._bar.start()
        if new:
            self._task = self._bar.add_task(escape(what), total=None)
        self._bar.update(self._task, description=escape(what), completed=done, total=total or None)

    def _tell_program(self, what: str, done: float, total: float) -> None:
        now = time.monotonic()
        if self._printed_s is None or now - self._printed_s >= TOLD_EVERY_S or done >= total:
            self._printed_s = now
            print(json.dumps({"what": what, "done": done, "total": total}), file=sys.stderr, flush=True)

    def _print_now_and_then(self, new: bool, what: str, done: float, total: float) -> None:
        now = time.monotonic()
        if self._printed_s is None:
            self._printed_s = now
        if new:
            self._begun = (now, done)
        if now - self._printed_s < LINE_EVERY_S:
            return
        self._printed_s = now
        if not total:
            print(f"{what}: {done:.0f}", file=sys.stderr, flush=True)
            return
        gained = done - self._begun[1]
        left = (total - done) * (now - self._begun[0]) / gained if gained > 0 else None
        ahead = "" if left is None else f", {duration(left)} left"
        print(f"{what}: {100 * done / total:.0f}%{ahead}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds in words: `42 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _ToConsole(logging.Handler):
    """Shows the library's log: information as it is, warnings as `warning: …`."""

    def __init__(self, console: Console):
        super().__init__(logging.INFO)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show one message."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            self.console.warn(text)
        else:
            self.console.say(text)


@contextlib.contextmanager
def showing_log(console: Console) -> Iterator[None]:
    """Show what the library logs on `console` while the block runs."""
    log, handler = logging.getLogger("dancenet"), _ToConsole(console)
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate
        console.close()


def load_tensorflow() -> None:
    """Import what the models need, without TensorFlow's chatter on standard error (real errors stay), and set
    TensorFlow up."""
    if "dancenet.machine.hardware" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        begun = time.monotonic()
        with _without_chatter(), _not_found("sklearn", "matplotlib", "IPython"), _keeping_all():
            from dancenet.machine import hardware

            hardware.spare_gpu_memory()
        hardware.note_start_up(time.monotonic() - begun)
    from dancenet.machine import hardware

    hardware.sum_in_order()


@contextlib.contextmanager
def _not_found(*names: str) -> Iterator[None]:
    """Let packages not be found while the block runs, unless they are loaded already.

    Where they are installed Keras imports them for a wrapper, a gallery and an editor that nobody asks for
    here: a third of the time that it takes to load.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def _keeping_all() -> Iterator[None]:
    """Look for no garbage while the block runs, nor later among what is there at its end: of what is imported
    hardly anything is, and looking through all of it again and again takes a fifth of the time."""
    looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if looking:
            gc.enable()


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Send file descriptor 2, which C++ writes to, through `_FILTER` while the block runs."""
    sys.stderr.flush()
    try:
        real = os.dup(2)
    except OSError:  # standard error is closed: nothing would be seen anyway
        yield
        return
    command = [sys.executable, "-I", "-S", "-c", _FILTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=real) as strainer:
        os.dup2(strainer.stdin.fileno(), 2)  # type: ignore[union-attr]
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
