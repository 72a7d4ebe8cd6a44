"""A run of two dancers, trained with `tiny` by the real command line: whose body is drawn, and when."""

import json

import numpy as np
import pytest
import songs
from conftest import outcome
from learned import fewer_dances, here, prints
from test_dance_to_music import lengths, write_wav
from test_verbs import do, far

from dancenet import dancer
from dancenet.config import DancerOptions
from dancenet.errors import DancenetError
from dancenet.frames import load_frames
from dancenet.generation import Dancer, body_of, load
from dancenet.runs import Run
from dancenet.studio import protocol
from dancenet.studio.hands import handle
from dancenet.studio.performer import Performer
from dancenet.studio.playing import Playing
from dancenet.studio.session import Session
from dancenet.trained import decode_batch, likeliest_body, load_trained
from dancenet.video import read_frames

pytestmark = pytest.mark.slow

SIZE = ("--width", 48, "--height", 64, "--fit", "follow")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("duo")


@pytest.fixture(scope="module")
def duo(base):
    """A run that knows rose (in red) and slate (in blue)."""
    for number, body in enumerate(("rose", "slate")):
        for take in range(2):
            options = DancerOptions(
                minutes=8 / 60, seed=10 * number + take, width=128, height=96, fps=15, body=body
            )
            dancer.write_video(base / "films" / body / f"{body}{take + 1}.mp4", options)
    run = base / "run"
    assert here("frames", base / "films", "--dancers", "--run", run, *SIZE) == 0
    assert here("train", "vae", "--run", run, "--preset", "tiny", "--epochs", 12) == 0
    assert here("train", "latents", "--run", run) == 0
    with fewer_dances():
        assert here("train", "choreographer", "--run", run, "--preset", "tiny", "--epochs", 2) == 0
    return run


@pytest.fixture(scope="module")
def trained(duo):
    return load_trained(Run(duo))


def redness(frames) -> float:
    """How much more red than blue pictures are, where they are neither."""
    frames = np.asarray(frames).astype(float)
    return float((frames[..., 0] - frames[..., 2]).mean())


def shown(path):
    return np.stack([frame for _, frame in read_frames(path, fps=30)])


def test_the_decoder_draws_whom_it_is_told_to(trained):
    assert trained.packed.dancers == ("rose", "slate")
    poses = trained.latents.mean[::20]
    rose, slate = (redness(decode_batch(trained.vae, poses, np.full(len(poses), body))) for body in (0, 1))
    film = [redness(trained.packed.pixels[trained.packed.bodies == body]) for body in (0, 1)]
    assert rose - slate > 0.5 * (film[0] - film[1]) > 0
    for body in (0, 1):
        some = trained.packed.pixels[np.flatnonzero(trained.packed.bodies == body)[::40]]
        assert likeliest_body(trained.vae, some) == body


def test_a_dance_shows_who_danced_where_it_begins_or_who_is_named(duo, trained):
    dances = {
        (start, name): Dancer(trained).dance(1.0, start=start, dancer=name)
        for start in ("rose1:2", "slate1:2") for name in (None, "rose", "slate")
    }  # fmt: skip
    assert {key: dance.body for key, dance in dances.items()} == {
        ("rose1:2", None): 0, ("rose1:2", "rose"): 0, ("rose1:2", "slate"): 1,
        ("slate1:2", None): 1, ("slate1:2", "rose"): 0, ("slate1:2", "slate"): 1,
    }  # fmt: skip
    one, other = dances["rose1:2", "rose"], dances["rose1:2", "slate"]
    np.testing.assert_array_equal(one.latents, other.latents, "the dance is the same")
    # both are drawn by one model, in turns
    for mine, theirs in zip(one, other, strict=True):
        assert redness(mine) > redness(theirs)
    assert body_of(trained.packed, trained.latents, trained.latents.mean[-1]) == 1


@pytest.mark.parametrize(
    "asked", [("traverse", "--count", 1, "--steps", 3, "--pose"), ("neighbours", "--count", 1, "--pose")]
)
def test_exploring_shows_who_took_the_pose_or_who_is_named(duo, tmp_path, asked):
    from dancenet.media.pictures import read_image

    drawn = {}
    for pose, name in (("rose1:2", None), ("slate1:2", None), ("rose1:2", "slate"), ("slate1:2", "rose")):
        out = tmp_path / f"{pose[:4]}-{name}.png"
        wanted = ("--dancer", name) if name else ()
        assert here("explore", *asked, pose, "--run", duo, "--out", out, *wanted) == 0
        picture = read_image(out)
        drawn[pose[:5].rstrip("1"), name] = redness(picture[:, : picture.shape[1] // 2])
    assert drawn["rose", None] > drawn["rose", "slate"]
    assert drawn["slate", "rose"] > drawn["slate", None]


def test_on_the_stage_a_dancer_is_shown_as_whom_one_likes(duo, trained, tmp_path):
    performer = Performer(Run(duo), tmp_path)
    session = Session(performer, "main")
    usual = trained.packed.dancers[performer.usual_body]
    assert session.state()["dancer"] == usual

    def seen():
        shown = session.frame(0.0)
        return redness(performer.pictures(shown.pose[None], None, np.array([shown.body])))

    reds = {}
    for name in ("rose", "slate"):
        handle(session, protocol.as_request(protocol.Set, {"dancer": name}))
        reds[name] = seen()
        session.remember()
        assert Session(performer, "main").state()["dancer"] == name, "it comes back after a restart"
    assert reds["rose"] > reds["slate"]
    with pytest.raises(DancenetError, match="rose, slate"):
        handle(session, protocol.as_request(protocol.Set, {"dancer": "moss"}))
    assert session.state()["dancer"] == "slate"


def test_a_score_on_the_stage_shows_the_bodies_that_it_says(duo, tmp_path):
    performer = Performer(Run(duo), tmp_path)
    parts = (f'[[section]]\nverb = "dance"\nlength = 1\nbody = "{name}"\n' for name in ("slate", "rose"))
    source = tmp_path / "scores/piece.toml"
    session = Session(performer, "main")
    session.playing = Playing.rehearsed("piece", "".join(parts), source, performer, lambda *_: None)
    bodies = [session.frame(0.4).body for _ in range(5)]
    assert bodies == [1, 1, 0, 0, 0]


def test_transfer_to_music(duo, tmp_path):
    song = tmp_path / "song.wav"
    write_wav(song, songs.song(songs.beats_at(100, 8), "rock"), songs.RATE_HZ)
    options = ("--clip", "rose1:2-6", "--dancer", "slate")
    do(duo, "transfer", tmp_path / "a.mp4", *options)
    _, _, said = do(duo, "transfer", tmp_path / "b.mp4", *options, "--music", song, "--sync", 1)
    assert said["music"]["sync"] == 1
    picture_s, sound_s = lengths(tmp_path / "b.mp4")
    assert abs(picture_s - sound_s) < 0.05
    silent, brought = (shown(tmp_path / f"{name}.mp4") for name in "ab")
    count = min(len(silent), len(brought))
    assert count >= 100
    moved = np.abs(silent[:count].astype(int) - brought[:count]).mean()
    assert moved > 0.2, "its moments are brought onto the beats"


def test_transfer_draws_the_clips_poses_with_another_body(duo, trained, tmp_path):
    made, fps, said = do(duo, "transfer", tmp_path / "a.mp4", "--clip", "rose1:2-4", "--dancer", "slate")
    film = trained.latents.mean[trained.latents.span(0)][30:61]
    assert len(made) == 60
    np.testing.assert_allclose(made[::2], film[:30], atol=1e-5)
    assert (fps, said["transfer"]["dancer"]) == (30, "slate")
    do(duo, "transfer", tmp_path / "b.mp4", "--clip", "rose1:2-4", "--dancer", "rose")
    assert redness(shown(tmp_path / "b.mp4")) > redness(shown(tmp_path / "a.mp4"))
    vary = ("--clip", "rose1:2-4", "--dancer", "slate", "--amount", 0.5, "--seed")
    first, other, again = (
        do(duo, "transfer", tmp_path / f"{name}.mp4", *vary, seed)[0]
        for name, seed in (("c", 1), ("d", 2), ("e", 1))
    )
    np.testing.assert_array_equal(first, again)
    assert far(first, other) > 0
    assert far(first, made) > 0


def test_transfer_of_a_stranger_on_video(duo, base, tmp_path):
    options = DancerOptions(minutes=3 / 60, seed=77, width=128, height=96, fps=15, body="moss")
    dancer.write_video(tmp_path / "moss.mp4", options)
    made, *_ = do(duo, "transfer", tmp_path / "a.mp4", "--video", tmp_path / "moss.mp4", "--dancer", "rose")
    assert len(made) == pytest.approx(3 * 30, abs=2)
    part, *_ = do(
        duo, "transfer", tmp_path / "b.mp4", "--video", f"{tmp_path / 'moss.mp4'}:1-2", "--dancer", "rose"
    )
    assert len(part) == 30
    known, *_ = do(
        duo, "transfer", tmp_path / "c.mp4", "--video", base / "films" / "rose" / "rose1.mp4",
        "--dancer", "slate", "--fps", 15,
    )  # fmt: skip
    film = load(duo).trained.latents
    np.testing.assert_allclose(known, film.mean[film.span(0)][: len(known)], atol=1e-3)


def test_a_score_says_whose_body_each_section_shows(duo, trained, tmp_path):
    score = (
        f'dancer = "{duo}"\nfps = 15\n'
        '[[section]]\nverb = "transfer"\nphrases = ["rose1:1-3"]\nbody = "slate"\n'
        '[[section]]\nlength = 2\n[[section]]\nlength = 2\nbody = "slate"\n'
    )
    (tmp_path / "piece.toml").write_text(score)
    assert here("generate", "score", tmp_path / "piece.toml") == 0
    frames = np.stack([frame for _, frame in read_frames(tmp_path / "piece.mp4", fps=15)])
    blue, red, again = (redness(frames[round(15 * at) : round(15 * at) + 20]) for at in (0.2, 2.2, 4.2))
    assert max(blue, again) < red
    (tmp_path / "wrong.toml").write_text(score.replace('"slate"', '"anna"'))
    assert here("generate", "score", tmp_path / "wrong.toml") == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--clip", "rose1", "--dancer", "anna"), "no dancer is named 'anna'"),
        (("--clip", "nobody1", "--dancer", "rose"), "no clip is named 'nobody1'"),
        (("--video", "missing.mp4", "--dancer", "rose"), "there is no file or folder missing.mp4"),
        (("--video", "notes.txt", "--dancer", "rose"), "notes.txt is no video"),
        (("--clip", "rose1"), "no --dancer"),
        (("--dancer", "rose"), "neither --video nor --clip"),
        (("--clip", "rose1", "--video", "a.mp4", "--dancer", "rose"), "--video and --clip together"),
        (("--clip", "rose1", "--dancer", "rose", "--amount", 2), "--amount 2"),
    ],
)
def test_what_cannot_be_transferred_is_told(duo, given, said, tmp_path, capsys):
    before = prints(duo)
    code, _, err = outcome(
        ["generate", "transfer", "--run", duo, "--out", tmp_path / "a.mp4", *given], capsys
    )
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert said in err
    assert prints(duo) == before


def test_a_run_of_one_dancer_has_no_other_body(tmp_path, capsys):
    for verb, named in (("transfer", ("--clip", "1:0-2")), ("dance", ())):
        given = ["generate", verb, "--out", tmp_path / "a.mp4", *named, "--dancer", "slate"]
        code, _, err = outcome(given, capsys)
        assert code == 2
        assert "a run that knows one dancer" in err


def test_whose_body_is_kept_with_the_vae(duo):
    assert json.loads((duo / "vae.json").read_text())["dancers"] == ["rose", "slate"]
    assert load_frames(Run(duo)).dancers == ("rose", "slate")
