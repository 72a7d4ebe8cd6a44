"""A film to a dance on a GPU: how long each stage takes, as commands, and how busy it keeps the GPU.

    KERAS_BACKEND=jax python benchmarks/gpu_stages.py [FILMS] [--preset base] [--width 256] [--height 256]

Every stage is the command that a user types, starting Python and compiling included, with budgets as given.
Without FILMS the built-in dancer is filmed first. The bar of 15 minutes is for ten minutes of film. Without a
GPU it says "not measured".
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gpu import BUSY, watched
from measuring import Bar, emit, say, skipped

from dancenet.console import Console
from dancenet.demo import film_dancer

#: Asked by another process: one that has looked at the GPU keeps memory of it from the stages.
SEES_A_GPU = "from dancenet.machine.hardware import on_gpu; raise SystemExit(0 if on_gpu() else 1)"
#: Seconds for all stages.
WHOLE = Bar(high=900.0)


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("films", type=Path, nargs="?", help="a film or a folder of films (the built-in dancer's)")
    add("--preset", default="base", help="size of the networks (default base)")
    add("--width", type=int, default=256, help="of the frames, pixels (default 256)")
    add("--height", type=int, default=256, help="of the frames, pixels (default 256)")
    add("--vae", type=float, default=5.0, metavar="MINUTES", help="budget of the VAE (default 5)")
    add("--choreographer", type=float, default=3.0, metavar="MINUTES", help="its budget (default 3)")
    add("--joint", type=float, default=1.0, metavar="MINUTES", help="budget of fine-tuning (default 1)")
    add("--sharpen", type=float, default=2.0, metavar="MINUTES", help="budget of sharpening (default 2)")
    add("--out", type=Path, metavar="DIR", help="keep run and dance here")
    add("--anywhere", action="store_true", help="run without a GPU as well, to see that it runs")
    return parser.parse_args(argv)


def commands(chosen: argparse.Namespace, folder: Path) -> list[list[str]]:
    """What a user types, from films to a dance of 20 s."""
    run, sized = str(folder / "run"), ["--preset", chosen.preset]
    size = ["--width", str(chosen.width), "--height", str(chosen.height)]
    trained = [
        ["train", stage, "--run", run, *sized, "--minutes", str(getattr(chosen, stage))]
        for stage in ("vae", "choreographer", "joint", "sharpen")
    ]
    trained.insert(1, ["train", "latents", "--run", run])
    dance = ["generate", "dance", "--run", run, "--seconds", "20", "--out", str(folder / "dance.mp4")]
    return [["frames", str(chosen.films), "--run", run, *size], *trained, dance]


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    whole_s, what = 0.0, f"{chosen.preset}, {chosen.width}x{chosen.height}"
    if chosen.films is None:
        film_dancer(folder / "films", Console(quiet=True))
        chosen.films = folder / "films"
    for command in commands(chosen, folder):
        begun = time.perf_counter()
        with watched() as busy:
            subprocess.run([sys.executable, "-m", "dancenet", *command, "--quiet"], check=True)
        passed_s = time.perf_counter() - begun
        whole_s += passed_s
        stage = command[1] if command[0] == "train" else command[0]
        share = statistics.mean(busy) if busy else None
        made = folder / "run" / f"{stage}.json"
        figures = json.loads(made.read_text()).get("figures") if command[0] == "train" else None
        emit(
            f"{stage}, {what}", passed_s, "s", seconds=passed_s, busy=share, busy_bar=BUSY.low,
            busy_passes=BUSY.passes(share), figures=figures,
        )  # fmt: skip
    bar = WHOLE if what == "base, 256x256" else None
    emit(f"all stages and a dance of 20 s, {what}", whole_s, "s", seconds=whole_s, bar=bar)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    seen = subprocess.run([sys.executable, "-c", SEES_A_GPU], stderr=subprocess.DEVNULL).returncode == 0
    if not seen and not chosen.anywhere:
        skipped("stages on a GPU", "not measured: the backend sees no GPU")
        return 0
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        say(f"in {chosen.out or folder}")
        measure(chosen, chosen.out or Path(folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
