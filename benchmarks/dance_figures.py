"""Measure dances beside unseen real takes of the same length: one JSON line, and a table on standard error.

    python benchmarks/dance_figures.py --run out/salsa --dance out/a.mp4 out/b.mp4
    python benchmarks/dance_figures.py --training takes/1*.mp4 --held-out takes/2*.mp4 --dance out/a.mp4

With --run, training and held-out takes are the run's own, through its own frame options. What each
figure catches is written in dancenet/evaluation/dance.py. About 15 s per ten minutes of training frames.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from dancenet.errors import DancenetError
from dancenet.evaluation.dance import DanceFigures, DanceMeasure, ratios
from dancenet.evaluation.features import MEASURED_FPS
from dancenet.frames import load_frames
from dancenet.runs import Run
from dancenet.sequences import split_takes
from dancenet.video import probe, read_frames


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--dance", nargs="+", type=Path, required=True, metavar="FILE", help="dances to measure")
    add("--run", type=Path, metavar="DIR", help="run whose frames are the training and held-out takes")
    add("--training", nargs="+", type=Path, metavar="VIDEO", help="training takes, in place of --run")
    add("--held-out", nargs="+", type=Path, metavar="VIDEO", help="unseen takes, in place of --run")
    add("--seeds", type=int, default=8, help="number of real stretches to average (default 8)")
    chosen = parser.parse_args(argv)
    if bool(chosen.run) == bool(chosen.training and chosen.held_out):
        parser.error("give either --run, or both --training and --held-out")
    if chosen.seeds < 1:
        parser.error(f"--seeds {chosen.seeds}: 1 or more")
    return chosen


def pictures(path: Path, fps: float) -> Iterator[np.ndarray]:
    for _, frame in read_frames(path, fps=fps):
        yield frame


def yardstick_of(run: Run) -> DanceMeasure:
    """Training takes and validation takes of a run, as it trained on them."""
    frames = load_frames(run)
    training, validation = (
        [frames.pixels[span.start : span.stop] for span in spans] for spans in split_takes(frames)
    )
    rate = min(MEASURED_FPS, frames.fps)
    return DanceMeasure(training, held_out_clips=validation, fps=frames.fps, measured_fps=rate)


def yardstick(chosen: argparse.Namespace) -> DanceMeasure:
    if chosen.run:
        return yardstick_of(Run(chosen.run))
    return DanceMeasure(
        (pictures(path, MEASURED_FPS) for path in chosen.training),
        held_out_clips=(pictures(path, MEASURED_FPS) for path in chosen.held_out),
    )


def row(figures: dict[str, float | None]) -> list[str]:
    return ["" if value is None else f"{value:.3f}" for value in figures.values()]


def show(dances: dict[str, DanceFigures], table: dict[str, dict[str, float | None]]) -> None:
    names = [field.name for field in fields(DanceFigures)]
    shown = Table("", *names, title="Dances beside unseen real takes")
    for name, figures in dances.items():
        shown.add_row(name, *row(asdict(figures)))
    shown.add_section()
    for line in ("made", "real", "ratio", "worst"):
        shown.add_row(line, *row({name: table[name].get(line) for name in names}))
    # Wide enough for every column, also where the output goes into a file; standard output is for JSON.
    Console(width=max(Console().width, 180), stderr=True).print(shown)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    try:
        for path in chosen.dance:
            probe(path)  # a misspelt name is told before the long work
        measure = yardstick(chosen)
        dances = {
            str(path): measure.measure(pictures(path, measure.fps), fps=measure.fps) for path in chosen.dance
        }
        seconds = float(np.mean([figures.duration_s for figures in dances.values()]))
        table = ratios(list(dances.values()), measure.real(seconds=seconds, seeds=range(chosen.seeds)))
    except DancenetError as error:
        print(error, file=sys.stderr)
        return 2
    show(dances, table)
    each = {name: asdict(figures) for name, figures in dances.items()}
    print(
        json.dumps(
            {"benchmark": "dance_figures", "measured_fps": measure.fps, "figures": table, "dances": each}
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
