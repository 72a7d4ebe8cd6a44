"""Write docs/cli.md from the `--help` of every command (`make docs`; tests/test_docs.py holds it true)."""

import contextlib
import io
import os
from pathlib import Path

from dancenet import cli
from dancenet.commands import COMMANDS

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100

HEAD = """\
# Commands

<!-- Made by `make docs` from the program's own --help; do not edit. -->
"""


def help_of(words: tuple[str, ...]) -> str:
    """What `dancenet WORDS --help` prints, at a fixed width and without colours."""
    said, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            cli.main([*words, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines())


def paths() -> list[tuple[str, ...]]:
    """The words of every command, groups before their members."""
    found: list[tuple[str, ...]] = [()]
    for name, kind in COMMANDS.items():
        found.append((name,))
        if isinstance(kind, dict):
            found += [(name, inner) for inner in kind]
    return found


def page() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for words in paths():
        parts.append(f"## {' '.join(('dancenet', *words))}\n\n```text\n{help_of(words)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
