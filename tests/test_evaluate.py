"""Measuring a run: figures of choreography, trivial dancers, and the page."""

import dataclasses
import json
import re

import numpy as np
import pytest
from conftest import ROOT
from learned import here, trained_run
from scipy.linalg import sqrtm

from dancenet.config import EvaluateOptions
from dancenet.errors import DancenetError
from dancenet.evaluation import builtin, choreography, novelty
from dancenet.evaluation.dance import DanceFigures
from dancenet.evaluation.sharpness import SHARPNESS_FIGURES
from dancenet.evaluation.similarity import silhouette_overlap, ssim
from dancenet.evaluation.truth import TRUTH_FIGURES, TruthFigures
from dancenet.evaluation.verdict import FIGURES, interval, is_wrong
from dancenet.evaluation.windows import WindowSpace, frechet_distance
from dancenet.pages.report import DEFINITIONS
from dancenet.runs import Run
from dancenet.sequences import split_takes
from dancenet.trained import load_trained
from dancenet.yardsticks import prediction
from dancenet.yardsticks.baselines import Baselines
from dancenet.yardsticks.prediction import AHEAD
from dancenet.yardsticks.trivial import TRIVIAL_DANCERS, Stage


def test_frechet_distance_is_the_closed_form():
    random = np.random.default_rng(0)
    means, roots = random.normal(size=(2, 5)), random.normal(size=(2, 5, 5))
    one, two = roots @ np.swapaxes(roots, 1, 2) + 0.1 * np.eye(5)
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert frechet_distance(means[0], one, means[1], two) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(means[0], one, means[0], one) == pytest.approx(0, abs=1e-6)


def test_windows_know_order_where_frames_alone_do_not():
    times = np.arange(2400) / 15
    take = np.stack([np.sin(times), np.cos(times), np.sin(2.3 * times)], axis=1).astype("float32")
    space = WindowSpace([take[:1200]], 15.0)
    shuffled = np.random.default_rng(0).permutation(take[1200:])
    assert space.distance([take[1200:]]) < 0.05 * space.distance([shuffled])
    assert np.isnan(space.distance([take[:8]])), "one window has no covariance"


def test_transitions_leave_out_staying_and_never_cross_segments():
    pairs = choreography.transitions([np.array([1, 1, 2, 3]), np.array([5, 5]), np.array([7])])
    assert pairs.tolist() == [[1, 2], [2, 3]]
    assert choreography.transitions([np.array([4])]).shape == (0, 2)


def test_transition_entropy_of_a_loop_is_zero_and_of_a_coin_one_bit():
    assert choreography.transition_entropy(choreography.transitions([np.arange(60) % 3])) == 0
    coin = np.array([[0, 1], [0, 2], [1, 0], [2, 0]])
    assert choreography.transition_entropy(coin) == pytest.approx(0.5)  # one bit after 0, none after 1 and 2
    assert choreography.transition_entropy(np.empty((0, 2), int)) == 0


def test_new_transitions_are_those_that_training_does_not_have():
    known = np.array([[1, 2], [2, 3]])
    assert novelty.new_transitions(known, known) == 0
    assert novelty.new_transitions(np.array([[1, 2], [2, 1]]), known) == 0.5


def test_diversity_is_zero_for_one_dance_shown_twice():
    dance = np.random.default_rng(0).normal(size=(30, 4))
    assert choreography.diversity([dance, dance[:20]]) == 0
    assert choreography.diversity([dance, np.add(dance, [3, 0, 4, 0])]) == pytest.approx(5)
    assert np.isnan(choreography.diversity([dance]))


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    random = np.random.default_rng(0)
    picture = random.uniform(size=(40, 50)).astype("float32")
    noisy = (picture + 0.2 * random.standard_normal(picture.shape)).astype("float32")
    assert ssim(picture, picture) == pytest.approx(1, abs=1e-5)
    assert ssim(picture, noisy) < 0.95
    flat = np.full((40, 50), 0.4, "float32")  # equation 6 of the paper: luminance alone
    expected = (2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4)
    assert ssim(flat, flat + np.float32(0.2)) == pytest.approx(expected, rel=1e-3)


def test_silhouettes_overlap():
    wall = np.full((10, 10, 3), 200, "uint8")
    one, two = wall.copy(), wall.copy()
    one[2:6, 2:6], two[4:8, 2:6] = 20, 20
    assert silhouette_overlap(one, two, wall) == (8, 24)


def test_wrong_is_outside_of_real_dance_on_the_side_that_counts():
    real = [1.0, 2.0]
    assert [is_wrong(value, real, "both") for value in (0.4, 0.6, 2.4, 2.6)] == [True, False, False, True]
    assert not is_wrong(0.4, real, "high")
    assert not is_wrong(2.6, real, "low")
    assert is_wrong(0.1, [0.0, 0.0], "high")


def test_interval_is_students():
    made = interval([1.0, 2.0, 3.0, 4.0])
    assert made["mean"] == 2.5
    assert made["ci95"] == pytest.approx(3.182 * 1.29099 / 2, rel=1e-3)  # t(0.975, 3) s / sqrt(n)
    assert interval([2.0]) == {"mean": 2.0, "ci95": None}


def test_the_page_on_evaluation_lists_every_figure_as_it_is():
    page = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .*? \| (\w+) \| (.*?) ?\|$", page, re.M)
    assert {name: (wrong, caught) for name, wrong, caught in rows} == {
        name: (wrong, ", ".join(caught))
        for name, (wrong, caught) in {**FIGURES, **SHARPNESS_FIGURES, **TRUTH_FIGURES}.items()
    }
    assert {*FIGURES, *SHARPNESS_FIGURES, *TRUTH_FIGURES} == set(DEFINITIONS)
    assert set(TRUTH_FIGURES) == {field.name for field in dataclasses.fields(TruthFigures)}
    assert set(FIGURES) == {field.name for field in dataclasses.fields(DanceFigures)} - {"duration_s"}


@pytest.mark.parametrize("wrong", [{"seconds": 1.0}, {"seconds": float("nan")}, {"seeds": 0}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(DancenetError):
        EvaluateOptions(**wrong)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.mark.slow
def test_trivial_dancers_are_what_they_are_called(learned):
    trained = load_trained(Run(learned))
    training = split_takes(trained.packed)[0]
    stage = Stage(trained, training, Baselines.fit(trained.latents, training), count=60)
    made = {name: np.stack(list(dancer(stage))) for name, dancer in TRIVIAL_DANCERS.items()}
    for name, frames in made.items():
        assert frames.shape == (60, *trained.packed.pixels.shape[1:]), name
        assert frames.dtype == np.uint8
    assert (made["still"] == made["still"][0]).all()
    period = round(2 * trained.packed.fps)
    assert (made["two-second loop"][period:] == made["two-second loop"][:-period]).all()
    film = trained.packed.pixels
    starts = [i for span in training for i in range(span.start, span.stop)]
    assert any(
        (film[i] == made["replay"][0]).all() and (film[i + 1] == made["replay"][1]).all() for i in starts[:-1]
    )
    for name in ("random walk", "linear autoregression", "shuffled frames"):
        assert np.abs(np.diff(made[name].astype(float), axis=0)).mean() > 0.1, f"{name} moves"


@pytest.mark.slow
def test_what_is_expected_is_nearer_to_the_truth_than_a_single_dance(learned, monkeypatch):
    trained = load_trained(Run(learned))
    training, unseen = split_takes(trained.packed)
    baselines = Baselines.fit(trained.latents, training)
    expected = prediction.errors_ahead(trained, baselines, unseen)
    monkeypatch.setattr(prediction, "DRAWS", 1)
    single = prediction.errors_ahead(trained, baselines, unseen)
    for ahead in map(str, AHEAD):
        assert expected[ahead]["choreographer"] < single[ahead]["choreographer"]
        assert expected[ahead]["linear"] == single[ahead]["linear"]


def test_evaluate_leaves_one_page_that_needs_nothing_beside_it(learned, tmp_path, monkeypatch):
    monkeypatch.setattr(builtin, "REFERENCE_TAKES", 2)
    monkeypatch.setattr(builtin, "REFERENCE_MINUTES", 0.3)
    out = tmp_path / "report"
    assert (
        here("evaluate", "--run", learned, "--out", out, "--seconds", 8, "--seeds", 2, "--against", learned)
        == 0
    )
    found = json.loads((out / "report.json").read_text())
    assert set(found["figures"]) == {*FIGURES, *SHARPNESS_FIGURES}
    for name, row in found["figures"].items():
        assert len(row["made"]["each"]) == 2, name
        assert set(row["trivial"]) == set(row["caught"]) == set(TRIVIAL_DANCERS)
        assert row["against"]["mean"] == pytest.approx(row["made"]["mean"]), "the same run, the same dances"
    assert all(
        any(row["caught"][dancer] for row in found["figures"].values()) for dancer in TRIVIAL_DANCERS
    ), "each trivial dancer is caught by a figure"
    assert set(found["prediction"]) == {str(ahead) for ahead in AHEAD}
    assert found["pictures"]["ssim"] > 0.5
    room = found["pictures_empty_room"]
    assert all(room[name] < found["pictures"][name] for name in ("foreground_psnr_db", "ssim", "psnr_db"))
    assert room["silhouette_iou"] == 0
    apart = found["diversity"]["trivial"]
    assert apart["still"] == apart["two-second loop"] == 0 < apart["shuffled frames"]
    assert found["copying"]["trivial"]["replay"]["z"] < min(one["z"] for one in found["copying"]["real"])
    assert found["minutes"] is None, "these dances are shorter than two minutes"
    assert len(found["repetition"]["made"]) == 2
    assert set(found["truth"]["figures"]) == set(TRUTH_FIGURES)
    assert found["truth"]["reading"]["joint_error_cm"] < 30
    assert found["truth"]["reconstruction"]["joint_error_cm"] > 0
    assert found["diversity"]["made"] > 0
    page = (out / "report.html").read_text(encoding="utf-8")
    unseen_s = found["protocol"]["held_out_frames"] / found["protocol"]["measured_fps"]
    assert ("their range is narrow" in page) == (unseen_s < 8)
    assert page.count("data:video/mp4;base64,") == 2
    assert "data:image/svg+xml" in page
    assert "src='http" not in page
    assert "href=" not in page
    assert not [path for path in out.iterdir() if ".part" in path.name]
