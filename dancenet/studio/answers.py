"""What all routes use: whom a request is for, and pictures in their turn. No mathematics here."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.websockets import WebSocket

from dancenet.studio.engine import Engine
from dancenet.studio.performer import Performer


def engine_of(request: Request | WebSocket) -> Engine:
    """The engine behind the application."""
    return request.app.state.engine


async def performer_of(request: Request) -> Performer:
    """The run that a request names; the first where it names none."""
    return await asyncio.wrap_future(engine_of(request).ready(request.query_params.get("run", "")))


async def painted(request: Request, what: Callable[[], Any]) -> Any:
    """What comes of making pictures, which waits its turn and holds up no dance."""
    return await asyncio.wrap_future(engine_of(request).paint(what))
