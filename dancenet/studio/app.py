"""The studio's routes: files of the page, pictures, and the WebSocket. No mathematics here.

Every answer comes from the engine; `guard` has refused already whoever may not ask.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from dancenet.errors import DancenetError
from dancenet.studio import map_routes, protocol, score_routes
from dancenet.studio.answers import engine_of, painted, performer_of
from dancenet.studio.engine import MAIN, Engine
from dancenet.studio.guard import Guard, close_reason
from dancenet.studio.jpeg import row_as_jpeg
from dancenet.studio.session import FPS
from dancenet.studio.window import SocketWindow

log = logging.getLogger(__name__)

#: The page.
STATIC = Path(__file__).parent / "static"
#: So many pictures in a strip at most.
STRIP = 120
#: A window that is closed may take so long for its goodbye, seconds.
CLOSE_S = 1.0
#: Longer texts over the WebSocket close it, bytes.
LONGEST = 1_000_000


def studio_app(engine: Engine, *, host: str = "127.0.0.1", token: str | None = None) -> Guard:
    """The ASGI application.

    Args:
        engine: started.
        host: what the server is bound to.
        token: asked of everyone, if not None.
    """
    routes = [
        Route("/", _page),
        Mount("/static", StaticFiles(directory=STATIC)),
        WebSocketRoute("/live", _live),
        Route("/api/runs", _runs),
        Route("/api/strip.jpg", _strip),
        Route("/api/film/{frame}.jpg", _film),
        Route("/api/saved/{kind}/{name}.jpg", _saved),
        Route("/api/direction/{name}.jpg", _direction),
        *map_routes.ROUTES,
        *score_routes.ROUTES,
    ]
    app = Starlette(routes=routes, exception_handlers={DancenetError: _mistake})
    app.state.engine = engine
    return Guard(app, host=host, token=token)


async def _mistake(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), status_code=400)


async def _page(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _runs(request: Request) -> Response:
    return JSONResponse({"runs": list(engine_of(request).runs)})


async def _strip(request: Request) -> Response:
    """The last minutes, as pictures in a row."""
    performer, engine = await performer_of(request), engine_of(request)
    run, name = request.query_params.get("run", ""), request.query_params.get("session") or MAIN
    count = min(max(_whole(request, "count", 24), 1), STRIP)
    past = engine.call(lambda: engine.stage(run, name).past(count))
    poses, length_s = await asyncio.wrap_future(past)
    row = await painted(request, lambda: row_as_jpeg(performer.pictures(poses)))
    return _jpeg(row, **{"x-seconds": f"{length_s:.3f}", "cache-control": "no-store"})


async def _film(request: Request) -> Response:
    """A frame of the film."""
    performer, frame = await performer_of(request), request.path_params["frame"]
    row = await painted(request, lambda: row_as_jpeg(performer.film_pictures([_number(frame, "frame")])))
    return _jpeg(row, **{"cache-control": "max-age=3600"})


async def _saved(request: Request) -> Response:
    """A saved pose, or some poses of a saved phrase."""
    performer, path = await performer_of(request), request.path_params
    row = await painted(request, lambda: row_as_jpeg(performer.saved(path["kind"], path["name"])))
    return _jpeg(row, **{"cache-control": "no-store"})


async def _direction(request: Request) -> Response:
    """What a direction does, as three pictures in a row."""
    performer, name = await performer_of(request), request.path_params["name"]
    row = await painted(request, lambda: row_as_jpeg(performer.along(name)))
    return _jpeg(row, **{"cache-control": "no-store"})


def _whole(request: Request, name: str, usual: int) -> int:
    return _number(request.query_params.get(name, str(usual)), name)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DancenetError(f"{name}={text[:40]}", "a whole number")
    return int(text)


def _jpeg(picture: bytes, **headers: str) -> Response:
    return Response(picture, media_type="image/jpeg", headers=headers)


async def _live(socket: WebSocket) -> None:
    """One window: requests in, events and frames out, until either side goes."""
    await socket.accept()
    engine = engine_of(socket)
    window = SocketWindow(asyncio.get_running_loop(), FPS)
    run, name = socket.query_params.get("run", ""), socket.query_params.get("session") or MAIN
    try:
        key = await asyncio.wrap_future(engine.enter(run, name, window))
    except DancenetError as error:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.send_text(protocol.write_event(protocol.Failed(str(error))))
            await socket.close(4404, close_reason(str(error)))
        return
    tasks = [
        asyncio.create_task(doing)
        for doing in (_send(socket, window), _receive(socket, window, engine, key), window.gone())
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        engine.leave(key, window)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # one that reads nothing reads no goodbye
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
            await asyncio.wait_for(socket.close(), CLOSE_S)


async def _send(socket: WebSocket, window: SocketWindow) -> None:
    while True:
        message = await window.next()
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_text(message)


async def _receive(socket: WebSocket, window: SocketWindow, engine: Engine, key: tuple[str, str]) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            window.tell(protocol.Failed("a binary message; requests are JSON texts"))
            continue
        try:
            request = protocol.read_request(text)
        except ValueError as error:
            window.tell(protocol.Failed(f"that is no request: {error}", protocol.id_of(text)))
            continue
        # one after another: a window that asks too fast waits, and holds up nobody else
        await asyncio.wrap_future(engine.request(key, window, request))
