"""Waiting at the ends of takes is no dance; a pause in the middle is."""

import itertools

import numpy as np
import pytest

from dancenet.config import LATENT_SIZE
from dancenet.latents import Latents
from dancenet.sequences import Span
from dancenet.stages.waiting import dancing

FPS = 10


def takes(*paces):
    """Latents of takes that move so fast in each of their seconds."""
    random, poses, lengths = np.random.default_rng(0), [], []
    for seconds in paces:
        steps = random.standard_normal((FPS * len(seconds), LATENT_SIZE)) * np.repeat(seconds, FPS)[:, None]
        poses.append(np.cumsum(steps, axis=0))
        lengths.append(len(steps))
    mean = np.concatenate(poses).astype("float32")
    nothing = mean[None][:0]
    latents = Latents(
        mean, np.zeros_like(mean), nothing, nothing, center=np.zeros(LATENT_SIZE), scale=np.ones(LATENT_SIZE),
        clip_starts=np.cumsum([0, *lengths[:-1]]), clip_lengths=np.array(lengths), fps=np.array(float(FPS)),
    )  # fmt: skip
    starts = np.cumsum([0, *lengths])
    return latents, [Span(int(a), int(b)) for a, b in itertools.pairwise(starts)]


def test_waiting_at_both_ends_is_left_out_and_a_pause_in_the_middle_stays():
    still, pause = [0.05] * 2, [0.05] * 3
    latents, spans = takes([*still, *[1.0] * 12, *pause, *[1.0] * 12, *still])
    (found,) = dancing(latents, spans)
    assert found.start == pytest.approx(2 * FPS, abs=FPS // 2)
    assert found.stop == pytest.approx(len(latents.mean) - 2 * FPS, abs=FPS // 2)


def test_a_move_before_the_waiting_is_left_out_with_it():
    latents, spans = takes([1.0, *[0.05] * 2, *[1.0] * 27])
    (found,) = dancing(latents, spans)
    assert found.start == pytest.approx(3 * FPS, abs=FPS // 2)
    assert found.stop == spans[0].stop


@pytest.mark.parametrize("pace", [[1.0] * 30, [0.5, *[1.0] * 28, 0.5], [1.0] * 4, [0.0] * 30])
def test_who_never_waits_or_never_moves_and_short_takes_stay_whole(pace):
    latents, spans = takes(pace, pace)
    assert dancing(latents, spans) == spans
