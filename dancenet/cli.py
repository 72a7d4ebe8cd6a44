"""The command line: parses into the commands of `commands/`, runs them, and says what went wrong."""

import contextlib
import errno
import inspect
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, Union

import tyro

from dancenet import __version__, runs
from dancenet.commands import COMMANDS, Command
from dancenet.console import Console, showing_log
from dancenet.errors import DancenetError

#: What stands above each list of commands, by the words that lead to it.
MANUALS = {
    (): """\
dancenet: films of a dancer in, new dance out.

Begin with:
  dancenet demo                                          a first dance, by the built-in dancer
  dancenet new solo.mp4 --run runs/solo --out dance.mp4  your own dancer, in one line

Every command has its manual: dancenet COMMAND --help. dancenet --version says which version this is, \
and --quiet leaves errors and the paths of results only.""",
    ("train",): """\
Train the stages of a run, one by one or all in a row. Each goes on where it was interrupted.

Examples:
  dancenet train all --run runs/solo --minutes 10
  dancenet train vae --run runs/solo""",
    ("generate",): """\
Make videos with a trained run.

Examples:
  dancenet generate dance --run runs/solo --out dance.mp4
  dancenet generate reconstruct --run runs/solo --video unseen.mp4 --out both.mp4""",
    ("explore",): """\
Look at what a run has learned: its poses, its moves, its directions, and ways between poses.

Examples:
  dancenet explore traverse --run runs/solo
  dancenet explore map --run runs/solo
  dancenet explore directions --run runs/solo --name arms_up --with solo:1-2.5 --without solo:4-5""",
}

_MARKERS = (
    tyro.conf.OmitArgPrefixes,
    tyro.conf.OmitSubcommandPrefixes,
    tyro.conf.FlagCreatePairsOff,
    tyro.conf.DisallowNone,
)


def parse(arguments: Sequence[str]) -> Command:
    """The command that `arguments` name.

    Raises:
        DancenetError: they name none, or with values out of range.
        SystemExit: after `--help`.
    """
    rest = list(arguments)
    if "" in rest:
        place = rest.index("")
        raise DancenetError(
            f"argument {place + 1} is empty" + (f", after {rest[place - 1]}" if place else ""),
            "a value", "is a variable of your shell not set?",
        )  # fmt: skip
    before = [rest.pop(0) for _ in range(len(rest)) if rest[0] == "--quiet"]
    words: tuple[str, ...] = ()
    found: Any = COMMANDS
    while isinstance(found, dict) and rest and rest[0] in found:
        words, found = (*words, rest[0]), found[rest.pop(0)]
    if isinstance(found, dict):
        if rest and not rest[0].startswith("-"):
            raise DancenetError(
                f"'{' '.join((*words, rest[0]))}' is no command", f"one of {', '.join(found)}"
            )
        manual, form = MANUALS[words], _choice(found)
    else:
        manual, form, rest = inspect.cleandoc(found.__doc__), found, rest + before
    name, said = " ".join(("dancenet", *words)), io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(form, prog=name, description=manual, args=rest, config=_MARKERS)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise _usage_error(said.getvalue(), name) from None


def _choice(table: dict[str, Any]) -> Any:
    """A form that lists the commands of `table`, each with the first line of its manual."""
    return Union[  # noqa: UP007 - the operator takes no list
        tuple(
            Annotated[_group(words) if isinstance(kind, dict) else kind, _entry(words, kind)]
            for words, kind in table.items()
        )
    ]


def _entry(word: str, kind: Any) -> Any:
    manual = MANUALS[(word,)] if isinstance(kind, dict) else inspect.cleandoc(kind.__doc__)
    return tyro.conf.subcommand(word, description=manual.splitlines()[0])


def _group(word: str) -> type:
    """An empty form that stands for a group of commands in a list."""
    return type(word.capitalize(), (Command,), {})


def _usage_error(said: str, name: str) -> DancenetError:
    """tyro's box (a title, the message, a rule, what to do about it) as one line."""
    lines = said.splitlines()
    boxed = [line for line in lines if line.startswith("│")]
    inside = [line.strip("│ ") for line in boxed or lines[2:]]  # no box where standard output is not UTF-8
    rule = next((at for at, line in enumerate(inside) if re.fullmatch("[─-]{5,}", line)), len(inside))
    text, mend = " ".join(inside[:rule]), f"see: {name} --help"
    if found := re.match(r"invalid choice '(.*)' for argument '(.*?)'\. Expected one of \((.*)\)", text):
        value, flag, choices = found.groups()
        return DancenetError(f"{flag} {value}", "one of " + choices.replace("'", "").rstrip(","), mend)
    if text.startswith("Error parsing ") and (found := re.search(r"parsing (\S+?):? .*'(.*?)'", text)):
        expected = "a whole number" if re.search(r"\bint\(|\bINT\b", text) else "a number"
        return DancenetError(f"{found[1]} {found[2]}", expected, mend)
    if text.startswith("Missing from"):
        missing = re.findall(r"--[\w-]+ [\w.]+|[\w_]*VIDEO_OR_FOLDER\.\.\.|\bSONG\b", text)
        return DancenetError(f"missing: {', '.join(missing)}", mend=mend)
    return DancenetError(text[:1].lower() + text[1:], mend=mend)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave the process.

    Exit codes: 0 done, 2 a mistake in the input, 130 interrupted. Anything else keeps its traceback.

    Args:
        arguments: without the program's name; the default is the process' own.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if "--version" in arguments:
        print(f"dancenet {__version__}")
        sys.exit(0)
    console = Console()
    try:
        command = parse(arguments)
        console = Console(quiet=command.quiet)
        with showing_log(console), _disk_errors(command):
            command.execute(console)
    except DancenetError as error:
        console.error(error)
        sys.exit(2)
    except ImportError as error:
        if "libGL" not in str(error) and "libgthread" not in str(error):
            raise
        console.error(
            DancenetError(
                f"OpenCV found no system library ({error})",
                "libGL and GLib",
                "on Debian or Ubuntu: apt-get install libgl1 libglib2.0-0",
            )
        )
        sys.exit(2)
    except KeyboardInterrupt:
        console.close()
        print(f"dancenet: interrupted{_how_to_go_on(arguments)}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has left, as `| head` does
        sys.stdout = None  # type: ignore[assignment]
        sys.exit(1)
    sys.exit(0)


def _how_to_go_on(arguments: Sequence[str]) -> str:
    """What helps after an interruption, as the end of a sentence."""
    word = next((argument for argument in arguments if not argument.startswith("-")), "")
    if word not in ("frames", "train", "new", "demo"):
        return "; nothing half-written is left"
    return (
        "; without --fresh the same command goes on"
        if "--fresh" in arguments
        else "; the same command goes on"
    )


@contextlib.contextmanager
def _disk_errors(command: Command):
    """A full disk or a forbidden place, from wherever it comes, as `DancenetError`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        place = error.filename or getattr(command, "out", None) or getattr(command, "run", ".")
        with runs.disk_errors(Path(str(place))):
            raise
