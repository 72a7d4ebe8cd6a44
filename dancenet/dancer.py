"""The built-in dancer: a figure with a known truth that dances to its own music.

It is the default data of the demo, the tests' known truth, and a source of data. `write_video`
writes an ordinary video; everything downstream treats it as any other.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.config import DancerOptions
from dancenet.errors import DancenetError
from dancenet.figure import drawing
from dancenet.figure.body import BODIES, JOINT_NAMES, Body, forward_kinematics
from dancenet.figure.choreography import MOVES, compose, counts_per_beat
from dancenet.figure.soundtrack import soundtrack
from dancenet.media.sound_out import Samples
from dancenet.runs import Progress, replacing, silent
from dancenet.video import VideoWriter, probe

__all__ = [
    "BODIES", "JOINT_NAMES", "MOVES", "Body", "Choreography", "choreograph", "danced", "draw", "options_of",
    "project", "save_truth", "soundtrack", "write_video",
]  # fmt: skip

#: How far the hips sink on each count, in metres, beside what the moves ask for.
_BOUNCE_M = 0.022
_BOUNCE_PITCH_DEG = 2.5
#: Under this word a film's comment holds the options that it was made with.
_SAYS = "dancenet dancer"


@dataclass(frozen=True)
class Choreography:
    """What the dancer did, frame by frame. Shape letters: T frames, J joints.

    Attributes:
        joints_m: (T, J, 3) float32 metres; axes as in `dancenet.figure.body`.
        joint_names: (J,) names, `_l` the dancer's left, `_r` the right.
        labels: (T,) the move danced in each frame.
        planted: (T, 2) bool, whether the ball of the left and of the right foot stands on the floor.
        beat_times_s: (n,) float64, the music's beats; the first is at 0.
        fps, tempo_bpm, seed, body: what it was made with.
    """

    joints_m: np.ndarray
    joint_names: tuple[str, ...]
    labels: tuple[str, ...]
    planted: np.ndarray
    beat_times_s: np.ndarray
    fps: float
    tempo_bpm: float
    seed: int
    body: Body

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.joints_m) / self.fps


def choreograph(
    duration_s: float, *, tempo_bpm: float = 112.0, seed: int = 0, fps: float = 30.0, body: Body | None = None
) -> Choreography:
    """A dance of `duration_s` seconds whose poses arrive on the beats.

    Args:
        duration_s: length in seconds, above 0.
        tempo_bpm: beats per minute, 40 to 240. The dance takes one count a beat, or half or twice as
            many where the music is very fast or slow.
        seed: another seed is another choreography by the same body; the same seed is the same dance.
        fps: frames per second, above 0.
        body: proportions and colours.

    Raises:
        DancenetError: an argument is outside its range.
    """
    if not 0 < duration_s < float("inf"):
        raise DancenetError(f"a dance of {duration_s} seconds", "a length above 0")
    if not 40 <= tempo_bpm <= 240:
        raise DancenetError(f"a tempo of {tempo_bpm}", "40 to 240 beats per minute")
    if not 0 < fps < float("inf"):
        raise DancenetError(f"{fps} frames per second", "a rate above 0")
    if seed < 0:
        raise DancenetError(f"seed {seed}", "a whole number of 0 or more")
    body = body or Body()
    frames = max(1, round(duration_s * fps))
    times_s = np.arange(frames) / fps
    counts = times_s * tempo_bpm / 60.0 * counts_per_beat(tempo_bpm)
    score = compose(float(counts[-1]), seed, scale=body.height_m / Body.height_m)
    channels = score.channels(counts)
    beneath = 0.5 + 0.5 * np.cos(2 * np.pi * counts)
    channels["drop"] = channels["drop"] + _BOUNCE_M * channels["bounce"] * beneath
    channels["chest_pitch"] = channels["chest_pitch"] + _BOUNCE_PITCH_DEG * channels["bounce"] * (
        beneath - 0.5
    )
    beat_s = 60.0 / tempo_bpm
    starts = [start for start, _ in score.names]
    spoken = np.searchsorted(starts, counts + 1e-9, side="right") - 1
    return Choreography(
        joints_m=forward_kinematics(channels, body).astype(np.float32),
        joint_names=JOINT_NAMES,
        labels=tuple(score.names[index][1] for index in spoken),
        planted=score.planted(counts),
        beat_times_s=np.arange(int(np.floor((frames / fps) / beat_s - 1e-9)) + 1) * beat_s,
        fps=fps, tempo_bpm=tempo_bpm, seed=seed, body=body,
    )  # fmt: skip


def danced(options: DancerOptions) -> Choreography:
    """What a film with these options shows."""
    return choreograph(
        options.minutes * 60.0, tempo_bpm=options.tempo, seed=options.seed, fps=options.fps,
        body=BODIES[options.body],
    )  # fmt: skip


def project(joints_m: np.ndarray, width: int, height: int) -> np.ndarray:
    """Where the camera sees joints: (..., 3) metres to (..., 2) pixels (x right, y down)."""
    return drawing.camera(width, height).project(joints_m)[0]


def draw(
    choreography: Choreography, *, width: int = 416, height: int = 240, silhouette: bool = False
) -> Iterator[np.ndarray]:
    """Yield every frame as uint8 RGB (H, W, 3); memory stays flat whatever the length.

    Args:
        choreography: from `choreograph`.
        width, height: the picture's size in pixels.
        silhouette: black on white in place of shaded colour.
    """
    painter = drawing.Painter(choreography.body, width, height, silhouette=silhouette)
    for start in range(0, len(choreography.joints_m), drawing.CHUNK):
        yield from painter.frames(choreography.joints_m[start : start + drawing.CHUNK])


def write_video(
    path: Path, options: DancerOptions, progress: Progress = silent, *, sound: bool = True
) -> Choreography:
    """Write the dancer's video with its music, frame by frame, and return what was danced.

    The file says what it was made with (`options_of`), so that its truth can be had again. Without `sound`
    it is silent.

    Raises:
        DancenetError: the file cannot be written.
    """
    choreography = danced(options)
    music = None
    if sound:
        rate_hz = 44100
        waves = soundtrack(choreography.duration_s, options.tempo, options.seed, rate_hz=rate_hz)
        music = Samples(waves, rate_hz)
    total = len(choreography.joints_m)
    pictures = draw(choreography, width=options.width, height=options.height, silhouette=options.silhouette)
    with VideoWriter(
        path, width=options.width, height=options.height, fps=options.fps,
        sound=music, comment=json.dumps({_SAYS: _said(options)}),
    ) as writer:  # fmt: skip
        for done, picture in enumerate(pictures, start=1):
            writer.write(picture)
            if done % 100 == 0 or done == total:
                progress("drawing the dancer", done, total)
    return choreography


def _said(options: DancerOptions) -> dict[str, Any]:
    """The options, but for the first body: its films are as they were when it was the only one."""
    said = asdict(options)
    if options.body == DancerOptions.body:
        del said["body"]
    return said


def options_of(path: Path) -> DancerOptions | None:
    """What a film of the built-in dancer was made with; None for any other film.

    Raises:
        DancenetError: it cannot be read.
    """
    try:
        return DancerOptions(**json.loads(probe(path).comment)[_SAYS])
    except (ValueError, TypeError, KeyError):  # no comment, or somebody else's
        return None


def save_truth(path: Path, choreography: Choreography) -> None:
    """Write joints, labels and beats as a `.npz` that loads without pickle."""
    with replacing(Path(path)) as beside, beside.open("wb") as file:
        np.savez_compressed(
            file,
            joints_m=choreography.joints_m, joint_names=np.array(choreography.joint_names),
            labels=np.array(choreography.labels), planted=choreography.planted,
            beat_times_s=choreography.beat_times_s, fps=choreography.fps, tempo_bpm=choreography.tempo_bpm,
            seed=choreography.seed,
        )  # fmt: skip
