"""A human body: proportions, joint limits, and forward kinematics from channels to joints.

Axes in metres: x to the dancer's left when the heading is 0 (the picture's right), y up from the
floor, z towards the camera. Angles in degrees. Shape letters: T frames, J joints.

Segment lengths are fractions of stature after Drillis and Contini (1966), as tabled in Winter,
"Biomechanics and Motor Control of Human Movement", figure 4.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.spatial.transform import Rotation

Colour = tuple[int, int, int]

_LIMB_JOINTS = ("shoulder", "elbow", "wrist", "fingers", "hip", "knee", "ankle", "heel", "ball", "toe")
JOINT_NAMES = (
    "pelvis", "waist", "chest", "neck", "head", "crown",
    *(f"{name}_{side}" for side in "lr" for name in _LIMB_JOINTS),
)  # fmt: skip
#: Place of each joint on the joint axis.
JOINT = MappingProxyType({name: index for index, name in enumerate(JOINT_NAMES)})

#: Pairs of joints whose distance never changes. Heel, ankle and ball are one rigid triangle.
BONES = (
    ("pelvis", "waist"), ("waist", "chest"), ("chest", "neck"), ("neck", "head"), ("head", "crown"),
    *(
        (f"{start}_{side}", f"{end}_{side}")
        for side in "lr"
        for start, end in (
            ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "fingers"), ("hip", "knee"),
            ("knee", "ankle"), ("ankle", "heel"), ("ankle", "ball"), ("heel", "ball"), ("ball", "toe"),
        )
    ),
    ("hip_l", "hip_r"),
)  # fmt: skip


def _channels() -> dict[str, tuple[float, float, float]]:
    trunk = {
        "pelvis_pitch": (-20.0, 0.0, 45.0), "pelvis_roll": (-20.0, 0.0, 20.0),
        "pelvis_twist": (-45.0, 0.0, 45.0), "bounce": (0.0, 1.0, 1.0),
        **{
            f"{part}_{axis}": limits
            for part, table in (
                ("waist", ((-20.0, 0.0, 45.0), (-25.0, 0.0, 25.0), (-45.0, 0.0, 45.0))),
                ("chest", ((-25.0, 0.0, 30.0), (-20.0, 0.0, 20.0), (-25.0, 0.0, 25.0))),
                ("neck", ((-35.0, 0.0, 40.0), (-35.0, 0.0, 35.0), (-70.0, 0.0, 70.0))),
            )
            for axis, limits in zip(("pitch", "roll", "twist"), table, strict=True)
        },
    }  # fmt: skip
    arms = {
        "shrug": (-0.02, 0.0, 0.06), "forward": (-55.0, 4.0, 175.0), "side": (-45.0, 9.0, 175.0),
        "turn": (-115.0, -10.0, 110.0), "elbow": (3.0, 22.0, 145.0), "wrist": (-70.0, 5.0, 70.0),
    }  # fmt: skip
    return trunk | {f"{name}_{side}": limits for side in "lr" for name, limits in arms.items()}


#: Channels of the trunk and arms as (least, at rest, most): degrees; `shrug` metres; `bounce` 0 to 1.
#: pitch: forward; roll: towards the left; twist: to the left. `forward` and `side` are the two parts
#: of the vector that swings a hanging upper arm, `turn` rolls it outwards, `elbow` and `wrist` flex.
CHANNELS: Mapping[str, tuple[float, float, float]] = MappingProxyType(_channels())

#: Largest angle in degrees between neighbouring segments that the legs may reach.
KNEE_LIMIT_DEG = 150.0
#: Share of the leg's length that is ever used: a knee that never locks never snaps.
LEG_REACH = 0.985


@dataclass(frozen=True)
class Body:
    """Proportions and colours of one dancer.

    Lengths are fractions of `height_m`; `girth` and `head` say how thick all is and how large the head, as
    multiples of the first body's; colours are RGB.
    """

    height_m: float = 1.72
    hip_height: float = 0.525
    hip_half: float = 0.052
    waist_above_hip: float = 0.095
    chest_above_waist: float = 0.095
    neck_above_chest: float = 0.115
    head_above_neck: float = 0.098
    crown_above_head: float = 0.072
    shoulder_half: float = 0.106
    upper_arm: float = 0.172
    forearm: float = 0.146
    hand: float = 0.098
    thigh: float = 0.245
    shank: float = 0.242
    ankle_height: float = 0.042
    ankle_to_ball: float = 0.072
    heel_to_ball: float = 0.100
    toe: float = 0.045
    girth: float = 1.0
    head: float = 1.0
    skin: Colour = (224, 172, 140)
    hair: Colour = (66, 42, 34)
    top: Colour = (214, 72, 84)
    trousers: Colour = (46, 62, 104)
    shoes: Colour = (250, 246, 238)

    def metres(self, part: str) -> float:
        """The length of `part` in metres."""
        return getattr(self, part) * self.height_m


#: The bodies that a film can show, by name. All dance the same choreography for the same seed.
BODIES: Mapping[str, Body] = MappingProxyType({
    "rose": Body(),
    "moss": Body(
        height_m=1.66, hip_height=0.560, hip_half=0.045, waist_above_hip=0.085, chest_above_waist=0.088,
        neck_above_chest=0.108, head_above_neck=0.090, crown_above_head=0.069, shoulder_half=0.098,
        upper_arm=0.184, forearm=0.158, hand=0.102, thigh=0.262, shank=0.260, girth=0.88, head=0.94,
        skin=(116, 74, 52), hair=(24, 20, 22), top=(236, 186, 48), trousers=(48, 112, 74),
        shoes=(40, 36, 40),
    ),
    "slate": Body(
        height_m=1.58, hip_height=0.488, hip_half=0.064, waist_above_hip=0.100, chest_above_waist=0.100,
        neck_above_chest=0.122, head_above_neck=0.108, crown_above_head=0.082, shoulder_half=0.126,
        upper_arm=0.160, forearm=0.136, hand=0.096, thigh=0.228, shank=0.224, girth=1.2, head=1.12,
        skin=(244, 208, 182), hair=(206, 158, 84), top=(52, 96, 196), trousers=(150, 148, 152),
        shoes=(120, 40, 60),
    ),
})  # fmt: skip


def _rotation(axis: str, degrees: np.ndarray) -> Rotation:
    return Rotation.from_euler(axis, degrees[:, None], degrees=True)


def _trunk_turn(channels: Mapping[str, np.ndarray], part: str) -> Rotation:
    return (
        _rotation("y", channels[f"{part}_twist"])
        * _rotation("x", channels[f"{part}_pitch"])
        * _rotation("z", -channels[f"{part}_roll"])
    )


def _up(length: float) -> np.ndarray:
    return np.array([0.0, length, 0.0])


def _arm(joints: dict, channels: Mapping[str, np.ndarray], body: Body, side: str, chest: Rotation) -> None:
    sign = 1.0 if side == "l" else -1.0
    offset = np.zeros((len(channels["yaw"]), 3))
    offset[:, 0] = sign * body.metres("shoulder_half")
    offset[:, 1] = 0.82 * body.metres("neck_above_chest") + channels[f"shrug_{side}"]
    joints[f"shoulder_{side}"] = joints["chest"] + chest.apply(offset)
    swing = np.zeros_like(offset)
    swing[:, 0] = -channels[f"forward_{side}"]
    swing[:, 2] = sign * channels[f"side_{side}"]
    upper = (
        chest * Rotation.from_rotvec(swing, degrees=True) * _rotation("y", sign * channels[f"turn_{side}"])
    )
    fore = upper * _rotation("x", -channels[f"elbow_{side}"])
    hand = fore * _rotation("x", -channels[f"wrist_{side}"])
    for start, end, turn, part in (
        ("shoulder", "elbow", upper, "upper_arm"),
        ("elbow", "wrist", fore, "forearm"),
        ("wrist", "fingers", hand, "hand"),
    ):
        joints[f"{end}_{side}"] = joints[f"{start}_{side}"] + turn.apply(_up(-body.metres(part)))


def _foot(joints: dict, channels: Mapping[str, np.ndarray], body: Body, side: str) -> None:
    """Heel, ankle, ball and toe from the planned ball of the foot (on the sole), its yaw and pitch."""
    ball = np.stack([channels[f"foot_{axis}_{side}"] for axis in "xyz"], axis=-1)
    yaw, pitch = channels[f"foot_yaw_{side}"], channels[f"foot_pitch_{side}"]
    turn = _rotation("y", yaw) * _rotation("x", pitch)
    joints[f"ball_{side}"] = ball
    joints[f"ankle_{side}"] = ball + turn.apply(
        [0.0, body.metres("ankle_height"), -body.metres("ankle_to_ball")]
    )
    joints[f"heel_{side}"] = ball + turn.apply([0.0, 0.0, -body.metres("heel_to_ball")])
    # On the floor the toes stay flat under a raised heel; in the air they point with the foot.
    aloft = np.clip(ball[:, 1] / 0.14, 0.0, 1.0)
    aloft = aloft * aloft * (3 - 2 * aloft)
    toe = _rotation("y", yaw) * _rotation("x", np.where(pitch > 0, pitch * aloft, pitch))
    joints[f"toe_{side}"] = ball + toe.apply([0.0, 0.0, body.metres("toe")])


def _soft_min(a: np.ndarray, b: np.ndarray, width: float = 0.03) -> np.ndarray:
    """A smooth minimum, never above either, equal to it away from where they meet."""
    return 0.5 * (a + b - np.sqrt((a - b) ** 2 + width**2))


def _pelvis_height(
    joints: dict, hips: Mapping[str, np.ndarray], wanted: np.ndarray, body: Body
) -> np.ndarray:
    """The wanted height (T,), lowered where a planned foot would be out of the leg's reach."""
    reach = LEG_REACH * (body.metres("thigh") + body.metres("shank"))
    most = {}
    for side in "lr":
        apart = joints[f"ankle_{side}"] - hips[side]
        level = apart[:, 0] ** 2 + apart[:, 2] ** 2
        most[side] = apart[:, 1] + np.sqrt(np.maximum(reach**2 - level, (0.3 * reach) ** 2))
    return _soft_min(wanted, _soft_min(most["l"], most["r"]))


def _leg(joints: dict, channels: Mapping[str, np.ndarray], body: Body, side: str) -> None:
    """The knee by two-bone inverse kinematics; it points between the pelvis's and the foot's heading."""
    thigh, shank = body.metres("thigh"), body.metres("shank")
    hip, ankle = joints[f"hip_{side}"], joints[f"ankle_{side}"]
    apart = ankle - hip
    distance = np.linalg.norm(apart, axis=-1)
    along = apart / distance[:, None]
    yaw = np.deg2rad(0.4 * (channels["yaw"] + channels["pelvis_twist"]) + 0.6 * channels[f"foot_yaw_{side}"])
    # The upward part keeps the knee above a leg that is kicked forwards.
    pole = np.stack([np.sin(yaw), np.full_like(yaw, 0.5), np.cos(yaw)], axis=-1)
    pole -= np.sum(pole * along, axis=-1, keepdims=True) * along
    pole /= np.linalg.norm(pole, axis=-1, keepdims=True)
    cosine = (thigh**2 + distance**2 - shank**2) / (2 * thigh * distance)
    cosine = np.clip(cosine, -1.0, 1.0)
    sine = np.sqrt(1.0 - cosine**2)
    joints[f"knee_{side}"] = hip + thigh * (along * cosine[:, None] + pole * sine[:, None])


def forward_kinematics(channels: Mapping[str, np.ndarray], body: Body) -> np.ndarray:
    """Joints of every frame.

    Args:
        channels: (T,) arrays: `CHANNELS`, `root_x`, `root_z`, `drop` (metres that the pelvis hangs
            below standing), `yaw`, and per side `foot_x`, `foot_y`, `foot_z`, `foot_yaw`, `foot_pitch`.
        body: the proportions.

    Returns:
        (T, J, 3) metres, in the order of `JOINT_NAMES`. The feet are exactly where they were planned.
    """
    joints: dict[str, np.ndarray] = {}
    for side in "lr":
        _foot(joints, channels, body, side)
    pelvis = _rotation("y", channels["yaw"]) * _trunk_turn(channels, "pelvis")
    level = np.zeros_like(channels["yaw"])
    root = np.stack([channels["root_x"], level, channels["root_z"]], axis=-1)
    half = body.metres("hip_half")
    hips = {side: root + pelvis.apply([half if side == "l" else -half, 0.0, 0.0]) for side in "lr"}
    height = _pelvis_height(joints, hips, body.metres("hip_height") - channels["drop"], body)
    root[:, 1] = height
    joints["pelvis"] = root
    for side in "lr":
        joints[f"hip_{side}"] = hips[side] + height[:, None] * np.array([0.0, 1.0, 0.0])
        _leg(joints, channels, body, side)
    waist = pelvis * _trunk_turn(channels, "waist")
    chest = waist * _trunk_turn(channels, "chest")
    head = chest * _trunk_turn(channels, "neck")
    joints["waist"] = root + pelvis.apply(_up(body.metres("waist_above_hip")))
    joints["chest"] = joints["waist"] + waist.apply(_up(body.metres("chest_above_waist")))
    joints["neck"] = joints["chest"] + chest.apply(_up(body.metres("neck_above_chest")))
    joints["head"] = joints["neck"] + head.apply([0.0, body.metres("head_above_neck"), 0.01 * body.height_m])
    joints["crown"] = joints["head"] + head.apply(
        [0.0, body.metres("crown_above_head"), -0.01 * body.height_m]
    )
    for side in "lr":
        _arm(joints, channels, body, side, chest)
    return np.stack([joints[name] for name in JOINT_NAMES], axis=1)
