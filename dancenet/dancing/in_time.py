"""A dance to music: how lively the music is, how long a dance it needs, and when each of its poses is shown.

Shape letters: T time steps, D = 128 latent dimensions.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dancenet.cues import Cues, counted
from dancenet.evaluation.features import small_grey
from dancenet.timing import (
    DRIFT_S,
    Warp,
    beat_alignment,
    body_speed,
    fit_warp,
    in_dancers_tempo,
    kinematic_beats,
    shown_beats,
)

if TYPE_CHECKING:
    from dancenet.music import Music

#: Loudness counts as it is over about so long: a body follows phrases, not drum strokes.
PHRASE_S = 1.0
#: Songs whose loud and quiet passages are nearer than this, in dB, are danced as if they were this far apart.
LEAST_RANGE_DB = 6.0
#: A warp moves the moments at which the body halts: they are looked for as it shows them, and it is fitted
#: anew to those, so many times in all; the one that meets the most beats is taken.
ROUNDS = 4
#: Times per second at which liveliness is kept.
RATE = 4
#: The energy that the choreographer is told of a dance without music: livelier than the dancer's usual
#: moments, for a model that has learned more than one way to go on is calmer than it is told to be.
FREE_ENERGY = 0.5
#: Liveliness of music, and the energy told for it.
TOLD = ([-1.0, 0.0, 1.0], [FREE_ENERGY - 0.5, FREE_ENERGY, FREE_ENERGY + 0.5])
#: So much more energy is told where beats are told too: they calm the dance a little.
BEATS_CALM = 0.15
_NO_BARS = np.zeros(0)


@dataclass(frozen=True)
class Rhythm:
    """What a dance needs to know of its music.

    Attributes:
        beats_s: (n,) rising, seconds from where the dance begins.
        base: how fast it is danced, by the energy of the music; its last knot is the end.
        energy: (K,) in [-1, 1] at the knots of `base`: how lively the music is.
        downbeats_s: (m,) rising; empty where bars are not known.
    """

    beats_s: np.ndarray
    base: Warp
    energy: np.ndarray
    downbeats_s: np.ndarray = field(default_factory=lambda: _NO_BARS)

    @classmethod
    def of(
        cls,
        beats_s: np.ndarray,
        loudness: np.ndarray,
        loudness_fps: float,
        *,
        start_s: float,
        duration_s: float,
        energy: float,
        downbeats_s: np.ndarray = _NO_BARS,
    ) -> "Rhythm":
        """The rhythm of a part of a song.

        Args:
            beats_s: of the whole song.
            loudness: (T,) in dB (LUFS) of the whole song.
            loudness_fps: its rate.
            start_s, duration_s: the part that is danced to.
            energy: 0 (evenly) to 1 (as much faster and slower as `timing.ENERGY` allows).
            downbeats_s: of the whole song; none where they are a guess.
        """
        beats_s, downbeats_s = (
            times_s[(times_s >= start_s) & (times_s < start_s + duration_s)] - start_s
            for times_s in (beats_s, downbeats_s)
        )
        times = np.append(np.arange(0, duration_s, 1 / RATE), duration_s)
        lively = energy * np.interp(
            start_s + times, np.arange(len(loudness)) / loudness_fps, liveliness(loudness, loudness_fps)
        )
        return cls(beats_s, Warp.lively(times, lively), lively, downbeats_s)

    @classmethod
    def of_music(cls, song: "Music", *, start_s: float, duration_s: float, energy: float) -> "Rhythm":
        """The rhythm of a part of a song as it was heard; arguments as of `of`."""
        return cls.of(
            song.beats_s, song.loudness_lufs, song.fps, start_s=start_s, duration_s=duration_s,
            energy=energy, downbeats_s=song.known_downbeats_s,
        )  # fmt: skip

    @property
    def dance_s(self) -> float:
        """Length of dance that must be there, seconds."""
        return float(self.base.dance_s[-1]) + DRIFT_S

    def cues(self, count: int, rate: float, beat_s: float | None) -> Cues:
        """What the choreographer is told of the music, for each of the poses that it makes.

        Args:
            count: of poses; the first lies at the beginning.
            rate: poses per second of dance.
            beat_s: time between the dancer's own beats; None leaves beat and bar out.
        """
        dance_s = np.arange(count) / rate
        times_s = np.interp(dance_s, self.base.dance_s, self.base.music_s)
        times_s += np.maximum(dance_s - self.base.dance_s[-1], 0)
        return self.cues_at(times_s, beat_s)

    def cues_at(self, times_s: np.ndarray, beat_s: float | None) -> Cues:
        """The same for poses of which it is known when they are shown, at `times_s` (T,) of the music."""
        known = Cues.none(len(times_s))
        energy = np.interp(np.interp(times_s, self.base.music_s, self.energy), *TOLD)
        if beat_s is None:
            return replace(known, energy=energy)
        grid = in_dancers_tempo(self.beats_s, beat_s)
        return Cues(counted(times_s, grid), counted(times_s, self.downbeats_s), energy + BEATS_CALM)


def free_cues(count: int) -> Cues:
    """Cues of a dance without music."""
    return replace(Cues.none(count), energy=np.full(count, FREE_ENERGY))


def liveliness(loudness: np.ndarray, fps: float) -> np.ndarray:
    """(T,) in [-1, 1]: loudness (T,) in dB against the song's own median, smoothed over a phrase.

    1 and -1 are as loud and as quiet as a tenth of the song is, or more; silence is -1.
    """
    smooth = gaussian_filter1d(np.asarray(loudness, float), PHRASE_S * fps / 2)
    quiet, usual, loud = np.percentile(smooth, [10, 50, 90])
    half = max(loud - quiet, LEAST_RANGE_DB) / 2
    return np.clip((smooth - usual) / half, -1, 1)


def danced_beats(rhythm: Rhythm, own_s: np.ndarray, beat_s: float | None) -> np.ndarray:
    """The beats of the music that a dance is brought onto: all, or in half time every second one.

    In double time it is told half beats too, but they are no beats of the music: to meet them as well costs
    beats that are heard.

    Args:
        rhythm: of the music.
        own_s: the dance's beats, rising.
        beat_s: time between the dancer's own beats, as the dance was made to them (`Rhythm.cues`): told and
            met must be the same. None: that of the dance itself.
    """
    if beat_s is None and len(own_s) > 2:
        beat_s = float(np.median(np.diff(own_s)))
    told = in_dancers_tempo(rhythm.beats_s, beat_s)
    return rhythm.beats_s if len(told) > len(rhythm.beats_s) else told


def follow(rhythm: Rhythm, frames, fps: float, *, sync: float, beat_s: float | None = None) -> Warp:
    """When each moment of a dance is shown, so that its beats meet the music's.

    Args:
        rhythm: of the music.
        frames: the dance's poses as pictures (H, W, C) uint8, an iterable.
        fps: their rate.
        sync: see `timing.fit_warp`.
        beat_s: see `danced_beats`.
    """
    if not sync:
        return rhythm.base
    speed = body_speed(small_grey(frames))
    own = kinematic_beats(speed, fps)
    beats = danced_beats(rhythm, own, beat_s)
    best, met = rhythm.base, -1.0
    for _ in range(ROUNDS):
        warp = fit_warp(beats, own, rhythm.base, sync=sync)
        shown_s = shown_beats(speed, fps, warp)
        if (now := beat_alignment(beats, shown_s)) > met:
            best, met = warp, now
        own = warp(shown_s)
    return best
