"""Several devices and several machines train what one does: the same losses, and on after a kill."""

import importlib.util
import json
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from learned import FEWER_DANCES, copy_of, environment, trained_run

pytestmark = pytest.mark.slow

STAGES = ("vae", "choreographer", "joint", "sharpen")
#: As a training calls itself, where that is not its stage.
NAMES = {"vae": "VAE"}

#: The real command, stage after stage, with `devices` of the processor taken for as many; it notes each
#: step's loss as soon as it is taken, and dies where LAST_STEP says. In float32: bfloat16 shows in which
#: order sums were taken.
DRIVER = f"""
import json, os, signal, sys
devices, out, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
import keras
if devices > 1 and keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    one = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(one, devices * [tf.config.LogicalDeviceConfiguration()])
{FEWER_DANCES}
from dancenet import cli
from dancenet.fitting import loop
from dancenet.stages import choreographer_training, joint, mending, sharpening
if devices == 1 and "TF_CONFIG" not in os.environ:  # of this one only the losses are looked at
    for stage in (choreographer_training, joint, sharpening):
        stage.in_dancers_measure = lambda trained, _: trained
    mending.learned = lambda *_, **__: (None, {{}})
losses, step, last = open(out, "w"), loop.Fit._step, os.environ.get("LAST_STEP")
if last:
    loop.CHECKPOINT_EVERY_S = 0.0
def noted(self, batch, share):
    number = self.counters.step
    if last == f"{{self.what}} {{number}}":
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, batch, share)
    self._look(0)  # each loss is known when its step is over
    print(json.dumps([self.what, number, self.trained["loss"]]), file=losses, flush=True)
loop.Fit._step = noted
code = 0
for stage in arguments[0].split(","):
    options = [*arguments[2:], "--precision", "float32"]
    if stage == "latents":
        options = ["--devices", str(devices)]
    try:
        cli.main(["train", stage, "--run", arguments[1] + "/" + stage, *options])
    except SystemExit as stop:
        code = code or stop.code
    if code:
        break
sys.exit(code)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


def free_ports(count):
    """Ports that nobody listens on now."""
    with_ports = [socket.socket() for _ in range(count)]
    for one in with_ports:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in with_ports]
    for one in with_ports:
        one.close()
    return ports


def started(runs, out, *, stages=STAGES, devices=1, worker=None, ports=(), epochs=1, more=(), **others):
    """The driver in a process of its own; `runs` holds a run for each stage."""
    around = {**environment(), **others}
    if worker is not None:
        workers = [f"localhost:{port}" for port in ports]
        cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": worker}}
        around["TF_CONFIG"] = json.dumps(cluster)
    options = ("--preset", "tiny", "--epochs", epochs, "--devices", devices, *more)
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(devices), str(out), ",".join(stages), runs, *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=around,
    )  # fmt: skip


def finished(*processes, timeout=400):
    """Wait for processes that all must end well."""
    for process in processes:
        said, _ = process.communicate(timeout=timeout)
        assert process.returncode == 0, said[-3000:]


def untrained(base, to, stages=STAGES):
    """For each stage a copy of the run in which it and what comes after is still to be trained."""
    for stage in stages:
        order = ["vae", "latents", *STAGES[1:]]
        run = copy_of(base, to / stage, *order[order.index(stage) :])
        if stage == "sharpen":  # dances go another way after the last digit of a sum
            (run / stage).mkdir()
            shutil.copy(base / stage / "danced.npy", run / stage)
    return to


def told(*paths):
    """Losses of every step, by stage, of one session or of several; what was taken again counts."""
    losses = {}
    for path in paths:
        for stage, step, loss in map(json.loads, path.read_text().splitlines()):
            losses.setdefault(stage, {})[step] = loss
    assert all(sorted(of) == list(range(len(of))) for of in losses.values())
    return {stage: np.array([of[step] for step in sorted(of)]) for stage, of in losses.items()}


def alike(one, other):
    """The same losses to 1e-4 of their size."""
    assert set(one) == set(other)
    assert len(one) == len(STAGES)
    for stage in one:
        assert len(one[stage]) == len(other[stage]) > 1
        scale = np.maximum(np.abs(one[stage]), 1.0)
        assert (np.abs(one[stage] - other[stage]) / scale).max() < 1e-4, stage


@pytest.fixture(scope="module")
def alone(base, tmp_path_factory):
    """Losses of one process on one device, with the batch of two."""
    folder = tmp_path_factory.mktemp("alone")
    finished(started(untrained(base, folder), folder / "losses.jsonl", more=("--batch-times", 2)))
    return told(folder / "losses.jsonl")


def test_two_devices_train_what_one_does_and_encode_the_same(base, alone, tmp_path):
    runs = untrained(base, tmp_path, [*STAGES, "latents"])
    finished(started(runs, tmp_path / "losses.jsonl", stages=[*STAGES, "latents"], devices=2))
    alike(told(tmp_path / "losses.jsonl"), alone)
    with np.load(runs / "latents" / "latents.npz") as mine, np.load(base / "latents.npz") as theirs:
        for name in theirs.files:  # `base` is encoded in bfloat16 where the machine has it
            np.testing.assert_allclose(mine[name], theirs[name], atol=0.05)


def step_of(checkpoint):
    """The step that training would go on from; -1 without a checkpoint."""
    if not checkpoint.is_file():
        return -1
    with np.load(checkpoint) as stored:
        return json.loads(stored["counters"].tobytes())["step"]


def test_two_machines_train_what_one_does_and_go_on_when_one_is_killed(base, alone, tmp_path):
    """First the second one is killed in the middle of an epoch, then the one that keeps the checkpoints."""
    runs, killed = untrained(base, tmp_path), [(1, "vae", 8), (0, "vae", 16)]
    outs = [[tmp_path / f"{session}-{worker}.jsonl" for session in range(3)] for worker in range(2)]
    for session, (victim, stage, step) in enumerate([*killed, (None, "", 0)]):
        ports, others = free_ports(2), [{}, {}]
        if victim is not None:
            others[victim]["LAST_STEP"] = f"{NAMES.get(stage, stage)} {step}"
            others[1 - victim]["LAST_STEP"] = "none"  # all keep each step
        both = [started(runs, outs[n][session], worker=n, ports=ports, **others[n]) for n in range(2)]
        try:
            if victim is None:
                finished(*both)
                break
            said = [process.communicate(timeout=400)[0] for process in both]
        finally:
            for process in both:
                process.kill()
        assert both[victim].returncode == -signal.SIGKILL, said[victim][-3000:]
        assert both[1 - victim].returncode == 2, said[1 - victim][-3000:]
        assert "start the same command on all of them again" in said[1 - victim]
        assert not (runs / stage / f"{stage}.json").exists(), "killed in the middle"
        assert step_of(runs / stage / stage / "last.npz") == step
    for session, (_, stage, step) in enumerate(killed, start=1):
        begun = [json.loads(of[session].read_text().splitlines()[0])[:2] for of in outs]
        assert begun == 2 * [[NAMES.get(stage, stage), step]], "they go on from the checkpoint"
    first, second = (told(*paths) for paths in outs)
    alike(first, alone)
    alike(first, second)
    for stage in STAGES:
        content = json.loads((runs / stage / f"{stage}.json").read_text())
        assert content["steps"] == len(alone[NAMES.get(stage, stage)])
    assert not [path for path in runs.rglob("*") if ".part" in path.name]


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is not installed: pip install jax")
def test_on_jax_two_devices_and_two_machines_train_what_one_does(base, tmp_path):
    stages, jax, made = ["choreographer"], {"KERAS_BACKEND": "jax"}, {}
    for name in ("alone", "devices", "machines"):
        runs, out = untrained(base, tmp_path / name, stages), tmp_path / f"{name}.json"
        if name == "machines":
            ports, other = free_ports(2), tmp_path / "other.json"
            finished(
                *(
                    started(runs, path, stages=stages, worker=n, ports=ports, **jax)
                    for n, path in enumerate((out, other))
                )
            )
        elif name == "devices":
            two = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
            finished(started(runs, out, stages=stages, devices=2, **two, **jax))
        else:
            finished(started(runs, out, stages=stages, more=("--batch-times", 2), **jax))
        made[name] = told(out)["choreographer"]
    for name in ("devices", "machines"):
        assert len(made[name]) == len(made["alone"]) > 1
        np.testing.assert_allclose(made[name], made["alone"], atol=1e-4)
