"""`descenso train`: what it prints, on which stream, and its exit codes."""

import contextlib
import io
import json
import os
import pty
import re
import signal
import subprocess

import pytest
from pexpect import fdpexpect

import descenso as ds
from shell import SECONDS, descenso, environment, running

KEYS = {"run", "engine", "dtype", "seed", "epochs", "costs", "test_accuracy", "compile_seconds", "train_seconds",
        "outcome"}  # fmt: skip
EPOCH = r"\[(\d+)\] cost: (\d+\.\d+(?:e-\d+)?)"


def epochs_of(lines):
    """Return [(epoch, cost), …]; each line must be an epoch's."""
    matches = [re.fullmatch(EPOCH, line) or pytest.fail(f"no epoch's line: {line}") for line in lines]
    return [(int(match[1]), float(match[2])) for match in matches]


def test_prints_one_line_an_epoch_and_how_it_ended(trained):
    run = ds.open_run(trained.folder / "first")
    lines = trained.process.stdout.splitlines()
    assert trained.process.returncode == 0
    assert epochs_of(lines[:3]) == [
        (epoch, pytest.approx(cost, rel=1e-9)) for epoch, cost in enumerate(run.history.costs)
    ]
    assert lines[3] == "Training finished!"
    assert lines[4] == f"Test accuracy: {run.test_accuracy:.4f}"
    assert re.fullmatch(r"Trained in \d+\.\d\d s, compiled in \d+\.\d\d s \(compiled, float32\)", lines[5])
    assert lines[-2:] == ["Run: first", "Pictures: first/plots"]


def test_nothing_of_tensorflow_reaches_the_user(trained):
    assert trained.process.stderr == ""
    assert not re.search("tensorflow|onednn|cpu|cuda", trained.process.stdout, re.IGNORECASE)


def test_keeps_a_run_directory(trained):
    kept = {str(path.relative_to(trained.folder / "first")) for path in (trained.folder / "first").rglob("*")}
    assert {"config.json", "environment.json", "status.json", "history.jsonl", "model/weights.safetensors",
            "plots/loss.png", "plots/templates.png"} <= kept  # fmt: skip


@pytest.mark.slow
def test_json_of_a_run_repeated_from_its_config(trained, tmp_path):
    """The same settings give bitwise equal costs in another process; standard output holds only the JSON object."""
    first = trained.folder / "first"
    process = descenso(
        "train", "--config", first / "config.json", "--out", "again", "--json", "--lang=es", cwd=tmp_path
    )
    answer = json.loads(process.stdout)
    assert process.returncode == 0
    assert process.stdout.count("\n") == 1
    assert answer.keys() >= KEYS
    assert answer["costs"] == ds.open_run(first).history.costs
    assert (answer["run"], answer["outcome"], answer["epochs"], answer["seed"]) == ("again", "completed", 3, 0)
    assert (answer["engine"], answer["dtype"]) == ("compiled", "float32")
    assert [epoch for epoch, _ in epochs_of(process.stderr.splitlines())] == [0, 1, 2]


@pytest.mark.slow
def test_speaks_spanish_where_the_environment_does(here):
    flags = ("--engine", "eager", "-e", 1, "-b", 20, "--validation-size", 40, "--dtype", "float64")
    process = descenso("train", "digits", "-m", "softmax", *flags, cwd=here, LANG="es_ES.UTF-8")
    lines = process.stdout.splitlines()
    assert (process.returncode, process.stderr) == (0, "")
    assert re.fullmatch(EPOCH + r", validación \d+\.\d{4}, exactitud [01]\.\d{4}", lines[0])
    assert lines[1] == "¡Entrenamiento finalizado!"
    assert re.fullmatch(r"Exactitud en prueba: [01],\d{4}", lines[2])
    assert re.fullmatch(r"Exactitud en validación: [01],\d{4}", lines[3])
    assert "Ejecución: runs/digits-softmax-001" in lines


@pytest.mark.slow
def test_divergence_is_said_in_one_line_and_by_the_exit_code(here):
    flags = ("--engine", "graph", "--loss", "naive", "-r", 1e6, "-b", 20)
    process = descenso("train", "digits", "-m", "softmax", *flags, "--out", "run", cwd=here)
    assert process.returncode == 8
    assert process.stderr == (
        "descenso: diverged: the cost stopped being finite at epoch 0, step 1; "
        "the naive loss takes the logarithm of 0; try --loss cross_entropy\n"
    )
    assert re.search(r"^\[0\] cost: (nan|inf)\nTrained in ", process.stdout, re.MULTILINE)
    assert "Training finished!" not in process.stdout
    assert ds.open_run(here / "run").outcome == "diverged"


CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
FLAGS = {signal.SIGINT: [], signal.SIGTERM: ["--json"]}


@pytest.fixture(scope="module")
def interrupted(trained):
    """By signal: exit code, text of the stream with the epochs, text of the other one. The runs train concurrently."""
    with contextlib.ExitStack() as both:
        processes = {}
        for number, flags in FLAGS.items():
            other = both.enter_context((trained.folder / f"{number.name}.txt").open("w"))
            talking, quiet = ("stderr", "stdout") if flags else ("stdout", "stderr")
            streams = {talking: subprocess.PIPE, quiet: other}
            command = (
                "train",
                "digits",
                "-m",
                "softmax",
                "-e",
                1_000_000,
                "--engine",
                "function",
                "--out",
                number.name,
            )
            processes[number] = both.enter_context(running(*command, *flags, cwd=trained.folder, **streams))
        ended = {}
        for number, process in processes.items():
            talking = process.stderr if FLAGS[number] else process.stdout
            lines = []
            while not lines or not lines[-1].startswith("[0]"):
                lines.append(next(talking))
            process.send_signal(number)
            lines += talking
            code = process.wait(SECONDS)
            ended[number] = code, lines, (trained.folder / f"{number.name}.txt").read_text()
        return ended


@pytest.mark.slow
@pytest.mark.parametrize("number", list(CODES), ids=lambda number: number.name)
def test_a_signal_leaves_a_usable_run(trained, interrupted, number):
    code, lines, other = interrupted[number]
    run = ds.open_run(trained.folder / number.name)
    done = len(run.history.costs)
    said = f"descenso: interrupted after {done} of 1000000 epochs; to go on: descenso resume {number.name}\n"
    assert code == CODES[number]
    assert (run.outcome, run.status["signal"], run.status["epochs_done"]) == ("interrupted", number, done)
    assert ds.evaluate(run.path)[0].accuracy == run.test_accuracy
    if FLAGS[number]:
        assert json.loads(other)["outcome"] == "interrupted"
        assert lines[-1] == said
        epochs_of(line.rstrip() for line in lines[1:-1])  # the first line says which epochs are shown
    else:
        assert other == said
        assert "Training finished!\n" not in lines
        assert f"[{done - 1}] cost: {run.history.costs[-1]:.10g}\n" in lines


@pytest.mark.slow
def test_shows_a_live_bar_on_a_terminal(here):
    """On a pseudo-terminal the bar shows cost, speed and time left; at the end the lines stay and the bar is gone."""
    terminal, end = pty.openpty()
    command = ("train", "digits", "-m", "softmax", "-e", 500, "--out", "run", "--engine", "function")
    variables = environment(TERM="xterm-256color", COLUMNS="120", NO_COLOR="1")
    with running(*command, cwd=here, env=variables, stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        screen, seen = fdpexpect.fdspawn(terminal, timeout=SECONDS, encoding="utf-8"), io.StringIO()
        screen.logfile_read = seen
        screen.expect("Starting TensorFlow")
        screen.expect(r"Training[^\r\n]* (\d+)/500  cost \d\.\d{6}  [\d.e+]+ epochs/s  \d:\d\d:\d\d")
        first = int(screen.match[1])  # epochs done: none, if the bar is seen during the first one
        screen.expect(r"Training[^\r\n]* ([1-9]\d*)/500  cost ")
        assert first <= int(screen.match[1]) <= 500
        screen.expect("Training finished!")
        screen.expect("Pictures: run/plots")
        process.wait(SECONDS)
    os.close(terminal)
    assert process.returncode == 0
    lines = re.findall(rf"^{EPOCH}\r$", seen.getvalue().replace("\x1b[2K", "\n"), re.MULTILINE)
    assert [int(epoch) for epoch, _ in lines] == [*range(0, 500, 20), 499]
    assert "━" not in seen.getvalue().partition("Training finished!")[2]
    assert "tensorflow" not in seen.getvalue().lower().replace("starting tensorflow", "")
