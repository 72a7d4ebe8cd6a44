"""Routes of the map: where the film's frames lie, their thumbnails, search by image. No mathematics here."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dancenet.studio import protocol
from dancenet.studio.answers import engine_of, painted, performer_of
from dancenet.studio.uploads import IMAGE_BYTES, decoded_image, read_limited

#: So many images are decoded at once; others wait.
AT_ONCE = 2


async def _map(request: Request) -> Response:
    """The map as far as it is known (`film_map.FilmMap.told`); the rest is told by the event `mapped`."""
    performer, engine = await performer_of(request), engine_of(request)

    def told(error: str) -> None:
        """Tell all windows that the rest is there."""
        engine.call(lambda: engine.announce(performer, protocol.Mapped(error)))

    body = await asyncio.to_thread(performer.map.told)
    performer.map.complete_soon(told)
    return Response(body, media_type="application/octet-stream", headers={"cache-control": "no-store"})


async def _sheet(request: Request) -> Response:
    """A sheet of thumbnails; its address changes with the map's digest, so that it may be kept."""
    performer = await performer_of(request)
    sheet = await painted(request, lambda: performer.map.thumbnails.sheet(request.path_params["number"]))
    kept = request.query_params.get("of") == performer.map.digest
    headers = {"cache-control": "private, max-age=31536000, immutable" if kept else "no-cache"}
    return Response(sheet, media_type="image/jpeg", headers=headers)


async def _search(request: Request) -> Response:
    """The moments of the film that look most like the image that is the request's body."""
    performer = await performer_of(request)
    performer.map.check_encoder()
    data = await read_limited(request.stream(), IMAGE_BYTES, "the image")
    async with _turns(request):
        picture = await asyncio.to_thread(decoded_image, data)
    found = await painted(request, lambda: performer.map.like(picture))
    return JSONResponse({"found": found})


def _turns(request: Request) -> asyncio.Semaphore:
    state = request.app.state
    if not hasattr(state, "searches"):
        state.searches = asyncio.Semaphore(AT_ONCE)
    return state.searches


ROUTES = [
    Route("/api/map", _map),
    Route("/api/sheet/{number:int}.jpg", _sheet),
    Route("/api/search", _search, methods=["POST"]),
]
