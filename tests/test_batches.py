"""Batches of frames: what may be done to them, and that nothing else is."""

import numpy as np
import pytest

from dancenet.batching.batches import (
    CAMERAS,
    LEAN,
    SMALLEST,
    Augmentation,
    FrameBatches,
    Variation,
    even_across,
    even_upward,
    filmed_by,
    foreground_share,
)
from dancenet.config import FrameOptions
from dancenet.footage.clips import Clip, PackedFrames

HEIGHT, WIDTH = 24, 40


def film(left=(30, 30, 30), right=(30, 30, 30), scenery=False, count=60, floor=220):
    """Two clips of a figure with two arms that walks to and fro over a plain or a many-coloured wall."""
    random = np.random.default_rng(0)
    wall = np.full((HEIGHT, WIDTH, 3), 220, "uint8")
    wall[18:] = floor
    if scenery:
        wall = random.integers(0, 255, wall.shape).astype("uint8")
    frames = np.repeat(wall[None], 2 * count, axis=0)
    for i, frame in enumerate(frames):
        x = 20 + round(10 * np.sin(i / 7 + (i >= count)))
        up = round(4 + 3 * np.sin(i / 3))
        frame[up : up + 8, x - 6 : x - 2] = left
        frame[6:20, x - 2 : x + 2] = 30
        frame[up : up + 8, x + 2 : x + 6] = right
    clips = tuple(Clip(k + 1, f"c{k}", "c", k, k * count, count, 0.0) for k in range(2))
    return PackedFrames(frames, np.stack([wall, wall]), clips, 15.0, FrameOptions(), "print")


def test_a_dancer_alike_on_both_sides_may_be_turned_over():
    assert Augmentation.fitting(film(count=400), np.arange(800)).mirror


def test_a_dancer_in_two_colours_may_not():
    two_colours = film(left=(250, 30, 30), right=(30, 30, 250), count=400)
    assert not Augmentation.fitting(two_colours, np.arange(800)).mirror


@pytest.mark.parametrize("scenery", [False, True])
def test_dancers_are_moved_only_where_the_wall_is_even(scenery):
    assert Augmentation.fitting(film(scenery=scenery), np.arange(120)).shift is not scenery


@pytest.mark.parametrize(("floor", "even"), [(220, True), (214, True), (190, False)])
def test_over_the_edge_of_a_floor_dancers_are_moved_to_the_sides_alone(floor, even):
    made = film(floor=floor)
    assert even_across(made)
    assert even_upward(made) is even
    assert Augmentation.fitting(made, np.arange(120)).shift is even


def test_the_dancers_share_of_the_picture_counts_a_rim():
    made = film()
    plain, rimmed = (foreground_share(made, np.arange(120), 0.06, rim) for rim in (0, 2))
    body = 6 * 4 + 8 * 4 + 8 * 4 + 6 * 4  # of arms and body, which overlap by turns
    assert 0.5 * body / (HEIGHT * WIDTH) < plain < 2 * body / (HEIGHT * WIDTH)
    assert 1.3 * plain < rimmed < 5 * plain


def test_another_camera_moves_what_differs_from_the_background_and_nothing_else():
    background = np.random.default_rng(1).integers(0, 100, (HEIGHT, WIDTH, 3)).astype("uint8")
    frame = background.copy()
    frame[4:12, 24:32] += 100
    same = filmed_by(frame[None], background, 1.0, 0.0)[0]
    np.testing.assert_array_equal(same, frame)
    half = filmed_by(frame[None], background, 0.5, 0.0)[0].astype(int) - background
    assert half.sum() == pytest.approx(0.25 * 100 * 8 * 8 * 3, rel=0.05)
    rows, columns = (np.argwhere(half[..., 0] > 50).mean(axis=0) - [(HEIGHT - 1) / 2, (WIDTH - 1) / 2]).T
    np.testing.assert_allclose([rows, columns], [-2, 4], atol=0.3)  # half as far from the middle as it was
    leaning = filmed_by(frame[None], background, 1.0, 90.0)[0].astype(int) - background
    rows, columns = (np.argwhere(leaning[..., 0] > 50).mean(axis=0) - [(HEIGHT - 1) / 2, (WIDTH - 1) / 2]).T
    np.testing.assert_allclose([rows, columns], [-8, -4], atol=0.3)  # a quarter turn to the left
    assert (leaning[-4:] == 0).all()
    aside = filmed_by(frame[None], background, 1.0, 0.0, (-6, 2))[0].astype(int) - background
    assert (aside[6:14, 18:26] == 100).all()
    assert aside.sum() == 100 * 8 * 8 * 3


def test_variations_are_what_the_augmentation_allows():
    assert Augmentation(mirror=False, shift=False).variations() == []
    assert Augmentation(mirror=True, shift=False).variations() == [Variation(True)]
    moved = Augmentation(mirror=False, shift=True).variations()
    assert [(way.size, way.lean) for way in moved] == list(CAMERAS)
    assert not any(way.mirror for way in moved)


def test_what_is_told_of_a_variation_is_nothing_for_the_film_itself():
    assert Variation(False).told() == (0, 0, 0)
    assert Variation(True, SMALLEST, -LEAN).told() == pytest.approx((1, 1, -1))
    both = Augmentation(mirror=True, shift=True).variations()
    assert len({way.told() for way in both}) == len(both), "no two are told alike"


def test_a_batch_depends_on_seed_epoch_and_number_alone():
    packed, both = film(), Augmentation(mirror=True, shift=True)
    make = lambda seed, epoch: FrameBatches(  # noqa: E731
        packed, np.arange(10, 100), 16, seed=seed, epoch=epoch, augmentation=both
    )
    batches = make(3, 1)
    assert len(batches) == 90 // 16
    batches[0]
    again = make(3, 1)
    for late, early in zip(batches[4], again[4], strict=True):
        np.testing.assert_array_equal(late, early)
    assert (make(4, 1)[4][0] != again[4][0]).any()
    assert (make(3, 2)[4][0] != again[4][0]).any()


def test_every_training_frame_comes_once_and_no_other():
    packed = film()
    packed.pixels[:, 0, 0, 0] = np.arange(120)
    plain = Augmentation(mirror=False, shift=False)
    batches = FrameBatches(packed, np.arange(20, 100), 16, seed=0, epoch=0, augmentation=plain)
    seen = np.concatenate([batches[i][0][:, 0, 0, 0] for i in range(len(batches))])
    assert sorted(seen.tolist()) == list(range(20, 100))
