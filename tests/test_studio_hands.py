"""What hands may do with a session: each request does what it says, or changes nothing."""

import dataclasses
import json

import numpy as np
import pytest
from learned import copy_of, trained_run
from studio import built_in, danced

from dancenet.errors import DancenetError
from dancenet.exploring.poses import Pose, load_path, load_pose
from dancenet.runs import Run
from dancenet.studio import library as libraries
from dancenet.studio import protocol
from dancenet.studio.hands import KEPT, Later, handle
from dancenet.studio.library import Library
from dancenet.studio.live import ARRIVE_S, Controls
from dancenet.studio.performer import Performer
from dancenet.studio.session import Session


@pytest.fixture
def performer(tmp_path):
    return built_in(tmp_path / "studio")


@pytest.fixture
def session(performer):
    return Session(performer, "main")


def ask(session, kind, /, **values):
    """Carry a request out, long work too."""
    answer = handle(session, protocol.as_request(kind, values))
    return answer.then(answer.work(lambda *_: None)) if isinstance(answer, Later) else answer


def refused(session, expected, kind, /, **values):
    """It is refused, and the session stands as it stood."""
    before, shown = session.state(), session.frame(0.0)
    with pytest.raises(DancenetError, match=expected):
        ask(session, kind, **values)
    assert session.state() == before
    np.testing.assert_array_equal(session.frame(0.0).pose, shown.pose)


def keep_poses(session, *frames):
    """Saved poses with names, of frames of the film."""
    performer = session.performer
    for frame in frames:
        latents = performer.trained.latents.mean[frame]
        performer.library.keep(f"f{frame}", Pose(latents, performer.origin))
    return [performer.trained.latents.mean[frame] for frame in frames]


def test_controls_reach_the_dance(session):
    ask(session, protocol.Set, temperature=0.7)
    ask(session, protocol.Set, energy=-0.5, tempo=1.5)
    assert session.live.controls == Controls(temperature=0.7, energy=-0.5, tempo=1.5)
    assert session.state()["controls"]["tempo"] == 1.5


def test_every_request_raises_the_revision_that_frames_carry(session):
    before = session.frame(0.0).header.revision
    ask(session, protocol.Set, stray=0.4)
    assert session.frame(0.0).header.revision == before + 1


def test_pause_holds_the_dancer_and_its_time(session):
    danced(session, 0.5)
    ask(session, protocol.Pause)
    held = [session.frame(1 / 30) for _ in range(5)]
    assert {shown.header.time_s for shown in held} == {held[0].header.time_s}
    assert all(shown.header.flags & protocol.PAUSED for shown in held)
    np.testing.assert_array_equal(held[0].pose, held[-1].pose)
    length_s = session.history.length_s
    ask(session, protocol.Pause, paused=False)
    on = session.frame(1 / 30)
    assert not on.header.flags & protocol.PAUSED
    assert on.header.time_s > held[0].header.time_s
    assert session.history.length_s == pytest.approx(length_s + 1 / 30), "what stood still is no history"


def test_looking_back_shows_what_was_danced_and_going_on_goes_on(session):
    shown = danced(session, 3)
    ask(session, protocol.Scrub, ago_s=1.0)
    back = session.frame(1 / 30)
    np.testing.assert_allclose(back.pose, shown[-31], atol=1e-5)
    assert back.header.flags & protocol.LOOKING_BACK
    assert back.header.time_s == -1.0
    assert session.frame(1 / 30).header.time_s == -1.0, "the past stands still"
    ask(session, protocol.Scrub, ago_s=500)
    np.testing.assert_allclose(session.frame(0).pose, shown[0], atol=1e-5)
    ask(session, protocol.Scrub)
    assert np.abs(session.frame(1 / 30).pose - shown[-1]).max() < np.abs(np.diff(shown, axis=0)).max() * 4


def test_a_snapshot_is_the_pose_that_is_shown(session):
    danced(session, 1)
    ask(session, protocol.Bend, amounts={"principal-1": 1.5})
    pose = session.frame(0.0).pose
    name = ask(session, protocol.Snapshot)["pose"]
    library = session.performer.library
    np.testing.assert_allclose(library.pose(name).latents, pose, rtol=1e-5, atol=1e-5)
    assert ask(session, protocol.Snapshot)["pose"] != name
    assert ask(session, protocol.Snapshot, name="mine")["pose"] == "mine"
    assert load_pose(library.path("pose", "mine"), session.performer.origin), "what other commands read"


def test_a_snapshot_of_the_past_is_the_past(session):
    shown = danced(session, 2)
    ask(session, protocol.Scrub, ago_s=1.0)
    kept = session.performer.library.pose(ask(session, protocol.Snapshot)["pose"])
    np.testing.assert_allclose(kept.latents, shown[-31], rtol=1e-5, atol=1e-4)


def test_keep_is_the_path_that_was_shown(session):
    shown = danced(session, 4)
    told = ask(session, protocol.Keep, from_ago_s=3.0, to_ago_s=1.0)
    path = session.performer.library.path("phrase", told["phrase"])
    kept = load_path(path, session.performer.origin)
    assert told["seconds"] == pytest.approx(2.0)
    assert kept.fps == KEPT * session.performer.trained.packed.fps == 30
    np.testing.assert_allclose(kept.latents, shown[-91:-30], rtol=1e-4, atol=1e-4)
    refused(session, "remembered", protocol.Keep, from_ago_s=60.0)
    refused(session, "or more", protocol.Keep, from_ago_s=1.0, to_ago_s=2.0)


def test_bend_adds_the_direction(session):
    ask(session, protocol.Pause)
    straight = session.frame(0.0).pose
    ask(session, protocol.Bend, amounts={"principal-1": 2.0, "principal-2": -0.5})
    vectors = [session.performer.directions[f"principal-{number}"].vector for number in (1, 2)]
    np.testing.assert_allclose(
        session.frame(0.0).pose, straight + 2.0 * vectors[0] - 0.5 * vectors[1], atol=1e-5
    )
    ask(session, protocol.Undo)
    np.testing.assert_array_equal(session.frame(0.0).pose, straight)
    ask(session, protocol.Redo)
    assert session.state()["amounts"] == {"principal-1": 2.0, "principal-2": -0.5}
    refused(session, "no direction is named", protocol.Bend, amounts={"principal-1": 0.0, "nowhere": 1.0})


def test_a_mix_is_held_until_it_is_left(session):
    one, other = keep_poses(session, 100, 4000)
    ask(session, protocol.Mix, poses=["f100", "f4000"], weights=[0.2, 0.6])
    shown = session.frame(1 / 30)
    np.testing.assert_allclose(shown.pose, 0.25 * one + 0.75 * other, rtol=1e-3, atol=1e-4)
    assert shown.header.flags & protocol.POSE
    ask(session, protocol.Mix, poses=["f100"])
    np.testing.assert_allclose(session.frame(1 / 30).pose, one, rtol=1e-3, atol=1e-4)
    ask(session, protocol.Mix)
    assert not session.frame(1 / 30).header.flags & protocol.POSE
    refused(session, "no pose is named", protocol.Mix, poses=["f100", "gone"])
    refused(session, "all 0", protocol.Mix, poses=["f100"], weights=[0.0])
    refused(session, "one weight", protocol.Mix, poses=["f100"], weights=[0.5, 0.5])


def test_a_pose_on_the_desk_may_vanish_from_the_disk(session):
    one, other = keep_poses(session, 100, 4000)
    ask(session, protocol.Mix, poses=["f100", "f4000"])
    refused(session, "on the desk", protocol.Remove, kind="pose", name="f100")
    refused(session, "on the desk", protocol.Rename, kind="pose", name="f100", to="other")
    session.performer.library.path("pose", "f100").unlink()
    np.testing.assert_allclose(session.frame(1 / 30).pose, (one + other) / 2, rtol=1e-3, atol=1e-3)
    ask(session, protocol.Mix, poses=["f4000"])
    ask(session, protocol.Undo)  # back to a mix of which one pose is gone
    assert session.state()["mix"]["poses"] == (), "without it there is no such mix"
    assert not session.frame(1 / 30).header.flags & protocol.POSE
    ask(session, protocol.Redo)
    assert session.state()["mix"]["poses"] == ("f4000",)


@pytest.mark.parametrize("kind", [protocol.Undo, protocol.Redo])
def test_what_fails_in_the_middle_leaves_everything_as_it_was(session, kind, monkeypatch):
    ask(session, protocol.Bend, amounts={"principal-1": 1.0})
    ask(session, protocol.Bend, amounts={"principal-2": 1.0})
    ask(session, protocol.Undo)
    before, shown = session.state(), session.frame(0.0).pose

    def fails(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(Session, "change", fails)
    with pytest.raises(OSError, match="gone"):
        ask(session, kind)
    monkeypatch.undo()
    assert session.state() == before
    np.testing.assert_array_equal(session.frame(0.0).pose, shown)
    ask(session, kind)
    assert session.state() != before


def test_a_snapshot_that_cannot_be_written_loses_nothing(session, monkeypatch):
    [pose] = keep_poses(session, 100)

    def full(*_):
        raise DancenetError("the disk is full")

    monkeypatch.setattr(libraries, "save_pose", full)
    refused(session, "full", protocol.Snapshot, name="f100")
    kept = session.performer.library
    np.testing.assert_allclose(kept.pose("f100").latents, pose, rtol=1e-4, atol=1e-4)
    assert kept.names("pose") == ["f100"]


def test_go_arrives(session):
    danced(session, 1)
    ask(session, protocol.Go, frame=5000)
    goal = session.performer.trained.latents.mean[5000]
    away = np.linalg.norm(danced(session, 1, fps=60) - goal, axis=1)
    assert away[0] > 8 * away.min(), "it goes by the place"
    assert abs((1 + away.argmin()) / 60 - ARRIVE_S) < 0.05
    refused(session, "0 to", protocol.Go, frame=10**8)
    refused(session, "one of the two", protocol.Go)
    refused(session, "one of the two", protocol.Go, frame=3, pose="x")
    refused(session, "no pose is named", protocol.Go, pose="gone")


def test_go_to_a_saved_pose_and_to_a_moment(session):
    [goal] = keep_poses(session, 4000)
    clip = session.performer.trained.packed.clips[0]
    for values, pose in (
        ({"pose": "f4000"}, goal),
        ({"pose": f"{clip.name}:20"}, session.performer.pose(f"{clip.name}:20")),
    ):
        ask(session, protocol.Pause)
        ask(session, protocol.Go, **values)
        assert not session.paused, "who is sent somewhere goes"
        assert np.linalg.norm(danced(session, 0.6, fps=60) - pose, axis=1).min() < 0.5


def test_follow_passes_its_waypoints(session):
    danced(session, 0.5)
    frames, latents = [200, 3000, 7000], session.performer.trained.latents
    told = ask(session, protocol.Follow, frames=frames)
    assert session.live.following
    rate = session.performer.trained.packed.fps * session.performer.trained.pace
    shown = danced(session, told["poses"] / rate + 0.5, fps=2 * rate)
    assert not session.live.following
    for frame in frames[1:]:
        away = np.linalg.norm(shown - latents.mean[frame], axis=1).min()
        assert away < 0.15 * np.linalg.norm(latents.mean[frame] - latents.mean[200]), frame
    steps = np.linalg.norm(np.diff(shown[:-30], axis=0), axis=1)
    assert steps.max() < 4 * np.median(steps), "no jump"
    refused(session, "0 to", protocol.Follow, frames=[1, 10**8])


def test_waypoints_that_are_one_and_the_same_are_followed_too(session):
    told = ask(session, protocol.Follow, frames=[300, 300])
    assert told["poses"] >= 8
    assert np.isfinite(danced(session, 1)).all()


def test_another_dance_leaves_the_desk_the_past_and_the_pause(session):
    keep_poses(session, 100)
    danced(session, 1)
    ask(session, protocol.Mix, poses=["f100"])
    ask(session, protocol.Scrub, ago_s=0.5)
    ask(session, protocol.Pause)
    ask(session, protocol.Restart, seed=9)
    state = session.state()
    assert state["seed"] == 9
    assert not state["paused"]
    assert state["ago_s"] is None
    assert state["mix"]["poses"] == ()
    ask(session, protocol.Undo)
    assert session.state()["mix"]["poses"] == ("f100",), "the mix is not lost"


def test_a_direction_is_learned_from_two_baskets(tmp_path, tmp_path_factory):
    run = copy_of(trained_run(tmp_path_factory.getbasetemp()), tmp_path / "run")
    performer = Performer(Run(run))
    session = Session(performer, "main")
    latents, clips = performer.trained.latents, performer.trained.packed.clips
    axis = performer.directions["principal-1"].vector
    order = np.argsort(latents.mean @ axis)

    def moments(frames):
        named = []
        for frame in frames:
            clip = next(clip for clip in clips if clip.start <= frame < clip.stop)
            named.append(f"{clip.name}:{(frame - clip.start) / performer.trained.packed.fps:.3f}")
        return named

    told = ask(
        session, protocol.Learn, name="far", having=moments(order[-40::2]), lacking=moments(order[:40:2])
    )
    found = performer.directions["far"].vector
    cosine = found @ axis / np.linalg.norm(found) / np.linalg.norm(axis)
    assert told["direction"] == "far"
    assert cosine > 0.8
    assert performer.told_directions()[0]["name"] == "far", "named ones first"
    assert "far" in Performer(Run(run)).directions, "it is there after a new start"
    ask(session, protocol.Bend, amounts={"far": 1.0})
    for bad in ("/etc/passwd", "../x", "take1:/../../secret.json", f"{clips[0].name}:1e9", "gone"):
        refused(session, ".", protocol.Learn, name="bad", having=[bad, bad], lacking=[bad, bad])


def test_the_built_in_dancer_says_why_it_learns_nothing(session):
    refused(session, "a run of your own", protocol.Learn, name="x", having=["a", "b"], lacking=["c", "d"])


# what is saved


def test_things_are_put_away_not_erased(session):
    keep_poses(session, 100)
    library = session.performer.library
    content = library.path("pose", "f100").read_text()
    ask(session, protocol.Remove, kind="pose", name="f100")
    assert library.names("pose") == []
    keep_poses(session, 100)
    ask(session, protocol.Remove, kind="pose", name="f100")
    folder = library.folder / "poses"
    assert {path.name for path in folder.iterdir()} == {"f100.json.removed-1", "f100.json.removed-2"}
    assert (folder / "f100.json.removed-1").read_text() == content
    refused(session, "no pose is named", protocol.Remove, kind="pose", name="f100")


def test_a_name_that_is_taken_is_not_given_again(session):
    keep_poses(session, 100, 200)
    refused(session, "there is a pose named", protocol.Rename, kind="pose", name="f100", to="f200")
    ask(session, protocol.Rename, kind="pose", name="f100", to="low")
    assert sorted(session.performer.library.names("pose")) == ["f200", "low"]
    refused(session, "no pose is named", protocol.Rename, kind="pose", name="f100", to="x")


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", "x" * 61, "ü", "a b", "x\0", ".hidden", "con.json", "x\n"]
)
def test_names_lead_nowhere_else(session, name):
    library = session.performer.library
    for kind in libraries.PLACES:
        with pytest.raises(DancenetError, match="letters, digits"):
            library.path(kind, name)
    with pytest.raises(DancenetError, match="letters, digits"):
        library.remember(name, {})
    with pytest.raises(ValueError, match=r"Expected|expected"):
        protocol.as_request(protocol.Write, {"name": name, "text": ""})


def test_links_lead_nowhere_else(session, tmp_path):
    (tmp_path / "secret.toml").write_text("secret")
    library = session.performer.library
    library.write_score("piece", "# mine")
    (library.folder / "scores" / "link.toml").symlink_to(tmp_path / "secret.toml")
    refused(session, "leads elsewhere", protocol.Open, name="link")
    assert ask(session, protocol.Open, name="piece")["text"] == "# mine"


def test_scores_are_kept_as_they_are_written(session):
    text = 'not = [yet a score "ü'
    ask(session, protocol.Write, name="piece", text=text)
    opened = ask(session, protocol.Open, name="piece")
    assert (opened["name"], opened["text"]) == ("piece", text)
    session.performer.library.path("score", "piece").write_bytes(b"\xff\xfe")
    refused(session, "cannot be read", protocol.Open, name="piece")
    refused(session, "no score is named", protocol.Open, name="gone")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind": "path"}', '{"kind": "pose", "format": 99}'])
def test_damaged_poses_are_told_and_harm_nothing(session, content):
    library = session.performer.library
    keep_poses(session, 100)
    library.path("pose", "f100").write_text(content)
    refused(session, "f100", protocol.Go, pose="f100")
    refused(session, "f100", protocol.Mix, poses=["f100"])
    assert library.names("pose") == ["f100"], "it can still be put away"
    ask(session, protocol.Remove, kind="pose", name="f100")


def test_a_pose_of_another_model_is_refused(session):
    performer = session.performer
    foreign = dataclasses.replace(performer.origin, vae="another")
    performer.library.keep("theirs", Pose(performer.trained.latents.mean[0], foreign))
    refused(session, "another run|earlier VAE", protocol.Go, pose="theirs")


def test_so_much_is_saved_and_no_more(session, monkeypatch):
    monkeypatch.setattr(libraries, "MOST", 2)
    keep_poses(session, 1, 2)
    refused(session, "2 poses are saved", protocol.Snapshot)
    ask(session, protocol.Snapshot, name="f1")
    ask(session, protocol.Remove, kind="pose", name="f2")
    ask(session, protocol.Snapshot)


# how it stood


def test_a_session_stands_after_a_new_start_as_it_stood(performer):
    session = Session(performer, "mine")
    keep_poses(session, 100)
    ask(session, protocol.Restart, seed=5)
    ask(session, protocol.Set, temperature=0.4, stray=0.3, energy=0.5, tempo=1.25)
    ask(session, protocol.Bend, amounts={"principal-3": -1.0})
    ask(session, protocol.Mix, poses=["f100"])
    session.remember()
    again, other = Session(performer, "mine"), Session(performer, "other")
    for told in ("seed", "controls", "amounts", "mix"):
        assert again.state()[told] == session.state()[told]
    assert other.state()["controls"] == dataclasses.asdict(Controls())
    np.testing.assert_allclose(again.frame(0).pose, session.frame(0).pose, atol=1e-5)


GOOD = {
    "seed": 3, "controls": dataclasses.asdict(Controls(tempo=2.0)), "amounts": {}, "poses": [], "weights": [],
}  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        {"seed": -1}, {"seed": "x"}, {"seed": 10**30}, {"controls": {}}, {"controls": {"tempo": 1e9}},
        {"controls": {"tempo": float("nan")}}, {"controls": {"who": 1}}, {"controls": 3},
        {"amounts": {"principal-1": 1e300}}, {"amounts": [1]}, {"amounts": {"a": "b"}},
        {"poses": ["../../x"], "weights": [1]}, {"poses": ["gone"], "weights": [1.0]},
        {"poses": ["a", "b"], "weights": [1.0]}, {"poses": 5}, {"weights": None},
        {"poses": ["a"], "weights": [0]},
    ],
)  # fmt: skip
def test_what_was_written_down_and_is_damaged_harms_nothing(performer, damage):
    performer.library.remember("main", GOOD)
    path = performer.library.folder / "sessions" / "main.json"
    path.write_text(json.dumps(GOOD | damage))
    session = Session(performer, "main")
    assert np.isfinite(danced(session, 0.3)).all()
    assert 0.25 <= session.live.controls.tempo <= 2.5
    ask(session, protocol.Set, tempo=1.0)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b"[" * 5000])
def test_a_file_that_is_no_session_is_as_none(performer, content):
    path = performer.library.folder / "sessions" / "main.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert Session(performer, "main").state()["seed"] == 0


def test_a_library_elsewhere_is_another_one(performer, tmp_path):
    assert Library(tmp_path / "b", performer.origin).listed() == {"poses": [], "phrases": [], "scores": []}
