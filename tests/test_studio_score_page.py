"""The Score and Export tabs, worked in a browser by mouse and keys."""

import os
import re
import signal

import cv2
import pytest

pytest.importorskip("msgspec", reason="the extra `studio` is not installed")
pytest.importorskip("uvicorn", reason="the extra `studio` is not installed")

from studio_score import Page

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not os.path.exists(CHROMIUM):
        pytest.skip("chromium is not installed: sudo apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, studio):
    opened = Page(browser, studio.address)
    opened.page.click("#score-new")
    yield opened
    opened.page.close()
    assert opened.wrong == []


def sections(page):
    return page.page.evaluate("dancenet.score.model.sections")


def verbs(page):
    return [one.get("verb", "dance") for one in sections(page)]


def test_a_phrase_is_dragged_into_the_line_resized_and_there_after_a_reload(page):
    page.page.click("#line-verbs .chip.dance")
    page.page.click("#line-verbs .chip.between")
    x, y = page.middle("#line-blocks .block >> nth=0")
    page.drag(page.middle("#line-shelf .chip"), (x - 60, y))
    assert verbs(page) == ["vary", "dance", "between"]
    x, y = page.middle("#line-blocks .block >> nth=1 >> .grip")
    page.drag((x, y), (x + 150, y))
    longer = sections(page)[1]["length"]
    assert longer > 8
    assert longer % 0.5 == pytest.approx(
        (-page.page.evaluate("dancenet.score.model.startOf(1)")) % 0.5, abs=1e-3
    )
    x, y = page.middle("#line-blocks .diamond")
    page.drag((x, y), (x + 40, y))
    assert float(sections(page)[2]["keyframes"][0].partition("=")[0]) > 3
    page.drag(page.middle("#line-blocks .block >> nth=2"), page.middle("#line-blocks .block >> nth=0"))
    assert verbs(page)[0] == "between"
    before = page.saved()
    page.page.reload()
    page.open()
    assert (
        page.page.evaluate(
            "[dancenet.score.model.name, dancenet.score.model.text, dancenet.score.model.sheet]"
        )
        == before
    )


def test_the_line_is_worked_by_keys(page):
    def press(*keys):
        for key in keys:
            page.page.keyboard.press(key)

    page.page.focus("#line-verbs .chip.loop")
    press("Enter")
    page.page.focus("#line-verbs .chip.dance")
    press("Enter")
    page.page.focus("#line-blocks")
    press("Home", "Shift+ArrowRight")
    assert verbs(page) == ["dance", "loop"]
    press("Control+ArrowRight", "Control+ArrowRight")
    assert sections(page)[1]["length"] == 9
    press("Control+z")
    assert sections(page)[1]["length"] == 8, "one gesture is one step"
    press("Control+y", "Delete")
    assert verbs(page) == ["dance"]
    press("Control+z")
    assert len(sections(page)) == 2
    labels = page.page.eval_on_selector_all(
        "#line-blocks [role=option]", "all => all.map(one => one.ariaLabel)"
    )
    assert re.fullmatch(r"2: .*, loop, 9.0 s, from 8.0 s", labels[1])


def test_the_form_and_the_text_change_the_score(page):
    page.page.click("#line-verbs .chip.dance")
    page.page.fill("#section-form >> label:has-text('Name') + input", "finale")
    page.page.select_option("#section-form select >> nth=0", "between")
    page.page.keyboard.press("Tab")
    _, text, sheet = page.saved()
    assert 'name = "finale"' in text
    assert sheet["section"][0]["verb"] == "between"
    page.page.click("#score-as-text summary")
    page.page.fill("#score-text", text.replace("finale", "end").replace("length = 8", "length = 0.1"))
    page.until("document.querySelector('#score-text-said').textContent.includes('0.5 seconds or more')")
    assert page.page.inner_text("#score-line") == "Go to line 6"
    page.page.fill("#score-text", text.replace("finale", "end"))
    page.until("document.querySelector('#score-text-said').textContent.includes('danced as it is')")
    assert sections(page)[0]["name"] == "end"


def test_play_shows_where_it_is_sounds_and_stops(page):
    page.page.click("#line-shelf .chip")
    page.page.select_option("#score-song", "../music/my-song.wav")
    page.until("dancenet.score.song.wave")
    page.page.click("#line-verbs .chip.dance")
    page.page.click("#score-play")
    page.until("dancenet.state.playing && dancenet.score.player.at_s > 0.7")
    page.until("!dancenet.score.song.sound.paused && Math.abs(dancenet.score.song.drift_s) < 0.1")
    page.page.keyboard.press("p")
    page.until("dancenet.state.paused && dancenet.score.song.sound.paused")
    x, y = page.middle("#line-scrub")
    page.page.mouse.click(x, y)
    half = page.page.evaluate("dancenet.score.model.length_s * 1.04 / 2")
    assert page.until("dancenet.score.player.at_s > 2 && dancenet.score.player.at_s") == pytest.approx(
        half, abs=0.4
    )
    page.page.click("#score-stop")
    page.until("!dancenet.state.playing && dancenet.score.song.sound.paused")


def test_an_export_is_made_shown_and_downloaded(page):
    page.page.click("#tab-export")
    page.page.select_option("#export-what", "phrase phrase-1")
    page.page.check("[name=form][value=sheet]")
    count = page.page.evaluate("dancenet.library.exports.length")
    page.page.click("#export-begin")
    page.until("document.querySelector('#export-running progress')")
    frames = page.page.evaluate("dancenet.frames")
    page.until(f"dancenet.library.exports.length === {count + 1}")
    assert page.page.evaluate("dancenet.frames") > frames, "it dances meanwhile"
    with page.page.expect_download() as waiting:
        page.page.click("#export-list a:has-text('Download') >> nth=0")
    picture = cv2.imread(str(waiting.value.path()))
    assert picture.shape[1] == 8 * (64 + 2) + 2
    assert "dancenet generate score" in page.page.inner_text("#export-list code >> nth=0")
    page.until("document.querySelector('#export-list img').naturalWidth > 0")


def test_nothing_saved_is_lost_when_the_studio_is_killed(browser, studio):
    page = Page(browser, studio.address)
    page.page.click("#score-new")
    page.page.click("#line-verbs .chip.dance")
    name, text, _ = page.saved()
    studio.end(signal.SIGKILL)
    try:
        assert (studio.run / "studio" / "scores" / f"{name}.toml").read_text() == text
        page.page.click("#line-verbs .chip.loop")
        page.until("document.querySelector('#score-saved').textContent.startsWith('not saved yet')")
    finally:
        studio.begin(re.search(r":(\d+)/", studio.address)[1])
    page.saved()
    assert verbs(page) == ["dance", "loop"]
    page.page.close()


def test_two_windows_that_change_one_score_both_keep_theirs(browser, studio, page):
    page.page.click("#line-verbs .chip.dance")
    name = page.saved()[0]
    other = Page(browser, studio.address)
    other.until(f"dancenet.score.model.name === '{name}'")
    # it changes, and before it has saved that the first one saves a change of its own
    model = "dancenet.score.model"
    other.page.evaluate(f"{model}.edit((all) => all.push({{ verb: 'loop', length: 4 }}))")
    other.page.evaluate(f"clearTimeout({model}.timer)")
    page.page.click("#line-verbs .chip.between")
    page.saved()
    other.page.evaluate(f"{model}.write()")
    theirs, _, _ = other.saved()
    assert theirs == f"{name}-1"
    assert f"goes on as {theirs}, and both are kept" in other.page.inner_text("#toasts")
    assert other.page.input_value("#score-which") == theirs
    assert (verbs(page), verbs(other)) == (["dance", "between"], ["dance", "loop"])
    other.page.select_option("#score-which", name)
    other.until(f"{model}.name === '{name}' && {model}.sections.length === 2")
    assert verbs(other) == ["dance", "between"]
    # and where it is up to date it sees what the other does, and goes on from that
    page.page.click("#line-verbs .chip.vary")
    page.saved()
    other.until(f"{model}.sections.length === 3")
    other.page.click("#line-verbs .chip.loop")
    assert other.saved()[0] == name
    page.until(f"{model}.sections.length === 4")
    other.page.close()
    assert other.wrong == []


def test_a_page_that_dies_before_it_has_saved_loses_nothing(page):
    page.page.click("#line-verbs .chip.dance")
    name = page.saved()[0]
    model = "dancenet.score.model"
    for change in (
        f"{model}.edit((all) => all.push({{ verb: 'loop', length: 5 }}))",
        f"{model}.type('# mine')",
    ):
        page.page.evaluate(f"{model}.flush = () => {{}}")
        page.page.evaluate(change)
        page.page.evaluate(f"clearTimeout({model}.timer)")
        page.page.reload()
        page.open()
        assert page.saved()[0] == name
        if "loop" in change:
            assert verbs(page) == ["dance", "loop"]
    assert page.page.evaluate(f"{model}.text") == "# mine"
    assert page.page.evaluate("Object.keys(localStorage).filter((key) => key.includes('draft'))") == []


def test_the_page_has_no_accessibility_violation(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page.page.click("#line-verbs .chip.between")
    page.page.click("#score-as-text summary")
    for tab in ("#tab-score", "#tab-export"):
        page.page.click(tab)
        for width in (1400, 390):
            page.page.set_viewport_size({"width": width, "height": 900})
            found = axe.run(page.page).response["violations"]
            wrong = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]
            assert wrong == [], f"{tab} at {width}"
