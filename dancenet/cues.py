"""Cues: where in the beat and the bar a moment of dance lies, and how lively it is; F = 6 numbers per frame.

In training they come from the takes (`stages/dancers_beat.py`), in a dance to music from the song
(`dancing/in_time.py`).
Shape letters: T time steps.
"""

from dataclasses import dataclass

import numpy as np

#: F: cosine and sine of the place in the beat, the same in the bar, liveliness, and whether that is known.
FEATURES = 6


@dataclass(frozen=True)
class Cues:
    """Cues of a stretch of dance; what is not known is NaN.

    Attributes:
        beat: (T,) beats counted from anywhere, rising: whole numbers are on the beat.
        bar: (T,) bars counted in the same way.
        energy: (T,) in [-1, 1]: 1 and -1 are as lively and as calm as a tenth of the takes is, or more.
    """

    beat: np.ndarray
    bar: np.ndarray
    energy: np.ndarray

    def __len__(self) -> int:
        return len(self.beat)

    @classmethod
    def none(cls, length: int) -> "Cues":
        """Nothing is known: a free dance."""
        nothing = np.full(length, np.nan)
        return cls(nothing, nothing, nothing)

    def at(self, places: np.ndarray) -> "Cues":
        """Cues between frames, at `places` (T',) counted in frames of this stretch."""
        first = int(np.clip(np.floor(np.min(places)), 0, len(self) - 1))
        near = slice(first, max(first, int(np.ceil(np.max(places)))) + 1)
        frames = np.arange(*near.indices(len(self)))
        return Cues(**{name: np.interp(places, frames, track[near]) for name, track in vars(self).items()})

    def part(self, frames: slice) -> "Cues":
        """A part of the stretch."""
        return Cues(**{name: track[frames] for name, track in vars(self).items()})

    def without(self, *tracks: str) -> "Cues":
        """The same, and nothing known of `beat`, `bar` or `energy`, whichever are named."""
        return Cues(
            **{
                name: np.full(len(self), np.nan) if name in tracks else track
                for name, track in vars(self).items()
            }
        )

    def features(self) -> np.ndarray:
        """(T, F) float32 as the choreographer sees them, all 0 where nothing is known."""
        columns = []
        for count in (self.beat, self.bar):
            columns += [np.cos(2 * np.pi * count), np.sin(2 * np.pi * count)]
        columns += [self.energy, np.where(np.isnan(self.energy), np.nan, 1.0)]
        return np.nan_to_num(np.stack(columns, axis=-1)).astype("float32")


def counted(times_s: np.ndarray, beats_s: np.ndarray) -> np.ndarray:
    """(T,) how many beats have passed at `times_s`, between beats a part; goes on at the ends' own tempo.

    Args:
        times_s: (T,) seconds.
        beats_s: (n,) rising seconds; fewer than two give NaN.
    """
    if len(beats_s) < 2:
        return np.full(len(times_s), np.nan)
    number = np.arange(len(beats_s))
    before = (times_s - beats_s[0]) / (beats_s[1] - beats_s[0])
    after = number[-1] + (times_s - beats_s[-1]) / (beats_s[-1] - beats_s[-2])
    inside = np.interp(times_s, beats_s, number)
    return np.where(times_s < beats_s[0], before, np.where(times_s > beats_s[-1], after, inside))
