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

#: Replay goes on over so many frames in a row whose nearest training frame lies elsewhere.
REPLAY_GAP = 2


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


def frozen(stretch: Stretch, fps: float, median_second: float) -> tuple[float, float]:
    """Freezes: share of frozen seconds in [0, 1], and the longest run of them in seconds.

    Args:
        stretch: the dance.
        fps: its rate.
        median_second: motion of the median second of unseen real takes; under 15% of it is frozen.
    """
    flags = [seconds < FROZEN_SHARE * median_second for seconds in motion_of_seconds(stretch, fps)]
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

    The points are centred on their mean over the whole stretch. At each lag L the sum of the scalar
    products x(t)·x(t+L) is divided by the energy of the two parts that overlap,
    sqrt(Σ|x(t)|² · Σ|x(t+L)|²), so that long lags are not favoured or punished for having fewer pairs.
    Lags stop at half of the longest segment, for lack of evidence. A still repeats itself: 1.

    Returns:
        A number in [-1, 1]; 0 where every segment is shorter than two seconds.
    """
    mean = np.concatenate(list(stretch)).mean(axis=0, dtype=np.float64)
    centred = [part - mean for part in stretch]
    longest = max(len(part) for part in centred)
    last = min(round(LAGS_S[1] * fps), longest // 2)
    best = -1.0 if last >= round(LAGS_S[0] * fps) else 0.0
    for lag in range(round(LAGS_S[0] * fps), last + 1):
        pairs = [(part[:-lag], part[lag:]) for part in centred if len(part) > lag]
        product = sum(float(np.sum(early * late)) for early, late in pairs)
        energy = math.sqrt(
            sum(float(np.sum(early * early)) for early, _ in pairs)
            * sum(float(np.sum(late * late)) for _, late in pairs)
        )
        overlapping = sum(len(early) for early, _ in pairs)
        best = max(best, product / energy if energy > overlapping * SAME**2 else 1.0)
    return best


def replay(nearest: Sequence[np.ndarray], clip_of: np.ndarray, fps: float) -> float:
    """Longest piece of one training clip that the dance shows in its order, in seconds: memorising.

    A run links frames whose nearest training frames lie in one clip and advance by 0 to 2 frames per
    frame (half a frame's shift and changes of tempo are replay all the same); up to `REPLAY_GAP` frames
    in a row may have their nearest frame elsewhere, where the next one is back in step. What counts is
    the training material shown, at most as much as time has passed: staying on one training frame adds
    nothing (that is a freeze, and has its own figure), and half speed counts half.

    On 20 real takes: a training take shown again, shifted by half a frame, blurred, at 0.5 to 2 times its
    speed, or with noise of 0.6 of the distance between unseen poses and training poses, is found nearly
    whole; unseen takes have 0.5 to 0.9 s. Takes shown backwards or mirrored are not replay here.

    Args:
        nearest: for each segment of the dance, (N,) index of each frame's nearest training frame.
        clip_of: (training frames,) number of the clip that each training frame belongs to.
        fps: rate of both.
    """
    longest = 0
    for indices in nearest:
        shown = np.zeros(len(indices), dtype=int)  # frames of training material up to here
        for now in range(1, len(indices)):
            for gap in range(1, min(REPLAY_GAP + 1, now) + 1):
                before, here = indices[now - gap], indices[now]
                advance = int(here) - int(before)
                if clip_of[before] == clip_of[here] and 0 <= advance <= 2 * gap:
                    shown[now] = max(shown[now], shown[now - gap] + min(gap, advance))
        longest = max(longest, int(shown.max(initial=0)))
    return longest / fps
