"""The director: stretches of dance that go on from given poses, arrive at others, or follow a phrase.

All poses here are the run's latents, as they are stored; none of it knows files or flags.
Shape letters: B particles, T time steps, D = 128 latent dimensions.
"""

import logging
from dataclasses import dataclass

import numpy as np
from keras import ops

from dancenet.dancing.in_time import Rhythm
from dancenet.dancing.rollout import Rollout, shown_between
from dancenet.directing.openings import landed
from dancenet.directing.outlook import FARTHEST, Outlook
from dancenet.directing.steering import loop_of, particle_noise, seen, steered_chunk
from dancenet.generation import OPENING_S, heat_of, told
from dancenet.networks.centring import PLACE
from dancenet.sequences import split_takes
from dancenet.trained import Trained

log = logging.getLogger(__name__)

#: Dances rolled out together toward a pose.
PARTICLES = 24
#: Steps after which those that are on their way are copied in place of others.
LOOK = 4
#: How much of a particle's likelihood counts when it is chosen: the outlook is rough, and chance shall live.
TRUST = 0.5
#: A dance that is steered has at least so much of the learned temperature: without chance none can be bent.
LEAST_HEAT = 0.25
#: A pose that is missed by so many usual steps was too far off in too little time.
MISSED = 4.0
#: How much a pose to arrive at counts in the very last step: its noise is not the dance's, and a dance that
#: would meet that too leaps. What is left is spread over the last steps (`openings.landed`).
ARRIVAL_GAIN = 0.2
#: How near a dance keeps to poses that it shall go along with; see `Director.follow`.
ALONG_GAIN = 0.3


@dataclass(frozen=True)
class Style:
    """How a dance is danced.

    Attributes:
        temperature, stray: as in `config.DanceOptions`.
        seed: of all chance.
        rhythm: of the music that is told to a choreographer that hears; None: without music.
        sync: at 0 its beats are not told.
    """

    temperature: float = 0.2
    stray: float = 0.2
    seed: int = 0
    rhythm: Rhythm | None = None
    sync: float = 0.0

    def seeded(self, *words: int) -> np.random.Generator:
        """Chance of its own for each part of a dance."""
        return np.random.default_rng((self.seed, *words))


class _Many:
    """Particles on their way: shown poses so far, and where the network stands."""

    def __init__(self, before: np.ndarray, pose: np.ndarray, state: list, count: int):
        self.count = count
        self.before, self.shown, self.pose = (
            np.repeat(part[None], count, axis=0) for part in (before, pose, pose)
        )
        self.state = [np.repeat(ops.convert_to_numpy(part), count, axis=0) for part in state]
        self.made: list[np.ndarray] = []

    def add(self, poses, pose, state) -> None:
        """What a chunk has made."""
        poses = ops.convert_to_numpy(poses)
        self.before = poses[-2] if len(poses) > 1 else self.shown
        self.shown, self.pose = poses[-1], ops.convert_to_numpy(pose)
        self.state = [ops.convert_to_numpy(part) for part in state]
        self.made.append(poses)

    def choose(self, chosen: np.ndarray) -> None:
        """Go on with these (B,), some of them several times."""
        self.made = [part[:, chosen] for part in self.made]
        self.before, self.shown, self.pose = self.before[chosen], self.shown[chosen], self.pose[chosen]
        self.state = [part[chosen] for part in self.state]


class Director:
    """Stretches of dance by one trained run.

    Args:
        trained: the run's models and latents.
        particles: dances that are rolled out together where there is a pose to arrive at.
    """

    def __init__(self, trained: Trained, *, particles: int = PARTICLES):
        self.trained, self.particles = trained, particles
        self._rollout = Rollout(trained.choreographer)
        self._tables: tuple | None = None
        self._outlook: Outlook | None = None

    @property
    def rate(self) -> float:
        """Poses per second of a made dance."""
        return self.trained.packed.fps * self.trained.pace

    @property
    def outlook(self) -> Outlook:
        """Fitted to the training takes when it is first needed (seconds)."""
        if self._outlook is None:
            latents = self.trained.latents
            spans, _ = split_takes(self.trained.packed)
            self._outlook = Outlook.of([latents.standardise(latents.mean[s.start : s.stop]) for s in spans])
        return self._outlook

    def free(self, opening: np.ndarray, times_s: np.ndarray, style: Style, part: int = 0) -> np.ndarray:
        """(T, D): the dance goes on as it likes from the last pose of an opening.

        Args:
            opening: (O, D) real or made poses in order, two or more; the last seconds count.
            times_s: (T,) when each of the poses to be made is shown; the music of then is told.
            style: how.
            part: number of the stretch; each has chance of its own.
        """
        heat, stray, spread = self._shares(style)
        seed = int(style.seeded(part).integers(2**31))
        chunks, done, steps = [np.zeros((0, opening.shape[1]), "float32")], 0, len(times_s)
        if steps:
            warm = self._warm(opening)[None].astype("float32")
            cues = self._told(style, times_s)[:, None]
            for made in self._rollout.poses(
                warm, [seed], temperature=heat, stray=stray, spread=spread, cues=cues
            ):
                chunks.append(made[:, 0])
                done += len(made)
                if done >= steps:
                    break
        return self._restored(np.concatenate(chunks)[:steps])

    def arrive(
        self, opening: np.ndarray, goal: np.ndarray, times_s: np.ndarray, style: Style, part: int = 0
    ) -> np.ndarray:
        """(T, D): the dance goes on from an opening, and its last pose is `goal` (D,).

        Where the goal is far off in time it is free at first; arguments as of `free`.
        """
        early = max(0, len(times_s) - FARTHEST - LOOK)
        begun = self.free(opening, times_s[:early], style, part)
        opening = np.concatenate([opening, begun])
        left = len(times_s) - early
        goals = np.repeat(goal[None], left, axis=0)
        ahead = np.arange(left)[::-1].copy()
        gain = np.ones((left, self.particles), "float32")
        gain[-1] = ARRIVAL_GAIN
        path = self._steer(opening, goals, ahead, gain, times_s[early:], style, part)
        self._tell_if_missed(path[-1], goal, len(times_s))
        return np.concatenate([begun, landed(path, goal)])

    def _tell_if_missed(self, pose: np.ndarray, goal: np.ndarray, steps: int) -> None:
        """Warn where what is left between arrival and goal is no step of this dancer."""
        known = self.trained.latents.mean
        usual = float(np.median(self.apart(known[1:], known[:-1])))
        if self.apart(pose, goal) > MISSED * usual:
            log.warning(
                "a pose lies farther off than can be danced in %.1f s: its picture is blended in at the end",
                steps / self.rate,
            )

    def return_to(
        self, opening: np.ndarray, ending: np.ndarray, times_s: np.ndarray, style: Style
    ) -> np.ndarray:
        """(T, D): the dance goes on from an opening; its last poses are `ending` (E, D).

        Steered to the first pose of the ending in time for it, then along it; other arguments as of `free`.
        """
        along = len(ending) - 1
        early = max(0, len(times_s) - along - FARTHEST - LOOK)
        begun = self.free(opening, times_s[:early], style)
        left = len(times_s) - early
        goals = np.concatenate([np.repeat(ending[:1], left - along, axis=0), ending[1:]])
        ahead = np.concatenate([np.arange(left - along)[::-1], np.zeros(along, int)])
        gain = np.ones((left, self.particles), "float32")
        gain[left - along :] = ALONG_GAIN
        opening = np.concatenate([opening, begun])
        path = self._steer(opening, goals, ahead, gain, times_s[early:], style, 0)
        lean = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, along + 2)[:, None] / (along + 1))
        path[-along - 1 :] += (lean * (ending - path[-along - 1 :])).astype(path.dtype)
        path[-1] = ending[-1]
        return np.concatenate([begun, path])

    def follow(
        self, opening: np.ndarray, phrase: np.ndarray, gains: np.ndarray, times_s: np.ndarray, style: Style
    ) -> np.ndarray:
        """(T, B, D): the dance keeps near to a phrase, pose for pose.

        Args:
            opening: as of `free`.
            phrase: (T, D) to keep near to.
            gains: (B,) how near each of several dances keeps, all of them with the same chance; of a place
                in the picture that is off, g / (1 + g) is taken back at every step.
            times_s, style: as of `free`.
        """
        steps = len(phrase)
        gain = np.repeat(np.asarray(gains, "float32")[None], steps, axis=0)
        many = self._begin(opening, gain.shape[1])
        noise = particle_noise(style.seeded(0, 1), steps, 1, self.trained.choreographer.preset)
        noise = type(noise)(*(np.repeat(part, gain.shape[1], axis=1) for part in noise))
        wanted = self._standardised(phrase)
        cues = self._told(style, times_s)
        hold = np.zeros((gain.shape[1], wanted.shape[1]), "float32")
        if self.trained.vae.window:  # a step moves the place by too little for chance to bring it back
            hold[:, :PLACE] = (gain[0] / (1 + gain[0]))[:, None]
        self._chunk(many, wanted, np.zeros(steps, int), gain, cues, noise, style, hold)
        return self._restored(self._mended(many.made[0]))

    def apart(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Distances (...) of poses (..., D), in the choreographer's units."""
        return np.linalg.norm((one - other) / self.trained.latents.scale, axis=-1)

    def strangers(self) -> float:
        """Mean distance of two moments of the film that have nothing to do with one another."""
        latents = self.trained.latents.mean
        order = np.random.default_rng(0).permutation(len(latents))[: 2 * (min(len(latents), 2000) // 2)]
        return float(self.apart(latents[order[::2]], latents[order[1::2]]).mean())

    def _steer(
        self,
        opening: np.ndarray,
        goals: np.ndarray,
        ahead: np.ndarray,
        gain: np.ndarray,
        times_s: np.ndarray,
        style: Style,
        part: int,
    ) -> np.ndarray:
        """The path (T, D) of the particle that comes nearest, chosen among many on the way."""
        random, wanted = style.seeded(part, 2), self._standardised(goals)
        cues = self._told(style, times_s)
        many = self._begin(opening, gain.shape[1])
        expected = np.zeros(many.count)
        for first in range(0, len(goals), LOOK):
            now = slice(first, first + LOOK)
            steps = len(goals[now])
            noise = particle_noise(random, steps, many.count, self.trained.choreographer.preset)
            left = np.minimum(ahead[now], FARTHEST)
            strain = self._chunk(many, wanted[now], left, gain[now], cues[now], noise, style)
            last = first + steps - 1
            far = 0.5 * self.outlook.off(many.shown, many.before, wanted[last], int(ahead[last]))
            likely = TRUST * (strain.sum(axis=0) - far + expected)
            shares = np.exp(likely - likely.max())
            if last == len(goals) - 1:
                many.choose(np.array([int(np.argmin(far))]))
                break
            ticks = (random.random() + np.arange(many.count)) / many.count
            chosen = np.searchsorted(np.cumsum(shares / shares.sum()), ticks).clip(0, many.count - 1)
            many.choose(chosen)
            expected = far[chosen]
        made = np.concatenate([self._standardised(opening[-1:]), np.concatenate(many.made)[:, 0]])
        return self._restored(self._mended(shown_between(made[:-1], made[1:])))

    def _chunk(
        self, many: _Many, wanted, ahead, gain, cues, noise, style: Style, hold: np.ndarray | None = None
    ) -> np.ndarray:
        """Dance on for a chunk; gives the log of prior over posterior (T, B) of the chance that was taken."""
        if self._tables is None:
            look = self.outlook
            self._tables = tuple(
                ops.convert_to_tensor(t) for t in (look.goal, look.pose, look.step, look.constant)
            )
        heat, stray, spread = self._shares(style)
        goal = np.repeat(wanted[:, None], many.count, axis=1).astype("float32")
        hold = np.zeros_like(many.shown) if hold is None else hold
        cues = np.repeat(cues[:, None], many.count, axis=1)
        steered = loop_of(self.trained.choreographer, steered_chunk, many.count)
        poses, pose, state, strain = steered(
            many.shown, many.pose, many.state, goal, ahead.astype("int32"), gain, hold, self._tables, cues,
            noise, *map(np.float32, (max(heat, LEAST_HEAT), stray, spread)),
        )  # fmt: skip
        many.add(poses, pose, state)
        return ops.convert_to_numpy(strain)

    def _begin(self, opening: np.ndarray, count: int) -> _Many:
        """Particles that all stand at the end of `opening`, the network having seen it."""
        poses = self._warm(opening)
        model = self.trained.choreographer
        state = loop_of(model, seen, 1)(poses[:-1, None], model.initial_state(1))
        return _Many(poses[-2], poses[-1], state, count)

    def _told(self, style: Style, times_s: np.ndarray) -> np.ndarray:
        """(T, F): what the choreographer is told of the poses shown at those times."""
        if style.rhythm is None or not self.trained.choreographer.preset.cues:
            return told(self.trained, len(times_s))
        return style.rhythm.cues_at(times_s, self.trained.beat_s if style.sync else None).features()

    def _shares(self, style: Style) -> tuple[float, float, float]:
        """Temperature, stray and spread as the rollout takes them."""
        heat = heat_of(self.trained, style.temperature)
        return heat, style.stray, heat**0.5

    def _warm(self, opening: np.ndarray) -> np.ndarray:
        """The last seconds of an opening, standardised; (T, D) with T 2 or more."""
        if len(opening) < 2:
            opening = np.repeat(opening[-1:], 2, axis=0)
        return self._standardised(opening[-max(2, round(OPENING_S * self.trained.packed.fps)) :])

    def _mended(self, poses: np.ndarray) -> np.ndarray:
        """Standardised poses as they are shown; free dances come out of the rollout so."""
        return ops.convert_to_numpy(self.trained.choreographer.mended(poses))

    def _standardised(self, latents: np.ndarray) -> np.ndarray:
        return self.trained.latents.standardise(latents).astype("float32")

    def _restored(self, poses: np.ndarray) -> np.ndarray:
        return self.trained.latents.restore(poses).astype("float32")
