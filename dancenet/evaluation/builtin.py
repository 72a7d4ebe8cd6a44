"""Takes of the built-in dancer with their truth: those that a run was made of, and fresh ones to read by."""

import dataclasses
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dancenet import dancer
from dancenet.config import DancerOptions
from dancenet.errors import DancenetError
from dancenet.evaluation.dance import DanceMeasure
from dancenet.evaluation.features import at_rate
from dancenet.evaluation.reading import Take
from dancenet.evaluation.truth import TruthMeasure, from_pelvis
from dancenet.figure.choreography import counts_per_beat
from dancenet.footage.clips import PackedFrames
from dancenet.frames import frames_like
from dancenet.runs import Progress, silent
from dancenet.sequences import Span

#: Fresh takes that poses and moves are read by, and the length of each.
REFERENCE_TAKES, REFERENCE_MINUTES = 8, 1.0
#: Their seeds begin here, far from those that anybody films.
FIRST_SEED = 710_000
_MOVES = {name: number for number, name in enumerate(dancer.MOVES)}


def films(packed: PackedFrames) -> list[DancerOptions]:
    """How each clip's film of the built-in dancer was made.

    Raises:
        DancenetError: one of them is another film, or is no longer there.
    """
    made = {source: dancer.options_of(Path(source)) for source in {clip.source for clip in packed.clips}}
    if others := sorted(source for source, options in made.items() if options is None):
        raise DancenetError(
            f"{Path(others[0]).name} is not a film of the built-in dancer, or does not say so",
            "films by `dancenet dancer` or `dancenet demo`, whose truth is known",
        )
    return [options for clip in packed.clips if (options := made[clip.source])]


def take_of(
    measure: DanceMeasure, packed: PackedFrames, span: Span, options: Sequence[DancerOptions]
) -> Take:
    """A stretch of one clip with its truth; `options` is how each clip's film was made."""
    number = next(i for i, clip in enumerate(packed.clips) if clip.start <= span.start < clip.stop)
    clip, film = packed.clips[number], options[number]
    kept = np.array(list(at_rate(_numbers(span.start - clip.start, len(span)), packed.fps, measure.fps)))
    danced = dancer.danced(film)
    at = np.round((clip.source_start_s + kept / packed.fps) * film.fps).astype(int)
    at = np.minimum(at, len(danced.labels) - 1)
    return Take(
        points=measure.points(packed.pixels[span.start : span.stop], fps=packed.fps),
        joints_m=from_pelvis(danced.joints_m[at]),
        planted=danced.planted[at],
        moves=np.array([_MOVES[danced.labels[i]] for i in at]),
    )


def _numbers(first: int, count: int) -> Iterable[np.ndarray]:
    return (np.array(number) for number in range(first, first + count))


def truth_measure(
    measure: DanceMeasure, packed: PackedFrames, options: Sequence[DancerOptions], progress: Progress = silent
) -> TruthMeasure:
    """Film the built-in dancer anew, in other choreographies, to read the run's dances by.

    The films go the way of the run's own: same size, tempo, compression and frame options.

    Args:
        measure: the yardstick in whose space pictures are compared.
        packed: the run's frames.
        options: how each clip's film was made (`films`).
        progress: told how far the filming is.
    """
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        paths, made = [], []
        for take in range(REFERENCE_TAKES):
            like = options[take % len(options)]
            film = dataclasses.replace(
                like, minutes=REFERENCE_MINUTES, seed=FIRST_SEED + take, fps=min(like.fps, packed.fps)
            )
            paths.append(Path(folder) / f"reference{take + 1}.mp4")
            made.append(film)
            progress("evaluate · reference films", take, REFERENCE_TAKES)
            dancer.write_video(paths[-1], film, sound=False)
        reference = frames_like(paths, packed.options)
        of_film = {str(path.resolve()): film for path, film in zip(paths, made, strict=True)}
        films = [of_film[clip.source] for clip in reference.clips]
        takes = [take_of(measure, reference, Span(clip.start, clip.stop), films) for clip in reference.clips]
    counts = [film.tempo * counts_per_beat(film.tempo) for film in options]
    return TruthMeasure(takes, measure.fps, counts, dancer.BODIES[options[0].body])
