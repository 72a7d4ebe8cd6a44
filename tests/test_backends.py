"""The same weights on TensorFlow, JAX and torch: same pictures and likelihood; trained here, danced there."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from learned import copy_of, environment, trained_run

from dancenet.machine import hardware

pytestmark = pytest.mark.slow

#: What a run's models say of some of its own poses, as arrays.
PROGRAM = """
import sys
import keras
import numpy as np
from dancenet.networks.mender import Mender
from dancenet.mixture import log_prob
from dancenet.runs import Run
from dancenet.trained import decode_batch, encoded, load_trained
trained = load_trained(Run(sys.argv[1]))
poses = trained.latents.standardise(trained.latents.mean[:41]).astype("float32")
known = np.zeros((1, 40, trained.choreographer.preset.cues), "float32")
mixtures = trained.choreographer((poses[None, :-1], None, known), training=False)
likelihood = keras.ops.convert_to_numpy(log_prob(mixtures, poses[None, 1:])) / poses.shape[1]
random = np.random.default_rng(0)
mender = Mender([random.normal(0, 0.1, size) for size in ((126, 9), (9, 126))], [np.ones(9), np.ones(126)], 2)
np.savez(
    sys.argv[2], pictures=decode_batch(trained.vae, trained.latents.mean[:32]), likelihood=likelihood,
    mended=keras.ops.convert_to_numpy(mender(poses)),
    encoded=encoded(trained.vae, trained.packed.pixels[:32]), backend=keras.backend.backend(),
)
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


def on(backend, *arguments):
    """`python ...` with another backend of Keras."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env={**environment(), "KERAS_BACKEND": backend},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def says(backend, run, path):
    on(backend, "-c", PROGRAM, run, path)
    with np.load(path, allow_pickle=False) as stored:
        assert str(stored["backend"]) == backend
        return {name: stored[name] for name in ("pictures", "likelihood", "encoded", "mended")}


def alike(one, other):
    apart = np.abs(one["pictures"].astype(int) - other["pictures"])
    assert apart.max() <= 4, "bfloat16 rounds in another order"
    assert apart.mean() < 0.1
    np.testing.assert_allclose(one["likelihood"], other["likelihood"], atol=1e-4)
    np.testing.assert_allclose(one["encoded"], other["encoded"], atol=0.05)
    np.testing.assert_allclose(one["mended"], other["mended"], atol=1e-4)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_same_weights_same_pictures_and_likelihood_and_training(backend, learned, tmp_path):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed: pip install {backend}")
    alike(says("tensorflow", learned, tmp_path / "here.npz"), says(backend, learned, tmp_path / "there.npz"))
    run = copy_of(learned, tmp_path / "run", "vae", "latents", "choreographer", "joint", "sharpen")
    for stage in ("vae", "latents", "choreographer"):
        budget = () if stage == "latents" else ("--preset", "tiny", "--epochs", 3)
        on(backend, "-m", "dancenet", "train", stage, "--run", run, *budget)
    for stage in ("vae", "choreographer"):
        rows = [json.loads(line) for line in (run / stage / "log.jsonl").read_text().splitlines()]
        scores = [row["validation"]["score"] for row in rows]
        assert scores[-1] < scores[0], f"{stage} learns, and its validation sees it"
    for stage in ("joint", "sharpen"):
        on(backend, "-m", "dancenet", "train", stage, "--run", run, "--epochs", 1)
        assert json.loads((run / f"{stage}.json").read_text())["steps"] > 5
    dance = ("--out", tmp_path / "x.mp4", "--seconds", 1)
    on(backend, "-m", "dancenet", "generate", "dance", "--run", run, *dance)
    alike(says("tensorflow", run, tmp_path / "here.npz"), says(backend, run, tmp_path / "there.npz"))
    assert os.path.getsize(tmp_path / "x.mp4") > 1000


#: Four steps of the VAE at once, and one by one.
STRIDES = """
import keras
import numpy as np
from dancenet.networks.optimizer import ConvMuon
from dancenet.presets import VAE_PRESETS
from dancenet.machine.stepping import JaxSteps
from dancenet.vae import VAE
random = np.random.default_rng(0)
batches = [(random.integers(0, 255, (4, 32, 48, 3), "uint8"),) * 2 for _ in range(4)]
made = []
for stride in (1, 4):
    keras.utils.set_random_seed(0)
    model = VAE(VAE_PRESETS["tiny"], 32, 48, 3)
    model.compile(optimizer=ConvMuon(1e-3, exclude_layers=["posterior"]), jit_compile=True)
    model.optimizer.build(model.trainable_variables)
    steps = JaxSteps(model, stride)
    losses = [float(steps.take_all(batches[k : k + stride])["loss"]) for k in range(0, 4, stride)]
    steps.settle()
    made.append((np.mean(losses), [np.array(each) for each in model.variables]))
(one, variables), (other, others) = made
assert abs(one - other) < 1e-4 * abs(one), (one, other)
for each, same in zip(variables, others, strict=True):
    np.testing.assert_allclose(each, same, atol=1e-4)
"""


def test_several_steps_at_once_are_those_steps():
    if not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed: pip install jax")
    on("jax", "-c", STRIDES)


#: Training on JAX in which nothing may be compiled.
UNCOMPILED = """
import sys
from dancenet import cli
from dancenet.machine import stepping
def never(*_, **__):
    raise SystemError("steps were compiled")
stepping.JaxSteps = never
cli.main(sys.argv[1:])
"""


def test_no_jit_compiles_no_step_on_jax(learned, tmp_path):
    if not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed: pip install jax")
    run = copy_of(learned, tmp_path / "run", "vae", "latents", "choreographer", "joint", "sharpen")
    train = ("train", "vae", "--run", run, "--preset", "tiny", "--epochs", 1, "--batch-times", 12)
    on("jax", "-c", UNCOMPILED, *train, "--no-jit")
    plain = json.loads((run / "vae" / "log.jsonl").read_text().splitlines()[-1])
    on("jax", "-m", "dancenet", *train, "--fresh")
    compiled = json.loads((run / "vae" / "log.jsonl").read_text().splitlines()[-1])
    assert plain["training"]["loss"] == pytest.approx(compiled["training"]["loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("backend", "gpu", "pays"),
    [("jax", False, True), ("tensorflow", True, True), ("tensorflow", False, False), ("torch", True, False)],
)
def test_xla_compiles_where_that_pays_and_where_it_may(backend, gpu, pays, monkeypatch):
    monkeypatch.setattr(hardware.keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(hardware, "on_gpu", lambda: gpu)
    assert hardware.compiles_steps() == pays
    assert not hardware.compiles_steps(allowed=False)


def test_jax_is_not_started_before_workers_have_found_one_another():
    if not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed: pip install jax")
    on("jax", "-c", "from dancenet.console import load_tensorflow; load_tensorflow(); "
       "from jax._src import xla_bridge; assert not xla_bridge.backends_are_initialized()")  # fmt: skip
