"""Figures of pictures and dances, against closed forms and dances whose faults are known."""

import math

import cv2
import numpy as np
import pytest

from dancenet.errors import DancenetError
from dancenet.evaluation import features, movement, novelty, over_time
from dancenet.evaluation.dance import DanceFigures, DanceMeasure, ratios
from dancenet.evaluation.reconstruction import (
    PictureError,
    compare,
    foreground_psnr,
    gradient_energy,
    psnr,
    temporal_median,
)
from dancenet.evaluation.sharpness import Energies, SharpnessMeasure
from dancenet.evaluation.stretches import real_stretches

FPS = 15.0


# ---- pictures -----------------------------------------------------------------------------------


def walking_square(count=9, height=12, width=24, channels=3, level=51, wall=204):
    """A 4×2 block that moves by its own width: at every place it is rarer than the wall."""
    frames = np.full((count, height, width, channels), wall, np.uint8)
    for index in range(count):
        frames[index, 4:8, 2 * index : 2 * index + 2] = level
    return frames


def test_foreground_psnr_counts_the_dancer_and_not_the_wall():
    real = walking_square()
    made = real.copy()
    made[real == 51] = 51 + 51  # off by 0.2 on the dancer: 20 log10(1 / 0.2)
    assert foreground_psnr([real], [made]) == pytest.approx(-20 * math.log10(0.2), abs=1e-4)
    made[real == 204] = 0  # a wall gone black does not change it
    assert foreground_psnr([real], [made]) == pytest.approx(-20 * math.log10(0.2), abs=1e-4)
    assert foreground_psnr([real], [real]) == math.inf


def test_foreground_psnr_pools_pixels_over_frames_and_clips():
    one, two = walking_square(9), walking_square(5)
    made = [one.copy(), two.copy()]
    made[0][one == 51] = 102  # 0.2 off in nine frames, exact in five
    expected = psnr(0.2**2 * 9 / 14)
    assert foreground_psnr([one, two], made) == pytest.approx(expected, abs=1e-4)


def test_a_pixel_counts_with_all_channels_where_any_channel_leaves_the_background():
    real = np.full((5, 4, 4, 3), 100, np.uint8)
    real[0, 0, 0, 2] = 116  # 16/255 = 0.063: counted
    real[1, 1, 1, 1] = 115  # 15/255 = 0.059: not counted
    made = real.copy()
    made[0, 0, 0, 0] = 151  # an error in another channel of the counted pixel
    made[1, 1, 1] = 255
    assert foreground_psnr([real], [made]) == pytest.approx(psnr(0.2**2 / 3), abs=1e-4)


def test_picture_error_is_the_same_in_batches():
    rng = np.random.default_rng(0)
    real = walking_square(9)
    made = rng.integers(0, 256, real.shape).astype(np.uint8)
    whole = compare([real], [made])
    parts = PictureError()
    for first in range(0, 9, 4):
        parts.add(real[first : first + 4], made[first : first + 4], temporal_median(real))
    for name in ("foreground_psnr", "plain_psnr", "sharpness", "foreground_share"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name))
    assert whole.foreground_share == pytest.approx(8 / (12 * 24))


def test_temporal_median_is_numpys_also_in_bands():
    frames = np.random.default_rng(0).integers(0, 256, (400, 200, 80, 3)).astype(np.uint8)
    assert frames.nbytes > 16_000_000  # several bands
    np.testing.assert_array_equal(temporal_median(frames), np.median(frames, axis=0))


def test_plain_psnr_and_sharpness():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in real])
    halved = (real // 2).astype(np.uint8)
    assert compare([real], [real]).sharpness == pytest.approx(1)
    assert compare([real], [blurred]).sharpness < 0.1
    assert compare([real], [halved]).sharpness == pytest.approx(0.25, rel=0.02)
    off = np.full((2, 4, 4, 1), 51, np.uint8)
    assert compare([off * 0], [off]).plain_psnr == pytest.approx(psnr(0.2**2))
    ramp = np.tile(np.arange(8, dtype=np.float32) / 10, (6, 1))[None, :, :, None]
    assert gradient_energy(ramp) == pytest.approx(0.01)


def test_picture_errors_are_refused_with_a_reason():
    still = np.zeros((3, 4, 4, 1), np.uint8)
    with pytest.raises(DancenetError, match="nothing moves"):
        foreground_psnr([still], [still])
    with pytest.raises(ValueError, match="more real clips"):
        foreground_psnr([walking_square(), walking_square()], [walking_square()])
    with pytest.raises(ValueError, match="differ"):
        foreground_psnr([walking_square()], [walking_square(8)])
    with pytest.raises(ValueError, match="uint8"):
        foreground_psnr([walking_square()], [walking_square() / 255])


# ---- movement -----------------------------------------------------------------------------------


def test_motion_and_jitter_of_known_paths():
    even = np.outer(np.arange(40.0), [3.0, 4.0])
    assert movement.motion([even]) == pytest.approx(5)
    assert movement.jitter([even]) == pytest.approx(0, abs=1e-9)
    back_and_forth = np.outer(np.arange(40) % 2, [3.0, 4.0])
    assert movement.jitter([back_and_forth]) == pytest.approx(2)
    angle = 0.2  # on a circle: step 2 r sin(a/2), second difference (2 sin(a/2))² r
    circle = np.stack([np.cos(angle * np.arange(99)), np.sin(angle * np.arange(99))], axis=1)
    assert movement.jitter([circle]) == pytest.approx(2 * math.sin(angle / 2))
    assert movement.jitter([even * 0]) == 0


def test_nothing_is_counted_across_a_join():
    even = np.outer(np.arange(60.0), [1.0, 0.0])
    joined = [even, even + 1000]
    assert movement.motion(joined) == pytest.approx(1)
    assert movement.jitter(joined) == pytest.approx(0, abs=1e-9)
    assert [len(seconds) for seconds in movement.motion_of_seconds(joined, FPS)] == [3, 3]


def test_frozen_seconds_and_the_longest_run():
    pace = np.repeat([1, 0, 0, 1, 0, 1, 0.1, 1], 15)  # 0.1 is under 15% of 1
    path = np.concatenate([[0], np.cumsum(pace)])[:, None]
    share, run_s = movement.frozen([path], FPS, median_second=1)
    assert (share, run_s) == (pytest.approx(4 / 8), 2)
    still = np.zeros((31, 1))
    assert movement.frozen([still, still], FPS, 1) == (1, 2)  # two stills do not make one of four seconds


def test_self_repetition_finds_loops_and_only_loops():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(600, 20))
    assert movement.self_repetition([noise], FPS) < 0.1
    assert movement.self_repetition([np.tile(noise[:30], (10, 1))], FPS) == pytest.approx(1)
    nine_seconds = np.tile(noise[:135], (4, 1))  # longer than the longest lag
    assert movement.self_repetition([nine_seconds], FPS) < 0.2
    assert movement.self_repetition([np.ones((300, 20))], FPS) == 1
    loop = np.tile(noise[:30], (4, 1))
    assert movement.self_repetition([loop, noise[100:220], loop], FPS) == pytest.approx(2 / 3, abs=0.1)


@pytest.mark.parametrize(
    ("nearest", "seconds"),
    [
        (np.arange(45), 44),  # the clip itself
        (np.arange(45)[::-1], 0),  # backwards
        (np.full(45, 7), 0),  # a still is a freeze, not a replay
        (np.arange(90) // 2, 44),  # half speed
        (np.arange(45) * 2, 44),  # double speed
        (np.arange(30) * 3, 0),  # three times
        (np.arange(75, 125), 24),  # over the end of one clip into the next: the longer part
        (np.where(np.arange(45) % 5 == 4, 150, np.arange(45)), 43),  # strays and comes back in step
        (np.where(np.arange(45) % 10 > 5, 150, np.arange(45)), 5),  # stays away too long
    ],
)
def test_replay_is_training_material_in_its_order(nearest, seconds):
    clip_of = np.repeat([0, 1], [100, 100])
    assert novelty.replay([nearest], clip_of, fps=1) == seconds


def test_replay_does_not_run_across_a_join():
    assert novelty.replay([np.arange(10), np.arange(10, 30)], np.zeros(50, int), fps=1) == 19


@pytest.mark.parametrize("speed", [0.5, 0.75, 1.5, 2.0])
def test_replay_at_another_speed_counts_the_material_shown(speed):
    nearest = np.round(np.arange(0, 99, speed)).astype(int)
    expected = min(99, len(nearest))  # not more than has been shown, nor than time has passed
    assert novelty.replay([nearest], np.zeros(100, int), fps=1) == pytest.approx(expected, abs=2)


def correlated(seed, count, scale=1.0):
    """Distances that hang together for about a second, as those of real dance do."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(count + 200)
    smooth = np.convolve(noise, np.exp(-np.arange(60) / 15), "valid")[:count]
    return scale * np.exp(0.3 * smooth / smooth.std())


def test_the_copying_test_is_about_uniform_where_nothing_is_copied():
    tested = [
        novelty.copying([correlated(2 * i, 900)], [correlated(2 * i + 1, 1500)], FPS).p for i in range(200)
    ]
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(tested) < level) == pytest.approx(level, abs=0.08), level
    from scipy.stats import mannwhitneyu

    frame_by_frame = [
        mannwhitneyu(correlated(2 * i, 900), correlated(2 * i + 1, 1500), alternative="less").pvalue
        for i in range(100)
    ]
    assert np.mean(np.array(frame_by_frame) < 0.05) > 0.2, "which is why blocks are counted"


def test_the_copying_test_finds_hugging_and_not_straying():
    unseen = [correlated(0, 700), correlated(1, 800)]
    assert novelty.copying([correlated(2, 900, scale=0.7)], unseen, FPS).p < 0.01
    assert novelty.copying([correlated(2, 900, scale=1.5)], unseen, FPS).p > 0.9
    copied = novelty.copying([np.zeros(900)], unseen, FPS)
    assert (copied.blocks, copied.unseen_blocks) == (15, 11 + 13)
    # no distance above any unseen one: U = 0
    assert copied.z == pytest.approx(-(15 * 24 / 2) / math.sqrt(15 * 24 * 40 / 12))


def test_halves_are_all_of_it_on_two_sides():
    takes = [np.arange(10), np.arange(10, 31)]
    for seed in range(4):
        one, two = novelty.halves(takes, seed)
        assert sorted(np.concatenate(one + two)) == list(range(31))
        assert all(abs(len(a) - len(b)) <= 1 for a, b in zip(one, two, strict=True))
    assert len({str(novelty.halves(takes, seed)) for seed in range(8)}) > 1


def test_jitter_and_freezes_of_seconds():
    step = np.concatenate([np.ones(15), np.tile([1, -1], 8)[:15], np.zeros(16)])
    path = np.concatenate([[0], np.cumsum(step)])[:, None]
    jitter = movement.jitter_of_seconds(path, FPS)
    assert jitter.shape == (3,)
    np.testing.assert_allclose(jitter, [0, 2, 0], atol=0.15)
    assert movement.frozen_seconds([path], FPS, 1.0)[0].tolist() == [False, False, True]


def test_autocorrelation_peaks_where_a_dance_comes_back():
    noise = np.random.default_rng(0).normal(size=(150, 20))  # ten seconds
    curve = movement.autocorrelation([np.tile(noise, (4, 1))], range(15, 240))
    assert int(np.argmax(curve)) + 15 == 150
    assert curve[150 - 15] == pytest.approx(1)
    assert np.delete(curve, 135).max() < 0.2


# ---- pictures to points -------------------------------------------------------------------------


@pytest.mark.parametrize(("fps", "kept"), [(30, 15), (60, 15), (20, 15), (25, 15), (15, 15), (29.97, 15)])
def test_frames_are_picked_at_the_measured_rate(fps, kept):
    picked = [int(frame) for frame in features.at_rate(np.arange(round(10 * fps)), fps, FPS)]
    assert len(picked) == pytest.approx(10 * kept, abs=1)
    np.testing.assert_allclose(picked, np.arange(len(picked)) * fps / FPS, atol=0.5)
    assert len(set(picked)) == len(picked)


def test_a_rate_below_the_measured_one_is_refused():
    with pytest.raises(DancenetError, match="12"):
        list(features.at_rate(np.arange(9), 12, FPS))


def test_letterbox_in_the_background_colour():
    tall = np.full((3, 120, 60, 3), 180, np.uint8)
    tall[:, 40:80, 20:40] = 30
    small = features.small_grey(tall)
    assert small.shape == (3, 60, 104)
    assert (small[:, :, :37] == 180).all()
    assert (small[:, :, 67:] == 180).all()
    assert (small[:, 22:38, 49:55] == 30).all()


def test_grey_frames_twice_as_large_are_fitted_as_others_are():
    frames = np.random.default_rng(0).integers(0, 255, (7, 120, 208, 1), np.uint8)
    np.testing.assert_array_equal(features.small_grey(frames), features.small_grey(iter(frames)))


def test_projection_keeps_distances_between_training_poses():
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(5, 60 * 104)) * 12
    pictures = (128 + rng.normal(size=(80, 5)) @ shapes).clip(0, 255).reshape(80, 60, 104).astype(np.uint8)
    space = features.PoseSpace(pictures)
    points = space.project(pictures)
    flat = pictures.reshape(80, -1) / 255.0
    assert space.explained > 0.99
    assert np.linalg.norm(points[3] - points[9]) == pytest.approx(np.linalg.norm(flat[3] - flat[9]), rel=0.01)


# ---- dances -------------------------------------------------------------------------------------


def figure_dance(seed, seconds=16, fps=FPS):
    """A stick figure with two arms, two legs and a place, each moved by its own slow random wave."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * fps)) / fps
    waves = [
        sum(
            np.sin(2 * np.pi * (rate * rng.uniform(0.8, 1.2) * time_s + rng.uniform())) for rate in (0.2, 0.5)
        )
        for _ in range(5)
    ]
    frames = np.full((len(time_s), 45, 78, 1), 235, np.uint8)
    for frame, (place, *angles) in zip(frames, np.stack(waves, axis=1), strict=True):
        neck, hip = np.array([39 + 10 * place, 15]), np.array([39 + 10 * place, 24])
        cv2.circle(frame, fixed_point(neck - [0, 6]), 4 * 16, 40, -1, cv2.LINE_AA, 4)
        cv2.line(frame, fixed_point(neck), fixed_point(hip), 40, 4, cv2.LINE_AA, 4)
        limbs = [(neck, -1, angles[0]), (neck, 1, angles[1]),
                 (hip, -1, angles[2] / 2 + 0.7), (hip, 1, angles[3] / 2 + 0.7)]  # fmt: skip
        for root, side, angle in limbs:
            end = root + 15 * np.array([side * math.cos(angle), math.sin(angle)])
            cv2.line(frame, fixed_point(root), fixed_point(end), 60, 3, cv2.LINE_AA, 4)
    return frames


def fixed_point(place):
    """Pixels as OpenCV's sixteenths, so that a slow limb does not jump from pixel to pixel."""
    return tuple(round(16 * float(value)) for value in place)


@pytest.fixture(scope="module")
def measure():
    return DanceMeasure(
        (figure_dance(seed) for seed in range(6)), held_out_clips=[figure_dance(seed) for seed in (10, 11)]
    )


@pytest.fixture(scope="module")
def real(measure):
    return measure.real(seconds=16, seeds=range(4))


def test_unseen_real_takes_are_as_real_takes(measure, real):
    another = ratios([measure.measure(figure_dance(seed), fps=FPS) for seed in range(20, 24)], real)
    for name in ("motion", "jitter", "form", "coverage"):
        assert another[name]["ratio"] == pytest.approx(1, abs=0.25), name
    assert another["frozen_seconds_share"]["made"] < 0.1
    assert another["replay_s"]["worst"] < 2


def test_a_replayed_training_take_is_found(measure, real):
    take = figure_dance(0)
    replay = measure.measure(take, fps=FPS)
    assert replay.replay_s > 15
    assert replay.form < 0.01 * real[0].form
    assert replay.drift == pytest.approx(1, abs=0.05)
    noise = np.random.default_rng(0).normal(0, 12, take.shape)
    assert measure.measure((take + noise).clip(0, 255).astype(np.uint8), fps=FPS).replay_s > 12


@pytest.mark.parametrize("speed", [0.5, 0.75, 1.5, 2.0, "changing"])
def test_a_training_take_at_another_speed_is_found(measure, speed):
    finer = figure_dance(0, fps=120)
    if speed == "changing":  # between 0.5 and 1.5 times, smoothly
        places = np.arange(16 * FPS) / FPS
        places = places + 0.5 * 4 / (2 * np.pi) * np.sin(2 * np.pi * places / 4)
    else:
        places = np.arange(0, 16, speed / FPS)
    shown = finer[np.minimum(np.round(places * 120).astype(int), len(finer) - 1)]
    counted = np.minimum(np.diff(places), 1 / FPS).sum()  # material, at most as much as time has passed
    assert measure.measure(shown, fps=FPS).replay_s == pytest.approx(counted, rel=0.1)


def test_copying_is_told_from_honest_dance(measure, real):
    honest = [measure.points(figure_dance(seed), fps=FPS) for seed in range(20, 24)]
    replays = [measure.points(figure_dance(seed), fps=FPS) for seed in range(4)]
    assert measure.copying(honest).p > 0.05
    assert measure.copying(replays).p < 0.001
    assert measure.copying(replays).z == pytest.approx(measure.measure_stretch(replays).copying_z)
    assert all(abs(figures.copying_z) < 2.5 for figures in real)


def test_a_dance_that_dies_in_its_third_minute_is_seen_minute_by_minute(measure):
    dance = np.concatenate([measure.points(figure_dance(seed, 60), fps=FPS) for seed in (20, 21)])
    dead = np.concatenate([dance, np.repeat(dance[-1:], round(60 * FPS), axis=0)])
    energies = np.ones((len(dead), 2))
    energies[round(60 * FPS) : round(120 * FPS)] = 0.5  # and blurred in its second
    pictures = SharpnessMeasure([np.random.default_rng(0).normal(1, 0.1, (900, 2))], FPS)
    none = over_time.minutes(measure, pictures, [dance[:-1]], [energies], stretches=2)
    assert none is None, "not quite two minutes"
    table = over_time.minutes(measure, pictures, [dead, dead + 0.001], [energies, energies], stretches=4)
    assert set(table) == {*over_time.OF_A_MINUTE, *over_time.SHARPNESS_OF_A_MINUTE}
    assert table["half_sharpness"]["holds"] == [True, False, True]
    assert table["half_sharpness"]["all"]["mean"] == pytest.approx(2.5 / 3, abs=0.02)
    assert [len(row["made"]) for row in table.values()] == [3] * len(table)
    shares = [row["mean"] for row in table["frozen_seconds_share"]["made"]]
    assert max(shares[:2]) < 0.1
    assert shares[2] == 1
    assert table["motion"]["holds"][2] is False
    assert table["longest_frozen_run_s"]["made"][2]["mean"] == 59
    seconds = over_time.seconds(measure, dead)
    assert {len(values) for values in seconds.values()} == {179}
    assert sum(seconds["frozen"]) == pytest.approx(59, abs=1)


def blurred(frames, radius):
    return [cv2.GaussianBlur(frame, (0, 0), radius).reshape(frame.shape) for frame in frames]


def energies_of(frames):
    energies = Energies()
    passed = list(energies.of(frames))
    np.testing.assert_array_equal(passed, frames, "they pass as they are")
    return energies.taken()


def test_blur_is_seen_however_little_it_changes_the_pose():
    takes, dance = [figure_dance(seed, 8) for seed in (1, 2)], figure_dance(3, 8)
    measure = SharpnessMeasure([energies_of(take) for take in takes], FPS)
    sharp, soft, softer = (
        measure.measure(energies_of(frames)) for frames in (dance, blurred(dance, 1), blurred(dance, 3))
    )
    assert sharp.sharpness == pytest.approx(1, abs=0.15)
    assert sharp.half_sharpness == pytest.approx(1, abs=0.15)
    assert softer.sharpness < soft.sharpness < 0.7 * sharp.sharpness
    assert softer.half_sharpness < soft.half_sharpness < sharp.half_sharpness
    noisy = [np.clip(frame + np.random.default_rng(0).normal(0, 20, frame.shape), 0, 255).astype("uint8")
             for frame in dance]  # fmt: skip
    assert measure.measure(energies_of(noisy)).sharpness > 1.5, "grain is not sharpness that is wanted"
    real = measure.real(seconds=4, seeds=range(3))
    assert all(0.8 < each.half_sharpness < 1.2 for each in real)
    halves = np.array_split(energies_of(dance), 2)
    assert measure.measure(*halves) == pytest.approx(sharp), "segments together"


def test_sharpness_of_pictures_without_any_edge_is_not_a_number():
    grey = np.full((4, 60, 104, 1), 90, "uint8")
    measure = SharpnessMeasure([energies_of(grey)], FPS)
    assert np.isnan(measure.measure(energies_of(grey)).sharpness)


def test_the_curve_of_repetition_reaches_sixteen_seconds(measure):
    noise = np.random.default_rng(0).normal(size=(150, 96))
    loop = np.tile(noise, (4, 1)).astype(
        "float32"
    )  # comes back after ten seconds, beyond self_repetition's 8
    found = over_time.repetition(measure, [loop, loop[:200]], 40, stretches=2)
    assert (found["lags_s"][0], found["lags_s"][-1]) == (1, 16)
    assert found["lags_s"][int(np.argmax(found["made"][0]))] == 10
    assert len(found["made"][1]) == 100 - 15 + 1, "half of a short dance"
    assert len(found["real"]) == 2


def test_a_replay_at_twice_the_rate_is_resampled(measure):
    twice = np.repeat(figure_dance(1), 2, axis=0)
    assert measure.measure(iter(twice), fps=2 * FPS) == measure.measure(figure_dance(1), fps=FPS)


def test_a_still_is_frozen_and_visits_one_cluster(measure):
    still = measure.measure(np.repeat(figure_dance(20)[40:41], 150, axis=0), fps=FPS)
    assert still.frozen_seconds_share == 1
    assert still.longest_frozen_run_s == 9
    assert still.coverage == 1 / 64
    assert (still.motion, still.jitter) == (pytest.approx(0, abs=1e-3), 0)
    assert (still.self_repetition, still.replay_s) == (1, 0)


def test_shuffled_frames_loops_and_decay_are_found(measure, real):
    take = figure_dance(20)
    rng = np.random.default_rng(0)
    shuffled = measure.measure(rng.permutation(take), fps=FPS)
    assert shuffled.jitter == pytest.approx(math.sqrt(6 / 2), abs=0.1)  # of independent frames
    assert shuffled.jitter > 1.3 * real[0].jitter
    assert shuffled.motion > 2 * real[0].motion
    loop = measure.measure(np.tile(take[:30], (8, 1, 1, 1)), fps=FPS)
    assert loop.self_repetition > 0.99 > real[0].self_repetition
    assert loop.coverage < 0.5 * real[0].coverage
    fade = np.linspace(0, 1, len(take))[:, None, None, None]
    fading = measure.measure((take * (1 - fade) + 128 * fade).astype(np.uint8), fps=FPS)
    assert fading.drift > 1.5


def test_real_stretches_have_the_length_and_keep_takes_apart():
    takes = [np.arange(100)[:, None] + 1000 * number for number in range(3)]
    stretch = real_stretches(takes, 16, seed=1, fps=FPS)
    assert sum(len(part) for part in stretch) == 240
    for part in stretch:
        assert (np.diff(part[:, 0]) == 1).all()  # a piece of one take, in its order
    assert len({int(part[0, 0]) // 1000 for part in stretch}) == 3
    starts = {
        tuple(int(part[0, 0]) for part in real_stretches(takes, 16, seed, fps=FPS)) for seed in range(5)
    }
    assert len(starts) > 1
    again = real_stretches(takes, 16, seed=1, fps=FPS)
    assert all((one == two).all() for one, two in zip(stretch, again, strict=True))


def test_real_stretches_longer_than_all_takes_say_so_once(caplog):
    for seed in range(3):
        stretch = real_stretches([np.zeros((31, 1))], 11, seed=seed, fps=FPS)
        assert sum(len(part) for part in stretch) == 165
    assert caplog.text.count("only 2 s of unseen takes for stretches of 11 s") == 1


def test_ratios_are_of_means():
    one = DanceFigures(60, 2, 1, 0, 0, 3, 1, 0.5, 0.2, 1, 30, 2, 0.1, 0)
    two = DanceFigures(60, 4, 1, 0.5, 3, 3, 1, 0.7, 0.2, 5, 40, 2, 0.1, 0)
    table = ratios([one, two], [one])
    assert table["motion"] == {"made": 3, "real": 2, "ratio": 1.5}
    assert table["coverage"]["ratio"] == pytest.approx(1.2)
    assert table["replay_s"] == {"made": 3, "real": 1, "ratio": None, "worst": 5}
    assert table["frozen_seconds_share"]["ratio"] is None
    with pytest.raises(DancenetError, match="0 dances"):
        ratios([], [one])


def test_too_little_to_measure_is_said(measure):
    with pytest.raises(DancenetError, match=r"a dance of 1\.0 s"):
        measure.measure(figure_dance(0)[:15], fps=FPS)
    with pytest.raises(DancenetError, match="no training clip"):
        DanceMeasure([], held_out_clips=[figure_dance(0)])
    with pytest.raises(DancenetError, match="no second of unseen"):
        DanceMeasure([figure_dance(0, 3)], held_out_clips=[])
