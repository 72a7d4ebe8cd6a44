"""Hears a song in a process of its own, which may die of it: `songs` has it run.

Shape letters: n beats, m downbeats, P peaks.
"""

import json
import sys
from pathlib import Path

import numpy as np

from dancenet.errors import DancenetError
from dancenet.music import RATE_HZ, hear, read_sound
from dancenet.studio.apart import confine, refuse

#: Peaks of the waveform that is drawn, a second.
PEAKS_PER_S = 40
#: Longer songs are refused, seconds.
LONGEST_S = 3600.0
#: The process may take so much, bytes and seconds of computing.
MEMORY, COMPUTING_S = 6 << 30, 300


def peaks(samples: np.ndarray) -> np.ndarray:
    """(P,) uint8: how loud the sound is around each moment, 255 the loudest of the song."""
    step = RATE_HZ // PEAKS_PER_S
    whole = np.pad(np.abs(samples), (0, -len(samples) % step)).reshape(-1, step).max(axis=1)
    return np.round(255 * whole / max(float(whole.max()), 1e-6)).astype("uint8")


def listen(song: Path, out: Path) -> None:
    """Hear a song, and write what was heard (`songs.Songs.heard` reads it).

    Raises:
        DancenetError: it cannot be read as sound, or is too long.
    """
    from dancenet.hearing.sound import open_sound

    with open_sound(song) as container:
        declared_s = (container.duration or 0) / 1e6
    if declared_s > LONGEST_S:
        raise DancenetError(f"{declared_s / 60:.0f} minutes of sound", f"{LONGEST_S / 60:.0f} at most")
    samples = read_sound(song)[: int(LONGEST_S * RATE_HZ)]
    with open(out, "wb") as file:
        np.savez(file, allow_pickle=False, peaks=peaks(samples), **vars(hear(samples)))


def main() -> None:
    """Standard input: a JSON list of the song and of the .npz to write."""
    confine(memory_bytes=MEMORY, cpu_s=COMPUTING_S, writes=True)
    song, out = json.load(sys.stdin)
    try:
        listen(Path(song), Path(out))
    except DancenetError as error:
        refuse(error)


if __name__ == "__main__":
    main()
