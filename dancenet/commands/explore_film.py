"""`dancenet explore`: directions, moves and the map, which look at the whole film."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dancenet.commands.base import Command, RunFolder
from dancenet.commands.explore import DrawnAs
from dancenet.config import within
from dancenet.console import Console, load_tensorflow
from dancenet.errors import DancenetError
from dancenet.runs import Run

_Moments = Annotated[tuple[str, ...], tyro.conf.arg(metavar="MOMENTS...", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class ExploreDirections(Command):
    """Directions that change any pose: the principal ones, or one that you name by showing what it is.

    Details:
      With --name: learned from frames --with and frames --without it, better twenty of each and of several
      clips, checked on frames held out, and saved as directions/NAME.json in the run, with a sheet beside it.
      Without: the film's principal directions, saved as principal-1 and so on. How far all the run's
      directions are independent of each other is shown either way. Every `dancenet generate` verb then moves
      its dance by --apply NAME=AMOUNT.

    Examples:
      dancenet explore directions --run runs/solo --count 6
      dancenet explore directions --run runs/solo --name arms_up --with solo:1-2 --without solo:4-5 solo:7
    """

    run: RunFolder
    name: str | None = None
    """What one goes along with it: letters, digits, _ and -."""
    having: Annotated[_Moments, tyro.conf.arg(name="with")] = ()
    """Frames that have it: CLIP:SECOND, stretches CLIP:SECOND-SECOND, or pose files (.json)."""
    lacking: Annotated[_Moments, tyro.conf.arg(name="without")] = ()
    """Frames that lack it, in the same form."""
    method: Literal["linear", "mean"] = "linear"
    """The normal of a linear classifier, or the difference of the means."""
    count: int = 8
    """How many principal directions, without --name."""
    dancer: DrawnAs = None
    """Whose body the sheets show, of a run of several dancers; the default is who took the usual pose."""

    def __post_init__(self) -> None:
        within("count", self.count, 1, 128)
        if self.name is None and (self.having or self.lacking):
            raise DancenetError("--with and --without, but no --name", "a name for what they differ in")
        if self.name is not None and not (self.having and self.lacking):
            raise DancenetError(
                f"--name {self.name} without frames", "both --with and --without",
                "for example --with solo:1-2.5 --without solo:4-5",
            )  # fmt: skip
        if self.name is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise DancenetError(f"--name {self.name}", "letters, digits, _ and - only")

    def execute(self, console: Console) -> None:
        """Find, check, save."""
        load_tensorflow()
        from dancenet import explore
        from dancenet.exploring import directions, space
        from dancenet.pages import direction_sheets

        run = Run(self.run)
        found = space.load_space(run)
        found.draw_as(self.dancer, explore.typical_pose(found.latents))
        if self.name is None:
            made = directions.find_principal(found, self.count)
        else:
            made = [directions.find_named(found, self.name, self.having, self.lacking, self.method)]
        for path in direction_sheets.write(run, found, made):
            console.result(path)
        for line in direction_sheets.told(made, directions.saved(run, found.origin), found):
            console.say(line)


@dataclass(frozen=True, kw_only=True)
class _Film(Command):
    """What looks at the whole film and leaves a folder."""

    run: RunFolder
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for everything; the default is explore/moves or explore/map in the run."""
    seed: int = 0
    """Of the clustering of moves, of UMAP and of t-SNE."""

    def __post_init__(self) -> None:
        within("seed", self.seed, 0, 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class ExploreMoves(_Film):
    """The dancer's vocabulary: which moves there are, which follows which, how usual a dance is.

    Details:
      Windows of dance are clustered without a given number of clusters. Leaves moves.html (every word as a
      looping strip, the transition graph, the film phrase by phrase), moves.png and moves.json. --dance adds
      how usual every second of a dance is: the share of real seconds, of unseen takes, that are less so.

    Examples:
      dancenet explore moves --run runs/solo
      dancenet explore moves --run runs/solo --dance dance.mp4 unseen.mp4
    """

    dance: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DANCE...", help_behavior_hint="")] = ()
    """Dances whose seconds are judged: by this run (.mp4 with its .latents.npz beside), or any video."""

    def execute(self, console: Console) -> None:
        """Find the words."""
        load_tensorflow()
        import numpy as np

        from dancenet.exploring import repertoire, space
        from dancenet.pages import moves_page

        run = Run(self.run)
        found = space.load_space(run)
        dances = {path.name: repertoire.dance_of(path, found) for path in self.dance}
        console.progress("finding moves", 0, 1)
        learned = repertoire.find_repertoire(found, seed=self.seed)
        scores = {}
        for name, (parts, fps) in dances.items():
            each = np.concatenate([learned.vocabulary.normality(part, fps) for part in parts])
            scores[name] = moves_page.as_scores(each)
            mean = f"{each.mean():.0%}" if len(each) else "shorter than a second"
            console.say(f"{name}: usual by {mean} (a real dance: about 50%)")
        console.say(f"{len(learned.words)} words in {sum(map(len, learned.phrases))} phrases")
        folder = self.out or run / "explore" / "moves"
        for path in moves_page.write_moves(found, learned, scores, folder):
            console.result(path)


@dataclass(frozen=True, kw_only=True)
class ExploreMap(_Film):
    """All poses of a run in the plane: a page to point at, a picture, and files for TensorBoard's projector.

    Details:
      map.html shows every pose as a point, coloured by clip, time, move or energy; pointing shows the frame,
      clicking names its moment CLIP:SECOND, ready for other commands. Planes: PCA, and UMAP where it is
      installed (pip install 'dancenet[explore]'), else t-SNE. Leaves map.html, map.png and projector/.

    Examples:
      dancenet explore map --run runs/solo
      dancenet explore map --run runs/solo --plane pca --out out/map
    """

    plane: Literal["all", "pca", "umap", "tsne"] = "all"
    """all: PCA, and UMAP or t-SNE; or one of them alone."""

    def execute(self, console: Console) -> None:
        """Draw it."""
        load_tensorflow()
        from dancenet.exploring import planes, pose_map, repertoire, space
        from dancenet.pages import map_page, map_sheet

        run = Run(self.run)
        kinds = planes.planes() if self.plane == "all" else [self.plane]
        planes.check_planes(kinds)
        found = space.load_space(run)
        console.progress("finding moves", 0, 1)
        moves = repertoire.find_repertoire(found, seed=self.seed)
        drawn = pose_map.find_map(found, moves, kinds, seed=self.seed, progress=console.progress)
        folder = self.out or run / "explore" / "map"
        console.result(map_page.write_page(found, drawn, folder / "map.html"))
        console.result(map_sheet.write_sheet(found, drawn, folder / "map.png"))
        console.result(map_sheet.write_projector(found, drawn, folder / "projector"))
