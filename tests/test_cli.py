"""The command line: what each command takes, hands on, shows and refuses."""

import errno
import importlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from conftest import ROOT, outcome
from films import walker, write

import dancenet
from dancenet import cli, console, demo
from dancenet.commands import COMMANDS
from dancenet.config import DanceOptions, DancerOptions, FrameOptions, InterpolateOptions, TrainOptions
from dancenet.errors import DancenetError
from dancenet.runs import Run, write_json

HEAVY = ("tensorflow", "keras", "scipy", "cv2", "av", "sklearn", "tensorflow_probability", "numpy")
LEAVES = [
    (name, *inner)
    for name, kind in COMMANDS.items()
    for inner in ([(word,) for word in kind] if isinstance(kind, dict) else [()])
]


@pytest.fixture
def workflows(monkeypatch):
    """Stand-ins for training, joint and generation that note what they were called with."""
    calls = []

    def noting(name, result):
        def called(*arguments, **named):
            calls.append((name, arguments, named))
            return result

        return called

    def stage(name):
        return {"stage": name, "seconds": 61.0, "figures": {"score": 1.0, "psnr_db": 20.5}}

    joint = {"after": {"holds": False}}  # as finetune_joint tells why it was not kept
    stages = {name: stage(name) for name in ("vae", "latents", "choreographer", "joint")}
    fakes = {
        "training": SimpleNamespace(
            train_vae=noting("vae", stages["vae"]), encode_latents=noting("latents", stages["latents"]),
            train_choreographer=noting("choreographer", stages["choreographer"]),
            train_all=noting("all", stages),
        ),
        "stages.joint": SimpleNamespace(
            finetune_joint=noting("joint", {**stages["joint"], "kept": False, "figures": joint})
        ),
        "rendering": SimpleNamespace(
            write_dance=noting("dance", ["a-1.mp4", "a-2.mp4"]),
            interpolate=noting("interpolate", "path.mp4"),
            reconstruct=noting("reconstruct", {"foreground_psnr_db": 20.71}),
        ),
    }  # fmt: skip
    for name, fake in fakes.items():
        monkeypatch.setitem(sys.modules, f"dancenet.{name}", fake)
        folder, _, module = name.rpartition(".")
        package = importlib.import_module(f"dancenet.{folder}") if folder else dancenet
        monkeypatch.setattr(package, module, fake, raising=False)
    for module in ("dancenet.commands.train", "dancenet.commands.generate", "dancenet.demo"):
        monkeypatch.setattr(f"{module}.load_tensorflow", lambda: None)
    return calls


# --- parsing ---------------------------------------------------------------------------------------------


def test_frames_takes_what_the_manual_says():
    line = (
        "frames a.mp4 b --run r --images i --fresh --width 96 --height 128 --fps 12.5 --gray --silhouette "
        "--foreground knn --fit follow --start 1 --end 9"
    )
    command = cli.parse(line.split())
    assert [path.name for path in command.inputs] == ["a.mp4", "b"]
    assert (command.run.name, command.images.name, command.fresh, command.quiet) == ("r", "i", True, False)
    assert command.frame == FrameOptions(96, 128, 12.5, True, True, "knn", "follow", 1.0, 9.0)


def test_an_empty_argument_is_a_variable_that_is_not_set():
    with pytest.raises(DancenetError, match=r"argument 3 is empty, after --run.*variable"):
        cli.parse(["info", "--run", ""])
    with pytest.raises(DancenetError, match="argument 1 is empty"):
        cli.parse([""])


def test_every_stage_takes_every_training_option():
    options = "--preset tiny --minutes 1.5 --seed 3 --learning-rate 0.001 --fresh".split()
    for stage in ("vae", "choreographer", "joint", "sharpen", "all"):
        command = cli.parse(["train", stage, "--run", "r", *options])
        assert command.training == TrainOptions("tiny", 1.5, None, 3, 0.001, True)
    assert cli.parse("train vae --run r --epochs 7".split()).training.epochs == 7
    assert cli.parse("train latents --run r --fresh".split()).fresh


def test_generation_takes_what_the_manual_says():
    line = (
        "generate dance --run r --out d.mp4 --seconds 5 --fps 60 --temperature 0.1 --stray 0 --seed 7 "
        "--start a#2:1.5 --takes 3 --scale 2"
    )
    assert cli.parse(line.split()).dance == DanceOptions(5.0, 60.0, 0.1, 0.0, 7, "a#2:1.5", 3, 2.0)
    line = "generate interpolate --run r --out d.mp4 --stops a:1 2:3.5 --seconds 3 --fps 25 --scale 2"
    assert cli.parse(line.split()).path == InterpolateOptions(("a:1", "2:3.5"), 3.0, 25.0, 2.0)
    line = "dancer --out d.mp4 --minutes 1 --tempo 96 --seed 2 --silhouette"
    assert cli.parse(line.split()).dancer == DancerOptions(1.0, 96.0, 2, True)


def test_new_and_demo_split_their_options():
    line = "new a.mp4 --run r --out d.mp4 --minutes 2 --preset tiny --seconds 5 --seed 4 --fit crop --start 2"
    command = cli.parse(line.split())
    assert command.options() == (TrainOptions("tiny", minutes=2.0), DanceOptions(seconds=5.0, seed=4))
    assert (command.frame.fit, command.frame.start) == ("crop", 2.0)
    training, dance = cli.parse("demo --seconds 5 --seed 4 --preset tiny --minutes 0.1".split()).options()
    assert (training.minutes, training.seed, dance.seed, dance.seconds) == (0.1, 0, 4, 5.0)
    assert cli.parse(["demo"]).out.as_posix() == "out/demo"


def test_the_demo_trains_until_it_is_fair_unless_minutes_are_asked_for(monkeypatch):
    told = []
    monkeypatch.setattr(
        demo, "run_demo", lambda _, training, *__, least_steps: told.append((training, least_steps))
    )
    for line in ("demo", "demo --minutes 2"):
        cli.parse(line.split()).execute(None)
    (usual, most), (brief, none) = told
    assert (usual.minutes, most) == (demo.MINUTES, demo.LEAST_STEPS)
    assert (brief.minutes, none) == (2.0, {})


def test_least_steps_are_of_the_stages_that_have_all_of_the_minutes(monkeypatch):
    from dancenet import training
    from dancenet.stages import joint, sharpening

    told = {}

    def noting(stage):
        def made(run, options, progress):
            told[stage] = options.least_steps
            return {"network": {"name": "small"}}

        return made

    for module, name in (
        (training, "train_vae"), (training, "train_choreographer"), (joint, "finetune_joint"),
        (sharpening, "sharpen"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, noting(name))
    monkeypatch.setattr(training, "encode_latents", lambda *_, **__: {})
    monkeypatch.setattr(training, "load_frames", lambda run: None)
    monkeypatch.setattr(training, "split_takes", lambda _: ([range(1000)], []))
    training.train_all(None, TrainOptions(minutes=1.0, least_steps=7), least_steps={"vae": 9})
    assert told == {"train_vae": 9, "train_choreographer": 7, "finetune_joint": 0, "sharpen": 0}


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_quiet_is_taken_before_and_after(words):
    needed = {"--run": "r", "--out": "o.mp4", "--video": "v.mp4", "--pose": "a:1"}
    manual = help_of(words)
    given = [
        part
        for flag in needed
        if re.search(rf"{flag} [^│]*\(required\)", manual)
        for part in (flag, needed[flag])
    ]
    given += {
        ("music",): ["song.mp3"],
        ("explore", "path"): ["--through", "a:1", "a:2"],
        ("explore", "grid"): ["--corners", "a:1", "a:2"],
        ("explore", "invert"): ["--at", "a:1"],
        ("generate", "continue"): ["--after", "a:1"],
        ("generate", "between"): ["--keys", "1=a:1"],
        ("generate", "vary"): ["--phrase", "a:1-2"],
        ("generate", "blend"): ["--phrases", "a:1-2", "a:3-4"],
        ("generate", "score"): ["piece.toml"],
        ("generate", "transfer"): ["--video", "v.mp4", "--dancer", "anna"],
    }.get(words, [])
    assert not cli.parse([*words, *given]).quiet
    assert cli.parse(["--quiet", *words, *given]).quiet
    assert cli.parse([*words, *given, "--quiet"]).quiet


# --- the manual ------------------------------------------------------------------------------------------


def help_of(words) -> str:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as stop:
        cli.main([*words, "--help"])
    assert not stop.value.code
    return said.getvalue()


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_examples_of_the_manual_can_be_typed(words):
    manual = help_of(words)
    examples = [line.split() for line in manual.splitlines() if line.startswith("  dancenet ")]
    assert examples, manual
    for example in examples:
        assert tuple(example[1 : 1 + len(words)]) == words
        cli.parse(example[1:])


@pytest.mark.parametrize("words", [(), ("train",), ("generate",), ("explore",)])
def test_lists_of_commands_name_them_all(words):
    table = COMMANDS
    for word in words:
        table = table[word]
    manual = help_of(words)
    for name, kind in table.items():
        first = "" if isinstance(kind, dict) else kind.__doc__.splitlines()[0].split(",")[0][:30]
        assert re.search(rf"• {name} +{re.escape(first)}", manual), manual


def test_help_is_quick_and_loads_nothing_heavy(command):
    command("--help")  # so that the modules are compiled
    took_s = []
    for _ in range(4):
        begun = time.monotonic()
        said = command("--help").stdout
        took_s.append(time.monotonic() - begun)
    assert "dancenet demo" in said
    probe = (
        "import sys\nfrom dancenet.cli import main\n"
        "try: main(['train', 'vae', '--help'])\nexcept SystemExit: pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"}, check=True,
    )  # fmt: skip
    assert "LOADED []" in done.stdout, done.stdout
    assert min(took_s) < 1.0


def test_version(command, capsys):
    assert command("--version").stdout.strip() == f"dancenet {dancenet.__version__}"
    assert outcome(["train", "vae", "--version"], capsys)[:2] == (0, f"dancenet {dancenet.__version__}\n")


# --- mistakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("", ["expected one of", "demo", "dancenet --help"]),
        ("danse", ["'danse' is no command", "dancer"]),
        ("train", ["expected one of", "choreographer"]),
        ("train everything --run r", ["'train everything' is no command", "all"]),
        ("train vae", ["missing: --run DIR", "dancenet train vae --help"]),
        ("generate dance --run r", ["missing: --out FILE.mp4"]),
        ("music", ["missing: SONG, --out PLOT.png", "dancenet music --help"]),
        ("music song.mp3", ["missing: --out PLOT.png"]),
        ("train vae --run r --preset huge", ["--preset huge", "one of tiny, small, base, classic"]),
        ("demo --preset huge", ["--preset huge", "one of tiny, small, base, classic"]),
        ("frames --run r --fit zoom", ["--fit zoom", "one of letterbox, crop, follow"]),
        ("train vae --run r --minutes soon", ["--minutes soon", "a number"]),
        ("train vae --run r --epochs 1.5", ["--epochs 1.5", "a whole number"]),
        ("frames --run r --width wide", ["--width wide", "a whole number"]),
        ("train vae --run r --minutes -1", ["--minutes -1", "above 0"]),
        ("train vae --run r --minutes 1 --epochs 1", ["--minutes and --epochs", "one of the two"]),
        ("train vae --run r --epochs 1 --least-steps 5", ["--least-steps and --epochs", "one of the two"]),
        ("train vae --run r --least-steps -5", ["--least-steps -5", "0 or more"]),
        ("train vae --run r --colour", ["--colour", "dancenet train vae --help"]),
        ("generate dance --run r --out o.mp4 --seconds -5", ["--seconds -5", "above 0"]),
        ("generate dance --run r --out o.mp4 --seconds nan", ["--seconds nan", "above 0"]),
        ("generate dance --run r --out o.mp4 --fps 0", ["--fps 0", "1 to 240"]),
        ("generate reconstruct --run r --video v --out o.mp4 --scale 0", ["--scale 0", "above 0"]),
        ("generate interpolate --run r --out o.mp4 --stops a:1", ["one --stops", "two or more"]),
        ("new a.mp4 --run r --out o.mp4 --seconds -5", ["--seconds -5", "above 0"]),
        ("demo --minutes 0", ["--minutes 0", "above 0"]),
        ("dancer --out o.mp4 --tempo 1000", ["--tempo 1000", "40 to 240"]),
        ("dancer --out o.mp4 --minutes inf", ["--minutes inf", "above 0"]),
        ("dancer --out o.txt --minutes 0.01", ["o.txt", ".mp4"]),
        ("info --run nowhere", ["no run at nowhere", "dancenet frames"]),
        ("new nowhere.mp4 --run r --out o.avi", ["o.avi", ".mp4"]),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_exit_2(line, parts, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = outcome(line.split(), capsys)
    assert (code, out) == (2, "")
    assert err.startswith("dancenet: error: ")
    assert err.count("\n") == 1, err
    for part in parts:
        assert part in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_disk_errors_from_anywhere_are_one_line(number, workflows, monkeypatch, capsys):
    def fail(*arguments, **named):
        raise OSError(number, os.strerror(number), "runs/r/vae/last.npz")

    monkeypatch.setattr(sys.modules["dancenet.training"], "train_vae", fail)
    code, _, err = outcome("train vae --run runs/r".split(), capsys)
    assert code == 2
    assert err.count("\n") == 1
    assert "last.npz" in err


def test_other_exceptions_keep_their_traceback(workflows, monkeypatch):
    def fail(*arguments, **named):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(sys.modules["dancenet.training"], "train_vae", fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        cli.main("train vae --run r".split())


def test_a_missing_system_library_is_named(workflows, monkeypatch, capsys):
    def fail(*arguments, **named):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(sys.modules["dancenet.training"], "train_vae", fail)
    code, _, err = outcome("train vae --run r".split(), capsys)
    assert code == 2
    assert "apt-get install libgl1" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train all --run r", "; the same command goes on"),
        ("new a.mp4 --run r --out o.mp4 --fresh", "; without --fresh the same command goes on"),
        ("--quiet demo", "; the same command goes on"),
        ("frames demo --run train", "; the same command goes on"),
        ("generate dance --run train --out o.mp4", "; nothing half-written is left"),
        ("generate dance --run r --out o.mp4", "; nothing half-written is left"),
    ],
)
def test_an_interruption_says_what_will_help(words, said):
    assert cli._how_to_go_on(words.split()) == said


def test_ctrl_c_ends_in_one_line_and_leaves_nothing(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "dancenet", "dancer", "--out", "long.mp4", "--minutes", "4"],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # a shell's background job, such as a CI's, ignores Ctrl-C, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    limit = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < limit:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; nothing half-written is left" in err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


# --- what commands hand on and show ------------------------------------------------------------------------


def test_stages_get_run_and_options(workflows, capsys):
    code, out, err = outcome("train vae --run r --preset tiny --epochs 2".split(), capsys)
    name, (run, options, _), _ = workflows[0]
    assert (code, name, run.path.name, options) == (0, "vae", "r", TrainOptions("tiny", epochs=2))
    assert out.strip() == str(run / "vae.json")
    assert "vae: done in 1 min 1 s · psnr 20.5 dB" in err
    outcome("train latents --run r --fresh".split(), capsys)
    assert workflows[1][2]["fresh"] is True
    _, out, _ = outcome("train all --run r".split(), capsys)
    assert len(out.splitlines()) == 4
    assert "not kept: it did not hold" in outcome("train joint --run r".split(), capsys)[2]


def test_generation_prints_where_results_lie(workflows, capsys):
    assert outcome("generate dance --run r --out a.mp4 --takes 2".split(), capsys)[1] == "a-1.mp4\na-2.mp4\n"
    _, out, err = outcome("generate reconstruct --run r --video v.mp4 --out b.mp4".split(), capsys)
    assert (out, err) == ("b.mp4\n", "foreground psnr 20.71 dB\n")
    assert outcome("generate interpolate --run r --out p.mp4".split(), capsys)[1] == "path.mp4\n"


def test_quiet_leaves_results_and_errors(workflows, monkeypatch, capsys):
    def chatty(run, options, progress):
        logging.getLogger("dancenet.training").warning("several people")
        progress("VAE · loss 1", 1, 2)
        return {"stage": "vae", "figures": {}}

    monkeypatch.setattr(sys.modules["dancenet.training"], "train_vae", chatty)
    _, out, err = outcome("train vae --run r".split(), capsys)
    assert "warning: several people\n" in err
    _, quiet_out, quiet_err = outcome("train vae --run r --quiet".split(), capsys)
    assert (quiet_out, quiet_err) == (out, "")
    assert outcome("--quiet info --run nowhere".split(), capsys)[2].startswith("dancenet: error: ")


def test_new_does_frames_training_and_dance(workflows, tmp_path, capsys):
    film = write(tmp_path / "walk.mp4", walker(30))
    line = [
        "new",
        film,
        "--run",
        tmp_path / "r",
        "--out",
        tmp_path / "o/d.mp4",
        "--minutes",
        "2",
        "--seed",
        "5",
    ]
    code, out, err = outcome([*line, "--width", "64", "--height", "48", "--preset", "tiny"], capsys)
    assert code == 0, err
    assert [call[0] for call in workflows] == ["all", "dance"]
    assert workflows[0][1][1] == TrainOptions("tiny", minutes=2.0)
    assert workflows[1][1][1:3] == (tmp_path / "o/d.mp4", DanceOptions(seconds=20.0, seed=5))
    assert json.loads((tmp_path / "r/frames.json").read_text())["size"] == [48, 64, 3]
    assert out.splitlines()[-2:] == ["a-1.mp4", "a-2.mp4"]


def test_new_looks_at_its_output_before_it_works(workflows, tmp_path, capsys):
    film = write(tmp_path / "walk.mp4", walker(30))
    (tmp_path / "taken").write_text("a file")
    line = ["new", film, "--run", tmp_path / "r", "--out", tmp_path / "taken/d.mp4"]
    assert outcome(line, capsys)[0] == 2
    assert not (tmp_path / "r").exists()
    assert workflows == []


def test_of_the_demo_films_one_in_six_validates(tmp_path, monkeypatch):
    from dancenet import dancer
    from dancenet.frames import extract, takes_for_validation

    made = []

    def film(path, options, progress):
        made.append(options)
        progress("drawing the dancer", 1, 1)
        path.parent.mkdir(exist_ok=True)
        write(path, walker(30, seed=options.seed))

    monkeypatch.setattr(dancer, "write_video", film)
    quiet = console.Console(quiet=True)
    films = demo.film_dancer(tmp_path / "training", quiet)
    assert demo.film_dancer(tmp_path / "training", quiet) == films  # what is there stays
    assert len(made) == demo.TAKES
    assert len({options.seed for options in made}) == demo.TAKES
    assert {options.tempo for options in made} == set(demo.TEMPOS)
    packed = extract(films, Run(tmp_path / "run"), FrameOptions(width=32, height=32))
    assert len(takes_for_validation(packed.clips)) == demo.TAKES // 6


def test_demo_sheet_shows_the_whole_video(tmp_path):
    from dancenet.media.pictures import read_image

    film = write(tmp_path / "walk.mp4", walker(60))
    demo.draw_sheet(film, tmp_path / "walk.png", seconds=4.0)
    height, width, _ = read_image(tmp_path / "walk.png").shape
    assert width > 8 * 96
    assert height > 5 * 64


def test_load_is_lazy():
    assert "load" in dancenet.__all__
    with pytest.raises(AttributeError, match="nothing"):
        _ = dancenet.nothing


def test_usage_errors_carry_the_three_parts():
    with pytest.raises(DancenetError) as caught:
        cli.parse("train vae --run r --preset huge".split())
    error = caught.value
    assert (error.received, error.mend) == ("--preset huge", "see: dancenet train vae --help")
    assert error.expected == "one of tiny, small, base, classic"


def test_demo_does_not_dance_the_same_dance_twice(tmp_path):
    run, video, dance = Run(tmp_path / "run"), tmp_path / "dance.mp4", DanceOptions(seconds=2.0, seed=3)
    for stage in ("frames", "vae", "latents", "choreographer", "joint"):
        run.write(stage, {})
    assert not demo._danced_already(video, run, dance)
    for name in ("dance.mp4", "dance.png"):
        (tmp_path / name).write_bytes(b"made")
    time.sleep(0.02)
    write_json(tmp_path / "dance.json", {"dance": {**vars(dance), "joint": False}})
    assert demo._danced_already(video, run, dance)
    assert not demo._danced_already(video, run, DanceOptions(seconds=2.0, seed=4))
    time.sleep(0.02)
    run.write("choreographer", {})
    assert not demo._danced_already(video, run, dance)
