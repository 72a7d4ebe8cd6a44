"""Stages 2 to 4 on films of 10,000, 100,000 and 1,000,000 frames: start, memory and speed must not grow.

    python benchmarks/scale.py --folder /big/disk        # all three: 35 GB for a while, a quarter of an hour
    python benchmarks/scale.py --frames 10000 100000     # 4 GB

The film is synthetic: grey, 208 x 120, a body of noise that walks through a room, in takes of a minute.
Each stage runs in a process of its own for a fixed number of steps. Start is from loading the libraries to
the end of the first step. Memory is the largest anonymous resident set: what the process keeps for itself,
the page cache of mapped files left out. The last thing of stage 3, to follow the beat through all frames,
is measured as a whole. Everything is deleted when it is measured.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from measuring import Bar, emit, say, skipped

from dancenet.config import LATENT_SIZE, FrameOptions
from dancenet.footage.clips import Clip
from dancenet.latents import Latents
from dancenet.runs import Run

HEIGHT, WIDTH, FPS = 120, 208, 15
#: Frames of a take, and how the choreographer's latents are varied besides as filmed.
TAKE, VARIED = 60 * FPS, 2
#: Steps that are made where nobody says how many, and those of them that are not timed: they compile.
STAGES, STEPS, WARM = ("vae", "latents", "beats", "choreographer"), 80, 20
BARS = {"start": Bar(high=60.0), "memory": Bar(high=1.1), "speed": Bar(low=0.9)}


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--frames", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="lengths of the films")
    add("--folder", type=Path, help="where the films are made (default: the system's temporary folder)")
    add("--preset", default="small", help="of the networks (default small)")
    add("--steps", type=int, default=STEPS, help=f"steps of each stage, {WARM} of them to warm up")
    add("--measure", help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.steps <= WARM:
        parser.error(f"--steps {asked.steps}: more than the {WARM} that warm up are needed")
    return asked


def make_film(run: Run, count: int) -> None:
    """Frames of stage 1, without a video."""
    random = np.random.default_rng(0)
    room = random.integers(90, 150, (HEIGHT, WIDTH, 1), dtype="uint8")
    take = np.repeat(room[None], TAKE, axis=0)
    body = random.integers(0, 255, (TAKE, 60, 24, 1), dtype="uint8")
    for number in range(TAKE):
        left = round((WIDTH - 24) * (0.5 + 0.4 * np.sin(number / 40)))
        take[number, 40:100, left : left + 24] = body[number]
    clips, start = [], 0
    run.path.mkdir(parents=True)
    with open(run / "frames-film.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, HEIGHT, WIDTH, 1)}
        np.lib.format.write_array_header_1_0(file, header)
        while start < count:
            length, number = min(TAKE, count - start), len(clips)
            np.roll(take, 7 * number, axis=0)[:length].tofile(file)
            clips.append(Clip(number + 1, f"take{number}", f"take{number}.mp4", number, start, length, 0.0))
            start += length
    np.save(run / "backgrounds-film.npy", np.repeat(room[None], len(clips), axis=0))
    run.write("frames", {
        "options": FrameOptions(gray=True), "inputs": [], "fingerprint": "film", "frames": count, "fps": FPS,
        "files": {"pixels": "frames-film.npy", "backgrounds": "backgrounds-film.npy"},
        "size": [HEIGHT, WIDTH, 1], "clips": [vars(clip) for clip in clips],
    })  # fmt: skip


def make_latents(run: Run, count: int) -> None:
    """Latents of stage 3, a slow random walk, and what stage 4 asks of the stages before."""
    from dancenet.fitting import checkpoints

    work = run / "walk.npy"
    walk = np.lib.format.open_memmap(work, "w+", "float32", (VARIED + 1, 2, count, LATENT_SIZE))
    walk[:, 1] = -3.0
    random, at = np.random.default_rng(1), np.zeros(LATENT_SIZE)
    for start in range(0, count, TAKE):
        steps = random.normal(0, 0.2, (min(TAKE, count - start), LATENT_SIZE))
        walk[:, 0, start : start + TAKE] = np.cumsum(steps, axis=0) + at
    clips = [(start, min(TAKE, count - start)) for start in range(0, count, TAKE)]
    starts, lengths = (np.array(part) for part in zip(*clips, strict=True))
    Latents(
        walk[0, 0], walk[0, 1], walk[1:, 0], walk[1:, 1], np.zeros(LATENT_SIZE, "float32"),
        np.full(LATENT_SIZE, 3.0, "float32"), starts, lengths, np.array(float(FPS)),
    ).save(run / "latents.npz")  # fmt: skip
    del walk
    work.unlink()
    (run / "vae").mkdir(exist_ok=True)
    (run / "vae" / "best.weights.h5").write_bytes(b"not looked at")
    source = {"frames": "film", "vae": checkpoints.weights_hash(run / "vae" / "best.weights.h5")}
    run.write("latents", {"source": source, "told": [[0.0] * 3] * VARIED})


class Watch:
    """Anonymous memory of this process, looked at ten times a second; and when its steps ended."""

    def __init__(self, steps: int) -> None:
        self.begun, self.steps, self.largest_mb, self.ends = time.monotonic(), steps, 0.0, []
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            text = Path("/proc/self/status").read_text()
            kilobytes = next(line for line in text.splitlines() if line.startswith("RssAnon")).split()[1]
            self.largest_mb = max(self.largest_mb, int(kilobytes) / 1024)
            time.sleep(0.1)

    def step(self) -> bool:
        """A step has ended; whether that is enough."""
        self.ends.append(time.monotonic())
        return len(self.ends) > self.steps

    def tell(self, frames_a_step: float) -> None:
        """Print what was seen."""
        took = self.ends[-1] - self.ends[WARM]
        print(json.dumps({
            "start_s": self.ends[0] - self.begun, "memory_mb": self.largest_mb,
            "frames_s": float(frames_a_step) * (len(self.ends) - 1 - WARM) / took,
        }))  # fmt: skip


class Enough(BaseException):
    """So many steps have been made."""


def measure(stage: str, run: Run, preset: str, steps: int) -> None:
    """Run one stage in this process for so many steps, and print its figures."""
    watch = Watch(steps)
    from dancenet import trained, training
    from dancenet.config import TrainOptions
    from dancenet.fitting import loop
    from dancenet.frames import load_frames
    from dancenet.stages import dancers_beat

    if stage == "beats":
        begun, packed = time.monotonic(), load_frames(run)
        dancers_beat.cues_of_run(run, packed)
        took = time.monotonic() - begun
        figures = {"start_s": took, "memory_mb": watch.largest_mb, "frames_s": len(packed) / took}
        print(json.dumps(figures))
        return
    size = [0.0]
    if stage == "latents":
        _encode(run, preset, watch)
        return
    step = loop.Fit._step

    def counted(self, batches, share):
        """Steps of one call, and the end after so many."""
        step(self, batches, share)
        size[0] = sum(np.prod(batch[0].shape[: 2 if stage == "choreographer" else 1]) for batch in batches)
        if watch.step():
            raise Enough

    loop.Fit._step = counted
    trained.fresh_latents = lambda *_: "walk"
    train = training.train_vae if stage == "vae" else training.train_choreographer
    if stage == "choreographer":  # it asks how the VAE was trained
        run.write("vae", {"settings": {}, "options": {"preset": preset}})
    try:
        train(run, TrainOptions(preset=preset, minutes=60))
    except Enough:
        watch.tell(size[0])


def _encode(run: Run, preset: str, watch: Watch) -> None:
    from dancenet import trained
    from dancenet.frames import load_frames
    from dancenet.latents import encode_frames
    from dancenet.presets import VAE_PRESETS
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.vae import VAE

    packed = load_frames(run)
    model = VAE(VAE_PRESETS[preset], HEIGHT, WIDTH, 1, policy=trained.compute_policy())

    def encoder(frames):
        """Posteriors of a batch, until there were enough."""
        made = trained.encode_batch(model, frames)
        if watch.step():
            raise Enough
        return made

    try:
        indices = frame_indices(split_takes(packed)[0])
        encode_frames(packed, encoder, indices, variations=[], keep=run / "latents.taken")
    except Enough:
        watch.tell(60)  # batches of 64, and one of 4 at the end of a take of 900


def in_a_process(stage: str, run: Run, preset: str, steps: int) -> dict[str, float]:
    """The figures of one stage."""
    asked = ("--measure", stage, "--folder", str(run.path), "--preset", preset, "--steps", str(steps))
    done = subprocess.run(
        [sys.executable, __file__, *asked],
        stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: list[str] | None = None) -> int:
    asked = options(argv)
    if asked.measure:
        measure(asked.measure, Run(asked.folder), asked.preset, asked.steps)
        return 0
    folder = Path(tempfile.mkdtemp(prefix="dancenet-scale-", dir=asked.folder))
    try:
        films = {count: film for count in asked.frames if (film := made(folder, count)) is not None}
        for stage in STAGES:  # one film after the other: other load meets all alike
            first = None
            for count, run in films.items():
                seen = in_a_process(stage, run, asked.preset, asked.steps)
                first = first or seen
                report(stage, count, seen, first, asked.preset)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def made(folder: Path, count: int) -> Run | None:
    """A film with its latents; None where the disk is too small."""
    room = count * (HEIGHT * WIDTH + 2 * 4 * 2 * LATENT_SIZE * (VARIED + 1)) * 1.1
    if shutil.disk_usage(folder).free < room:
        skipped(f"stages 2 to 4 on {count} frames", f"{room / 1e9:.0f} GB of disk are needed")
        return None
    run, begun = Run(folder / f"{count}"), time.perf_counter()
    make_film(run, count)
    make_latents(run, count)
    say(f"{count} frames made in {time.perf_counter() - begun:.0f} s")
    return run


def report(stage: str, count: int, seen: dict[str, float], against: dict[str, float], preset: str) -> None:
    """The lines of one stage of one film, beside the shortest film's."""
    what, facts = f"{stage}, {count} frames", {"stage": stage, "frames": count, "preset": preset}
    seconds = seen["start_s"]
    bar = None if stage == "beats" else BARS["start"]
    emit(f"{what}: start", seen["start_s"], "s", seconds=seconds, bar=bar, **facts)
    for name, figure, unit in (("memory", "memory_mb", "MB"), ("speed", "frames_s", "frames/s")):
        emit(
            f"{what}: {name}", seen[figure], unit, seconds=seconds, ratio=seen[figure] / against[figure],
            bar=BARS[name], against="the shortest film", **facts,
        )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
