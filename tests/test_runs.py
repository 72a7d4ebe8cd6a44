"""Writing beside and moving into place, and figures that are numbers."""

import json
import math
import os

import pytest

from dancenet.runs import finite, replacing, write_json


def test_figures_that_are_no_numbers_are_left_out():
    assert finite({"psnr_db": math.inf, "sharpness": math.nan, "kl_nats": 1.5}) == {"kl_nats": 1.5}


def test_content_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    happened = []
    sync, move = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (happened.append("sync"), sync(number)))
    monkeypatch.setattr(os, "replace", lambda *paths: (happened.append("move"), move(*paths)))
    write_json(tmp_path / "a.json", {"number": 1})
    assert happened == ["sync", "move"]
    assert json.loads((tmp_path / "a.json").read_text()) == {"number": 1}


def test_what_fails_leaves_what_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail():
        with replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": math.nan})
    assert list(tmp_path.iterdir()) == []
