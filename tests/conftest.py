"""What tests share: the real command line in a process of its own."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dancenet import cli

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "PYTEST_XDIST_WORKER" in os.environ:
    # there is a test process for each core, and some start others: threads for every core in each of them
    # wait for one another longer than they compute (but with TF_NUM_INTEROP_THREADS=1 TensorFlow adds up in
    # another order from process to process: a training that goes on is not the same to the last digit)
    for count in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(count, "1")


#: Files that take a minute or more without training: they start studios, browsers and programs.
LONG = ("test_studio_", "test_export", "test_benchmarks", "test_camera", "test_music", "test_doctor")


def pytest_collection_modifyitems(items):
    """Files with slow tests first, then other long ones: no test process is left alone with one of them at
    the end. Before them the README's commands, which need no run that the other processes would wait for."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(
        key=lambda item: (
            item.path.name != "test_readme.py", -slow[item.path], not item.path.name.startswith(LONG)
        )
    )  # fmt: skip


def outcome(arguments, capsys) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a call in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return stop.value.code or 0, said.out, said.err


@pytest.fixture
def command(tmp_path):
    """Run `python -m dancenet ...` (or a script of the checkout) in `tmp_path`.

    `command(*arguments, expect=0, script=None, timeout=300)` gives the completed process, with `.stdout`
    and `.stderr` as text; the test fails on another exit code than `expect`.
    """

    def run(*arguments, expect=0, script=None, timeout=300):
        called = [str(ROOT / script)] if script else ["-m", "dancenet"]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, *called, *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, timeout=timeout, encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
        )  # fmt: skip
        assert done.returncode == expect, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def fewer_dances():
    """`learned.FEWER` for a test."""
    import learned

    with learned.fewer_dances():
        yield


@pytest.fixture(scope="session")
def studio_of_things(tmp_path_factory):
    """A studio of a run in which a phrase, a pose and a song are kept; several files test it."""
    from studio_score import with_things

    served = with_things(tmp_path_factory.getbasetemp())
    served.line.close()
    yield served
    served.end()


@pytest.fixture(scope="module")
def studio(studio_of_things):
    """The same with a window, for a file: while one is open the studio dances, which takes half a core."""
    studio_of_things.window()
    yield studio_of_things
    studio_of_things.line.close()
