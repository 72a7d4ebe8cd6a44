"""A planned piece danced, section by section; each ends as the next one begins.

Shape letters: T poses, N frames, D = 128 latent dimensions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dancenet.directing.alike import blended, looped, mixed, varied
from dancenet.directing.director import Director
from dancenet.directing.path import BEATS_FPS, Path, in_step
from dancenet.directing.plan import Planned
from dancenet.directing.verbs import arriving, between, continued
from dancenet.generation import decoded
from dancenet.timing import Warp


@dataclass(frozen=True)
class Made:
    """A section that has been danced.

    Attributes:
        path: from 0 to the section's length.
        warp: when each moment of it is shown; None without music.
    """

    path: Path
    warp: Warp | None

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """(N, D) at times within the section."""
        if self.warp is not None:
            times_s = self.warp(np.clip(times_s, 0, self.warp.music_s[-1]))
        return self.path.at(times_s)


def make(one: Planned) -> Made:
    """Dance a section."""
    director, section = one.actor.director, one.section
    path = _VERBS[section.verb](director, one)
    if path.end_s > one.length_s + 1e-6:
        path = path.until(one.length_s)
    if one.ending is not None and section.verb in ("vary", "blend", "loop", "transfer"):
        fps = director.trained.packed.fps if one.phrases else None
        path = arriving(director, path, one.ending, one.style, fps=fps)
    if one.rhythm is None:
        return Made(path, None)
    trained = director.trained
    pictures = decoded(trained.vae, path.at(np.arange(0, path.end_s, 1 / BEATS_FPS)))
    warp = in_step(path, one.rhythm, pictures, BEATS_FPS, sync=one.sync, beat_s=trained.beat_s)
    return Made(path, warp)


def _dance(director: Director, one: Planned) -> Path:
    return between(director, (), one.length_s, one.style, opening=one.entrance, arrive=one.ending)


def _continue(director: Director, one: Planned) -> Path:
    return continued(director, one.phrases[0], one.length_s, one.style, arrive=one.ending)


def _between(director: Director, one: Planned) -> Path:
    keys = one.keyframes
    return between(director, keys, one.length_s, one.style, opening=one.entrance, arrive=one.ending)


def _vary(director: Director, one: Planned) -> Path:
    return varied(director, one.phrases[0], one.section.amount, one.style)


def _transfer(director: Director, one: Planned) -> Path:
    return varied(director, one.phrases[0], 0.0, one.style)


def _blend(director: Director, one: Planned) -> Path:
    if one.section.mix:
        return mixed(director, one.phrases[0], one.phrases[1], one.section.mix, one.style)
    return blended(director, one.phrases, one.section.over, one.style)


def _loop(director: Director, one: Planned) -> Path:
    path = once = looped(director, one.entrance, one.period_s, one.style)
    while path.end_s < one.length_s - 1e-6:
        path = path.then(once.later(path.end_s))
    return path


_VERBS = {
    "dance": _dance,
    "continue": _continue,
    "between": _between,
    "vary": _vary,
    "blend": _blend,
    "loop": _loop,
    "transfer": _transfer,
}


def frame_times(planned: list[Planned], fps: float) -> Iterator[tuple[int, np.ndarray]]:
    """For each section its number and the times of its frames (N,), from its own beginning."""
    count = max(1, round((planned[-1].start_s + planned[-1].length_s) * fps))
    times = np.arange(count) / fps
    of = np.searchsorted([one.start_s - 1e-6 for one in planned], times, side="right") - 1
    for number, one in enumerate(planned):
        yield number, times[of == number] - one.start_s
