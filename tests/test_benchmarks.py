"""Benchmarks that nobody runs for weeks go on running."""

import json
import subprocess
import sys
from pathlib import Path

SCALE = Path(__file__).resolve().parents[1] / "benchmarks" / "scale.py"


def test_scale_measures_every_stage_of_a_short_film(tmp_path):
    done = subprocess.run(
        [sys.executable, SCALE, "--folder", tmp_path, "--frames", "10000", "--preset", "tiny",
         "--steps", "24"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    measured = {(line["stage"], line["what"].rpartition(": ")[2]): line["value"] for line in lines}
    stages = ("vae", "latents", "beats", "choreographer")
    assert measured.keys() == {(stage, what) for stage in stages for what in ("start", "memory", "speed")}
    assert all(value > 0 for value in measured.values())
    assert not list(tmp_path.iterdir())  # all of it is deleted
