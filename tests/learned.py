"""A run trained with `tiny` on the built-in dancer, made once for all tests by the real command line."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from dancenet import cli, dancer, trained
from dancenet.config import DancerOptions
from dancenet.fitting.checkpoints import stamp_of
from dancenet.runs import STAGES, Run

ROOT = Path(__file__).resolve().parents[1]
TAKES, SECONDS = 4, 18
#: Enough to be better than the baselines, to be killed in the middle of, to be kept or not.
EPOCHS = {"vae": 24, "choreographer": 8, "joint": 3, "sharpen": 3}
#: The dancer's measure is taken of fewer dances than for people, what mends them learns from fewer, and the
#: built-in dancer's truth is read by fewer: else each takes longer than such a training.
FEWER = {
    "stages.pace": {"DANCES": 4, "STEPS": 48, "TURNS": 1, "FRAMES": 300, "SHOWN": 300},
    "stages.travel": {"DANCES": 4, "LONG_DANCES": 4, "LONG_STEPS": 400},
    "stages.mending": {"PASSES": 4},
    "evaluation.builtin": {"REFERENCE_TAKES": 2, "REFERENCE_MINUTES": 0.5},
}
#: The same for a program of its own.
FEWER_DANCES = f"""
from dancenet.console import load_tensorflow
load_tensorflow()
import importlib
for module, constants in {FEWER}.items():
    there = vars(importlib.import_module("dancenet." + module))
    assert set(constants) <= set(there), constants
    there.update(constants)
"""


@contextlib.contextmanager
def fewer_dances() -> Iterator[None]:
    """The same in this process, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for module, constants in FEWER.items():
            for name, value in constants.items():
                patch.setattr(f"dancenet.{module}.{name}", value)
        yield


#: Several commands in one process, which loads TensorFlow once.
ONE_BY_ONE = f"""{FEWER_DANCES}
import json, sys
from dancenet import cli
for command in json.loads(sys.argv[1]):
    sys.argv = ["dancenet", *command]  # each stage says how it was made
    try:
        cli.main()
    except SystemExit as stop:
        if stop.code:
            raise
"""
SIZE = ("--width", 64, "--height", 48, "--gray")


def environment() -> dict[str, str]:
    """As of a user's shell, with the checkout's dancenet."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def shell(*arguments, expect=0, timeout=400) -> subprocess.CompletedProcess:
    """`python -m dancenet ...` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "dancenet", *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout, encoding="utf-8", env=environment(),
    )  # fmt: skip
    assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


#: Models that dances of this process have used, by their run and the stamps of its files: each command that
#: loads a run makes and compiles its networks anew, which is most of what a dance of seconds takes.
_LOADED: dict[tuple, trained.Trained] = {}


def _once_loaded(run: Run, **options) -> trained.Trained:
    """`trained.load_trained`, once for a run as it is."""
    files = sorted(path for path in run.path.rglob("*") if path.suffix in (".json", ".h5", ".npz"))
    key = (run.path.resolve(), *options.items(), *map(stamp_of, files))
    if key not in _LOADED:
        while len(_LOADED) > 2:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[key] = trained.load_trained(run, **options)
    return _LOADED[key]


def here(*arguments) -> int:
    """The same in this process: TensorFlow is loaded already, and a run that dances, too. Gives the exit
    code."""
    with pytest.MonkeyPatch.context() as patch:
        if arguments[0] == "generate":
            patch.setattr("dancenet.generation.load_trained", _once_loaded)
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
    return stop.value.code or 0


def once(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """Of several test processes the first makes it, in the folder that all share; the others wait."""

    @functools.cache
    @functools.wraps(make)
    def made(base: Path) -> Path:
        shared = base.parent if base.name.startswith("popen-") else base  # as pytest-xdist names them
        done = shared / f"{make.__name__}.done"
        with FileLock(shared / f"{make.__name__}.lock"):
            if not done.is_file():
                done.write_text(str(make(shared)), encoding="utf-8")
        return Path(done.read_text(encoding="utf-8"))

    return made


@once
def films(base: Path) -> Path:
    """A folder with takes of the built-in dancer, each of them another choreography."""
    folder = base / "films"
    for take in range(TAKES):
        options = DancerOptions(minutes=SECONDS / 60, seed=take + 1, width=128, height=96, fps=15)
        dancer.write_video(folder / f"take{take + 1}.mp4", options)
    return folder


def budget(stage: str) -> tuple:
    """The options with which the shared run's stage was trained."""
    return ("--preset", "tiny", "--epochs", EPOCHS[stage]) if stage in EPOCHS else ()


@once
def trained_run(base: Path) -> Path:
    """A run with every stage finished. Shared by all tests: copy it before changing anything."""
    run = base / "learned"
    shell("frames", films(base), "--run", run, *SIZE)
    stages = [("train", stage, "--run", run, *budget(stage)) for stage in STAGES[1:]]
    written = json.dumps([[str(word) for word in stage] for stage in stages])
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, written],
        capture_output=True, text=True, timeout=400, encoding="utf-8", env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return run


def copy_of(run: Path, to: Path, *without: str) -> Path:
    """A copy of a run, without some of its stages."""
    shutil.copytree(run, to)
    for stage in without:
        (to / f"{stage}.json").unlink(missing_ok=True)
        (to / f"{stage}.npz").unlink(missing_ok=True)
        shutil.rmtree(to / stage, ignore_errors=True)
    return to


def prints(folder: Path) -> dict[str, str]:
    """A hash of every file below `folder`, by its path; leftovers of killed writers are among them."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
