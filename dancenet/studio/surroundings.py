"""The environment of the studio's own process, and of the commands that it starts."""

import os
from pathlib import Path

import dancenet

_SET_HERE: set[str] = set()


def few_threads() -> None:
    """Let this process compute with one thread, unless the user says otherwise; before anything is loaded.

    Pictures this small gain nothing from more threads, which wait for one another by spinning: a quarter of
    the processor's time for one dancer instead of all of it.
    """
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        if name not in os.environ:
            os.environ[name] = "1"
            _SET_HERE.add(name)


def of_commands() -> dict[str, str]:
    """The environment of a command that makes what the user's own would make, with this very dancenet."""
    here = str(Path(dancenet.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name not in _SET_HERE}
    return {**kept, "PYTHONPATH": path}
