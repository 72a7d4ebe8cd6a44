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
    """One for all tests; the last of them kills it."""
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


def test_every_control_does_what_it_says(browser, server):
    page = Page(browser, server)
    keyboard = page.page.keyboard
    for name in ("temperature", "stray", "energy", "tempo"):
        page.page.fill(f"#{name}", "0.5")
        page.until(f"dancenet.state.controls.{name} === 0.5")
    page.page.fill("#seed", "7")
    keyboard.press("Enter")
    page.until("dancenet.state.seed === 7")
    page.page.click("#restart")
    page.until("dancenet.state.seed !== 7")
    page.page.evaluate("document.activeElement.blur()")
    keyboard.press("Space")
    page.until("dancenet.state.paused && document.getElementById('caption').textContent === 'paused'")
    keyboard.press("Space")
    page.until("!dancenet.state.paused")
    kept = page.page.evaluate("dancenet.library.poses.length")
    for number in (1, 2):
        keyboard.press("s")
        page.until(f"dancenet.library.poses.length === {kept + number}")
    page.until("dancenet.lastFrame.time_s > 1.2")
    keyboard.press("k")
    page.until("dancenet.library.phrases.length > 0")
    keyboard.press(",")
    page.until("dancenet.state.ago_s > 0.4")
    keyboard.press("n")
    page.until("dancenet.state.ago_s === null")
    page.page.close()


def test_the_pose_desk_bends_mixes_and_takes_back(browser, server):
    page = Page(browser, server)
    page.page.keyboard.press("2")
    page.page.fill("#bend-principal-1", "1.5")
    page.until("dancenet.state.amounts['principal-1'] === 1.5")
    page.page.click("#desk button:text-is('Undo')")
    page.until("!('principal-1' in dancenet.state.amounts)")
    page.page.click("#desk button:text-is('Redo')")
    page.until("dancenet.state.amounts['principal-1'] === 1.5")
    page.page.click("#desk button:text-is('All to 0')")
    page.until("Object.keys(dancenet.state.amounts).length === 0")
    for number in (0, 1):
        page.page.locator("#desk button[aria-label^='Mix ']").nth(number).click()
        page.until(f"dancenet.state.mix.poses.length === {number + 1}")
    page.until("document.getElementById('caption').textContent === 'pose desk'")
    page.page.fill("#mix-0", "0.25")
    page.until("dancenet.state.mix.weights[0] === 0.25")
    page.page.click("#desk button:text-is('Back to the dance')")
    page.until("dancenet.state.mix.poses.length === 0")
    for word in ("has", "lacks"):
        page.page.click(f"#desk button:text-is('+ {word} it')")
    page.page.reload()
    page.until("dancenet.lastFrame")
    told = "[...document.querySelectorAll('#desk .row .quiet')].map((one) => one.textContent)"
    assert page.until(f"{told}.includes('1 frames') && {told}") == ["1 frames", "1 frames"]
    page.page.keyboard.press("f")
    assert page.until("document.body.classList.contains('stage-mode')")
    box = page.page.locator("#dancer").bounding_box()
    assert box["width"] == page.page.viewport_size["width"]
    assert not page.page.is_visible("header")
    page.page.keyboard.press("f")
    page.until("!document.body.classList.contains('stage-mode')")
    assert not [said for said in page.said if said[0] in ("error", "warning")]
    page.page.close()


def test_it_has_no_accessibility_violation(browser, server):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = Page(browser, server)
    for key in ("1", "2", "?"):
        page.page.keyboard.press(key)
        for width in (1400, 390):
            page.page.set_viewport_size({"width": width, "height": 900})
            found = axe.run(page.page).response["violations"]
            wrong = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]
            assert wrong == [], f"after {key} at {width}"
            wide = page.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, "nothing to scroll sideways for"
    page.page.close()


def test_it_comes_back_when_its_server_was_killed(browser, folder, server):
    page = Page(browser, server)
    page.page.fill("#stray", "0.75")
    page.until("dancenet.state.controls.stray === 0.75")
    before = page.page.evaluate("dancenet.library.poses.length")
    page.page.click("#snapshot")
    page.until(f"dancenet.library.poses.length === {before + 1}")
    saved = page.page.evaluate("dancenet.library")
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
        assert page.page.evaluate("dancenet.library") == saved
        page.page.close()  # and killing the page loses nothing
        other = Page(browser, server)
        assert other.page.input_value("#stray") == "0.75"
        other.page.close()
