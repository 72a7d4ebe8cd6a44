"""kill -9 in the middle of every stage: the same command then ends well, and nothing is done twice."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from learned import SIZE, budget, copy_of, environment, films, here, prints, trained_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fewer_dances")]

#: The real command with checkpoints every half second, so that tests need not wait for one.
DRIVER = """
import sys
from dancenet import cli
from dancenet.fitting import loop
loop.CHECKPOINT_EVERY_S = 0.5
cli.main(sys.argv[1:])
"""

#: The real command, hanging in the middle of writing the latents: the worst moment for a power cut.
HALF_WRITTEN = """
import sys, time
import numpy
from dancenet import cli, latents
def savez(file, **arrays):
    file.write(b"half")
    file.flush()
    time.sleep(600)
latents.np.savez = savez
cli.main(sys.argv[1:])
"""


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


def kill_when(program, arguments, there, wait_s=0.0, timeout_s=240):
    """Start the command, wait until `there()` and `wait_s` longer, then kill -9."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        ends = time.monotonic() + timeout_s
        while not there():
            assert process.poll() is None, f"it ended before it could be killed: {process.stderr.read()}"
            assert time.monotonic() < ends, "the moment never came"
            time.sleep(0.005)
        time.sleep(wait_s)
        assert process.poll() is None, f"it ended before it could be killed: {process.stderr.read()}"
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert process.returncode == -signal.SIGKILL


def parts(run):
    return [path for path in run.rglob("*") if ".part" in path.name]


def steps(run, stage):
    log = run / stage / "log.jsonl"
    if not log.is_file():  # killed between the first checkpoint and the first line
        return []
    return [json.loads(line)["step"] for line in log.read_text().splitlines()]


def variables(path):
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if name != "counters"}


def untouched(run, stages):
    return {
        name: value for name, value in prints(run).items()
        if any(name.startswith((f"{stage}.", f"{stage}/", f"{stage}-")) for stage in stages)
    }  # fmt: skip


def test_frames(learned, tmp_path):
    run = tmp_path / "run"
    arguments = ("frames", films(learned.parent), "--run", run, *SIZE)
    kill_when(DRIVER, arguments, lambda: run.is_dir() and any(run.iterdir()))
    assert not (run / "frames.json").exists()
    assert here(*arguments) == 0
    assert not parts(run)
    names = {name for name in prints(learned) if name.startswith(("frames", "backgrounds"))}
    assert set(prints(run)) == names
    for name in names - {"frames.json"}:
        assert (run / name).read_bytes() == (learned / name).read_bytes()
    made = prints(run)
    assert here(*arguments) == 0
    assert prints(run) == made, "a finished stage is not done again"


@pytest.mark.parametrize(
    ("stage", "before"),
    [
        ("vae", ["frames"]),
        ("choreographer", ["frames", "vae", "latents"]),
        ("joint", ["frames", "vae", "latents", "choreographer"]),
        ("sharpen", ["frames", "vae", "latents", "choreographer", "joint"]),
    ],
)
def test_training(learned, tmp_path, stage, before):
    order = ["vae", "latents", "choreographer", "joint", "sharpen"]
    run = copy_of(learned, tmp_path / "run", *order[order.index(stage) :])
    finished = untouched(run, before)
    arguments = ("train", stage, "--run", run, *budget(stage))
    checkpoint = run / stage / "last.npz"
    kill_when(DRIVER, arguments, checkpoint.is_file, wait_s=random.uniform(0, 0.5))
    assert not (run / f"{stage}.json").exists(), "killed in the middle"
    at_kill = steps(run, stage)
    variables(checkpoint)  # whole, not half-written
    assert here(*arguments) == 0
    # (`joint` and `sharpen` may have been kept or not; both runs decide alike)
    ours, theirs = ({n for n in prints(r) if n.startswith(stage)} for r in (run, learned))
    assert ours == theirs
    assert not parts(run)
    assert untouched(run, before) == finished, "no finished stage is done again"
    seen = steps(run, stage)
    assert seen[: len(at_kill)] == at_kill
    assert 0 not in seen[1:], "it goes on from the checkpoint"
    content, whole = (json.loads((r / f"{stage}.json").read_text()) for r in (run, learned))
    assert content["steps"] == whole["steps"]
    mine, uninterrupted = (variables(r / stage / "last.npz") for r in (run, learned))
    assert set(mine) == set(uninterrupted)
    for name, value in mine.items():
        np.testing.assert_allclose(value, uninterrupted[name], rtol=1e-5, atol=1e-6, err_msg=name)
    made = prints(run)
    assert here(*arguments) == 0
    assert prints(run) == made, "nor is this one, now that it is finished"


def test_latents(learned, tmp_path):
    run = copy_of(learned, tmp_path / "run", "latents", "choreographer", "joint", "sharpen")
    finished = untouched(run, ["frames", "vae"])
    arguments = ("train", "latents", "--run", run)
    half = lambda: [path for path in parts(run) if path.name.endswith("latents.npz")]  # noqa: E731
    kill_when(HALF_WRITTEN, arguments, half, wait_s=0.1)
    assert half(), "a half-written file stays behind"
    assert not (run / "latents.npz").exists()
    assert here(*arguments) == 0
    assert not parts(run)
    assert untouched(run, ["frames", "vae"]) == finished
    with np.load(run / "latents.npz") as mine, np.load(learned / "latents.npz") as theirs:
        for name in theirs.files:
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-4, atol=1e-4)


def test_same_seed_same_weights(learned, tmp_path):
    made = []
    for number, seed in enumerate((0, 0, 1)):
        run = copy_of(
            learned, tmp_path / f"run{number}", "vae", "latents", "choreographer", "joint", "sharpen"
        )
        options = ("--preset", "tiny", "--epochs", 1, "--seed", seed)
        assert here("train", "vae", "--run", run, *options) == 0
        made.append(variables(run / "vae" / "last.npz"))
    first, second, other = made
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)
