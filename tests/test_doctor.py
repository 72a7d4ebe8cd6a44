"""`dancenet doctor`: what is there, what is used, what could be installed, and that every stage runs."""

import json

import pytest
from learned import here

from dancenet import doctor


@pytest.mark.usefixtures("fewer_dances")
def test_it_says_what_is_there_and_tries_every_stage(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "FILM_S", 5.0)
    assert here("doctor", "--preset", "tiny", "--json", "--quiet") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["found"]["cores"] >= 1
    assert report["found"]["versions"]["keras"].startswith("3.")
    assert report["used"]["backend"].startswith("Keras on ")
    assert [check["stage"] for check in report["checks"]] == [
        "film", "frames", "VAE", "latents", "choreographer", "dance",
    ]  # fmt: skip
    assert all(check["rate"] > 0 and not check["error"] for check in report["checks"])


def test_a_stage_that_fails_is_told_and_those_after_it_are_left_out(monkeypatch, capsys):
    from dancenet import frames

    def broken(*_, **__):
        raise OSError("no decoder")

    monkeypatch.setattr(frames, "extract", broken)
    assert here("doctor", "--preset", "tiny") == 2
    said = capsys.readouterr()
    assert "check: film runs" in said.out
    assert "check: frames FAILED: no decoder" in said.out
    assert "VAE" not in said.out
    assert "the stage 'frames' does not run here: no decoder" in said.err


def test_looking_only(capsys):
    assert here("doctor", "--look-only") == 0
    said = capsys.readouterr().out
    assert "found: Python" in said
    assert "check:" not in said


@pytest.mark.parametrize(
    ("there", "system", "line"),
    [
        ({"gpus_of_the_driver": ["A"]}, "Linux", ".[gpu]"),
        ({"gpus_of_the_driver": ["A"], "backend": "jax"}, "Linux", ".[jax-gpu]"),
        ({"gpus_of_the_driver": ["A"], "backend": "torch"}, "Linux", "build for CUDA"),
        ({"gpus_of_the_driver": ["A"]}, "Windows", ".[torch]"),
        ({"gpus_of_the_driver": ["A"]}, "Windows", "build for CUDA"),
        ({"gpus_of_the_driver": ["A"], "backend": "torch"}, "Windows", "build for CUDA"),
        ({}, "Darwin", ".[torch]"),
        ({"memory_bytes": 2e9}, "Linux", "--preset tiny"),
        ({"disk_free_bytes": 1e9}, "Linux", "of disk"),
        ({"extras": []}, "Linux", ".[studio]"),
    ],
)
def test_advice_names_what_helps(there, system, line, monkeypatch):
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    monkeypatch.setattr(doctor.keras.backend, "backend", lambda: there.get("backend", "tensorflow"))
    fine = {
        "gpus": [], "gpus_of_the_driver": [], "memory_bytes": 16e9, "disk_free_bytes": 50e9,
        "extras": list(doctor.EXTRAS),
    }  # fmt: skip
    if system == "Linux":
        assert doctor.advice(fine) == []
    assert any(line in said for said in doctor.advice({**fine, **there}))
