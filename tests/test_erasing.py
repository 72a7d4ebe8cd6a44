"""Bodies taken out of pose codes: on codes whose body is known to be there."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dancenet.presets import CHOREOGRAPHER_PRESETS, VAE_PRESETS
from dancenet.stages.erasing import erase_bodies
from dancenet.stages.joint import FrameWindows, JointModel
from dancenet.stages.sharpening import Sharpener
from dancenet.vae import VAE


@pytest.fixture
def vae():
    return VAE(VAE_PRESETS["tiny"], 16, 16, 1, bodies=3)


def codes(count, seed):
    """Poses of 128 dimensions, of which the first two say whose they are and nothing else."""
    random = np.random.default_rng(seed)
    bodies = random.integers(3, size=count).astype("int32")
    mean = random.normal(size=(count, 128))
    mean[:, :2] = 0.3 * mean[:, :2] + np.array([[1, 0], [-0.5, 1], [-0.5, -1]])[bodies]
    return mean.astype("float32"), bodies


def erased(vae, mean):
    from dancenet.vae import ERASER_GAIN

    standard = (mean - np.asarray(vae.code_center)) / np.asarray(vae.code_scale)
    return mean + ERASER_GAIN * np.asarray(vae.code_scale) * np.asarray(vae.eraser(standard))


def test_what_says_whose_it_is_goes_and_the_rest_stays(vae):
    mean, bodies = codes(2000, 0)
    sigma = np.full_like(mean, 0.5)
    np.testing.assert_array_equal(erased(vae, mean), mean)
    erase_bodies(vae, mean, sigma, bodies, seed=0)
    unseen, whose = codes(1000, 1)
    read = []
    for some, other in ((mean, unseen), (erased(vae, mean), erased(vae, unseen))):
        read.append(LogisticRegression(max_iter=500).fit(some, bodies).score(other, whose))
    before, after = read
    assert before > 0.95
    assert after < 0.7
    away = np.abs(erased(vae, unseen) - unseen).mean(axis=0)
    assert away[:2].mean() > 2 * away[2:].mean()
    assert not vae.eraser.trainable, "further training leaves it as it is"


def test_joint_training_and_sharpening_draw_each_frame_as_its_own_dancer(vae, monkeypatch):
    """Whose body is decoded is what the batch says, in both later stages."""
    told = []
    decode = vae.decode

    def drawn(latents, bodies=None, *, place=None):
        told.append(bodies)
        return decode(latents, bodies, place=place)

    monkeypatch.setattr(vae, "decode", drawn)
    frames = np.zeros((2, 16, 16, 16, 1), "uint8")
    bodies = np.arange(32).reshape(2, 16) % 3
    from types import SimpleNamespace

    from dancenet.choreographer import Choreographer

    scale = SimpleNamespace(center=np.zeros(128), scale=np.ones(128))
    joint = JointModel(vae, Choreographer(CHOREOGRAPHER_PRESETS["tiny"]), scale)
    joint((frames, frames, np.zeros((2, 15, 6), "float32"), bodies))
    assert vae.decoder.trainable_variables
    assert not [*vae.encoder.trainable_variables, *vae.judge.trainable_variables], (
        "there is no way back to it"
    )
    np.testing.assert_array_equal(np.asarray(told.pop()), bodies.ravel())
    sharpener = Sharpener(vae)
    sharpener.compile(optimizer=keras.optimizers.SGD(1e-3))
    some = np.zeros((4, 16, 16, 1), "uint8")
    latents = np.zeros((4, 128), "float32")
    sharpener((some, some, latents, latents[:2], np.array([2, 0, 1, 1]), np.array([1, 2])))
    np.testing.assert_array_equal(np.asarray(told[0]), [2, 0, 1, 1])
    np.testing.assert_array_equal(np.asarray(told[1]), [1, 2])
    monkeypatch.undo()
    sharpener.train_on_batch((some, some, latents, latents[:2], np.array([2, 0, 1, 1]), np.array([1, 2])))


def test_windows_say_whose_they_are():
    from dancenet.config import FrameOptions
    from dancenet.footage.clips import Clip, PackedFrames
    from dancenet.sequences import Span

    clips = tuple(Clip(k + 1, f"c{k}", "c", k, 20 * k, 20, 0.0, dancer=name) for k, name in enumerate("ab"))
    pixels = np.zeros((40, 16, 16, 1), "uint8")
    packed = PackedFrames(pixels, pixels[:2], clips, 15.0, FrameOptions(), "print")
    batch = FrameWindows(packed, [Span(0, 20), Span(20, 40)], seed=0, epoch=0)[0]
    assert len(batch) == 4
    assert batch[3].shape == (2, 16)
    assert {*np.unique(batch[3])} <= {0, 1}
