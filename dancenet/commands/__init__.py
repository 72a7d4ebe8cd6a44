"""Every command as a frozen dataclass: its fields are its flags, its docstring is its manual.

`execute` calls one function of the library; what that needs is imported there, so that `--help` is quick.
"""

from dancenet.commands.base import Command
from dancenet.commands.direct import (
    GenerateBetween,
    GenerateBlend,
    GenerateContinue,
    GenerateLoop,
    GenerateScore,
    GenerateTransfer,
    GenerateVary,
)
from dancenet.commands.doctor import Doctor
from dancenet.commands.evaluate import Evaluate
from dancenet.commands.explore import (
    ExploreGrid,
    ExploreInvert,
    ExploreNeighbours,
    ExplorePath,
    ExploreTraverse,
)
from dancenet.commands.explore_film import ExploreDirections, ExploreMap, ExploreMoves
from dancenet.commands.export import Export
from dancenet.commands.generate import GenerateDance, GenerateInterpolate, GenerateReconstruct
from dancenet.commands.material import Dancer, Frames, Info
from dancenet.commands.music import MusicHeard
from dancenet.commands.studio import Studio
from dancenet.commands.train import (
    TrainAll,
    TrainChoreographer,
    TrainJoint,
    TrainLatents,
    TrainSharpen,
    TrainVae,
)
from dancenet.commands.whole import Demo, New

__all__ = ["COMMANDS", "Command"]

#: Every command by its name; a table within is a group of commands.
COMMANDS: dict[str, type[Command] | dict[str, type[Command]]] = {
    "demo": Demo,
    "new": New,
    "frames": Frames,
    "train": {
        "vae": TrainVae,
        "latents": TrainLatents,
        "choreographer": TrainChoreographer,
        "joint": TrainJoint,
        "sharpen": TrainSharpen,
        "all": TrainAll,
    },
    "generate": {
        "dance": GenerateDance,
        "reconstruct": GenerateReconstruct,
        "interpolate": GenerateInterpolate,
        "continue": GenerateContinue,
        "between": GenerateBetween,
        "vary": GenerateVary,
        "blend": GenerateBlend,
        "loop": GenerateLoop,
        "transfer": GenerateTransfer,
        "score": GenerateScore,
    },
    "explore": {
        "traverse": ExploreTraverse,
        "map": ExploreMap,
        "moves": ExploreMoves,
        "directions": ExploreDirections,
        "neighbours": ExploreNeighbours,
        "path": ExplorePath,
        "grid": ExploreGrid,
        "invert": ExploreInvert,
    },
    "export": Export,
    "evaluate": Evaluate,
    "studio": Studio,
    "music": MusicHeard,
    "info": Info,
    "dancer": Dancer,
    "doctor": Doctor,
}
