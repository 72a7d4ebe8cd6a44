"""What a GPU needs of training: its batch, precision, batches made in time; checked here without one."""

import json
import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from films import walker, write
from learned import here

from dancenet.batching import ahead
from dancenet.batching.ahead import made_ahead
from dancenet.config import TrainOptions
from dancenet.errors import DancenetError
from dancenet.fitting import flow, tuning
from dancenet.fitting.budget import Budget
from dancenet.fitting.flow import Flow
from dancenet.fitting.stage import BatchSize, Stage
from dancenet.machine import hardware
from dancenet.machine.team import ALONE
from dancenet.networks import optimizer
from dancenet.runs import Run


class Line(keras.Model):
    """A line through points; it notes the batches that it was trained on."""

    def __init__(self):
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer="zeros")
        self.built = True

    def call(self, x, training=False):
        return self.slope * x[0]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean((y_pred - x[1]) ** 2)


@pytest.fixture
def line():
    model = Line()
    model.compile(optimizer=keras.optimizers.Adam(0.1), jit_compile=False)
    return model


def points(size):
    return np.ones((size, 1), "float32"), np.full((size, 1), 2.0, "float32")


@pytest.mark.parametrize(
    ("speeds", "best"),
    [
        ({8: 100, 16: 190, 32: 330, 64: 340}, 32),
        ({8: 100, 16: 110}, 8),
        ({8: 100, 16: 200, 32: 400, 64: 800}, 64),
        ({8: 100, 16: 200, 32: MemoryError("out of memory")}, 16),
        ({8: 100, 16: RuntimeError("RESOURCE_EXHAUSTED: 80 GB\nand more")}, 8),
    ],
)
def test_batches_grow_as_long_as_it_pays_and_fits(line, monkeypatch, speeds, best):
    tried = []

    def timed(model, batch, size):
        assert len(batch[0]) == size
        tried.append(size)
        if isinstance(speeds[size], Exception):
            raise speeds[size]
        return speeds[size]

    monkeypatch.setattr(tuning, "_frames_per_second", timed)
    assert tuning.fastest_batch(line, points, usual=8, most=64, seconds=60) == best
    assert tried == list(speeds)


def test_trying_batches_leaves_the_model_as_it_was(line):
    line.slope.assign(0.25)
    chosen = tuning.fastest_batch(line, points, usual=4, most=8, seconds=60)
    assert chosen in (4, 8)
    assert float(line.slope) == 0.25
    assert int(line.optimizer.iterations) == 0


def test_no_further_batch_is_tried_after_its_time(line, monkeypatch):
    monkeypatch.setattr(tuning, "_frames_per_second", lambda model, batch, size: size)
    assert tuning.fastest_batch(line, points, usual=4, most=1000, seconds=0) == 4


def test_what_a_gpu_likes_is_asked_only_where_nobody_has_said(line, monkeypatch, tmp_path):
    monkeypatch.setattr(tuning, "on_gpu", lambda: True)
    monkeypatch.setattr(tuning, "fastest_batch", lambda model, example, usual, most, seconds: 4 * usual)
    stage = Stage(Run(tmp_path), "vae", {"seed": 0})
    asked = (stage, line, Budget(minutes=1), 1000, None)
    free = BatchSize.of(TrainOptions(), 16, ALONE, None)
    found = tuning.fastest(free, *asked)
    assert (found.examples, found.settings) == (64, {"batch_times": 4})
    assert found.rate(TrainOptions(), 1e-3) == pytest.approx(2e-3)
    assert json.loads((tmp_path / "vae" / "settings.json").read_text()) == {"seed": 0, "batch_times": 4}
    assert tuning.fastest(free, stage, line, Budget(epochs=3), 1000, None) == free, "epochs repeat"
    for said in (
        BatchSize.of(TrainOptions(batch_times=2), 16, ALONE, None),
        BatchSize.of(TrainOptions(), 16, ALONE, {"seed": 0}),
        BatchSize.of(TrainOptions(), 16, SimpleNamespace(replicas=2), None),
    ):
        assert tuning.fastest(said, *asked) == said
    monkeypatch.setattr(tuning, "on_gpu", lambda: False)
    assert tuning.fastest(free, *asked) == free


def test_results_come_in_order_and_not_too_far_ahead():
    begun, gate = [], threading.Event()

    def make(item):
        begun.append(item)
        gate.wait(5)
        return item * item

    with ThreadPoolExecutor(4) as makers:
        coming = made_ahead(make, range(100), makers)
        threading.Timer(0.1, gate.set).start()
        assert [next(coming) for _ in range(3)] == [0, 1, 4]
        coming.close()
    assert max(begun) <= 3 + ahead.AHEAD * ahead.batch_makers()
    with ThreadPoolExecutor(2) as makers:
        assert list(made_ahead(lambda item: -item, range(30), makers)) == [-item for item in range(30)]


def test_an_error_of_a_maker_reaches_whoever_waits():
    def make(item):
        if item == 3:
            raise DancenetError("item 3", "another")
        return item

    with ThreadPoolExecutor(2) as makers:
        coming = made_ahead(make, range(10), makers)
        assert [next(coming) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(DancenetError, match="item 3"):
            next(coming)


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("gpu", "waits", "warns"), [(True, 0.6, True), (True, 0.05, False), (False, 0.6, False)]
)
def test_a_gpu_that_waits_for_data_is_told_of_once(clock, monkeypatch, caplog, gpu, waits, warns):
    monkeypatch.setattr(flow, "on_gpu", lambda: gpu)
    seen, batch = Flow(), (np.zeros((4, 6, 8, 3), "uint8"),)
    with caplog.at_level(logging.WARNING):
        for _ in range(60):
            with seen.waiting():
                clock[0] += waits
            clock[0] += 1 - waits
            seen.steps([batch])
    assert len(caplog.records) == (1 if warns else 0)
    if warns:
        assert "waits for data 60% of the time" in caplog.text
    assert seen.figures() == {"frames_per_s": 4.0, "waited": pytest.approx(waits, abs=1e-3)}
    assert "4 frames/s" in str(seen)
    assert ("waiting for them" in str(seen)) == (waits >= 0.05)


def test_a_gpu_that_begins_to_wait_later_is_told_of_too(clock, monkeypatch, caplog):
    monkeypatch.setattr(flow, "on_gpu", lambda: True)
    seen, batch = Flow(), (np.zeros((4, 6, 8, 3), "uint8"),)
    for second in range(130):
        with seen.waiting():
            clock[0] += (waits := 0.9 if second > 80 else 0.0)
        clock[0] += 1 - waits
        seen.steps([batch])
        assert not caplog.records or second > 90
    assert [record.getMessage()[:36] for record in caplog.records] == ["the GPU waits for data 90% of the ti"]


def test_poses_and_windows_are_counted_as_frames(clock):
    seen = Flow()
    assert seen.figures() == {}
    for batch in (np.zeros((2, 5, 128), "float32"), np.zeros((2, 5, 128), "float32")):
        clock[0] += 2
        seen.steps([(batch,)])
    assert seen.frames == 10  # the first step compiles, and does not count
    seen.steps([(np.zeros((2, 3, 6, 8, 1), "uint8"),)])
    assert seen.frames == 16


def test_precision_has_a_policy_and_float16_scales_its_loss(line):
    assert hardware.compute_policy("float32") == "float32"
    assert hardware.compute_policy("float16") == "mixed_float16"
    optimizer = keras.optimizers.Adam(0.1)
    assert hardware.scaling_its_loss(optimizer, "mixed_bfloat16") is optimizer
    scaled = hardware.scaling_its_loss(optimizer, "mixed_float16")
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    assert scaled.inner_optimizer is optimizer


@pytest.mark.parametrize(
    ("capability", "policy"),
    [((9, 0), "mixed_bfloat16"), ((8, 0), "mixed_bfloat16"), ((7, 5), "mixed_float16"), ((6, 1), "float32")],
)
def test_precision_is_what_the_card_multiplies_fast(monkeypatch, capability, policy):
    monkeypatch.setattr(hardware, "on_gpu", lambda: True)
    monkeypatch.setattr(hardware, "_gpu_capability", lambda: capability)
    assert hardware.compute_policy() == policy


def test_options_that_no_training_could_follow_are_refused():
    with pytest.raises(DancenetError, match="--batch-times 0"):
        TrainOptions(batch_times=0)
    with pytest.raises(DancenetError, match="--precision float8"):
        TrainOptions(precision="float8")


@pytest.mark.slow
def test_a_run_in_float16_with_a_batch_of_its_own(tmp_path, capsys):
    films = [write(tmp_path / f"take{seed}.mp4", walker(100, seed=seed)) for seed in range(3)]
    run = tmp_path / "run"
    assert here("frames", *films, "--run", run, "--width", 32, "--height", 32) == 0
    asked = ("train", "vae", "--run", run, "--preset", "tiny", "--fresh", "--precision", "float16")
    assert here(*asked, "--epochs", 4, "--batch-times", 2) == 0
    made = json.loads((run / "vae.json").read_text())
    assert made["policy"] == "mixed_float16"
    assert made["settings"]["batch_times"] == 2
    rows = [json.loads(row) for row in (run / "vae" / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["validation"]["score"] < rows[0]["validation"]["score"]
    assert made["flow"]["frames_per_s"] > 0
    assert here(*[word for word in asked if word != "--fresh"], "--epochs", 6, "--batch-times", 1) == 2
    assert "batch_times 2, now it is batch_times 1" in capsys.readouterr().err
    assert here(*[word for word in asked if word != "--fresh"], "--epochs", 6) == 0
    assert json.loads((run / "vae.json").read_text())["settings"]["batch_times"] == 2


@pytest.mark.parametrize(
    ("gpu", "backend", "policy", "kind"),
    [
        (False, "jax", "mixed_bfloat16", "gram"),
        (True, "jax", "mixed_bfloat16", "together"),
        (True, "tensorflow", "mixed_bfloat16", "bfloat16"),
        (True, "torch", "float32", "float32"),
    ],
)
def test_muon_goes_the_way_that_is_fastest_where_it_is(monkeypatch, gpu, backend, policy, kind):
    monkeypatch.setattr(optimizer, "on_gpu", lambda: gpu)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    assert optimizer.newton_schulz_for(policy) == kind


@pytest.mark.parametrize(
    ("gpu", "before", "home", "kept"),
    [
        (True, None, "/home/ada", "/home/ada/.cache/dancenet/jax"),
        (True, "/elsewhere", "/home/ada", "/elsewhere"),
        (False, None, "/home/ada", None),
        (True, None, None, None),
    ],
)
def test_what_jax_compiles_for_a_gpu_is_kept(monkeypatch, gpu, before, home, kept):
    config = SimpleNamespace(jax_compilation_cache_dir=before)
    config.update = lambda name, value: setattr(config, name, value)
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(config=config))
    monkeypatch.setattr(hardware, "on_gpu", lambda: gpu)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path.replace("~", home) if home else path)
    hardware.keep_compiled()
    assert config.jax_compilation_cache_dir == kept
