"""How often the copying test is wrong: unseen takes against each other, with blocks of several lengths.

Takes of real dance are split anew many times, by performance: those left out are unseen. Their halves against
each other say how often the test calls honest dance a copy; with distances shrunk, how often it finds one.

python benchmarks/copying.py --run DIR     a run with frames (no training needed), many takes
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from measuring import Bar, emit

from dancenet.errors import DancenetError
from dancenet.runs import Run

#: Blocks tried, seconds; 0 is frame by frame.
BLOCKS_S = (0.0, 1.0, 2.0, 4.0)
#: Draws of unseen performances, and coin tosses which half of a take lies on which side, for each.
DRAWS, TOSSES = 24, 5
#: A copy: distances to the training takes that are so much of what they are.
SHRUNK = 0.7


def distances(packed, seed: int) -> list[np.ndarray]:
    """Per unseen take (N,) distance of each frame to the nearest training frame; a fifth is unseen."""
    from sklearn.neighbors import NearestNeighbors

    from dancenet.evaluation.features import PoseSpace, small_grey

    performances = sorted({clip.performance for clip in packed.clips})
    order = np.random.default_rng(seed).permutation(len(performances))
    unseen = {performances[i] for i in order[: max(1, len(performances) // 5)]}
    small = {clip.number: small_grey(packed.pixels[clip.start : clip.stop]) for clip in packed.clips}
    known = np.concatenate([small[clip.number] for clip in packed.clips if clip.performance not in unseen])
    space = PoseSpace(known)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(space.project(known))
    return [
        nearest.kneighbors(space.project(small[clip.number]))[0][:, 0]
        for clip in packed.clips
        if clip.performance in unseen
    ]


def correlation(takes: list[np.ndarray], lag: int) -> float:
    """Of distances with those `lag` frames later, each take about its own mean."""
    centred = [take - take.mean() for take in takes if len(take) > lag]
    before = np.concatenate([take[:-lag] for take in centred])
    after = np.concatenate([take[lag:] for take in centred])
    return float(np.corrcoef(before, after)[0, 1])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a run with frames")
    chosen = parser.parse_args(argv)
    from dancenet.evaluation.novelty import copying, halves
    from dancenet.frames import load_frames

    begun = time.perf_counter()
    try:
        packed = load_frames(Run(chosen.run))
    except DancenetError as error:
        print(error, file=sys.stderr)
        return 2
    draws = [distances(packed, seed) for seed in range(DRAWS)]
    everything = [take for takes in draws for take in takes]
    for lag in (1, *(round(block_s * packed.fps) for block_s in BLOCKS_S[1:])):
        emit(
            f"correlation of distances to training {lag / packed.fps:.2g} s apart",
            correlation(everything, lag), "", seconds=time.perf_counter() - begun,
        )  # fmt: skip
    for block_s in BLOCKS_S:
        p = {1.0: [], SHRUNK: []}
        for takes in draws:
            for seed in range(TOSSES):
                ours, theirs = halves(takes, seed)
                for factor, found in p.items():
                    shrunk = [factor * part for part in ours]
                    found.append(copying(shrunk, theirs, packed.fps, block_s=block_s).p)
        bar = Bar(high=0.1) if block_s == BLOCKS_S[-1] else None
        emit(
            f"honest dance called a copy (p < 0.05), blocks of {block_s:g} s",
            float(np.mean(np.array(p[1.0]) < 0.05)), "", bar=bar,
            p_under_0_01=float(np.mean(np.array(p[1.0]) < 0.01)),
            copies_found=float(np.mean(np.array(p[SHRUNK]) < 0.05)), tests=len(p[1.0]),
            seconds=time.perf_counter() - begun,
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
