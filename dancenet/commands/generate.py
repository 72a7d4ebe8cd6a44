"""`dancenet generate`: videos made with a trained run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dancenet import summary
from dancenet.commands.base import Command, MusicFlags, RunFolder, TrainedRun, VideoOut
from dancenet.config import DanceOptions, InterpolateOptions, enlargement
from dancenet.console import Console, load_tensorflow
from dancenet.runs import Run


@dataclass(frozen=True, kw_only=True)
class GenerateDance(Command):
    """A new dance by a trained run, or by the built-in dancer where no run is named.

    Details:
      Writes FILE.mp4 and beside it FILE.json (how it was made) and FILE.latents.npz.

    Examples:
      dancenet generate dance --out dance.mp4
      dancenet generate dance --run runs/solo --out dance.mp4
      dancenet generate dance --run runs/solo --out calm.mp4 --seconds 60 --temperature 0.1 --seed 7
      dancenet generate dance --run runs/solo --out from.mp4 --start solo:12.5 --fps 60 --takes 4
      dancenet generate dance --run runs/solo --out song.mp4 --music song.mp3
      dancenet generate dance --run runs/solo --out part.mp4 --music song.mp3 --from 1:05 --seconds 30
    """

    out: VideoOut
    run: TrainedRun = None
    dance: DanceOptions = field(default_factory=DanceOptions)
    song: MusicFlags = field(default_factory=MusicFlags)

    def execute(self, console: Console) -> None:
        """Dance."""
        music = self.song.options
        load_tensorflow()
        from dancenet import rendering

        for path in rendering.write_dance(
            Run(self.run) if self.run else None, self.out, self.dance, console.progress, music=music
        ):
            console.result(path)


@dataclass(frozen=True, kw_only=True)
class GenerateReconstruct(Command):
    """Any video through a run's VAE: real on the left, decoded on the right.

    Details:
      Needs the VAE only. The video is cut by the run's own frame options.

    Examples:
      dancenet generate reconstruct --run runs/solo --video unseen.mp4 --out both.mp4
    """

    run: RunFolder
    video: Annotated[Path, tyro.conf.arg(metavar="VIDEO")]
    """The video to reconstruct."""
    out: VideoOut
    scale: float = 1.0
    """Enlarge the pictures by this factor."""

    def __post_init__(self) -> None:
        enlargement(self.scale)

    def execute(self, console: Console) -> None:
        """Reconstruct."""
        load_tensorflow()
        from dancenet import rendering

        figures = rendering.reconstruct(
            Run(self.run), self.video, self.out, console.progress, scale=self.scale
        )
        console.say(summary.figures_line(figures))
        console.result(self.out)


@dataclass(frozen=True, kw_only=True)
class GenerateInterpolate(Command):
    """A film from one frame to the next along the latent path.

    Examples:
      dancenet generate interpolate --run runs/solo --out path.mp4
      dancenet generate interpolate --run runs/solo --out path.mp4 --stops solo:1 solo:14.2 2:3 --seconds 3
    """

    run: RunFolder
    out: VideoOut
    path: InterpolateOptions = field(default_factory=InterpolateOptions)

    def execute(self, console: Console) -> None:
        """Interpolate."""
        load_tensorflow()
        from dancenet import rendering

        console.result(rendering.interpolate(Run(self.run), self.out, self.path, console.progress))
