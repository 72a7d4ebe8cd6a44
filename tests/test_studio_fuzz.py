"""Messages and addresses as nobody should send them: each gets a clear answer, and the dance goes on.

`make test` tries 200 of each and streams for 30 s; `make soak` 10,000, and 10 minutes.
"""

import contextlib
import json
import os
import random
import string
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from studio import PATIENCE_S, Server
from websockets.exceptions import ConnectionClosed

from dancenet.errors import DancenetError
from dancenet.studio import protocol
from dancenet.studio.uploads import decoded_image

#: One server for all; whoever fails says so in its log.
HOURS = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a smaller case would take as long again, each
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
FEW, MANY = settings(HOURS, max_examples=200), settings(HOURS, max_examples=10_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(folder=tmp_path_factory.mktemp("fuzz")) as server:
        with server.line() as line:
            line.seen(lambda header: header.time_s > 1.0)
            line.ask("snapshot", name="mine")
            line.ask("keep", from_ago_s=0.8, name="bit")
        yield server
        with server.line("?session=last") as line:
            line.seen()
        assert server.process.poll() is None
    said = server.said()
    assert "Traceback" not in said, said[-6000:]
    assert "failed inside" not in said, said[-6000:]


@pytest.fixture(scope="module")
def line(server):
    with server.line("?session=fuzz") as line:
        yield line


# what is sent

NAMES = st.sampled_from(
    ["mine", "bit", "gone", "piece", "../x", "a/b", "", "x" * 60, "x" * 61, "\0", "ü", "a\n"]
)
PLACES = NAMES | st.sampled_from(
    ["take1:1", "x:y", "x:nan", "x:1e9", ":", "x:-1", "/etc/passwd:3", "a:b.json", "x" * 201]
)
NUMBERS = (
    st.sampled_from(
        [0, 1, -1, 0.25, 2.5, 20, 20.1, 400, 9999, 10**9, 10**9 + 1, 2**31 - 1, 2**31, 2**53, 2**64, 1e308]
    )
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
#: What a field of that name may hold, good or nearly good.
FIELDS = {
    "name": NAMES,
    "to": NAMES,
    "job": NAMES,
    "pose": PLACES,
    "kind": st.sampled_from(["pose", "phrase", "score", "x"]),
    "form": st.sampled_from(["mp4", "gif", "exe"]),
    "poses": st.lists(PLACES, max_size=10),
    "weights": st.lists(NUMBERS, max_size=10),
    "amounts": st.dictionaries(NAMES | st.just("principal-1"), NUMBERS, max_size=3),
    "having": st.lists(PLACES, max_size=4),
    "lacking": st.lists(PLACES, max_size=4),
    "frames": st.lists(st.integers(-2, 10**6), max_size=6),
    "text": st.text(max_size=300),
    "paused": st.booleans(),
}
KINDS = {kind.__struct_config__.tag: kind for kind in protocol.Request.__subclasses__()}


@st.composite
def almost(draw):
    """A request of some kind with values at and beyond their ranges, sometimes one field too many."""
    do = draw(st.sampled_from(sorted(KINDS)))
    names = [name for name in KINDS[do].__struct_fields__ if name != "id" and draw(st.integers(0, 5))]
    values = {
        name: draw(FIELDS.get(name, NUMBERS) if draw(st.integers(0, 9)) else ANYTHING) for name in names
    }
    if not draw(st.integers(0, 15)):
        values[draw(st.text(max_size=8))] = draw(ANYTHING)
    return {"do": do, **values}


def answered(line, asked: dict) -> None:
    """Send a request with a number; the answer to it comes, done or failed, with words."""
    line.id += 1
    line.socket.send(json.dumps({**asked, "id": line.id}))
    got = line.answer(line.id)
    if got["is"] == "failed":
        assert got["error"].strip()
        assert "inside dancenet" not in got["error"], (asked, got)


def requests(line, settings_):
    @settings_
    @given(almost())
    def each(asked):
        answered(line, asked)

    each()


def texts(line, settings_):
    """Whatever is no request gets an answer too, though without a number."""

    @settings_
    @given(
        ANYTHING.map(json.dumps)
        | st.text(max_size=200)
        | st.binary(max_size=200)
        | st.sampled_from(
            [
                "[" * 5000,
                '{"a":' * 5000,
                "{" + '"do":"set",' * 50 + '"id":3}',
                '{"do":"set","tempo":1e999}',
                "\ufeff{}",
                "NaN",
            ]
        )
    )
    def each(text):
        line.socket.send(text)
        line.first(lambda got: isinstance(got, dict) and got["is"] in ("done", "failed"))

    each()


PIECES = st.sampled_from(
    [
        "..",
        ".",
        "%2e%2e",
        "%2f",
        "%5c..%5c",
        "%00",
        "static",
        "api",
        "film",
        "saved",
        "pose",
        "phrase",
        "strip.jpg",
        "runs",
        "mine.jpg",
        "bit.jpg",
        "gone.jpg",
        "9" * 5000 + ".jpg",
        "-1.jpg",
        "1e9.jpg",
        "3.jpg",
        "%F0%9F%98%80",
        "%ff",
        "main.js",
        "direction",
        "principal-1.jpg",
        "live",
        "etc",
        "passwd",
        "~",
        "C:",
        "*",
        "%",
        "a" * 2000,
    ]
)
VALUES = st.sampled_from(
    [
        "",
        "main",
        "fuzz",
        "../../x",
        "1e9",
        "999999999",
        "0",
        "-1",
        "24",
        "121",
        "%00",
        "%ff",
        "built-in",
        "gone",
        "x" * 3000,
        "٣",
    ]
)
QUERIES = st.dictionaries(st.sampled_from(["run", "session", "count", "token", "x"]), VALUES, max_size=3)
METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])


def addresses(server, settings_):
    @settings_
    @given(st.lists(PIECES, max_size=5), QUERIES, METHODS)
    def each(pieces, query, method):
        path = "/" + "/".join(pieces)
        more = "&".join(f"{name}={value}" for name, value in query.items()).encode("ascii", "ignore").decode()
        status, body, headers = server.get(f"{path}?{more}", method)
        assert status in (200, 304, 307, 400, 404, 405, 426), (path, more, status, body[:200])
        assert b"root:" not in body
        assert b"import " not in body or "javascript" in headers["content-type"], path
        assert "content-security-policy" in headers or status == 400

    each()


def test_almost_requests_are_answered(line):
    requests(line, FEW)


def test_texts_that_are_no_requests_are_answered(line):
    texts(line, FEW)


def test_addresses_lead_nowhere_else(server):
    addresses(server, FEW)


def image(form: str) -> bytes:
    """A small picture as a file."""
    pixels = np.random.default_rng(1).integers(0, 255, (40, 56, 3)).astype("uint8")
    return cv2.imencode(form, pixels)[1].tobytes()


@st.composite
def damaged(draw) -> bytes:
    """A picture with bytes changed, its end cut off, or something appended."""
    data = bytearray(draw(st.sampled_from([image(form) for form in (".jpg", ".png", ".webp")])))
    for place, value in draw(
        st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=8)
    ):
        data[place] = value
    return bytes(data[: draw(st.integers(1, len(data)))]) + draw(st.binary(max_size=20))


def uploads(how: settings) -> None:
    """Pictures four at a time: each is read, or refused in one clear line."""
    with ThreadPoolExecutor(2) as pool:

        @how
        @given(
            files=st.lists(st.one_of(damaged(), st.binary(min_size=1, max_size=400)), min_size=4, max_size=4)
        )
        def tried(files):
            for made in pool.map(answer_to, files):
                assert made
                assert "\n" not in made

        tried()


def answer_to(data: bytes) -> str:
    """What the studio says of an uploaded picture."""
    try:
        picture = decoded_image(data)
    except DancenetError as error:
        return str(error)
    assert picture.dtype == np.uint8
    return f"{picture.shape}" if picture.ndim == 3 and picture.shape[2] == 3 else ""


def test_uploaded_pictures_are_read_or_refused():
    uploads(settings(HOURS, max_examples=FEW.max_examples // 4))


@pytest.mark.soak
def test_ten_thousand_uploaded_pictures():
    uploads(settings(HOURS, max_examples=MANY.max_examples // 4))


@pytest.mark.soak
def test_ten_thousand_of_each(server, line):
    requests(line, MANY)
    texts(line, MANY)
    addresses(server, MANY)


def closed_with(line) -> int:
    """The code with which a line is closed."""
    try:
        while True:
            line.next()
    except ConnectionClosed as closed:
        return closed.rcvd.code


def test_what_is_too_long_closes_the_line_and_nothing_else(server):
    with server.line("?session=long") as line:
        line.socket.send("x" * 1_200_000)
        assert closed_with(line) == 1009
    with server.line("?session=long") as line:
        answered(line, {"do": "write", "name": "long", "text": "# " + "x" * 199_000})
        answered(line, {"do": "write", "name": "long", "text": "# " + "x" * 201_000})


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"do": "set", "\xc3"}', b"\xed\xa0\x80"])
def test_texts_that_are_no_utf8_close_the_line(server, payload):
    with server.line("?session=odd") as line:
        line.socket.send(payload, text=True)
        assert closed_with(line) == 1007


def memory_mb(server) -> float:
    """Resident memory of the server's process; None where the system does not tell."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(row.split()[1]) / 1024 for row in status if row.startswith("VmRSS"))


def stream(server, seconds: float, warm_s: float, bar: float):
    """A window that watches and plays with everything; the server's memory stays as it was once warm."""
    chance = random.Random(0)
    with server.line("?session=stream") as line:
        begun, before, frames = time.monotonic(), None, 0
        while (passed_s := time.monotonic() - begun) < seconds + warm_s:
            if before is None and passed_s > warm_s:
                before, frames = memory_mb(server), 0
            frames += 1
            line.seen()
            if frames % 15 == 0:
                control = chance.choice(["temperature", "stray", "energy"])
                assert line.ask("set", **{control: chance.random()})["is"] == "done"
                assert line.ask("bend", amounts={"principal-1": chance.uniform(-2, 2)})["is"] == "done"
            if frames % 90 == 0:
                assert line.ask("restart", seed=chance.randrange(1000))["is"] == "done"
                assert server.get("/api/strip.jpg?count=20")[0] == 200
        after = memory_mb(server)
    assert frames > 5 * seconds, "the dance streams"
    assert abs(after / before - 1) <= bar, f"{before:.0f} MB, then {after:.0f} MB"


@pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="the system does not tell a process's memory"
)
def test_memory_stays_flat(server):
    stream(server, 20, 10, 0.10)


@pytest.mark.soak
def test_memory_stays_flat_for_ten_minutes(server):
    stream(server, 600, 20, 0.05)


@pytest.mark.soak
def test_a_flood_of_noise_for_ten_minutes(server):
    """Bytes that begin like a handshake and go on like nothing at all."""
    import socket

    chance, until = random.Random(1), time.monotonic() + 600
    while time.monotonic() < until:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as raw,
        ):
            raw.settimeout(1)
            raw.sendall(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n" * chance.randint(0, 1))
            raw.sendall(
                bytes(chance.choices(string.printable.encode() + b"\x00\xff", k=chance.randint(1, 4000)))
            )
            raw.recv(1000)
    with server.line("?session=after") as line:
        line.seen()
