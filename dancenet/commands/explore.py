"""`dancenet explore`: poses of a latent space and ways between them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dancenet.commands.base import Command, RunFolder
from dancenet.config import frame_rate, positive, within
from dancenet.console import Console, load_tensorflow
from dancenet.errors import DancenetError
from dancenet.runs import Run

Sheet = Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")]
_POSE = "CLIP:SECOND or a pose file (.json)"
DrawnAs = Annotated[str | None, tyro.conf.arg(metavar="NAME")]


@dataclass(frozen=True, kw_only=True)
class ExploreTraverse(Command):
    """Each of the strongest dimensions swept, one strip each: what the latents have learned to tell.

    Details:
      One row a dimension, from where 2% of the film's poses lie below to where 2% lie beyond, all else of the
      pose held. --by principal sweeps the directions in which the film's poses differ most; --by units single
      numbers of the 128.

    Examples:
      dancenet explore traverse --run runs/solo
      dancenet explore traverse --run runs/solo --pose solo:12.5 --by units --count 16 --out units.png
    """

    run: RunFolder
    out: Sheet = None
    """The strips; the default is explore/traverse.png in the run."""
    pose: Annotated[str | None, tyro.conf.arg(metavar="POSE")] = None
    """CLIP:SECOND or a pose file (.json); the default is the film's most typical pose."""
    by: Literal["principal", "units"] = "principal"
    """Directions in which poses differ most, or single latent numbers."""
    count: int = 8
    """How many dimensions."""
    steps: int = 9
    """Pictures in each strip."""
    dancer: DrawnAs = None
    """Whose body is drawn, of a run of several dancers; the default is who took the pose."""

    def __post_init__(self) -> None:
        within("count", self.count, 1, 128)
        within("steps", self.steps, 2, 100)

    def execute(self, console: Console) -> None:
        """Sweep them."""
        load_tensorflow()
        from dancenet import explore
        from dancenet.exploring import space
        from dancenet.pages import sheets

        run = Run(self.run)
        out = sheets.picture_out(self.out or run / "explore" / "traverse.png")
        found = space.load_space(run)
        around = found.pose(self.pose) if self.pose else explore.typical_pose(found.latents)
        found.draw_as(self.dancer, around)
        swept, shares = explore.sweeps(found.latents, self.count, self.steps, kind=self.by, around=around)
        console.result(sheets.strips(found, swept, [f"{share:.1%}" for share in shares], out))


@dataclass(frozen=True, kw_only=True)
class ExploreNeighbours(Command):
    """The moments of the film whose poses are nearest to a pose.

    Details:
      Prints each as CLIP:SECOND with its distance, nearest first; two moments of a clip lie at least
      --apart seconds apart. --out leaves them as pictures, the pose itself first.

    Examples:
      dancenet explore neighbours --run runs/solo --pose solo:12.5
      dancenet explore neighbours --run runs/solo --pose me.json --count 24 --out near.png
    """

    run: RunFolder
    pose: Annotated[str, tyro.conf.arg(metavar="POSE")]
    """CLIP:SECOND or a pose file (.json)."""
    count: int = 12
    """How many moments."""
    apart: float = 1.0
    """Seconds between two moments of one clip, at least."""
    out: Sheet = None
    """Also write their pictures."""
    dancer: DrawnAs = None
    """Whose body the pose is drawn with in --out, of several dancers; the default is who took it."""

    def __post_init__(self) -> None:
        within("count", self.count, 1, 1000)
        within("apart", self.apart, 0, 3600, "seconds")
        if self.dancer and not self.out:
            raise DancenetError(
                "--dancer without --out",
                "pictures to draw that dancer in",
                "add --out near.png, or leave it out",
            )

    def execute(self, console: Console) -> None:
        """Find them."""
        load_tensorflow()
        from dancenet import explore
        from dancenet.exploring import space
        from dancenet.pages import sheets

        out = sheets.picture_out(self.out) if self.out else None
        found = space.load_space(Run(self.run))
        pose = found.pose(self.pose)
        found.draw_as(self.dancer, pose)
        near = explore.neighbours(found.latents, pose, self.count, apart_s=self.apart)
        for frame, distance in near:
            console.result(f"{found.moment(frame)} {distance:.3f}")
        if out:
            console.result(sheets.beside_film(found, pose, [frame for frame, _ in near], out))


@dataclass(frozen=True, kw_only=True)
class ExplorePath(Command):
    """A film from pose to pose by way of poses that the dancer takes, and the path as a file.

    Details:
      Where `generate interpolate` goes straight through latent space, this takes the shortest way over the
      film's own poses, so that no picture between is a ghost of two. Writes FILE.mp4 and beside it FILE.json,
      a path file.

    Examples:
      dancenet explore path --run runs/solo --through solo:1 solo:14.2 --out way.mp4
      dancenet explore path --run runs/solo --through solo:1 me.json solo:30 --seconds 8 --out way.mp4
      dancenet explore path --run runs/solo --through way.json solo:5 --out longer.mp4
    """

    run: RunFolder
    through: Annotated[tuple[str, ...], tyro.conf.arg(metavar="POSE...", help_behavior_hint="")]
    """Two or more poses: CLIP:SECOND or pose files (.json); or path files, gone along as they are."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.mp4")]
    """The video to write."""
    seconds: float | None = None
    """Length of the whole; the default is three seconds from pose to pose."""
    fps: float = 30.0
    """Frames per second of the video."""
    scale: float = 1.0
    """Enlarge the pictures by this factor."""
    dancer: DrawnAs = None
    """Whose body is drawn, of a run of several dancers; the default is who took the first pose."""

    def __post_init__(self) -> None:
        if len(self.through) < 2 and not any(text.endswith(".json") for text in self.through):
            raise DancenetError("--through with one pose", f"two or more, each {_POSE}, or a path file")
        if self.seconds is not None:
            positive("seconds", self.seconds, "seconds")
        frame_rate(self.fps)
        within("scale", self.scale, 0.1, 16)

    def execute(self, console: Console) -> None:
        """Go."""
        load_tensorflow()
        from dancenet import rendering
        from dancenet.exploring import poses, space, ways

        run = Run(self.run)
        found = space.load_space(run)
        waypoints = [found.poses(text) for text in self.through]
        found.draw_as(self.dancer, waypoints[0][0])
        lasts_s = self.seconds or 3.0 * max(1, len(self.through) - 1)
        latents = ways.way_through(found.latents, waypoints, max(2, round(lasts_s * self.fps)))
        way = poses.PosePath(latents, self.fps, found.origin, {"through": list(self.through)})
        for path in rendering.write_way(run, found, way, self.out, self.scale, console.progress):
            console.result(path)


@dataclass(frozen=True, kw_only=True)
class ExploreGrid(Command):
    """A field of poses between two or four poses, as one picture.

    Examples:
      dancenet explore grid --run runs/solo --corners solo:1 solo:14.2 --out row.png
      dancenet explore grid --run runs/solo --corners solo:1 solo:5 me.json solo:30 --size 9 --out field.png
    """

    run: RunFolder
    corners: Annotated[tuple[str, ...], tyro.conf.arg(metavar="POSE...", help_behavior_hint="")]
    """Two poses (a row) or four (a field): CLIP:SECOND or pose files (.json)."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.png")]
    """The picture to write."""
    size: int = 7
    """Pictures in a row, and rows of a field."""
    dancer: DrawnAs = None
    """Whose body is drawn, of a run of several dancers; the default is who took the first pose."""

    def __post_init__(self) -> None:
        if len(self.corners) not in (2, 4):
            raise DancenetError(f"--corners with {len(self.corners)} poses", f"two or four, each {_POSE}")
        within("size", self.size, 2, 50)

    def execute(self, console: Console) -> None:
        """Fill the field."""
        load_tensorflow()
        import numpy as np

        from dancenet import explore
        from dancenet.exploring import space
        from dancenet.pages import sheets

        out = sheets.picture_out(self.out)
        found = space.load_space(Run(self.run))
        corners = np.stack([found.pose(text) for text in self.corners])
        found.draw_as(self.dancer, corners[0])
        console.result(sheets.strips(found, explore.grid(corners, self.size, self.size), None, out))


@dataclass(frozen=True, kw_only=True)
class ExploreInvert(Command):
    """Any image, or a moment of the film, to its latents: a pose file.

    Details:
      The encoder guesses, then gradient descent on the picture refines. An image is best framed as the film
      is: the same dancer, place and distance. Beside FILE.json lies FILE.sheet.png: the image, the encoder's
      guess and the refined pose, as the decoder draws them.

    Examples:
      dancenet explore invert --run runs/solo --image me.jpg --out me.json
      dancenet explore invert --run runs/solo --at solo:12.5 --out pose.json
    """

    run: RunFolder
    image: Annotated[Path | None, tyro.conf.arg(metavar="IMAGE")] = None
    """A JPEG or PNG of any size."""
    at: Annotated[str | None, tyro.conf.arg(metavar="CLIP:SECOND")] = None
    """A moment of the film, in place of --image."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.json")]
    """The pose file to write."""
    steps: int = 60
    """Of gradient descent; 0 leaves the encoder's guess."""

    def __post_init__(self) -> None:
        if (self.image is None) == (self.at is None):
            given = "--image and --at together" if self.image else "neither --image nor --at"
            raise DancenetError(given, "one of the two", "for example --image me.jpg")
        within("steps", self.steps, 0, 100_000)

    def execute(self, console: Console) -> None:
        """Invert."""
        load_tensorflow()
        from dancenet.exploring import inversion, poses, space
        from dancenet.footage.framing import as_frame
        from dancenet.media.pictures import read_image
        from dancenet.pages import sheets

        out = poses.json_out(self.out, "pose")
        picture = read_image(self.image) if self.image else None
        found = space.load_space(Run(self.run))
        if picture is None:
            frame, told = found.packed.pixels[found.packed.locate(str(self.at))].copy(), {"moment": self.at}
        else:
            frame, told = as_frame(picture, found.packed), {"image": str(self.image)}
        made = inversion.invert(found, frame, steps=self.steps, progress=console.progress)
        console.say(f"drawn with {made.error_db[1]:.2f} dB, by the encoder alone {made.error_db[0]:.2f} dB")
        pose = poses.Pose(made.latents, found.origin, {**told, "steps": self.steps, **made.figures()})
        console.result(poses.save_pose(out, pose))
        console.result(sheets.inverted(found, frame, made, out.with_suffix(".sheet.png")))
