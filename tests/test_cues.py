"""Cues: counted beats, what the choreographer sees of them, a take's own beat and liveliness, a song's."""

import dataclasses
import json

import numpy as np
import pytest
from learned import copy_of, here, trained_run

from dancenet import dancer, timing
from dancenet.config import DancerOptions, FrameOptions
from dancenet.cues import FEATURES, Cues, counted
from dancenet.dancing.in_time import Rhythm, free_cues
from dancenet.footage.clips import Clip
from dancenet.footage.film_music import beats_of_film
from dancenet.frames import extract, frames_like
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.runs import Run
from dancenet.stages import dancers_beat
from dancenet.stages.dancers_beat import cues_of_clip, cues_of_takes, fit_tempo, followed, lively, own_beat


def test_beats_are_counted_between_them_and_beyond_the_ends():
    made = counted(np.array([-0.5, 1.0, 1.5, 2.5, 4.0, 6.0]), np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(made, [-1.5, 0, 0.5, 1.25, 2, 3])
    assert np.isnan(counted(np.arange(3.0), np.array([1.0]))).all()


def test_features_are_the_place_on_the_circle_and_nothing_where_nothing_is_known():
    beat = np.array([0.0, 0.25, 7.5])
    made = Cues(beat, beat / 4, np.array([-1.0, 0.0, 1.0])).features()
    assert made.shape == (3, FEATURES)
    np.testing.assert_allclose(made[:, :2], [[1, 0], [0, 1], [-1, 0]], atol=1e-6)
    np.testing.assert_allclose(made[1, 2:4], [np.cos(np.pi / 8), np.sin(np.pi / 8)], atol=1e-6)
    np.testing.assert_allclose(made[:, 4:], [[-1, 1], [0, 1], [1, 1]])
    assert (Cues.none(5).features() == 0).all()
    assert (Cues(beat, beat, beat).without("beat", "energy").features()[:, [0, 1, 4, 5]] == 0).all()


def test_places_between_frames():
    cues = Cues(np.array([0.0, 1, 2, 10, 11, 12]), np.full(6, np.nan), np.zeros(6))
    np.testing.assert_allclose(cues.at(np.array([0.5, 4.25])).beat, [0.5, 11.25])
    assert np.isnan(cues.at(np.array([0.5])).bar).all()


@pytest.mark.parametrize("period_s", [0.4, 0.55, 0.8])
def test_a_tempo_is_fitted_to_rests_that_nobody_danced_like_a_clock(period_s):
    random = np.random.default_rng(1)
    beats = np.cumsum(period_s * (1 + 0.03 * random.standard_normal(60)))
    rests = beats[random.uniform(size=60) > 0.2]
    rests = rests + 0.02 * random.standard_normal(len(rests))
    own = fit_tempo(np.sort(rests))
    assert own.period_s == pytest.approx(period_s, rel=0.05)
    chance = fit_tempo(np.sort(random.uniform(0, beats[-1], len(rests))))
    assert own.confidence > 0.3
    assert own.confidence > 2 * chance.confidence
    assert fit_tempo(beats[:3]) is None


def test_the_phase_follows_a_dancer_who_slows_down():
    beats = np.cumsum(np.linspace(0.45, 0.6, 80))
    times = np.arange(beats[3], beats[-4], 0.05)
    phase = followed(times, beats, fit_tempo(beats).period_s)
    assert (np.diff(phase) >= 0).all()
    off = phase - counted(times, beats)
    assert np.abs(off - np.median(off)).max() < 0.15, "it neither loses a beat nor wins one"
    assert abs(np.median(off) - np.rint(np.median(off))) < 0.05, "whole on the beat"


def test_a_long_take_is_followed_piece_by_piece_at_its_own_tempi():
    fast, slow = np.arange(0.3, 300, 0.5), np.arange(300.2, 600, 0.7)
    times, rests = np.arange(0, 600, 0.1), np.concatenate([fast, slow])
    beat, period_s = own_beat(times, rests)
    assert 0.49 < period_s < 0.71
    for part, spacing in ((times < 290, 0.5), (times > 310, 0.7)):
        assert np.median(np.diff(beat[part])) == pytest.approx(0.1 / spacing, rel=0.01)
    on = np.abs(np.interp(rests, times, beat) % 1 - 0.5)  # 0.5: on the beat
    assert np.median(on) > 0.48
    assert np.isnan(own_beat(times[:50], np.zeros(0))[0]).all()
    assert len(own_beat(np.zeros(0), rests)[0]) == 0


def test_energy_is_set_against_the_dancers_own_range():
    np.testing.assert_allclose(lively(np.array([0, 1, 2, 3, 5, 9.0]), 1, 3, 5), [-1, -1, -0.5, 0, 1, 1])
    assert (lively(np.ones(4), 1, 1, 1) == 0).all(), "a still"


def test_sound_counts_where_there_is_a_beat_in_it():
    speed = np.ones(89)
    clip = Clip(1, "a", "", 0, 0, 90, 0.0, None, [0.1, 0.6, 1.1, 1.6], [0.1, 1.1])
    cues, period_s = cues_of_clip(clip, speed, 30.0)
    assert period_s == pytest.approx(0.5)
    assert cues.beat[18] == pytest.approx(1)
    assert cues.bar[18] == pytest.approx(0.5)
    silent, none = cues_of_clip(Clip(1, "a", "", 0, 0, 90, 0.0), speed, 30.0)
    assert np.isnan(silent.beat).all()
    assert np.isnan(none), "a still has no beat of its own"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "dancer.mp4"
    dancer.write_video(path, DancerOptions(minutes=0.5, tempo=104, seed=3, width=128, height=96, fps=30))
    return path


def test_a_films_own_beats_are_kept_with_its_frames_and_silent_ones_have_their_dancers(film, tmp_path):
    beats, downbeats = beats_of_film(film)
    near = np.abs(beats[:, None] - np.arange(0, 30, 60 / 104)).min(axis=1)
    assert np.median(near) < 0.03
    assert 0 < len(downbeats) < len(beats)
    options = FrameOptions(width=64, height=48, start=4.0)
    heard = extract([film], Run(tmp_path / "heard"), options)
    kept = np.array(heard.clips[0].beat_times_s)
    assert np.abs((kept + 4.0)[:, None] - beats).min(axis=1).max() < 1e-3
    assert not frames_like(film, options).clips[0].beat_times_s, "a film that is only looked at is not heard"
    known = cues_of_takes(heard)
    assert known.period_s == pytest.approx(60 / 104, rel=0.02)
    assert not np.isnan(known.cues.bar).any()
    clip = Clip(1, "a", "", 0, 0, len(heard), 0.0)
    deaf = cues_of_takes(dataclasses.replace(heard, clips=(clip,)))
    assert deaf.period_s == pytest.approx(60 / 104, rel=0.08), "the body alone tells the tempo"
    assert np.isnan(deaf.cues.bar).all()
    assert -1 <= deaf.cues.energy.min() < -0.5 < 0.5 < deaf.cues.energy.max() <= 1


def test_cues_of_a_run_are_found_once_and_anew_where_the_film_or_its_beats_are_others(
    film, tmp_path, monkeypatch
):
    run, found = Run(tmp_path / "run"), []
    packed = extract([film], run, FrameOptions(width=64, height=48))
    original = dancers_beat.cues_of_takes
    monkeypatch.setattr(dancers_beat, "cues_of_takes", lambda p: found.append(1) or original(p))
    first, again = (dancers_beat.cues_of_run(run, packed) for _ in range(2))
    assert len(found) == 1
    for name, track in vars(first.cues).items():
        np.testing.assert_array_equal(vars(again.cues)[name], track)
    assert again.period_s == first.period_s
    clip = dataclasses.replace(packed.clips[0], beat_times_s=[0.0, 1.0, 2.0])
    assert dancers_beat.cues_of_run(run, dataclasses.replace(packed, clips=(clip,))).period_s == 1.0
    (run / "cues.npz").write_bytes(b"none")
    np.testing.assert_array_equal(dancers_beat.cues_of_run(run, packed).cues.beat, first.cues.beat)
    assert len(found) == 3


def test_presets_have_all_cues_or_none():
    assert {preset.cues for preset in CHOREOGRAPHER_PRESETS.values()} == {0, FEATURES}


@pytest.mark.slow
@pytest.mark.usefixtures("fewer_dances")
def test_a_run_from_before_there_were_cues_goes_on_without_them_and_dances_to_music(
    tmp_path, tmp_path_factory, film, monkeypatch
):
    learned = trained_run(tmp_path_factory.getbasetemp())
    run = copy_of(learned, tmp_path / "run", "choreographer", "joint", "sharpen")
    options = ("train", "choreographer", "--run", run, "--preset", "tiny", "--epochs")
    tiny = CHOREOGRAPHER_PRESETS["tiny"]
    with monkeypatch.context() as before:
        before.setitem(CHOREOGRAPHER_PRESETS, "tiny", dataclasses.replace(tiny, cues=0))
        assert here(*options, 1) == 0
    for path in (run / "choreographer.json", run / "choreographer" / "settings.json"):
        content = json.loads(path.read_text())
        for table in (content, content.get("network", {}), content.get("settings", {})):
            table.pop("cues", None)
        path.write_text(json.dumps(content))
    assert here(*options, 1) == 0, "a finished stage asked again does nothing"
    assert here(*options, 2) == 0, "and a larger budget goes on"
    assert json.loads((run / "choreographer.json").read_text())["network"]["cues"] == 0
    out = tmp_path / "dance.mp4"
    assert here("generate", "dance", "--run", run, "--out", out, "--music", film, "--seconds", 3) == 0
    with np.load(out.with_suffix(".latents.npz")) as stored:
        assert len(stored["music_s"]) > 2, "the warp alone meets the beats"
    assert here(*options, 1, "--fresh") == 0
    assert json.loads((run / "choreographer.json").read_text())["network"]["cues"] == FEATURES


def test_a_song_says_where_its_beats_lie_in_the_dance_and_how_lively_it_is():
    beats = np.arange(0.25, 20, 0.5)
    rhythm = Rhythm(beats, timing.Warp.steady(20.0), np.array([0.0, 0.0]), beats[::4])
    cues = rhythm.cues(300, 15.0, 0.5)
    times = np.arange(300) / 15
    np.testing.assert_allclose(cues.beat, (times - 0.25) / 0.5, atol=1e-9)
    np.testing.assert_allclose(cues.bar, (times - 0.25) / 2, atol=1e-9)
    without = rhythm.cues(300, 15.0, None)
    np.testing.assert_array_equal(without.features(), free_cues(300).features(), "even music, no beats: free")
    assert np.isnan(without.beat).all()
    calm, brisk = (
        Rhythm(beats, rhythm.base, np.full(2, level)).cues(9, 15.0, 0.5).energy[0] for level in (-1, 1)
    )
    assert calm < cues.energy[0] < brisk
    slow = rhythm.cues(300, 15.0, 1.0).beat
    assert np.ptp(slow) == pytest.approx(np.ptp(cues.beat) / 2, rel=0.01), "half time for a slow dancer"


def test_where_the_dance_is_faster_its_poses_meet_the_beats_earlier():
    base = timing.Warp(np.array([0.0, 20.0]), np.array([0.0, 40.0]))
    cues = Rhythm(np.arange(0, 20, 0.5), base, np.zeros(2)).cues(500, 10.0, 0.5)
    assert cues.beat[200] == pytest.approx(20), "pose 200 lies at 20 s of dance, which is 10 s of music"
    assert cues.beat[480] == pytest.approx(56), "beyond the end the music is thought to go on"
