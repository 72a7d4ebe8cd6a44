"""What the benchmarks share: JSON lines, bars, taking turns, material."""

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.config import FrameOptions
from dancenet.errors import DancenetError
from dancenet.runs import Run, provenance

#: Real takes to measure against; they lie beside the project and are not part of it.
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Bar:
    """What a measurement must reach; both ends count as reached."""

    low: float | None = None
    high: float | None = None

    def passes(self, value: float | None) -> bool:
        """Whether `value` is inside; something that could not be measured is not."""
        if value is None or not np.isfinite(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def emit(
    what: str,
    value: float | None,
    unit: str,
    *,
    seconds: float,
    ratio: float | None = None,
    bar: Bar | None = None,
    judged: float | None = math.nan,
    **more: Any,
) -> None:
    """Print one measurement as a JSON line.

    Args:
        seconds: what measuring it took.
        ratio: to what it is compared with; `more` says with what.
        bar: what it must reach, if anything.
        judged: what is held against the bar, None being a failure; left out: `ratio`, or else `value`.
        more: further facts for the line.
    """
    made = provenance()
    line: dict[str, Any] = {"what": what, "value": _short(value), "unit": unit, "ratio": _short(ratio)}
    if bar is not None:
        if judged is not None and math.isnan(judged):
            judged = value if ratio is None else ratio
        line |= {"bar": [bar.low, bar.high], "passes": bar.passes(judged)}
    line |= {name: _short(fact) if isinstance(fact, float) else fact for name, fact in more.items()}
    line |= {"machine": made["machine"], "versions": made["versions"], "seconds": round(seconds, 1)}
    print(json.dumps(line, allow_nan=False), flush=True)


def _short(value: float | None) -> float | None:
    """Five digits are more than any of these figures repeats to."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.5g}")


def say(text: str) -> None:
    """A line for whoever watches; standard output is for JSON."""
    print(text, file=sys.stderr, flush=True)


def skipped(what: str, why: str) -> None:
    """A line in place of a measurement that cannot be made here."""
    print(json.dumps({"what": what, "skipped": why}), flush=True)


def taking_turns(contestants: Sequence[Callable[[], float]], rounds: int) -> np.ndarray:
    """Measure A, B, A, B …: whatever else the machine does meanwhile meets all alike.

    Returns:
        (rounds, contestants) of what they returned.
    """
    return np.array([[contestant() for contestant in contestants] for _ in range(rounds)])


def dancenet(*arguments: object) -> float:
    """Run the real command line in a process of its own; returns the seconds from start to end.

    Raises:
        subprocess.CalledProcessError: it failed (and said why on standard error).
    """
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "dancenet", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begun


def dancer_frames(folder: Path, options: FrameOptions, films: Path | None = None):
    """Twelve one-minute takes of the built-in dancer (`dancenet demo` films the same), packed into a run.

    Args:
        folder: films and runs are kept here; what is there already is not made again.
        options: size and colours.
        films: others in place of them.

    Returns:
        `PackedFrames`.
    """
    from dancenet.console import Console
    from dancenet.demo import film_dancer
    from dancenet.frames import extract

    films = [films] if films else film_dancer(folder / "films", Console(quiet=True))
    whose = films[0].stem if len(films) == 1 else "dancer"
    name = f"{whose}-{options.width}x{options.height}-{'grey' if options.gray else 'colour'}"
    return extract(films, Run(folder / name), options)


def finite_median(values: np.ndarray) -> float:
    """The median, as a plain number."""
    return float(np.median(values))


def benchmark(measure: Callable[[], None]) -> int:
    """Load TensorFlow and measure; the exit code, 2 where the user's input is to blame, which is told."""
    from dancenet.console import load_tensorflow

    try:
        load_tensorflow()
        measure()
    except DancenetError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
