import numpy as np
import pytest
from scipy.stats import norm
from test_latents import packed

from dancenet.config import LATENT_SIZE
from dancenet.cues import FEATURES, Cues
from dancenet.footage.clips import takes_for_validation
from dancenet.latents import Latents
from dancenet.sequences import (
    AR_ORDER,
    COLD_STEPS,
    CONTEXT_NOISE,
    FREE,
    LEFT_OUT,
    TEMPO_RANGE,
    WAYS,
    Span,
    WindowBatches,
    context_noise,
    frame_indices,
    split_takes,
    step_sizes,
    validation_stretches,
)
from dancenet.yardsticks.baselines import Baselines, gaussian_nll


def numbered(lengths=(60, 40, 50), sigma=1e-6, mirrored=False):
    """Latents whose dimension 0 is the clip and dimension 1 the frame; the mirrored ones are 1000 higher."""
    count = sum(lengths)
    mean = np.zeros((count, LATENT_SIZE), "float32")
    mean[:, 0] = np.repeat(np.arange(len(lengths)), lengths)
    mean[:, 1] = np.arange(count)
    turned = (mean + 1000)[None] if mirrored else mean[None][:0]
    log_variance = np.full_like(mean, 2 * np.log(sigma))
    return Latents(
        mean, log_variance, turned, log_variance[None][: len(turned)],
        center=np.zeros(LATENT_SIZE), scale=np.ones(LATENT_SIZE),
        clip_starts=np.cumsum([0, *lengths[:-1]]), clip_lengths=np.array(lengths), fps=np.array(15.0),
    )  # fmt: skip


def spans_of(latents):
    return [Span(*latents.span(i).indices(10**6)[:2]) for i in range(len(latents.clip_starts))]


def test_whole_takes_validate():
    film = packed(lengths=(20, 30, 10, 25, 40, 15, 20))
    training, validation = split_takes(film)
    held_out = takes_for_validation(film.clips)
    assert 1 <= len(validation) < len(film.clips)
    assert validation == [Span(film.clips[i].start, film.clips[i].stop) for i in held_out]
    both = np.concatenate([frame_indices(training), frame_indices(validation)])
    np.testing.assert_array_equal(np.sort(both), np.arange(160))


@pytest.mark.parametrize("length", [200, 61, 20, 6])
def test_of_a_single_clip_the_last_sixth_validates_after_a_gap(length):
    (training,), (validation,) = split_takes(packed(lengths=(length,), fps=15.0))
    assert validation.stop == length
    assert len(validation) == max(1, length // 6)
    assert training.start == 0
    gap = validation.start - training.stop
    assert gap == min(15, (length - len(validation)) // 4), "a second where there is room for it"
    assert len(training) > len(validation)


def windows(latents, spans, **options):
    options = {"window": 24, "batch": 16, "seed": 1, "epoch": 0, "noise": 0.0, **options}
    return WindowBatches(latents, spans, **options)


@pytest.mark.parametrize("mirrored", [False, True])
def test_no_window_crosses_a_clip(mirrored):
    latents = numbered(mirrored=mirrored)
    batches, both = windows(latents, spans_of(latents), epoch=3), set()
    for index in range(40):
        contexts, targets, _ = batches[index]
        assert contexts.shape == targets.shape == (16, 24, LATENT_SIZE)
        assert contexts.dtype == targets.dtype == np.float32
        whole = np.concatenate([contexts, targets[:, -1:]], axis=1)
        both |= {bool(row[0, 1] > 900) for row in whole}
        clip, frame = (part - 1000 * (part > 500) for part in (whole[..., 0], whole[..., 1]))
        assert (np.abs(clip - clip[:, :1]) < 1e-2).all(), "a window stays in its clip"
        clip = np.rint(clip[:, 0]).astype(int)
        first, last = latents.clip_starts[clip], latents.clip_starts[clip] + latents.clip_lengths[clip] - 1
        assert (frame[:, 0] >= first - 1e-2).all()
        assert (frame[:, -1] <= last + 1e-2).all()
    assert both == ({False, True} if mirrored else {False})


def test_targets_are_one_step_ahead_and_tempo_varies_within_its_range():
    latents = numbered(lengths=(400,))
    contexts, targets, _ = windows(latents, spans_of(latents), batch=200, tempo_range=0.12)[0]
    np.testing.assert_allclose(contexts[:, 1:], targets[:, :-1], atol=1e-3)
    tempos = np.diff(targets[..., 1], axis=1)
    np.testing.assert_allclose(tempos, np.broadcast_to(tempos[:, :1], tempos.shape), atol=1e-2)
    assert 0.88 - 1e-3 <= tempos[:, 0].min() < 0.92
    assert 1.08 < tempos[:, 0].max() <= 1.12 + 1e-3
    still = windows(latents, spans_of(latents), tempo_range=0.0)[0][1]
    np.testing.assert_allclose(np.diff(still[..., 1], axis=1), 1, atol=1e-3)


def test_cues_are_those_of_the_targets_at_their_own_tempo():
    latents = numbered(lengths=(400,))
    frames = np.arange(400.0)
    cues = Cues(frames / 10, np.full(400, np.nan), frames / 400)
    _, targets, shown = windows(latents, spans_of(latents), batch=300, cues=cues)[0]
    assert shown.shape == (300, 24, FEATURES)
    told = shown[:, 0, 5] == 1
    np.testing.assert_allclose(shown[told][..., 4], targets[told][..., 1] / 400, atol=1e-3)
    beaten = np.abs(shown[:, 0, :2]).max(axis=1) > 0
    np.testing.assert_allclose(shown[beaten][..., 0], np.cos(np.pi / 5 * targets[beaten][..., 1]), atol=0.02)
    assert (shown[..., 2:4] == 0).all(), "no bar is known"
    assert (shown[~told][..., 4:] == 0).all()
    free = 1 - (told | beaten).mean()
    assert free == pytest.approx(FREE + (1 - FREE) * LEFT_OUT**2, abs=0.07)
    assert told.mean() == pytest.approx((1 - FREE) * (1 - LEFT_OUT), abs=0.07)
    assert windows(latents, spans_of(latents))[0][2].shape == (16, 24, 0)


def test_each_window_says_how_it_was_varied():
    latents = numbered(lengths=(400,), mirrored=True)
    told = np.array([[1.0, 0.5, -0.25]])
    _, targets, shown = windows(latents, spans_of(latents), batch=200, told=told)[0]
    assert shown.shape == (200, 24, WAYS)
    mirrored = targets[:, 0, 1] > 900
    assert 0.3 < mirrored.mean() < 0.7
    np.testing.assert_array_equal(shown[mirrored][..., :3], np.broadcast_to(told, (mirrored.sum(), 24, 3)))
    assert (shown[~mirrored][..., :3] == 0).all()
    faster = np.diff(targets[..., 1], axis=1).mean(axis=1) - 1
    np.testing.assert_allclose(shown[:, 0, 3], faster / TEMPO_RANGE, atol=0.02)


def test_context_noise_falls_to_nothing_before_training_ends():
    levels = [context_noise(share) for share in np.linspace(0, 1, 101)]
    assert levels[0] == CONTEXT_NOISE
    assert np.all(np.diff(levels) <= 0)
    assert min(levels) == levels[75] == levels[-1] == 0


def test_posterior_is_drawn_anew_and_context_noise_is_on_contexts_only():
    latents = numbered(lengths=(400,), sigma=0.3)
    same = [windows(latents, spans_of(latents), batch=400, tempo_range=0.0)[0][1] for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert same[0][..., 5:].std() == pytest.approx(0.3, rel=0.02)
    sizes = np.repeat([1.0, 3.0], LATENT_SIZE // 2)
    latents.mean[:] = 0.01 * np.arange(400)[:, None] * sizes
    noise = CONTEXT_NOISE * step_sizes(latents, spans_of(latents))
    noisy = windows(latents, spans_of(latents), batch=400, tempo_range=0.0, noise=noise)
    contexts, targets, _ = noisy[0]
    # as a latent's steps, so its noise
    level = (contexts[:, 1:] - targets[:, :-1]).std(axis=1)
    for each, size in zip(np.split(level, 2, axis=1), (1, 3), strict=True):
        most = CONTEXT_NOISE * size / np.sqrt(5)
        of_windows = np.sqrt((each**2).mean(axis=1))
        assert of_windows.max() == pytest.approx(most, rel=0.06)
        assert of_windows.min() < most / 2
        assert of_windows.mean() == pytest.approx(most / 2, rel=0.1)


def test_step_sizes_are_those_inside_of_takes():
    latents = numbered(lengths=(50, 70))
    latents.mean[:, 0] *= 1000  # the only step of it lies between the takes
    sizes = step_sizes(latents, spans_of(latents))
    assert sizes.shape == (LATENT_SIZE,)
    assert sizes[1] == pytest.approx(np.sqrt(LATENT_SIZE))
    assert (np.delete(sizes, 1) == 0).all()


def test_a_batch_depends_on_seed_epoch_and_index_alone():
    latents = numbered()
    spans = spans_of(latents)
    made = {
        (seed, epoch, index): windows(latents, spans, seed=seed, epoch=epoch)[index][0]
        for seed in (1, 2) for epoch in (0, 1) for index in (0, 1)
    }  # fmt: skip
    keys = list(made)
    for i, key in enumerate(keys):
        seed, epoch, index = key
        again = windows(latents, spans, seed=seed, epoch=epoch)[index][0]
        np.testing.assert_array_equal(made[key], again)
        for other in keys[:i]:
            assert np.abs(made[key] - made[other]).max() > 0.1


def test_longer_takes_are_seen_more_often_and_short_takes_shorten_the_window():
    latents = numbered(lengths=(300, 100))
    clips = np.concatenate(
        [windows(latents, spans_of(latents), epoch=e)[0][1][:, 0, 0].round() for e in range(60)]
    )
    assert clips.mean() == pytest.approx(0.25, abs=0.05)
    short = numbered(lengths=(9, 12, 3))
    contexts = windows(short, spans_of(short))[0][0]
    assert contexts.shape[1] == 10


def test_stretches_cover_each_unseen_take_once_and_score_only_warm_steps():
    latents = numbered(lengths=(300, 40, 7), sigma=0.01)
    contexts, targets, counted, _ = validation_stretches(latents, spans_of(latents), length=128)
    assert contexts.shape == targets.shape == (*counted.shape, LATENT_SIZE)
    assert counted.shape[1] == 128
    assert not counted[:, :COLD_STEPS].any()
    seen = np.rint(targets[counted][:, 1]).astype(int)
    assert len(seen) == len(set(seen)), "no frame is scored twice"
    expected = [
        t + 1 for start, stop in ((0, 299), (300, 339)) for s in range(start, stop, 128)
        for t in range(s + COLD_STEPS, min(s + 128, stop))
    ]  # fmt: skip
    assert sorted(seen) == expected, "neither another clip's frame nor the pad is scored"
    np.testing.assert_allclose((targets - contexts)[counted][:, 1], 1, atol=0.1)
    np.testing.assert_array_equal(contexts[counted][:, 1], seen - 1)
    again = validation_stretches(latents, spans_of(latents), length=128)
    np.testing.assert_array_equal(targets, again[1])


@pytest.mark.parametrize("length", [2, 3, 5, 9, 12])
def test_stretches_of_very_short_takes_still_score_something(length):
    latents = numbered(lengths=(length,))
    counted = validation_stretches(latents, spans_of(latents))[2]
    assert counted.sum() >= 1


def test_gaussian_nll_is_the_closed_form():
    random = np.random.default_rng(0)
    residual, sigma = random.normal(size=(50, 4)), np.array([0.1, 0.5, 1.0, 3.0])
    assert gaussian_nll(residual, sigma) == pytest.approx(-norm.logpdf(residual, 0, sigma).mean())
    # the entropy of a Gaussian is its own mean nll
    drawn = random.standard_normal((200_000, 1)) * 0.3
    entropy = 0.5 * np.log(2 * np.pi * np.e * 0.3**2)
    assert gaussian_nll(drawn, np.array([0.3])) == pytest.approx(entropy, abs=0.01)


def linear_system(noise, lengths=(12_000, 1500), seed=0):
    """Latents that follow x' = A·x + B·x₋₁ + c + noise, each dimension a damped oscillation of its own."""
    random = np.random.default_rng(seed)
    angle, damping = random.uniform(0.2, 1.2, LATENT_SIZE), random.uniform(0.9, 0.98, LATENT_SIZE)
    a, b, c = 2 * damping * np.cos(angle), -(damping**2), random.normal(size=LATENT_SIZE)
    latents = numbered(lengths)
    mean = np.zeros((sum(lengths), LATENT_SIZE))
    for span in spans_of(latents):
        x = mean[span.start : span.stop]
        for t in range(2, len(x)):
            x[t] = a * x[t - 1] + b * x[t - 2] + c + noise * random.standard_normal(LATENT_SIZE)
    object.__setattr__(latents, "mean", mean.astype("float32"))
    return latents, (a, b)


def test_linear_baseline_recovers_a_known_linear_system():
    noise = 0.1
    latents, (a, b) = linear_system(noise)
    spans = spans_of(latents)
    made = Baselines.fit(latents, spans[:1], ridge=1e-6)
    assert made.weights.shape == (AR_ORDER * LATENT_SIZE + 1, LATENT_SIZE)
    np.testing.assert_allclose(np.diag(made.weights[:LATENT_SIZE]), a, atol=0.06)
    np.testing.assert_allclose(np.diag(made.weights[LATENT_SIZE : 2 * LATENT_SIZE]), b, atol=0.1)
    assert np.abs(np.diag(made.weights[2 * LATENT_SIZE : -1])).mean() < 0.05, "the third pose adds nothing"
    # fitted on T steps with p weights each, the residual is smaller by (1 - p/T) and unseen error larger
    used = (AR_ORDER * LATENT_SIZE + 1) / 11_999
    np.testing.assert_allclose(made.linear_sigma, noise * np.sqrt(1 - used), rtol=0.06)
    figures = made.nll(validation_stretches(latents, spans[1:]))
    entropy = 0.5 * np.log(2 * np.pi * np.e * noise**2)
    assert entropy < figures["linear_nll"] < entropy + 0.1
    assert figures["copy_last_nll"] > figures["linear_nll"] + 0.5


def test_copying_is_scored_by_the_size_of_a_step():
    latents = numbered(lengths=(500, 300), sigma=0.2)
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.5, latents.mean.shape), axis=0)
    object.__setattr__(latents, "mean", walk.astype("float32"))
    spans = spans_of(latents)
    made = Baselines.fit(latents, spans[:1])
    np.testing.assert_allclose(made.copy_sigma, np.hypot(0.5, 0.2), rtol=0.15)
    figures = made.nll(validation_stretches(latents, spans[1:]))
    assert figures["copy_last_nll"] == pytest.approx(0.5 * np.log(2 * np.pi * np.e * 0.29), abs=0.03)
