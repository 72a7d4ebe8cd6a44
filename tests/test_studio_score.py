"""The studio's scores and exports: written, laid out, heard, danced, made by the command line."""

import io
import json
import os
import shlex
import subprocess
import sys
import tomllib
import zipfile

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

pytest.importorskip("msgspec", reason="the extra `studio` is not installed")
pytest.importorskip("uvicorn", reason="the extra `studio` is not installed")

from learned import copy_of, trained_run
from studio_score import BEATS_S, wav

from dancenet.errors import DancenetError
from dancenet.runs import Run
from dancenet.studio import protocol
from dancenet.studio.exports import Exports
from dancenet.studio.hands import handle
from dancenet.studio.performer import Performer
from dancenet.studio.score_table import Row, Sheet
from dancenet.studio.session import Session
from dancenet.studio.sheet import by_hand, sheet_of, text_of
from dancenet.studio.songs import Songs


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    return wav(tmp_path_factory.getbasetemp())


PHRASE = {"verb": "vary", "phrases": ["../phrases/phrase-1.json"], "amount": 0}
PIECE = {"fps": 20, "section": [PHRASE, {"verb": "between", "length": 2, "keyframes": ["1=take1:4"]}]}


def test_a_sheet_is_the_table_of_its_text():
    text = 'music = "a.ogg"\nfrom = "0:05"\n\n[[section]]\nverb = "loop"\nlength = 4\nperiod = 2\n'
    sheet = sheet_of(text)
    assert text_of(sheet) == text
    assert not by_hand(text)
    assert by_hand(f"# mine\n{text}")
    assert by_hand("verb = ")
    assert sheet_of("verb = ") is None
    assert sheet_of('[[section]]\nverb = "spin"\nlength = 4\n') is None


def test_a_sheet_has_the_keys_of_the_notation():
    import dataclasses

    from dancenet.directing.score import Score, Section

    for form, of in ((Row, Section), (Sheet, Score)):
        keys = {one.name for one in dataclasses.fields(of)} - {"line", "lines"}
        assert set(form.__struct_fields__) == keys


def test_what_the_page_writes_is_laid_out_and_read_back(studio):
    told = studio.ask("write", name="laid", score=PIECE)
    assert told["error"] is None
    (first, second) = told["layout"]
    assert first == [0, pytest.approx(1.5, abs=0.1)]
    assert second == [first[1], 2]
    assert told["score"] == {"dancer": "../..", **PIECE}
    again = studio.ask("open", name="laid")
    assert (again["text"], again["score"], again["by_hand"]) == (told["text"], told["score"], False)
    file = studio.run / "studio" / "scores" / "laid.toml"
    assert file.read_text() == told["text"]


def test_beats_are_those_of_the_song(studio):
    sheet = {"music": "../music/my-song.wav", "from": "0:02", "section": [{"beats": 4}, {"beats": 8}]}
    told = studio.ask("write", name="counted", score=sheet)
    (_, one), (start, other) = told["layout"]
    # the first begins in the middle between two beats, the other on one
    assert one == pytest.approx(np.min(BEATS_S[BEATS_S > 1.9]) - 2 + 2, abs=0.15)
    assert (start, other) == (one, pytest.approx(4, abs=0.08))
    told = studio.ask("write", name="counted", score={**sheet, "section": [{"beats": 400}]})
    assert "beats = 400" in told["error"]
    assert told["line"] == 5


def test_a_score_that_cannot_be_danced_is_kept_and_told(studio):
    text = '[[section]]\nverb = "vari"\n'
    told = studio.ask("write", name="wrong", text=text)
    assert (told["text"], told["line"], told["score"]) == (text, 2, None)
    assert "is vary meant?" in told["error"]
    assert studio.ask("open", name="wrong")["text"] == text
    assert "one of the two" in studio.ask("write", name="wrong")


def test_what_was_written_by_hand_is_kept(studio):
    text = "# my own words\n[[section]]\nlength = 4\n"
    assert studio.ask("write", name="hand", text=text)["by_hand"]
    studio.ask("write", name="hand", score=PIECE)
    studio.ask("write", name="hand", score=PIECE)
    folder = studio.run / "studio" / "scores"
    assert [path.read_text() for path in folder.glob("hand.toml.removed-*")] == [text]


def test_two_who_change_one_score_both_keep_theirs(studio):
    lengths = iter(range(2, 30))

    def written(name, mark, by):
        score = {"section": [{"length": next(lengths)}]}
        told = studio.ask("write", name=name, score=score, mark=mark, by=by)
        return told["name"], told["mark"], told["text"]

    name, first, _ = written("both", "", "one")
    assert name == "both"
    _, _, ours = written("both", first, "one")
    name, third, theirs = written("both", first, "two")
    assert name == "both-1", "the other knew nothing of the second"
    assert [studio.ask("open", name=name)["text"] for name in ("both", "both-1")] == [ours, theirs]
    assert written("both-1", third, "two")[0] == "both-1", "and it goes on there"
    assert written("both", "", "two")[0] == "both-2", "a new one of the same name"
    assert written("both", "gone", "one")[0] == "both", "an answer that was lost: the writing was its own"
    assert written("both", None, None)[0] == "both", "who does not ask for it is not held up"
    name, _, text = written("same", "", "one")
    assert studio.ask("write", name=name, text=text, mark="other", by="two")["name"] == "same"


@pytest.mark.parametrize(
    "text",
    [
        'music = "/etc/passwd"\n[[section]]\nlength = 2\n',
        'dancer = "/tmp"\n[[section]]\nlength = 2\n',
        '[[section]]\nverb = "vary"\nphrases = ["../../../../secret.mp4:0-2"]\n',
        '[[section]]\nlength = 2\nbegin = "/root/face.png"\n',
        '[[section]]\nverb = "between"\nlength = 2\nkeyframes = ["1=/root/pose.json"]\n',
    ],
)
def test_a_score_of_a_page_opens_nothing_outside_of_the_run(studio, text):
    assert "lies outside of the run" in studio.ask("write", name="far", text=text)["error"]
    for do in ("play", "export"):
        said = studio.ask(do, name="far")
        assert "far.toml, line " in said
        assert "lies outside of the run" in said


def test_a_link_out_of_the_run_is_outside(studio, tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    link = studio.run / "studio" / "phrases" / "link.json"
    link.symlink_to(tmp_path / "secret.json")
    try:
        studio.ask(
            "write", name="far", text='[[section]]\nverb = "vary"\nphrases = ["../phrases/link.json"]\n'
        )
        assert "lies outside of the run" in studio.ask("play", name="far")
    finally:
        link.unlink()


def test_a_song_is_heard_and_its_sound_comes_in_parts(studio, music):
    _, _, wave = studio.get("api/waveform/my-song.wav.json")
    wave = json.loads(wave)
    assert wave["duration_s"] == pytest.approx(16.5, abs=0.5)
    assert wave["tempo_bpm"] == pytest.approx(120, rel=0.02)
    beats_s = np.array(wave["beats_s"])
    assert np.mean([np.abs(beats_s - beat_s).min() < 0.07 for beat_s in BEATS_S]) > 0.9
    peaks = np.array(wave["peaks"])
    assert len(peaks) == pytest.approx(wave["duration_s"] * wave["peaks_per_s"], abs=2)
    assert peaks.max() == 255
    on_beat = (BEATS_S[:-1] * wave["peaks_per_s"]).astype(int)
    assert peaks[on_beat + 1].mean() > 1.2 * peaks.mean(), "it is loud where the drum is"
    status, headers, part = studio.get("api/music/my-song.wav", Range="bytes=100-199")
    assert (status, part) == (206, music[100:200])
    assert headers["content-type"] == "audio/wav"
    assert studio.get("api/music/my-song.wav")[2] == music


def test_what_is_no_song_is_refused_and_leaves_nothing(studio, music):
    before = sorted(path.name for path in (studio.run / "studio" / "music").iterdir())
    assert studio.upload("a.exe", b"MZ")[0] == 400
    status, said = studio.upload("noise.mp3", os.urandom(5000))
    assert status == 400
    assert said.startswith("noise.mp3 is no music that can be heard")
    assert str(studio.run) not in said
    status, said = studio.upload("cut.wav", music[:30])
    assert status == 400
    status, said = studio.upload("..%2F..%2Fpiece.toml", b"x")
    assert status in (400, 404)
    request = {"content-length": str(10**9)}
    status, said = studio.get("api/music/long.mp3", b"", **request)[::2]
    assert status in (400, 413)
    assert b" MB" in said
    assert studio.get("api/music/nothing.mp3")[0] == 400
    assert studio.get("api/waveform/..%2fx.json")[0] in (400, 404)
    assert sorted(path.name for path in (studio.run / "studio" / "music").iterdir()) == before


def test_a_reader_that_dies_is_told(tmp_path, monkeypatch):
    songs = Songs(tmp_path)
    part = songs.part("a.wav")
    part.write_bytes(b"RIFF")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DancenetError, match="brought down the process that reads it"):
        songs.take(part, "a.wav")
    assert songs.names() == []
    assert [path.name for path in tmp_path.iterdir()] == [part.name]


def test_a_score_plays_and_is_moved_in(studio):
    sheet = {**PIECE, "music": "../music/my-song.wav", "from": "3"}
    studio.ask("write", name="played", score=sheet)
    playing = studio.ask("play", name="played")
    assert (playing["song"], playing["music_from_s"]) == ("my-song.wav", 3)
    assert playing["length_s"] == pytest.approx(3.5, abs=0.1)
    first = studio.frame(protocol.SCORE)
    while studio.frame(protocol.SCORE).time_s < first.time_s + 0.8:
        pass
    rehearsed = len([event for event in studio.events if event["is"] == "progress"])
    studio.ask("pause", paused=True)
    studio.ask("seek", at_s=2.5)
    held = studio.frame(protocol.SCORE)
    while abs(held.time_s - 2.5) > 0.01:
        held = studio.frame(protocol.SCORE)
    assert studio.frame(protocol.SCORE).time_s == held.time_s
    studio.ask("pause", paused=False)
    assert studio.ask("seek", at_s=0) == {}
    while studio.frame(protocol.SCORE).time_s > 0.5:
        pass
    assert len([event for event in studio.events if event["is"] == "progress"]) == rehearsed, "not again"
    assert studio.ask("stop") == {}
    assert "no score is on the stage" in studio.ask("seek", at_s=1)
    assert studio.ask("play", name="played")["sections"][1]["made"] is False, "danced before"
    studio.ask("stop")


def test_a_guest_dances_its_section_in_its_own_pictures(tmp_path, tmp_path_factory):
    learned = trained_run(tmp_path_factory.getbasetemp())
    own, other = (copy_of(learned, tmp_path / name) for name in ("own", "other"))
    performer = Performer(Run(own))
    text = '[[section]]\nlength = 1\n\n[[section]]\nlength = 1\ndancer = "../../../other"\n'
    performer.library.write_score("both", text)
    session = Session(performer, "s")
    later = handle(session, protocol.Play(name="both"))
    with pytest.raises(DancenetError, match=r"line 6: .*outside of the run"):
        later.work(lambda *_: None)
    performer.roots.append(other)
    later.then(later.work(lambda *_: None))
    own_part = session.frame(0.6)
    assert own_part.guest is None
    before, shown = session.history.length_s, session.frame(0.6)
    assert shown.guest is not None
    times_s = [one.header.time_s for one in (own_part, shown)]
    assert times_s == pytest.approx([0.6, 1.2]), "a score plays by the clock"
    assert shown.header.flags == protocol.SCORE
    assert session.history.length_s == before, "memory is this dancer's"
    with pytest.raises(DancenetError, match="pose of another dancer"):
        handle(session, protocol.Snapshot())
    shown.guest.vae.base_frame.assign(np.ones(shown.guest.vae.base_frame.shape))
    own_picture, theirs = (performer.pictures(shown.pose[None], who) for who in (None, shown.guest))
    assert theirs.mean() > own_picture.mean() + 1, "drawn by the guest's own decoder"
    handle(session, protocol.Stop())
    after = session.frame(0.1)
    assert after.guest is None
    assert after.header.flags == 0


def exported(studio, **order):
    made = studio.ask("export", **order)
    assert isinstance(made, dict), made
    status, headers, data = studio.get(f"api/exports/{made['file']}")
    assert status == 200
    return made, headers, data


def latents_of(folder, file):
    with np.load(folder / f"{file.partition('.')[0]}.latents.npz") as stored:
        return stored["latents"]


def test_exports_decode_and_their_command_makes_them_again(studio, tmp_path):
    folder = studio.run / "studio" / "exports"
    studio.ask("write", name="whole", score={**PIECE, "music": "../music/my-song.wav"})
    made, headers, data = exported(studio, name="whole", form="mp4")
    assert headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(data)) as film:
        assert film.streams.audio[0].codec_context.name == "aac"
        pictures = sum(1 for _ in film.decode(video=0))
        film.seek(0)
        sound = np.concatenate([part.to_ndarray().ravel() for part in film.decode(audio=0)])
        assert np.abs(sound).max() > 0.1, "and it is heard"
    assert pictures == round(20 * studio.ask("open", name="whole")["layout"][1][0] + 40)
    words = shlex.split(made["command"])
    assert words[:3] == ["dancenet", "generate", "score"]
    command = [sys.executable, "-m", *words]
    subprocess.run(command, cwd=tmp_path, env=studio.environment, check=True, capture_output=True)
    np.testing.assert_array_equal(latents_of(tmp_path, made["file"]), latents_of(folder, made["file"]))
    status, _, toml = studio.get(f"api/exports/{made['toml']}?download")
    assert status == 200
    assert toml.decode().startswith(studio.ask("open", name="whole")["text"].rstrip())
    assert [one["verb"] for one in tomllib.loads(toml.decode())["section"]] == ["vary", "between"]
    told = [event for event in studio.events if event["is"] == "progress" and event["result"].get("export")]
    shares = [event["share"] for event in told]
    assert shares == sorted(shares)
    assert any(event["left_s"] and 0.4 < event["share"] < 1 for event in told), "and how long it still takes"


def test_a_kept_phrase_is_exported_as_it_is(studio):
    folder = studio.run / "studio"
    kept = json.loads((folder / "phrases" / "phrase-1.json").read_text())
    latents = np.array(kept["latents"], "float32")
    for form in ("gif", "png", "sheet"):
        made, _, data = exported(studio, name="phrase-1", kind="phrase", form=form)
        shown = latents_of(folder / "exports", made["file"])
        np.testing.assert_array_equal(shown, latents[: len(shown)])
        assert len(shown) == len(latents) - 1
        if form == "gif":
            with Image.open(io.BytesIO(data)) as image:
                pictures = [np.asarray(one.convert("L")) for one in ImageSequence.Iterator(image)]
            assert 1 < len(pictures) <= len(shown), "frames that are the same are one"
        elif form == "png":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = [archive.read(name) for name in sorted(archive.namelist())]
            pictures = [cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE) for file in files]
            assert len(pictures) == len(shown)
        else:
            pictures = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)]
            assert min(pictures[0].shape) > 48, "several frames"
        assert form == "sheet" or {picture.shape for picture in pictures} == {(48, 64)}
        assert min(picture.std() for picture in pictures) > 5, "the dancer is on all of them"
    studio.ask("pause", paused=False)  # what is saved is told after the answer
    listed = [event for event in studio.events if event["is"] == "library"][-1]["library"]["exports"]
    assert made["file"] in [one["file"] for one in listed]
    studio.ask("remove", kind="export", name=made["toml"].removesuffix(".toml"))
    assert studio.get(f"api/exports/{made['file']}")[0] == 400


def test_an_export_that_is_stopped_leaves_nothing(studio):
    folder = studio.run / "studio" / "exports"
    before = sorted(path.name for path in folder.iterdir())
    studio.ask("write", name="stopped", score={"section": [{"length": 60}]})
    studio.socket.send(json.dumps({"do": "export", "id": 9000, "name": "stopped"}))
    while not (job := [one["job"] for one in studio.events if "stopped-1" in str(one.get("result"))]):
        studio.next()
    while not list(folder.glob(".making-*")):
        studio.next()
    assert studio.ask("cancel", job=job[0]) == {}
    while not (ended := [one for one in studio.events if one["is"] == "failed" and one["id"] == 9000]):
        studio.next()
    assert "was stopped" in ended[0]["error"]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_what_a_killed_studio_left_half_done_is_swept(tmp_path):
    for name in ("good-1", "bad-1", "busy-1"):
        (tmp_path / f"{name}.toml").write_text("x")
    (tmp_path / "good-1.gif").write_bytes(b"GIF")
    (tmp_path / f".making-{2**22 + 1}-bad-1").mkdir()
    (tmp_path / f".making-{os.getpid()}-busy-1").mkdir()
    listed = Exports(tmp_path, None).listed()
    assert [one["file"] for one in listed] == ["good-1.gif"]
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [f".making-{os.getpid()}-busy-1", "busy-1.toml", "good-1.gif", "good-1.toml"]


@pytest.mark.parametrize("name", ["../x.mp4", "a.sh", "whole-1.latents.npz", "x" * 99 + ".mp4"])
def test_only_exports_are_given_out(studio, name):
    assert studio.get(f"api/exports/{name.replace('/', '%2f')}")[0] in (400, 404)
