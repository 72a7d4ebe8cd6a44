"""The studio, in the browser."""

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from dancenet.commands.base import Command
from dancenet.config import within
from dancenet.console import Console, load_tensorflow


@dataclass(frozen=True, kw_only=True)
class Studio(Command):
    """The dancer, alive in the browser: explore, direct, and make a piece, by hand and eye.

    Details:
      Serves a page and prints its address; Ctrl-C ends it. Without --run and --runs the built-in dancer is
      there. What is saved lies in the run's folder studio/, and is what the other commands read. Only this
      machine can reach it; with another --host it asks for the token that is in the printed address.

    Examples:
      dancenet studio
      dancenet studio --run runs/solo
      dancenet studio --runs runs --host 0.0.0.0
    """

    run: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """A trained run."""
    runs: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """A folder of runs to choose among."""
    host: str = "127.0.0.1"
    """The address to serve on; 0.0.0.0 lets others in who have the token."""
    port: int = 8360
    """The port; 0 takes any that is free."""
    new_token: bool = False
    """Make another token: who has the one before it cannot get in any more."""
    no_browser: bool = False
    """Do not open the page."""

    def __post_init__(self) -> None:
        within("port", self.port, 0, 65535)

    def execute(self, console: Console) -> None:
        """Serve."""
        from dancenet.studio.server import check_installed, runs_in, serve
        from dancenet.studio.surroundings import few_threads

        check_installed()
        runs = runs_in(self.run, self.runs)
        few_threads()
        load_tensorflow()

        def ready(address: str) -> None:
            """Say where it is."""
            console.result(address)
            console.say("the studio is open; Ctrl-C ends it")
            if not self.no_browser:
                webbrowser.open(address)

        serve(runs, host=self.host, port=self.port, new_token=self.new_token, ready=ready)
