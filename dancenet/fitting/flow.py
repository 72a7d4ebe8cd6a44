"""How fast frames flow through training, and how long training waits for them."""

import contextlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from dancenet.machine.hardware import on_gpu

log = logging.getLogger(__name__)

#: What is told is of so many seconds.
RECENT_S = 5.0
#: A GPU that has waited for data for so large a share of so many seconds is told of, once.
WAITING, AFTER_S = 0.2, 20.0


class Flow:
    """Counts frames and waiting.

    Args:
        workers: so many processes train together, each on its share of every batch.

    Attributes:
        frames: so many have been trained on.
        waited_s: training has waited for so long for batches to be made.
        begun_s: when the first step was over (it compiles, and does not count); None before.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers, self.frames, self.waited_s = workers, 0, 0.0
        self.begun_s: float | None = None
        self._recent = (0.0, 0, 0.0)
        self._said = ""
        self._warned, self._watched = False, (0.0, 0.0)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """While it waits for a batch."""
        begun = time.monotonic()
        yield
        self.waited_s += time.monotonic() - begun

    def steps(self, batches: Sequence[Any]) -> None:
        """Steps over batches, whose first parts are frames (..., H, W, C), uint8, or poses (..., D)."""
        now = time.monotonic()
        if self.begun_s is None:
            self.begun_s, self.waited_s, self._recent = now, 0.0, (now, 0, 0.0)
            self._watched = (now, 0.0)
            return
        for first, *_ in batches:
            self.frames += self.workers * math.prod(first.shape[: -3 if first.dtype == "uint8" else -1])
        then, frames, waited_s = self._recent
        if now - then >= RECENT_S:
            share = (self.waited_s - waited_s) / (now - then)
            self._said = f" · {(self.frames - frames) / (now - then):,.0f} frames/s"
            self._said += f", {share:.0%} of the time waiting for them" if share >= 0.05 else ""
            self._recent = (now, self.frames, self.waited_s)
        self._warn_where_it_starves(now)

    def _warn_where_it_starves(self, now: float) -> None:
        """Of every `AFTER_S` anew: a disk may become slow in the tenth minute."""
        passed_s, waited_s = now - self._watched[0], self.waited_s - self._watched[1]
        if self._warned or passed_s < AFTER_S:
            return
        self._watched = (now, self.waited_s)
        if on_gpu() and waited_s > WAITING * passed_s:
            self._warned = True
            log.warning(
                "the GPU waits for data %.0f%% of the time: more cores or a faster disk would help",
                100 * waited_s / passed_s,
            )

    def figures(self) -> dict[str, float]:
        """Frames a second and share of the time that was waited, since the first step; empty before."""
        passed_s = time.monotonic() - self.begun_s if self.begun_s is not None else 0.0
        if not self.frames or not passed_s:
            return {}
        return {
            "frames_per_s": round(self.frames / passed_s, 1), "waited": round(self.waited_s / passed_s, 4)
        }  # fmt: skip

    def __str__(self) -> str:
        return self._said
