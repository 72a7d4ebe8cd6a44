"""The studio: how soon it is alive, how fast it dances, how soon it obeys, how many may watch.

    python benchmarks/studio.py [--run DIR] [--seconds 60] [--minutes 10]

A real server in a process of its own, a real Chromium (Debian's, if there is one), real sockets. Without
--run it is the built-in dancer.
"""

import argparse
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from measuring import Bar, benchmark, emit, finite_median, say, skipped

from dancenet.errors import DancenetError

#: How often a slider is moved.
MOVES = 30
#: So many watch at once.
CLIENTS = 10
#: So long a stream is warm before its memory counts, seconds.
WARM_S = 30


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--run", type=Path, help="a trained run (default: the built-in dancer's model)")
    add("--seconds", type=float, default=60, help="of frames that are counted (default 60)")
    add("--minutes", type=float, default=10, help="of the stream whose memory is watched (default 10)")
    return parser.parse_args(argv)


class Server:
    """A studio on a free port."""

    def __init__(self, run: Path | None, folder: str):
        chosen = ["--run", str(run.resolve())] if run else []
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dancenet", "studio", "--no-browser", "--port", "0", *chosen],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.address = self.process.stdout.readline().strip()  # type: ignore[union-attr]
        if not self.address:
            raise DancenetError("the studio did not start", "one that does", "try: dancenet studio")
        self.line = re.sub("^http", "ws", self.address) + "live"

    def memory_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


@contextlib.contextmanager
def serving(run: Path | None) -> Iterator[Server]:
    """A studio, until it is no longer needed."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(run, folder)
        try:
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)
            server.process.wait(timeout=30)


def connected(server: Server, session: str = "main"):
    from websockets.sync.client import connect

    return connect(f"{server.line}?session={session}", max_size=None, close_timeout=0.1)


def count_frames(server: Server, seconds: float, session: str = "main") -> tuple[float, int, bool]:
    """Frames a second, how many pictures differ, and whether slowness was told."""
    pictures, told = [], False
    with connected(server, session) as line:
        begun = None
        while begun is None or time.perf_counter() - begun < seconds:
            message = line.recv()
            if isinstance(message, bytes):
                begun = begun or time.perf_counter()
                pictures.append(hash(message[20:]))
            elif '"slow":"' in message and '"slow":""' not in message:
                told = True
    return len(pictures) / seconds, len(set(pictures)), told


def alive(server: Server, page) -> float:
    """Seconds from asking for the page to its first frame."""
    begun = time.perf_counter()
    page.goto(server.address)
    while not page.evaluate("Boolean(window.dancenet && dancenet.lastFrame)"):
        time.sleep(0.01)
    return time.perf_counter() - begun


#: Moves a slider of the page, and waits until the canvas shows something else; milliseconds. The dancer is
#: held, so that nothing but the slider changes a pixel.
MOVE = """async (value) => {
  const canvas = document.getElementById('dancer'), slider = document.querySelector('[id^=bend-]');
  const before = canvas.toDataURL(), begun = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event('input'));
  while (canvas.toDataURL() === before && performance.now() - begun < 5000)
    await new Promise((resolve) => requestAnimationFrame(resolve));
  return performance.now() - begun;
}"""


#: Counts the pictures that the page has drawn; every fifteenth is looked at, whether it is another one.
DRAWN = """async (seconds) => {
  const canvas = document.getElementById('dancer'), looked = [];
  let drawn = 0;
  dancenet.on('shown', () => { drawn += 1; if (drawn % 15 === 0) looked.push(canvas.toDataURL()); });
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  return [drawn, looked.length, new Set(looked).size];
}"""


def in_browser(server: Server, begun: float, seconds: float) -> None:
    """The page: how soon it is alive, how soon it obeys, how many pictures it draws."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if not chromium:
        skipped("studio in the browser", "no Chromium or no playwright")
        return
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        alive(server, page)
        cold = time.perf_counter() - begun
        emit(
            "studio, start of the server to a page that is alive, with a browser's own start",
            cold,
            "s",
            seconds=cold,
        )
        warm = [alive(server, page) for _ in range(5)]
        emit("studio, opening the page to its first frame", finite_median(warm), "s", bar=Bar(high=2.0),
             worst=max(warm), seconds=sum(warm))  # fmt: skip
        page.evaluate("dancenet.ask('pause', { paused: true })")
        time.sleep(1)
        moved = []
        for number in range(MOVES):
            moved.append(page.evaluate(MOVE, 2.5 if number % 2 else -2.5))
            time.sleep(0.15)
        page.evaluate("dancenet.ask('pause', { paused: false })")
        emit("studio, slider to changed pixel in the browser", finite_median(moved), "ms", bar=Bar(high=150),
             worst=max(moved), moves=MOVES, seconds=sum(moved) / 1000)  # fmt: skip
        drawn, looked, different = page.evaluate(DRAWN, seconds)
        emit(f"studio, frames a second drawn in the browser over {seconds:g} s", drawn / seconds, "frames/s",
             bar=Bar(low=25.0), looked_at=looked, different=different, seconds=seconds)  # fmt: skip
        browser.close()


def over_a_socket(server: Server) -> None:
    """From a control's request to the first frame that obeys it."""
    taken = []
    with connected(server) as line:
        for number in range(MOVES):
            begun, revision = time.perf_counter(), None
            line.send(json.dumps({"do": "set", "id": number, "temperature": 0.2 + 0.01 * number}))
            while True:
                message = line.recv()
                if isinstance(message, str):
                    event = json.loads(message)
                    if event.get("id") == number:
                        revision = event["revision"]
                elif revision is not None and int.from_bytes(message[4:8], "little") >= revision:
                    break
            taken.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.05)
    emit("studio, control to the frame that obeys it, over a socket", finite_median(taken), "ms",
         bar=Bar(high=150), worst=max(taken), moves=MOVES, seconds=sum(taken) / 1000)  # fmt: skip


def many(server: Server, sessions: list[str], what: str) -> None:
    """Several at once; each gets ten frames a second, or is told why not."""
    results: list[tuple[float, int, bool]] = []
    threads = [
        threading.Thread(target=lambda name=name: results.append(count_frames(server, 15, name)))
        for name in sessions
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    least = min(fps for fps, _, _ in results)
    told = all(fps >= 10 or slow for fps, _, slow in results)
    emit(f"studio, {what}: frames a second of the slowest", least, "frames/s", bar=Bar(low=10.0),
         judged=10.0 if told else least, told_to=sum(slow for _, _, slow in results),
         seconds=time.perf_counter() - begun)  # fmt: skip


def memory(server: Server, seconds: float) -> None:
    """The server's memory at the start and the end of a stream."""
    if not Path("/proc/self/status").exists():
        skipped("studio, memory", "this system does not tell a process's memory")
        return
    count_frames(server, WARM_S)
    before = server.memory_mb()
    fps, _, _ = count_frames(server, seconds)
    after = server.memory_mb()
    emit("studio, memory after a stream", after, "MB", ratio=after / before, bar=Bar(0.95, 1.05),
         before_mb=before, fps=fps, seconds=seconds)  # fmt: skip


def measure(chosen: argparse.Namespace) -> None:
    """All of it, one after another."""
    with serving(chosen.run) as server:
        say("the studio is up")
        in_browser(server, server.begun, chosen.seconds)
        fps, different, _ = count_frames(server, chosen.seconds)
        emit(f"studio, frames a second over {chosen.seconds:g} s", fps, "frames/s", bar=Bar(low=25.0),
             different=different, seconds=chosen.seconds)  # fmt: skip
        over_a_socket(server)
        many(server, ["main"] * CLIENTS, f"{CLIENTS} windows of one session")
        many(server, [f"own-{number}" for number in range(CLIENTS)], f"{CLIENTS} sessions")
        memory(server, 60 * chosen.minutes)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    return benchmark(lambda: measure(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
