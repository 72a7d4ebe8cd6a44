"""Directions of the latent space: ways in which any pose can be changed, found, checked and gone along.

Shape letters: M frames of a set, N frames of the film, T time steps, K directions, D = 128 latent dimensions.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dancenet.errors import DancenetError
from dancenet.exploring.poses import Direction, Origin, load_direction, names_file
from dancenet.exploring.space import Space
from dancenet.latents import Latents
from dancenet.runs import Run

Method = Literal["linear", "mean"]

#: Directions that are given by name lie in this folder of the run.
FOLDER = "directions"
#: Fewer frames than these in a set are no set; fewer than those cannot be checked on frames held out.
LEAST, LEAST_CHECKED = 2, 6
#: Strength of the linear classifier's prior: few frames must not find a direction of their own.
INVERSE_PRIOR = 0.01
#: The frames are checked in so many parts, each by a direction that the others gave.
PARTS = 5

#: Directions, and how far poses are moved along each.
Amounts = Sequence[tuple[Direction, float]]


def moved(latents: np.ndarray, amounts: Amounts) -> np.ndarray:
    """Latents (..., D) moved along directions: each vector times its amount is added."""
    total = sum((amount * direction.vector for direction, amount in amounts), np.zeros(latents.shape[-1]))
    return (latents + total).astype("float32")


def principal(latents: Latents, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The directions in which the film's poses differ most.

    Returns:
        vectors (K, D), one standard deviation of the film long each, and their shares of its variance (K,).
    """
    centred = latents.mean - latents.mean.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(centred.T))
    order = np.argsort(values)[::-1][:count]
    vectors = vectors[:, order].T
    # the sign of an eigenvector means nothing: the same film gives the same one on every machine
    vectors *= np.sign(vectors[np.arange(len(order)), np.abs(vectors).argmax(axis=1)])[:, None]
    return vectors * np.sqrt(values[order])[:, None], values[order] / values.sum()


def between(
    having: np.ndarray, lacking: np.ndarray, latents: Latents, method: Method = "linear"
) -> np.ndarray:
    """The direction from poses that lack something to poses that have it.

    Args:
        having, lacking: (M, D) latents of frames of each kind.
        latents: of the film, for the scale of each dimension.
        method: "mean", the difference of the means; "linear", the normal of a linear classifier (logistic
            regression with a strong prior), which leaves out what differs by chance between few frames.

    Returns:
        (D,) the way from the one kind to the other: as long as the sets are apart along it.

    Raises:
        DancenetError: fewer than two frames of a kind.
    """
    for name, frames in (("--with", having), ("--without", lacking)):
        if len(frames) < LEAST:
            raise DancenetError(
                f"{name} names {len(frames)} frame{'s' * (len(frames) != 1)}", f"{LEAST} or more, better 20",
                "give moments CLIP:SECOND, or stretches CLIP:SECOND-SECOND",
            )  # fmt: skip
    high, low = latents.standardise(having), latents.standardise(lacking)
    gap = high.mean(axis=0) - low.mean(axis=0)
    if method == "mean":
        return (gap * latents.scale).astype("float32")
    normal = _classifier(high, low).coef_[0]
    long = normal @ gap / (normal @ normal)
    return (long * normal * latents.scale).astype("float32")


def _classifier(high: np.ndarray, low: np.ndarray):
    from sklearn.linear_model import LogisticRegression

    kinds = np.repeat([1, 0], [len(high), len(low)])
    # as many of one kind as of the other count alike
    model = LogisticRegression(C=INVERSE_PRIOR, class_weight="balanced", max_iter=1000)
    return model.fit(np.concatenate([high, low]), kinds)


def held_out(
    having: np.ndarray,
    lacking: np.ndarray,
    latents: Latents,
    method: Method = "linear",
    *,
    groups: np.ndarray | None = None,
) -> dict[str, float] | None:
    """How well frames that a direction was not made from are told by it.

    Args:
        having, lacking, latents, method: as of `between`.
        groups: (2M,) numbers of all `having`, then all `lacking`: frames of one number, such as neighbours
            in time, are held out together.

    Returns:
        `auc` (0.5: chance; 1: every frame of the one kind lies farther along than every one of the other)
        and `accuracy`, both on held-out frames; None where the frames are too few.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    every = np.concatenate([having, lacking])
    kinds = np.repeat([1, 0], [len(having), len(lacking)])
    groups = np.arange(len(every)) if groups is None else groups
    apart = min(len(set(groups[kinds == kind])) for kind in (0, 1))
    if min(len(having), len(lacking)) < LEAST_CHECKED or apart < 2:
        return None
    parts = StratifiedGroupKFold(min(PARTS, apart), shuffle=True, random_state=0)
    scores, right = np.zeros(len(every)), np.zeros(len(every), bool)
    for learned, tested in parts.split(every, kinds, groups):
        one, other = every[learned][kinds[learned] == 1], every[learned][kinds[learned] == 0]
        if min(len(one), len(other)) < LEAST:
            return None
        vector = between(one, other, latents, method)
        along = _along(every[tested], vector[None], latents)[:, 0]
        ends = [_along(kind.mean(axis=0)[None], vector[None], latents)[0, 0] for kind in (other, one)]
        scores[tested] = (along - ends[0]) / (ends[1] - ends[0])
        right[tested] = (scores[tested] > 0.5) == (kinds[tested] == 1)
    return {"auc": float(roc_auc_score(kinds, scores)), "accuracy": float(right.mean())}


def _along(latents: np.ndarray, vectors: np.ndarray, film: Latents) -> np.ndarray:
    """(N, K): how far along each of the vectors (K, D) latents (N, D) lie, in standardised units."""
    units = vectors / film.scale
    return film.standardise(latents) @ (units / np.linalg.norm(units, axis=1, keepdims=True)).T


def independence(vectors: np.ndarray, latents: Latents) -> tuple[np.ndarray, np.ndarray]:
    """How far directions (K, D) are the same.

    Returns:
        (K, K) cosines between them, in standardised latents: 0, going along one does not go along the other;
        (K, K) correlations over the film of how far along each a pose lies: 0, the dancer does not do the
        one with the other.
    """
    units = vectors / latents.scale
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    along = _along(latents.mean, vectors, latents)
    return units @ units.T, np.corrcoef(along.T).reshape(len(vectors), len(vectors))


def find_principal(space: Space, count: int) -> list[Direction]:
    """The `count` directions in which the film's poses differ most, as principal-1 and so on."""
    vectors, shares = principal(space.latents, count)
    return [
        Direction(
            f"principal-{number}", vector.astype("float32"), space.origin,
            {"method": "principal", "share_of_variance": round(float(share), 6)},
        )
        for number, (vector, share) in enumerate(zip(vectors, shares, strict=True), start=1)
    ]  # fmt: skip


def find_named(
    space: Space, name: str, having: Sequence[str], lacking: Sequence[str], method: Method = "linear"
) -> Direction:
    """A direction by what some moments have and others lack, checked on frames held out.

    Args:
        space: of the run.
        name: of the direction.
        having, lacking: CLIP:SECOND, stretches CLIP:SECOND-SECOND, or pose files (.json).
        method: see `between`.

    Raises:
        DancenetError: unknown moments, a pose of another run, or too few.
    """
    (high, high_groups), (low, low_groups) = (_poses(space, texts) for texts in (having, lacking))
    told = {
        "method": method, "with": list(having), "without": list(lacking), "frames": [len(high), len(low)],
        "held_out": held_out(
            high, low, space.latents, method, groups=np.array([*high_groups, *low_groups])
        ),
    }  # fmt: skip
    return Direction(name, between(high, low, space.latents, method), space.origin, told)


def _poses(space: Space, texts: Sequence[str]) -> tuple[np.ndarray, list[int]]:
    """Latents (M, D) of all that is named, and for each a number that frames within a second share."""
    latents, groups = [], []
    for text in texts:
        if names_file(text):
            latents.append(space.pose(text))
            groups.append(-len(latents))
            continue
        for frame in space.frames_named(text):
            latents.append(space.latents.mean[frame])
            groups.append(int(frame / space.packed.fps))
    return np.array(latents, "float32").reshape(len(latents), -1), groups


def saved(run: Run, origin: Origin) -> list[Direction]:
    """The directions in the run's folder that belong to its present VAE, by name."""
    found = []
    for path in sorted((run / FOLDER).glob("*.json")):
        try:
            found.append(load_direction(path, origin))
        except DancenetError:  # of an earlier VAE: it says so when it is named
            continue
    return found


def read_amounts(texts: Sequence[str], run: Run | None, origin: Origin) -> list[tuple[Direction, float]]:
    """What `--apply NAME=AMOUNT` names: a direction saved in the run, or any direction file (.json).

    Args:
        texts: such as "arms_up=1.5" or "found/arms_up.json=-0.5".
        run: where names are looked for; None: files only.
        origin: what the directions must belong to.

    Raises:
        DancenetError: no such direction, not one of this run, or no number.
    """
    found = []
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            amount = float(number) if equals and name else math.nan
        except ValueError:
            amount = math.nan
        if not math.isfinite(amount):
            raise DancenetError(f"--apply {text}", "NAME=AMOUNT", "for example --apply arms_up=1.5")
        found.append((load_direction(_file_of(name, run), origin), amount))
    return found


def _file_of(name: str, run: Run | None) -> Path:
    """Where a direction lies that a user names."""
    if names_file(name):
        return Path(name)
    there = sorted(path.stem for path in (run / FOLDER).glob("*.json")) if run else []
    if run is None or name not in there:
        known = f"one of {', '.join(there)}" if there else "the file of a direction"
        place = f" in {run.path}" if run else ""
        raise DancenetError(
            f"no direction is named '{name}'{place}", known,
            f"find one with: dancenet explore directions --run {run.path if run else 'DIR'} --name {name} "
            "--with CLIP:SECOND ... --without CLIP:SECOND ...",
        )  # fmt: skip
    return run / FOLDER / f"{name}.json"
