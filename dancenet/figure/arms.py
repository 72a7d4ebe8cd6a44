"""Arm poses and arm patterns that go with footwork."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from scipy.spatial.transform import Rotation

from dancenet.figure.body import Body
from dancenet.figure.score import Bar

_BODY = Body()


def reach(
    out: float, up: float, forward: float, pole: tuple[float, float, float] = (0.5, -1.0, -0.4)
) -> dict:
    """Channels (without side) that bring the wrist to a place, by two-bone inverse kinematics.

    Args:
        out, up, forward: the wrist from the shoulder in the chest's axes, in metres for a body of
            the default height; drawn in where the arm is too short.
        pole: where the elbow points (out, up, forward).
    """
    upper, fore = _BODY.metres("upper_arm"), _BODY.metres("forearm")
    target = np.array([out, up, forward])
    distance = float(np.clip(np.linalg.norm(target), 0.32 * (upper + fore), 0.985 * (upper + fore)))
    along = target / np.linalg.norm(target)
    aside = np.array(pole) - np.dot(pole, along) * along
    aside /= np.linalg.norm(aside)
    cosine = (upper**2 + distance**2 - fore**2) / (2 * upper * distance)
    elbow = upper * (cosine * along + np.sqrt(1 - cosine**2) * aside)
    axis = np.cross([0.0, -1.0, 0.0], elbow / upper)
    angle = np.arccos(np.clip(-elbow[1] / upper, -1.0, 1.0))
    swing = axis / max(np.linalg.norm(axis), 1e-9) * angle
    hanging = Rotation.from_rotvec(swing).inv().apply((along * distance - elbow) / fore)
    flexion = np.pi - np.arccos((upper**2 + fore**2 - distance**2) / (2 * upper * fore))
    return {
        "forward": np.rad2deg(-swing[0]), "side": np.rad2deg(swing[2]),
        "turn": np.rad2deg(np.arctan2(hanging[0], hanging[2])), "elbow": np.rad2deg(flexion),
    }  # fmt: skip


#: Named arm poses: channels without side.
ARMS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "rest": {"forward": 4, "side": 9, "turn": -10, "elbow": 22, "wrist": 5},
    "hips": reach(0.02, -0.40, 0.02, (1.0, 0.0, -0.3)) | {"wrist": 35},
    "chest": reach(-0.13, -0.16, 0.20, (1.0, -0.2, -0.1)) | {"wrist": 10},
    "fists": reach(-0.03, -0.12, 0.20, (0.5, -1.0, -0.3)) | {"wrist": 5},
    "open": {"forward": 12, "side": 82, "turn": 20, "elbow": 14, "wrist": -10},
    "low": {"forward": -8, "side": 42, "turn": 0, "elbow": 14, "wrist": -25},
    "vee": {"forward": 25, "side": 130, "turn": 20, "elbow": 24, "wrist": -5},
    "goal": {"forward": 10, "side": 82, "turn": 85, "elbow": 88, "wrist": 0},
    "front": {"forward": 80, "side": 10, "turn": 0, "elbow": 12, "wrist": 0},
    "back": {"forward": -38, "side": 14, "turn": -10, "elbow": 35, "wrist": 0},
    "pump": {"forward": 52, "side": 8, "turn": -12, "elbow": 85, "wrist": 0},
    "nape": reach(0.02, 0.16, -0.04, (1.0, 0.45, 0.25)) | {"wrist": 30},
    "halo": reach(-0.02, 0.38, 0.10, (1.0, 0.2, 0.3)) | {"wrist": 30},
    "clap": reach(-0.08, -0.12, 0.34, (0.35, -1.0, -0.2)) | {"wrist": 0},
    "clap_high": reach(-0.09, 0.30, 0.30, (0.7, -0.2, 0.5)) | {"wrist": 0},
    "cross": reach(-0.25, -0.08, 0.22, (0.9, -0.6, 0.2)) | {"wrist": 0},
    "point_up": {"forward": 40, "side": 124, "turn": 0, "elbow": 8, "wrist": 0},
    "point_down": reach(-0.30, -0.36, 0.16, (0.6, -0.2, -0.2)) | {"wrist": 0},
})  # fmt: skip


def arms(bar: Bar, count: float, left: str, right: str | None = None) -> None:
    """Key both arms to named poses at a count."""
    for side, name in (("l", left), ("r", right or left)):
        bar.pose(count, **{f"{channel}_{side}": value for channel, value in ARMS[name].items()})


def _sequence(*poses: tuple[str, str]) -> Callable[[Bar], None]:
    """A pattern of (left, right) poses on counts 1, 2, 3, 4."""

    def pattern(bar: Bar) -> None:
        """Pose both arms on each count of the bar."""
        for count, (left, right) in enumerate(poses, start=1):
            arms(bar, count, left, right)

    return pattern


def _rolling(bar: Bar) -> None:
    """Forearms circling round each other before the chest."""
    ticks = 15
    for tick in range(ticks):
        angle = 0.5 * np.pi * tick
        for side, phase in (("l", 0.0), ("r", np.pi)):
            height, depth = 0.07 * np.sin(angle + phase), 0.06 * np.cos(angle + phase)
            pose = reach(-0.10, -0.16 + height, 0.26 + depth, (1.0, -0.3, 0.0))
            bar.pose(
                0.5 + 3.5 * tick / (ticks - 1),
                **{f"{channel}_{side}": value for channel, value in pose.items()},
            )


#: Arm patterns of four counts that any footwork can carry.
PATTERNS: Mapping[str, Callable[[Bar], None]] = MappingProxyType({
    "swing": _sequence(("back", "pump"), ("pump", "back"), ("back", "pump"), ("pump", "back")),
    "hips": _sequence(*[("hips", "hips")] * 4),
    "open": _sequence(("open", "open"), ("cross", "cross"), ("open", "open"), ("chest", "chest")),
    "reach": _sequence(("vee", "hips"), ("hips", "hips"), ("hips", "vee"), ("hips", "hips")),
    "rise": _sequence(("low", "low"), ("open", "open"), ("goal", "goal"), ("vee", "vee")),
    "push": _sequence(("front", "fists"), ("fists", "front"), ("front", "fists"), ("fists", "fists")),
    "frame": _sequence(("goal", "goal"), ("open", "open"), ("goal", "goal"), ("low", "low")),
    "snap": _sequence(("open", "chest"), ("low", "low"), ("chest", "open"), ("low", "low")),
    "roll": _rolling,
    "nape": _sequence(("nape", "low"), ("nape", "low"), ("low", "nape"), ("low", "low")),
})  # fmt: skip


def any_pattern(bar: Bar, *names: str) -> None:
    """Key one of the named patterns (all of them where none is named), drawn by the bar's chance."""
    choice = names or tuple(PATTERNS)
    PATTERNS[choice[int(bar.rng.integers(len(choice)))]](bar)
