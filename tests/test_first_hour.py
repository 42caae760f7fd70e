"""What a new user types in the first hour, right and wrong, in English and in Spanish, in a terminal and in Python.

Each command ends with its exit code; none prints a traceback, English within Spanish, or advice with an option that the
command does not have. The commands of the README pages are in `test_readme.py`, the lesson is in `test_lesson.py`.
"""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from command import parsed
from descenso.cli.app import COMMANDS

pytestmark = pytest.mark.slow

LANGUAGES = ("en", "es")
DONE, CHECK_FAILED, USAGE, BAD_DATA, DIVERGED = 0, 1, 2, 3, 8
SMALL = "train examples/digits.npz --model softmax --epochs 2"
FIRST = "runs/digits-softmax-001"
TYPED = [  # in this order, in one folder
    ("--help", DONE),
    ("--version", DONE),
    *((f"{command} --help", DONE) for command in COMMANDS),
    ("tarin", USAGE),
    ("data --list", DONE),
    ("data mnist", DONE),
    ("data mnist --samples examples", DONE),
    ("data mnist --samples examples", USAGE),
    ("data nothing.csv", BAD_DATA),
    ("train --epochs 1 --out runs/whole", DONE),
    (SMALL, DONE),
    (f"{SMALL} --model mlp", DONE),
    (f"{SMALL} --engine function --rule adam --schedule cosine", DONE),
    (f"{SMALL} --loss naive --learning-rate 1e6", DIVERGED),
    (f"{SMALL} --json", DONE),
    ("train --epocs 3", USAGE),
    ("train --lr 0.1", USAGE),
    ("train --optimizer adam", USAGE),
    ("train --momentum 0.9", USAGE),
    ("train --layers 64", USAGE),
    ("train --hidden 64", USAGE),
    ("train --verbose", USAGE),
    ("train --data examples/digits.csv", USAGE),
    ("train --learning-rate fast", USAGE),
    ("train --learning-rate -1", USAGE),
    ("train --learning-rate 0,1", USAGE),
    ("train --epochs 0", USAGE),
    ("train --batch-size 100000", USAGE),
    ("train --engine tensorflow", USAGE),
    ("train --model resnet", USAGE),
    ("train --rule adams", USAGE),
    ("train --schedule cosin", USAGE),
    ("train --dtype float16", USAGE),
    ("train --validation-size 60000", USAGE),
    ("train nothing.csv", BAD_DATA),
    ("train nowhere/", BAD_DATA),
    ("train examples/tutorial.py", BAD_DATA),
    ("train examples/photos --test-fraction 0.2 --epochs 2", DONE),
    ("train examples/digits.csv --label digit --numeric-only", BAD_DATA),  # its column id holds text
    ("train examples/digits.csv --label digit --drop id --test-fraction 0.2 --epochs 2", DONE),
    ("train examples/digits.csv --label class --test-fraction 0.2", USAGE),
    ("runs", DONE),
    ("runs nowhere", DONE),
    (f"evaluate {FIRST}", DONE),
    ("evaluate runs/nothing", BAD_DATA),
    (f"predict {FIRST} examples/digit.png", DONE),
    (f"predict {FIRST} nothing.png", BAD_DATA),
    (f"predict {FIRST} examples/tutorial.py", BAD_DATA),
    (f"predict {FIRST}", USAGE),
    ("predict examples/digit.png", USAGE),
    ("evaluate", USAGE),
    (f"export {FIRST} --to npz", DONE),
    (f"export {FIRST} --to pdf", USAGE),
    (f"export {FIRST}", USAGE),
    (f"resume {FIRST} --epochs 4", DONE),
    (f"resume {FIRST} --epochs 1", USAGE),
    (f"plot {FIRST}", DONE),
    ("plot", USAGE),
    ("models", DONE),
    ("rules", DONE),
    ("schedules", DONE),
    ("env", DONE),
    ("compare examples/digits.npz --engines function,compiled --epochs 1 --repeats 1", DONE),
    ("compare examples/digits.npz --engines compiled", USAGE),
    ("compare examples/digits.npz --rules sgd,momentum --epochs 1 --repeats 1", DONE),
    ("gradcheck --components 5", DONE),
    ("doctor examples/digits.npz", DONE),
    (f"doctor {FIRST}", DONE),
    ("doctor nothing.npz", BAD_DATA),
    ("explain gradient", DONE),
    ("explain época", DONE),
    ("explain feed_dict", DONE),
    ("explain 'normalización por lotes'", DONE),
    ("explain reproduce", DONE),
    ("explain 'loss: nan'", DONE),
    ("explain xyzzy", CHECK_FAILED),
    ("explain --list", DONE),
    ("port examples/tutorial.py", CHECK_FAILED),
    ("port examples/tutorial.py --out new.py", DONE),
    ("port examples/tutorial.py --run", DONE),
    ("port nothing.py", BAD_DATA),
]
PYTHON = [  # in this order, in one process, with the error that each raises
    ("import descenso as ds", ""),
    ("data = ds.load('examples/digits.npz')", ""),
    ("print(data)", ""),
    ("run = ds.train(data, model='softmax', epochs=2)", ""),
    ("print(run, run.test_accuracy, run.history.costs)", ""),
    ("run.plot().savefig('loss.png')", ""),
    ("ds.train(data, lr=0.1)", "ConfigError"),
    ("ds.train(data, optimizer='adam')", "ConfigError"),
    ("ds.train(data, epochs='three')", "ConfigError"),
    ("ds.train(data, learning_rate=-1)", "ConfigError"),
    ("ds.train(data, model='resnet')", "ConfigError"),
    ("ds.train('nothing.csv')", "DataError"),
    ("print(ds.predict(run.path, 'examples/digit.png').probabilities)", ""),
    ("ds.predict(run.path, 'nothing.png')", "DataError"),
    ("print(ds.evaluate(run.path, data)[0].accuracy)", ""),
    ("ds.export(run.path, 'npz')", ""),
    ("ds.export(run.path, 'pdf')", "ConfigError"),
    ("print(ds.resume(run.path, data=data, epochs=4))", ""),
    ("ds.open_run('runs/nothing')", "DataError"),
    ("print(ds.compare(data, model='softmax', engines=['function', 'compiled'], epochs=1, repeats=1))", ""),
    ("ds.compare(data, engines=['compiled'])", "ConfigError"),
    ("print(ds.gradcheck(lambda p: p['x'] ** 2, {'x': 3.0}))", ""),
    ("ds.from_arrays([[1.0], [2.0]], ['a', 'a'], test_fraction=0.5)", "DataError"),
    ("X, y = data.train.inputs, data.train.labels", ""),
    ("print(ds.Classifier(model='mlp', epochs=2).fit(X, y).predict(X[:3]))", ""),
    ("print(ds.doctor.data(X, y))", ""),
    ("arrays = ds.open_run(ds.train(X, y, model='softmax', epochs=1))", ""),
    ("arrays.evaluate()", "DataError"),
    ("print(arrays.evaluate(X, y), arrays.resume(data=(X, y), epochs=2))", ""),
    ("print(ds.compare(X, y, rules=['sgd', 'adam'], epochs=1, repeats=1))", ""),
    ("ds.train(X, y, schedule=lambda step: __import__('numpy').cos(step))", "ConfigError"),
    ("ds.Rule(lambda params: {})", "ConfigError"),
    ("arrays.export()", "ConfigError"),
]
TRY_EACH = """
import json, sys
ended = []
for line in json.load(sys.stdin):
    try:
        exec(line, globals())
        ended.append(["", ""])
    except Exception as error:
        ended.append([type(error).__name__, str(error)])
print(json.dumps(ended))
"""
HOUR = """
import contextlib, io, json, os, sys
from descenso.cli import main
ended = []
for words in json.load(sys.stdin):
    sys.argv, out, err, code = ["descenso", *words], io.StringIO(), io.StringIO(), 0
    sys.modules.pop("descenso.cli.app", None)  # which imports the commands that are typed
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code or 0
    ended.append([code, out.getvalue() + err.getvalue()])
print(json.dumps(ended))
"""
# Words that are in no Spanish text. Python's keywords are left out, since messages show lines of code.
ENGLISH = (
    r"\b(the|of|must|got|which|that|was|are|this|it|its|by|you|your|each|only|needs|expected|missing|cannot|choose|"
    r"unknown|required|than|does|more|these|there|here|what|where|when|should|would)\b"
)
NOT_PROSE = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|--?[\w-]+|[\w./-]+\.\w+|\b[A-Z][\w-]*(?: [A-Z(][\w-]*)+")
TITLES = ("rules", "schedules")  # their sources are titles of papers in English


ENVIRONMENT = {"COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"}


def descenso(language, words, folder):
    command = [sys.executable, "-m", "descenso", "--lang", language, *shlex.split(words)]
    environment = {**os.environ, **ENVIRONMENT}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)


def in_a_process(language, words, folder):
    ended = descenso(language, words, folder)
    return ended.returncode, ended.stdout + ended.stderr


def in_processes_of_their_own(language, folder):
    return [in_a_process(language, words, folder) for words, _code in TYPED]


def in_one_process(language, folder):
    """Run the same commands in one process, since most of their time is the start of TensorFlow.

    The output of `port --run` cannot be captured there, so it runs in a process of its own.
    """
    lines = [["--lang", language, *shlex.split(words)] for words, _code in TYPED]
    ended = subprocess.run(
        [sys.executable, "-c", HOUR], cwd=folder, env={**os.environ, **ENVIRONMENT}, input=json.dumps(lines),
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    all_ended = json.loads(ended.stdout.splitlines()[-1])
    ran = [in_a_process(language, words, folder) if "--run" in words else None for words, _code in TYPED]
    return [own or ended for own, ended in zip(ran, all_ended, strict=True)]


def english_in(said):
    return sorted(set(re.findall(ENGLISH, NOT_PROSE.sub(" ", said).lower())))


def advised(said):
    """Return the options that a message advises."""
    return re.findall(r"(?:try|prueba(?: con)?) (--[a-z-]+)", said)


@pytest.mark.parametrize(
    ("language", "way"), [("en", in_processes_of_their_own), ("es", in_one_process)], ids=LANGUAGES
)
def test_the_first_hour(language, way, tmp_path):
    wrong = []
    for (words, code), (ended, said) in zip(TYPED, way(language, tmp_path), strict=True):
        if ended != code:
            wrong.append(f"{words}: exit code {ended}, not {code}\n{said}")
        if "Traceback" in said or not said.strip():
            wrong.append(f"{words}: {said or 'nothing is said'}")
        if language == "es" and words not in TITLES and "--json" not in words and (found := english_in(said)):
            wrong.append(f"{words}: English: {found}\n{said}")
        if code not in (DONE, CHECK_FAILED):
            name = words.split()[0]
            wrong += [
                f"{words}: advice: {flag}" for flag in advised(said) if name in COMMANDS and not takes(name, flag)
            ]
    assert not wrong, "\n\n".join(wrong)


def takes(command, flag):
    """Return whether a command has this option, even if it lacks a value or other arguments."""
    passed, told = parsed(["descenso", command, flag])
    return passed is not None or "No such option" not in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_hour_in_python(language, tmp_path):
    assert descenso(language, "data mnist --samples examples", tmp_path).returncode == 0
    environment = {**os.environ, "LANGUAGE": language, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", TRY_EACH], cwd=tmp_path, env=environment, input=json.dumps([line for line, _ in PYTHON]),
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    told = json.loads(ended.stdout.splitlines()[-1])
    assert [(line, kind) for (line, _), (kind, _message) in zip(PYTHON, told, strict=True)] == PYTHON
    assert "Traceback" not in ended.stderr
    if language == "es":
        assert [(message, found) for _kind, message in told if (found := english_in(message))] == []


def test_english_and_advice_are_detected():
    assert english_in("la fila of la tabla") == ["of"]
    assert english_in("prueba --the, `the end`, the.csv, 'that', y On The Importance") == []
    assert advised("x must be y; try --epochs 3") == ["--epochs"]
    assert not takes("runs", "--drop")
    assert takes("train", "--drop")
