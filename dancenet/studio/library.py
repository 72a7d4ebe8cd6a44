"""What is saved in the studio: poses, phrases, scores, and how sessions stood. All of them small files.

They lie in one folder of the run (`studio/`), and are what the command line reads; names cannot lead out of
it.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dancenet.errors import DancenetError
from dancenet.exploring.poses import Origin, Pose, PosePath, load_path, load_pose, save_path, save_pose
from dancenet.outputs import json_or_empty
from dancenet.runs import disk_errors, replacing, write_json

Kind = Literal["pose", "phrase", "score"]

#: Where each kind lies, and how its files end.
PLACES: dict[Kind, tuple[str, str]] = {
    "pose": ("poses", ".json"),
    "phrase": ("phrases", ".json"),
    "score": ("scores", ".toml"),
}
#: What names may be.
NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
#: So many things of a kind can be saved.
MOST = 2000


def checked(name: str, what: str = "a") -> str:
    """The name.

    Raises:
        DancenetError: that is none.
    """
    if not NAME.fullmatch(name):
        raise DancenetError(f"{what} named {name[:80]!r}", "letters, digits, - and _, sixty at most")
    return name


@dataclass(frozen=True)
class Library:
    """A folder of saved things that belong to one run.

    Attributes:
        folder: where.
        origin: what poses and phrases must belong to.
    """

    folder: Path
    origin: Origin

    def path(self, kind: Kind, name: str) -> Path:
        """The file of that name.

        Raises:
            DancenetError: that is no name, or a link that leads out of the folder.
        """
        folder, ending = PLACES[kind]
        path = self.folder / folder / f"{checked(name, f'a {kind}')}{ending}"
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise DancenetError(f"{path} is a link that leads elsewhere", f"a file in {self.folder}")
        return path

    def names(self, kind: Kind) -> list[str]:
        """Everything of a kind, the latest last."""
        folder, ending = PLACES[kind]
        found = [path for path in (self.folder / folder).glob(f"*{ending}") if NAME.fullmatch(path.stem)]
        stamped = []
        for path in found:
            with contextlib.suppress(OSError):
                stamped.append((path.stat().st_mtime_ns, path.stem))
        return [name for _, name in sorted(stamped)]

    def free_name(self, kind: Kind, stem: str) -> str:
        """`stem-1`, or with the first number that is free."""
        number = 1
        while self.path(kind, f"{stem}-{number}").exists():
            number += 1
        return f"{stem}-{number}"

    def keep(self, name: str, thing: Pose | PosePath) -> None:
        """Save a pose, or a phrase; an earlier one of that name is put away."""
        with self._instead("pose" if isinstance(thing, Pose) else "phrase", name) as path:
            if isinstance(thing, Pose):
                save_pose(path, thing)
            else:
                save_path(path, thing)

    def pose(self, name: str) -> Pose:
        """A saved pose.

        Raises:
            DancenetError: there is none, or it belongs to another VAE.
        """
        return load_pose(self._there("pose", name), self.origin)

    def phrase(self, name: str) -> PosePath:
        """A saved phrase.

        Raises:
            DancenetError: there is none, or it belongs to another VAE.
        """
        return load_path(self._there("phrase", name), self.origin)

    def write_score(self, name: str, text: str) -> None:
        """Save a score as it is, also one that cannot be read yet: nothing that was written is lost."""
        self._check_room("score", name)
        with replacing(self.path("score", name)) as beside:
            beside.write_text(text, encoding="utf-8", newline="")  # line ends as they are

    def score(self, name: str) -> str:
        """The text of a score.

        Raises:
            DancenetError: there is none.
        """
        try:
            with open(self._there("score", name), encoding="utf-8", newline="") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise DancenetError(f"the score {name} cannot be read ({error})", "a text") from None

    def remove(self, kind: Kind, name: str) -> None:
        """Put a thing away: its file gets a name that is not looked for.

        Raises:
            DancenetError: there is none.
        """
        self._there(kind, name)
        self._put_away(kind, name)

    def rename(self, kind: Kind, name: str, to: str) -> None:
        """Give a thing another name.

        Raises:
            DancenetError: there is none, or the name is taken.
        """
        source, target = self._there(kind, name), self.path(kind, to)
        if target.exists():
            raise DancenetError(f"there is a {kind} named {to}", "a free name")
        with disk_errors(target):
            source.rename(target)

    def listed(self) -> dict[str, Any]:
        """All names, by kind."""
        return {PLACES[kind][0]: self.names(kind) for kind in PLACES}

    def remember(self, session: str, state: dict[str, Any]) -> None:
        """Keep how a session stands."""
        write_json(self._session(session), state)

    def remembered(self, session: str) -> dict[str, Any]:
        """How a session stood; empty where that is not known."""
        path = self._session(session)
        return json_or_empty(path) if path.is_file() else {}

    def _session(self, name: str) -> Path:
        return self.folder / "sessions" / f"{checked(name, 'a session')}.json"

    def _there(self, kind: Kind, name: str) -> Path:
        path = self.path(kind, name)
        if not path.is_file():
            there = ", ".join(self.names(kind)[-8:]) or "none yet"
            raise DancenetError(f"no {kind} is named {name}", f"one of those saved: {there}")
        return path

    @contextlib.contextmanager
    def _instead(self, kind: Kind, name: str) -> Iterator[Path]:
        """Yield where a thing is to be saved, the earlier one put away; it comes back if that fails."""
        self._check_room(kind, name)
        path = self.path(kind, name)
        away = self._put_away(kind, name)
        try:
            yield path
        except BaseException:
            if away is not None:
                away.replace(path)
            raise

    def _check_room(self, kind: Kind, name: str) -> None:
        if not self.path(kind, name).exists() and len(self.names(kind)) >= MOST:
            raise DancenetError(f"{MOST} {PLACES[kind][0]} are saved", "fewer", "put some away")

    def _put_away(self, kind: Kind, name: str) -> Path | None:
        path = self.path(kind, name)
        if not path.exists():
            return None
        away = _away(path)
        with disk_errors(path):
            path.rename(away)
        return away

    def keep_copy(self, kind: Kind, name: str) -> None:
        """Keep a thing as it is, under a name that is not looked for: another is about to take its place."""
        path = self._there(kind, name)
        with replacing(_away(path)) as beside:
            shutil.copyfile(path, beside)


def _away(path: Path) -> Path:
    """A free name for a file that gives way."""
    number = 1
    while (away := path.with_name(f"{path.name}.removed-{number}")).exists():
        number += 1
    return away
