"""The same through librosa (McFee et al. 2015), the extra `audio`: onset envelope, tempo, beats."""

import numpy as np

from dancenet.errors import MissingDependencyError
from dancenet.hearing.beats import Beats, repetition, tempo_curve
from dancenet.hearing.sound import RATE_HZ
from dancenet.hearing.spectrum import FPS

_HOP = RATE_HZ // FPS


def track(samples: np.ndarray) -> Beats:
    """Beats by Ellis' dynamic programming around a tempo that is estimated anew at each moment.

    Confidence is how well what happens between the beats repeats itself.

    Args:
        samples: (n,) float32 at `RATE_HZ`.

    Raises:
        MissingDependencyError: librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise MissingDependencyError("librosa", "audio") from error
    nothing = Beats(np.zeros(0), np.zeros(0), 0.0)
    if len(samples) < RATE_HZ or np.abs(samples).max() < 1e-5:
        return nothing
    strength = librosa.onset.onset_strength(y=samples, sr=RATE_HZ, hop_length=_HOP)
    if not strength.any():
        return nothing
    tempo_bpm = librosa.feature.tempo(
        onset_envelope=strength, sr=RATE_HZ, hop_length=_HOP, aggregate=None, max_tempo=240.0
    )
    _, times_s = librosa.beat.beat_track(
        onset_envelope=strength, sr=RATE_HZ, hop_length=_HOP, bpm=tempo_bpm, units="time"
    )
    if len(times_s) < 4:
        return nothing
    scaled = strength / max(float(strength.max()), 1e-9)
    sure = float(np.clip(repetition(times_s, scaled), 0, 1))
    return Beats(np.asarray(times_s, float), tempo_curve(times_s), sure)
