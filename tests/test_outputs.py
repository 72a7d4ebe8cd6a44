import pytest

from dancenet.errors import DancenetError
from dancenet.outputs import check_apart, check_video_out
from dancenet.runs import STAGES, Run, write_json


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run")


def test_an_earlier_result_may_be_replaced(run, tmp_path):
    out = tmp_path / "dance.mp4"
    out.write_bytes(b"")
    write_json(tmp_path / "dance.json", {"provenance": {}})
    assert check_video_out(out, run) == out


@pytest.mark.parametrize("stage", STAGES)
def test_files_of_a_run_stay(run, stage):
    with pytest.raises(DancenetError, match=rf"{stage}\.json"):
        check_video_out(run / f"{stage}.mp4", run)


@pytest.mark.parametrize("content", ['{"mine": 1}', "no json", "[1, 2]"])
def test_a_stranger_beside_the_video_stays(run, tmp_path, content):
    (tmp_path / "dance.json").write_text(content)
    with pytest.raises(DancenetError, match=r"dance\.json would replace"):
        check_video_out(tmp_path / "dance.mp4", run)
    assert (tmp_path / "dance.json").read_text() == content


def test_the_film_is_never_the_result(run, tmp_path, monkeypatch):
    film = tmp_path / "solo.mp4"
    film.write_bytes(b"film")
    monkeypatch.chdir(tmp_path)
    for out in (film, "solo.mp4", "run/../solo.mp4"):
        with pytest.raises(DancenetError, match="the film itself"):
            check_video_out(out, run, film)


def test_a_dance_lies_apart_from_the_films_it_is_made_of(tmp_path):
    film, folder = tmp_path / "solo.mp4", tmp_path / "takes"
    film.write_bytes(b"film")
    folder.mkdir()
    for out in (film, folder / "dance.mp4"):
        with pytest.raises(DancenetError, match="one of the films"):
            check_apart(out, [film, folder])
    check_apart(tmp_path / "dance.mp4", [film, folder])
