"""What was heard in a piece, to look at and to listen to: one plot, and clicks over the music."""

from pathlib import Path

import av
import numpy as np

from dancenet.errors import DancenetError
from dancenet.music import RATE_HZ, Music
from dancenet.runs import replacing

#: Seconds in one row of the plot's close look.
CLOSE_S = 10.0
_PLOTS = (".png", ".svg", ".pdf")
_CLICK_S = 0.04


def summary(music: Music) -> str:
    """One line in words."""
    minutes, seconds = divmod(round(music.duration_s), 60)
    slow, middle, fast = np.quantile(music.tempo_bpm, [0.1, 0.5, 0.9])
    tempo = f"{middle:.0f}" if fast < 1.05 * slow else f"{middle:.0f} ({slow:.0f} to {fast:.0f})"
    parts = len(music.sections_s) + 1
    if music.steady:
        return f"{minutes}:{seconds:02} · no beat can be followed: a steady {tempo} beats a minute stands in"
    return (
        f"{minutes}:{seconds:02} · {len(music.beats_s)} beats at {tempo} a minute, confidence "
        f"{music.confidence:.2f} · {len(music.downbeats_s)} bars of {music.beats_per_bar}, confidence "
        f"{music.downbeat_confidence:.2f} · {parts} section{'s' if parts > 1 else ''}"
    )


def check_names(plot: Path, click: Path | None, song: Path) -> None:
    """Raise `DancenetError` where a result has no fitting name, or would replace the song."""
    if plot.suffix.lower() not in _PLOTS:
        raise DancenetError(f"--out {plot}", f"a picture: {', '.join(_PLOTS)}", "for example --out song.png")
    if click is not None and click.suffix.lower() != ".wav":
        raise DancenetError(f"--click {click}", "a name ending in .wav", "for example --click song.wav")
    for flag, path in (("--out", plot), ("--click", click)):
        if path is not None and path.is_dir():
            raise DancenetError(f"{flag} {path} is a folder", "the name of a file")
        if path is not None and path.resolve() == song.resolve():
            raise DancenetError(f"{flag} {path} is the music itself", "another name, or it would be lost")


def draw(path: Path, samples: np.ndarray, music: Music, title: str = "") -> None:
    """Plot the whole piece, and below it its liveliest ten seconds from close by.

    Args:
        path: .png, .svg or .pdf.
        samples: (n,) what was heard, at `RATE_HZ`.
    """
    from matplotlib.figure import Figure

    picture = Figure(figsize=(15, 12), layout="constrained")
    loud, onset, tempo, near, waves = picture.subplots(5, 1)
    time_s = np.arange(len(music.onset_strength)) / music.fps
    behind = loud.twinx()
    behind.set_yticks([])
    _wave(behind, samples, 0.0, music.duration_s)
    loud.plot(time_s, music.loudness_lufs, color="tab:red")
    loud.set_ylabel("loudness, LUFS")
    loud.set_title(f"{title} · {summary(music)}".strip(" ·"), loc="left")
    onset.plot(time_s, music.onset_strength, color="#555", linewidth=0.5)
    onset.set_ylabel("onset strength")
    tempo.plot(music.beats_s, music.tempo_bpm, ".-", color="tab:blue", markersize=4)
    tempo.set_ylabel("tempo, beats a minute")
    tempo.set_ylim(0.8 * music.tempo_bpm.min(), 1.2 * music.tempo_bpm.max())
    for axis in (loud, onset, tempo):
        axis.set_xlim(0, music.duration_s)
        for border_s in music.sections_s:
            axis.axvline(border_s, color="tab:green", linewidth=2)
    for axis in (onset, tempo):
        _ticks(axis, music)
    start_s = _liveliest_s(music)
    near.plot(time_s, music.onset_strength, color="#333", linewidth=1)
    near.set_ylabel("onset strength, close")
    _wave(waves, samples, start_s, min(start_s + CLOSE_S, music.duration_s))
    waves.set_ylabel("wave, close")
    for axis in (near, waves):
        axis.set_xlim(start_s, max(min(start_s + CLOSE_S, music.duration_s), start_s + 0.1))
        axis.vlines(music.beats_s, *axis.get_ylim(), color="tab:orange", linewidth=1.2, label="beats")
        axis.vlines(
            music.downbeats_s,
            *axis.get_ylim(),
            color="tab:purple",
            linewidth=2.5,
            alpha=0.6,
            label="downbeats",
        )
    near.legend(loc="upper right", ncols=2, fontsize="small")
    waves.set_xlabel("seconds · orange: beats · purple: downbeats · green: sections")
    with replacing(path) as beside:
        picture.savefig(beside, dpi=110)


def _ticks(axis, music: Music) -> None:
    """Beats and downbeats as short marks at the lower edge."""
    low, high = axis.get_ylim()
    axis.vlines(music.beats_s, low, low + 0.06 * (high - low), color="tab:orange", linewidth=0.8)
    axis.vlines(music.downbeats_s, low, low + 0.12 * (high - low), color="tab:purple", linewidth=1.2)
    axis.set_ylim(low, high)


def _wave(axis, samples: np.ndarray, start_s: float, end_s: float, columns: int = 3000) -> None:
    """The range of the samples in each column of pixels."""
    part = samples[round(start_s * RATE_HZ) : max(round(end_s * RATE_HZ), round(start_s * RATE_HZ) + 1)]
    step = max(1, len(part) // columns)
    rows = part[: len(part) // step * step].reshape(-1, step)
    time_s = start_s + np.arange(len(rows)) * step / RATE_HZ
    axis.fill_between(time_s, rows.min(axis=1), rows.max(axis=1), step="mid", color="#9bc", linewidth=0)
    largest = max(float(np.abs(part).max()), 1e-3)
    axis.set_ylim(-1.05 * largest, 1.05 * largest)


def _liveliest_s(music: Music) -> float:
    """Where the ten seconds begin that hold most onsets."""
    width = int(CLOSE_S * music.fps)
    summed = np.concatenate([[0.0], np.cumsum(music.onset_strength)])
    if len(summed) <= width:
        return 0.0
    return float((summed[width:] - summed[:-width]).argmax()) / music.fps


def with_clicks(samples: np.ndarray, music: Music) -> np.ndarray:
    """The music with a click on every beat, higher on downbeats, and a noise where a section begins.

    Args:
        samples: (n,) at `RATE_HZ`.

    Returns:
        (n,) float32 in [-1, 1].
    """
    mixed = (0.6 * samples / max(float(np.abs(samples).max()), 1e-3)).astype(np.float32)
    time_s = np.arange(round(_CLICK_S * RATE_HZ)) / RATE_HZ
    fade = np.exp(-time_s / 0.008)
    rustle = np.random.default_rng(0).uniform(-1, 1, 5 * len(time_s)) * np.repeat(fade, 5)
    high, low = (np.sin(2 * np.pi * hertz * time_s) * fade for hertz in (1800, 1100))
    downbeats = set(music.downbeats_s.tolist())
    sounds = [(beat_s, high if beat_s in downbeats else low) for beat_s in music.beats_s.tolist()]
    sounds += [(border_s, rustle) for border_s in music.sections_s.tolist()]
    for at_s, sound in sounds:
        start = round(at_s * RATE_HZ)
        room = mixed[start : start + len(sound)]
        room += (0.35 * sound[: len(room)]).astype(np.float32)
    return np.clip(mixed, -1, 1)


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write (n,) samples in [-1, 1] at `RATE_HZ` as 16-bit WAV."""
    with replacing(path) as beside, av.open(str(beside), "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        whole = np.rint(samples * 32767).astype(np.int16)
        for start in range(0, len(whole), RATE_HZ):
            block = np.ascontiguousarray(whole[None, start : start + RATE_HZ])
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
