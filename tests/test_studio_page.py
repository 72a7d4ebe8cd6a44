"""The page in a browser: alive at once, asks nobody else, obeys its sliders, survives its server."""

import shutil
import signal
import time

import pytest
from studio import PATIENCE_S, Server

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium; on Debian or Ubuntu: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Page:
    """A page, and everything that it asked for and complained of."""

    def __init__(self, browser, server):
        self.asked, self.said = [], []
        self.page = browser.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda line: self.asked.append(line.url))
        self.page.on("console", lambda message: self.said.append((message.type, message.text)))
        self.page.on("pageerror", lambda error: self.said.append(("error", str(error))))
        self.page.goto(server.address)
        self.until("dancenet.lastFrame")

    def until(self, condition: str):
        """Wait for something to be true in the page; its value."""
        until = time.monotonic() + PATIENCE_S
        while not (value := self.page.evaluate(condition)):
            assert time.monotonic() < until, f"never: {condition}; {self.said}"
            time.sleep(0.02)
        return value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def server(folder):
    """One for both tests; the last of them kills it."""
    with Server(folder=folder) as server:
        yield server


def test_it_is_alive_and_asks_nobody_else(browser, server):
    page = Page(browser, server)
    first = page.page.evaluate("document.getElementById('dancer').toDataURL()")
    frames = page.page.evaluate("dancenet.frames")
    page.until(f"dancenet.frames > {frames + 30}")
    assert page.page.evaluate("document.getElementById('dancer').toDataURL()") != first
    page.page.fill("#tempo", "2")
    page.until("dancenet.state.controls.tempo === 2")
    revision = page.page.evaluate("dancenet.state.revision")
    page.until(f"dancenet.lastFrame.revision >= {revision}")
    here = f"127.0.0.1:{server.port}/"
    for address in page.asked:
        assert address.startswith((f"http://{here}", f"ws://{here}", f"blob:http://{here}")), address
    assert not [said for said in page.said if said[0] in ("error", "warning")]
    page.page.close()


def test_it_comes_back_when_its_server_was_killed(browser, folder, server):
    page = Page(browser, server)
    page.page.fill("#stray", "0.75")
    page.until("dancenet.state.controls.stray === 0.75")
    page.page.click("#snapshot")
    page.until("dancenet.library.poses.length === 1")
    until = time.monotonic() + PATIENCE_S
    kept = folder / "out/studio/sessions/main.json"
    while not kept.is_file() or '"stray": 0.75' not in kept.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    server.end(signal.SIGKILL)
    page.until("!dancenet.connected")
    frames = page.page.evaluate("dancenet.frames")
    with Server(folder=folder, port=server.port):
        page.until(f"dancenet.connected && dancenet.frames > {frames + 10}")
        assert page.page.evaluate("dancenet.state.controls.stray") == 0.75
        assert page.page.input_value("#stray") == "0.75"
        assert page.page.evaluate("dancenet.library.poses") == ["pose-1"]
        page.page.close()  # and killing the page loses nothing
        other = Page(browser, server)
        assert other.page.input_value("#stray") == "0.75"
        other.page.close()
