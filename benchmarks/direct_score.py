"""The score's part of `direct.py`: a piece with keyframes, a loop, a variation and music."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from in_time import written
from measuring import Bar, emit, say

SCORE = """
dancer = "{run}"
music = "song.wav"
[[section]]
verb = "between"
length = 6
keyframes = ["0={a}", "2.5={b}", "5={c}"]
[[section]]
verb = "loop"
begin = "{b}"
beats = 8
period_beats = 4
[[section]]
verb = "vary"
phrases = ["{phrase}"]
amount = {amount}
[[section]]
verb = "dance"
length = 5
"""


def score(stage) -> None:
    """A piece of four sections: made, made anew elsewhere, and with one section changed."""

    from dancenet.directing.scored import write_score
    from dancenet.figure.soundtrack import soundtrack

    begun, span = time.perf_counter(), stage.unseen[0]
    a, b, c = (stage.moment(span.start + round(place * len(span))) for place in (0.3, 0.5, 0.8))
    clip, second = stage.moment(span.start + round(0.4 * len(span))).split(":")
    named = {"run": stage.run.path.resolve(), "a": a, "b": b, "c": c}
    named["phrase"] = f"{clip}:{second}-{float(second) + 4:.3f}"

    def made(folder: Path, amount: float) -> tuple[np.ndarray, np.ndarray, list[bool]]:
        (folder / "piece.toml").write_text(SCORE.format(**named, amount=amount))
        out = write_score(folder / "piece.toml")
        with np.load(out.with_name("piece.latents.npz")) as stored:
            told = json.loads(out.with_suffix(".json").read_text())["sections"]
            return stored["latents"], stored["section"], [one["made"] for one in told]

    with (
        tempfile.TemporaryDirectory(prefix="dancenet-") as first,
        tempfile.TemporaryDirectory() as second_folder,
    ):
        for folder in (Path(first), Path(second_folder)):
            written(folder / "song.wav", soundtrack(30.0, 112.0, seed=4))
        say("score: first")
        latents, section, _ = made(Path(first), 0.4)
        say("score: anew elsewhere, then with another variation")
        anew, *_ = made(Path(second_folder), 0.4)
        changed, _, new = made(Path(first), 0.9)
    others = section != 2
    steps = np.linalg.norm(np.diff(latents, axis=0), axis=1)
    seconds = time.perf_counter() - begun
    emit("score: largest difference of a piece made twice", float(np.abs(latents - anew).max()), "",
         bar=Bar(high=0.0), seconds=seconds, frames=len(latents))  # fmt: skip
    emit(
        "score: largest difference in what was not changed",
        float(np.abs(latents - changed)[others].max()), "",
        bar=Bar(high=0.0), seconds=seconds, made_again=[i for i, one in enumerate(new) if one],
        difference_in_what_was=float(np.abs(latents - changed)[~others].max()),
    )  # fmt: skip
    joins = steps[np.flatnonzero(np.diff(section))]
    emit(
        "score: largest step between sections over the 95th percentile of all", float(joins.max()), "",
        ratio=float(joins.max() / np.percentile(steps, 95)), bar=Bar(high=1.0), seconds=seconds,
    )  # fmt: skip
