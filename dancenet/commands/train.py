"""`dancenet train`: one command per trained stage, and all of them in a row."""

from dataclasses import dataclass, field
from typing import Any, Literal

from dancenet import summary
from dancenet.commands.base import Command, RunFolder
from dancenet.config import TrainOptions
from dancenet.console import Console, load_tensorflow
from dancenet.runs import Progress, Run


@dataclass(frozen=True, kw_only=True)
class _Stage(Command):
    """What every stage that is trained takes."""

    run: RunFolder
    training: TrainOptions = field(default_factory=TrainOptions)

    def execute(self, console: Console) -> None:
        """Train, and say what came of it."""
        load_tensorflow()
        for made in self.train(Run(self.run), console.progress):
            summary.report_stage(Run(self.run), made, console)

    def train(self, run: Run, progress: Progress) -> list[dict[str, Any]]:
        """Train; returns the JSON of each stage that it trained."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class TrainVae(_Stage):
    """Stage 2: train the VAE, which turns frames into 128 numbers each and back.

    Details:
      Resumes from its last checkpoint; a finished stage does nothing, a larger budget goes on.

    Examples:
      dancenet train vae --run runs/solo
      dancenet train vae --run runs/solo --preset base --minutes 120
    """

    def train(self, run: Run, progress: Progress) -> list[dict[str, Any]]:
        """See `_Stage`."""
        from dancenet import training

        return [training.train_vae(run, self.training, progress)]


@dataclass(frozen=True, kw_only=True)
class TrainLatents(Command):
    """Stage 3: encode every frame with the VAE's best checkpoint.

    Details:
      Does nothing where the latents are those of the present VAE.

    Examples:
      dancenet train latents --run runs/solo
    """

    run: RunFolder
    fresh: bool = False
    """Encode again in any case."""
    devices: int | Literal["all"] = 1
    """So many of this machine's GPUs, or all."""

    def execute(self, console: Console) -> None:
        """Encode the frames."""
        load_tensorflow()
        from dancenet import training

        made = training.encode_latents(
            Run(self.run), fresh=self.fresh, devices=self.devices, progress=console.progress
        )
        summary.report_stage(Run(self.run), made, console)


@dataclass(frozen=True, kw_only=True)
class TrainChoreographer(_Stage):
    """Stage 4: train the choreographer, which continues a sequence of latents.

    Details:
      Resumes from its last checkpoint; a finished stage does nothing, a larger budget goes on.

    Examples:
      dancenet train choreographer --run runs/solo
      dancenet train choreographer --run runs/solo --minutes 20 --seed 1 --fresh
    """

    def train(self, run: Run, progress: Progress) -> list[dict[str, Any]]:
        """See `_Stage`."""
        from dancenet import training

        return [training.train_choreographer(run, self.training, progress)]


@dataclass(frozen=True, kw_only=True)
class TrainJoint(_Stage):
    """Stage 5, optional: fine-tune VAE and choreographer together, at a low rate.

    Details:
      Kept only where both validation figures hold; it says which.

    Examples:
      dancenet train joint --run runs/solo --minutes 3
    """

    def train(self, run: Run, progress: Progress) -> list[dict[str, Any]]:
        """See `_Stage`."""
        from dancenet.stages.joint import finetune_joint

        return [finetune_joint(run, self.training, progress)]


@dataclass(frozen=True, kw_only=True)
class TrainSharpen(_Stage):
    """Stage 6, optional: teach the decoder to draw dances as sharply as film.

    Details:
      An adversarial finish of the decoder alone: latents and choreographer stay as they are. Kept only where
      dances get sharper and pictures of unseen film stay as near to it, within 0.4 dB.

    Examples:
      dancenet train sharpen --run runs/solo --minutes 5
    """

    def train(self, run: Run, progress: Progress) -> list[dict[str, Any]]:
        """See `_Stage`."""
        from dancenet.stages.sharpening import sharpen

        return [sharpen(run, self.training, progress)]


@dataclass(frozen=True, kw_only=True)
class TrainAll(_Stage):
    """Stages 2 to 6 in a row: vae, latents, choreographer, joint, sharpen.

    Details:
      A budget in minutes is for the VAE and for the choreographer each. Finished stages are not done again.

    Examples:
      dancenet train all --run runs/solo
      dancenet train all --run runs/solo --minutes 10
    """

    def train(self, run: Run, progress: Progress) -> list[dict[str, Any]]:
        """See `_Stage`."""
        from dancenet import training

        return list(training.train_all(run, self.training, progress).values())
