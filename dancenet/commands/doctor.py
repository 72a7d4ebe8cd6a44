"""Whether this machine is ready."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dancenet.commands.base import Command
from dancenet.console import Console, duration, load_tensorflow


@dataclass(frozen=True, kw_only=True)
class Doctor(Command):
    """What this machine has, what will be used of it, what to install, and a short run of every stage.

    Details:
      Every stage runs once, some seconds each, on a short film of the built-in dancer, in a folder that is
      removed afterwards. Exit code 2 where one of them fails.

    Examples:
      dancenet doctor
      dancenet doctor --look-only --json
    """

    look_only: bool = False
    """Look, and run nothing."""
    preset: Literal["auto", "tiny", "small", "base", "classic"] = "auto"
    """Networks to try: auto takes base where there is a GPU, small where there is none."""
    json: bool = False
    """Everything as JSON."""

    def execute(self, console: Console) -> None:
        """Look, and try."""
        load_tensorflow()
        from dancenet import doctor
        from dancenet.errors import DancenetError

        there = doctor.found()
        report: dict[str, Any] = {"found": there, "used": doctor.used(), "advice": doctor.advice(there)}
        if not self.json:
            for line in _lines(report):
                console.result(line)
        preset = None if self.preset == "auto" else self.preset
        report["checks"], failed = [], None
        if not self.look_only:
            for check in doctor.checks(preset, console.progress):
                report["checks"].append(asdict(check))
                failed = check if check.error else None
                if not self.json:
                    console.result(_check_line(check))
        if self.json:
            console.result(json.dumps(report, indent=2))
        if failed is not None:
            raise DancenetError(f"the stage '{failed.stage}' does not run here: {failed.error}")


def _lines(report: dict[str, Any]) -> list[str]:
    there = report["found"]
    memory = f"{there['memory_bytes'] / 1e9:.1f} GB of memory, " if there["memory_bytes"] else ""
    lines = [
        f"found: Python {there['python']} on {there['system']}",
        f"found: {there['cores']} cores, {memory}{there['disk_free_bytes'] / 1e9:.0f} GB of disk free",
        f"found: {', '.join(there['gpus'] or there['gpus_of_the_driver']) or 'no GPU'}",
        "found: " + ", ".join(f"{name} {version}" for name, version in there["versions"].items()),
        *(f"used: {name}: {what}" for name, what in report["used"].items()),
        *(f"could be installed or mended: {line}" for line in report["advice"]),
    ]
    return lines


def _check_line(check: Any) -> str:
    if check.error:
        return f"check: {check.stage} FAILED: {check.error}"
    return (
        f"check: {check.stage} runs · {check.rate:,.0f} {check.unit} a second, in {duration(check.seconds)}"
    )
