"""Train on real dance and hold the result against its bars: pictures, likelihood, four dances of a minute.

    python benchmarks/quality.py                                   # aist and salsa, about an hour
    python benchmarks/quality.py --only salsa --out out/quality    # keep run, videos and contact sheets
    python benchmarks/quality.py --run runs/salsa --out out/salsa  # only generate and measure, minutes

Prints one JSON line per figure, with its bar and whether it passes. Held out are the run's own validation
takes. Dances are measured as their videos show them, decoded, beside unseen takes of the same length.
What each figure catches is written in dancenet/evaluation/dance.py.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from dance_figures import pictures, show, yardstick_of
from measuring import DATA, Bar, dancenet, emit, say, skipped

from dancenet.config import DanceOptions
from dancenet.errors import DancenetError
from dancenet.runs import Run

#: Real stretches that the dances stand beside.
REAL_SEEDS = 8


@dataclass(frozen=True)
class Material:
    """A folder of takes, how it is framed, and its bars."""

    frames: tuple[str, ...]
    foreground_psnr_db: float
    dances_judged: bool


MATERIALS = {
    "aist": Material(("--fit", "follow", "--width", "96", "--height", "128"), 20.5, dances_judged=False),
    "salsa": Material((), 18.5, dances_judged=True),
}

#: Figure of a dance → which number is judged, and its bar ("frozen_seconds_share" is judged against real).
BARS = {
    "motion": ("ratio", Bar(0.85, 1.15)),
    "jitter": ("ratio", Bar(0.85, 1.15)),
    "longest_frozen_run_s": ("worst", Bar(high=1.0)),
    "form": ("ratio", Bar(high=1.1)),
    "drift": ("made", Bar(0.85, 1.15)),
    "coverage": ("ratio", Bar(low=0.9)),
    "self_repetition": ("ratio", Bar(0.85, 1.15)),
    "replay_s": ("worst", Bar(high=3.0)),
}
UNITS = {"longest_frozen_run_s": "s", "replay_s": "s"}


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, default=DATA, metavar="DIR", help=f"folder with aist/ and salsa/ ({DATA})")
    add("--only", choices=MATERIALS, help="one of the two")
    add("--minutes", type=float, default=10.0, help="for VAE and choreographer each (default 10)")
    add("--out", type=Path, metavar="DIR", help="keep runs, videos and contact sheets here")
    add("--run", type=Path, metavar="DIR", help="a trained run: only generate and measure")
    add("--dances", type=int, default=4, help="how many, each with its own seed (default 4)")
    add("--seconds", type=float, default=60.0, help="length of each (default 60)")
    add("--temperature", type=float, default=DanceOptions.temperature, help="which move comes next")
    add("--stray", type=float, default=DanceOptions.stray, help="how far poses stray")
    add("--seed", type=int, default=0, help="of the first dance (default 0)")
    return parser.parse_args(argv)


def train(name: str, chosen: argparse.Namespace, folder: Path) -> Run:
    """All stages as a user trains them; finished ones are not done again."""
    run = Run(folder / f"run-{name}")
    dancenet("frames", chosen.data / name, "--run", run.path, *MATERIALS[name].frames)
    say(f"{name}: training")
    dancenet("train", "all", "--run", run.path, "--minutes", chosen.minutes)
    return run


def measure_pictures(name: str, run: Run, vae, packed) -> None:
    """Foreground PSNR and sharpness on every frame of the held-out takes, with the VAE that dances."""
    from dancenet.evaluation.reconstruction import compare
    from dancenet.sequences import split_takes
    from dancenet.trained import reconstruct_batch

    begun = time.perf_counter()
    unseen = [packed.pixels[span.start : span.stop] for span in split_takes(packed)[1]]
    made = (
        np.concatenate([reconstruct_batch(vae, clip[i : i + 64])[2] for i in range(0, len(clip), 64)])
        for clip in unseen
    )
    error = compare(iter(unseen), made)
    bar = Bar(low=MATERIALS[name].foreground_psnr_db) if name in MATERIALS else None
    content = run.read("vae")
    facts = {
        "preset": content["options"]["preset"], "budget": content["budget"], "trained_s": content["seconds"],
        "takes": len(unseen), "frames": sum(map(len, unseen)),
    }  # fmt: skip
    seconds = time.perf_counter() - begun
    emit(
        f"{name}: foreground PSNR on held-out takes", error.foreground_psnr, "dB", bar=bar, seconds=seconds,
        sharpness=error.sharpness, psnr_db=error.plain_psnr, **facts,
    )  # fmt: skip


def report_sharpness(name: str, run: Run, plain, trained) -> None:
    """What sharpening gave, on every unseen frame: sharpness of real at half and full size, and its price."""
    from dancenet.evaluation.fidelity import picture_figures
    from dancenet.sequences import frame_indices, split_takes

    begun = time.perf_counter()
    unseen = frame_indices(split_takes(plain.packed)[1])
    before, after = (picture_figures(each.vae, plain.packed, unseen) for each in (plain, trained))
    emit(
        f"{name}: sharpness of unseen frames at half size", after["half_sharpness"], "", bar=Bar(low=0.9),
        before=before["half_sharpness"], full_size=after["sharpness"], full_size_before=before["sharpness"],
        psnr_lost_db=before["foreground_psnr_db"] - after["foreground_psnr_db"],
        of_dances=run.read("sharpen")["figures"]["after"]["dance_sharpness"],
        of_dances_before=run.read("sharpen")["figures"]["before"]["dance_sharpness"],
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def report_likelihood(name: str, run: Run) -> None:
    """The choreographer's validation likelihood beside both baselines; is it the best checkpoint's?"""
    content = run.read("choreographer")
    figures, log = content["figures"], (run / "choreographer" / "log.jsonl").read_text(encoding="utf-8")
    best = min(json.loads(line)["validation"]["nll"] for line in log.splitlines())
    baseline = min(figures["copy_last_nll"], figures["linear_nll"])
    emit(
        f"{name}: validation NLL per dimension", figures["nll"], "nats", bar=Bar(high=baseline),
        copy_last_nll=figures["copy_last_nll"], linear_nll=figures["linear_nll"],
        is_best_checkpoint=abs(figures["nll"] - best) < 1e-3, best_logged=best, seconds=0.0,
        budget=content["budget"], trained_s=content["seconds"], stopped_early=content["stopped_early"],
    )  # fmt: skip


def make_dances(name: str, run: Run, chosen: argparse.Namespace, folder: Path) -> list[Path]:
    from dancenet.demo import draw_sheet
    from dancenet.rendering import write_dance

    wanted = DanceOptions(
        seconds=chosen.seconds, temperature=chosen.temperature, stray=chosen.stray, seed=chosen.seed,
        takes=chosen.dances,
    )  # fmt: skip
    videos = write_dance(run, folder / f"{name}.mp4", wanted)
    for video in videos:
        draw_sheet(video, video.with_suffix(".png"), chosen.seconds)
    return videos


def measure_dances(name: str, run: Run, videos: list[Path], chosen: argparse.Namespace) -> None:
    from dancenet.evaluation.dance import ratios

    begun = time.perf_counter()
    measure = yardstick_of(run)
    dances = {video.name: measure.measure(pictures(video, measure.fps), fps=measure.fps) for video in videos}
    table = ratios(list(dances.values()), measure.real(seconds=chosen.seconds, seeds=range(REAL_SEEDS)))
    show(dances, table)
    seconds = time.perf_counter() - begun
    judged = name not in MATERIALS or MATERIALS[name].dances_judged
    table.pop("duration_s")
    for figure, numbers in table.items():
        bars = {**BARS, "frozen_seconds_share": ("made", Bar(high=numbers["real"]))}
        by, bar = bars.get(figure, ("made", None))
        emit(
            f"{name}: {figure} of {len(videos)} dances", numbers["made"], UNITS.get(figure, ""),
            ratio=numbers["ratio"], bar=bar if judged else None, judged=numbers[by], judged_by=by,
            real=numbers["real"], worst=numbers.get("worst"),
            each=[round(asdict(dance)[figure], 4) for dance in dances.values()],
            dance_s=chosen.seconds, temperature=chosen.temperature, stray=chosen.stray, seconds=seconds,
        )  # fmt: skip


def report_travel(name: str, trained, videos: list[Path], chosen: argparse.Namespace) -> None:
    """How far dancers stray across the picture in `travel.LATER_S`, of all they stray."""
    from dancenet.networks.centring import ACROSS
    from dancenet.sequences import split_takes
    from dancenet.stages.travel import LATER_S, strayed

    if not trained.vae.window:
        return skipped(f"{name}: straying", "these pictures have no place across")
    begun, made = time.perf_counter(), []
    for video in videos:
        with np.load(video.with_suffix(".latents.npz")) as stored:
            made.append(stored["latents"][:, ACROSS])
    fps = len(made[0]) / chosen.seconds
    unseen = split_takes(trained.packed)[1]
    parts = [trained.latents.mean[span.start : span.stop, ACROSS] for span in unseen]
    real, value = strayed(parts, LATER_S * trained.packed.fps), strayed(made, LATER_S * fps)
    emit(
        f"{name}: straying in {LATER_S} s of {len(videos)} dances", value, "of 1", ratio=value / real,
        real=real, **trained.measures, seconds=time.perf_counter() - begun,
    )  # fmt: skip


def examine(name: str, run: Run, chosen: argparse.Namespace, folder: Path) -> None:
    """Measure one trained run; a run with pictures only is measured as far as it goes."""
    from dancenet.frames import load_frames
    from dancenet.trained import load_trained, load_vae

    dances = run.has("choreographer")
    if run.has("joint"):
        content = run.read("joint")
        emit(
            f"{name}: joint fine-tuning kept", float(content["kept"]), "", seconds=content["seconds"],
            **content["figures"],
        )  # fmt: skip
    packed = load_frames(run)
    trained = load_trained(run) if dances else None
    measure_pictures(name, run, trained.vae if trained else load_vae(run, packed), packed)
    if trained and trained.sharp:
        report_sharpness(name, run, load_trained(run, sharp=False), trained)
    sheet = run / "vae" / "reconstructions.png"
    if sheet.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(sheet, folder / f"{name}-reconstructions.png")
    if not dances:
        return skipped(f"{name}: dances", f"{run.path} has no finished stage 'choreographer'")
    report_likelihood(name, run)
    videos = make_dances(name, run, chosen, folder)
    measure_dances(name, run, videos, chosen)
    report_travel(name, trained, videos, chosen)


def measure_all(chosen: argparse.Namespace, folder: Path) -> None:
    if chosen.run:
        from dancenet.frames import load_frames

        run = Run(chosen.run)
        name = chosen.only or Path(load_frames(run).clips[0].source).parent.name
        return examine(name, run, chosen, folder)
    for name in [chosen.only] if chosen.only else MATERIALS:
        if not (chosen.data / name).is_dir():
            skipped(f"{name}: quality", f"no takes at {chosen.data / name} (name a folder with --data)")
            continue
        examine(name, train(name, chosen, folder), chosen, folder)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    from dancenet.console import load_tensorflow

    try:
        load_tensorflow()
        if chosen.out:
            measure_all(chosen, chosen.out)
        else:
            with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
                measure_all(chosen, Path(folder))
    except DancenetError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:  # it has said why itself
        return error.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
