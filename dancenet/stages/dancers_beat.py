"""The cues that a take of dance gives by itself: its own beat, followed through it, and how lively it is.

Most films come without usable sound. A dancer's body comes to rest on beats: the minima of body speed are
the kinematic beats of Li et al. (2021), section 5.2. A tempo is fitted to them as a period is to directions
(Mardia & Jupp 2000, chapter 2), and its phase followed, since nobody dances like a clock.
Shape letters: T time steps, n beats.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dancenet.batching.ahead import ahead
from dancenet.cues import Cues, counted
from dancenet.evaluation.features import small_grey
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.footage.mapped import read_rows
from dancenet.runs import Run, replacing
from dancenet.timing import body_speed, kinematic_beats

#: Tempi that are tried, beats per minute.
SLOWEST_BPM, FASTEST_BPM = 40.0, 200.0
#: A tempo is likeliest where the body rests once a beat, with this spread in octaves: dancers who rest on
#: every second beat, or between beats too, would else be told from others by chance alone.
SPREAD_OCTAVES = 0.5
#: How far around a moment beats speak for one tempo, and for the phase that is followed there; in beats.
TEMPO_REACH, PHASE_REACH = 3.0, 0.5
#: Logarithm of the least weight: numbers nearly too small for float32 take CPUs many times as long.
LEAST = np.float32(-40.0)
#: Energy is that of about so long: a phrase, not a step.
PHRASE_S = 1.0
#: Long takes are followed in pieces of about so long, each at a tempo of its own, and looked at in blocks of
#: so many frames: time grows with the length, memory does not.
PIECE_S, BLOCK = 120.0, 1024
#: Blocks that are read before they are needed.
AT_HAND = 2


@dataclass(frozen=True)
class OwnBeat:
    """The beat of a take.

    Attributes:
        period_s: of its tempo.
        confidence: how near its kinematic beats keep to that period, over a few beats: 0 (as chance would)
            to 1 (a clock).
    """

    period_s: float
    confidence: float


def fit_tempo(beats_s: np.ndarray) -> OwnBeat | None:
    """The tempo of kinematic beats; None for fewer than four.

    Around each beat, others within `TEMPO_REACH` beats are turned into directions, one turn a period. Their
    mean resultant length, squared and without what chance gives (Mardia & Jupp 2000, eq. 2.3.5), says how
    well they agree; the period where it is highest, weighted by a log-normal prior around the median time
    between rests (as Ellis 2007, eq. 7), is the tempo.
    """
    if len(beats_s) < 4:
        return None
    periods = 60.0 / np.geomspace(SLOWEST_BPM, FASTEST_BPM, 160)
    agreement = _agreement(beats_s, periods)
    usual = float(np.median(np.diff(beats_s)))
    prior = np.exp(-0.5 * (np.log2(periods / usual) / SPREAD_OCTAVES) ** 2)
    best = int(np.argmax((agreement + 1) * prior))
    return OwnBeat(float(periods[best]), float(np.clip(agreement[best], 0, 1)))


def _agreement(beats_s: np.ndarray, periods_s: np.ndarray) -> np.ndarray:
    """How well beats (n,) agree with each period: at most 1, 0 as chance would, on the average of moments."""
    apart = np.square(beats_s[:, None] - beats_s).astype(np.float32)
    found = []
    for period_s in periods_s:
        weights = np.exp(np.maximum(apart * np.float32(-0.5 / (TEMPO_REACH * period_s) ** 2), LEAST))
        cosine, sine = _directions(weights, beats_s, period_s)
        total, by_chance = weights.sum(axis=1), np.einsum("ij,ij->i", weights, weights)
        squared = (cosine**2 + sine**2 - by_chance) / np.maximum(total**2 - by_chance, 1e-9)
        found.append(np.dot(squared, total) / total.sum())
    return np.array(found)


def _directions(weights: np.ndarray, beats_s: np.ndarray, period_s: float) -> np.ndarray:
    """(2, T) cosine and sine: weighted sums (T, n) of beats as directions, one turn a period.

    Not a product of matrices: those are so small that BLAS's threads, which wait for more, take the time of
    whoever reads the next block.
    """
    turned = 2 * np.pi * beats_s / period_s
    ways = np.stack([np.cos(turned), np.sin(turned)]).astype(weights.dtype)
    return np.einsum("ij,kj->ki", weights, ways)


def followed(times_s: np.ndarray, beats_s: np.ndarray, period_s: float) -> np.ndarray:
    """(T,) beats counted at `times_s`: about one a period, whole where a kinematic beat is near."""
    weights = np.exp(-0.5 * ((times_s[:, None] - beats_s) / (PHASE_REACH * period_s)) ** 2)
    cosine, sine = _directions(weights, beats_s, period_s)
    return np.maximum.accumulate(times_s / period_s - np.unwrap(np.arctan2(sine, cosine)) / (2 * np.pi))


def own_beat(times_s: np.ndarray, rests_s: np.ndarray) -> tuple[np.ndarray, float]:
    """The beat of a take by its kinematic beats alone.

    Args:
        times_s: (T,) rising.
        rests_s: (n,) kinematic beats.

    Returns:
        (T,) beats counted at `times_s`, NaN where too few are near; the median of the periods in seconds,
        NaN where there is none.
    """
    beat, periods = np.full(len(times_s), np.nan), []
    pieces = max(1, round(float(np.ptp(times_s)) / PIECE_S)) if len(times_s) else 0
    for piece in np.array_split(np.arange(len(times_s)), pieces) if pieces else []:
        first, last = times_s[piece[0]] - PHRASE_S, times_s[piece[-1]] + PHRASE_S
        near = rests_s[(rests_s >= first) & (rests_s <= last)]
        if (own := fit_tempo(near)) is not None:
            beat[piece] = followed(times_s[piece], near, own.period_s)
            periods.append(own.period_s)
    return beat, float(np.median(periods)) if periods else float("nan")


def cues_of_clip(clip: Clip, speed: np.ndarray, fps: float) -> tuple[Cues, float]:
    """Cues of one clip, and the period of its beat in seconds (NaN where it has none).

    Args:
        clip: beats and bars of its sound count where it has any, else its own.
        speed: (T - 1,) body speed of its frames.
        fps: their rate.

    Returns:
        cues whose energy is still the speed over a phrase (`PHRASE_S`).
    """
    times_s = np.arange(clip.length) / fps
    bar = np.full(clip.length, np.nan)
    if len(clip.beat_times_s) > 1:
        beat = counted(times_s, np.array(clip.beat_times_s))
        bar = counted(times_s, np.array(clip.downbeat_times_s))
        period_s = float(np.median(np.diff(clip.beat_times_s)))
    else:
        beat, period_s = own_beat(times_s, kinematic_beats(speed, fps))
    padded = np.append(speed, speed[-1:]) if len(speed) else np.zeros(clip.length)
    return Cues(beat, bar, gaussian_filter1d(padded, PHRASE_S * fps / 2)), period_s


@dataclass(frozen=True)
class TakesCues:
    """What the takes of a run say.

    Attributes:
        cues: of all N frames, clip after clip.
        period_s: median over the clips of the dancer's beat; NaN where none has one.
    """

    cues: Cues
    period_s: float


def cues_of_takes(packed: PackedFrames) -> TakesCues:
    """Cues of every frame of a run.

    Energy is speed against the median of all frames: 1 and -1 a tenth of them reaches.
    """
    cues, known = Cues(*np.full((3, len(packed)), np.nan)), []
    for clip, speed in zip(packed.clips, _speeds(packed), strict=True):
        part, period_s = cues_of_clip(clip, speed, packed.fps)
        for name, values in vars(part).items():  # into their place: all of them twice would be seen in memory
            getattr(cues, name)[clip.start : clip.stop] = values
        if np.isfinite(period_s):
            known.append(period_s)
    levels = np.percentile(cues.energy, [10, 50, 90])
    for clip in packed.clips:  # in its place too
        energy = cues.energy[clip.start : clip.stop]
        energy[:] = lively(energy, *levels)
    return TakesCues(cues, float(np.median(known)) if known else float("nan"))


def _speeds(packed: PackedFrames) -> Iterator[np.ndarray]:
    """(T - 1,) body speed of each clip; the next block is read while one is looked at."""
    blocks = [
        (max(clip.start, start - 1), min(start + BLOCK, clip.stop))
        for clip in packed.clips
        for start in range(clip.start, clip.stop, BLOCK)
    ]
    read = ahead((read_rows(packed.pixels, np.arange(*block)) for block in blocks), AT_HAND)
    for clip in packed.clips:
        of_clip = islice(read, -(-clip.length // BLOCK))
        yield np.concatenate([body_speed(small_grey(block)) for block in of_clip])


def cues_of_run(run: Run, packed: PackedFrames) -> TakesCues:
    """`cues_of_takes`, kept in the run (`cues.npz`): looking at all of a long film takes a while."""
    heard = [(clip.beat_times_s, clip.downbeat_times_s) for clip in packed.clips]
    mark = f"{packed.fingerprint}-{hashlib.sha256(json.dumps(heard).encode()).hexdigest()[:16]}"
    kept = run / "cues.npz"
    try:
        with np.load(kept, allow_pickle=False) as stored:
            if str(stored["mark"]) == mark:
                return TakesCues(
                    Cues(stored["beat"], stored["bar"], stored["energy"]), float(stored["period_s"])
                )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # none yet, or damaged: they are found anew
    found = cues_of_takes(packed)
    with replacing(kept) as beside, open(beside, "wb") as file:
        np.savez(file, allow_pickle=False, mark=mark, period_s=found.period_s, **vars(found.cues))
    return found


def lively(speed: np.ndarray, calm: float, usual: float, brisk: float) -> np.ndarray:
    """Speed (T,) as energy in [-1, 1]: -1 at `calm` or below, 0 at `usual`, 1 at `brisk` or above."""
    if not calm < usual < brisk:
        return np.zeros(len(speed))
    return np.interp(speed, [calm, usual, brisk], [-1.0, 0.0, 1.0])
