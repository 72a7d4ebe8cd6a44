"""`dancenet explore ...` on a trained run: what it leaves, that it can be given back, and what it refuses."""

import json
import re

import cv2
import numpy as np
import pytest
from learned import copy_of, here, prints, trained_run

from dancenet.exploring import inversion
from dancenet.exploring.directions import principal
from dancenet.exploring.poses import load_direction, load_path, load_pose
from dancenet.exploring.space import load_space
from dancenet.footage.framing import as_frame
from dancenet.runs import Run
from dancenet.video import probe

pytestmark = pytest.mark.slow

#: One frame of each kind.
_ONE = ("--with", "take1:1", "--without", "take1:2")


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def run(learned, tmp_path_factory):
    return copy_of(learned, tmp_path_factory.mktemp("explore") / "run")


@pytest.fixture(scope="module")
def space(run):
    return load_space(Run(run))


@pytest.fixture
def said(capfd):
    """Run a command and give what it printed: (exit code, lines on standard output, standard error)."""

    def call(*arguments):
        capfd.readouterr()
        code = here(*arguments)
        out, err = capfd.readouterr()
        return code, out.splitlines(), err

    return call


def shape(path):
    return cv2.imread(str(path)).shape


def test_traverse_leaves_a_strip_for_each_dimension(run, said):
    code, lines, _ = said("explore", "traverse", "--run", run, "--count", "3", "--steps", "5")
    assert (code, lines) == (0, [str(run / "explore" / "traverse.png")])
    height, width, _ = shape(run / "explore" / "traverse.png")
    assert width == 5 * (64 + 2) + 2
    assert height == 3 * (48 + 14 + 2) + 2


def test_an_image_becomes_a_pose_that_every_command_takes(run, said, space, tmp_path):
    image, pose = tmp_path / "me.png", tmp_path / "me.json"
    frame = space.packed.pixels[space.packed.locate("take2:3")]
    cv2.imwrite(str(image), frame)
    code, lines, err = said(
        "explore", "invert", "--run", run, "--image", image, "--out", pose, "--steps", "20"
    )
    assert code == 0, err
    assert lines == [str(pose), str(pose.with_suffix(".sheet.png"))]
    assert np.array_equal(cv2.imread(str(image))[..., :1], frame), "the image me.png is still there"
    found = load_pose(pose, space.origin)
    assert found.told["psnr_db"] >= found.told["encoded_psnr_db"] - 0.5
    code, lines, _ = said("explore", "neighbours", "--run", run, "--pose", pose, "--count", "3")
    assert code == 0
    nearest, distance = lines[0].split()
    own = space.latents.standardise(load_pose(pose).latents - space.pose("take2:3") + space.latents.center)
    assert float(distance) <= np.linalg.norm(own) + 1e-3, "nothing is nearer that it missed"
    assert space.moment(space.packed.locate(nearest)) == nearest
    assert float(distance) <= float(lines[2].split()[1])
    grid = tmp_path / "grid.png"
    assert (
        said("explore", "grid", "--run", run, "--corners", pose, "take1:2", "--size", "3", "--out", grid)[0]
        == 0
    )
    assert shape(grid)[1] == 3 * (64 + 2) + 2


def test_refining_draws_a_picture_that_the_decoder_can_draw_better_than_the_encoder_guesses(space):
    pose = space.pose("take2:3") + 0.3 * np.random.default_rng(0).standard_normal(128).astype("float32")
    frame = space.pictures(pose[None])[0]
    found = inversion.invert(space, frame, steps=60)
    assert found.loss[1] < found.loss[0]
    assert found.error_db[1] > found.error_db[0] + 1
    untouched = inversion.invert(space, frame, steps=0)
    np.testing.assert_array_equal(untouched.latents, untouched.encoded)
    assert space.vae.trainable, "the VAE is left as it was"


def test_images_of_any_shape_become_frames(space):
    wide, tall = np.full((50, 200, 3), 90, "uint8"), np.full((300, 60, 3), 90, "uint8")
    for picture in (wide, tall, np.full((96, 128, 3), 90, "uint8")):
        frame = as_frame(picture, space.packed)
        assert frame.shape == (48, 64, 1)
        assert (frame == 90).all(), "what is free has the colour of the picture's edge"


def test_a_path_is_a_video_and_a_file_through_its_waypoints(run, said, space, tmp_path):
    out = tmp_path / "way.mp4"
    code, lines, err = said(
        "explore", "path", "--run", run, "--through", "take1:2", "take3:5", "take2:1", "--seconds", "2",
        "--fps", "10", "--out", out,
    )  # fmt: skip
    assert code == 0, err
    assert lines == [str(out), str(out.with_suffix(".json"))]
    way = load_path(out.with_suffix(".json"), space.origin)
    assert (len(way.latents), way.fps, way.told["through"]) == (20, 10.0, ["take1:2", "take3:5", "take2:1"])
    np.testing.assert_allclose(way.latents[0], space.pose("take1:2"), atol=1e-3)
    np.testing.assert_allclose(way.latents[-1], space.pose("take2:1"), atol=1e-3)
    assert probe(out).duration_s == pytest.approx(2, abs=0.11)
    on = tmp_path / "on.mp4"
    code, _, err = said(
        "explore", "path", "--run", run, "--through", out.with_suffix(".json"), "take4:3", "--out", on
    )  # fmt: skip
    assert code == 0, err
    longer = load_path(on.with_suffix(".json"), space.origin).latents
    away = np.linalg.norm(longer[:, None] - way.latents[None], axis=-1).min(axis=0)
    assert away.max() < 1.0, "it goes along the path that it was given"


def test_a_named_direction_is_found_checked_and_applied(run, said, space, tmp_path):
    # the tiny VAE tells little of limbs, but what it tells most of it tells surely
    order = np.argsort(space.latents.mean @ principal(space.latents, 1)[0][0])
    low, high = ([space.moment(int(i)) for i in frames] for frames in (order[:300:15], order[-300::15]))
    code, lines, err = said(
        "explore", "directions", "--run", run, "--name", "tall", "--with", *high, "--without", *low
    )
    assert code == 0, err
    assert lines == [str(run / "directions" / f"tall{ending}") for ending in (".json", ".png")]
    assert re.search(r"tall: of frames held out, \d+% told rightly", err)
    found = load_direction(run / "directions" / "tall.json", space.origin)
    assert found.told["held_out"]["auc"] > 0.8
    assert found.told["frames"] == [20, 20]
    dances = []
    for amount in (None, 1.5):
        out = tmp_path / f"dance{amount}.mp4"
        applied = [] if amount is None else ["--apply", f"tall={amount}"]
        assert said("generate", "dance", "--run", run, "--out", out, "--seconds", "2", *applied)[0] == 0
        with np.load(out.with_suffix(".latents.npz")) as stored:
            dances.append(stored["latents"])
    np.testing.assert_allclose(
        dances[1] - dances[0], np.tile(1.5 * found.vector, (len(dances[0]), 1)), atol=1e-3
    )
    assert json.loads(out.with_suffix(".json").read_text())["dance"]["apply"] == ["tall=1.5"]


def test_principal_directions_are_saved_and_independent(run, said, space):
    code, lines, err = said("explore", "directions", "--run", run, "--count", "2")
    assert code == 0
    assert len(lines) == 4
    assert "of what poses differ by" in err
    assert "independence" in err
    assert load_direction(run / "directions" / "principal-1.json", space.origin).told["method"] == "principal"


def test_moves_tell_words_and_judge_dances(run, said, tmp_path):
    dance = tmp_path / "dance.mp4"
    assert said("generate", "dance", "--run", run, "--out", dance, "--seconds", "4")[0] == 0
    code, lines, err = said("explore", "moves", "--run", run, "--out", tmp_path / "moves", "--dance", dance)
    assert code == 0, err
    assert [line.split("/")[-1] for line in lines] == ["moves.html", "moves.png", "moves.json"]
    told = json.loads((tmp_path / "moves" / "moves.json").read_text())
    scores = told["normality"]["dance.mp4"]
    assert len(scores) >= 3
    assert all(0 <= score <= 1 for score in scores)
    assert sum(word["share"] for word in told["words"]) == pytest.approx(1)
    assert set(told["phrases"]) == {"take1", "take2", "take3", "take4"}
    page = (tmp_path / "moves" / "moves.html").read_text(encoding="utf-8")
    assert page.count("class='strip'") == len(told["words"])
    assert not re.search(r"(src|href)=['\"]?http", page), "nothing is fetched from anywhere"


def test_any_video_can_be_judged(run, space, said, tmp_path):
    film = space.packed.clips[0].source
    code, _, err = said("explore", "moves", "--run", run, "--out", tmp_path / "moves", "--dance", film)
    assert code == 0, err
    (scores,) = json.loads((tmp_path / "moves" / "moves.json").read_text())["normality"].values()
    assert np.mean(scores) > 0.3, "a take of the film itself is usual"


def test_the_map_has_every_pose(run, space, said, tmp_path):
    code, lines, err = said("explore", "map", "--run", run, "--out", tmp_path, "--plane", "pca")
    assert code == 0, err
    assert lines == [str(tmp_path / name) for name in ("map.html", "map.png", "projector")]
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r"const DATA = (\{.*\}), \$ = ", page)[1])
    assert len(data["planes"]["pca"]) == 2 * len(space.packed)
    assert data["clips"] == ["take1", "take2", "take3", "take4"]
    assert "{{" not in page
    assert not re.search(r"(src|href)=['\"]?http", page), "nothing is fetched from anywhere"
    rows = (tmp_path / "projector" / "metadata.tsv").read_text().splitlines()
    vectors = np.loadtxt(tmp_path / "projector" / "tensors.tsv", delimiter="\t")
    assert len(rows) == len(vectors) + 1 == len(space.packed) + 1
    assert space.packed.locate(rows[8].split("\t")[0]) == 7, "each row names its moment"
    np.testing.assert_allclose(vectors, space.latents.mean, atol=1e-3)
    config = (tmp_path / "projector" / "projector_config.pbtxt").read_text()
    wide, high = map(int, re.findall(r"single_image_dim: (\d+)", config))
    sprite = shape(tmp_path / "projector" / "sprite.png")
    assert (sprite[0] // high) * (sprite[1] // wide) >= len(space.packed)
    assert max(sprite) <= 8192


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["neighbours", "--pose", "nobody:1"], ["nobody", "take1"]),
        (["neighbours", "--pose", "take1:99"], ["take1:99", "a second from 0"]),
        (["neighbours", "--pose", "none.json"], ["none.json", "dancenet explore invert"]),
        (["neighbours", "--pose", "foreign.json"], ["another run", "/runs/other", "dancenet explore invert"]),
        (["grid", "--corners", "take1:1", "take1:2", "take1:3", "--out", "a.png"], ["two or four"]),
        (["grid", "--corners", "take1:1", "foreign.json", "--out", "a.png"], ["another run"]),
        (["grid", "--corners", "take1:1", "take1:2", "--out", "a.gif"], ["--out a.gif", ".png"]),
        (["path", "--through", "take1:1", "--out", "a.mp4"], ["--through", "two or more"]),
        (["path", "--through", "take1:1", "take9:1", "--out", "a.mp4"], ["take9"]),
        (["path", "--through", "take1:1", "take1:2", "--out", "a.gif"], ["--out a.gif"]),
        (["path", "--through", "take1:1", "take1:2", "--seconds", "-1", "--out", "a.mp4"], ["--seconds -1"]),
        (["invert", "--out", "a.json"], ["--image", "--at"]),
        (["invert", "--at", "take1:1", "--image", "x.png", "--out", "a.json"], ["one of the two"]),
        (["invert", "--image", "none.png", "--out", "a.json"], ["none.png"]),
        (["invert", "--image", "torn.png", "--out", "a.json"], ["torn.png", "damaged or no image"]),
        (["invert", "--at", "take1:1", "--out", "a.txt"], ["--out a.txt", ".json"]),
        (["traverse", "--count", "0"], ["--count 0", "1 to 128"]),
        (["traverse", "--pose", "nobody:1"], ["nobody"]),
        (["directions", "--name", "up"], ["--with", "--without"]),
        (["directions", "--name", "../up", *_ONE], ["../up", "letters"]),
        (["directions", "--with", "take1:1"], ["--name"]),
        (["directions", "--name", "up", *_ONE], ["1 frame", "2 or more"]),
        (["directions", "--name", "up", "--with", "take1:5-2", *_ONE[2:]], ["take1:5-2", "ends"]),
        (["moves", "--dance", "none.mp4"], ["none.mp4"]),
        (["moves", "--dance", "torn.npz"], ["torn.npz", "damaged"]),
        (["map", "--seed", "-1"], ["--seed -1"]),
    ],
)  # fmt: skip
def test_mistakes_are_refused_and_change_nothing(run, said, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torn.png").write_bytes(b"\x89PNG nothing")
    (tmp_path / "torn.npz").write_bytes(b"PK nothing")
    numbers = ", ".join(["0.5"] * 128)
    (tmp_path / "foreign.json").write_text(
        '{"kind": "pose", "format": 1, "belongs_to": {"run": "/runs/other", "frames": "f", "vae": "v"},'
        f'"latents": [[{numbers}]]}}'
    )
    before, mine = prints(run), prints(tmp_path)
    code, _, err = said("explore", *arguments, "--run", run)
    errors = [line for line in err.splitlines() if line.startswith("dancenet: error:")]
    assert code == 2, err
    assert len(errors) == 1
    assert "Traceback" not in err
    for word in words:
        assert word in errors[0]
    assert (prints(run), prints(tmp_path)) == (before, mine)


def test_a_direction_of_another_run_or_name_is_refused(run, said, tmp_path):
    path = run / "directions" / "principal-1.json"
    content = json.loads(path.read_text())
    content["belongs_to"] |= {"run": "/runs/other", "vae": "v"}
    (tmp_path / "foreign.json").write_text(json.dumps(content))
    out = tmp_path / "a.mp4"
    for applied, words in (
        (tmp_path / "foreign.json", "another run"), ("nothing", "no direction is named 'nothing'"),
    ):  # fmt: skip
        code, _, err = said(
            "generate", "dance", "--run", run, "--out", out, "--seconds", "2", "--apply", f"{applied}=1"
        )
        assert code == 2
        assert words in err
        assert not out.exists()


def test_stages_that_are_missing_are_named(learned, said, tmp_path):
    bare = copy_of(learned, tmp_path / "bare", "vae", "latents", "choreographer", "joint", "sharpen")
    code, _, err = said("explore", "traverse", "--run", bare)
    assert code == 2
    assert "dancenet train vae" in err
    half = copy_of(learned, tmp_path / "half", "latents", "choreographer", "joint", "sharpen")
    code, _, err = said("explore", "traverse", "--run", half)
    assert code == 2
    assert "dancenet train latents" in err


def test_a_choreographer_is_not_needed(learned, said, tmp_path):
    half = copy_of(learned, tmp_path / "half", "choreographer", "joint", "sharpen")
    assert said("explore", "traverse", "--run", half, "--count", "1")[0] == 0
