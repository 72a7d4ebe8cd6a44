"""All measurements of a run: its dances beside unseen real dance and beside trivial dancers.

The result is one dictionary that can be written as JSON; `pages/report.py` makes a page of it.
"""

import dataclasses
import logging
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dancenet.config import DanceOptions, EvaluateOptions
from dancenet.errors import DancenetError
from dancenet.evaluation import builtin, choreography, over_time
from dancenet.evaluation.dance import DanceMeasure
from dancenet.evaluation.features import MEASURED_FPS
from dancenet.evaluation.fidelity import empty_room_figures, picture_figures
from dancenet.evaluation.sharpness import SHARPNESS_FIGURES, Energies, SharpnessMeasure
from dancenet.evaluation.stretches import real_stretches
from dancenet.evaluation.truth import TRUTH_FIGURES
from dancenet.evaluation.verdict import compared, interval
from dancenet.footage.clips import PackedFrames
from dancenet.frames import frames_like
from dancenet.generation import DECODE_BATCH, body_of, opening_poses
from dancenet.rendering import write_dance, write_frames
from dancenet.runs import Progress, Run, provenance, silent
from dancenet.sequences import Span, frame_indices, split_takes
from dancenet.trained import Trained, load_trained, reconstruct_batch
from dancenet.video import read_frames
from dancenet.yardsticks.baselines import Baselines
from dancenet.yardsticks.prediction import errors_ahead
from dancenet.yardsticks.trivial import TRIVIAL_DANCERS, Stage

log = logging.getLogger(__name__)

#: Real stretches of the dances' length that are averaged.
REAL_STRETCHES = 8


@dataclasses.dataclass(frozen=True)
class Yardstick:
    """What dances are held against."""

    poses: DanceMeasure
    pictures: SharpnessMeasure


@dataclasses.dataclass(frozen=True)
class Seen:
    """A dance as it is measured: points (N, 96), and gradient energies (M, 2) of all frames shown."""

    points: np.ndarray
    energies: np.ndarray


def evaluate(
    run: Run,
    folder: Path,
    options: EvaluateOptions,
    progress: Progress = silent,
    *,
    against: Run | None = None,
) -> tuple[dict[str, Any], list[Path]]:
    """Make dances of a run and measure what their videos show.

    Args:
        run: a run whose stages are all done.
        folder: where the dances are written.
        options: how long and how many dances.
        progress: told how far it is.
        against: another run; its dances are measured by the same yardstick, made of the first one's film.

    Returns:
        The measurements, and the videos they are of. Measurements are `protocol`, `figures` (see
        `verdict.compared`), `copying`, `minutes`, `repetition`, `diversity`, `over_time`, `real_over_time`,
        `truth`, `pictures`, `prediction`, `likelihood`, `provenance`.

    Raises:
        DancenetError: a stage is missing or stale; no unseen take; videos that cannot be read.
    """
    trained = load_trained(run)
    if against:
        load_trained(against)  # what it lacks is told before the long work
    packed = trained.packed
    training, unseen = _of_the_dancer_shown(trained)
    progress("evaluate · real takes", 0, 1)
    yardstick = _yardstick(packed, training, unseen, options)
    measure = yardstick.poses
    baselines = Baselines.fit(trained.on_stage().latents, training)
    stage = Stage(trained, training, baselines, round(options.seconds * packed.fps))
    videos = _dances(run, folder / "dance.mp4", options, progress)
    shown, trivially = _seen(measure, videos, progress), _trivial(measure, stage, progress)
    figures = _figures(yardstick, shown, trivially, options.seconds)
    if against:
        others = _dances(against, folder / "against.mp4", options, progress)
        _stand_beside(figures, yardstick, _seen(measure, others, progress))
    made, trivial = [each.points for each in shown], {name: each.points for name, each in trivially.items()}
    truth = _truth(trained, measure, unseen, made, trivial, options.seconds, progress)
    progress("evaluate · pictures and prediction", 0, 1)
    return {
        "run": str(run.path),
        "protocol": _protocol(options, measure, training, trained, against),
        "figures": figures,
        "minutes": over_time.minutes(
            measure, yardstick.pictures, made, [each.energies for each in shown], REAL_STRETCHES
        ),
        **_beside_figures(measure, made, trivial, options.seconds),
        "truth": truth,
        "diversity": _diversity(measure, stage, made, trivial, options.seconds),
        "pictures": picture_figures(trained.vae, packed, frame_indices(unseen), likeness=True),
        "pictures_empty_room": empty_room_figures(packed, frame_indices(unseen)),
        "prediction": _predicted(trained, baselines, unseen),
        "likelihood": run.read("choreographer")["figures"],
        "provenance": provenance(),
    }, videos


def _of_the_dancer_shown(trained: Trained) -> tuple[list[Span], list[Span]]:
    """Training and unseen takes; of several dancers of the one whom dances show, who becomes the VAE's."""
    packed = trained.packed
    training, unseen = split_takes(packed)
    if not packed.dancers:
        return training, unseen
    body = trained.vae.body = body_of(packed, trained.latents, opening_poses(trained, None)[-1])
    own, others = (
        [span for span in spans if packed.bodies[span.start] == body] for spans in (training, unseen)
    )
    return own, others


def _figures(
    yardstick: Yardstick, made: list[Seen], trivial: dict[str, Seen], seconds: float
) -> dict[str, Any]:
    poses, pictures, seeds = yardstick.poses, yardstick.pictures, range(REAL_STRETCHES)
    return compared(
        [poses.measure_stretch([each.points]) for each in made],
        poses.real(seconds=seconds, seeds=seeds),
        {name: poses.measure_stretch([each.points]) for name, each in trivial.items()},
    ) | compared(
        [pictures.measure(each.energies) for each in made],
        pictures.real(seconds=seconds, seeds=seeds),
        {name: pictures.measure(each.energies) for name, each in trivial.items()},
        SHARPNESS_FIGURES,
    )


def _beside_figures(
    measure: DanceMeasure, made: list[np.ndarray], trivial: dict[str, np.ndarray], seconds: float
) -> dict[str, Any]:
    """What one number per dance does not tell."""
    return {
        "copying": _copying(measure, made, trivial),
        "repetition": over_time.repetition(measure, made, seconds, REAL_STRETCHES),
        "over_time": [over_time.seconds(measure, points) for points in made],
        "real_over_time": over_time.seconds_of_real(measure),
    }


def _truth(
    trained: Trained, measure: DanceMeasure, unseen: list[Span], made: list[np.ndarray],
    trivial: dict[str, np.ndarray], seconds: float, progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Figures that need the built-in dancer's truth, where the films are of it; else why there are none."""
    packed = trained.packed
    try:
        films = builtin.films(packed)
    except DancenetError as error:
        log.info("truth is not measured: %s", error)
        return {"absent": str(error)}
    shown = [packed.body_of(clip) == trained.vae.body for clip in packed.clips]
    own = [film for film, is_shown in zip(films, shown, strict=True) if is_shown]
    reads = builtin.truth_measure(measure, packed, own, progress)
    takes = [builtin.take_of(measure, packed, span, films) for span in unseen]

    def reconstructed(number: int) -> np.ndarray:
        """Points of one unseen take as the VAE draws it."""
        part = slice(unseen[number].start, unseen[number].stop)
        frames, bodies = packed.pixels[part], packed.bodies[part]
        drawn = (
            frame
            for start in range(0, len(frames), DECODE_BATCH)
            for frame in reconstruct_batch(
                trained.vae, frames[start : start + DECODE_BATCH], bodies[start : start + DECODE_BATCH]
            )[2]
        )
        return measure.points(drawn, fps=packed.fps)

    real = [
        real_stretches(measure.held_out, seconds, seed, fps=measure.fps) for seed in range(REAL_STRETCHES)
    ]
    return {
        "reading": reads.reading(takes),
        "reconstruction": {"joint_error_cm": reads.reconstruction_error_cm(takes, reconstructed)},
        "figures": compared(
            [reads.measure_stretch([points]) for points in made],
            [reads.measure_stretch(stretch) for stretch in real],
            {name: reads.measure_stretch([points]) for name, points in trivial.items()},
            TRUTH_FIGURES,
        ),
    }


def _stand_beside(figures: dict[str, Any], yardstick: Yardstick, dances: list[Seen]) -> None:
    """Add the same figures of another run's dances."""
    poses = [yardstick.poses.measure_stretch([each.points]) for each in dances]
    pictures = [yardstick.pictures.measure(each.energies) for each in dances]
    for name, row in figures.items():
        row["against"] = interval(
            [getattr(each, name) for each in (pictures if name in SHARPNESS_FIGURES else poses)]
        )


def _yardstick(packed: PackedFrames, training, unseen, options: EvaluateOptions) -> Yardstick:
    """Made of the run's own takes; `--held-out` videos stand in for its unseen ones."""
    films = [frames_like(Path(video), packed.options) for video in options.held_out]
    held_out = [clip for film in films for clip in _clips(film)] or _takes(packed, unseen)
    rate = min(MEASURED_FPS, packed.fps)
    poses = DanceMeasure(_takes(packed, training), held_out_clips=held_out, fps=packed.fps, measured_fps=rate)
    return Yardstick(poses, SharpnessMeasure([_as_video(clip, packed.fps) for clip in held_out], packed.fps))


def _as_video(clip: np.ndarray, fps: float) -> np.ndarray:
    """Gradient energies (N, 2) of a take's frames (N, H, W, C) as a video shows them: so dances are seen."""
    energies = Energies()
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        video = Path(folder) / "take.mp4"
        write_frames(video, iter(clip), len(clip), fps, 1.0, silent)
        for _ in energies.of(frame for _, frame in read_frames(video, fps=fps)):
            pass
    return energies.taken()


def _seen(measure: DanceMeasure, videos: list[Path], progress: Progress) -> list[Seen]:
    seen = []
    for done, video in enumerate(videos):
        progress("evaluate · dances", done, len(videos))
        shown = (frame for _, frame in read_frames(video, fps=measure.fps))
        seen.append(_one_seen(measure, shown, measure.fps))
    return seen


def _one_seen(measure: DanceMeasure, frames: Iterable[np.ndarray], fps: float) -> Seen:
    energies = Energies()
    return Seen(measure.points(energies.of(frames), fps=fps), energies.taken())


def _trivial(measure: DanceMeasure, stage: Stage, progress: Progress) -> dict[str, Seen]:
    seen = {}
    for done, (name, dancer) in enumerate(TRIVIAL_DANCERS.items()):
        progress("evaluate · trivial dancers", done, len(TRIVIAL_DANCERS))
        seen[name] = _one_seen(measure, dancer(stage), stage.trained.packed.fps)
    return seen


def _dances(run: Run, out: Path, options: EvaluateOptions, progress: Progress) -> list[Path]:
    """One dance per seed, with the defaults of `dancenet generate dance`."""
    return write_dance(run, out, DanceOptions(seconds=options.seconds, takes=options.seeds), progress)


def _takes(packed: PackedFrames, spans: Sequence[Span]) -> list[np.ndarray]:
    return [packed.pixels[span.start : span.stop] for span in spans]


def _clips(packed: PackedFrames) -> list[np.ndarray]:
    return [packed.pixels[clip.start : clip.stop] for clip in packed.clips]


def _protocol(
    options: EvaluateOptions, measure: DanceMeasure, training, trained: Trained, against: Run | None
) -> dict[str, Any]:
    return {
        **dataclasses.asdict(options), "held_out": [str(path) for path in options.held_out],
        "measured_fps": measure.fps, "real_stretches": REAL_STRETCHES,
        "training_frames": sum(map(len, training)), "held_out_frames": sum(map(len, measure.held_out)),
        **trained.measures, "joint": trained.joint, "sharp": trained.sharp,
        "against": str(against.path) if against else None,
        "explained_variance": measure.space.explained,
    }  # fmt: skip


def _copying(measure: DanceMeasure, made: list[np.ndarray], trivial: dict[str, np.ndarray]) -> dict[str, Any]:
    """The copying test of all dances together and of each, of unseen takes by halves, of trivial dancers."""
    as_dict = dataclasses.asdict
    return {
        "made": as_dict(measure.copying(made)),
        "each": [as_dict(measure.copying([points])) for points in made],
        "real": [as_dict(measure.copying_of_halves(seed)) for seed in range(REAL_STRETCHES)],
        "trivial": {name: as_dict(measure.copying([points])) for name, points in trivial.items()},
    }


def _diversity(
    measure: DanceMeasure, stage: Stage, made: list[np.ndarray], trivial: dict[str, np.ndarray],
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """Distance between dances, beside that between stretches of real dance and between trivial ones."""
    other = dataclasses.replace(stage, seed=stage.seed + 1)
    fps = stage.trained.packed.fps
    pairs = {
        name: [points, measure.points(TRIVIAL_DANCERS[name](other), fps=fps)]
        for name, points in trivial.items()
    }
    real = [
        real_stretches(measure.held_out, seconds, seed, fps=measure.fps) for seed in range(REAL_STRETCHES)
    ]
    return choreography.diversities(made, [np.concatenate(stretch) for stretch in real], pairs)


def _predicted(
    trained: Trained, baselines: Baselines, unseen: list[Span]
) -> dict[str, dict[str, float]] | None:
    try:
        return errors_ahead(trained, baselines, unseen)
    except DancenetError as error:
        log.warning("prediction is not measured: %s", error)
        return None
