"""Dance in time: where a dance has its beats, how well they meet the music's, and a warp of time that helps.

Times are seconds. Shape letters: T time steps, K knots, H height, W width.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

#: Width of "on the beat": 3 frames at 60 per second (Li et al. 2021, section 5.2).
SIGMA_S = 0.05
#: Body speed is smoothed over so long before its minima are looked for: noise of single frames has none.
SMOOTH_S = 0.08
#: To meet beats, a dance is played at most so much faster or slower than the music's energy asks.
FASTEST = 1.25
#: To meet beats, a moment of the dance is never shown earlier or later than by this.
DRIFT_S = 4.0
#: Resolution of the search, per second.
GRID = 120
#: What a beat met is worth at sync 1, in seconds of dance played e times as fast. Twice as much meets fewer:
#: a warp so strong moves the moments in which the body halts.
WORTH = 0.025
#: The loudest music is danced so much faster than the dancer's own speed, the quietest so much slower.
ENERGY = 1.35


def body_speed(pictures: np.ndarray) -> np.ndarray:
    """(T - 1,): distance of neighbouring grey pictures (T, H, W), of uint8 or floats."""
    return np.array([cv2.norm(before, after) for before, after in pairwise(pictures)], np.float32)


def kinematic_beats(speed: np.ndarray, fps: float) -> np.ndarray:
    """Times of a dance's own beats: the minima of its body speed (Li et al. 2021, section 5.2).

    Args:
        speed: (T - 1,) between neighbouring frames.
        fps: rate of the frames; the first lies at 0.

    Returns:
        (beats,) seconds, between frames by a parabola through the minimum.
    """
    from scipy.signal import argrelmin  # takes a third of a second, and few dances follow music

    if len(speed) < 3:
        return np.zeros(0)
    smooth = gaussian_filter1d(np.asarray(speed, float), SMOOTH_S * fps)
    at = argrelmin(smooth)[0]
    before, here, after = smooth[at - 1], smooth[at], smooth[at + 1]
    part = 0.5 * (before - after) / np.maximum(before - 2 * here + after, 1e-12)
    return (at + 0.5 + np.clip(part, -0.5, 0.5)) / fps


def shown_beats(speed: np.ndarray, fps: float, warp: "Warp") -> np.ndarray:
    """The same of a dance as a warp shows it: played faster, a body is faster.

    Args:
        speed, fps: as for `kinematic_beats`, of the dance as it was made.
        warp: see there.

    Returns:
        (beats,) seconds of the music.
    """
    times_s = np.arange(0.0, float(warp.music_s[-1]), 1 / GRID)
    if len(speed) < 3 or len(times_s) < 3:
        return np.zeros(0)
    made_s = warp(times_s)
    here = np.interp(made_s, (np.arange(len(speed)) + 0.5) / fps, speed)
    return kinematic_beats(here * np.gradient(made_s, 1 / GRID), GRID) - 0.5 / GRID


def beat_alignment(beats_s: np.ndarray, others_s: np.ndarray) -> float:
    """How near the beats of one kind have one of the other kind, in [0, 1].

    The mean of exp(-d² / 2σ²) over `beats_s`, d the distance to the nearest of `others_s`: with kinematic
    beats first as in Li et al. (2021), eq. 3; with musical beats first as in Siyao et al. (2022). More beats
    on either side raise it: it says something only beside a random phase (`random_phase`).
    """
    if not len(beats_s) or not len(others_s):
        return 0.0
    return float(np.exp(-(_apart(np.asarray(beats_s), np.asarray(others_s)) ** 2) / (2 * SIGMA_S**2)).mean())


def random_phase(beats_s: np.ndarray, others_s: np.ndarray, *, seed: int = 0, draws: int = 200) -> float:
    """`beat_alignment` of beats moved by up to their own spacing, on average: what chance alone gives."""
    random = np.random.default_rng(seed)
    spacing = float(np.median(np.diff(beats_s))) if len(beats_s) > 1 else 1.0
    moved = (np.asarray(beats_s) + random.uniform(0, spacing) for _ in range(draws))
    return float(np.mean([beat_alignment(beats, others_s) for beats in moved]))


def _apart(times_s: np.ndarray, others_s: np.ndarray) -> np.ndarray:
    """Distance of each time to the nearest of the others, which are sorted."""
    after = np.clip(np.searchsorted(others_s, times_s), 0, len(others_s) - 1)
    before = np.maximum(after - 1, 0)
    return np.minimum(np.abs(times_s - others_s[before]), np.abs(times_s - others_s[after]))


def in_dancers_tempo(beats_s: np.ndarray, spacing_s: float | None) -> np.ndarray:
    """Every beat, every second one, or also half beats: whichever is nearest to the dancer's own spacing.

    So the dancer moves at a natural speed to a song of any tempo (double and half time).

    Args:
        beats_s: of the music, rising.
        spacing_s: between the dancer's beats; None: every beat.
    """
    if len(beats_s) < 3 or spacing_s is None:
        return beats_s
    half = np.sort(np.concatenate([beats_s, beats_s[:-1] + np.diff(beats_s) / 2]))
    return min(
        (beats_s, beats_s[::2], half), key=lambda grid: abs(np.log(np.median(np.diff(grid)) / spacing_s))
    )


@dataclass(frozen=True)
class Warp:
    """A smooth, rising map from the time of the music to the time of the dance as it was made.

    Attributes:
        music_s, dance_s: (K,) knots, both rising.
    """

    music_s: np.ndarray
    dance_s: np.ndarray

    def __call__(self, times_s: np.ndarray) -> np.ndarray:
        """Which moment of the dance is shown at which time of the music; (T,) both.

        Between knots a monotone cubic (Fritsch & Carlson 1980): its speed never jumps.
        """
        return PchipInterpolator(self.music_s, self.dance_s)(times_s)

    @classmethod
    def steady(cls, duration_s: float) -> "Warp":
        """No warp at all."""
        ends = np.array([0.0, duration_s])
        return cls(ends, ends)

    @classmethod
    def lively(cls, times_s: np.ndarray, liveliness: np.ndarray) -> "Warp":
        """Faster where the music is lively, slower where it is calm.

        Args:
            times_s: (K,) of the music, from 0 to its end, rising.
            liveliness: (K,) in [-1, 1]: 1 is danced `ENERGY` times as fast as the dancer would, -1 as much
                slower.
        """
        speed = ENERGY ** np.clip(liveliness, -1, 1)
        passed = np.diff(times_s) * (speed[:-1] + speed[1:]) / 2
        return cls(np.asarray(times_s, float), np.concatenate([[0.0], np.cumsum(passed)]))


def fit_warp(
    beats_s: np.ndarray,
    dance_beats_s: np.ndarray,
    base: Warp,
    *,
    sync: float,
    even: bool = False,
) -> Warp:
    """The warp that brings a dance's beats onto the music's as far as `sync` asks.

    The cheapest path in time, found by dynamic programming: playing for t seconds at r times the speed of
    `base` costs t · log(r)², a beat that meets one of the dance's earns up to WORTH · sync, falling with the
    distance as in `beat_alignment`.

    Args:
        beats_s: of the music, rising.
        dance_beats_s: of the dance as it was made, rising (`kinematic_beats`).
        base: how the dance goes without regard to beats (`Warp.steady`, `Warp.lively`). The dance must go on
            for `DRIFT_S` longer than this.
        sync: 0 (`base` itself) to 1 (as strict as the limits of speed allow).
        even: whether the dance must also end with `base`; then no more of it is needed.

    Returns:
        the warp; speeds lie within `FASTEST` of those of `base` between any two beats.
    """
    end_s = float(base.music_s[-1])
    beats = beats_s[(beats_s > 2 / GRID) & (beats_s < end_s - 2 / GRID)]
    if sync == 0 or not len(beats):
        return base
    knots = np.concatenate([[0.0], beats, [end_s]])
    away = _cheapest(knots, base(knots), np.asarray(dance_beats_s, float), WORTH * sync, even)
    return Warp(knots, base(knots) + away)


def _cheapest(
    knots: np.ndarray, expected_s: np.ndarray, dance_beats_s: np.ndarray, worth: float, even: bool
) -> np.ndarray:
    """(K,) seconds by which the dance is ahead of `expected_s` at the knots; 0 at first, free at last.

    Args:
        knots, expected_s: (K,) of the music, and of the dance there as `base` has it.
        dance_beats_s: see `fit_warp`.
        worth: of a beat met.
        even: whether it is 0 at last as well.
    """
    ticks = np.rint(expected_s * GRID).astype(int)
    reach = round(DRIFT_S * GRID)
    offsets = np.arange(-reach, reach + 1)
    cost = np.where(offsets == 0, 0.0, np.inf)
    choices = []
    for k, gap in enumerate(np.maximum(np.diff(ticks), 1)):
        steps = np.arange(int(np.ceil(gap / FASTEST)), int(gap * FASTEST) + 1)
        prices = (knots[k + 1] - knots[k]) * np.log(steps / gap) ** 2
        best, choice = np.full(len(cost), np.inf), np.zeros(len(cost), int)
        for step, price in zip(steps - gap, prices, strict=True):
            moved = _shifted(cost, step) + price
            better = moved < best
            best[better], choice[better] = moved[better], step
        if k < len(ticks) - 2 and len(dance_beats_s):
            apart = _apart((ticks[k + 1] + offsets) / GRID, dance_beats_s)
            best -= worth * np.exp(-(apart**2) / (2 * SIGMA_S**2))
        cost = best
        choices.append(choice)
    at = reach if even else int(np.argmin(cost))
    path = [at]
    for choice in reversed(choices):
        at -= int(choice[at])
        path.append(at)
    return offsets[path[::-1]] / GRID


def _shifted(values: np.ndarray, step: int) -> np.ndarray:
    """`values` moved up by `step` places, infinity coming in."""
    moved = np.full(len(values), np.inf)
    if step >= 0:
        moved[step:] = values[: len(values) - step]
    else:
        moved[:step] = values[-step:]
    return moved
