"""A browser's window as the engine sees it: the newest frame, and every event, sent when it can take them.

Called from the engine's thread, sends in the server's; a window that stops reading holds up nobody.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from dancenet.studio import protocol

#: A window that has left so many events unread is gone.
UNREAD = 500


class SocketWindow:
    """One WebSocket.

    Args:
        loop: the server's.
        fps: frames per second that are made.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, fps: float):
        self._loop, self._fps = loop, fps
        self._events: deque[protocol.Event] = deque()
        self._frame: bytes | None = None
        self._ready = asyncio.Event()
        self._gone = asyncio.Event()
        self._offered = self._sent = 0

    def offer(self, frame: bytes) -> None:
        """A frame; one that was not sent yet gives way to it."""
        self._frame = frame
        self._offered += 1
        self._soon(self._ready.set)

    def tell(self, event: protocol.Event) -> None:
        """An event."""
        if len(self._events) >= UNREAD:
            self._soon(self._gone.set)
            return
        self._events.append(event)
        self._soon(self._ready.set)

    def pulse(self, made_fps: float, clients: int, slow: str) -> None:
        """Once a second; counts what went out since the last one."""
        offered, sent, self._offered, self._sent = self._offered, self._sent, 0, 0
        if not slow and sent < 0.5 * offered:
            slow = f"this window takes {sent} of {offered} frames a second: its line or its screen is slow"
        if self._events and isinstance(self._events[-1], protocol.Pulse):
            return  # it has not read the last one yet
        self.tell(protocol.Pulse(made_fps, float(sent), self._fps, clients, slow))

    def _soon(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped
            self._loop.call_soon_threadsafe(what)

    async def gone(self) -> None:
        """Comes back once the window has left too much unread."""
        await self._gone.wait()

    async def next(self) -> str | bytes:
        """What is to be sent next: events first, then the newest frame."""
        while True:
            if self._events:
                return protocol.write_event(self._events.popleft())
            if self._frame is not None:
                frame, self._frame = self._frame, None
                self._sent += 1
                return frame
            self._ready.clear()
            if not self._events and self._frame is None:
                await self._ready.wait()
