"""Operations and bytes counted from layer shapes, and what this machine itself can do of them.

A multiplication and an addition are two operations. Bytes are those that have to be moved at least: what goes
into each layer, what comes out of it, and its weights, once for a batch. Elementwise work is not counted: it
could all be done on the way.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

#: Side of the matrices whose multiplication is the machine's own rate.
SIDE = 2048
#: Numbers of the array that is copied to see how fast memory is.
COPIED = 1 << 26

#: Works for a turn; rates by the clock and by the processors' time.
Turn = Callable[[], tuple[float, float]]


@dataclass(frozen=True)
class Needs:
    """What something has to do: operations, bytes of data moved, and bytes of weights read."""

    operations: float = 0.0
    data: float = 0.0
    weights: float = 0.0

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(self.operations + other.operations, self.data + other.data, self.weights + other.weights)

    def __mul__(self, times: float) -> "Needs":
        return Needs(times * self.operations, times * self.data, times * self.weights)

    def moved(self, batch: int) -> float:
        """Bytes for one of a batch, for all of which weights are read once."""
        return self.data + self.weights / batch


NOTHING = Needs()


@contextlib.contextmanager
def counting() -> Iterator[list[Needs]]:
    """Fills a list with the needs of every convolution, dense layer and LSTM step that is run meanwhile.

    Layers have to be called, not compiled functions of them, with one of everything.
    """
    from keras import layers

    counted: list[Needs] = []
    kinds: list[Any] = [layers.Conv2D, layers.Dense, layers.LSTMCell]
    before = [kind.call for kind in kinds]

    def noting(call: Callable) -> Callable:
        """`call`, counted."""

        def noted(layer, inputs, *others, **more):
            made = call(layer, inputs, *others, **more)
            out = made[0] if isinstance(made, tuple) else made
            numbers = sum(prod(w.shape) for w in layer.trainable_variables if len(w.shape) > 1)
            size = 2 if layer.compute_dtype in ("bfloat16", "float16") else 4
            operations = 2.0 * numbers * prod(out.shape[:-1])
            counted.append(Needs(operations, size * (prod(inputs.shape) + prod(out.shape)), size * numbers))
            return made

        return noted

    for kind, call in zip(kinds, before, strict=True):
        kind.call = noting(call)
    try:
        yield counted
    finally:
        for kind, call in zip(kinds, before, strict=True):
            kind.call = call


def vae_needs(model: Any) -> dict[str, Needs]:
    """What a frame needs: `encode`, `decode`, and `train`, forward and backward.

    Backward each layer is multiplied twice, once for its weights and once for what came in, which of the
    first layer, that sees the picture, nobody asks for. A frame comes as uint8, in training with its
    background, and a picture leaves as uint8, or as float32 to be compared.
    """
    frame = np.zeros((1, *model.frame_shape), "float32")
    with counting() as encoded:
        model.encode(frame)
    with counting() as decoded:
        model.decode(np.zeros((1, 128), "float32"))
    encode, decode = sum(encoded, NOTHING), sum(decoded, NOTHING)
    picture = Needs(data=float(frame.size))
    return {
        "encode": encode + picture,
        "decode": decode + picture,
        "train": (encode + decode) * 3 + encoded[0] * -1 + picture * (2 + 4 + 4),
    }


def sharpening_needs(model: Any, frames: int, poses: int) -> Needs:
    """What one step of a `Sharpener` needs on so many frames and so many poses of dances.

    The decoder draws both and is trained; the discriminator judges what is drawn, and passes the verdict
    back to it; and it learns from frames and drawn pictures, each twice, once with a little noise.
    """
    height, width = model.vae.window or model.vae.frame_shape[:2]
    with counting() as judged:
        model.discriminator(np.zeros((1, height, width, model.vae.frame_shape[2]), "float32"))
    drawn, judging = frames + poses, sum(judged, NOTHING)
    learned = (judging * 3 + judged[0] * -1) * (2 * (frames + drawn))
    return vae_needs(model.vae)["decode"] * (3 * drawn) + judging * (2 * drawn) + learned


def choreographer_needs(model: Any) -> Needs:
    """What one step of one dance needs; training needs three times as much."""
    pose, cues = np.zeros((1, 128), "float32"), np.zeros((1, model.preset.cues), "float32")
    with counting() as counted:
        model.step(pose, model.initial_state(1), cues)
    return sum(counted, NOTHING)


def updating(variables: list[Any]) -> float:
    """Bytes that an optimiser moves at least: of each weight its gradient, the weight itself and a momentum
    are read, the latter two written."""
    return sum(5 * 4.0 * prod(variable.shape) for variable in variables)


def orthogonalising(optimizer: Any, variables: list[Any]) -> float:
    """Operations of one step of `ConvMuon` beside the elementwise ones."""
    total = 0.0
    for variable in variables:
        if optimizer._should_use_adamw(variable):
            continue
        rows, columns = prod(variable.shape[:-1]), variable.shape[-1]
        few, many, steps = min(rows, columns), max(rows, columns), optimizer.ns_steps
        if optimizer.newton_schulz in ("gram", "together"):
            total += 4 * few**2 * many + 2 * few**3 * (4 * steps - 3)
        else:
            total += steps * (4 * few**2 * many + 2 * few**3)
    return total


def rate_of(work: Callable[[], object], each: float, turn_s: float) -> Turn:
    """A function that works for a turn and returns `each` times how often a second; warm.

    It returns two rates: a second by the clock, and a second of all processors' time, which says the same
    however busy the machine is with other things.
    """
    work()

    def turn() -> tuple[float, float]:
        count, begun, spent = 0, time.perf_counter(), time.process_time()
        while count < 1 or time.perf_counter() - begun < turn_s:
            work()
            count += 1
        passed_s, spent_s = time.perf_counter() - begun, time.process_time() - spent
        return each * count / passed_s, each * count / max(spent_s, 1e-6)

    return turn


def multiplying(dtype: str, turn_s: float) -> Turn:
    """The machine's rate of multiplying large matrices of that type, operations/s."""
    import keras
    from keras import ops

    from dancenet.compiling import compiled

    one = ops.cast(keras.random.normal((SIDE, SIDE)), dtype)
    multiply = compiled(lambda x, y: ops.sum(ops.cast(ops.matmul(ops.matmul(x, y), y), "float32")))
    return rate_of(lambda: float(multiply(one, one)), 2 * 2.0 * SIDE**3, turn_s)


def copying(turn_s: float) -> Turn:
    """The machine's rate of reading and writing arrays that no cache holds, bytes/s."""
    import keras
    from keras import ops

    from dancenet.compiling import compiled

    array = keras.random.normal((COPIED,))
    copy = compiled(lambda x: x + 1.0)

    def work() -> None:
        """One copy; one of its numbers is asked for, so that it is there."""
        float(ops.convert_to_numpy(copy(array)[0]))

    return rate_of(work, 2 * 4.0 * COPIED, turn_s)


def reading_weights(parameters: int, turn_s: float) -> Turn:
    """The rate at which a vector is multiplied by matrices of so many float32 in all, bytes/s."""
    import keras
    from keras import ops

    from dancenet.compiling import compiled

    side = round((parameters / 8) ** 0.5)
    matrices = [keras.random.normal((side, side)) for _ in range(8)]

    def through(x, *all_of_them):
        """The vector, multiplied by each in turn, many times over."""
        for _ in range(8):
            for matrix in all_of_them:
                x = ops.tanh(ops.matmul(x, matrix))
        return ops.sum(x)

    multiply = compiled(through)
    start = keras.random.normal((1, side))
    return rate_of(lambda: float(multiply(start, *matrices)), 8 * 8 * 4.0 * side**2, turn_s)
