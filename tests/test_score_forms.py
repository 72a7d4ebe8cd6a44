"""Saved paths as phrases; a score written as video, moving image, numbered pictures, contact sheet."""

import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from conftest import outcome
from learned import here, trained_run
from PIL import Image, ImageSequence

from dancenet.current import joint_is_current
from dancenet.directing.path import Path
from dancenet.exploring.poses import Origin, PosePath, save_path
from dancenet.frames import load_frames
from dancenet.latents import Latents
from dancenet.runs import Run
from dancenet.video import probe

SCORE = """\
dancer = "{run}"
fps = 30
{more}
[[section]]
verb = "vary"
phrases = ["{phrase}"]
amount = {amount}
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def walk(learned):
    """(61, D): two seconds of the film at 30 poses a second, as the studio would keep them."""
    run = Run(learned)
    place = run / "joint" if joint_is_current(run) else run.path
    latents = Latents.load(place / "latents.npz").mean[60:91]
    return Path(latents, np.arange(31) / 15).at(np.arange(61) / 30)


@pytest.fixture
def folder(learned, walk, tmp_path):
    """A folder with walk.json, and a score of it."""
    origin = Origin.of(Run(learned), load_frames(Run(learned)))
    save_path(tmp_path / "walk.json", PosePath(walk, 30.0, origin))
    write(tmp_path, learned, "walk.json")
    return tmp_path


def write(folder, run, phrase, amount=0, more=""):
    text = SCORE.format(run=run, phrase=phrase, amount=amount, more=more)
    (folder / "piece.toml").write_text(text)


def latents_of(path):
    with np.load(path.with_name(f"{path.stem}.latents.npz")) as stored:
        return stored["latents"]


def test_a_kept_phrase_is_shown_exactly_as_it_is(folder, learned, walk):
    assert here("generate", "score", folder / "piece.toml") == 0
    kept = np.array(json.loads((folder / "walk.json").read_text())["latents"], "float32")
    np.testing.assert_array_equal(latents_of(folder / "piece.mp4"), kept[:60])
    write(folder, learned, "walk.json:0.5-1.5")
    assert here("generate", "score", folder / "piece.toml") == 0
    np.testing.assert_array_equal(latents_of(folder / "piece.mp4"), kept[15:45])


def test_verbs_take_a_kept_phrase(folder, learned, walk):
    def do(verb, *arguments):
        out = folder / f"{verb}.mp4"
        assert here("generate", verb, "--run", learned, "--out", out, "--fps", 30, *arguments) == 0
        return latents_of(out)

    path = folder / "walk.json"
    varied = do("vary", "--phrase", path, "--amount", 0.2)
    steps = np.linalg.norm(np.diff(walk, axis=0), axis=1).sum()
    away = np.linalg.norm(varied[:58] - walk[:58], axis=1).mean()
    assert 0 < away < np.linalg.norm(varied[:58] - walk[57::-1], axis=1).mean()
    assert np.linalg.norm(np.diff(varied, axis=0), axis=1).sum() < 3 * steps, "as fast as it was"
    on = do("continue", "--after", f"{path}:1", "--lead", 0.5, "--seconds", 1)
    np.testing.assert_allclose(on[1:15:2], walk[16:30:2], atol=1e-4, err_msg="poses of the film")
    np.testing.assert_allclose(on[:15], walk[15:30], atol=0.05 * np.abs(walk).max())
    into = do("blend", "--phrases", "take3:5-6", path, "--over", 1)
    np.testing.assert_allclose(into[-30:], walk[30:60], atol=1e-4)


def test_a_part_that_is_not_there_is_refused(folder, learned, capsys):
    write(folder, learned, "walk.json:1-9")
    code, _, said = outcome(("generate", "score", folder / "piece.toml"), capsys)
    assert code == 2
    assert "piece.toml, line 6: 'walk.json:1-9' names no phrase" in said
    assert "from 0 to 2.0 s" in said


def test_a_phrase_of_another_run_is_refused(folder, learned, walk, capsys):
    save_path(folder / "walk.json", PosePath(walk, 30.0, Origin("elsewhere", "f", "v")))
    code, _, said = outcome(("generate", "score", folder / "piece.toml"), capsys)
    assert code == 2
    assert "line 6" in said
    assert "is a path of another run" in said


@pytest.mark.parametrize("verb", ["score", "vary"])
def test_what_is_read_is_not_replaced(folder, learned, verb, capsys):
    before, path = (folder / "walk.json").read_bytes(), folder / "walk.json"
    arguments = {"score": (folder / "piece.toml",), "vary": ("--run", learned, "--phrase", path)}[verb]
    code, _, said = outcome(("generate", verb, *arguments, "--out", folder / "walk.mp4"), capsys)
    assert code == 2
    assert "would replace another file" in said
    assert path.read_bytes() == before


def test_every_form_shows_the_same_piece(folder, learned):
    made = {}
    for kind in ("mp4", "gif", "webp", "zip", "png", "jpg"):
        out = folder / f"a.{kind}"
        shelf = ("--sections", folder / "kept")
        assert here("generate", "score", folder / "piece.toml", "--out", out, *shelf) == 0
        made[kind] = latents_of(out)
        assert json.loads(out.with_suffix(".json").read_text())["sections"][0]["made"] == (kind == "mp4")
        np.testing.assert_array_equal(made[kind], made["mp4"])
    assert not list(folder.glob("*.sections"))
    info = probe(folder / "a.mp4")
    assert (info.width, info.height) == (64, 48)
    for kind in ("gif", "webp"):
        with Image.open(folder / f"a.{kind}") as image:
            lasts_ms = [frame.info["duration"] for frame in ImageSequence.Iterator(image) if frame.load()]
            assert image.size == (64, 48)
        assert len(lasts_ms) > 40, "frames that are alike are one"
        assert sum(lasts_ms) == pytest.approx(2000, abs=10)
    with zipfile.ZipFile(folder / "a.zip") as archive:
        names = archive.namelist()
        assert names == [f"{number:04}.png" for number in range(1, 61)]
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    assert {picture.shape for picture in pictures} == {(48, 64)}
    assert any((pictures[0] != picture).any() for picture in pictures[1:])
    sheet = cv2.imread(str(folder / "a.png"))
    assert sheet.shape == (5 * (48 + 14 + 2) + 2, 8 * (64 + 2) + 2, 3)
    np.testing.assert_array_equal(sheet[2:50, 2:66, 0], pictures[0])
    assert cv2.imread(str(folder / "a.jpg")).shape == sheet.shape


def test_forms_that_cannot_be_are_refused_before_anything_is_danced(folder, learned, capsys):
    code, _, said = outcome(("generate", "score", folder / "piece.toml", "--out", folder / "a.txt"), capsys)
    assert code == 2
    assert [kind for kind in (".gif", ".zip", ".png") if kind not in said] == []
    more = ("--fps", 60, "--out", folder / "a.gif")
    code, _, said = outcome(("generate", "score", folder / "piece.toml", *more), capsys)
    assert code == 2
    assert "--fps 60 for a .gif" in said
    assert not list(folder.glob("*.sections"))


def test_programs_are_told_the_progress(folder, monkeypatch, capsys):
    monkeypatch.setenv("DANCENET_PROGRESS", "json")
    code, out, said = outcome(("generate", "score", folder / "piece.toml"), capsys)
    assert code == 0
    assert out.strip() == str(folder / "piece.mp4")
    told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert told[-1] == {"what": "writing piece.mp4", "done": 60, "total": 60}
    assert {"what", "done", "total"} == set(told[0])
