"""Songs of a run: uploaded, heard once by a process that may die, kept beside what was heard."""

import json
import os
import re
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.errors import DancenetError
from dancenet.music import Music, hear, read_sound
from dancenet.runs import replacing
from dancenet.studio.apart import DiedError, run_apart
from dancenet.studio.listening import PEAKS_PER_S

#: Sound that browsers play.
KINDS = {
    ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".flac": "audio/flac",
    ".m4a": "audio/mp4", ".opus": "audio/ogg",
}  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9_-]{1,60}\.(mp3|wav|ogg|flac|m4a|opus)")
#: Larger songs are refused, bytes; and more of them than this.
LARGEST = 60_000_000
MOST = 100
#: Hearing may take so long, seconds.
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Songs:
    """A folder of songs.

    Attributes:
        folder: where.
    """

    folder: Path

    def names(self) -> list[str]:
        """Those that are there."""
        return sorted(path.name for path in self.folder.glob("*") if NAME.fullmatch(path.name))

    def path(self, name: str) -> Path:
        """The file of a song.

        Raises:
            DancenetError: there is none of that name.
        """
        if not NAME.fullmatch(name) or not (self.folder / name).is_file():
            there = ", ".join(self.names()[-8:]) or "none yet"
            raise DancenetError(f"no song is named {name[:80]}", f"one of those uploaded: {there}")
        return self.folder / name

    def free_name(self, wanted: str) -> str:
        """A name like that of an uploaded file, which no song has yet.

        Raises:
            DancenetError: it is no sound by its ending, or there are too many songs.
        """
        stem, kind = Path(wanted).stem, Path(wanted).suffix.lower()
        if kind not in KINDS:
            raise DancenetError(f"a file named {wanted[:80]!r}", f"music: {', '.join(KINDS)}")
        if len(self.names()) >= MOST:
            raise DancenetError(f"{MOST} songs are there already", "fewer", f"remove some from {self.folder}")
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:50] or "song"
        name, number = f"{stem}{kind}", 1
        while (self.folder / name).exists():
            number += 1
            name = f"{stem}-{number}{kind}"
        return name

    def part(self, name: str) -> Path:
        """Where a song of that name is written while it arrives."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".{os.getpid()}.part.{name}"

    def take(self, part: Path, name: str) -> None:
        """Hear what has arrived, and keep it under its name.

        Raises:
            DancenetError: it is no sound; nothing is kept.
        """
        with replacing(self._beside(name)) as beside:
            _heard_apart(part, beside, name)
        part.replace(self.folder / name)

    def heard(self, name: str) -> Music:
        """What was heard of a song; heard now where that was lost.

        Raises:
            DancenetError: there is no such song, or it cannot be heard.
        """
        return _music(self._arrays(name))

    def waveform(self, name: str) -> dict[str, Any]:
        """What the page draws of a song."""
        arrays = self._arrays(name)
        music = _music(arrays)
        tempo = float(np.median(music.tempo_bpm)) if len(music.tempo_bpm) else 0.0
        return {
            "name": name, "duration_s": music.duration_s, "peaks_per_s": PEAKS_PER_S,
            "peaks": arrays["peaks"].tolist(), "beats_s": np.round(music.beats_s, 4).tolist(),
            "downbeats_s": np.round(music.known_downbeats_s, 4).tolist(), "tempo_bpm": round(tempo, 2),
            "confidence": round(float(music.confidence), 3), "steady": bool(music.steady),
        }  # fmt: skip

    def hear(self, path: Path) -> Music:
        """Any song: as it was heard before, if it is one of these."""
        if path.resolve().parent == self.folder.resolve() and NAME.fullmatch(path.name):
            return self.heard(path.name)
        return hear(read_sound(path))

    def _beside(self, name: str) -> Path:
        return self.folder / f"{name}.heard.npz"

    def _arrays(self, name: str) -> dict[str, np.ndarray]:
        song, beside = self.path(name), self._beside(name)
        for _ in range(2):
            try:
                if beside.stat().st_mtime_ns >= song.stat().st_mtime_ns:
                    with np.load(beside, allow_pickle=False) as stored:
                        return dict(stored)
            except (OSError, ValueError, EOFError, zipfile.BadZipFile):
                pass
            with replacing(beside) as part:
                _heard_apart(song, part, name)
        raise DancenetError(f"what was heard of {name} cannot be kept", "room and permission to write")


def _music(arrays: dict[str, np.ndarray]) -> Music:
    known = {one.name for one in fields(Music)}
    values: dict[str, Any] = {key: arrays[key] if arrays[key].ndim else arrays[key].item() for key in known}
    return Music(**values)


def _heard_apart(song: Path, out: Path, name: str) -> None:
    """`listening.listen`, in a process of its own."""
    asked = json.dumps([str(song), str(out)]).encode()
    try:
        run_apart("dancenet.studio.listening", asked, most_s=PATIENCE_S)
    except DancenetError as error:
        why = str(error).replace(str(song), name)[:300]
        raise DancenetError(f"{name} is no music that can be heard ({why})", "a whole song") from None
    except DiedError as error:
        raise DancenetError(
            f"{name} brought down the process that reads it ({error})", "a whole song",
            "convert it: ffmpeg -i INPUT song.ogg",
        ) from None  # fmt: skip
