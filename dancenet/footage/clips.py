"""Packed frames and the clips they consist of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dancenet.config import FrameOptions
from dancenet.errors import DancenetError

#: Of more takes than this not every number of them is tried to find those that validate.
MANY = 300


@dataclass(frozen=True)
class Clip:
    """A stretch of frames without a cut.

    Attributes:
        number: 1-based place in the run.
        name: stem of the file, `stem#2` ... after a cut.
        source: path of the video or image folder it comes from.
        performance: clips of one number show the same performance (one file, or several cameras).
        start, length: frames [start, start + length) of the packed frames.
        source_start_s: second of the source at which it begins.
        crop: for fit "follow", the window: width, height (parts of the picture's), dancer_height (median,
            as part of the window's) and centre (middle over time); None for other fits.
        beat_times_s, downbeat_times_s: of the source's sound, in seconds from the clip's start on; empty
            where it has no sound or no beat in it.
        dancer: who dances; empty where nobody said.
    """

    number: int
    name: str
    source: str
    performance: int
    start: int
    length: int
    source_start_s: float
    crop: dict[str, Any] | None = None
    beat_times_s: list[float] = field(default_factory=list)
    downbeat_times_s: list[float] = field(default_factory=list)
    dancer: str = ""

    @property
    def stop(self) -> int:
        """One past the clip's last frame."""
        return self.start + self.length


@dataclass(frozen=True)
class PackedFrames:
    """The frames of a run.

    Attributes:
        pixels: (N, H, W, C) uint8 memory map, read-only; C is 1 (grey) or 3 (RGB).
        backgrounds: (clips, H, W, C) uint8, what is behind the dancer in each clip, in the frames' own form.
        clips: in order; together they cover [0, N).
        fps: frames per second.
        options: what they were made with.
        fingerprint: changes when the frames do.
    """

    pixels: np.ndarray
    backgrounds: np.ndarray
    clips: tuple[Clip, ...]
    fps: float
    options: FrameOptions
    fingerprint: str

    @property
    def height(self) -> int:
        """Pixels."""
        return self.pixels.shape[1]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.pixels.shape[2]

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.pixels.shape[3]

    @property
    def dancers(self) -> tuple[str, ...]:
        """Names of several dancers, in the order in which they first appear; of a single one ()."""
        names = tuple(dict.fromkeys(clip.dancer for clip in self.clips))
        return names if len(names) > 1 else ()

    @property
    def bodies(self) -> np.ndarray:
        """(N,) whose body each frame shows, as a place in `dancers`; 0 where there is one dancer."""
        lengths, places = [clip.length for clip in self.clips], {n: i for i, n in enumerate(self.dancers)}
        return np.repeat([places.get(clip.dancer, 0) for clip in self.clips], lengths).astype("int32")

    def body_of(self, clip: Clip) -> int:
        """The place in `dancers` of who dances in a clip; 0 where there is one dancer."""
        return self.dancers.index(clip.dancer) if self.dancers else 0

    def body_named(self, dancer: str) -> int:
        """The place in `dancers` of a name.

        Raises:
            DancenetError: there is no such dancer, or only one.
        """
        if not self.dancers:
            raise DancenetError(
                f"dancer '{dancer}' of a run that knows one dancer", "a run of several, each with a name",
                "make one with a folder for each: dancenet frames FOLDER --dancers --run DIR",
            )  # fmt: skip
        if dancer not in self.dancers:
            raise DancenetError(f"no dancer is named '{dancer}'", f"one of {', '.join(self.dancers)}")
        return self.dancers.index(dancer)

    def __len__(self) -> int:
        return len(self.pixels)

    def clip_named(self, text: str) -> Clip:
        """The clip of that name (`stem`, `stem#2`) or 1-based number.

        Raises:
            DancenetError: there is none.
        """
        for clip in self.clips:
            if clip.name == text:
                return clip
        if re.fullmatch(r"\d+", text) and 1 <= int(text) <= len(self.clips):
            return self.clips[int(text) - 1]
        names = ", ".join(clip.name for clip in self.clips[:4]) + (" ..." if len(self.clips) > 4 else "")
        raise DancenetError(
            f"no clip is named '{text}'", f"one of {names}, or a number from 1 to {len(self.clips)}",
            "see them with: dancenet info --run DIR",
        )  # fmt: skip

    def locate(self, text: str) -> int:
        """The frame that `CLIP:SECOND` names; `CLIP` alone is the clip's first.

        Raises:
            DancenetError: no such clip, or a second outside of it.
        """
        name, colon, second_text = text.rpartition(":")
        if not colon:
            return self.clip_named(text).start
        clip = self.clip_named(name)
        try:
            second = float(second_text)
        except ValueError:
            second = float("nan")
        if not 0 <= second < clip.length / self.fps:
            raise DancenetError(
                f"'{text}' names no frame", f"a second from 0 to {clip.length / self.fps:.1f} of {clip.name}",
                f"for example {clip.name}:0",
            )  # fmt: skip
        return min(clip.start + round(second * self.fps), clip.stop - 1)


def takes_for_validation(clips: Sequence[Clip]) -> tuple[int, ...]:
    """Clips that are never trained on: about one in six, whole performances, evenly spread, always the same.

    Where all clips are one performance each clip counts as a take of its own. A single clip gives ():
    then the trainer holds out the clip's last sixth. Of several dancers that holds for each; what some
    of them danced together is held out for all, where that leaves something of each.

    Returns:
        0-based indices into `clips`, in order; never all of them.
    """
    by_dancer: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        by_dancer.setdefault(clip.dancer, []).append(index)
    picked = {index for own in by_dancer.values() for index in _held_out(clips, own)}
    shared = {clips[index].performance for index in picked}
    whole = {index for index, clip in enumerate(clips) if clip.performance in shared}
    if len(by_dancer) > 1 and all(set(own) - whole for own in by_dancer.values()):
        picked = whole
    return tuple(sorted(picked))


def _held_out(clips: Sequence[Clip], own: list[int]) -> list[int]:
    """Those clips of one dancer (`own`, by their places) that validate."""
    if len(own) < 2:
        return []
    groups: dict[int, list[int]] = {}
    for index in own:
        groups.setdefault(clips[index].performance, []).append(index)
    members = list(groups.values())
    if len(members) == 1:
        members = [[index] for index in members[0]]
    best: list[int] = []
    counts = range(1, len(members))
    if len(members) > MANY:  # of many takes about a sixth is what comes nearest to a sixth
        counts = range(len(members) // 12, len(members) // 3)
    for count in counts[:: max(1, len(counts) // MANY)]:
        picked = [members[int((place + 0.5) * len(members) / count)] for place in range(count)]
        takes = sorted(index for group in picked for index in group)
        if not best or abs(len(takes) - len(own) / 6) < abs(len(best) - len(own) / 6):
            best = takes
    return best
