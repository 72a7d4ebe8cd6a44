"""Downbeats: which beats begin a bar."""

from dataclasses import dataclass

import numpy as np

from dancenet.hearing.spectrum import FPS, Onsets

#: Beats per bar that are tried, the usual one first.
METRES = (4, 3)
#: Standard deviations of accent by which another metre than the first must be clearer.
_RARER = 0.25
#: What it costs that a bar begins too early or late, in standard deviations of accent.
_SLIP_COST = 6.0
#: So few beats do not tell a bar.
_FEWEST = 8


@dataclass(frozen=True)
class Bars:
    """Where bars begin.

    Attributes:
        downbeats: (m,) indices of the beats that begin a bar.
        beats_per_bar: 3 or 4.
        confidence: 0 (any other beat might as well) to 1.
    """

    downbeats: np.ndarray
    beats_per_bar: int
    confidence: float


def accents(beats_s: np.ndarray, onsets: Onsets, chroma: np.ndarray, chroma_fps: float) -> np.ndarray:
    """How much each beat sounds like the first of a bar: harmony changes there, and low notes begin.

    Chords mostly change at bar lines (Goto & Muraoka 1999; Papadopoulos & Peeters 2011).

    Returns:
        (n,) of mean 0 and standard deviation 1, or 0 where all beats are alike.
    """
    ends = np.append(beats_s, beats_s[-1] + np.diff(beats_s[-2:]))
    edges = np.minimum(np.rint(ends * chroma_fps).astype(int), len(chroma))
    summed = np.concatenate([np.zeros((1, 12)), np.cumsum(chroma, axis=0)])
    harmony = summed[edges[1:]] - summed[edges[:-1]]
    # Two beats on either side: what changes from one beat to the next may be melody.
    wide = np.pad(harmony, ((2, 2), (0, 0)))
    before, after = wide[:-4] + wide[1:-3], wide[2:-2] + wide[3:-1]
    norms = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    novelty = 1 - (before * after).sum(axis=1) / np.maximum(norms, 1e-9)
    novelty[norms < 1e-9] = 0
    frames = np.rint(beats_s * FPS).astype(int)
    around = np.clip(frames[:, None] + np.arange(-4, 5), 0, len(onsets.strength) - 1)
    low, whole = onsets.regions[around, 0].max(axis=1), onsets.strength[around].max(axis=1)
    return _standard(2 * _standard(novelty) + _standard(low) + 0.5 * _standard(whole))


def _standard(values: np.ndarray) -> np.ndarray:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-6 else np.zeros(len(values))


def find_bars(accent: np.ndarray) -> Bars:
    """The bars that put most accent on their first beats (Viterbi over the place in the bar).

    Args:
        accent: (n,) from `accents`.
    """
    best = None
    for metre in METRES if len(accent) >= _FEWEST else ():
        places = _places(accent, metre)
        first = accent[places == 0]
        others = [accent[places == place].mean() for place in range(1, metre) if (places == place).any()]
        clear = float(first.mean() - max(others)) if len(first) and others else 0.0
        if best is None or clear > best[0] + _RARER:
            best = (clear, metre, places)
    if best is None:
        return Bars(np.arange(0, len(accent), METRES[0]), METRES[0], 0.0)
    clear, metre, places = best
    # A mean over few bars is high by chance; the standard error of a difference of two means is taken off.
    bars = max(1, len(accent) // metre)
    confidence = float(np.clip(clear - 1.5 * np.sqrt(2 / bars), 0, 1))
    return Bars(np.flatnonzero(places == 0), metre, confidence)


def _places(accent: np.ndarray, metre: int) -> np.ndarray:
    """(n,) the place of each beat in its bar, 0 the first."""
    score = np.where(np.arange(metre) == 0, accent[0], 0.0)
    came = np.zeros((len(accent), metre), int)
    for beat in range(1, len(accent)):
        onward = np.roll(score, 1)
        came[beat] = np.roll(np.arange(metre), 1)
        slipped = int(score.argmax())
        slips = score[slipped] - _SLIP_COST > onward
        came[beat, slips] = slipped
        score = np.where(slips, score[slipped] - _SLIP_COST, onward)
        score[0] += accent[beat]
    places = [int(score.argmax())]
    for beat in range(len(accent) - 1, 0, -1):
        places.append(int(came[beat, places[-1]]))
    return np.array(places[::-1])
