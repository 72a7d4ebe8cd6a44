"""README and docs are held true: every command in them parses, and the README's really run, at `tiny`."""

import configparser
import contextlib
import io
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from unittest import mock

import av
import nbformat
import numpy as np
import pytest
from conftest import ROOT
from learned import environment, fewer_dances
from nbclient import NotebookClient
from test_scripts import SCRIPTS

from dancenet import cli
from dancenet.commands import COMMANDS
from dancenet.commands.base import Command
from dancenet.config import DancerOptions
from dancenet.presets import CHOREOGRAPHER_PRESETS, VAE_PRESETS
from dancenet.stages.pace import FASTEST, SLOWEST

README = ROOT / "README.md"
PAGES = [README, *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "cli.md")]
NOTEBOOK = ROOT / "docs/notebook/first_dance.ipynb"

#: Flags that make each command small enough for a test; what is given last counts.
SMALLER = {
    "demo": "--preset tiny --minutes 0.02 --seconds 2",
    "new": "--preset tiny --minutes 0.02 --seconds 2",
    "dancer": "--minutes 0.1 --width 104 --height 60 --fps 15",
    "train vae": "--preset tiny --minutes 0.02",
    "train choreographer": "--preset tiny --minutes 0.02",
    "train joint": "--preset tiny --minutes 0.02",
    "train sharpen": "--preset tiny --minutes 0.02",
    "generate dance": "--seconds 2",
    "evaluate": "--seconds 4 --seeds 1",
    "studio": "--no-browser --port 0",
}
#: Films of the demo: half as many, of which one validates.
FILMS = 6

#: The same of frames, where the page does not say their size itself.
SMALL_FRAMES = {"new": "--width 64 --height 48", "frames": "--width 64 --height 48"}


def fenced(path: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages."""
    text = path.read_text(encoding="utf-8")
    return [
        block for kind, block in re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S) if kind in languages
    ]


def shell_lines(path: Path) -> list[str]:
    """The commands of a page, one by one, without comments."""
    lines = "".join(fenced(path, "sh", "powershell")).splitlines()
    parts = [part.strip() for line in lines for part in re.sub(r"\s#.*", "", line).split(";")]
    return [re.sub(r"^\.venv[\\/](Scripts|bin)[\\/]", "", part) for part in parts if part]


def as_dancenet(line: str) -> list[str] | None:
    """The arguments of a line that calls dancenet, by its name or through a script; else None."""
    first, *rest = shlex.split(line)
    if first == "dancenet":
        return rest
    if first == "python" and rest[0] in SCRIPTS:
        return [*SCRIPTS[rest[0]].split(), *rest[1:]]
    return None


def command_of(arguments: list[str]) -> str:
    """`train vae` of the arguments of such a call."""
    return " ".join(arguments[:2] if isinstance(COMMANDS.get(arguments[0]), dict) else arguments[:1])


def all_lines():
    found = [(page, line) for page in PAGES for line in shell_lines(page)]
    return pytest.mark.parametrize(("page", "line"), found, ids=[f"{p.stem}: {line}" for p, line in found])


@all_lines()
def test_every_command_parses(page, line):
    if (arguments := as_dancenet(line)) is not None:
        assert isinstance(cli.parse(arguments), Command)
        return
    first, *rest = line.split()
    if first == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
        assert set(rest) <= set(targets)
    elif "pip" in line and "install" in rest:
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg", encoding="utf-8")
        assert set(re.findall(r"\[(\w+)\]", line)) <= set(config["options.extras_require"])
    else:
        assert line in ("source .venv/bin/activate", "py -3.12 -m venv .venv"), (
            "nothing here checks this line"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_flags_and_commands_in_the_text_exist(page):
    text, manual = page.read_text(encoding="utf-8"), (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    # scripts have other programs' flags: of their lines what follows dancenet's name counts
    ours = re.sub(
        r"^```bash\n.*?^```", lambda script: "\n".join(re.findall(r"\bdancenet [a-z].*", script[0])),
        text, flags=re.M | re.S,
    )  # fmt: skip
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours))
    assert flags <= set(re.findall(r"--[a-z][a-z-]+", manual))
    for words in re.findall(r"`dancenet (?!needs )([a-z ]+)", text):  # "dancenet needs" begins a message
        found = COMMANDS
        for word in words.split():
            if not isinstance(found, dict):
                break
            assert word in found, f"dancenet {words}"
            found = found[word]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert links or page.stem == "troubleshooting"
    for link in links:
        if not link.startswith("https://"):
            assert (page.parent / link).exists(), link


def table(path: Path, heading: str) -> dict[str, list[str]]:
    """The rows below `heading` whose first cell is in backticks, by that cell; numbers without commas."""
    part = path.read_text(encoding="utf-8").split(heading)[1].split("\n#")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.*) \|$", part, re.M)
    return {name: [cell.strip().replace(",", "") for cell in cells.split("|")] for name, cells in rows}


def test_preset_tables_are_what_config_says():
    readme, page = table(README, "## Presets"), table(ROOT / "docs/presets.md", "## What each costs")
    assert set(readme) == set(page) == set(VAE_PRESETS)
    for name, preset in VAE_PRESETS.items():
        assert float(readme[name][1]) == float(page[name][0]) == preset.minutes


@pytest.mark.slow
def test_parameters_are_what_the_models_have():
    from dancenet.choreographer import Choreographer
    from dancenet.vae import VAE

    page = table(ROOT / "docs/presets.md", "## What each costs")
    for name, preset in VAE_PRESETS.items():
        vae, choreographer = VAE(preset, 120, 208, 3), Choreographer(CHOREOGRAPHER_PRESETS[name])
        counted = [part.count_params() for part in (vae.encoder, vae.decoder, choreographer)]
        assert page[name][1:4] == [str(count) for count in counted], f"{name}: {counted}"


def test_the_readme_has_a_picture_and_nothing_left_to_fill_in():
    text = README.read_text(encoding="utf-8")
    assert "![" in text.split("\n## ")[0]
    assert "<!--" not in text


def test_the_library_is_five_lines():
    [block] = fenced(README, "python")
    assert len(block.splitlines()) == 5


def write_song(path: Path) -> None:
    """Forty seconds of the built-in dancer's music."""
    from dancenet.dancer import soundtrack

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mp3", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(soundtrack(40.0, 112.0, 1)[None], format="fltp", layout="mono")
        frame.sample_rate = 44100
        resampler = av.AudioResampler("fltp", "mono", 44100, frame_size=stream.frame_size or 1152)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the films that the README names, and small ones where the demo looks for its own."""
    from dancenet.dancer import write_video

    folder = tmp_path_factory.mktemp("readme")
    films = ["solo.mp4", "unseen.mp4", "takes/a.mp4", "takes/b.mp4"]
    films += [f"out/demo/training/dancer{take + 1}.mp4" for take in range(FILMS)]
    options = DancerOptions(minutes=0.1, width=104, height=60, fps=15)
    write_video(folder / films[0], options)
    write_song(folder / "song.mp3")
    for film in films[1:]:
        (folder / film).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / films[0], folder / film)
    return folder


def opened(arguments: list[str], folder: Path) -> str:
    """The page of a studio, which would be open for ever and is interrupted."""
    command = [sys.executable, "-m", "dancenet", *arguments]
    studio = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
    try:
        with urllib.request.urlopen(studio.stdout.readline().strip(), timeout=60) as answer:
            return answer.read().decode()
    finally:
        studio.send_signal(signal.SIGINT)
        assert studio.wait(timeout=60) in (0, 130)


@pytest.fixture(scope="module")
def walked(folder) -> dict[str, str]:
    """What each of the README's commands printed, carried out in order by one process, made smaller."""
    said = {}
    for line in shell_lines(README):
        if (arguments := as_dancenet(line)) is None or line in said:
            continue
        command, size = command_of(arguments), SMALL_FRAMES.get(command_of(arguments), "").split()
        arguments = [command, *size, *arguments[1:]] if size else arguments
        arguments = [*arguments, *SMALLER.get(command, "").split()]
        if command == "studio":
            said[line] = opened(arguments, folder)
            continue
        both = io.StringIO()
        out, err = contextlib.redirect_stdout(both), contextlib.redirect_stderr(both)
        few = mock.patch("dancenet.demo.TAKES", FILMS)
        with fewer_dances(), few, contextlib.chdir(folder), out, err, pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        said[line] = both.getvalue()
        assert not stop.value.code, f"{line}\n{said[line]}"
    return said


@pytest.mark.slow
def test_the_commands_of_the_readme_run(walked, folder):
    assert len(walked) >= 15
    made = {out for line in walked for out in re.findall(r"--out (\S+)", line)}
    many = {out for out in made if any(f"{out} " in line and "--takes" in line for line in walked)}
    for out in made - many:
        assert (folder / out).stat().st_size > 500, out
    assert many
    for out in many:
        assert len(list(folder.glob(out.replace(".mp4", "-?.mp4")))) == 3


@pytest.mark.slow
def test_another_seed_trains_nothing_and_is_another_dance(walked, folder):
    [line] = [line for line in walked if "second.mp4" in line]
    assert walked[line].count("is finished") >= 2  # the VAE and the choreographer
    first, second = (np.load(folder / f"{name}.latents.npz")["latents"] for name in ("dance", "second"))
    assert first.shape == second.shape
    assert not np.allclose(first, second)


@pytest.mark.slow
def test_results_lie_where_the_readme_says(walked, folder):
    part = README.read_text(encoding="utf-8").split("## Where results lie")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    paths = [path for row in rows for path in re.findall(r"`([^`]+)`", row.split("|")[1])]
    inner = [f"out/demo/{path}" for path in re.findall(r"`([^`]+)`", rows[-1].split("|")[2])]
    assert len(paths) + len(inner) >= 10
    for path in [*paths, *inner]:
        assert list(folder.glob(path)), path


@pytest.mark.slow
def test_the_library_block_runs(walked, folder):
    [block] = fenced(README, "python")
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        exec(compile(block, "README.md", "exec"), {})
    *frames, latents = said.getvalue().splitlines()
    assert frames == ["(128, 96, 3)"] * 300
    steps, size = map(int, re.findall(r"\d+", latents))
    assert size == 128
    # ten seconds at 15 poses a second and at the run's pace, and a pose beyond the end for the smooth path
    assert 150 * SLOWEST <= steps <= 150 * FASTEST + 3


@pytest.mark.slow
def test_the_notebook_runs(walked, folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "jupyter"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells), "kept without outputs, which age"
    place = folder / "docs/notebook"
    place.mkdir(parents=True)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(place)}}).execute()
    shape = re.fullmatch(r"\((\d+), 128\)", cells[0].outputs[-1]["data"]["text/plain"])
    assert 150 * SLOWEST <= int(shape[1]) <= 150 * FASTEST + 3
    pictures = [out for cell in cells for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 3
    [same] = [out["text"] for cell in cells for out in cell.outputs if out.get("text", "").startswith("True")]
    assert same.split() == ["True", "False"]
    assert (folder / "out/notebook/dance.mp4").stat().st_size > 1000
