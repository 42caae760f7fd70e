"""The commands `descenso explain` and `descenso port`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import scripts
from descenso.cli.tf1 import explain, port
from descenso.errors import DataError
from descenso.tf1.explain import LESSONS

DOCS = Path(__file__).parents[2] / "docs"


def run(command, *words, **given):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(words), **given)


@pytest.fixture(autouse=True)
def wide(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


def test_an_answer_for_a_person():
    ended = run(explain, "Incompatible shapes: [100] vs. [100,10]")
    assert ended.exit_code == 0
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "one-hot", "What it means", "Cause", "What works today", "It may also be: shapes",
    ]  # fmt: skip
    assert "  y = tf.one_hot(labels, 10)" in lines
    assert "tf.train.AdamOptimizer becomes tf.keras.optimizers.Adam(" in run(explain, "tf.train.AdamOptimizer").stdout


@pytest.mark.parametrize("words", [[], ["-"]])
def test_a_traceback_is_piped(words):
    given = b"\xff" * 200000 + b"\nAttributeError: module 'tensorflow' has no attribute 'Session'\n"
    ended = run(explain, "--json", *words, input=given)
    (answer,) = json.loads(ended.stdout)["lessons"]
    assert (ended.exit_code, answer["lesson"]) == (0, "session")
    assert answer["named"] == {"symbol": "Session", "instead": "nothing: operations run at once"}
    assert answer.keys() == {"lesson", "means", "why", "code", "named"}


def test_an_unknown_message():
    message = "my placeholder 'x' of shape (None, 784) is sad"
    ended = run(explain, message)
    assert ended.exit_code == 1
    first, *lines = ended.stdout.splitlines()
    assert first == "There is no lesson on this message."
    assert "In the message: shapes (None, 784); names x" in lines
    assert "placeholder" in ended.stdout
    assert "score" in ended.stdout
    answer = json.loads(run(explain, "--json", message).stdout)
    assert answer["recognised"] == {"shapes": ["(None, 784)"], "types": [], "names": ["x"]}
    assert [each.keys() for each in answer["nearest"]] == [{"lesson", "score", "means"}] * 3
    ended = run(explain, "--json", "\x1b[2J")
    nothing = {"shapes": [], "types": [], "names": []}
    assert json.loads(ended.stdout) == {"word": None, "lessons": [], "nearest": [], "recognised": nothing}


def test_a_known_message_is_answered_with_what_was_found_in_it():
    ended = run(explain, "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [2,3] vs. shape[1] = [2,4]")
    assert ended.exit_code == 0
    assert ended.stdout.startswith("merge-shapes")
    assert "In the message: shapes [2,3], [2,4]" in ended.stdout


def test_nothing_reaches_the_terminal_as_a_command():
    ended = run(explain, "Attempting to use uninitialized value \x1b[2J\x07\u202eV")
    assert ended.exit_code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(ended.stdout)
    Path("\x1b[2J.py").write_text("import tensorflow as tf\ntf.log\u00aa\ntf.log('\u202e').x")
    ended = run(port, "\x1b[2J.py")
    assert not {"\x1b", "\u202e"} & set(ended.stdout)


def test_the_list():
    shown = run(explain, "--list").stdout
    assert {lesson.name for lesson in LESSONS} <= set(re.findall(r"[\w-]+", shown))
    listed = json.loads(run(explain, "--list", "--json").stdout)["lessons"]
    assert [each["lesson"] for each in listed] == [lesson.name for lesson in LESSONS]


def test_a_script_for_a_person():
    Path("old.py").write_text(scripts.SOFTMAX)
    ended = run(port, "old.py")
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "old.py: calls that are gone or changed: 16"
    assert lines[2:5] == [
        "      3  from tensorflow.examples.tutorials.mnist import input_data",
        "         → tf.keras.datasets.mnist",
        "      5  input_data.read_data_sets         → tf.keras.datasets.mnist.load_data()",
    ]
    start = lines.index("line 16: a training run, as a command of descenso:") + 2
    written = "\n".join(lines[start : start + 3])
    assert re.sub(r" \\\n +", " ", written).strip() == scripts.SOFTMAX_COMMAND


def test_what_is_not_read_is_said():
    Path("old.py").write_text(scripts.SOFTMAX.replace("rate = 0.01", "rate = float(input())"))
    shown = run(port, "old.py").stdout
    assert "    --learning-rate LEARNING_RATE " in shown
    assert "  LEARNING_RATE was not read: line 6, float(input()): no number that can be read\n" in shown
    Path("old.py").write_text(scripts.CONVOLUTION)
    shown = run(port, "old.py").stdout
    assert "line 10: a gradient, but not of a model that descenso has." in shown
    assert "  MODEL was not read: line 7, tf.layers.flatten(" in shown


def test_json_and_exit_codes():
    Path("old.py").write_text(scripts.SOFTMAX)
    Path("new.py").write_text(scripts.TAPE)
    Path("broken.py").write_text("print 'a'")
    old, new = (run(port, name, "--json") for name in ("old.py", "new.py"))
    assert (old.exit_code, new.exit_code) == (1, 0)
    answer = json.loads(old.stdout)
    assert answer["findings"][0] == {
        "cell": None, "line": 3, "place": "3", "call": "from tensorflow.examples.tutorials.mnist import input_data",
        "symbol": "examples.tutorials.mnist.input_data", "instead": "tf.keras.datasets.mnist", "lesson": "tutorials",
    }  # fmt: skip
    assert answer["descents"][0]["command"] == scripts.SOFTMAX_COMMAND
    answer = json.loads(new.stdout)
    assert (answer["file"], answer["findings"]) == ("new.py", [])
    assert answer["descents"][0]["settings"]["order"] == "buffer:10000"
    broken = run(port, "broken.py")
    assert isinstance(broken.exception, DataError)


def test_in_a_shell():
    """The installed commands, in both languages, without importing TensorFlow."""
    Path("old.py").write_text("print 'a'")

    def descenso(*words):
        command = [sys.executable, "-m", "descenso", *words]
        return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)

    ended = descenso("port", "old.py")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert (
        ended.stderr
        == "descenso: old.py: line 1 is Python 2 (print 'a'); bring it to Python 3 first, as with print(…)\n"
    )
    spanish = descenso("explain", "tf.log", "--lang", "es")
    assert spanish.returncode == 0
    assert "Qué significa\n" in spanish.stdout
    code = """
import sys
from descenso.cli import main
try:
    main()
finally:
    assert not {"tensorflow", "keras", "numpy", "matplotlib"} & set(sys.modules)
"""
    for words in (["explain", "tf.log"], ["port", "--help"]):
        ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr


def test_the_page_of_the_manual():
    """The output of each command on the page contains the lines that the page shows."""
    page = (DOCS / "porting.md").read_text(encoding="utf-8")
    for block in re.findall(r"```\n(.*?)```", page, re.DOTALL):
        command, *shown = block.splitlines()
        if "--run" in command:  # tested in test_run_programs.py
            continue
        _sign, _descenso, name, *words = command.split(maxsplit=3)
        if name == "port":
            Path(words[0]).write_text(scripts.SOFTMAX)
        said = run({"explain": explain, "port": port}[name], *(word.strip('"') for word in words)).stdout.splitlines()
        assert shown
        assert [line for line in shown if line != "…" and line not in said] == []
