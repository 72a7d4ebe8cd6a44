"""Exports: the real command line, run in a process of its own at lower priority, its results kept in the run.

An export is a copy of the score, which says in its last line how it is made, and beside it the file that was
made, under the same name. While it is made, it lies in a folder of its own: nothing half done is ever listed.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dancenet.console import FOR_PROGRAMS
from dancenet.directing.score import Score, Section, read_score
from dancenet.directing.score_text import score_text
from dancenet.errors import DancenetError
from dancenet.media.moving_image import FASTEST
from dancenet.runs import Progress, replacing
from dancenet.studio.library import Library
from dancenet.studio.sheet import check_within
from dancenet.studio.surroundings import of_commands

#: The forms that can be asked for, and how their files end.
ENDINGS = {"mp4": ".mp4", "gif": ".gif", "png": ".zip", "sheet": ".png"}
FILE = re.compile(r"[A-Za-z0-9_-]{1,80}\.(mp4|gif|zip|png|toml)")
#: By how much less an export counts for the scheduler than the dance.
NICE = 10
#: How much of an export each part of the work is about: (from, to) of the whole.
SHARES = {"hearing": (0.0, 0.05), "dancing sections": (0.05, 0.4), "writing": (0.4, 1.0)}
#: One that does not end when it is told to is killed after so long, seconds.
PATIENCE_S = 5.0
_MADE_WITH = "# made with: "
_MAKING = re.compile(r"\.making-(\d+)-")


@dataclass
class Order:
    """One export that is to be made.

    Attributes:
        stem: name of its files.
        ending: of the file that is made.
        text: the score, its last line the command.
        command: the arguments of `dancenet`, without --out.
        shelf: folder of the sections that were danced before; None: there are none.
        stopped: set when it is no longer wanted.
        process: that makes it, while it does.
    """

    stem: str
    ending: str
    text: str
    command: list[str]
    shelf: Path | None
    stopped: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen | None = None

    @property
    def file(self) -> str:
        """Name of the file that is made."""
        return self.stem + self.ending

    def stop(self) -> None:
        """It is no longer wanted; from any thread."""
        self.stopped.set()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            killing = threading.Timer(PATIENCE_S, self.process.kill)
            killing.daemon = True
            killing.start()


class Exports:
    """The exports of one run.

    Args:
        folder: where they lie; beside it lie scores, phrases and songs.
        run: the run's folder; None: the built-in dancer's model.
    """

    def __init__(self, folder: Path, run: Path | None):
        self.folder, self.run = folder, run
        self._ordered: set[str] = set()
        self._sweep()

    def listed(self) -> list[dict[str, Any]]:
        """Every export that is whole, the latest first."""
        found = []
        for path in self.folder.glob("*"):
            score = path.with_suffix(".toml")
            if FILE.fullmatch(path.name) and path != score and score.is_file():
                with contextlib.suppress(OSError, UnicodeDecodeError):
                    stat = path.stat()
                    command = score.read_text(encoding="utf-8").rpartition(_MADE_WITH)[2].strip()
                    about = {"file": path.name, "bytes": stat.st_size, "toml": score.name}
                    found.append((stat.st_mtime_ns, {**about, "command": command}))
        return [about for _, about in sorted(found, key=lambda one: -one[0])]

    def path(self, name: str) -> Path:
        """The file of an export.

        Raises:
            DancenetError: there is none of that name.
        """
        if not FILE.fullmatch(name) or not (self.folder / name).is_file():
            raise DancenetError(f"no export is named {name[:90]}", "one of those that are listed")
        return self.folder / name

    def remove(self, stem: str) -> None:
        """Remove an export, by its score's name, and what lies beside it: it can be made again."""
        self.path(f"{stem}.toml")
        for ending in (*ENDINGS.values(), ".json", ".latents.npz", ".toml"):
            (self.folder / f"{stem}{ending}").unlink(missing_ok=True)

    def order(self, kind: str, name: str, form: str, library: Library, roots: list[Path]) -> Order:
        """What is to be made of a saved score, or of a kept phrase as it is.

        Raises:
            DancenetError: it cannot be danced; with the line of the score.
        """
        if kind == "phrase":
            text, shelf = self._score_of_phrase(name, form, library), None
        else:
            text, source = library.score(name), library.path("score", name)
            score = read_score(text, source.name)
            check_within(score, source, roots)
            shelf = source.with_suffix(".sections")
        stem = self._free(name)
        self._ordered.add(stem)
        toml = self.folder.resolve() / f"{stem}.toml"
        command = ["generate", "score", str(toml)]
        if self.run is not None and not re.search(r"^\s*[\"']?dancer[\"']?\s*=", text, re.MULTILINE):
            command += ["--run", str(self.run.resolve())]
        ending = ENDINGS[form]
        line = shlex.join(["dancenet", *command, "--out", f"{stem}{ending}"])
        return Order(stem, ending, f"{text.rstrip()}\n\n{_MADE_WITH}{line}\n", command, shelf)

    def make(self, order: Order, progress: Progress) -> dict[str, Any]:
        """Make it; takes long.

        Raises:
            DancenetError: it was stopped, or what the command said.
        """
        score = self.folder / f"{order.stem}.toml"
        making = self.folder / f".making-{os.getpid()}-{order.stem}"
        made = False
        try:
            making.mkdir(parents=True)
            with replacing(score) as beside:
                beside.write_text(order.text, encoding="utf-8")
            self._run(order, making / order.file, progress)
            whole = [path for path in making.iterdir() if path.is_file()]
            for path in sorted(whole, key=lambda path: path.name == order.file):
                path.replace(self.folder / path.name)  # the file itself last: then it is listed
            made = True
        finally:
            shutil.rmtree(making, ignore_errors=True)
            if not made:
                score.unlink(missing_ok=True)
        return next(one for one in self.listed() if one["file"] == order.file)

    def _run(self, order: Order, out: Path, progress: Progress) -> None:
        command = [sys.executable, "-m", "dancenet", *order.command]
        shelf = order.shelf.resolve() if order.shelf else out.with_suffix(".sections")
        command += ["--out", str(out), "--sections", str(shelf)]
        progress("starting", 0, 0)
        process = order.process = subprocess.Popen(
            command, env={**of_commands(), FOR_PROGRAMS: "json"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        if order.stopped.is_set():  # between the two lines
            order.stop()
        try:
            said = [_told(line, progress) for line in process.stderr or ()]
            code = process.wait()
        finally:  # whoever hears the progress may have had enough of it
            if process.poll() is None:
                order.stop()
                process.wait()
        if order.stopped.is_set():
            raise DancenetError(f"{order.file} was stopped")
        if code:
            lines = [line for line in said if line]
            why = next((line for line in lines if line.startswith("dancenet: error: ")), "".join(lines[-1:]))
            why = why.removeprefix("dancenet: error: ") or f"the command ended with exit code {code}"
            raise DancenetError(f"{order.file} was not made ({why[:600]})")

    def _score_of_phrase(self, name: str, form: str, library: Library) -> str:
        """A score that shows a kept phrase as it is: at its own rate, or at half of it."""
        fps = library.phrase(name).fps
        while fps > FASTEST.get(ENDINGS[form], 60.0):
            fps /= 2
        section = Section(0, {}, "vary", phrases=(f"../phrases/{name}.json",), amount=0.0)
        return score_text(Score((section,), {}, dancer=dancer_of(self.folder, self.run), fps=fps))

    def _free(self, name: str) -> str:
        taken = self._ordered | {path.name.partition(".")[0] for path in self.folder.glob("*")}
        taken |= {_MAKING.sub("", path.name) for path in self.folder.glob(".making-*")}
        number = 1
        while f"{name}-{number}" in taken:
            number += 1
        return f"{name}-{number}"

    def _sweep(self) -> None:
        """Remove what a killed studio left half done."""
        for path in self.folder.glob(".making-*"):
            found = _MAKING.match(path.name)
            if found and not _alive(int(found[1])):
                shutil.rmtree(path, ignore_errors=True)
        busy = {_MAKING.sub("", path.name) for path in self.folder.glob(".making-*")}
        for score in self.folder.glob("*.toml"):
            whole = any(score.with_suffix(ending).is_file() for ending in ENDINGS.values())
            if not whole and score.stem not in busy:
                score.unlink(missing_ok=True)


def dancer_of(folder: Path, run: Path | None) -> str | None:
    """What a score in a folder of the run's `studio/` calls its dancer; it holds when the run is moved."""
    return None if run is None else os.path.relpath(run.resolve(), folder.resolve())


def _told(line: str, progress: Progress) -> str:
    """What a line of the command says; progress is told and says nothing."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        told = json.loads(line)
        what = str(told["what"])
        first, last = next((share for word, share in SHARES.items() if what.startswith(word)), (0.0, 0.05))
        done = float(told["done"]) / max(float(told["total"]), 1e-9)
        progress(what, first + (last - first) * min(done, 1.0), 1.0)
        return ""
    return line.strip()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
