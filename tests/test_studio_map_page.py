"""The map in a real browser: pointing, pressing, drawing ways, colours, keys, touch, search by image.

Needs Debian's `chromium` (apt-get install chromium) and the package playwright.
"""

import contextlib
import http.client
import json
import shutil
import time

import cv2
import numpy as np
import pytest
from learned import copy_of, trained_run
from studio import Server

from dancenet.exploring.planes import planes
from dancenet.frames import load_frames
from dancenet.latents import Latents
from dancenet.runs import Run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: UMAP compiles itself when it is used first.
PATIENCE_S = 150
#: Chromium's advice to whoever reads a canvas, which only these tests do.
READING = "Multiple readback operations"
#: Whether anything is on a canvas.
DRAWN = """(which) => {
    const drawing = document.querySelector(which).getContext("2d");
    return drawing.getImageData(0, 0, 900, 900).data.some(Boolean);
}"""

playwright_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    learned, folder = trained_run(tmp_path_factory.getbasetemp()), tmp_path_factory.mktemp("page")
    copy_of(learned, folder / "another")
    return copy_of(learned, folder / "run")


@pytest.fixture(scope="module")
def server(run, tmp_path_factory):
    with Server("--run", run, "--runs", run.parent, folder=tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def latents(run):
    found = Latents.load(run / "latents.npz")
    return found.standardise(found.mean)


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def step_of(latents) -> float:
    """How far apart frames of the film are that follow one another; far less than any two."""
    step = np.median(np.linalg.norm(np.diff(latents, axis=0), axis=1))
    assert step < 0.25 * np.median(np.linalg.norm(latents - np.roll(latents, 333, axis=0), axis=1))
    return step


class Page:
    """The studio's page, its map shown."""

    def __init__(self, browser, server, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        self.page, self.said = self.context.new_page(), []
        self.page.on("console", lambda message: READING in message.text or self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(f"http://127.0.0.1:{server.port}/")
        self.until("dancenet.map?.map?.complete && dancenet.lastFrame")
        self.page.wait_for_timeout(900)  # frames wander to the better plane
        # what the dancer is near to, from now on
        self("globalThis.near = []; dancenet.on('shown', ({ nearest }) => near.push(nearest))")

    def __call__(self, script, given=None):
        return self.page.evaluate(script, given)

    def until(self, script, given=None):
        late = time.monotonic() + PATIENCE_S
        while not (got := self(script, given)):
            assert time.monotonic() < late, f"{script} does not come; {self.said}"
            self.page.wait_for_timeout(30)
        return got

    def comes_near(self, latents, frame):
        """Wait until the dancer's pose is about that of a frame of the film."""
        late, goal = time.monotonic() + PATIENCE_S, 2 * step_of(latents)
        while not (
            np.linalg.norm(latents[np.array(self("near"), int)] - latents[frame], axis=1) < goal
        ).any():
            assert time.monotonic() < late, f"the dancer does not come to frame {frame}"
            self.page.wait_for_timeout(100)

    def place(self, frame):
        """Where a frame lies on the screen."""
        box = self.page.locator("canvas.over").bounding_box()
        x, y = self("(frame) => dancenet.map.view.screen(frame)", frame)
        return box["x"] + x, box["y"] + y

    def lone(self, count):
        """Frames far from one another on the map, and each the nearest to where it lies."""
        found = self("""(count) => {
            const { view, map } = dancenet.map, lone = [];
            for (const frame of map.order) {
                const [x, y] = view.screen(frame);
                const others = lone.map((other) => view.screen(other));
                const apart = others.map((at) => Math.hypot(x - at[0], y - at[1]));
                const alone = view.nearest(Math.round(x), Math.round(y)) === frame && view.holds(frame, 30);
                if (alone && apart.every((far) => far > 120)) lone.push(frame);
                if (lone.length === count) break;
            }
            return lone;
        }""", count)  # fmt: skip
        assert len(found) == count
        return found

    def pixels(self):
        """A number that changes whenever the field's picture does."""
        self("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self("""() => {
            const canvas = document.querySelector('canvas.field');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let sum = 0;
            for (let at = 0; at < data.length; at += 4)
                sum = (sum * 31 + data[at] * 65536 + data[at + 1] * 256 + data[at + 2]) % 4294967291;
            return sum;
        }""")


@pytest.fixture
def page(browser, server):
    opened = Page(browser, server)
    yield opened
    opened.context.close()
    assert not opened.said, opened.said


def test_pointing_shows_the_frame(page):
    frame = page.lone(1)[0]
    page.page.mouse.move(*page.place(frame))
    told = page.page.locator(".tip")
    assert told.is_visible()
    clips = page("dancenet.welcome.clips")
    clip = next(one for one in reversed(clips) if one["start"] <= frame)
    second = (frame - clip["start"]) / page("dancenet.welcome.film_fps")
    said = told.inner_text()
    assert said.startswith(f"{clip['name']}:{second:.3f}".rstrip("0").rstrip("."))
    assert "move" in said and "energy" in said  # noqa: PT018
    page.until(DRAWN, ".tip canvas")
    page.page.mouse.move(5, 5)
    assert not told.is_visible()


def test_pressing_puts_the_dancer_there(page, latents):
    for frame in page.lone(3):
        page("near.length = 0")
        page.page.mouse.click(*page.place(frame))
        page.comes_near(latents, frame)


def test_the_dancer_follows_a_drawn_way(page, latents):
    frames = page.lone(4)
    places = [page.place(frame) for frame in sorted(frames, key=lambda frame: page.place(frame)[0])]
    page.page.mouse.move(*places[0])
    page.page.mouse.down()
    for to in places[1:]:
        page.page.mouse.move(*to, steps=12)
    page.page.mouse.up()
    way = page("dancenet.map.marks.way")
    assert 4 <= len(way) <= 60
    page("near.length = 0")
    page.page.wait_for_timeout(1000)
    length = page.until("document.getElementById('map-told').textContent.match(/through (\\d+)/)")[1]
    assert int(length) == len(way)
    rate = page("dancenet.welcome.film_fps")
    usual = np.linalg.norm(np.diff(latents[way], axis=0), axis=1).sum() / step_of(latents) / rate
    page.page.wait_for_timeout(float(min(40_000, 1000 * (3 + 2.5 * usual))))
    seen = latents[np.array(page("near"), int)]
    away = [np.linalg.norm(seen - latents[frame], axis=1).min() / step_of(latents) for frame in way]
    assert np.mean(np.array(away) < 2) > 0.85, away


def test_colours_and_their_legend(page):
    page.page.uncheck("#map-pictures")
    seen, legends = set(), set()
    for by in ("clip", "time", "move", "energy"):
        page.page.select_option("#map-by", by)
        seen.add(page.pixels())
        legends.add(page.page.locator(".legend").inner_text())
    assert len(seen) == len(legends) == 4
    page.page.select_option("#map-by", "move")
    all_moves = page.pixels()
    page.page.locator(".legend button").first.click()
    assert page.pixels() != all_moves, "the others are dim"
    page.page.locator(".legend button").first.click()
    assert page.pixels() == all_moves


def test_planes_can_be_chosen(page):
    assert page("document.getElementById('map-plane').value") == planes()[-1], "UMAP where it is installed"
    page.page.uncheck("#map-pictures")
    before = page.pixels()
    page.page.select_option("#map-plane", "pca")
    page.page.wait_for_timeout(1200)
    assert page.pixels() != before


def test_closer_there_are_more_and_sharper_pictures(page):
    fetched = "performance.getEntriesByType('resource').map(({ name }) => name)"
    page.until(f"{fetched}.some((name) => name.includes('api/sheet/'))")
    frame = page.lone(1)[0]
    page.page.mouse.move(*page.place(frame))
    shown = page("dancenet.map.view.pictured().length")
    for _ in range(14):
        page.page.mouse.wheel(0, -150)
        page.page.wait_for_timeout(40)
    assert page("dancenet.map.view.zoom") > 8
    assert page("(frame) => dancenet.map.view.holds(frame)", frame), "what was pointed at stays"
    assert page("dancenet.map.view.pictured().length") > shown
    page.until(f"{fetched}.some((name) => name.includes('api/film/'))")
    page.page.keyboard.press("Tab")
    page.page.click("text=Whole map")
    assert page("dancenet.map.view.zoom") == 1


def test_everything_works_by_keys(page, latents):
    page.page.focus("canvas.over")
    told = page.page.locator("#map-told")
    page.page.keyboard.press("ArrowRight")
    assert page("dancenet.map.marks.cursor") >= 0, "it begins where the dancer is"
    for _ in range(60):  # from the left rim on there is a way to the right
        page.page.keyboard.press("ArrowLeft")
    first = page("dancenet.map.marks.cursor")
    page.page.keyboard.press("ArrowRight")
    second = page("dancenet.map.marks.cursor")
    assert page.place(second)[0] > page.place(first)[0]
    assert "energy" in told.inner_text()
    page("near.length = 0")
    page.page.keyboard.press("Enter")
    page.comes_near(latents, second)
    page.page.keyboard.press("+")
    page.page.keyboard.press("+")
    assert page("dancenet.map.view.zoom") > 1.5
    page.page.keyboard.press("0")
    assert page("dancenet.map.view.zoom") == 1
    page.page.keyboard.press("Shift+Enter")
    for key in ("ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"):
        page.page.keyboard.press(key)
    page.page.keyboard.press("Shift+Enter")
    page.page.get_by_role("button", name="Follow it").click()
    page.until("document.getElementById('map-told').textContent.includes('through 2')")


def test_the_live_dance_leaves_a_trail(page):
    page("dancenet.map.marks.trail.length = 0")
    page.until("dancenet.map.marks.trail.length > 5")
    page.until(DRAWN, "canvas.over")


def test_fingers_press_and_pinch(browser, server):
    page = Page(browser, server, has_touch=True, viewport={"width": 390, "height": 844}, is_mobile=True)
    with contextlib.closing(page.context):
        page.page.locator("canvas.over").scroll_into_view_if_needed()
        frame = page.lone(1)[0]
        page.page.touchscreen.tap(*page.place(frame))
        page.until("(frame) => dancenet.map.marks.cursor === frame", frame)
        hand, (x, y) = page.context.new_cdp_session(page.page), page.place(frame)
        for apart, kind in ((30, "touchStart"), (60, "touchMove"), (120, "touchMove")):
            points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
            hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.until("dancenet.map.view.zoom > 1.5")
        assert page("dancenet.map.marks.way.length") == 0, "two fingers draw nothing"
        assert page("document.documentElement.scrollWidth") <= 390
    assert not page.said


def test_a_direction_is_made_of_frames_of_the_map(page):
    frames = page.lone(4)
    for word, basket in (("has", frames[:2]), ("lacks", frames[2:])):
        for frame in basket:
            page.page.mouse.click(*page.place(frame))
            page.until("(frame) => dancenet.map.marks.cursor === frame", frame)
            page.page.click(f".chosen button:text-is('+ {word} it')")
    page.page.click("#tab-desk")
    page.page.fill("#direction-name", "reaching")
    page.page.click("text=Make the direction")
    page.until("Boolean(document.getElementById('bend-reaching'))")
    page.page.fill("#bend-reaching", "1.5")
    page.until("dancenet.state.amounts.reaching === 1.5")
    page.page.click("#desk button:text-is('All to 0')")
    page.until("!('reaching' in dancenet.state.amounts)")


def test_another_dancer_and_a_session_of_ones_own_are_chosen(page):
    def choose(what, value, then):
        with page.page.expect_navigation():
            page.page.select_option(what, value)
        page.until(f"Boolean(globalThis.dancenet?.lastFrame) && {then}")

    choose("#run", "another", "dancenet.welcome.run === 'another'")
    choose("#session", "own", "dancenet.session.startsWith('own-')")
    assert page("dancenet.welcome.run") == "another"
    page.page.fill("#tempo", "2")
    page.until("dancenet.state.controls.tempo === 2")
    choose("#session", "main", "dancenet.session === 'main'")
    assert page("dancenet.state.controls.tempo") == 1


def image_of(run, frame) -> bytes:
    pixels = load_frames(Run(run)).pixels[frame]
    return cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes()


def test_an_image_finds_its_moment(page, run, latents):
    image = {"name": "pose.png", "mimeType": "image/png", "buffer": image_of(run, 500)}
    page.page.set_input_files("#map-image", image)
    page.until("dancenet.map.marks.found.length")
    assert page("dancenet.map.marks.found[0]") == 500 == page("dancenet.map.marks.cursor")
    assert page("dancenet.map.view.holds(500)")
    assert page.page.locator(".found li").count() > 3
    page("near.length = 0")
    page.page.locator(".found li button").first.click()
    page.comes_near(latents, 500)


def test_an_image_is_dropped_on_the_map(page, run):
    page(
        """(bytes) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([new Uint8Array(bytes)], "pose.png", { type: "image/png" }));
            const over = document.querySelector("canvas.over");
            for (const what of ["dragenter", "dragover", "drop"])
                over.dispatchEvent(new DragEvent(what, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        list(image_of(run, 77)),
    )
    page.until("dancenet.map.marks.found[0] === 77")


def test_a_wrong_image_is_told_of_and_nothing_else_happens(browser, server):
    page = Page(browser, server)
    with contextlib.closing(page.context):
        page.page.set_input_files(
            "#map-image", {"name": "a.png", "mimeType": "image/png", "buffer": b"hello"}
        )
        page.until("document.getElementById('toasts').textContent.includes('JPEG, PNG or WebP')")
        assert page("dancenet.map.marks.found.length") == 0


# the same over HTTP alone


def asked(server, path, method="GET", body=None, **headers):
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    with contextlib.closing(line):
        line.request(method, path, body=body, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.read(), answer.headers


def test_sheets_may_be_kept_as_long_as_the_film_is_the_same(server):
    status, told, _ = asked(server, "/api/map")
    header = json.loads(told[4 : 4 + int.from_bytes(told[:4], "little")])
    assert status == 200
    _, _, headers = asked(server, f"/api/sheet/0.jpg?of={header['digest']}")
    assert "immutable" in headers["cache-control"]
    _, _, headers = asked(server, "/api/sheet/0.jpg?of=another")
    assert headers["cache-control"] == "no-cache"
    status, said, _ = asked(server, f"/api/sheet/{header['sheets']}.jpg")
    assert (status, said.count(b"\n")) == (400, 0)


@pytest.mark.parametrize("body", [b"", b"hello", b"\x89PNG\r\n\x1a\n" * 9, bytes(12_000_001)])
def test_uploads_that_are_no_images_change_nothing(server, body):
    try:
        status, said, _ = asked(server, "/api/search", "POST", body)
    except (BrokenPipeError, ConnectionResetError):  # it stopped reading
        assert len(body) > 12_000_000
    else:
        assert (status, said.count(b"\n")) == (400, 0)
        assert b"Traceback" not in said
    assert asked(server, "/api/runs")[0] == 200


def test_other_pages_cannot_search(server, run):
    headers = {"Origin": "http://elsewhere.example"}
    assert asked(server, "/api/search", "POST", image_of(run, 3), **headers)[0] == 403
    assert asked(server, "/api/search", "POST", image_of(run, 3))[0] == 200
