"""What `dancenet info` finds in a run."""

import json
import re

import pytest
from conftest import outcome
from films import walker, write

from dancenet import summary
from dancenet.config import FrameOptions
from dancenet.console import Console
from dancenet.runs import Run


@pytest.fixture
def run(tmp_path):
    from dancenet.frames import extract

    films = [write(tmp_path / f"walk{i}.mp4", walker(30 + 7 * i, seed=i)) for i in range(3)]
    run = Run(tmp_path / "r")
    extract(films, run, FrameOptions(width=32, height=32))
    return run


def finish(run, stage, **content):
    run.write(stage, {"figures": {"psnr_db": 20.0}, "seconds": 3.0, **content})


def test_info_lists_clips_and_stages(run, capsys):
    code, out, _ = outcome(["info", "--run", run.path], capsys)
    assert code == 0
    assert re.search(r"^ +2\*? +walk1 .*walk1\.mp4$", out, re.MULTILINE), out
    assert len(re.findall(r"^ +\d\*", out, re.MULTILINE)) == 1
    assert re.search(r"vae +not done", out)
    code, out, _ = outcome(["info", "--run", run.path, "--json"], capsys)
    found = json.loads(out)
    assert [clip["name"] for clip in found["clips"]] == ["walk0", "walk1", "walk2"]
    assert [clip["number"] for clip in found["clips"]] == [1, 2, 3]
    assert sum(clip["validates"] for clip in found["clips"]) == 1
    assert found["stages"]["frames"]["done"]
    assert found["stages"]["frames"]["bytes"] > found["frames"] * 32 * 32 * 3
    assert not found["stages"]["vae"]["done"]


def test_info_says_who_dances(tmp_path, capsys):
    from dancenet.frames import extract

    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / f"take-{name}.mp4", walker(30, seed=len(name)))
    run = Run(tmp_path / "r")
    extract([tmp_path / "anna", tmp_path / "ben"], run, FrameOptions(width=32, height=32), dancers=True)
    out = outcome(["info", "--run", run.path], capsys)[1]
    assert "dancers: anna, ben" in out
    assert re.search(r"take-ben .* s +ben +from", out), out
    found = json.loads(outcome(["info", "--run", run.path, "--json"], capsys)[1])
    assert [clip["dancer"] for clip in found["clips"]] == found["dancers"] == ["anna", "ben"]


def test_info_says_where_a_choreographer_has_hardly_learned(run, capsys):
    for nll, words in (
        (
            1.143,
            "HARDLY LEARNED: no better than the last pose again (1.127) and a linear autoregression (1.085)",
        ),
        (1.1, "HARDLY LEARNED: no better than a linear autoregression (1.085)"),
        (1.084, ""),
    ):
        figures = {"score": nll, "nll": nll, "copy_last_nll": 1.127, "linear_nll": 1.085}
        finish(run, "choreographer", figures=figures, settings={"latents": "a-b"})
        said = outcome(["info", "--run", run.path], capsys)[1]
        assert words in said if words else "HARDLY" not in said


def test_info_notices_what_is_stale(run, capsys):
    fingerprint = run.read("frames")["fingerprint"]
    source = {"frames": fingerprint, "vae": "v1"}
    finish(run, "vae", weights="v1", settings={"frames": fingerprint, "preset": "tiny"})
    finish(run, "latents", source=source)
    finish(run, "choreographer", weights="c1", settings={"latents": f"{fingerprint}-v1"})
    finish(run, "joint", kept=True, settings={"weights": {"vae": "v1", "choreographer": "c1"}})

    def stale():
        stages = summary.summarise(run)["stages"]
        return {name for name, content in stages.items() if content["stale"]}

    assert stale() == set()
    finish(run, "choreographer", weights="c2", settings={"latents": f"{fingerprint}-v1"})
    assert stale() == {"joint"}
    finish(run, "vae", weights="v2", settings={"frames": fingerprint, "preset": "tiny"})
    assert stale() == {"latents", "choreographer", "joint"}
    finish(run, "latents", source={**source, "vae": "v2"})
    assert stale() == {"choreographer", "joint"}
    finish(run, "vae", weights="v2", settings={"frames": "others", "preset": "tiny"})
    assert "vae" in stale()
    assert "STALE" in outcome(["info", "--run", run.path], capsys)[1]


def test_info_refuses_a_newer_version(run, capsys):
    content = json.loads((run / "frames.json").read_text())
    (run / "frames.json").write_text(json.dumps({**content, "format": 1000}))
    code, _, err = outcome(["info", "--run", run.path], capsys)
    assert code == 2
    assert "newer dancenet" in err


def test_figures_line():
    figures = {"score": -1.0, "foreground_psnr_db": 20.7104, "active_units": 90, "held": {"kl_nats": 3.0}}
    assert summary.figures_line(figures) == "foreground psnr 20.71 dB, active units 90, held (kl 3 nats)"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "joint: done in 3 s ·"),
        ({"kept": True}, "done in 3 s, kept ·"),
        ({"kept": False, "figures": {"after": {"holds": True}}}, "not kept: it gained too little ·"),
        ({"kept": False, "figures": {"after": {"holds": False}}}, "not kept: it did not hold both figures ·"),
    ],
)
def test_a_stage_that_is_not_kept_says_why(content, said, run, capsys):
    summary.report_stage(run, {"stage": "joint", "seconds": 3.0, **content}, Console())
    assert said in capsys.readouterr().err
