"""The studio as a user starts it: who may talk to it, what it keeps, how it ends, who may be its client."""

import asyncio
import base64
import configparser
import contextlib
import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, outcome
from learned import environment
from PIL import Image
from studio import PATIENCE_S, Line, Server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from dancenet.errors import DancenetError
from dancenet.runs import Run
from dancenet.studio.guard import LARGEST, REASON, Guard, close_reason, is_loopback
from dancenet.studio.server import BUILT_IN, _bound, runs_in
from dancenet.studio.tokens import kept_token

STATIC = ROOT / "dancenet/studio/static"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One studio for all tests that leave it as it is; it has said nothing on standard error at the end."""
    with Server(folder=tmp_path_factory.mktemp("studio")) as server:
        yield server
    said = server.said()
    assert "Traceback" not in said, said


def request_lines(server, *lines: str) -> bytes:
    """The answer to a raw HTTP request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return line.recv(4096)


def handshake(server, **headers) -> int:
    """The HTTP status with which a WebSocket begins."""
    asked = {
        "Host": f"127.0.0.1:{server.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    lines = [f"{name}: {value}" for name, value in asked.items()]
    return int(request_lines(server, "GET /live HTTP/1.1", *lines).split()[1])


# who may talk to it


def test_it_is_bound_to_this_machine_alone(server):
    assert server.address.startswith("http://127.0.0.1:")
    assert "token" not in server.address
    others = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        if is_loopback(address):
            continue
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, server.port), timeout=5)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("[::1]:{port}", 200),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("8.8.8.8", 421),
        ("localhost@evil.example", 421),
        ("[", 421),
        ("localhost:x", 421),
    ],
)
def test_names_that_lead_here_are_not_enough(server, host, status):
    host = host.format(port=server.port)
    assert int(request_lines(server, "GET / HTTP/1.1", f"Host: {host}").split()[1]) == status
    assert handshake(server, Host=host) == {200: 101, 421: 403}[status]


def test_pages_of_other_sites_open_no_line(server):
    here = f"http://127.0.0.1:{server.port}"
    assert handshake(server, Origin=here) == 101
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        f"{here}.evil.example",
        "file://",
        "",
    ):
        assert handshake(server, Origin=origin) == 403, origin
    for method in ("POST", "PUT", "DELETE"):
        assert server.get("/api/runs", method, Origin="http://evil.example")[0] == 403
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{server.port}/live", origin="http://evil.example")


def test_every_answer_forbids_what_is_not_ours(server):
    for path in ("/", "/static/main.js", "/api/runs", "/nowhere", "/api/film/x.jpg"):
        headers = server.get(path)[2]
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"https?:|unsafe|\*", policy)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"


ELSEWHERE = re.compile(
    rb"(?:https?:|wss?:)?//(?!www\.w3\.org/(?:2000/svg|1999/xlink))[a-z0-9-]+\.[a-z]{2,}", re.I
)


def test_the_page_asks_nobody_else(server):
    """No address of another machine in what is served: it works without a network."""
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    assert {"index.html", "main.js", "studio.css"} <= {path.name for path in files}
    for path in files:
        status, body, _ = server.get(f"/static/{path.relative_to(STATIC)}")
        assert status == 200
        assert body == path.read_bytes()
        if path.suffix in (".html", ".js", ".css", ".svg", ".json"):
            assert not ELSEWHERE.search(body), path
            assert b"sendBeacon" not in body
    page = server.get("/")[1].decode()
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    assert all(server.get(f"/{name}")[0] == 200 for name in named)
    assert not re.search(r'<script(?![^>]*\bsrc=)|\son\w+="|\sstyle="', page), "its own policy forbids these"
    written = re.compile(r'^import\b[^;"\']*["\']([^"\']+)["\']|\bimport\(["\']([^"\']+)', re.M)
    scripts = [path.read_text("utf-8") for path in files if path.suffix == ".js"]
    imports = [name for text in scripts for found in written.findall(text) for name in found if name]
    assert len(imports) > 20
    assert all(name.startswith("./") for name in imports)


def test_what_is_served_comes_with_the_package():

    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = config["options.package_data"]["dancenet.studio"].split()
    shipped = {path for pattern in patterns for path in STATIC.parent.glob(pattern)}
    assert {path for path in STATIC.rglob("*") if path.is_file()} <= shipped
    extra = config["options.extras_require"]["studio"]
    assert all(name in extra for name in ("starlette", "uvicorn", "websockets", "msgspec"))


def test_without_the_extra_it_says_what_to_install(tmp_path):
    """As where starlette is not installed: importing it fails."""
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError('no', name='starlette')")
    variables = environment()
    variables["PYTHONPATH"] = os.pathsep.join((str(tmp_path), variables["PYTHONPATH"]))
    done = subprocess.run(
        [sys.executable, "-m", "dancenet", "studio", "--no-browser", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=variables,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "pip install 'dancenet[studio]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_elsewhere_it_asks_for_its_token(tmp_path):
    with Server("--host", "0.0.0.0", folder=tmp_path) as server:
        [token] = re.findall(r"\?token=([\w-]{20,})$", server.address)
        assert server.get("/")[0] == 401
        assert server.get("/?token=wrong")[0] == 401
        assert server.get("/api/runs", cookie="dancenet=wrong")[0] == 401
        assert server.get(f"/?token={token}", host="evil.example")[0] == 421, "names can lead anywhere"
        with pytest.raises(InvalidStatus):
            server.line()
        status, _, headers = server.get(f"/?token={token}")
        assert status == 200
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert server.get("/static/main.js", cookie=cookie.split(";")[0])[0] == 200
        with server.line(f"?token={token}") as line:
            line.seen()
        with server.line(additional_headers={"cookie": cookie.split(";")[0]}) as line:
            line.seen()
        assert token not in server.said()
    with Server("--host", "0.0.0.0", folder=tmp_path, port=server.port) as again:
        assert again.get("/", cookie=cookie.split(";")[0])[0] == 200, "a bookmark stays good"


def test_a_new_token_is_made_where_one_is_asked_for(capsys):
    code, _, said = outcome(["studio", "--new-token"], capsys)
    assert code == 2
    assert "--new-token with --host 127.0.0.1" in said


def test_the_token_is_its_users_alone(tmp_path):
    path = tmp_path / "state" / "token"
    token = kept_token(path)
    assert re.fullmatch(r"[\w-]{22}", token)
    assert kept_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["token"]
    assert kept_token(path, anew=True) != token
    path.chmod(0o640)
    with pytest.raises(DancenetError, match="can be read by others"):
        kept_token(path)
    path.chmod(0o600)
    path.write_text("")
    with pytest.raises(DancenetError, match=r"holds no token.*--new-token"):
        kept_token(path)


def test_where_nothing_can_be_kept_there_is_a_token_all_the_same(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "token"
    assert kept_token(path) != kept_token(path)
    assert "not kept" in caplog.text


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("studio.local", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine_alone(host, own):
    assert is_loopback(host) is own
    assert Guard(None, host=host).anywhere is not own


def test_uploads_have_an_end(server):
    length = {"Content-Length": str(LARGEST + 1)}
    assert server.get("/api/runs", "POST", **length)[0] == 413
    lines = ("POST /api/runs HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
    for odd in ("x", "-1", "9" * 30):
        assert request_lines(server, *lines, f"Content-Length: {odd}")[9:10] == b"4", odd

    async def uploaded(parts):
        """How much of a body comes through that does not tell its length."""
        came = []

        async def app(scope, receive, send):
            while (message := await receive())["type"] == "http.request":
                came.append(len(message["body"]))

        async def receive():
            return {"type": "http.request", "body": next(parts), "more_body": True}

        scope = {"type": "http", "method": "POST", "headers": [(b"host", b"localhost")]}
        await Guard(app, host="127.0.0.1")(scope, receive, None)
        return sum(came)

    assert asyncio.run(uploaded(itertools.repeat(b"x" * 1_000_000))) <= LARGEST


def test_reasons_fit_beside_the_code():
    for text in ("short", "ü" * 200, "a" + "ü" * 200, "😀" * 99):
        assert len(close_reason(text).encode()) <= REASON
        assert text.startswith(close_reason(text))


# which runs


def test_runs_are_chosen_among_those_that_can_dance(tmp_path):
    for name in ("b", "a", "begun", "other"):
        (tmp_path / name).mkdir()
    for name in ("b", "a"):
        (tmp_path / name / "choreographer.json").write_text('{"format": 1}')
    (tmp_path / "begun" / "frames.json").write_text('{"format": 1}')
    (tmp_path / "file").write_text("")
    assert list(runs_in(None, tmp_path)) == ["a", "b"]
    assert list(runs_in(tmp_path / "b", tmp_path)) == ["b", "a"]
    assert runs_in(None, None) == {BUILT_IN: None}
    assert isinstance(runs_in(tmp_path / "a", None)["a"], Run)
    for wrong in (
        (tmp_path / "begun", None),
        (tmp_path / "gone", None),
        (None, tmp_path / "file"),
        (None, tmp_path / "b"),
    ):
        with pytest.raises(DancenetError):
            runs_in(*wrong)


def test_a_port_that_is_taken_is_told(server):
    with pytest.raises(DancenetError, match="--port"):
        _bound("127.0.0.1", server.port)
    with pytest.raises(DancenetError, match="an address of this machine"):
        _bound("203.0.113.7", 0)


# lines


def test_windows_share_a_session_or_have_their_own(server):
    with server.line() as one, server.line() as other, server.line("?session=own-1") as own:
        assert one.ask("set", tempo=1.5)["is"] == "done"
        while other.heard("state")["state"]["controls"]["tempo"] != 1.5:
            pass
        assert own.welcome["state"]["controls"]["tempo"] == 1.0
        assert one.ask("set", tempo=1.0)["is"] == "done"


def test_wrong_addresses_of_a_line_are_told(server):
    for query in ("?run=gone", "?session=../../x", "?session=%00", "?run=%2e%2e", "?session=" + "x" * 99):
        with connect(f"ws://127.0.0.1:{server.port}/live{query}", close_timeout=1) as line:
            assert json.loads(line.recv(timeout=PATIENCE_S))["is"] == "failed", query
            with pytest.raises(ConnectionClosed):
                line.recv(timeout=PATIENCE_S)


def test_one_that_stops_reading_slows_nobody(server):
    """It asks on and on and reads nothing: its line fills up; another window gets every frame meanwhile."""
    with (
        server.line("?session=deaf", max_queue=1) as deaf,
        server.line() as other,
    ):
        stop = threading.Event()

        def asks() -> None:
            while not stop.is_set():
                try:
                    deaf.socket.send(json.dumps({"do": "open", "id": 1, "name": "gone"}))
                except ConnectionClosed:
                    return

        asking = threading.Thread(target=asks, daemon=True)
        asking.start()
        seen = [other.seen()[0].number for _ in range(90)]
        pulse = other.heard("pulse")
        stop.set()
        assert len(set(seen)) == 90
        assert other.ask("set", stray=0.2)["is"] == "done"
        assert pulse["sent_fps"] > 0.5 * pulse["made_fps"]
        deaf.socket.socket.shutdown(socket.SHUT_RDWR)  # what still waits for a full line ends at once


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system cannot")
def test_a_line_whose_other_end_is_deaf_is_cut(monkeypatch):
    monkeypatch.setattr("dancenet.studio.server.DEAF_S", 1)
    with _bound("127.0.0.1", 0) as bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            accepted.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while accepted.send(bytes(100_000)):
                    pass
            until = time.monotonic() + PATIENCE_S
            while not accepted.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                assert time.monotonic() < until, "what is sent waits for ever"
                time.sleep(0.05)


def test_a_window_that_breaks_off_leaves_nothing(server):
    broken = server.line("?session=broken")
    broken.socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    broken.socket.socket.shutdown(socket.SHUT_RDWR)
    with server.line() as line:
        until = time.monotonic() + PATIENCE_S
        while line.heard("pulse")["clients"] > 1:
            assert time.monotonic() < until


def test_the_example_client_keeps_a_pose_and_a_gif(server, tmp_path):
    client, address = ROOT / "docs/studio_client.py", f"ws://127.0.0.1:{server.port}/live"
    done = subprocess.run(
        [sys.executable, str(client), address, "dance.gif"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "dance.gif") as made:
        assert made.size == (96, 128)
        assert made.n_frames > 60, "GIFs leave out what does not change"
    [pose] = re.findall(r"kept the pose (\S+);", done.stdout)
    with server.line() as line:
        assert pose in line.welcome["library"]["poses"]
        assert line.ask("remove", kind="pose", name=pose)["is"] == "done"
    code = client.read_text("utf-8").split('"""')[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30


# how it ends


def stands(line: Line) -> dict:
    """All of a session that must outlive its server."""
    state = line.welcome["state"]
    return {name: state[name] for name in ("seed", "controls", "amounts", "mix")} | {
        "library": line.welcome["library"]
    }


def test_killed_and_started_again_it_has_lost_nothing(server):
    """The last of them: it ends the server that all of them share."""
    score, folder = '[[section]]\nverb = "dance"\nseconds = 4\n', server.log.parent
    with server.line("?session=killed") as line:
        line.seen(lambda header: header.time_s > 1.0)
        for number, (do, values) in enumerate(
            [
                ("restart", {"seed": 7}),
                ("set", {"temperature": 0.5, "stray": 0.1, "energy": -0.5, "tempo": 0.8}),
                ("snapshot", {"name": "mine"}),
                ("keep", {"from_ago_s": 0.8, "name": "bit"}),
                ("write", {"name": "piece", "text": score}),
                ("bend", {"amounts": {"principal-2": 1.5}}),
                ("mix", {"poses": ["mine"], "weights": [1.0]}),
            ]
        ):
            assert line.ask(do, **values)["is"] == "done", (number, do)
    with server.line("?session=killed") as line:
        before = stands(line)
        until = time.monotonic() + PATIENCE_S
        while not any('"mine"' in path.read_text() for path in folder.rglob("sessions/killed.json")):
            assert time.monotonic() < until
            time.sleep(0.05)
    assert server.end(signal.SIGKILL) == -signal.SIGKILL
    with Server(folder=folder, port=server.port) as again:
        with again.line("?session=killed") as line:
            assert stands(line) == before
            for kind, name in (("poses", "mine"), ("phrases", "bit"), ("scores", "piece")):
                assert name in before["library"][kind]
            assert before["controls"]["tempo"] == 0.8
            assert line.ask("open", name="piece")["result"]["text"] == score
            assert again.get("/api/saved/phrase/bit.jpg")[0] == 200
        assert again.end(signal.SIGINT) == 130, again.said()
