"""The choreographer's verbs through the real command line, on a tiny trained run."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from films import walker, write
from learned import films, here, trained_run
from test_dance_to_music import lengths, write_wav

from dancenet.current import joint_is_current
from dancenet.directing.alike import varied
from dancenet.directing.director import Director, Style
from dancenet.directing.verbs import Phrase
from dancenet.exploring.poses import Direction, Origin, Pose, save_direction, save_pose
from dancenet.frames import load_frames
from dancenet.generation import load
from dancenet.latents import Latents
from dancenet.media.pictures import write_image
from dancenet.networks.centring import PLACE
from dancenet.runs import Run
from dancenet.trained import load_trained

pytestmark = pytest.mark.slow

RATE_HZ = 44100


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def film(learned):
    """Latents of the run's film, as dances are made from them."""
    run = Run(learned)
    return Latents.load((run / "joint" if joint_is_current(run) else run.path) / "latents.npz")


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    from dancenet.dancer import soundtrack

    return write_wav(tmp_path_factory.mktemp("songs") / "song.wav", soundtrack(12.0, 120, 1))


def do(run, verb, out, *more):
    assert here("generate", verb, "--run", run, "--out", out, *more) == 0
    with np.load(out.with_name(out.stem + ".latents.npz")) as stored:
        latents, fps = stored["latents"], float(stored["fps"])
    return latents, fps, json.loads(out.with_suffix(".json").read_text())


def far(one, other):
    """Mean distance of poses."""
    return float(np.linalg.norm(one - other, axis=-1).mean())


def test_continue_goes_on_from_the_real_poses(learned, film, tmp_path):
    made, fps, said = do(learned, "continue", tmp_path / "a.mp4", "--after", "take2:8", "--seconds", 3)
    assert (len(made), fps) == (5 * 30, 30)
    real = film.mean[film.span(1)][90:121]
    np.testing.assert_allclose(
        made[:61:2], real, atol=1e-5, err_msg="the lead is the clip's own last seconds"
    )
    steps = np.linalg.norm(np.diff(made, axis=0), axis=1)
    assert steps[60:66].max() < 3 * np.median(steps[:60]), "no jump over the seam"
    assert said["continue"]["after"] == "take2:8"
    new, *_ = do(learned, "continue", tmp_path / "b.mp4", "--after", "take2:8", "--seconds", 3, "--lead", 0)
    np.testing.assert_allclose(new, made[60:], atol=1e-4)


def test_continue_from_a_video(learned, tmp_path):
    video = films(tmp_path.parent) / "take1.mp4"
    made, *_ = do(
        learned, "continue", tmp_path / "a.mp4", "--after", f"{video}:6", "--seconds", 1, "--lead", 1
    )
    clip, *_ = do(learned, "continue", tmp_path / "b.mp4", "--after", "take1:6", "--seconds", 1, "--lead", 1)
    assert far(made[:30], clip[:30]) < 0.2 * far(made[:30], clip[:30][::-1])


def test_between_passes_keyframes_of_every_kind_on_time(learned, film, tmp_path):
    run, packed = Run(learned), load_frames(Run(learned))
    frame = packed.clips[2].start + 40
    write_image(np.asarray(packed.pixels[frame]), tmp_path / "key.png")
    pose = film.mean[packed.clips[3].start + 77]
    save_pose(tmp_path / "end.json", Pose(pose, Origin.of(run, packed)))
    keys = ("0=take1:4", f"1.5={tmp_path / 'key.png'}", f"3={tmp_path / 'end.json'}")
    paths = [
        do(learned, "between", tmp_path / f"{seed}.mp4", "--keys", *keys, "--seed", seed)[0]
        for seed in (0, 1, 0)
    ]
    for made in paths:
        assert len(made) == 91, "the last keyframe is the last frame"
        np.testing.assert_allclose(made[0], film.mean[60], atol=1e-5)
        np.testing.assert_allclose(made[90], pose, atol=1e-4)
        assert far(made[45], film.mean[frame]) < 0.05 * far(made[45], film.mean[60])
    np.testing.assert_array_equal(paths[0], paths[2])
    assert far(paths[0][10:35], paths[1][10:35]) > 0.1 * far(paths[0][10:35], film.mean[frame])


def test_between_goes_on_after_the_last_keyframe(learned, film, tmp_path):
    made, *_ = do(learned, "between", tmp_path / "a.mp4", "--keys", "1=take3:5", "--seconds", 2, "--fps", 15)
    assert len(made) == 30
    np.testing.assert_allclose(made[15], film.mean[film.span(2)][75], atol=1e-5)


def test_music_moves_no_keyframe(learned, film, song, tmp_path):
    keys = ("--keys", "0=take1:4", "2=take3:5", "4=take2:9")
    made, *_ = do(learned, "between", tmp_path / "a.mp4", *keys, "--music", song, "--sync", 1)
    plain, *_ = do(learned, "between", tmp_path / "b.mp4", *keys)
    assert len(made) == len(plain) == 121
    for at, frame in ((0, 60), (60, film.span(2).start + 75), (120, film.span(1).start + 135)):
        np.testing.assert_allclose(made[at], film.mean[frame], atol=1e-3)
    moves = far(plain[1:], plain[:-1])
    assert far(made, plain) > 2 * moves, "but what lies between is another dance, in time"
    picture_s, sound_s = lengths(tmp_path / "a.mp4")
    assert sound_s == pytest.approx(picture_s, abs=0.05)


def test_vary_orders_by_amount(learned, film, tmp_path):
    real = film.mean[film.span(0)][60:121]
    away = []
    for amount in (0, 0.1, 0.3, 0.6, 1):
        options = ("--phrase", "take1:4-8", "--amount", amount, "--fps", 15)
        made, *_ = do(learned, "vary", tmp_path / f"{amount}.mp4", *options)
        assert len(made) == 60
        away.append(far(made, real[:60]))
    assert away[0] == pytest.approx(0, abs=1e-5)
    assert (np.diff(away) > 0).all(), away


def test_blend_holds_both_phrases(learned, film, tmp_path):
    phrases = ("--phrases", "take1:2-4", "take3:5-7")
    made, *_ = do(learned, "blend", tmp_path / "a.mp4", *phrases, "--over", 1.0, "--fps", 15)
    one, other = film.mean[film.span(0)][30:61], film.mean[film.span(2)][75:106]
    np.testing.assert_allclose(made[:31], one, atol=1e-4)
    np.testing.assert_allclose(made[45:], other[: len(made) - 45], atol=1e-4)
    mixed, *_ = do(learned, "blend", tmp_path / "b.mp4", *phrases, "--mix", 0, 1, "--fps", 15)
    np.testing.assert_allclose(mixed[0], one[0], atol=1e-4)
    early, late = slice(0, 8), slice(-8, None)
    assert far(mixed[early], one[:8]) < far(mixed[early], other[:8])
    assert far(mixed[late], other[22:30]) < far(mixed[late], one[22:30])


@pytest.mark.parametrize("kind", ["mp4", "gif", "webp"])
def test_a_loop_has_no_seam(learned, tmp_path, kind):
    made, *_ = do(learned, "loop", tmp_path / f"a.{kind}", "--seconds", 2, "--fps", 25)
    assert len(made) == 50
    steps = np.linalg.norm(np.roll(made, -1, axis=0) - made, axis=1)
    assert steps[-1] == steps.min(), "it is turned to where it moves least"
    assert steps.max() < 12 * np.median(steps)


def test_a_loop_of_beats_from_a_pose(learned, film, song, tmp_path):
    options = ("--beats", 4, "--start", "take2:7")
    made, *_ = do(learned, "loop", tmp_path / "a.mp4", *options, "--tempo", 120, "--times", 2)
    assert len(made) == 60
    np.testing.assert_allclose(made[0], film.mean[film.span(1)][105], atol=1e-5)
    assert lengths_of_picture(tmp_path / "a.mp4") == pytest.approx(4, abs=0.05)
    made, *_ = do(learned, "loop", tmp_path / "b.mp4", *options, "--music", song)
    assert len(made) == pytest.approx(60, abs=2)


def lengths_of_picture(path):
    import av

    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0)) / 30


@pytest.mark.parametrize(
    ("verb", "arguments", "words"),
    [
        ("between", ("--keys", "2=take1:3", "1=take1:5"), ["order of their times", "sort them"]),
        ("between", ("--keys", "2=take1:3", "--seconds", "1"), ["beyond the end", "make it longer"]),
        ("between", ("--keys", "2=nobody:3"), ["nobody", "take1"]),
        ("between", ("--keys", "2=take1:300"), ["take1:300", "a second from 0"]),
        ("between", ("--keys", "2=none.png"), ["none.png"]),
        ("between", ("--keys", "2=none.json"), ["none.json"]),
        ("between", ("--keys", "2=wide.png"), ["wide.png is a picture of 90 x 30", "64 x 48"]),
        ("between", ("--keys", "2=broken.png"), ["broken.png"]),
        ("between", ("--keys", "0=take1:3"), ["a length", "--seconds"]),
        ("between", ("--keys", "take1:3"), ["SECOND=POSE"]),
        ("continue", ("--after", "nobody"), ["nobody"]),
        ("continue", ("--after", "take1:99"), ["take1:99", "from 0 to 18.0 s"]),
        ("continue", ("--after", "none.mp4"), ["none.mp4"]),
        ("continue", ("--after", "take1", "--seconds", "0"), ["--seconds 0"]),
        ("vary", ("--phrase", "take1:4"), ["CLIP:START-END", "take1:4-8"]),
        ("vary", ("--phrase", "take1:8-4"), ["a start before an end"]),
        ("vary", ("--phrase", "take1:4-8", "--amount", "2"), ["--amount 2"]),
        ("blend", ("--phrases", "take1:4-8"), ["two or more"]),
        ("blend", ("--phrases", "take1:4-8", "take2:4-8", "--mix", "2"), ["--mix 2"]),
        ("loop", ("--seconds", "0.1"), ["--seconds 0.1"]),
        ("loop", ("--beats", "4", "--seconds", "2"), ["one of the two"]),
        ("loop", ("--beats", "400", "--music", "song.wav"), ["beats are left of the music"]),
        ("continue", ("--after", "take1", "--sync", "1"), ["--sync without --music"]),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_line(learned, song, tmp_path, monkeypatch, capfd, verb, arguments, words):
    monkeypatch.chdir(tmp_path)
    write_image(np.zeros((30, 90, 3), "uint8"), tmp_path / "wide.png")
    (tmp_path / "broken.png").write_bytes(b"none")
    (tmp_path / "song.wav").write_bytes(song.read_bytes())
    before = sorted(tmp_path.iterdir())
    capfd.readouterr()
    assert here("generate", verb, "--run", learned, "--out", "a.mp4", *arguments) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("dancenet: error:")]
    assert len(errors) == 1
    for word in words:
        assert word in errors[0]
    assert sorted(tmp_path.iterdir()) == before


def test_a_pose_of_another_run_and_the_video_itself_are_refused(learned, tmp_path, capfd):
    other = Origin("elsewhere", "x", "y")
    save_pose(tmp_path / "foreign.json", Pose(np.zeros(128, "float32"), other))
    arguments = ("--run", learned, "--out", tmp_path / "a.mp4")
    assert here("generate", "between", *arguments, "--keys", f"2={tmp_path / 'foreign.json'}") == 2
    assert "elsewhere" in capfd.readouterr().err
    video = write(tmp_path / "a.mp4", walker(30))
    before = video.read_bytes()
    assert here("generate", "continue", *arguments, "--after", video) == 2
    assert video.read_bytes() == before


def test_the_built_in_dancer_is_directed_by_moments(tmp_path, capfd):
    out = tmp_path / "a.mp4"
    keys = ("--keys", "0=dancer1:4", "1=dancer2:7", "--fps", "15")
    assert here("generate", "between", "--out", out, *keys) == 0
    assert out.is_file()
    write_image(np.zeros((128, 96, 3), "uint8"), tmp_path / "key.png")
    assert here("generate", "between", "--out", out, "--keys", f"2={tmp_path / 'key.png'}") == 2
    assert "without an encoder" in capfd.readouterr().err


def test_the_library_needs_no_files(learned):
    from dancenet.directing.director import Director, Style
    from dancenet.directing.verbs import Keyframe, between

    director = Director(load_trained(Run(learned)), particles=4)
    latents = director.trained.latents.mean
    path = between(director, [Keyframe(0, latents[50]), Keyframe(1.0, latents[300])], 1.0, Style(seed=3))
    np.testing.assert_allclose(path.at(np.array([1.0]))[0], latents[300], atol=1e-5)
    assert path.fixed_s[-1] == 1.0


def test_directors_of_one_model_compile_once_and_dance_as_if_alone(learned):
    shared, alone = (load_trained(Run(learned)) for _ in range(2))
    latents, times = shared.latents.mean, np.arange(1, 31) / 15

    def followed(trained, gains, steps):
        along = latents[60 : 60 + steps]
        return Director(trained, particles=4).follow(latents[:30], along, gains, times[:steps], Style(seed=4))

    Director(shared, particles=8).arrive(latents[:30], latents[90], times, Style(seed=3))
    followed(shared, np.linspace(0.1, 0.9, 5), 30)
    followed(shared, np.array([0.1]), 20)
    compiled = set(shared.choreographer._compiled_calls)
    made = followed(shared, np.array([0.1]), 12)
    assert set(shared.choreographer._compiled_calls) == compiled
    np.testing.assert_array_equal(made, followed(alone, np.array([0.1]), 12))


def test_a_choreographer_that_hears_is_told_the_music_of_each_moment(learned):
    from dancenet.dancing.in_time import Rhythm
    from dancenet.directing.director import Director, Style
    from dancenet.timing import Warp

    director = Director(load_trained(Run(learned)))
    assert director.trained.choreographer.preset.cues, "the tiny run hears"
    rhythm = Rhythm(
        np.arange(0, 8, 0.5), Warp.lively(np.array([0.0, 4, 8]), np.array([1.0, 1, -1])), np.ones(3)
    )
    times = np.array([0.0, 0.25, 0.5, 1.0, 2.0])
    heard = director._told(Style(rhythm=rhythm, sync=1.0), times)
    plain = director._told(Style(), times)
    assert heard.shape == plain.shape == (5, director.trained.choreographer.preset.cues)
    assert np.abs(heard - plain).max() > 0.1
    np.testing.assert_allclose(heard[3], heard[4], atol=0.05, err_msg="a beat is told as every other")
    silent = director._told(Style(rhythm=rhythm, sync=0.0), times)
    assert np.abs(silent - heard).max() > 0.1, "without sync no beats"


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("continue", ("--after", "take2:8", "--seconds", 1)),
        ("between", ("--keys", "0=take1:4", "1=take3:5")),
        ("vary", ("--phrase", "take1:4-6")),
        ("blend", ("--phrases", "take1:3-5", "take3:5-7")),
        ("loop", ("--start", "take2:7", "--seconds", 1)),
    ],
)
def test_directions_move_every_verb(learned, tmp_path, verb, arguments):
    origin = Origin.of(Run(learned), load_frames(Run(learned)))
    vector = np.random.default_rng(0).standard_normal(128).astype("float32")
    save_direction(tmp_path / "tall.json", Direction("tall", vector, origin))
    plain, *_ = do(learned, verb, tmp_path / "plain.mp4", *arguments)
    applied = ("--apply", f"{tmp_path / 'tall.json'}=-0.5")
    moved, _, said = do(learned, verb, tmp_path / "moved.mp4", *arguments, *applied)
    np.testing.assert_allclose(moved - plain, np.tile(-0.5 * vector, (len(plain), 1)), atol=1e-3)
    assert said[verb]["apply"] == list(applied[1:])


def test_a_nuance_is_danced_where_the_phrase_is():
    """The shipped dancer's first two latents are its place; beside it one who knows of none."""
    placed = trained = load(None).trained
    assert trained.vae.window, "or these latents are no place"
    placeless = replace(trained, vae=SimpleNamespace(window=None))
    film, fps = trained.latents.mean, trained.packed.fps
    phrase = Phrase(film[100:190], fps, film[60:100])

    def off(director, amount):
        made = varied(director, phrase, amount, Style(seed=1)).latents
        return float((np.abs(made - phrase.latents).mean(axis=0) / film.std(axis=0))[:PLACE].mean())

    free, held = off(Director(placeless), 0.1), Director(placed)
    nuance, cousin = off(held, 0.1), off(held, 1.0)
    assert nuance < 0.7 * free
    assert cousin > 3 * nuance, "a cousin goes its own way"


def test_the_noise_of_a_pose_is_not_met_in_the_last_step(learned, monkeypatch):
    """The dance is steered all the way but for the very last step, which would leap onto the pose."""
    director, told = Director(load_trained(Run(learned))), []
    steer = Director._steer

    def told_too(self, opening, goals, ahead, gain, *others):
        told.append(gain)
        return steer(self, opening, goals, ahead, gain, *others)

    monkeypatch.setattr(Director, "_steer", told_too)
    poses = director.trained.latents.mean
    path = director.arrive(poses[:20], poses[57], np.arange(1, 31) / director.rate, Style())
    np.testing.assert_array_equal(path[-1], poses[57])
    assert (told[0][:-1] == 1).all()
    assert 0 < told[0][-1].max() < 0.5
