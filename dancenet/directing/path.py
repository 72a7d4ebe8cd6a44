"""A path through latent space in time, and how it is danced to music without its fixed moments moving.

Shape letters: T poses, N frames, D = 128 latent dimensions.
"""

import itertools
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from dancenet.dancing.in_time import Rhythm, danced_beats
from dancenet.evaluation.features import small_grey
from dancenet.timing import Warp, body_speed, fit_warp, kinematic_beats

log = logging.getLogger(__name__)

#: Fixed moments nearer than this leave music no room, seconds.
ROOM_S = 0.25
#: Poses per second at which a path's own beats are looked for.
BEATS_FPS = 30.0
#: Music that ends so long before the dance is warned of.
SILENCE_S = 0.05


@dataclass(frozen=True)
class Path:
    """Poses and when each is shown.

    Attributes:
        latents: (T, D) float32.
        times_s: (T,) rising; those before 0 are not shown, but say how it begins.
        fixed_s: moments that stay where they are whatever is danced to, rising, within `times_s`; the first
            and the last time always do.
    """

    latents: np.ndarray
    times_s: np.ndarray
    fixed_s: tuple[float, ...] = ()

    @property
    def end_s(self) -> float:
        """When the last pose is shown, seconds."""
        return float(self.times_s[-1])

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """(N, D) at times (N,), along a shape-preserving cubic (see `generation.resample`); ends hold."""
        if len(self.latents) == 1:
            return np.repeat(self.latents, len(times_s), axis=0)
        inside = np.clip(times_s, self.times_s[0], self.times_s[-1])
        return PchipInterpolator(self.times_s, self.latents, axis=0)(inside).astype("float32")

    def then(self, other: "Path") -> "Path":
        """This path, and `other` after it; where `other` begins with the pose and moment of this one's end
        (or before it), this one's last poses give way."""
        keep = self.times_s < other.times_s[0] - 1e-9
        return Path(
            np.concatenate([self.latents[keep], other.latents]),
            np.concatenate([self.times_s[keep], other.times_s]),
            tuple(sorted({*self.fixed_s, *other.fixed_s})),
        )

    def later(self, seconds: float) -> "Path":
        """The same, shown later by so much."""
        return Path(self.latents, self.times_s + seconds, tuple(moment + seconds for moment in self.fixed_s))

    def until(self, end_s: float) -> "Path":
        """The part up to a moment, which is its last pose."""
        keep = self.times_s < end_s - 1e-9
        return Path(
            np.concatenate([self.latents[keep], self.at(np.array([end_s]))]),
            np.append(self.times_s[keep], end_s),
            tuple(moment for moment in self.fixed_s if moment <= end_s),
        )


def steady(latents: np.ndarray, fps: float, start_s: float = 0.0) -> Path:
    """Poses (T, D) at an even rate."""
    return Path(np.asarray(latents, "float32"), start_s + np.arange(len(latents)) / fps)


def in_step(
    path: Path,
    rhythm: Rhythm,
    pictures: Iterable[np.ndarray],
    fps: float,
    *,
    sync: float,
    beat_s: float | None = None,
) -> Warp:
    """When each moment of a path is shown so that it is danced to music.

    Between two fixed moments time is warped as of a free dance (`in_time.follow`), and comes out even: loud
    passages are faster than quiet ones, beats are met, and the fixed moments stay.

    Args:
        path: from 0 to its end.
        rhythm: of the music, as long as the path.
        pictures: the path's frames (H, W, C) uint8 at `fps`, the first at 0.
        fps: their rate.
        sync: see `timing.fit_warp`.
        beat_s: see `in_time.danced_beats`.
    """
    own = kinematic_beats(body_speed(small_grey(pictures)), fps)
    beats = danced_beats(rhythm, own, beat_s)
    music, dance = [np.zeros(1)], [np.zeros(1)]
    for first, last in _stretches(path):
        warp = _between(rhythm.base, first, last)
        here = beats[(beats > first) & (beats < last)] - first
        warp = fit_warp(here, own - first, warp, sync=sync, even=True)
        music.append(first + warp.music_s[1:])
        dance.append(first + warp.dance_s[1:])
    return Warp(np.concatenate(music), np.concatenate(dance))


def lasting(rhythm: Rhythm, seconds: float) -> Rhythm:
    """A rhythm that lasts so long at least; where the music has ended no beat is met, at an even speed."""
    base = rhythm.base
    left_s = seconds - float(base.music_s[-1])
    if left_s <= 0:
        return rhythm
    if left_s > SILENCE_S:
        log.warning("the music ends after %.1f s, the dance after %.1f s", seconds - left_s, seconds)
    longer = Warp(np.append(base.music_s, seconds), np.append(base.dance_s, base.dance_s[-1] + left_s))
    return replace(rhythm, base=longer, energy=np.append(rhythm.energy, 0.0))


def _stretches(path: Path) -> list[tuple[float, float]]:
    """Pairs of neighbouring fixed moments."""
    moments = [0.0]
    moments += [moment for moment in path.fixed_s if moment > 1e-6 and moment < path.end_s - 1e-6]
    moments.append(path.end_s)
    return list(itertools.pairwise(moments))


def _between(base: Warp, first: float, last: float) -> Warp:
    """A stretch of `base`, with both ends at 0, that lasts as long in the dance as in the music."""
    if last - first < ROOM_S:
        return Warp.steady(last - first)
    inside = base.music_s[(base.music_s > first + 1e-6) & (base.music_s < last - 1e-6)]
    times = np.concatenate([[first], inside, [last]])
    passed = base(np.clip(times, base.music_s[0], base.music_s[-1]))
    passed = passed - passed[0]
    if not passed[-1] > 0:
        return Warp.steady(last - first)
    return Warp(times - first, passed * (last - first) / passed[-1])
