"""Moves carried by the trunk and arms. Like the moves of the feet: four counts, from stance to stance."""

import numpy as np

from dancenet.figure.arms import any_pattern, arms, reach
from dancenet.figure.score import REST_DROP_M, STANCE_M, Bar

_S = STANCE_M


def _widen(bar: Bar, left: float, ahead: float = 0.0, yaw: float = 10.0) -> None:
    """The left foot steps out in the first count and comes back on the last."""
    bar.step("l", 0.9, _S + left, ahead, yaw=yaw, lead=0.6)
    bar.step("l", 4, _S, lead=0.7)


def _ease_heels(bar: Bar, signs: dict[float, int], left: float = 0.0, pitch: float = 26.0) -> None:
    """The heel of the leg without weight comes up and its knee turns in, on the ball of the foot.

    Args:
        bar: where to write; the left foot stands `left` metres out.
        signs: count to +1 (weight on the left), -1 (on the right) or 0 (on both).
        left: see above.
        pitch: how far the heel rises, in degrees.
    """
    for side, weight, x in (("l", -1, _S + left), ("r", 1, -_S)):
        for count, sign in signs.items():
            free = sign == weight
            bar.foot(side, count, x, yaw=(18 if side == "r" else -18) * free, pitch=pitch * free)


def groove(bar: Bar) -> None:
    """Bounce on the spot, weight and shoulders from side to side."""
    for count in (1, 2, 3, 4):
        sign = (1 if count % 2 else -1) * bar.size
        bar.root(count, 0.055 * sign if count < 4 else 0.0, drop=0.07)
        bar.pose(
            count, pelvis_roll=6 * sign, waist_roll=-10 * sign, chest_roll=-4 * sign, chest_twist=10 * sign,
            neck_roll=6 * sign, shrug_l=0.02 + 0.02 * sign, shrug_r=0.02 - 0.02 * sign,
        )  # fmt: skip
        bar.root(count - 0.5, 0.0, drop=0.03)
    _ease_heels(bar, {1: 1, 2: -1, 3: 1, 4: 0}, pitch=20)
    any_pattern(bar, "swing", "roll", "snap", "push", "hips")
    bar.finish(4)


def sway(bar: Bar) -> None:
    """Wide stance, the whole body swaying, arms high or hanging."""
    wide = 0.15 * bar.size
    bar.step("l", 1, _S + wide)
    _ease_heels(bar, {1: 1, 2: -1, 3: 1}, wide)
    for count, sign in ((1, 1), (2, -1), (3, 1), (4, 0)):
        bar.root(count, 0.5 * wide + 0.13 * sign if sign else 0.0, drop=0.07 if sign else REST_DROP_M)
        if count < 4:
            bar.root(count - 0.5, 0.5 * wide, drop=0.05)
        bar.pose(count, pelvis_roll=-3 * sign, waist_roll=15 * sign, chest_roll=7 * sign, neck_roll=12 * sign)
    bar.step("l", 4, _S, lead=0.6)
    if bar.rng.random() < 0.6:
        for count, sign in ((1, 1), (2, -1), (3, 1)):
            for side, way in (("l", sign), ("r", -sign)):
                high = {
                    "forward": 30,
                    "side": 94 - 22 * way,
                    "turn": 20,
                    "elbow": 42 + 14 * way,
                    "wrist": -12 * way,
                }
                bar.pose(count, **{f"{channel}_{side}": value for channel, value in high.items()})
        arms(bar, 4, "low")
    else:
        any_pattern(bar, "snap", "hips", "open")
    bar.finish(4)


def body_wave(bar: Bar) -> None:
    """A wave from the head down through chest and waist to the hips and knees, twice."""
    size = bar.size
    left, stride = 0.05, 0.26 * size
    _widen(bar, left, stride, yaw=0)
    for start in (0.0, 2.0):
        bar.pose(start + 0.5, neck_pitch=-14 * size, chest_pitch=-18 * size, waist_pitch=4)
        bar.pose(start + 1.0, neck_pitch=16 * size, chest_pitch=6, waist_pitch=-16 * size, pelvis_pitch=12)
        bar.pose(start + 1.5, neck_pitch=12 * size, chest_pitch=20 * size, waist_pitch=4, pelvis_pitch=-14)
        bar.pose(start + 2.0, neck_pitch=0, chest_pitch=2, waist_pitch=2, pelvis_pitch=0)
        for after, ahead, drop in (
            (0.5, -0.03, 0.03),
            (1.0, 0.05, 0.07),
            (1.5, 0.0, 0.15),
            (2.0, -0.02, 0.05),
        ):
            bar.root(start + after, 0.5 * left, 0.45 * stride + ahead * size, drop=drop)
    bar.pose(0.5, bounce=0)
    bar.pose(3.5, bounce=0)
    bar.pose(4, bounce=1)
    high = bar.rng.random() < 0.5
    for count, name in (
        (1, "vee" if high else "low"),
        (2, "nape" if high else "hips"),
        (3, "halo" if high else "low"),
    ):
        arms(bar, count, name)
    arms(bar, 4, "low")
    bar.root(4)
    bar.finish(4)


def arm_wave(bar: Bar) -> None:
    """A wave that runs through both arms, from the right hand over the shoulders to the left, and back."""
    size = bar.size
    wide = 0.20 * size
    _widen(bar, wide)
    arms(bar, 0.6, "open")
    for tick in range(1, 8):
        count = 0.5 + tick * 0.4375
        crest = 5.5 - abs(tick - 4) * 1.85  # right hand (0) to left hand (5.5) on count 2.25, and back
        for side, place in (("r", 1.0), ("l", 4.5)):
            near = np.exp(-((crest - place) ** 2) / 1.6)
            hand = np.exp(-((crest - (0.0 if side == "r" else 5.5)) ** 2) / 1.2)
            bar.pose(count, **{
                f"side_{side}": 70 + 42 * near * size, f"forward_{side}": 14, f"turn_{side}": -75,
                f"elbow_{side}": 10 + 62 * near * size, f"wrist_{side}": 35 * near - 45 * hand,
                f"shrug_{side}": 0.05 * np.exp(-((crest - (2.2 if side == "r" else 3.3)) ** 2) / 1.5),
            })  # fmt: skip
        lean = (crest - 2.75) / 2.75
        bar.pose(
            count,
            waist_roll=8 * lean,
            chest_roll=6 * lean,
            neck_twist=40 * lean,
            neck_roll=4 * lean,
            bounce=0.4,
        )
        bar.root(count, 0.5 * wide + 0.10 * lean, drop=0.09)
    arms(bar, 4, "low")
    bar.pose(4, waist_roll=0, chest_roll=0, neck_twist=0, neck_roll=0, bounce=1, shrug=0)
    bar.root(4)
    bar.finish(4)


def hip_circle(bar: Bar) -> None:
    """The hips draw two circles above still feet."""
    wide = 0.16 * bar.size
    _widen(bar, wide)
    for eighth in range(1, 16):
        angle = np.pi * eighth / 4
        count = eighth / 4
        fade = min(1.0, 0.5 * eighth, 0.5 * (16 - eighth)) * bar.size
        x, z = np.sin(angle) * fade, -np.cos(angle) * fade
        bar.root(count, 0.5 * wide + 0.10 * x, 0.08 * z, drop=0.10)
        bar.pose(
            count, pelvis_roll=-7 * x, pelvis_pitch=-8 * z, waist_roll=15 * x, waist_pitch=12 * z, bounce=0.3
        )
    bar.root(4)
    bar.pose(4, pelvis_roll=0, pelvis_pitch=0, waist_roll=0, waist_pitch=0, bounce=1)
    any_pattern(bar, "hips", "nape", "rise", "roll")
    bar.finish(4)


def shimmy(bar: Bar) -> None:
    """Shoulders in quick alternation, bending forward and back up."""
    wide = 0.22 * bar.size
    _widen(bar, wide, 0.06)
    for half in range(1, 8):
        sign = (1 if half % 2 else -1) * bar.size
        bar.pose(half / 2, chest_twist=15 * sign, shrug_l=0.02 + 0.03 * sign, shrug_r=0.02 - 0.03 * sign)
    bar.pose(2, waist_pitch=20 * bar.size, pelvis_pitch=12, neck_pitch=-18)
    bar.pose(4, waist_pitch=0, pelvis_pitch=0, neck_pitch=0, chest_twist=0, shrug=0)
    bar.root(1, 0.6 * wide, 0.0, drop=0.09)
    bar.root(2, 0.75 * wide, -0.05, drop=0.16)
    bar.root(4)
    for count, name in ((1, "low"), (2, "open"), (3, "open"), (4, "low")):
        arms(bar, count, name)
    bar.finish(4)


def clap(bar: Bar) -> None:
    """Step and clap on 2 and on 4, low and then before the chest or above the head."""
    wide = 0.28 * bar.size
    bar.step("l", 1, _S + wide, yaw=10)
    bar.root(1, 0.5 * wide, drop=0.08)
    bar.root(2, 0.85 * wide, drop=0.05)
    bar.root(3, 0.15 * wide, drop=0.08)
    for count, free in ((0.9, 0), (2, 1), (3, 0)):
        bar.foot("r", count, -_S, yaw=20 * free, pitch=32 * free)
    bar.step("l", 4, _S)
    bar.root(4)
    second = "clap_high" if bar.rng.random() < 0.5 else "clap"
    arms(bar, 1, "open")
    arms(bar, 2, "clap")
    arms(bar, 3, "open")
    arms(bar, 4, second)
    for count, sign in ((1, 0), (2, 1), (3, 0), (4, -1)):
        bar.pose(count, pelvis_roll=6 * sign, chest_twist=8 * sign, waist_roll=-5 * sign, neck_roll=6 * sign)
    bar.finish(4)


def lunge(bar: Bar) -> None:
    """A deep lunge to the left with one arm thrown out, held, and back."""
    wide = 0.48 * bar.size
    bar.step("l", 1, _S + wide, 0.02, yaw=35, lead=0.7)
    for count, free in ((0.5, 0), (1, 1), (2.5, 1), (4, 0)):
        bar.foot("r", count, -_S, yaw=22 * free, pitch=24 * free)
    bar.root(1, 0.62 * wide, drop=0.18)
    bar.root(2, 0.66 * wide, drop=0.21)
    bar.root(3, 0.40 * wide, drop=0.12)
    bar.step("l", 4, _S, lead=0.75)
    bar.root(4)
    bar.pose(1, waist_roll=10, pelvis_roll=-4, neck_twist=35, chest_twist=12, bounce=0.3)
    bar.pose(2, waist_roll=14, pelvis_roll=-4, neck_twist=40, chest_twist=14, bounce=0.3)
    bar.pose(4, waist_roll=0, pelvis_roll=0, neck_twist=0, chest_twist=0, bounce=1)
    style = int(bar.rng.integers(3))
    first, second = (("open", "hips"), ("point_up", "low"), ("front", "back"))[style]
    arms(bar, 1, first, second)
    arms(bar, 2, first, second)
    arms(bar, 3, "cross" if style == 0 else "chest")
    arms(bar, 4, "rest")
    bar.finish(4)


def disco_point(bar: Bar) -> None:
    """One hip out, the arm points high to its side, then low across."""
    wide = 0.22 * bar.size
    bar.step("l", 1, _S + wide)
    _ease_heels(bar, {1: 1, 2: -1, 3: 1}, wide)
    for count, sign in ((1, 1), (2, -1), (3, 1), (4, 0)):
        bar.root(count, (0.5 * wide + 0.12 * sign) if sign else 0.0, drop=0.09 if sign else REST_DROP_M)
        bar.pose(
            count, pelvis_roll=-8 * sign, waist_roll=4 * sign, chest_roll=7 * sign, neck_twist=28 * sign,
            neck_pitch=-8 * sign, chest_twist=8 * sign,
        )  # fmt: skip
        if sign:
            arms(bar, count, "point_up" if sign > 0 else "point_down", "hips")
    bar.step("l", 4, _S)
    arms(bar, 4, "low", "rest")
    bar.finish(4)


_POSES = (
    (("point_up", "hips"), {"waist_roll": -8, "pelvis_roll": 8, "neck_twist": 30, "neck_pitch": -12}),
    (("vee", "vee"), {"chest_pitch": -10, "neck_pitch": -15}),
    (("nape", "hips"), {"pelvis_roll": -9, "waist_roll": 12, "neck_roll": 10, "waist_twist": 15}),
    (("chest", "chest"), {"waist_twist": -15, "neck_twist": 25, "neck_pitch": 10, "waist_pitch": 6}),
    (("goal", "point_down"), {"waist_roll": 12, "chest_roll": 8, "neck_twist": -25}),
    (("halo", "low"), {"waist_roll": -14, "chest_roll": -8, "neck_roll": -12, "neck_pitch": -6}),
    (("open", "nape"), {"waist_twist": 20, "pelvis_roll": 6, "neck_twist": 30}),
)


def freeze(bar: Bar) -> None:
    """Strike a pose on 1 and hold it, still, until 3."""
    (left, right), trunk = _POSES[int(bar.rng.integers(len(_POSES)))]
    wide = float(bar.rng.uniform(0.06, 0.2)) * bar.size
    bar.step("l", 1, _S + wide, float(bar.rng.uniform(-0.08, 0.1)), yaw=20)
    lean, drop = float(bar.rng.uniform(-0.05, 0.12)), float(bar.rng.uniform(0.05, 0.13))
    for count in (1, 3):
        bar.root(count, 0.5 * wide + lean, drop=drop)
        bar.pose(count, bounce=0.0, **trunk)
        arms(bar, count, left, right)
    bar.step("l", 4, _S, lead=0.7)
    bar.root(4)
    bar.pose(4, bounce=1.0, **dict.fromkeys(trunk, 0.0))
    arms(bar, 4, "low")
    bar.finish(4)


def shoulder_roll(bar: Bar) -> None:
    """Forearms held before the body, elbows and shoulders circling, one side after the other."""
    for count, side in ((1, "l"), (2, "r"), (3, "l"), (4, "r")):
        other, sign = ("r", 1) if side == "l" else ("l", -1)
        up = reach(-0.02, -0.02, 0.22, (1.0, 0.3, 0.0))
        down = reach(0.03, -0.30, 0.12, (0.8, -0.8, -0.4))
        for name, pose, shrug in ((side, up, 0.055), (other, down, 0.0)):
            bar.pose(count, **{f"{channel}_{name}": value for channel, value in pose.items()})
            bar.pose(count, **{f"shrug_{name}": shrug})
        bar.pose(
            count, chest_roll=-8 * sign, chest_twist=-10 * sign, waist_roll=-5 * sign, neck_roll=8 * sign
        )
        bar.root(count, -0.05 * sign if count < 4 else 0.0, drop=0.08)
    _ease_heels(bar, {1: -1, 2: 1, 3: -1, 4: 0}, pitch=20)
    bar.finish(4)
