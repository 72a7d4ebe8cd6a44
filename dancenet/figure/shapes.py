"""What the figure is made of: spheres on joints, and the points between and beside the joints.

Shape letters: T frames, J joints.
"""

from dataclasses import dataclass

import numpy as np

from dancenet.figure.body import JOINT, Body, Colour

#: The face among the parts; the eyes are painted on it.
FACE = 3
#: Points between two joints of each side: name, from, to, share of the way.
_BETWEEN = (
    ("sleeve", "shoulder", "elbow", 0.42),
    ("thigh", "hip", "knee", 0.17),
    ("palm", "wrist", "fingers", 0.42),
    ("calf", "knee", "ankle", 0.33),
)


@dataclass(frozen=True)
class Part:
    """The convex hull of spheres on joints.

    Attributes:
        joints, radii_m: the spheres, radii in metres.
        colour: RGB.
        nearer_m: how much nearer than its joints it counts when parts are sorted by depth.
        seams: ends of neighbouring limbs (joint, far joint, radii there), shaded together with this
            part, so that a knee or elbow shows no dark rim whichever side lies in front.
        sorted_by: the joints that tell its depth, where they are others.
    """

    joints: tuple[str, ...]
    radii_m: tuple[float, ...]
    colour: Colour
    nearer_m: float = 0.0
    seams: tuple[tuple[str, str, float, float], ...] = ()
    sorted_by: tuple[str, ...] = ()


def parts_of(body: Body) -> list[Part]:
    """The parts of a figure; the face stands at `FACE`."""
    head = body.head
    torso = ("hem_l", "hem_r", "shoulder_in_l", "shoulder_in_r", "chest")
    parts = [
        Part(torso, (0.088, 0.088, 0.062, 0.062, 0.115), body.top, 0.012),
        Part(("waist", "hip_l", "hip_r"), (0.095, 0.094, 0.094), body.trousers, 0.011, sorted_by=torso),
        Part(("neck_low", "throat"), (0.047, 0.045), body.skin, 0.013, sorted_by=torso),
        Part(("chin", "brow"), (0.060 * head, 0.084 * head), body.skin, 0.03),
        Part(("hair_low", "hair"), (0.084 * head, 0.104 * head), body.hair, 0.02),
        Part(("bun",), (0.056 * head,), body.hair, 0.02),
    ]
    for s in "lr":
        hip, knee, ankle = f"hip_{s}", f"knee_{s}", f"ankle_{s}"
        shoulder, elbow, wrist, fingers = f"shoulder_{s}", f"elbow_{s}", f"wrist_{s}", f"fingers_{s}"
        shoe = (f"heel_up_{s}", f"ball_up_{s}", f"toe_up_{s}")
        parts += [
            Part((f"thigh_{s}", knee), (0.090, 0.057), body.trousers, 0.01, ((knee, ankle, 0.057, 0.040),)),
            Part((knee, f"calf_{s}", ankle), (0.057, 0.057, 0.038), body.trousers, 0.012,
                  ((knee, hip, 0.057, 0.094),)),
            Part(shoe, (0.038, 0.037, 0.028), body.shoes, 0.02),
            Part((shoulder, elbow), (0.049, 0.038), body.skin, 0.02, ((elbow, wrist, 0.038, 0.026),)),
            Part((shoulder, f"sleeve_{s}"), (0.056, 0.053), body.top, 0.021, sorted_by=(shoulder, elbow)),
            Part((elbow, wrist), (0.038, 0.026), body.skin, 0.03,
                  ((elbow, shoulder, 0.038, 0.049), (wrist, fingers, 0.026, 0.030))),
            Part((wrist, f"palm_{s}", fingers), (0.026, 0.035, 0.016), body.skin, 0.04,
                  ((wrist, elbow, 0.026, 0.038),)),
        ]  # fmt: skip
    return parts


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def landmarks(joints_m: np.ndarray, body: Body) -> dict[str, np.ndarray]:
    """Joints and the points between and beside them that parts hang on: name to (T, 3) metres."""
    at = {name: joints_m[:, index].astype(np.float64) for name, index in JOINT.items()}
    unit = body.height_m / 1.72
    up = _unit(at["crown"] - at["neck"])
    ahead = at["head"] - at["neck"]
    ahead = _unit(ahead - np.sum(ahead * up, axis=-1, keepdims=True) * up)
    aside = np.cross(up, ahead)

    def beside(name: str, forward: float, rise: float, left: float = 0.0) -> np.ndarray:
        """A point beside the joint `name`, offset along the head's own axes in units of the figure."""
        return at[name] + unit * body.head * (forward * ahead + rise * up + left * aside)

    at["throat"] = at["neck"] + 0.4 * (at["head"] - at["neck"])
    at["neck_low"] = at["neck"] - 0.04 * unit * up
    at["chin"], at["brow"] = beside("head", 0.028, -0.050), beside("head", 0.012, 0.026)
    at["hair"], at["hair_low"] = beside("head", -0.018, 0.036), beside("head", -0.042, -0.030)
    at["bun"] = beside("head", -0.095, 0.088)
    at["eye_l"], at["eye_r"] = beside("head", 0.090, 0.008, 0.030), beside("head", 0.090, 0.008, -0.030)
    at["ahead"] = ahead
    middle = 0.5 * (at["shoulder_l"] + at["shoulder_r"])
    for name, start, end, share in _BETWEEN:
        for side in "lr":
            a, b = at[f"{start}_{side}"], at[f"{end}_{side}"]
            at[f"{name}_{side}"] = a + share * (b - a)
    for side in "lr":
        at[f"shoulder_in_{side}"] = middle + 0.84 * (at[f"shoulder_{side}"] - middle)
        at[f"hem_{side}"] = at["waist"] + 0.48 * (at[f"hip_{side}"] - at["waist"])
        at[f"calf_{side}"] += 0.10 * (at[f"heel_{side}"] - at[f"ball_{side}"])
        for name, rise in (("heel", 0.038), ("ball", 0.036), ("toe", 0.027)):
            at[f"{name}_up_{side}"] = at[f"{name}_{side}"] + np.array([0.0, rise * unit, 0.0])
    return at
