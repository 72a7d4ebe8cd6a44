"""Mistakes beyond stage 1 (those are in test_frames and test_video): one line, exit code 2, run as it was."""

import errno
import json
import shutil

import numpy as np
import pytest
from films import walker, write
from learned import EPOCHS, budget, copy_of, here, prints, trained_run
from test_latents import Bomb

# one epoch more than the VAE of the run has had
MORE = ("train", "vae", "--preset", "tiny", "--epochs", EPOCHS["vae"] + 1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture
def run(learned, tmp_path):
    return copy_of(learned, tmp_path / "run")


@pytest.fixture
def refused(run, capfd):
    """Check that a command is refused with one line that holds all `words`, and changes nothing in `run`."""

    def check(*arguments, words, folder=run):
        before = prints(folder)
        capfd.readouterr()
        code = here(*arguments)
        said = capfd.readouterr()
        errors = [line for line in said.err.splitlines() if line.startswith("dancenet: error:")]
        assert code == 2, said.err
        assert len(errors) == 1
        assert said.err.splitlines()[-1] == errors[0], "nothing follows it"
        assert "Traceback" not in said.out + said.err
        for word in words:
            assert word in errors[0]
        assert prints(folder) == before
        return errors[0]

    return check


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "vae", "--preset", "huge"], ["preset", "huge", "tiny, small, base, classic"]),
        (["explore", "neighbours", "--pose", "a:1", "--dancer", "b"], ["--dancer without --out", "near.png"]),
        (["train", "vae", "--minutes", "-3"], ["--minutes -3", "above 0"]),
        (["train", "vae", "--epochs", "0"], ["--epochs 0", "above 0"]),
        (["train", "vae", "--minutes", "1", "--epochs", "1"], ["--minutes and --epochs", "one of the two"]),
        (["train", "choreographer", "--seed", "-1"], ["--seed -1"]),
        (["train", "vae", "--learning-rate", "0"], ["--learning-rate 0", "above 0"]),
        (["generate", "dance", "--out", "a.mp4", "--seconds", "-2"], ["--seconds -2", "above 0"]),
        (["generate", "dance", "--out", "a.mp4", "--seconds", "nan"], ["--seconds nan"]),
        (["generate", "dance", "--out", "a.mp4", "--temperature", "-1"], ["--temperature -1", "0 to 5"]),
        (["generate", "dance", "--out", "a.mp4", "--takes", "0"], ["--takes 0", "1 or more"]),
        (["generate", "dance", "--out", "a.mp4", "--continuations", "0"], ["--continuations 0", "1 to 64"]),
        (["generate", "dance", "--out", "a.gif"], ["--out a.gif", ".mp4"]),
        (["generate", "dance", "--out", "a.mp4", "--start", "nobody:1"], ["nobody", "take1"]),
        (["generate", "dance", "--out", "a.mp4", "--start", "take1:900"], ["take1:900", "a second from 0"]),
        (["generate", "interpolate", "--out", "a.mp4", "--stops", "1:0"], ["--stops", "two or more"]),
        (["generate", "reconstruct", "--out", "a.mp4", "--video", "none.mp4"], ["none.mp4"]),
    ],
)  # fmt: skip
def test_values_out_of_range(refused, run, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    refused(*arguments, "--run", run, words=words)
    assert not list(tmp_path.glob("a.*")), "and no half-made video is left"


@pytest.mark.parametrize(
    ("arguments", "gone", "words"),
    [
        (["train", "vae"], ["frames"], ["frames", "dancenet frames"]),
        (["train", "all"], ["frames"], ["frames", "dancenet frames"]),
        (["train", "latents"], ["vae"], ["'vae'", "dancenet train vae"]),
        (["train", "choreographer"], ["latents"], ["'latents'", "dancenet train latents"]),
        (["train", "joint"], ["choreographer", "joint"], ["'choreographer'", "dancenet train choreographer"]),
        (["train", "joint"], ["vae", "joint"], ["'vae'", "dancenet train vae"]),
        (["generate", "reconstruct", "--video", "v.mp4", "--out", "o.mp4"], ["vae"], ["dancenet train vae"]),
        (["generate", "interpolate", "--out", "o.mp4"], ["latents"], ["dancenet train latents"]),
        (["generate", "dance", "--out", "o.mp4"], ["choreographer"], ["dancenet train choreographer"]),
    ],
)  # fmt: skip
def test_a_stage_before_its_predecessor(refused, learned, run, tmp_path, monkeypatch, arguments, gone, words):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "v.mp4", walker(20))
    shutil.rmtree(run)
    copy_of(learned, run, *gone)
    refused(*arguments, "--run", run, words=words)
    assert not (tmp_path / "o.mp4").exists()


def test_no_run_at_all(refused, tmp_path):
    refused("train", "vae", "--run", tmp_path / "nowhere", words=["nowhere", "dancenet frames"])
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("stage", ["frames", "vae", "latents", "choreographer", "joint", "sharpen"])
def test_run_of_a_newer_version(refused, run, tmp_path, stage):
    content = json.loads((run / f"{stage}.json").read_text())
    (run / f"{stage}.json").write_text(json.dumps({**content, "format": 99}))
    refused("generate", "dance", "--run", run, "--out", tmp_path / "o.mp4", words=["newer", "99", "upgrade"])
    stage = "vae" if stage == "frames" else stage
    refused("train", stage, "--run", run, *budget(stage), words=["newer", "99", "upgrade"])


@pytest.mark.parametrize("text", ["{", "[1]", "{}", ""])
def test_damaged_stage_file(refused, run, text):
    (run / "latents.json").write_text(text)
    refused("train", "choreographer", "--run", run, words=["latents.json", "--fresh"])


def test_other_settings_ask_for_fresh(refused, run):
    again = ("train", "vae", "--run", run, "--epochs", EPOCHS["vae"] + 8, "--preset")
    refused(*again, "small", words=["preset tiny", "preset small", "--fresh"])
    refused(*again, "tiny", "--seed", 1, words=["seed 0", "seed 1", "--fresh"])


def other_size(run, tmp_path):
    """Frames of another size in the run, its models staying as they are."""
    film = write(tmp_path / "film.mp4", walker(60))
    assert here("frames", film, "--run", run, "--fresh", "--width", 32, "--height", 48) == 0


def test_weights_of_another_frame_size(refused, run, tmp_path):
    other_size(run, tmp_path)
    film, out = tmp_path / "film.mp4", tmp_path / "o.mp4"
    words = ["64 x 48 grey", "32 x 48 colour", "train vae --fresh"]
    refused("generate", "reconstruct", "--run", run, "--video", film, "--out", out, words=words)
    refused("train", "latents", "--run", run, words=words)
    refused("train", "vae", "--run", run, "--preset", "tiny", "--epochs", EPOCHS["vae"], words=["--fresh"])
    refused("generate", "dance", "--run", run, "--out", out, words=["dancenet train"])


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def nonsense(path):
    path.write_text("no weights at all")


def bomb(path, crater):
    arrays = dict.fromkeys(np.load(path).files, np.array([Bomb(crater)], object))
    np.savez(path.with_name("bomb.npz"), **arrays)
    path.with_name("bomb.npz").replace(path)


@pytest.mark.parametrize("damage", [truncate, nonsense, lambda path: path.unlink()])
def test_damaged_weights(refused, run, tmp_path, damage):
    film, out = write(tmp_path / "film.mp4", walker(20)), tmp_path / "o.mp4"
    damage(run / "choreographer" / "best.weights.h5")
    words = ["choreographer", "best.weights.h5", "--fresh"]
    refused("generate", "dance", "--run", run, "--out", out, words=words)
    damage(run / "vae" / "best.weights.h5")
    words = ["vae", "best.weights.h5", "--fresh"]
    refused("train", "latents", "--run", run, words=words)
    refused("generate", "reconstruct", "--run", run, "--video", film, "--out", out, words=words)
    there = (run / "vae" / "best.weights.h5").exists()
    words = ["latents", "stale", "dancenet train latents"] if there else words
    refused("generate", "dance", "--run", run, "--out", out, words=words)


@pytest.mark.parametrize("damage", [truncate, nonsense])
def test_damaged_arrays(refused, run, tmp_path, damage):
    damage(run / "latents.npz")
    damage(run / "vae" / "last.npz")
    refused("generate", "dance", "--run", run, "--out", tmp_path / "o.mp4", words=["latents.npz"])
    refused(*MORE, "--run", run, words=["last.npz", "--fresh"])


def test_nothing_is_executed_from_files(refused, run, tmp_path):
    crater = tmp_path / "crater"
    bomb(run / "latents.npz", crater)
    bomb(run / "vae" / "last.npz", crater)
    refused("generate", "dance", "--run", run, "--out", tmp_path / "o.mp4", words=["latents.npz"])
    refused(*MORE, "--run", run, words=["last.npz"])
    assert not crater.exists()


def test_out_where_no_folder_can_be(refused, run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused("generate", "dance", "--run", run, "--out", tmp_path / "file" / "o.mp4", words=["file", "folder"])
    refused("generate", "interpolate", "--run", run, "--out", tmp_path / "file" / "o.mp4", words=["folder"])
    refused("generate", "dance", "--run", run, "--out", tmp_path, words=[".mp4"])
    assert (tmp_path / "file").read_text() == "in the way"


def test_loss_that_becomes_nan(run, capfd, monkeypatch, tmp_path):
    """Training goes on from where it was, breaks after five steps, and keeps what was."""
    from dancenet.vae import VAE

    before, real = prints(run), VAE.train_on_batch
    steps = json.loads((run / "vae.json").read_text())["steps"]

    def broken(model, *arguments, **options):
        made = real(model, *arguments, **options)
        return {**made, "loss": float("nan")} if int(model.optimizer.iterations) > steps + 5 else made

    monkeypatch.setattr(VAE, "train_on_batch", broken)
    assert here(*MORE, "--run", run) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("dancenet: error:")
    for word in ("nan", "last good state is kept", "--learning-rate"):
        assert word in last
    assert prints(run) == before
    monkeypatch.undo()
    assert here("generate", "dance", "--run", run, "--out", tmp_path / "dance.mp4", "--seconds", 1) == 0
    assert here(*MORE, "--run", run, "--learning-rate", "1e-4") == 0


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EROFS, "no permission")],
)
def test_disk_that_takes_no_checkpoint(refused, run, monkeypatch, number, word):
    def full(*_, **__):
        raise OSError(number, "no")

    monkeypatch.setattr("dancenet.fitting.checkpoints.np.savez", full)
    arguments = ("train", "latents", "--fresh", "--run", run)
    refused(*arguments, words=[word, "latents.npz"])
    (run / "vae" / "log.jsonl").unlink()  # it may be written to

    def lasting():
        passing = ("vae/log.jsonl", "vae/best_so_far.weights.h5")  # a better one may have been kept before
        return {name: content for name, content in prints(run).items() if name not in passing}

    kept = lasting()
    assert here(*MORE, "--run", run) == 2
    assert lasting() == kept


def test_film_of_a_few_frames_only(refused, tmp_path):
    film, short = write(tmp_path / "film.mp4", walker(5)), tmp_path / "short"
    assert here("frames", film, "--run", short, "--width", 32, "--height", 32) == 0
    for stage in ("vae", "latents"):
        options = ["--preset", "tiny", "--epochs", 1] if stage == "vae" else []
        assert here("train", stage, "--run", short, *options) == 0
    words = ["the longest training take has 3 frames", "one of 4 or more", "film longer"]
    refused("train", "choreographer", "--run", short, words=words, folder=short)
