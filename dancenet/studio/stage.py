"""A session on its stage: who watches it, and its frames as messages.

Shape letters: H height, W width, C channels.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dancenet import __version__
from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.jpeg import as_jpeg
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

    def show(self, now: float) -> None:
        """Make the frame that is due, and offer it to the windows; without any the dancer waits."""
        passed_s, self.last_s = min(max(0.0, now - self.last_s), LEAP_S), now
        if not self.windows:
            return
        try:
            message = self.drawn(self.session.frame(passed_s), now)
        except Exception as error:
            if not self.failing:  # and not thirty times a second
                log.exception("the frames of session %s cannot be made", self.session.name)
                why = str(error) if isinstance(error, DancenetError) else "the terminal says more"
                self.tell(protocol.Failed(f"the picture cannot be made: {why}"))
            self.failing = True
            return
        self.failing = False
        if self.session.changed != self.told:  # by itself, such as at the end of a score
            self.tell_state()
        if message is not None:
            for window in self.windows:
                window.offer(message)

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

    def drawn(self, shown: Shown, now: float) -> bytes | None:
        """The message of a frame; None where it is that of the last one, which was sent just now."""
        before = self.before
        same = (
            before is not None
            and before.header[1:4] == shown.header[1:4]
            and np.array_equal(before.pose, shown.pose)
        )
        self.made += 1
        if same and now - self.sent_s < STILL_S:
            return None
        self.number = (self.number + 1) % 2**32
        self.before, self.sent_s = shown, now
        picture = self.session.performer.pictures(shown.pose[None])[0]
        return protocol.pack_frame(shown.header._replace(number=self.number), as_jpeg(picture))

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
