"""Moves carried by the feet. Every move starts and ends in the stance (feet under the hips).

A move writes four counts into a bar and ends it. Left is named; a mirrored bar swaps the sides.
Places are metres from the stance's centre: x to the left, z to the front.
"""

import numpy as np

from dancenet.figure.arms import any_pattern, arms
from dancenet.figure.score import BALL_AHEAD_M, REST_DROP_M, STANCE_M, Bar

_S = STANCE_M
#: How far a grapevine of size 1 travels, in metres.
TRAVEL_M = 0.58


def step_touch(bar: Bar) -> None:
    """Step to the left, close with a touch, step back, touch."""
    wide = 0.34 * bar.size
    bar.step("l", 1, _S + wide)
    bar.step("r", 2, wide - 0.6 * _S, pitch=28)
    bar.step("r", 3, -_S)
    bar.step("l", 4, _S)
    bar.root(1, 0.6 * wide, drop=0.06)
    bar.root(2, wide, drop=0.04)
    bar.root(3, 0.35 * wide, drop=0.06)
    bar.root(4, 0.0)
    for count, sign in ((1, 0.4), (2, 1), (3, -0.4), (4, -1)):
        bar.pose(count, pelvis_roll=7 * sign, waist_roll=-9 * sign, chest_twist=9 * sign, neck_roll=5 * sign)
    any_pattern(bar, "swing", "open", "snap", "roll", "hips", "push", "nape")
    bar.finish(4)


def grapevine(bar: Bar) -> None:
    """Side, behind, side, touch: travels to the left."""
    wide = TRAVEL_M / 2.4 * bar.size
    travel = TRAVEL_M * bar.size
    bar.step("l", 1, _S + wide)
    bar.step("r", 2, _S + 1.35 * wide, -0.17, yaw=-15)
    bar.step("l", 3, _S + travel)
    bar.step("r", 4, travel - _S)
    for count, x, drop in ((1, 0.6, 0.05), (2, 1.45, 0.07), (3, 2.0, 0.05), (4, 2.4, REST_DROP_M)):
        bar.root(count, x * wide, -0.05 if count == 2 else 0.0, drop=drop)
    bar.pose(1, pelvis_twist=8, waist_twist=-8, neck_twist=20)
    bar.pose(2, pelvis_twist=-22, waist_twist=22, neck_twist=25)
    bar.pose(3, pelvis_twist=8, waist_twist=-8, neck_twist=20)
    bar.pose(4, pelvis_twist=0, waist_twist=0, neck_twist=0, pelvis_roll=4, waist_roll=-8)
    any_pattern(bar, "open", "rise", "snap", "frame", "swing")
    bar.finish(4, x=travel)


def march(bar: Bar) -> None:
    """Knees high on every count; may come to face another way."""
    lift = 0.26 * bar.size
    turned = bar.turn
    for count, side in ((1, "l"), (2, "r"), (3, "l"), (4, "r")):
        sign = 1 if side == "l" else -1
        yaw = turned * count / 4 if count < 3 else turned
        angle = np.deg2rad(yaw)
        # The knee is highest half a count before the foot comes down on the beat.
        x = sign * _S * np.cos(angle) + BALL_AHEAD_M * np.sin(angle)
        z = -sign * _S * np.sin(angle) + BALL_AHEAD_M * (np.cos(angle) - 1)
        bar.step(side, count, x, z, lift=lift, yaw=yaw, lead=0.9)
        bar.root(count - 0.5, -0.05 * sign, drop=0.03, turn=turned * (count - 0.5) / 4)
        bar.root(count, 0.0, drop=0.05, turn=turned * count / 4)
        bar.pose(count - 0.5, pelvis_roll=-5 * sign, waist_roll=6 * sign, waist_twist=-12 * sign)
        bar.pose(count, pelvis_roll=0, waist_roll=0, waist_twist=0)
    any_pattern(bar, "swing", "push", "frame", "rise")
    bar.finish(4, turn=turned)


def box_step(bar: Bar) -> None:
    """A jazz square: cross in front, back, side, together."""
    d = 0.24 * bar.size
    bar.step("l", 1, -0.6 * _S, d, yaw=-5)
    bar.step("r", 2, -_S - 0.04, -0.5 * d)
    bar.step("l", 3, _S + 0.10, -0.3 * d)
    bar.step("r", 4, -_S, 0.0)
    bar.step("l", 4, _S, 0.0, lead=0.3, lift=0.03)
    for count, x, z, drop in (
        (1, -0.10, 0.5, 0.07),
        (2, -0.06, 0.1, 0.05),
        (3, 0.08, -0.25, 0.06),
        (4, 0, 0, 0.035),
    ):
        bar.root(count, x, z * d, drop=drop)
    for count, sign in ((1, -1), (2, 0.5), (3, 1), (4, 0)):
        bar.pose(
            count, pelvis_twist=14 * sign, waist_twist=-18 * sign, waist_roll=6 * sign, pelvis_roll=5 * sign
        )
    any_pattern(bar, "open", "snap", "hips", "swing", "nape")
    bar.finish(4)


def kick(bar: Bar) -> None:
    """Kick, step, kick with the other leg, step."""
    height = 0.58 * bar.size
    for count, side in ((1, "l"), (3, "r")):
        sign = 1 if side == "l" else -1
        bar.hold(side, count - 0.85)
        bar.foot(side, count - 0.45, sign * _S, -0.04, 0.24, pitch=35)
        bar.foot(side, count, sign * (_S + 0.06), 0.68, height, pitch=12)
        bar.foot(side, count + 0.5, sign * _S, 0.05, 0.22, pitch=25)
        bar.foot(side, count + 1, sign * _S)
        bar.root(count - 0.45, -0.10 * sign, drop=0.05)
        bar.root(count, -0.11 * sign, -0.06, drop=0.045)
        bar.root(count + 1, 0.0, drop=0.06 if count == 1 else REST_DROP_M)
        bar.pose(
            count,
            pelvis_pitch=-12,
            waist_pitch=10,
            chest_pitch=6,
            pelvis_roll=-4 * sign,
            waist_twist=16 * sign,
        )
        bar.pose(count + 1, pelvis_pitch=0, waist_pitch=4, chest_pitch=0, pelvis_roll=0, waist_twist=0)
    if bar.rng.random() < 0.5:
        for count, (left, right) in enumerate(
            (("back", "front"), ("fists", "fists"), ("front", "back"), ("fists",) * 2), 1
        ):
            arms(bar, count, left, right)
    else:
        any_pattern(bar, "open", "hips", "frame")
    bar.finish(4)


def heel_curl(bar: Bar) -> None:
    """Weight from side to side, the free heel curled up behind."""
    wide = 0.16 * bar.size
    bar.step("l", 0.6, _S + wide, lead=0.5)
    bar.step("r", 1.2, -_S - wide, lead=0.5)
    for count, side in ((2, "r"), (3, "l"), (4, "r")):
        sign = 1 if side == "l" else -1
        bar.root(count, -sign * (wide + 0.05), drop=0.05)
        bar.pose(
            count, pelvis_roll=-6 * sign, waist_roll=10 * sign, chest_roll=4 * sign, chest_twist=10 * sign
        )
        bar.root(count - 0.5, 0.0, drop=0.09)
        if count == 4:
            bar.step("r", 4, -_S, 0.0, lead=0.6)
            bar.step("l", 4, _S, 0.0, lead=0.35, lift=0.04)
            bar.root(4, 0.0)
            continue
        bar.hold(side, count - 0.45)
        bar.foot(side, count, sign * (_S + wide - 0.03), -0.20, 0.30, pitch=62)
        bar.foot(side, count + 0.45, sign * (_S + wide))
    bar.root(1, 0.05, drop=0.06)
    bar.pose(4, pelvis_roll=0, waist_roll=0, chest_roll=0, chest_twist=0)
    any_pattern(bar, "swing", "open", "push", "frame", "snap")
    bar.finish(4)


def squat(bar: Bar) -> None:
    """Step wide, sink deep, rise, close."""
    wide = 0.17 * bar.size
    bar.step("l", 1, _S + wide, yaw=18)
    bar.step("r", 1.25, -_S - wide, yaw=-18, lead=0.5)
    deep = 0.30 * bar.size
    bar.root(1, 0.04, drop=0.10)
    bar.root(2, 0.0, -0.06, drop=deep)
    bar.root(3, 0.0, -0.05, drop=0.6 * deep)
    bar.root(3.5, 0.0, -0.06, drop=0.95 * deep)
    bar.root(4, 0.0)
    bar.pose(2, pelvis_pitch=22, waist_pitch=12, chest_pitch=-4, neck_pitch=-16, bounce=0.2)
    bar.pose(3, pelvis_pitch=14, waist_pitch=4, chest_pitch=-4, neck_pitch=-8, bounce=0.2)
    bar.pose(4, pelvis_pitch=0, waist_pitch=0, chest_pitch=0, neck_pitch=0, bounce=1)
    bar.step("l", 4, _S, lead=0.4, lift=0.04)
    bar.step("r", 4.0, -_S, lead=0.75, lift=0.04)
    low = ("front", "front") if bar.rng.random() < 0.5 else ("fists", "fists")
    arms(bar, 1, "low")
    arms(bar, 2, *low)
    arms(bar, 3, "goal" if low[0] == "front" else "open")
    arms(bar, 4, "vee" if bar.rng.random() < 0.5 else "rest")
    bar.finish(4)


def jump(bar: Bar) -> None:
    """Crouch on 2, fly with the limbs spread, land on 3; may come to face another way."""
    up, spread = 0.17 * bar.size, 0.20 * bar.size
    turned = bar.turn
    bar.pose(1, bounce=0.6)
    bar.root(1, drop=0.06)
    bar.root(2, z=-0.03, drop=0.24)
    bar.root(2.5, drop=-0.14 * bar.size, turn=0.5 * turned)
    bar.root(3, drop=0.10, turn=turned)
    bar.root(3.3, z=-0.02, drop=0.18, turn=turned)
    bar.root(4, turn=turned)
    angle = np.deg2rad(turned)
    for side, sign in (("l", 1), ("r", -1)):
        x = sign * _S * np.cos(angle) + BALL_AHEAD_M * np.sin(angle)
        z = -sign * _S * np.sin(angle) + BALL_AHEAD_M * (np.cos(angle) - 1)
        # Heels leave the floor first and come back to it last.
        bar.hold(side, 2.0)
        bar.foot(side, 2.2, sign * _S, pitch=34)
        bar.foot(side, 2.52, sign * (_S + spread), 0, up, pitch=40, yaw=0.5 * turned)
        bar.foot(side, 3, x, z, yaw=turned, pitch=16)
        bar.foot(side, 3.25, x, z, yaw=turned)
    bar.pose(2, pelvis_pitch=20, waist_pitch=14, neck_pitch=-12, bounce=0)
    bar.pose(2.5, pelvis_pitch=-4, waist_pitch=-6, neck_pitch=-6, bounce=0)
    bar.pose(3.3, pelvis_pitch=12, waist_pitch=8, neck_pitch=-6, bounce=0)
    bar.pose(4, pelvis_pitch=0, waist_pitch=0, neck_pitch=0, bounce=1)
    arms(bar, 2, "back")
    arms(bar, 2.55, "open")
    arms(bar, 3.2, "low")
    arms(bar, 4, "rest")
    bar.finish(4, turn=turned)


def spin(bar: Bar) -> None:
    """Prepare on 1, a whole turn on the ball of the left foot until 3, close on 4."""
    bar.step("r", 1, -_S - 0.12, -0.12, yaw=-15)
    bar.root(1, -0.03, -0.02, drop=0.12, turn=-22)
    bar.pose(1, waist_twist=-14, chest_twist=-8, neck_twist=25, bounce=0.3)
    arms(bar, 1, "open", "chest")
    _turn_on_the_ball(bar, start=1.3, end=3.0)
    bar.pose(2.15, waist_twist=4, chest_twist=0, neck_twist=0, bounce=0)
    bar.pose(3, waist_twist=0, neck_twist=0, bounce=0.5)
    arms(bar, 1.9, "chest")
    arms(bar, 2.6, "chest")
    arms(bar, 3.2, "open")
    bar.root(3.3, drop=0.08, turn=360)
    bar.root(4, turn=360)
    arms(bar, 4, "low" if bar.rng.random() < 0.5 else "hips")
    bar.finish(4, turn=360)


def _turn_on_the_ball(bar: Bar, start: float, end: float) -> None:
    """360 degrees to the left: the left heel rises, the right foot is drawn to the knee and set down."""
    bar.hold("l", start)
    bar.hold("r", start)
    steps = 20
    for index in range(1, steps + 1):
        share = index / steps
        count = start + (end - start) * share
        eased = share * share * (3 - 2 * share)
        tall = np.sin(np.pi * share) ** 2
        tall = tall * (2 - tall)
        body = np.deg2rad(360 * eased)
        bar.foot("l", count, _S, yaw=360 * eased, pitch=32 * tall)
        x, z = _S * tall, 0.06 * tall
        bar.root(count, x, z, drop=0.08 - 0.08 * tall, turn=-22 * (1 - eased) + 360 * eased)
        # The free foot in the body's axes: from behind, by the left knee, to its place in the stance.
        aside = tall * -0.05 + (1 - tall) * (-_S - 0.12 * (1 - eased))
        ahead = BALL_AHEAD_M + tall * 0.08 - (1 - tall) * 0.12 * (1 - eased)
        bar.foot(
            "r", count,
            x + aside * np.cos(body) + ahead * np.sin(body),
            z - aside * np.sin(body) + ahead * np.cos(body) - BALL_AHEAD_M,
            y=0.34 * tall, yaw=360 * eased - 15 * (1 - eased), pitch=45 * tall,
        )  # fmt: skip


def twist(bar: Bar) -> None:
    """Feet and hips twist on the balls of the feet against the shoulders."""
    for half in range(1, 8):
        sign = 1 if half % 2 else -1
        if half == 7:
            sign = 0
        count = half * 0.5 + (0.5 if half == 7 else 0.0)
        for side, out in (("l", 1), ("r", -1)):
            bar.foot(side, count, out * _S, yaw=26 * sign * bar.size, pitch=10 * abs(sign))
        bar.pose(
            count, pelvis_twist=20 * sign, waist_twist=-26 * sign, chest_twist=-8 * sign, neck_twist=10 * sign
        )
        for side, way in (("l", sign), ("r", -sign)):
            swung = {"forward": 18 - 24 * way, "side": 14, "turn": -22, "elbow": 78}
            bar.pose(count, **{f"{channel}_{side}": value for channel, value in swung.items()})
    for count, drop in ((1, 0.10), (2, 0.17), (3, 0.12), (4, REST_DROP_M)):
        bar.root(count, 0.03 * (1 if count % 2 else -1) if count < 4 else 0.0, drop=drop)
    bar.finish(4)
