"""Does the dance meet the music? Dances of a trained run to songs, read back from their videos.

    python benchmarks/in_time.py --run runs/salsa               # songs with known beats, and real ones
    python benchmarks/in_time.py --run runs/salsa --seeds 4 --seconds 60

For each song three dances per seed: without regard to the music, with the default --sync, with --sync 1.
Beat alignment goes both ways (Li et al. 2021; Siyao et al. 2022), beside the same beats at a random phase.
Beats are the true ones where they are known, else those that were heard. Motion and jitter stand beside the
dance without music; loudness and motion are correlated over windows of two seconds.
Beside them: real dance on its own music (the built-in dancer, filmed), a song of three minutes, whose sound
and picture are measured at both ends, and a song with a long silence in it.
"""

import argparse
import tempfile
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dance_figures import pictures, yardstick_of
from measuring import DATA, Bar, benchmark, emit, say, skipped

from dancenet.config import DanceOptions, MusicOptions
from dancenet.runs import Run

#: Sync → the least ratio to a random phase that passes.
BARS = {MusicOptions.sync: 1.3, 1.0: 1.6}
RATE_HZ = 44100
#: Rate of the videos that are measured; alignment counts in seconds.
FPS = 30.0


@dataclass(frozen=True)
class Song:
    """Music in a file, and its beats where they are known."""

    name: str
    path: Path
    beats_s: np.ndarray | None = None


def clicks(seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """A click that changes from 104 to 132 beats per minute midway: samples, beats."""
    first = np.arange(0.25, seconds / 2, 60 / 104)
    beats = np.concatenate([first, np.arange(first[-1] + 60 / 132, seconds - 0.1, 60 / 132)])
    track, burst = np.zeros(round(seconds * RATE_HZ), np.float32), np.arange(round(0.03 * RATE_HZ)) / RATE_HZ
    for beat in beats:
        start = round(beat * RATE_HZ)
        track[start : start + len(burst)] += 0.7 * np.sin(2 * np.pi * 1500 * burst) * np.exp(-burst / 0.006)
    return track, beats


def swelling(samples: np.ndarray) -> np.ndarray:
    """The same music with dynamics: 12 dB up and down over 16 seconds."""
    level_db = -6 + 6 * np.sin(2 * np.pi * np.arange(len(samples)) / (16 * RATE_HZ))
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


def written(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def songs(folder: Path, seconds: float, data: Path) -> list[Song]:
    from dancenet.figure.soundtrack import soundtrack

    found = []
    for tempo in (90, 112, 128, 150):
        track = soundtrack(seconds, tempo, seed=1)
        beats = np.arange(0, seconds, 60 / tempo)
        found.append(Song(f"built-in, {tempo} BPM", written(folder / f"{tempo}.wav", track), beats))
    track, beats = clicks(seconds)
    found.append(Song("click, 104 then 132 BPM", written(folder / "click.wav", track), beats))
    loud = swelling(soundtrack(seconds, 112, seed=2))
    found.append(
        Song("built-in, with dynamics", written(folder / "loud.wav", loud), np.arange(0, seconds, 60 / 112))
    )
    for name in ("vibe_ace.ogg", "hungarian_dance_5.ogg"):
        if (data / "music" / name).is_file():
            found.append(Song(name, data / "music" / name))
        else:
            skipped(f"dance to {name}", f"not in {data / 'music'} (name a folder with --data)")
    return found


def windows(values: np.ndarray, length: int) -> np.ndarray:
    """Means of whole windows of `length`."""
    whole = len(values) // length
    return values[: whole * length].reshape(whole, length).mean(axis=1)


def figures_of(video: Path, beats_s: np.ndarray, heard, measure) -> dict[str, float]:
    """What one dance's video shows."""
    from dancenet.evaluation.features import small_grey
    from dancenet.timing import beat_alignment, body_speed, kinematic_beats, random_phase

    frames = list(pictures(video, FPS))
    speed = body_speed(small_grey(frames))
    own = kinematic_beats(speed, FPS)
    dance = measure.measure(iter(frames), fps=FPS)
    times = (np.arange(len(speed)) + 0.5) / FPS
    loud = np.interp(times, np.arange(len(heard.loudness_lufs)) / heard.fps, heard.loudness_lufs)
    pair = [windows(values, round(2 * FPS)) for values in (loud, speed)]
    return {
        "music_to_dance": beat_alignment(beats_s, own), "random_phase": random_phase(beats_s, own),
        "dance_to_music": beat_alignment(own, beats_s), "random_phase_back": random_phase(own, beats_s),
        "motion": dance.motion, "jitter": dance.jitter, "form": dance.form, "drift": dance.drift,
        "loudness_and_motion": float(np.corrcoef(*pair)[0, 1]) if np.std(pair[0]) > 1e-6 else np.nan,
    }  # fmt: skip


def dance_to(run: Run, song: Song, chosen: argparse.Namespace, folder: Path, measure) -> None:
    from dancenet.music import hear, read_sound
    from dancenet.rendering import write_dance

    begun, heard = time.perf_counter(), hear(read_sound(song.path))
    seconds = min(chosen.seconds, heard.duration_s)
    beats = heard.beats_s if song.beats_s is None else song.beats_s
    beats = beats[(beats > 0.5) & (beats < seconds - 0.5)]
    options = DanceOptions(seconds=seconds, fps=FPS, takes=chosen.seeds)
    means = {}
    for sync, energy in ((0.0, 0.0), (MusicOptions.sync, 1.0), (1.0, 1.0)):
        say(f"{song.name}: sync {sync:g}")
        music = MusicOptions(song.path, sync=sync, energy=energy)
        videos = write_dance(run, folder / f"sync{sync:g}.mp4", options, music=music)
        rows = [figures_of(video, beats, heard, measure) for video in videos]
        means[sync] = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    plain = means.pop(0.0)
    for sync, row in means.items():
        emit(
            f"{song.name}: beats met, music to dance, sync {sync:g}", row["music_to_dance"], "",
            ratio=row["music_to_dance"] / row["random_phase"], bar=Bar(low=BARS[sync]),
            against="random phase",
            random_phase=row["random_phase"], unsynchronised=plain["music_to_dance"],
            unsynchronised_random_phase=plain["random_phase"], dance_to_music=row["dance_to_music"],
            dance_to_music_random_phase=row["random_phase_back"],
            motion_ratio=row["motion"] / plain["motion"], jitter_ratio=row["jitter"] / plain["jitter"],
            form_ratio=row["form"] / plain["form"], drift_ratio=row["drift"] / plain["drift"],
            loudness_and_motion=row["loudness_and_motion"], seeds=chosen.seeds, dance_s=seconds,
            known_beats=song.beats_s is not None, seconds=time.perf_counter() - begun,
        )  # fmt: skip


def real_dance(folder: Path, seconds: float) -> None:
    """The built-in dancer, filmed on its own music: what dance that is made to a beat shows."""
    from dancenet.config import DancerOptions
    from dancenet.dancer import write_video
    from dancenet.evaluation.features import small_grey
    from dancenet.timing import beat_alignment, body_speed, kinematic_beats, random_phase

    begun, met, chance = time.perf_counter(), [], []
    for seed in range(4):
        options = DancerOptions(minutes=seconds / 60, seed=seed, fps=FPS)
        film = write_video(folder / "real.mp4", options)
        own = kinematic_beats(body_speed(small_grey(pictures(folder / "real.mp4", FPS))), FPS)
        beats = film.beat_times_s[film.beat_times_s < seconds - 0.5]
        met.append(beat_alignment(beats, own))
        chance.append(random_phase(beats, own))
    emit(
        "real dance on its own music (built-in dancer): beats met, music to dance", float(np.mean(met)), "",
        ratio=float(np.mean(met) / np.mean(chance)), against="random phase", each=np.round(met, 3).tolist(),
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def whole_song(run: Run, folder: Path, seconds: float) -> None:
    """Is a long video as long as its song, and its sound where it belongs, at both ends?"""
    from dancenet.figure.soundtrack import soundtrack
    from dancenet.music import RATE_HZ as HEARD_HZ
    from dancenet.music import read_sound
    from dancenet.rendering import write_dance

    begun = time.perf_counter()
    song = written(folder / "whole.wav", soundtrack(seconds, 112, seed=3))
    (video,) = write_dance(run, folder / "whole.mp4", DanceOptions(fps=FPS), music=MusicOptions(song))
    frames = sum(1 for _ in pictures(video, FPS))
    asked, got = read_sound(song), read_sound(video)
    offsets_ms = [
        1000 * lag(asked[part], got[part]) / HEARD_HZ
        for part in (slice(0, 5 * HEARD_HZ), slice(len(asked) - 6 * HEARD_HZ, len(asked) - HEARD_HZ))
    ]
    emit(
        "whole song: frames of the video beside its length", frames - seconds * FPS, "frames",
        bar=Bar(low=-1, high=1), song_s=seconds, seconds=time.perf_counter() - begun,
    )  # fmt: skip
    worst = max(offsets_ms, key=abs)
    emit(
        "whole song: sound against picture, the worse of start and end", worst, "ms",
        bar=Bar(low=-1000 / FPS, high=1000 / FPS), each=np.round(offsets_ms, 2).tolist(),
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def silence(run: Run, folder: Path, measure, seeds: int, part_s: float = 16.0) -> None:
    """Music, as long of silence, and music again: silence calms the dance, and does not freeze it."""
    from dancenet.evaluation.features import small_grey
    from dancenet.figure.soundtrack import soundtrack
    from dancenet.rendering import write_dance
    from dancenet.timing import body_speed

    begun = time.perf_counter()
    loud = soundtrack(part_s, 112, seed=4)
    song = written(folder / "pause.wav", np.concatenate([loud, np.zeros_like(loud), loud]))
    options = DanceOptions(fps=FPS, takes=seeds)
    ratios, frozen = [], []
    for video in write_dance(run, folder / "pause.mp4", options, music=MusicOptions(song)):
        frames = list(pictures(video, FPS))
        seconds = windows(body_speed(small_grey(frames)), round(FPS))
        first, last = round(part_s) + 1, round(2 * part_s) - 1
        calm = seconds[first:last]
        ratios.append(calm.mean() / np.delete(seconds, slice(first - 2, last + 2)).mean())
        frozen.append(measure.measure(iter(frames[first * round(FPS) : last * round(FPS)]), fps=FPS))
    emit(
        "silence: motion in it, of that in music", float(np.mean(ratios)), "", bar=Bar(low=0.3, high=0.95),
        each=np.round(ratios, 3).tolist(), seconds=time.perf_counter() - begun,
    )  # fmt: skip
    emit(
        "silence: frozen seconds in it", float(np.mean([dance.frozen_seconds_share for dance in frozen])),
        "share", bar=Bar(high=0.0), seconds=time.perf_counter() - begun,
    )  # fmt: skip


def lag(asked: np.ndarray, got: np.ndarray) -> int:
    """Samples by which `got` comes later than `asked`, where they agree best (up to 0.2 s)."""
    from scipy.signal import correlate, correlation_lags

    lags = correlation_lags(len(got), len(asked))
    near = np.abs(lags) < RATE_HZ // 10
    return int(lags[near][np.argmax(correlate(got, asked)[near])])


def measure_all(chosen: argparse.Namespace) -> None:
    run = Run(chosen.run)
    measure = yardstick_of(run)
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        real_dance(Path(folder), chosen.seconds)
        whole_song(run, Path(folder), chosen.whole)
        silence(run, Path(folder), measure, chosen.seeds)
        for song in songs(Path(folder), chosen.seconds, chosen.data):
            dance_to(run, song, chosen, Path(folder), measure)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a trained run")
    parser.add_argument("--seeds", type=int, default=2, help="dances to each song (default 2)")
    parser.add_argument("--seconds", type=float, default=45.0, help="length of each (default 45)")
    parser.add_argument(
        "--whole", type=float, default=180.0, metavar="SECONDS", help="length of the whole song (default 180)"
    )
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"folder with music/ ({DATA})")
    chosen = parser.parse_args(argv)
    return benchmark(lambda: measure_all(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
