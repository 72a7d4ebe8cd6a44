"""Many films at once: side by side, some of them bad, begun again."""

import dataclasses
import importlib.util
from concurrent.futures import BrokenExecutor, Executor, Future

import numpy as np
import pytest

from dancenet import dancer
from dancenet.batching.batches import Augmentation, FrameBatches
from dancenet.config import DancerOptions, FrameOptions
from dancenet.errors import DancenetError
from dancenet.footage import pools, shards, taken
from dancenet.footage.pools import pool_of
from dancenet.frames import extract, load_frames
from dancenet.runs import Run
from dancenet.sequences import frame_indices, split_takes

SMALL = FrameOptions(width=32, height=24, gray=True)
COUNT = 4


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder of films with music, and below it a few more."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(COUNT):
        options = DancerOptions(minutes=(2 + number) / 60, seed=number, width=64, height=48, fps=15)
        dancer.write_video(folder / ("later" if number > 1 else "") / f"film{number}.mp4", options)
    return folder


@pytest.fixture(scope="module")
def alone(archive, tmp_path_factory):
    return extract([archive], Run(tmp_path_factory.mktemp("alone") / "run"), SMALL)


def same(run, packed, alone):
    """As if one process had taken all, one after the other."""
    np.testing.assert_array_equal(packed.pixels, alone.pixels)
    np.testing.assert_array_equal(packed.backgrounds, alone.backgrounds)
    assert packed.clips == alone.clips
    assert packed.fingerprint == alone.fingerprint
    assert len(packed.clips) == COUNT
    assert any(clip.beat_times_s for clip in packed.clips), "their sound was heard too"
    assert not (run / "frames.taken").exists()


def test_processes_side_by_side_take_what_one_does(archive, alone, tmp_path):
    run = Run(tmp_path / "run")
    told = []
    with pool_of(2) as pool:
        packed = extract([archive], run, SMALL, pool=pool, progress=lambda *said: told.append(said))
    same(run, packed, alone)
    assert ("taking films", COUNT, COUNT) in told


@pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="Dask is not installed")
def test_workers_of_a_cluster_take_what_one_process_does(archive, alone, tmp_path, monkeypatch):
    from distributed import LocalCluster

    run = Run(tmp_path / "run")
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        monkeypatch.chdir(archive)  # the workers are elsewhere
        with pool_of(1, cluster.scheduler_address) as pool:
            same(run, extract(["."], run, SMALL, pool=pool), alone)


@pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="Dask is not installed")
@pytest.mark.parametrize("address", ["tcp://localhost:1", "nonsense://x", ""])
def test_a_scheduler_that_is_not_there_is_told(address, monkeypatch):
    monkeypatch.setattr(pools, "ANSWER_S", 1)
    with pytest.raises(DancenetError, match="no Dask scheduler answers"), pool_of(1, address):
        pass


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(DancenetError, match=r"dancenet\[cluster\]"), pool_of(1, "tcp://localhost:1"):
        pass


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_films_of_a_folder_are_left_out_and_listed(archive, alone, tmp_path, workers, caplog):
    folder = tmp_path / "films"
    folder.mkdir()
    for path in archive.rglob("*.mp4"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "film0b.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("Dear diary" * 99)
    run = Run(tmp_path / "run")
    with pool_of(workers) as pool:
        packed = extract([folder], run, SMALL, pool=pool)
    np.testing.assert_array_equal(packed.pixels, alone.pixels)
    listed = run.read("frames")["left_out"]
    assert [entry["path"] for entry in listed] == [str(folder / "film0b.mp4"), str(folder / "text.mp4")]
    assert all(entry["path"] in entry["why"] for entry in listed)
    said = [record.getMessage() for record in caplog.records if "is left out" in record.getMessage()]
    assert len(said) == 2
    again = extract([folder], run, SMALL)
    assert again.fingerprint == packed.fingerprint, "the same folder again is nothing to do"
    for named in ([folder / "film1.mp4", folder / "text.mp4"], [folder / "text.mp4"]):
        with pytest.raises(DancenetError, match=r"text\.mp4 cannot be read"):
            extract(named, Run(tmp_path / "other"), SMALL)
    for path in folder.glob("film?.mp4"):
        path.unlink()
    with pytest.raises(DancenetError, match=r"text\.mp4 cannot be read"):
        extract([folder], Run(tmp_path / "none"), SMALL)
    assert not (tmp_path / "none").exists()


class Dying(Executor):
    """Processes of which one is ended from outside after two films."""

    done = 0

    def submit(self, function, *arguments):
        """Do it now, or not any more."""
        future: Future = Future()
        if self.done == 2:
            future.set_exception(BrokenExecutor("a process was ended"))
        else:
            future.set_result(function(*arguments))
            self.done += 1
        return future


def test_what_was_taken_before_a_process_died_is_not_taken_again(archive, alone, tmp_path, monkeypatch):
    run, real, seen = Run(tmp_path / "run"), taken.pack_source, []

    def counted(source, *arguments):
        """The same, noted."""
        seen.append(source.name)
        return real(source, *arguments)

    monkeypatch.setattr(taken, "pack_source", counted)
    with pytest.raises(DancenetError, match="run the same command again"):
        extract([archive], run, SMALL, pool=Dying())
    assert seen == ["film0", "film1"]
    same(run, extract([archive], run, SMALL), alone)
    assert seen == ["film0", "film1", "film2", "film3"]


def test_frames_of_many_films_stay_in_files_of_their_own(archive, alone, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARDED_BYTES", 1000)
    monkeypatch.setattr(shards, "MAPPED", 2)
    run = Run(tmp_path / "run")
    packed = extract([archive], run, SMALL)
    same(run, packed, alone)
    assert isinstance(packed.pixels, shards.Shards)
    assert len(list((run / run.read("frames")["files"]["pixels"]).iterdir())) == COUNT
    whole, count = np.array(alone.pixels), len(alone)
    for index in (
        0, -1, count - 1, np.int64(40), slice(None), slice(20, 90), slice(50, 20, -3), slice(9, 9),
        np.array([count - 1, 0, 33, 33]), np.array([[1, 70], [80, 2]]), np.arange(count) % 7 == 0, [5, 60],
    ):  # fmt: skip
        np.testing.assert_array_equal(packed.pixels[index], whole[index])
    for wrong in (count, -count - 1):
        with pytest.raises(IndexError):
            packed.pixels[wrong]
    assert packed.pixels.shape == whole.shape
    taught = frame_indices(split_takes(packed)[0])
    how = {"seed": 0, "epoch": 0, "augmentation": Augmentation(True, False)}
    for sharded, plain in zip(
        *(FrameBatches(one, taught, 8, **how)[0] for one in (packed, alone)), strict=True
    ):
        np.testing.assert_array_equal(sharded, plain)
    first = run.read("frames")["files"]["pixels"]
    extract([archive], run, SMALL, fresh=True)
    extract([archive], run, dataclasses.replace(SMALL, width=48), fresh=True)
    assert not (run / first).exists(), "the earlier ones go"
    (next((run / run.read("frames")["files"]["pixels"]).glob("*.npy"))).unlink()
    with pytest.raises(DancenetError, match="missing or damaged"):
        load_frames(run)
