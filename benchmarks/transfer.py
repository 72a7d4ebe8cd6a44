"""Transfer on three built-in dancers whose truth is known: whose body is drawn, in which pose, and what the
pose code still says of the body.

Films rose, moss and slate (`dancenet dancer --body`), each in other choreographies, trains a VAE on all
of them, and has each dance the unseen takes of the others. Prints JSON lines: the share of transferred frames
in which a classifier of real frames sees the right body; the error of joints read from transferred frames
against the target body in the very pose (it can be drawn: same choreography, other body), over that of the
target's own film through the VAE; and how often each of three classifiers tells from a pose code of an
unseen take whose it is.

    python benchmarks/transfer.py --folder out/transfer
    python benchmarks/transfer.py --folder out/transfer --epochs 2 --preset tiny
"""

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
from measuring import Bar, benchmark, emit, say

from dancenet import dancer
from dancenet.config import DancerOptions, FrameOptions, TrainOptions
from dancenet.runs import Run

#: Takes of each body, their length, and the tempos that they take in turn.
TAKES, MINUTES, TEMPOS = 5, 0.8, (96.0, 112.0, 120.0, 104.0, 128.0)
FRAMES = FrameOptions(width=64, height=96, fps=10, fit="follow")
#: Of the films.
FPS = 15.0
#: Above chance, what may be read of the body.
TOLD = 0.10


def film(folder: Path) -> list[Path]:
    """A folder for each body with its takes; what is there is not filmed again."""
    for number, body in enumerate(dancer.BODIES):
        for take in range(TAKES):
            path = folder / body / f"{body}{take + 1}.mp4"
            if not path.is_file():
                say(f"filming {path.name}")
                tempo = TEMPOS[take % len(TEMPOS)]
                seed = 10 * number + take + 1
                dancer.write_video(
                    path, DancerOptions(minutes=MINUTES, tempo=tempo, seed=seed, fps=FPS, body=body)
                )
    return [folder / body for body in dancer.BODIES]


class Stage:
    """The run, what is known of its unseen takes, and how each body is read."""

    def __init__(self, run: Run, folder: Path):
        from dancenet.evaluation import builtin
        from dancenet.evaluation.dance import DanceMeasure
        from dancenet.frames import load_frames
        from dancenet.sequences import frame_indices, split_takes
        from dancenet.trained import encoded, load_vae

        self.folder, self.packed = folder, load_frames(run)
        self.vae = load_vae(run, self.packed)
        self.films = builtin.films(self.packed)
        training, self.unseen = split_takes(self.packed)
        self.learned = frame_indices(training)
        self.latents = encoded(self.vae, self.packed.pixels)
        self.reads = {}
        for body, name in enumerate(self.packed.dancers):
            say(f"learning to read {name}")
            own = [self.frames(span) for span in training if self.packed.bodies[span.start] == body]
            held = [self.frames(span) for span in self.unseen if self.packed.bodies[span.start] == body]
            fps = self.packed.fps
            measure = DanceMeasure(own, held_out_clips=held, fps=fps, measured_fps=fps)
            filmed = [options for options in self.films if options.body == name]
            self.reads[body] = measure, builtin.truth_measure(measure, self.packed, filmed)

    def frames(self, span) -> np.ndarray:
        """(N, H, W, C) of a take."""
        return np.asarray(self.packed.pixels[span.start : span.stop])

    def truth(self, span, body: int):
        """What an unseen take would be if that body danced it."""
        from dancenet.evaluation.builtin import take_of

        name = self.packed.dancers[body]
        films = [dataclasses.replace(options, body=name) for options in self.films]
        return take_of(self.reads[body][0], self.packed, span, films)

    def filmed(self, span, body: int) -> np.ndarray:
        """The film of that, through the run's frame options: (N, H, W, C)."""
        from dancenet.footage.clips import Clip
        from dancenet.frames import frames_like

        clip: Clip = next(clip for clip in self.packed.clips if clip.start <= span.start < clip.stop)
        path = self.folder / "truth" / f"{clip.name}-as-{self.packed.dancers[body]}.mp4"
        if not path.is_file():
            options = dataclasses.replace(self.films[clip.number - 1], body=self.packed.dancers[body])
            dancer.write_video(path, options)
        return np.asarray(frames_like(path, self.packed.options).pixels)

    def drawn(self, latents: np.ndarray, body: int) -> np.ndarray:
        """Pose codes (N, D) as that body, (N, H, W, C)."""
        from dancenet.trained import decode_batch

        parts = np.array_split(latents, max(1, len(latents) // 64))
        return np.concatenate([decode_batch(self.vae, part, np.full(len(part), body)) for part in parts])

    def error_cm(self, frames: np.ndarray, span, body: int) -> float:
        """Mean distance of joints read from frames to where that body would have them, cm."""
        measure, read = self.reads[body]
        points = measure.points(frames, fps=self.packed.fps)
        return float(read.joint_error_cm(points, self.truth(span, body)))


def small(frames: np.ndarray) -> np.ndarray:
    """Colour pictures of 16 x 24, flat."""
    import cv2

    return np.stack(
        [cv2.resize(frame, (16, 24), interpolation=cv2.INTER_AREA).ravel() / 255 for frame in frames]
    )


def measure_transfer(stage: Stage) -> None:
    """Bodies and joints of every unseen take as every other body."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from dancenet.trained import encoded

    begun, packed = time.perf_counter(), stage.packed
    some = stage.learned[:: max(1, len(stage.learned) // 3000)]
    judge = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    judge.fit(small(packed.pixels[some]), packed.bodies[some])
    real = np.concatenate([judge.predict(small(stage.frames(span))) for span in stage.unseen])
    right_real = float(
        (real == np.concatenate([packed.bodies[s.start : s.stop] for s in stage.unseen])).mean()
    )
    right, made, plain, filmed, other = [], [], [], [], []
    for span in stage.unseen:
        latents = stage.latents[span.start : span.stop]
        for body, name in enumerate(packed.dancers):
            if body == packed.bodies[span.start]:
                continue
            say(f"{packed.dancers[packed.bodies[span.start]]} as {name}")
            frames = stage.drawn(latents, body)
            right.append(float((judge.predict(small(frames)) == body).mean()))
            target = stage.filmed(span, body)
            own = stage.drawn(encoded(stage.vae, target), body)
            made.append(stage.error_cm(frames, span, body))
            plain.append(stage.error_cm(own, span, body))
            filmed.append(stage.error_cm(target, span, body))
            other.append(stage.error_cm(np.roll(frames, len(frames) // 2, axis=0), span, body))
    seconds = time.perf_counter() - begun
    emit(
        "transfer: frames in which the right body is seen", float(np.mean(right)), "of frames",
        bar=Bar(low=0.95), seconds=seconds, worst_pair=min(right), of_real_unseen_frames=right_real,
        frames=sum(len(span) for span in stage.unseen) * (len(packed.dancers) - 1),
    )  # fmt: skip
    emit(
        "transfer: joint error over that of the target's own film through the VAE",
        float(np.mean(made)), "cm",
        ratio=float(np.mean(made) / np.mean(plain)), bar=Bar(high=1.3), seconds=seconds,
        worst_pair=max(one / two for one, two in zip(made, plain, strict=True)),
        reconstructed_cm=float(np.mean(plain)), film_itself_cm=float(np.mean(filmed)),
        of_another_moment_cm=float(np.mean(other)),
    )  # fmt: skip


def measure_code(stage: Stage) -> None:
    """Whether an unseen take's pose codes say whose they are."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    begun, packed = time.perf_counter(), stage.packed
    whose = packed.bodies
    unseen = np.concatenate([np.arange(span.start, span.stop) for span in stage.unseen])
    told = {}
    for name, kind in (
        ("linear", LogisticRegression(max_iter=1000)),
        ("neighbours", KNeighborsClassifier(15)),
        ("network", MLPClassifier((256, 128), early_stopping=True, random_state=0)),
    ):
        model = make_pipeline(StandardScaler(), kind).fit(stage.latents[stage.learned], whose[stage.learned])
        told[name] = float((model.predict(stage.latents[unseen]) == whose[unseen]).mean())
    chance = float(np.bincount(whose[unseen]).max() / len(unseen))
    for name, share in told.items():
        emit(
            f"transfer: unseen pose codes whose body a classifier tells, {name}", share, "of codes",
            bar=Bar(high=chance + TOLD), seconds=time.perf_counter() - begun, chance=chance,
        )  # fmt: skip


def measure_all(chosen: argparse.Namespace) -> None:
    from dancenet.frames import extract
    from dancenet.training import train_vae

    run = Run(chosen.folder / f"run-{chosen.preset}")
    extract(film(chosen.folder / "films"), run, FRAMES, dancers=True)
    made = train_vae(run, TrainOptions(preset=chosen.preset, epochs=chosen.epochs))
    stage = Stage(run, chosen.folder)
    emit(
        "VAE of three bodies: foreground PSNR of unseen takes", made["figures"]["foreground_psnr_db"], "dB",
        seconds=made["seconds"], preset=chosen.preset, epochs=chosen.epochs,
    )  # fmt: skip
    measure_code(stage)
    measure_transfer(stage)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("out/transfer"), help="films and run")
    parser.add_argument("--preset", default="small", help="of the VAE")
    parser.add_argument("--epochs", type=int, default=6, help="of its training")
    chosen = parser.parse_args(argv)
    return benchmark(lambda: measure_all(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
