"""What all commands share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from dancenet.config import MusicOptions, moment
from dancenet.console import Console
from dancenet.errors import DancenetError

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
TrainedRun = Annotated[
    Path | None,
    tyro.conf.arg(metavar="DIR", help="A trained run; without it the built-in dancer's model dances."),
]
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


@dataclass(frozen=True, kw_only=True)
class MusicFlags:
    """What is danced to."""

    music: Annotated[Path | None, tyro.conf.arg(metavar="SONG")] = None
    """A song (mp3, wav, ogg, flac, m4a) or a video with sound to dance to; it becomes the soundtrack."""
    begin: Annotated[str, tyro.conf.arg(name="from", metavar="MIN:SEC")] = "0:00"
    """Where in the song the dance begins, as minutes:seconds or seconds."""
    sync: float = MusicOptions.sync
    """How strictly the dance meets the beats: 0 not at all, 1 as far as its speed may change."""
    energy: float = MusicOptions.energy
    """How far loud music makes the dance livelier and quiet music calmer: 0 not at all, to 1."""

    def __post_init__(self) -> None:
        _ = self.options  # out of range is told before anything is loaded

    @property
    def options(self) -> MusicOptions | None:
        """What is danced to, if anything.

        Raises:
            DancenetError: options out of range, or for music where there is none.
        """
        start_s = moment("--from", self.begin)
        if self.music is not None:
            return MusicOptions(self.music, start_s, self.sync, self.energy)
        given = {"--from": start_s, "--sync": self.sync, "--energy": self.energy}
        usual = {"--from": 0.0, "--sync": MusicOptions.sync, "--energy": MusicOptions.energy}
        if other := [flag for flag in given if given[flag] != usual[flag]]:
            raise DancenetError(f"{other[0]} without --music", "a song to dance to", "add --music SONG")
        return None
