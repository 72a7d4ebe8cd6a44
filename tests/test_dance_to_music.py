"""From a trained run and a song to a dance in time with it, through the real command line."""

import json
import wave

import av
import numpy as np
import pytest
from films import flat, write
from learned import here, trained_run

from dancenet.dancer import soundtrack
from dancenet.figure.soundtrack import soundtrack as music_of

pytestmark = pytest.mark.slow

RATE_HZ = 44100
TEMPO = 112.0


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


def write_wav(path, samples, rate_hz=RATE_HZ, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((np.repeat(np.clip(samples, -1, 1), channels) * 32767).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    return write_wav(tmp_path_factory.mktemp("songs") / "song.wav", soundtrack(12.0, TEMPO, 1))


def dance(run, out, song, *more):
    return here("generate", "dance", "--run", run, "--out", out, "--music", song, *more)


def made(out):
    with np.load(out.with_name(out.stem + ".latents.npz")) as stored:
        arrays = {name: stored[name] for name in stored.files}
    return arrays, json.loads(out.with_suffix(".json").read_text())


def lengths(path):
    """Seconds of picture and of sound, both decoded."""
    with av.open(str(path)) as container:
        pictures = sum(1 for _ in container.decode(video=0))
        fps = float(container.streams.video[0].average_rate)
    with av.open(str(path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        return pictures / fps, samples / container.streams.audio[0].rate


def test_a_dance_lasts_as_long_as_its_song_and_has_its_sound(learned, song, tmp_path):
    out = tmp_path / "a.mp4"
    assert dance(learned, out, song) == 0
    picture_s, sound_s = lengths(out)
    assert picture_s == pytest.approx(12, abs=1 / 30)
    assert sound_s == pytest.approx(12, abs=0.05)
    arrays, said = made(out)
    assert said["music"]["music"] == str(song)
    assert said["music"]["sync"] == 0.5
    assert said["dance"]["seconds"] == pytest.approx(12, abs=0.01)
    assert (np.diff(arrays["music_s"]) > 0).all()
    assert (np.diff(arrays["dance_s"]) > 0).all()
    again = tmp_path / "b.mp4"
    assert dance(learned, again, song) == 0
    for name, value in made(again)[0].items():
        np.testing.assert_array_equal(value, arrays[name])


def test_a_part_of_a_song(learned, song, tmp_path):
    out = tmp_path / "part.mp4"
    assert dance(learned, out, song, "--from", "0:04", "--seconds", 5, "--sync", 1) == 0
    picture_s, sound_s = lengths(out)
    assert picture_s == pytest.approx(5, abs=1 / 30)
    assert sound_s == pytest.approx(5, abs=0.05)


def test_without_sync_and_energy_it_is_the_dance_without_music(learned, song, tmp_path):
    out, plain = tmp_path / "a.mp4", tmp_path / "plain.mp4"
    assert dance(learned, out, song, "--sync", 0, "--energy", 0, "--seconds", 6) == 0
    assert here("generate", "dance", "--run", learned, "--out", plain, "--seconds", 6) == 0
    arrays = made(out)[0]
    np.testing.assert_allclose(arrays["music_s"], arrays["dance_s"], atol=1e-9)
    free = made(plain)[0]["latents"]
    np.testing.assert_allclose(arrays["latents"][: len(free)], free, atol=1e-4)


def test_several_takes_have_a_warp_each(learned, song, tmp_path):
    assert dance(learned, tmp_path / "a.mp4", song, "--seconds", 6, "--takes", 2, "--sync", 1) == 0
    first, second = (made(tmp_path / f"a-{take}.mp4")[0]["dance_s"] for take in (1, 2))
    assert len(first) != len(second) or not np.allclose(first, second)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "channels"),
    [
        (np.zeros(6 * RATE_HZ, np.float32), RATE_HZ, 1),
        (music_of(6.0, TEMPO, 2, rate_hz=8000), 8000, 1),
        (music_of(6.0, TEMPO, 2, rate_hz=96000), 96000, 2),
        (np.random.default_rng(0).normal(0, 0.05, 6 * RATE_HZ).astype("float32"), RATE_HZ, 1),
        (music_of(1.2, TEMPO, 2), RATE_HZ, 1),
    ],
    ids=["silence", "8 kHz", "96 kHz stereo", "noise", "one second"],
)
def test_any_sound_can_be_danced_to(learned, tmp_path, samples, rate_hz, channels):
    song = write_wav(tmp_path / "song.wav", samples, rate_hz, channels)
    out = tmp_path / "out.mp4"
    assert dance(learned, out, song) == 0
    arrays, _ = made(out)
    assert (np.diff(arrays["dance_s"]) > 0).all(), "it never stands still"
    assert lengths(out)[0] == pytest.approx(len(samples) / rate_hz, abs=1 / 30)


@pytest.mark.parametrize("kind", ["silent film", "text", "missing", "beyond the end", "over the song"])
def test_what_is_no_music_is_refused_in_one_line(learned, song, tmp_path, capfd, kind):
    out, more = tmp_path / "out.mp4", ()
    if kind == "silent film":
        music = write(tmp_path / "silent.mp4", [flat(50)] * 20)
    elif kind == "text":
        music = tmp_path / "text.mp3"
        music.write_text("la la la")
    elif kind == "missing":
        music = tmp_path / "none.mp3"
    else:
        music, more = song, (("--from", "1:00") if kind == "beyond the end" else ())
    if kind == "over the song":
        music = tmp_path / "out.mp4"
        music.write_bytes(song.read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert dance(learned, out, music, *more) == 2
    said = capfd.readouterr().err
    assert len([line for line in said.splitlines() if line.startswith("dancenet: error:")]) == 1
    assert "Traceback" not in said
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
