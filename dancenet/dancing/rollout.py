"""Rolling the choreographer out: one compiled loop, in chunks, from noise that is made outside of it.

Shape letters: B batch of dances, T time steps, K mixture components, D = 128 latent dimensions.
"""

import threading
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import ops

from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE
from dancenet.dancing.choosing import Chooser
from dancenet.machine.compiling import once
from dancenet.mixture import Noise, draw
from dancenet.presets import ChoreographerPreset

#: Steps of one compiled call: long enough to pay, short enough to throw away when a control moves.
CHUNK = 64

#: Of a dance; of its continuations but the first the dance's, and their number.
Seed = int | tuple[int, int]


def shown_between(before, drawn):
    """What is shown of a pose drawn after another: the middle of the two.

    The chance of each step is its own, and a body that took it as it comes would tremble; the mean of two
    has half of that, and all of the way.
    """
    # two products: the sum of sums is made one sum by TensorFlow, in another order from call to call
    return 0.5 * before + 0.5 * drawn


def chunk_function(model: Choreographer, *, as_drawn: bool = False) -> Callable:
    """The loop over one chunk, as a function of arrays alone; see `shown_between` for `as_drawn`. Poses that
    are shown are mended, if the model has a mender; the network goes on from what it has drawn.

    It takes the pose before the chunk (B, D), the state, poses to follow `given` (T, B, D) with `follow` (T,)
    1 where they are to be followed and 0 where the dance is free, `cues` (T, B, F), `noise` with leading
    dimensions (T, B), and three shares of that noise: `temperature`, `stray` of the poses that are shown, and
    `spread`, the stray of those that the network goes on from; and what is taken back, as the model's `home`.
    It returns the shown poses (T, B, D), the last pose and the state.
    """

    def roll(pose, state, given, follow, cues, noise, temperature, stray, spread, home):
        """One chunk."""

        def step(t, pose, poses, *state):
            """One pose more."""
            mixture, state = model.step(pose, state, cues[t], home)
            now = Noise(*(part[t] for part in noise))
            shown, drawn = (draw(mixture, now, temperature, far) for far in (stray, spread))
            if not as_drawn:
                shown = model.mended(shown_between(pose, shown))
            shown, pose = (follow[t] * given[t] + (1.0 - follow[t]) * free for free in (shown, drawn))
            poses = ops.slice_update(poses, (t, 0, 0), ops.expand_dims(shown, 0))
            return (t + 1, pose, poses, *state)

        steps = given.shape[0]
        start = (ops.convert_to_tensor(0, "int32"), pose, ops.zeros_like(given), *state)
        _, pose, poses, *state = ops.while_loop(lambda t, *_: t < steps, step, start)
        return poses, pose, list(state)

    return roll


def noise_of(seeds: list[Seed], chunk: int, preset: ChoreographerPreset) -> Noise:
    """Noise with leading dimensions (T, B) of the chunk with that number.

    A dance's noise depends on its seed and the chunk's number alone: not on its length, nor on how many
    dances are made together.
    """
    made = []
    for seed in seeds:
        dance, *way = np.atleast_1d(seed)
        # the way last: NumPy takes what is missing for 0, so that no two of these begin alike
        random = np.random.default_rng((dance, chunk, *way))
        made.append((
            random.gumbel(size=(CHUNK, preset.components)),
            random.standard_normal((CHUNK, preset.directions)),
            random.standard_normal((CHUNK, LATENT_SIZE)),
        ))  # fmt: skip
    return Noise(*(np.stack(parts, axis=1).astype("float32") for parts in zip(*made, strict=True)))


class Rollout:
    """Compiled rollouts of one choreographer: compiled once for each number of dances, whoever rolls it out.

    Args:
        model: the choreographer.
        xla: compile with XLA: several seconds more at first, then faster (TensorFlow only).
        as_drawn: give each pose as it was drawn, not as dances show it (`shown_between`).
    """

    def __init__(self, model: Choreographer, *, xla: bool = False, as_drawn: bool = False):
        self.model, self.as_drawn = model, as_drawn
        self.xla = xla and keras.backend.backend() == "tensorflow"

    def _compiled(self, batch: int) -> Callable:
        # one of them for every number of dances would compute in another order than each number's own
        name = ("roll", self.xla, self.as_drawn, self.model.mender, batch)
        options = {"jit_compile": True} if self.xla else {}
        return once(self.model, name, chunk_function(self.model, as_drawn=self.as_drawn), **options)

    def poses(
        self,
        opening: np.ndarray,
        seeds: list[int],
        *,
        temperature: float,
        stray: float,
        spread: float | None = None,
        cues: np.ndarray | None = None,
        chooser: Chooser | None = None,
    ) -> Iterator[np.ndarray]:
        """Endless dances, chunk by chunk.

        Args:
            opening: (B, T, D) standardised real poses that warm the state; the dance goes on from the last.
            seeds: one per dance.
            temperature, stray: as in `mixture.draw`, of the poses that are shown.
            spread: stray of the poses that the network goes on from. More than is shown keeps the dance
                moving without a tremble; the default is `stray`.
            cues: (T', B, F) of the poses after the opening; none are known after their end, and before.
            chooser: of these dances: every chunk is rolled out in several ways, and the dance goes on with
                the one that it chooses. The first of them is how it would go on without.

        Yields:
            (t, B, D) standardised poses, t up to `CHUNK`, the opening left out.
        """
        ways = chooser.continuations if chooser else 1
        all_seeds: list[Seed] = [(seed, way) if way else seed for seed in seeds for way in range(ways)]
        opening = np.repeat(opening, ways, axis=0)
        cues = None if cues is None else np.repeat(cues, ways, axis=1)
        batch, lead = len(opening), opening.shape[1] - 1
        pose = np.asarray(opening[:, 0], "float32")
        state = self.model.initial_state(batch)
        shares = [np.float32(share) for share in (temperature, stray, stray if spread is None else spread)]
        home = [np.broadcast_to(share, (batch, 1)) for share in self.model.home]
        first, roll = 0, self._compiled(batch)
        while True:
            steps = np.arange(first, first + CHUNK)
            follow = (steps < lead).astype("float32")
            given = np.zeros((CHUNK, batch, LATENT_SIZE), "float32")
            forced = steps[steps < lead]
            given[: len(forced)] = np.swapaxes(opening[:, forced + 1], 0, 1)
            noise = noise_of(all_seeds, first // CHUNK, self.model.preset)
            known = self._cues(cues, batch, first - lead)
            made, pose, state = roll(pose, state, given, follow, known, noise, *shares, home)
            made = keras.ops.convert_to_numpy(made)[len(forced) :]
            if chooser and len(made):
                best = chooser.best(made.reshape(len(made), len(seeds), ways, LATENT_SIZE))
                best += ways * np.arange(len(seeds))
                made, again = made[:, best], np.repeat(best, ways)
                pose, state = ops.take(pose, again, axis=0), [ops.take(part, again, axis=0) for part in state]
            if len(made):
                yield made
            first += CHUNK

    def _cues(self, cues: np.ndarray | None, batch: int, first: int) -> np.ndarray:
        """(CHUNK, B, F): `cues` from number `first` on, which may be negative; 0 where there are none."""
        chunk = np.zeros((CHUNK, batch, self.model.preset.cues), "float32")
        if cues is not None and self.model.preset.cues:
            numbers = np.arange(first, first + CHUNK)
            known = (numbers >= 0) & (numbers < len(cues))
            chunk[known] = cues[numbers[known]]
        return chunk


class Unrolled:
    """Dances, rolled out as far as someone has asked for.

    Args:
        chunks: (t, B, D) each, endless.
        steps: how many poses there are in all.
    """

    def __init__(self, chunks: Iterator[np.ndarray], steps: int):
        self._chunks, self.steps = chunks, steps
        self._made: list[np.ndarray] = []
        self._lock = threading.Lock()  # a video's frames are made by a thread of their own

    def upto(self, count: int) -> np.ndarray:
        """(T, B, D): the first `count` poses or more, but no more than there are."""
        with self._lock:
            count, done = min(count, self.steps), sum(map(len, self._made))
            while done < count:
                self._made.append(next(self._chunks))
                done += len(self._made[-1])
            if len(self._made) > 1:
                self._made = [np.concatenate(self._made)]
            return self._made[0][: self.steps]
