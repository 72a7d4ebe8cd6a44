"""F-measure of both beat trackers on pieces with known beats, and what they hear in two real songs.

    python benchmarks/music.py

The pieces are those of tests/songs.py (drums, bass and chords in five styles, and a click), with seeds that
the tracker's constants were not chosen on (0 to 3 and 11 to 13 were), and the built-in dancer's own music. A
found beat counts within 70 ms of the true one; nothing is left out at the beginning, as mir_eval leaves out
five seconds. Each piece counts once. `low` names the pieces under 0.95, with the tempo that was heard.
librosa is measured where it is installed.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import DATA, Bar, emit, say, skipped

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from songs import RATE_HZ, STYLES, beats_at, ramp, song, step

TEMPI = (60, 75, 90, 112, 128, 150, 180)
CHANGES = {
    "ramp 100 to 130": ramp(100, 130, 60), "ramp 140 to 90": ramp(140, 90, 60),
    "step 100 to 140": step(100, 140, 30), "step 150 to 90": step(150, 90, 30),
}  # fmt: skip


def options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--seeds", type=int, nargs="+", default=[21, 22, 23], help="of the pieces (default 21 22 23)")
    add("--seconds", type=float, default=20.0, help="length of each piece of one tempo (default 20)")
    add("--data", type=Path, default=DATA, help="folder that holds music/ (default ../shared/data)")
    return parser.parse_args(argv)


def pieces(chosen: argparse.Namespace) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """(group, name, true beats in seconds, samples); every third seed's drummer strays by 4 and 8 ms."""
    from dancenet.figure.soundtrack import soundtrack

    for number, seed in enumerate(chosen.seeds):
        jitter_s = 0.004 * (number % 3)
        for style in (*STYLES, "click"):
            for tempo in TEMPI:
                truth = beats_at(tempo, int(chosen.seconds * tempo / 60))
                yield (
                    style,
                    f"{style} {tempo} seed {seed}",
                    truth,
                    song(truth, style, seed, jitter_s=jitter_s),
                )
            for name, tempo in CHANGES.items():
                truth = beats_at(tempo, 60)
                sound = song(truth, style, seed, jitter_s=jitter_s)
                yield name.split()[0], f"{style} {name} seed {seed}", truth, sound
        for tempo in (90, 112, 128, 150):
            truth = np.arange(0, chosen.seconds, 60 / tempo)
            sound = soundtrack(chosen.seconds, tempo, seed, RATE_HZ)
            yield "built-in dancer", f"dancer {tempo} seed {seed}", truth, sound


def measure_pieces(trackers: list[str], chosen: argparse.Namespace) -> None:
    from dancenet.evaluation.beats import f_measure
    from dancenet.music import hear

    found: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    seconds = dict.fromkeys(trackers, 0.0)
    for group, name, truth, sound in pieces(chosen):
        for tracker in trackers:
            since = time.perf_counter()
            heard = hear(sound, tracker)
            seconds[tracker] += time.perf_counter() - since
            score = f_measure(truth, heard.beats_s)
            found.setdefault((tracker, group), []).append((name, score, float(np.median(heard.tempo_bpm))))
    for (tracker, group), rows in found.items():
        scores = [score for _, score, _ in rows]
        emit(
            f"beats of {group}, {tracker}", float(np.mean(scores)), "F-measure",
            bar=Bar(low=0.95) if tracker == "scipy" else None, pieces=len(rows), lowest=min(scores),
            low=[f"{name}: {score:.2f} at {tempo:.0f}" for name, score, tempo in rows if score < 0.95],
            seconds=seconds[tracker],
        )  # fmt: skip


def measure_songs(trackers: list[str], folder: Path) -> None:
    from dancenet.evaluation.beats import f_measure
    from dancenet.music import hear, read_sound

    songs = sorted((folder / "music").glob("*.ogg"))
    if not songs:
        skipped("beats of real songs", f"there is no {folder / 'music'}")
    for path in songs:
        sound, beats_s = read_sound(path), {}
        for tracker in trackers:
            since = time.perf_counter()
            heard = hear(sound, tracker)
            beats_s[tracker] = heard.beats_s
            emit(
                f"tempo of {path.stem}, {tracker}", float(np.median(heard.tempo_bpm)), "beats/min",
                beats=len(heard.beats_s), slow=float(np.quantile(heard.tempo_bpm, 0.1)),
                fast=float(np.quantile(heard.tempo_bpm, 0.9)), confidence=heard.confidence,
                downbeat_confidence=heard.downbeat_confidence, steady=heard.steady,
                sections_s=np.round(heard.sections_s, 1).tolist(), seconds=time.perf_counter() - since,
            )  # fmt: skip
        if len(beats_s) == 2:
            ours, theirs = beats_s.values()
            halves = np.sort(np.append(ours, (ours[1:] + ours[:-1]) / 2))
            emit(
                f"agreement of both on {path.stem}", f_measure(theirs, ours), "F-measure",
                at_twice_our_tempo=f_measure(theirs, halves), seconds=0.0,
            )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    chosen = options(argv)
    trackers = ["scipy"]
    if importlib.util.find_spec("librosa"):
        trackers.append("librosa")
    else:
        say("librosa is not installed; it is the extra `audio`")
    measure_songs(trackers, chosen.data)
    measure_pieces(trackers, chosen)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
