"""Messages and addresses as nobody should send them: each gets a clear answer, and the dance goes on.

`make test` tries 200 of each and streams for 30 s; `make soak` 10,000, and 10 minutes.
"""

import contextlib
import json
import os
import random
import socket
import string
import threading
import time
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from studio import PATIENCE_S, Server
from studio_fuzz import FEW, MANY, NO_REQUESTS, VALID, almost, damaged_text
from websockets.exceptions import ConnectionClosed

from dancenet.studio import protocol


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(folder=tmp_path_factory.mktemp("fuzz")) as server:
        with server.line() as line:
            line.seen(lambda header: header.time_s > 1.0)
            line.ask("snapshot", name="mine")
            line.ask("keep", from_ago_s=0.8, name="bit")
            line.ask("write", name="short", text="[[section]]\nlength = 1\n")
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


def answered(line, asked: dict) -> str:
    """Send a request with a number; the answer to it comes, "done" or "failed" with words."""
    line.id += 1
    line.socket.send(json.dumps({**asked, "id": line.id}))
    got = line.answer(line.id)
    if got["is"] == "failed":
        assert got["error"].strip()
        assert "inside dancenet" not in got["error"], (asked, got)
    return got["is"]


def requests(line, settings_):
    """Mostly what may be asked for, and what is nearly so; most of it gets as far as being carried out."""
    seen = Counter()

    @settings_
    @given(st.one_of(VALID, VALID, almost()))
    def each(asked):
        with contextlib.suppress(ValueError):
            protocol.read_request(json.dumps(asked))
            seen["valid"] += 1
        seen[answered(line, asked)] += 1

    each()
    tried = seen["done"] + seen["failed"]
    assert seen["valid"] > tried / 2
    assert seen["done"] > tried / 6, "what is allowed is done, until things are put away"


def texts(line, settings_):
    """Whatever is no request gets an answer too, though without a number."""

    @settings_
    @given(NO_REQUESTS)
    def each(text):
        line.socket.send(text)
        line.first(lambda got: isinstance(got, dict) and got["is"] in ("done", "failed"))

    each()


#: A section of each verb, and more of the notation.
SCORES = [
    'fps = 24\n[[section]]\nlength = 4\nbegin = "take1:1"\n[[section]]\nverb = "loop"\nlength = 4\n',
    '[[section]]\nverb = "between"\nlength = 6\nkeyframes = ["1=mine", "3.5=../poses/mine.json"]\n# so\n',
    '[[section]]\nverb = "vary"\nphrases = ["../phrases/bit.json:0-0.5"]\namount = 0.4\nname = "a"\n',
    'music = "../music/none.ogg"\nfrom = "5"\n[[section]]\nverb = "blend"\nphrases = ["a", "b"]\nover = 1\n',
    '[[section]]\nverb = "continue"\nlength = 1e3\nphrases = ["x:1-2"]\ntemperature = 0.9\nbeats = 4\n',
]


def scores(line, settings_):
    """Texts that are nearly scores: told what is wrong, and kept to the letter."""
    dances = Counter()

    @settings_
    @example(text=SCORES[0].replace("\n", "\r"))
    @given(st.one_of(st.sampled_from(SCORES), *[damaged_text(st.sampled_from(SCORES))] * 4))
    def each(text):
        told = line.ask("write", name="odd", text=text)["result"]
        assert told["text"] == text
        assert told["error"] is None or ("\n" not in told["error"] and "inside dancenet" not in told["error"])
        assert line.ask("open", name="odd")["result"] == told
        dances[told["error"] is None] += 1

    each()
    assert dances[True], "some can be danced"
    assert dances[False]


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


def test_texts_that_are_nearly_scores_are_told_and_kept(line):
    scores(line, FEW)


def test_addresses_lead_nowhere_else(server):
    addresses(server, FEW)


@pytest.mark.soak
def test_ten_thousand_of_each(server, line):
    requests(line, MANY)
    texts(line, MANY)
    scores(line, MANY)
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


def noise(server, stop) -> None:
    """Bytes that begin like a handshake and go on like nothing at all."""
    chance = random.Random(1)
    letters = string.printable.encode() + b"\x00\xff"
    while not stop.wait(0.05):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as raw,
        ):
            raw.settimeout(1)
            raw.sendall(b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n" * chance.randint(0, 1))
            raw.sendall(bytes(chance.choices(letters, k=chance.randint(1, 4000))))
            raw.recv(1000)


def stream(server, seconds: float, warm_s: float, bar: float):
    """A window that watches and plays with everything, noise beside it; memory stays as it was once warm."""
    chance, stop = random.Random(0), threading.Event()
    noisy = threading.Thread(target=noise, args=(server, stop))
    noisy.start()
    try:
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
    finally:
        stop.set()
        noisy.join(PATIENCE_S)
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
