"""The token that others need: kept for its user alone, so that an address that was saved stays good.

It lies with what programs keep for their user, not in a run: runs are copied and given away.
"""

import logging
import os
import re
import secrets
from pathlib import Path

from dancenet.errors import DancenetError
from dancenet.runs import disk_errors

log = logging.getLogger(__name__)

#: What `secrets.token_urlsafe` makes of sixteen bytes.
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


def token_file() -> Path:
    """Where it is kept."""
    from platformdirs import user_state_path

    return user_state_path("dancenet", appauthor=False) / "studio-token"


def kept_token(path: Path, *, anew: bool = False) -> str:
    """The token of a file that only its user can read; made by chance where there is none.

    Args:
        path: of the file.
        anew: make another one, so that who has the earlier one has it no longer.

    Raises:
        DancenetError: others can read it, it holds something else, or `anew` cannot remove it.
    """
    if anew:
        with disk_errors(path):
            path.unlink(missing_ok=True)
    if path.is_file():
        return _read(path)
    token = secrets.token_urlsafe(16)
    try:
        _write(path, token)
    except DancenetError as error:  # without a home there is a token all the same
        log.warning("the token is not kept and will be another next time: %s", error)
    return token


def _write(path: Path, token: str) -> None:
    beside = path.with_name(f".{os.getpid()}.part.{path.name}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        # nobody else may read it, not even for the moment before its rights are set
        with open(
            os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
        ) as file:
            file.write(token)
        os.replace(beside, path)


def _read(path: Path) -> str:
    with disk_errors(path), open(path, encoding="ascii", errors="replace") as file:
        open_to_others = os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077
        token = file.read(100).strip()
    if open_to_others or not TOKEN.fullmatch(token):
        what = "can be read by others" if open_to_others else "holds no token"
        raise DancenetError(f"{path} {what}", "a token for its user alone", "make another with --new-token")
    return token
