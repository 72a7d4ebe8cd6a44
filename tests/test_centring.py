import keras
import numpy as np
import pytest

from dancenet.config import LATENT_SIZE
from dancenet.networks import centring
from dancenet.networks.convolutional import COARSEST
from dancenet.networks.masks import FOREGROUND_THRESHOLD
from dancenet.presets import VAE_PRESETS
from dancenet.vae import VAE

HEIGHT, WIDTH = 48, 96
WINDOW = (32, 48)


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def dancer(row, column, seed=0):
    """A picture that is 0 but for a figure of 12 x 9 pixels whose first pixel is there, (1, H, W, 3)."""
    picture = np.zeros((1, HEIGHT, WIDTH, 3), "float32")
    figure = np.random.default_rng(seed).uniform(0.2, 0.9, (12, 9, 3))
    picture[0, row : row + 12, column : column + 9] = figure
    return picture


def place(picture):
    return numpy(centring.place_of(picture, FOREGROUND_THRESHOLD))


def test_the_place_is_the_centre_of_the_figure_in_quarters_of_the_picture():
    picture = np.zeros((1, HEIGHT, WIDTH, 1), "float32")
    picture[0, 10:21, 60:75] = 1.0  # its centre is row 15, column 67
    expected = [(67 - 47.5) / (0.25 * WIDTH), (15 - 23.5) / (0.25 * HEIGHT)]
    np.testing.assert_allclose(place(picture), [expected], atol=2e-3)
    np.testing.assert_allclose(place(np.zeros_like(picture)), [[0, 0]], atol=1e-6)
    np.testing.assert_allclose(place(picture[:, :, ::-1]) * [-1, 1], place(picture), atol=1e-6)


def test_a_dancer_who_has_moved_looks_the_same_through_the_window():
    here, there = dancer(10, 20), dancer(16, 55)
    moved = place(there) - place(here)
    np.testing.assert_allclose(moved, [[35 / (0.25 * WIDTH), 6 / (0.25 * HEIGHT)]], atol=1e-3)
    first, second = (numpy(centring.cut_out(picture, place(picture), WINDOW)) for picture in (here, there))
    np.testing.assert_allclose(first, second, atol=0.02)
    assert first.max() > 0.5


@pytest.mark.parametrize("beyond", [0, 5])
def test_what_is_cut_at_whole_pixels_is_put_back_as_it_was(beyond):
    picture = dancer(18, 40 + beyond)
    whole = np.array([[beyond / (0.25 * WIDTH), 0.0]], "float32")
    back = numpy(centring.put_back(centring.cut_out(picture, whole, WINDOW), whole, (HEIGHT, WIDTH)))
    np.testing.assert_allclose(back, picture, atol=1e-5)


def test_between_pixels_a_smooth_picture_is_moved_not_blurred():
    at = np.arange(WIDTH, dtype="float32")
    waves = np.sin(2 * np.pi * at / 12)[None, None, :, None] * np.ones((1, HEIGHT, 1, 1), "float32")
    half = np.array([[0.5 / (0.25 * WIDTH), 0.0]], "float32")
    seen = numpy(centring.cut_out(waves, half, (HEIGHT, WIDTH)))[0, 20, 4:-4, 0]
    expected = np.sin(2 * np.pi * (at + 0.5) / 12)[4:-4]
    np.testing.assert_allclose(seen, expected, atol=0.01)  # linear interpolation would lose 0.034


def test_beyond_the_edges_there_is_nothing():
    picture = dancer(10, 85)
    window = numpy(centring.cut_out(picture, np.array([[1.8, 0.0]], "float32"), WINDOW))
    assert np.abs(window[:, :, -10:]).max() == 0
    assert numpy(centring.put_back(window, np.array([[9.0, 9.0]], "float32"), (HEIGHT, WIDTH))).max() == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_to_the_sides_alone_is_the_same_as_with_rows_that_stay(channels):
    random = np.random.default_rng(3)
    pictures = random.uniform(size=(2, HEIGHT, WIDTH, channels)).astype("float32")
    aside, size = np.array([[0.31, 0.0], [-0.77, 0.0]], "float32"), (HEIGHT, WINDOW[1])
    whole, alone = (
        numpy(centring.cut_out(pictures, aside, size, across_only=only)) for only in (False, True)
    )
    np.testing.assert_allclose(alone, whole, atol=1e-5)
    whole, alone = (
        numpy(centring.put_back(whole, aside, (HEIGHT, WIDTH), across_only=only)) for only in (False, True)
    )
    np.testing.assert_allclose(alone, whole, atol=1e-5)


class Film:
    """Frames with a figure at random places before a grey wall."""

    height, width, channels = HEIGHT, WIDTH, 1

    def __init__(self, rows, columns, count=40):
        random = np.random.default_rng(3)
        self.pixels = np.full((count, HEIGHT, WIDTH, 1), 90, "uint8")
        for frame in self.pixels:
            top, left = random.integers(0, HEIGHT - rows), random.integers(0, WIDTH - columns)
            frame[top : top + rows, left : left + columns] = 200
            frame[random.integers(HEIGHT), random.integers(WIDTH)] = 250  # a speck
        self.backgrounds = np.full((1, HEIGHT, WIDTH, 1), 90, "uint8")
        self.clips = [type("Clip", (), {"length": count})]


@pytest.mark.parametrize(("rows", "columns", "window"), [(20, 10, (32, 32)), (30, 40, (48, 48))])
def test_the_window_is_as_large_as_the_dancer_needs(rows, columns, window):
    film = Film(rows, columns)
    made = centring.window_for(film, np.arange(40), FOREGROUND_THRESHOLD, COARSEST)
    assert made == window


def test_two_latents_of_the_vae_are_the_place_and_no_others():
    base = np.full((HEIGHT, WIDTH, 3), 0.1, "float32")
    keras.utils.set_random_seed(0)  # how strongly an untrained decoder draws is up to its weights
    vae = VAE(VAE_PRESETS["tiny"], HEIGHT, WIDTH, 3, base_frame=base, window=WINDOW)
    last = vae.decoder.layers[-3]  # untrained, it draws nothing
    last.kernel.assign(np.random.default_rng(1).normal(0, 5, last.kernel.shape))
    here, there = base + dancer(10, 20), base + dancer(10, 50)
    mean, log_variance = (numpy(part) for part in vae.encode(np.concatenate([here, there])))
    assert mean.shape == log_variance.shape == (2, LATENT_SIZE)
    moved = mean[1] - mean[0]
    np.testing.assert_allclose(moved[:2], [30 / (0.25 * WIDTH), 0], atol=1e-3)
    np.testing.assert_allclose(moved[2:], 0, atol=0.02)
    np.testing.assert_allclose(np.exp(0.5 * log_variance[:, 0]) * 0.25 * WIDTH, centring.SIGMA, rtol=1e-3)
    aside = mean[:1].copy()
    aside[0, 0] += 7 / (0.25 * WIDTH)
    plain, shown = (numpy(vae.decode(latents)) - base for latents in (mean[:1], aside))
    assert np.abs(plain).max() > 0.05
    np.testing.assert_allclose(shown[:, :, 7:], plain[:, :, :-7], atol=1e-5)


def test_a_window_that_goes_to_the_sides_alone_leaves_the_height_to_the_networks():
    base = np.full((HEIGHT, WIDTH, 3), 0.1, "float32")
    vae = VAE(
        VAE_PRESETS["tiny"], HEIGHT, WIDTH, 3, base_frame=base, window=(HEIGHT, WINDOW[1]), across_only=True
    )  # fmt: skip
    picture, lower = np.zeros((2, 1, HEIGHT, WIDTH, 3), "float32")
    picture[0, 18:30, 40:48] = lower[0, 20:32, 40:48] = 0.7  # their centre is at whole pixels across
    places = np.concatenate([place(picture), place(lower)])
    seen = numpy(vae.cut_out(np.concatenate([picture, lower]), places))
    assert seen.shape == (2, HEIGHT, WINDOW[1], 3)
    np.testing.assert_allclose(seen[1, 2:], seen[0, :-2], atol=1e-5)
    assert np.abs(seen[1] - seen[0]).max() > 0.5, "who stands lower is seen lower"
    heard = []
    vae.decoder = lambda latents: heard.append(numpy(latents)) or numpy(seen)
    back = numpy(vae.decode(np.pad(places, ((0, 0), (0, LATENT_SIZE - 2))))) - base
    np.testing.assert_allclose(back, np.concatenate([picture, lower]), atol=0.02)
    np.testing.assert_array_equal(heard[0][:, 0], 0)
    np.testing.assert_allclose(heard[0][:, 1], places[:, 1], atol=1e-6)
