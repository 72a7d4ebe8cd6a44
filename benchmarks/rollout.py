"""Rollout steps/s at the classic size, compiled loop against a loop of `model.predict`, in turns.

    python benchmarks/rollout.py

Both hold the same weights (3 x LSTM 512, dense 1000, 24 components) and carry the LSTMs' state from step to
step; the ancestor, which looped over `predict` with frames of shape (1, 1, 128), dropped it. Before
anything is timed both must make the same dance from the same start. Both are warm. Drawing from the mixture
is part of a step in both; the loop draws with NumPy, as the ancestor did. Then what sixteen dances at once
cost beside one, at the classic size and at that of `small`.
"""

import argparse
import sys
import time

import numpy as np
from measuring import Bar, emit, finite_median, taking_turns

from dancenet.config import LATENT_SIZE
from dancenet.presets import CHOREOGRAPHER_PRESETS

#: So many dances at once may cost so many times what one does.
AT_ONCE, AT_MOST = 16, 4.0
#: Steps on which the two must agree, and how closely: poses of untrained weights are about 0.01.
COMPARED, TOLERANCE = 24, 1e-5


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="turns of each (default 7)")
    add("--steps", type=int, default=48, help="steps of the loop of predict per turn (default 48)")
    add(
        "--chunks", type=int, default=12, help="chunks of 64 steps of the compiled loop per turn (default 12)"
    )
    return parser.parse_args(argv)


def predicting(model):
    """The same network as a Keras model of one step, (1, 1, 128) to mixture parameters, state kept inside."""
    import keras

    preset = model.preset
    twin = keras.Sequential(
        [
            keras.Input(batch_shape=(1, 1, LATENT_SIZE)),
            *[keras.layers.LSTM(preset.units, return_sequences=True, stateful=True) for _ in model.lstms],
            keras.layers.Dense(preset.dense, activation="relu"),
            keras.layers.Dense(model.head.units),
        ]
    )
    for layer, original in zip(twin.layers, [*model.lstms, model.hidden, model.head], strict=True):
        layer.set_weights(original.get_weights())
    return twin


def draw(raw: np.ndarray, components: int, random: np.random.Generator | None) -> np.ndarray:
    """The next pose (D,) from a network's output, in NumPy; without `random` the likeliest mean."""
    from dancenet.mixture import SCALE_FLOOR

    logits, rest = raw[:components], raw[components:].reshape(2, components, -1)
    if random is None:
        return rest[0, logits.argmax()]
    weights = np.exp(logits.astype("float64") - logits.max())
    pick = random.choice(components, p=weights / weights.sum())
    scale = SCALE_FLOOR + np.logaddexp(0.0, rest[1, pick])
    return rest[0, pick] + scale * random.standard_normal(len(scale)).astype("float32")


def stepwise(twin, pose: np.ndarray, steps: int, components: int, random) -> np.ndarray:
    """`steps` poses (T, D), one `predict` each."""
    poses = []
    for _ in range(steps):
        raw = twin.predict(pose.reshape(1, 1, -1), verbose=0)
        pose = draw(raw[0, 0], components, random)
        poses.append(pose)
    return np.stack(poses)


def disagreement(model, twin, start: np.ndarray) -> float:
    """Greatest difference between both dances without chance, over the first steps."""
    from dancenet.dancing.rollout import Rollout

    made = next(Rollout(model).poses(start[None, None], [0], temperature=0.0, stray=0.0))[:COMPARED, 0]
    return float(np.abs(made - stepwise(twin, start, COMPARED, model.preset.components, None)).max())


def compiled(model, start: np.ndarray, chunks: int, *, dances: int = 1, xla: bool = False):
    """A function that rolls so many dances out by so many chunks and returns steps/s of each; warm."""
    from dancenet.dancing.rollout import CHUNK, Rollout

    opening = np.repeat(start[None, None], dances, axis=0)
    endless = Rollout(model, xla=xla).poses(opening, list(range(dances)), temperature=1.0, stray=1.0)
    next(endless)

    def turn() -> float:
        since = time.perf_counter()
        for _ in range(chunks):
            next(endless)
        return chunks * CHUNK / (time.perf_counter() - since)

    return turn


def at_once(model, start: np.ndarray, chosen: argparse.Namespace) -> None:
    """What several dances at once cost beside one."""
    begun = time.perf_counter()
    turns = [compiled(model, start, chosen.chunks, dances=dances) for dances in (1, AT_ONCE)]
    speeds = taking_turns(turns, chosen.rounds)
    emit(
        f"{AT_ONCE} rollouts at once, {model.preset.name}", finite_median(speeds[:, 1]), "steps/s of each",
        ratio=finite_median(speeds[:, 0] / speeds[:, 1]), against="the time of one", bar=Bar(high=AT_MOST),
        each=[round(value, 1) for value in speeds[:, 1].tolist()], seconds=time.perf_counter() - begun,
    )  # fmt: skip


def measure(chosen: argparse.Namespace) -> int:
    import keras

    from dancenet.choreographer import Choreographer

    begun = time.perf_counter()
    keras.utils.set_random_seed(0)
    model = Choreographer(CHOREOGRAPHER_PRESETS["classic"])
    twin, random = predicting(model), np.random.default_rng(0)
    start = random.standard_normal(LATENT_SIZE).astype("float32")
    difference = disagreement(model, twin, start)
    if difference > TOLERANCE:
        print(f"the two rollouts differ by {difference:.2g}: nothing to compare", file=sys.stderr)
        return 1

    def looped() -> float:
        since = time.perf_counter()
        stepwise(twin, start, chosen.steps, model.preset.components, random)
        return chosen.steps / (time.perf_counter() - since)

    speeds = taking_turns(
        [looped, compiled(model, start, chosen.chunks), compiled(model, start, chosen.chunks, xla=True)],
        chosen.rounds,
    )
    seconds = time.perf_counter() - begun
    names = ("loop of model.predict, state carried", "compiled loop", "compiled loop, XLA (long dances)")
    for column, name in enumerate(names):
        emit(
            f"rollout at the classic size, {name}", finite_median(speeds[:, column]), "steps/s",
            ratio=finite_median(speeds[:, column] / speeds[:, 0]) if column else None,
            bar=Bar(low=30.0) if column == 1 else None, parameters=model.count_params(),
            each=[round(value, 1) for value in speeds[:, column].tolist()],
            greatest_difference=difference, seconds=seconds,
        )  # fmt: skip
    for preset in ("classic", "small"):
        at_once(Choreographer(CHOREOGRAPHER_PRESETS[preset]), start, chosen)
    return 0


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    from dancenet.console import load_tensorflow

    load_tensorflow()
    return measure(chosen)


if __name__ == "__main__":
    raise SystemExit(main())
