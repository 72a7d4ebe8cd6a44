"""What `dancenet export` writes dances as Keras does, in a process that has no dancenet."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import ROOT
from learned import here, prints, trained_run
from PIL import Image, ImageSequence

from dancenet import export
from dancenet.choreographer import Choreographer
from dancenet.config import LATENT_SIZE
from dancenet.dancing.in_time import free_cues
from dancenet.dancing.rollout import Rollout, noise_of
from dancenet.errors import DancenetError
from dancenet.generation import heat_of, load, opening_poses
from dancenet.presets import CHOREOGRAPHER_PRESETS, VAE_PRESETS
from dancenet.runs import Run
from dancenet.trained import whole
from dancenet.vae import VAE

onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
STEPS = 24


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def exported(learned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    assert here("export", "--run", learned, "--out", folder) == 0
    return folder


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_a_dance_step_by_step_is_the_rollouts(learned, exported):
    trained = load(learned).trained
    model, heat = trained.choreographer, heat_of(trained, 0.2)
    opening = trained.latents.standardise(opening_poses(trained, None))[None]
    cues = np.repeat(free_cues(STEPS).features()[:, None], 1, axis=1)
    rollout = Rollout(model).poses(opening, [5], temperature=heat, stray=0.2, spread=heat**0.5, cues=cues)
    wanted = next(rollout)[:STEPS, 0]

    about = json.loads((exported / "dancer.json").read_text())
    step, draw, start = session(exported / "choreographer.onnx"), about["draw"], about["starts"][0]
    assert about["poses_per_second"] == trained.packed.fps * trained.pace
    fixed = {name: np.array(draw[name], "float32") for name in ("temperature", "stray", "spread")}
    fixed["cues"] = np.array([draw["cues"]], "float32")
    pose, state = (np.array([start[name]], "float32") for name in ("pose", "state"))
    lead, noise = opening.shape[1] - 1, noise_of([5], 0, model.preset)
    for number in range(min(STEPS, len(wanted))):
        chance = dict(
            zip(("gumbel", "along", "normal"), (part[lead + number] for part in noise), strict=True)
        )
        shown, pose, state = step.run(
            ["shown", "next_pose", "next_state"], {"pose": pose, "state": state, **chance, **fixed}
        )
        np.testing.assert_allclose(shown[0], wanted[number], atol=1e-3)
    latents = shown * np.array(about["scale"], "float32") + np.array(about["center"], "float32")
    frame = session(exported / "decoder.onnx").run(["frames"], {"latents": latents})[0]
    np.testing.assert_allclose(frame, np.clip(trained.vae.decode(latents), 0, 1), atol=4 / 255)


def test_frames_become_their_latents(learned, exported):
    trained = load(learned).trained
    frames = trained.packed.pixels[:40:10].astype("float32") / 255
    mean, log_variance = session(exported / "encoder.onnx").run(["mean", "log_variance"], {"frames": frames})
    mine, spread = whole(trained.vae).encode(frames)
    within = 0.1 * np.exp(0.5 * np.asarray(spread))  # the run may encode in bfloat16
    assert (np.abs(mean - mine) < np.maximum(within, 0.05)).mean() > 0.99
    np.testing.assert_allclose(log_variance, spread, atol=0.2)


def test_the_client_makes_a_dance_of_the_files_alone(exported, tmp_path):
    client, out = ROOT / "docs/export_client.py", tmp_path / "dance.gif"
    code = client.read_text(encoding="utf-8").split('"""')[2]
    assert "dancenet" not in code
    assert len(code.strip().splitlines()) <= 40

    def danced(seed):
        subprocess.run([sys.executable, client, exported, out, "3", str(seed)], cwd=tmp_path, check=True)
        with Image.open(out) as picture:
            frames = [np.asarray(frame.convert("RGB"), float) for frame in ImageSequence.Iterator(picture)]
            lasts_s = sum(frame.info["duration"] for frame in ImageSequence.Iterator(picture)) / 1000
        assert frames[0].shape == (48, 64, 3)
        assert lasts_s == pytest.approx(3, rel=0.4)  # GIFs count in hundredths
        assert max(np.abs(frame - frames[0]).max() for frame in frames) > 64, "the dancer moves"
        return frames

    first, again, other = danced(1), danced(1), danced(2)
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    # along the whole dance: at a single moment, the last as any, two dances may well be in the same pose
    assert np.mean([np.abs(one - another).max() for one, another in zip(first, other, strict=True)]) > 64


def test_the_built_in_dancer_is_exported_without_a_run(tmp_path):
    assert here("export", "--out", tmp_path / "built-in") == 0
    names = {path.name for path in (tmp_path / "built-in").iterdir()}
    assert names == {"choreographer.onnx", "decoder.onnx", "dancer.json"}
    about = json.loads((tmp_path / "built-in" / "dancer.json").read_text())
    assert all(model["differs_by"] <= 1e-4 for model in about["models"].values())
    assert len(about["starts"]) == 1 + export.STARTS
    assert {len(start["state"]) for start in about["starts"]} == {about["state_size"]}


def stand_in(bodies=0, window=None, preset="tiny", across_only=False):
    """What `_decoder` and `_encoder` look at, untrained."""
    keras.utils.set_random_seed(3)
    base = np.random.default_rng(0).random((bodies, 32, 48, 3) if bodies else (32, 48, 3))
    vae = VAE(
        VAE_PRESETS[preset], 32, 48, 3, bodies=bodies, window=window, across_only=across_only, base_frame=base
    )  # fmt: skip
    if bodies:
        codes = np.random.default_rng(1).normal(size=(60, 128)).astype("float32")
        vae.kindred.remember([codes[body::bodies] for body in range(bodies)], np.ones(128))
    for weight in vae.decoder.trainable_variables:  # the last layer begins at 0: it would draw nothing
        weight.assign(keras.random.normal(weight.shape, stddev=0.1))
    random = np.random.default_rng(1)
    return SimpleNamespace(
        vae=vae, latents=SimpleNamespace(mean=random.standard_normal((40, LATENT_SIZE))),
        packed=SimpleNamespace(
            bodies=np.arange(40) % max(bodies, 1), pixels=random.integers(0, 256, (40, 32, 48, 3), "uint8")
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"bodies": 2},
        {"window": (32, 16)},
        {"window": (32, 16), "across_only": True},
        {"preset": "classic"},
    ],
    ids=str,
)  # fmt: skip
def test_every_kind_of_vae_draws_and_sees_alike(kind, tmp_path):
    trained = stand_in(**kind)
    for part in (export._decoder(trained), export._encoder(trained)):
        export.write_onnx(part, tmp_path / f"{part.name}.onnx")
        assert export.checked(part, tmp_path / f"{part.name}.onnx") <= 1e-4


@pytest.mark.parametrize("preset", ["tiny", "classic"])
def test_a_choreographer_without_cues_and_directions_too(preset, tmp_path):
    model = Choreographer(CHOREOGRAPHER_PRESETS[preset])
    width = sum(part.shape[1] for part in model.initial_state(1))
    random = np.random.default_rng(2)
    starts = [
        {"pose": random.standard_normal(LATENT_SIZE), "state": 0.5 * random.standard_normal(width)}
        for _ in range(3)
    ]
    part = export._choreographer(SimpleNamespace(choreographer=model), starts)
    assert ("cues" in part.sample) == ("along" in part.sample) == (preset == "tiny")
    export.write_onnx(part, tmp_path / "choreographer.onnx")
    assert export.checked(part, tmp_path / "choreographer.onnx") <= 1e-4


def test_a_model_that_differs_is_refused_and_what_was_there_stays(learned, tmp_path, monkeypatch):
    out = tmp_path / "export"
    export.export_onnx(Run(learned), out)
    before, write = prints(out), export.write_onnx

    def spoiled(part, path):
        """Exports other weights than are compared."""
        for weight in part.holds.trainable_variables[:1]:
            kept = keras.ops.convert_to_numpy(weight)
            weight.assign(weight + 1.0)
            write(part, path)
            weight.assign(kept)

    monkeypatch.setattr(export, "write_onnx", spoiled)
    with pytest.raises(DancenetError, match=r"choreographer differs .*expected 0\.0001 or less"):
        export.export_onnx(Run(learned), out)
    assert prints(out) == before


def test_mistakes_say_what_helps(learned, tmp_path, capsys, monkeypatch):
    assert here("export") == 2
    assert "neither --run nor --out" in capsys.readouterr().err
    (tmp_path / "decoder.onnx").write_bytes(b"someone else's")
    assert here("export", "--run", learned, "--out", tmp_path) == 2
    assert "decoder.onnx would be replaced" in capsys.readouterr().err
    assert (tmp_path / "decoder.onnx").read_bytes() == b"someone else's"
    assert here("export", "--run", tmp_path / "nowhere", "--out", tmp_path / "x") == 2
    assert not (tmp_path / "x").exists()
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    assert here("export", "--run", learned) == 2
    assert "pip install 'dancenet[export]'" in capsys.readouterr().err


def test_the_page_dances_in_a_browser(exported, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium, modules = shutil.which("chromium"), ROOT / "node_modules"
    if chromium is None or not (modules / "onnxruntime-web").is_dir():
        pytest.skip("no chromium, or no `npm install onnxruntime-web` in the checkout")
    shutil.copy(ROOT / "docs/export_client.html", tmp_path)
    (tmp_path / "node_modules").symlink_to(modules.resolve())
    (tmp_path / "export").symlink_to(exported)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with playwright.sync_playwright() as started:
            browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page, wrong = browser.new_page(), []
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(f"http://127.0.0.1:{server.server_port}/export_client.html")
            drawn = "document.getElementById('stage').toDataURL()"
            first = page.evaluate(drawn)
            page.wait_for_function(f"{drawn} !== {json.dumps(first)}", timeout=60_000)
            second = page.evaluate(drawn)
            page.wait_for_function(f"{drawn} !== {json.dumps(second)}", timeout=60_000)
            browser.close()
        server.shutdown()
    assert not wrong
