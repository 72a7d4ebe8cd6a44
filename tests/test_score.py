"""The notation: what is wrong is told with its line; a piece is made in one command, and again as it was."""

import json
import os

import numpy as np
import pytest
from learned import copy_of, here, trained_run
from test_dance_to_music import lengths, write_wav

from dancenet.directing.score import read_score
from dancenet.errors import DancenetError
from dancenet.exploring.poses import Direction, Origin, save_direction
from dancenet.frames import load_frames
from dancenet.runs import Run

FOUR = """\
# a piece
dancer = "DANCER"
seed = 3
fps = 15
music = "song.wav"

[[section]]
name = "arrival"
verb = "between"
length = 3
keyframes = ["0=take1:4", "1.5=take3:5"]

[[section]]
verb = "loop"
begin = "take2:7"
length = 3
period = 1.5

[[section]]
name = "again"
verb = "vary"
phrases = ["take1:4-7"]
amount = 0.4

[[section]]
verb = "dance"   # a free end
beats = 4
energy = 0.5
sync = 1.0
"""


def test_a_score_is_read():
    score = read_score(FOUR)
    assert [section.verb for section in score.sections] == ["between", "loop", "vary", "dance"]
    assert (score.seed, score.fps, score.music, score.begin) == (3, 15, "song.wav", "0:00")
    assert score.sections[0].keyframes == ("0=take1:4", "1.5=take3:5")
    assert score.sections[2].lines["amount"] == 23
    assert [section.line for section in score.sections] == [7, 13, 19, 25]
    assert read_score('from = "0:10"\n[[section]]\nlength = 4').begin == "0:10"


def one(text, above=""):
    return f"{above}\n[[section]]\n{text}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('verb = vary', 1, ["TOML"]),
        ("[[section]]\nlength = 4\nlength = 5\n", 3, ["TOML"]),
        ("seed = 1\n", 1, ["no section", "[[section]]"]),
        (one('verb = "spin"\nlength = 4'), 3, ["verb = 'spin'", "dance, continue, between"]),
        (one('verb = "vari"\nlength = 4'), 3, ["is vary meant?"]),
        (one("lenght = 4"), 3, ["unknown key lenght", "is length meant?"]),
        (one('length = 4\nkeyframes = ["1=a:1"]'), 4, ["unknown key keyframes"]),
        (one('length = "4"'), 3, ["length = '4'", "a number"]),
        (one("length = 4\nseed = 1.5"), 4, ["seed", "a whole number"]),
        (one("length = 4\nseed = -1"), 4, ["seed -1"]),
        (one("length = true"), 3, ["length", "a number"]),
        (one("length = 0.1"), 3, ["length = 0.1", "0.5 seconds or more"]),
        (one("name = 'x'"), 2, ["neither length nor beats"]),
        (one("length = 4\nbeats = 4", "tempo = 100"), 2, ["length and beats together"]),
        (one("beats = 4"), 3, ["without music or tempo", "tempo = 112"]),
        (one("length = 4\nenergy = 2"), 4, ["energy = 2", "0 to 1"]),
        (one("length = 4\ntemperature = -1"), 4, ["temperature -1"]),
        (one('verb = "vary"\nphrases = ["a:1-2", "b:1-2"]'), 4, ["vary with 2 phrases", "one"]),
        (one('verb = "blend"\nphrases = ["a:1-2"]'), 4, ["blend with 1 phrases", "two or more"]),
        (one('verb = "blend"\nphrases = "a:1-2"'), 4, ["phrases", "[ … ]"]),
        (one('verb = "between"\nlength = 4'), 2, ["between without keyframes"]),
        (one('verb = "between"\nlength = 4\nkeyframes = ["2=a:1", "1=a:1"]'), 5, ["order of their times"]),
        (one('verb = "between"\nlength = 4\nkeyframes = ["5=a:1"]'), 5, ["beyond the end"]),
        (one('verb = "between"\nlength = 4\nkeyframes = ["a:1"]'), 5, ["SECOND=POSE"]),
        (one("length = 4", "fps = 0"), 1, ["fps 0"]),
        (one("length = 4", "tempo = 2"), 1, ["tempo = 2"]),
        (one("length = 4", 'from = "x"'), 1, ["from", "minutes:seconds"]),
        (one("length = 4", "colour = 1"), 1, ["unknown key colour"]),
    ],
)  # fmt: skip
def test_mistakes_name_their_line_and_a_remedy(text, line, words):
    with pytest.raises(DancenetError) as caught:
        read_score(text, "piece.toml")
    said = str(caught.value)
    assert said.startswith(f"piece.toml, line {line}: "), said
    for word in words:
        assert word in said
    assert "·" in said, "and what was expected"


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return trained_run(tmp_path_factory.getbasetemp())


@pytest.fixture
def piece(learned, tmp_path):
    """A folder with a score of four sections and its song."""
    from dancenet.dancer import soundtrack

    write_wav(tmp_path / "song.wav", soundtrack(14.0, 120, 1))
    (tmp_path / "piece.toml").write_text(FOUR.replace("DANCER", str(learned)))
    return tmp_path / "piece.toml"


def made(piece, *more, name="piece"):
    assert here("generate", "score", piece, *more) == 0
    with np.load(piece.with_name(f"{name}.latents.npz")) as stored:
        latents, section = stored["latents"], stored["section"]
    return latents, section, json.loads(piece.with_name(f"{name}.json").read_text())["sections"]


@pytest.mark.slow
def test_a_piece_is_made_twice_alike_and_only_what_changed_again(piece):
    first, section, told = made(piece)
    assert len(first) == round(15 * sum(one["length_s"] for one in told))
    assert [one["made"] for one in told] == [True] * 4
    assert told[3]["length_s"] == pytest.approx(2, abs=0.1), "four beats at 120"
    picture_s, sound_s = lengths(piece.with_suffix(".mp4"))
    assert sound_s == pytest.approx(picture_s, abs=0.1)

    again, _, told = made(piece)
    np.testing.assert_array_equal(again, first)
    assert not any(one["made"] for one in told)

    text = piece.read_text()
    piece.write_text(text.replace("amount = 0.4", "amount = 0.8"))
    changed, _, told = made(piece)
    assert [one["made"] for one in told] == [False, False, True, False]
    assert not np.array_equal(changed[section == 2], first[section == 2])
    np.testing.assert_array_equal(changed[section != 2], first[section != 2])

    piece.write_text(text)
    for kept in (piece.parent / "piece.sections").iterdir():
        kept.unlink()
    fresh, _, told = made(piece)
    assert all(one["made"] for one in told)
    np.testing.assert_array_equal(fresh, first)


@pytest.mark.slow
def test_directions_move_a_piece_and_no_section_is_danced_again(learned, piece):
    origin = Origin.of(Run(learned), load_frames(Run(learned)))
    vector = np.random.default_rng(0).standard_normal(128).astype("float32")
    save_direction(piece.parent / "tall.json", Direction("tall", vector, origin))
    plain, *_ = made(piece)
    moved, _, told = made(piece, "--apply", f"{piece.parent / 'tall.json'}=0.5")
    assert not any(one["made"] for one in told)
    np.testing.assert_allclose(moved - plain, np.tile(0.5 * vector, (len(plain), 1)), atol=1e-3)


@pytest.mark.slow
def test_sections_meet_and_a_preview_is_the_same_dance(learned, piece):
    preview, section, told = made(piece, "--preview", name="piece-preview")
    assert len(preview) == round(10 * sum(one["length_s"] for one in told))
    full, of, told = made(piece)
    assert not any(one["made"] for one in told), "what the preview has danced is not danced again"
    steps = np.linalg.norm(np.diff(full, axis=0), axis=1)
    joins = np.flatnonzero(np.diff(of))
    assert len(joins) == 3
    assert steps[joins].max() < 2 * np.percentile(steps, 95), "no jump from section to section"
    assert len(preview[section == 1]) == 30
    np.testing.assert_allclose(preview[section == 1][::2], full[of == 1][::3], atol=1e-4)


@pytest.mark.slow
def test_a_run_measured_otherwise_dances_its_sections_again(learned, piece, tmp_path):
    run = copy_of(learned, tmp_path / "measured")
    piece.write_text(piece.read_text().replace(str(learned), str(run)))
    made(piece)
    for stage in run.glob("*.json"):  # whichever dances are made with
        content = json.loads(stage.read_text())
        if "pace" in content:
            stage.write_text(json.dumps(content | {"pace": 0.9 * content["pace"]}))
    _, _, told = made(piece)
    assert all(one["made"] for one in told)


@pytest.mark.slow
def test_damaged_sections_are_made_again(piece):
    first, *_ = made(piece)
    for kept in (piece.parent / "piece.sections").iterdir():
        kept.write_bytes(kept.read_bytes()[: os.path.getsize(kept) // 2])
    again, _, told = made(piece)
    assert all(one["made"] for one in told)
    np.testing.assert_array_equal(again, first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"1.5=take3:5"', '"1.5=nobody:5"', 11, ["nobody", "take1"]),
        ('"1.5=take3:5"', '"1.5=none.png"', 11, ["none.png"]),
        ("take1:4-7", "take1:40-47", 22, ["take1:40-47", "a start before an end"]),
        ("take2:7", "take2:70", 15, ["take2:70"]),
        ("amount = 0.4", "amount = 0.4\nlength = 9", 24, ["length = 9", "lasts 3.00 s"]),
        ("beats = 4", "beats = 400", 27, ["400", "left of the music"]),
        ('verb = "loop"', 'verb = "loop"\nstart = 4', 15, ["start = 4", "3, where the section before ends"]),
        ('verb = "loop"', 'verb = "loop"\ndancer = "nowhere"', 15, ["nowhere"]),
        ("song.wav", "none.wav", 5, ["none.wav"]),
        ('music = "song.wav"', 'music = "song.wav"\nfrom = "9:00"', 6, ["9:00", "begin earlier"]),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told_with_its_line(piece, capfd, old, new, line, words):
    piece.write_text(piece.read_text().replace(old, new))
    before = sorted(piece.parent.iterdir())
    capfd.readouterr()
    assert here("generate", "score", piece) == 2
    errors = [text for text in capfd.readouterr().err.splitlines() if text.startswith("dancenet: error:")]
    assert len(errors) == 1
    assert f"piece.toml, line {line}: " in errors[0], errors[0]
    for word in words:
        assert word in errors[0]
    assert sorted(piece.parent.iterdir()) == before


@pytest.mark.slow
def test_two_dancers_in_one_piece(learned, piece, tmp_path, capfd):
    other = copy_of(learned, tmp_path / "other")
    piece.write_text(piece.read_text().replace('verb = "loop"', f'verb = "loop"\ndancer = "{other.name}"'))
    latents, *_ = made(piece)
    assert len(latents)
    piece.write_text(piece.read_text().replace(f'dancer = "{other.name}"\n', ""))
    piece.write_text(piece.read_text().replace(f'dancer = "{learned}"\n', ""))
    assert here("generate", "score", piece) == 2, "the built-in dancer knows no take1"
    assert "take1" in capfd.readouterr().err
