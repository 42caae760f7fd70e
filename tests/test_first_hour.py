"""What a new user types in the first hour, in English and in Spanish, right and wrong, as typed at a terminal.

Each command ends with its exit code; nothing ends in a traceback, in English inside Spanish, or in advice that is not
an option of that command. The commands of the README pages are in `test_readme.py`, the lesson is in `test_lesson.py`.
"""

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
SMALL = "train examples/digits.npz --epochs 2"
FIRST = "runs/digits.npz-softmax-001"
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
    ("train examples/digits.csv --label digit --test-fraction 0.2", BAD_DATA),  # its column id is no number
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
    ("explain 'loss: nan'", DONE),
    ("explain xyzzy", CHECK_FAILED),
    ("explain --list", DONE),
    ("port examples/tutorial.py", CHECK_FAILED),
    ("port nothing.py", BAD_DATA),
]
# No Spanish text has these words; Python's keywords are left out, since lines of code are shown.
ENGLISH = (
    r"\b(the|of|must|got|which|that|was|are|this|it|its|by|you|your|each|only|needs|expected|missing|cannot|choose|"
    r"unknown|required|than|does|more|these|there|here|what|where|when|should|would)\b"
)
NOT_PROSE = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|--?[\w-]+|[\w./-]+\.\w+|\b[A-Z][\w-]*(?: [A-Z(][\w-]*)+")
TITLES = ("rules", "schedules")  # whose sources are titles of papers, in English


def descenso(language, words, folder):
    command = [sys.executable, "-m", "descenso", "--lang", language, *shlex.split(words)]
    environment = {**os.environ, "COLUMNS": "100", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)


def english_in(said):
    return sorted(set(re.findall(ENGLISH, NOT_PROSE.sub(" ", said).lower())))


def advised(said):
    """The options that a message advises."""
    return re.findall(r"(?:try|prueba(?: con)?) (--[a-z-]+)", said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_hour(language, tmp_path):
    wrong = []
    for words, code in TYPED:
        ended = descenso(language, words, tmp_path)
        said = ended.stdout + ended.stderr
        if ended.returncode != code:
            wrong.append(f"{words}: exit code {ended.returncode}, not {code}\n{said}")
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
    """Whether a command has this option: it may lack a value, or other arguments, but is not unknown."""
    passed, told = parsed(["descenso", command, flag])
    return passed is not None or "No such option" not in told


def test_what_is_looked_for_is_seen():
    assert english_in("la fila of la tabla") == ["of"]
    assert english_in("prueba --the, `the end`, the.csv, 'that', y On The Importance") == []
    assert advised("x must be y; try --epochs 3") == ["--epochs"]
    assert not takes("runs", "--drop")
    assert takes("train", "--drop")
