"""`dancenet explore`: directions, moves and the map, which look at the whole film."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from dancenet.commands.base import Command, RunFolder
from dancenet.config import within
from dancenet.console import Console, load_tensorflow
from dancenet.errors import DancenetError
from dancenet.runs import Run

_Moments = Annotated[tuple[str, ...], tyro.conf.arg(metavar="MOMENTS...", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class ExploreDirections(Command):
    """Directions that change any pose: the principal ones, or one that you name by showing what it is.

    Details:
      With --name: learned from frames --with and frames --without it, better twenty of each and of several
      clips, checked on frames held out, and saved as directions/NAME.json in the run, with a sheet beside it.
      Without: the film's principal directions, saved as principal-1 and so on. How far all the run's
      directions are independent of each other is shown either way. --apply NAME=AMOUNT then moves a dance.

    Examples:
      dancenet explore directions --run runs/solo --count 6
      dancenet explore directions --run runs/solo --name arms_up --with solo:1-2 --without solo:4-5 solo:7
      dancenet generate dance --run runs/solo --out up.mp4 --apply arms_up=1.5
    """

    run: RunFolder
    name: str | None = None
    """What one goes along with it: letters, digits, _ and -."""
    having: Annotated[_Moments, tyro.conf.arg(name="with")] = ()
    """Frames that have it: CLIP:SECOND, stretches CLIP:SECOND-SECOND, or pose files (.json)."""
    lacking: Annotated[_Moments, tyro.conf.arg(name="without")] = ()
    """Frames that lack it, in the same form."""
    method: Literal["linear", "mean"] = "linear"
    """The normal of a linear classifier, or the difference of the means."""
    count: int = 8
    """How many principal directions, without --name."""

    def __post_init__(self) -> None:
        within("count", self.count, 1, 128)
        if self.name is None and (self.having or self.lacking):
            raise DancenetError("--with and --without, but no --name", "a name for what they differ in")
        if self.name is not None and not (self.having and self.lacking):
            raise DancenetError(
                f"--name {self.name} without frames", "both --with and --without",
                "for example --with solo:1-2.5 --without solo:4-5",
            )  # fmt: skip
        if self.name is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise DancenetError(f"--name {self.name}", "letters, digits, _ and - only")

    def execute(self, console: Console) -> None:
        """Find, check, save."""
        load_tensorflow()
        from dancenet import direction_sheets, directions, space

        run = Run(self.run)
        found = space.load_space(run)
        if self.name is None:
            made = directions.find_principal(found, self.count)
        else:
            made = [directions.find_named(found, self.name, self.having, self.lacking, self.method)]
        for path in direction_sheets.write(run, found, made):
            console.result(path)
        for line in direction_sheets.told(made, directions.saved(run, found.origin), found):
            console.say(line)
