"""The studio's routes: files of the page, pictures, and the WebSocket. No mathematics here.

Every answer comes from the engine; `guard` has refused already whoever may not ask.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from dancenet.errors import DancenetError
from dancenet.studio import map_routes, protocol
from dancenet.studio.answers import engine_of, performer_of
from dancenet.studio.engine import MAIN, Engine
from dancenet.studio.guard import Guard
from dancenet.studio.jpeg import as_jpeg
from dancenet.studio.session import FPS
from dancenet.studio.window import SocketWindow

log = logging.getLogger(__name__)

#: The page.
STATIC = Path(__file__).parent / "static"
#: So many pictures in a strip at most.
STRIP = 120
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
        Route("/api/film/{frame:int}.jpg", _film),
        Route("/api/saved/{kind}/{name}.jpg", _saved),
        Route("/api/direction/{name}.jpg", _direction),
        *map_routes.ROUTES,
    ]
    app = Starlette(routes=routes, exception_handlers={DancenetError: _mistake})
    app.state.engine = engine
    return Guard(app, host=host, token=token)


async def _mistake(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), status_code=400)


async def _page(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


async def _runs(request: Request) -> Response:
    engine = engine_of(request)
    return JSONResponse({"runs": list(engine.runs)})


async def _strip(request: Request) -> Response:
    """The last minutes, as pictures in a row."""
    engine = engine_of(request)
    run = request.query_params.get("run") or next(iter(engine.runs))
    name = request.query_params.get("session") or MAIN
    count = min(max(_whole(request, "count", 24), 1), STRIP)

    def made() -> tuple[np.ndarray, float]:
        return engine.stage(run, name).strip(count)

    pictures, length_s = await asyncio.wrap_future(engine.call(made))
    row = np.concatenate(list(pictures), axis=1)
    return _jpeg(row, **{"x-seconds": f"{length_s:.3f}", "cache-control": "no-store"})


async def _film(request: Request) -> Response:
    """A frame of the film."""
    performer = await performer_of(request)
    frame = request.path_params["frame"]
    if frame >= len(performer.trained.packed):
        raise DancenetError(f"frame {frame}", f"0 to {len(performer.trained.packed) - 1}")
    picture = (await asyncio.to_thread(performer.film_pictures, np.array([frame])))[0]
    return _jpeg(picture, **{"cache-control": "max-age=3600"})


async def _saved(request: Request) -> Response:
    """A saved pose, or some poses of a saved phrase."""
    performer = await performer_of(request)
    kind, name = request.path_params["kind"], request.path_params["name"]
    if kind == "pose":
        poses = performer.library.pose(name).latents[None]
    elif kind == "phrase":
        latents = performer.library.phrase(name).latents
        poses = latents[np.linspace(0, len(latents) - 1, 6).astype(int)]
    else:
        raise DancenetError(f"a picture of a {kind[:20]}", "one of a pose or a phrase")
    pictures = await asyncio.to_thread(performer.pictures, poses)
    return _jpeg(np.concatenate(list(pictures), axis=1), **{"cache-control": "no-store"})


async def _direction(request: Request) -> Response:
    """What a direction does, as three pictures in a row."""
    performer = await performer_of(request)
    pictures = await asyncio.to_thread(performer.along, request.path_params["name"])
    return _jpeg(np.concatenate(list(pictures), axis=1), **{"cache-control": "no-store"})


def _whole(request: Request, name: str, usual: int) -> int:
    text = request.query_params.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DancenetError(f"{name}={text[:40]}", "a whole number")
    return int(text)


def _jpeg(picture: np.ndarray, **headers: str) -> Response:
    return Response(as_jpeg(picture), media_type="image/jpeg", headers=headers)


async def _live(socket: WebSocket) -> None:
    """One window: requests in, events and frames out, until either side goes."""
    await socket.accept()
    engine = engine_of(socket)
    window = SocketWindow(asyncio.get_running_loop(), FPS)
    run, name = socket.query_params.get("run", ""), socket.query_params.get("session") or MAIN
    try:
        key = await asyncio.wrap_future(engine.enter(run, name, window))
    except DancenetError as error:
        await socket.send_text(protocol.write_event(protocol.Failed(str(error))))
        await socket.close(4404, str(error)[:120])
        return
    sending = asyncio.create_task(_send(socket, window))
    receiving = asyncio.create_task(_receive(socket, window, engine, key))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        engine.leave(key, window)
        for task in (sending, receiving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
                await task
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            await socket.close()


async def _send(socket: WebSocket, window: SocketWindow) -> None:
    while not window.overrun:
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
        engine.request(key, window, request)
