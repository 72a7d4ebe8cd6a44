"""The studio's server: which runs, which address, and until when."""

import importlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from dancenet.errors import DancenetError, MissingDependencyError
from dancenet.runs import Run

#: Where the built-in dancer's things are saved.
BUILT_IN_FOLDER = Path("out/studio")
#: What the built-in dancer's model is called among runs.
BUILT_IN = "built-in"
#: So many lines may be open at once.
CONNECTIONS = 256
#: A line whose other end has read nothing for so long is cut, where the system can, seconds: else lines whose
#: clients hang would stay, and use up those there may be.
DEAF_S = 60


def runs_in(run: Path | None, folder: Path | None) -> dict[str, Run | None]:
    """The runs that can be chosen, by name; the one that was named first.

    Raises:
        DancenetError: none can dance.
    """
    found: dict[str, Run | None] = {}
    if run is not None:
        Run(run).read("choreographer")
        found[run.resolve().name] = Run(run)
    if folder is not None:
        if not folder.is_dir():
            raise DancenetError(f"--runs {folder}", "a folder of runs")
        for path in sorted(folder.iterdir()):
            if Run(path).has("choreographer") and path.resolve() != (run and run.resolve()):
                found.setdefault(path.name, Run(path))
        if not found:
            raise DancenetError(
                f"no run in {folder} can dance", "a folder that holds trained runs",
                f"make one with: dancenet new VIDEO --run {folder / 'solo'} --out dance.mp4",
            )  # fmt: skip
    return found or {BUILT_IN: None}


def check_installed() -> None:
    """Raise `MissingDependencyError` where the extra `studio` is not installed."""
    for package in ("msgspec", "platformdirs", "python_multipart", "starlette", "uvicorn", "websockets"):
        try:
            importlib.import_module(package)
        except ImportError:
            raise MissingDependencyError(package.replace("_", "-"), "studio") from None


def serve(
    runs: dict[str, Run | None],
    *,
    host: str = "127.0.0.1",
    port: int = 8360,
    new_token: bool = False,
    ready: Callable[[str], None] = lambda _: None,
    folder: Path = BUILT_IN_FOLDER,
) -> None:
    """Serve until interrupted.

    Args:
        runs: by name; the first is shown at first.
        host, port: what is bound; port 0 takes a free one.
        new_token: where the host is not loopback a token is asked for, see `tokens`; make another one.
        ready: called with the address to open.
        folder: where the built-in dancer's things are saved.

    Raises:
        KeyboardInterrupt: when it ends.
        DancenetError: the port is taken, the host is none of this machine's, or the token is no secret.
        MissingDependencyError: the extra `studio` is not installed.
    """
    check_installed()
    import uvicorn

    from dancenet.studio.app import LONGEST, studio_app
    from dancenet.studio.engine import Engine
    from dancenet.studio.guard import is_loopback
    from dancenet.studio.tokens import kept_token, token_file

    if new_token and is_loopback(host):
        raise DancenetError(
            f"--new-token with --host {host}, which asks for none", "an address that others can reach"
        )
    bound = _bound(host, port)
    token = None if is_loopback(host) else kept_token(token_file(), anew=new_token)
    engine = Engine(runs, folder)
    engine.start()
    try:
        config = uvicorn.Config(
            studio_app(engine, host=host, token=token), ws="websockets-sansio", ws_max_size=LONGEST,
            ws_per_message_deflate=False, log_level="warning", lifespan="off", server_header=False,
            timeout_graceful_shutdown=2, limit_concurrency=CONNECTIONS,
        )  # fmt: skip
        logging.getLogger("uvicorn.error").addFilter(_what_clients_send)
        name = f"[{host}]" if ":" in host else host
        query = f"/?token={token}" if token else "/"
        ready(f"http://{name}:{bound.getsockname()[1]}{query}")
        uvicorn.Server(config).run(sockets=[bound])
        # only an interrupt ends it, which it raises again as a rule: once asyncio had lost it
        raise KeyboardInterrupt
    finally:
        engine.stop()


def _what_clients_send(record: logging.LogRecord) -> bool:
    """Whether a record is worth a line: that a client sent no UTF-8 is told to the client, by code 1007."""
    return not (record.exc_info and isinstance(record.exc_info[1], UnicodeDecodeError))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # by its protocol asyncio knows that small messages shall not wait for others (TCP_NODELAY): 40 ms each
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # what is accepted has it, too
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * DEAF_S)
    try:
        bound.bind((host, port))
        # at once: who comes before all is loaded waits, and a second studio learns that this one is here
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise DancenetError(
            f"{host}, port {port} ({error.strerror})", "an address of this machine and a free port",
            "is a studio running there already? name another with --port",
        ) from None  # fmt: skip
    return bound
