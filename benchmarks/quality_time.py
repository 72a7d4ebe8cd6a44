"""Seconds of training to the same held-out quality: the ancestor as it ran, then `small`.

    python benchmarks/quality_time.py --only salsa
    python benchmarks/quality_time.py --minutes 40  # built-in dancer too; an hour and a half

The ancestor's networks train for some minutes (float32, batches of 100, RMSprop at a constant 1e-4 since its
own 1e-3 diverges, its loss, nothing mirrored or moved); its best foreground PSNR on held-out takes and the
second at which it had it are noted. Then `small` trains as `dancenet train vae --minutes 10` begins, until
it has as much. The clock of both counts all training, the first step's compilation included, and stands
still while quality is measured. Grey frames of 208 x 120 both. They cannot take turns: the second runs
right after the first. Where the ancestor has not learned more in its minutes than the empty room, there is
nothing to compare, and the line says so.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from measuring import DATA, Bar, dancer_frames, emit, say, skipped

from dancenet.config import FrameOptions, TrainOptions
from dancenet.runs import Run

#: The training whose beginning `small` is timed on, minutes.
SMALL_MINUTES = 10.0
#: Held-out frames that are looked at each time.
VALIDATION_FRAMES = 384
#: The ancestor has learned something where it is better than the mean picture by so much, in dB.
LEARNED_DB = 1.0


@dataclass
class Course:
    """How quality rose: seconds of training and foreground PSNR in dB, measured together."""

    first_step_s: float = 0.0
    steps: int = 0
    clock_s: list[float] = field(default_factory=list)
    psnr_db: list[float] = field(default_factory=list)
    finite: bool = True

    def best(self) -> tuple[float, float]:
        """The best quality and when it was first there: dB, seconds."""
        at = int(np.argmax(self.psnr_db))
        return self.psnr_db[at], self.clock_s[at]

    def reached(self, psnr_db: float) -> float | None:
        """Second at which a quality was reached; None where it was not."""
        for clock_s, quality in zip(self.clock_s, self.psnr_db, strict=True):
            if quality >= psnr_db:
                return clock_s
        return None


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=float, default=20.0, help="of the ancestor's training (default 20)")
    add("--only", choices=("dancer", "salsa"), help="one of the two")
    add("--data", type=Path, default=DATA, metavar="DIR", help=f"folder with salsa/ ({DATA})")
    add("--films", type=Path, metavar="DIR", help="keep films and frames here")
    return parser.parse_args(argv)


def endless(packed, indices, batch: int, augmentation) -> Iterator:
    """Batches of one epoch after another, made by a thread a few ahead, as in training."""
    from dancenet.batching.batches import FrameBatches

    def each() -> Iterator:
        epoch = 0
        while True:
            batches = FrameBatches(packed, indices, batch, seed=0, epoch=epoch, augmentation=augmentation)
            for index in range(len(batches)):
                yield batches, index
            epoch += 1

    order = each()
    with ThreadPoolExecutor(1) as maker:

        def following():
            batches, index = next(order)
            return maker.submit(batches.__getitem__, index)

        coming = [following() for _ in range(4)]
        while True:
            coming.append(following())
            yield coming.pop(0).result()


def train(preset: str, packed, *, limit_s: float, every_s: float, enough: Callable[[float], bool]) -> Course:
    """Train until `limit_s`, or until the quality is `enough`; look at it every `every_s` of training."""
    from dancenet.batching.batches import Augmentation
    from dancenet.evaluation.fidelity import picture_figures
    from dancenet.fitting.loop import WARM_UP_STEPS
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.training import KL_WARM_UP, _new_vae

    training, validation = split_takes(packed)
    indices, unseen = frame_indices(training), frame_indices(validation)
    sample = unseen[np.linspace(0, len(unseen) - 1, min(len(unseen), VALIDATION_FRAMES)).astype(int)]
    classic = preset == "classic"
    augmentation = Augmentation(False, False) if classic else Augmentation.fitting(packed, indices)
    precision = "float32" if classic else "auto"  # as the ancestor ran it
    model = _new_vae(packed, TrainOptions(preset=preset, precision=precision), indices, augmentation)
    picture_figures(model, packed, sample)  # compiled before the clock runs
    course, clock_s, due_s = Course(), 0.0, every_s
    batches = endless(packed, indices, model.preset.batch, augmentation)
    while clock_s < limit_s:
        begun = time.perf_counter()
        if not classic:  # the schedule of `dancenet.fitting.loop`
            share = clock_s / (SMALL_MINUTES * 60)
            rising = min(1.0, (course.steps + 1) / WARM_UP_STEPS)
            model.optimizer.learning_rate.assign(model.preset.learning_rate * rising * max(1 - share, 0.01))
            model.kl_weight.assign(min(1.0, share / KL_WARM_UP))
        loss = model.train_on_batch(next(batches), return_dict=True)["loss"]
        course.finite = math.isfinite(loss)
        clock_s += time.perf_counter() - begun
        course.first_step_s = course.first_step_s or clock_s
        course.steps += 1
        if not course.finite:
            break
        if clock_s >= due_s or clock_s >= limit_s:
            quality = picture_figures(model, packed, sample)["foreground_psnr_db"]
            course.clock_s.append(clock_s)
            course.psnr_db.append(quality)
            due_s = clock_s + every_s
            if enough(quality):
                break
    batches.close()
    return course


def empty_room_psnr(packed) -> float:
    """Foreground PSNR on held-out takes of the one picture that fits the training takes best: their mean."""
    from dancenet.evaluation.reconstruction import PictureError
    from dancenet.sequences import frame_indices, split_takes

    training, validation = split_takes(packed)
    mean = packed.pixels[frame_indices(training)[::20]].mean(axis=0)
    error = PictureError()
    for span in validation:
        real = packed.pixels[span.start : span.stop]
        clip = next(i for i, clip in enumerate(packed.clips) if span.start < clip.stop)
        error.add(real, np.broadcast_to(np.rint(mean).astype("uint8"), real.shape), packed.backgrounds[clip])
    return error.foreground_psnr


def compare(name: str, packed, minutes: float) -> None:
    begun = time.perf_counter()
    say(f"{name}: classic for {minutes:g} minutes")
    classic = train(
        "classic", packed, limit_s=60 * minutes, every_s=60 * minutes / 16, enough=lambda _: False
    )
    classic_s = time.perf_counter() - begun
    if not classic.psnr_db:
        return skipped(f"{name}: time to the same quality", "the ancestor's training diverged at once")
    wanted_db, took_s = classic.best()
    emit(
        f"{name}: best held-out foreground PSNR of classic", wanted_db, "dB", reached_at_s=took_s,
        budget_s=60 * minutes, diverged=not classic.finite, steps=classic.steps,
        first_step_s=classic.first_step_s, seconds=classic_s,
    )  # fmt: skip
    room_db = empty_room_psnr(packed)
    if wanted_db < room_db + LEARNED_DB:
        return skipped(
            f"{name}: time to the same quality",
            f"in {minutes:g} minutes the ancestor has learned hardly more than the room ({room_db:.2f} dB): "
            "give it more with --minutes",
        )  # fmt: skip
    say(f"{name}: small to {wanted_db:.2f} dB")
    # Never less time than the ancestor had: its last step may have begun before the budget was spent.
    limit_s = max(60 * minutes, classic.clock_s[-1])
    small = train("small", packed, limit_s=limit_s, every_s=0.5, enough=lambda quality: quality >= wanted_db)
    reached_s = small.reached(wanted_db)
    ratio = compiled = None
    if reached_s is not None:
        ratio = took_s / reached_s
        compiled = (took_s - classic.first_step_s) / max(reached_s - small.first_step_s, 1e-3)
    emit(
        f"{name}: seconds of small to the same quality", reached_s, "s",
        ratio=ratio, judged=ratio, bar=Bar(low=15.0), against="classic",
        ratio_without_first_steps=compiled, psnr_db=small.psnr_db[-1] if small.psnr_db else None,
        steps=small.steps, first_step_s=small.first_step_s,
        seconds=time.perf_counter() - begun - classic_s,
    )  # fmt: skip


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    grey = FrameOptions(gray=True)
    if chosen.only != "salsa":
        say("filming the built-in dancer")
        compare("dancer", dancer_frames(folder, grey), chosen.minutes)
    if chosen.only != "dancer":
        from dancenet.frames import extract

        takes = chosen.data / "salsa"
        if not takes.is_dir():
            return skipped(
                "salsa: time to the same quality", f"no takes at {takes} (name a folder with --data)"
            )
        say("reading salsa")
        compare("salsa", extract([takes], Run(folder / "salsa-grey"), grey), chosen.minutes)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    from dancenet.console import load_tensorflow

    load_tensorflow()
    if chosen.films:
        measure(chosen, chosen.films)
    else:
        with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
            measure(chosen, Path(folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
