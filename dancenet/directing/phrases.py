"""What a choreographer names, as poses: phrases of clips, videos and path files; moments, images, pose files.

Shape letters: N frames, H height, W width, C channels, T poses, D = 128 latent dimensions.
"""

import math
import re
from pathlib import Path

import numpy as np

from dancenet.directing.verbs import Keyframe, Phrase
from dancenet.errors import DancenetError
from dancenet.exploring.poses import Origin, load_path, load_pose, names_file
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.footage.framing import alike, as_frame
from dancenet.footage.inputs import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from dancenet.frames import frames_like
from dancenet.generation import OPENING_S
from dancenet.media.pictures import read_image
from dancenet.runs import Run
from dancenet.trained import Trained, encoded

#: The end of a phrase's name that says which part: `:START-END` or `:SECOND`.
_PART = re.compile(r":(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?$")


class Reader:
    """Reads what is named for one run.

    Args:
        run: the run's folder; None: the built-in dancer's model, which holds no encoder.
        trained: its models.
        beside: a folder from where files are understood first, if they are there.
    """

    def __init__(self, run: Run | None, trained: Trained, *, beside: Path | None = None):
        self.trained, self._run, self._beside = trained, run, beside
        self._origin: Origin | None = None

    def keyframe(self, text: str, at_s: float = 0.0) -> Keyframe:
        """A pose: CLIP:SECOND, an image, or a saved pose (.json).

        Raises:
            DancenetError: no such moment or file, an image of another shape, or the pose of another run.
        """
        packed, latents = self.trained.packed, self.trained.latents
        if names_file(text):
            return Keyframe(at_s, load_pose(self._file(text), self._belonging()).latents, name=text)
        if Path(text).suffix.lower() in IMAGE_SUFFIXES:
            frame = framed(read_image(self._file(text)), packed, text)
            return Keyframe(at_s, self._encoded(frame[None])[0], name=text)
        moment = packed.locate(text)
        begun = next(clip.start for clip in packed.clips if moment < clip.stop)
        lead = latents.mean[max(begun, moment - self._opening) : moment]
        return Keyframe(at_s, latents.mean[moment], lead, text)

    def phrase(self, text: str, *, whole: bool = True) -> Phrase:
        """Some seconds of dance: CLIP, VIDEO or a saved path (.json), as a whole or `:START-END` of it.

        Args:
            text: what the user wrote.
            whole: `:SECOND` is refused; otherwise it stands for everything until then.

        Raises:
            DancenetError: no such clip or file, seconds outside of it, or the path of another run.
        """
        found = _PART.search(text)
        name = text[: found.start()] if found else text
        if names_file(name):
            return self._saved(text, name, found, whole=whole)
        is_film = Path(name).suffix.lower() in VIDEO_SUFFIXES
        packed = self._film(self._file(name)) if is_film else self.trained.packed
        if is_film:
            clip = _clip_at(packed, float(found[2] or found[1]) if found else math.inf)
        else:
            clip = packed.clip_named(name)
        start, stop = clip.start, clip.stop
        if found:
            offset_s = clip.source_start_s if is_film else 0.0
            start, stop = _part(text, found, clip, packed.fps, offset_s, whole=whole)
        begun = max(clip.start, start - self._opening)
        part = slice(begun, stop)
        poses = self._encoded(packed.pixels[part]) if is_film else self.trained.latents.mean[part]
        return Phrase(poses[start - begun :], packed.fps, poses[: start - begun], text)

    def film(self, text: str) -> Phrase:
        """A whole video, across its cuts, or `VIDEO:START-END` of it, through the run's own frame options.

        Raises:
            DancenetError: there is no such video, or no such part of it.
        """
        if Path(text).suffix.lower() not in VIDEO_SUFFIXES:
            name = text.rpartition(":")[0]
            if Path(name).suffix.lower() not in VIDEO_SUFFIXES:
                raise DancenetError(f"{text} is no video", "a video such as other.mp4, or other.mp4:3-12")
            return self.phrase(text)
        packed = self._film(self._file(text))
        return Phrase(self._encoded(packed.pixels), packed.fps, name=text)

    def _saved(self, text: str, name: str, found: re.Match[str] | None, *, whole: bool) -> Phrase:
        """A path file, or a part of it."""
        path = load_path(self._file(name), self._belonging())
        start, stop = 0, len(path.latents)
        if found:
            all_of_it = Clip(1, name, "", 1, 0, stop, 0.0)
            start, stop = _part(text, found, all_of_it, path.fps, 0.0, whole=whole)
        lead = path.latents[max(0, start - round(OPENING_S * path.fps)) : start]
        return Phrase(path.latents[start:stop], path.fps, lead, text)

    def _belonging(self) -> Origin:
        """What saved poses and paths must belong to."""
        if self._origin is None:
            self._origin = Origin.of(self._run, self.trained.packed)
        return self._origin

    @property
    def _opening(self) -> int:
        """Poses that warm the network's state."""
        return round(OPENING_S * self.trained.packed.fps)

    def _file(self, name: str) -> Path:
        near = self._beside / name if self._beside else Path(name)
        return near if near.exists() else Path(name)

    def _film(self, path: Path) -> PackedFrames:
        """A video through the run's own frame options."""
        self._needs_encoder(str(path))
        return frames_like(path, self.trained.packed.options)

    def _encoded(self, frames: np.ndarray) -> np.ndarray:
        """Latents (N, D) of frames (N, H, W, C)."""
        self._needs_encoder("an image")
        return encoded(self.trained.vae, frames)

    def _needs_encoder(self, what: str) -> None:
        if self._run is None:
            raise DancenetError(
                f"{what} for the built-in dancer's model, which comes without an encoder",
                "a moment as CLIP:SECOND", "or name a --run of your own (dancenet demo makes one)",
            )  # fmt: skip


def _part(
    text: str, found: re.Match[str], clip: Clip, fps: float, offset_s: float, *, whole: bool
) -> tuple[int, int]:
    """Frames [start, stop) of the part of a clip that begins at `offset_s` of its film."""
    name = text[: found.start()]
    if whole and not found[2]:
        first = float(found[1])
        raise DancenetError(f"phrase {text}", "CLIP:START-END", f"for example {name}:{first:g}-{first + 4:g}")
    first, last = (float(found[1]), float(found[2])) if found[2] else (offset_s, float(found[1]))
    ends_s = offset_s + clip.length / fps
    if not offset_s <= first < last <= ends_s + 1 / fps:
        expected = f"a start before an end, from {offset_s:g} to {ends_s:.1f} s"
        raise DancenetError(
            f"'{text}' names no phrase", expected, f"for example {name}:{offset_s:g}-{ends_s:.1f}"
        )
    start = clip.start + round((first - offset_s) * fps)
    stop = min(clip.stop, clip.start + round((last - offset_s) * fps) + 1)
    return min(start, stop - 1), stop


def _clip_at(packed: PackedFrames, second: float) -> Clip:
    """The clip of a video that holds a second of it; the last one that has begun by then."""
    begun = [clip for clip in packed.clips if clip.source_start_s < second or clip.number == 1]
    return begun[-1]


def framed(picture: np.ndarray, packed: PackedFrames, name: str) -> np.ndarray:
    """A picture (h, w, 3) as a frame (H, W, C) of the film.

    Raises:
        DancenetError: it is not shaped like a frame, nor like the film's own pictures.
    """
    height, width = picture.shape[:2]
    shapes = {packed.width / packed.height}
    if packed.options.fit != "follow":
        shapes |= _shapes(packed)
    if not any(alike(width / height, shape) for shape in shapes):
        raise DancenetError(
            f"{name} is a picture of {width} x {height}",
            f"one shaped like the film's, {packed.width} x {packed.height}",
            "cut it to that shape, or name a moment of the film as CLIP:SECOND",
        )  # fmt: skip
    return as_frame(picture, packed)


def _shapes(packed: PackedFrames) -> set[float]:
    """Width over height of the films themselves, of those that are still there."""
    from dancenet.video import probe

    found = set()
    for source in {clip.source for clip in packed.clips if clip.source}:
        try:
            info = probe(Path(source))
        except DancenetError:
            continue
        found.add(info.width / info.height)
    return found
