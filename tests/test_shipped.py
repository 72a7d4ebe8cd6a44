"""The model that comes with dancenet: packed from a run, it dances as that run does."""

import json

import numpy as np
import pytest
from learned import copy_of, here, shell, trained_run

from dancenet.dancing import shipped
from dancenet.errors import DancenetError
from dancenet.generation import Dancer, load
from dancenet.runs import Run, write_json
from dancenet.trained import load_trained
from dancenet.video import probe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


def test_a_packed_run_dances_as_the_run_does(learned, tmp_path):
    size = shipped.pack(Run(learned), tmp_path / "model.npz")
    assert size == (tmp_path / "model.npz").stat().st_size
    mine = Dancer(shipped.unpack(tmp_path / "model.npz")).dance(2, seed=3, start="take2:1")
    theirs = load(learned).dance(2, seed=3, start="take2:1")
    np.testing.assert_allclose(mine.latents, theirs.latents, atol=0.1)
    for one, two in zip(mine, theirs, strict=True):
        assert np.abs(one.astype(float) - two).mean() < 2, "half precision is hardly seen"
    with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
        kinds = {name: stored[name].dtype for name in stored.files}
    assert set(map(str, kinds.values())) == {"uint8", "float16"}


def test_what_was_measured_is_packed_and_unpacked(learned, tmp_path):
    run = Run(copy_of(learned, tmp_path / "run"))
    measured = {"homing": 0.003, "balance": 0.013, "restlessness": 0.01, "farthest": 21.5, "pace": 1.2}
    for name in ("choreographer", "joint", "sharpen"):
        content = run.read(name)
        (run / f"{name}.json").unlink()
        write_json(run / f"{name}.json", content | measured)
    shipped.pack(run, tmp_path / "model.npz")
    unpacked, loaded = shipped.unpack(tmp_path / "model.npz"), load_trained(run)
    found = unpacked.measures
    assert found == loaded.measures
    assert unpacked.repertoire == loaded.repertoire
    assert loaded.repertoire is not None
    assert {name: found[name] for name in measured} == measured
    later = ("balance", "restlessness", "farthest", "repertoire")  # than some runs were trained
    for name in ("choreographer", "joint", "sharpen"):
        content = {key: value for key, value in run.read(name).items() if key not in later}
        (run / f"{name}.json").unlink()
        write_json(run / f"{name}.json", content)
    assert load_trained(run).repertoire is None
    old = load_trained(run).measures
    assert old["balance"] == old["restlessness"] == old["farthest"] == 0


def test_the_model_names_no_place_on_the_machine_that_made_it(learned, tmp_path):
    shipped.pack(Run(learned), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as stored:
        about = stored["about"].tobytes().decode()
    assert json.loads(about)["format"] == shipped.FORMAT
    assert str(learned.parent) not in about


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_damaged_model_says_what_helps(tmp_path, content):
    path = tmp_path / "model.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DancenetError, match="install dancenet again"):
        shipped.unpack(path)


def test_it_comes_with_dancenet_and_dances_without_a_run(tmp_path):
    assert shipped.MODEL.stat().st_size < 20e6
    shell("generate", "dance", "--out", tmp_path / "dance.mp4", "--seconds", 2)
    info = probe(tmp_path / "dance.mp4")
    assert info.duration_s == pytest.approx(2, abs=0.05)
    said = json.loads((tmp_path / "dance.json").read_text())
    assert said["run"] == "built-in dancer"
    wrong = ("--seconds", 1, "--start", "nowhere:3")
    assert here("generate", "dance", "--out", tmp_path / "from.mp4", *wrong) == 2
