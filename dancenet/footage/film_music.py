"""The beat grid of a film's own sound, for the takes that have one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from dancenet.errors import DancenetError
from dancenet.footage.clips import Clip
from dancenet.hearing.sound import RATE_HZ, open_sound, sound_in_time
from dancenet.music import hear

#: Sound is heard in pieces of so long, so that memory stays flat whatever the length.
PIECE_S = 600.0


def with_beats(clip: Clip, beats_s: np.ndarray, downbeats_s: np.ndarray, fps: float) -> Clip:
    """The same clip, with those beats and downbeats of its source (n,), (m,) that lie in it."""
    beats, downbeats = (_within(times_s, clip, fps) for times_s in (beats_s, downbeats_s))
    return replace(clip, beat_times_s=beats, downbeat_times_s=downbeats)


def _within(times_s: np.ndarray, clip: Clip, fps: float) -> list[float]:
    """Those of the film's times that lie in a clip, in seconds from its start on."""
    since = (round(float(time_s) - clip.source_start_s, 4) for time_s in times_s)
    return [time_s for time_s in since if 0 <= time_s < clip.length / fps]


def beats_of_film(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Beats and downbeats of a film's sound, (n,) and (m,) seconds of the film.

    Both are empty where it has no sound, none that can be read, or none with a beat in it: dance to such a
    film is learned by its own beat (`stages/dancers_beat.py`).
    """
    beats, downbeats = [np.zeros(0)], [np.zeros(0)]
    for start_s, samples in _pieces(path):
        music = hear(samples)
        if not music.steady:
            beats.append(start_s + music.beats_s)
            downbeats.append(start_s + music.known_downbeats_s)
    return np.concatenate(beats), np.concatenate(downbeats)


def _pieces(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """The film's sound in pieces as (seconds of the film, samples)."""
    try:
        container = open_sound(path)
    except DancenetError:
        return
    with container:
        held: list[np.ndarray] = []
        start, count = 0, 0
        for (channel,) in sound_in_time(container, RATE_HZ, "mono", []):
            held.append(channel)
            count += len(channel)
            if count >= PIECE_S * RATE_HZ:
                yield start / RATE_HZ, np.concatenate(held)
                held, start, count = [], start + count, 0
        if count:
            yield start / RATE_HZ, np.concatenate(held)
