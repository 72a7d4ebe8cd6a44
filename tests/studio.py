"""What the studio's tests share: a dancer loaded once, a window that notes everything, a real server."""

import contextlib
import copy
import functools
import http.client
import json
import os
import queue
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from learned import environment
from websockets.sync.client import connect

from dancenet.studio import protocol
from dancenet.studio.library import Library
from dancenet.studio.performer import Performer
from dancenet.studio.session import Session

#: Longer than anything here takes; what comes late fails the test that waits for it.
PATIENCE_S = 60


@functools.cache
def _built_in() -> Performer:
    performer = Performer(None, Path("nowhere"))
    performer.warm_up()
    return performer


def built_in(folder: Path) -> Performer:
    """The built-in dancer, with a library of its own in `folder`."""
    performer = copy.copy(_built_in())
    performer.library = Library(folder, performer.origin)
    return performer


def danced(session: Session, seconds: float, fps: float = 30) -> np.ndarray:
    """(T, D) what a session shows."""
    return np.stack([session.frame(1 / fps).pose for _ in range(round(seconds * fps))])


class Watcher:
    """A window that keeps what it is told."""

    def __init__(self):
        self.events, self.frames = queue.Queue(), queue.Queue()
        self.pulses = []

    def offer(self, frame):
        self.frames.put(frame)

    def tell(self, event):
        self.events.put(event)

    def pulse(self, made_fps, clients, slow):
        self.pulses.append((made_fps, clients, slow))

    def heard(self, kind, timeout=PATIENCE_S, **values):
        """The next event of a kind with these values; others are skipped."""
        until = time.monotonic() + timeout
        while True:
            event = self.events.get(timeout=max(0.01, until - time.monotonic()))
            if isinstance(event, kind) and all(getattr(event, name) == one for name, one in values.items()):
                return event

    def seen(self):
        """The next frame: its header and JPEG."""
        return protocol.unpack_frame(self.frames.get(timeout=PATIENCE_S))


class Server:
    """A studio in a process of its own, as a user starts it."""

    def __init__(self, *arguments, folder: Path, port: int = 0):
        self.log = folder / "server.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dancenet", "studio", "--no-browser", "--port", str(port)]
                + [str(argument) for argument in arguments],
                cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**environment(), "OMP_NUM_THREADS": "1", "XDG_STATE_HOME": str(folder)},
            )  # fmt: skip
        self.address = self.process.stdout.readline().strip()
        found = re.search(r":(\d+)/", self.address)
        assert found, self.said()
        self.port = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGINT)

    def end(self, with_signal):
        """End it; gives the exit code."""
        if self.process.poll() is None:
            os.kill(self.process.pid, with_signal)
        code = self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()
        return code

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, method="GET", host=None, **headers) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(line):
            line.putrequest(method, path, skip_host=True)
            line.putheader("Host", host or f"127.0.0.1:{self.port}")
            for name, value in headers.items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, answer.read(), {key.lower(): value for key, value in answer.getheaders()}

    def line(self, query="", **more) -> "Line":
        return Line(f"ws://127.0.0.1:{self.port}/live{query}", **more)


class Line:
    """A client's end of a WebSocket."""

    def __init__(self, address: str, **more):
        self._open = contextlib.ExitStack()
        # the frames that are still to be read would hold up a goodbye
        # no pings of its own: one that waits for a full line holds the lock that closing needs
        more = {"ping_interval": None, **more}
        opened = connect(address, open_timeout=PATIENCE_S, close_timeout=0.1, max_size=None, **more)
        self.socket = self._open.enter_context(opened)
        self.id, self.headers = 0, []
        self.welcome = self.heard("welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._open.close()

    def next(self):
        """A table, or header and JPEG of a frame."""
        message = self.socket.recv(timeout=PATIENCE_S)
        return json.loads(message) if isinstance(message, str) else protocol.unpack_frame(message)

    def first(self, fits):
        """The first message that fits; frames go on coming, so waiting must end."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if fits(got := self.next()):
                return got
        raise TimeoutError("nothing that fits came")

    def heard(self, kind: str, **values):
        """The next event of a kind with these values."""
        return self.first(
            lambda got: isinstance(got, dict) and got["is"] == kind and values.items() <= got.items()
        )

    def seen(self, what=lambda header: True):
        """Header and JPEG of the next frame of which that is so."""
        return self.first(lambda got: not isinstance(got, dict) and what(got[0]))

    def ask(self, do: str, **values):
        """The answer to a request, done or failed."""
        self.id += 1
        self.socket.send(json.dumps({"do": do, "id": self.id, **values}))
        return self.answer(self.id)

    def answer(self, number):
        """The answer to the request of that number."""
        return self.first(
            lambda got: isinstance(got, dict) and got["is"] in ("done", "failed") and got["id"] == number
        )
