"""From the built-in dancer's films to a dance, through the real command line, with `tiny`."""

import json

import numpy as np
import pytest
from films import walker, write
from learned import EPOCHS, SECONDS, TAKES, budget, copy_of, films, here, prints, shell, trained_run

import dancenet
from dancenet import training
from dancenet.errors import DancenetError
from dancenet.frames import load_frames
from dancenet.generation import resample
from dancenet.runs import STAGES, Run
from dancenet.sequences import frame_indices, split_takes
from dancenet.stages.joint import WINDOW, is_worth_it
from dancenet.trained import decode_batch, encoded, load_trained, load_vae, whole
from dancenet.video import probe, read_frames

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def dancer(learned):
    return dancenet.load(learned)


def test_a_loaded_dancer_reads_its_encoder_when_it_is_asked_for(learned):
    loaded, entire = dancenet.load(learned).trained, load_trained(Run(learned))
    assert loaded.vae.encoder is None
    assert whole(entire.vae) is entire.vae
    latents, frames = loaded.latents.mean[:5], loaded.packed.pixels[:5]
    np.testing.assert_array_equal(decode_batch(loaded.vae, latents), decode_batch(entire.vae, latents))
    np.testing.assert_array_equal(encoded(loaded.vae, frames), encoded(entire.vae, frames))
    assert loaded.vae.encoder is None, "what a dance is made with stays as it was"
    assert whole(loaded.vae) is whole(loaded.vae), "it is read once"


def test_an_encoder_of_other_weights_than_dances_are_drawn_with_is_refused(learned, tmp_path):
    run = copy_of(learned, tmp_path / "run")
    loaded = dancenet.load(run).trained
    drawn_by = run / ("sharpen" if loaded.sharp else "joint" if loaded.joint else "vae")
    [weights] = [*drawn_by.glob("vae.weights.h5"), *drawn_by.glob("best.weights.h5")]
    with open(weights, "ab") as file:
        file.write(b"more")
    with pytest.raises(DancenetError, match="trained further"):
        encoded(loaded.vae, loaded.packed.pixels[:1])


def test_the_built_in_dancer_has_no_encoder():
    loaded = dancenet.load().trained
    with pytest.raises(DancenetError, match="cannot read pictures"):
        encoded(loaded.vae, loaded.packed.pixels[:1])


def frames_of(path, **options):
    return np.stack([frame for _, frame in read_frames(path, **options)])


def median_frame_psnr(run):
    """What each unseen clip's own median frame reaches, computed from the definition."""
    packed = load_frames(Run(run))
    unseen = frame_indices(split_takes(packed)[1])
    squared = []
    for clip in packed.clips:
        if clip.start in unseen:
            real = packed.pixels[clip.start : clip.stop] / 255.0
            still = np.median(packed.pixels[clip.start : clip.stop], axis=0) / 255.0
            moved = (np.abs(real - still) > 0.06).any(axis=-1)
            squared.append(((real - still) ** 2)[moved].ravel())
    return -10 * np.log10(np.concatenate(squared).mean())


def test_every_stage_leaves_its_files_and_says_how_it_was_made(learned):
    for stage in STAGES:
        content = json.loads((learned / f"{stage}.json").read_text())
        assert content["stage"] == stage
        assert content["provenance"]["versions"]["dancenet"] == dancenet.__version__
        assert "--run" in content["provenance"]["command"]
    for stage in ("vae", "choreographer", "joint", "sharpen"):
        content = json.loads((learned / f"{stage}.json").read_text())
        assert content["options"]["preset"] == "tiny"
        assert content["budget"] == {"minutes": None, "epochs": budget(stage)[-1], "least_steps": 0}
        there = {path.name for path in (learned / stage).iterdir()}
        assert {"last.npz", "best_so_far.weights.h5", "log.jsonl"} <= there
        assert ("best.weights.h5" in there) == (stage in ("vae", "choreographer"))
    packed = load_frames(Run(learned))
    assert len(packed) == TAKES * SECONDS * 15
    assert [clip.name for clip in packed.clips] == ["take1", "take2", "take3", "take4"]
    assert packed.pixels.shape[1:] == (48, 64, 1)
    assert not [name for name in prints(learned) if ".part" in name]


def test_the_vae_learns_the_dancer(learned):
    content = json.loads((learned / "vae.json").read_text())
    figures, still = content["figures"], median_frame_psnr(learned)
    assert figures["foreground_psnr_db"] > still + 3
    assert figures["active_units"] > 8, "the posterior has not collapsed"
    log = [json.loads(line) for line in (learned / "vae" / "log.jsonl").read_text().splitlines()]
    scores = [row["validation"]["score"] for row in log]
    assert min(scores) < scores[0] - 3
    assert figures["score"] == pytest.approx(min(scores), abs=0.3), (
        "its best checkpoint is the one that is kept"
    )


def test_the_choreographer_learns_to_dance_and_beats_both_baselines(learned):
    figures = json.loads((learned / "choreographer.json").read_text())["figures"]
    assert figures["nll"] < figures["copy_last_nll"]
    assert figures["nll"] < figures["linear_nll"]


def test_joint_fine_tuning_is_kept_only_where_both_figures_hold(learned):
    content = json.loads((learned / "joint.json").read_text())
    before, after = content["figures"]["before"], content["figures"]["after"]
    better = is_worth_it(before["rate_nats"], after["rate_nats"])
    holds = after["foreground_psnr_db"] >= before["foreground_psnr_db"] - 0.05
    assert content["kept"] == (better and holds)
    kept = {"vae.weights.h5", "choreographer.weights.h5", "latents.npz"}
    assert (kept <= {path.name for path in (learned / "joint").iterdir()}) == content["kept"]


def test_joint_fine_tuning_for_less_than_a_fiftieth_is_not_worth_another_dance():
    assert is_worth_it(200.0, 196.0)
    assert not is_worth_it(200.0, 196.1)
    assert not is_worth_it(200.0, 201.0)
    assert is_worth_it(-10.0, -10.3), "a rate may be negative: less is less"


@pytest.mark.usefixtures("fewer_dances")
def test_joint_fine_tuning_is_left_out_where_takes_are_too_short(tmp_path, capfd):
    takes = [write(tmp_path / f"take{i}.mp4", walker(14, seed=i)) for i in range(3)]
    run = tmp_path / "short"
    assert here("frames", *takes, "--run", run, "--width", 32, "--height", 32) == 0
    assert here("train", "all", "--run", run, "--preset", "tiny", "--epochs", 1) == 0
    said = " ".join(capfd.readouterr().err.split())
    assert f"joint fine-tuning is left out: the longest take has 14 frames, it needs {WINDOW}" in said
    figures = json.loads((run / "choreographer.json").read_text())["figures"]
    assert figures["nll"] > min(figures["copy_last_nll"], figures["linear_nll"]), (
        "nobody learns from so little"
    )
    assert "no better than" in said
    assert "it has hardly learned" in said
    assert not (run / "joint.json").exists()
    assert here("generate", "dance", "--run", run, "--out", tmp_path / "dance.mp4", "--seconds", 1) == 0


def test_a_vae_begun_before_there_were_windows_goes_on_without_one(tmp_path, monkeypatch):
    takes = [write(tmp_path / f"take{i}.mp4", walker(14, seed=i)) for i in range(3)]
    run, train = tmp_path / "old", ("train", "vae", "--preset", "tiny")
    assert here("frames", *takes, "--run", run, "--width", 64, "--height", 32) == 0
    with monkeypatch.context() as earlier:
        earlier.setattr(training, "window_for", lambda *_: None)
        assert here(*train, "--run", run, "--epochs", 1) == 0
    settings = json.loads((run / "vae" / "settings.json").read_text())
    assert settings.pop("centred")
    (run / "vae" / "settings.json").write_text(json.dumps(settings))
    assert here(*train, "--run", run, "--epochs", 2) == 0
    content = json.loads((run / "vae.json").read_text())
    assert (content["window"], content["epochs"]) == (None, 2)
    assert here(*train, "--run", run, "--epochs", 1, "--fresh") == 0
    assert json.loads((run / "vae.json").read_text())["window"], "begun anew it has one"


def test_before_a_floor_the_window_is_as_high_as_the_picture(tmp_path):
    room = np.full((64, 96, 3), 220, "uint8")
    room[54:] = 150
    takes = [write(tmp_path / f"take{i}.mp4", walker(40, seed=i, wall=room)) for i in range(3)]
    run = tmp_path / "run"
    assert here("frames", *takes, "--run", run, "--width", 96, "--height", 64) == 0
    assert here("train", "vae", "--run", run, "--preset", "tiny", "--epochs", 1) == 0
    content = json.loads((run / "vae.json").read_text())
    assert content["across_only"]
    assert content["window"][0] == 64
    assert content["window"][1] < 96
    assert not content["augmentation"]["shift"]
    vae = load_vae(Run(run), load_frames(Run(run)))
    assert (vae.window, vae.across_only) == (tuple(content["window"]), True)
    settings = json.loads((run / "vae" / "settings.json").read_text())
    (run / "vae" / "settings.json").write_text(json.dumps(settings | {"centred": True}))
    (run / "vae" / "last.npz").unlink()
    assert here("train", "vae", "--run", run, "--preset", "tiny", "--epochs", 2) == 0
    assert not json.loads((run / "vae.json").read_text())["across_only"], "begun so, it goes on so"


def test_dance_through_the_command_line(learned, tmp_path):
    out = tmp_path / "dance.mp4"
    options = ("--seconds", 3, "--fps", 24, "--seed", 5)
    done = shell("generate", "dance", "--run", learned, "--out", out, *options)
    assert done.stdout.strip() == str(out)
    assert "Traceback" not in done.stderr
    info = probe(out)
    assert (info.width, info.height, info.fps) == (64, 48, 24)
    assert info.duration_s == pytest.approx(3, abs=0.05)
    made = frames_of(out)
    assert made.shape == (72, 48, 64, 3)
    assert np.abs(np.diff(made.astype(float), axis=0)).mean() > 0.05, "it moves"
    content = json.loads(out.with_suffix(".json").read_text())
    assert content["dance"]["seed"] == 5
    assert content["dance"]["seconds"] == 3
    with np.load(tmp_path / "dance.latents.npz", allow_pickle=False) as stored:
        assert stored["latents"].shape[1] == 128
        pace = json.loads((learned / "sharpen.json").read_text())["pace"]
        assert float(stored["fps"]) == pytest.approx(15 * pace)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dance.json", "dance.latents.npz", "dance.mp4",
    ]  # fmt: skip


def test_takes_are_numbered_and_count_the_seed_up(learned, tmp_path):
    out = tmp_path / "dance.mov"
    options = ("--seconds", 1, "--scale", 2, "--fps", 15, "--takes", 2, "--seed", 3)
    assert here("generate", "dance", "--run", learned, "--out", out, *options) == 0
    seeds = [json.loads((tmp_path / f"dance-{i}.json").read_text())["dance"]["seed"] for i in (1, 2)]
    assert seeds == [3, 4]
    first, second = (frames_of(tmp_path / f"dance-{i}.mov") for i in (1, 2))
    assert first.shape == second.shape == (15, 96, 128, 3)
    assert (first != second).any()


def test_reconstruct_shows_real_and_decoded_side_by_side(learned, tmp_path, capfd):
    video, out = films(learned.parent) / "take2.mp4", tmp_path / "both.mp4"
    assert here("generate", "reconstruct", "--run", learned, "--video", video, "--out", out) == 0
    made, packed = frames_of(out), load_frames(Run(learned))
    clip = packed.clip_named("take2")
    assert made.shape == (clip.length, 48, 128, 3)
    real = np.repeat(packed.pixels[clip.start : clip.stop], 3, axis=-1).astype(float)
    assert np.abs(made[:, :, :64] - real).mean() < 4, "left: the film, but for compression"
    assert 0.1 < np.abs(made[:, :, 64:] - real).mean() < 25, "right: what the VAE makes of it"
    figures = json.loads(out.with_suffix(".json").read_text())["figures"]
    squared = ((made[:, :, 64:] - real) / 255) ** 2
    assert figures["psnr_db"] == pytest.approx(-10 * np.log10(squared.mean()), abs=0.7)


def test_interpolation_passes_through_its_stops(learned, tmp_path):
    out = tmp_path / "path.mp4"
    arguments = ("--stops", "take1:1", "take3:5", "--seconds", 1, "--fps", 10)
    assert here("generate", "interpolate", "--run", learned, "--out", out, *arguments) == 0
    with np.load(tmp_path / "path.latents.npz") as stored:
        path = stored["latents"]
    assert path.shape == (11, 128)
    run = Run(learned)
    packed = load_frames(run)
    with np.load(run / "latents.npz") as stored:
        ends = stored["mean"][[packed.locate("take1:1"), packed.locate("take3:5")]]
    np.testing.assert_allclose(path[[0, -1]], ends, atol=0.05)


def test_the_library_dances(dancer):
    dance = dancer.dance(seconds=2, seed=1, fps=30)
    frames = np.stack(list(dance))
    assert frames.shape == (60, 48, 64, 1)
    assert frames.dtype == np.uint8
    assert len(dance) == 60
    assert dance.latents_fps == 15 * dancer.trained.pace
    steps = int(np.ceil(59 / 30 * dance.latents_fps)) + 2
    assert dance.latents.shape == (steps, 128), "two seconds and a pose beyond the end"
    again, other = dancer.dance(seconds=2, seed=1), dancer.dance(seconds=2, seed=2)
    np.testing.assert_array_equal(dance.latents, again.latents)
    assert (dance.latents != other.latents).any()
    longer = dancer.dance(seconds=6, seed=1)
    np.testing.assert_array_equal(longer.latents[:steps], dance.latents)


def test_a_video_begins_before_its_dance_is_made(dancer, monkeypatch):
    rollout, chunks = dancer._rollout(False), []
    roll = rollout._compiled(1)
    monkeypatch.setattr(rollout, "_compiled", lambda _: lambda *given: chunks.append(1) or roll(*given))
    dance = dancer.dance(30, fps=25, seed=4)
    frames = iter(dance)
    begun, all_frames = len(chunks), [next(frames)]
    early = len(chunks)
    all_frames += frames
    assert begun == 0
    assert early <= 2 < len(chunks)
    whole = dancer.dance(30, fps=25, seed=4)
    whole.latents = whole.latents  # as one array, made before the first frame
    for one, other in zip(all_frames, whole, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
    times_s = np.arange(len(dance)) / 25
    np.testing.assert_allclose(
        dance._path(times_s[100:132]), resample(dance.latents, dance.latents_fps, times_s)[100:132], atol=1e-5
    )


def test_a_dance_goes_on_from_the_start_asked_for(dancer):
    latents, packed = dancer.trained.latents, dancer.trained.packed
    frame = packed.locate("take2:6")
    made = dancer.dance(seconds=1, seed=1, temperature=0, stray=0, start="take2:6").latents
    scale = latents.scale
    near = np.sqrt((((made[0] - latents.mean[frame]) / scale) ** 2).mean())
    typical = np.sqrt((((latents.mean - latents.mean[frame]) / scale) ** 2).mean(axis=1)).mean()
    assert near < 0.8 * typical, "the first pose follows the one named"


def test_finished_stages_are_not_done_again(learned):
    before = prints(learned)
    stamps = {path: path.stat().st_mtime_ns for path in learned.rglob("*")}
    assert here("train", "all", "--run", learned, "--preset", "tiny", "--epochs", min(EPOCHS.values())) == 0
    assert prints(learned) == before
    assert {path: path.stat().st_mtime_ns for path in learned.rglob("*")} == stamps


def test_a_retrained_vae_makes_later_stages_stale(learned, tmp_path, capfd):
    run = copy_of(learned, tmp_path / "run")
    options = ("--run", run, "--preset", "tiny", "--epochs", 1, "--fresh")
    assert here("train", "vae", *options, "--seed", 1) == 0
    out = tmp_path / "o.mp4"
    assert here("generate", "dance", "--run", run, "--out", out) == 2
    assert "stale" in capfd.readouterr().err
    assert here("train", "latents", "--run", run) == 0
    assert here("generate", "dance", "--run", run, "--out", out) == 2
    assert "other latents" in capfd.readouterr().err
    assert not out.exists()
