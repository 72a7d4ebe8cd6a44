"""Pieces of music with known beats, made on the spot: drums, bass and chords in several styles."""

import numpy as np

RATE_HZ = 24000
STYLES = ("floor", "rock", "offbeat", "swing", "funk")


def beats_at(tempo_bpm, beats: int, lead_s: float = 0.4) -> np.ndarray:
    """(beats,) times in seconds. `tempo_bpm`: a number, or a function of the beat's number."""
    tempo = tempo_bpm if callable(tempo_bpm) else lambda beat: tempo_bpm
    return lead_s + np.concatenate([[0.0], np.cumsum([60.0 / tempo(beat) for beat in range(beats - 1)])])


def ramp(start_bpm: float, end_bpm: float, beats: int):
    return lambda beat: start_bpm + (end_bpm - start_bpm) * beat / beats


def step(first_bpm: float, then_bpm: float, at_beat: int):
    return lambda beat: first_bpm if beat < at_beat else then_bpm


def _fade(length_s: float, constant_s: float):
    time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    return time_s, np.exp(-time_s / constant_s) * np.minimum(1, (length_s - time_s) / 0.004)


def kick():
    time_s, envelope = _fade(0.28, 0.09)
    return np.sin(2 * np.pi * (52 * time_s + 4.0 * (1 - np.exp(-time_s / 0.03)))) * envelope


def snare(rng):
    time_s, envelope = _fade(0.18, 0.05)
    return (0.6 * rng.standard_normal(len(time_s)) + 0.4 * np.sin(2 * np.pi * 190 * time_s)) * envelope


def hat(rng, constant_s=0.02):
    time_s, envelope = _fade(5 * constant_s, constant_s)
    return np.diff(rng.standard_normal(len(time_s) + 1)) * 0.6 * envelope


def click(rng=None):
    time_s, envelope = _fade(0.06, 0.012)
    return np.sin(2 * np.pi * 1000 * time_s) * envelope


def tone(note: float, length_s: float, harmonics: int = 5):
    time_s, envelope = _fade(length_s, 0.35)
    hertz = 440 * 2 ** ((note - 69) / 12)
    wave = sum(np.sin(2 * np.pi * hertz * k * time_s) / k**1.3 for k in range(1, harmonics + 1))
    return wave * envelope * np.minimum(1, time_s / 0.005)


def _score(style: str, rng):
    """(drum, beat in the bar, loudness) of one bar of four, and the beats on which the bass plays."""
    if style == "floor":
        hits = [("kick", b, 1.0) for b in range(4)] + [("hat", b + 0.5, 0.5) for b in range(4)]
        return [*hits, ("snare", 1, 0.5), ("snare", 3, 0.5)], (0.5, 1.5, 2.5, 3.5)
    if style == "rock":
        hits = [("kick", 0, 1.0), ("kick", 2, 0.95), ("snare", 1, 0.7), ("snare", 3, 0.7)]
        if rng.random() < 0.5:
            hits.append(("kick", 2.5, 0.6))
        return hits + [("hat", b / 2, 0.3) for b in range(8)], tuple(b / 2 for b in range(8))
    if style == "offbeat":  # the hats between the beats are the loudest of the highs
        hits = [("kick", 0, 0.9), ("kick", 2, 0.9), ("snare", 1, 0.6), ("snare", 3, 0.6)]
        return hits + [("hat", b + 0.5, 0.6) for b in range(4)], (0, 1, 2, 3)
    if style == "swing":
        third = 2 / 3
        hits = [("hat", b, 0.5) for b in range(4)] + [("hat", b + third, 0.35) for b in (1, 3)]
        hits += [("kick", b, 0.45) for b in range(4)] + [("snare", 1, 0.3), ("snare", 3, 0.3)]
        if rng.random() < 0.5:
            hits.append(("snare", 2 + third, 0.15))
        return hits, (0, 1, 2, 3)
    if style == "funk":
        hits = [("kick", 0, 1.0), ("kick", 2, 0.7), ("kick", 2.75, 0.6), ("snare", 1, 0.8), ("snare", 3, 0.8)]
        hits += [("snare", 1.75, 0.12)] + [("hat", b / 4, 0.22 if b % 4 else 0.35) for b in range(16)]
        return hits, (0, 0.75, 2, 2.5)
    raise ValueError(style)


def song(beats_s: np.ndarray, style: str, seed: int = 0, noise: float = 0.003, jitter_s: float = 0.0):
    """(n,) float32: music whose beats are `beats_s`, the first one a downbeat, four to a bar."""
    rng = np.random.default_rng([seed, 77])
    end_s = beats_s[-1] + 0.6
    track = noise * rng.standard_normal(int(end_s * RATE_HZ))
    number = np.arange(len(beats_s))

    def play(beat: float, sound: np.ndarray, loudness: float):
        if beat > number[-1]:
            return
        at = int((np.interp(beat, number, beats_s) + jitter_s * rng.standard_normal()) * RATE_HZ)
        sound = sound[: max(0, len(track) - max(at, 0))]
        track[max(at, 0) : max(at, 0) + len(sound)] += loudness * sound

    if style == "click":
        for beat in number:
            play(beat, click(), 0.8)
        return track.astype(np.float32)
    drums = {"kick": kick(), "snare": snare(rng), "hat": hat(rng)}
    key = int(rng.integers(-5, 6))
    roots = rng.permutation([0, 3, 5, 7, 8])[:4]
    for bar in range(-(-len(beats_s) // 4)):
        hits, bass = _score(style, rng)
        root = 36 + key + int(roots[bar % 4])
        for name, beat, loudness in hits:
            play(4 * bar + beat, drums[name], 0.6 * loudness * rng.uniform(0.85, 1.1))
        for beat in bass:
            play(4 * bar + beat, tone(root + int(rng.choice([0, 0, 7, 12])), 0.3), 0.16)
        for step_up in (0, 3, 7):
            play(4 * bar, tone(root + 24 + step_up, 1.2, 3), 0.05)
    return np.tanh(track).astype(np.float32)


def speech(duration_s: float, seed: int = 0) -> np.ndarray:
    """Syllables of uneven length with pauses for breath: no beat."""
    rng = np.random.default_rng([seed, 5])
    track = 0.001 * rng.standard_normal(int(duration_s * RATE_HZ))
    at_s = 0.2
    while at_s < duration_s - 0.5:
        length_s = float(np.clip(rng.lognormal(np.log(0.17), 0.45), 0.06, 0.5))
        time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
        pitch = 120 * 2 ** rng.normal(0, 0.2) * (1 - 0.2 * time_s / length_s)
        voice = sum(
            np.sin(2 * np.pi * k * np.cumsum(pitch) / RATE_HZ) * np.exp(-(((k * 120 - f) / 150) ** 2))
            for k in range(1, 25)
            for f in rng.uniform(300, 2500, 3)
        )
        if rng.random() < 0.3:
            voice = voice + 0.5 * np.diff(rng.standard_normal(len(time_s) + 1))
        start = int(at_s * RATE_HZ)
        shape = np.sin(np.pi * np.minimum(1, time_s / length_s)) ** 0.7
        track[start : start + len(voice)] += 0.12 * rng.uniform(0.4, 1) * voice * shape
        at_s += length_s * rng.uniform(0.95, 1.3)
        if rng.random() < 0.12:
            at_s += rng.uniform(0.25, 1.2)
    return np.tanh(track).astype(np.float32)
