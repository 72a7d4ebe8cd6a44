"""Neighbours, ways, grids, sweeps and directions against latent spaces whose shape is known."""

import numpy as np
import pytest

from dancenet import explore
from dancenet.errors import DancenetError, MissingDependencyError
from dancenet.exploring import directions, planes, pose_map, ways
from dancenet.latents import Latents

D = 128


def latents_of(mean: np.ndarray, lengths=None, fps=10.0, sigma=0.1) -> Latents:
    """Latents whose standardised units are their own."""
    mean = np.asarray(mean, "float32")
    lengths = np.array(lengths or [len(mean)])
    return Latents(
        mean, np.full_like(mean, 2 * np.log(sigma)), mean[:0][None], mean[:0][None],
        center=np.zeros(D), scale=np.ones(D), clip_starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        clip_lengths=lengths, fps=np.array(fps),
    )  # fmt: skip


def ring(count: int, noise=0.0, seed=0) -> np.ndarray:
    """Poses on a circle of radius 4 in two of the dimensions."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    poses = noise * np.random.default_rng(seed).standard_normal((count, D))
    poses[:, 5] += 4 * np.cos(turn)
    poses[:, 90] += 4 * np.sin(turn)
    return poses


def test_a_way_keeps_to_the_film_where_a_straight_line_leaves_it():
    film = latents_of(ring(200))
    ends = film.mean[[10, 90]]
    way = ways.way_through(film, ends, 41)
    assert way.shape == (41, D)
    np.testing.assert_allclose(way[[0, -1]], ends, atol=1e-4)
    radius = np.hypot(way[:, 5], way[:, 90])
    assert radius.min() > 3.6, "it goes around the hole"
    assert explore.off_film(film, np.linspace(*ends, 41)).max() > 2.5
    assert explore.off_film(film, way).max() < 0.5
    steps = np.linalg.norm(np.diff(way, axis=0), axis=1)
    assert steps.max() < 1.2 * steps.min(), "at a constant speed"


def test_a_way_goes_through_every_waypoint_also_between_clips_and_off_the_film():
    film = latents_of(np.concatenate([ring(100), ring(100) + 20]), [100, 100])
    stranger = np.full(D, 3.0)
    waypoints = np.stack([film.mean[3], stranger, film.mean[150]])
    way = ways.way_through(film, waypoints, 301)
    away = np.linalg.norm(way[:, None] - waypoints[None], axis=-1).min(axis=0)
    assert away.max() < 1.0
    with pytest.raises(DancenetError, match="two or more"):
        ways.way_through(film, waypoints[:1], 5)


def test_a_path_among_the_waypoints_is_gone_along_as_it_is():
    film = latents_of(ring(200))
    across = np.linspace(film.mean[10], film.mean[110], 50)  # no way that the film goes
    way = ways.way_through(film, [across, film.mean[150]], 400)
    away = np.linalg.norm(way[:, None] - across[None], axis=-1).min(axis=0)
    assert away.max() < 0.2
    np.testing.assert_allclose(way[-1], film.mean[150], atol=1e-3)
    np.testing.assert_allclose(ways.way_through(film, [across], 50), across, atol=1e-3)


def test_neighbours_are_other_moments():
    film = latents_of(ring(100), [50, 50])
    found = explore.neighbours(film, film.mean[20], 6, apart_s=0.5)
    frames = [frame for frame, _ in found]
    assert frames[0] == 20
    assert found[0][1] == pytest.approx(0, abs=1e-6)
    assert [distance for _, distance in found] == sorted(distance for _, distance in found)
    clip = [frame // 50 for frame in frames]
    for i in range(6):
        for j in range(i):
            assert clip[i] != clip[j] or abs(frames[i] - frames[j]) > 5
    assert len(explore.neighbours(film, film.mean[20], 1000, apart_s=4.0)) <= 4


def test_a_grid_has_its_corners():
    corners = np.random.default_rng(0).standard_normal((4, D))
    field = explore.grid(corners, 3, 5)
    assert field.shape == (3, 5, D)
    for place, corner in zip(((0, 0), (0, 4), (2, 0), (2, 4)), corners, strict=True):
        np.testing.assert_allclose(field[place], corner, rtol=1e-5)
    np.testing.assert_allclose(field[1, 2], corners.mean(axis=0), rtol=1e-4, atol=1e-6)
    assert explore.grid(corners[:2], 3, 5).shape == (1, 5, D)
    with pytest.raises(DancenetError, match="two, for a row"):
        explore.grid(corners[:3], 3, 3)


def test_sweeps_go_as_far_as_the_film_and_hold_the_rest():
    poses = 0.05 * np.random.default_rng(1).standard_normal((1000, D))
    poses[:, 7] += np.linspace(-3, 3, 1000)
    film, around = latents_of(poses), np.full(D, 0.5)
    for kind in ("principal", "units"):
        swept, shares = explore.sweeps(film, 2, 5, kind=kind, around=around)
        assert swept.shape == (2, 5, D)
        assert shares[0] > shares[1] > 0
        first = swept[0]
        np.testing.assert_allclose(np.sort(first[:, 7])[[0, -1]], [-2.88, 2.88], atol=0.1)
        rest = np.delete(first - around, 7, axis=1)
        assert np.abs(rest).max() < 0.1


def test_the_typical_pose_is_a_real_one():
    film = latents_of(ring(100, noise=0.1))
    assert (explore.typical_pose(film) == film.mean).all(axis=1).any()
    assert explore.spread_poses(film, 4).shape == (4, D)


def planted(count: int, seed: int):
    """Poses with and without a thing that shows along one axis, beside chance in all."""
    random = np.random.default_rng(seed)
    thing = np.zeros(D)
    thing[[3, 40, 77]] = (2.0, -1.5, 1.0)
    poses = random.standard_normal((2 * count, D))
    poses[:count] += thing
    return thing, poses[:count].astype("float32"), poses[count:].astype("float32")


def cosine(one, other) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("method", ["mean", "linear"])
def test_a_named_direction_is_the_planted_one_and_as_long(method):
    film = latents_of(np.random.default_rng(5).standard_normal((500, D)))
    thing, having, lacking = planted(400, 0)
    found = directions.between(having, lacking, film, method)
    assert cosine(found, thing) > 0.9
    assert found @ thing / (thing @ thing) == pytest.approx(1, abs=0.15)
    checked = directions.held_out(having, lacking, film, method)
    assert checked["auc"] > 0.9
    assert checked["accuracy"] > 0.8


def test_scale_of_the_latents_is_no_evidence():
    film = latents_of(np.random.default_rng(5).standard_normal((500, D)))
    wide = Latents(**{**vars(film), "scale": np.where(np.arange(D) == 100, 50.0, 1.0)})
    thing, having, lacking = planted(40, 1)
    stretch = np.where(np.arange(D) == 100, 50.0, 1.0).astype("float32")
    found = directions.between(having * stretch, lacking * stretch, wide)
    assert cosine(found / stretch, thing) > 0.6
    np.testing.assert_allclose(found / stretch, directions.between(having, lacking, film), rtol=1e-3)


def test_chance_is_told_as_chance_and_neighbours_are_held_out_together():
    film = latents_of(np.random.default_rng(5).standard_normal((500, D)))
    random = np.random.default_rng(2)
    # two moments of each kind, each filmed ten times over: only the moment tells the kind
    moments = random.standard_normal((4, D))
    frames = np.repeat(moments, 10, axis=0) + 0.01 * random.standard_normal((40, D))
    groups = np.repeat(np.arange(4), 10)
    having, lacking = frames[:20], frames[20:]
    assert directions.held_out(having, lacking, film)["auc"] == 1.0, "each has a twin among the learned"
    fair = [
        directions.held_out(*np.split(np.repeat(random.standard_normal((12, D)), 5, axis=0), 2), film,
                            groups=np.repeat(np.arange(12), 5))["auc"]
        for _ in range(12)
    ]  # fmt: skip
    assert 0.25 < np.mean(fair) < 0.75
    assert directions.held_out(having[:3], lacking[:3], film) is None
    assert directions.held_out(having, lacking, film, groups=np.repeat([0, 1], 20)) is None
    assert directions.held_out(having, lacking, film, groups=groups) is not None


def test_too_few_frames_are_refused():
    film = latents_of(ring(50))
    with pytest.raises(DancenetError, match="--with names 1 frame "):
        directions.between(film.mean[:1], film.mean[5:9], film)


def test_principal_directions_are_as_long_as_the_film_strays():
    poses = np.random.default_rng(3).standard_normal((4000, D)) * 0.01
    poses[:, 11] += 3 * np.random.default_rng(4).standard_normal(4000)
    vectors, shares = directions.principal(latents_of(poses), 3)
    assert vectors[0][11] == pytest.approx(3, rel=0.05)
    assert shares[0] > 0.99
    gram = vectors @ vectors.T
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-6


def test_independence_tells_angles_and_habits():
    random = np.random.default_rng(6)
    poses = random.standard_normal((5000, D))
    poses[:, 1] = 0.9 * poses[:, 0] + 0.1 * poses[:, 1]  # the dancer does the one with the other
    axes = np.eye(D)[[0, 1, 2]]
    cosines, together = directions.independence(axes, latents_of(poses))
    np.testing.assert_allclose(cosines, np.eye(3), atol=1e-6)
    assert together[0, 1] > 0.9
    assert abs(together[0, 2]) < 0.1


def test_energy_is_speed_and_knows_no_cut():
    still, walk = np.zeros((40, D)), np.zeros((40, D))
    walk[:, 0] = 100 + 0.3 * np.arange(40)
    speed = pose_map.energy(latents_of(np.concatenate([still, walk]), [40, 40]))
    assert np.abs(speed[:40]).max() < 1e-6, "the jump from clip to clip is no movement"
    np.testing.assert_allclose(speed[50:], 3.0, rtol=1e-3)  # 0.3 a frame, ten frames a second


def test_planes_keep_groups_apart(monkeypatch):
    groups = np.repeat(np.random.default_rng(7).standard_normal((3, D)) * 6, 60, axis=0)
    poses = groups + np.random.default_rng(8).standard_normal(groups.shape)
    kinds = np.repeat(np.arange(3), 60)
    monkeypatch.setattr(planes, "MOST_PLACED", 100)  # two poses of three lie where their neighbours do
    for how in ("pca", "tsne"):
        points = planes.plane(poses, how)
        assert points.shape == (180, 2)
        assert np.isfinite(points).all()
        centres = np.stack([points[kinds == kind].mean(axis=0) for kind in range(3)])
        nearest = np.linalg.norm(points[:, None] - centres[None], axis=-1).argmin(axis=1)
        assert (nearest == kinds).mean() > 0.98
    np.testing.assert_array_equal(planes.plane(poses, "tsne"), planes.plane(poses, "tsne"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert planes.planes() == ["pca", "tsne"]
    with pytest.raises(MissingDependencyError, match=r"dancenet\[explore\]"):
        planes.plane(poses, "umap")
