"""From films to a dance in one go: what `dancenet new` and `dancenet demo` do."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dancenet import summary
from dancenet.config import DanceOptions, DancerOptions, FrameOptions, TrainOptions
from dancenet.console import Console, duration, load_tensorflow
from dancenet.errors import DancenetError
from dancenet.outputs import check_apart
from dancenet.runs import STAGES, Run, disk_errors

#: Training minutes of the demo for each of VAE and choreographer; all then takes about ten on two cores.
MINUTES = 3.5
#: Without so many steps its dancer hardly moves: a slow or busy machine takes longer over them.
LEAST_STEPS = {"vae": 600, "choreographer": 300}
#: The demo's films: so many takes of one minute, in turns at these tempos; one in six validates.
TAKES, TEMPOS = 12, (104.0, 120.0)
#: The demo's window follows the dancer: larger limbs and half the pixels make clear poses in minutes.
FRAME = FrameOptions(width=96, height=128, fit="follow")
#: The demo's dance is shown at three times the size it is made in.
SCALE = 3.0
#: Pictures on the demo's contact sheet.
SHEET = 40


def film_to_dance(
    inputs: Sequence[Path],
    run: Run,
    out: Path,
    frame: FrameOptions,
    training: TrainOptions,
    dance: DanceOptions,
    console: Console,
    *,
    dancers: bool = False,
) -> list[Path]:
    """Frames, all training stages and a dance; what is finished is not done again.

    `dancers`: every dancer has a folder (see `frames.extract`).

    Returns:
        the videos.

    Raises:
        DancenetError: unusable input, or `out` cannot be written (found out before the work begins).
    """
    _check_place(out)
    check_apart(out, inputs)
    film_to_run(inputs, run, frame, training, console, dancers=dancers)
    from dancenet import rendering

    return rendering.write_dance(run, out, dance, console.progress)


def film_to_run(
    inputs: Sequence[Path], run: Run, frame: FrameOptions, training: TrainOptions, console: Console,
    *, dancers: bool = False, least_steps: Mapping[str, int] = {},
) -> None:  # fmt: skip
    """Frames and all training stages; `dancers`: each has a folder; `least_steps` as in `train_all`."""
    from dancenet import frames

    packed = frames.extract(
        inputs, run, frame, dancers=dancers, fresh=training.fresh, progress=console.progress
    )
    summary.report_frames(run, packed, console)
    load_tensorflow()
    from dancenet.training import train_all

    for made in train_all(run, training, console.progress, least_steps=least_steps).values():
        summary.report_stage(run, made, console)


def _check_place(out: Path) -> None:
    """Raise `DancenetError` unless a video can be written to `out`."""
    from dancenet.media.video_writer import VideoWriter

    VideoWriter(out, width=16, height=16, fps=1.0)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    if out.is_dir() or not os.access(out.parent, os.W_OK):
        raise DancenetError(
            f"no video can be written to {out}", "a file in a folder you may write to", "name another --out"
        )


def run_demo(
    out: Path, training: TrainOptions, dance: DanceOptions, console: Console,
    *, least_steps: Mapping[str, int] = {},
) -> None:  # fmt: skip
    """Film the built-in dancer, train on it and dance; everything lies in `out`. `least_steps` as in
    `training.train_all`.

    Raises:
        DancenetError: `out` cannot be written, or it was begun with another preset.
    """
    run, video = Run(out / "run"), out / "dance.mp4"
    _check_place(video)
    films = film_dancer(out / "training", console)
    sheet = out / "dance.png"
    film_to_run(films, run, FRAME, training, console, least_steps=least_steps)
    if not _danced_already(video, run, dance):
        from dancenet import rendering

        rendering.write_dance(run, video, dance, console.progress)
        draw_sheet(video, sheet, dance.duration_s)
    console.say(_how_it_went(run))
    console.say(
        f"another dance: dancenet generate dance --run {run.path} --out {out / 'another.mp4'} --seed 1"
    )
    for path in (video, sheet):
        console.result(path)


def _danced_already(video: Path, run: Run, dance: DanceOptions) -> bool:
    """Whether `video` is the dance that would be made now: same options, and no stage is younger."""
    made, sheet = video.with_suffix(".json"), video.with_suffix(".png")
    if not (video.is_file() and made.is_file() and sheet.is_file()):
        return False
    said = json.loads(made.read_text(encoding="utf-8"))["dance"]
    wanted = json.loads(json.dumps(asdict(dance)))  # lists in place of tuples, as in the file
    if {name: said.get(name) for name in wanted} != wanted:
        return False
    return all(
        (run / f"{stage}.json").stat().st_mtime < made.stat().st_mtime for stage in STAGES if run.has(stage)
    )


def film_dancer(folder: Path, console: Console) -> list[Path]:
    """The demo's films of the built-in dancer, in `folder`; those that are there already stay."""
    from dancenet import dancer

    films = []
    for take in range(TAKES):
        path = folder / f"dancer{take + 1}.mp4"
        if not path.is_file():
            options = DancerOptions(minutes=1.0, tempo=TEMPOS[take % len(TEMPOS)], seed=take + 1)
            dancer.write_video(path, options, _counted(console, take))
        films.append(path)
    return films


def _counted(console: Console, take: int) -> Any:
    """Progress over all takes in place of one."""

    def progress(what: str, done: float, total: float) -> None:
        """Show how far this take is, as part of all."""
        console.progress(what, take + done / total, TAKES)

    return progress


def draw_sheet(video: Path, sheet: Path, seconds: float) -> None:
    """A contact sheet of the video in `sheet`, with seconds under the pictures."""
    import numpy as np

    from dancenet.media.pictures import contact_sheet
    from dancenet.video import read_frames

    shown = list(read_frames(video, fps=SHEET / seconds))
    pictures = np.stack([picture for _, picture in shown])
    contact_sheet(pictures, sheet, labels=[f"{time_s:.1f} s" for time_s, _ in shown])


def _how_it_went(run: Run) -> str:
    vae, choreographer = run.read("vae"), run.read("choreographer")
    took = duration(sum(run.read(stage).get("seconds", 0.0) for stage in STAGES[1:] if run.has(stage)))
    return (
        f"trained in {took} · pictures: {summary.figures_line(vae['figures'])}"
        f" · moves: {summary.figures_line(choreographer['figures'])}"
    )
