import dataclasses
import errno
import json
import logging
import os
import subprocess
import sys

import numpy as np
import pytest
from films import flat, shared, walker, write

from dancenet import runs, video
from dancenet.config import FrameOptions
from dancenet.errors import DancenetError
from dancenet.footage import array_writer, taken
from dancenet.footage.clips import Clip, takes_for_validation
from dancenet.footage.image_folder import IMAGES_MARK
from dancenet.footage.inputs import find_sources, performances
from dancenet.frames import extract, frames_like, load_frames
from dancenet.runs import Run
from dancenet.sequences import split_takes

SMALL = FrameOptions(width=48, height=32, fps=15)


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path / "run")


@pytest.fixture
def film(tmp_path):
    return write(tmp_path / "film.mp4", walker(30))


def images(folder, levels, suffix=".png", size=(48, 32)):
    for number, level in enumerate(levels, 1):
        video.write_image(flat(level, *size), folder / f"{number}{suffix}")
    return folder


def names(run):
    return sorted(path.name for path in run.path.iterdir())


def test_packs_and_loads(run, film):
    packed = extract([film], run, SMALL)
    assert packed.pixels.shape == (30, 32, 48, 3)
    assert packed.backgrounds.shape == (1, 32, 48, 3)
    assert (packed.width, packed.height, packed.channels, packed.fps, len(packed)) == (48, 32, 3, 15, 30)
    assert not packed.pixels.flags.writeable
    assert isinstance(packed.pixels, np.memmap)
    again = load_frames(run)
    np.testing.assert_array_equal(again.pixels, packed.pixels)
    assert again.clips == packed.clips
    assert again.options == SMALL
    expected = walker(30)[:, ::2, ::2].astype(float)
    assert np.abs(np.asarray(packed.pixels) - expected).mean() < 5
    content = json.loads((run / "frames.json").read_text())
    assert content["fingerprint"] == packed.fingerprint
    assert content["clips"][0]["beat_times_s"] == []
    assert {"command", "versions"} <= set(content["provenance"])
    assert names(run) == sorted(
        [
            f"frames-{packed.fingerprint}.npy",
            f"backgrounds-{packed.fingerprint}.npy",
            "frames.json",
            "frames.png",
        ]
    )
    np.testing.assert_allclose(packed.backgrounds[0], np.median(packed.pixels, axis=0), atol=1)


def test_the_same_again_does_nothing_and_others_need_fresh(run, film, tmp_path):
    first = extract([film], run, SMALL)
    before = {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()}
    extract([str(film)], run, SMALL)
    assert {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()} == before
    other = dataclasses.replace(SMALL, gray=True)
    with pytest.raises(DancenetError, match="--fresh"):
        extract([film], run, other)
    with pytest.raises(DancenetError, match="other inputs"):
        extract([write(tmp_path / "more.mp4", walker(20))], run, SMALL)
    assert load_frames(run).fingerprint == first.fingerprint
    replaced = extract([film], run, other, fresh=True)
    assert replaced.channels == 1
    assert replaced.fingerprint != first.fingerprint
    assert len(list(run.path.glob("*.npy"))) == 2


def test_damaged_frames_say_so(run, film):
    packed = extract([film], run, SMALL)
    pixels = run / f"frames-{packed.fingerprint}.npy"
    pixels.write_bytes(pixels.read_bytes()[:-100])
    with pytest.raises(DancenetError, match="missing or damaged"):
        load_frames(run)
    pixels.unlink()
    with pytest.raises(DancenetError, match="missing or damaged"):
        load_frames(run)
    assert len(extract([film], run, SMALL, fresh=True)) == 30
    (run / "frames.json").write_text("{")
    with pytest.raises(DancenetError, match="damaged"):
        load_frames(run)


@pytest.mark.parametrize("fit", ["letterbox", "crop", "follow"])
@pytest.mark.parametrize("silhouette", [False, True])
@pytest.mark.parametrize("gray", [False, True])
def test_every_fit(run, film, fit, silhouette, gray):
    options = FrameOptions(width=24, height=48, fit=fit, silhouette=silhouette, gray=gray)
    packed = extract([film], run, options)
    assert packed.pixels.shape == (30, 48, 24, 1 if gray else 3)
    wall = 255 if silhouette else (209 if gray else (200, 210, 220))
    corner = packed.pixels[:, 0, 0]
    np.testing.assert_allclose(corner, np.broadcast_to(wall, corner.shape), atol=8)
    dark = np.asarray(packed.pixels).max(-1) < 110
    tall = np.median([np.ptp(np.flatnonzero(frame.any(1))) + 1 if frame.any() else 0 for frame in dark])
    if fit == "letterbox":  # 96x64 becomes 24x16 in the middle
        assert not dark[:, :15].any()
        assert not dark[:, 33:].any()
        assert 6 <= tall <= 14
    elif fit == "follow":
        assert tall >= 0.62 * 48
        assert packed.clips[0].crop["dancer_height"] >= 0.62
        assert all(frame.any() for frame in dark)
    else:
        assert 22 <= tall <= 36


def test_natural_order_folders_and_images_out(run, tmp_path):
    folder = tmp_path / "clips"
    images(folder / "kick", range(10, 130, 10))
    images(folder / "spin", [200, 220], ".bmp")
    out = tmp_path / "out"
    packed = extract([folder], run, SMALL, images=out)
    assert [(clip.name, clip.start, clip.length) for clip in packed.clips] == [
        ("kick", 0, 12),
        ("spin", 12, 2),
    ]
    np.testing.assert_array_equal(packed.pixels[:, 0, 0, 0], [*range(10, 130, 10), 200, 220])
    assert sorted(path.name for path in (out / "kick").iterdir()) == sorted(f"{k}.jpg" for k in range(1, 13))
    assert video.read_image(out / "spin" / "2.jpg").mean() == pytest.approx(220, abs=1)
    with pytest.raises(DancenetError, match="is where the input"):
        extract([folder], run, SMALL, images=folder)
    video.write_image(flat(3), out / "kick" / "99.jpg")
    with pytest.raises(DancenetError, match=r"other files already, such as kick/99\.jpg"):
        extract([folder], Run(tmp_path / "none"), SMALL, images=out)
    assert not (tmp_path / "none").exists(), "found out before any work"
    (out / "kick" / "99.jpg").unlink()
    extract([folder], run, SMALL, images=out)  # its own it may write again
    (out / IMAGES_MARK).write_text('{"images": 3}')
    with pytest.raises(DancenetError, match="holds other files already"):
        extract([folder], run, SMALL, images=out)
    mine = images(tmp_path / "mine", [1, 2], ".jpg")
    before = (mine / "1.jpg").read_bytes()
    with pytest.raises(DancenetError, match=r"other files already, such as 1\.jpg"):
        extract([folder], run, SMALL, images=mine)
    assert (mine / "1.jpg").read_bytes() == before
    again = extract([out], Run(tmp_path / "again"), SMALL)
    np.testing.assert_allclose(again.pixels, packed.pixels, atol=2)


def test_default_folder_a_mix_and_names(tmp_path, monkeypatch, film):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DancenetError, match="data/imgs"):
        find_sources([])
    images(tmp_path / "data" / "imgs", [10, 20])
    assert [source.name for source in find_sources([])] == ["imgs"]
    (tmp_path / "b").mkdir()
    write(tmp_path / "b" / "film.mp4", walker(5))
    (tmp_path / "b" / "notes.txt").write_text("no video")
    found = find_sources([film, tmp_path / "b", "data/imgs", film])
    assert [source.name for source in found] == ["film", "film-2", "imgs"]
    loose = find_sources([tmp_path / "data/imgs/2.png", tmp_path / "data/imgs/1.png"])
    assert [path.name for path in loose[0].images] == ["1.png", "2.png"]


def test_a_cut_splits_and_clips_are_found_by_name(run, tmp_path):
    film = np.concatenate([walker(30), 255 - walker(45)])
    packed = extract([write(tmp_path / "two.mp4", film)], run, SMALL)
    assert [(clip.number, clip.name, clip.start, clip.length) for clip in packed.clips] == [
        (1, "two", 0, 30),
        (2, "two#2", 30, 45),
    ]
    assert packed.clips[1].source_start_s == pytest.approx(2.0)
    assert packed.clip_named("two#2") == packed.clip_named("2") == packed.clips[1]
    assert packed.locate("two#2:1.0") == 45
    assert packed.locate("2:0") == packed.locate("two#2") == 30
    for wrong in ("three", "3", "0", "two:99", "two:-1", "two:x"):
        with pytest.raises(DancenetError) as error:
            packed.locate(wrong)
        assert "\n" not in str(error.value)
    follow = dataclasses.replace(SMALL, fit="follow", width=32)
    followed = extract([tmp_path / "two.mp4"], run, follow, fresh=True)
    assert [clip.length for clip in followed.clips] == [30, 45]
    assert followed.pixels[31:].mean() < 100 < followed.pixels[:29].mean()


def test_duplicates_and_low_rates_are_reported(run, tmp_path, caplog):
    path = write(tmp_path / "slow.mp4", np.repeat(walker(30), 2, axis=0), fps=30, options={"crf": "10"})
    with caplog.at_level(logging.WARNING):
        extract([path], run, SMALL)
    content = run.read("frames")
    assert 28 <= content["duplicates"] <= 33
    assert "repeat the one before" in caplog.text
    assert "real rate is near 1" in content["warnings"][0]
    caplog.clear()
    extract([write(tmp_path / "five.mp4", walker(20), fps=5)], Run(tmp_path / "five"), SMALL)
    assert "fewer than --fps" in caplog.text


def test_several_people_are_warned_about(run, tmp_path, caplog, film):
    extract([film], run, SMALL)
    assert "several people" not in caplog.text
    pair = np.concatenate([walker(40), walker(40, seed=2)], axis=2)
    extract([write(tmp_path / "pair.mp4", pair)], Run(tmp_path / "pair"), FrameOptions())
    assert "several people" in caplog.text


def test_frames_like_leaves_no_trace(film, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    packed = frames_like(film, SMALL)
    np.testing.assert_array_equal(packed.pixels, extract([film], Run(tmp_path / "run"), SMALL).pixels)
    del packed
    assert list(scratch.iterdir()) == []
    with pytest.raises(DancenetError):
        frames_like(tmp_path / "none.mp4", SMALL)
    assert list(scratch.iterdir()) == []


def test_films_named_twice_are_taken_once_and_said_in_one_line(tmp_path, caplog):
    films = [write(tmp_path / f"{name}.mp4", walker(5)) for name in "abc"]
    found = find_sources([*films, tmp_path])
    assert [source.name for source in found] == ["a", "b", "c"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{films[0]} and 2 more: named twice and taken once"
    ]


def test_an_interrupted_extraction_goes_on_with_the_source_that_it_was_at(run, tmp_path, monkeypatch):
    films = [write(tmp_path / f"{name}.mp4", walker(20 + 5 * i)) for i, name in enumerate("abc")]
    whole = extract(films, Run(tmp_path / "whole"), SMALL)
    seen, real = [], taken.pack_source

    def until(last, error):
        def pack(source, *arguments):
            seen.append(source.name)
            if source.name == last:
                raise error
            yield from real(source, *arguments)

        monkeypatch.setattr(taken, "pack_source", pack)

    until("b", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        extract(films, run, SMALL)
    assert not run.has("frames")
    until("none", None)
    packed = extract(films, run, SMALL)
    assert seen == ["a", "b", "b", "c"], "the first one is not taken again"
    np.testing.assert_array_equal(packed.pixels, whole.pixels)
    assert packed.fingerprint == whole.fingerprint
    assert packed.clips == whole.clips
    assert {path.name for path in run.path.iterdir()} == {p.name for p in (tmp_path / "whole").iterdir()}
    until("c", DancenetError("bad", "good", "mend it"))
    other = Run(tmp_path / "other")
    with pytest.raises(DancenetError):
        extract(films, other, SMALL)
    assert not other.path.exists(), "bad input leaves nothing"


def zeroed(data, count):
    """A file with zeros over `count` bytes from its middle on."""
    middle = len(data) // 2
    return data[:middle] + bytes(count) + data[middle + count :]


@pytest.mark.parametrize("count", [60, 200, 400, 1000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_jpeg_damaged_inside_is_refused(tmp_path, count, seed):
    noise = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    video.write_image(noise, tmp_path / "1.jpg")
    whole = (tmp_path / "1.jpg").read_bytes()
    assert video.read_image(tmp_path / "1.jpg").shape == noise.shape
    (tmp_path / "1.jpg").write_bytes(zeroed(whole, count))
    with pytest.raises(DancenetError, match=r"1\.jpg is damaged"):
        video.read_image(tmp_path / "1.jpg")


def broken_inputs(tmp_path):
    (tmp_path / "empty_folder").mkdir()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("Dear diary" * 100)
    mixed = images(tmp_path / "mixed", [10, 20, 30])
    video.write_image(flat(40, 20, 20), mixed / "2.png")
    corrupt = images(tmp_path / "corrupt", [10, 20, 30], ".jpg")
    (corrupt / "2.jpg").write_bytes((corrupt / "2.jpg").read_bytes()[:150])
    damaged_inside = images(tmp_path / "inside", [10, 20, 30], ".jpg")
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    for number in (1, 2, 3):
        video.write_image(noise, damaged_inside / f"{number}.jpg")
    whole = (damaged_inside / "3.jpg").read_bytes()
    (damaged_inside / "3.jpg").write_bytes(zeroed(whole, 200))
    return {
        "there is no file": tmp_path / "none.mp4",
        "holds no video and no image": tmp_path / "empty_folder",
        "is empty": tmp_path / "empty.mp4",
        "cannot be read as a video": tmp_path / "text.mp4",
        "no two frames that follow one another": images(tmp_path / "single", [10]),
        "20x20": mixed,
        "2.jpg is damaged": corrupt,
        "3.jpg is damaged": damaged_inside,
    }


def test_bad_input_is_one_line_and_leaves_the_run(run, film, tmp_path):
    for said, path in broken_inputs(tmp_path).items():
        with pytest.raises(DancenetError, match=said) as error:
            extract([path], Run(tmp_path / "new"), SMALL)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "new").exists()
    kept = extract([film], run, SMALL).fingerprint
    before = names(run)
    (tmp_path / "again").mkdir()
    for path in broken_inputs(tmp_path / "again").values():
        with pytest.raises(DancenetError):
            extract([path] if path.name == "single" else [film, path], run, SMALL, fresh=True)
        assert names(run) == before
    assert load_frames(run).fingerprint == kept
    with pytest.raises(DancenetError, match="no two frames that follow one another"):
        extract([film], Run(tmp_path / "late"), dataclasses.replace(SMALL, start=99.0))


def test_no_permission_and_full_disk(run, film, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DancenetError, match="cannot be made"):
        extract([film], Run(tmp_path / "file" / "run"), SMALL)
    extract([film], run, SMALL)
    before = names(run)
    for number, said in [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission")]:

        def refuse(self, frame, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(array_writer.Writer, "write", refuse)
        with pytest.raises(DancenetError, match=said):
            extract([film], run, SMALL, fresh=True)
        assert names(run) == before
    monkeypatch.undo()

    def full(self, stage, content):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(runs.Run, "write", full)
    sheet = (run / "frames.png").read_bytes()
    with pytest.raises(DancenetError, match="disk is full"):
        extract([film], run, dataclasses.replace(SMALL, gray=True), fresh=True)
    assert names(run) == before
    assert (run / "frames.png").read_bytes() == sheet
    monkeypatch.undo()
    assert load_frames(run).channels == 3


KILLED = """
import sys, time
from dancenet.footage import array_writer
from dancenet.config import FrameOptions
from dancenet.frames import extract
from dancenet.runs import Run
from dancenet.sequences import split_takes
write = array_writer.Writer.write
def slow(self, frame):
    write(self, frame)
    if self.count == 20:
        print("here", flush=True)
        time.sleep(60)
array_writer.Writer.write = slow
extract([sys.argv[1]], Run(sys.argv[2]), FrameOptions(width=32, height=32), fresh=True)
"""


def test_a_kill_leaves_the_old_frames_and_the_next_run_cleans_up(run, film):
    kept = extract([film], run, SMALL)
    before = names(run)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(film), str(run.path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline().strip() == b"here"
    process.kill()
    process.wait()
    process.stdout.close()
    assert len(names(run)) > len(before)
    np.testing.assert_array_equal(load_frames(run).pixels, kept.pixels)
    extract([film], run, FrameOptions(width=32, height=32), fresh=True)
    assert len(names(run)) == 4
    assert load_frames(run).width == 32


def test_memory_stays_flat(tmp_path):
    """Four times the film takes no more memory: only the packed file grows."""
    code = (
        "import sys; from dancenet.config import FrameOptions; from dancenet.frames import extract\n"
        "from dancenet.runs import Run\n"
        "extract([sys.argv[1]], Run(sys.argv[2]), FrameOptions(width=416, height=240, fps=60))\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('RssAnon')][0])\n"
    )
    if not os.path.exists("/proc/self/status"):
        pytest.skip("this system has no /proc")
    anonymous = []
    for count in (150, 600):
        path = write(tmp_path / f"{count}.mp4", walker(count, 192), fps=60, options={"preset": "ultrafast"})
        made = subprocess.run(
            [sys.executable, "-c", code, str(path), str(tmp_path / f"run{count}")],
            capture_output=True,
            check=True,
        )
        anonymous.append(int(made.stdout.split()[0]) / 1024)
    assert anonymous[1] - anonymous[0] < 40  # MB; the frames alone take 180 MB against 45


def clips(*numbers):
    return [Clip(k + 1, f"c{k}", "s", number, 10 * k, 10, 0.0) for k, number in enumerate(numbers)]


def test_takes_for_validation():
    assert takes_for_validation(clips(0)) == ()
    assert takes_for_validation(clips(0, 1)) in ((0,), (1,))
    assert len(takes_for_validation(clips(0, 0))) == 1  # two takes of one performance: one all the same
    assert takes_for_validation(clips(*range(12))) == (3, 9)
    pairs = takes_for_validation(clips(*range(10), *range(10)))
    assert len(pairs) == 4
    assert {index % 10 for index in pairs} == {index % 10 for index in pairs if index < 10}
    for count in range(2, 40):
        taken = takes_for_validation(clips(*range(count)))
        assert 1 <= len(taken) < count
        assert abs(len(taken) - count / 6) <= 1
    lopsided = takes_for_validation(clips(*[0] * 11, 1))
    assert lopsided == (11,)


def labelled(*names):
    numbered = zip(clips(*range(len(names))), names, strict=True)
    return [dataclasses.replace(clip, dancer=name) for clip, name in numbered]


def test_every_dancer_validates_with_a_take_of_their_own():
    some = labelled(*["anna"] * 6, "ben", *["cleo"] * 3, "ben")
    taken = takes_for_validation(some)
    assert sorted(some[index].dancer for index in taken) == ["anna", "ben", "cleo"]
    alone = labelled("anna", "anna", "anna", "ben")
    assert {alone[index].dancer for index in takes_for_validation(alone)} == {"anna"}
    together = labelled(*["anna"] * 6, *["ben"] * 6)
    together = [dataclasses.replace(clip, performance=k % 6) for k, clip in enumerate(together)]
    taken = takes_for_validation(together)
    assert {together[index].performance for index in taken} == {together[taken[0]].performance}
    assert len(taken) == 2


def test_dancers_are_told_apart_by_the_folders_they_lie_in(tmp_path):
    for number, name in enumerate(("ben", "anna")):
        for take in range(2):
            path = tmp_path / "films" / name / f"{name}{take}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, walker(20 + 4 * take, seed=number + take))
    run, films = Run(tmp_path / "run"), [tmp_path / "films"]
    packed = extract(films, run, SMALL, dancers=True)
    assert packed.dancers == ("anna", "ben")
    assert [clip.dancer for clip in packed.clips] == ["anna", "anna", "ben", "ben"]
    np.testing.assert_array_equal(packed.bodies, [0] * 44 + [1] * 44)
    assert load_frames(run).dancers == packed.dancers
    assert packed.body_named("ben") == 1
    training, validation = split_takes(packed)
    for spans in (training, validation):
        assert {packed.bodies[span.start] for span in spans} == {0, 1}
    with pytest.raises(DancenetError, match="no dancer is named 'cleo' · expected one of anna, ben"):
        packed.body_named("cleo")
    with pytest.raises(DancenetError, match="other options"):
        extract(films, run, SMALL)
    one = extract(films, Run(tmp_path / "one"), SMALL)
    assert one.dancers == ()
    assert one.fingerprint != packed.fingerprint
    np.testing.assert_array_equal(one.bodies, np.zeros(88))
    with pytest.raises(DancenetError, match="knows one dancer"):
        one.body_named("anna")
    with pytest.raises(DancenetError, match="all films in one folder, anna"):
        extract([tmp_path / "films" / "anna"], Run(tmp_path / "two"), SMALL, dancers=True)


def test_the_only_take_of_a_dancer_gives_its_end_to_validation(tmp_path):
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / f"{name}.mp4", walker(60, seed=len(name)))
    packed = extract([tmp_path / "anna", tmp_path / "ben"], Run(tmp_path / "run"), SMALL, dancers=True)
    training, validation = split_takes(packed)
    assert [packed.bodies[span.start] for span in validation] == [0, 1]
    for learned, unseen in zip(training, validation, strict=True):
        assert unseen.start - learned.stop >= 10
        assert len(unseen) == 10


def test_frames_from_before_there_were_dancers_are_read(tmp_path):
    run = Run(tmp_path / "run")
    made = extract([write(tmp_path / "a.mp4", walker(20))], run, SMALL)
    path = run / "frames.json"
    content = json.loads(path.read_text())
    del content["dancers"], content["options"]["camera"]
    for clip in content["clips"]:
        del clip["dancer"]
    path.write_text(json.dumps(content))
    assert extract([tmp_path / "a.mp4"], run, SMALL).fingerprint == made.fingerprint
    assert load_frames(run).dancers == ()


def test_performances():
    frame_s = 1 / 30
    lengths = [
        (10.0, frame_s),
        (20.0, frame_s),
        (10.03, frame_s),
        (30.0, frame_s),
        *[(40.0 + k, frame_s) for k in range(5)],
    ]
    found = performances([f"t{k}" for k in range(9)], lengths)
    assert found[0] == found[2]
    assert len(set(found)) == 8
    assert len(set(performances(list("abcdef"), [(14.8, 0.05)] * 6))) == 6  # a standard length
    names = [
        "gBR_sBM_c01_d04_mBR0_ch01",
        "gBR_sBM_c02_d04_mBR0_ch01",
        "gBR_sBM_c01_d05_mBR0_ch01",
        "x-cam2",
        "x-cam1",
    ]
    found = performances(names, [(k + 1.0, 0.05) for k in range(5)])
    assert found[0] == found[1] != found[2]
    assert found[3] == found[4]
    assert (
        len(
            set(performances(["salsa_01", "salsa_02", "cameo", "disc1"], [(k + 1.0, 0.05) for k in range(4)]))
        )
        == 4
    )


def test_real_partners_are_one_performance():
    sources = find_sources([shared("salsa")])
    found = performances([source.name for source in sources], [source.duration_s(15) for source in sources])
    by_name = {source.name: number for source, number in zip(sources, found, strict=True)}
    for one, other in zip(
        ["01", "02", "03", "04", "05", "06", "07", "09", "10", "11"],
        ["16", "17", "18", "19", "20", "21", "22", "24", "25", "26"],
        strict=True,
    ):
        assert by_name[f"salsa_{one}"] == by_name[f"salsa_{other}"]
    assert len(set(found)) == 10
    alone = find_sources([shared("aist")])
    assert len(set(performances([s.name for s in alone], [s.duration_s(15) for s in alone]))) == 12


@pytest.mark.soak
@pytest.mark.parametrize(("folder", "fit"), [("salsa", "letterbox"), ("aist", "follow")])
def test_all_real_dance(run, folder, fit, caplog):
    packed = extract([shared(folder)], run, FrameOptions(fit=fit, width=96, height=128))
    assert not any("#" in clip.name for clip in packed.clips)
    assert caplog.text == ""


def test_silhouettes_without_a_dancer_are_warned_of(run, tmp_path):
    still = write(tmp_path / "still.mp4", [flat(120, 96, 64)] * 30)
    extract([still], run, dataclasses.replace(SMALL, silhouette=True))
    said = json.loads((run / "frames.json").read_text())["warnings"]
    assert any("silhouettes are empty" in text and "--foreground knn" in text for text in said)
