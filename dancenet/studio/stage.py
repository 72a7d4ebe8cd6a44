"""A session on its stage: who watches it, and its frames as messages.

Shape letters: H height, W width, C channels.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dancenet import __version__
from dancenet.studio import protocol
from dancenet.studio.jpeg import as_jpeg
from dancenet.studio.session import FPS, Session, Shown

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
            hears=bool(performer.trained.choreographer.preset.cues), encodes=performer.has_film,
            beat_s=performer.trained.beat_s, directions=performer.told_directions(),
            state=session.state(), library=performer.library.listed(),
        )  # fmt: skip
