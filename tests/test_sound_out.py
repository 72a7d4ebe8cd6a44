"""Sound onto a video: where every click lies, whatever the song's format, from the first to the last."""

from fractions import Fraction

import av
import numpy as np
import pytest
from films import flat

from dancenet import video
from dancenet.errors import DancenetError
from dancenet.hearing.sound import RATE_HZ, read_sound
from dancenet.media.sound_out import SoundOf

CLICKS_S = np.array([0.5, 1.25, 2.0, 4.75, 6.5])


def clicks(rate_hz, duration_s=8.0, channels=1):
    """(channels, n) with a short burst of 2 kHz at each of `CLICKS_S`."""
    track = np.zeros(round(duration_s * rate_hz), np.float32)
    burst = np.sin(2 * np.pi * 2000 * np.arange(round(0.02 * rate_hz)) / rate_hz).astype(np.float32)
    for time_s in CLICKS_S:
        start = round(time_s * rate_hz)
        track[start : start + len(burst)] = 0.8 * burst
    return np.repeat(track[None], channels, axis=0)


def song(path, codec, rate_hz, layout="stereo", sample_format="fltp"):
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(clicks(rate_hz, channels=channels)), format="fltp", layout=layout
        )
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(
            format=sample_format, layout=layout, rate=rate_hz, frame_size=stream.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def heard(path):
    """(samples, rate) as a player gives them: from the time stamp 0 on."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        parts, first = [], None
        for frame in container.decode(stream):
            first = frame.time if first is None else first
            parts.append(frame.to_ndarray()[0])
        rate_hz = stream.rate
    together = np.concatenate(parts)
    shift = round(first * rate_hz)
    return (np.pad(together, (shift, 0)) if shift >= 0 else together[-shift:]), rate_hz


def clicks_in(path):
    samples, rate_hz = heard(path)
    loud = np.flatnonzero(np.abs(samples) > 0.25) / rate_hz
    return loud[np.concatenate([[True], np.diff(loud) > 0.1])]


def film_with(path, sound, seconds):
    with video.VideoWriter(path, width=32, height=32, fps=30, sound=sound) as writer:
        for _ in range(round(30 * seconds)):
            writer.write(flat(80, 32, 32))
    return path


FORMATS = [
    ("a.wav", "pcm_s16le", 44100, "stereo", "s16"),
    ("a.wav", "pcm_s16le", 8000, "mono", "s16"),
    ("a.flac", "flac", 192000, "stereo", "s32"),
    ("a.ogg", "libopus", 48000, "stereo", "flt"),
    ("a.mp3", "libmp3lame", 44100, "stereo", "fltp"),
    ("a.m4a", "aac", 48000, "5.1", "fltp"),
    ("a.m4a", "aac", 44100, "stereo", "fltp"),
]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: f"{form[0][2:]}-{form[2]}-{form[3]}")
@pytest.mark.parametrize("start_s", [0.0, 1.0])
def test_every_click_is_heard_when_it_should(tmp_path, form, start_s):
    name, *how = form
    out = film_with(tmp_path / "out.mp4", SoundOf(song(tmp_path / name, *how), start_s), 6.0)
    expected = CLICKS_S - start_s
    expected = expected[(expected > 0) & (expected < 6)]
    np.testing.assert_allclose(clicks_in(out), expected, atol=0.03)  # under a frame at 30 per second
    with av.open(str(out)) as container:
        sound, picture = container.streams.audio[0], container.streams.video[0]
        assert sound.codec_context.name == "aac"
        assert float(sound.duration * sound.time_base) == pytest.approx(
            float(picture.duration * picture.time_base), abs=1 / 30
        )


def test_aac_is_copied_and_not_encoded_again(tmp_path):
    source = song(tmp_path / "a.m4a", "aac", 44100)
    out = film_with(tmp_path / "out.mp4", SoundOf(source), 8.0)

    def packets(path):
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(container.streams.audio[0]) if packet.size]

    copied, original = packets(out), packets(source)
    assert len(copied) > 300
    assert set(copied) <= set(original)


@pytest.mark.parametrize("late_s", [1.5, -0.4])
@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_sound_of_a_video_stays_where_its_pictures_have_it(tmp_path, late_s, codec):
    """What is heard, and what the new video has, count from the old video's first picture on."""
    rate_hz, source = 44100, tmp_path / f"film.{'mp4' if codec == 'aac' else 'mkv'}"
    with av.open(str(source), "w") as container:
        picture = container.add_stream("libx264", rate=30)
        picture.width = picture.height = 32
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=rate_hz, layout="mono")
        for number in range(150):
            frame = av.VideoFrame.from_ndarray(flat(80, 32, 32), format="rgb24")
            frame.pts, frame.time_base = round((number / 30 + max(0, -late_s)) * 30), Fraction(1, 30)
            container.mux(picture.encode(frame))
        resampler = av.AudioResampler(sound.format.name, "mono", rate_hz, frame_size=sound.frame_size or 4096)
        whole = av.AudioFrame.from_ndarray(clicks(rate_hz), format="fltp", layout="mono")
        whole.sample_rate, whole.time_base = rate_hz, Fraction(1, rate_hz)
        whole.pts = round(max(0, late_s) * rate_hz)
        for part in [*resampler.resample(whole), *resampler.resample(None), None]:
            container.mux(sound.encode(part))
        container.mux(picture.encode(None))
    expected = CLICKS_S + late_s
    out = film_with(tmp_path / "out.mp4", SoundOf(source), 6.0)
    inside = expected[(expected > 0) & (expected < 6)]
    np.testing.assert_allclose(clicks_in(out), inside, atol=0.035)
    samples = read_sound(source)
    loud = np.flatnonzero(np.abs(samples) > 0.25) / RATE_HZ
    starts = loud[np.concatenate([[True], np.diff(loud) > 0.1])]
    np.testing.assert_allclose(starts, expected[expected > 0], atol=0.035)


def test_a_short_song_is_filled_up_with_silence(tmp_path):
    out = film_with(
        tmp_path / "out.mp4", SoundOf(song(tmp_path / "a.wav", "pcm_s16le", 44100, "mono", "s16")), 10
    )
    samples, rate_hz = heard(out)
    assert len(samples) / rate_hz == pytest.approx(10, abs=0.05)
    assert np.abs(samples[round(8.2 * rate_hz) :]).max() < 1e-3


def test_what_has_no_sound_is_refused(tmp_path):
    silent = film_with(tmp_path / "silent.mp4", None, 0.2)
    with pytest.raises(DancenetError, match="has no sound"):
        SoundOf(silent)
    (tmp_path / "text.mp3").write_text("la la la")
    with pytest.raises(DancenetError, match="cannot be read"):
        SoundOf(tmp_path / "text.mp3")
    with pytest.raises(DancenetError, match="there is no file"):
        SoundOf(tmp_path / "none.mp3")
