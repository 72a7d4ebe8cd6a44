"""A song heard in a process of its own (`python -m dancenet.studio.listening`), which may die of it.

Shape letters: n beats, m downbeats, P peaks.
"""

import contextlib
import sys
from pathlib import Path

import numpy as np

from dancenet.errors import DancenetError
from dancenet.music import RATE_HZ, hear, read_sound

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
    """Hear a song, and write what was heard (`songs.read_heard` reads it).

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


def main() -> int:
    """`SONG OUT.npz`; what is wrong is said on standard error, and the exit code is 2."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (COMPUTING_S, COMPUTING_S))
    try:
        listen(Path(sys.argv[1]), Path(sys.argv[2]))
    except DancenetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
