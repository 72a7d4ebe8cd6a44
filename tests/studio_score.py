"""What tests of the studio's scores share: a server of its own with a window, and a page driven by hand."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from learned import copy_of, environment, trained_run
from songs import RATE_HZ, beats_at, song
from test_dance_to_music import write_wav
from websockets.sync.client import connect

from dancenet.studio import protocol

#: Longer than anything here takes.
PATIENCE_S = 120
#: When the beats of the song are.
BEATS_S = beats_at(120, 32)


class Studio:
    """A server of its own, as a user starts it, and one window."""

    def __init__(self, run):
        self.run = run
        self.begin(0)

    def begin(self, port):
        """Start the server, which has ended or never was, and open a window."""
        self.environment = {**environment(), "OMP_NUM_THREADS": "1", "XDG_STATE_HOME": str(self.run.parent)}
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "dancenet", "studio", "--run", str(self.run), "--no-browser",
                "--port", str(port),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.run.parent,
            env=self.environment,
        )  # fmt: skip
        self.address = self.process.stdout.readline().strip()
        self.window()

    def window(self):
        self.line = contextlib.ExitStack()
        # it is read all the time, however long a test does something else: one that is not read is cut
        more = {"max_size": None, "max_queue": None, "ping_interval": None}
        self.socket = self.line.enter_context(connect(self.address.replace("http", "ws") + "live", **more))
        self.number, self.events = 0, []
        self.welcome = json.loads(self.socket.recv(timeout=PATIENCE_S))

    def next(self):
        """The next message: an event, or a frame's header."""
        got = self.socket.recv(timeout=PATIENCE_S)
        if isinstance(got, str):
            self.events.append(json.loads(got))
            return self.events[-1]
        return protocol.unpack_frame(got)[0]

    def ask(self, do, **values):
        """The result of a request, or the text of its failure."""
        self.number += 1
        self.socket.send(json.dumps({"do": do, "id": self.number, **values}))
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            got = self.next()
            if isinstance(got, dict) and got.get("id") == self.number and got["is"] in ("done", "failed"):
                return got["result"] if got["is"] == "done" else got["error"]
        raise AssertionError(f"no answer to {do}")

    def frame(self, flag):
        """The next frame's header that has a flag."""
        while True:
            got = self.next()
            if not isinstance(got, dict) and got.flags & flag:
                return got

    def get(self, path, data=None, **headers):
        """Status, headers and body."""
        request = urllib.request.Request(self.address + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def upload(self, name, data):
        status, _, said = self.get(f"api/music/{name}", data)
        return status, said.decode()

    def end(self, how=signal.SIGINT):
        with contextlib.suppress(OSError):
            self.line.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        self.process.wait(timeout=30)
        self.process.stdout.close()


def with_things(base):
    """A studio in which a phrase and a pose are kept, and a song lies."""
    served = Studio(copy_of(trained_run(base), base / "studio-run"))
    until = time.monotonic() + PATIENCE_S
    while "phrase-1" not in str(served.ask("keep", from_ago_s=1.5)) and time.monotonic() < until:
        time.sleep(0.2)
    served.ask("snapshot")
    status, said = served.upload("my%20song.wav", wav(base))
    if status != 200:
        raise AssertionError(said)
    return served


def wav(base):
    """(bytes) sixteen seconds at 120 beats a minute."""
    write_wav(base / "song.wav", song(BEATS_S, "rock"), RATE_HZ)
    return (base / "song.wav").read_bytes()


class Page:
    """A page of the studio; nothing may go wrong in its console."""

    def __init__(self, browser, address, **options):
        self.page = browser.new_page(**{"viewport": {"width": 1400, "height": 950}, **options})
        self.wrong = []
        self.page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(address)
        self.open()

    def open(self):
        self.until("Boolean(window.dancenet?.lastFrame && dancenet.score.model.name)")
        self.page.click("#tab-score")

    def until(self, what):
        until = time.monotonic() + PATIENCE_S
        while not (got := self.page.evaluate(what)):
            assert time.monotonic() < until, f"never: {what}; {self.wrong}"
            time.sleep(0.05)
        return got

    def saved(self):
        self.until(
            "dancenet.score.model.isSaved && document.querySelector('#score-saved').textContent === 'saved'"
        )
        return self.page.evaluate(
            "[dancenet.score.model.name, dancenet.score.model.text, dancenet.score.model.sheet]"
        )

    def drag(self, source, target, *, steps=6):
        (x, y), (to_x, to_y) = source, target
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(to_x, to_y, steps=steps)
        self.page.mouse.up()

    def middle(self, selector):
        for _ in range(100):  # a block that is being laid out anew has none for a moment
            if box := self.page.locator(selector).first.bounding_box():
                break
            self.page.wait_for_timeout(20)
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
