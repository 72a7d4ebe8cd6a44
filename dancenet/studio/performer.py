"""A run that dances in the studio: its models, its film, what is saved of it.

Shape letters: N frames of the film, B poses, H height, W width, C channels, D = 128 latent dimensions.
"""

import contextlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.directing.director import Director
from dancenet.directing.openings import led_to
from dancenet.errors import DancenetError
from dancenet.explore import typical_pose
from dancenet.exploring.directions import find_principal, saved
from dancenet.exploring.poses import Direction, Origin
from dancenet.exploring.space import Space
from dancenet.generation import OPENING_S, body_of, load, opening_poses
from dancenet.runs import STAGES, Run
from dancenet.studio.exports import Exports
from dancenet.studio.film_map import FilmMap
from dancenet.studio.library import Library
from dancenet.studio.live import Live, Roller, reach
from dancenet.studio.sheet import path_s
from dancenet.studio.songs import Songs
from dancenet.trained import Trained, decode_batch

#: So many principal directions have a slider.
PRINCIPAL = 6
#: How far a direction is gone along in the pictures of what it does.
ENDS = (-2.0, 0.0, 2.0)
#: So many pictures show a saved phrase.
OF_A_PHRASE = 6
#: Poses are decoded together in batches of these sizes, so that few graphs are traced.
BATCHES = (1, 2, 4, 8, 16, 32)
#: The nearest frame is looked for among so many of the film at most.
LOOKED_AT = 20_000


class Performer:
    """One dancer.

    Args:
        run: a run that can dance; None: the built-in dancer's model.
        folder: where things are saved; the default is `studio` in the run.

    Raises:
        DancenetError: a stage is missing or stale.
    """

    def __init__(self, run: Run | None, folder: Path | None = None):
        self.run = run
        self._stamp = _stamp(run)
        self.trained = load(run).trained
        self.origin = Origin.of(run, self.trained.packed)
        if folder is None and run is None:
            raise DancenetError("the built-in dancer's model has no folder", "a folder to save in")
        self.library = Library(folder or run / "studio", self.origin)  # type: ignore[operator]
        self.songs = Songs(self.library.folder / "music")
        self.exports = Exports(self.library.folder / "exports", run.path if run else None)
        #: Folders in which the scores that it dances may name files.
        self.roots = [run.path if run else self.library.folder]
        self.space = Space(self.trained.packed, self.trained.latents, self.trained.vae, self.origin)
        #: Who wrote each score last, if they say so, and the mark of what they wrote.
        self.wrote: dict[str, tuple[str | None, str]] = {}
        self.roller = Roller(self.trained)
        latents = self.trained.latents
        step = -(-len(latents.mean) // LOOKED_AT)
        self._looked_at = np.arange(0, len(latents.mean), step)
        self._film = latents.standardise(latents.mean[self._looked_at]).astype("float32")
        self._lengths = (self._film**2).sum(axis=1)
        self.map = FilmMap(self.trained, self.library.folder, self.film_pictures, self.has_film)
        self.refresh_directions()

    def warm_up(self) -> None:
        """Have everything compiled that a first frame needs."""
        for count in (1, 2):  # one session alone, and several together
            lives = [Live(self.roller) for _ in range(count)]
            reach([(live, live.wanted(0.1)) for live in lives])
            self.pictures(np.stack([live.advance(0.1) for live in lives]))

    @property
    def is_stale(self) -> bool:
        """Whether the run has been trained further since."""
        return _stamp(self.run) != self._stamp

    @cached_property
    def director(self) -> Director:
        """For what is more than going on: scores."""
        return Director(self.trained)

    def listed(self) -> dict[str, Any]:
        """What is saved of it: names by kind, how long each phrase is, songs, exports."""
        names = self.library.listed()
        lasts_s = {}
        for name in names["phrases"]:
            with contextlib.suppress(DancenetError):  # a damaged one is told when it is used
                lasts_s[name] = round(path_s(self.library.path("phrase", name)), 3)
        return {**names, "phrases_s": lasts_s, "songs": self.songs.names(), "exports": self.exports.listed()}

    @property
    def name(self) -> str:
        """What the page calls it."""
        return self.run.path.resolve().name if self.run else "the built-in dancer"

    @property
    def has_film(self) -> bool:
        """Whether the film's frames and an encoder are there; the built-in dancer's model has neither."""
        return self.run is not None

    def refresh_directions(self) -> None:
        """Look again at which directions there are."""
        named = saved(self.run, self.origin) if self.run else []
        principal = find_principal(self.space, PRINCIPAL)
        taken = {direction.name for direction in named}
        found = [*named, *(one for one in principal if one.name not in taken)]
        self.directions: dict[str, Direction] = {direction.name: direction for direction in found}

    def told_directions(self) -> list[dict[str, Any]]:
        """The directions, as the page needs them: named ones first."""
        return [
            {"name": one.name, "named": one.told.get("method") != "principal", "told": one.told}
            for one in self.directions.values()
        ]

    def offset(self, amounts: dict[str, float]) -> np.ndarray:
        """(D,) what going along directions adds to a pose; unknown names add nothing."""
        known = [
            (self.directions[name], amount) for name, amount in amounts.items() if name in self.directions
        ]
        return sum((amount * one.vector for one, amount in known), np.zeros(self._film.shape[1], "float32"))

    def along(self, name: str) -> np.ndarray:
        """(B, H, W, C): the most typical pose, gone along a direction from one end to the other.

        Raises:
            DancenetError: there is no such direction.
        """
        if name not in self.directions:
            raise DancenetError(f"no direction is named {name}", f"one of {', '.join(self.directions)}")
        amounts = np.array(ENDS)[:, None]
        return self.pictures(typical_pose(self.trained.latents) + amounts * self.directions[name].vector)

    def saved(self, kind: str, name: str) -> np.ndarray:
        """(B, H, W, C) of a saved pose, or some poses of a saved phrase.

        Raises:
            DancenetError: there is none.
        """
        if kind == "pose":
            return self.pictures(self.library.pose(name).latents[None])
        if kind != "phrase":
            raise DancenetError(f"a picture of a {kind[:20]}", "one of a pose or a phrase")
        latents = self.library.phrase(name).latents
        return self.pictures(latents[np.linspace(0, len(latents) - 1, OF_A_PHRASE).astype(int)])

    def pose(self, place: str) -> np.ndarray:
        """(D,) of CLIP:SECOND, or of a saved pose by its name.

        Raises:
            DancenetError: there is no such moment, and no such pose.
        """
        if ":" in place:
            return self.trained.latents.mean[self.trained.packed.locate(place)]
        return self.library.pose(place).latents

    def opening(self, *, frame: int | None = None, place: str | None = None) -> np.ndarray:
        """(T, D) poses that lead to a frame of the film, or to a pose, itself the last of them.

        Raises:
            DancenetError: there is no such frame, moment or pose.
        """
        packed, latents = self.trained.packed, self.trained.latents
        if frame is None and place is not None and ":" in place:
            frame = packed.locate(place)
        if frame is None:
            return led_to(self.trained, self.pose(place or ""), np.zeros((0, 0), "float32"))
        if frame >= len(packed):
            raise DancenetError(f"frame {frame}", f"0 to {len(packed) - 1}")
        begun = next(clip.start for clip in packed.clips if frame < clip.stop)
        length = round(OPENING_S * packed.fps)
        return latents.mean[max(begun, frame + 1 - length) : frame + 1]

    @cached_property
    def usual_body(self) -> int:
        """Who takes the pose in which a dance usually begins, a place in the run's `dancers`."""
        first = opening_poses(self.trained, None)[-1]
        return body_of(self.trained.packed, self.trained.latents, first)

    def nearest(self, pose: np.ndarray) -> int:
        """The film's frame nearest to a pose (D,), in standardised latents."""
        point = self.trained.latents.standardise(pose).astype("float32")
        return int(self._looked_at[int((self._lengths - 2 * (self._film @ point)).argmin())])

    def pictures(
        self, poses: np.ndarray, guest: Trained | None = None, bodies: np.ndarray | None = None
    ) -> np.ndarray:
        """Poses (B, D) → frames (B, H, W, C) uint8; those of a guest by the guest's own decoder.

        `bodies` (B,) says whose each shows; None: the usual one.
        """
        if bodies is None:
            bodies = np.full(len(poses), self.usual_body)
        vae, made = (guest or self.trained).vae, []
        for start in range(0, len(poses), BATCHES[-1]):
            part = poses[start : start + BATCHES[-1]]
            size = next(size for size in BATCHES if size >= len(part))
            padded = np.pad(part, ((0, size - len(part)), (0, 0)))
            whose = np.pad(bodies[start : start + BATCHES[-1]], (0, size - len(part)))
            made.append(decode_batch(vae, padded, whose)[: len(part)])
        return np.concatenate(made)

    def film_pictures(self, frames: Sequence[int] | np.ndarray) -> np.ndarray:
        """Frames of the film by number (B,): as filmed, or without a film as the decoder draws them.

        Raises:
            DancenetError: the film is not that long.
        """
        if max(frames) >= len(self.trained.packed):
            raise DancenetError(f"frame {max(frames)}", f"0 to {len(self.trained.packed) - 1}")
        if self.has_film:
            return np.stack([self.trained.packed.pixels[frame] for frame in frames])
        return self.pictures(self.trained.latents.mean[np.asarray(frames)])


def _stamp(run: Run | None) -> tuple[int, ...]:
    """Changes whenever a stage of the run is finished anew."""
    made = []
    for stage in STAGES if run else ():
        try:
            made.append((run / f"{stage}.json").stat().st_mtime_ns)  # type: ignore[operator]
        except OSError:
            made.append(0)
    return tuple(made)
