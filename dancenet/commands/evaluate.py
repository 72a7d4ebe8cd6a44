"""`dancenet evaluate`: how good are a run's dances?"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dancenet.commands.base import Command, RunFolder
from dancenet.config import EvaluateOptions
from dancenet.console import Console, load_tensorflow
from dancenet.runs import Run


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    """Measure a run's dances beside unseen real dance and beside trivial dancers; a page of results.

    Details:
      Leaves report.html (videos, contact sheets, plots, tables; nothing else is needed to show it),
      report.json and the dances in --out. A trivial dancer is a still, a two-second loop, shuffled frames, a
      replay of the film, a random walk, or a linear autoregression: a figure that does not catch those it is
      there for is marked as no evidence.

    Examples:
      dancenet evaluate --run runs/solo
      dancenet evaluate --run runs/solo --held-out unseen1.mp4 unseen2.mp4 --seconds 120
      dancenet evaluate --run runs/solo --against runs/older --seeds 8
    """

    run: RunFolder
    against: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Another run, whose dances are measured by the same yardstick."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for the report; the default is evaluation/ in the run."""
    evaluation: EvaluateOptions = field(default_factory=EvaluateOptions)

    def execute(self, console: Console) -> None:
        """Measure and report."""
        load_tensorflow()
        from dancenet.evaluate import evaluate
        from dancenet.pages import report

        run = Run(self.run)
        other = Run(self.against) if self.against else None
        folder = self.out or run / "evaluation"
        folder.mkdir(parents=True, exist_ok=True)
        found, videos = evaluate(run, folder, self.evaluation, console.progress, against=other)
        console.result(report.write_report(run, found, videos, folder))
