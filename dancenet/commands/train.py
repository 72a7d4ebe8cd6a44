"""`dancenet train`: one command per trained stage, and all of them in a row."""

from dataclasses import dataclass, field

from dancenet import summary
from dancenet.commands.base import Command, RunFolder
from dancenet.config import TrainOptions
from dancenet.console import Console, load_tensorflow
from dancenet.runs import Run


@dataclass(frozen=True, kw_only=True)
class TrainVae(Command):
    """Stage 2: train the VAE, which turns frames into 128 numbers each and back.

    Details:
      Resumes from its last checkpoint; a finished stage does nothing, a larger budget goes on.

    Examples:
      dancenet train vae --run runs/solo
      dancenet train vae --run runs/solo --preset base --minutes 120
    """

    run: RunFolder
    training: TrainOptions = field(default_factory=TrainOptions)

    def execute(self, console: Console) -> None:
        """Train the VAE."""
        load_tensorflow()
        from dancenet import training

        summary.report_stage(
            Run(self.run), training.train_vae(Run(self.run), self.training, console.progress), console
        )


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

    def execute(self, console: Console) -> None:
        """Encode the frames."""
        load_tensorflow()
        from dancenet import training

        made = training.encode_latents(Run(self.run), fresh=self.fresh, progress=console.progress)
        summary.report_stage(Run(self.run), made, console)


@dataclass(frozen=True, kw_only=True)
class TrainChoreographer(Command):
    """Stage 4: train the choreographer, which continues a sequence of latents.

    Details:
      Resumes from its last checkpoint; a finished stage does nothing, a larger budget goes on.

    Examples:
      dancenet train choreographer --run runs/solo
      dancenet train choreographer --run runs/solo --minutes 20 --seed 1 --fresh
    """

    run: RunFolder
    training: TrainOptions = field(default_factory=TrainOptions)

    def execute(self, console: Console) -> None:
        """Train the choreographer."""
        load_tensorflow()
        from dancenet import training

        made = training.train_choreographer(Run(self.run), self.training, console.progress)
        summary.report_stage(Run(self.run), made, console)


@dataclass(frozen=True, kw_only=True)
class TrainJoint(Command):
    """Stage 5, optional: fine-tune VAE and choreographer together, at a low rate.

    Details:
      Kept only where both validation figures hold; it says which.

    Examples:
      dancenet train joint --run runs/solo --minutes 3
    """

    run: RunFolder
    training: TrainOptions = field(default_factory=TrainOptions)

    def execute(self, console: Console) -> None:
        """Fine-tune jointly."""
        load_tensorflow()
        from dancenet.joint import finetune_joint

        summary.report_stage(
            Run(self.run), finetune_joint(Run(self.run), self.training, console.progress), console
        )


@dataclass(frozen=True, kw_only=True)
class TrainSharpen(Command):
    """Stage 6, optional: teach the decoder to draw dances as sharply as film.

    Details:
      An adversarial finish of the decoder alone: latents and choreographer stay as they are. Kept only where
      dances get sharper and pictures of unseen film stay as near to it, within 0.4 dB.

    Examples:
      dancenet train sharpen --run runs/solo --minutes 5
    """

    run: RunFolder
    training: TrainOptions = field(default_factory=TrainOptions)

    def execute(self, console: Console) -> None:
        """Sharpen."""
        load_tensorflow()
        from dancenet.sharpening import sharpen

        summary.report_stage(Run(self.run), sharpen(Run(self.run), self.training, console.progress), console)


@dataclass(frozen=True, kw_only=True)
class TrainAll(Command):
    """Stages 2 to 6 in a row: vae, latents, choreographer, joint, sharpen.

    Details:
      A budget in minutes is for the VAE and for the choreographer each. Finished stages are not done again.

    Examples:
      dancenet train all --run runs/solo
      dancenet train all --run runs/solo --minutes 10
    """

    run: RunFolder
    training: TrainOptions = field(default_factory=TrainOptions)

    def execute(self, console: Console) -> None:
        """Train every stage."""
        load_tensorflow()
        from dancenet import training

        for made in training.train_all(Run(self.run), self.training, console.progress).values():
            summary.report_stage(Run(self.run), made, console)
