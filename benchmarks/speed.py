"""VAE training frames/s: `small` against the ancestor's networks as the ancestor ran them, in turns.

    python benchmarks/speed.py

The ancestor: its networks in float32, its loss (cross-entropy summed over pixels + KL), RMSprop, batches of
100 grey frames of 120 x 208. `small`: its own batch, precision, optimiser and loss, on the same frames as
taken for training, mirrored and moved where that suits them; in colour beside. Batches are made by a thread
while the network computes, as in training. Both are warm: the first steps are not counted.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measuring import Bar, dancer_frames, emit, finite_median, say, taking_turns

from dancenet.config import FrameOptions, TrainOptions

#: Steps before anything is timed: the first ones compile.
WARM_UP = 2


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="turns of each (default 5)")
    add("--turn", type=float, default=10.0, metavar="SECONDS", help="least length of a turn (default 10)")
    add("--films", type=Path, metavar="DIR", help="keep the built-in dancer's films and frames here")
    return parser.parse_args(argv)


def trainer(preset: str, packed, turn_s: float) -> Callable[[], float]:
    """A function that trains for `turn_s` and returns frames/s; the first steps are done already."""
    from dancenet.batches import Augmentation, FrameBatches
    from dancenet.sequences import frame_indices, split_takes
    from dancenet.training import _new_vae

    indices = frame_indices(split_takes(packed)[0])
    classic = preset == "classic"
    augmentation = Augmentation(False, False) if classic else Augmentation.fitting(packed, indices)
    model = _new_vae(packed, TrainOptions(preset=preset), indices, augmentation)
    batches = FrameBatches(packed, indices, model.preset.batch, seed=0, epoch=0, augmentation=augmentation)
    maker = ThreadPoolExecutor(1)
    coming = [maker.submit(batches.__getitem__, i) for i in range(4)]
    made = len(coming)

    def step() -> None:
        nonlocal made
        coming.append(maker.submit(batches.__getitem__, made % len(batches)))
        made += 1
        model.train_on_batch(coming.pop(0).result(), return_dict=True)

    def train() -> float:
        steps, begun = 0, time.perf_counter()
        while steps < 2 or time.perf_counter() - begun < turn_s:
            step()
            steps += 1
        return steps * batches.size / (time.perf_counter() - begun)

    for _ in range(WARM_UP):
        step()
    return train


def measure(chosen: argparse.Namespace, folder: Path) -> None:
    from dancenet.hardware import compute_policy

    begun = time.perf_counter()
    say("filming the built-in dancer")
    grey = dancer_frames(folder, FrameOptions(gray=True))
    colour = dancer_frames(folder, FrameOptions())
    names = ("classic, grey", "small, grey", "small, colour")
    contestants = [
        trainer(preset, packed, chosen.turn)
        for preset, packed in (("classic", grey), ("small", grey), ("small", colour))
    ]
    say(f"{chosen.rounds} rounds of {chosen.turn:g} s for each of three")
    speeds = taking_turns(contestants, chosen.rounds)
    seconds = time.perf_counter() - begun
    for column, name in enumerate(names):
        ratio = finite_median(speeds[:, column] / speeds[:, 0]) if column else None
        emit(
            f"VAE training, {name}", finite_median(speeds[:, column]), "frames/s", ratio=ratio,
            against="classic, grey, float32, batch 100" if column else None,
            bar=Bar(low=6.0) if name == "small, grey" else None,
            each=[round(value, 2) for value in speeds[:, column].tolist()], size="208x120",
            policy="float32" if not column else compute_policy(), seconds=seconds,
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
