"""Dances move as much as the dancer: pace, measured once after training (travelling: `test_travel.py`)."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dancenet import generation
from dancenet.config import LATENT_SIZE
from dancenet.latents import Latents
from dancenet.sequences import Span
from dancenet.stages import pace
from dancenet.stages.pace import AT_ONCE, FASTEST, Motion, in_dancers_measure, mean_step, natural_pace
from dancenet.stages.travel import Travels
from dancenet.trained import Trained

COUNT = 900


def trained(window=(40, 30)):
    """A run of one take whose place across the picture goes to and fro by 0.5, as far as reach needs it."""
    mean = np.zeros((COUNT, LATENT_SIZE), "float32")
    mean[:, 0] = np.sqrt(0.5) * np.sin(np.arange(COUNT) / 7)
    nothing = mean[None][:0]
    latents = Latents(
        mean, np.zeros_like(mean), nothing, nothing,
        center=np.zeros(LATENT_SIZE), scale=np.full(LATENT_SIZE, 2.0),
        clip_starts=np.array([0]), clip_lengths=np.array([COUNT]), fps=np.array(15.0),
    )  # fmt: skip
    packed, vae = SimpleNamespace(fps=15.0), SimpleNamespace(window=window)
    dances = SimpleNamespace(homing=0.0, balance=0.0, restlessness=0.0, farthest=7.0)
    return Trained(packed, vae, dances, latents, joint=False)  # type: ignore[arg-type]


def test_a_wider_stage_changes_the_place_alone_and_can_be_undone():
    run = trained()
    wide = replace(run, pace=1.7).on_stage(1.25, 0.2)
    assert (wide.reach, wide.middle, wide.pace) == (1.25, 0.2, 1.7)
    point = np.ones(LATENT_SIZE)
    np.testing.assert_allclose(wide.latents.restore(point), [2.5 + 0.4, *[2.0] * (LATENT_SIZE - 1)])
    np.testing.assert_allclose(wide.latents.restore(wide.latents.standardise(point)), point)
    assert (run.latents.scale[0], run.latents.center[0]) == (2.0, 0.0)
    for name in ("center", "scale"):
        back = getattr(wide.on_stage(1.5, -0.3).on_stage().latents, name)
        np.testing.assert_allclose(back, getattr(run.latents, name), atol=1e-12)


class Still(Motion):
    """Motion towards a target, of pictures that nobody looks at."""

    def __init__(self, target):
        self.target = target


@pytest.mark.parametrize(("speed", "wanted"), [(1.0, 1.0), (0.8, 1.25), (0.625, 1.6), (0.01, FASTEST)])
def test_pace_gives_dances_the_motion_of_the_takes(monkeypatch, speed, wanted):
    """A bar that goes to and fro, in a dance `speed` times as fast as in the take."""

    def pictures(times):
        made = np.full((len(times), 60, 104, 1), 200, "uint8")
        for picture, left in zip(made, 42 + 20 * np.cos(np.asarray(times) / 40), strict=True):
            part = left % 1
            picture[10:50, int(left) : int(left) + 22] = 0
            picture[10:50, int(left)], picture[10:50, int(left) + 21] = 200 * part, 200 * (1 - part)
        return made

    class Dancer:
        def __init__(self, run):
            self.pace = run.pace

        def dances(self, options, seeds):
            steps = np.arange(round(options.seconds * options.fps))
            return [pictures(self.pace * speed * steps + 200 * seed) for seed in seeds]

    monkeypatch.setattr(generation, "Dancer", Dancer)
    monkeypatch.setattr(pace, "read_rows", lambda pixels, rows: pictures(rows))
    monkeypatch.setattr(pace, "reconstruct_batch", lambda vae, frames: (None, None, frames))
    run = replace(trained(), packed=SimpleNamespace(fps=15.0, pixels=None))
    motion = Motion(run, [Span(0, COUNT)])
    assert natural_pace(run, motion) == pytest.approx(wanted, rel=0.06)
    assert natural_pace(replace(run, pace=1.3), motion) == pytest.approx(wanted, rel=0.06)


def test_of_one_long_take_no_more_frames_are_drawn_at_once_than_of_many(monkeypatch):
    """A film that is a single clip: all pairs of frames are its own, and memory is that of some of them."""
    frames, drawn = np.zeros((COUNT, 60, 104, 1), "uint8"), []
    frames[::2, :, :40] = 255  # every frame is as far from the next as any other
    monkeypatch.setattr(pace, "read_rows", lambda pixels, rows: frames[rows])
    monkeypatch.setattr(
        pace, "reconstruct_batch", lambda vae, seen: drawn.append(len(seen)) or (None, None, seen)
    )
    run = replace(trained(), packed=SimpleNamespace(fps=15.0, pixels=None))
    motion = Motion(run, [Span(0, COUNT)])
    assert max(drawn) <= 2 * AT_ONCE
    assert sum(drawn) == 2 * (COUNT - 1)
    assert motion.target == pytest.approx(np.sqrt(40 * 60), rel=1e-3)


def test_what_no_take_shows_is_no_motion(monkeypatch):
    """A take in which a bar moves, and specks that are nowhere in it."""
    random = np.random.default_rng(0)
    bars = np.full((COUNT, 60, 104, 1), 200, "uint8")
    for number, picture in enumerate(bars):
        picture[20:40, number % 80 : number % 80 + 20] = 0
    monkeypatch.setattr(pace, "read_rows", lambda pixels, rows: bars[rows])
    monkeypatch.setattr(pace, "reconstruct_batch", lambda vae, frames: (None, None, frames))
    run = replace(trained(), packed=SimpleNamespace(fps=15.0, pixels=None))
    motion = Motion(run, [Span(0, COUNT)])
    specks = bars[:60].copy()
    specks[:, 45:] += random.integers(0, 56, specks[:, 45:].shape, dtype="uint8")
    clean, noisy = (mean_step(motion.points(frames), 1) for frames in (bars[:60], specks))
    assert noisy == pytest.approx(clean, rel=0.1)
    by_pixels = [mean_step(frames.reshape(60, -1) / 255.0, 1) for frames in (bars[:60], specks)]
    assert by_pixels[1] > 1.2 * by_pixels[0]


def test_all_is_measured_in_turns(monkeypatch):
    """Dances that come home sooner need less pace, and the more pace the less homing."""
    run = trained()

    class Told(Travels):
        def homeward(self, pace):
            return 0.01 * (1.5 - pace), 0.015

        def reach(self, homing, balance, pace):
            assert (homing, balance) in ((0.0, 0.0), self.homeward(pace))
            return 1 + 100 * homing

    def free(run, training):
        """That dances run away can be seen: nothing bounds them yet."""
        assert run.choreographer.farthest == 0
        return Told([], [], 15.0)

    monkeypatch.setattr(Travels, "of", free)
    monkeypatch.setattr(pace, "Motion", lambda run, training: Still(1.0))
    monkeypatch.setattr(pace, "natural_pace", lambda run, motion: 1.3 - 20 * run.choreographer.homing)
    monkeypatch.setattr(pace, "in_the_middle", lambda run, training: run.on_stage(run.reach, 0.1 * run.reach))
    made = in_dancers_measure(run, [Span(0, COUNT)])
    # p = 1.3 - 20 (1.5 - p) / 100
    assert made.pace == pytest.approx(1.25, abs=2e-3)
    assert made.choreographer.homing == pytest.approx(0.0025, abs=1e-4)
    assert made.choreographer.balance == 0.015
    assert made.choreographer.restlessness == pace.RESTLESSNESS
    # unit variance on the way of half of 0.5 at most, both at a scale of 2
    assert made.choreographer.farthest == pytest.approx(np.sqrt(LATENT_SIZE + 0.5) / 2, rel=1e-3)
    assert made.reach == pytest.approx(1 + 100 * made.choreographer.homing)
    assert made.middle == pytest.approx(0.1 * made.reach)  # of the stage that the dances are shown on


@pytest.mark.parametrize(("natural", "said"), [(pace.SLOWEST, "more"), (1.2, ""), (FASTEST, "less")])
def test_what_pace_cannot_mend_is_told_once(natural, said, monkeypatch, caplog):
    monkeypatch.setattr(pace, "Motion", lambda run, training: Still(1.0))
    monkeypatch.setattr(pace, "natural_pace", lambda run, motion: natural)
    in_dancers_measure(trained(window=None), [Span(0, COUNT)])
    assert [f"dances move {said} than" in record.message for record in caplog.records] == [True] * bool(said)


def test_who_has_no_place_has_a_pace_alone(monkeypatch):
    monkeypatch.setattr(pace, "Motion", lambda run, training: Still(1.0))
    monkeypatch.setattr(pace, "natural_pace", lambda run, motion: 1.2)
    made = in_dancers_measure(trained(window=None), [Span(0, COUNT)])
    assert (made.pace, made.reach) == (1.2, 1.0)
