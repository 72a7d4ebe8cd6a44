"""Figures of the built-in dancer, whose truth is known: read from points that stand for pictures."""

import dataclasses

import numpy as np
import pytest
from films import walker, write

from dancenet import dancer
from dancenet.config import DancerOptions, FrameOptions
from dancenet.errors import DancenetError
from dancenet.evaluation import builtin, movement, truth
from dancenet.evaluation.dance import DanceMeasure
from dancenet.evaluation.reading import Take
from dancenet.evaluation.verdict import is_wrong
from dancenet.figure.body import JOINT
from dancenet.frames import frames_like
from dancenet.sequences import Span
from dancenet.timing import kinematic_beats

FPS = 15.0
TEMPO = 120.0
MOVES = {name: number for number, name in enumerate(dancer.MOVES)}


def danced(seed, seconds=60):
    """A take; what stands for its pictures is where 26 joints are, in the dimensions of a small picture."""
    dance = dancer.choreograph(seconds, tempo_bpm=TEMPO, seed=seed, fps=FPS)
    joints = truth.from_pelvis(dance.joints_m)
    mixed = np.random.default_rng(0).normal(size=(joints[0].size, 40))
    return Take(
        points=(joints.reshape(len(joints), -1) @ mixed).astype("float32"),
        joints_m=joints,
        planted=dance.planted,
        moves=np.array([MOVES[label] for label in dance.labels]),
    )


@pytest.fixture(scope="module")
def reads():
    return truth.TruthMeasure([danced(seed) for seed in range(8)], FPS, [104.0, TEMPO], dancer.Body())


@pytest.fixture(scope="module")
def unseen():
    return [danced(seed) for seed in (20, 21)]


def test_poses_and_moves_of_unseen_dances_are_read(reads, unseen):
    found = reads.reading(unseen)
    assert found["joint_error_cm"] < 8
    assert found["feet_right"] > found["feet_standing"] + 0.03, "better than saying that all stand"
    assert found["moves_right"] > 0.55, "of 21"
    seen = reads.reading([danced(0)])
    assert seen["joint_error_cm"] < 0.1
    assert seen["moves_right"] > 0.95
    lost = dataclasses.replace(unseen[0], joints_m=np.roll(unseen[0].joints_m, 30, axis=0))
    assert reads.reading([lost])["joint_error_cm"] > 1.5 * found["joint_error_cm"], (
        "the truth of other moments"
    )


def test_a_reconstruction_is_as_far_off_as_what_it_shows(reads, unseen):
    floor = reads.reading(unseen)["joint_error_cm"]
    assert reads.reconstruction_error_cm(unseen, lambda i: unseen[i].points) == pytest.approx(floor)
    still = [np.repeat(take.points[:1], len(take.points), axis=0) for take in unseen]
    assert reads.reconstruction_error_cm(unseen, lambda i: still[i]) > 1.5 * floor


def test_what_is_wrong_with_a_dance_is_found(reads, unseen):
    real = [reads.measure_stretch([take.points]) for take in unseen]
    honest = reads.measure_stretch([danced(30).points])
    points = unseen[0].points
    shuffled = reads.measure_stretch([np.random.default_rng(0).permutation(points)])
    ghost = reads.measure_stretch([(points[:-20] + points[20:]) / 2])
    loop = reads.measure_stretch([np.tile(points[100:130], (30, 1))])
    still = reads.measure_stretch([np.repeat(points[50:51], 900, axis=0)])

    def caught(figures):
        """Names of the figures that say that it is not as the real ones are."""
        return {
            name
            for name, (wrong, _) in truth.TRUTH_FIGURES.items()
            if is_wrong(getattr(figures, name), [getattr(figure, name) for figure in real], wrong)
        }

    assert len(caught(honest)) <= 1, "two takes are a narrow range"
    assert {"feet_slip_cm_s", "beats_met", "moves_recognised"} <= caught(shuffled)
    assert "limb_error" in caught(ghost)
    assert "moves_danced" in caught(loop)
    assert "moves_danced" in caught(still)


def test_limbs_of_a_body_never_change():
    lengths = truth.limb_lengths(dancer.choreograph(4, seed=1, fps=FPS).joints_m)
    np.testing.assert_allclose(lengths, np.repeat(lengths[:1], len(lengths), axis=0), atol=1e-4)


def test_feet_slip_is_of_one_standing_foot_seen_from_the_other():
    joints = np.zeros((40, len(dancer.JOINT_NAMES), 3))
    joints[:, :, 0] = np.arange(40)[:, None]  # all of it moves along: a window that follows
    stands = np.ones((40, 2), bool)
    assert truth.feet_slip([(joints, stands)], FPS) == 0
    joints[:, JOINT["ball_l"], 2] += 0.02 * np.arange(40)  # 2 cm per frame
    assert truth.feet_slip([(joints, stands)], FPS) == pytest.approx(2 * FPS)
    stands[:, 0] = False
    assert truth.feet_slip([(joints, stands)], FPS) == 0, "a foot in the air may move"


def test_beats_are_met_where_poses_arrive_on_them():
    times_s = np.arange(900) / FPS

    def arriving(rests_s):
        """A path that comes to rest at these times."""
        place = np.interp(times_s, rests_s, np.arange(len(rests_s)))
        return (place - np.sin(2 * np.pi * place) / (2 * np.pi))[:, None]

    on_beat = arriving(0.21 + np.arange(130) * 0.5)
    np.testing.assert_allclose(kinematic_beats(movement.steps([on_beat]), FPS)[2:8] % 0.5, 0.21, atol=0.03)
    assert truth.beats_met([on_beat], FPS, 120) > 0.9
    assert truth.beats_met([on_beat], FPS, 104) < 0.6
    loose = np.sort(np.random.default_rng(0).uniform(0, 60, 120))
    assert truth.beats_met([arriving(loose)], FPS, 120) < 0.6
    assert truth.beats_met([np.ones((100, 1))], FPS, 120) == 0, "a still arrives nowhere"
    assert truth.beats_met([np.ones((3, 1))], FPS, 120) == 0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("films") / "dancer.mp4"
    options = DancerOptions(minutes=5 / 60, tempo=120, seed=3, width=64, height=48, fps=30)
    dancer.write_video(path, options)
    return path, options


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_film_of_the_dancer_says_how_it_was_made(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    options = DancerOptions(minutes=0.01, tempo=97, seed=5, width=32, height=32, fps=10, silhouette=True)
    dancer.write_video(path, options)
    assert dancer.options_of(path) == options


def test_other_films_have_no_truth(film, tmp_path):
    other = write(tmp_path / "other.mp4", walker(30))
    assert dancer.options_of(other) is None
    packed = frames_like([film[0], other], FrameOptions(width=32, height=32, fps=15))
    with pytest.raises(DancenetError, match=r"other.mp4 is not a film of the built-in dancer"):
        builtin.films(packed)


def test_truth_is_that_of_the_frames_also_from_the_middle_of_a_film(film):
    path, options = film
    packed = frames_like(path, FrameOptions(width=48, height=36, fps=20, start=1.0))
    films = builtin.films(packed)
    assert films == [options]
    frames = packed.pixels[:]
    measure = DanceMeasure([frames], held_out_clips=[frames], fps=20)
    take = builtin.take_of(measure, packed, Span(8, len(packed)), films)
    assert len(take.points) == len(take.joints_m) == len(take.moves) == len(take.planted)
    danced = dancer.choreograph(5, tempo_bpm=120, seed=3, fps=30)
    for number in (0, 30):  # at 15 per second, from 8 frames of 20 after the first second on
        at = round((1.0 + 8 / 20 + number / 15) * 30)
        nearby = np.abs(truth.from_pelvis(danced.joints_m[at - 2 : at + 3]) - take.joints_m[number])
        assert nearby.max(axis=(1, 2)).min() < 1e-5
    assert not take.joints_m[:, JOINT["pelvis"], (0, 2)].any()
