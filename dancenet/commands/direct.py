"""`dancenet generate continue|between|vary|blend|loop|transfer`: a choreographer's verbs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dancenet.commands.base import Command, MusicFlags, TrainedRun, VideoOut
from dancenet.config import DanceOptions, frame_rate
from dancenet.console import Console, load_tensorflow
from dancenet.direct_options import (
    BetweenOptions,
    BlendOptions,
    ContinueOptions,
    LoopOptions,
    TransferOptions,
    VaryOptions,
    VerbOptions,
)
from dancenet.runs import Run

ScoreFile = Annotated[
    Path, tyro.conf.Positional, tyro.conf.arg(metavar="SCORE.toml", help="The score.", help_behavior_hint="")
]
LoopOut = Annotated[
    Path,
    tyro.conf.arg(metavar="FILE", help="What to write: .mp4, .gif or .webp; both latter repeat for ever."),
]


@dataclass(frozen=True, kw_only=True)
class _Verb(Command):
    """What all verbs share; each has its options in `how`."""

    run: TrainedRun = None
    out: VideoOut
    song: MusicFlags = field(default_factory=MusicFlags)
    how: VerbOptions

    def execute(self, console: Console) -> None:
        """Do what the options say."""
        load_tensorflow()
        from dancenet.directing.directed import write_directed

        run = Run(self.run) if self.run else None
        made = write_directed(run, self.out, self.how, console.progress, music=self.song.options)
        console.result(made)


@dataclass(frozen=True, kw_only=True)
class GenerateContinue(_Verb):
    """Go on from where a clip, or any video of the dancer, stops: without a seam.

    Details:
      Writes FILE.mp4 and beside it FILE.json (how it was made) and FILE.latents.npz (those of its frames).

    Examples:
      dancenet generate continue --run runs/solo --out on.mp4 --after solo:12.5
      dancenet generate continue --run runs/solo --out on.mp4 --after rehearsal.mp4 --seconds 20 --seed 3
      dancenet generate continue --run runs/solo --out new.mp4 --after solo --lead 0 --music song.mp3
    """

    how: ContinueOptions


@dataclass(frozen=True, kw_only=True)
class GenerateBetween(_Verb):
    """A dance through keyframes: on time at each, alive and free between, another way for each seed.

    Details:
      Keyframes are moments of the video that is made; to music as well, which is met between them.
      Writes FILE.mp4 and beside it FILE.json and FILE.latents.npz (the latents of its frames).

    Examples:
      dancenet generate between --run runs/solo --out a.mp4 --keys 0=solo:3 2.5=solo:14.2 6=end.png
      dancenet generate between --run runs/solo --out b.mp4 --keys 4=pose.json --seconds 10 --seed 2
    """

    how: BetweenOptions


@dataclass(frozen=True, kw_only=True)
class GenerateVary(_Verb):
    """The same phrase, danced differently: from a nuance to a cousin.

    Details:
      Writes FILE.mp4 and beside it FILE.json and FILE.latents.npz (the latents of its frames).

    Examples:
      dancenet generate vary --run runs/solo --out nuance.mp4 --phrase solo:4-12 --amount 0.1
      dancenet generate vary --run runs/solo --out cousin.mp4 --phrase solo:4-12 --amount 1 --seed 5
      dancenet generate vary --run runs/solo --out v.mp4 --phrase rehearsal.mp4:30-42
    """

    how: VaryOptions


@dataclass(frozen=True, kw_only=True)
class GenerateBlend(_Verb):
    """From one phrase into another, or with --mix both at once, weighted over time.

    Details:
      Writes FILE.mp4 and beside it FILE.json and FILE.latents.npz (the latents of its frames).

    Examples:
      dancenet generate blend --run runs/solo --out a.mp4 --phrases solo:4-9 solo:31-38 --over 2
      dancenet generate blend --run runs/solo --out b.mp4 --phrases solo:4-12 second:10-18 --mix 0 0.5 1
    """

    how: BlendOptions


@dataclass(frozen=True, kw_only=True)
class GenerateLoop(_Verb):
    """A seamless loop of so many seconds or beats, as mp4, GIF or animated WebP.

    Details:
      GIF and WebP are silent: --music then only says when the beats are. Without --start and --music the loop
      is turned so that its seam lies where it moves least. Writes beside FILE its .json and .latents.npz.

    Examples:
      dancenet generate loop --run runs/solo --out loop.gif --seconds 3 --fps 25
      dancenet generate loop --run runs/solo --out loop.webp --beats 8 --tempo 120
      dancenet generate loop --run runs/solo --out loop.mp4 --beats 16 --music song.mp3 --times 2
    """

    out: LoopOut
    how: LoopOptions = field(default_factory=LoopOptions)


@dataclass(frozen=True, kw_only=True)
class GenerateTransfer(_Verb):
    """One dancer of a run dances what another one danced: on a video of anybody, or on a clip of the film.

    Details:
      For runs of several dancers (`dancenet frames --dancers`). Videos go through the run's frame options.
      Writes FILE.mp4 and beside it FILE.json and FILE.latents.npz (the latents of its frames).

    Examples:
      dancenet generate transfer --run runs/duo --out as-ben.mp4 --video someone.mp4 --dancer ben
      dancenet generate transfer --run runs/duo --out as-ben.mp4 --clip anna2:4-12 --dancer ben
      dancenet generate transfer --run runs/duo --out b.mp4 --clip anna2 --dancer ben --amount 0.3 --seed 4
    """

    how: TransferOptions


@dataclass(frozen=True, kw_only=True)
class GenerateScore(Command):
    """A whole piece from a score: a small TOML file with sections, their verbs, phrases, keyframes and music.

    Details:
      docs/directing.md has the notation. Sections are kept in FILE.sections/ and made again only when they
      have changed. Writes FILE and beside it FILE.json and FILE.latents.npz (the latents of its frames).
      Only videos have sound. A .zip holds numbered PNGs; a .png or .jpg is a contact sheet of forty moments.

    Examples:
      dancenet generate score piece.toml
      dancenet generate score piece.toml --preview
      dancenet generate score piece.toml --out out/piece.mp4 --run runs/solo --seed 4
      dancenet generate score piece.toml --out frames.zip --sections piece.sections
    """

    score: ScoreFile
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """What to write: a video (.mp4), .gif or .webp, numbered pictures (.zip), or a contact sheet (.png or
    .jpg); the default is the score's name with .mp4, or -preview.mp4."""
    preview: bool = False
    """A fast small version: the same dance in few and small frames."""
    run: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """The dancer, in place of the score's."""
    seed: int | None = None
    """In place of the score's."""
    fps: float | None = None
    """Frames per second, in place of the score's."""
    music: Annotated[Path | None, tyro.conf.arg(metavar="SONG")] = None
    """A song, in place of the score's."""
    apply: tuple[str, ...] = ()
    """Move the piece's own dancer along directions, as NAME=AMOUNT or FILE.json=AMOUNT: arms_up=1.5 (see
    `dancenet explore directions`)."""

    sections: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Where danced sections are kept, in place of FILE.sections/."""

    def __post_init__(self) -> None:
        if self.fps is not None:
            frame_rate(self.fps)
        if self.seed is not None:
            DanceOptions(seed=self.seed)

    def execute(self, console: Console) -> None:
        """Make the piece."""
        load_tensorflow()
        from dancenet.directing.scored import write_score

        console.result(
            write_score(
                self.score, self.out, console.progress,
                preview=self.preview, run=self.run, seed=self.seed, fps=self.fps, music=self.music,
                apply=self.apply, sections=self.sections,
            )
        )  # fmt: skip
