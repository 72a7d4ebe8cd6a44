"""Pictures and songs as nobody should upload them: each is read, or refused in one clear line.

`make test` tries 200 of each, `make soak` 10,000.
"""

import io
import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from songs import RATE_HZ, beats_at, song
from studio_fuzz import FEW, HOURS, MANY, Damage, damages

from dancenet.errors import DancenetError
from dancenet.studio import image_reader, listening
from dancenet.studio.apart import confine
from dancenet.studio.uploads import IMAGE_PIXELS, SIZE_BYTES, decoded_image

#: One picture of so many is uploaded as a window does, to a process of its own.
WHOLE_WAY = 20
#: A song that takes longer than this to be heard hangs, seconds.
HANGS_S = 60


def image(form: str) -> bytes:
    """A small picture as a file."""
    pixels = np.random.default_rng(1).integers(0, 255, (40, 56, 3)).astype("uint8")
    return cv2.imencode(form, pixels)[1].tobytes()


class Apart:
    """One process after another under the limits of those that the studio starts, one for each file there."""

    def __init__(self, limits):
        self.limits = limits
        self.pool = self._begun()

    def _begun(self):
        return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), self.limits)

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        for one in multiprocessing.active_children() if failed else ():  # it may hang
            one.kill()
        self.pool.shutdown()

    def answer(self, function, *given) -> str:
        """What the function says there; "died" where it takes the process with it: for that it is one."""
        try:
            return self.pool.submit(function, *given).result(HANGS_S)
        except (BrokenProcessPool, MemoryError):
            self.pool.shutdown(wait=False, cancel_futures=True)
            self.pool = self._begun()
            return "died"


def uploads_of(what: Damage | bytes, files: list[bytes]) -> bytes:
    """The file that is uploaded."""
    return what.of(files) if isinstance(what, Damage) else what


def read(data: bytes) -> str:
    """In the other process: what the studio's reader makes of a picture."""
    try:
        made = image_reader.decoded(data)
    except DancenetError as error:
        return f"refused: {error}"
    height, width = map(int, np.frombuffer(made, "<u4", 2))
    return "read" if len(made) == 2 * SIZE_BYTES + 3 * height * width else "what was read is no picture"


def sighted() -> None:
    """The limits under which the studio has pictures read, but for the time of all of them together."""
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(IMAGE_PIXELS)
    confine(memory_bytes=image_reader.MEMORY_BYTES, cpu_s=36_000)


def pictures(many: int) -> None:
    """One after another; now and then one the whole way that an upload takes: the same is said of it."""
    files = [image(form) for form in (".jpg", ".png", ".webp")]
    said = Counter()
    with Apart(sighted) as apart:

        @settings(HOURS, max_examples=many)
        @given(damages(files) | st.binary(min_size=1, max_size=400))
        def tried(what):
            data = uploads_of(what, files)
            made = apart.answer(read, data)
            said[made.partition(":")[0]] += 1
            assert made in ("read", "died") or (made.startswith("refused: ") and "\n" not in made)
            if said.total() % WHOLE_WAY == 0:
                assert answer_to(data).startswith(
                    {"died": "refused: the image cannot be read"}.get(made, made)
                )

        tried()
    assert said["read"] > many / 20, said
    assert said["refused"] > many / 20, said
    assert said["died"] < many / 50, said


def answer_to(data: bytes) -> str:
    """What the studio says of an uploaded picture."""
    try:
        picture = decoded_image(data)
    except DancenetError as error:
        return f"refused: {error}"
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    return "read"


def test_uploaded_pictures_are_read_or_refused():
    pictures(FEW.max_examples)


@pytest.mark.soak
def test_ten_thousand_uploaded_pictures():
    pictures(MANY.max_examples)


def sound(form: str, codec: str) -> bytes:
    """A second and a half of music as a file."""
    samples = (song(beats_at(120, 4), "rock")[: int(1.5 * RATE_HZ)] * 32767).clip(-32768, 32767)
    frame = av.AudioFrame.from_ndarray(samples.astype("<i2")[None], format="s16", layout="mono")
    frame.sample_rate = RATE_HZ
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def heard(folder: str, number: int, data: bytes) -> str:
    """In the other process: what `listening` makes of a song."""
    file, out = (Path(folder) / f"{number}.{ending}" for ending in ("wav", "npz"))
    file.write_bytes(data)
    try:
        listening.listen(file, out)
    except DancenetError as error:
        return f"refused: {error}"
    with np.load(out) as stored:
        arrays = dict(stored)
    finite = all(np.isfinite(values).all() for values in arrays.values() if values.dtype.kind == "f")
    return "heard" if finite and len(arrays["beats_s"]) else "what was heard is no music"


def confined() -> None:
    """The limits under which the studio has songs heard, but for the time of all of them together.

    A song is too long after half a minute in place of an hour: a rate that is damaged makes one of hours.
    """
    listening.LONGEST_S = 30.0
    confine(memory_bytes=listening.MEMORY, cpu_s=36_000, writes=True)


#: The header of a WAV whose damage reads as a form of sound that no resampler takes.
NO_FORM = Damage(
    file=0,
    changes=[
        (10406, 246), (63, 46), (365673, 155), (100, 100), (77, 189), (26995, 74), (8764, 95), (22, 122),
        (1366, 240), (25, 108),
    ],
    end=97471,
    more=b"\x031-0\xd6\xb6",
)  # fmt: skip


def music(many: int, folder) -> None:
    """One after another."""
    files = [sound("wav", "pcm_s16le"), sound("ogg", "libopus"), sound("flac", "flac"), sound("mp3", "mp3")]
    said = Counter()
    with Apart(confined) as apart:

        @settings(HOURS, max_examples=many)
        @example(NO_FORM)
        @given(damages(files) | st.binary(min_size=1, max_size=400))
        def tried(what):
            made = apart.answer(heard, str(folder), said.total() % 8, uploads_of(what, files))
            said[made.partition(":")[0]] += 1
            assert made in ("heard", "died") or (made.startswith("refused: ") and "\n" not in made)

        tried()
    assert said["heard"] > many / 20, said
    assert said["refused"] > many / 20, said
    assert said["died"] < many / 50, said


def test_damaged_songs_are_heard_or_refused(tmp_path):
    music(FEW.max_examples, tmp_path)


@pytest.mark.soak
def test_ten_thousand_damaged_songs(tmp_path):
    music(MANY.max_examples, tmp_path)
