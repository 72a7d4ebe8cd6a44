"""Does a dance do as it is told? The verbs of a trained run, measured in the pictures they show.

    python benchmarks/direct.py --run runs/salsa
    python benchmarks/direct.py --run runs/salsa --only between loop --seeds 4

Life (motion) and form are those of `dancenet evaluate`. Keyframes, phrases and starts are from unseen takes.
Spline interpolation through the same keyframes stands beside `between`, the take's own going on beside
`continue`. About ten minutes on two cores that have nothing else to do.
"""

import argparse
import itertools
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dance_figures import pictures, yardstick_of
from direct_mix import mix
from direct_score import score
from measuring import Bar, benchmark, emit, say

from dancenet.config import DanceOptions
from dancenet.direct_options import BetweenOptions
from dancenet.runs import Run

STARTS = 50
FPS = 30.0


@dataclass
class Stage:
    """What every measurement needs."""

    run: Run
    director: object
    measure: object
    unseen: list
    seeds: int

    def points(self, latents: np.ndarray, fps: float) -> np.ndarray:
        """Decoded latents in the space of poses, at the measured rate."""
        from dancenet.generation import decoded

        return self.measure.points(decoded(self.director.trained.vae, latents), fps=fps)

    def frames(self, latents: np.ndarray) -> np.ndarray:
        """Decoded latents, uint8 (N, H, W, C)."""
        from dancenet.generation import decoded

        return np.stack(list(decoded(self.director.trained.vae, latents)))

    @property
    def latents(self) -> np.ndarray:
        """Of every frame of the film."""
        return self.director.trained.latents.mean

    @property
    def fps(self) -> float:
        """Of the film."""
        return self.director.trained.packed.fps

    def free_motion(self) -> float:
        """Life of free dances."""
        from dancenet.generation import Dancer

        dances = Dancer(self.director.trained).dances(DanceOptions(seconds=20), list(range(self.seeds)))
        return float(np.mean([self.measure.measure(iter(dance), fps=FPS).motion for dance in dances]))

    def moment(self, frame: int) -> str:
        """CLIP:SECOND of a frame."""
        clip = next(clip for clip in self.director.trained.packed.clips if frame < clip.stop)
        return f"{clip.number}:{(frame - clip.start) / self.fps:.3f}"


def roughness(points: np.ndarray, seam: int) -> tuple[float, float]:
    """Speed of the step after `seam`, and the larger of the two accelerations that it takes part in."""
    steps = np.diff(points[seam - 1 : seam + 3], axis=0)
    return float(np.linalg.norm(steps[1])), float(np.linalg.norm(np.diff(steps, axis=0), axis=1).max())


def continue_(stage: Stage) -> None:
    """50 starts spread over the unseen takes; each seam beside the take's own going on."""
    from dancenet.directing.director import Style
    from dancenet.directing.verbs import Phrase, continued

    begun, lead = time.perf_counter(), round(3 * stage.fps)
    real = [stage.points(stage.latents[span.start : span.stop], stage.fps) for span in stage.unseen]
    each = np.array([
        roughness(points, at) for points in real for at in range(1, len(points) - 2)
    ])  # fmt: skip
    limits = np.percentile(each, 95, axis=0)
    places = [at for span in stage.unseen for at in range(span.start + lead, span.stop - 3)]
    within, control, rows = 0, 0, []
    for number, at in enumerate(np.linspace(0, len(places) - 1, STARTS).astype(int)):
        frame = places[at]
        source = Phrase(stage.latents[frame - lead : frame + 1], stage.fps)
        path = continued(stage.director, source, 2.0, Style(seed=number), lead_s=1.0)
        shown = path.at(np.arange(0, 2.0, 1 / stage.fps))
        rows.append(roughness(stage.points(shown, stage.fps), round(stage.fps)))
        span = next(i for i, span in enumerate(stage.unseen) if span.start <= frame < span.stop)
        own = roughness(real[span], frame - stage.unseen[span].start)
        within += bool((np.array(rows[-1]) <= limits).all())
        control += bool((np.array(own) <= limits).all())
    mean = np.mean(rows, axis=0) / each.mean(axis=0)
    emit(
        "continue: seams within the 95th percentile of real takes", within, f"of {STARTS}",
        bar=Bar(low=STARTS), seconds=time.perf_counter() - begun, real_going_on=control,
        speed_ratio=float(mean[0]), acceleration_ratio=float(mean[1]),
    )  # fmt: skip


def keys_of(stage: Stage, seed: int, count: int) -> list[tuple[float, int]]:
    """(second, frame) of keyframes every 2 to 4 s, anywhere in the unseen takes."""
    random = np.random.default_rng(seed)
    frames = np.concatenate([np.arange(span.start, span.stop) for span in stage.unseen])
    at = np.concatenate([[0], np.cumsum(np.round(random.uniform(2, 4, count - 1) * FPS))]) / FPS
    return [(float(second), int(random.choice(frames))) for second in at]


def between(stage: Stage) -> None:
    """Two sets of keyframes, each danced by several seeds; read back from their videos."""
    from scipy.interpolate import CubicSpline

    from dancenet.directing.directed import write_directed
    from dancenet.generation import Dancer

    begun, packed = time.perf_counter(), stage.director.trained.packed
    dances, splines, errors, apart, last = [], [], [], [], []
    with tempfile.TemporaryDirectory(prefix="dancenet-") as folder:
        for number in range(2):
            keys = keys_of(stage, number, 9)
            texts = tuple(f"{second:.4f}={stage.moment(frame)}" for second, frame in keys)
            paths = []
            for seed in range(stage.seeds):
                say(f"between: keyframes {number + 1}, seed {seed}")
                out = Path(folder) / f"{number}-{seed}.mp4"
                write_directed(stage.run, out, BetweenOptions(keys=texts, seed=seed))
                film = list(pictures(out, FPS))
                paths.append(stage.measure.points(iter(film), fps=FPS))
                dances.append(stage.measure.measure_stretch([paths[-1]]))
                errors += [key_error(stage, film[round(second * FPS)], frame) for second, frame in keys]
                last += last_steps(stage, out, [second for second, _ in keys[1:]])
            apart += [
                np.linalg.norm(one - other, axis=1).mean() for one, other in itertools.combinations(paths, 2)
            ]
            line = CubicSpline([second for second, _ in keys], stage.latents[[frame for _, frame in keys]])
            times = np.arange(0, keys[-1][0], 1 / stage.fps)
            splines.append(
                stage.measure.measure_stretch([stage.points(line(times).astype("float32"), stage.fps)])
            )
    options = DanceOptions(seconds=max(4, keys[-1][0]))
    free_points = [
        stage.measure.points(iter(dance), fps=FPS)
        for dance in Dancer(stage.director.trained).dances(options, list(range(2 * stage.seeds)))
    ]
    free = [stage.measure.measure_stretch([points]) for points in free_points]
    free_apart = np.mean([
        np.linalg.norm(one - other, axis=1).mean() for one, other in itertools.combinations(free_points, 2)
    ])  # fmt: skip
    seconds = time.perf_counter() - begun
    made, own = (float(value) for value in np.sum(errors, axis=0))
    emit(
        "between: pose error at keyframes over the VAE's own", made / len(errors), "", ratio=made / own,
        bar=Bar(high=1.5), seconds=seconds, keyframes=len(errors),
        worst=max(one / other for one, other in errors),
    )  # fmt: skip
    for name, figure in (("life", "motion"), ("form", "form")):
        value, spline, usual = (
            float(np.mean([getattr(one, figure) for one in rows])) for rows in (dances, splines, free)
        )
        emit(
            f"between: {name} over free dance", value, "", ratio=value / usual, bar=Bar(0.9, 1.1),
            seconds=seconds, spline_ratio=spline / usual, fps=packed.fps,
            better_than_spline=bool(abs(np.log(value / usual)) < abs(np.log(spline / usual))),
        )  # fmt: skip
    emit(
        "between: distance of the two seeds most alike, over that of free dances", float(np.min(apart)), "",
        ratio=float(np.min(apart) / free_apart), bar=Bar(low=0.25), seconds=seconds,
        mean_ratio=float(np.mean(apart) / free_apart), seeds=stage.seeds,
    )  # fmt: skip
    emit(
        "between: last step onto a keyframe over the mean step", float(np.mean(last)), "of it",
        seconds=seconds, worst=float(np.max(last)),
    )  # fmt: skip


def last_steps(stage: Stage, out: Path, seconds: list[float]) -> list[float]:
    """How fast a dance arrives at its keyframes, over its mean speed."""
    with np.load(out.with_name(f"{out.stem}.latents.npz")) as stored:
        latents, fps = stored["latents"], float(stored["fps"])
    steps = stage.director.apart(latents[1:], latents[:-1])
    return [float(steps[round(second * fps) - 1] / steps.mean()) for second in seconds]


def key_error(stage: Stage, shown: np.ndarray, frame: int) -> tuple[float, float]:
    """Distance, in the space of poses, of a shown picture and of the VAE's own to the real frame."""
    real = stage.director.trained.packed.pixels[frame]
    three = [real, shown, stage.frames(stage.latents[frame : frame + 1])[0]]
    real_point, made, own = (stage.measure.points(iter([np.asarray(one)]), fps=stage.fps)[0] for one in three)
    return float(np.linalg.norm(made - real_point)), float(np.linalg.norm(own - real_point))


def phrases(stage: Stage, count: int, seconds: float) -> list:
    """Phrases of the unseen takes, spread over them."""
    from dancenet.directing.verbs import Phrase

    length, lead = round(seconds * stage.fps), round(3 * stage.fps)
    places = [at for span in stage.unseen for at in range(span.start + lead, span.stop - length)]
    return [
        Phrase(stage.latents[at : at + length], stage.fps, stage.latents[at - lead : at])
        for at in (places[i] for i in np.linspace(0, len(places) - 1, count).astype(int))
    ]


def vary(stage: Stage) -> None:
    """Six phrases of 8 s, five amounts each."""
    from dancenet.directing.alike import varied
    from dancenet.directing.director import Style

    begun, amounts = time.perf_counter(), (0.1, 0.3, 0.5, 0.75, 1.0)
    away, forms, own, life = [], [], [], []
    for number, phrase in enumerate(phrases(stage, 6, 8.0)):
        say(f"vary: phrase {number + 1}")
        original = stage.points(phrase.latents, stage.fps)
        figures = stage.measure.measure_stretch([original])
        own.append((figures.form, figures.motion))
        row = []
        for amount in amounts:
            path = varied(stage.director, phrase, amount, Style(seed=number))
            points = stage.points(path.latents, stage.fps)
            row.append(float(np.linalg.norm(points - original, axis=1).mean()))
            figures = stage.measure.measure_stretch([points])
            forms.append(figures.form)
            life.append(figures.motion)
        away.append(row)
    ordered = sum(bool((np.diff(row) > 0).all()) for row in away)
    seconds = time.perf_counter() - begun
    emit(
        "vary: phrases whose distance rises with the amount", ordered, f"of {len(away)}",
        bar=Bar(low=len(away)), seconds=seconds, amounts=list(amounts),
        distances=[round(float(value), 2) for value in np.mean(away, axis=0)],
    )  # fmt: skip
    form, motion = (float(value) for value in np.mean(own, axis=0))
    value = float(np.mean(forms))
    emit("vary: form over the phrases'", value, "", ratio=value / form, bar=Bar(0.9, 1.1), seconds=seconds,
         life_ratio=float(np.mean(life) / motion))  # fmt: skip


def loop(stage: Stage) -> None:
    """Loops of 1 to 8 s, turned as the command does, and as they are danced from a chosen moment."""
    from dancenet.directing.alike import calmest_first, looped
    from dancenet.directing.directed import shown
    from dancenet.directing.director import Style

    begun, rows, chosen, life = time.perf_counter(), [], [], []
    for number, seconds in enumerate((1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0)):
        say(f"loop: {seconds:g} s")
        span = stage.unseen[number % len(stage.unseen)]
        opening = stage.latents[span.start : span.start + round((4 + number) * stage.fps)]
        path = looped(stage.director, opening, seconds, Style(seed=number))
        latents = shown(stage.director, path, FPS, loop=True).latents
        life.append(stage.measure.measure_stretch([stage.points(np.tile(latents, (3, 1)), FPS)]).motion)
        for kept, made in ((rows, calmest_first(latents)), (chosen, latents)):
            frames = stage.frames(made).astype("float32")
            steps = np.sqrt(((frames - np.roll(frames, 1, axis=0)) ** 2).mean(axis=(1, 2, 3)))
            kept.append((steps[0] / np.median(steps[1:]), steps[0] / steps[1:].max()))
    free = stage.free_motion()
    for name, kept in (("as made", rows), ("from a chosen moment", chosen)):
        emit(
            f"loop, {name}: largest difference over the seam, of that between neighbouring frames",
            float(max(most for _, most in kept)), "of the largest", bar=Bar(high=1.0),
            seconds=time.perf_counter() - begun, loops=len(kept), life_ratio=float(np.mean(life) / free),
            mean_of_the_median=float(np.mean([middle for middle, _ in kept])),
        )  # fmt: skip


VERBS = {
    "continue": continue_,
    "between": between,
    "vary": vary,
    "mix": lambda stage: mix(stage, phrases(stage, 12, 4.0)),
    "loop": loop,
    "score": score,
}


def measure_all(chosen: argparse.Namespace) -> None:
    from dancenet.directing.director import Director
    from dancenet.sequences import split_takes
    from dancenet.trained import load_trained

    run = Run(chosen.run)
    trained = load_trained(run)
    unseen = split_takes(trained.packed)[1]
    stage = Stage(run, Director(trained), yardstick_of(run), unseen, chosen.seeds)
    for name in chosen.only:
        VERBS[name](stage)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="a trained run")
    parser.add_argument("--only", nargs="+", choices=VERBS, default=list(VERBS), help="verbs to measure")
    parser.add_argument("--seeds", type=int, default=4, help="dances through each set of keyframes")
    chosen = parser.parse_args(argv)
    return benchmark(lambda: measure_all(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
