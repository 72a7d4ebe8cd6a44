"""Figures of dances of the built-in dancer, where truth is known: limbs, feet, beats, moves.

A made dance has no truth of its own, but its body has: limbs keep their lengths, feet that stand do not
slip, poses arrive on beats, and moves are those of the dancer's grammar. All is read from pictures
(`reading`), and beside every figure stands how true unseen takes are read.
Shape letters: N frames, J joints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dancenet.dancer import JOINT_NAMES, MOVES, Body, choreograph
from dancenet.evaluation import movement
from dancenet.evaluation.movement import Stretch
from dancenet.evaluation.reading import Reader, Take
from dancenet.evaluation.verdict import Figures
from dancenet.figure.body import BONES, JOINT
from dancenet.timing import SIGMA_S, kinematic_beats

#: What is wrong, and the trivial dancers that each figure is there to catch.
TRUTH_FIGURES: Figures = {
    "limb_error": ("high", ("random walk",)),
    "feet_slip_cm_s": ("high", ("shuffled frames",)),
    "beats_met": ("low", ("shuffled frames",)),
    "moves_recognised": ("low", ("shuffled frames",)),
    "moves_danced": ("low", ("still", "two-second loop")),
}
#: The beat is looked for anew in every window of so many beats: a dance without music keeps no time for long.
BEAT_WINDOW = 8
#: A move is recognised where so many of its neighbours dance it.
AGREED = 2 / 3


@dataclass(frozen=True)
class TruthFigures:
    """What was read from one dance, or from real takes put together."""

    limb_error: float
    """Mean departure of limbs' lengths from the body's, as a share of them. High: ghosts, missing limbs."""
    feet_slip_cm_s: float
    """Median speed of one standing foot seen from the other, cm/s. High: feet that slide or jump."""
    beats_met: float
    """Beat alignment in [0, 1] at the films' tempo that fits best. Low: poses arrive at no beat."""
    moves_recognised: float
    """Share of frames whose movement is one move of the grammar. Low: movement between or beside moves."""
    moves_danced: float
    """Share of the grammar's moves that are recognised for half a second or more in all."""


class TruthMeasure:
    """Reads dances of the built-in dancer.

    Args:
        takes: the reference, with its truth.
        fps: rate of all points.
        tempos_bpm: counts per minute that the films were danced to.
        body: whose limbs they are.
    """

    def __init__(self, takes: Sequence[Take], fps: float, tempos_bpm: Sequence[float], body: Body):
        self.fps, self.tempos_bpm = fps, sorted(set(tempos_bpm))
        self.reader = Reader(takes, fps)
        # any pose shows the lengths of the limbs: they never change
        self._limbs = limb_lengths(choreograph(1.0, body=body).joints_m[:1])

    def measure_stretch(self, stretch: Stretch) -> TruthFigures:
        """All figures of points (N, 96) in one segment, or in several that are never joined."""
        joints = [self.reader.poses(part) for part in stretch]
        ways = [self.reader.ways(part) for part in stretch]
        feet = [
            (read[self.reader.inner(len(read))], way.planted) for read, way in zip(joints, ways, strict=True)
        ]
        moves = np.concatenate([way.moves for way in ways])
        agreed = np.concatenate([way.votes for way in ways]) >= AGREED
        counts = np.bincount(moves[agreed], minlength=len(MOVES))
        return TruthFigures(
            limb_error=float(np.abs(limb_lengths(np.concatenate(joints)) / self._limbs - 1).mean()),
            feet_slip_cm_s=feet_slip(feet, self.fps),
            beats_met=max(beats_met(stretch, self.fps, tempo) for tempo in self.tempos_bpm),
            moves_recognised=float(agreed.mean()) if len(agreed) else 0.0,
            moves_danced=float((counts >= max(1, self.fps / 2)).mean()),
        )

    def joint_error_cm(self, points: np.ndarray, take: Take) -> float:
        """Mean distance of joints read from pictures to where they truly are, cm."""
        apart = self.reader.poses(points) - take.joints_m[: len(points)]
        return 100 * float(np.linalg.norm(apart, axis=-1).mean())

    def reading(self, takes: Sequence[Take]) -> dict[str, float]:
        """How true unseen takes are read.

        Returns:
            `joint_error_cm`; shares of `feet_right` and `moves_right`; beside them `feet_standing`, the share
            of feet that would be right if all were said to stand.
        """
        ways = [self.reader.ways(take.points) for take in takes]
        inner = [self.reader.inner(len(take.moves)) for take in takes]
        feet = np.concatenate([take.planted[part] for take, part in zip(takes, inner, strict=True)])
        moves = np.concatenate([take.moves[part] for take, part in zip(takes, inner, strict=True)])
        return {
            "joint_error_cm": float(np.mean([self.joint_error_cm(take.points, take) for take in takes])),
            "feet_right": float((np.concatenate([way.planted for way in ways]) == feet).mean()),
            "feet_standing": float(feet.mean()),
            "moves_right": float((np.concatenate([way.moves for way in ways]) == moves).mean()),
        }

    def reconstruction_error_cm(
        self, takes: Sequence[Take], reconstructed: Callable[[int], np.ndarray]
    ) -> float:
        """Joint error in cm of takes as drawn; `reconstructed` gives points (N, 96) of one by its number."""
        return float(np.mean([self.joint_error_cm(reconstructed(i), take) for i, take in enumerate(takes)]))


def from_pelvis(joints_m: np.ndarray) -> np.ndarray:
    """Joints (N, J, 3) with x and z counted from the pelvis; y stays the height above the floor."""
    level = joints_m[:, [JOINT_NAMES.index("pelvis")]] * (1, 0, 1)
    return joints_m - level


def limb_lengths(joints_m: np.ndarray) -> np.ndarray:
    """(N, bones) metres."""
    starts, ends = ([JOINT[bone[i]] for bone in BONES] for i in (0, 1))
    return np.linalg.norm(joints_m[:, starts] - joints_m[:, ends], axis=-1)


def feet_slip(read: Sequence[tuple[np.ndarray, np.ndarray]], fps: float) -> float:
    """Median speed in cm/s at which the ball of one foot moves, seen from the other, while both stand.

    Seen from each other, because a window that follows the dancer does not show where on the floor they are.

    Args:
        read: per segment joints (N, J, 3) in metres and planted (N, 2) bool.
        fps: their rate.

    Returns:
        0 where both feet never stand.
    """
    speeds = []
    for joints, planted in read:
        between = joints[:, JOINT["ball_l"]] - joints[:, JOINT["ball_r"]]
        both = np.asarray(planted.all(axis=1))
        speeds.append(np.linalg.norm(np.diff(between, axis=0), axis=1)[both[1:] & both[:-1]])
    found = np.concatenate(speeds)
    return 100 * fps * float(np.median(found)) if len(found) else 0.0


def beats_met(stretch: Stretch, fps: float, tempo_bpm: float) -> float:
    """Beat alignment score (Li et al. 2021): mean of exp(-d² / 2σ²) over the dance's beats
    (`timing.kinematic_beats`), d to the next beat of the music.

    A dance without music has no given beat: tempo is given, and where beats fall is chosen anew to fit best
    in every window of eight beats. That flatters, real dance and made dance alike.
    """
    beat_s, met, count = 60 / tempo_bpm, 0.0, 0
    phases = np.linspace(0, beat_s, 24, endpoint=False)
    for part in stretch:
        times = kinematic_beats(movement.steps([part]), fps)
        for window in np.split(times, np.searchsorted(times, np.arange(1, 999) * BEAT_WINDOW * beat_s)):
            if len(window) < BEAT_WINDOW // 2:
                continue
            off = (window[:, None] - phases + beat_s / 2) % beat_s - beat_s / 2
            met += float(np.exp(-(off**2) / (2 * SIGMA_S**2)).sum(axis=0).max())
            count += len(window)
    return met / count if count else 0.0
