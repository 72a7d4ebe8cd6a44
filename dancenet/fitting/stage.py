"""What every trained stage does alike: is there anything to do, does it fit what was begun, where is it kept.

A stage keeps its checkpoints in a folder of its own and what it was begun with in `settings.json` there.
"""

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dancenet.config import TrainOptions
from dancenet.errors import DancenetError
from dancenet.fitting.budget import Budget
from dancenet.fitting.checkpoints import weights_hash
from dancenet.fitting.loop import Outcome
from dancenet.machine.team import ALONE, Team
from dancenet.presets import VAE_PRESETS
from dancenet.runs import Run, replacing, write_json

log = logging.getLogger(__name__)


def budget_of(options: TrainOptions, preset: str | None = None, share: float = 1.0) -> Budget:
    """The budget that the options name, or else a share of the minutes of the preset, or of the options'."""
    if options.epochs is not None:
        return Budget(epochs=options.epochs)
    of_preset = share * VAE_PRESETS[preset or options.preset].minutes
    minutes = of_preset if options.minutes is None else options.minutes
    return Budget(minutes=minutes, least_steps=options.least_steps)


@dataclass(frozen=True)
class BatchSize:
    """How many examples a step of a stage sees, over all devices.

    Attributes:
        preset: what the preset says.
        times: so many times that.
        share: the number of devices, of which it is a multiple.
        noted: whether it belongs to what the stage was begun with: not where it always was the preset's.
        free: whether nobody has said, so that a GPU may be asked (`tuning.fastest`).
    """

    preset: int
    times: int
    share: int
    noted: bool
    free: bool = False

    @classmethod
    def of(
        cls, options: TrainOptions, preset: int, team: Team, begun: dict[str, Any] | None = None
    ) -> "BatchSize":
        """What the options name, or what the stage was begun with, or the preset's for each device."""
        before = (begun or {}).get("batch_times")
        times = options.batch_times or before or (1 if begun else team.replicas)
        free = options.batch_times is None and begun is None and team.replicas == 1
        return cls(preset, times, team.replicas, times != 1 or before is not None, free)

    @property
    def examples(self) -> int:
        """Examples in a step."""
        return -(-self.preset * self.times // self.share) * self.share

    @property
    def settings(self) -> dict[str, int]:
        """What a stage is begun with."""
        return {"batch_times": self.times} if self.noted else {}

    def rate(self, options: TrainOptions, preset: float) -> float:
        """The peak learning rate: what the options name, or the preset's times the root of `times`.

        The rule for optimisers whose steps do not grow with the gradient, as all of ours (Malladi et al.
        2022, section 5: Adam, RMSprop): noise falls as one over the root of the batch.
        """
        return options.learning_rate or preset * self.times**0.5


@dataclass
class Stage:
    """One trained stage of a run.

    Attributes:
        run: the run.
        name: vae, choreographer, joint or sharpen.
        settings: what makes two trainings the same one: preset, seed, inputs. A change asks for --fresh.
        follows_inputs: where what it starts from has been trained further, begin again without being asked.
        team: who trains it. Its chief writes; every worker asks in the same order.
    """

    run: Run
    name: str
    settings: dict[str, Any]
    follows_inputs: bool = False
    team: Team = ALONE

    @property
    def folder(self) -> Path:
        """Where its checkpoints are."""
        return self.run / self.name

    def finished(self, budget: Budget, *, fresh: bool) -> dict[str, Any] | None:
        """The stage's JSON where nothing is left to do; else None, with the folder ready to train in.

        Raises:
            DancenetError: it was begun with other settings, and `fresh` is not given.
        """
        content = self._finished(budget, fresh) if self.team.chief else None
        return self.run.read(self.name) if self.team.agreed(content is not None) else None

    def _finished(self, budget: Budget, fresh: bool) -> dict[str, Any] | None:
        if fresh or (self.follows_inputs and self._inputs_changed()):
            (self.run / f"{self.name}.json").unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)
        begun = self.folder / "settings.json"
        if begun.is_file():
            self._compare(self._begun_with())
        if self.run.has(self.name):
            content = self.run.read(self.name)
            if budget.covered_by(content) and begun.is_file():
                log.info("%s: stage %s is finished", self.run.path, self.name)
                return content
        write_json(begun, self.settings)
        self.run.sweep()
        return None

    def begun_with(self, *, fresh: bool) -> dict[str, Any] | None:
        """The settings that it was begun with; None where it was not, or begins anew."""
        there = self.team.chief and not fresh and (self.folder / "settings.json").is_file()
        return self.team.agreed(self._begun_with() if there else None)

    def note(self, **settings: Any) -> None:
        """Keep settings that were found out after the stage began, so that it goes on with them."""
        self.settings |= settings
        write_json(self.folder / "settings.json", self.settings)

    def _begun_with(self) -> dict[str, Any]:
        path = self.folder / "settings.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DancenetError(
                f"{path} is damaged ({error})",
                "what the stage was begun with",
                "add --fresh to begin it again",
            ) from error

    def _inputs_changed(self) -> bool:
        begun = self.folder / "settings.json"
        return begun.is_file() and self._begun_with().get("weights") != self.settings["weights"]

    def _compare(self, begun: dict[str, Any]) -> None:
        wanted = json.loads(json.dumps(self.settings))
        different = [key for key in wanted if begun.get(key) != wanted[key]]
        if not different:
            return
        said = ", ".join(f"{key} {begun.get(key)}" for key in different)
        asked = ", ".join(f"{key} {wanted[key]}" for key in different)
        raise DancenetError(
            f"stage {self.name} of {self.run.path} was begun with {said}, now it is {asked}",
            "the same as before", "add --fresh to train it again from nothing, or use another --run",
        )  # fmt: skip

    def _publish(self, best: Path) -> str:
        """Make `best` the stage's weights; returns their hash."""
        public, mark = self.folder / "best.weights.h5", weights_hash(best)
        if not public.is_file() or weights_hash(public) != mark:
            with replacing(public) as beside:
                shutil.copyfile(best, beside)
        return mark

    def finish(
        self,
        options: TrainOptions,
        budget: Budget,
        outcome: Outcome,
        figures: dict[str, Any],
        seconds: float,
        *,
        best: Path | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Write the stage's JSON, its last act, and return it.

        Just before, the weights `best` take the place of those that later stages have used until now: while
        a finished stage goes on with a larger budget, or breaks off, the run dances on as it was.
        """
        if best is not None:
            more["weights"] = self._publish(best)
        content = {
            "options": asdict(options), "settings": self.settings, "budget": asdict(budget),
            "seconds": round(seconds, 1), "steps": outcome.counters.step, "epochs": outcome.counters.epoch,
            "stopped_early": outcome.stopped_early, "flow": outcome.flow, "figures": figures, **more,
        }  # fmt: skip
        self.run.write(self.name, content)
        return self.followed()

    def followed(self) -> dict[str, Any]:
        """The stage's JSON, once the chief has written it."""
        self.team.agreed(None)
        return self.run.read(self.name)
