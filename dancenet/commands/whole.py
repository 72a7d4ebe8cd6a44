"""The whole way in one command: `demo` and `new`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dancenet import demo
from dancenet.commands.base import Command, RunFolder, VideoOut, Videos
from dancenet.config import DanceOptions, FrameOptions, TrainOptions
from dancenet.console import Console
from dancenet.runs import Run


@dataclass(frozen=True, kw_only=True)
class Demo(Command):
    """The whole pipeline on the built-in dancer: a dance video that never existed, in about ten minutes.

    Details:
      Films of the built-in dancer are made, frames taken, all stages trained, and a dance is generated, all
      below --out. Interrupted, the same command goes on; with another --seed it is another dance at once.

    Examples:
      dancenet demo
      dancenet demo --out out/quick --preset tiny --minutes 0.5 --seconds 10
    """

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("out/demo")
    """Folder for everything."""
    seconds: float = 20.0
    """Length of the dance."""
    seed: int = 0
    """Of the dance: another seed is another dance."""
    preset: Literal["tiny", "small", "base", "classic"] = "small"
    """Size of the networks."""
    minutes: float | None = None
    """Training minutes for the VAE and for the choreographer each; without it 3.5, or more if slow."""
    fresh: bool = False
    """Train again from nothing."""

    def __post_init__(self) -> None:
        self.options()

    def options(self) -> tuple[TrainOptions, DanceOptions]:
        """How to train and how to dance; raises `DancenetError` where they are out of range."""
        minutes = demo.MINUTES if self.minutes is None else self.minutes
        training = TrainOptions(preset=self.preset, minutes=minutes, fresh=self.fresh)
        return training, DanceOptions(seconds=self.seconds, seed=self.seed, scale=demo.SCALE)

    def execute(self, console: Console) -> None:
        """Do it all."""
        least_steps = demo.LEAST_STEPS if self.minutes is None else {}
        demo.run_demo(self.out, *self.options(), console, least_steps=least_steps)


@dataclass(frozen=True, kw_only=True)
class New(Command):
    """From videos of a dancer to a new dance: frames, all training, generation.

    Details:
      Interrupted, the same command goes on; asked again with another --seed, it is another dance at once.

    Examples:
      dancenet new solo.mp4 --run runs/solo --out dance.mp4
      dancenet new takes/ --run runs/takes --out dance.mp4 --fit follow --width 96 --height 128
    """

    inputs: Videos
    run: RunFolder
    out: VideoOut
    dancers: bool = False
    """Several dancers, a folder for each with their films in it (see `dancenet frames`)."""
    minutes: float | None = None
    """Training minutes for the VAE and for the choreographer each; the default is the preset's own."""
    preset: Literal["tiny", "small", "base", "classic"] = "small"
    """Size of the networks: tiny (tests), small (two cores), base (a GPU), classic (the ancestor's)."""
    seconds: float = 20.0
    """Length of the dance."""
    seed: int = 0
    """Of the dance: another seed is another dance."""
    fresh: bool = False
    """Start the whole run again from nothing."""
    frame: FrameOptions = field(default_factory=FrameOptions)

    def __post_init__(self) -> None:
        self.options()

    def options(self) -> tuple[TrainOptions, DanceOptions]:
        """How to train and how to dance; raises `DancenetError` where they are out of range."""
        training = TrainOptions(preset=self.preset, minutes=self.minutes, fresh=self.fresh)
        return training, DanceOptions(seconds=self.seconds, seed=self.seed)

    def execute(self, console: Console) -> None:
        """Do it all."""
        training, dance = self.options()
        run = Run(self.run)
        for path in demo.film_to_dance(
            self.inputs, run, self.out, self.frame, training, dance, console, dancers=self.dancers
        ):
            console.result(path)
