"""Ten-minute dances of a trained run, four seeds, minute by minute, against the bars of such a dance.

    python benchmarks/ten_minutes.py --run runs/salsa                       # about five minutes on two cores
    python benchmarks/ten_minutes.py --run runs/salsa --report report.json  # of a report that is there

Everything is measured by `dancenet evaluate --seconds 600`; here its report is held against bars. Real is
unseen real dance, in stretches of a minute where minutes are compared.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Bar, benchmark, dancenet, emit

from dancenet.errors import DancenetError
from dancenet.runs import Run

#: So far the mean over all minutes may be from that of real minutes, as a ratio.
NEAR = Bar(0.9, 1.1)
#: Figures whose last minute must lie among real minutes.
LAST_MINUTE = ("form", "motion", "jitter")


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--run", type=Path, required=True, metavar="DIR", help="a trained run")
    add(
        "--report",
        type=Path,
        metavar="FILE",
        help="report.json of evaluate --seconds 600, in place of a new one",
    )
    add("--out", type=Path, metavar="DIR", help="keep report and videos here")
    add(
        "--seconds", type=float, default=600.0, help="length of the dances, two minutes or more (default 600)"
    )
    add("--seeds", type=int, default=4, help="how many (default 4)")
    return parser.parse_args(argv)


def minutes(found: dict[str, Any], seconds: float) -> None:
    """The last minute, and the mean over minutes and seeds."""
    table = found["minutes"]

    def line(what: str, value: float, bar: Bar, row: dict[str, Any], ratio: float | None = None) -> None:
        real = row["real"]
        emit(
            what, value, "", ratio=ratio, bar=bar, real=real["mean"], real_low=real["low"],
            real_high=real["high"], minutes=[each["mean"] for each in row["made"]], seconds=seconds,
        )  # fmt: skip

    for name in LAST_MINUTE:
        row = table[name]
        line(
            f"{name} of the last minute",
            row["made"][-1]["mean"],
            Bar(row["real"]["low"], row["real"]["high"]),
            row,
        )
        mean = row["all"]["mean"]
        line(f"{name}, mean of minutes", mean, NEAR, row, mean / row["real"]["mean"])
    for name, bar_of in {
        "frozen_seconds_share": lambda real: Bar(high=real["mean"]),
        "self_repetition": lambda real: Bar(high=real["mean"]),
        "coverage": lambda real: Bar(low=real["mean"]),
        "frechet": lambda real: Bar(high=real["mean"]),
        "half_sharpness": lambda _: Bar(low=0.9),
    }.items():
        row = table[name]
        line(f"{name}, mean of minutes", row["all"]["mean"], bar_of(row["real"]), row)


def whole(found: dict[str, Any], seconds: float) -> None:
    """What is asked of whole dances, and of all of them together."""
    figures = found["figures"]
    for what, name, unit, bar in (
        ("longest run of frozen seconds", "longest_frozen_run_s", "s", Bar(high=1.0)),
        ("longest replay of the film", "replay_s", "s", Bar(high=2.0)),
    ):
        row = figures[name]
        emit(
            what, max(row["made"]["each"]), unit, bar=bar, each=row["made"]["each"],
            real=row["real"]["mean"], seconds=seconds,
        )  # fmt: skip
    form, full = figures["form"], figures["sharpness"]
    made, real = form["made"]["mean"], form["real"]["mean"]
    emit(
        "distance to the nearest training pose", made, "", ratio=made / real, bar=Bar(0.85, 1.1), real=real,
        seconds=seconds,
    )  # fmt: skip
    emit(
        "sharpness of dances at full size",
        full["made"]["mean"],
        "",
        each=full["made"]["each"],
        seconds=seconds,
    )
    apart = found["diversity"]
    emit(
        "distance between seeds", apart["made"], "", ratio=apart["ratio"], bar=Bar(low=0.8),
        real=apart["real"], trivial=apart["trivial"], seconds=seconds,
    )  # fmt: skip


def learned(found: dict[str, Any], run: Run, seconds: float) -> None:
    """Likelihood and expectation on unseen takes, what sharpening lost, how long training took."""
    nll = {name: value for name, value in found["likelihood"].items() if name.endswith("nll")}
    baselines = [value for name, value in nll.items() if name != "nll"]
    emit("NLL per dimension", nll["nll"], "nats", bar=Bar(high=min(baselines)), **nll, seconds=seconds)
    if found["prediction"]:
        row = found["prediction"]["15"]
        emit(
            "error 15 frames ahead", row["choreographer"], "", ratio=row["choreographer"] / row["copy_last"],
            bar=Bar(high=0.7), against="copy last", errors=row, seconds=seconds,
        )  # fmt: skip
    if run.has("sharpen"):
        before, after = (
            run.read("sharpen")["figures"][when]["foreground_psnr_db"] for when in ("before", "after")
        )
        emit(
            "foreground PSNR lost by sharpening",
            before - after,
            "dB",
            bar=Bar(high=0.5),
            before=before,
            seconds=0.0,
        )
    stages = [stage for stage in ("vae", "latents", "choreographer", "joint", "sharpen") if run.has(stage)]
    took = {stage: run.read(stage).get("seconds", 0.0) for stage in stages}
    emit("training in all", sum(took.values()) / 60, "min", bar=Bar(high=30.0), **took, seconds=0.0)


def same_again(run: Run, folder: Path) -> None:
    """A seed danced twice, each time by a process of its own."""
    begun = time.perf_counter()
    paths = [folder / "one.mp4", folder / "two.mp4"]
    for path in paths:
        dancenet("generate", "dance", "--run", run.path, "--out", path, "--seconds", 20, "--seed", 3)
    one, two = (np.load(path.with_suffix(".latents.npz"))["latents"] for path in paths)
    apart = float(np.abs(one - two).max()) if one.shape == two.shape else float("nan")
    emit(
        "the same seed twice, largest difference", apart, "", bar=Bar(0.0, 0.0),
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    run, begun, report = Run(chosen.run), time.perf_counter(), chosen.report
    if report is None:
        lengths = ("--seconds", chosen.seconds, "--seeds", chosen.seeds)
        dancenet("evaluate", "--run", run.path, "--out", folder, *lengths)
        report = folder / "report.json"
    found, seconds = json.loads(report.read_text(encoding="utf-8")), time.perf_counter() - begun
    if not found["minutes"]:
        raise DancenetError(
            f"dances of {found['protocol']['seconds']:g} s in {report}", "two minutes or more",
            "dancenet evaluate --seconds 600",
        )  # fmt: skip
    minutes(found, seconds)
    whole(found, seconds)
    learned(found, run, seconds)
    same_again(run, folder)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    if not chosen.report and (chosen.seconds < 120 or chosen.seeds < 1):
        print(f"--seconds {chosen.seconds:g} --seeds {chosen.seeds}: 120 or more, 1 or more", file=sys.stderr)
        return 2
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        return benchmark(lambda: measure(chosen, chosen.out))
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        return benchmark(lambda: measure(chosen, Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main())
