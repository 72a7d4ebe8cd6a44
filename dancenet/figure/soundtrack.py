"""The dancer's own music: drums, bass and chords at a tempo, from nothing but sines and noise."""

import numpy as np

#: Roots of four-bar chord sequences, in semitones above the key, with their third (3 minor, 4 major).
_CHORDS = (
    ((0, 3), (8, 4), (3, 4), (10, 4)),
    ((0, 3), (5, 3), (8, 4), (7, 4)),
    ((0, 3), (10, 4), (8, 4), (10, 4)),
    ((0, 3), (3, 4), (10, 4), (5, 4)),
)
#: Eighths of a bar on which the bass plays, and its step above the root in semitones.
_BASS = (
    ((0, 0), (3, 0), (4, 12), (6, 7)),
    ((0, 0), (1, 0), (3, 12), (4, 0), (6, 7), (7, 12)),
    ((0, 0), (2, 12), (3, 0), (5, 7), (6, 12)),
    ((1, 0), (3, 0), (5, 12), (7, 0)),
)
_LOUDEST = 0.85


def _decay(length_s: float, rate_hz: int, time_constant_s: float) -> tuple[np.ndarray, np.ndarray]:
    time_s = np.arange(max(1, int(length_s * rate_hz))) / rate_hz
    # The last 5 ms fade, so that a cut note does not click.
    fade = np.clip((time_s[-1] - time_s) / 0.005, 0.0, 1.0)
    return time_s, np.exp(-time_s / time_constant_s) * fade


def _kick(rate_hz: int) -> np.ndarray:
    """A sine falling from 160 to 48 Hz."""
    time_s, envelope = _decay(0.32, rate_hz, 0.10)
    phase = 2 * np.pi * (48 * time_s + 112 * 0.028 * (1 - np.exp(-time_s / 0.028)))
    return np.sin(phase) * envelope


def _snare(rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    time_s, envelope = _decay(0.20, rate_hz, 0.055)
    noise = np.diff(rng.standard_normal(len(time_s) + 1)) * 0.5
    return (0.55 * noise + 0.5 * np.sin(2 * np.pi * 185 * time_s)) * envelope


def _hat(rate_hz: int, rng: np.random.Generator, time_constant_s: float) -> np.ndarray:
    time_s, envelope = _decay(5 * time_constant_s, rate_hz, time_constant_s)
    # Two differences leave the highs of the noise.
    return np.diff(rng.standard_normal(len(time_s) + 2), n=2) * 0.3 * envelope


def _bass(rate_hz: int, note: float, length_s: float) -> np.ndarray:
    """A plucked note: a few harmonics that die sooner the higher they are."""
    time_s, envelope = _decay(length_s, rate_hz, 0.28)
    hertz = 440.0 * 2 ** ((note - 69) / 12)
    wave = sum(
        np.sin(2 * np.pi * hertz * k * time_s) / k * np.exp(-time_s * 3.0 * (k - 1)) for k in range(1, 6)
    )
    return wave * envelope * np.minimum(1.0, time_s / 0.004)


def _chord(rate_hz: int, notes: tuple[float, ...], length_s: float) -> np.ndarray:
    """A soft electric piano."""
    time_s, envelope = _decay(length_s, rate_hz, 0.45)
    wave = np.zeros_like(time_s)
    for note in notes:
        phase = 2 * np.pi * 440.0 * 2 ** ((note - 69) / 12) * time_s
        wave += np.sin(phase + 0.8 * np.exp(-time_s / 0.12) * np.sin(2 * phase))
    return wave * envelope * np.minimum(1.0, time_s / 0.006)


def _loop(beat_s: float, seed: int, rate_hz: int) -> np.ndarray:
    """Sixteen beats of music, with what rings over the end folded onto the beginning."""
    rng = np.random.default_rng([seed, 0x50D])
    length = round(16 * beat_s * rate_hz)
    track = np.zeros(length)

    def play(beat: float, sound: np.ndarray, loudness: float) -> None:
        """Mix a sound into the track at a beat; what is longer than the track comes round again."""
        start = round(beat * beat_s * rate_hz)
        places = (start + np.arange(len(sound))) % length
        np.add.at(track, places, loudness * sound)

    key = int(rng.integers(-4, 5))
    chords = _CHORDS[int(rng.integers(len(_CHORDS)))]
    pattern = _BASS[int(rng.integers(len(_BASS)))]
    kick, snare = _kick(rate_hz), _snare(rate_hz, rng)
    closed, opened = _hat(rate_hz, rng, 0.018), _hat(rate_hz, rng, 0.06)
    for beat in range(16):
        play(beat, kick, 0.95)
        if beat % 2:
            play(beat, snare, 0.55)
        play(beat, closed, 0.16)
        play(beat + 0.5, opened if beat % 4 == 3 else closed, 0.22)
    for bar, (root, third) in enumerate(chords):
        for eighth, step in pattern:
            note = 36 + key + (root if root < 7 else root - 12) + step
            play(4 * bar + eighth / 2, _bass(rate_hz, note, 0.55 * beat_s), 0.34)
        notes = tuple(60 + key + (root + step) % 12 for step in (0, third, 7))
        for offset in (0.0, 1.5, 2.5):
            play(4 * bar + offset, _chord(rate_hz, notes, min(0.9, 1.2 * beat_s)), 0.075)
    # Saturation rounds the peaks off.
    return np.tanh(1.1 * track)


def soundtrack(duration_s: float, tempo_bpm: float, seed: int, rate_hz: int = 44100) -> np.ndarray:
    """Music with a kick on every beat, the first at time 0.

    Args:
        duration_s: length in seconds.
        tempo_bpm: beats per minute.
        seed: chooses key, chords and bass line.
        rate_hz: samples per second.

    Returns:
        (n,) float32 in [-1, 1], n = duration_s x rate_hz.
    """
    beat_s = 60.0 / tempo_bpm
    loop = _loop(beat_s, seed, rate_hz).astype(np.float32)
    loop *= _LOUDEST / max(float(np.abs(loop).max()), 1e-6)
    total = max(1, round(duration_s * rate_hz))
    # Each round starts on the sample nearest to its beat, so that the tempo holds for hours.
    track = np.zeros(total, np.float32)
    for number in range(int(duration_s / (16 * beat_s)) + 2):
        start = round(number * 16 * beat_s * rate_hz)
        if start >= total:
            break
        end = min(start + len(loop), total)
        track[start:end] = loop[: end - start]
    tail = min(total, round(0.03 * rate_hz))
    track[total - tail :] *= np.linspace(1.0, 0.0, tail, dtype=np.float32)
    return track
