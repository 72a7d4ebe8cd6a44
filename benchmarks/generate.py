"""Seconds from typing `dancenet generate dance` to a finished minute of video, beside real time.

    python benchmarks/generate.py
    python benchmarks/generate.py --run runs/salsa

A process of its own each time, so that loading TensorFlow and compiling count. Without --run the built-in
dancer is trained on for a moment (208 x 120, colour, preset small): how well does not change how long a dance
takes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import Bar, dancenet, emit, finite_median, say

from dancenet.errors import DancenetError


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--run", type=Path, metavar="DIR", help="a trained run to dance with")
    add("--seconds", type=float, default=60.0, help="length of the dance (default 60)")
    add("--fps", type=float, default=30.0, help="frames per second of the video (default 30)")
    add("--rounds", type=int, default=3, help="how often (default 3)")
    return parser.parse_args(argv)


def quick_run(folder: Path) -> Path:
    """A run of the preset small on the built-in dancer, through the real command line."""
    film, run = folder / "dancer.mp4", folder / "run"
    dancenet("dancer", "--out", film, "--minutes", 0.5, "--quiet")
    dancenet("frames", film, "--run", run, "--quiet")
    for stage in ("vae", "latents", "choreographer"):
        budget = () if stage == "latents" else ("--minutes", 0.2)
        dancenet("train", stage, "--run", run, *budget, "--quiet")
    return run


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    from dancenet.frames import load_frames
    from dancenet.runs import Run
    from dancenet.video import probe

    begun = time.perf_counter()
    if not chosen.run:
        say("training for a moment")
    run = chosen.run or quick_run(folder)
    packed = load_frames(Run(run))
    preset = Run(run).read("vae")["options"]["preset"]
    out, took_s = folder / "dance.mp4", []
    for seed in range(chosen.rounds):
        out.unlink(missing_ok=True)
        wanted = ("--seconds", chosen.seconds, "--fps", chosen.fps, "--seed", seed)
        took_s.append(dancenet("generate", "dance", "--run", run, "--out", out, *wanted, "--quiet"))
    made = probe(out)
    if abs(made.duration_s - chosen.seconds) > 2 / chosen.fps:
        raise DancenetError(f"a dance of {made.duration_s:.2f} s", f"{chosen.seconds:g} s as asked for")
    emit(
        f"generate a {chosen.seconds:g} s video from a cold start", finite_median(np.array(took_s)), "s",
        ratio=chosen.seconds / finite_median(np.array(took_s)), against="real time", bar=Bar(low=3.0),
        each=[round(value, 2) for value in took_s], fps=made.fps, size=f"{made.width}x{made.height}",
        channels=packed.channels, preset=preset, seconds=time.perf_counter() - begun,
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
            measure(chosen, Path(folder))
    except DancenetError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:  # it has said why itself
        return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
