"""Figures of movement: functions of pose sequences alone, whatever the poses were measured in.

A *stretch* is a list of segments, each (N, D) float points at one rate: a made dance is one segment,
real takes put together are several. Nothing is ever counted across the join of two segments.
"""

import math
from collections.abc import Sequence

import numpy as np

Stretch = Sequence[np.ndarray]

#: A second is frozen where its motion is under this share of the median real second.
FROZEN_SHARE = 0.15

#: Lags, in seconds, at which a dance may be found to repeat itself.
LAGS_S = (1.0, 8.0)

#: Points nearer than this are the same (one grey level of one small pixel is 0.004): rounding, not dance.
SAME = 1e-3


def steps(stretch: Stretch) -> np.ndarray:
    """Length of every step between neighbouring frames, all segments one after the other."""
    return np.concatenate([np.linalg.norm(np.diff(part, axis=0), axis=1) for part in stretch])


def motion(stretch: Stretch) -> float:
    """Mean step between frames. Too low: sluggish, averaged or blurred; too high: frantic or noisy."""
    found = steps(stretch)
    return float(found.mean()) if len(found) else 0.0


def jitter(stretch: Stretch) -> float:
    """Mean second difference over mean step, in [0, 2]: trembling, pops and cuts.

    An even movement has 0, one that goes back and forth at every frame has 2. 0 for a still.
    """
    turns = np.concatenate([np.linalg.norm(np.diff(part, n=2, axis=0), axis=1) for part in stretch])
    mean_step = motion(stretch)
    return float(turns.mean() / mean_step) if len(turns) and mean_step > SAME else 0.0


def motion_of_seconds(stretch: Stretch, fps: float) -> list[np.ndarray]:
    """Mean step of every whole second, one array per segment; what is left of a segment is not counted."""
    length = max(1, round(fps))
    found = []
    for part in stretch:
        lengths = np.linalg.norm(np.diff(part, axis=0), axis=1)
        whole = len(lengths) // length
        found.append(lengths[: whole * length].reshape(whole, length).mean(axis=1))
    return found


def jitter_of_seconds(points: np.ndarray, fps: float) -> np.ndarray:
    """Jitter of every whole second of one segment (N, D), as `jitter` of a whole stretch."""
    length = max(1, round(fps))
    whole = (len(points) - 1) // length
    # a second's last second difference needs a frame of the next one
    return np.array([jitter([points[i * length : (i + 1) * length + 2]]) for i in range(whole)])


def frozen_seconds(stretch: Stretch, fps: float, median_second: float) -> list[np.ndarray]:
    """For every whole second whether it is frozen, one array of bool per segment."""
    return [seconds < FROZEN_SHARE * median_second for seconds in motion_of_seconds(stretch, fps)]


def frozen(stretch: Stretch, fps: float, median_second: float) -> tuple[float, float]:
    """Freezes: share of frozen seconds in [0, 1], and the longest run of them in seconds.

    Args:
        stretch: the dance.
        fps: its rate.
        median_second: motion of the median second of unseen real takes; under 15% of it is frozen.
    """
    flags = frozen_seconds(stretch, fps, median_second)
    everything = np.concatenate(flags)
    longest = 0
    for segment in flags:
        run = 0
        for flag in segment:
            run = run + 1 if flag else 0
            longest = max(longest, run)
    return (float(everything.mean()) if len(everything) else 0.0), float(longest)


def self_repetition(stretch: Stretch, fps: float) -> float:
    """Highest autocorrelation at lags of 1 to 8 s: loops. 1 where a dance repeats itself exactly.

    Lags stop at half of the longest segment, for lack of evidence. A still repeats itself: 1.

    Returns:
        A number in [-1, 1]; 0 where every segment is shorter than two seconds.
    """
    last = min(round(LAGS_S[1] * fps), max(len(part) for part in stretch) // 2)
    lags = range(round(LAGS_S[0] * fps), last + 1)
    return max(autocorrelation(stretch, lags), default=0.0)


def autocorrelation(stretch: Stretch, lags: Sequence[int]) -> list[float]:
    """How much a dance is as it was some frames ago, one number in [-1, 1] per lag.

    The points are centred on their mean over the whole stretch. At each lag L the sum of the scalar
    products x(t)·x(t+L) is divided by the energy of the two parts that overlap,
    sqrt(Σ|x(t)|² · Σ|x(t+L)|²), so that long lags are not favoured or punished for having fewer pairs.

    Args:
        stretch: the dance.
        lags: in frames, each shorter than the longest segment.
    """
    mean = np.concatenate(list(stretch)).mean(axis=0, dtype=np.float64)
    centred = [part - mean for part in stretch]
    found = []
    for lag in lags:
        pairs = [(part[:-lag], part[lag:]) for part in centred if len(part) > lag]
        product = sum(float(np.sum(early * late)) for early, late in pairs)
        energy = math.sqrt(
            sum(float(np.sum(early * early)) for early, _ in pairs)
            * sum(float(np.sum(late * late)) for _, late in pairs)
        )
        overlapping = sum(len(early) for early, _ in pairs)
        found.append(product / energy if energy > overlapping * SAME**2 else 1.0)
    return found
