"""What exploring a trained run finds, beside the truth where that is known.

    python benchmarks/explore.py --run out/demo/run     # the built-in dancer: moves and joints are known
    python benchmarks/explore.py --run runs/salsa       # what needs no truth

Moves: adjusted mutual information of words and true moves by seed, agreement between seeds, and whether
normality tells unseen takes from made-up ones. Directions: learned from 20 + 20 frames, then how far the
joint that they name moves on unseen poses, read from pictures, beside all others. Paths: how far they lie
from the film's poses beside straight lines. Inversion: unseen frames by the encoder, and refined.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import Bar, benchmark, emit, say, skipped

from dancenet.errors import DancenetError
from dancenet.runs import Run
from dancenet.sequences import Span, split_takes

#: Unseen poses that directions are tried on, and frames of each kind that they are learned from.
TRIED, SHOWN = 48, 20
#: What is named → joint angles that say so. Frames of the upper sixth have it, of the lower third lack it.
NAMED = {
    "arms_up": ("shoulder_l", "shoulder_r"),
    "left_arm_up": ("shoulder_l",),
    "knees_bent": ("knee_l", "knee_r"),
}
HAVING, LACKING = 5 / 6, 1 / 3


def angles(joints_m: np.ndarray) -> dict[str, np.ndarray]:
    """Joints (N, J, 3) → angles (N,) in degrees, by name."""
    from dancenet.figure.body import JOINT

    def at(name: str) -> np.ndarray:
        return joints_m[:, JOINT[name]]

    def between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
        return np.degrees(np.arccos(np.clip((one * other).sum(axis=-1) / lengths, -1, 1)))

    down, found = np.array([0.0, -1.0, 0.0]), {}
    for side in "lr":
        upper, leg = at(f"elbow_{side}") - at(f"shoulder_{side}"), at(f"knee_{side}") - at(f"hip_{side}")
        found[f"shoulder_{side}"] = between(upper, down)
        found[f"elbow_{side}"] = between(upper, at(f"wrist_{side}") - at(f"elbow_{side}"))
        found[f"hip_{side}"] = between(leg, down)
        found[f"knee_{side}"] = between(leg, at(f"ankle_{side}") - at(f"knee_{side}"))
    trunk, head = at("neck") - at("pelvis"), at("crown") - at("neck")
    across = at("shoulder_l") - at("shoulder_r")
    for name, part in (("trunk", trunk), ("head", head)):
        found[f"{name}_aside"] = np.degrees(np.arctan2(part[:, 0], part[:, 1]))
        found[f"{name}_ahead"] = np.degrees(np.arctan2(part[:, 2], part[:, 1]))
    found["heading"] = np.degrees(np.arctan2(-across[:, 2], across[:, 0]))
    return found


class Truth:
    """Moves and joint angles of every frame of a film of the built-in dancer, and a reader of pictures."""

    def __init__(self, space, spans: list[Span]):
        from dance_figures import yardstick_of

        from dancenet.evaluation.builtin import films, take_of
        from dancenet.evaluation.reading import Reader

        made = films(space.packed)
        self.measure = yardstick_of(Run(space.origin.run))
        whole = [Span(clip.start, clip.stop) for clip in space.packed.clips]
        takes = [take_of(self.measure, space.packed, span, made) for span in whole]
        self.moves = np.concatenate([take.moves for take in takes])
        self.angles = angles(np.concatenate([take.joints_m for take in takes]))
        if len(self.moves) != len(space.packed):
            raise DancenetError(f"{space.packed.fps:g} frames per second", "15, the rate that is measured at")
        known = [take for take, span in zip(takes, whole, strict=True) if span in spans]
        self.reader = Reader(known, self.measure.fps)

    def read(self, pictures: np.ndarray) -> np.ndarray:
        """(N, angles) in degrees, of pictures (N, H, W, C)."""
        points = self.measure.points(pictures, fps=self.measure.fps)
        return np.stack(list(angles(self.reader.poses(points)).values()), axis=1)


def moves(space, seeds: int, truth: Truth | None) -> None:
    from sklearn.metrics import adjusted_mutual_info_score

    from dancenet.exploring.repertoire import find_repertoire

    unseen = split_takes(space.packed)[1]
    inside = np.concatenate([np.arange(span.start, span.stop) for span in unseen])
    words, begun = [], time.perf_counter()
    for seed in range(seeds):
        found = find_repertoire(space, seed=seed)
        words.append(found.by_frame(len(space.packed)))
        count = sum(map(len, found.phrases))
        facts = {
            "seed": seed, "words": len(found.words), "phrases": count,
            "phrase_s": len(space.packed) / space.packed.fps / count,
        }  # fmt: skip
        if truth is not None:
            emit(
                f"moves: words and true moves, seed {seed}",
                adjusted_mutual_info_score(truth.moves, words[-1]), "adjusted mutual information",
                unseen=float(adjusted_mutual_info_score(truth.moves[inside], words[-1][inside])),
                bar=Bar(low=0.6), true_moves=len(np.unique(truth.moves)), **facts,
                seconds=time.perf_counter() - begun,
            )  # fmt: skip
        normality(space, found.vocabulary, unseen, facts)
    pairs = [adjusted_mutual_info_score(words[i], words[j]) for i in range(seeds) for j in range(i)]
    emit(
        "moves: words by one seed and by another", float(np.mean(pairs)) if pairs else None,
        "adjusted mutual information", each=[round(pair, 4) for pair in pairs],
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def normality(space, vocabulary, unseen: list[Span], facts: dict) -> None:
    """Does the score tell seconds of unseen takes from made-up ones?"""
    from sklearn.metrics import roc_auc_score

    begun, random = time.perf_counter(), np.random.default_rng(facts["seed"])
    fps = space.packed.fps
    takes = [space.latents.mean[span.start : span.stop] for span in unseen]

    def pieces(take: np.ndarray, length_s: float) -> np.ndarray:
        parts = np.array_split(take, max(2, round(len(take) / fps / length_s)))
        return np.concatenate([parts[i] for i in random.permutation(len(parts))])

    made: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "shuffled frames": lambda take: take[random.permutation(len(take))],
        "shuffled half seconds": lambda take: pieces(take, 0.5),
        "shuffled seconds": lambda take: pieces(take, 1.0),
        "still": lambda take: np.repeat(take[:1], len(take), axis=0),
        "half as fast": lambda take: np.repeat(take, 2, axis=0)[: len(take)],
        "twice as fast": lambda take: take[::2],
        "backwards": lambda take: take[::-1],
    }
    real = np.concatenate([vocabulary.nats(take, fps) for take in takes])
    areas = {}
    for name, change in made.items():
        other = np.concatenate([vocabulary.nats(change(take), fps) for take in takes])
        kinds = np.repeat([1, 0], [len(real), len(other)])
        areas[name] = round(float(roc_auc_score(kinds, np.concatenate([real, other]))), 4)
    emit(
        f"moves: normality of unseen and of shuffled seconds, seed {facts['seed']}", areas["shuffled frames"],
        "area under the curve", bar=Bar(low=0.95), others=areas, real_seconds=len(real),
        words=facts["words"], phrase_s=facts["phrase_s"], seconds=time.perf_counter() - begun,
    )  # fmt: skip


def made_dances(space, seeds: int, seconds: float = 30.0) -> None:
    """How usual the run's own dances are; 0.5 is as usual as unseen takes."""
    from dancenet.config import DanceOptions
    from dancenet.exploring.repertoire import find_repertoire
    from dancenet.generation import load

    begun, vocabulary = time.perf_counter(), find_repertoire(space).vocabulary
    dances = load(Run(space.origin.run)).dances(DanceOptions(seconds=seconds), list(range(seeds)))
    each = [vocabulary.normality(dance.latents, dance.latents_fps).mean() for dance in dances]
    emit(
        "moves: normality of the run's own dances", float(np.mean(each)), "share of real seconds",
        each=[round(float(one), 3) for one in each], dance_s=seconds, seconds=time.perf_counter() - begun,
    )  # fmt: skip


def selectivity(space, truth: Truth, seeds: int) -> None:
    """Directions from 20 + 20 frames of training takes, tried on unseen poses."""
    from dancenet.exploring import directions

    training, unseen = split_takes(space.packed)
    learned, tried = (
        np.concatenate([np.arange(s.start, s.stop) for s in spans]) for spans in (training, unseen)
    )
    names, table = list(truth.angles), np.stack(list(truth.angles.values()), axis=1)
    spread = table[learned].std(axis=0)
    poses = space.latents.mean[np.random.default_rng(0).choice(tried, TRIED, replace=False)]
    before = truth.read(space.pictures(poses))

    def shifts(vector: np.ndarray) -> np.ndarray:
        """How far every angle moves on average, in standard deviations of the film."""
        after = truth.read(space.pictures((poses + vector).astype("float32")))
        return (after - before).mean(axis=0) / spread

    for name, joints in NAMED.items():
        columns = [names.index(joint) for joint in joints]
        rest = [i for i in range(len(names)) if i not in columns]
        low, high = table[:, columns].min(axis=1), table[:, columns].max(axis=1)
        having = learned[low[learned] > np.quantile(low[learned], HAVING)]
        lacking = learned[high[learned] < np.quantile(high[learned], LACKING)]
        for method in ("linear", "mean"):
            begun, rows = time.perf_counter(), []
            for seed in range(seeds):
                random = np.random.default_rng(seed)
                one, other = (random.choice(frames, SHOWN, replace=False) for frames in (having, lacking))
                found = directions.find_named(
                    space, name, [space.moment(i) for i in one], [space.moment(i) for i in other], method
                )
                shift = shifts(found.vector)
                others = np.abs(shift[rest])
                chance = random.standard_normal(poses.shape[1]) * space.latents.scale
                chance *= np.linalg.norm(found.vector) / np.linalg.norm(chance)
                any_way = np.abs(shifts(chance))
                rows.append(
                    (
                        shift[columns].mean(), others.mean(), others.max(), found.told["held_out"]["auc"],
                        any_way[columns].mean() / any_way[rest].mean(),
                    )
                )  # fmt: skip
            target, mean_rest, most_rest, auc, by_chance = np.mean(rows, axis=0)
            ratios = [row[0] / row[1] for row in rows]
            emit(
                f"directions: {name}, {method}: its joints against the rest", float(np.mean(ratios)),
                "times as far", bar=Bar(low=4.0) if (name, method) == ("arms_up", "linear") else None,
                joints_sd=float(target), rest_sd=float(mean_rest), most_of_rest_sd=float(most_rest),
                held_out_auc=float(auc), random_direction=float(by_chance),
                each=[round(float(ratio), 2) for ratio in ratios],
                frames=[SHOWN, SHOWN], seconds=time.perf_counter() - begun,
            )  # fmt: skip


def paths(space, count: int = 8) -> None:
    from dancenet import explore
    from dancenet.evaluation.reconstruction import gradient_energy
    from dancenet.exploring import ways

    begun, random = time.perf_counter(), np.random.default_rng(0)
    off, sharp = {"path": [], "line": []}, {"path": [], "line": []}
    for _ in range(count):
        ends = space.latents.mean[random.choice(len(space.latents.mean), 2, replace=False)]
        found = {"path": ways.way_through(space.latents, ends, 32), "line": np.linspace(*ends, 32)}
        for name, way in found.items():
            off[name].append(explore.off_film(space.latents, way).mean())
            sharp[name].append(gradient_energy(space.pictures(way).astype("float32") / 255) / len(way))
    emit(
        "paths: distance to the film's poses, beside a straight line", float(np.mean(off["path"])),
        "standardised latents", ratio=float(np.mean(off["path"]) / np.mean(off["line"])), bar=Bar(high=0.6),
        against="straight line", sharpness_ratio=float(np.mean(sharp["path"]) / np.mean(sharp["line"])),
        paths=count, seconds=time.perf_counter() - begun,
    )  # fmt: skip


def inversion(space, count: int = 8) -> None:
    from dancenet import explore
    from dancenet.exploring.inversion import invert

    begun = time.perf_counter()
    unseen = np.concatenate([np.arange(s.start, s.stop) for s in split_takes(space.packed)[1]])
    picks = unseen[np.linspace(0, len(unseen) - 1, count).astype(int)]
    found = [invert(space, space.packed.pixels[pick].copy()) for pick in picks]
    nearest = [explore.neighbours(space.latents, made.latents, 1)[0][0] for made in found]
    own = [abs(frame - pick) <= 2 for frame, pick in zip(nearest, picks, strict=True)]
    gains = [made.error_db[1] - made.error_db[0] for made in found]
    emit(
        "inversion: unseen frames, refined beside the encoder's guess", float(np.mean(gains)), "dB",
        bar=Bar(low=0.0), encoded_psnr_db=float(np.mean([made.error_db[0] for made in found])),
        own_moment_nearest=float(np.mean(own)), each=[round(gain, 3) for gain in gains],
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def measure_all(chosen: argparse.Namespace) -> None:
    from dancenet.exploring.space import load_space

    space = load_space(Run(chosen.run))
    try:
        truth = Truth(space, split_takes(space.packed)[0])
    except DancenetError as error:
        skipped("moves and directions beside the truth", str(error))
        truth = None
    say("moves")
    moves(space, chosen.seeds, truth)
    if Run(chosen.run).has("choreographer"):
        made_dances(space, chosen.seeds)
    if truth is not None:
        say("directions")
        selectivity(space, truth, chosen.seeds)
    say("paths and inversion")
    paths(space)
    inversion(space)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a run with VAE and latents")
    parser.add_argument("--seeds", type=int, default=4, help="of clustering, and of frames shown (default 4)")
    chosen = parser.parse_args(argv)
    return benchmark(lambda: measure_all(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
