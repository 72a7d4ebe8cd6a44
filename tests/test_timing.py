"""Dance in time: kinematic beats, how well beats meet, and the warp that brings them together."""

import numpy as np
import pytest

from dancenet import timing
from dancenet.timing import (
    Warp,
    beat_alignment,
    fit_warp,
    in_dancers_tempo,
    kinematic_beats,
    random_phase,
    shown_beats,
)

FPS = 22.8


def uneven_beats(duration_s, spacing_s=0.5, spread=0.2, seed=0):
    """Beats of a dancer who heard no music."""
    gaps = spacing_s * np.random.default_rng(seed).uniform(1 - spread, 1 + spread, round(2 * duration_s))
    return np.cumsum(gaps)[np.cumsum(gaps) < duration_s]


def test_kinematic_beats_are_where_the_body_slows_down():
    times = np.arange(0, 20, 1 / FPS)
    place = times - 0.7 / (2 * np.pi) * np.sin(2 * np.pi * (times - 0.3) / 0.7)  # stands at 0.3, 1.0, 1.7 ...
    found = kinematic_beats(timing.body_speed(place[:, None, None]), FPS)
    expected = np.arange(0.3, 19.8, 0.7)
    assert len(found) == pytest.approx(len(expected), abs=1)
    np.testing.assert_allclose(found[:20], expected[:20], atol=0.01)


def halting(seconds, spacing_s=0.7):
    """Speed of a body that halts every `spacing_s`, for the first time at 0.3 s, frame to frame."""
    times = (np.arange(round(seconds * FPS)) + 0.5) / FPS
    return 1.1 - np.cos(2 * np.pi * (times - 0.3) / spacing_s)


def test_beats_as_shown_are_those_of_the_dance_under_an_even_warp():
    speed, twice = halting(20), Warp(np.array([0.0, 9.5]), np.array([0.0, 19.0]))
    np.testing.assert_allclose(
        shown_beats(speed, FPS, Warp.steady(19.0))[:25], 0.3 + 0.7 * np.arange(25), atol=0.02
    )
    np.testing.assert_allclose(
        shown_beats(speed, FPS, twice)[3:20], (0.3 + 0.7 * np.arange(3, 20)) / 2, atol=0.03
    )


def test_a_warp_that_changes_speed_moves_the_moments_of_rest():
    """Played ever faster, a body is slowest before the moment at which it was."""
    faster = Warp(np.linspace(0, 10, 50), 19 * (np.linspace(0, 1, 50) ** 2))
    speed = halting(20)
    made = np.interp(kinematic_beats(speed, FPS), faster.dance_s, faster.music_s)
    shown = shown_beats(speed, FPS, faster)
    late = [made[np.argmin(abs(made - at))] - at for at in shown[5:15]]
    assert np.mean(late) > 0.002


@pytest.mark.parametrize("speed", [np.zeros(0), np.ones(2), np.ones(50)])
def test_a_still_has_no_beats(speed):
    assert len(kinematic_beats(speed, FPS)) == 0


def test_alignment_is_the_closed_form():
    assert beat_alignment(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 1
    expected = (np.exp(-(0.05**2) / (2 * 0.05**2)) + np.exp(-(0.1**2) / (2 * 0.05**2))) / 2
    assert beat_alignment(np.array([1.05, 1.9]), np.array([0.0, 1.0, 2.0])) == pytest.approx(expected)
    assert beat_alignment(np.zeros(0), np.ones(1)) == beat_alignment(np.ones(1), np.zeros(0)) == 0


def test_random_phase_is_what_chance_gives():
    """For one beat per second against one per second: the mean of the bell over a second."""
    beats = np.arange(1.0, 400.0)
    expected = timing.SIGMA_S * np.sqrt(2 * np.pi)
    assert random_phase(beats, beats, draws=2000) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("spacing_s", "own_s", "kept_s"), [(0.5, 0.5, 0.5), (0.3, 0.62, 0.6), (1.1, 0.5, 0.55), (0.6, 0.5, 0.6)]
)
def test_far_tempos_are_danced_in_double_or_half_time(spacing_s, own_s, kept_s):
    grid = in_dancers_tempo(np.arange(0, 60, spacing_s), own_s)
    np.testing.assert_allclose(np.diff(grid), kept_s, atol=1e-6)


@pytest.mark.parametrize("bpm", [90, 112, 150])
def test_a_warp_brings_beats_together_the_more_the_stricter(bpm):
    beats, own = np.arange(0.2, 60, 60 / bpm), uneven_beats(60 + timing.DRIFT_S)
    times, met = np.arange(0, 60, 1 / 60), []
    for sync in (0.0, 0.3, 0.5, 1.0):
        warp = fit_warp(beats, own, Warp.steady(60.0), sync=sync)
        shown = warp(times)
        assert shown[0] == 0
        speed = np.diff(shown) * 60
        assert speed.min() > 0.6, "never stops, never goes back"
        assert speed.max() < 1.6
        assert abs(shown - times).max() <= timing.DRIFT_S + 0.1
        arrived = np.interp(own, shown, times)  # when each of the dance's beats is shown
        met.append(beat_alignment(beats, arrived[own < shown[-1]]))
    chance = random_phase(beats, own)
    assert met == sorted(met)
    assert met[2] > 1.3 * chance
    assert met[3] > 1.6 * chance


def test_without_sync_nothing_is_warped():
    warp = fit_warp(np.arange(0, 10, 0.5), uneven_beats(14), Warp.steady(10.0), sync=0.0)
    np.testing.assert_allclose(warp(np.linspace(0, 10, 50)), np.linspace(0, 10, 50))


@pytest.mark.parametrize("beats", [np.zeros(0), np.array([5.0]), np.array([2.0, 300.0])])
def test_music_with_hardly_a_beat_is_danced_on_as_it_is(beats):
    shown = fit_warp(beats, uneven_beats(14), Warp.steady(10.0), sync=1.0)(np.linspace(0, 10, 50))
    assert (np.diff(shown) > 0).all()
    assert shown[-1] <= 10 + timing.DRIFT_S


def test_a_dance_without_beats_is_not_warped():
    warp = fit_warp(np.arange(0.5, 10, 0.5), np.zeros(0), Warp.steady(10.0), sync=1.0)
    np.testing.assert_allclose(warp.dance_s, warp.music_s, atol=0.02)


def test_livelier_music_is_danced_faster():
    base = Warp.lively(np.array([0.0, 8, 12, 20]), np.array([-1.0, -1, 1, 1]))
    for sync in (0.0, 0.5):
        shown = fit_warp(np.arange(0.5, 20, 0.5), np.zeros(0), base, sync=sync)(
            np.array([0.0, 7.5, 12.5, 20])
        )
        slow, _, fast = np.diff(shown) / [7.5, 5, 7.5]
        assert slow == pytest.approx(1 / timing.ENERGY, abs=0.03)
        assert fast == pytest.approx(timing.ENERGY, abs=0.03)
    assert Warp.lively(np.array([0.0, 1]), np.array([5.0, 5])).dance_s[-1] == pytest.approx(timing.ENERGY)


def test_tempo_changes_are_followed():
    beats = np.concatenate([np.arange(0.3, 20, 0.55), np.arange(20.2, 40, 0.42)])
    own = uneven_beats(44)
    shown = fit_warp(beats, own, Warp.steady(40.0), sync=1.0)(np.arange(0, 40, 1 / 60))
    arrived = np.interp(own, shown, np.arange(0, 40, 1 / 60))
    for part in (beats[beats < 19], beats[beats > 21]):
        assert beat_alignment(part, arrived) > 1.6 * random_phase(part, own)


def test_steady_is_no_warp():
    np.testing.assert_allclose(Warp.steady(3.0)(np.array([0.0, 1.5, 3.0])), [0, 1.5, 3])
