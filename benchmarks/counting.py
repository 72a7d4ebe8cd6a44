"""Operations and bytes counted from layer shapes, and what this machine itself can do of them.

A multiplication and an addition are two operations. Bytes are those that have to be moved at least: what goes
into each layer, what comes out of it, and its weights, once for a batch. Elementwise work is not counted: it
could all be done on the way.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from math import prod
from typing import Any

import numpy as np

#: Side of the matrices whose multiplication is the machine's own rate.
SIDE = 2048
#: Numbers of the array that is read to see how fast memory is.
READ = 1 << 26

#: Works for a turn; rates by the clock and by the processors' time.
Turn = Callable[[], tuple[float, float]]


@dataclass(frozen=True)
class Needs:
    """What something has to do.

    Attributes:
        operations: for each example.
        data: bytes in and out of its layers, for each example.
        weights: bytes of weights that are read, or whose gradients are written, once for a batch.
        recurrent: those of them that are needed again at each step of a window.
    """

    operations: float = 0.0
    data: float = 0.0
    weights: float = 0.0
    recurrent: float = 0.0

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def times(self, examples: float, passes: float) -> "Needs":
        """So many examples' operations and data; weights are passed over so often."""
        return Needs(
            examples * self.operations, examples * self.data, passes * self.weights, passes * self.recurrent
        )

    def moved(self, batch: int, steps: int = 1) -> float:
        """Bytes for one example of one step, of a batch of windows of so many steps."""
        return self.data + self.weights / (batch * steps) + self.recurrent / batch


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
            kernels = [weight for weight in layer.trainable_variables if len(weight.shape) > 1]
            numbers = [prod(kernel.shape) for kernel in kernels]
            again = sum(
                prod(kernel.shape) for kernel in kernels if kernel is getattr(layer, "recurrent_kernel", None)
            )
            state = 3 * prod(out.shape) if isinstance(made, tuple) else 0
            data = prod(inputs.shape) + prod(out.shape) + state
            size, kept = (_size(name) for name in (layer.compute_dtype, layer.variable_dtype))
            operations = 2.0 * sum(numbers) * prod(out.shape[:-1])
            counted.append(Needs(operations, size * data, kept * (sum(numbers) - again), kept * again))
            return made

        return noted

    for kind, call in zip(kinds, before, strict=True):
        kind.call = noting(call)
    try:
        yield counted
    finally:
        for kind, call in zip(kinds, before, strict=True):
            kind.call = call


def _size(dtype: str) -> int:
    return 2 if dtype in ("bfloat16", "float16") else 4


def vae_needs(model: Any) -> dict[str, Needs]:
    """What a frame needs: `encode`, `decode`, and `train`, forward and backward.

    Backward each layer is multiplied twice, once for its weights and once for what came in, which of the
    first layer, that sees the picture, nobody asks for. A frame comes as uint8, in training with its
    background, and a decoded picture leaves as uint8.
    """
    frame = np.zeros((1, *model.frame_shape), "float32")
    picture = Needs(data=float(frame.size))
    with counting() as encoded:
        model.encode(frame)
    drawn, both = drawing_needs(model), sum(encoded, NOTHING) + drawing_needs(model)
    return {
        "encode": sum(encoded, NOTHING) + picture,
        "decode": drawn + picture,
        "train": both.times(3, 3) + encoded[0].times(-1, -1) + picture.times(2, 0),
    }


def drawing_needs(model: Any) -> Needs:
    """What a picture needs to be drawn of a VAE's latents."""
    with counting() as decoded:
        model.decode(np.zeros((1, 128), "float32"))
    return sum(decoded, NOTHING)


def sharpening_needs(model: Any, frames: int, poses: int) -> Needs:
    """What one step of a `Sharpener` needs on so many frames and so many poses of dances.

    The decoder draws both, one after the other, and is trained; the discriminator judges what is drawn, and
    passes the verdict back to it; and it learns from frames and drawn pictures, each twice, once with a
    little noise, all at once.
    """
    vae = model.vae
    height, width = vae.window or vae.frame_shape[:2]
    with counting() as judged:
        model.discriminator(np.zeros((1, height, width, vae.frame_shape[2]), "float32"))
    drawn, judging = frames + poses, sum(judged, NOTHING)
    learned = 2 * (frames + drawn)
    return (
        drawing_needs(vae).times(3 * drawn, 2 * 3)
        + judging.times(2 * drawn, 2)
        + judging.times(3 * learned, 3)
        + judged[0].times(-learned, -1)
        + Needs(data=2.0 * frames * prod(vae.frame_shape))
    )


def choreographer_needs(model: Any) -> Needs:
    """What one step of one dance needs; training needs three times as much."""
    pose, cues = np.zeros((1, 128), "float32"), np.zeros((1, model.preset.cues), "float32")
    with counting() as counted:
        model.step(pose, model.initial_state(1), cues)
    return sum(counted, NOTHING)


def updating(variables: list[Any], moments: int) -> Needs:
    """What an optimiser needs for a batch: of each weight its gradient, the weight and so many moments are
    read, all but the gradient written."""
    return Needs(weights=sum((3 + 2 * moments) * 4.0 * prod(variable.shape) for variable in variables))


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

    from dancenet.machine.compiling import compiled

    one = ops.cast(keras.random.normal((SIDE, SIDE)), dtype)
    multiply = compiled(lambda x, y: ops.sum(ops.cast(ops.matmul(ops.matmul(x, y), y), "float32")))
    return rate_of(lambda: float(multiply(one, one)), 2 * 2.0 * SIDE**3, turn_s)


@functools.cache
def _array() -> Any:
    """Numbers that no cache holds."""
    import keras

    return keras.random.normal((READ,))


def reading_memory(turn_s: float) -> Turn:
    """The machine's rate of reading an array that no cache holds, bytes/s."""
    from keras import ops

    from dancenet.machine.compiling import compiled

    array, add_up = _array(), compiled(ops.sum)
    return rate_of(lambda: float(add_up(array)), 4.0 * READ, turn_s)


def reading_weights(parameters: int, turn_s: float) -> Turn:
    """The rate at which a vector is multiplied by matrices of so many float32 in all, bytes/s."""
    import keras
    from keras import ops

    from dancenet.machine.compiling import compiled

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
