"""Spectra of a sound: onset strength in bands, loudness, chroma and timbre. Frames are `FPS` per second."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from dancenet.hearing.sound import RATE_HZ

#: Frames per second of every contour.
FPS = 100
_HOP = RATE_HZ // FPS

#: Window of the spectra in which onsets are sought: 43 ms tell two onsets apart, and the lowest drum's pitch.
_WINDOW = 1024
#: Window in which harmony is sought: semitones are apart from 100 Hz on.
_LONG_WINDOW = 4096

_MEL_BANDS = 40
#: Upper ends of the low and of the middle region of onset strength, in Hz: kick and bass, then voices and
#: the body of a snare; above lie hi-hats.
_REGIONS_HZ = (180.0, 2500.0)
#: Quietest loudness: the absolute gate of ITU-R BS.1770-5, in LUFS.
SILENCE_LUFS = -70.0

#: Frames computed at once, so that memory stays flat.
_CHUNK = 4096


def _frames(
    samples: np.ndarray, window: int, hop: int, count: int, reduce: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """`reduce` of the magnitudes (n, window // 2 + 1) of `count` frames; frame k is at sample k x hop."""
    from scipy import signal  # takes half a second, and few commands hear music

    shape = signal.get_window("hann", window).astype(np.float32)
    shape *= 2 / shape.sum()  # a sine of amplitude 1 has magnitude 1
    padded = np.pad(samples, (window // 2, window // 2 + max(0, count * hop - len(samples))))
    view = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    parts = [
        reduce(np.abs(fft.rfft(view[start : start + _CHUNK] * shape, axis=-1)))
        for start in range(0, count, _CHUNK)
    ]
    return np.concatenate(parts)


def frame_count(samples: np.ndarray) -> int:
    """Frames of a sound: one every 1 / `FPS` seconds from 0 on, the last within it."""
    return max(1, -(-len(samples) // _HOP))


def mel_filters(bands: int = _MEL_BANDS, window: int = _WINDOW, lowest_hz: float = 30.0) -> np.ndarray:
    """Triangles evenly spaced in mel (O'Shaughnessy 1987: 2595 log10(1 + f / 700)), each of sum 1.

    Returns:
        (window // 2 + 1, bands) float32.
    """
    hertz = np.fft.rfftfreq(window, 1 / RATE_HZ)
    ends = 2595 * np.log10(1 + np.array([lowest_hz, RATE_HZ / 2]) / 700)
    edges = 700 * (10 ** (np.linspace(ends[0], ends[1], bands + 2) / 2595) - 1)
    # The lowest triangles would fall between two bins.
    edges = np.maximum.accumulate(np.maximum(edges, np.arange(bands + 2) * RATE_HZ / window * 0.999))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (hertz[:, None] - low) / (middle - low)
    falling = (high - hertz[:, None]) / (high - middle)
    weights = np.clip(np.minimum(rising, falling), 0, None)
    return (weights / np.maximum(weights.sum(axis=0), 1e-9)).astype(np.float32)


def mel_centres_hz(bands: int = _MEL_BANDS, window: int = _WINDOW) -> np.ndarray:
    """(bands,) the mean frequency of each band."""
    filters = mel_filters(bands, window)
    return np.fft.rfftfreq(window, 1 / RATE_HZ) @ filters / filters.sum(axis=0)


@dataclass(frozen=True)
class Onsets:
    """How strongly something begins at each moment. T frames, `FPS` per second.

    Attributes:
        strength: (T,) float32 in [0, 1], all regions together, in relation to the strongest onsets around.
        regions: (T, 3) float32 in [0, 1]: low, middle, high frequencies by themselves.
        presence: (T,) float32 in [0, 1]: how far there is anything to hear at all.
    """

    strength: np.ndarray
    regions: np.ndarray
    presence: np.ndarray


#: What highs by themselves count, beside lows and middles: a hi-hat between two beats is all highs.
_HIGHS = 0.4
#: Norm in which the regions are put together: near their maximum, for a kick and a snare are one beat each.
_NORM = 4
#: What middles and highs at once count.
_BOTH = 0.8
#: Weak onsets are weakened: in between two beats they are common, and no reason for another beat there.
_SHARPNESS = 1.6


def mel_magnitudes(samples: np.ndarray) -> np.ndarray:
    """(T, 40) float32 mean magnitude in each mel band; a sine of amplitude 1 has magnitude 1 in its bin."""
    filters = mel_filters()
    return _frames(samples, _WINDOW, _HOP, frame_count(samples), lambda magnitude: magnitude @ filters)


def onsets(mel: np.ndarray) -> Onsets:
    """Spectral flux in three regions, each in relation to its own strongest onsets around.

    Differences over two frames against the neighbouring bands' maximum, so that vibrato is no onset
    (SuperFlux: Böck & Widmer 2013, eq. 4), negative ones dropped, means over each region's bands. Magnitudes
    are taken as they are: under a logarithm a soft bass note begins as strongly as a kick, and tempi double.

    Args:
        mel: (T, 40) from `mel_magnitudes`.
    """
    loudest = float(np.quantile(mel.max(axis=1), 0.99))
    if loudest < 1e-5:
        nothing = np.zeros(len(mel), np.float32)
        return Onsets(nothing, np.zeros((len(mel), 3), np.float32), nothing)
    scaled = np.pad(mel / loudest, ((1, 0), (0, 0)))  # before the first frame there was silence
    before = ndimage.maximum_filter1d(scaled, 3, axis=1)
    flux = np.zeros_like(scaled)
    # Frames that hold the attack, half in the window, differ from those before by most: one to each side.
    flux[1:-1] = np.maximum(scaled[2:] - before[:-2], 0)
    flux = flux[1:]
    place = np.searchsorted(_REGIONS_HZ, mel_centres_hz())
    regions = np.stack([flux[:, place == region].mean(axis=1) for region in range(3)], axis=1)
    regions = ndimage.gaussian_filter1d(regions, 0.8, axis=0)
    around = _strongest_around(regions)
    floor = 0.15 * max(float(np.quantile(around.max(axis=1), 0.9)), 1e-9)
    regions = np.clip(regions / np.maximum(around, floor), 0, 1.2)
    low, middle, high = regions.T
    # A snare is middle and high at once, and neither by itself tells it from a voice or a hi-hat.
    both = np.sqrt(middle * high)
    both = np.clip(both / np.maximum(_strongest_around(both[:, None])[:, 0], 0.15), 0, 1)
    kinds = np.stack([low, middle, _HIGHS * high, _BOTH * both])
    mixed = (kinds**_NORM).sum(axis=0) ** (1 / _NORM)
    strongest = np.maximum(_strongest_around(mixed[:, None])[:, 0], 0.25)
    strength = np.clip(mixed / strongest, 0, 1) ** _SHARPNESS
    presence = np.clip(around.max(axis=1) / (2 * floor), 0, 1)
    return Onsets(*(part.astype(np.float32) for part in (strength, np.clip(regions, 0, 1), presence)))


def _strongest_around(strength: np.ndarray) -> np.ndarray:
    """(T, n) mean over some seconds of the strongest in a second: one crash does not dwarf its neighbours."""
    strongest = ndimage.maximum_filter1d(strength, int(1.2 * FPS), axis=0, mode="nearest")
    return ndimage.gaussian_filter1d(strongest, 1.5 * FPS, axis=0, mode="nearest")


def loudness(samples: np.ndarray) -> np.ndarray:
    """Momentary loudness: mean square of the K-weighted sound over 400 ms (ITU-R BS.1770-5, eq. 2).

    Returns:
        (T,) float32 LUFS, not below -70; a sine of 997 Hz and amplitude 1 has -3.01.
    """
    from scipy import signal

    weighted = signal.sosfilt(k_weighting(), samples)
    count = frame_count(samples)
    summed = np.concatenate([[0.0], np.cumsum(np.square(weighted, dtype=np.float64))])
    middle = np.arange(count) * _HOP
    half = round(0.2 * RATE_HZ)
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, len(samples))
    mean_square = np.maximum(summed[high] - summed[low], 0) / np.maximum(high - low, 1)
    return np.maximum(-0.691 + 10 * np.log10(mean_square + 1e-12), SILENCE_LUFS).astype(np.float32)


def k_weighting() -> np.ndarray:
    """The two filters of ITU-R BS.1770-5 (annex 1, tables 1 and 2) at our rate: (2, 6) second-order sections.

    The standard gives coefficients for 48 kHz; frequency, quality and gain behind them are those that De Man
    (2014) found, put into the bilinear transform again.
    """
    stages = []
    for hertz, quality, gain_db in ((1681.974450955533, 0.7071752369554196, 3.999843853973347),
                                    (38.13547087602444, 0.5003270373238773, None)):  # fmt: skip
        k = np.tan(np.pi * hertz / RATE_HZ)
        below = 1 + k / quality + k * k
        poles = [1.0, 2 * (k * k - 1) / below, (1 - k / quality + k * k) / below]
        if gain_db is None:
            stages.append([1.0, -2.0, 1.0, *poles])
            continue
        high = 10 ** (gain_db / 20)
        band = high**0.4996667741545416
        zeros = [high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k]
        stages.append([*(zero / below for zero in zeros), *poles])
    return np.array(stages)


def chroma(samples: np.ndarray, fps: int = 10) -> np.ndarray:
    """How strong each of the twelve pitch classes is, C first (Fujishima 1999), by magnitude.

    Returns:
        (T', 12) float32 of unit length or 0, T' frames at `fps` from time 0 on.
    """
    hertz = np.fft.rfftfreq(_LONG_WINDOW, 1 / RATE_HZ)
    heard = (hertz > 60) & (hertz < 2100)
    pitch = 69 + 12 * np.log2(np.maximum(hertz, 1.0) / 440)
    distance = (pitch[:, None] - np.arange(12) + 6) % 12 - 6
    weights = (np.exp(-0.5 * (distance / 0.35) ** 2) * heard[:, None]).astype(np.float32)
    weights /= np.maximum(hertz, 60.0)[:, None].astype(np.float32) ** 0.5
    hop = RATE_HZ // fps
    count = max(1, -(-len(samples) // hop))
    found = _frames(samples, _LONG_WINDOW, hop, count, lambda magnitude: magnitude @ weights)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


def timbre(mel: np.ndarray, coefficients: int = 13) -> np.ndarray:
    """Mel-frequency cepstral coefficients (Davis & Mermelstein 1980) without the first, which is loudness.

    Args:
        mel: (T, 40) from `mel_magnitudes`.

    Returns:
        (T, coefficients - 1) float32.
    """
    level = np.log(mel + 1e-5 * max(float(mel.max()), 1e-5))
    return fft.dct(level, axis=1, norm="ortho")[:, 1:coefficients].astype(np.float32)
