import cv2
import numpy as np
import pytest
from films import shared, walker

from dancenet import video
from dancenet.footage.background import border_colour, clean_background, median_frame
from dancenet.footage.cuts import CutFinder
from dancenet.footage.foreground import CROWD, Foreground, boxes, follow_window, several_people, silhouette


def figure(frames):
    """Where the walker of films.walker really is."""
    return (np.abs(frames.astype(int) - (200, 210, 220)) > 50).any(-1)


@pytest.mark.parametrize("method", ["median", "knn"])
def test_masks_match_the_known_figure(method):
    frames = walker(60)
    noisy = np.clip(frames + np.random.default_rng(0).normal(0, 3, frames.shape), 0, 255).astype(np.uint8)
    dancer = Foreground(noisy, method)
    truth = figure(frames)
    found = np.stack([dancer.mask(frame) for frame in noisy])
    assert (found & truth).sum() / (found | truth).sum() > 0.85
    picture = silhouette(found[0])
    assert picture.shape == (64, 96, 3)
    assert set(np.unique(picture)) == {0, 255}
    assert (picture[truth[0]] == 0).mean() > 0.9


@pytest.mark.parametrize("colours", [3, 1])
def test_background_is_found_under_a_dancer_who_stays(colours):
    """Seventy frames in one place, twenty elsewhere: the median holds the dancer, the background does not."""
    frames = walker(90)
    frames[20:] = walker(1)[0]
    frames[20:, 20:30, 54:58] = (40, 30, 60)
    assert (np.abs(median_frame(frames).astype(int) - (200, 210, 220)).max(-1) > 50).any()
    wall = (200, 210, 220)[:colours]
    clean = clean_background(frames[..., :colours])
    assert np.abs(clean.astype(int) - wall).max() < 8
    np.testing.assert_array_equal(border_colour(clean), wall)


def test_median_in_bands_is_the_median():
    frames = np.random.default_rng(0).integers(0, 255, (63, 40, 30, 3), np.uint8)
    np.testing.assert_array_equal(median_frame(frames), np.median(frames, axis=0))


def test_window_holds_the_figure_and_moves_smoothly():
    frames = walker(150)
    found = boxes(Foreground(frames), frames)
    window = follow_window(found, (96, 64), 0.75, 15)
    centres = window.centres * (96, 64)
    half = np.array([window.width * 96, window.height * 64]) / 2
    truth = figure(frames)
    for mask, centre in zip(truth, centres, strict=True):
        rows, columns = np.nonzero(mask)
        assert columns.min() >= centre[0] - half[0]
        assert columns.max() + 1 <= centre[0] + half[0]
        assert rows.min() >= centre[1] - half[1]
        assert rows.max() + 1 <= centre[1] + half[1]
    assert window.dancer_height >= 0.66
    step = np.abs(np.diff((found[:, 0] + found[:, 2]) / 2, 2)).max()
    assert np.abs(np.diff(centres, 2, axis=0)).max() <= step
    assert window.width * 96 == pytest.approx(0.75 * window.height * 64)


def test_window_without_a_dancer_is_the_whole_picture():
    window = follow_window(np.full((5, 4), np.nan), (200, 100), 1.0, 15)
    assert (window.width, window.height) == (1.0, 2.0)
    np.testing.assert_array_equal(window.centres, 0.5)


def test_one_stray_box_does_not_widen_the_window():
    found = np.tile([40.0, 20.0, 60.0, 90.0], (50, 1))
    calm = follow_window(found, (200, 100), 0.75, 15)
    found[25] = (0, 0, 200, 100)
    assert follow_window(found, (200, 100), 0.75, 15).height < 1.6 * calm.height


def test_several_people():
    alone = walker(60)
    assert several_people(Foreground(alone), alone) == 0
    together = np.concatenate([alone, walker(60, seed=2)], axis=2)
    assert several_people(Foreground(together), together) > 0.9


def cuts_of(frames):
    finder = CutFinder()
    for frame in frames:
        finder.add(frame)
    return finder


def test_cuts_are_found_to_the_frame():
    other = 255 - walker(40, seed=3)
    film = np.concatenate([walker(50), other, walker(30, wall=(90, 160, 90))])
    assert cuts_of(film).cuts() == [50, 90]
    assert cuts_of(walker(200)).cuts() == []
    assert cuts_of(np.repeat(film, 2, axis=0)).cuts() == [100, 180]  # a doubled rate


def test_a_flash_and_an_odd_first_frame_are_no_cuts():
    film = walker(60)
    film[30:32] = 255
    assert cuts_of(film).cuts() == []
    film = walker(60)
    film[0] = 0
    assert cuts_of(film).cuts() == []


def test_repeats_with_traces_of_compression():
    rng = np.random.default_rng(0)
    moving = walker(40).astype(int)
    traces = rng.integers(-9, 10, (80, 64, 96, 1)) * (rng.random((80, 64, 96, 1)) < 0.003)
    doubled = np.repeat(moving, 2, axis=0) + traces
    assert 38 <= cuts_of(np.clip(doubled, 0, 255).astype(np.uint8)).repeats() <= 40
    assert cuts_of(walker(40)).repeats() <= 2  # it stands still where it turns round


@pytest.mark.parametrize("folder", ["aist", "salsa"])
def test_real_dance_has_one_person_and_no_cut(folder):
    """Two takes of each kind here; `test_frames.test_all_real_dance` sees to all of them."""
    for path in sorted(shared(folder).glob("*.mp4"))[3:5]:
        frames = [picture for _, picture in video.read_frames(path)]
        finder = cuts_of(frames)
        assert finder.cuts() == []
        assert finder.repeats() == 0
        some = np.stack(frames[::10])
        assert several_people(Foreground(some), some) < CROWD / 2


def test_real_join_is_cut_at_the_frame():
    one, other = shared("salsa/salsa_03.mp4"), shared("aist/dancer_05.mp4")
    film = [picture for _, picture in video.read_frames(one, end_s=3)]
    join = len(film)
    film += [cv2.resize(picture, (416, 240)) for _, picture in video.read_frames(other, end_s=3)]
    assert cuts_of(film).cuts() == [join]


def test_real_window_holds_the_dancer():
    for path in sorted(shared("aist").glob("*.mp4"))[3:6]:
        frames = np.stack([picture for _, picture in video.read_frames(path, fps=15)])
        found = boxes(Foreground(frames), frames)
        window = follow_window(found, (292, 256), 0.75, 15)
        half = np.array([window.width, window.height]) * (292, 256) / 2
        centres = window.centres * (292, 256)
        assert (found[:, :2] >= centres - half).all()
        assert (found[:, 2:] <= centres + half).all()
        assert window.dancer_height > 0.62
