"""What a dance needs to know about its music: beats, bars, onset strength, loudness, sections.

    samples = read_sound("song.mp3")
    music = hear(samples)
    music.beats_s, music.tempo_bpm, music.confidence

`read_sound` is all that touches files; `hear` works on numbers. Parts and sources: docs/music.md.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dancenet.errors import DancenetError
from dancenet.hearing import bars, beats, sections, spectrum, with_librosa
from dancenet.hearing.sound import RATE_HZ, read_sound
from dancenet.hearing.spectrum import FPS

__all__ = ["FPS", "RATE_HZ", "Music", "Tracker", "hear", "read_sound"]

Tracker = Literal["scipy", "librosa"]

#: Below this the beats that were found are no better than those found in speech: a steady tempo takes over.
LEAST_CONFIDENCE = 0.1


@dataclass(frozen=True)
class Music:
    """A piece as it was heard. Shape letters: T frames, `fps` per second; frame k is at k / fps.

    Attributes:
        duration_s: its length in seconds.
        beats_s: (n,) float64, rising, in [0, duration_s); at least one.
        tempo_bpm: (n,) float64, the tempo at each beat.
        confidence: of the beats, 0 (none are heard) to 1.
        steady: whether the beats are a fall-back: a grid at one tempo, since none could be followed.
        downbeats_s: (m,) float64, those of the beats that begin a bar; a guess where their confidence is low.
        beats_per_bar: 3 or 4.
        downbeat_confidence: 0 (any other beat might as well begin the bar) to 1.
        onset_strength: (T,) float32 in [0, 1], in relation to the strongest onsets around.
        loudness_lufs: (T,) float32, -70 (silence) to about 0.
        sections_s: (k,) float64, where something new begins; each is a beat. The beginning is not among them.
        section_novelty: (k,) float64 in (0, 1], how new.
        fps: frames per second.
        tracker: which tracker found the beats.
    """

    duration_s: float
    beats_s: np.ndarray
    tempo_bpm: np.ndarray
    confidence: float
    steady: bool
    downbeats_s: np.ndarray
    beats_per_bar: int
    downbeat_confidence: float
    onset_strength: np.ndarray
    loudness_lufs: np.ndarray
    sections_s: np.ndarray
    section_novelty: np.ndarray
    fps: int = FPS
    tracker: Tracker = "scipy"

    @property
    def known_downbeats_s(self) -> np.ndarray:
        """`downbeats_s` where they are more than a guess; else none."""
        return self.downbeats_s if self.downbeat_confidence > LEAST_CONFIDENCE else np.zeros(0)


def hear(samples: np.ndarray, tracker: Tracker = "scipy") -> Music:
    """Listen to a whole piece.

    Where no beat can be followed (silence, speech, a second of sound) the beats are a steady grid, `steady`
    is true and their confidence at most `LEAST_CONFIDENCE`.

    Args:
        samples: (n,) float at `RATE_HZ` samples per second, one channel, full scale 1.
        tracker: "scipy", or "librosa" (the extra `audio`).

    Raises:
        DancenetError: no sample at all, or more than one channel.
        MissingDependencyError: librosa is asked for and not installed.
    """
    samples = np.nan_to_num(np.asarray(samples, np.float32))
    if samples.ndim != 1 or not len(samples):
        raise DancenetError(f"sound of shape {samples.shape}", "one row of samples, at least one")
    mel = spectrum.mel_magnitudes(samples)
    onsets = spectrum.onsets(mel)
    found = with_librosa.track(samples) if tracker == "librosa" else beats.track(onsets)
    fallen_back = len(found.times_s) < 4 or found.confidence < LEAST_CONFIDENCE
    if fallen_back:
        grid = beats.steady(onsets)
        found = beats.Beats(grid.times_s, grid.tempo_bpm, min(found.confidence, LEAST_CONFIDENCE))
    duration_s = len(samples) / RATE_HZ
    times_s = np.clip(found.times_s, 0.0, None)
    inside = times_s < duration_s
    inside[0] = True  # a grid in a blink of sound may begin behind it
    times_s, tempo_bpm = np.minimum(times_s, duration_s)[inside], found.tempo_bpm[inside]
    bar, borders, new = _form(samples, mel, onsets, times_s)
    return Music(
        duration_s=duration_s, beats_s=times_s, tempo_bpm=tempo_bpm, confidence=found.confidence,
        steady=fallen_back, downbeats_s=times_s[bar.downbeats], beats_per_bar=bar.beats_per_bar,
        downbeat_confidence=0.0 if fallen_back else bar.confidence, onset_strength=onsets.strength,
        loudness_lufs=spectrum.loudness(samples), sections_s=times_s[borders], section_novelty=new,
        tracker=tracker,
    )  # fmt: skip


def _form(
    samples: np.ndarray, mel: np.ndarray, onsets: spectrum.Onsets, beats_s: np.ndarray
) -> tuple[bars.Bars, np.ndarray, np.ndarray]:
    """Bars; beats at which sections begin; their novelty."""
    if len(beats_s) < 2:
        return bars.Bars(np.arange(len(beats_s)), bars.METRES[0], 0.0), np.zeros(0, int), np.zeros(0)
    chroma_fps = 10
    harmony = spectrum.chroma(samples, chroma_fps)
    bar = bars.find_bars(bars.accents(beats_s, onsets, harmony, chroma_fps))
    features = np.concatenate(
        [
            sections.by_beat(spectrum.timbre(mel), FPS, beats_s),
            sections.by_beat(harmony, chroma_fps, beats_s),
        ],
        axis=1,
    )
    return bar, *sections.find_sections(features, bar.downbeats)
