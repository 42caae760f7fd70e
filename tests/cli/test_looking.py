"""Commands that inspect runs, data and the environment: evaluate, runs, plot, data, env; and help."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.colors import to_hex
from PIL import Image

import descenso as ds
from descenso.cli.inference import evaluate
from shell import SECONDS, descenso, environment


@pytest.fixture
def two_runs(trained, tmp_path):
    """Two copies of the run `first`, in `runs`; the second has other costs."""
    for name, factor in (("one", 1), ("two", 2)):
        folder = shutil.copytree(trained.folder / "first", tmp_path / "runs" / name)
        lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        text = "".join(json.dumps({**line, "cost": line["cost"] * factor}) + "\n" for line in lines)
        (folder / "history.jsonl").write_text(text)
    return tmp_path


def answer_of(process):
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.count("\n") == 1
    return json.loads(process.stdout)


def pixels(path):
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def test_evaluate_json(trained, tmp_path):
    """The run records where its data is, so that the command works from another directory."""
    run = ds.open_run(trained.folder / "first")
    answer = answer_of(descenso("evaluate", run.path, "--json", cwd=tmp_path))
    assert answer.keys() >= {"accuracy", "cost", "precision", "recall", "confusion"}
    assert answer["accuracy"] == run.test_accuracy
    assert answer["cost"] == pytest.approx(run.status["test_cost"], rel=1e-6)  # by TensorFlow, then by NumPy
    confusion = np.array(answer["confusion"])
    assert confusion.trace() / confusion.sum() == answer["accuracy"]
    assert len(set(answer["recall"])) > 1  # equal values would not show a wrong order
    assert answer["recall"] == (confusion.diagonal() / confusion.sum(axis=1)).tolist()
    assert list(tmp_path.iterdir()) == []


def test_evaluate_for_a_person(trained, tmp_path, monkeypatch, capsys):
    """Called in this process; `test_evaluate_json` checks that a process prints nothing else."""
    run = ds.open_run(shutil.copytree(trained.folder / "first", tmp_path / "run"))
    monkeypatch.chdir(tmp_path)
    evaluate(Path("run"))
    lines = capsys.readouterr().out.splitlines()
    confusion = ds.evaluate("run")[0].confusion
    assert lines[0] == f"Accuracy: {run.test_accuracy:.4f}, cost: {run.status['test_cost']:.6f}"
    for name, row in enumerate(confusion):
        totals = confusion[:, name].sum(), row.sum()
        shares = [f"{row[name] / total:.4f}" if total else "–" for total in totals]
        assert [str(name), str(row.sum()), *shares] in [re.findall(r"[\w.–]+", line) for line in lines]
    for line, picture in zip(lines[-2:], ("confusion.png", "mistakes.png"), strict=True):
        assert line == f"Picture: run/plots/{picture}"
        assert pixels(tmp_path / "run" / "plots" / picture).std() > 0


def test_runs_lists_what_there_is(two_runs):
    rows = answer_of(descenso("runs", "--json", cwd=two_runs))["runs"]
    costs = ds.open_run(two_runs / "runs" / "one").history.costs
    assert [(row["run"], row["outcome"], row["epochs_done"]) for row in rows] == [
        ("runs/one", "completed", 3), ("runs/two", "completed", 3),
    ]  # fmt: skip
    assert [row["cost"] for row in rows] == [costs[-1], 2 * costs[-1]]
    shown = descenso("runs", cwd=two_runs, COLUMNS="100").stdout
    assert {"one", "two", f"{costs[-1]:.4f}"} <= set(re.findall(r"[\w.]+", shown))
    assert shown.count("completed") == 2


def test_runs_fits_a_narrow_terminal(two_runs):
    """At 60 columns each run takes one line: long names are cut in the middle, and interrupted runs are marked."""
    long = "my-holiday-photos-of-2025-with-a-long-name-007"
    (two_runs / "runs" / "one").rename(two_runs / "runs" / long)
    status = two_runs / "runs" / "two" / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "outcome": "interrupted"}))
    lines = descenso("runs", cwd=two_runs, COLUMNS="60").stdout.splitlines()
    head, _rule, *rows = [line.split() for line in lines if line.strip()]
    assert max(map(len, lines)) <= 60
    assert head == ["run", "data", "model", "rule", "rate", "accuracy"]
    first, second = sorted(rows)
    assert re.fullmatch(r"my-\S*…\S*-007", first[0])
    assert first[1:5] == second[1:5] == ["digits", "softmax", "sgd", "0.02"]
    assert (second[0], second[5]) == ("two", "interrupted")
    wide = descenso("runs", cwd=two_runs, COLUMNS="120").stdout
    assert long in wide
    assert "epochs" in wide
    (row, _) = answer_of(descenso("runs", "--json", cwd=two_runs))["runs"]
    assert row["settings"]["learning_rate"] == 0.02
    assert row["run"] == f"runs/{long}"


def test_runs_of_an_empty_folder(tmp_path):
    process = descenso("runs", cwd=tmp_path)
    assert process.stdout == "There are no runs in runs; make one with `descenso train`.\n"
    assert answer_of(descenso("runs", "--json", cwd=tmp_path)) == {"runs": []}


def test_runs_survives_a_damaged_one(two_runs):
    (two_runs / "runs" / "one" / "config.json").write_text("{")
    rows = answer_of(descenso("runs", "--json", cwd=two_runs))["runs"]
    assert {row["run"]: row["outcome"] for row in rows} == {"runs/one": "damaged", "runs/two": "completed"}


@pytest.mark.slow
def test_plot_draws_one_run_into_it_and_several_on_one_axis(two_runs):
    one, both = (descenso("plot", *words, cwd=two_runs) for words in (["runs/one"], ["runs/one", "runs/two"]))
    assert (one.stdout, one.stderr, one.returncode) == ("runs/one/plots/loss.png\n", "", 0)
    assert (both.stdout, both.stderr, both.returncode) == ("loss.png\n", "", 0)
    named = descenso("plot", "runs/two", "runs/one", "-o", "named.png", cwd=two_runs)
    assert named.stdout == "named.png\n"
    drawn = [pixels(two_runs / name) for name in ("runs/one/plots/loss.png", "loss.png", "named.png")]
    colours = [set((picture.astype(int) @ [65536, 256, 1]).ravel().tolist()) for picture in drawn]
    blue, orange = (int(to_hex(colour)[1:], 16) for colour in rcParams["axes.prop_cycle"].by_key()["color"][:2])
    assert [blue in seen for seen in colours] == [True, True, True]
    assert [orange in seen for seen in colours] == [False, True, True]
    assert not np.array_equal(drawn[1], drawn[2])


def test_data_shows_shapes_classes_and_values(here, tiny):
    about = answer_of(descenso("data", "digits", "--json", "-o", "sheet.png", cwd=here))
    train = about["train"]
    assert (train["inputs_shape"], train["labels_shape"], train["dtype"]) == ([203, 8, 8], [203], "uint8")
    assert (train["minimum"], train["maximum"]) == (tiny.train.inputs.min(), tiny.train.inputs.max())
    assert list(train["rows_per_class"].values()) == np.bincount(tiny.train.labels).tolist()
    assert about["needs_normalisation"] is True
    assert about["sheet"] == "sheet.png"
    assert pixels(here / "sheet.png").std() > 0
    shown = descenso("data", "digits", cwd=here).stdout
    for words in ("203×8×8", "61×8×8", "uint8", "Normalisation: needed", "Samples: digits.png"):
        assert words in shown
    assert (here / "digits.png").is_file()


def test_data_mnist_comes_with_the_package(tmp_path):
    about = answer_of(descenso("data", "mnist", "--json", cwd=tmp_path))
    assert about["train"]["inputs_shape"] == [60000, 28, 28]
    assert about["test"]["rows_per_class"]["0"] == 980
    assert math.isclose(about["input_scale"], 1 / 255)


def test_env_tells_versions(tmp_path):
    found = answer_of(descenso("env", "--json", cwd=tmp_path))
    assert (found["descenso"], found["numpy"]) == (ds.__version__, np.__version__)
    shown = descenso("env", cwd=tmp_path).stdout
    assert np.__version__ in shown
    assert "tensorflow" in shown


AND_TELL = """
import json, runpy, sys
try:
    runpy.run_module("descenso", run_name="__main__", alter_sys=True)
finally:
    print(json.dumps([name for name in ("tensorflow", "keras") if name in sys.modules]), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "train"),
        (["--lang", "es", "--help"], "Entrena"),
        (["train", "--help"], "--learning-rate"),
        (["--version"], ds.__version__),
        (["runs"], "There are no runs"),
        (["train", "mnist", "-b", "60001"], "must be at most the 60000 training rows"),
        (["evaluate", "none"], "there is no run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_waits_for_tensorflow_only_where_it_trains(tmp_path, words, said):
    process = subprocess.run(
        [sys.executable, "-c", AND_TELL, *words], cwd=tmp_path, env=environment(), capture_output=True,
        encoding="utf-8", timeout=SECONDS, check=False,
    )  # fmt: skip
    assert said in process.stdout + process.stderr
    assert json.loads(process.stderr.splitlines()[-1]) == []
