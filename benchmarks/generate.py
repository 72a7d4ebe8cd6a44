"""How long a minute of video takes, beside real time: from a cold start, warm, and until its first frame.

    python benchmarks/generate.py
    python benchmarks/generate.py --run runs/salsa

Cold is from typing `dancenet generate dance` to the finished file, in a process of its own each time, so that
loading TensorFlow and compiling count. Warm is the same in a process that has danced already. The first frame
is timed from a cold start to the moment at which it reaches the encoder; what of it importing the libraries
takes is told apart from what dancenet does. Last, the dance of 20 s that is made without any run.
Without --run the built-in dancer is trained on for a moment (208 x 120, colour, preset small): how well does
not change how long a dance takes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import Bar, dancenet, emit, finite_median, say

from dancenet.config import DanceOptions
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


def cold(chosen: argparse.Namespace, run: Path, out: Path) -> list[float]:
    """Seconds from the start of a process to the finished video, round by round."""
    took_s = []
    for seed in range(chosen.rounds):
        out.unlink(missing_ok=True)
        wanted = ("--seconds", chosen.seconds, "--fps", chosen.fps, "--seed", seed)
        took_s.append(dancenet("generate", "dance", "--run", run, "--out", out, *wanted, "--quiet"))
    return took_s


def until_first_frame(chosen: argparse.Namespace, run: Path, out: Path) -> np.ndarray:
    """(rounds, 2, 2) seconds until the libraries are loaded, and from then on until the first frame; on the
    clock, and of the processor."""
    program, found = Path(__file__).with_name("first_frame.py"), []
    for _ in range(chosen.rounds):
        wanted = ("--run", run, "--out", out, "--seconds", chosen.seconds, "--fps", chosen.fps, "--quiet")
        line = [sys.executable, program, time.time(), "generate", "dance", *wanted]
        said = subprocess.run(map(str, line), check=True, capture_output=True, text=True).stdout
        told = json.loads(said)
        apart = [(told[f"libraries_{unit}"], told[f"first_frame_{unit}"]) for unit in ("s", "cpu_s")]
        found.append([(libraries, first - libraries) for libraries, first in apart])
    return np.array(found)


def warm(chosen: argparse.Namespace, run: Path, out: Path) -> list[float]:
    """Seconds for a video in a process that has made one before, round by round. By turns with it the same is
    made of a dance that goes on as it comes, and what choosing costs is printed."""
    from dancenet.generation import load
    from dancenet.rendering import write_frames
    from dancenet.runs import silent

    dancer, begun_all = load(run), time.perf_counter()
    took_s: dict[int, list[float]] = {1: [], DanceOptions.continuations: []}
    for seed in range(chosen.rounds + 1):
        for continuations, each in took_s.items():
            begun = time.perf_counter()
            dance = dancer.dance(chosen.seconds, fps=chosen.fps, seed=seed, continuations=continuations)
            write_frames(out, iter(dance), len(dance), chosen.fps, 1.0, silent)
            each.append(time.perf_counter() - begun)
    plain_s, chosen_s = (each[1:] for each in took_s.values())
    middles = [finite_median(np.array(each)) for each in (plain_s, chosen_s)]
    emit(
        f"choosing among {DanceOptions.continuations} ways to go on, warm", middles[1], "s",
        ratio=middles[1] / middles[0], against="going on as it comes",
        each=[round(value, 2) for value in chosen_s], plain=[round(value, 2) for value in plain_s],
        seconds=time.perf_counter() - begun_all,
    )  # fmt: skip
    return chosen_s


def of_the_built_in_dancer(folder: Path, rounds: int) -> None:
    """What somebody sees first: a dance without any run, from typing the command to the finished file."""
    begun = time.perf_counter()
    took_s = [
        dancenet("generate", "dance", "--out", folder / f"first-{n}.mp4", "--quiet") for n in range(rounds)
    ]
    emit(
        "a first dance, without any run", finite_median(np.array(took_s)), "s", bar=Bar(high=20.0),
        each=[round(value, 2) for value in took_s], seconds=time.perf_counter() - begun,
    )  # fmt: skip


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    from dancenet.frames import load_frames
    from dancenet.runs import Run
    from dancenet.video import probe

    begun = time.perf_counter()
    if not chosen.run:
        say("training for a moment")
    run = chosen.run or quick_run(folder)
    packed, out = load_frames(Run(run)), folder / "dance.mp4"
    for name, make, low in (("from a cold start", cold, 3.0), ("warm", warm, 8.0)):
        took_s = make(chosen, run, out)
        made = probe(out)
        if abs(made.duration_s - chosen.seconds) > 2 / chosen.fps:
            raise DancenetError(f"a dance of {made.duration_s:.2f} s", f"{chosen.seconds:g} s as asked for")
        middle_s = finite_median(np.array(took_s))
        emit(
            f"generate a {chosen.seconds:g} s video, {name}", middle_s, "s",
            ratio=chosen.seconds / middle_s, against="real time", bar=Bar(low=low),
            each=[round(value, 2) for value in took_s], fps=made.fps, size=f"{made.width}x{made.height}",
            channels=packed.channels, preset=Run(run).read("vae")["options"]["preset"],
            seconds=time.perf_counter() - begun,
        )  # fmt: skip
    apart_s = until_first_frame(chosen, run, out)
    shares = {"all of it": (apart_s.sum(axis=2), 10.0), "dancenet's own part": (apart_s[:, :, 1], 1.5)}
    for name, (took, most) in shares.items():
        emit(
            f"cold start to the first frame, {name}", finite_median(took[:, 0]), "s", bar=Bar(high=most),
            each=[round(value, 2) for value in took[:, 0].tolist()],
            of_the_processor_s=[round(value, 2) for value in took[:, 1].tolist()],
            length_s=chosen.seconds, seconds=time.perf_counter() - begun,
        )  # fmt: skip
    of_the_built_in_dancer(folder, chosen.rounds)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    from dancenet.console import load_tensorflow

    load_tensorflow()
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
