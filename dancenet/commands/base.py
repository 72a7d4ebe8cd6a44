"""What all commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from dancenet.console import Console

RunFolder = Annotated[
    Path, tyro.conf.arg(metavar="DIR", help="The run: the folder that holds everything made.")
]
Videos = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="VIDEO_OR_FOLDER...", help_behavior_hint="",
        help="Videos, folders of videos, folders of numbered images (1.jpg, 2.jpg ...), or a mix.",
    ),
]  # fmt: skip
VideoOut = Annotated[Path, tyro.conf.arg(metavar="FILE.mp4", help="The video to write.")]


@dataclass(frozen=True, kw_only=True)
class Command:
    """What every command takes."""

    quiet: bool = False
    """Show errors and the paths of results only."""

    def execute(self, console: Console) -> None:
        """Do it, and show on `console` how it goes.

        Raises:
            DancenetError: a mistake in the input.
        """
        raise NotImplementedError
