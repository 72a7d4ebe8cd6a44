"""A run's latent space: its film, its latents, and the VAE that leads to and fro.

What all exploring begins with; a choreographer is not needed.
Shape letters: N frames, T time steps, H height, W width, C channels, D = 128 latent dimensions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancenet.current import joint_is_current
from dancenet.errors import DancenetError
from dancenet.exploring.poses import Origin, load_path, names_file, pose_at
from dancenet.footage.clips import PackedFrames
from dancenet.frames import load_frames
from dancenet.generation import body_of, decoded
from dancenet.latents import Latents, clip_of
from dancenet.outputs import json_or_empty
from dancenet.runs import Run
from dancenet.trained import current_vae, fresh_latents
from dancenet.vae import VAE


@dataclass(frozen=True)
class Space:
    """Film, latents and VAE that belong together.

    Attributes:
        packed: the frames.
        latents: their posteriors.
        vae: the VAE that dances are decoded with.
        origin: by which poses, paths and directions say that they belong here.
    """

    packed: PackedFrames
    latents: Latents
    vae: VAE
    origin: Origin

    def pose(self, text: str) -> np.ndarray:
        """Latents (D,) of CLIP:SECOND or of a pose file.

        Raises:
            DancenetError: there is no such moment or file, or it belongs to another run.
        """
        return pose_at(text, self.packed, self.latents, self.origin)

    def poses(self, text: str) -> np.ndarray:
        """Latents (T, D) of what a user names: one pose as of `pose`, or all of a path file.

        Raises:
            DancenetError: there is no such moment or file, or it belongs to another run.
        """
        if names_file(text) and json_or_empty(Path(text)).get("kind") == "path":
            return load_path(Path(text), self.origin).latents
        return self.pose(text)[None]

    def frames_named(self, text: str) -> list[int]:
        """Frames of CLIP:SECOND (one) or of a stretch CLIP:SECOND-SECOND (all of it).

        Raises:
            DancenetError: there is no such clip or moment, or the stretch ends before it begins.
        """
        clip, colon, seconds = text.rpartition(":")
        begin, dash, end = seconds.partition("-")
        if not (colon and begin and dash):
            return [self.packed.locate(text)]
        first, last = self.packed.locate(f"{clip}:{begin}"), self.packed.locate(f"{clip}:{end}")
        if last < first:
            raise DancenetError(f"'{text}' ends before it begins", "CLIP:SECOND-SECOND")
        return list(range(first, last + 1))

    def moment(self, frame: int) -> str:
        """CLIP:SECOND of a frame, as `PackedFrames.locate` reads it."""
        clip = self.packed.clips[clip_of(self.packed.clips, frame)]
        second = f"{(frame - clip.start) / self.packed.fps:.3f}"
        return f"{clip.name}:{second.rstrip('0').rstrip('.')}"

    def draw_as(self, dancer: str | None, pose: np.ndarray) -> None:
        """Draw poses as a dancer of the run from now on; None: as whoever was nearest to a pose (D,).

        Raises:
            DancenetError: the run has no such dancer, or only one.
        """
        self.vae.body = body_of(self.packed, self.latents, pose, dancer)

    def pictures(self, latents: np.ndarray) -> np.ndarray:
        """Latents (T, D) → uint8 frames (T, H, W, C)."""
        return np.stack(list(self.stream(latents)))

    def stream(self, latents: np.ndarray) -> Iterator[np.ndarray]:
        """Latents (T, D) → uint8 frames (H, W, C), one after another."""
        return decoded(self.vae, np.asarray(latents, "float32"))

    def spans(self) -> list[slice]:
        """Frames of every clip."""
        return [slice(clip.start, clip.stop) for clip in self.packed.clips]


def load_space(run: Run) -> Space:
    """The latent space that a run dances in.

    Raises:
        DancenetError: frames, VAE or latents are missing or stale.
    """
    packed = load_frames(run)
    run.read("vae")
    fresh_latents(run, packed)
    vae = current_vae(run, packed)
    joint = run.has("choreographer") and joint_is_current(run)
    latents = Latents.load((run / "joint" if joint else run.path) / "latents.npz")
    if len(latents.mean) != len(packed):
        raise DancenetError(
            f"{run.path} has {len(latents.mean)} latents for {len(packed)} frames", "one for each",
            f"make them again: dancenet train latents --fresh --run {run.path}",
        )  # fmt: skip
    return Space(packed, latents, vae, Origin.of(run, packed))
