"""Steering, paths and phrases, against closed forms."""

import json

import cv2
import keras
import numpy as np
import pytest

from dancenet import mixture
from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE, FrameOptions
from dancenet.dancing.in_time import Rhythm
from dancenet.direct_options import BetweenOptions, LoopOptions, keyed
from dancenet.directing.alike import calmest_first
from dancenet.directing.directed import loop_s
from dancenet.directing.openings import landed
from dancenet.directing.outlook import FARTHEST, Outlook
from dancenet.directing.path import Path, in_step, lasting, steady
from dancenet.directing.phrases import _PART, _part, framed
from dancenet.directing.steering import particle_noise, seen, steered_chunk, steered_draw
from dancenet.directing.verbs import check_keyframes, paced
from dancenet.errors import DancenetError
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.media.moving_image import write_moving_image
from dancenet.presets import CHOREOGRAPHER_PRESETS
from dancenet.timing import Warp

TINY = CHOREOGRAPHER_PRESETS["tiny"]
numpy = keras.ops.convert_to_numpy


def walk(steps=600, seed=0, decay=0.95):
    """A linear Gaussian process whose future is known: x' = decay · x + noise."""
    random, poses = np.random.default_rng(seed), [np.zeros(LATENT_SIZE)]
    for _ in range(steps):
        poses.append(decay * poses[-1] + (1 - decay**2) ** 0.5 * random.normal(size=LATENT_SIZE))
    return np.array(poses, "float32")


def test_the_outlook_of_a_known_process():
    outlook = Outlook.of([walk(4000, seed) for seed in range(3)])
    held_out = walk(3000, 9)
    for ahead in (1, 8, FARTHEST):
        now, before, then = held_out[1:-ahead], held_out[: -ahead - 1], held_out[1 + ahead :]
        off = np.array(
            [outlook.off(now[i : i + 1], before[i : i + 1], then[i], ahead)[0] for i in range(0, 900, 3)]
        )
        assert 0.3 < off.mean() / LATENT_SIZE < 1.25, "never much surer than it may be"
        wrong = np.array(
            [outlook.off(now[i : i + 1], before[i : i + 1], then[-i - 1], ahead)[0] for i in range(0, 900, 3)]
        )
        assert wrong.mean() >= off.mean() * (0.95 if ahead > 8 else 1.3)


def test_an_outlook_of_short_takes_is_as_unsure_farther_off():
    outlook = Outlook.of([walk(12, seed) for seed in range(4)])
    assert len(outlook.goal) == FARTHEST + 1
    np.testing.assert_array_equal(outlook.goal[-1], outlook.goal[12])


@pytest.fixture(scope="module")
def some_mixture():
    random = np.random.default_rng(1)
    raw = random.normal(size=(1, mixture.output_size(1, LATENT_SIZE, 4))).astype("float32")
    return mixture.parameters(raw, 1, LATENT_SIZE, 4)


def draws(some, look, error, count=6000, temperature=0.7):
    """Draws of one mixture without stray."""
    noise = particle_noise(np.random.default_rng(2), 1, count, TINY)
    noise = mixture.Noise(noise.gumbel[0][:, :1], noise.along[0], noise.normal[0])
    many = mixture.MixtureParameters(*(np.repeat(numpy(part), count, axis=0) for part in some))
    look = np.repeat(look[None], count, axis=0).astype("float32")
    (shown, _), strain = steered_draw(
        many, noise, temperature, (0.0, 0.0), look, lambda mean: error - 0 * mean
    )
    plain = mixture.draw(many, noise, temperature, 0.0)
    return numpy(shown), numpy(plain), numpy(strain)


def test_without_a_pose_to_come_it_is_the_plain_draw(some_mixture):
    shown, plain, strain = draws(some_mixture, np.zeros((LATENT_SIZE,) * 2), 0.0, 50)
    np.testing.assert_allclose(shown, plain, atol=1e-4)
    np.testing.assert_allclose(strain, 0, atol=1e-5)


def test_a_steered_draw_is_the_gaussian_posterior(some_mixture):
    random = np.random.default_rng(3)
    look = 0.3 * random.normal(size=(LATENT_SIZE, LATENT_SIZE)) / LATENT_SIZE**0.5
    error = random.normal(size=LATENT_SIZE).astype("float32")
    shown, _, _ = draws(some_mixture, look, error)
    size, factor, mean = (
        numpy(part)[0] for part in (some_mixture.size, some_mixture.factor, some_mixture.mean)
    )
    ways = size[0] * 0.7**0.5 * factor
    covariance = np.linalg.inv(np.eye(4) + (look @ ways).T @ look @ ways)
    expected = mean[0] + ways @ covariance @ (look @ ways).T @ error
    spread = ways @ covariance @ ways.T
    error_of_mean = 5 * np.sqrt(np.diag(spread) / len(shown)) + 1e-3
    assert (np.abs(shown.mean(axis=0) - expected) < error_of_mean).all()
    np.testing.assert_allclose(np.cov(shown.T), spread, atol=0.1 * np.diag(spread).max())


def test_free_chunks_are_the_plain_rollout_and_the_state_is_as_seen():
    keras.utils.set_random_seed(0)
    model = Choreographer(TINY)
    random = np.random.default_rng(0)
    opening = random.normal(size=(9, 1, LATENT_SIZE)).astype("float32")
    state, expected = model.initial_state(1), model.initial_state(1)
    for pose in opening[:-1]:
        _, expected = model.step(pose, expected, model.no_cues(1))
    state = seen(model)(opening[:-1], state)
    for one, other in zip(state, expected, strict=True):
        np.testing.assert_allclose(numpy(one), numpy(other), atol=1e-5)
    noise = particle_noise(random, 3, 1, TINY)
    outlook = Outlook.of([walk(100)])
    tables = (outlook.goal, outlook.pose, outlook.step, outlook.constant)
    goal = np.zeros((3, 1, LATENT_SIZE), "float32")
    ahead, gain = np.arange(3, dtype="int32"), np.zeros((3, 1), "float32")
    hold, cues = np.zeros((1, LATENT_SIZE), "float32"), np.zeros((3, 1, TINY.cues), "float32")

    def rolled(hold):
        shown, *others = (opening[-1], opening[-1], state, goal, ahead, gain)
        return steered_chunk(model)(shown, *others, hold, tables, cues, noise, 0.5, 0.2, 0.2)[0]

    poses = rolled(hold)
    pose = opening[-1]
    for t in range(3):
        predicted, expected = model.step(pose, expected, model.no_cues(1))
        pose = mixture.draw(predicted, mixture.Noise(*(part[t] for part in noise)), 0.5, 0.2)
        np.testing.assert_allclose(numpy(poses)[t], numpy(pose), atol=1e-3)
    hold[:, 1] = 0.75
    held = numpy(rolled(hold))[0, 0]
    np.testing.assert_allclose(held[1], 0.25 * numpy(poses)[0, 0, 1], atol=1e-3)
    np.testing.assert_allclose(held[2:], numpy(poses)[0, 0, 2:], atol=1e-3)


def test_landing_ends_in_the_pose_and_leaves_the_beginning():
    path, goal = walk(40)[1:], np.ones(LATENT_SIZE, "float32")
    moved = landed(path, goal)
    np.testing.assert_array_equal(moved[-1], goal)
    np.testing.assert_array_equal(moved[:-10], path[:-10])
    assert len(landed(path[:1], goal)) == 1


def test_time_eases_from_one_rate_to_another_and_ends_when_it_shall():
    times = paced(27.0, 6.0, 15.0)
    assert times[-1] == pytest.approx(6)
    assert times[0] == pytest.approx(1 / 15, rel=0.02)
    assert np.diff(times)[-1] == pytest.approx(1 / 27, rel=0.02)
    assert np.diff(times).max() <= 1 / 15 * 1.02
    both = np.diff(paced(27.0, 1.0, 15.0, 10.0))
    assert both[-1] == pytest.approx(1 / 10, rel=0.1)
    assert len(paced(20.0, 0.01)) == 1


def test_paths_meet_at_fixed_moments():
    one = steady(walk(30), 15.0)
    other = Path(walk(20, 1), np.linspace(one.end_s, 5.0, 21), (one.end_s, 5.0))
    path = one.then(other)
    assert (np.diff(path.times_s) > 0).all()
    assert path.fixed_s == (one.end_s, 5.0)
    np.testing.assert_allclose(path.at(np.array([one.end_s]))[0], other.latents[0], atol=1e-6)
    np.testing.assert_allclose(
        path.at(np.array([5.0, 7.0])), np.repeat(other.latents[-1:], 2, axis=0), atol=1e-6
    )


def test_music_moves_no_fixed_moment():
    random = np.random.default_rng(0)
    path = Path(walk(120), np.linspace(0, 8, 121), (2.5, 6.0, 8.0))
    loud = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    rhythm = Rhythm(np.arange(0.3, 8, 0.5), Warp.lively(np.linspace(0, 8, 5), loud), loud)
    pictures = random.integers(0, 255, (240, 24, 16, 1)).astype("uint8")
    warp = in_step(path, rhythm, pictures, 30.0, sync=1.0)
    moments = np.array([0.0, 2.5, 6.0, 8.0])
    np.testing.assert_allclose(warp(moments), moments, atol=1e-6)
    times = np.linspace(0, 8, 400)
    assert (np.diff(warp(times)) > 0).all(), "time never stands still"
    assert np.abs(warp(times) - times).max() > 0.05, "and the music is danced to"
    slow = in_step(path, rhythm, pictures, 30.0, sync=1.0, beat_s=1.0)
    assert np.abs(slow(times) - warp(times)).max() > 0.01, "a slow dancer meets every second beat"
    even = in_step(path, Rhythm(np.zeros(0), Warp.steady(8.0), np.zeros(2)), pictures, 30.0, sync=1.0)
    np.testing.assert_allclose(even(times), times, atol=1e-9)


def test_music_that_ends_before_the_dance_goes_on_evenly():
    rhythm = lasting(Rhythm(np.array([0.5, 1.0]), Warp.steady(2.0), np.zeros(2)), 5.0)
    np.testing.assert_allclose(rhythm.base(np.array([2.0, 5.0])), [2.0, 5.0])
    assert lasting(rhythm, 3.0) is rhythm


def test_a_loop_lasts_so_many_beats():
    rhythm = Rhythm(np.array([0.0, 0.5, 1.1, 1.6]), Warp.steady(2.0), np.zeros(2))
    assert loop_s(LoopOptions(beats=3), rhythm) == pytest.approx(1.6)
    assert loop_s(LoopOptions(beats=8, tempo=120), rhythm) == pytest.approx(4.0)
    assert loop_s(LoopOptions(), None) == 4.0
    with pytest.raises(DancenetError, match="3 beats are left"):
        loop_s(LoopOptions(beats=4), rhythm)


def test_a_loop_is_turned_to_where_it_moves_least():
    loop = np.cumsum(np.array([3.0, 1.0, 0.1, 2.0, -6.1]))[:, None].repeat(2, axis=1)
    turned = calmest_first(loop)
    steps = np.linalg.norm(np.diff(np.concatenate([turned, turned[:1]]), axis=0), axis=1)
    assert steps[-1] == steps.min()
    assert sorted(turned[:, 0]) == sorted(loop[:, 0])


@pytest.mark.parametrize(
    ("moments", "seconds", "words"),
    [
        ([(2, "a"), (1, "b")], 9, "in the order of their times"),
        ([(2, "a"), (2, "b")], 9, "in the order of their times"),
        ([(2, "a"), (2.1, "b")], 9, "from one to the next"),
        ([(0.1, "a")], 9, "or 0.3 s or later"),
        ([(2, "a"), (10, "b")], 9, "beyond the end"),
    ],
)
def test_keyframes_that_cannot_be_danced(moments, seconds, words):
    with pytest.raises(DancenetError, match=words):
        check_keyframes(moments, seconds)


def test_keyframes_lie_on_frames():
    assert keyed("2.51=solo:3", 30.0) == (pytest.approx(2.5), "solo:3")
    assert BetweenOptions(keys=("0=a:1", "1=b=c.png")).moments[1] == (1.0, "b=c.png")
    for text in ("solo:3", "x=solo:3", "1=", "-1=solo:3", "inf=solo:3"):
        with pytest.raises(DancenetError, match="SECOND=POSE"):
            BetweenOptions(keys=(text,))


CLIP = Clip(1, "solo", "", 0, 100, 150, 0.0)


def test_parts_of_clips():
    def part(text, whole=True, offset=0.0):
        return _part(text, _PART.search(text), CLIP, 15.0, offset, whole=whole)

    assert part("solo:2-4") == (130, 161)
    assert part("solo:4", whole=False) == (100, 161)
    assert part("solo:12-14", offset=10.0) == (130, 161)
    assert part("solo:0-10") == (100, 250)
    for text in ("solo:4-2", "solo:9-11", "solo:2-2"):
        with pytest.raises(DancenetError, match="a start before an end"):
            part(text)
    with pytest.raises(DancenetError, match="CLIP:START-END"):
        part("solo:4")


@pytest.mark.parametrize("gray", [True, False])
def test_pictures_become_frames_where_they_have_the_films_shape(gray):
    options = FrameOptions(width=64, height=48, gray=gray)
    nothing = np.zeros((1, 48, 64, 1 if gray else 3), "uint8")
    packed = PackedFrames(nothing, nothing, (CLIP,), 15.0, options, "x")
    picture = np.full((96, 128, 3), 77, "uint8")
    assert framed(picture, packed, "a.png").shape == nothing.shape[1:]
    with pytest.raises(DancenetError, match="shaped like the film's, 64 x 48"):
        framed(picture[:50], packed, "a.png")


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_moving_images_keep_their_frames_and_length(tmp_path, kind):
    from PIL import Image

    frames = np.zeros((9, 20, 30, 3), "uint8")
    for i, frame in enumerate(frames):
        cv2.circle(frame, (3 * i + 2, 10), 3, (250, 40, 10), -1)
    path = tmp_path / f"a.{kind}"
    write_moving_image(path, frames, 30.0)
    with Image.open(path) as image:
        assert image.n_frames == 9
        assert image.info["loop"] == 0
        lasts_ms = []
        for i in range(9):
            image.seek(i)
            image.load()
            lasts_ms.append(image.info["duration"])
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - frames[i]).mean() < 8
    assert sum(lasts_ms) == pytest.approx(300, abs=10)
    if kind == "gif":
        with pytest.raises(DancenetError, match="50 at most"):
            write_moving_image(path, frames, 60.0)
    assert json.dumps([entry.name for entry in tmp_path.iterdir()]) == json.dumps([path.name])
