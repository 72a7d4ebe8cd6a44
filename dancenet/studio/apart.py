"""Work in a process of its own that may die: what it did not ask for cannot harm the studio.

The caller's side is `run_apart`; a module that is run so begins with `confine`, reads its standard input and
writes to its standard output.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from dancenet.errors import DancenetError
from dancenet.studio.worker import less_urgent

#: A process looks so often whether the studio is still there, seconds.
LOOK_S = 1.0
#: What it finds in its environment besides: one thread each, as the dance needs the cores.
_THREADS = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
}
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "HOME", "NUMBA_CACHE_DIR")


class DiedError(Exception):
    """The process ended otherwise than well; its last line says how."""


def run_apart(module: str, data: bytes, *, most_s: float, **environment: str) -> bytes:
    """Run `python -m MODULE` on bytes.

    Args:
        module: of this package; it calls `confine` first.
        data: its standard input.
        most_s: it is killed after so long.
        environment: further variables of its environment.

    Returns:
        its standard output.

    Raises:
        DancenetError: it says so itself, in a line that begins with "refused: ".
        DiedError: it died, or took too long.
    """
    package = str(Path(__file__).resolve().parents[2])
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module], input=data, capture_output=True, timeout=most_s,
            check=False,
            env={**kept, **_THREADS, "PYTHONPATH": package, "PYTHONIOENCODING": "utf-8", **environment},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DiedError(f"it took more than {most_s:g} s") from None
    said = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    if done.returncode == REFUSED and said.startswith("refused: "):
        raise DancenetError(said.removeprefix("refused: "))
    if done.returncode:
        raise DiedError(said[:300] or f"it ended with {done.returncode}")
    return done.stdout


#: Exit code of a process that tells why it does not do what it was asked for.
REFUSED = 3


def refuse(error: DancenetError) -> None:
    """In the process: end, and let the caller raise the same error."""
    sys.stderr.write(f"refused: {error}\n")
    sys.stderr.flush()
    os._exit(REFUSED)


def confine(*, memory_bytes: int, cpu_s: int, writes: bool = False) -> None:
    """In the process, before anything else: give way to others, need no more than this, write no file.

    Where the system knows no such limits, the caller's time is what holds.
    """
    less_urgent()
    _die_with(os.getppid())
    with contextlib.suppress(ImportError):
        import resource

        limits = [(resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_CORE, 0)]
        for what, most in [*limits, *([] if writes else [(resource.RLIMIT_FSIZE, 0)])]:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(what, (most, most))


def _die_with(parent: int) -> None:
    """End when the studio does: nobody is left who wants to know."""

    def look() -> None:
        """Look, until it is gone."""
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
