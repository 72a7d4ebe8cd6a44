"""A dance to music: liveliness, the rhythm of a part of a song, and poses shown on its beats."""

import numpy as np
import pytest

from dancenet import timing
from dancenet.dancing import in_time
from dancenet.dancing.in_time import Rhythm, danced_beats, follow, liveliness
from dancenet.timing import beat_alignment, body_speed, kinematic_beats, random_phase

FPS = 20.0


def test_liveliness_is_loudness_against_the_song_itself():
    loudness = np.repeat([-30.0, -20.0, -10.0], 400)
    lively = liveliness(loudness, 10.0)
    assert lively[200] == pytest.approx(-1)
    assert lively[600] == pytest.approx(0, abs=0.05)
    assert lively[1000] == pytest.approx(1)
    np.testing.assert_allclose(liveliness(loudness - 15, 10.0), lively, atol=1e-6)


def test_music_without_dynamics_is_danced_evenly_and_silence_calmly():
    hum = -20 + 0.2 * np.sin(np.arange(1200) / 10)
    assert np.abs(liveliness(hum, 10.0)).max() < 0.1
    assert liveliness(np.append(hum, np.full(100, -70.0)), 10.0)[-20:].max() == -1
    assert (liveliness(np.full(100, -70.0), 10.0) == 0).all(), "silence from end to end"


def test_rhythm_of_a_part_of_a_song():
    beats, loudness = np.arange(0.25, 30, 0.5), np.repeat([-30.0, -20.0, -10.0], 1000)
    rhythm = Rhythm.of(beats, loudness, 100.0, start_s=10.0, duration_s=20.0, energy=1.0)
    np.testing.assert_allclose(rhythm.beats_s, np.arange(0.25, 20, 0.5))
    assert rhythm.base.music_s[-1] == 20
    assert rhythm.dance_s == pytest.approx(rhythm.base.dance_s[-1] + timing.DRIFT_S)
    speed = np.diff(rhythm.base(np.array([2.0, 7, 13, 18])))[[0, 2]] / 5
    np.testing.assert_allclose(speed, [1, timing.ENERGY], rtol=0.03)
    even = Rhythm.of(beats, loudness, 100.0, start_s=10.0, duration_s=20.0, energy=0.0)
    np.testing.assert_allclose(even.base.dance_s, even.base.music_s)


def stepping(duration_s, seed=0):
    """Pictures of a dot that halts now and then, and when it does."""
    gaps = np.random.default_rng(seed).uniform(0.4, 0.6, round(2.5 * duration_s))
    halts = np.cumsum(gaps)
    times = np.arange(0, duration_s, 1 / FPS)
    phase = np.interp(times, halts, np.arange(len(halts)))
    place = phase - np.sin(2 * np.pi * phase) / (2 * np.pi)  # stands where phase is whole
    columns = 20 + 6 * np.where(np.floor(place) % 2 == 0, place % 1, 1 - place % 1)
    at = np.arange(104)[None] - columns[:, None]
    pictures = np.repeat(np.exp(-(at**2) / 18)[:, None], 60, axis=1)
    return np.round(255 * pictures[..., None]).astype("uint8")


def test_poses_are_shown_on_the_beats():
    frames, beats = stepping(30.0), np.arange(0.3, 22, 60 / 118)
    rhythm = Rhythm(beats, timing.Warp.steady(22.0), np.zeros(2))
    times = np.arange(0, 22, 1 / 60)
    met = []
    for sync in (0.0, 1.0):
        warp = follow(rhythm, iter(frames), FPS, sync=sync)
        own = kinematic_beats(body_speed(frames[..., 0] / 255.0), FPS)
        shown = np.interp(own, warp(times), times)[own < warp(times)[-1]]
        met.append(beat_alignment(beats, shown))
    assert met[1] > 2 * met[0]
    assert met[1] > 2 * random_phase(beats, own)


def test_the_warp_is_fitted_to_the_rests_that_it_shows(monkeypatch):
    """No round makes it worse, and what counts is what is seen."""
    frames, beats = stepping(30.0), np.arange(0.3, 22, 60 / 118)
    rhythm = Rhythm(beats, timing.Warp.steady(22.0), np.zeros(2))
    speed, met = body_speed(frames[..., 0] / 255.0), []
    for rounds in (1, 4):
        monkeypatch.setattr(in_time, "ROUNDS", rounds)
        warp = follow(rhythm, iter(frames), FPS, sync=1.0)
        met.append(beat_alignment(beats, timing.shown_beats(speed, FPS, warp)))
    assert met[1] >= met[0] > 0


def test_the_beats_that_are_met_are_those_that_were_told():
    own, rhythm = np.arange(0, 20, 0.25), Rhythm(np.arange(0, 20, 0.5), timing.Warp.steady(20.0), np.zeros(2))
    told = rhythm.cues(300, 15.0, 0.9).beat
    met = danced_beats(rhythm, own, 0.9)
    np.testing.assert_allclose(np.diff(met), 1.0, err_msg="half time for a slow dancer")
    times = np.arange(300) / 15
    np.testing.assert_allclose(np.interp(met, times, told) % 1, 0, atol=1e-6)
    np.testing.assert_array_equal(danced_beats(rhythm, own, None), rhythm.beats_s, "half beats are not met")
    np.testing.assert_array_equal(danced_beats(rhythm, own[:2], None), rhythm.beats_s)
