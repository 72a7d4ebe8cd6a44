"""What a GPU does: frames/s of each stage, how busy it is, with which precision and batch.

    KERAS_BACKEND=jax python benchmarks/gpu.py [--turn 5] [--films DIR] [--only TEXT]

Each training is run as `dancenet train` runs it, batches made by threads meanwhile, several steps a call,
and beside it over one batch again and again: what is lost is the way of the data. Busy is the mean of what
nvidia-smi reports as utilisation (a kernel was running) five times a second. On JAX a profile of some more
calls says how many kernels a step has, how long they take together, and of which share of the time over one
batch. Without a GPU it says "not measured".
"""

import argparse
import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from kernels import kernels
from measuring import Bar, dancer_frames, emit, say, skipped

from dancenet.config import FrameOptions, TrainOptions

#: Steps before anything is timed: the first ones compile.
WARM_UP = 3
#: Classic VAE, frames/s, and busy share of each stage.
CLASSIC, BUSY = Bar(low=15_000), Bar(low=0.6)
#: What is trained: preset, grey, size, precision, batch (0: the preset's).
TRAININGS = (
    ("classic", True, (208, 120), "bfloat16", 0), ("classic", True, (208, 120), "bfloat16", 400),
    ("classic", True, (208, 120), "float32", 0), ("classic", True, (208, 120), "float32", 400),
    ("small", False, (208, 120), "bfloat16", 0), ("small", False, (208, 120), "float32", 0),
    ("small", False, (208, 120), "bfloat16", 64), ("small", False, (208, 120), "bfloat16", 256),
    ("small", False, (208, 120), "float32", 256),
    ("base", False, (256, 256), "bfloat16", 0), ("base", False, (256, 256), "bfloat16", 128),
    ("base", False, (256, 256), "float32", 0),
)  # fmt: skip
#: Choreographers: preset, batch (0: the preset's).
CHOREOGRAPHERS = (("small", 0), ("small", 128), ("base", 0), ("base", 256))
#: Dances rolled out at once.
DANCES = (1, 16, 64)


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--turn", type=float, default=5.0, metavar="SECONDS", help="length of a measurement (default 5)")
    add("--films", type=Path, metavar="DIR", help="keep the built-in dancer's films and frames here")
    add("--only", default="", metavar="TEXT", help="only lines that begin so, as VAE, or choreographer")
    add("--singly", action="store_true", help="take each step by itself, as a budget in epochs does")
    add("--anywhere", action="store_true", help="run without a GPU as well, to see that it runs")
    return parser.parse_args(argv)


@contextlib.contextmanager
def watched() -> Iterator[list[float]]:
    """Fills a list with the GPU's utilisation, of 1, while it lasts."""
    busy: list[float] = []
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    try:
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        yield busy
        return
    try:
        yield busy
    finally:
        watching.terminate()
        lines = watching.communicate()[0].split()
        busy += [float(line) / 100 for line in lines if line.replace(".", "").isdigit()]


def measured(what: str, each: int, steps: Any, batches: Any, turn_s: float, bar: Bar | None, **more: Any):
    """Train for a turn with batches as they come, and for another over one of them; print both."""
    from dancenet.batching.ahead import batch_makers, made_ahead

    begun = time.perf_counter()
    same = batches[0]
    for _ in range(WARM_UP):
        float(steps.take_all(steps.stride * [same])["loss"])
    compiled_s = time.perf_counter() - begun

    def rate(coming: Iterator[Any]) -> float:
        """Frames a second over a turn."""
        count, losses, begun = 0, [], time.perf_counter()
        while time.perf_counter() - begun < turn_s:
            losses.append(steps.take_all(list(islice(coming, steps.stride)))["loss"])
            if len(losses) > steps.behind:
                float(losses.pop(0))
            count += steps.stride
        for loss in losses:
            float(loss)
        return count * each / (time.perf_counter() - begun)

    def again() -> Iterator[Any]:
        """Epoch after epoch."""
        while True:
            yield from range(len(batches))

    alone = rate(repeat(same))
    with watched() as busy, ThreadPoolExecutor(batch_makers()) as makers:
        coming = made_ahead(batches.__getitem__, again(), makers)
        fed = rate(coming)
        coming.close()
    share = statistics.mean(busy[1:-1]) if len(busy) > 3 else None
    step_ms = 1e3 * each / alone
    count, kernels_ms = kernels(steps, same)
    emit(
        what, fed, "frames/s", bar=bar, without_waiting=alone, busy=share, busy_bar=BUSY.low,
        busy_passes=BUSY.passes(share), compiled_s=compiled_s, steps_a_call=steps.stride,
        step_ms=step_ms, kernels=count, kernels_ms=kernels_ms,
        kernels_share=kernels_ms / step_ms if kernels_ms else None,
        seconds=time.perf_counter() - begun, **more,
    )  # fmt: skip


def vaes(folder: Path, turn_s: float, only: str, strides: bool) -> None:
    from dancenet.batching.batches import Augmentation, FrameBatches
    from dancenet.machine.stepping import steps_of
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.training import _new_vae

    for preset, grey, (width, height), precision, size in TRAININGS:
        colours = "grey" if grey else "colour"
        what = f"VAE training, {preset}, {width}x{height} {colours}, {precision}, batch {size or 'its own'}"
        if not what.startswith(only):
            continue
        packed = dancer_frames(folder, FrameOptions(gray=grey, width=width, height=height))
        indices = frame_indices(split_takes(packed)[0])
        classic = preset == "classic"
        augmentation = Augmentation(False, False) if classic else Augmentation.fitting(packed, indices)
        model = _new_vae(
            packed, TrainOptions(preset=preset, precision=precision), indices, augmentation
        )  # fmt: skip
        model.optimizer.build(model.trainable_variables)
        size = size or model.preset.batch
        batches = FrameBatches(packed, indices, size, seed=0, epoch=0, augmentation=augmentation)
        measured(
            what, batches.size, steps_of(model, strides=strides), batches, turn_s,
            CLASSIC if classic and precision == "bfloat16" else None, parameters=model.count_params(),
            film_minutes=len(packed) / packed.fps / 60,
        )  # fmt: skip
        drawn(what, batches.size, batches, turn_s / 2)
        encode_and_decode(model, packed, turn_s / 2)


def encode_and_decode(model: Any, packed: Any, turn_s: float) -> None:
    from dancenet.trained import decode_batch, encode_batch

    frames, latents = np.array(packed.pixels[:64]), np.zeros((64, 128), "float32")
    for what, work in (
        ("encoding", lambda: encode_batch(model, frames)), ("decoding", lambda: decode_batch(model, latents))
    ):  # fmt: skip
        work()
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < turn_s:
            work()
            count += 1
        passed_s = time.perf_counter() - begun
        emit(f"{what}, {model.preset.name}, 64 at once", 64 * count / passed_s, "frames/s", seconds=passed_s)


def poses(folder: Path) -> tuple[Any, list]:
    """Latents of a film as if encoded, smooth noise, and its training takes."""
    from dancenet.latents import Latents
    from dancenet.sequences import split_takes

    packed = dancer_frames(folder, FrameOptions())
    random = np.random.default_rng(0)
    walk = np.cumsum(random.standard_normal((len(packed), 128)), axis=0)
    mean = (walk - walk.mean(axis=0)) / walk.std(axis=0)
    latents = Latents(
        mean.astype("float32"), np.full_like(mean, -4, "float32"), np.zeros((0, *mean.shape), "float32"),
        np.zeros((0, *mean.shape), "float32"), np.zeros(128), np.ones(128),
        np.array([clip.start for clip in packed.clips]), np.array([clip.length for clip in packed.clips]),
        np.array(packed.fps),
    )  # fmt: skip
    return latents, split_takes(packed)[0]


def padded_windows(folder: Path, preset: Any, batch: int) -> "_Padded":
    """Windows of the poses of a film, as the choreographer is trained on them."""
    from dancenet.sequences import WindowBatches

    latents, training = poses(folder)
    told = np.zeros((0, preset.ways - 1))
    windows = WindowBatches(
        latents, training, window=preset.window, batch=batch, seed=0, epoch=0, told=told
    )  # fmt: skip
    return _Padded(windows, preset.cues)


def choreographers(folder: Path, turn_s: float, only: str, strides: bool) -> None:
    from dancenet.dancing.rollout import CHUNK, Rollout
    from dancenet.machine.stepping import steps_of
    from dancenet.presets import CHOREOGRAPHER_PRESETS
    from dancenet.stages.choreographer_training import _new_choreographer

    chosen = [
        (f"choreographer training, {name}, batch {size or 'its own'}", name, size)
        for name, size in CHOREOGRAPHERS
    ]
    chosen = [entry for entry in chosen if entry[0].startswith(only)]
    for what, name, size in chosen:
        preset = CHOREOGRAPHER_PRESETS[name]
        model = _new_choreographer(preset, TrainOptions(preset=name))
        model.optimizer.build(model.trainable_variables)
        size = size or preset.batch
        batches = padded_windows(folder, preset, size)
        measured(
            what, size * preset.window, steps_of(model, strides=strides), batches,
            turn_s, None, parameters=model.count_params(),
        )  # fmt: skip
        drawn(what, size * preset.window, batches, turn_s / 2)
        if size != preset.batch:
            continue
        for dances in DANCES:
            opening = np.zeros((dances, 2, 128), "float32")
            rolled = Rollout(model).poses(opening, list(range(dances)), temperature=0.7, stray=0.1)
            next(rolled)
            begun, count = time.perf_counter(), 0
            while time.perf_counter() - begun < turn_s / 2:
                next(rolled)
                count += CHUNK
            passed_s = time.perf_counter() - begun
            emit(
                f"rollout, {name}, {dances} dances at once", count / passed_s, "steps/s", seconds=passed_s,
                poses_per_s=count * dances / passed_s,
            )  # fmt: skip


def drawn(what: str, each: int, batches: Any, turn_s: float) -> None:
    """How fast batches are made where nobody waits for them, by one thread and by all that training has."""
    from dancenet.batching.ahead import batch_makers

    for threads in sorted({1, batch_makers()}):
        with ThreadPoolExecutor(threads) as makers:
            begun = time.perf_counter()
            until = repeat(begun + turn_s, threads)
            count = sum(makers.map(_drawn_until, repeat(batches, threads), until, range(threads)))
            passed_s = time.perf_counter() - begun
        emit(f"batches for {what}, {threads} threads", count * each / passed_s, "frames/s", seconds=passed_s)


def _drawn_until(batches: Any, until: float, first: int) -> int:
    """Draw batches until then; how many."""
    count = 0
    while time.perf_counter() < until:
        batches[(first + 97 * count) % len(batches)]
        count += 1
    return count


class _Padded:
    """Window batches with cues of no music, as of a film without sound."""

    def __init__(self, batches: Any, cues: int):
        self.batches, self.cues, self.window = batches, cues, batches.window

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int):
        contexts, targets, ways = self.batches[index]
        none = np.zeros((*ways.shape[:2], self.cues), "float32")
        return contexts, targets, np.concatenate([none, ways], axis=-1)


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    from dancenet.console import load_tensorflow

    load_tensorflow()
    from dancenet.doctor import gpus
    from dancenet.machine.hardware import on_gpu

    if not on_gpu() and not chosen.anywhere:
        skipped("stages on a GPU", "not measured: the backend sees no GPU")
        return 0
    say(f"on {', '.join(gpus()) or 'the processor'}")
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        films = chosen.films or Path(folder)
        choreographers(films, chosen.turn, chosen.only, not chosen.singly)
        vaes(films, chosen.turn, chosen.only, not chosen.singly)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
