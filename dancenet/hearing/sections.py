"""Where a piece changes: novelty along the diagonal of its self-similarity (Foote 2000)."""

import numpy as np
from scipy import ndimage

#: Half the side of the checkerboard, in beats: what came in the last bars against what comes in the next.
HALF_KERNEL_BEATS = 16
#: Shortest section in beats.
SHORTEST_BEATS = 12
#: Least novelty of a change: 1 is from one thing to its very opposite.
LEAST_NOVELTY = 0.3
#: Beats over which features are averaged: a bar, so that kick and snare do not look like two sections.
_BAR = 4


def by_beat(values: np.ndarray, fps: float, beats_s: np.ndarray) -> np.ndarray:
    """Means between each beat and the next: (T, d) at `fps` becomes (n - 1, d)."""
    edges = np.clip(np.rint(beats_s * fps).astype(int), 0, len(values))
    summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    return (summed[edges[1:]] - summed[edges[:-1]]) / np.maximum(np.diff(edges), 1)[:, None]


def novelty(features: np.ndarray, half: int = HALF_KERNEL_BEATS) -> np.ndarray:
    """How different what follows is from what came before, and each alike within itself.

    The correlation of a checkerboard with a Gaussian taper along the diagonal of the matrix of cosine
    similarities (Foote 2000, "Automatic audio segmentation using a measure of audio novelty", section 2.2),
    over the kernel's mass: -1 to 1. Near the ends the part of the kernel that fits is used.

    Args:
        features: (n, d), one row per beat, of mean 0.
        half: half the side of the kernel.

    Returns:
        (n + 1,) for the borders before, between and after the rows; the outer ones are 0.
    """
    count = len(features)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    alike = unit @ unit.T
    found = np.zeros(count + 1)
    place = np.arange(-half, half) + 0.5
    taper = np.exp(-0.5 * (place / (0.5 * half)) ** 2)
    board = np.sign(place)[:, None] * np.sign(place) * taper[:, None] * taper
    for border in range(1, count):
        reach = min(half, border, count - border)
        inner = slice(half - reach, half + reach)
        kernel = board[inner, inner]
        window = alike[border - reach : border + reach, border - reach : border + reach]
        # A kernel that is cut short sees little, and must not shout.
        found[border] = (kernel * window).sum() / np.abs(kernel).sum() * min(1.0, 2 * reach / half)
    return found


def find_sections(features: np.ndarray, downbeats: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Borders between sections.

    Args:
        features: (n, d), one row per beat: what is heard from it to the next.
        downbeats: indices of beats; a border goes to the nearest one where that is two beats away at most.

    Returns:
        (k,) indices of beats at which a section begins, without the first, and (k,) their novelty.
    """
    from scipy import signal  # takes half a second, and few commands hear music

    if len(features) < 2 * SHORTEST_BEATS:
        return np.zeros(0, int), np.zeros(0)
    features = ndimage.uniform_filter1d(features, _BAR, axis=0, mode="nearest")
    spread = features.std(axis=0)
    standard = (features - features.mean(axis=0)) / np.maximum(spread, 1e-6)
    curve = novelty(standard)
    peaks, _ = signal.find_peaks(
        curve, height=LEAST_NOVELTY, prominence=0.5 * LEAST_NOVELTY, distance=SHORTEST_BEATS
    )
    peaks = peaks[(peaks >= SHORTEST_BEATS) & (peaks <= len(features) - SHORTEST_BEATS)]
    strength = curve[peaks]
    if downbeats is not None and len(downbeats) and len(peaks):
        near = downbeats[np.abs(downbeats[None] - peaks[:, None]).argmin(axis=1)]
        peaks = np.where(np.abs(near - peaks) <= 2, near, peaks)
    peaks, first = np.unique(peaks, return_index=True)
    return peaks, strength[first]
