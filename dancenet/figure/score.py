"""The score: keys of every channel at counts, written bar by bar, and the smooth path through them.

A count is one step of the dance (one beat of the music, or two or a half where the music is very
fast or slow). Keys stand on counts, so poses arrive on beats. Between keys every channel follows
a monotone cubic (Fritsch and Carlson 1980): the velocity is continuous, nothing overshoots a key,
so limits kept by the keys are kept everywhere, and a foot with two equal keys stands still between.
"""

from collections.abc import Mapping

import numpy as np
from scipy.interpolate import PchipInterpolator

from dancenet.figure.body import CHANNELS

#: Half the distance of the balls of the feet and their place before the pelvis, at rest, in metres.
STANCE_M = 0.12
BALL_AHEAD_M = 0.095
#: How far the feet turn out at rest, in degrees.
TURN_OUT = 10.0
#: How far the pelvis hangs below straight legs at rest, in metres.
REST_DROP_M = 0.045

_FOOT = ("x", "y", "z", "yaw", "pitch")
_MIRRORED = ("_roll", "_twist")


class Score:
    """Keys of all channels from count 0 on, and where the dancer stands.

    Attributes:
        count: where the next bar starts.
        x, z, heading: the stance's centre in metres and the direction it faces in degrees.
        names: (count, name) of every bar.
    """

    def __init__(self, scale: float = 1.0):
        self.scale = scale
        self.count = 0.0
        self.x = self.z = self.heading = 0.0
        self.names: list[tuple[float, str]] = []
        self.keys: dict[str, dict[float, float]] = {
            name: {0.0: rest} for name, (_, rest, _) in CHANNELS.items()
        }
        self.keys |= {"root_x": {0.0: 0.0}, "root_z": {0.0: 0.0}, "yaw": {0.0: 0.0}}
        self.keys["drop"] = {0.0: REST_DROP_M * scale}
        for side, sign in (("l", 1.0), ("r", -1.0)):
            at_rest = (sign * STANCE_M * scale, 0.0, BALL_AHEAD_M * scale, sign * TURN_OUT, 0.0)
            for part, value in zip(_FOOT, at_rest, strict=True):
                self.keys[f"foot_{part}_{side}"] = {0.0: value}

    def last(self, channel: str, before: float) -> float:
        """The value of the latest key of `channel` at or before a count."""
        keys = self.keys[channel]
        return keys[max(count for count in reversed(keys) if count <= before + 1e-9)]

    def channels(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Every channel at the given counts (T,)."""
        return {name: _path(keys, counts) for name, keys in self.keys.items()}

    def planted(self, counts: np.ndarray) -> np.ndarray:
        """Whether the ball of the left and of the right foot is planted: (T, 2) bool."""
        return np.stack([self._planted(side, counts) for side in "lr"], axis=-1)

    def _planted(self, side: str, counts: np.ndarray) -> np.ndarray:
        times = np.array(sorted(self.keys[f"foot_y_{side}"]))
        places = np.array([[self.keys[f"foot_{part}_{side}"][time] for part in "xyz"] for time in times])
        still = np.all(np.abs(np.diff(places, axis=0)) < 1e-6, axis=-1) & (places[:-1, 1] < 1e-6)
        still = np.append(still, places[-1, 1] < 1e-6)
        return still[np.clip(np.searchsorted(times, counts, side="right") - 1, 0, len(times) - 1)]


def _path(keys: Mapping[float, float], counts: np.ndarray) -> np.ndarray:
    times = np.array(sorted(keys))
    values = np.array([keys[time] for time in times])
    # A last key held: whatever is or is not written after it, the path up to it is the same.
    times, values = np.append(times, times[-1] + 1.0), np.append(values, values[-1])
    return PchipInterpolator(times, values)(np.minimum(counts, times[-1]))


class Bar:
    """One move being written: counts, places and turns are relative to the stance it starts from.

    Args:
        score: where the keys go.
        name: the move's name.
        mirror: swap left and right.
        size: how large the move is danced, about 0.8 to 1.15.
        rng: for the choices inside a move.
        turn: degrees by which a move that can face elsewhere is asked to turn.
    """

    def __init__(
        self,
        score: Score,
        name: str,
        *,
        mirror: bool,
        size: float,
        rng: np.random.Generator,
        turn: float = 0.0,
    ):
        self.score, self.name, self.size, self.rng, self.turn = score, name, size, rng, turn
        self._flip = -1.0 if mirror else 1.0
        self._start = score.count
        self._touched: set[str] = set()
        self._origin = (score.x, score.z, score.heading)
        score.names.append((score.count, name))

    def _key(self, channel: str, count: float, value: float) -> None:
        if channel not in self._touched:
            self._touched.add(channel)
            held = self.score.last(channel, self._start)
            self.score.keys[channel][self._start] = held
        self.score.keys[channel][round(self._start + count, 6)] = value

    def _side(self, side: str) -> str:
        return side if self._flip > 0 else {"l": "r", "r": "l"}[side]

    def _world(self, x: float, z: float) -> tuple[float, float]:
        base_x, base_z, heading = self._origin
        angle = np.deg2rad(heading)
        x, z = self._flip * x * self.score.scale, z * self.score.scale
        return base_x + x * np.cos(angle) + z * np.sin(angle), base_z - x * np.sin(angle) + z * np.cos(angle)

    def pose(self, count: float, **values: float) -> None:
        """Key channels of the trunk and arms at a count. An arm channel without side is keyed for both.

        Values beyond a joint's limit are drawn in to it.
        """
        for name, value in values.items():
            both = (name,) if name in CHANNELS else (f"{name}_l", f"{name}_r")
            for channel in both:
                if channel[-2:] in ("_l", "_r"):
                    target, kept = channel[:-1] + self._side(channel[-1]), value
                else:
                    target, kept = channel, value * (self._flip if channel.endswith(_MIRRORED) else 1.0)
                low, _, high = CHANNELS[target]
                self._key(target, count, float(np.clip(kept, low, high)))

    def root(
        self, count: float, x: float = 0.0, z: float = 0.0, drop: float = REST_DROP_M, turn: float = 0.0
    ) -> None:
        """Key the pelvis: place in metres, how far it hangs below standing, degrees turned to the left."""
        world_x, world_z = self._world(x, z)
        for channel, value in (
            ("root_x", world_x), ("root_z", world_z), ("drop", drop * self.score.scale),
            ("yaw", self._origin[2] + self._flip * turn),
        ):  # fmt: skip
            self._key(channel, count, value)

    def foot(
        self,
        side: str,
        count: float,
        x: float,
        z: float = 0.0,
        y: float = 0.0,
        yaw: float = 0.0,
        pitch: float = 0.0,
    ) -> None:
        """Key a foot: its ball in metres from the stance's centre, yaw beside its turn-out, heel up."""
        sign = 1.0 if side == "l" else -1.0
        world_x, world_z = self._world(x, z + BALL_AHEAD_M)
        world_yaw = self._origin[2] + self._flip * (yaw + sign * TURN_OUT)
        values = (world_x, y * self.score.scale, world_z, world_yaw, pitch)
        for part, value in zip(_FOOT, values, strict=True):
            self._key(f"foot_{part}_{self._side(side)}", count, value)

    def hold(self, side: str, count: float) -> None:
        """Keep a foot where its last key before `count` put it until `count`."""
        for part in _FOOT:
            channel = f"foot_{part}_{self._side(side)}"
            self._key(channel, count, self.score.last(channel, self._start + count))

    def step(
        self, side: str, arrive: float, x: float, z: float = 0.0, *, lift: float = 0.07, yaw: float = 0.0,
        pitch: float = 0.0, lead: float = 0.55,
    ) -> None:  # fmt: skip
        """Lift a planted foot `lead` counts before `arrive` and set it down there on `arrive`."""
        self.hold(side, arrive - lead)
        start = round(self._start + arrive - lead, 6)
        self.foot(side, arrive, x, z, yaw=yaw, pitch=pitch)
        end = round(self._start + arrive, 6)
        middle = round(arrive - 0.5 * lead, 6)
        for part in _FOOT:
            channel = f"foot_{part}_{self._side(side)}"
            keys = self.score.keys[channel]
            between = 0.5 * (keys[start] + keys[end])
            value = {"y": lift * self.score.scale, "pitch": between + 14.0}.get(part, between)
            self._key(channel, middle, value)

    def finish(self, counts: float, x: float = 0.0, z: float = 0.0, turn: float = 0.0) -> None:
        """End the bar: channels it left alone return to rest in its first count; the stance moves on."""
        score = self.score
        for channel, (_, rest, _) in CHANNELS.items():
            if channel not in self._touched and abs(score.last(channel, self._start) - rest) > 1e-9:
                self._key(channel, min(1.0, counts), rest)
        score.x, score.z = self._world(x, z)
        score.heading = self._origin[2] + self._flip * turn
        for side in "lr":
            self.hold(side, counts)
        score.count = self._start + counts
