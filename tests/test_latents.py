import numpy as np
import pytest

from dancenet import latents
from dancenet.batching.batches import Variation
from dancenet.config import LATENT_SIZE, FrameOptions
from dancenet.errors import DancenetError
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.latents import Latents, clip_of, encode_frames, farthest_of


def packed(lengths=(70, 30), height=16, width=20, fps=15.0):
    """Frames whose red level is their number and whose left half is darker."""
    count = sum(lengths)
    pixels = np.zeros((count, height, width, 3), "uint8")
    pixels[..., 0] = np.arange(count)[:, None, None]
    pixels[:, :, width // 2 :, 1] = 200
    starts = np.cumsum([0, *lengths[:-1]])
    clips = tuple(
        Clip(i + 1, f"clip{i + 1}", f"clip{i + 1}.mp4", i, int(start), length, 0.0)
        for i, (start, length) in enumerate(zip(starts, lengths, strict=True))
    )
    return PackedFrames(pixels, pixels[starts], clips, fps, FrameOptions(), "print")


TURNED = [Variation(mirror=True)]


def encoder(frames):
    """Mean: the frame's number everywhere, and in dimension 0 how bright its left half is."""
    assert len(frames) <= 64
    mean = np.repeat(frames[:, 0, 0, 0, None].astype("float32"), LATENT_SIZE, axis=1)
    mean[:, 0] = frames[:, :, :10, 1].mean(axis=(1, 2))
    return mean, np.full_like(mean, np.log(0.25))


def test_every_frame_is_encoded_in_order_across_batches():
    made = encode_frames(packed(), encoder, np.arange(100), variations=[])
    np.testing.assert_array_equal(made.mean[:, 1], np.arange(100))
    np.testing.assert_allclose(made.log_variance, np.log(0.25))
    assert made.mean.dtype == np.float32
    assert made.varied_mean.shape == (0, 100, LATENT_SIZE)
    assert (made.clip_starts.tolist(), made.clip_lengths.tolist()) == ([0, 70], [70, 30])
    assert (made.span(1), float(made.fps)) == (slice(70, 100), 15.0)
    assert [clip_of(packed().clips, frame) for frame in (0, 69, 70, 99)] == [0, 0, 1, 1]


def test_mirrored_frames_are_turned_over_from_left_to_right():
    seen = []
    made = encode_frames(
        packed(), encoder, np.arange(100), variations=TURNED, progress=lambda *step: seen.append(step)
    )
    np.testing.assert_array_equal(made.mean[:, 0], 0)
    np.testing.assert_array_equal(made.varied_mean[0, :, 0], 200)
    np.testing.assert_array_equal(made.varied_mean[0, :, 1], np.arange(100))
    assert seen[-1][2] == 200
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_draws_of_the_training_takes_are_standardised():
    training = np.arange(70)
    made = encode_frames(packed(), encoder, training, variations=TURNED)
    random = np.random.default_rng(0)
    means = np.concatenate([made.mean[training], made.varied_mean[0, training]])
    draws = np.concatenate([means + 0.5 * random.standard_normal(means.shape) for _ in range(300)])
    standardised = made.standardise(draws)
    np.testing.assert_allclose(standardised.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(standardised.std(0), 1, atol=0.02)
    np.testing.assert_allclose(made.restore(made.standardise(made.mean)), made.mean, atol=1e-4)


def test_the_farthest_pose_is_that_of_draws_of_the_frames_asked_for(monkeypatch):
    monkeypatch.setattr(latents, "BLOCK", 7)
    random = np.random.default_rng(0)
    mean, log_variance = random.normal(size=(2, 40, LATENT_SIZE)).astype("float32")
    center, scale = random.uniform(0.5, 2, (2, LATENT_SIZE)).astype("float32")
    mean[11] += 30  # not asked for
    made = Latents(
        mean, log_variance, mean[None][:0], mean[None][:0], center=center, scale=scale,
        clip_starts=np.array([0]), clip_lengths=np.array([40]), fps=np.array(15.0),
    )  # fmt: skip
    frames = np.delete(np.arange(40), 11)
    draws = mean + np.exp(log_variance / 2) * random.standard_normal((4000, 40, LATENT_SIZE), "float32")
    lengths = np.sqrt((made.standardise(draws) ** 2).sum(axis=-1).mean(axis=0))
    assert farthest_of(made, frames) == pytest.approx(lengths[frames].max(), rel=0.01)


def test_an_interrupted_encoding_goes_on_with_the_way_that_it_was_at(tmp_path):
    calls = []

    def breaking(frames):
        calls.append(len(frames))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return encoder(frames)

    with pytest.raises(KeyboardInterrupt):
        encode_frames(packed(), breaking, np.arange(100), variations=TURNED, keep=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.done", "posteriors.npy"]
    made = encode_frames(packed(), breaking, np.arange(100), variations=TURNED, keep=tmp_path)
    assert calls == [64, 6, 30, 64, 6, 64, 6, 30], "as filmed once; turned over, begun twice"
    whole = encode_frames(packed(), encoder, np.arange(100), variations=TURNED)
    for name, value in vars(whole).items():
        np.testing.assert_array_equal(getattr(made, name), value)


@pytest.mark.parametrize("mapped", [False, True])
def test_saved_latents_load_as_they_were(tmp_path, monkeypatch, mapped):
    made = encode_frames(packed(), encoder, np.arange(100), variations=TURNED)
    made.save(tmp_path / "latents.npz")
    monkeypatch.setattr(latents, "MAPPED_BYTES", 1000 if mapped else 1 << 30)
    again = Latents.load(tmp_path / "latents.npz")
    assert isinstance(again.varied_mean, np.memmap) == mapped
    assert not isinstance(again.fps, np.memmap), "small ones are read"
    for name, value in vars(made).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert [path.name for path in tmp_path.iterdir()] == ["latents.npz"]


def damage_nothing(path):
    path.unlink()


def damage_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_middle(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :][:64] = b"x"
    content[3000:3400] = bytes(400)
    path.write_bytes(bytes(content))


def damage_text(path):
    path.write_text("these are no latents")


def damage_empty(path):
    path.write_bytes(b"")


def damage_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def damage_field(path):
    np.savez(path, mean=np.zeros((3, LATENT_SIZE)))


def test_latents_of_a_long_film_are_not_loaded(tmp_path, monkeypatch):
    made = encode_frames(packed(), encoder, np.arange(100), variations=TURNED, keep=tmp_path / "keep")
    assert isinstance(made.mean, np.memmap)
    assert isinstance(made.varied_mean, np.memmap)
    monkeypatch.setattr(latents, "BLOCK", 7)
    blockwise = encode_frames(packed(), encoder, np.arange(100), variations=TURNED)
    np.testing.assert_allclose(blockwise.scale, made.scale, rtol=1e-6)
    np.testing.assert_allclose(blockwise.center, made.center, atol=1e-6)


@pytest.mark.parametrize(
    "damage",
    [damage_nothing, damage_half, damage_middle, damage_text, damage_empty, damage_array, damage_field],
)
def test_damaged_latents_say_so(tmp_path, damage):
    path = tmp_path / "latents.npz"
    encode_frames(packed(), encoder, np.arange(100), variations=[]).save(path)
    damage(path)
    with pytest.raises(DancenetError, match=r"latents\.npz is missing or damaged.*train latents"):
        Latents.load(path)


class Bomb:
    """Pickled, it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("mapped", [False, True])
def test_pickled_latents_are_refused_and_nothing_is_executed(tmp_path, monkeypatch, mapped):
    monkeypatch.setattr(latents, "MAPPED_BYTES", 0 if mapped else 1 << 30)
    path, crater = tmp_path / "latents.npz", tmp_path / "crater"
    bomb = np.array([Bomb(crater)], dtype=object)
    np.savez(path, **dict.fromkeys(Latents.__dataclass_fields__, bomb))
    with pytest.raises(DancenetError, match=r"latents\.npz"):
        Latents.load(path)
    assert not crater.exists()
    np.load(path, allow_pickle=True)["mean"]
    assert crater.exists(), "the bomb works: without the refusal it would have gone off"
