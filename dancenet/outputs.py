"""Where results may go: nothing that is not ours is ever replaced."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dancenet.errors import DancenetError
from dancenet.runs import STAGES, Run

#: Names of videos that are written.
VIDEOS = (".mp4", ".mov", ".mkv", ".m4v")


def check_video_out(
    out: Path, run: Run | None, *films: Path | str, suffixes: tuple[str, ...] = VIDEOS
) -> Path:
    """`out` as a path, once it is sure that it replaces nothing but an earlier result.

    Args:
        out: the video to be written; a `.json` of the same name will lie beside it.
        run: its stages' files stay; None where there is none.
        films: what the run was made of, or what is read: neither `out` nor its `.json` may be one of them.
        suffixes: how its name may end.

    Raises:
        DancenetError: no name of a video, a folder, a film, or another file's neighbour.
    """
    out = Path(out)
    beside = out.with_suffix(".json")
    if out.suffix.lower() not in suffixes:
        raise DancenetError(
            f"--out {out}", f"a file ending in {suffixes[0]} (or {', '.join(suffixes[1:])})",
            f"for example --out dance{suffixes[0]}",
        )  # fmt: skip
    if out.is_dir():
        raise DancenetError(f"--out {out} is a folder", "the name of a file")
    read = {Path(film).resolve() for film in films}
    if out.resolve() in read:
        raise DancenetError(f"--out {out} is the film itself", "another name, or the film would be lost")
    if run:
        read |= {(run / f"{stage}.json").resolve() for stage in STAGES}
    foreign = beside.is_file() and "provenance" not in json_or_empty(beside)
    if foreign or beside.resolve() in read:
        raise DancenetError(
            f"beside --out {out} its {beside.name} would replace another file of that name",
            "a name of its own", "name another --out",
        )  # fmt: skip
    return out


def json_or_empty(path: Path) -> dict[str, Any]:
    """The table that a JSON file holds; empty where there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def check_apart(out: Path, inputs: Sequence[Path]) -> None:
    """Raise `DancenetError` where the dance would replace a film, or lie among them and be taken for one."""
    place = out.resolve()
    for film in (Path(path).resolve() for path in inputs):
        if place == film or (film.is_dir() and place.parent == film):
            raise DancenetError(
                f"--out {out} is one of the films or lies among them", "a place of its own",
                "name another --out",
            )  # fmt: skip
