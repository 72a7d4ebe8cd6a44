"""Figures of choreography: how poses of the vocabulary follow one another, and how dances differ.

The vocabulary are the clusters of training frames; a *move* is a cluster, a *transition* a change from one
to another. Shape letters: N frames, P transitions, D dimensions.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np


def transitions(moves: Sequence[np.ndarray]) -> np.ndarray:
    """(P, 2): changes from one move to another, in order; never across two segments.

    Args:
        moves: per segment (N,) number of each frame's move.
    """
    pairs = [np.stack([part[:-1], part[1:]], axis=1) for part in moves if len(part) > 1]
    together = np.concatenate(pairs) if pairs else np.empty((0, 2), int)
    return together[together[:, 0] != together[:, 1]]


def transition_entropy(pairs: np.ndarray) -> float:
    """H(next move | this move) in bits over `transitions`: 0 where each move is always followed by one.

    A loop of distinct moves has 0. Short dances have less than long ones: compare equal lengths only.
    """
    total = 0.0
    for move in np.unique(pairs[:, 0]):
        counts = np.unique(pairs[pairs[:, 0] == move, 1], return_counts=True)[1]
        share = counts / counts.sum()
        total -= counts.sum() * float(np.sum(share * np.log2(share)))
    return total / len(pairs) if len(pairs) else 0.0


def diversity(dances: Sequence[np.ndarray]) -> float:
    """Mean distance between two dances at the same moment, over all pairs; 0 where all are the same dance.

    Args:
        dances: per dance (N, D) points; lengths may differ, the shorter of a pair counts.

    Returns:
        The mean; `nan` with fewer than two dances.
    """
    apart = []
    for first, second in combinations(dances, 2):
        length = min(len(first), len(second))
        apart.append(float(np.linalg.norm(first[:length] - second[:length], axis=1).mean()))
    return float(np.mean(apart)) if apart else float("nan")


def diversities(
    made: Sequence[np.ndarray], real: Sequence[np.ndarray], trivial: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, Any]:
    """`diversity` of dances, of real stretches, the ratio of both, and of each trivial dancer's dances; None
    where there is one dance only."""
    apart, usual = diversity(made), diversity(real)
    alone = bool(np.isnan(apart))
    return {
        "made": None if alone else apart, "real": usual,
        "ratio": apart / usual if usual and not alone else None,
        "trivial": {name: diversity(pair) for name, pair in trivial.items()},
    }  # fmt: skip
