"""An endless dance whose future can change at any moment: one pose at a time, hardly ahead of what is shown.

With the same seed, and controls left alone, it is the dance that `dancenet generate dance` makes.
Shape letters: T poses, W poses that warm the network's state, D = 128 latent dimensions.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from keras import ops
from scipy.interpolate import PchipInterpolator

from dancenet.compiling import compiled
from dancenet.cues import Cues
from dancenet.generation import OPENING_S, heat_of, opening_poses
from dancenet.in_time import TOLD
from dancenet.mixture import Noise
from dancenet.rollout import CHUNK, chunk_function, noise_of
from dancenet.trained import Trained

#: A dancer that is sent to a pose arrives there in so long, seconds.
ARRIVE_S = 0.4
#: So many poses beyond the one that is being left must be known: the smooth path needs a neighbour.
AHEAD = 2


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
    """A pose as it is shown, and where the network stands after it."""

    shown: np.ndarray
    pose: np.ndarray
    state: list


class Roller:
    """The compiled calls of one choreographer, shared by all who dance with it.

    Args:
        trained: the run's models.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.warm_poses = max(2, round(OPENING_S * trained.packed.fps))
        roll = chunk_function(trained.choreographer)
        # two functions, as each holds to one length of its arrays
        self._one, self._warm = compiled(roll), compiled(lambda *arrays: roll(*arrays))

    def step(self, before: _Step, given: np.ndarray | None, cues, noise: Noise, shares: tuple) -> _Step:
        """One pose more; `given` (D,) is shown in place of the network's own."""
        wanted = np.zeros_like(before.shown) if given is None else given
        follow = np.array([given is not None], "float32")
        arrays = before.pose, before.state, wanted[None, None], follow, cues[None, None], noise, *shares
        made, pose, state = self._one(*arrays)
        return _Step(ops.convert_to_numpy(made)[0, 0], ops.convert_to_numpy(pose), state)

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
        _, pose, state = self._warm(*arrays)
        return _Step(opening[-1], ops.convert_to_numpy(pose), state)


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
        self._left, self._left_s = np.zeros_like(arrived.shown), 0.0

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
        self._left, self._left_s = now - self._shown(), ARRIVE_S

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
        self._at += seconds * self._rate
        self._left_s = max(0.0, self._left_s - seconds)
        self._reach(int(self._at) + AHEAD)
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
        share = self._left_s / ARRIVE_S
        return pose + (0.5 - 0.5 * np.cos(np.pi * share)) * self._left

    def _forget(self) -> None:
        """Throw away the poses beyond the one that is arrived at next."""
        keep = max(int(self._at) + 2, self._fixed + 1)
        unused = []
        while len(self._steps) > keep:
            unused.append(self._steps.pop())
        self._made -= len(unused)

    def _reach(self, last: int) -> None:
        """Have poses up to number `last`."""
        while len(self._steps) <= last:
            controls, trained = self.controls, self._trained
            heat = heat_of(trained, controls.temperature)
            shares = tuple(np.float32(share) for share in (heat, controls.stray, heat**0.5))
            given = self._given.popleft() if self._given else None
            self._steps.append(
                self._roller.step(self._steps[-1], given, self._told(), self._chance(), shares)
            )
            self._made += 1

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
