"""Directions as files in their run, each with a sheet beside it, and in words. No mathematics here."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dancenet.explore import spread_poses
from dancenet.exploring.directions import FOLDER, independence, moved
from dancenet.exploring.poses import Direction, save_direction
from dancenet.exploring.space import Space
from dancenet.media.pictures import contact_sheet
from dancenet.runs import Run

#: Poses of the film that a sheet shows moved, and how far.
SHOWN, AMOUNTS = 4, (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
#: Directions closer than this are told to be hardly different.
ALIKE = 0.5


def write(run: Run, space: Space, made: Sequence[Direction]) -> Iterator[Path]:
    """Save directions in the run, and beside each a sheet: poses of the film moved along it."""
    poses = spread_poses(space.latents, SHOWN)
    for direction in made:
        path = save_direction(run / FOLDER / f"{direction.name}.json", direction)
        steps = [moved(poses, [(direction, amount)]) for amount in AMOUNTS]
        latents = np.stack(steps, axis=1).reshape(len(poses) * len(AMOUNTS), -1)
        labels = [f"{amount:+g}" for amount in AMOUNTS] * len(poses)
        contact_sheet(space.pictures(latents), path.with_suffix(".png"), columns=len(AMOUNTS), labels=labels)
        yield path
        yield path.with_suffix(".png")


def told(made: Sequence[Direction], known: Sequence[Direction], space: Space) -> Iterator[str]:
    """Lines about how good directions are, and how far they are the same as others of the run."""
    for direction in made:
        if "share_of_variance" in direction.told:
            yield f"{direction.name}: {direction.told['share_of_variance']:.1%} of what poses differ by"
        elif checked := direction.told.get("held_out"):
            yield (
                f"{direction.name}: of frames held out, {checked['accuracy']:.0%} told rightly"
                f" (area under the curve {checked['auc']:.3f})"
            )
        else:
            yield f"{direction.name}: not checked, the frames are too few or all of one second"
    if len(known) < 2:
        return
    cosines, together = independence(np.stack([direction.vector for direction in known]), space.latents)
    names = [direction.name for direction in known]
    new = {direction.name for direction in made}
    for i, name in enumerate(names):
        for j in range(i):
            if (name in new or names[j] in new) and abs(cosines[i, j]) >= ALIKE:
                yield f"{names[j]} and {name} are hardly different: cosine {cosines[i, j]:.2f}"
    yield "independence (cosine, and correlation over the film):"
    for i, name in enumerate(names):
        rest = ", ".join(
            f"{names[j]} {cosines[i, j]:+.2f} ({together[i, j]:+.2f})" for j in range(len(names)) if j != i
        )
        yield f"  {name}: {rest}"
