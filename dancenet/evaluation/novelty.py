"""Figures of novelty: what a dance took from its training takes, and what it put together anew.

Shape letters: N frames, P transitions, M and K blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Replay goes on over so many frames in a row whose nearest training frame lies elsewhere.
REPLAY_GAP = 2

#: Length of the blocks that count as independent in the copying test, seconds: over that time the distances
#: of unseen dance forget themselves (`benchmarks/copying.py`).
BLOCK_S = 4.0


def replay(nearest: Sequence[np.ndarray], clip_of: np.ndarray, fps: float) -> float:
    """Longest piece of one training clip that the dance shows in its order, in seconds: memorising.

    A run links frames whose nearest training frames lie in one clip and advance by 0 to 2 frames per
    frame (half a frame's shift and changes of tempo are replay all the same); up to `REPLAY_GAP` frames
    in a row may have their nearest frame elsewhere, where the next one is back in step. What counts is
    the training material shown, at most as much as time has passed: staying on one training frame adds
    nothing (that is a freeze, and has its own figure), and half speed counts half.

    On 20 real takes: a training take shown again, shifted by half a frame, blurred, at 0.5 to 2 times its
    speed, or with noise of 0.6 of the distance between unseen poses and training poses, is found nearly
    whole; unseen takes have 0.5 to 0.9 s. Takes shown backwards or mirrored are not replay here.

    Args:
        nearest: for each segment of the dance, (N,) index of each frame's nearest training frame.
        clip_of: (training frames,) number of the clip that each training frame belongs to.
        fps: rate of both.
    """
    longest = 0
    for indices in nearest:
        shown = np.zeros(len(indices), dtype=int)  # frames of training material up to here
        for now in range(1, len(indices)):
            for gap in range(1, min(REPLAY_GAP + 1, now) + 1):
                before, here = indices[now - gap], indices[now]
                advance = int(here) - int(before)
                if clip_of[before] == clip_of[here] and 0 <= advance <= 2 * gap:
                    shown[now] = max(shown[now], shown[now - gap] + min(gap, advance))
        longest = max(longest, int(shown.max(initial=0)))
    return longest / fps


def new_transitions(pairs: np.ndarray, known: np.ndarray) -> float:
    """Share of transitions that no training take has, in [0, 1]: known poses, put together anew.

    0 is a replay; frames without order have nearly only new ones.

    Args:
        pairs: (P, 2) from `transitions`.
        known: the same of the training takes.
    """
    if not len(pairs):
        return 0.0
    seen = set(map(tuple, known.tolist()))
    return float(np.mean([pair not in seen for pair in map(tuple, pairs.tolist())]))


@dataclass(frozen=True)
class Copying:
    """What the copying test says.

    Attributes:
        z: below 0 where dances lie nearer to the training takes than unseen takes do: copying; above 0
            where they lie further off.
        p: how often chance alone gives so low a `z`, or a lower one.
        blocks, unseen_blocks: how many independent pieces it rests on.
    """

    z: float
    p: float
    blocks: int
    unseen_blocks: int


def copying(
    made: Sequence[np.ndarray], unseen: Sequence[np.ndarray], fps: float, *, block_s: float = BLOCK_S
) -> Copying:
    """Do dances lie nearer to the training takes than unseen takes do?

    The three-sample test of Meehan, Chaudhuri & Dasgupta (2020): their Z_U, the Mann-Whitney statistic
    of distances to the nearest training frame. Theirs counts every sample as independent; neighbouring
    frames are near copies, so what is counted here is the mean distance of each block of `block_s`
    (how often it is wrong, with blocks of which length: `benchmarks/copying.py`). The test is global, not
    per cell: cells of a minute of dance hold too few blocks.

    Args:
        made: per segment of the dances (N,) distances to the nearest training frame.
        unseen: the same of unseen takes.
        fps: rate of both.
        block_s: length of what counts as independent, seconds.
    """
    from scipy.stats import mannwhitneyu

    ours, theirs = (_block_means(segments, fps, block_s) for segments in (made, unseen))
    many, few = len(ours), len(theirs)
    u, p = mannwhitneyu(ours, theirs, alternative="less")
    z = (float(u) - many * few / 2) / np.sqrt(many * few * (many + few + 1) / 12)
    return Copying(float(z), float(p), many, few)


def _block_means(segments: Sequence[np.ndarray], fps: float, block_s: float) -> np.ndarray:
    """(M,) mean of each block of `block_s` or a little more; a shorter segment is one block."""
    length = max(1, round(block_s * fps))
    blocks = [
        block for part in segments if len(part) for block in np.array_split(part, max(1, len(part) // length))
    ]
    return np.array([block.mean() for block in blocks])


def halves(segments: Sequence[np.ndarray], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Each segment cut in two, and its halves put on different sides by chance: real dance against itself."""
    sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for part, side in zip(segments, np.random.default_rng(seed).integers(0, 2, len(segments)), strict=True):
        sides[side].append(part[: len(part) // 2])
        sides[1 - side].append(part[len(part) // 2 :])
    return sides
