"""Poses, paths and directions as files: what is written is read, and what belongs elsewhere is refused."""

import json

import numpy as np
import pytest

from dancenet.config import LATENT_SIZE, FrameOptions
from dancenet.errors import DancenetError
from dancenet.exploring.directions import moved, read_amounts
from dancenet.exploring.poses import (
    Direction,
    Origin,
    Pose,
    PosePath,
    check_origin,
    load_direction,
    load_path,
    load_pose,
    pose_at,
    save_direction,
    save_path,
    save_pose,
)
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.runs import Run

HERE = Origin("/runs/solo", "frames-1", "vae-1")
LATER = Origin("/runs/solo", "frames-1", "vae-2")
THERE = Origin("/runs/other", "frames-9", "vae-9")


@pytest.fixture
def numbers():
    return np.random.default_rng(0).standard_normal((5, LATENT_SIZE)).astype("float32")


def test_a_pose_comes_back_with_where_it_is_from(tmp_path, numbers):
    path = save_pose(tmp_path / "deep" / "pose.json", Pose(numbers[0], HERE, {"moment": "solo:12.5"}))
    found = load_pose(path, HERE)
    np.testing.assert_allclose(found.latents, numbers[0], rtol=1e-5)
    assert (found.latents.dtype, found.latents.shape) == (np.float32, (LATENT_SIZE,))
    assert (found.origin, found.told) == (HERE, {"moment": "solo:12.5"})
    said = json.loads(path.read_text())
    assert said["kind"] == "pose"
    assert said["belongs_to"]["vae"] == "vae-1"
    assert "versions" in said["provenance"]
    assert path.stat().st_size < 4000, "small enough to be read"


def test_a_path_comes_back(tmp_path, numbers):
    path = save_path(tmp_path / "way.json", PosePath(numbers, 12.5, HERE, {"through": ["a:1", "b:2"]}))
    found = load_path(path, HERE)
    np.testing.assert_allclose(found.latents, numbers, rtol=1e-5)
    assert (found.fps, found.told["through"]) == (12.5, ["a:1", "b:2"])


def test_a_direction_comes_back(tmp_path, numbers):
    path = save_direction(tmp_path / "up.json", Direction("arms_up", numbers[0], HERE, {"auc": 0.9}))
    found = load_direction(path)
    np.testing.assert_allclose(found.vector, numbers[0], rtol=1e-5)
    assert (found.name, found.told) == ("arms_up", {"auc": 0.9})


@pytest.mark.parametrize(
    ("origin", "words"),
    [(THERE, ["another run (/runs/solo)", "/runs/other"]), (LATER, ["an earlier VAE of this run"])],
)
def test_what_belongs_to_another_vae_is_refused(tmp_path, numbers, origin, words):
    path = save_pose(tmp_path / "pose.json", Pose(numbers[0], HERE))
    assert load_pose(path).origin == HERE, "whoever does not ask gets it"
    with pytest.raises(DancenetError) as error:
        load_pose(path, origin)
    for word in [*words, "dancenet explore invert"]:
        assert word in str(error.value)


def test_a_file_of_another_kind_is_refused_and_never_replaced(tmp_path, numbers):
    path = save_pose(tmp_path / "thing.json", Pose(numbers[0], HERE))
    with pytest.raises(DancenetError, match="a pose file"):
        load_direction(path)
    before = path.read_bytes()
    with pytest.raises(DancenetError, match="would be lost"):
        save_direction(path, Direction("up", numbers[0], HERE))
    assert path.read_bytes() == before
    mine = tmp_path / "package.json"
    mine.write_text('{"name": "mine"}')
    with pytest.raises(DancenetError, match="would be lost"):
        save_pose(mine, Pose(numbers[0], HERE))
    with pytest.raises(DancenetError, match=r"\.json"):
        save_pose(tmp_path / "pose.txt", Pose(numbers[0], HERE))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said: said.update(latents=[[1.0] * 127]), "128 finite numbers"),
        (lambda said: said.update(latents=said["latents"] * 2), "128 finite numbers"),
        (lambda said: said["latents"][0].__setitem__(3, float("nan")), "128 finite numbers"),
        (lambda said: said["latents"][0].__setitem__(3, "x"), "128 finite numbers"),
        (lambda said: said.pop("belongs_to"), "belongs to"),
        (lambda said: said.update(format=99), "pip install --upgrade"),
        (lambda said: said.update(kind=["pose"]), "damaged"),
        (lambda said: said.update(told=3), "damaged"),
    ],
)
def test_damage_is_said(tmp_path, numbers, change, words):
    path = save_pose(tmp_path / "pose.json", Pose(numbers[0], HERE))
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))
    with pytest.raises(DancenetError, match=words):
        load_pose(path, HERE)


def test_a_missing_or_foreign_file_is_said(tmp_path):
    with pytest.raises(DancenetError, match="there is no file"):
        load_pose(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"kind": "po')
    with pytest.raises(DancenetError, match="damaged"):
        load_pose(tmp_path / "half.json")


def test_a_pose_is_named_by_a_moment_or_a_file(tmp_path, numbers):
    clips = (Clip(1, "solo", "solo.mp4", 0, 0, 3, 0.0), Clip(2, "duo", "duo.mp4", 1, 3, 2, 0.0))
    pixels = np.zeros((5, 16, 16, 1), "uint8")
    packed = PackedFrames(pixels, pixels[:2], clips, 10.0, FrameOptions(), "frames-1")

    class Film:
        mean = numbers

    np.testing.assert_array_equal(pose_at("duo:0.1", packed, Film, HERE), numbers[4])
    path = save_pose(tmp_path / "pose.json", Pose(numbers[2], HERE))
    np.testing.assert_allclose(pose_at(str(path), packed, Film, HERE), numbers[2], rtol=1e-5)
    with pytest.raises(DancenetError, match="no clip is named"):
        pose_at("trio:0.1", packed, Film, HERE)
    with pytest.raises(DancenetError, match="another run"):
        pose_at(str(path), packed, Film, THERE)


def test_directions_are_applied_by_name_or_file(tmp_path, numbers):
    run = Run(tmp_path / "run")
    save_direction(run / "directions" / "up.json", Direction("up", numbers[0], HERE))
    other = save_direction(tmp_path / "side.json", Direction("side", numbers[1], HERE))
    amounts = read_amounts(["up=1.5", f"{other}=-2"], run, HERE)
    np.testing.assert_allclose(
        moved(numbers, amounts), numbers + 1.5 * numbers[0] - 2 * numbers[1], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_array_equal(moved(numbers, []), numbers)
    for text, words in (("up", "NAME=AMOUNT"), ("up=much", "NAME=AMOUNT"), ("=2", "NAME=AMOUNT"),
                        ("up=nan", "NAME=AMOUNT"), ("down=1", "one of up")):  # fmt: skip
        with pytest.raises(DancenetError, match=words):
            read_amounts([text], run, HERE)
    with pytest.raises(DancenetError, match="another run"):
        read_amounts(["up=1"], run, THERE)
    with pytest.raises(DancenetError, match="the file of a direction"):
        read_amounts(["up=1"], None, HERE)


def test_a_dance_says_what_it_belongs_to(tmp_path):
    path = tmp_path / "dance.json"
    check_origin(path, "dance", HERE)
    path.write_text(json.dumps({"run": "somewhere"}))
    check_origin(path, "dance", HERE)  # of an older version: it does not say
    path.write_text(json.dumps({"belongs_to": vars(THERE)}))
    with pytest.raises(DancenetError, match="dancenet generate dance"):
        check_origin(path, "dance", HERE)
