"""The mixture's part of `direct.py`: two phrases at once, weighted over time."""

import time

import numpy as np
from measuring import emit, say

#: Shares of the second phrase, at evenly spaced moments.
SHARES = (0.0, 0.25, 0.75, 1.0, 0.5)


def mix(stage, phrases) -> None:
    """Six pairs of phrases of 4 s: where between both each moment lies, and whether it is dance.

    Args:
        stage: of `direct.py`.
        phrases: of the unseen takes, an even number.
    """
    from dancenet.directing.alike import mixed
    from dancenet.directing.director import Style

    begun, off, forms, life = time.perf_counter(), [], [], []
    own, straight = [], []
    half = len(phrases) // 2
    for number, (one, other) in enumerate(zip(phrases[:half], phrases[half:], strict=True)):
        say(f"mix: pair {number + 1}")
        made = mixed(stage.director, one, other, SHARES, Style(seed=number)).latents
        steps = len(made)
        wanted = np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(SHARES)), SHARES)
        way = other.latents[:steps] - one.latents[:steps]
        lies = ((made - one.latents[:steps]) * way).sum(axis=1) / (way**2).sum(axis=1)
        off.append(float(np.abs(lies - wanted).mean()))
        for kept, latents in (
            (forms, made), (straight, one.latents[:steps] + wanted[:, None].astype("float32") * way)
        ):  # fmt: skip
            figures = stage.measure.measure_stretch([stage.points(latents, stage.fps)])
            kept.append(figures.form)
            if kept is forms:
                life.append(figures.motion)
        for phrase in (one, other):
            figures = stage.measure.measure_stretch([stage.points(phrase.latents, stage.fps)])
            own.append((figures.form, figures.motion))
    form, motion = (float(value) for value in np.mean(own, axis=0))
    seconds = time.perf_counter() - begun
    emit(
        "mix: distance of the share that is shown from the share that is asked", float(np.mean(off)), "of 1",
        seconds=seconds, worst=max(off), pairs=half, shares=list(SHARES),
    )  # fmt: skip
    emit(
        "mix: form over the phrases'", float(np.mean(forms)), "", ratio=float(np.mean(forms)) / form,
        seconds=seconds, life_ratio=float(np.mean(life)) / motion,
        straight_line_ratio=float(np.mean(straight)) / form,
    )  # fmt: skip
