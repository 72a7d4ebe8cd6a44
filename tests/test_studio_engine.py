"""The engine: whatever goes wrong in one window, run or piece of work, the others dance on."""

import io
import json
import logging
import threading
import time

import numpy as np
import pytest
from PIL import Image
from studio import PATIENCE_S, Watcher, built_in, danced

from dancenet.errors import DancenetError
from dancenet.studio import engine as engines
from dancenet.studio import hands, protocol
from dancenet.studio.clock import Clock
from dancenet.studio.engine import MAIN, Engine
from dancenet.studio.hands import Later
from dancenet.studio.jobs import WAITING
from dancenet.studio.library import Library
from dancenet.studio.stage import LEAP_S, Stage, show

LOG = "dancenet.studio"


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Two runs; both are the built-in dancer."""
    monkeypatch.setattr(engines, "Performer", lambda run, folder: built_in(folder))
    engine = Engine({"one": None, "two": None}, tmp_path / "studio")
    engine.start()
    yield engine
    engine.stop()


def enter(engine, run="one", session=MAIN):
    window = Watcher()
    key = engine.enter(run, session, window).result(PATIENCE_S)
    return window, key


def ask(engine, window, key, kind, number=1, /, **values):
    """A request's answer."""
    engine.request(key, window, protocol.as_request(kind, {"id": number, **values}))
    while True:
        event = window.events.get(timeout=PATIENCE_S)
        if isinstance(event, protocol.Done | protocol.Failed) and event.id == number:
            return event


def test_frames_come_and_change_and_carry_the_revision(engine):
    window, key = enter(engine)
    assert window.heard(protocol.Welcome).run == "one"
    seen = [window.seen() for _ in range(12)]
    numbers = [header.number for header, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 12))
    assert len({jpeg for _, jpeg in seen}) > 10, "the pictures change"
    assert all(jpeg.startswith(b"\xff\xd8") for _, jpeg in seen)
    done = ask(engine, window, key, protocol.Set, temperature=0.9)
    while (header := window.seen()[0]).revision < done.revision:
        pass
    assert header.revision == done.revision > 0


def test_windows_of_one_session_see_the_same_and_an_own_session_is_ones_own(engine):
    (one, key), (other, same), (own, apart) = enter(engine), enter(engine), enter(engine, session="own-1")
    assert key == same != apart
    ask(engine, one, key, protocol.Set, tempo=2.0)
    assert other.heard(protocol.State).state["controls"]["tempo"] == 2.0
    jpegs = {header.number: jpeg for header, jpeg in (one.seen() for _ in range(10))}
    shared = [
        jpegs[header.number] == jpeg
        for header, jpeg in (other.seen() for _ in range(10))
        if header.number in jpegs
    ]
    assert shared
    assert all(shared)
    assert ask(engine, own, apart, protocol.Set, stray=0.1)
    assert engine.stage("one", "own-1").live.controls.tempo == 1.0


def test_two_windows_that_ask_at_once_both_get_their_answers(engine):
    (one, key), (other, _) = enter(engine), enter(engine)

    def many(window, control):
        for number in range(1, 101):
            asked = {"id": number, control: number / 100}
            engine.request(key, window, protocol.as_request(protocol.Set, asked))

    threads = [threading.Thread(target=many, args=pair) for pair in ((one, "temperature"), (other, "stray"))]
    for thread in threads:
        thread.start()
    for window in (one, other):
        for number in range(1, 101):
            window.heard(protocol.Done, id=number)
    controls = engine.stage("one", MAIN).live.controls
    assert (controls.temperature, controls.stray) == (1.0, 1.0)


def test_what_is_saved_is_told_to_every_session_of_the_run(engine):
    (one, key), (other, _), (stranger, _) = enter(engine), enter(engine, session="b"), enter(engine, "two")
    assert ask(engine, one, key, protocol.Snapshot, name="mine").result == {"pose": "mine"}
    assert other.heard(protocol.Library).library["poses"] == ["mine"]
    engine.call(lambda: None).result(PATIENCE_S)
    assert not any(isinstance(event, protocol.Library) for event in stranger.events.queue)


def test_a_run_is_loaded_while_the_others_dance_on(engine, monkeypatch):
    window, _ = enter(engine)
    go_on, loads = threading.Event(), []

    def slow(run, folder):
        loads.append(run)
        assert go_on.wait(PATIENCE_S)
        return built_in(folder)

    monkeypatch.setattr(engines, "Performer", slow)
    second, third = Watcher(), Watcher()
    entering = [engine.enter("two", MAIN, second), engine.enter("two", "b", third)]
    before = window.seen()[0].number
    while window.seen()[0].number < before + 10:
        pass
    assert not any(one.done() for one in entering)
    go_on.set()
    assert [one.result(PATIENCE_S) for one in entering] == [("two", MAIN), ("two", "b")]
    assert len(loads) == 1, "it is loaded once for all"


def test_a_run_that_cannot_be_loaded_is_told_and_may_be_mended(engine, monkeypatch):
    def broken(run, folder):
        raise DancenetError("the run is damaged")

    monkeypatch.setattr(engines, "Performer", broken)
    with pytest.raises(DancenetError, match="damaged"):
        enter(engine, "two")
    with pytest.raises(DancenetError, match="no run is named"):
        enter(engine, "three")
    monkeypatch.setattr(engines, "Performer", lambda run, folder: built_in(folder))
    assert enter(engine, "two")[1] == ("two", MAIN)


def test_a_run_that_was_trained_further_is_loaded_anew_once_nobody_watches(engine, monkeypatch):
    window, key = enter(engine)
    before = engine.ready("one").result(PATIENCE_S)
    monkeypatch.setattr(type(before), "is_stale", property(lambda self: self is before))
    assert engine.ready("one").result(PATIENCE_S) is before, "it is being watched"
    until = time.monotonic() + PATIENCE_S
    while not any("trained further" in slow for _, _, slow in window.pulses):
        assert time.monotonic() < until
        time.sleep(0.05)
    engine.leave(key, window)
    assert engine.ready("one").result(PATIENCE_S) is not before


@pytest.mark.parametrize("name", ["../../x", "", "x" * 61, "a b", "\0"])
def test_sessions_have_names_or_are_none(engine, name):
    with pytest.raises(DancenetError, match="letters, digits"):
        enter(engine, session=name)
    with pytest.raises(DancenetError, match="no session"):
        engine.stage("one", name)


def test_sessions_that_nobody_watches_give_way_and_come_back_as_they_stood(engine, monkeypatch):
    monkeypatch.setattr(engines, "SESSIONS", 4)
    window, key = enter(engine, session="first")
    ask(engine, window, key, protocol.Set, tempo=2.0)
    engine.leave(key, window)
    kept = [enter(engine, session=f"s{number}") for number in range(4)]
    assert isinstance(ask(engine, window, key, protocol.Pause), protocol.Failed), "it has ended"
    with pytest.raises(DancenetError, match="4 sessions are watched"):
        enter(engine, session="first")
    engine.leave(kept[0][1], kept[0][0])
    again, _ = enter(engine, session="first")
    assert again.heard(protocol.Welcome).state["controls"]["tempo"] == 2.0


def test_so_many_windows_and_no_more(engine, monkeypatch):
    monkeypatch.setattr(engines, "WINDOWS", 3)
    for _ in range(3):
        enter(engine)
    with pytest.raises(DancenetError, match="3 windows are open"):
        enter(engine)


def test_a_request_that_fails_inside_is_answered_and_changes_nothing(engine, monkeypatch, caplog):
    window, key = enter(engine)

    def breaks(session, _):
        session.paused = True
        raise RuntimeError("a mistake of ours")

    monkeypatch.setitem(hands._HANDLERS, protocol.Undo, breaks)
    with caplog.at_level(logging.ERROR, LOG):
        assert "inside dancenet" in ask(engine, window, key, protocol.Undo).error
    assert "a mistake of ours" in caplog.text
    assert not engine.stage("one", MAIN).paused
    assert isinstance(ask(engine, window, key, protocol.Set, stray=0.5), protocol.Done)
    assert "nothing to" in ask(engine, window, key, protocol.Cancel, job="job-99").error


def test_frames_that_cannot_be_made_are_told_once_and_stop_nobody_else(engine, monkeypatch, caplog):
    (window, _), (other, _) = enter(engine), enter(engine, session="b")
    session = engine.stage("one", MAIN)

    def breaks(seconds):
        raise RuntimeError("no picture")

    with caplog.at_level(logging.ERROR, LOG):
        monkeypatch.setattr(session, "frame", breaks)
        assert "cannot be made" in window.heard(protocol.Failed).error
        for _ in range(20):
            other.seen()
        assert len(caplog.records) == 1
        monkeypatch.undo()
        while not window.frames.empty():
            window.seen()
        window.seen()  # it goes on by itself


def test_long_work_waits_its_turn_and_can_be_stopped(engine, monkeypatch):
    window, key = enter(engine)
    go_on, begun = threading.Event(), []

    def long(session, asked):
        def work(progress):
            begun.append(asked.name)
            while not go_on.wait(0.01):
                progress("making", len(begun), 10)
            return asked.name

        return Later(f"making {asked.name}", work, lambda made: {"made": made})

    monkeypatch.setitem(hands._HANDLERS, protocol.Play, long)
    for number in range(1, WAITING + 3):
        engine.request(key, window, protocol.as_request(protocol.Play, {"id": number, "name": f"p{number}"}))
    assert "wait" in window.heard(protocol.Failed, id=WAITING + 2).error
    told = {event.job: event for event in window.events.queue if isinstance(event, protocol.Progress)}
    header = window.seen()[0]
    while window.seen()[0].number < header.number + 5:
        pass  # it dances meanwhile
    engine.request(key, window, protocol.Cancel(id=100, job="job-2"))
    assert window.heard(protocol.Failed, id=2).error == "making p2 was stopped"
    window.heard(protocol.Done, id=100)
    engine.request(key, window, protocol.Cancel(id=101, job="job-1"))
    assert window.heard(protocol.Failed, id=1).error == "making p1 was stopped"
    go_on.set()
    assert window.heard(protocol.Done, id=3).result == {"made": "p3"}
    assert window.heard(protocol.Done, id=WAITING + 1)
    assert begun == ["p1", *(f"p{number}" for number in range(3, WAITING + 2))]
    assert told == {} or all(0 <= event.share <= 1 for event in told.values())


def test_those_who_wait_are_told_for_how_many(engine, monkeypatch):
    window, key = enter(engine)
    go_on = threading.Event()
    later = Later("a piece", lambda progress: go_on.wait(PATIENCE_S), lambda made: {})
    monkeypatch.setitem(hands._HANDLERS, protocol.Play, lambda *_: later)
    for number in (1, 2, 3):
        engine.request(key, window, protocol.as_request(protocol.Play, {"id": number, "name": "p"}))
    assert "waits for 2" in window.heard(protocol.Progress, job="job-3").what
    go_on.set()
    window.heard(protocol.Done, id=3)


def test_long_work_that_breaks_is_answered(engine, monkeypatch, caplog):
    window, key = enter(engine)

    def breaks(progress):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setitem(hands._HANDLERS, protocol.Play, lambda *_: Later("a piece", breaks, dict))
    engine.request(key, window, protocol.as_request(protocol.Play, {"id": 1, "name": "p"}))
    assert window.heard(protocol.Progress, done=True).error
    assert "inside dancenet" in window.heard(protocol.Failed, id=1).error
    assert [record.exc_info[0] for record in caplog.records] == [RuntimeError]


def test_it_ends_at_once_while_work_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "Performer", lambda run, folder: built_in(folder))
    engine = Engine({"one": None}, tmp_path)
    engine.start()
    window, key = enter(engine)
    begun, go_on = threading.Event(), threading.Event()

    def endless(progress):
        begun.set()
        go_on.wait(PATIENCE_S)

    monkeypatch.setitem(hands._HANDLERS, protocol.Play, lambda *_: Later("a piece", endless, dict))
    ask(engine, window, key, protocol.Set, tempo=1.5)
    engine.request(key, window, protocol.as_request(protocol.Play, {"name": "p"}))
    assert begun.wait(PATIENCE_S)
    ended = threading.Thread(target=engine.stop)
    ended.start()
    ended.join(PATIENCE_S)
    assert not ended.is_alive(), "it waits for the work"
    go_on.set()
    kept = json.loads((tmp_path / "sessions" / "main.json").read_text())
    assert kept["controls"]["tempo"] == 1.5, "how it stood was written down"


def test_a_disk_that_is_full_stops_no_dance(engine, monkeypatch, caplog):
    window, key = enter(engine)

    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr(Library, "remember", full)
    ask(engine, window, key, protocol.Set, tempo=1.5)
    engine.leave(key, window)
    engine.call(lambda: None).result(PATIENCE_S)
    assert "was not written down" in caplog.text
    enter(engine)[0].seen()


# the clock and the stage, at times that the test says


@pytest.fixture
def stage(tmp_path):
    from dancenet.studio.session import Session

    stage = Stage(Session(built_in(tmp_path), "main"))
    window = Watcher()
    stage.enter(window, "one", 100.0)
    stage.last_s = 100.0
    return stage, window


def test_after_a_suspended_night_it_goes_on_where_it_was(stage):
    stage, window = stage
    for now in (100.03, 100.06):
        show([stage], now)
    before = window.seen()[0].time_s, window.seen()[0].time_s
    show([stage], 100.06 + 8 * 3600)
    assert window.seen()[0].time_s == pytest.approx(before[1] + LEAP_S, abs=1e-3)
    show([stage], 50.0)  # a clock that goes back
    assert stage.session.frame(0.0).header.time_s == pytest.approx(before[1] + LEAP_S, abs=1e-3)


def test_sessions_of_one_dancer_are_drawn_in_one_batch(tmp_path, monkeypatch):
    from dancenet.studio.session import Session

    performer, alone = built_in(tmp_path), built_in(tmp_path)
    stages, windows = [Stage(Session(performer, f"s{number}")) for number in range(3)], []
    for number, stage in enumerate(stages):
        stage.session.live.restart(number)
        danced(stage.session, 1.0)
        windows.append(Watcher())
        stage.enter(windows[-1], "one", 100.0)
        stage.last_s = 100.0
    batches, draws = [], performer.pictures

    def pictures(poses, guest=None, bodies=None):
        batches.append(poses)
        return draws(poses, guest, bodies)

    monkeypatch.setattr(performer, "pictures", pictures)
    show(stages, 100.04)
    [poses] = batches
    assert len(np.unique(poses, axis=0)) == 3
    for pose, window in zip(poses, windows, strict=True):
        _, jpeg = window.seen()
        shown = np.asarray(Image.open(io.BytesIO(jpeg)), float)
        assert np.abs(shown - alone.pictures(pose[None])[0]).mean() < 4, "and each gets its own"
    monkeypatch.setattr(stages[1].session, "frame", lambda _: 1 / 0)
    show(stages, 100.08)
    assert [window.frames.qsize() for window in windows] == [1, 0, 1], "one that fails stops no other"


def test_what_stands_still_is_sent_seldom_but_sent(stage):
    stage, window = stage
    stage.session.paused = True
    for frame in range(91):
        show([stage], 100 + frame / 30)
    assert 5 <= window.frames.qsize() <= 8, "twice a second, for windows that have just come"
    sent = {jpeg for _, jpeg in (window.seen() for _ in range(window.frames.qsize()))}
    assert len(sent) == 1
    stage.session.paused = False
    for frame in range(91, 101):
        show([stage], 100 + frame / 30)
    assert window.frames.qsize() == 10


def test_windows_are_told_when_frames_are_made_too_slowly(stage):
    stage, window = stage
    for frame in range(10):
        show([stage], 101 + frame / 10)
    stage.pulse(100.5, 1.0, 1)
    assert window.pulses == [], "it has not been watched for a second"
    stage.pulse(102.0, 1.0, 1)
    [(fps, clients, slow)] = window.pulses
    assert (fps, clients) == (10.0, 1)
    assert "makes 10 of 30" in slow


def test_the_clock_survives_what_fails_and_lets_frames_through(caplog):
    ticks, ended = [], threading.Event()

    def tick(now):
        ticks.append(now)
        if len(ticks) % 2:
            raise RuntimeError("a tick")

    clock = Clock(200.0, tick, ended.set)
    clock.start()
    stop = threading.Event()

    def flood():
        if not stop.is_set():
            clock.soon(flood)  # as soon as it is done it asks again

    clock.soon(flood)
    until = time.monotonic() + PATIENCE_S
    while len(ticks) < 10 and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    with pytest.raises(ZeroDivisionError):
        clock.call(lambda: 1 / 0).result(PATIENCE_S)
    future = clock.call(lambda: time.sleep(0.05))
    clock.call(lambda: None).cancel()
    future.result(PATIENCE_S)
    clock.stop()
    assert ended.is_set()
    assert len(ticks) >= 10, "requests leave no time for frames"
    assert np.all(np.diff(ticks) >= 0)
    assert "a tick" in caplog.text
