import itertools
import json
import time

import keras
import numpy as np
import pytest

from dancenet.config import TrainOptions
from dancenet.errors import DancenetError
from dancenet.fitting import loop
from dancenet.fitting.budget import Budget
from dancenet.fitting.loop import Fit
from dancenet.fitting.stage import budget_of
from dancenet.machine.stepping import Steps
from dancenet.machine.team import Team
from dancenet.presets import VAE_PRESETS
from dancenet.runs import silent

BATCHES = 6


class Line(keras.Model):
    """y = w · x + b with dropout on x, so that random state counts."""

    def __init__(self, seed=0):
        super().__init__(name="line")
        self.dense = keras.layers.Dense(1, kernel_initializer="zeros")
        self.dense.build((None, 3))
        self.dropout = keras.layers.Dropout(0.2, seed=seed)
        self.loss_mean = keras.metrics.Mean("loss")
        self.built = True

    def call(self, x, training=False):
        return self.dense(self.dropout(x[0], training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = keras.ops.mean(keras.ops.square(y_pred - x[1]))
        self.loss_mean.update_state(loss)
        return loss

    @property
    def metrics(self):
        return [self.loss_mean]


class Epoch:
    def __init__(self, number, count=BATCHES):
        self.number, self.count = number, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        x = np.random.default_rng((self.number, index)).normal(size=(16, 3)).astype("float32")
        return x, x @ np.array([[1.0], [-2.0], [0.5]], "float32")


def fit_of(folder, budget, *, progress=silent, validate=None, count=BATCHES, rate=0.1, **more):
    folder.mkdir(exist_ok=True)
    model = Line()
    model.compile(optimizer=keras.optimizers.Adam(rate), jit_compile=False)
    x, y = Epoch(10**6)[0]

    def score():
        return {"score": float(np.mean((keras.ops.convert_to_numpy(model((x, y))) - y) ** 2))}

    return Fit(
        model, folder=folder, epoch_of=lambda number: Epoch(number, count), validate=validate or score,
        budget=budget, learning_rate=rate, started=time.monotonic(), progress=progress, what="line", **more,
    )  # fmt: skip


def weights(fit):
    return np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in fit.model.trainable_variables])


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class Killed(BaseException):
    """Stands for kill -9: nothing handles it."""


def stop_at(step, error):
    """A progress that raises at the given call."""
    calls = itertools.count(1)

    def progress(*_):
        if next(calls) == step:
            raise error

    return progress


def test_it_learns_keeps_the_best_and_logs_every_epoch(tmp_path):
    fit = fit_of(tmp_path, Budget(epochs=8), rate=0.2)
    outcome = fit.run()
    assert outcome.counters.step == 8 * BATCHES
    assert outcome.counters.epoch == 8
    np.testing.assert_allclose(weights(fit)[:3], [1, -2, 0.5], atol=0.7)
    log = rows(tmp_path)
    assert [row["step"] for row in log][:3] == [0, BATCHES, 2 * BATCHES]
    best = min(row["validation"]["score"] for row in log)
    assert outcome.counters.best_score == best < log[0]["validation"]["score"] / 5
    fit.model.load_weights(fit.best)
    assert fit.validate()["score"] == pytest.approx(best, rel=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best_so_far.weights.h5",
        "last.npz",
        "log.jsonl",
    ]


def test_the_learning_rate_rises_and_then_falls_to_nothing(tmp_path):
    seen = []
    better = itertools.count()
    fit = fit_of(tmp_path, Budget(epochs=20), validate=lambda: {"score": -float(next(better))})
    fit.progress = lambda *_: seen.append(float(fit.model.optimizer.learning_rate))
    fit.run()
    assert seen[0] == pytest.approx(0.1 / loop.WARM_UP_STEPS)
    peak = int(np.argmax(seen))
    assert peak == loop.WARM_UP_STEPS - 1
    assert (np.diff(seen[: peak + 1]) > 0).all()
    assert (np.diff(seen[peak:]) < 0).all()
    assert seen[-1] == pytest.approx(0.01 * 0.1), "but not quite"


@pytest.mark.parametrize("step", [1, BATCHES, BATCHES + 2, 2 * BATCHES + 5])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), Killed()], ids=["ctrl-c", "kill"])
def test_interrupted_anywhere_it_ends_with_the_same_weights(tmp_path, monkeypatch, step, error):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    whole = fit_of(tmp_path / "whole", Budget(epochs=4))
    whole.run()
    with pytest.raises(type(error)):
        fit_of(tmp_path / "run", Budget(epochs=4), progress=stop_at(step, error)).run()
    again = fit_of(tmp_path / "run", Budget(epochs=4))
    resumed = again.resume()
    assert resumed or step == 1
    begun = again.counters.step
    assert begun >= step - 1
    outcome = again.run()
    assert outcome.counters.step == 4 * BATCHES
    np.testing.assert_array_equal(weights(again), weights(whole))
    assert min(r["validation"]["score"] for r in rows(tmp_path / "run")) == outcome.counters.best_score
    assert (tmp_path / "run" / "best_so_far.weights.h5").is_file()


def test_killed_early_it_begins_at_the_first_step(tmp_path):
    with pytest.raises(Killed):
        fit_of(tmp_path, Budget(epochs=2), progress=stop_at(4, Killed())).run()
    again = fit_of(tmp_path, Budget(epochs=2))
    assert again.resume()
    assert again.counters.step == 0
    again.run()
    assert rows(tmp_path)[0]["step"] == 0


def test_without_a_checkpoint_it_begins_anew(tmp_path):
    with pytest.raises(Killed):
        fit_of(tmp_path, Budget(epochs=2), progress=stop_at(4, Killed())).run()
    (tmp_path / "last.npz").unlink()
    again = fit_of(tmp_path, Budget(epochs=2))
    assert not again.resume()
    again.run()
    assert rows(tmp_path)[0]["step"] == 0
    assert len(rows(tmp_path)) <= 4, "nothing of the first attempt is left in the log"


def test_the_best_weights_never_part_from_their_score(tmp_path):
    """A kill between two checkpoints: what is known as best is what lies there."""
    with pytest.raises(Killed):
        fit_of(tmp_path, Budget(epochs=4), progress=stop_at(3 * BATCHES, Killed())).run()
    validated = [row["validation"]["score"] for row in rows(tmp_path)]
    again = fit_of(tmp_path, Budget(epochs=4))
    assert again.resume()
    assert again.counters.best_score == pytest.approx(min(validated))


def test_a_larger_budget_goes_on(tmp_path):
    fit_of(tmp_path, Budget(epochs=2)).run()
    again = fit_of(tmp_path, Budget(epochs=5))
    assert again.resume()
    assert again.counters.step == 2 * BATCHES
    assert again.run().counters.step == 5 * BATCHES


def test_a_budget_is_covered_by_what_was_given_or_spent():
    def left(passed, seconds, **given):
        return {"budget": {"epochs": None, "minutes": None, **given}, "epochs": passed, "seconds": seconds}

    assert Budget(epochs=3).covered_by(left(3, 8.0, epochs=3))
    assert not Budget(epochs=4).covered_by(left(3, 8.0, epochs=3))
    assert Budget(minutes=2.0).covered_by(left(5, 70.0, minutes=2.0)), "stopped early: nothing more to gain"
    assert not Budget(minutes=2.5).covered_by(left(5, 121.0, minutes=2.0))
    assert Budget(epochs=5).covered_by(left(5, 121.0, minutes=2.0)), "so many it has seen, by the clock"
    assert not Budget(epochs=6).covered_by(left(5, 121.0, minutes=2.0))
    assert Budget(minutes=2.0).covered_by(left(5, 121.0, epochs=5)), "so long it has taken"
    assert not Budget(minutes=3.0).covered_by(left(5, 121.0, epochs=5))
    before = left(3, 70.0, minutes=1.0) | {"steps": 5}
    assert Budget(minutes=1.0, least_steps=5).covered_by(before)
    assert not Budget(minutes=1.0, least_steps=6).covered_by(before)
    before["budget"]["least_steps"] = 6
    assert Budget(minutes=1.0, least_steps=6).covered_by(before), "stopped early"


def test_a_budget_is_what_is_named_or_a_share_of_the_presets_minutes():
    assert budget_of(TrainOptions(preset="tiny", epochs=3), "small", 0.5) == Budget(epochs=3)
    assert budget_of(TrainOptions(minutes=4.0, least_steps=9), "small", 0.5) == Budget(4.0, least_steps=9)
    own = VAE_PRESETS["small"].minutes
    assert budget_of(TrainOptions(preset="small")) == Budget(own)
    assert budget_of(TrainOptions(preset="tiny", least_steps=9), "small", 0.2) == Budget(
        0.2 * own, least_steps=9
    )


def test_minutes_are_wall_time_and_kept_across_interruptions(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
    fit = fit_of(tmp_path, Budget(minutes=4 / 60), count=50)
    fit.progress = lambda *_: fit.elapsed_s() > 2 and (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        fit.run()
    begun = time.monotonic()
    again = fit_of(tmp_path, Budget(minutes=4 / 60), count=50)
    assert again.resume()
    assert again.before_s > 1.5
    again.run()
    assert again.elapsed_s() - again.before_s == pytest.approx(time.monotonic() - begun, abs=1)
    assert again.elapsed_s() > 2.5, "it went on, with what was left"
    assert again.elapsed_s() - again.before_s < 4, "what was spent before counts"


def test_minutes_last_until_the_least_steps_are_taken(tmp_path):
    assert fit_of(tmp_path / "brief", Budget(minutes=1e-9)).run().counters.step == 0
    slow = fit_of(tmp_path / "slow", Budget(minutes=1e-9, least_steps=3 * BATCHES))
    assert 0 <= slow.run().counters.step - 3 * BATCHES < slow.steps.stride
    rates = []
    rated = fit_of(
        tmp_path / "rates", Budget(minutes=1e-9, least_steps=20 * BATCHES),
        progress=lambda *_: rates.append(float(rated.model.optimizer.learning_rate.numpy())),
    )  # fmt: skip
    rated.run()
    assert rates[-1] < 0.1 * max(rates), "the learning rate falls to nothing over them"
    few = fit_of(tmp_path / "few", Budget(minutes=1e-9, least_steps=10**6), most_epochs=2)
    assert few.run().counters.step == 2 * BATCHES, "but not what would be learned by heart"


def test_it_gives_up_when_validation_stops_improving(tmp_path):
    worse = itertools.count(1)
    fit = fit_of(tmp_path, Budget(epochs=40), validate=lambda: {"score": float(next(worse))})
    outcome = fit.run()
    assert outcome.stopped_early
    assert outcome.counters.best_score == 1
    epochs = outcome.counters.step / BATCHES
    assert loop.PATIENCE * 40 <= epochs <= loop.PATIENCE * 40 + 2
    worse = itertools.count(1)
    patient = fit_of(tmp_path / "patient", Budget(epochs=40), validate=lambda: {"score": float(next(worse))})
    patient.patient = True
    outcome = patient.run()
    assert not outcome.stopped_early
    assert outcome.counters.epoch == 40


def test_what_comes_after_leaves_training_most_of_a_small_budget():
    assert Budget(minutes=10).before(43.0) == 557.0
    assert Budget(minutes=0.7).before(43.0) == pytest.approx(0.6 * 42)


def test_minutes_end_after_the_most_epochs_as_if_these_were_the_budget(tmp_path):
    rates = []
    fit = fit_of(
        tmp_path, Budget(minutes=30), rate=0.1, most_epochs=20,
        progress=lambda *_: rates.append(float(fit.model.optimizer.learning_rate)),
    )  # fmt: skip
    outcome = fit.run()
    assert outcome.counters.step == len(rates) == 20 * BATCHES
    assert rates[-1] == pytest.approx(0.1 * 0.01, rel=0.01), "down to the least"
    assert all(later <= before for before, later in itertools.pairwise(rates[50:]))
    assert not outcome.stopped_early
    assert rows(tmp_path)[-1]["share"] == 1.0


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path):
    fit_of(tmp_path, Budget(epochs=1)).run()
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = fit_of(tmp_path, Budget(epochs=3))
    again.resume()

    def broken(number):
        epoch = Epoch(number)
        x, y = epoch[0]
        epoch.__class__ = type("Broken", (Epoch,), {"__getitem__": lambda self, i: (x * np.nan, y)})
        return epoch

    again.epoch_of = broken
    said = r"loss of line became nan at step 6.*last good state.*--learning-rate"
    with pytest.raises(DancenetError, match=said):
        again.run()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    fit_of(tmp_path, Budget(epochs=1)).run()
    kept = (tmp_path / "last.npz").read_bytes()
    again = fit_of(tmp_path, Budget(epochs=2))
    again.resume()
    real = again.model.train_on_batch

    def overflowing(*arguments, **options):
        made = real(*arguments, **options)
        again.model.dense.kernel.assign(again.model.dense.kernel * np.inf)
        return made

    again.model.train_on_batch = overflowing
    again.validate = lambda: {"score": -1e9}  # whatever validation says
    with pytest.raises(DancenetError, match=r"line.*last good state"):
        again.run()
    assert (tmp_path / "last.npz").read_bytes() == kept


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(tmp_path):
    fit_of(tmp_path, Budget(epochs=1)).run()
    other = fit_of(tmp_path, Budget(epochs=1))
    other.model.dense = keras.layers.Dense(2)
    other.model.dense.build((None, 3))
    before = weights(other)
    with pytest.raises(DancenetError, match=r"last\.npz does not fit"):
        other.resume()
    np.testing.assert_array_equal(weights(other), before)


class Strides(Team):
    """Takes steps by fours, as a GPU, and notes how many at a time."""

    def __init__(self):
        super().__init__()
        self.taken = []

    def steps(self, model, *, strides=False):
        taken = self.taken

        class Noted(Steps):
            stride = 4 if strides else 1

            def take_all(self, batches):
                taken.append(len(batches))
                return super().take_all(batches)

        return Noted(model)


def test_of_a_budget_in_minutes_steps_are_taken_several_at_a_time(tmp_path):
    team = Strides()
    outcome = fit_of(tmp_path, Budget(minutes=5.0), team=team, most_epochs=3).run()
    assert team.taken == 3 * [3, 3], "an epoch of six is two calls"
    assert (outcome.counters.epoch, outcome.counters.step) == (3, 3 * BATCHES)
    assert outcome.flow["frames_per_s"] > 0
    short = Strides()
    fit_of(tmp_path / "short", Budget(minutes=5.0), team=short, count=3, most_epochs=2).run()
    assert short.taken == [3, 3], "an epoch of fewer batches is one call"


def test_of_a_budget_in_epochs_every_step_is_taken_by_itself(tmp_path):
    team = Strides()
    assert fit_of(tmp_path, Budget(epochs=2), team=team).run().counters.step == 2 * BATCHES
    assert set(team.taken) == {1}


def test_begun_step_by_step_an_epoch_is_ended_in_strides(tmp_path):
    fit = fit_of(tmp_path, Budget(minutes=5.0), team=(team := Strides()), count=11, most_epochs=2)
    fit.counters.batch = 5
    fit.run()
    assert team.taken == 5 * [3], "the six that were left, and nine of the next eleven"


def test_minutes_that_are_over_before_the_first_step_are_told_of(tmp_path, caplog):
    fit_of(tmp_path, Budget(minutes=1e-6)).run()
    assert "before its first step" in caplog.text
    caplog.clear()
    fit_of(tmp_path / "more", Budget(epochs=1)).run()
    assert not caplog.text


def test_a_loss_that_is_no_number_is_told_with_its_step(tmp_path):
    class Poisoned(Epoch):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x, y + (np.nan if index >= 3 else 0.0)

    fit = fit_of(tmp_path, Budget(minutes=5.0), team=Strides(), most_epochs=1)
    fit.epoch_of = lambda number: Poisoned(number)
    with pytest.raises(DancenetError, match="the loss of line became nan at step 3"):
        fit.run()
