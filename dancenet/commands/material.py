"""Commands around the films: `frames`, `dancer`, and `info`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dancenet import summary
from dancenet.commands.base import Command, RunFolder, VideoOut, Videos
from dancenet.config import DancerOptions, FrameOptions, positive
from dancenet.console import Console
from dancenet.runs import Run


@dataclass(frozen=True, kw_only=True)
class Frames(Command):
    """Stage 1: cut frames out of videos and pack them into a run.

    Details:
      Reads any video that FFmpeg reads; hard cuts split it into clips. Without input, data/imgs is read.
      Asked again with the same input and options it does nothing; with others it stops unless --fresh.

    Examples:
      dancenet frames solo.mp4 --run runs/solo
      dancenet frames takes/ --run runs/takes --fit follow --width 96 --height 128
      dancenet frames --run runs/imgs --gray --images data/taken
      dancenet frames films/ --dancers --run runs/duo
      dancenet frames archive/ --run runs/archive --workers 16

    In a folder:
      A film that cannot be read is left out, said, and listed in frames.json; named itself it is an error.
    """

    inputs: Videos = ()
    run: RunFolder
    dancers: bool = False
    """Several dancers, a folder for each with their films in it (films/anna/1.mp4, films/ben/1.mp4): the run
    learns who is who by the folders' names, and can draw one dancing as another (`dancenet generate
    transfer`)."""
    images: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Also write the frames as numbered JPEGs into this folder."""
    fresh: bool = False
    """Replace frames that were made from other input or with other options."""
    workers: int = 1
    """Processes that read films side by side."""
    scheduler: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """Have the films read by the workers of a Dask cluster, such as tcp://host:8786 (docs/scale.md)."""
    frame: FrameOptions = field(default_factory=FrameOptions)

    def execute(self, console: Console) -> None:
        """Extract the frames."""
        from dancenet import frames
        from dancenet.footage.pools import pool_of

        run = Run(self.run)
        positive("workers", self.workers)
        with pool_of(self.workers, self.scheduler) as pool:
            packed = frames.extract(
                self.inputs, run, self.frame, dancers=self.dancers, images=self.images, fresh=self.fresh,
                pool=pool, progress=console.progress,
            )  # fmt: skip
        summary.report_frames(run, packed, console)
        if self.images is not None:
            console.result(self.images)


@dataclass(frozen=True, kw_only=True)
class Dancer(Command):
    """A film of the built-in dancer, with its own music.

    Examples:
      dancenet dancer --out dancer.mp4
      dancenet dancer --out shadow.mp4 --minutes 1 --tempo 96 --seed 3 --silhouette
      dancenet dancer --out slate.mp4 --body slate
    """

    out: VideoOut
    dancer: DancerOptions = field(default_factory=DancerOptions)

    def execute(self, console: Console) -> None:
        """Film the dancer."""
        from dancenet import dancer

        dancer.write_video(self.out, self.dancer, console.progress)
        console.result(self.out)


@dataclass(frozen=True, kw_only=True)
class Info(Command):
    """What is in a run: clips by number and name, stages done, figures, how it was made.

    Examples:
      dancenet info --run runs/solo
      dancenet info --run runs/solo --json
    """

    run: RunFolder
    json: bool = False
    """Everything as JSON."""

    def execute(self, console: Console) -> None:
        """Show it."""
        found = summary.summarise(Run(self.run))
        console.result(summary.as_json(found) if self.json else summary.as_text(found))
