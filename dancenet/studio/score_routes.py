"""Routes of the score and export tabs: songs up and down, waveforms, exports. No mathematics here."""

import asyncio
import contextlib
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from dancenet.errors import DancenetError
from dancenet.studio.answers import engine_of, performer_of
from dancenet.studio.songs import KINDS, LARGEST, Songs

#: One song is heard at a time.
_hearing = asyncio.Semaphore(1)


async def _upload(request: Request) -> Response:
    """A song, as the body of the request; gives the name that it got."""
    performer = await performer_of(request)
    songs = performer.songs
    name = songs.free_name(request.path_params["name"])
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > LARGEST:
        raise _too_large(name)
    async with _hearing:
        part = await asyncio.to_thread(songs.part, name)
        try:
            await _receive(request, part, name)
            await asyncio.to_thread(songs.take, part, name)
        finally:
            part.unlink(missing_ok=True)
    engine = engine_of(request)
    engine.call(lambda: engine.tell_library(performer))
    return JSONResponse({"song": name})


async def _receive(request: Request, part: Path, name: str) -> None:
    length = 0
    try:
        with open(part, "wb") as file:
            async for block in request.stream():
                length += len(block)
                if length > LARGEST:
                    raise _too_large(name)
                await asyncio.to_thread(file.write, block)
    except ClientDisconnect:
        raise DancenetError(f"{name} broke off after {length} bytes", "the whole song") from None
    except OSError as error:
        raise DancenetError(f"{name} cannot be kept ({error.strerror})", "room and permission") from None


def _too_large(name: str) -> DancenetError:
    return DancenetError(
        f"{name} is too large", f"{LARGEST // 1_000_000} MB at most", "send it as mp3 or ogg"
    )


async def _song(request: Request) -> Response:
    """The sound of a song, whole or in parts."""
    songs: Songs = (await performer_of(request)).songs
    path = songs.path(request.path_params["name"])
    return FileResponse(path, media_type=KINDS[path.suffix], headers={"cache-control": "no-cache"})


async def _waveform(request: Request) -> Response:
    """Peaks, beats and tempo of a song."""
    songs: Songs = (await performer_of(request)).songs
    return JSONResponse(await asyncio.to_thread(songs.waveform, request.path_params["name"]))


async def _export(request: Request) -> Response:
    """An export, or its score; to be looked at, or with ?download to be saved."""
    path = (await performer_of(request)).exports.path(request.path_params["file"])
    name = path.name if "download" in request.query_params else None
    media = "text/plain; charset=utf-8" if path.suffix == ".toml" else None
    headers = {"cache-control": "no-cache"}
    with contextlib.suppress(OSError):
        return FileResponse(path, filename=name, media_type=media, headers=headers)
    raise DancenetError(f"{path.name} cannot be read", "a file of exports/")


ROUTES = [
    Route("/api/music/{name}", _upload, methods=["POST"]),
    Route("/api/music/{name}", _song),
    Route("/api/waveform/{name}.json", _waveform),
    Route("/api/exports/{file}", _export),
]
