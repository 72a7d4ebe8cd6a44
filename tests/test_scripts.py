"""The scripts of train/ and generate/ are the commands of the same stage."""

import ast
import runpy

import pytest
from conftest import ROOT, outcome

SCRIPTS = {
    "train/extract_frames.py": "frames",
    "train/train_vae.py": "train vae",
    "train/encode_latents.py": "train latents",
    "train/train_choreographer.py": "train choreographer",
    "train/finetune_joint.py": "train joint",
    "train/sharpen.py": "train sharpen",
    "generate/generate_dance.py": "generate dance",
    "generate/reconstruct_video.py": "generate reconstruct",
    "generate/interpolate.py": "generate interpolate",
    "generate/continue_dance.py": "generate continue",
    "generate/between_keyframes.py": "generate between",
    "generate/vary_phrase.py": "generate vary",
    "generate/transfer_dance.py": "generate transfer",
    "generate/blend_phrases.py": "generate blend",
    "generate/loop_dance.py": "generate loop",
    "generate/make_score.py": "generate score",
    "generate/open_studio.py": "studio",
    "generate/export_model.py": "export",
    "generate/evaluate.py": "evaluate",
    "generate/explore_traverse.py": "explore traverse",
    "generate/explore_map.py": "explore map",
    "generate/explore_moves.py": "explore moves",
    "generate/explore_directions.py": "explore directions",
    "generate/explore_neighbours.py": "explore neighbours",
    "generate/explore_path.py": "explore path",
    "generate/explore_grid.py": "explore grid",
    "generate/explore_invert.py": "explore invert",
}


def test_every_script_is_known_here():
    found = {
        path.relative_to(ROOT).as_posix()
        for name in ("train", "generate")
        for path in (ROOT / name).glob("*.py")
    }
    assert found == set(SCRIPTS)


@pytest.fixture
def carried_out(capsys, monkeypatch):
    """Exit code, standard output and standard error of a script, carried out in this process."""

    def run(script, *arguments):
        monkeypatch.setattr("sys.argv", [script, *arguments])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return run


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_equals_the_commands(script, carried_out, capsys):
    code, said, _ = carried_out(script, "--help")
    assert code == 0
    assert said.startswith("usage: ")
    assert said == outcome([*SCRIPTS[script].split(), "--help"], capsys)[1]


@pytest.mark.parametrize("script", SCRIPTS)
def test_mistakes_exit_2(script, carried_out):
    code, _, said = carried_out(script, "--no-such-flag")
    assert code == 2
    assert said.startswith("dancenet: error: ")
    assert said.count("\n") == 1


def test_a_script_is_a_program(command):
    script = "generate/generate_dance.py"
    assert command("--help", script=script).stdout == command("generate", "dance", "--help").stdout
    assert command("--no-such-flag", script=script, expect=2).stderr.startswith("dancenet: error: ")


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_short_and_one_call(script):
    text = (ROOT / script).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 25
    tree = ast.parse(text)
    manual = ast.get_docstring(tree)
    for word in ("Reads ", "writes ", "Costs ", f"dancenet {SCRIPTS[script]}"):
        assert word in manual, word
    assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.walk(tree))
    assert [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)] == ["dancenet.cli"]


def test_scripts_are_no_packages():
    assert not list((ROOT / "train").glob("__init__.py"))
    assert not list((ROOT / "generate").glob("__init__.py"))


def test_train_readme_names_every_script_in_order():
    text = (ROOT / "train/README.md").read_text(encoding="utf-8")
    places = [text.index(script.split("/")[1]) for script in SCRIPTS if script.startswith("train/")]
    assert places == sorted(places)
