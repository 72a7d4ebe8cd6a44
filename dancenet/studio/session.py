"""A session: one dancer on one stage, and all that hands may do with it. Knows no HTTP, no thread, no clock.

Whoever owns a session calls `frame` for each picture and `hands.handle` for each request, from one thread.
Shape letters: D = 128 latent dimensions.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.desk import Desk, Setting, mixed
from dancenet.studio.history import History
from dancenet.studio.live import Controls, Live
from dancenet.studio.performer import Performer
from dancenet.studio.playing import Playing
from dancenet.trained import Trained

#: Frames per second that are asked for.
FPS = 30.0


@dataclass(frozen=True)
class Shown:
    """What is on the stage.

    Attributes:
        pose: (D,) as it is decoded.
        header: what is said of it, the number left 0.
        guest: the models of another dancer, whose pose it is: that of a section of a score.
        body: whose body it is drawn with, a place in the run's `dancers`.
    """

    pose: np.ndarray
    header: protocol.FrameHeader
    guest: Trained | None = None
    body: int = 0


class Session:
    """One stage.

    Args:
        performer: who dances.
        name: of the session; how it stood is remembered under it.
    """

    def __init__(self, performer: Performer, name: str):
        self.performer, self.name = performer, name
        stood = _Stood.of(performer.library.remembered(name))
        self.desk = Desk()
        self.change(stood.setting)
        self.seed, self.paused, self.revision = stood.seed, False, 0
        names = performer.trained.packed.dancers
        self.body = names.index(stood.dancer) if stood.dancer in names else performer.usual_body
        self.live = Live(performer.roller, stood.seed)
        self.live.set(stood.controls)
        self.history = History(FPS, len(self.live.advance(0.0)))
        self.playing: Playing | None = None
        self._ago_s: float | None = None
        self._danced_s, self._nearest = 0.0, 0
        self.changed = 0

    # what is shown

    def frame(self, seconds: float) -> Shown:
        """The picture that is due so many seconds after the last one."""
        guest = None
        if self._ago_s is not None:
            pose = self.history.at(np.array([self._ago_s]))[0]
            flags, time_s = protocol.LOOKING_BACK, -self._ago_s
        else:
            if not self.paused:
                self._danced_s += seconds
            pose, flags, time_s = self._danced(0.0 if self.paused else seconds)
            guest = self._guest if flags & protocol.SCORE else None
            if guest is None:  # directions, memory and map are this dancer's
                pose = pose + self.performer.offset(self.desk.now.amounts)
                if seconds and not self.paused:
                    self.history.add(self._danced_s, pose)
        if self.paused:
            flags |= protocol.PAUSED
        if guest is None:
            self._nearest = self.performer.nearest(pose)
        header = protocol.FrameHeader(0, self.revision, self._nearest, flags, time_s)
        body = self.playing.body if self.playing and flags & protocol.SCORE else self.body
        return Shown(pose, header, guest, body)

    @property
    def _guest(self) -> Trained | None:
        """Who dances the score now, if that is another than the session's own dancer."""
        if self.playing is None or self.playing.dancer is self.performer.trained:
            return None
        return self.playing.dancer

    def _danced(self, seconds: float) -> tuple[np.ndarray, int, float]:
        """Pose before it is bent, flags, seconds: of the mix, of the score, of the dance."""
        setting = self.desk.now
        if setting.poses:
            return mixed(self._held, setting.weights), protocol.POSE, self._danced_s
        if self.playing is not None:
            pose = self.playing.advance(seconds)
            if pose is not None:
                return pose, protocol.SCORE, self.playing.at_s
            self.stop()
        return self.live.advance(seconds), 0, self._danced_s

    def dances(self, seconds: float) -> tuple[Live, int] | None:
        """The dance that goes on in the frame so much later, and the number of the pose it needs; or none."""
        if self._ago_s is not None or self.desk.now.poses or self.playing is not None:
            return None
        return self.live, self.live.wanted(0.0 if self.paused else seconds)

    def past(self, count: int) -> tuple[np.ndarray, float]:
        """(T, D) so many poses of what was danced, the oldest first, and how far back they reach.

        Raises:
            DancenetError: nothing was danced yet.
        """
        length_s = self.history.length_s
        return self.history.at(np.linspace(length_s, 0, count)), length_s

    # how it stands

    def state(self) -> dict[str, Any]:
        """Everything that a window shows of it."""
        setting = self.desk.now
        playing = self.playing.told() if self.playing else None
        return {
            "paused": self.paused, "seed": self.seed, "revision": self.revision, "ago_s": self._ago_s,
            "controls": dataclasses.asdict(self.live.controls), "amounts": setting.amounts,
            "mix": {"poses": setting.poses, "weights": setting.weights}, "can": self.desk.can,
            "playing": playing, "dancer": self._dancer,
        }  # fmt: skip

    @property
    def _dancer(self) -> str:
        """Whose body is shown, by name; empty of a run of one dancer."""
        names = self.performer.trained.packed.dancers
        return names[self.body] if names else ""

    def remember(self) -> None:
        """Write down how it stands, for the next start."""
        setting = self.desk.now
        self.performer.library.remember(
            self.name,
            {
                "seed": self.seed, "controls": dataclasses.asdict(self.live.controls),
                "amounts": setting.amounts, "poses": setting.poses, "weights": setting.weights,
                "dancer": self._dancer,
            },
        )  # fmt: skip

    # where it stands

    def change(self, setting: Setting) -> None:
        """Put the desk to a setting, without the poses of it where one of them is gone.

        They are read here, once, and held: whatever happens to their files, what is shown stays.
        """
        try:
            held = [self.performer.pose(place) for place in setting.poses]
        except DancenetError:
            held, setting = [], dataclasses.replace(setting, poses=(), weights=())
        self.desk.now = setting
        self._held = np.array(held)

    @contextlib.contextmanager
    def unchanged_if_it_fails(self) -> Iterator[None]:
        """Leave everything as it stood when what is done inside cannot be done."""
        names = ("seed", "paused", "body", "playing", "_ago_s", "_held")
        stood, desk = {name: getattr(self, name) for name in names}, self.desk.kept()
        try:
            yield
        except BaseException:
            vars(self).update(stood)
            self.desk = desk
            raise

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
            lead = None if self._guest else self.playing.lead()
            self.playing = None
            if lead is not None:  # after a guest the dancer goes on where it was
                self.live.go(lead)
            self.changed += 1


@dataclass(frozen=True)
class _Stood:
    """How a session stood when it was written down; what is damaged is as at first."""

    seed: int = 0
    controls: Controls = field(default_factory=Controls)
    setting: Setting = field(default_factory=Setting)
    dancer: str = ""

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "_Stood":
        """What `Session.remember` wrote."""
        try:
            # by the same rules as what hands ask for
            seed = protocol.as_request(protocol.Restart, {"seed": kept["seed"]}).seed
            controls = Controls(**kept["controls"])
            protocol.as_request(protocol.Set, kept["controls"])
            amounts = protocol.as_request(protocol.Bend, {"amounts": kept["amounts"]}).amounts
            mix = protocol.as_request(protocol.Mix, {"poses": kept["poses"], "weights": kept["weights"]})
            setting = Setting(amounts=amounts)
            if len(mix.poses) == len(mix.weights) and sum(mix.weights) > 0:
                setting = Setting(tuple(mix.poses), tuple(mix.weights), amounts)
            return cls(seed, controls, setting, str(kept.get("dancer", "")))
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
