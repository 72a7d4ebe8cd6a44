"""VAE training frames/s: `small` against the ancestor's networks as the ancestor ran them, in turns.

    python benchmarks/speed.py [--data FILMS]

The ancestor: its networks in float32, its loss (cross-entropy summed over pixels + KL), RMSprop, batches of
100 grey frames of 120 x 208, read from numbered JPEG files before each step. `small`: its own batch,
precision, optimiser and loss, on the same frames as taken for training, mirrored and moved where that suits
them, made by threads while the network computes; in colour beside. Both are warm: the first steps are not
counted. The ratio is by the clock; `ratio_by_processor_time` is that of frames in a second of the processors'
time, which does not show whether both cores have work.
"""

import argparse
import itertools
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from counting import Turn, rate_of
from measuring import Bar, dancer_frames, emit, finite_median, say, taking_turns

from dancenet.config import FrameOptions, TrainOptions

#: Steps before anything is timed: the first ones compile.
WARM_UP = 2
#: So many frames lie as JPEG files.
FILES = 3000


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="turns of each (default 5)")
    add("--turn", type=float, default=10.0, metavar="SECONDS", help="least length of a turn (default 10)")
    add("--films", type=Path, metavar="DIR", help="keep the built-in dancer's films and frames here")
    add("--data", type=Path, metavar="FILMS", help="other films than the built-in dancer's")
    return parser.parse_args(argv)


class JpegBatches:
    """Batches (frames, backgrounds) of grey frames that lie in a folder as 0.jpg, 1.jpg ...

    Args:
        packed: the film, of which `indices` are written to `folder`, or the first `FILES` of them.
    """

    def __init__(self, packed, indices: np.ndarray, batch: int, folder: Path):
        self.size, self.folder, folder_indices = batch, folder, indices[:FILES]
        self.count, self.background = len(folder_indices), np.repeat(packed.backgrounds[:1], batch, axis=0)
        folder.mkdir(parents=True, exist_ok=True)
        for number, index in enumerate(folder_indices):
            cv2.imwrite(str(folder / f"{number}.jpg"), packed.pixels[index])

    def __len__(self) -> int:
        return self.count // self.size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        names = range(index * self.size, (index + 1) * self.size)
        frames = [cv2.imread(str(self.folder / f"{number}.jpg"), cv2.IMREAD_GRAYSCALE) for number in names]
        return np.stack(frames)[..., None], self.background


def trainer(preset: str, packed, turn_s: float, folder: Path) -> Turn:
    """A function that trains for `turn_s` and returns frames/s; the first steps are done already."""
    from dancenet.batching.ahead import batch_makers, made_ahead
    from dancenet.batching.batches import Augmentation, FrameBatches
    from dancenet.machine.stepping import steps_of
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.training import _new_vae

    indices = frame_indices(split_takes(packed)[0])
    classic = preset == "classic"
    augmentation = Augmentation(False, False) if classic else Augmentation.fitting(packed, indices)
    precision = "float32" if classic else "auto"  # as the ancestor ran it
    model = _new_vae(packed, TrainOptions(preset=preset, precision=precision), indices, augmentation)
    numbers = itertools.count()
    if classic:
        jpegs = JpegBatches(packed, indices, model.preset.batch, folder)
        coming, size = (jpegs[number % len(jpegs)] for number in numbers), jpegs.size
    else:
        batches = FrameBatches(
            packed, indices, model.preset.batch, seed=0, epoch=0, augmentation=augmentation
        )
        makers = ThreadPoolExecutor(batch_makers())
        coming = made_ahead(lambda number: batches[number % len(batches)], numbers, makers)
        size = batches.size

    steps = steps_of(model)
    for _ in range(WARM_UP):
        float(steps.take(next(coming))["loss"])
    return rate_of(lambda: float(steps.take(next(coming))["loss"]), size, turn_s)


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    from dancenet.machine.hardware import compute_policy

    begun = time.perf_counter()
    say(f"packing {chosen.data}" if chosen.data else "filming the built-in dancer")
    grey = dancer_frames(folder, FrameOptions(gray=True), chosen.data)
    colour = dancer_frames(folder, FrameOptions(), chosen.data)
    names = ("classic, grey", "small, grey", "small, colour")
    contestants = [
        trainer(preset, packed, chosen.turn, folder / "imgs")
        for preset, packed in (("classic", grey), ("small", grey), ("small", colour))
    ]
    say(f"{chosen.rounds} rounds of {chosen.turn:g} s for each of three")
    speeds = taking_turns(contestants, chosen.rounds)
    seconds = time.perf_counter() - begun
    for column, name in enumerate(names):
        ratio, spent = np.median(speeds[:, column] / speeds[:, 0], axis=0)
        emit(
            f"VAE training, {name}", finite_median(speeds[:, column, 0]), "frames/s",
            ratio=float(ratio) if column else None, ratio_by_processor_time=float(spent),
            against="classic, grey, float32, batch 100, JPEG files" if column else None,
            bar=Bar(low=12.0) if name == "small, grey" else None,
            each=[round(value, 2) for value in speeds[:, column, 0].tolist()], size="208x120",
            policy="float32" if not column else compute_policy(), seconds=seconds,
            films=chosen.data.name if chosen.data else "built-in dancer",
        )  # fmt: skip


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
