"""Dances travel as far and move as much as the dancer: reach and pace, measured once after training."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from dancenet import generation, pace
from dancenet.config import LATENT_SIZE
from dancenet.latents import Latents
from dancenet.pace import FASTEST, TRAVELS, WIDEST, natural_pace, natural_reach
from dancenet.sequences import Span
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
    return Trained(packed, vae, None, latents, joint=False)  # type: ignore[arg-type]


@pytest.fixture
def dances(monkeypatch):
    """Dances whose place has the standard deviation that is asked for."""

    def travel(sigma):
        class Dancer:
            def __init__(self, run):
                assert run.pace == 1

            def dances(self, options, seeds):
                assert len(seeds) == TRAVELS
                steps = round(options.seconds * options.fps)
                place = sigma * np.sqrt(2) * np.sin(np.arange(steps) / 5)[:, None]
                return [SimpleNamespace(latents=np.repeat(place, LATENT_SIZE, axis=1)) for _ in seeds]

        monkeypatch.setattr(generation, "Dancer", Dancer)

    return travel


@pytest.mark.parametrize(("sigma", "reach"), [(0.5, 1.0), (0.4, 1.25), (0.1, WIDEST), (0.0, 1.0)])
def test_reach_makes_dances_travel_as_far_as_the_takes(dances, sigma, reach):
    dances(sigma)
    assert natural_reach(trained(), [Span(0, COUNT)]) == pytest.approx(reach, rel=0.03)


def test_without_a_place_there_is_no_reach(dances):
    dances(0.1)
    assert natural_reach(trained(window=None), [Span(0, COUNT)]) == 1.0


def test_a_wider_stage_changes_the_place_alone_and_can_be_undone():
    run = trained()
    wide = replace(run, pace=1.7).reaching(1.25)
    assert (wide.reach, wide.pace) == (1.25, 1.7)
    point = np.ones(LATENT_SIZE)
    np.testing.assert_allclose(wide.latents.restore(point), [2.5, *[2.0] * (LATENT_SIZE - 1)])
    np.testing.assert_allclose(wide.latents.restore(wide.latents.standardise(point)), point)
    assert run.latents.scale[0] == 2.0
    np.testing.assert_allclose(wide.reaching(1.0).latents.scale, run.latents.scale)


@pytest.mark.parametrize(("speed", "wanted"), [(1.0, 1.0), (0.8, 1.25), (0.625, 1.6), (0.01, FASTEST)])
def test_pace_gives_dances_the_motion_of_the_takes(monkeypatch, speed, wanted):
    """Pictures that become evenly brighter: in a dance `speed` times as fast as in the take."""

    def pictures(brightness):
        return np.broadcast_to(np.asarray(brightness)[:, None, None, None], (len(brightness), 8, 8, 1))

    class Dancer:
        def __init__(self, run):
            pass

        def dances(self, options, seeds):
            steps = np.arange(round(options.seconds * options.fps))
            return [SimpleNamespace(latents=speed * steps) for _ in seeds]

    monkeypatch.setattr(generation, "Dancer", Dancer)
    monkeypatch.setattr(generation, "decoded", lambda vae, latents: iter(pictures(latents)))
    monkeypatch.setattr(pace, "read_rows", lambda pixels, rows: rows)
    monkeypatch.setattr(pace, "reconstruct_batch", lambda vae, rows: (None, None, pictures(rows)))
    run = replace(trained(), packed=SimpleNamespace(fps=15.0, pixels=None))
    assert natural_pace(run, [Span(0, COUNT)]) == pytest.approx(wanted, abs=2e-3)
