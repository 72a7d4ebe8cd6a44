"""Stage 1 over an archive of many films: by one process and by several, killed and begun again.

    python benchmarks/archive.py [--films 1000] [--workers 2]

The films are short takes of the built-in dancer, a few of them damaged, in folders of a hundred. Films are
read by one process and by several in turns, each time the command that a user types; then once more, killed
half way and begun again. What is taken must be the same each time, and the damaged films must be listed.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import Bar, benchmark, emit, finite_median, say

from dancenet.config import DancerOptions
from dancenet.runs import Run

#: Different films, of which the archive's are copies, and their length in seconds.
DIFFERENT, FILM_S = 20, 4.0
#: One film of so many is damaged.
DAMAGED = 50
SIZE = ("--width", "104", "--height", "60", "--gray", "--quiet")


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--films", type=int, default=1000, help="how many (default 1000)")
    add("--workers", type=int, default=min(8, os.cpu_count() or 1), help="processes that read side by side")
    add("--rounds", type=int, default=2, help="turns of each (default 2)")
    return parser.parse_args(argv)


def make_archive(folder: Path, count: int) -> int:
    """Films in folders of a hundred; returns how many of them are damaged."""
    from dancenet import dancer

    damaged, first = 0, folder / "first"
    first.mkdir(parents=True)
    for number in range(DIFFERENT):
        wanted = DancerOptions(minutes=FILM_S / 60, seed=number, width=208, height=120, fps=15)
        dancer.write_video(first / f"{number}.mp4", wanted)
    for number in range(count):
        to = folder / "archive" / f"{number // 100:03}" / f"film{number:06}.mp4"
        to.parent.mkdir(parents=True, exist_ok=True)
        if number % DAMAGED == DAMAGED - 1:
            to.write_bytes(b"no film" * 500)
            damaged += 1
        else:
            shutil.copyfile(first / f"{number % DIFFERENT}.mp4", to)
    return damaged


def command(folder: Path, run: Path, workers: int) -> list[str]:
    wanted = ("frames", folder / "archive", "--run", run, "--workers", workers, *SIZE)
    return [sys.executable, "-m", "dancenet", *map(str, wanted)]


def read(folder: Path, workers: int) -> tuple[float, str, int]:
    """Seconds of the whole command, a hash of what it took, and how many films it left out."""
    run = folder / "run"
    begun = time.perf_counter()
    subprocess.run(command(folder, run, workers), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun, *looked_at(run)


def looked_at(run: Path) -> tuple[str, int]:
    from dancenet.frames import load_frames

    packed, content = load_frames(Run(run)), Run(run).read("frames")
    told = hashlib.sha256(repr(packed.clips).encode())
    for start in range(0, len(packed.pixels), 4096):
        told.update(np.ascontiguousarray(packed.pixels[start : start + 4096]))
    shutil.rmtree(run)
    return told.hexdigest(), len(content["left_out"])


def killed(folder: Path, workers: int, after_s: float) -> tuple[float, float, str, int]:
    """Killed with all its processes after so long, and begun again: seconds of both, and as `read`."""
    run, begun = folder / "run", time.perf_counter()
    process = subprocess.Popen(
        command(folder, run, workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first_s = time.perf_counter() - begun
    return first_s, *read(folder, workers)


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    say(f"filming {chosen.films} films")
    damaged = make_archive(folder, chosen.films)
    took: dict[int, list[float]] = {1: [], chosen.workers: []}
    seen = set()
    for _ in range(chosen.rounds):
        for workers, each in took.items():
            seconds, *found = read(folder, workers)
            each.append(seconds)
            seen.add(tuple(found))
    alone, together = (finite_median(np.array(each)) for each in took.values())
    frames = (chosen.films - damaged) * FILM_S * 15
    for workers, each in took.items():
        emit(
            f"{chosen.films} films, {workers} process{'es' if workers > 1 else ''}",
            frames / finite_median(np.array(each)), "frames/s", each=[round(one, 1) for one in each],
            ratio=alone / finite_median(np.array(each)), against="one process", seconds=sum(each),
        )  # fmt: skip
    first_s, again_s, *found = killed(folder, chosen.workers, together / 2)
    seen.add(tuple(found))
    emit(
        "killed half way and begun again", first_s + again_s, "s", ratio=(first_s + again_s) / together,
        against="in one go", again_s=again_s, seconds=first_s + again_s,
    )  # fmt: skip
    same = len(seen) == 1 and next(iter(seen))[1] == damaged
    emit(
        "the same frames, damaged films listed",
        float(same),
        "",
        bar=Bar(low=1.0),
        damaged=damaged,
        seconds=0.0,
    )


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    if chosen.films < 1 or chosen.workers < 2:
        print(f"--films {chosen.films} --workers {chosen.workers}: 1 or more, 2 or more", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        return benchmark(lambda: measure(chosen, Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main())
