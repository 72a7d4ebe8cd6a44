"""Every stage beside its floor: what it has to compute or move, and how fast this machine does that at best.

    python benchmarks/floor.py [--turn 2] [--rounds 5] [--films DIR]

Operations and bytes are counted from the layers' shapes (`counting.py`); the machine's rate of multiplying
matrices of the same type, of reading memory, of reading weights, of decoding and encoding video is measured
in turns with the stage. `ratio` is the share of that rate that the stage reaches by the clock, `floor` what
it would do at all of it; `by_processor_time` is the same share of what a second of the processors' time is
worth, in which it does not show whether all cores have work, nor what else the machine does;
`share_by_bytes` and `floor_by_bytes` are those of reading memory. Runs on whatever Keras computes with;
without a GPU it says that this was not measured.
"""

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from counting import (
    Needs,
    Turn,
    choreographer_needs,
    multiplying,
    orthogonalising,
    rate_of,
    reading_memory,
    reading_weights,
    sharpening_needs,
    updating,
    vae_needs,
)
from measuring import dancer_frames, emit, finite_median, say, skipped, taking_turns

from dancenet.config import FrameOptions, TrainOptions

#: Frames encoded and decoded at once, and frames of the videos that are written.
AT_ONCE, WRITTEN = 32, 256
#: Dances rolled out at once.
DANCES = (1, 16)


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--turn", type=float, default=2.0, metavar="SECONDS", help="least length of a turn (default 2)")
    add("--rounds", type=int, default=5, help="turns of each (default 5)")
    add("--films", type=Path, metavar="DIR", help="keep the built-in dancer's films and frames here")
    return parser.parse_args(argv)


class Bench:
    """Stages measured in turns with what bounds them."""

    def __init__(self, chosen: argparse.Namespace, folder: Path, device: str):
        self.turn_s, self.rounds, self.folder, self.device = chosen.turn, chosen.rounds, folder, device

    def show(
        self, what: str, stage: Turn, bound: Turn, per_frame: float, of: str,
        unit: str = "frames/s", moved: float = 0.0, **more: Any,
    ) -> None:  # fmt: skip
        """Measure and print one stage.

        A frame needs `per_frame` of what `bound` counts, and `moved` bytes in and out of its layers, where
        they are counted.
        """
        begun = time.perf_counter()
        speeds = taking_turns([stage, bound, *([reading_memory(self.turn_s)] if moved else [])], self.rounds)
        if moved:
            rate_of_memory = finite_median(speeds[:, 2, 0])
            more |= {
                "bytes": moved, "bytes_a_second": rate_of_memory, "floor_by_bytes": rate_of_memory / moved,
                "share_by_bytes": float(np.median(moved * speeds[:, 0, 0] / speeds[:, 2, 0])),
            }  # fmt: skip
        shares = np.median(per_frame * speeds[:, 0] / speeds[:, 1], axis=0)
        rate = finite_median(speeds[:, 1, 0])
        spent = {}
        if self.device == "processor":
            done, most = np.median(speeds[:, :2, 1], axis=0)
            spent = {
                "by_processor_time": float(shares[1]), "a_processor_second": float(done),
                "floor_a_processor_second": float(most / per_frame),
            }  # fmt: skip
        emit(
            what, finite_median(speeds[:, 0, 0]), unit, ratio=float(shares[0]), against=of, **spent,
            floor=rate / per_frame, per_frame=per_frame, rate=rate,
            each=[round(value, 1) for value in speeds[:, 0, 0].tolist()],
            device=self.device, seconds=time.perf_counter() - begun, **more,
        )  # fmt: skip

    def computing(
        self, what: str, stage: Turn, needs: Needs, batch: int, dtype: str, *, steps: int = 1, **more: Any
    ) -> None:
        """A stage that is bound by multiplying; what each step of each of a batch needs."""
        bound, of = multiplying(dtype, self.turn_s), f"multiplying matrices, {dtype}"
        moved = needs.moved(batch, steps)
        self.show(what, stage, bound, needs.operations, of, moved=moved, counted="operations", **more)


def vaes(bench: Bench) -> Any:
    """Training of both VAEs, encoding and decoding; the one of `small`."""
    import keras

    from dancenet.batching.batches import Augmentation, FrameBatches
    from dancenet.machine.stepping import steps_of
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.trained import decode_batch, encode_batch
    from dancenet.training import _new_vae

    packed = dancer_frames(bench.folder, FrameOptions(gray=True))
    indices = frame_indices(split_takes(packed)[0])
    fitting = Augmentation.fitting(packed, indices)
    for name in ("classic", "small"):
        precision = "float32" if name == "classic" else "auto"
        options = TrainOptions(preset=name, precision=precision)
        changed = Augmentation(False, False) if name == "classic" else fitting
        model = _new_vae(packed, options, indices, changed)
        batch, needs = model.preset.batch, vae_needs(model)
        batches = FrameBatches(packed, indices, batch, seed=0, epoch=0, augmentation=changed)
        frames = itertools.cycle([batches[number] for number in range(4)])
        dtype = "bfloat16" if model.policy == "mixed_bfloat16" else "float32"

        def training(model=model, frames=frames, batch=batch) -> Turn:
            """Steps over batches that are made already."""
            steps = steps_of(model)
            return rate_of(lambda: float(steps.take(next(frames))["loss"]), batch, bench.turn_s)

        muon = orthogonalising(model.optimizer, model.trainable_variables) if name == "small" else 0.0
        optimiser = Needs(muon / batch) + updating(model.trainable_variables, 1)
        what = f"VAE training, {name}, grey 208x120"
        more = {"of_the_optimiser": muon / batch, "window": model.window}
        bench.computing(what, training(), needs["train"] + optimiser, batch, dtype, **more)
    model.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=model.jit_compile)
    bench.computing(f"{what}, forward and backward alone", training(), needs["train"], batch, dtype)
    pictures, latents = packed.pixels[indices[:AT_ONCE]], np.zeros((AT_ONCE, 128), "float32")
    for what, work, needed in (
        ("encoding", lambda: encode_batch(model, pictures), needs["encode"]),
        ("decoding", lambda: decode_batch(model, latents), needs["decode"]),
    ):
        turn = rate_of(work, AT_ONCE, bench.turn_s)
        bench.computing(f"{what}, small, {AT_ONCE} at once", turn, needed, AT_ONCE, dtype)
    fine_tunings(bench, packed, options, dtype)


def fine_tunings(bench: Bench, packed: Any, options: TrainOptions, dtype: str) -> None:
    """Joint fine-tuning and sharpening of `small`, on networks that have learned nothing yet."""
    import keras

    from dancenet.batching.batches import Augmentation
    from dancenet.latents import Latents
    from dancenet.machine.stepping import steps_of
    from dancenet.presets import CHOREOGRAPHER_PRESETS
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.stages import joint
    from dancenet.stages.choreographer_training import _new_choreographer
    from dancenet.stages.pose_batches import PoseBatches
    from dancenet.stages.sharpening import Sharpener
    from dancenet.training import _new_vae

    spans = split_takes(packed)[0]
    indices, (count, none) = frame_indices(spans), (len(packed.pixels), np.zeros(0))
    poses, one = np.zeros((count, 128), "float32"), np.ones(128, "float32")
    latents = Latents(poses, poses, poses[None], poses[None], 0 * one, one, none, none, none)

    def vae() -> Any:
        return _new_vae(packed, options, indices, Augmentation.fitting(packed, indices))

    def finishing(
        what: str, model: Any, batches: Any, frames: int, needed: Needs, windows: int, steps: int
    ) -> None:
        """One of the two; what each of `frames`, in windows of so many steps, needs."""
        model.compile(optimizer=keras.optimizers.Adam(1e-5), jit_compile=model.vae.jit_compile)
        some, fit = itertools.cycle([batches[number] for number in range(4)]), steps_of(model)
        turn = rate_of(lambda: float(fit.take(next(some))["loss"]), frames, bench.turn_s)
        needed += updating(model.trainable_variables, 2)
        bench.computing(f"{what}, small, grey 208x120", turn, needed, windows, dtype, steps=steps)

    choreographer = _new_choreographer(CHOREOGRAPHER_PRESETS["small"], TrainOptions())
    both = joint.JointModel(vae(), choreographer, latents)
    windows, frames = joint.FrameWindows(packed, spans, seed=0, epoch=0), joint.WINDOW * joint.BATCH
    danced = choreographer_needs(choreographer).times(3 * (joint.WINDOW - 1) / joint.WINDOW, 3)
    needed = vae_needs(both.vae)["train"] + danced
    finishing("joint fine-tuning", both, windows, frames, needed, joint.BATCH, joint.WINDOW)
    sharp = Sharpener(vae())
    batch = sharp.vae.preset.batch
    film = PoseBatches(packed, latents, indices, poses, batch=batch, seed=0, epoch=0)
    needed = sharpening_needs(sharp, batch, batch // 2).times(1 / batch, 1)
    finishing("sharpening", sharp, film, batch, needed, batch, 1)


def choreographers(bench: Bench) -> None:
    """Training and rollouts of `small`."""
    from gpu import padded_windows

    from dancenet.dancing.rollout import CHUNK, Rollout
    from dancenet.machine.stepping import steps_of
    from dancenet.networks.mixed_precision import is_narrow
    from dancenet.presets import CHOREOGRAPHER_PRESETS
    from dancenet.stages.choreographer_training import _new_choreographer

    preset = CHOREOGRAPHER_PRESETS["small"]
    model = _new_choreographer(preset, TrainOptions())
    needed = choreographer_needs(model)
    windows = padded_windows(bench.folder, preset, preset.batch)
    some = itertools.cycle([windows[number] for number in range(4)])
    steps = steps_of(model)
    training = rate_of(
        lambda: float(steps.take(next(some))["loss"]), preset.batch * windows.window, bench.turn_s
    )
    each, window = needed.times(3, 3) + updating(model.trainable_variables, 2), windows.window
    what = "choreographer training, small"
    dtype = "bfloat16" if is_narrow(model.head.narrow, True) else "float32"
    bench.computing(what, training, each, preset.batch, dtype, steps=window)
    parameters = model.count_params()
    for dances in DANCES:
        opening = np.zeros((dances, 2, 128), "float32")
        rolled = Rollout(model).poses(opening, list(range(dances)), temperature=0.7, stray=0.1)
        turn = rate_of(lambda rolled=rolled: next(rolled), CHUNK, bench.turn_s)
        bench.show(
            f"rollout, small, {dances} at once", turn, reading_weights(parameters, bench.turn_s),
            4.0 * parameters, "reading weights", "steps/s", counted="bytes",
            operations=needed.operations * dances,
        )  # fmt: skip


def videos(bench: Bench) -> None:
    """Frames out of a film, and a film out of frames."""
    import av

    from dancenet.config import FrameOptions
    from dancenet.frames import extract
    from dancenet.media.video_writer import X264
    from dancenet.rendering import write_frames
    from dancenet.runs import Run, silent
    from dancenet.video import read_frames

    film = sorted((bench.folder / "films").glob("*.mp4"))[0]
    film_frames = sum(1 for _ in read_frames(film))
    run = Run(bench.folder / "again")
    stage = rate_of(lambda: extract([film], run, FrameOptions(), fresh=True), film_frames, bench.turn_s)

    def decode() -> None:
        """FFmpeg alone."""
        with av.open(str(film)) as container:
            for _ in container.decode(video=0):
                pass

    bound = rate_of(decode, film_frames, bench.turn_s)
    bench.show("frames, film of 416x240", stage, bound, 1.0, "decoding by FFmpeg alone", counted="frames")

    pictures = dancer_frames(bench.folder, FrameOptions()).pixels[:WRITTEN]
    out = bench.folder / "written.mp4"

    def write() -> None:
        """As `generate` does."""
        write_frames(out, iter(pictures), WRITTEN, 30.0, 1.0, silent)

    ready = [
        av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p") for picture in pictures
    ]

    def encode() -> None:
        """libx264 alone, with the same settings, of frames that lie ready."""
        with av.open(str(out), "w") as container:
            stream = container.add_stream("libx264", rate=30)
            stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
            stream.options = {"crf": "16", **X264}
            for number, frame in enumerate(ready):
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    stage, bound = (rate_of(work, WRITTEN, bench.turn_s) for work in (write, encode))
    bench.show("video encoding, 208x120", stage, bound, 1.0, "encoding by libx264 alone", counted="frames")


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    from dancenet.machine.hardware import on_gpu

    device = "GPU" if on_gpu() else "processor"
    bench = Bench(chosen, folder, device)
    say("filming the built-in dancer")
    vaes(bench)
    choreographers(bench)
    videos(bench)
    if device == "processor":
        skipped("every stage beside the floor of a GPU", "not measured: the backend sees no GPU")


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    from dancenet.console import load_tensorflow

    load_tensorflow()
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        measure(chosen, chosen.films or Path(folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
