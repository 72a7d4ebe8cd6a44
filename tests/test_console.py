"""Progress, words and the quiet loading of TensorFlow."""

import subprocess
import sys

import pytest
from conftest import ROOT

from dancenet import console


def test_progress_without_a_terminal_is_a_line_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    shown = console.Console()
    for second in range(101):
        now[0] = float(second)
        shown.progress(f"VAE · loss {second}", 100 + second, 200)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[0] == "VAE · loss 20: 60%, 1 min 20 s left"


def test_progress_goes_on_from_file_to_file(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    shown = console.Console()
    for second in range(41):
        now[0] = float(second)
        shown.progress(f"reading {second}.mp4", 10 + second, 110)
    shown.progress("VAE · loss 1", 0, 240)
    now[0] = 70.0
    shown.progress("VAE · loss 1", 60, 240)
    assert capsys.readouterr().err.splitlines() == [
        "reading 20.mp4: 27%, 1 min 20 s left",
        "reading 40.mp4: 45%, 1 min 0 s left",
        "VAE · loss 1: 25%, 1 min 30 s left",
    ]


def test_progress_on_a_terminal_shows_the_time_left(monkeypatch, capsys):
    shown = console.Console()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for part in range(5):
        shown.progress(f"VAE · loss [{part}]", part, 4)
    shown.say("a line between")
    shown.progress("latents", 1, 2)
    shown.close()
    said = capsys.readouterr().err
    assert "VAE · loss [4]" in said
    assert "a line between" in said
    assert "100%" in said


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_duration(seconds, words):
    assert console.duration(seconds) == words


def test_chatter_is_strained_and_errors_stay():
    probe = (
        "import os\nfrom dancenet.console import _without_chatter\n"
        "with _without_chatter():\n"
        "    os.write(2, b'I0000 00:00:1795254265.4 18219 port.cc:153] oneDNN operations are on.\\n')\n"
        "    os.write(2, b'E0000 00:00:1795254278.4 18219 cuda_platform.cc:52] failed call to cuInit\\n')\n"
        "    os.write(2, b'E0000 00:00:1795254278.4 18219 file.cc:52] something real\\n')\n"
        "    os.write(2, b'ImportError: real\\n')\n"
        "    CRASH\n"
        "os.write(2, b'I0000 00:00:1 after\\n')"
    )

    def said(crash):
        done = subprocess.run(
            [sys.executable, "-c", probe.replace("CRASH", crash)], cwd=ROOT, capture_output=True, text=True
        )
        return done.stderr

    lines = said("pass").splitlines()
    assert [line.split("] ")[-1] for line in lines] == [
        "something real",
        "ImportError: real",
        "I0000 00:00:1 after",
    ]
    assert "ImportError: real" in said("os.abort()")
    assert "ValueError: a fault" in said("raise ValueError('a fault')")


def test_start_up_counts_against_the_first_budget_alone():
    code = (
        "from dancenet.console import load_tensorflow; load_tensorflow(); load_tensorflow()\n"
        "from dancenet.machine.hardware import note_start_up, start_up_s\n"
        "note_start_up(2.5); loaded = start_up_s(); print(loaded, start_up_s())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, again = map(float, done.stdout.split())
    assert 2.5 < loaded < 120, "noted, and what TensorFlow took"
    assert again == 0


def test_what_nobody_asks_for_is_not_loaded_and_there_where_it_is():
    code = (
        "import sys; from dancenet.console import load_tensorflow; load_tensorflow()\n"
        "import dancenet.generation, dancenet.rendering, dancenet.dancing.shipped\n"
        "asked = ('keras', 'sklearn', 'matplotlib', 'IPython', 'scipy.signal')\n"
        "print(*(name in sys.modules for name in asked))\n"
        "import matplotlib.figure, sklearn.decomposition; print('there')\n"
        "import gc; print(gc.isenabled(), gc.get_freeze_count() > 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, there, garbage = done.stdout.splitlines()
    assert (loaded, there) == ("True False False False False", "there")
    assert garbage == "True True", "looked for again, but not among what was loaded"


def test_sums_keep_their_order_whoever_loaded_tensorflow():
    for before in ("", "import dancenet.machine.hardware; "):
        done = subprocess.run(
            [sys.executable, "-c",
             f"{before}from dancenet.console import load_tensorflow; load_tensorflow()\n"
             "import tensorflow as tf\n"
             "print(tf.config.optimizer.get_experimental_options()['arithmetic_optimization'])"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.stdout.strip() == "False", done.stderr[-2000:]
