"""The endless dance, its history and the pose desk, against closed forms and known truth."""

import numpy as np
import pytest
from studio import built_in

from dancenet.errors import DancenetError
from dancenet.generation import OPENING_S, Dancer
from dancenet.studio import desk as desks
from dancenet.studio.desk import Desk, Setting, mixed
from dancenet.studio.history import LASTS_S, LEAST_S, History
from dancenet.studio.live import ARRIVE_S, Controls, Live, reach


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    return built_in(tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def dancer(performer):
    """As of `dancenet generate dance`."""
    return Dancer(performer.trained)


@pytest.fixture
def rate(performer):
    """Poses of the latents a second."""
    return performer.trained.packed.fps * performer.trained.pace


def poses_of(live, count, rate):
    return np.stack([live.advance(1 / rate) for _ in range(count)])


@pytest.mark.parametrize(("temperature", "stray", "seed"), [(0.2, 0.2, 0), (0.6, 0.0, 7), (0.0, 0.5, 3)])
def test_a_seed_is_the_dance_that_generate_makes(performer, dancer, rate, temperature, stray, seed):
    live = Live(performer.roller, seed)
    live.set(Controls(temperature=temperature, stray=stray))
    made = poses_of(live, 150, rate)  # beyond two chunks of noise
    options = {"temperature": temperature, "stray": stray, "seed": seed, "continuations": 1}
    theirs = dancer.dance(20, fps=30, **options).latents[:150]
    np.testing.assert_allclose(made, theirs, atol=1e-4)


def test_dances_that_are_made_together_are_what_they_are_alone(performer, rate):
    controls = [Controls(), Controls(temperature=0.7, tempo=2.0), Controls(stray=0.0), Controls(energy=1.0)]
    path = performer.trained.latents.mean[3000:3040]

    def five():
        lives = [Live(performer.roller, seed) for seed in range(5)]
        for live, asked in zip(lives, controls, strict=False):
            live.set(asked)
        lives[4].follow(path)
        return lives

    alone = np.stack([poses_of(live, 30, rate) for live in five()], axis=1)
    lives, calls, steps = five(), [], performer.roller.steps
    performer.roller.steps = lambda asked: calls.append(len(asked)) or steps(asked)
    try:
        for expected in alone:
            reach([(live, live.wanted(1 / rate)) for live in lives])
            calls.append(0)
            shown = np.stack([live.advance(1 / rate) for live in lives])
            np.testing.assert_allclose(shown, expected, atol=1e-3)
            assert calls.pop() == 0, "nothing is left to do for each alone"
    finally:
        del performer.roller.steps
    assert sum(calls) > 150
    assert len(calls) <= 2 * 30 + 2, "one call for all of them; the fast one needs twice as many"


def test_between_poses_it_goes_smoothly_whatever_the_frame_rate(performer, rate):
    fine, coarse = Live(performer.roller, 1), Live(performer.roller, 1)
    often = np.stack([fine.advance(1 / (4 * rate)) for _ in range(160)])
    seldom = poses_of(coarse, 40, rate)
    np.testing.assert_allclose(often[3::4], seldom, atol=1e-4)
    low, high = np.minimum(seldom[:-1], seldom[1:]), np.maximum(seldom[:-1], seldom[1:])
    for quarter in range(4, 156):
        between = quarter // 4
        inside = (often[quarter - 1] >= low[between - 1] - 1e-4) & (
            often[quarter - 1] <= high[between - 1] + 1e-4
        )
        assert inside.all(), "a shape-preserving curve never overshoots"


@pytest.mark.parametrize(
    "changed", [Controls(temperature=0.9), Controls(stray=0.9), Controls(energy=1.0), Controls(tempo=2.0)]
)
def test_a_control_changes_what_comes_and_nothing_before(performer, rate, changed):
    one, other = Live(performer.roller, 5), Live(performer.roller, 5)
    np.testing.assert_array_equal(poses_of(one, 30, rate), poses_of(other, 30, rate))
    other.set(changed)
    np.testing.assert_array_equal(one.advance(0), other.advance(0))
    left, altered = (np.stack([live.advance(1 / 30) for _ in range(12)]) for live in (one, other))
    differs = np.abs(left - altered).max(axis=1) > 1e-3
    first_s = (1 + int(differs.argmax())) / 30
    assert differs.any()
    assert first_s <= 2 / rate + 1 / 30 + 1e-6, "what was made ahead was not thrown away"


def test_a_control_that_is_put_back_at_once_changes_nothing(performer, rate):
    one, other = Live(performer.roller, 5), Live(performer.roller, 5)
    poses_of(one, 20, rate), poses_of(other, 20, rate)
    other.set(Controls(temperature=0.9))
    other.set(Controls())
    np.testing.assert_allclose(poses_of(one, 40, rate), poses_of(other, 40, rate), atol=1e-5)


def test_twice_the_tempo_is_the_same_dance_in_half_the_time(performer, rate):
    usual, fast = Live(performer.roller, 2), Live(performer.roller, 2)
    fast.set(Controls(tempo=2.0))
    np.testing.assert_allclose(
        poses_of(usual, 40, rate)[1::2], np.stack([fast.advance(1 / rate) for _ in range(20)]), atol=1e-4
    )


def test_it_arrives_where_it_is_sent_without_a_jump(performer, rate):
    live, latents = Live(performer.roller, 0), performer.trained.latents
    before = poses_of(live, 40, rate)[-1]
    speeds = np.convolve(np.linalg.norm(np.diff(latents.mean, axis=0), axis=1), np.ones(12), "valid")
    calm = 12 + np.argsort(speeds)[: len(speeds) // 8]  # where the film moves least, and there far away
    goal = int(calm[np.linalg.norm(latents.mean[calm] - before, axis=1).argmax()])
    live.go(performer.opening(frame=goal))
    arriving = round(ARRIVE_S * rate)
    shown = np.stack([live.advance(1 / (2 * rate)) for _ in range(2 * arriving)])
    np.testing.assert_allclose(shown[-1], latents.mean[goal], atol=2e-3)
    steps = np.linalg.norm(np.diff(np.concatenate([before[None], shown]), axis=0), axis=1)
    opening = performer.opening(frame=goal)
    way = np.linalg.norm(opening[-arriving - 1] - before)
    usual = np.linalg.norm(np.diff(opening, axis=0), axis=1).max() / 2
    assert way > 2 * usual, "the test's goal must lie somewhere else"
    assert steps.max() < usual + 2 * way / arriving, "no jump"
    moved = np.abs(np.diff(poses_of(live, 60, rate), axis=0)).max(axis=1)
    assert (moved > 0).all(), "and it dances on from there"


def test_it_follows_a_path_through_every_pose(performer, rate):
    live, latents = Live(performer.roller, 0), performer.trained.latents
    poses_of(live, 20, rate)
    path = latents.mean[3000:3060]
    live.follow(path)
    shown = np.stack([live.advance(1 / (4 * rate)) for _ in range(4 * 75)])
    steps = np.linalg.norm(np.diff(shown[:20], axis=0), axis=1)
    assert steps.max() < 2 * np.linalg.norm(np.diff(path, axis=0), axis=1).max(), "no jump"
    late = path[round(ARRIVE_S * rate) + 1 :]
    nearest = np.linalg.norm(shown[None] - late[:, None], axis=2).min(axis=1)
    assert nearest.max() < 0.05 * np.linalg.norm(path.std(axis=0))
    assert not live.following
    on = poses_of(live, 40, rate)
    assert np.linalg.norm(np.diff(on, axis=0), axis=1).min() > 0, "it dances on from the end"


def test_the_same_seed_begins_the_same_dance_again(performer, rate):
    live = Live(performer.roller, 11)
    first = poses_of(live, 20, rate)
    live.restart(11)
    arrived = round(ARRIVE_S * rate) + 2
    again = poses_of(live, 20 + arrived, rate)
    # it arrives at the start within ARRIVE_S, and goes on as at first
    assert min(np.abs(first[5:15] - again[5 + n : 15 + n]).max() for n in range(arrived)) < 1e-3
    live.restart(12)
    assert np.abs(poses_of(live, 20 + arrived, rate)[-10:] - again[-10:]).max() > 0.1


def test_steps_are_thrown_away_behind(performer, rate):
    live = Live(performer.roller, 0)
    for _ in range(400):
        live.advance(1 / 30)
    assert len(live._steps) < 2 * round(OPENING_S * rate)


# history


def line(count, fps=30.0, size=3):
    """A history of a pose that moves evenly: its first number is the time in seconds."""
    history = History(fps, size)
    for frame in range(count):
        history.add(frame / fps, np.array([frame / fps, 1.0, -2.0 * frame / fps]))
    return history


def test_history_gives_what_was_shown_when():
    history = line(301)
    assert history.length_s == pytest.approx(10)
    ago_s = np.array([0, 0.5, 3.217, 10.0, 99.0, -5.0])
    expected = np.clip(10 - ago_s, 0, 10)
    np.testing.assert_allclose(history.at(ago_s)[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(history.at(ago_s)[:, 2], -2 * expected, atol=1e-5)


def test_history_forgets_the_oldest_and_grows_no_further():
    history = line(round(LASTS_S * 30) + 900)
    assert history.length_s == pytest.approx(LASTS_S, abs=0.1)
    assert history.at(np.array([LASTS_S]))[0, 0] == pytest.approx(30, abs=0.1)
    assert history._poses.shape == (round(LASTS_S * 30), 3)


def test_a_stretch_is_what_was_shown_evenly():
    kept = line(301).stretch(6.0, 2.0, 12.0)
    np.testing.assert_allclose(kept[:, 0], np.arange(49) / 12 + 4, atol=1e-5)


@pytest.mark.parametrize(
    ("stretch", "expected"),
    [((2, 3), "or more"), ((5, 5 - LEAST_S / 2), "or more"), ((30, 2), "which are remembered")],
)
def test_no_stretch(stretch, expected):
    with pytest.raises(DancenetError, match=expected):
        line(301).stretch(*stretch, 15.0)


def test_nothing_was_danced_yet():
    history = History(30, 3)
    assert history.length_s == 0
    with pytest.raises(DancenetError, match="nothing was danced"):
        history.at(np.zeros(1))


# desk


@pytest.fixture
def clock(monkeypatch):
    """A clock of which the test says how late it is."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(desks, "time", clock)
    return clock


def test_a_gesture_is_taken_back_as_one(clock):
    desk = Desk()
    for number in range(1, 6):
        clock.now += 0.1
        desk.bend({"high": number / 5})
    clock.now += 5
    desk.bend({"high": 2.0})
    desk.bend({"wide": 1.0})
    assert desk.now.amounts == {"high": 2.0, "wide": 1.0}
    desk.undo()
    assert desk.now.amounts == {"high": 2.0}
    desk.undo()
    assert desk.now.amounts == {"high": 1.0}, "the five steps of one movement lie together"
    desk.undo()
    assert desk.now == Setting()
    assert desk.can == {"undo": False, "redo": True}
    with pytest.raises(DancenetError, match="nothing to undo"):
        desk.undo()
    assert desk.now == Setting()
    for _ in range(3):
        desk.redo()
    assert desk.now.amounts == {"high": 2.0, "wide": 1.0}
    with pytest.raises(DancenetError, match="nothing to redo"):
        desk.redo()


def test_a_gesture_is_one_however_long_it_rests(clock):
    desk = Desk()
    for amount in (0.5, 1.0):
        desk.bend({"high": amount}, 7)
        clock.now += 60
    desk.bend({"high": 1.5}, 8)
    desk.mix(("a", "b"), (1.0, 0.5), 8)
    clock.now += 60
    desk.mix(("a", "b"), (1.0, 0.2), 8)
    desk.undo()
    assert desk.now == Setting(amounts={"high": 1.5}), "another thing is another change"
    desk.undo()
    assert desk.now.amounts == {"high": 1.0}, "the next gesture is another one"
    desk.undo()
    assert desk.now == Setting()


def test_a_new_change_ends_what_could_be_done_again(clock):
    desk = Desk()
    desk.bend({"high": 1.0})
    desk.undo()
    clock.now += 2
    desk.bend({"wide": 1.0})
    assert desk.can == {"undo": True, "redo": False}


def test_zero_is_no_bend_and_no_change_is_no_step(clock):
    desk = Desk()
    desk.bend({"high": 0.0})
    assert desk.now == Setting()
    assert not desk.can["undo"]


def test_changes_taken_back_have_an_end(clock):
    desk = Desk()
    for number in range(3 * desks.DEPTH):
        clock.now += 2
        desk.bend({"high": 1.0 + number})
    assert len(desk._before) == desks.DEPTH


def test_a_mix_is_the_weighted_mean():
    poses = np.random.default_rng(0).normal(size=(3, 8))
    np.testing.assert_allclose(mixed(poses, (1.0, 0.0, 3.0)), 0.25 * poses[0] + 0.75 * poses[2], atol=1e-6)
    with pytest.raises(DancenetError, match="all 0"):
        Desk().mix(("a",), (0.0,))
    with pytest.raises(DancenetError, match="one weight for each"):
        Desk().mix(("a", "b"), (1.0,))
