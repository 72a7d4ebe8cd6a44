"""The built-in dancer: the truth that other tests build on must itself be true."""

import dataclasses
import itertools

import av
import numpy as np
import pytest

from dancenet import dancer
from dancenet.config import DancerOptions
from dancenet.errors import DancenetError
from dancenet.figure import arms, choreography, moves
from dancenet.figure.body import BONES, CHANNELS, JOINT, KNEE_LIMIT_DEG, Body
from dancenet.figure.score import Bar, Score

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module", params=SEEDS)
def dance(request):
    return dancer.choreograph(120.0, seed=request.param)


def joint(dance, name):
    return dance.joints_m[:, JOINT[name]].astype(np.float64)


def angle_deg(a, b):
    cosine = np.sum(a * b, -1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def only(name, *, counts=8, fps=120.0, tempo_bpm=120.0, mirror=False):
    """Joints of one move danced twice, and the counts of their frames."""
    score = Score()
    rng = np.random.default_rng(0)
    for _ in range(counts // 4):
        choreography.MOVES[name](Bar(score, name, mirror=mirror, size=1.0, rng=rng))
    times = np.arange(int(counts * 60 / tempo_bpm * fps) + 1) / fps * tempo_bpm / 60
    return dancer.forward_kinematics(score.channels(times), Body()), times, score


def test_shapes_labels_and_beats():
    dance = dancer.choreograph(10.0, tempo_bpm=120.0, seed=3, fps=25.0)
    assert dance.joints_m.shape == (250, len(dance.joint_names), 3)
    assert len(dance.labels) == 250
    assert set(dance.labels) <= set(dancer.MOVES)
    np.testing.assert_allclose(dance.beat_times_s, np.arange(20) * 0.5)
    assert dance.planted.shape == (250, 2)
    assert dance.duration_s == 10.0


def test_same_seed_same_dance_other_seed_another():
    first, again, other = (dancer.choreograph(60.0, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.joints_m, again.joints_m)
    assert first.labels == again.labels
    assert first.body == other.body
    assert np.mean([a != b for a, b in zip(first.labels, other.labels, strict=True)]) > 0.5


def test_a_longer_dance_starts_with_the_shorter():
    short, long = dancer.choreograph(20.0, seed=1), dancer.choreograph(60.0, seed=1)
    np.testing.assert_allclose(short.joints_m[:500], long.joints_m[:500], atol=1e-5)


def test_six_minutes_hold_nearly_all_moves():
    names = set(dancer.choreograph(360.0, seed=0, fps=5.0).labels)
    assert len(dancer.MOVES) >= 16
    assert len(names) >= len(dancer.MOVES) - 2


def test_grammar_is_kept_and_complete():
    assert set(choreography.FOLLOWERS) == set(choreography.MOVES)
    reached = set()
    for seed in range(20):
        names = choreography.bars(np.random.default_rng(seed), 120)
        for before, after in itertools.pairwise(names):
            assert before == after or after in choreography.FOLLOWERS[before]
        reached |= set(names)
    assert reached == set(choreography.MOVES)


def test_bones_keep_their_length(dance):
    for start, end in BONES:
        lengths = np.linalg.norm(joint(dance, start) - joint(dance, end), axis=-1)
        assert np.ptp(lengths) < 1e-4, (start, end)


def test_proportions_are_human():
    body = Body()
    # Winter's table 4.1: the parts of the leg and of the arm, as shares of stature.
    assert body.thigh == pytest.approx(0.245, abs=0.01)
    assert body.shank == pytest.approx(0.246, abs=0.01)
    assert body.upper_arm == pytest.approx(0.186, abs=0.02)
    assert body.forearm == pytest.approx(0.146, abs=0.01)
    standing = dancer.choreograph(0.03, fps=30.0).joints_m[0]
    assert 0.94 < standing[JOINT["crown"], 1] / body.height_m < 1.0


def test_feet_neither_sink_nor_slide(dance):
    for side_number, side in enumerate("lr"):
        for part in ("heel", "ball", "toe"):
            assert joint(dance, f"{part}_{side}")[:, 1].min() > -0.002, part
        planted = dance.planted[:, side_number]
        assert 0.5 < planted.mean() < 0.97
        starts = np.flatnonzero(np.diff(planted.astype(int), prepend=0, append=0))
        ball = joint(dance, f"ball_{side}")
        for start, end in starts.reshape(-1, 2):
            drift = np.linalg.norm(ball[start:end] - ball[start], axis=-1)
            # The frame in which a foot comes down or lifts may stand a little beside the key.
            assert drift.max() < 0.005
            assert ball[start:end, 1].max() < 0.005


def test_legs_bend_at_the_knee_within_limits(dance):
    for side in "lr":
        hip, knee, ankle = (joint(dance, f"{name}_{side}") for name in ("hip", "knee", "ankle"))
        flexion = angle_deg(knee - hip, ankle - knee)
        assert flexion.min() > 5
        assert flexion.max() < KNEE_LIMIT_DEG
        # A knee bends forwards: it lies before the line from hip to ankle, as the foot points.
        toes = joint(dance, f"ball_{side}") - joint(dance, f"heel_{side}")
        aside = np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
        along = (ankle - hip) / aside
        bulge = (knee - hip) - np.sum((knee - hip) * along, -1, keepdims=True) * along
        low = ankle[:, 1] < 0.2
        toes[:, 1] = 0
        assert np.sum(bulge * toes, -1)[low].min() > 0


def test_arms_trunk_and_head_within_limits(dance):
    for side in "lr":
        shoulder, elbow, wrist = (joint(dance, f"{name}_{side}") for name in ("shoulder", "elbow", "wrist"))
        assert angle_deg(elbow - shoulder, wrist - elbow).max() <= CHANNELS[f"elbow_{side}"][2] + 0.1
    trunk = joint(dance, "neck") - joint(dance, "chest")
    assert angle_deg(joint(dance, "crown") - joint(dance, "neck"), trunk).max() < 60
    lower = joint(dance, "waist") - joint(dance, "pelvis")
    assert angle_deg(trunk, lower).max() < 70
    assert angle_deg(lower, np.array([0.0, 1.0, 0.0])).max() < 50


@pytest.mark.parametrize("name", choreography.MOVES)
def test_every_key_keeps_the_joint_limits(name):
    _, times, score = only(name)
    channels = score.channels(times)
    for channel, (low, _, high) in CHANNELS.items():
        assert channels[channel].min() >= low - 1e-9
        assert channels[channel].max() <= high + 1e-9


@pytest.mark.parametrize("name", choreography.MOVES)
def test_no_move_pops(name):
    """Velocity is continuous: its change over a step shrinks with the step; acceleration is human."""
    coarse, _, _ = only(name, fps=120.0)
    fine, _, _ = only(name, fps=480.0)

    def acceleration(joints, fps):
        return np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).max() * fps**2

    assert acceleration(fine, 480.0) < 1.6 * acceleration(coarse, 120.0) + 5
    assert acceleration(fine, 480.0) < 250
    moved = np.linalg.norm(coarse - coarse[0], axis=-1).max()
    assert moved > 0.1


def test_the_whole_dance_does_not_pop(dance):
    velocity = np.diff(dance.joints_m.astype(np.float64), axis=0) * dance.fps
    assert np.linalg.norm(velocity, axis=-1).max() < 12
    assert np.linalg.norm(np.diff(velocity, axis=0), axis=-1).max() * dance.fps < 180


@pytest.mark.parametrize(("tempo_bpm", "counts"), [(40, 2.0), (70, 1.0), (112, 1.0), (140, 0.5), (240, 0.5)])
def test_counts_stay_danceable(tempo_bpm, counts):
    assert choreography.counts_per_beat(tempo_bpm) == counts
    assert 70 <= tempo_bpm * counts < 140


@pytest.mark.parametrize("tempo_bpm", [90.0, 112.0, 130.0])
def test_feet_come_down_on_the_beat(tempo_bpm):
    dance = dancer.choreograph(90.0, tempo_bpm=tempo_bpm, seed=4, fps=60.0)
    beat_s = 60 / tempo_bpm
    landed = np.flatnonzero(np.diff(dance.planted.astype(int), axis=0) > 0)
    times = (landed // 2 + 1) / 60.0
    off = np.abs(times / beat_s - np.round(times / beat_s)) * beat_s
    assert len(off) > 40
    assert np.mean(off <= 1.01 / 60) > 0.75


def test_poses_arrive_on_beats(dance):
    """The body is slower on the beat than between beats: the classic beat alignment of dance."""
    speed = np.linalg.norm(np.diff(dance.joints_m.astype(np.float64), axis=0), axis=-1).mean(-1)
    phase = ((np.arange(len(speed)) + 0.5) / dance.fps * dance.tempo_bpm / 60) % 1
    near = np.minimum(phase, 1 - phase)
    assert speed[near < 0.1].mean() < 0.75 * speed[near > 0.25].mean()


def test_claps_meet_on_two_and_four():
    joints, times, _ = only("clap")
    apart = np.linalg.norm(joints[:, JOINT["wrist_l"]] - joints[:, JOINT["wrist_r"]], axis=-1)
    claps = [np.argmin(np.abs(times - count)) for count in (2, 4, 6, 8)]
    assert apart[claps].max() < 0.30
    assert apart[[np.argmin(np.abs(times - count)) for count in (1, 3, 5)]].min() > 0.9


def test_spin_turns_once_on_one_foot():
    joints, times, score = only("spin", counts=4)
    across = joints[:, JOINT["hip_l"]] - joints[:, JOINT["hip_r"]]
    heading = np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))
    assert np.rad2deg(heading[-1] - heading[0]) == pytest.approx(360, abs=1)
    inside = (times > 1.5) & (times < 2.7)
    assert score.planted(times)[inside, 0].all()
    assert not score.planted(times)[inside, 1].any()


def test_jump_leaves_the_floor_between_two_and_three():
    joints, times, _ = only("jump", counts=4)
    feet = joints[:, [JOINT["toe_l"], JOINT["toe_r"]], 1].min(-1)
    assert feet[(times > 2.4) & (times < 2.6)].min() > 0.05
    assert feet[times < 2].max() < 0.002
    assert feet[times > 3.05].max() < 0.002


def test_freeze_is_still():
    joints, times, _ = only("freeze", counts=4)
    held = joints[(times > 1.1) & (times < 2.9)]
    assert np.linalg.norm(held - held[0], axis=-1).max() < 0.01


def test_mirrored_move_is_the_mirror_image():
    left, _, _ = only("lunge")
    right, _, _ = only("lunge", mirror=True)
    swap = [JOINT[n[:-1] + {"l": "r", "r": "l"}[n[-1]] if n[-2:] in ("_l", "_r") else n] for n in JOINT]
    np.testing.assert_allclose(right, left[:, swap] * np.array([-1.0, 1.0, 1.0]), atol=1e-9)


def test_reach_puts_the_wrist_where_it_is_asked():
    body, target = Body(), np.array([0.15, -0.10, 0.30])
    score = Score()
    bar = Bar(score, "reach", mirror=False, size=1.0, rng=np.random.default_rng(0))
    bar.pose(1, **{f"{channel}_l": value for channel, value in arms.reach(*target).items()})
    joints = dancer.forward_kinematics(score.channels(np.array([1.0])), body)[0]
    np.testing.assert_allclose(joints[JOINT["wrist_l"]] - joints[JOINT["shoulder_l"]], target, atol=1e-6)


def test_travel_is_as_far_as_the_grammar_reckons():
    _, _, score = only("grapevine", counts=4)
    assert score.x == pytest.approx(moves.TRAVEL_M)


@pytest.mark.parametrize(("width", "height"), [(416, 240), (208, 120), (96, 128)])
def test_figure_stays_in_the_picture(dance, width, height):
    pixels = dancer.project(dance.joints_m, width, height)
    assert pixels[..., 0].min() > 1
    assert pixels[..., 0].max() < width - 1
    assert pixels[..., 1].min() > 1
    assert pixels[..., 1].max() < height - 1
    if width > 1.6 * height:
        tall = np.ptp(pixels[..., 1], axis=1) / height
        assert 0.72 < np.median(tall) < 0.9
        assert np.ptp(pixels[:, JOINT["pelvis"], 0]) > 0.15 * width


def test_picture_holds_the_figure_and_little_else():
    dance = dancer.choreograph(4.0, seed=1, fps=5.0)
    for coloured, black in zip(dancer.draw(dance), dancer.draw(dance, silhouette=True), strict=True):
        assert coloured.shape == black.shape == (240, 416, 3)
        assert coloured.dtype == np.uint8
        figure = black[..., 0] < 128
        assert 0.02 < figure.mean() < 0.2
        assert not figure[0].any()
        assert not figure[-1].any()
        assert black[0, 0].min() == 255
        # In colour the figure stands out from a light background.
        assert coloured[~figure].mean() > 215 > coloured[figure].mean() + 40
        # Anti-aliased: there is grey between black and white.
        assert ((black > 60) & (black < 200)).any()


def test_joints_lie_on_the_drawn_figure():
    dance = dancer.choreograph(6.0, seed=2, fps=3.0)
    for pose, picture in zip(dance.joints_m, dancer.draw(dance, silhouette=True), strict=True):
        inner = [i for name, i in JOINT.items() if name[:-2] not in ("heel", "toe", "fingers", "ball")]
        x, y = np.round(dancer.project(pose[inner], 416, 240)).astype(int).T
        assert (picture[y, x, 0] < 128).mean() > 0.95


def test_other_bodies_dance_too():
    small = dataclasses.replace(Body(), height_m=1.5, girth=1.2, top=(20, 120, 60))
    dance = dancer.choreograph(5.0, body=small)
    assert dance.joints_m[0, JOINT["crown"], 1] == pytest.approx(
        dancer.choreograph(5.0).joints_m[0, JOINT["crown"], 1] * 1.5 / 1.72, abs=0.02
    )
    assert next(dancer.draw(dance)).shape == (240, 416, 3)


@pytest.mark.parametrize("name", dancer.BODIES)
def test_every_body_dances_the_same_with_limbs_of_its_own(name):
    body = dancer.BODIES[name]
    first, own = dancer.choreograph(40.0, seed=1), dancer.choreograph(40.0, seed=1, body=body)
    assert own.labels == first.labels
    for start, end, part in (("hip", "knee", "thigh"), ("shoulder", "elbow", "upper_arm")):
        lengths = np.linalg.norm(joint(own, f"{start}_l") - joint(own, f"{end}_l"), axis=-1)
        np.testing.assert_allclose(lengths, body.metres(part), atol=1e-4)
    pixels = dancer.project(own.joints_m, 416, 240)
    assert pixels.min() > 1
    assert (pixels < (415, 239)).all()
    for side_number, side in enumerate("lr"):
        knee = angle_deg(
            joint(own, f"knee_{side}") - joint(own, f"hip_{side}"),
            joint(own, f"ankle_{side}") - joint(own, f"knee_{side}"),
        )
        assert knee.min() > 5
        assert knee.max() < KNEE_LIMIT_DEG
        standing = own.planted[:, side_number]
        assert joint(own, f"ball_{side}")[standing, 1].max() < 0.05
    picture = next(dancer.draw(own))
    shirt = (np.abs(picture.astype(int) - body.top).max(axis=-1) < 40).mean()
    assert shirt > 0.002, "its own clothes"


def test_films_say_whose_body_they_show(tmp_path):
    for name in dancer.BODIES:
        options = DancerOptions(minutes=0.01, width=64, height=48, body=name)
        made = dancer.write_video(tmp_path / f"{name}.mp4", options)
        assert made.body == dancer.BODIES[name]
        assert dancer.options_of(tmp_path / f"{name}.mp4") == options
    assert b"rose" not in (tmp_path / "rose.mp4").read_bytes(), "the first body's films are as they ever were"
    with pytest.raises(DancenetError, match="rose, moss, slate"):
        DancerOptions(body="nobody")


@pytest.mark.parametrize("tempo_bpm", [60.0, 112.0, 200.0])
def test_music_has_its_beats_where_it_says(tempo_bpm):
    rate_hz = 44100
    music = dancer.soundtrack(20.0, tempo_bpm, 0, rate_hz=rate_hz)
    assert music.dtype == np.float32
    assert music.shape == (20 * rate_hz,)
    assert 0.3 < np.abs(music).max() <= 1.0
    # The kick's lows begin at each beat: energy below 150 Hz just after it, against just before.
    width = rate_hz // 200
    low = np.convolve(music, np.ones(width) / width, "same") ** 2
    beats = np.arange(1, int(19 * tempo_bpm / 60)) * 60 / tempo_bpm
    after = np.array([low[int(b * rate_hz) :][: rate_hz // 20].mean() for b in beats])
    before = np.array([low[: int(b * rate_hz)][-rate_hz // 20 :].mean() for b in beats])
    assert np.mean(after > 1.5 * before) > 0.95


def test_music_differs_by_seed_and_repeats_by_seed():
    first, again, other = (dancer.soundtrack(5.0, 112.0, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


def test_write_video_is_an_ordinary_video(tmp_path):
    path, seen = tmp_path / "dancer.mp4", []
    options = DancerOptions(minutes=0.05, tempo=120.0, width=208, height=120)
    dance = dancer.write_video(path, options, progress=lambda what, done, total: seen.append((done, total)))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 208, 120)
        assert len(container.streams.audio) == 1
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == len(dance.joints_m) == 90
    assert seen[-1] == (90, 90)
    drawn = np.stack(list(dancer.draw(dance, width=208, height=120)))
    assert np.abs(np.stack(frames).astype(float) - drawn).mean() < 4
    assert [item.name for item in tmp_path.iterdir()] == ["dancer.mp4"]


def test_a_film_without_sound_has_the_same_pictures_and_says_how_it_was_made(tmp_path):
    options, pictures = DancerOptions(minutes=0.01, width=64, height=48), []
    for sound in (True, False):
        dancer.write_video(tmp_path / "film.mp4", options, sound=sound)
        assert dancer.options_of(tmp_path / "film.mp4") == options
        with av.open(str(tmp_path / "film.mp4")) as container:
            assert len(container.streams.audio) == sound
            pictures.append([frame.to_ndarray() for frame in container.decode(video=0)])
    np.testing.assert_array_equal(*pictures)


def test_truth_loads_without_pickle(tmp_path):
    dance = dancer.choreograph(2.0)
    dancer.save_truth(tmp_path / "truth.npz", dance)
    with np.load(tmp_path / "truth.npz", allow_pickle=False) as truth:
        np.testing.assert_array_equal(truth["joints_m"], dance.joints_m)
        assert tuple(truth["labels"]) == dance.labels


@pytest.mark.parametrize(
    "wrong", [{"duration_s": 0.0}, {"duration_s": -1.0}, {"tempo_bpm": 30.0}, {"fps": 0.0}, {"seed": -1}]
)
def test_bad_arguments_say_what_was_expected(wrong):
    with pytest.raises(DancenetError, match="expected"):
        dancer.choreograph(**({"duration_s": 1.0} | wrong))
