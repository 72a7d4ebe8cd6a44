"""Who trains together, what each makes of a batch, and which batch and rate that gives."""

import json
import re
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT

from dancenet.batching.batches import Augmentation, FrameBatches, rows_of
from dancenet.config import FrameOptions, TrainOptions
from dancenet.errors import DancenetError
from dancenet.fitting.stage import BatchSize
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.latents import Latents
from dancenet.machine.cluster import addresses_of, resolver_of_cluster
from dancenet.machine.strategies import _bytes_of, _heard, team_of
from dancenet.machine.team import ALONE, Team
from dancenet.sequences import Span, WindowBatches
from dancenet.stages.joint import FrameWindows
from dancenet.stages.pose_batches import PoseBatches

GUIDE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


def film(length=64, clips=2):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 255, (length * clips, 24, 32, 1), dtype="uint8")
    backgrounds = np.stack([np.median(pixels[i * length : (i + 1) * length], axis=0) for i in range(clips)])
    return PackedFrames(
        pixels, backgrounds.astype("uint8"),
        tuple(Clip(i + 1, f"take{i}", "", i, i * length, length, 0.0) for i in range(clips)),
        15.0, FrameOptions(), "print",
    )  # fmt: skip


def latents_of(packed):
    random = np.random.default_rng(1)
    shape = (len(packed), 128)
    return Latents(
        random.normal(size=shape).astype("float32"), np.full(shape, -2.0, "float32"),
        np.zeros((0, *shape), "float32"), np.zeros((0, *shape), "float32"), np.zeros(128), np.ones(128),
        np.array([clip.start for clip in packed.clips]), np.array([clip.length for clip in packed.clips]),
        np.array(15.0),
    )  # fmt: skip


def epochs_of(kind):
    packed = film()
    indices, spans = np.arange(len(packed)), [Span(0, 64), Span(64, 128)]
    if kind == "frames":
        both = Augmentation(mirror=True, shift=True)
        return FrameBatches(packed, indices, 16, seed=1, epoch=2, augmentation=both, share=4)
    if kind == "poses":
        danced = np.random.default_rng(2).normal(size=(99, 128)).astype("float32")
        return PoseBatches(packed, latents_of(packed), indices, danced, batch=16, seed=1, epoch=2, share=4)
    if kind == "windows":
        return WindowBatches(latents_of(packed), spans, window=12, batch=16, seed=1, epoch=2)
    return FrameWindows(packed, spans, seed=1, epoch=2, batch=16)


@pytest.mark.parametrize("kind", ["frames", "poses", "windows", "joint"])
def test_workers_make_their_rows_of_the_very_batch(kind):
    batches = epochs_of(kind)
    workers = [Team(worker, 4) for worker in range(4)]
    for index in (0, len(batches) - 1):
        whole = batches[index]
        assert len(whole[0]) == batches.size
        parts = [batches.part(index, worker.rows(batches.size)) for worker in workers]
        for together, *apart in zip(whole, *parts, strict=True):
            np.testing.assert_array_equal(together, np.concatenate(apart))
            assert len({len(part) for part in apart}) == 1


def test_batches_are_shared_evenly():
    assert rows_of(16, 100, 1) == 16
    assert rows_of(16, 100, 3) == 18
    assert rows_of(16, 10, 4) == 8
    with pytest.raises(DancenetError, match=r"3 frames to train on.*4 devices"):
        rows_of(16, 3, 4)


def test_the_batch_grows_with_the_devices_and_the_rate_with_its_root():
    eight = SimpleNamespace(replicas=8)
    size = BatchSize.of(TrainOptions(), 16, eight)
    assert (size.examples, size.settings) == (128, {"batch_times": 8})
    assert size.rate(TrainOptions(), 1e-3) == pytest.approx(1e-3 * 8**0.5)
    assert size.rate(TrainOptions(learning_rate=5e-4), 1e-3) == 5e-4, "taken as it is given"
    assert BatchSize.of(TrainOptions(batch_times=1), 16, eight).examples == 16
    assert BatchSize.of(TrainOptions(), 2, SimpleNamespace(replicas=3), {"batch_times": 2}).examples == 6
    usual = BatchSize.of(TrainOptions(), 16, ALONE)
    assert (usual.examples, usual.settings, usual.rate(TrainOptions(), 1e-3)) == (16, {}, 1e-3)


def test_a_stage_goes_on_with_the_batch_that_it_was_begun_with():
    again = BatchSize.of(TrainOptions(), 16, ALONE, {"batch_times": 8, "seed": 0})
    assert (again.examples, again.settings) == (128, {"batch_times": 8})
    older = BatchSize.of(TrainOptions(), 16, SimpleNamespace(replicas=8), {"seed": 0})
    assert (older.examples, older.settings) == (16, {})
    other = BatchSize.of(TrainOptions(batch_times=1), 16, ALONE, {"batch_times": 8})
    assert other.settings == {"batch_times": 1}, "another one than before: Stage says so"


def test_what_the_chief_says_arrives():
    for said in (None, True, [0.1, False], {"score": -1.5e-7, "holds": True, "nothing": float("inf")}):
        assert _heard(_bytes_of(said)) == said
    with pytest.raises(ValueError, match="at most"):
        _bytes_of("x" * 9000)


def test_alone_by_default(monkeypatch):
    assert resolver_of_cluster() is None
    assert team_of.__wrapped__(1) is ALONE
    assert team_of.__wrapped__("all").replicas == 1, "as many as there are, without a GPU"
    with pytest.raises(DancenetError, match="--devices 2, and this machine has 1"):
        team_of.__wrapped__(2)
    for wrong in ("0", "-1"):
        with pytest.raises(DancenetError, match="--devices"):
            TrainOptions(devices=int(wrong))


@pytest.mark.parametrize(
    "config",
    [
        "nonsense",
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"ps": ["a:1", "b:2"]}, "task": {"type": "ps", "index": 1}}',
    ],
)
def test_a_tf_config_that_says_nothing_is_told(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(DancenetError, match=r"TF_CONFIG cannot be used.*addresses of all workers"):
        resolver_of_cluster()


def test_workers_are_read_from_tf_config_and_from_slurm(monkeypatch):
    cluster = {"cluster": {"worker": ["b:2"], "chief": ["a:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    assert addresses_of(resolver_of_cluster()) == (["a:1", "b:2"], 1)
    monkeypatch.delenv("TF_CONFIG")
    step = {"NUM_TASKS": "3", "TASKS_PER_NODE": "2,1", "NODELIST": "node[3-4]"}
    for name, value in step.items():
        monkeypatch.setenv(f"SLURM_STEP_{name}", value)
    monkeypatch.setenv("SLURM_PROCID", "2")
    assert addresses_of(resolver_of_cluster()) == (["node3:8888", "node3:8889", "node4:8888"], 2)


def test_the_launch_lines_of_the_guide_say_what_tensorflow_reads(tmp_path, monkeypatch):
    yaml = re.search(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)[1]
    shell = re.search(r"```bash\n(hosts=.*?)```", GUIDE, re.DOTALL)[1]
    line = re.search(r"export (TF_CONFIG=.*?\}\}')$", yaml, re.DOTALL | re.MULTILINE)[1]
    said = subprocess.run(
        ["sh", "-c", f"JOB_COMPLETION_INDEX=1\n{line}\nprintf %s \"$TF_CONFIG\""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    monkeypatch.setenv("TF_CONFIG", said.stdout)
    assert addresses_of(resolver_of_cluster()) == (
        ["dancenet-0.dancenet:8888", "dancenet-1.dancenet:8888"],
        1,
    )
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\necho "$1|$2" >> "$LOG"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    subprocess.run(["sh", "-c", shell], check=True)
    for number, called in enumerate(sorted((tmp_path / "log").read_text().splitlines())):
        host, command = called.split("|")
        monkeypatch.setenv("TF_CONFIG", re.search(r"TF_CONFIG='(.*?)'", command)[1])
        assert addresses_of(resolver_of_cluster()) == (["ada:8888", "ben:8888"], number)
        assert host == ["ada", "ben"][number]
