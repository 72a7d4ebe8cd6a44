"""The page on a phone, worked by fingers: touches as the browser gets them from a screen."""

import itertools
import shutil

import pytest
from studio_score import Page

playwright_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SECTIONS = "dancenet.score.model.sections"


class Phone(Page):
    """A page that is touched."""

    def __init__(self, browser, address):
        super().__init__(browser, address, **PHONE)
        self.hand = self.page.context.new_cdp_session(self.page)

    def open(self):
        super().open()
        self.page.tap("#tab-map")
        self.until("dancenet.map?.map")

    def touch(self, kind, *points):
        """Fingers as they lie now, each at (x, y)."""
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    def swipe(self, *points, steps=8, rest_ms=0):
        """One finger along places, resting at each on its way."""
        self.touch("touchStart", points[0])
        for (x, y), (to_x, to_y) in itertools.pairwise(points):
            for share in range(1, steps + 1):
                at = share / steps
                self.touch("touchMove", (x + at * (to_x - x), y + at * (to_y - y)))
                self.page.wait_for_timeout(8)
            self.page.wait_for_timeout(rest_ms)
        # a finger that is lifted in full swing flings the page, and the next tap only stops it
        self.page.wait_for_timeout(150)
        self.touch("touchMove", points[-1])
        self.touch("touchEnd")

    def see(self, selector):
        """Bring it to the middle of the screen; gives its box."""
        shown = self.page.locator(selector).first
        shown.evaluate("(one) => one.scrollIntoView({ block: 'center', behavior: 'instant' })")
        self.page.wait_for_timeout(60)
        return shown.bounding_box()

    def slide(self, selector, *shares, rest_ms=0):
        """A finger takes a slider to shares of its way, from where its middle is."""
        box = self.see(selector)
        y = box["y"] + box["height"] / 2
        self.swipe(*((box["x"] + share * box["width"], y) for share in (0.5, *shares)), rest_ms=rest_ms)


@pytest.fixture(scope="module")
def browser():
    with playwright_api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def phone(browser, studio):
    opened = Phone(browser, studio.address)
    yield opened
    opened.page.close()
    assert opened.wrong == []


def test_sliders_follow_a_finger(phone):
    phone.slide("#temperature", 0.9)
    assert phone.until("dancenet.state.controls.temperature > 0.7 && dancenet.state.controls.temperature") < 1
    phone.page.tap("#tab-desk")
    phone.slide("#bend-principal-1", 0.7, 0.85, rest_ms=1200)  # one gesture, however long it rests
    phone.until("dancenet.state.amounts['principal-1'] > 1")
    phone.page.tap("#desk button:text-is('Undo')")
    phone.until("!('principal-1' in dancenet.state.amounts)")
    phone.page.tap("#desk button:text-is('Redo')")
    phone.until("dancenet.state.amounts['principal-1'] > 1")
    phone.slide("#bend-principal-1", 0.15)
    phone.until("dancenet.state.amounts['principal-1'] < -1")
    phone.page.tap("#desk button:text-is('All to 0')")
    phone.page.locator("#desk button[aria-label^='Mix ']").first.tap()
    phone.until("dancenet.state.mix.poses.length === 1")
    phone.page.tap("#desk button:text-is('Back to the dance')")
    phone.until("dancenet.state.mix.poses.length === 0")


def test_the_past_is_looked_at_and_a_stretch_of_it_kept(phone):
    phone.until("dancenet.lastFrame.time_s > 2")
    phone.page.tap("#restart")
    phone.until("document.getElementById('strip').ariaValueMax > 2")
    box = phone.see("#strip")
    kept, y = phone.page.evaluate("dancenet.library.phrases.length"), box["y"] + box["height"] / 2
    phone.swipe((box["x"] + 0.2 * box["width"], y), (box["x"] + 0.8 * box["width"], y))
    phone.until("dancenet.state.ago_s > 0")
    assert phone.page.inner_text("#keep") == "Keep what is marked"
    phone.page.tap("#keep")
    phone.until(f"dancenet.library.phrases.length === {kept + 1}")
    phone.page.tap("#now")
    phone.until("dancenet.state.ago_s === null")


def test_the_map_is_drawn_on_moved_and_pinched(phone):
    phone.page.tap("#tab-map")
    box = phone.see("canvas.over")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    scrolled = phone.page.evaluate("scrollY")
    phone.swipe((x - 120, y), (x, y + 60), (x + 120, y))
    phone.until("document.getElementById('map-told').textContent.includes('follows a way through')")
    assert phone.page.evaluate("scrollY") == scrolled, "the page stays where it is"
    phone.page.tap("text=Move the map")
    phone.see("canvas.over")
    before = phone.page.evaluate("dancenet.map.view.screen(0)")
    phone.swipe((x, y), (x + 70, y - 40))
    after = phone.page.evaluate("dancenet.map.view.screen(0)")
    assert after[0] - before[0] == pytest.approx(70, abs=12)
    assert after[1] - before[1] == pytest.approx(-40, abs=12)
    phone.touch("touchStart", (x - 30, y), (x + 30, y))
    for apart in (45, 60, 90):
        phone.touch("touchMove", (x - apart, y), (x + apart, y))
    phone.touch("touchEnd")
    assert phone.page.evaluate("dancenet.map.view.zoom") == pytest.approx(3, rel=0.25)
    phone.page.tap("text=Whole map")
    phone.page.tap("text=Draw ways")
    frame = phone.page.evaluate("dancenet.map.view.nearest(innerWidth / 2, 150, 1e6)")
    left, top = phone.page.evaluate("(frame) => dancenet.map.view.screen(frame)", frame)
    box = phone.see("canvas.over")
    phone.page.touchscreen.tap(box["x"] + left, box["y"] + top)
    assert phone.until("dancenet.map.marks.cursor") == frame


def test_a_score_is_made_by_fingers(phone):
    phone.page.tap("#tab-score")
    phone.page.tap("#score-new")
    phone.page.tap("#line-verbs .chip.dance")
    line, chip = phone.see("#line-view"), phone.middle("#line-verbs .chip.between")
    phone.swipe(chip, (chip[0], chip[1] - 40), (line["x"] + line["width"] - 30, line["y"] + 80))
    assert phone.page.evaluate(f"{SECTIONS}.map(({{ verb = 'dance' }}) => verb)") == ["dance", "between"]
    phone.page.tap("#line-blocks .block >> nth=0")
    x, y = phone.middle("#line-blocks .block >> nth=0 >> .grip")
    phone.swipe((x, y), (x - 60, y))
    assert phone.page.evaluate(f"{SECTIONS}[0].length") <= 6.5
    x, y = phone.middle("#line-blocks .diamond")
    phone.swipe((x, y), (x + 25, y))
    assert float(phone.page.evaluate(f"{SECTIONS}[1].keyframes[0]").partition("=")[0]) > 3.4
    phone.page.tap("#line-blocks .block >> nth=0")
    x, y = phone.middle("#line-blocks .block >> nth=0")
    phone.swipe((x, y), (line["x"] + line["width"] - 40, y))
    assert phone.page.evaluate(f"{SECTIONS}.map(({{ verb = 'dance' }}) => verb)") == ["between", "dance"]
    scrub = phone.see("#line-scrub")
    phone.swipe((scrub["x"] + 20, scrub["y"] + 10), (scrub["x"] + 150, scrub["y"] + 10))
    phone.until("dancenet.score.player.at_s > 2")
    for _ in range(3):
        phone.page.tap("#line-closer")
    where = "document.getElementById('line-view').scrollLeft"
    box, left = phone.see("#line-blocks"), phone.page.evaluate(where)
    x, y = phone.page.evaluate("innerWidth") - 60, box["y"] + 30
    phone.page.evaluate("dancenet.score.model.choose(-1)")
    phone.swipe((x, y), (x - 200, y), steps=12)
    phone.until(f"{where} !== {left}")
    assert phone.page.evaluate(f"{SECTIONS}.length") == 2, "the line moves, its sections do not"
    phone.saved()


def test_stage_mode_is_left_by_a_finger(phone):
    phone.page.tap("#stage-mode")
    phone.until("document.body.classList.contains('stage-mode')")
    box = phone.page.locator("#dancer").bounding_box()
    assert (box["width"], box["x"]) == (390, 0)
    phone.until("document.body.classList.contains('still')")
    assert not phone.page.is_visible("#stage-leave"), "the audience sees the dancer alone"
    phone.page.touchscreen.tap(200, 400)
    phone.page.tap("#stage-leave")
    phone.until("!document.body.classList.contains('stage-mode')")
