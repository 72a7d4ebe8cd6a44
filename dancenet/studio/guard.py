"""Who may talk to the studio: pages that it has served itself, on the names by which it was bound.

A page of another site cannot reach it, neither by a name that leads to this machine (DNS rebinding: the
Host is checked) nor by a WebSocket or a form (the Origin is checked). Bound elsewhere than to loopback, it
asks for a token besides.
"""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Holds the token once the page was opened with it.
COOKIE = "dancenet"
#: Nothing but what the package itself brings is loaded; pictures and sound may be made by the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
#: A browser that has shown the token once is let in for so long, seconds: a year.
KNOWN_S = 365 * 24 * 3600
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
#: Larger uploads are refused, bytes.
LARGEST = 100_000_000
#: Bytes of the reason for which a WebSocket closes; its protocol knows 123.
REASON = 120
#: Names of this machine to itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that is bound there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Lets through what comes from the studio's own pages.

    Args:
        app: what is guarded.
        host: what the server is bound to.
        token: asked for, if not None.
    """

    def __init__(self, app: App, *, host: str, token: str | None = None):
        self.app, self.token = app, token
        self.anywhere = not is_loopback(host)
        self.names = {*LOOPBACK, host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if why := self._refused(scope, headers):
            await _refuse(scope, send, *why)
            return
        await self.app(scope, _limited(receive), self._with_headers(scope, send))

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._known(host):
            return 421, f"the studio is not called {host[:80]!r}; open it by the address that it printed"
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        # programs other than browsers name no origin; browsers always do, of what could change something
        if origin is not None and changes and _place(origin) != _place(f"http://{host}"):
            return 403, f"the page {origin[:80]!r} may not use the studio"
        if _length(headers.get("content-length", "0")) > LARGEST:
            return 413, f"that is more than {LARGEST // 1_000_000} MB"
        if self.token is not None and not self._knows_token(scope, headers):
            return 401, "the studio asks for its token; open it by the whole address that it printed"
        return None

    def _known(self, host: str) -> bool:
        name = _place(f"http://{host}")[0]
        if name in self.names:
            return True
        # bound to every address of this machine, numbers cannot be rebound and names can
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.anywhere

    def _knows_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            cookies.clear()
        given = [*asked, *(cookie.value for name, cookie in cookies.items() if name == COOKIE)]
        return any(hmac.compare_digest(one.encode(), str(self.token).encode()) for one in given)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: MutableMapping[str, Any]) -> None:
            """Answer, with them."""
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
                if self.token is not None:
                    cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={KNOWN_S}"
                    message["headers"].append((b"set-cookie", cookie.encode()))
            await send(message)

        return sending


def _length(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else LARGEST + 1


def _limited(receive: Receive) -> Receive:
    """What is received, until that is too much: then nobody is there any more."""
    came = 0

    async def receiving() -> MutableMapping[str, Any]:
        """The next message, counted."""
        nonlocal came
        message = await receive()
        if message["type"] == "http.request":
            came += len(message.get("body", b""))
            if came > LARGEST:
                return {"type": "http.disconnect"}
        return message

    return receiving


def _place(address: str) -> tuple[str, int | None]:
    """Name and port of an address."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "", parts.port)
    except ValueError:
        return ("", None)


def close_reason(text: str) -> str:
    """As much of a text as fits beside the code with which a WebSocket closes."""
    return text.encode()[:REASON].decode(errors="ignore")


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4000 + status, "reason": close_reason(why)})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": why.encode()})
