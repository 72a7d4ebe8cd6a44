"""An endless dance whose future can change at any moment: one pose at a time, hardly ahead of what is shown.

With the same seed, and controls left alone, it is the dance that `dancenet generate dance` makes.
Shape letters: T poses, W poses that warm the network's state, D = 128 latent dimensions.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from keras import ops
from scipy.interpolate import PchipInterpolator

from dancenet.cues import Cues
from dancenet.dancing.in_time import TOLD
from dancenet.dancing.rollout import CHUNK, chunk_function, noise_of
from dancenet.generation import OPENING_S, heat_of, opening_poses
from dancenet.machine.compiling import compiled
from dancenet.mixture import Noise
from dancenet.trained import Trained

#: A dancer that is sent to a pose arrives there in so long, seconds.
ARRIVE_S = 0.4
#: So many poses beyond the one that is being left must be known: the smooth path needs a neighbour.
AHEAD = 2
#: Dances that are made together are made in multiples of so many.
TOGETHER = 4


@dataclass(frozen=True)
class Controls:
    """What a hand can change while the dancer dances.

    Attributes:
        temperature, stray: as in `config.DanceOptions`.
        energy: -1 as calm, 1 as lively as loud music makes it; 0 is the dancer's own.
        tempo: how fast time passes, 1 is the dancer's own.
    """

    temperature: float = 0.2
    stray: float = 0.2
    energy: float = 0.0
    tempo: float = 1.0


@dataclass(frozen=True)
class _Step:
    """A pose as it is shown (D,), and where the network stands after it: its own pose (1, D) and state."""

    shown: np.ndarray
    pose: np.ndarray
    state: list[np.ndarray]


class _Asked(NamedTuple):
    """What a dance's next step is made of, see `rollout.chunk_function`; free where `given` (D,) is None."""

    before: _Step
    given: np.ndarray | None
    cues: np.ndarray
    noise: Noise
    shares: tuple[float, float, float]


class Roller:
    """The compiled calls of one choreographer, shared by all who dance with it.

    Args:
        trained: the run's models.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.warm_poses = max(2, round(OPENING_S * trained.packed.fps))
        roll = chunk_function(trained.choreographer)
        # several functions, as each holds to one kind of its arrays
        self._one, self._many, self._warm = (compiled(lambda *arrays: roll(*arrays)) for _ in range(3))

    def steps(self, asked: list[_Asked]) -> list[_Step]:
        """One pose more of several dances (B of them), in one call."""
        many = len(asked) > 1
        # in fours, so that few graphs are traced: the first is made again and left out
        rows = [*asked, *asked[:1] * (-len(asked) % TOGETHER if many else 0)]
        free = np.zeros_like(asked[0].before.shown)
        made, pose, state = (self._many if many else self._one)(
            np.concatenate([row.before.pose for row in rows]), _joined([row.before.state for row in rows]),
            np.stack([free if row.given is None else row.given for row in rows])[None],
            np.array([[[row.given is not None] for row in rows]], "float32"),
            np.stack([row.cues for row in rows])[None], Noise(*_joined([row.noise for row in rows], axis=1)),
            *np.array([row.shares for row in rows], "float32").T[..., None], self.trained.choreographer.home,
        )  # fmt: skip
        made, pose, *state = (ops.convert_to_numpy(part) for part in (made[0], pose, *state))
        lanes = (slice(row, row + 1) for row in range(len(asked)))
        return [_Step(made[lane][0], pose[lane], [part[lane] for part in state]) for lane in lanes]

    def warmed(self, opening: np.ndarray) -> _Step:
        """Where the network stands after the poses of an opening (T, D), standardised."""
        model, length = self.trained.choreographer, self.warm_poses
        opening = np.concatenate([np.repeat(opening[:1], length, axis=0), opening])[-length:]
        opening = opening.astype("float32")
        steps = length - 1
        noise = noise_of([0], 0, model.preset)
        noise = Noise(*(np.resize(part, (steps, *part.shape[1:])) for part in noise))
        nothing = np.zeros((steps, 1, model.preset.cues), "float32")
        follow, shares = np.ones(steps, "float32"), (np.float32(0),) * 3
        arrays = opening[:1], model.initial_state(1), opening[1:, None], follow, nothing, noise, *shares
        _, pose, state = self._warm(*arrays, model.home)
        state = [ops.convert_to_numpy(part) for part in state]
        return _Step(opening[-1], ops.convert_to_numpy(pose), state)


def _joined(rows: list, axis: int = 0) -> list[np.ndarray]:
    """Lists of arrays as one list, each array joined with those of its place."""
    return [np.concatenate(parts, axis) for parts in zip(*rows, strict=True)]


class Live:
    """One dance.

    Args:
        roller: of the run that dances.
        seed: of all chance.
        start: as in `config.DanceOptions`.
    """

    def __init__(self, roller: Roller, seed: int = 0, start: str | None = None):
        self._roller, self._trained = roller, roller.trained
        self.controls = Controls()
        self._wake(opening_poses(self._trained, start), seed)

    def _wake(self, opening: np.ndarray, seed: int, lead_s: float = 0.0) -> None:
        """Stand so long before an opening's (T, D) last pose, ready to dance on from that."""
        poses = self._trained.latents.standardise(opening).astype("float32")
        arrived = self._roller.warmed(poses)
        lead = min(len(poses) - 1, round(lead_s * self._rate))
        before = [_Step(pose, arrived.pose, arrived.state) for pose in poses[-lead - 1 : -1]]
        self._steps = deque([*before, arrived])
        self._fixed = lead
        self._at = 0.0
        self._given: deque[np.ndarray] = deque()
        self._seed, self._made = seed, self._roller.warm_poses - 1
        self._noise = (-1, Noise(None, None, None))
        self._left, self._left_s, self._way_s = np.zeros_like(arrived.shown), 0.0, ARRIVE_S

    def set(self, controls: Controls) -> None:
        """Dance otherwise from now on: what was made ahead is thrown away."""
        if controls != self.controls:
            self.controls = controls
            self._forget()

    def restart(self, seed: int) -> None:
        """Another dance, from the most typical start."""
        self.go(opening_poses(self._trained, None), seed=seed)

    def go(self, opening: np.ndarray, *, seed: int | None = None) -> None:
        """Go to the last pose of an opening (T, D) in `ARRIVE_S`, and dance on from there."""
        now = self._shown()
        self._wake(opening, self._seed + 1 if seed is None else seed, ARRIVE_S)
        self._left = now - self._shown()
        self._left_s = self._way_s = max(self._fixed / self._rate, 1e-3)  # whole poses: not quite `ARRIVE_S`

    def follow(self, path: np.ndarray) -> None:
        """Go along a path (T, D), beginning within `ARRIVE_S`, and dance on from its end."""
        self._forget()
        path = self._trained.latents.standardise(path)
        # what is shown until the path begins stays as it is: the path itself begins where that ends
        count = min(len(path), max(1, round(ARRIVE_S * self._rate)))
        shares = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1))
        path[:count] += shares[:, None] * (self._steps[-1].shown - path[0])
        self._given = deque(path.astype("float32"))

    @property
    def following(self) -> bool:
        """Whether there is more of a path to follow."""
        return bool(self._given)

    @property
    def _rate(self) -> float:
        return self._trained.packed.fps * self._trained.pace * self.controls.tempo

    def advance(self, seconds: float) -> np.ndarray:
        """(D,) the pose that is shown so much later."""
        self._reach(self.wanted(seconds))
        self._at += seconds * self._rate
        self._left_s = max(0.0, self._left_s - seconds)
        while self._at >= 2:  # one pose behind stays, for the slope of the path
            self._steps.popleft()
            self._at -= 1
            self._fixed -= 1
        return self._trained.latents.restore(self._shown()).astype("float32")

    def _shown(self) -> np.ndarray:
        """(D,) standardised, what is shown now: on a shape-preserving cubic through the poses."""
        self._reach(int(self._at) + AHEAD)
        first = max(0, int(self._at) - 1)
        poses = np.stack([step.shown for step in list(self._steps)[first : int(self._at) + AHEAD + 1]])
        pose = PchipInterpolator(np.arange(first, first + len(poses)), poses, axis=0)(self._at)
        share = self._left_s / self._way_s
        return pose + (0.5 - 0.5 * np.cos(np.pi * share)) * self._left

    def _forget(self) -> None:
        """Throw away the poses beyond the one that is arrived at next."""
        keep = max(int(self._at) + 2, self._fixed + 1)
        unused = []
        while len(self._steps) > keep:
            unused.append(self._steps.pop())
        self._made -= len(unused)

    def wanted(self, seconds: float) -> int:
        """The number of the last pose that is needed to show what is due so much later."""
        return int(self._at + seconds * self._rate) + AHEAD

    def _reach(self, last: int) -> None:
        """Have poses up to number `last`."""
        reach([(self, last)])

    def _ask(self) -> _Asked:
        """For one pose more."""
        heat = heat_of(self._trained, self.controls.temperature)
        given = self._given.popleft() if self._given else None
        asked = _Asked(
            self._steps[-1], given, self._told(), self._chance(), (heat, self.controls.stray, heat**0.5)
        )
        self._made += 1
        return asked

    def _told(self) -> np.ndarray:
        """(F,) what the choreographer is told of the pose to come."""
        if not self._trained.choreographer.preset.cues:
            return np.zeros(0, "float32")
        energy = np.interp(self.controls.energy, *TOLD)
        unknown = np.full(1, np.nan)
        return Cues(unknown, unknown, np.full(1, energy)).features()[0]

    def _chance(self) -> Noise:
        """Noise of the pose to come: by its number alone, as of any dance with this seed."""
        chunk, row = divmod(self._made, CHUNK)
        if self._noise[0] != chunk:
            self._noise = (chunk, noise_of([self._seed], chunk, self._trained.choreographer.preset))
        return Noise(*(part[row : row + 1] for part in self._noise[1]))


def reach(wanted: list[tuple[Live, int]]) -> None:
    """Have the poses up to those numbers, of several dances of one roller: one call for a step of all."""
    while short := [live for live, last in wanted if len(live._steps) <= last]:
        steps = short[0]._roller.steps([live._ask() for live in short])
        for live, step in zip(short, steps, strict=True):
            live._steps.append(step)
