"""`dancenet export`: a trained run for programs that have no dancenet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dancenet.commands.base import Command, TrainedRun
from dancenet.console import Console, load_tensorflow
from dancenet.errors import DancenetError
from dancenet.runs import Run


@dataclass(frozen=True, kw_only=True)
class Export(Command):
    """A trained run, or the built-in dancer, as ONNX files for phones, web pages and other programs.

    Details:
      Writes decoder.onnx, choreographer.onnx (one step of dance, chance from outside), of a run also
      encoder.onnx, and dancer.json with what a client needs: sizes, rates, poses to begin from, how to draw.
      Each model is run by ONNX Runtime and compared with Keras' own to 1e-4. docs/export.md has a client of
      30 lines. Needs the extra: pip install 'dancenet[export]'.

    Examples:
      dancenet export --run runs/solo
      dancenet export --out built-in
    """

    run: TrainedRun = None
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """The folder to write; the default is export/ in the run."""
    format: Literal["onnx"] = "onnx"
    """What is written."""

    def execute(self, console: Console) -> None:
        """Export, and say how near each model comes to Keras' own."""
        if self.run is None and self.out is None:
            raise DancenetError("neither --run nor --out", "a folder to write", "for example --out built-in")
        load_tensorflow()
        from dancenet import export

        run = Run(self.run) if self.run else None
        out = self.out or Path(self.run or ".") / "export"
        made = {"onnx": export.export_onnx}[self.format](run, out, console.progress)
        for path, apart in made.items():
            console.say(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, within {apart:.1g} of Keras' own")
            console.result(path)
        console.result(out / export.ABOUT)
