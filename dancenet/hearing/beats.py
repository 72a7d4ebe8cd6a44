"""Beats, whatever the tempo does: dynamic programming over moments and tempi.

Ellis (2007), "Beat Tracking by Dynamic Programming", finds the beats that best join onsets at one tempo. Here
tempo is part of the state, as in the bar pointer model (Whiteley et al. 2006; Krebs et al. 2015), so that it
may drift and now and then jump, and an onset between two beats counts against them: that decides between a
tempo and its half or double.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dancenet.hearing.spectrum import FPS, Onsets

#: Slowest and fastest beat that is sought, in beats per minute.
SLOWEST_BPM, FASTEST_BPM = 54.0, 216.0
#: Where tempo is likeliest before anything is heard, and its spread in octaves (Ellis 2007, eq. 7: 120, 1.4).
LIKELIEST_BPM, SPREAD_OCTAVES = 112.0, 0.9

#: Ratio of neighbouring tempi in the grid.
_STEP = 1.02
#: Standard deviation of a beat's interval around its tempo, as a share of it.
_LOOSENESS = 0.025
#: Nats that a tempo change costs: per step of the grid, and at most (a jump).
_DRIFT_COST, _JUMP_COST = 1.0, 12.0
#: Nats a second by which the prior of tempo counts: it speaks where the onsets leave an octave open.
_PRIOR_WEIGHT = 0.05
#: A beat where nothing begins counts as if so much did.
_MISSED = 0.1
#: Frames around a beat in which onsets are its own.
_OWN = 5
#: Frames by which a beat may miss the onset that it stands for (standard deviation).
_AIM = 1.5
#: Places before a beat at which its predecessor is sought, in relation to the period.
_REACH = np.linspace(-0.09, 0.09, 13)


@dataclass(frozen=True)
class Beats:
    """Beats and how sure they are.

    Attributes:
        times_s: (n,) float64, rising.
        tempo_bpm: (n,) float64, smoothed over neighbouring beats.
        confidence: 0 (as good as chance) to 1.
    """

    times_s: np.ndarray
    tempo_bpm: np.ndarray
    confidence: float


def tempo_prior(bpm: np.ndarray) -> np.ndarray:
    """Log of a log-normal weight of tempi, 0 at the likeliest (Ellis 2007, eq. 7)."""
    return -0.5 * (np.log2(bpm / LIKELIEST_BPM) / SPREAD_OCTAVES) ** 2


def _grid() -> np.ndarray:
    """(P,) beat periods in frames, from the fastest to the slowest."""
    steps = int(np.log(FASTEST_BPM / SLOWEST_BPM) / np.log(_STEP)) + 1
    return 60.0 * FPS / FASTEST_BPM * _STEP ** np.arange(steps)


def _peaks(strength: np.ndarray) -> np.ndarray:
    """Onset strength at its local maxima, 0 elsewhere: an onset counts once. (T,)."""
    highest = ndimage.maximum_filter1d(strength, 7)
    return np.where((strength == highest) & (strength > 0.01), strength, 0.0)


def _evidence(onsets: Onsets) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihoods: (T,) of a beat at each frame, and (T + 1,) summed of no beat in all frames before."""
    peaks = _peaks(onsets.strength)
    near = np.zeros_like(peaks)
    for shift in range(-4, 5):
        np.maximum(near, np.roll(peaks, shift) * np.exp(-0.5 * (shift / _AIM) ** 2), out=near)
    beat = onsets.presence * np.log(_MISSED + (1 - _MISSED) * near)
    between = onsets.presence * np.log(1 - 0.95 * peaks)
    return beat, np.concatenate([[0.0], np.cumsum(between)])


def _transitions(periods: np.ndarray) -> np.ndarray:
    """(P, P) log-weight of going from one tempo (row) to another (column)."""
    number = np.arange(len(periods))
    drift = -_DRIFT_COST * np.abs(number[:, None] - number)
    jump = -_JUMP_COST + tempo_prior(60 * FPS / periods)
    return np.maximum(drift, jump[None])


def _search(beat: np.ndarray, between: np.ndarray) -> tuple[np.ndarray, float]:
    """The likeliest frames of beats, and their log-likelihood.

    score[t, p] is that of the best beats up to frame t, a beat at t, and period p from there on. No beat
    reaches back by less than the shortest lag, so that many frames are computed at once.
    """
    periods, count = _grid(), len(beat)
    lags = np.maximum(1, np.rint(periods[:, None] * (1 + _REACH))).astype(int)
    slack = (-0.5 * (np.log(lags / periods[:, None]) / _LOOSENESS) ** 2).astype(np.float32)
    change, prior = _transitions(periods).astype(np.float32), tempo_prior(60 * FPS / periods)
    slack += (_PRIOR_WEIGHT * prior * periods / FPS)[:, None].astype(np.float32)
    column, edge, block = np.arange(len(periods)), int(lags.max()), int(lags.min())
    # Rows before `edge` stand for times before the sound: no beat can lie there.
    score = np.full((edge + count, len(periods)), -np.inf, np.float32)
    came_from = np.full((count, len(periods)), -1, np.int32)
    came_by = np.zeros((count, len(periods)), np.int16)
    summed = np.concatenate([np.zeros(edge), between, np.full(_OWN, between[-1])])
    first_until = int(np.searchsorted(-between, 0.5)) + int(periods[-1])
    for first in range(0, count, block):
        now = np.arange(first, min(first + block, count))
        start = edge + now[:, None, None] - lags
        free = summed[np.maximum(edge + now - _OWN, 0)][:, None, None] - summed[start + _OWN]
        reached = score[start, column[:, None]] + slack + np.minimum(free, 0)
        best = reached.argmax(axis=2)[..., None]
        arrived = np.take_along_axis(reached, best, 2)[..., 0]
        came = np.take_along_axis(start, best, 2)[..., 0] - edge
        if first < first_until:  # the first beat: all before it is no beat
            begin = summed[edge + now - _OWN][:, None] + prior
            begin[now >= first_until] = -np.inf
            came = np.where(begin > arrived, -1, came)
            arrived = np.maximum(arrived, begin)
        onward = arrived[:, :, None] + change
        by = onward.argmax(axis=1)
        score[edge + now] = np.take_along_axis(onward, by[:, None], 1)[:, 0] + beat[now, None]
        came_from[now], came_by[now] = np.take_along_axis(came, by, 1), by
    last = max(0, count - int(periods[-1]))
    ending = score[edge + last :] + (between[-1] - summed[edge + last + _OWN :][: count - last, None])
    row, tempo = (int(place) for place in np.unravel_index(int(ending.argmax()), ending.shape))
    frame, found = row + last, []
    while frame >= 0:
        found.append(frame)
        frame, tempo = int(came_from[frame, tempo]), int(came_by[frame, tempo])
    return np.array(found[::-1]), float(ending.max())


def track(onsets: Onsets) -> Beats:
    """The beats of a piece, from the first to the last that can be heard; they go on through pauses between.

    Confidence is the larger of two: how much better the beats explain the onsets than the best beats explain
    the same onsets at random times (1 - log-likelihood / log-likelihood; speech has 0.2, a steady piece above
    0.7), and how well what happens between the beats repeats itself.
    """
    beat, between = _evidence(onsets)
    frames, total = _search(beat, between)
    struck = ndimage.maximum_filter1d(onsets.strength * (onsets.presence > 0.3), 2 * _OWN + 1)
    heard = np.flatnonzero(struck[frames] > 0.1)
    if len(heard) < 4:
        return Beats(np.zeros(0), np.zeros(0), 0.0)
    times_s = on_onsets(frames[heard[0] : heard[-1] + 1], onsets.strength)
    explained = 1 - (total / len(beat)) / min(_chance(onsets), -1e-9)
    # Where they explain no more than chance would, as in noise, repetition is of the tracker's own making.
    repeated = repetition(times_s, onsets.strength) * np.clip(explained / 0.1, 0, 1)
    sure = float(np.clip(max((explained - 0.2) / 0.5, repeated), 0, 1))
    return Beats(times_s, tempo_curve(times_s), sure)


def repetition(times_s: np.ndarray, strength: np.ndarray, bins: int = 12) -> float:
    """Correlation of onset strength between the beats with that 1, 2 or 4 beats later, whichever is highest.

    Time runs in beats, so that a changing tempo does not blur it. The beats themselves are left out: they
    were placed on onsets, in speech too. One standard error is taken off. -1 to 1; 0 for fewer than 8 beats.

    Args:
        times_s: (n,) beats.
        strength: (T,) onset strength, `FPS` per second.
        bins: samples per beat.
    """
    if len(times_s) < 8:
        return 0.0
    at_s = np.interp(np.arange((len(times_s) - 1) * bins) / bins, np.arange(len(times_s)), times_s)
    smooth = ndimage.gaussian_filter1d(strength, 1.5)
    folded = np.interp(at_s * FPS, np.arange(len(smooth)), smooth).reshape(-1, bins)[:, 2:-1]
    best = 0.0
    for lag in (1, 2, 4):
        one, two = folded[:-lag].ravel(), folded[lag:].ravel()
        spread = float(one.std() * two.std())
        if spread > 1e-6:
            alike = float(((one - one.mean()) * (two - two.mean())).mean()) / spread
            best = max(best, alike - 1 / np.sqrt(len(one)))
    return best


def _chance(onsets: Onsets, longest_s: float = 60.0) -> float:
    """Log-likelihood per frame of the best beats where the same onsets come at random times."""
    count = min(len(onsets.strength), int(longest_s * FPS))
    first = (len(onsets.strength) - count) // 2
    part = slice(first, first + count)
    peaks = _peaks(onsets.strength)[part]
    moved = np.zeros_like(peaks)
    found = peaks[peaks > 0]
    slots = np.random.default_rng(0).permutation(count // 4)[: len(found)] * 4
    moved[slots] = found[: len(slots)]
    return _search(*_evidence(Onsets(moved, onsets.regions[part], onsets.presence[part])))[1] / count


def on_onsets(frames: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Beat times in seconds, each at the top of the onset within 30 ms if there is one, between frames."""
    near = np.clip(frames[:, None] + np.arange(-3, 4), 1, len(strength) - 2)
    weight = strength[near] * np.exp(-0.5 * (np.arange(-3, 4) / 3) ** 2)
    top = near[np.arange(len(frames)), weight.argmax(axis=1)]
    top = np.where(strength[top] > 0.2, top, frames).clip(1, len(strength) - 2)
    left, middle, right = strength[top - 1], strength[top], strength[top + 1]
    bend = left - 2 * middle + right
    # The summit of the parabola through three points (Smith & Serra 1987).
    shift = np.where((bend < -1e-6) & (middle >= left) & (middle >= right),
                     0.5 * (left - right) / np.where(bend < -1e-6, bend, -1), 0.0)  # fmt: skip
    return np.maximum.accumulate((top + shift) / FPS)


def tempo_curve(times_s: np.ndarray) -> np.ndarray:
    """(n,) beats per minute at each beat: the median of up to five intervals around it, lightly smoothed."""
    if len(times_s) < 2:
        return np.zeros(len(times_s))
    intervals_s = np.maximum(np.diff(times_s), 1e-3)
    intervals_s = np.append(intervals_s, intervals_s[-1])
    steady = ndimage.median_filter(intervals_s, min(5, len(intervals_s)), mode="nearest")
    return 60.0 / ndimage.gaussian_filter1d(steady, 1.0, mode="nearest")


def steady(onsets: Onsets, fallback_bpm: float = 120.0) -> Beats:
    """Beats at one tempo from beginning to end, for sound in which none can be followed.

    The tempo is where the onset strength's autocorrelation, weighted by the prior of tempi, is highest (Ellis
    2007, eq. 6 and 7), the phase where most onsets lie; `fallback_bpm` from 0 where nothing begins at all.
    """
    strength, count = onsets.strength, len(onsets.strength)
    period, phase = 60.0 * FPS / fallback_bpm, 0.0
    lags = np.arange(int(60 * FPS / FASTEST_BPM) + 1, min(int(60 * FPS / SLOWEST_BPM) + 1, count // 2))
    if strength.max() > 0.2 and len(lags):
        centred = strength - strength.mean()
        alike = np.array([centred[lag:] @ centred[: count - lag] for lag in lags])
        # Sharper than while tracking: with little to hear, an ordinary tempo is the safest.
        period = float(lags[np.argmax(alike * np.exp(4 * tempo_prior(60 * FPS / lags)))])
        places = np.arange(int(period))
        phase = float(max(places, key=lambda place: strength[place :: int(period)].mean()))
    times_s = np.arange(phase, max(count, 2), period) / FPS
    return Beats(times_s, np.full(len(times_s), 60.0 * FPS / period), 0.0)
