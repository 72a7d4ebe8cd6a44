"""What hours of film cost: frames, disk, core hours, GPU hours, memory, money; and what would break first.

    python benchmarks/scale.py > speed.jsonl                    # on the machine that is to train
    python benchmarks/cost.py --measured speed.jsonl --gpu-hour 2.5 --markdown

Stage 1 is measured here, on a film of the built-in dancer, one process. The other rates, and memory by the
frame, are those that `scale.py` has printed, of its longest film. A price is what is given: none is assumed.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from measuring import emit

from dancenet import dancer
from dancenet.config import LATENT_SIZE, DancerOptions, FrameOptions
from dancenet.frames import extract
from dancenet.runs import Run
from dancenet.sequences import SEEN

HOURS = (1, 10, 100, 1_000, 10_000, 100_000)
#: Ways in which the choreographer is shown the takes at most, as filmed among them (`batches.Augmentation`).
WAYS = 9
#: Length of the film that is read, seconds.
FILM_S = 30.0


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--measured", type=Path, required=True, help="JSON lines of scale.py")
    add("--passes", type=float, default=3.0, help="passes of the VAE over the film (default 3)")
    add(
        "--seen",
        type=float,
        default=1.0,
        help="epochs of the choreographer; it sees a frame 16 times in each",
    )
    add("--gray", action="store_true", help="grey frames, in place of colour")
    add("--gpu-hour", type=float, help="price of an hour of the machine that trains")
    add("--core-hour", type=float, help="price of an hour of a core that reads films")
    add("--markdown", action="store_true", help="print the table of docs/scale.md in place of JSON lines")
    return parser.parse_args(argv)


def reading_rate(frame: FrameOptions) -> float:
    """Seconds of film that one process takes frames of, in a second."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        dancer.write_video(film, DancerOptions(minutes=FILM_S / 60))
        begun = time.perf_counter()
        extract([film], Run(Path(folder) / "run"), frame)
        return FILM_S / (time.perf_counter() - begun)


def measured(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Frames/s of each stage on the longest film, and bytes of memory a frame, of the two longest."""
    speed: dict[str, dict[int, float]] = {}
    memory: dict[str, dict[int, float]] = {}
    for line in map(json.loads, path.read_text().splitlines()):
        kind = line["what"].rpartition(": ")[2]
        if kind in ("speed", "memory"):
            table = speed if kind == "speed" else memory
            table.setdefault(line["stage"], {})[line["frames"]] = line["value"]
    growth = {}
    for stage, seen in memory.items():
        if len(seen) > 1:
            shorter, longer = sorted(seen)[-2:]
            growth[stage] = (seen[longer] - seen[shorter]) * 2**20 / (longer - shorter)
    return {stage: seen[max(seen)] for stage, seen in speed.items()}, growth


def costs(hours: float, asked: argparse.Namespace, frame: FrameOptions, reads: float, rates, growth) -> dict:
    """Everything that so many hours of film cost."""
    frames = hours * 3600 * frame.fps
    pixels = frame.width * frame.height * (1 if asked.gray else 3)
    gpu_hours = frames / 3600 * (
        asked.passes / rates["vae"] + WAYS / rates["latents"] + 1 / rates["beats"]
        + asked.seen * SEEN / rates["choreographer"]
    )  # fmt: skip
    core_hours = hours / reads
    prices = asked.gpu_hour, asked.core_hour
    return {
        "hours": hours, "frames": frames, "frames_gb": frames * pixels / 1e9,
        "latents_gb": frames * WAYS * 2 * 4 * LATENT_SIZE / 1e9, "core_hours": core_hours,
        "training_hours": gpu_hours, "memory_gb": max(growth.values(), default=0.0) * frames / 1e9,
        "money": None if None in prices else gpu_hours * prices[0] + core_hours * prices[1],
    }  # fmt: skip


#: Column of the table → which cost, and how it is written.
COLUMNS = {
    "hours of film": ("hours", "{:,}"),
    "frames": ("frames", "{:.2g}"),
    "frames on disk, GB": ("frames_gb", "{:,.3g}"),
    "latents on disk, GB": ("latents_gb", "{:,.3g}"),
    "core hours, stage 1": ("core_hours", "{:,.2g}"),
    "hours, stages 2 to 4": ("training_hours", "{:,.2g}"),
    "memory, GB": ("memory_gb", "{:,.2g}"),
    "money": ("money", "{:,.3g}"),
}


def table(lines: list[dict]) -> str:
    """The costs as Markdown."""
    rows = [list(COLUMNS), ["---"] * len(COLUMNS)]
    for line in lines:
        rows.append([form.format(line[cost]) for cost, form in COLUMNS.values() if line[cost] is not None])
        rows[-1] += ["not given"] * (len(COLUMNS) - len(rows[-1]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main(argv: list[str] | None = None) -> int:
    asked = options(argv)
    frame = FrameOptions(gray=asked.gray)
    begun = time.perf_counter()
    reads, (rates, growth) = reading_rate(frame), measured(asked.measured)
    seconds = time.perf_counter() - begun
    lines = [costs(hours, asked, frame, reads, rates, growth) for hours in HOURS]
    if asked.markdown:
        print(table(lines))
        return 0
    emit("films read by one process", reads, "seconds of film/s", seconds=seconds)
    for line in lines:
        emit("cost", line["training_hours"], "hours, stages 2 to 4", seconds=seconds, **line, **rates)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
