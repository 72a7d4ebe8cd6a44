"""Dances travel as far as the dancer and come home as soon, against processes whose way home is known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_pace import COUNT, trained

from dancenet import generation
from dancenet.choreographer import Choreographer
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.sequences import Span
from dancenet.stages.travel import (
    BALANCES,
    DANCES,
    ENTRANCE_S,
    FARTHEST,
    HOMINGS,
    LONG_DANCES,
    LONG_STEPS,
    SETTLING,
    SIDES,
    STEPS,
    STRETCH,
    WIDEST,
    Travels,
    _spread,
    in_the_middle,
    strayed,
)


def homeward(share, sigma=1.0, dances=24, steps=STEPS, seed=0):
    """Places (T,) that come back by a share in each step: Ornstein and Uhlenbeck's process in steps."""
    random, keep = np.random.default_rng(seed), 1 - share
    made = np.zeros((dances, steps))
    made[:, 0] = random.standard_normal(dances)
    for t in range(1, steps):
        made[:, t] = keep * made[:, t - 1] + (1 - keep**2) ** 0.5 * random.standard_normal(dances)
    return list(sigma * made)


@pytest.mark.parametrize("steps", [1, 8, 11.25])
def test_straying_of_a_known_process(steps):
    long = homeward(0.05, steps=6000)
    assert strayed(long, steps) == pytest.approx(1 - 0.95**steps, rel=0.05)


def test_straying_of_what_stands_or_is_too_short():
    assert strayed([np.ones(20)], 5) == 0
    assert strayed([np.arange(4.0)], 9) == 0


def both(row, balanced=None):
    """Dances with each homing, and, where nothing else is said, the same with each balance."""
    return [row, balanced or row]


@pytest.mark.parametrize(
    ("real", "wanted"), [(0.020, 0.0), (0.024, 0.004), (0.028, 0.008), (0.5, HOMINGS[-1])]
)
def test_homing_is_what_the_takes_come_home_by(real, wanted):
    made = [homeward(0.020 + homing) for homing in HOMINGS]
    travels = Travels(both(made), homeward(real), 15.0)
    assert travels.homeward(1.0)[0] == pytest.approx(wanted, abs=1.2e-3)


def test_a_dance_that_is_played_faster_needs_less_homing():
    row = [homeward(0.020 + homing, steps=2 * STEPS) for homing in HOMINGS]
    travels = Travels(both(row), homeward(0.028), 15.0)
    one, faster, fastest = (travels.homeward(pace)[0] for pace in (1.0, 1.2, 1.6))
    assert one > faster > fastest == 0


def on_sides(share, dances=24, steps=STEPS):
    """Dances that stay on a side of their own: `share` is the variance of those, of the variance within."""
    sides = np.sqrt(share) * np.resize([1.0, -1.0], dances)
    return [side + part - part.mean() for side, part in zip(sides, homeward(0.05, steps=steps), strict=True)]


@pytest.mark.parametrize(("real", "share"), [(0.3, 0.0), (0.2, 0.0), (0.11, 0.5), (0.02, 1.0), (0.0, 1.0)])
def test_balance_keeps_dances_on_a_side_no_longer_than_the_takes(real, share):
    free, balanced = ([on_sides(sides) for _ in HOMINGS] for sides in (0.2, 0.02))
    travels = Travels(both(free, balanced), on_sides(real), 15.0)
    assert travels.homeward(1.0)[1] == pytest.approx(share * BALANCES[-1], abs=1e-3)
    few = Travels(both(free, balanced), on_sides(real)[: SIDES - 1], 15.0)
    assert few.homeward(1.0)[1] == 0  # of few takes nobody knows


def test_what_does_not_help_and_takes_that_are_too_short_take_nothing_back():
    made = [on_sides(0.2) for _ in HOMINGS]
    assert Travels(both(made), on_sides(0.02), 15.0).homeward(1.0)[1] == 0
    short = [part[:8] for part in on_sides(0.2)]
    assert Travels(both(made), short, 15.0).homeward(1.0)[0] == 0


@pytest.mark.parametrize(("sigma", "reach"), [(1.0, 1.0), (0.8, 1.25), (0.1, WIDEST), (0.0, 1.0)])
def test_reach_makes_dances_travel_as_far_as_the_takes(sigma, reach):
    made = [homeward(0.05, sigma * (1 - 20 * homing)) for homing in HOMINGS]
    narrow = [[0.5 * places for places in dances] for dances in made]
    travels = Travels(both(made, narrow), homeward(0.05), 15.0)
    assert travels.reach(0.0, 0.0, 1.0) == pytest.approx(reach, rel=1e-3)
    if reach == 1.25:
        assert travels.reach(0.003, 0.0, 1.0) == pytest.approx(1.25 / 0.94, rel=1e-3)
        assert travels.reach(0.0, BALANCES[-1] / 2, 1.0) == pytest.approx(1.25 / 0.75, rel=1e-3)


@pytest.mark.parametrize("pace", [0.9, 1.0, 1.5])
def test_dances_are_looked_at_for_as_long_as_the_takes(pace):
    """Who comes home late strays farther in a minute than in twenty seconds; takes are of twenty here."""
    made = [homeward(0.004 / pace, dances=300) for _ in HOMINGS]
    travels = Travels(both(made), homeward(0.004, dances=300, steps=300, seed=1), 15.0)
    assert travels.reach(0.0, 0.0, pace) == pytest.approx(1.0, abs=0.06)
    assert _spread(made[0]) > 1.15 * _spread(travels.real)  # so that a test of whole dances would fail


def test_each_homing_is_danced_with_each_balance_and_what_was_is_left(monkeypatch):
    class Dancer:
        def __init__(self, run):
            assert (run.pace, run.reach) == (1, 1)
            self.home = run.choreographer.homing, run.choreographer.balance

        def dances(self, options, seeds):
            homing, balance = self.home
            assert homing.shape == balance.shape == (len(seeds), 1)
            entrance = round(15 * ENTRANCE_S)
            assert options.seconds * options.fps == pytest.approx(entrance + STEPS)
            made = np.zeros((len(seeds), entrance + STEPS + 1, 128))
            made[:, entrance:-1] = (homing + 100 * balance + 10.0 * np.array(seeds)[:, None])[..., None]
            made[:, :entrance] = 1e3  # how dances come in is not counted
            return [SimpleNamespace(latents=latents) for latents in made]

    monkeypatch.setattr(generation, "Dancer", Dancer)
    model = Choreographer(CHOREOGRAPHER_PRESETS["tiny"])
    model.homing, model.balance = 0.7, 0.6
    run = replace(trained(), choreographer=model, pace=1.4).on_stage(1.3)
    travels = Travels.of(run, [Span(0, COUNT)])
    assert (model.homing, model.balance) == (0.7, 0.6)
    seen = [[[places[0] for places in dances] for dances in row] for row in travels.made]
    wanted = [[[h + 100 * b + 10 * seed for seed in range(DANCES)] for h in HOMINGS] for b in BALANCES]
    np.testing.assert_allclose(seen, wanted, rtol=1e-5)
    assert max(map(len, travels.real)) == STRETCH
    wide = travels.applied(run, (0.004, 0.01))
    assert (wide.choreographer.homing, wide.choreographer.balance) == (0.004, 0.01)


@pytest.mark.parametrize(("frames", "steps"), [(COUNT, STEPS), (90, 180)])
def test_dances_are_as_long_as_two_of_the_takes_stretches(monkeypatch, frames, steps):
    class Dancer:
        def __init__(self, run):
            pass

        def dances(self, options, seeds):
            assert options.seconds * options.fps == pytest.approx(steps + 15 * ENTRANCE_S)
            return [SimpleNamespace(latents=np.zeros((steps + 60, 128), "float32")) for _ in seeds]

    monkeypatch.setattr(generation, "Dancer", Dancer)
    run = replace(trained(), choreographer=Choreographer(CHOREOGRAPHER_PRESETS["tiny"]))
    travels = Travels.of(run, [Span(0, frames)])
    assert {len(places) for row in travels.made for dances in row for places in dances} == {steps}


@pytest.mark.parametrize("side", [-0.6, 0.0, 5.0])
def test_dances_are_on_both_sides_of_the_stage_as_often_as_the_takes(monkeypatch, side):
    """The choreographer dances around `side`, in its own units, once it has come there."""

    class Dancer:
        def __init__(self, run):
            assert run.pace == 1
            self.run = run

        def dances(self, options, seeds):
            assert (len(seeds), options.seconds * options.fps) == (LONG_DANCES, pytest.approx(LONG_STEPS))
            made = np.zeros((LONG_STEPS, 128))
            made[:SETTLING] = 77.0
            made[SETTLING:, 0] = side + np.resize([1.0, -1.0], LONG_STEPS - SETTLING)
            return [SimpleNamespace(latents=self.run.latents.restore(made)) for _ in seeds]

    monkeypatch.setattr(generation, "Dancer", Dancer)
    run = replace(trained(), pace=1.4).on_stage(1.5, -0.8)  # what was measured before is not counted
    takes, stage = [Span(0, COUNT)], 1.5 * 2.0
    made = in_the_middle(run, takes)
    around = run.latents.mean[:COUNT, 0].mean()
    assert (made.reach, made.pace) == (1.5, 1.4)
    assert made.middle == pytest.approx(np.clip(around / 2 - 1.5 * side, -FARTHEST, FARTHEST), abs=1e-3)
    if abs(made.middle) < FARTHEST:
        shown = made.latents.restore(np.full(128, side))[0]
        assert shown == pytest.approx(around, abs=stage * 1e-3)


def test_without_a_place_nothing_travels(monkeypatch):
    monkeypatch.delattr(generation, "Dancer")  # nobody dances for it
    assert Travels.of(trained(window=None), [Span(0, COUNT)]) is None


@pytest.mark.parametrize("far", [1e4, 1e30, np.inf])
def test_of_dances_that_run_away_nothing_is_measured(monkeypatch, caplog, far):
    class Dancer:
        def __init__(self, run):
            pass

        def dances(self, options, seeds):
            places = np.linspace(0, far, STEPS + round(15 * ENTRANCE_S), dtype="float32")[:, None]
            return [SimpleNamespace(latents=np.repeat(places, 128, axis=1)) for _ in seeds]

    monkeypatch.setattr(generation, "Dancer", Dancer)
    model = Choreographer(CHOREOGRAPHER_PRESETS["tiny"])
    assert Travels.of(replace(trained(), choreographer=model), [Span(0, COUNT)]) is None
    assert "run away" in caplog.text
    assert model.homing == 0
