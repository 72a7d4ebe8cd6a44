import contextlib
import errno
import logging
from pathlib import Path

import av
import numpy as np
import pytest
from films import flat, turn, walker, write

from dancenet import runs, video
from dancenet.errors import DancenetError
from dancenet.media.sound_out import Samples


def levels(path, **options):
    return [round(float(picture.mean())) for _, picture in video.read_frames(path, **options)]


def near(found, expected, slack=3):
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=slack)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size"),
    [
        ("a.mp4", "libx264", "yuv420p", (64, 48)),
        ("a.mov", "libx264", "yuv420p", (64, 48)),
        ("a.mkv", "ffv1", "yuv420p10le", (64, 48)),
        ("a.mp4", "libx264", "yuv420p10le", (64, 48)),
        ("a.mkv", "ffv1", "yuv444p", (63, 47)),
        ("a.avi", "mpeg4", "yuv420p", (64, 48)),
        ("a.webm", "libvpx-vp9", "yuv420p", (64, 48)),
        ("a.gif", "gif", "rgb8", (63, 47)),
    ],
)
def test_reads_containers_depths_and_odd_sizes(tmp_path, name, codec, pix_fmt, size):
    frames = [flat(level, *size) for level in (40, 80, 120, 160, 200)]
    path = write(tmp_path / name, frames, fps=10, codec=codec, pix_fmt=pix_fmt)
    info = video.probe(path)
    assert (info.width, info.height, info.has_sound) == (*size, False)
    assert info.fps == pytest.approx(10, rel=0.02)
    found = [picture for _, picture in video.read_frames(path)]
    assert all(picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8 for picture in found)
    near([picture.mean() for picture in found], [40, 80, 120, 160, 200], slack=20 if codec == "gif" else 4)


def test_sound_is_noticed_and_does_not_disturb(tmp_path):
    path = write(tmp_path / "a.mp4", [flat(50), flat(150)], fps=10, sound=True)
    assert video.probe(path).has_sound
    near(levels(path), [50, 150])


def test_rotation_by_metadata(tmp_path):
    picture = flat(30)
    picture[:16, :20] = 220  # the stored picture's upper left corner ...
    path = write(tmp_path / "a.mp4", [picture] * 3, fps=10)
    turn(path)
    info = video.probe(path)
    assert (info.width, info.height) == (48, 64)
    shown = next(iter(video.read_frames(path)))[1]
    assert shown.shape == (64, 48, 3)
    assert shown[:16, -12:].mean() > 180  # ... is the upper right one when turned clockwise
    assert shown[:16, :12].mean() < 60


def test_variable_rate_shows_the_latest_frame(tmp_path):
    times_ms = [0, 40, 300, 350, 380, 900]
    path = write(
        tmp_path / "a.mkv", [flat(v) for v in (20, 60, 100, 140, 180, 220)], times_ms=times_ms, codec="ffv1"
    )
    found = list(video.read_frames(path, fps=10))
    np.testing.assert_allclose([time_s for time_s, _ in found], np.arange(len(found)) / 10)
    expected = [20, 60, 60, 100, 180, 180, 180, 180, 180, 220]
    near([picture.mean() for _, picture in found], expected)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_halving_a_steady_rate_takes_every_second_frame(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", [flat(10 * k) for k in range(24)], fps=30, codec="libx264")
    near(levels(path, fps=15), [20 * k for k in range(12)], slack=4)


def test_doubling_repeats_and_start_and_end_cut(tmp_path):
    path = write(tmp_path / "a.mp4", [flat(20 * k) for k in range(10)], fps=10)
    near(levels(path, fps=20), [20 * (k // 2) for k in range(20)], slack=4)
    near(levels(path, fps=10, start_s=0.2, end_s=0.5), [40, 60, 80], slack=4)
    near(levels(path, start_s=0.2, end_s=0.5), [40, 60, 80], slack=4)


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_bad_files_say_so_in_one_line(tmp_path):
    with pytest.raises(DancenetError) as error:
        video.probe(tmp_path / "none.mp4")
    assert "there is no file" in one_line(error)
    for name, content, said in [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"Dear diary, " * 200, "cannot be read as a video"),
    ]:
        (tmp_path / name).write_bytes(content)
        for look in (video.probe, lambda path: list(video.read_frames(path))):
            with pytest.raises(DancenetError) as error:
                look(tmp_path / name)
            assert said in one_line(error)
    with pytest.raises(DancenetError, match="is a folder"):
        video.probe(tmp_path)


def test_sound_alone_and_no_frames(tmp_path):
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        block.sample_rate = 8000
        container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    with pytest.raises(DancenetError, match="no picture stream"):
        video.probe(sound)
    # The header of a film whose data are gone: a picture stream of zero length.
    whole = write(tmp_path / "whole.mkv", walker(20), codec="libx264").read_bytes()
    bare = tmp_path / "bare.mkv"
    bare.write_bytes(whole[: whole.index(b"\x1f\x43\xb6\x75")])
    with pytest.raises(DancenetError) as error:
        list(video.read_frames(bare))
    assert "no frame" in one_line(error) or "cannot be read" in one_line(error)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_truncated_video_gives_what_it_has_and_warns(tmp_path, caplog, suffix):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (60, 48, 64, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    with video.VideoWriter(path, width=64, height=48, fps=15) as writer:
        writer.write(noise)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        count = sum(1 for _ in video.read_frames(path))
    assert 10 < count < 50
    assert "damaged or cut off" in caplog.text


def test_damage_in_the_middle_costs_only_its_place(tmp_path, caplog):
    path = write(tmp_path / "a.mkv", walker(90), codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        found = list(video.read_frames(path))
    assert 60 < len(found) < 90
    assert found[-1][0] > 5  # of 6 seconds: what comes behind is read again
    assert "damaged" in caplog.text


def test_writer_makes_a_browser_video_with_sound(tmp_path):
    path = tmp_path / "sub" / "out.mp4"
    rate_hz = 22050
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)
    frames = walker(30, 97, 63)  # odd: made even
    with video.VideoWriter(path, width=97, height=63, fps=30, sound=Samples(tone, rate_hz)) as writer:
        writer.write(frames[:10])
        for frame in frames[10:]:
            writer.write(frame)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert sound.codec_context.name == "aac"
        assert float(sound.duration * sound.time_base) == pytest.approx(1.0, abs=0.1)
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(sound)])
    spectrum = np.abs(np.fft.rfft(heard[:rate_hz]))
    assert spectrum.argmax() * rate_hz / len(heard[:rate_hz]) == pytest.approx(440, abs=2)
    read = np.stack([picture for _, picture in video.read_frames(path)])
    assert read.shape == (30, 64, 98, 3)
    error = read[:, :63, :97].astype(float) - frames
    assert 10 * np.log10(255**2 / (error**2).mean()) > 30


def test_writer_grey_fractional_rate(tmp_path):
    path = tmp_path / "out.mp4"
    with video.VideoWriter(path, width=64, height=48, fps=29.97) as writer:
        writer.write(np.full((15, 48, 64, 1), 77, np.uint8))
    assert video.probe(path).fps == pytest.approx(29.97, abs=0.01)
    near(levels(path), [77] * 15)


def test_the_same_frames_give_the_same_file(tmp_path):
    """Wherever memory lies: x264 chose other blocks by it, with AVX-512, in one file of eight."""
    random = np.random.default_rng(0)
    steps = np.arange(120)[:, None, None]
    y, x = np.mgrid[:48, :64]
    blobs = (
        np.exp(-((x - 32 - a * np.sin(steps / b)) ** 2 + (y - 24 - c * np.cos(steps / d)) ** 2) / 40)
        for a, b, c, d in random.uniform(2, 9, (5, 4))
    )
    frames = (255 - 120 * np.clip(sum(blobs), 0, 2)).astype(np.uint8)[..., None]
    found, elsewhere = set(), []
    for _ in range(40):
        elsewhere = elsewhere[-200:] + [bytearray(random.integers(10, 100_000)) for _ in range(50)]
        with video.VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=30) as writer:
            writer.write(frames)
        found.add((tmp_path / "a.mp4").read_bytes())
    assert len(found) == 1


def test_writer_leaves_nothing_when_it_fails(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"old")

    def fail():
        with video.VideoWriter(path, width=64, height=48, fps=15) as writer:
            writer.write(flat(3))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(DancenetError, match="no frame"), video.VideoWriter(path, width=64, height=48, fps=15):
        pass
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_writer_refuses_places_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("x")
    below = tmp_path / "file" / "out.mp4"
    with (
        pytest.raises(DancenetError) as error,
        video.VideoWriter(below, width=64, height=48, fps=15) as writer,
    ):
        writer.write(flat(3))
    assert "cannot be made" in one_line(error)
    with pytest.raises(DancenetError, match="suffix"):
        video.VideoWriter(tmp_path / "out.txt", width=64, height=48, fps=15)


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission")]
)
def test_writer_full_disk_and_no_permission(tmp_path, monkeypatch, number, said):
    def refuse(*args):
        raise OSError(number, "refused")

    monkeypatch.setattr(runs.os, "replace", refuse)
    path = tmp_path / "out.mp4"
    with (
        pytest.raises(DancenetError) as error,
        video.VideoWriter(path, width=64, height=48, fps=15) as writer,
    ):
        writer.write(flat(3))
    assert said in one_line(error)
    assert list(tmp_path.iterdir()) == []


def test_encoder_on_a_full_device(tmp_path, monkeypatch):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    @contextlib.contextmanager
    def onto_full_device(path):
        link = path.with_suffix(".part.mkv")
        link.symlink_to("/dev/full")
        with runs.disk_errors(path):
            yield link

    monkeypatch.setattr(runs, "replacing", onto_full_device)
    rng = np.random.default_rng(0)
    path = tmp_path / "out.mkv"
    with (
        pytest.raises(DancenetError) as error,
        video.VideoWriter(path, width=640, height=480, fps=15) as writer,
    ):
        writer.write(rng.integers(0, 255, (8, 480, 640, 3), np.uint8))
    assert "disk is full" in one_line(error)


def test_images_and_contact_sheet(tmp_path):
    colourful = np.zeros((20, 30, 3), np.uint8)
    colourful[..., 0] = 250
    video.write_image(colourful, tmp_path / "a.png")
    np.testing.assert_array_equal(video.read_image(tmp_path / "a.png"), colourful)
    video.write_image(colourful[..., :1], tmp_path / "grey.jpg")
    np.testing.assert_allclose(video.read_image(tmp_path / "grey.jpg"), 250, atol=2)
    frames = np.stack([np.full((20, 30, 1), 10 * k, np.uint8) for k in range(5)])
    video.contact_sheet(frames, tmp_path / "sheet.png", columns=3, labels=[f"clip {k}.0 s" for k in range(5)])
    sheet = video.read_image(tmp_path / "sheet.png")
    assert sheet.shape == (2 * (20 + 14 + 2) + 2, 3 * 32 + 2, 3)
    for index in range(5):
        top, left = 2 + index // 3 * 36, 2 + index % 3 * 32
        assert (sheet[top : top + 20, left : left + 30] == 10 * index).all()
        assert sheet[top + 20 : top + 34, left : left + 30].min() < 200  # the label
    for name, content in [("cut.jpg", (tmp_path / "grey.jpg").read_bytes()[:200]), ("empty.jpg", b"")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DancenetError) as error:
            video.read_image(tmp_path / name)
        assert name in one_line(error)
