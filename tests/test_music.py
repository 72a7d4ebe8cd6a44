"""Hearing: beats of known pieces, loudness, bars, sections, decoding, bad input, and the command."""

import importlib.util
from fractions import Fraction

import av
import numpy as np
import pytest
from conftest import outcome
from films import flat, shared, write
from songs import RATE_HZ, STYLES, beats_at, click, kick, ramp, song, speech, step

from dancenet import music
from dancenet.errors import DancenetError, MissingDependencyError
from dancenet.evaluation.beats import f_measure
from dancenet.figure.soundtrack import soundtrack
from dancenet.hearing import bars, beats, sections, spectrum
from dancenet.pages import music_sheet

TEMPI = (60, 75, 90, 112, 128, 150, 180)
BAR = 0.95
#: Half-beats almost as strong as beats, or sixteenths at 180: here twice or half the tempo counts as well.
OPEN = {("floor", 60): 2, ("funk", 180): 0.5}
librosa_needed = pytest.mark.skipif(
    importlib.util.find_spec("librosa") is None, reason="librosa is an extra: pip install 'dancenet[audio]'"
)


def heard_beats(samples) -> np.ndarray:
    return beats.track(spectrum.onsets(spectrum.mel_magnitudes(samples))).times_s


# --- the measure -----------------------------------------------------------------------------------------


def test_f_measure_in_closed_form():
    truth = np.arange(10) * 0.5
    assert f_measure(truth, truth) == 1
    assert f_measure(truth, truth + 0.069) == 1
    assert f_measure(truth, truth + 0.071) == 0
    assert f_measure(truth, truth[::2]) == pytest.approx(2 / 3)  # precision 1, recall 1/2
    assert f_measure(truth, np.concatenate([truth, truth + 0.25])) == pytest.approx(2 / 3)
    assert f_measure(truth, np.zeros(0)) == f_measure(np.zeros(0), truth) == 0
    assert f_measure(truth, np.repeat(truth, 2)) == pytest.approx(2 / 3)  # each matches one at most
    assert f_measure([0.0, 0.1], [0.05, 0.15]) == 1  # as many as possible match


# --- known beats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tempo", TEMPI)
@pytest.mark.parametrize("style", [*STYLES, "click"])
def test_beats_of_known_pieces(style, tempo):
    truth = beats_at(tempo, int(15 * tempo / 60))
    for seed, jitter_s in ((1, 0.0), (3, 0.005)):
        found = heard_beats(song(truth, style, seed, jitter_s=jitter_s))
        times = OPEN.get((style, tempo), 1)
        beat = np.arange(0, len(truth) - 1 + 1e-9, 1 / times)
        other = np.interp(beat, np.arange(len(truth)), truth)
        best = max(f_measure(truth, found), f_measure(other, found))
        assert best >= BAR, f"seed {seed}: {60 / np.median(np.diff(found)):.0f}"


@pytest.mark.parametrize("style", [*STYLES, "click"])
@pytest.mark.parametrize(
    "tempo", [ramp(100, 130, 44), ramp(140, 90, 44), step(100, 140, 22), step(150, 90, 22)],
    ids=["rising", "falling", "faster", "slower"],
)  # fmt: skip
def test_changes_of_tempo_are_followed(style, tempo):
    truth = beats_at(tempo, 44)
    found = heard_beats(song(truth, style, seed=3))
    assert f_measure(truth, found) >= BAR


@pytest.mark.parametrize("tempo", [90, 112, 128, 150])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_built_in_dancers_own_music(tempo, seed):
    heard = music.hear(soundtrack(20, tempo, seed, RATE_HZ))
    truth = np.arange(0, 20, 60 / tempo)
    assert f_measure(truth, heard.beats_s) >= BAR
    assert not heard.steady
    assert heard.confidence > 0.7
    assert np.median(heard.tempo_bpm) == pytest.approx(tempo, rel=0.01)


def test_beats_lie_on_the_onsets_not_beside_them():
    truth = beats_at(112, 30)
    for style in ("rock", "click"):
        found = heard_beats(song(truth, style, seed=1))
        off_s = [found[np.abs(found - time_s).argmin()] - time_s for time_s in truth]
        assert abs(np.median(off_s)) < 0.015
        assert np.abs(off_s).max() < 0.04


def test_beats_go_on_through_a_pause_and_not_into_silence():
    truth = beats_at(120, 40, lead_s=3.0)
    sound = song(truth, "rock", seed=4, noise=0)
    sound[int(truth[16] * RATE_HZ) - 500 : int(truth[20] * RATE_HZ) - 500] = 0
    found = heard_beats(np.concatenate([sound, np.zeros(4 * RATE_HZ, np.float32)]))
    assert f_measure(truth, found) >= BAR
    assert found[0] > 2.0
    assert found[-1] < truth[-1] + 1.6


def test_level_does_not_matter():
    truth = beats_at(100, 24)
    sound = song(truth, "floor", seed=5, noise=0)
    for gain in (0.01, 3.0):
        np.testing.assert_allclose(heard_beats(sound), heard_beats(gain * sound), atol=0.011)


@librosa_needed
@pytest.mark.parametrize("tempo", [90, 112, 128])
def test_librosa_hears_the_same(tempo):
    truth = beats_at(tempo, int(20 * tempo / 60))
    for style in ("rock", "swing", "click"):
        heard = music.hear(song(truth, style, seed=1), tracker="librosa")
        assert heard.tracker == "librosa"
        # It begins and ends a beat or two later and earlier, and at times takes half or double the tempo.
        levels = (truth, truth[::2], truth[1::2], np.sort(np.append(truth, truth[:-1] + 30 / tempo)))
        assert max(f_measure(level, heard.beats_s) for level in levels) >= 0.8


def test_librosa_missing_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingDependencyError, match=r"dancenet\[audio\]"):
        music.hear(np.zeros(RATE_HZ, np.float32), tracker="librosa")


# --- beside the beats ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hertz", "amplitude", "expected"),
    [(997, 1.0, -3.01), (997, 0.1, -23.01), (50, 1.0, -8.0), (9000, 1.0, 0.31)],
)
def test_loudness_is_that_of_the_standard(hertz, amplitude, expected):
    sound = amplitude * np.sin(2 * np.pi * hertz * np.arange(3 * RATE_HZ) / RATE_HZ)
    level = spectrum.loudness(sound.astype(np.float32))
    tolerance = 0.05 if hertz == 997 else 1.5  # beside 997 Hz the curve is known from its figure
    assert level[len(level) // 2] == pytest.approx(expected, abs=tolerance)


def test_loudness_follows_a_swell_and_ends_at_silence():
    gain = np.concatenate([np.linspace(0.01, 1, 5 * RATE_HZ), np.zeros(RATE_HZ)])
    level = spectrum.loudness((gain * np.sin(np.arange(len(gain)) * 0.3)).astype(np.float32))
    assert (np.diff(level[50:450:20]) > 0).all()
    assert level[-10] == spectrum.SILENCE_LUFS


def test_chroma_names_the_pitch():
    time_s = np.arange(RATE_HZ) / RATE_HZ
    for note in (57, 60, 66):
        tone = np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * time_s).astype(np.float32)
        assert spectrum.chroma(tone)[5].argmax() == note % 12


def test_onset_strength_is_where_something_begins():
    sound = np.zeros(6 * RATE_HZ, np.float32)
    for at_s, drum in ((1.0, kick()), (2.5, click()), (4.0, kick())):
        start = int(at_s * RATE_HZ)
        sound[start : start + len(drum)] += drum.astype(np.float32)
    strength = spectrum.onsets(spectrum.mel_magnitudes(sound)).strength
    tops = np.flatnonzero(
        (strength > 0.3) & (strength >= np.roll(strength, 1)) & (strength > np.roll(strength, -1))
    )
    np.testing.assert_allclose(tops / spectrum.FPS, [1.0, 2.5, 4.0], atol=0.021)
    assert strength.min() >= 0
    assert strength.max() <= 1


@pytest.mark.parametrize("style", ["rock", "funk"])
def test_downbeats_where_chords_and_bass_say_so(style):
    truth = beats_at(100, 40)
    found = [music.hear(song(truth, style, seed)) for seed in (1, 2, 3)]
    sure = [heard for heard in found if heard.downbeat_confidence > 0.3]
    assert sure
    for heard in sure:
        assert heard.beats_per_bar == 4
        assert f_measure(truth[::4], heard.downbeats_s) >= 0.9


def test_bars_of_three_and_bars_of_noise():
    random = np.random.default_rng(0)
    waltz = np.where(np.arange(60) % 3 == 1, 1.5, -0.5) + 0.3 * random.standard_normal(60)
    bar = bars.find_bars(waltz)
    assert bar.beats_per_bar == 3
    assert bar.confidence > 0.8
    assert (bar.downbeats % 3 == 1).all()
    assert np.mean([bars.find_bars(random.standard_normal(60)).confidence for _ in range(20)]) < 0.4
    assert bars.find_bars(np.zeros(3)).confidence == 0


def test_sections_where_the_music_changes():
    truth = beats_at(112, 64)
    cut = int(truth[32] * RATE_HZ) - 200
    other = song(truth, "swing", seed=9)
    heard = music.hear(np.concatenate([song(truth, "floor", seed=3)[:cut], other[cut:]]))
    assert len(heard.sections_s)
    assert np.abs(heard.sections_s - truth[32]).min() < 2.2  # within a bar
    assert len(heard.sections_s) <= 2


def test_novelty_in_closed_form():
    one, two = np.tile([1.0, 0.0], (20, 1)), np.tile([0.0, 1.0], (20, 1))
    curve = sections.novelty(np.concatenate([one, two]), half=8)
    assert curve.argmax() == 20
    assert curve[20] == pytest.approx(0.5)  # alike within: 1; across: 0, of half the kernel each
    assert np.abs(sections.novelty(np.concatenate([one, one]), half=8)).max() < 1e-9
    opposite = sections.novelty(np.concatenate([one, -one]), half=8)
    assert opposite[20] == pytest.approx(1.0)


# --- where there is no beat ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(5 * RATE_HZ), np.zeros(1), 0.1 * np.random.default_rng(0).standard_normal(8 * RATE_HZ),
        np.sin(np.arange(8 * RATE_HZ) * 0.1), song(beats_at(120, 3), "rock")[:RATE_HZ],
        np.full(RATE_HZ, np.nan),
        *(speech(25, seed) for seed in (0, 1, 2)),
    ],
    ids=["silence", "one sample", "noise", "tone", "one second", "nan", "speech 0", "speech 1", "speech 2"],
)  # fmt: skip
def test_without_a_beat_a_steady_tempo_stands_in(sound):
    heard = music.hear(sound)
    assert heard.steady
    assert heard.confidence <= music.LEAST_CONFIDENCE
    assert heard.downbeat_confidence == 0
    assert len(heard.beats_s) >= 1
    assert np.ptp(heard.tempo_bpm) == 0
    assert beats.SLOWEST_BPM <= heard.tempo_bpm[0] <= beats.FASTEST_BPM + 5
    assert heard.beats_s[-1] > heard.duration_s - 60 / heard.tempo_bpm[0] - 0.1
    assert np.isfinite(heard.loudness_lufs).all()
    assert len(heard.onset_strength) == len(heard.loudness_lufs) >= heard.duration_s * heard.fps


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros((2, 100))])
def test_what_is_no_sound_is_refused(sound):
    with pytest.raises(DancenetError, match="one row of samples"):
        music.hear(sound)


# --- files -----------------------------------------------------------------------------------------------

#: Suffix → codec and rate; all that the command line promises.
FORMATS = {
    "mp3": ("mp3", 44100), "ogg": ("libopus", 48000), "flac": ("flac", 48000), "m4a": ("aac", 44100),
    "wav": ("pcm_s16le", 22050), "mka": ("pcm_f32le", 192000),
}  # fmt: skip


def write_sound(path, sound, rate_hz, codec, layout="mono"):
    """Encode (n,) samples, given at `RATE_HZ`, to all channels of `layout`."""
    wanted = np.interp(
        np.arange(int(len(sound) * rate_hz / RATE_HZ)) * RATE_HZ / rate_hz, np.arange(len(sound)), sound
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        channels = len(av.AudioLayout(layout).channels)
        resampler = av.AudioResampler(
            stream.format.name, layout, rate_hz, frame_size=stream.frame_size or 4096
        )
        block = np.ascontiguousarray(np.tile(wanted.astype(np.float32), (channels, 1)))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for piece in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(piece))
    return path


@pytest.fixture(scope="module")
def rock():
    truth = beats_at(120, 20)
    return truth, song(truth, "rock", seed=2)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_heard_at_the_same_time(tmp_path, rock, suffix):
    truth, sound = rock
    codec, rate_hz = FORMATS[suffix]
    read = music.read_sound(write_sound(tmp_path / f"a.{suffix}", sound, rate_hz, codec))
    assert read.dtype == np.float32
    assert len(read) == pytest.approx(len(sound), abs=0.06 * RATE_HZ)
    found = heard_beats(read)
    assert f_measure(truth, found) >= BAR
    off_s = [found[np.abs(found - time_s).argmin()] - time_s for time_s in truth]
    assert abs(np.median(off_s)) < 0.035


@pytest.mark.parametrize(
    ("rate_hz", "layout"), [(8000, "mono"), (192000, "stereo"), (48000, "5.1"), (11025, "stereo")]
)
def test_any_rate_and_any_channels(tmp_path, rock, rate_hz, layout):
    truth, sound = rock
    read = music.read_sound(write_sound(tmp_path / "a.wav", sound, rate_hz, "pcm_s16le", layout))
    assert len(read) == pytest.approx(len(sound), abs=0.01 * RATE_HZ)
    assert f_measure(truth, heard_beats(read)) >= BAR


def test_sound_of_a_video(tmp_path):
    path = write(tmp_path / "a.mp4", [flat(9)] * 30, sound=True)
    assert len(music.read_sound(path)) == pytest.approx(RATE_HZ, abs=0.2 * RATE_HZ)


def test_a_corrupt_tail_leaves_what_comes_before(tmp_path, rock):
    _, sound = rock
    whole = write_sound(tmp_path / "a.mp3", sound, 44100, "mp3").read_bytes()
    (tmp_path / "cut.flac").write_bytes(
        write_sound(tmp_path / "b.flac", sound, 48000, "flac").read_bytes()[:-200_000]
    )
    (tmp_path / "noise.mp3").write_bytes(
        whole[: len(whole) // 2] + np.random.default_rng(0).bytes(len(whole) // 2)
    )
    for name in ("cut.flac", "noise.mp3"):
        warned = []
        read = music.read_sound(tmp_path / name, warn=warned.append)
        assert len(read) > 2 * RATE_HZ
        assert len(warned) == 1
        assert name in warned[0]
        assert "can be decoded is used" in warned[0]


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("text.mp3", b"no music at all, just words\n" * 50, ["cannot be read as sound", "convert it"]),
        ("empty.wav", b"", ["is empty", "expected music"]),
        ("missing.ogg", None, ["there is no file", "check the name"]),
    ],
)
def test_bad_files_are_said_in_one_line(tmp_path, name, content, parts):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DancenetError) as said:
        music.read_sound(tmp_path / name)
    for part in (name, *parts):
        assert part in str(said.value)


def test_a_video_without_sound_and_a_folder(tmp_path):
    with pytest.raises(DancenetError, match="has no sound"):
        music.read_sound(write(tmp_path / "mute.mp4", [flat(9)] * 3))
    with pytest.raises(DancenetError, match="is a folder"):
        music.read_sound(tmp_path)


# --- the command -----------------------------------------------------------------------------------------


def test_the_command_draws_and_clicks(tmp_path, rock, capsys):
    truth, sound = rock
    path = write_sound(tmp_path / "a.wav", sound, RATE_HZ, "pcm_s16le")
    plot, clicked = tmp_path / "a.png", tmp_path / "clicks.wav"
    code, out, err = outcome(["music", path, "--out", plot, "--click", clicked], capsys)
    assert code == 0
    assert out.split() == [str(plot), str(clicked)]
    assert "beats at 120 a minute" in err
    assert plot.read_bytes().startswith(b"\x89PNG")
    mixed = music.read_sound(clicked)
    assert len(mixed) == len(sound)
    added = mixed - 0.6 * sound / np.abs(sound).max()
    start = int(truth[5] * RATE_HZ)
    near, between = added[start - 1200 : start + 1200], added[start + 3600 : start + 6000]
    assert np.abs(near).max() > 0.2 > 0.02 > np.abs(between).max()


def test_the_command_says_where_a_steady_tempo_stands_in(tmp_path, capsys):
    path = write_sound(tmp_path / "still.wav", np.zeros(3 * RATE_HZ), RATE_HZ, "pcm_s16le")
    code, _, err = outcome(["music", path, "--out", tmp_path / "a.png"], capsys)
    assert code == 0
    assert "warning" in err
    assert "steady 120 beats a minute stands in" in err


def test_results_do_not_replace_the_song(tmp_path, capsys):
    song_path = tmp_path / "a.wav"
    song_path.write_bytes(b"")
    for arguments, part in (
        (["--out", "a.txt"], "a picture"),
        (["--out", "a.png", "--click", "a.mp3"], ".wav"),
        (["--out", "a.png", "--click", song_path], "the music itself"),
        (["--out", tmp_path / "b.png"], "is empty"),
    ):
        code, _, err = outcome(["music", song_path, *arguments], capsys)
        assert code == 2
        assert part in err


# --- real music ------------------------------------------------------------------------------------------


def test_a_steady_jazz_piece_is_steady():
    heard = music.hear(music.read_sound(shared("music/vibe_ace.ogg")))
    assert not heard.steady
    assert heard.confidence > 0.4
    # 129.2 in librosa's documentation of this recording, or half of it.
    assert min(abs(np.median(heard.tempo_bpm) / tempo - 1) for tempo in (64.6, 129.2)) < 0.02
    assert np.percentile(np.abs(np.diff(np.log(heard.tempo_bpm))), 95) < 0.02


def test_an_orchestra_speeds_up():
    heard = music.hear(music.read_sound(shared("music/hungarian_dance_5.ogg")))
    assert not heard.steady
    assert np.quantile(heard.tempo_bpm, 0.9) > 1.2 * np.quantile(heard.tempo_bpm, 0.1)
    assert music_sheet.summary(heard).startswith("0:46")
