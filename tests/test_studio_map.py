"""The map of a film: where frames lie, what is kept of it, thumbnails, ways, search by image, and uploads."""

import asyncio
import json
import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
import simplejpeg
from learned import copy_of, trained_run

from dancenet.config import FrameOptions
from dancenet.errors import DancenetError
from dancenet.exploring.planes import planes
from dancenet.exploring.repertoire import find_repertoire
from dancenet.exploring.space import load_space
from dancenet.exploring.ways import FilmGraph
from dancenet.footage.clips import Clip, PackedFrames
from dancenet.runs import Run
from dancenet.studio import film_map, uploads
from dancenet.studio.apart import DiedError, run_apart
from dancenet.studio.film_map import FilmMap
from dancenet.studio.performer import Performer
from dancenet.studio.thumbnails import ACROSS, Thumbnails

#: UMAP where it is installed.
BETTER = planes()[-1]


@pytest.fixture(scope="module")
def performer(tmp_path_factory):
    learned = trained_run(tmp_path_factory.getbasetemp())
    return Performer(Run(copy_of(learned, tmp_path_factory.mktemp("map") / "run")))


@pytest.fixture(scope="module")
def placed(performer):
    """What takes long of the map: found in a process of its own, once."""
    return performer.map.place()


@pytest.fixture
def fresh(performer, tmp_path):
    """Makes maps of the same run that keep in `tmp_path`."""
    return lambda: FilmMap(performer.trained, tmp_path, performer.film_pictures, performer.has_film)


@pytest.fixture
def finding(monkeypatch, placed):
    """The process that finds it, counted and not run again."""
    out, calls = BytesIO(), []
    np.savez(out, **vars(placed))

    def found(module, data, **_):
        calls.append(module)
        return out.getvalue()

    monkeypatch.setattr(film_map, "run_apart", found)
    return calls


def read(told: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and columns, by what `FilmMap.told` says of them."""
    length = int.from_bytes(told[:4], "little")
    header, at, columns = json.loads(told[4 : 4 + length]), 4 + length, {}
    for column in header["columns"]:
        values = np.frombuffer(
            told, np.dtype(column["type"]).newbyteorder("<"), int(np.prod(column["shape"])), at
        )
        columns[column["name"]] = values.reshape(column["shape"])
        at += -(-values.nbytes // 4) * 4
    assert at == len(told)
    return header, columns


def test_the_flat_plane_is_told_at_once_and_the_rest_when_it_is_there(performer, fresh, finding):
    empty = fresh()
    header, columns = read(empty.told())
    packed = performer.trained.packed
    assert (header["frames"], header["complete"]) == (len(packed), False)
    assert [one["name"] for one in header["planes"]] == ["pca"]
    assert not columns["move"].any()
    for clip in packed.clips:
        span = slice(clip.start, clip.stop)
        assert (columns["clip"][span] == clip.number - 1).all()
        np.testing.assert_allclose(columns["time_s"][span], np.arange(clip.length) / packed.fps, rtol=1e-6)
    assert np.abs(columns["pca"]).max() == pytest.approx(1)
    empty.place()
    header, columns = read(empty.told())
    assert header["complete"]
    assert [one["name"] for one in header["planes"]] == ["pca", BETTER]
    assert columns[BETTER].shape == (len(packed), 2)
    assert np.ptp(columns[BETTER], axis=0).max() <= 2 + 1e-5
    assert finding == ["dancenet.studio.placing"]


def test_moves_have_the_numbers_that_explore_gives_them(performer, placed):
    moves = find_repertoire(load_space(performer.run)).by_frame(len(placed.move))
    np.testing.assert_array_equal(placed.move, moves)
    assert len(set(moves)) > 1


def test_neighbours_in_the_better_plane_are_neighbours(performer, placed):
    latents = performer.trained.latents
    apart = np.linalg.norm(placed.plane - placed.plane[placed.nearest[:, 0]], axis=1)
    far = np.linalg.norm(placed.plane - np.roll(placed.plane, len(placed.plane) // 3, axis=0), axis=1)
    assert np.median(apart) < 0.2 * np.median(far)
    away = latents.standardise(latents.mean)
    first = np.linalg.norm(away - away[placed.nearest[:, 0]], axis=1)
    last = np.linalg.norm(away - away[placed.nearest[:, -1]], axis=1)
    assert (first <= last + 1e-5).all()
    assert np.median(last) < 0.5 * np.median(np.linalg.norm(away - np.roll(away, 400, axis=0), axis=1))


def test_what_was_found_is_kept_and_read_again(fresh, finding):
    first = fresh()
    first.place()
    second = fresh()
    header, columns = read(second.told())
    assert header["complete"], "it is read without anybody asking"
    np.testing.assert_array_equal(columns["move"], read(first.told())[1]["move"])
    assert len(finding) == 1


def damages(tmp_path):
    """What can be wrong with the kept file, by name."""

    def stored(**changes):
        with np.load(tmp_path / "map.npz", allow_pickle=False) as kept:
            arrays = {**kept, **changes}
        np.savez(tmp_path / "map.npz", **arrays)

    kept = (tmp_path / "map.npz").read_bytes()
    return {
        "empty": lambda: (tmp_path / "map.npz").write_bytes(b""),
        "cut off": lambda: (tmp_path / "map.npz").write_bytes(kept[: len(kept) // 2]),
        "noise": lambda: (tmp_path / "map.npz").write_bytes(bytes(range(256)) * 40),
        "of other latents": lambda: stored(digest=np.frombuffer(b"0123456789abcdef", np.uint8)),
        "too short": lambda: stored(move=np.zeros(3, np.uint16)),
        "not finite": lambda: stored(plane=np.full_like(np.load(BytesIO(kept))["plane"], np.nan)),
        "neighbours that are not there": lambda: stored(nearest=np.load(BytesIO(kept))["nearest"] + 10**6),
        "pickled": lambda: stored(move=np.array([{"a": 1}] * 3, object)),
    }


@pytest.mark.parametrize(
    "damage",
    ["empty", "cut off", "noise", "of other latents", "too short", "not finite",
     "neighbours that are not there", "pickled"],
)  # fmt: skip
def test_a_kept_map_that_is_damaged_or_stale_is_made_again(damage, fresh, finding, tmp_path):
    fresh().place()
    damages(tmp_path)[damage]()
    again = fresh()
    assert not read(again.told())[0]["complete"]
    again.place()
    assert len(finding) == 2
    assert read(fresh().told())[0]["complete"], "and kept whole"


def test_a_process_that_dies_leaves_the_flat_plane_and_is_told_of(fresh, monkeypatch):
    def dies(*_, **__):
        raise DiedError("it ended with -9")

    monkeypatch.setattr(film_map, "run_apart", dies)
    broken, told = fresh(), []
    broken._complete(told.append)
    header, _ = read(broken.told())
    assert told == ["it ended with -9"] == [header["why_not"]]
    assert not header["complete"]
    assert [one["name"] for one in header["planes"]] == ["pca"]


def test_ways_through_the_kept_neighbours_are_ways_through_the_film(performer, placed):
    latents = performer.trained.latents
    kept, found = FilmGraph.of(latents, placed.nearest), FilmGraph.of(latents)
    pairs = [set(map(tuple, graph.pairs.tolist())) for graph in (kept, found)]
    # of neighbours that are equally near another process may take another one
    assert len(pairs[0] ^ pairs[1]) < 0.002 * len(pairs[0])
    waypoints = latents.mean[[5, 300, 700]]
    way = performer.map.graph().way(list(waypoints), 200)
    np.testing.assert_allclose(way, kept.way(list(waypoints), 200), atol=1e-4)
    away = np.linalg.norm(way[:, None] - waypoints, axis=-1).min(axis=0)
    assert away.max() < 0.1 * np.linalg.norm(waypoints[0] - waypoints[1])
    assert performer.map.graph() is performer.map.graph(), "made once"


@pytest.mark.parametrize("count", [5, ACROSS**2, 2500])
def test_every_frame_has_its_thumbnail(count):
    levels = (np.arange(count) * 37 % 251).astype(np.uint8)
    pixels = np.broadcast_to(levels[:, None, None, None], (count, 60, 112, 1))
    clips = (Clip(1, "film", "", 0, 0, count, 0.0, None),)
    packed = PackedFrames(pixels, pixels[:1], clips, 15.0, FrameOptions(), "")
    thumbnails = Thumbnails(packed, lambda frames: np.stack([pixels[frame] for frame in frames]))
    (height, width), sheets = thumbnails.size, thumbnails.sheets
    assert (height, width, sheets) == (30, 56, -(-count // 1024))
    seen = []
    for number in range(sheets):
        sheet = simplejpeg.decode_jpeg(thumbnails.sheet(number), colorspace="GRAY")[..., 0]
        for place, frame in enumerate(range(number, count, sheets)):
            row, column = divmod(place, ACROSS)
            middle = sheet[int((row + 0.5) * height), int((column + 0.5) * width)]
            assert abs(int(middle) - int(levels[frame])) <= 6, frame
            seen.append(frame)
    assert sorted(seen) == list(range(count))
    with pytest.raises(DancenetError, match="0 to"):
        thumbnails.sheet(sheets)


def test_an_image_of_the_film_finds_its_moment(performer):
    packed = performer.trained.packed
    for frame in (3, 400, len(packed) - 1):
        found = performer.map.like(np.repeat(packed.pixels[frame], 3, axis=-1))
        assert found[0] == {"frame": frame, "distance": pytest.approx(0, abs=1e-3)}
        distances = [one["distance"] for one in found]
        assert distances == sorted(distances)
    for frame in (400, 800):
        larger = cv2.resize(np.asarray(packed.pixels[frame]), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        found = performer.map.like(np.repeat(larger[..., None], 3, axis=-1))
        assert found[0]["distance"] < 0.3, "as near as such a small model sees"
    # where a model that never saw noise puts one picture of it is chance: several
    noise = np.random.default_rng(0).integers(0, 255, (9, 48, 64, 3), np.uint8)
    distances = [performer.map.like(picture)[0]["distance"] for picture in noise]
    assert np.median(distances) > 0.5
    assert min(distances) > 0.3, "each is farther than pictures of the film"


def test_a_model_without_an_encoder_says_so(fresh, performer, tmp_path):
    without = FilmMap(performer.trained, tmp_path, performer.film_pictures, has_film=False)
    with pytest.raises(DancenetError, match="no encoder"):
        without.like(np.zeros((48, 64, 3), np.uint8))


# uploads


def png(width: int, height: int, rows: int) -> bytes:
    """A black PNG that says so many pixels and holds so many rows of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header, packing = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), zlib.compressobj(9)
    data = b"".join(packing.compress(bytes(width * 3 + 1)) for _ in range(rows)) + packing.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PICTURE = cv2.resize(np.random.default_rng(1).integers(0, 255, (4, 6, 3), np.uint8), (60, 40))
WRONG = {
    "no image": (b"GIF89a or whatever", "no image that the studio reads"),
    "cut off": (simplejpeg.encode_jpeg(PICTURE)[:900], "damaged"),
    "only its beginning": (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "damaged"),
    "a bomb": (png(30_000, 30_000, 300), "40 megapixels"),
    "fewer pixels than it says": (png(3000, 3000, 5), "damaged"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_images_are_refused_in_one_line(what):
    data, why = WRONG[what]
    with pytest.raises(DancenetError, match=why) as refused:
        uploads.decoded_image(data)
    assert "\n" not in str(refused.value)
    assert "Traceback" not in str(refused.value)


@pytest.mark.parametrize("kind", [".png", ".webp", ".jpg"])
def test_images_arrive_as_they_are(kind):
    settings = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    data = cv2.imencode(kind, cv2.cvtColor(PICTURE, cv2.COLOR_RGB2BGR), settings)[1].tobytes()
    decoded = uploads.decoded_image(data)
    assert decoded.shape == PICTURE.shape
    assert np.abs(decoded.astype(int) - PICTURE).mean() < (8 if kind == ".jpg" else 0.01)


def test_a_large_image_arrives_smaller():
    assert uploads.decoded_image(png(4000, 3000, 3000)).shape == (1200, 1600, 3)


def test_a_reader_that_needs_too_much_dies_alone():
    reader, bomb = "dancenet.studio.image_reader", png(50_000, 50_000, 50)
    with pytest.raises(DiedError):  # the limit of pixels lifted, that of memory holds
        run_apart(reader, bomb, most_s=60, OPENCV_IO_MAX_IMAGE_PIXELS=str(10**12))
    with pytest.raises(DiedError, match="more than"):
        run_apart(reader, simplejpeg.encode_jpeg(PICTURE), most_s=0.001)


def test_no_more_is_read_than_may_be():
    arrived = []

    async def parts(count):
        for number in range(count):
            arrived.append(number)
            yield bytes(1000)

    assert len(asyncio.run(uploads.read_limited(parts(5), 5000, "the image"))) == 5000
    arrived.clear()
    with pytest.raises(DancenetError, match="the image has more than"):
        asyncio.run(uploads.read_limited(parts(10**9), 5000, "the image"))
    assert len(arrived) == 6
    with pytest.raises(DancenetError, match="empty"):
        asyncio.run(uploads.read_limited(parts(0), 5000, "the image"))
