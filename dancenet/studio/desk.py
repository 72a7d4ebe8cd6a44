"""The pose desk: poses mixed by weight and bent along directions, with undo and redo.

Shape letters: P poses, D = 128 latent dimensions.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from dancenet.errors import DancenetError

#: Changes of the same slider within so long are taken back together, as are those of one gesture.
GESTURE_S = 0.8
#: So many changes can be taken back.
DEPTH = 200


@dataclass(frozen=True)
class Setting:
    """What the desk is set to.

    Attributes:
        poses, weights: what is mixed, if anything; weights are shares of whatever they sum to.
        amounts: how far is gone along each direction, by its name.
    """

    poses: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    amounts: dict[str, float] = field(default_factory=dict)


class Desk:
    """A setting, and the ways back and forth."""

    def __init__(self, setting: Setting | None = None):
        self.now = setting or Setting()
        self._before: list[Setting] = []
        self._after: list[Setting] = []
        self._gesture: tuple[object, int | None, float] = (None, None, 0.0)

    def kept(self) -> "Desk":
        """A desk that stands as this one does now, to come back to."""
        other = Desk(self.now)
        other._before, other._after, other._gesture = [*self._before], [*self._after], self._gesture
        return other

    def bend(self, amounts: dict[str, float], gesture: int | None = None) -> None:
        """Go so far along directions; 0 is not at all. `gesture` is a number for what a hand does at once."""
        changed = {**self.now.amounts, **amounts}
        kept = {name: amount for name, amount in changed.items() if amount}
        self._change(replace(self.now, amounts=kept), frozenset(amounts), gesture)

    def mix(self, poses: tuple[str, ...], weights: tuple[float, ...], gesture: int | None = None) -> None:
        """Hold poses mixed; none at all leaves the mix. `gesture` as of `bend`.

        Raises:
            DancenetError: not one weight each, or all of them 0.
        """
        if len(poses) != len(weights):
            raise DancenetError(f"{len(poses)} poses and {len(weights)} weights", "one weight for each pose")
        if poses and not sum(weights) > 0:
            raise DancenetError("weights that are all 0", "one or more above 0")
        self._change(replace(self.now, poses=poses, weights=weights), poses, gesture)

    def undo(self) -> None:
        """Back by one change.

        Raises:
            DancenetError: there is none.
        """
        self.now = self._moved(self._before, self._after, "undo")

    def redo(self) -> None:
        """Forth again.

        Raises:
            DancenetError: nothing was taken back.
        """
        self.now = self._moved(self._after, self._before, "redo")

    @property
    def can(self) -> dict[str, bool]:
        """Whether there is something to undo, and to redo."""
        return {"undo": bool(self._before), "redo": bool(self._after)}

    def _moved(self, source: list[Setting], target: list[Setting], what: str) -> Setting:
        if not source:
            raise DancenetError(f"nothing to {what}")
        target.append(self.now)
        self._gesture = (None, None, 0.0)
        return source.pop()

    def _change(self, setting: Setting, what: object, gesture: int | None) -> None:
        if setting == self.now:
            return
        now = time.monotonic()
        same, hand, at = self._gesture
        # a line or a machine that stalls parts no movement of a hand
        goes_on = now - at <= GESTURE_S or (gesture is not None and gesture == hand)
        if same != what or not goes_on:
            self._before = [*self._before[-DEPTH + 1 :], self.now]
        self._gesture, self._after = (what, gesture, now), []
        self.now = setting


def mixed(poses: np.ndarray, weights: tuple[float, ...]) -> np.ndarray:
    """(D,) the mean of poses (P, D) by weight."""
    shares = np.array(weights) / sum(weights)
    return (shares @ poses).astype("float32")
