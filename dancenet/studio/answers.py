"""Whom a request is for. No mathematics here."""

import asyncio

from starlette.requests import Request
from starlette.websockets import WebSocket

from dancenet.studio.engine import Engine
from dancenet.studio.performer import Performer


def engine_of(request: Request | WebSocket) -> Engine:
    """The engine behind the application."""
    return request.app.state.engine


async def performer_of(request: Request) -> Performer:
    """The run that a request names; the first where it names none."""
    engine = engine_of(request)
    run = request.query_params.get("run") or next(iter(engine.runs))
    return await asyncio.wrap_future(engine.call(lambda: engine.performer(run)))
