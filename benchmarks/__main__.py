"""Run benchmarks one after another, each in a process of its own; prints JSON lines.

python benchmarks                 the short ones, quality_time on salsa among them: half an hour
python benchmarks speed rollout   the ones named
python benchmarks all             all at full length that need nothing given, over an hour

Those that measure a run (--run DIR: copying, direct, explore, in_time, dance_figures, ten_minutes) or lines
of another one (cost) are called by themselves: python benchmarks/direct.py --run runs/solo
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: Name → arguments in the default selection; None where it does not belong to it.
SHORT = {
    "speed": [],
    "floor": [],
    "rollout": [],
    "generate": [],
    "quality_time": ["--only", "salsa"],
    "music": [],
    "quality": None,
    "studio": None,
    "transfer": None,
    "filmed": None,
    "gpu": [],
    "gpu_stages": None,
    "archive": None,
    "scale": None,
}


def selection(names: list[str]) -> list[tuple[str, list[str]]]:
    if not names:
        return [(name, arguments) for name, arguments in SHORT.items() if arguments is not None]
    return [(name, []) for name in (SHORT if names == ["all"] else names)]


def main(names: list[str]) -> int:
    if "--help" in names or "-h" in names:
        print(__doc__)
        return 0
    if unknown := [name for name in names if name != "all" and name not in SHORT]:
        print(
            f"no benchmark is called {unknown[0]}; there are {', '.join(SHORT)} and all "
            "(others need to be told of a run: benchmarks/README.md)",
            file=sys.stderr,
        )
        return 2
    worst = 0
    for name, arguments in selection(names):
        print(f"{name} {' '.join(arguments)}".rstrip(), file=sys.stderr, flush=True)
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments])
        worst = max(worst, abs(done.returncode))
    return worst


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
