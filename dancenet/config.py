"""Every option of every command as a frozen dataclass.

The command line is built from these classes (field docstrings become `--help`), and the resolved
options are saved with every run.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dancenet.errors import DancenetError
from dancenet.presets import VAE_PRESETS

Fit = Literal["letterbox", "crop", "follow"]
BodyName = Literal["rose", "moss", "slate"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

#: Size of the latent code of one frame; fixed for all presets.
LATENT_SIZE = 128

#: Where frames are read from when no input is named (the ancestor's convention).
DEFAULT_IMAGES = Path("data/imgs")


def positive(name: str, value: float, unit: str = "") -> None:
    """Raise `DancenetError` naming the flag unless `value` is a finite number above 0."""
    if not 0 < value < float("inf"):
        flag = "--" + name.replace("_", "-")
        raise DancenetError(
            f"{flag} {value}", f"a number of {unit or 'something'} above 0", f"for example {flag} 20"
        )


def frame_rate(fps: float) -> None:
    """Raise `DancenetError` unless a video can have so many frames per second."""
    if not 1 <= fps <= 240:
        raise DancenetError(f"--fps {fps}", "1 to 240 frames per second")


def enlargement(scale: float) -> None:
    """Raise `DancenetError` unless pictures can be scaled by that factor."""
    if not 0 < scale <= 16:
        raise DancenetError(f"--scale {scale}", "a factor above 0, up to 16")


def within(name: str, value: float, least: float, most: float, unit: str = "") -> None:
    """Raise `DancenetError` naming the flag unless `value` lies in [least, most]."""
    if not least <= value <= most:
        raise DancenetError(f"--{name} {value:g}", f"{least:g} to {most:g} {unit}".rstrip())


@dataclass(frozen=True)
class FrameOptions:
    """How frames are cut out of videos (stage 1)."""

    width: int = 208
    """Width of the frames in pixels."""
    height: int = 120
    """Height of the frames in pixels."""
    fps: float = 15.0
    """Frames per second, resampled by time stamp."""
    gray: bool = False
    """Grey frames (1 channel) in place of colour (3)."""
    silhouette: bool = False
    """Black dancer on white, from foreground extraction."""
    foreground: Literal["median", "knn"] = "median"
    """How the dancer is told from the background: temporal median of the clip, or OpenCV's KNN."""
    fit: Fit = "letterbox"
    """letterbox: whole picture, padded in the background's own colour; crop: fill the frame and cut
    what sticks out; follow: one smoothed window per clip that follows the dancer."""
    start: float = 0.0
    """Seconds to skip at the start of every video."""
    end: float | None = None
    """Second of every video at which to stop; the default is its end."""
    camera: Literal["steady", "filmed"] = "steady"
    """steady: a film that shakes, as one taken by hand, is moved back onto one picture; filmed: as it is."""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            value = getattr(self, name)
            if not 16 <= value <= 4096:
                raise DancenetError(f"--{name} {value}", "a size of 16 to 4096 pixels")
        frame_rate(self.fps)
        if not 0 <= self.start < float("inf"):
            raise DancenetError(f"--start {self.start}", "0 or more seconds")
        if self.end is not None and not self.start < self.end < float("inf"):
            raise DancenetError(f"--end {self.end} with --start {self.start}", "an end after the start")


@dataclass(frozen=True)
class DancerOptions:
    """The built-in dancer's video."""

    minutes: float = 3.0
    """Length in minutes."""
    tempo: float = 112.0
    """Beats per minute, 40 to 240."""
    seed: int = 0
    """Another seed is another choreography; every body dances the same one."""
    silhouette: bool = False
    """Black figure on white in place of shaded colour."""
    width: int = 416
    """Width in pixels (even)."""
    height: int = 240
    """Height in pixels (even)."""
    fps: float = 30.0
    """Frames per second."""
    body: BodyName = "rose"
    """Whose: rose (red top), moss (slender, long limbs, yellow top), slate (short, broad, blue top)."""

    def __post_init__(self) -> None:
        if self.body not in get_args(BodyName):
            raise DancenetError(f"--body {self.body}", f"one of {', '.join(get_args(BodyName))}")
        positive("minutes", self.minutes, "minutes")
        if not 40 <= self.tempo <= 240:
            raise DancenetError(f"--tempo {self.tempo}", "40 to 240 beats per minute")
        frame_rate(self.fps)
        for name in ("width", "height"):
            value = getattr(self, name)
            if value < 16 or value > 4096 or value % 2:
                raise DancenetError(f"--{name} {value}", "an even size of 16 to 4096 pixels")


@dataclass(frozen=True)
class TrainOptions:
    """How a stage is trained."""

    preset: Literal["tiny", "small", "base", "classic"] = "small"
    """Size of the networks: tiny (tests), small (two cores), base (a GPU), classic (the ancestor's)."""
    minutes: float | None = None
    """Wall-clock budget of the stage, start-up and validation included; kept across interruptions.
    Without it and without --epochs: the preset's own. The choreographer ends sooner when it has seen its
    takes so often that it would learn them by heart."""
    epochs: int | None = None
    """Budget in passes over the training takes, in place of --minutes; repeats exactly under one seed."""
    seed: int = 0
    """Of the initial weights, the order of the data and all noise."""
    learning_rate: float | None = None
    """Peak learning rate; the default is the preset's."""
    fresh: bool = False
    """Start the stage again from nothing."""
    devices: int | Literal["all"] = 1
    """So many of this machine's GPUs, or all. With TF_CONFIG, or in a SLURM job step of several tasks,
    machines train together (docs/scale.md)."""
    batch_times: int | None = None
    """So many times the preset's batch in a step, over all devices; the default is the number of devices. On
    a single GPU, and with a budget in minutes, it is what this GPU trains fastest with. The preset's
    learning rate grows with its square root."""
    precision: Precision = "auto"
    """Of convolutions, and of the choreographer's training on processors: auto takes bfloat16
    where the machine has it, on older GPUs float16 for convolutions, else float32."""
    jit: bool = True
    """Whether XLA may compile training steps, as it does where that pays: on JAX, and on GPUs. Where it may
    not, JAX takes one operation after the other, for finding errors."""
    least_steps: int = 0
    """With a budget in minutes: train on until so many steps are taken, however long a slow machine takes."""

    def __post_init__(self) -> None:
        if self.preset not in VAE_PRESETS:
            raise DancenetError(f"--preset {self.preset}", f"one of {', '.join(VAE_PRESETS)}")
        if self.minutes is not None and self.epochs is not None:
            raise DancenetError("--minutes and --epochs together", "one of the two")
        if self.least_steps and self.epochs is not None:
            raise DancenetError("--least-steps and --epochs together", "one of the two")
        if self.least_steps < 0:
            raise DancenetError(f"--least-steps {self.least_steps}", "0 or more")
        if self.precision not in get_args(Precision):
            raise DancenetError(f"--precision {self.precision}", f"one of {', '.join(get_args(Precision))}")
        for name in ("minutes", "epochs", "learning_rate", "batch_times", "devices"):
            if getattr(self, name) == "all":
                continue
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))
        if not 0 <= self.seed < 2**31:
            raise DancenetError(f"--seed {self.seed}", "0 to 2147483647")


@dataclass(frozen=True)
class DanceOptions:
    """A new dance."""

    seconds: float | None = None
    """Length of the dance; the default is 20, or to music all that is left of it."""
    fps: float = 30.0
    """Frames per second of the video; latents are resampled along a smooth path."""
    temperature: float = 0.2
    """Which move comes next: 0 the likeliest every time, 0.2 about as varied as the dancer, 1 wild."""
    stray: float = 0.2
    """How far each shown pose strays from its move: 0 not at all, 1 as far as the model has learned."""
    seed: int = 0
    """Another seed is another dance; the same one the same dance."""
    start: str | None = None
    """CLIP:SECOND of the real poses to begin from (CLIP is a name or number of `dancenet info`);
    the default is the most typical start."""
    takes: int = 1
    """How many dances, with seeds counted up from --seed; several are numbered FILE-1.mp4, FILE-2.mp4 …"""
    scale: float = 1.0
    """Enlarge the pictures by this factor."""
    apply: tuple[str, ...] = ()
    """Move every pose along directions, as NAME=AMOUNT or FILE.json=AMOUNT: arms_up=1.5 (see
    `dancenet explore directions`)."""
    dancer: str | None = None
    """Whose body dances, of a run of several dancers; the default is who danced where the dance begins."""
    continuations: int = 8
    """So many ways to go on are tried every few seconds, and the one is danced after which the dance has
    been in the dancer's poses as often as the dancer; 1: it goes on as it comes."""

    @property
    def duration_s(self) -> float:
        """Length of the dance where there is no music to say it, seconds."""
        return 20.0 if self.seconds is None else self.seconds

    def __post_init__(self) -> None:
        positive("seconds", self.duration_s, "seconds")
        enlargement(self.scale)
        frame_rate(self.fps)
        for name in ("temperature", "stray"):
            if not 0 <= getattr(self, name) <= 5:
                raise DancenetError(f"--{name} {getattr(self, name)}", "0 to 5", "0.2 is natural")
        if self.takes < 1:
            raise DancenetError(f"--takes {self.takes}", "1 or more")
        if not 1 <= self.continuations <= 64:
            raise DancenetError(f"--continuations {self.continuations}", "1 to 64", "each takes its time")
        if not 0 <= self.seed < 2**31:
            raise DancenetError(f"--seed {self.seed}", "0 to 2147483647")


@dataclass(frozen=True)
class MusicOptions:
    """Music to dance to."""

    music: Path
    """A song (mp3, wav, ogg, flac, m4a) or a video with sound; it becomes the soundtrack."""
    start_s: float = 0.0
    """Second of the music at which the dance begins."""
    sync: float = 0.5
    """How strictly the dance meets the beats: 0 not at all, 1 as far as its speed may change."""
    energy: float = 1.0
    """How far loud music makes the dance livelier and quiet music calmer: 0 not at all, to 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < float("inf"):
            raise DancenetError(f"--from {self.start_s}", "0 or more, as seconds or minutes:seconds")
        for name in ("sync", "energy"):
            if not 0 <= getattr(self, name) <= 1:
                raise DancenetError(f"--{name} {getattr(self, name)}", "0 to 1")


def moment(flag: str, text: str) -> float:
    """Seconds of a moment written as seconds (`90`, `90.5`) or minutes:seconds (`1:30`)."""
    try:
        minutes, _, seconds = text.rpartition(":")
        return 60 * float(minutes or 0) + float(seconds)
    except ValueError:
        raise DancenetError(f"{flag} {text}", "seconds, or minutes:seconds such as 1:30") from None


@dataclass(frozen=True)
class InterpolateOptions:
    """A path through the latents of chosen frames."""

    stops: tuple[str, ...] = ()
    """CLIP:SECOND of two or more frames; the default is four moments spread over the film."""
    seconds: float = 2.0
    """From one stop to the next."""
    fps: float = 30.0
    """Frames per second of the video."""
    scale: float = 1.0
    """Enlarge the pictures by this factor."""

    def __post_init__(self) -> None:
        positive("seconds", self.seconds, "seconds")
        enlargement(self.scale)
        frame_rate(self.fps)
        if len(self.stops) == 1:
            raise DancenetError("one --stops", "two or more frames as CLIP:SECOND")


@dataclass(frozen=True)
class EvaluateOptions:
    """How a run is measured."""

    held_out: tuple[Path, ...] = ()
    """Unseen videos of the dancer to compare with; the default is the takes that validate."""
    seconds: float = 60.0
    """Length of each dance, and of the real stretches beside it."""
    seeds: int = 4
    """How many dances, each with its own seed."""

    def __post_init__(self) -> None:
        positive("seconds", self.seconds, "seconds")
        if self.seconds < 4:
            raise DancenetError(f"--seconds {self.seconds}", "4 or more", "60 tells more")
        if self.seeds < 1:
            raise DancenetError(f"--seeds {self.seeds}", "1 or more", "4 give an interval")
