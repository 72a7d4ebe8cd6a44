"""Options of the verbs (`dancenet generate continue` …), as `config.py` holds those of all else."""

from dataclasses import dataclass

from dancenet.config import DanceOptions, positive
from dancenet.errors import DancenetError


@dataclass(frozen=True, kw_only=True)
class VerbOptions:
    """What all verbs take."""

    seed: int = 0
    """Another seed is danced differently; the same one is the same."""
    fps: float = 30.0
    """Frames per second of the video."""
    temperature: float = 0.2
    """Which move comes next: 0 the likeliest every time, 0.2 about as varied as the dancer, 1 wild."""
    stray: float = 0.2
    """How far each shown pose strays from its move: 0 not at all, 1 as far as the model has learned."""
    scale: float = 1.0
    """Enlarge the pictures by this factor."""
    apply: tuple[str, ...] = ()
    """Move every pose along directions, as NAME=AMOUNT or FILE.json=AMOUNT: arms_up=1.5 (see
    `dancenet explore directions`)."""
    dancer: str | None = None
    """Whose body dances, of a run of several dancers; the default is who danced where the dance begins."""

    def __post_init__(self) -> None:
        DanceOptions(
            fps=self.fps, temperature=self.temperature, stray=self.stray, seed=self.seed, scale=self.scale
        )


@dataclass(frozen=True, kw_only=True)
class ContinueOptions(VerbOptions):
    """A dance that goes on from where another stops."""

    after: str
    """Where it goes on: CLIP, VIDEO or a saved path (path.json), at its end or at :SECOND of it."""
    seconds: float = 10.0
    """Length of the new dance."""
    lead: float = 2.0
    """Seconds of the clip or video that are shown before it; 0 for the new dance alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("seconds", self.seconds, "seconds")
        if not 0 <= self.lead < float("inf"):
            raise DancenetError(f"--lead {self.lead}", "0 or more seconds")


@dataclass(frozen=True, kw_only=True)
class BetweenOptions(VerbOptions):
    """A dance through keyframes."""

    keys: tuple[str, ...]
    """SECOND=POSE of each keyframe, in order; POSE is CLIP:SECOND of the film, an image, or a saved pose
    (pose.json)."""
    seconds: float | None = None
    """Length of the dance; the default ends it on the last keyframe."""
    start: str | None = None
    """CLIP:SECOND to begin from where no keyframe is at 0; the default is the most typical start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seconds is not None:
            positive("seconds", self.seconds, "seconds")
        if not self.keys:
            raise DancenetError("no --keys", "one or more as SECOND=POSE", "for example --keys 2=solo:12.5")
        _ = self.moments

    @property
    def moments(self) -> list[tuple[float, str]]:
        """Seconds, on the video's frames, and pose of each keyframe.

        Raises:
            DancenetError: not written as SECOND=POSE.
        """
        return [keyed(text, self.fps) for text in self.keys]


def keyed(text: str, fps: float) -> tuple[float, str]:
    """`SECOND=POSE` as seconds, of the nearest frame, and the pose's name."""
    second, equals, pose = text.partition("=")
    try:
        at_s = float(second)
    except ValueError:
        at_s = float("nan")
    if not equals or not pose or not 0 <= at_s < float("inf"):
        raise DancenetError(f"--keys {text}", "SECOND=POSE", "for example 2.5=solo:12.5 or 2.5=pose.json")
    return round(at_s * fps) / fps, pose


@dataclass(frozen=True, kw_only=True)
class VaryOptions(VerbOptions):
    """The same phrase, danced differently."""

    phrase: str
    """What is varied: CLIP, VIDEO or a saved path (path.json), whole or :START-END of it."""
    amount: float = 0.3
    """How differently: 0 not at all, 0.2 a nuance, 1 a cousin."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.amount <= 1:
            raise DancenetError(f"--amount {self.amount}", "0 (the phrase itself) to 1 (a cousin)")


@dataclass(frozen=True, kw_only=True)
class BlendOptions(VerbOptions):
    """From one phrase into another, or a mixture of two."""

    phrases: tuple[str, ...]
    """Two or more: CLIP, VIDEO or a saved path (path.json), each whole or :START-END of it."""
    over: float = 2.0
    """Seconds of new dance that lead from one phrase into the next."""
    mix: tuple[float, ...] = ()
    """In place of that, both phrases at once: the share of the second, 0 to 1, at evenly spaced moments."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.phrases) < 2:
            raise DancenetError(f"{len(self.phrases)} --phrases", "two or more")
        if not 0.3 <= self.over < float("inf"):
            raise DancenetError(f"--over {self.over}", "0.3 seconds or more")
        if self.mix and len(self.phrases) != 2:
            raise DancenetError(f"--mix with {len(self.phrases)} --phrases", "two phrases")
        for share in self.mix:
            if not 0 <= share <= 1:
                raise DancenetError(f"--mix {share}", "shares of 0 to 1")


@dataclass(frozen=True, kw_only=True)
class TransferOptions(VerbOptions):
    """One dancer of a run dances what another one danced."""

    video: str | None = None
    """The video that drives, of anybody: VIDEO, whole or :START-END of it."""
    clip: str | None = None
    """In place of that, a clip of the run's own film: CLIP, whole or :START-END of it."""
    amount: float = 0.0
    """How differently it is danced: 0 as it is seen (then chance plays no part), 0.2 a nuance, 1 a cousin."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.video is None) == (self.clip is None):
            both = "--video and --clip together" if self.video else "neither --video nor --clip"
            raise DancenetError(both, "one of the two", "for example --video other.mp4")
        if self.dancer is None:
            raise DancenetError("no --dancer", "who shall dance it", "dancenet info --run DIR names them")
        if not 0 <= self.amount <= 1:
            raise DancenetError(f"--amount {self.amount}", "0 (as it is seen) to 1 (a cousin)")


#: Tempo of a loop that is told in beats without music.
LOOP_TEMPO = 112.0


@dataclass(frozen=True, kw_only=True)
class LoopOptions(VerbOptions):
    """A dance that ends where it begins."""

    seconds: float | None = None
    """Length of the loop; the default is 4."""
    beats: int | None = None
    """Length in beats, of --tempo or of the music, in place of seconds."""
    tempo: float | None = None
    """Beats per minute; the default is that of the music, or 112."""
    start: str | None = None
    """CLIP:SECOND, an image or a saved pose in which it begins and ends; the default is a moment that the
    seed picks."""
    times: int = 1
    """How often a video (mp4) shows it; GIF and WebP repeat for ever by themselves."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seconds is not None and self.beats is not None:
            raise DancenetError("--seconds and --beats together", "one of the two")
        if self.tempo is not None and not 20 <= self.tempo <= 400:
            raise DancenetError(f"--tempo {self.tempo}", "20 to 400 beats per minute")
        if self.tempo is not None and self.beats is None:
            raise DancenetError("--tempo without --beats", "how many beats the loop lasts", "add --beats 8")
        if self.beats is not None and self.beats < 1:
            raise DancenetError(f"--beats {self.beats}", "1 or more")
        if self.seconds is not None and not 0.5 <= self.seconds < float("inf"):
            raise DancenetError(f"--seconds {self.seconds}", "0.5 or more", "for example --seconds 4")
        if self.times < 1:
            raise DancenetError(f"--times {self.times}", "1 or more")
