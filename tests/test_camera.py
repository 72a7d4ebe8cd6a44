"""A camera in the hand, of which every move is known."""

import cv2
import numpy as np
import pytest
from films import shared, walker, write

from dancenet import video
from dancenet.config import FrameOptions
from dancenet.footage import camera
from dancenet.footage.clips import PackedFrames
from dancenet.footage.foreground import Foreground
from dancenet.frames import extract, load_frames
from dancenet.runs import Run

WIDTH, HEIGHT, COUNT = 160, 96, 70


def room(seed=0):
    """(H, W, 3) a wall with pictures and furniture on it."""
    random = np.random.default_rng(seed)
    wall = np.full((HEIGHT, WIDTH, 3), (200, 210, 220), np.uint8)
    for _ in range(40):
        x, y, w, h = random.integers(0, (WIDTH, HEIGHT, 22, 16))
        level = random.integers(150, 250, 3).tolist()
        cv2.rectangle(wall, (int(x), int(y)), (int(x + w + 3), int(y + h + 3)), level, -1)
    return cv2.GaussianBlur(wall, (0, 0), 0.7)


def swaying(count=COUNT, far=2.5, turn=0.008):
    """(T, 2, 3): from the room to each frame."""
    t = np.arange(count)
    angle = turn * np.sin(0.31 * t)
    shift = far * np.stack([np.sin(0.23 * t + 1), np.cos(0.41 * t)], axis=1)
    turned = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    return np.concatenate([turned, shift[..., None]], axis=2)


def film(moves, wall=None, noise=3.0):
    """Frames (T, H, W, 3) of a dancer in a room, by a camera that moves so, and where the dancer is."""
    random = np.random.default_rng(1)
    figure = walker(len(moves), WIDTH, HEIGHT)
    mask = (figure == (40, 30, 60)).all(axis=-1)
    scene = np.where(mask[..., None], figure, room() if wall is None else wall)
    shown = [cv2.warpAffine(one, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
             for one, move in zip(scene, moves, strict=True)]  # fmt: skip
    masks = [cv2.warpAffine(one.astype("uint8"), move, (WIDTH, HEIGHT)) > 0
             for one, move in zip(mask, moves, strict=True)]  # fmt: skip
    noisy = np.stack(shown) + noise * random.standard_normal((len(moves), HEIGHT, WIDTH, 3))
    return np.clip(noisy, 0, 255).astype("uint8"), np.stack(masks)


def corners(moves, width=WIDTH, height=HEIGHT):
    """(T, 4, 2): where four places of the first frame lie in the others."""
    square = np.array(
        [[20, 20, 1], [width - 20, 20, 1], [20, height - 20, 1], [width - 20, height - 20, 1.0]]
    )
    whole = np.concatenate([moves, np.tile([[[0, 0, 1.0]]], (len(moves), 1, 1))], axis=1)
    return (square @ np.swapaxes(whole @ np.linalg.inv(whole[0]), 1, 2))[..., :2]


@pytest.mark.parametrize("scale", [1, 3])
def test_moves_are_found_to_a_part_of_a_pixel(scale):
    true = swaying()
    frames, _ = film(true)
    larger = np.stack([cv2.resize(one, None, fx=scale, fy=scale) for one in frames])
    found = camera.shake(larger)
    np.testing.assert_array_equal(camera.shake(larger), found)
    off = corners(found, scale * WIDTH, scale * HEIGHT)
    expected = corners(camera.scaled(true, scale), scale * WIDTH, scale * HEIGHT)
    assert np.abs(off - expected).mean() < 0.15 * scale
    assert np.abs(expected - expected[0]).mean() > 1.0 * scale


def test_what_is_held_stands_still():
    frames, _ = film(swaying())
    still = np.stack([camera.held(one, move) for one, move in zip(frames, camera.shake(frames), strict=True)])
    inside = np.s_[:, 8:-8, 8:-8]

    def unrest(pictures):
        return np.median(np.abs(pictures.astype(int) - np.median(pictures, axis=0))[inside].mean(axis=0))

    steady, _ = film(np.zeros((COUNT, 2, 3)) + np.eye(2, 3))
    assert unrest(still) < 1.3 * unrest(steady) < 0.6 * unrest(frames)


@pytest.mark.parametrize("what", ["stands", "blank", "travels", "one frame"])
def test_what_cannot_or_need_not_be_held_still_is_left(what):
    moves, wall = swaying(), None
    if what == "stands":
        moves = swaying(far=0.05, turn=0.0)
    elif what == "blank":
        wall = np.full((HEIGHT, WIDTH, 3), 210, np.uint8)
    elif what == "travels":
        moves = swaying(far=30.0)
    elif what == "one frame":
        moves = swaying(1)
    assert camera.shake(film(moves, wall)[0]) is None


def test_a_large_dancer_before_a_bare_wall_is_not_the_room():
    frames = np.full((COUNT, HEIGHT, WIDTH, 3), 210, np.uint8)
    clothes = cv2.resize(room(1), (int(0.45 * WIDTH), int(0.8 * HEIGHT)))
    for frame, (x, y) in zip(frames, swaying(far=6.0)[:, :, 2].round().astype(int), strict=True):
        frame[10 + y : 10 + y + len(clothes), 40 + x : 40 + x + clothes.shape[1]] = clothes
    assert camera.shake(frames) is None


def test_unclear_frames_move_as_their_neighbours():
    frames, _ = film(swaying())
    frames[30:33] = 128
    found = camera.shake(frames)
    expected = np.stack([np.interp([30, 31, 32], [29, 33], column[[29, 33]])
                         for column in found.reshape(COUNT, 6).T], axis=1)  # fmt: skip
    np.testing.assert_allclose(found[30:33].reshape(3, 6), expected)
    frames[20:45] = 128
    assert camera.shake(frames) is None


def test_a_silhouette_has_slack_where_the_camera_shook():
    wall = room()
    frames = np.repeat(wall[None], 12, axis=0)
    aside = np.roll(wall, 1, axis=1)
    assert Foreground(frames).mask(aside)[:, 4:-4].mean() > 0.03
    forgiving = Foreground(frames, slack=1)
    assert not forgiving.mask(aside)[:, 4:-4].any()
    aside[30:70, 50:60] = (40, 30, 60)
    assert forgiving.mask(aside)[32:68, 52:58].all()


def overlap(packed: PackedFrames, masks) -> float:
    made = packed.pixels[..., 0] < 128
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in zip(made, masks, strict=True)]))


def test_silhouettes_of_a_film_taken_by_hand(tmp_path, caplog):
    frames, masks = film(swaying())
    path = write(tmp_path / "hand.mp4", frames, options={"crf": "14"})
    options = {"width": WIDTH, "height": HEIGHT, "silhouette": True}
    filmed = extract([path], Run(tmp_path / "filmed"), FrameOptions(**options, camera="filmed"))
    assert "camera" not in caplog.text
    held = extract([path], Run(tmp_path / "held"), FrameOptions(**options))
    assert "hand: the camera shakes, and is held still" in caplog.text
    moves = camera.shake(np.stack([picture for _, picture in video.read_frames(path)]))
    moved = [camera.held(mask[..., None].astype("uint8"), move)[..., 0] > 0
             for mask, move in zip(masks, moves, strict=True)]  # fmt: skip
    assert overlap(held, moved) > 0.7
    assert overlap(filmed, masks) < 0.5


def test_the_window_follows_in_a_film_taken_by_hand(tmp_path):
    path = write(tmp_path / "hand.mp4", film(swaying())[0], options={"crf": "14"})
    options = {"width": 48, "height": 64, "fit": "follow"}
    heights = {}
    for how in ("filmed", "steady"):
        run = Run(tmp_path / how)
        extract([path], run, FrameOptions(**options, camera=how))
        (clip,) = load_frames(run).clips
        heights[how] = clip.crop["dancer_height"]
    assert heights["steady"] > 1.15 * heights["filmed"]


@pytest.mark.parametrize("folder", ["aist", "salsa"])
def test_real_dance_before_a_still_camera(folder):
    for path in sorted(shared(folder).glob("*.mp4")):
        frames = [cv2.resize(one, (208, 120)) for _, one in video.read_frames(path, fps=15, end_s=12)]
        assert camera.shake(np.stack(frames)) is None, path.name
