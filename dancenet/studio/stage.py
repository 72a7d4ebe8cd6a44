"""A session on its stage: who watches it, and its frames as messages.

Shape letters: H height, W width, C channels.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dancenet import __version__
from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.jpeg import as_jpeg
from dancenet.studio.live import reach
from dancenet.studio.session import FPS, Session, Shown

log = logging.getLogger(__name__)

#: After a stall the dance goes on from where it was; it does not jump further than this, seconds.
LEAP_S = 0.25
#: Slower than this share of the frames asked for is told.
SLOW = 0.85
#: A picture that does not change is sent again so often, seconds: a window that has just come needs one.
STILL_S = 0.5


class Window(Protocol):
    """Someone who watches a session."""

    def offer(self, frame: bytes) -> None:
        """A frame, as of `protocol.pack_frame`; may be dropped for a newer one."""

    def tell(self, event: protocol.Event) -> None:
        """An event; none is dropped."""

    def pulse(self, made_fps: float, clients: int, slow: str) -> None:
        """Once a second: how fast frames are made."""


@dataclass
class Stage:
    """A session and those who watch it.

    Attributes:
        last_s: when its last frame was due; number: of that frame; made: frames since the last pulse.
        sent_s, before: when a frame was last sent, and which.
        remembered, told: how often the session had changed when it was written down, and told.
        changed_s: when it last changed.
        failing: whether its last frame could not be made.
        watched_s: since when it has been watched.
    """

    session: Session
    windows: list[Window] = field(default_factory=list)
    last_s: float = 0.0
    number: int = 0
    made: int = 0
    sent_s: float = 0.0
    before: Shown | None = None
    remembered: int = 0
    changed_s: float = 0.0
    told: int = 0
    failing: bool = False
    watched_s: float = 0.0

    def enter(self, window: Window, run: str, now: float) -> None:
        """A window comes to watch."""
        if not self.windows:
            self.watched_s, self.made = now, 0
        self.windows.append(window)
        self.before = None  # the next frame goes out, changed or not
        window.tell(self.welcome(run))

    def pass_to(self, now: float) -> float:
        """It is so late now; gives how much of the dance passes with it, seconds."""
        passed_s, self.last_s = min(max(0.0, now - self.last_s), LEAP_S), now
        return passed_s

    def due(self, passed_s: float, now: float) -> Shown | None:
        """What has to be drawn; None where it was sent just now."""
        try:
            shown = self.session.frame(passed_s)
        except Exception as error:  # whatever it was must not stop the other sessions
            self.fail(error)
            return None
        if self.session.changed != self.told:  # by itself, such as at the end of a score
            self.tell_state()
        self.made += 1
        return None if self._was_sent(shown) and now - self.sent_s < STILL_S else shown

    def _was_sent(self, shown: Shown) -> bool:
        before = self.before
        return (
            before is not None
            and before.header[1:4] == shown.header[1:4]
            and np.array_equal(before.pose, shown.pose)
        )

    def offer(self, shown: Shown, picture: np.ndarray, now: float) -> None:
        """Offer a frame to the windows: its picture (H, W, C) uint8."""
        self.number = (self.number + 1) % 2**32
        self.before, self.sent_s, self.failing = shown, now, False
        message = protocol.pack_frame(shown.header._replace(number=self.number), as_jpeg(picture))
        for window in self.windows:
            window.offer(message)

    def fail(self, error: Exception) -> None:
        """Tell that the frame cannot be made, once and not thirty times a second."""
        if not self.failing:
            log.error("the frames of session %s cannot be made", self.session.name, exc_info=error)
            why = str(error) if isinstance(error, DancenetError) else "the terminal says more"
            self.tell(protocol.Failed(f"the picture cannot be made: {why}"))
        self.failing = True

    def tell_state(self) -> None:
        """Tell all windows how the session stands."""
        self.changed_s, self.told = time.monotonic(), self.session.changed
        self.tell(protocol.State(self.session.state()))

    def remember(self) -> None:
        """Write down how the session stands, if it has changed since."""
        if self.remembered != self.session.changed:
            self.remembered = self.session.changed
            try:
                self.session.remember()
            except (DancenetError, OSError) as error:  # a full disk must not stop the dance
                log.warning("how session %s stands was not written down: %s", self.session.name, error)

    def pulse(self, now: float, passed_s: float, clients: int) -> None:
        """Tell all windows how fast frames were made of late."""
        if not self.windows or now - self.watched_s < passed_s:
            return  # not watched for so long yet
        fps, self.made = self.made / passed_s, 0
        slow = ""
        if self.session.performer.is_stale:
            slow = "this run has been trained further: close all its windows and open it again"
        elif fps < SLOW * FPS:
            slow = f"this machine makes {fps:.0f} of {FPS:.0f} frames a second now"
        for window in self.windows:
            window.pulse(fps, clients, slow)

    def tell(self, event: protocol.Event) -> None:
        """Tell all windows."""
        for window in self.windows:
            window.tell(event)

    def welcome(self, run: str) -> protocol.Welcome:
        """What a window is told first."""
        session = self.session
        performer = session.performer
        packed = performer.trained.packed
        return protocol.Welcome(
            version=protocol.VERSION, dancenet=__version__, run=run, session=session.name,
            width=packed.width, height=packed.height, fps=FPS, frames=len(packed), film_fps=packed.fps,
            clips=[{"name": clip.name, "start": clip.start, "length": clip.length} for clip in packed.clips],
            dancers=list(packed.dancers),
            hears=bool(performer.trained.choreographer.preset.cues), encodes=performer.has_film,
            beat_s=performer.trained.beat_s, directions=performer.told_directions(),
            state=session.state(), library=performer.listed(),
        )  # fmt: skip


def show(stages: Iterable[Stage], now: float) -> None:
    """Make the frames that are due on all stages that are watched; without windows a dancer waits.

    What several dances of one choreographer need is rolled out in one call, and what several stages of one
    dancer show is drawn in one.
    """
    passed = [(stage, stage.pass_to(now)) for stage in stages]
    dancing: dict[int, list[tuple[Stage, float]]] = {}
    for stage, passed_s in passed:
        if stage.windows:
            dancing.setdefault(id(stage.session.performer), []).append((stage, passed_s))
    drawn: dict[tuple[int, int], list[tuple[Stage, Shown]]] = {}
    for together in dancing.values():
        if not _rolled(together):
            continue
        for stage, passed_s in together:
            shown = stage.due(passed_s, now)
            if shown is not None:
                drawn.setdefault((id(stage.session.performer), id(shown.guest)), []).append((stage, shown))
    for showing in drawn.values():
        _draw(showing, now)


def _rolled(together: list[tuple[Stage, float]]) -> bool:
    """Roll out what those dances of one choreographer need that go on; whether it could be done."""
    try:
        dances = (stage.session.dances(passed_s) for stage, passed_s in together)
        reach([dance for dance in dances if dance is not None])
    except Exception as error:
        for stage, _ in together:
            stage.fail(error)
        return False
    return True


def _draw(showing: list[tuple[Stage, Shown]], now: float) -> None:
    """Draw what stages of one dancer show, and offer it."""
    first, of = showing[0]
    try:
        poses = np.stack([shown.pose for _, shown in showing])
        bodies = np.array([shown.body for _, shown in showing])
        pictures = first.session.performer.pictures(poses, of.guest, bodies)
    except Exception as error:
        for stage, _ in showing:
            stage.fail(error)
        return
    for (stage, shown), picture in zip(showing, pictures, strict=True):
        stage.offer(shown, picture, now)
