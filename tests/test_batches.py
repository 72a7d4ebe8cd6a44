"""Batches of frames: what may be done to them, and that nothing else is."""

import numpy as np
import pytest

from dancenet.batches import Augmentation, FrameBatches, Variation, shifted
from dancenet.clips import Clip, PackedFrames
from dancenet.config import FrameOptions

HEIGHT, WIDTH = 24, 40


def film(left=(30, 30, 30), right=(30, 30, 30), scenery=False, count=60):
    """Two clips of a figure with two arms that walks to and fro over a plain or a many-coloured wall."""
    random = np.random.default_rng(0)
    wall = np.full((HEIGHT, WIDTH, 3), 220, "uint8")
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


def test_what_differs_from_the_background_is_moved_and_nothing_else():
    background = np.random.default_rng(1).integers(0, 100, (HEIGHT, WIDTH, 3)).astype("uint8")
    frame = background.copy()
    frame[5:9, 10:14] += 100
    moved = shifted(frame, background, rows=2, columns=-6)
    difference = moved.astype(int) - background
    assert (difference[7:11, 4:8] == 100).all()
    assert difference.sum() == 100 * 4 * 4 * 3
    np.testing.assert_array_equal(shifted(frame, background, 0, 0), frame)
    np.testing.assert_array_equal(shifted(frame, background, 0, WIDTH - 1)[:, 24:], background[:, 24:])


def test_variations_are_what_the_augmentation_allows():
    assert Augmentation(mirror=False, shift=False).variations(200) == []
    assert Augmentation(mirror=True, shift=False).variations(200) == [Variation(True, 0)]
    moved = Augmentation(mirror=False, shift=True).variations(200)
    assert [way.columns for way in moved] == [-16, -8, 8, 16]
    assert not any(way.mirror for way in moved)


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
