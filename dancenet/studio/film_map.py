"""Where every frame of a run's film lies on the map, and the ways between. Knows no HTTP.

The flat plane is there at once. The one in which neighbours stay neighbours, the moves and the graph of ways
take tens of seconds: they are found in a process of their own, and kept beside what is saved in the studio.
Shape letters: N frames of the film, M of them joined, D = 128 latent dimensions.
"""

import hashlib
import json
import logging
import threading
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np

from dancenet.errors import DancenetError
from dancenet.explore import neighbours
from dancenet.exploring.planes import PLANES, Plane, plane, planes
from dancenet.exploring.pose_map import energy
from dancenet.exploring.ways import FilmGraph, joined_frames
from dancenet.footage.clips import PackedFrames
from dancenet.footage.framing import as_frame
from dancenet.latents import Latents
from dancenet.runs import replacing
from dancenet.sequences import split_takes
from dancenet.studio.apart import DiedError, run_apart
from dancenet.studio.thumbnails import ACROSS, THUMB, Thumbnails
from dancenet.trained import Trained, encoded

log = logging.getLogger(__name__)

#: Raised when the meaning of the kept file changes.
FORMAT = 1
#: Finding what takes long is given up after so many seconds.
MOST_S = 1800.0
#: An image is answered by so many moments.
FOUND = 12


@dataclass(frozen=True)
class Placed:
    """What takes long.

    Attributes:
        plane: (N, 2) in which neighbours stay neighbours.
        move: (N,) number from 1 of the move that is danced, 0 where none is known.
        nearest: for `ways.FilmGraph.of`.
    """

    plane: np.ndarray
    move: np.ndarray
    nearest: np.ndarray


class FilmMap:
    """The map of one run.

    Args:
        trained: the run's models, film and latents.
        folder: where what takes long is kept.
        pictures: frames by number (B,) → (B, H, W, C) uint8.
        has_film: whether there are frames and an encoder.
    """

    def __init__(
        self, trained: Trained, folder: Path, pictures: Callable[[np.ndarray], np.ndarray], has_film: bool
    ):
        self._trained, self._has_film = trained, has_film
        self._path = folder / "map.npz"
        self._lock = threading.Lock()
        self.thumbnails = Thumbnails(trained.packed, pictures)
        self._placed: Placed | None = None
        self._begun, self._why_not = False, ""
        self._graph: FilmGraph | None = None

    @property
    def _packed(self) -> PackedFrames:
        return self._trained.packed

    @property
    def _latents(self) -> Latents:
        return self._trained.latents

    @cached_property
    def digest(self) -> str:
        """Changes whenever the film, its latents or the map's form does."""
        latents = self._latents
        form = f"{FORMAT} {self._better} {THUMB} {ACROSS} {float(latents.fps)} {self._packed.fingerprint}"
        found = hashlib.sha256(form.encode())
        for array in (latents.mean, latents.center, latents.scale, latents.clip_lengths):
            found.update(array.tobytes())
        return found.hexdigest()[:16]

    @cached_property
    def _better(self) -> Plane:
        return planes()[-1]

    # what takes long

    @property
    def complete(self) -> bool:
        """Whether what takes long is there."""
        return self._placed is not None

    def complete_soon(self, then: Callable[[str], None]) -> None:
        """Find what takes long, if it is not there and nobody does already.

        Args:
            then: called in another thread when it is there, with "", or with why it is not.
        """
        with self._lock:
            if self._begun:
                return
            self._begun = True
        threading.Thread(target=self._complete, args=(then,), name="dancenet-map", daemon=True).start()

    def _complete(self, then: Callable[[str], None]) -> None:
        why = ""
        try:
            self.place()
            self.graph()
        except (DancenetError, DiedError) as error:
            log.warning("the better plane of the map was not made: %s", error)
            why = str(error)
        except Exception:
            log.exception("the better plane of the map was not made")
            why = "it failed inside dancenet; the terminal says more"
        self._why_not = why
        then(why)

    def place(self) -> Placed:
        """Read what takes long, or find it and keep it.

        Raises:
            DancenetError, DiedError: it cannot be found.
        """
        placed = self._kept()
        if placed is None:
            placed = _read(run_apart("dancenet.studio.placing", self._asked(), most_s=MOST_S), self._latents)
            self._keep(placed)
        self._placed = placed
        return placed

    def _asked(self) -> bytes:
        latents, takes = self._latents, split_takes(self._packed)
        training, unseen = (np.array([(s.start, s.stop) for s in part]).reshape(-1, 2) for part in takes)
        out = BytesIO()
        np.savez(
            out, mean=latents.mean, center=latents.center, scale=latents.scale, fps=latents.fps,
            clip_starts=latents.clip_starts, clip_lengths=latents.clip_lengths, training=training,
            unseen=unseen, plane=np.frombuffer(self._better.encode(), np.uint8),
        )  # fmt: skip
        return out.getvalue()

    def _kept(self) -> Placed | None:
        """What was kept; None where that is missing, damaged, or of other latents."""
        try:
            data = self._path.read_bytes()
            with np.load(BytesIO(data), allow_pickle=False) as stored:
                if stored["digest"].tobytes().decode() != self.digest:
                    return None
            return _read(data, self._latents)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            log.info("%s is damaged (%s) and is made again", self._path, error)
            return None

    def _keep(self, placed: Placed) -> None:
        try:
            with replacing(self._path) as beside, open(beside, "wb") as file:
                np.savez(file, digest=np.frombuffer(self.digest.encode(), np.uint8), **vars(placed))
        except DancenetError as error:  # a full disk: it is found again next time
            log.warning("the map was not kept: %s", error)

    def graph(self) -> FilmGraph:
        """For ways through the film; made once."""
        with self._lock:
            if self._graph is None:
                placed = self._placed or self._kept()
                self._graph = FilmGraph.of(self._latents, placed.nearest if placed else None)
            return self._graph

    # what is told

    @cached_property
    def _flat(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, 2) the flat plane, and (N,) how fast the dancer moves."""
        return plane(self._latents.mean, "pca"), energy(self._latents)

    def told(self) -> bytes:
        """The map as one message, as far as it is known.

        A little-endian uint32 says how many bytes of JSON follow; then come its `columns` one after another,
        little-endian, each padded to whole 4 bytes: their names, types and shapes are in the JSON, in order.
        Columns: one for each of `planes` (N, 2) float32, the longest side from -1 to 1, y upwards; `clip`
        uint16 from 0; `time_s` float32 from the clip's start; `move` uint16 from 1, 0 where none is known
        (yet); `energy` float32, standardised latents per second. The JSON besides: `frames`, N; `complete`,
        whether planes and moves are all there, and `why_not`, if they cannot be had; `digest`, for addresses;
        `thumb` [width, height] in pixels; `across` and `sheets`: sheet r holds the frames r, r + sheets,
        r + 2 sheets ... in reading order, `across` in a row.
        """
        if not self._begun and self._placed is None:
            self._placed = self._kept()
        placed, (flat, speed) = self._placed, self._flat
        lengths = [clip.length for clip in self._packed.clips]
        drawn: dict[str, np.ndarray] = {"pca": flat} | ({self._better: placed.plane} if placed else {})
        columns = {
            **{name: _within_one(points) for name, points in drawn.items()},
            "clip": np.repeat(np.arange(len(lengths)), lengths).astype("<u2"),
            "time_s": np.concatenate([np.arange(one) for one in lengths]).astype("<f4") / self._packed.fps,
            "move": placed.move if placed else np.zeros(len(flat)),
            "energy": speed,
        }
        types = {"clip": "<u2", "move": "<u2"}
        columns = {name: values.astype(types.get(name, "<f4")) for name, values in columns.items()}
        header = {
            "frames": len(flat), "complete": placed is not None, "why_not": self._why_not,
            "digest": self.digest,
            "planes": [{"name": name, "label": PLANES[name]} for name in drawn],  # type: ignore[index]
            "thumb": self.thumbnails.size[::-1], "across": ACROSS, "sheets": self.thumbnails.sheets,
            "columns": [
                {"name": name, "type": values.dtype.name, "shape": values.shape}
                for name, values in columns.items()
            ],
        }  # fmt: skip
        text = json.dumps(header).encode()
        parts = [text, *(values.tobytes() for values in columns.values())]
        parts = [part + b" " * (-len(part) % 4) for part in parts]
        return len(parts[0]).to_bytes(4, "little") + b"".join(parts)

    # search by image

    def check_encoder(self) -> None:
        """Raise `DancenetError` where the model has no encoder."""
        if not self._has_film:
            raise DancenetError(
                "the built-in dancer's model has no encoder", "a run of your own to search by an image in",
                "make one with: dancenet new VIDEO --run runs/solo --out dance.mp4",
            )  # fmt: skip

    def like(self, picture: np.ndarray) -> list[dict[str, float]]:
        """The moments of the film that look most like a picture (h, w, 3) RGB uint8, the likest first.

        Returns:
            for each its `frame` and its `distance`, as a share of that of a typical pose.

        Raises:
            DancenetError: the model has no encoder.
        """
        self.check_encoder()
        latents = self._latents
        pose = encoded(self._trained.vae, as_frame(picture, self._packed)[None])[0]
        away = np.linalg.norm(latents.standardise(latents.mean) - latents.standardise(pose), axis=1)
        typical = max(float(np.median(away)), 1e-9)
        found = neighbours(latents, pose, FOUND)
        return [{"frame": frame, "distance": distance / typical} for frame, distance in found]


def _within_one(points: np.ndarray) -> np.ndarray:
    """Points (N, 2) moved and scaled so that their longest side goes from -1 to 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - (low + high) / 2) / max(float((high - low).max()) / 2, 1e-9)


def _read(data: bytes, latents: Latents) -> Placed:
    """What the process found, or what was kept of it.

    Raises:
        ValueError, KeyError, EOFError, OSError: damaged.
    """
    with np.load(BytesIO(data), allow_pickle=False) as stored:
        placed = Placed(*(stored[name] for name in Placed.__dataclass_fields__))
    count = len(latents.mean)
    whole = placed.plane.shape == (count, 2) and np.isfinite(placed.plane).all()
    if not whole or placed.move.shape != (count,) or placed.move.dtype.kind != "u":
        raise ValueError("a map of another film")
    joined, most = placed.nearest, len(joined_frames(latents))
    if joined.ndim != 2 or joined.dtype != np.int32 or len(joined) != most:
        raise ValueError("neighbours of another film")
    if joined.size and (joined.min() < 0 or joined.max() >= most):
        raise ValueError("neighbours that are not there")
    return placed
