"""A session: one dancer on one stage, and all that hands may do with it. Knows no HTTP, no thread, no clock.

Whoever owns a session calls `frame` for each picture and `hands.handle` for each request, from one thread.
Shape letters: D = 128 latent dimensions.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.desk import Desk, Setting, mixed
from dancenet.studio.history import History
from dancenet.studio.live import Controls, Live
from dancenet.studio.performer import Performer
from dancenet.studio.playing import Playing

#: Frames per second that are asked for.
FPS = 30.0


@dataclass(frozen=True)
class Shown:
    """What is on the stage.

    Attributes:
        pose: (D,) as it is decoded.
        header: what is said of it, the number left 0.
    """

    pose: np.ndarray
    header: protocol.FrameHeader


class Session:
    """One stage.

    Args:
        performer: who dances.
        name: of the session; how it stood is remembered under it.
    """

    def __init__(self, performer: Performer, name: str):
        self.performer, self.name = performer, name
        stood = _Stood.of(performer.library.remembered(name))
        self.desk = Desk(_that_can_be_read(performer, stood.setting))
        self.seed, self.paused, self.revision = stood.seed, False, 0
        self.live = Live(performer.roller, stood.seed)
        self.live.set(stood.controls)
        self.history = History(FPS, len(self.live.advance(0.0)))
        self.playing: Playing | None = None
        self._ago_s: float | None = None
        self._danced_s = 0.0
        self._held: tuple[object, np.ndarray] | None = None
        self.told = self.changed = 0

    # what is shown

    def frame(self, seconds: float) -> Shown:
        """The picture that is due so many seconds after the last one."""
        flags, time_s = 0, self._danced_s
        if self._ago_s is not None:
            pose, flags, time_s = (
                self.history.at(np.array([self._ago_s]))[0],
                protocol.LOOKING_BACK,
                -self._ago_s,
            )
        else:
            if not self.paused:
                self._danced_s += seconds
            pose, flags, time_s = self._danced(0.0 if self.paused else seconds)
            pose = pose + self.performer.offset(self.desk.now.amounts)
            if seconds and not self.paused:
                self.history.add(self._danced_s, pose)
        if self.paused:
            flags |= protocol.PAUSED
        nearest = self.performer.nearest(pose)
        return Shown(pose, protocol.FrameHeader(0, self.revision, nearest, flags, time_s))

    def _danced(self, seconds: float) -> tuple[np.ndarray, int, float]:
        """Pose before it is bent, flags, seconds: of the mix, of the score, of the dance."""
        setting = self.desk.now
        if setting.poses:
            return self._mix(setting), protocol.POSE, self._danced_s
        if self.playing is not None:
            pose = self.playing.advance(seconds)
            if pose is not None:
                return pose, protocol.SCORE, self.playing.at_s
            self.stop()
        return self.live.advance(seconds), 0, self._danced_s

    def _mix(self, setting: Setting) -> np.ndarray:
        """(D,) the poses that are mixed; read once."""
        if self._held is None or self._held[0] != setting.poses:
            poses = np.stack([self.performer.pose(place) for place in setting.poses])
            self._held = (setting.poses, poses)
        return mixed(self._held[1], setting.weights)

    def strip(self, count: int) -> tuple[np.ndarray, float]:
        """Pictures (count, H, W, C) of what was danced, the oldest first, and how far back they reach."""
        length_s = self.history.length_s
        poses = self.history.at(np.linspace(length_s, 0, count))
        return self.performer.pictures(poses), length_s

    # how it stands

    def state(self) -> dict[str, Any]:
        """Everything that a window shows of it."""
        setting = self.desk.now
        playing = self.playing.told() if self.playing else None
        return {
            "paused": self.paused, "seed": self.seed, "revision": self.revision, "ago_s": self._ago_s,
            "controls": dataclasses.asdict(self.live.controls), "amounts": setting.amounts,
            "mix": {"poses": setting.poses, "weights": setting.weights}, "can": self.desk.can,
            "playing": playing, "history_s": round(self.history.length_s, 2),
        }  # fmt: skip

    def remember(self) -> None:
        """Write down how it stands, for the next start."""
        setting = self.desk.now
        self.performer.library.remember(
            self.name,
            {
                "seed": self.seed, "controls": dataclasses.asdict(self.live.controls),
                "amounts": setting.amounts, "poses": setting.poses, "weights": setting.weights,
            },
        )  # fmt: skip

    # where it stands

    def change(self, setting: Setting) -> None:
        """Put the desk to a setting, without those poses of it that are gone."""
        self.desk.now = _that_can_be_read(self.performer, setting)
        self._held = None

    def look_back(self, ago_s: float | None) -> None:
        """Show what was danced so many seconds ago; None: what is danced now."""
        self._ago_s = None if ago_s is None else min(ago_s, self.history.length_s)

    def to_the_dance(self) -> None:
        """Leave looking back, the mix and the score."""
        self._ago_s, self.paused, self.playing = None, False, None
        if self.desk.now.poses:
            self.desk.mix((), ())

    def stop(self) -> None:
        """Leave the score: the dancer dances on from there."""
        if self.playing is not None:
            lead, self.playing = self.playing.lead(), None
            self.live.go(lead)
            self.changed += 1


def _that_can_be_read(performer: Performer, setting: Setting) -> Setting:
    """A setting without its poses where one of them is gone."""
    try:
        for place in setting.poses:
            performer.pose(place)
    except DancenetError:
        return dataclasses.replace(setting, poses=(), weights=())
    return setting


@dataclass(frozen=True)
class _Stood:
    """How a session stood when it was written down; what is damaged is as at first."""

    seed: int
    controls: Controls
    setting: Setting

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "_Stood":
        try:
            controls = Controls(**{name: float(value) for name, value in kept["controls"].items()})
            amounts = {str(name): float(value) for name, value in kept["amounts"].items()}
            poses, weights = tuple(map(str, kept["poses"])), tuple(map(float, kept["weights"]))
            return cls(int(kept["seed"]), controls, Setting(poses, weights, amounts))
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls(0, Controls(), Setting())
