"""What hands may do with a session: one function for each request of the protocol.

Each is called in the thread that owns the session; what takes long comes back as `Later`, to be done
elsewhere and handed back. Shape letters: T poses, K waypoints, D = 128 latent dimensions.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dancenet.errors import DancenetError
from dancenet.exploring.directions import FOLDER as DIRECTIONS
from dancenet.exploring.directions import find_named
from dancenet.exploring.poses import Direction, Pose, PosePath, save_direction
from dancenet.exploring.ways import FilmGraph
from dancenet.generation import resample
from dancenet.studio import protocol, score_hands
from dancenet.studio.later import Later
from dancenet.studio.live import Controls
from dancenet.studio.session import Session

#: A path through the map is at least and at most so many poses long.
PATH_POSES = (8, 600)
#: A phrase is kept at so many times the film's rate.
KEPT = 2


def handle(session: Session, request: protocol.Request) -> dict[str, Any] | Later:
    """Do what is asked for; the answer, or what has to be done elsewhere first.

    Raises:
        DancenetError: it cannot be done; nothing has changed.
    """
    if type(request) not in _HANDLERS:
        raise DancenetError(f"there is nothing to {type(request).__name__.lower()}", "other work")
    with session.unchanged_if_it_fails():
        answer = _HANDLERS[type(request)](session, request)
    session.revision += 1
    session.changed += 1
    return answer or {}


def set_controls(session: Session, asked: protocol.Set) -> None:
    """Move controls, or show another body."""
    if asked.dancer is not None:
        session.body = session.performer.trained.packed.body_named(asked.dancer)
    given = {
        name: value for name in Controls.__dataclass_fields__ if (value := getattr(asked, name)) is not None
    }
    session.live.set(dataclasses.replace(session.live.controls, **given))


def pause(session: Session, asked: protocol.Pause) -> None:
    """Hold, or go on."""
    session.paused = asked.paused


def restart(session: Session, asked: protocol.Restart) -> None:
    """Another dance."""
    session.to_the_dance()
    session.seed = asked.seed
    session.live.restart(asked.seed)


def go(session: Session, asked: protocol.Go) -> None:
    """Go to a pose."""
    if (asked.frame is None) == (asked.pose is None):
        raise DancenetError("go with neither a frame nor a pose, or with both", "one of the two")
    opening = session.performer.opening(frame=asked.frame, place=asked.pose)
    session.to_the_dance()
    session.live.go(opening)


def follow(session: Session, asked: protocol.Follow) -> Later:
    """Follow a path through frames."""
    latents, film_map = session.performer.trained.latents, session.performer.map
    if max(asked.frames) >= len(latents.mean):
        raise DancenetError(f"frame {max(asked.frames)}", f"0 to {len(latents.mean) - 1}")

    begun = session.live.advance(0.0)

    def work(_) -> np.ndarray:
        """Find the way."""
        return along(film_map.graph(), np.concatenate([begun[None], latents.mean[asked.frames]]))

    def then(path: np.ndarray) -> dict[str, Any]:
        """Go along it."""
        session.to_the_dance()
        session.live.follow(path)
        session.revision += 1
        return {"poses": len(path)}

    return Later("finding a way through the film", work, then)


def scrub(session: Session, asked: protocol.Scrub) -> None:
    """Look back."""
    if asked.ago_s is not None and not session.history.length_s:
        raise DancenetError("nothing was danced yet", "a dance to look back at")
    session.look_back(asked.ago_s)


def snapshot(session: Session, asked: protocol.Snapshot) -> dict[str, Any]:
    """Keep the pose that is shown."""
    library = session.performer.library
    name = asked.name or library.free_name("pose", "pose")
    shown = session.frame(0.0)
    if shown.guest is not None:
        raise DancenetError("the pose of another dancer", "one of this run's", "wait for its section to end")
    pose = shown.pose
    nearest = session.performer.space.moment(session.performer.nearest(pose))
    library.keep(name, Pose(pose, session.performer.origin, {"studio": session.name, "near": nearest}))
    return {"pose": name}


def keep(session: Session, asked: protocol.Keep) -> dict[str, Any]:
    """Keep a stretch as a phrase."""
    library, fps = session.performer.library, session.performer.trained.packed.fps * KEPT
    poses = session.history.stretch(asked.from_ago_s, asked.to_ago_s, fps)
    name = asked.name or library.free_name("phrase", "phrase")
    library.keep(name, PosePath(poses, fps, session.performer.origin, {"studio": session.name}))
    return {"phrase": name, "seconds": (len(poses) - 1) / fps}


def bend(session: Session, asked: protocol.Bend) -> None:
    """Go along directions."""
    if unknown := sorted(set(asked.amounts) - set(session.performer.directions)):
        known = ", ".join(session.performer.directions)
        raise DancenetError(f"no direction is named {unknown[0]}", f"one of {known}")
    session.desk.bend(asked.amounts, asked.gesture)


def mix(session: Session, asked: protocol.Mix) -> None:
    """Hold a mix of poses, or none."""
    for place in asked.poses:
        session.performer.pose(place)
    weights = tuple(asked.weights or [1.0] * len(asked.poses))
    session.desk.mix(tuple(asked.poses), weights, asked.gesture)
    session.change(session.desk.now)
    session.look_back(None)


def undo(session: Session, _: protocol.Undo) -> None:
    """Take a change of the desk back."""
    session.desk.undo()
    session.change(session.desk.now)


def redo(session: Session, _: protocol.Redo) -> None:
    """Do it again."""
    session.desk.redo()
    session.change(session.desk.now)


def learn(session: Session, asked: protocol.Learn) -> Later:
    """A direction from two baskets."""
    performer, run = session.performer, session.performer.run
    if run is None:
        raise DancenetError("the built-in dancer's model", "a run of your own to save directions in")
    for place in (*asked.having, *asked.lacking):
        performer.pose(place)  # nothing else than moments and saved poses: no other files
    having, lacking = (
        [place if ":" in place else str(performer.library.path("pose", place)) for place in basket]
        for basket in (asked.having, asked.lacking)
    )

    def work(_) -> Direction:
        """Find it."""
        return find_named(performer.space, asked.name, having, lacking)

    def then(direction: Direction) -> dict[str, Any]:
        """Keep it."""
        save_direction(run / DIRECTIONS / f"{asked.name}.json", direction)
        performer.refresh_directions()
        return {"direction": asked.name, "told": direction.told}

    return Later(f"learning {asked.name}", work, then)


def remove(session: Session, asked: protocol.Remove) -> None:
    """Put a saved thing away."""
    if asked.kind == "export":
        session.performer.exports.remove(asked.name)
        return
    if asked.kind == "pose" and asked.name in session.desk.now.poses:
        raise DancenetError(f"the pose {asked.name} is on the desk", "one that is not", "clear the desk")
    session.performer.library.remove(asked.kind, asked.name)


def rename(session: Session, asked: protocol.Rename) -> None:
    """Give a saved thing another name."""
    if asked.kind == "pose" and asked.name in session.desk.now.poses:
        raise DancenetError(f"the pose {asked.name} is on the desk", "one that is not", "clear the desk")
    session.performer.library.rename(asked.kind, asked.name, asked.to)


def along(graph: FilmGraph, waypoints: np.ndarray) -> np.ndarray:
    """(T, D) poses through waypoints (K, D) at about the dancer's usual pace."""
    latents = graph.latents
    steps = np.diff(latents.standardise(latents.mean), axis=0)
    usual = float(np.median(np.linalg.norm(steps, axis=1)))
    rough = graph.way(list(waypoints), 400)
    length = float(np.linalg.norm(np.diff(latents.standardise(rough), axis=0), axis=1).sum())
    count = int(np.clip(math.ceil(length / usual), *PATH_POSES))
    return resample(rough, 1.0, np.linspace(0, len(rough) - 1, count))


_HANDLERS: dict[type, Callable[[Session, Any], dict[str, Any] | Later | None]] = {
    protocol.Set: set_controls, protocol.Pause: pause, protocol.Restart: restart,
    protocol.Go: go, protocol.Follow: follow, protocol.Scrub: scrub, protocol.Snapshot: snapshot,
    protocol.Keep: keep, protocol.Bend: bend, protocol.Mix: mix, protocol.Undo: undo, protocol.Redo: redo,
    protocol.Learn: learn, protocol.Remove: remove, protocol.Rename: rename, **score_hands.HANDLERS,
}  # fmt: skip
