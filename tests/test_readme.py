"""Every fenced block of README.md and README.es.md is run as it is printed.

The two `sh` blocks install the package and are run by `.ci/run`, which takes them from the page; the blocks of commands
and of Python are run here, on small files that are called as the pages call them.
"""

import csv
import functools
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from sklearn.datasets import load_digits, load_iris
from typer.testing import CliRunner

import descenso as ds
from descenso.cli.app import find_command
from test_docs import CLOSE, ROOT, Block, blocks, run, said

PAGES = {"en": ROOT / "README.md", "es": ROOT / "README.es.md"}
BLOCKS = {language: blocks(page) for language, page in PAGES.items()}
IS_COMMANDS = re.compile(r"descenso ")
LINES = {  # of the blocks of commands, as printed
    language: [line for block in page if IS_COMMANDS.match(block.text) for line in block.text.splitlines()]
    for language, page in BLOCKS.items()
}

SHORTER = {  # what stands in place of a part of a line, where that would take minutes
    "--engine graph": "--engine graph --epochs 2",
    "train --model cnn": "train small.npz --epochs 1 --model cnn",
    "--epochs 200": "--epochs 3",
    "reproduce": "reproduce --epochs 1",
    "compare --engines": "compare small.npz --epochs 1 --engines",
    "compare --explain": "compare small.npz --explain",
}
EXIT_CODES = {"--loss naive": 8, "port": 1}  # it diverges; there is something to port


def words_of(line):
    return shlex.split(line, comments=True)


EACH_LINE = pytest.mark.parametrize(  # once, where both pages have it
    "line",
    {" ".join(words_of(line)): line for lines in reversed(LINES.values()) for line in lines}.values(),
    ids=lambda line: line.partition("#")[0].strip(),
)


def block_of(language, wanted):
    (found,) = [block.text for block in BLOCKS[language] if wanted(block)]
    return found


def test_no_block_is_left_out():
    for page in BLOCKS.values():
        kinds = ["commands" if IS_COMMANDS.match(block.text) else block.language for block in page]
        assert kinds == ["sh", "sh", "", "commands", "commands", "python"]
        assert page[2].text.startswith("[0] cost: ")


def test_both_pages_print_the_same_commands():
    """Save for the names of files and columns, which are Spanish in the Spanish page."""
    spanish = {"plantas.csv": "plants.csv", "especie": "species", "id,fecha": "id,date", "fotos/": "photos/",
               "digito.png": "digit.png", "digitos.npz": "digits.npz"}  # fmt: skip
    lines = {language: [words_of(line) for line in lines] for language, lines in LINES.items()}
    assert [[spanish.get(word, word) for word in words] for words in lines["es"]] == lines["en"]
    assert [block for block in BLOCKS["es"] if block.language == "sh"] == [
        block for block in BLOCKS["en"] if block.language == "sh"
    ]


def parsed(words):
    """What the command line of `words` passes to the function of its command, which is not called."""
    command, passed = find_command(words[1]), {}
    app = typer.Typer()
    app.command()(functools.wraps(command)(lambda **named: passed.update(named)))
    ended = CliRunner().invoke(app, words[2:])
    return (passed, ended.output) if ended.exit_code == 0 else (None, ended.output)


@EACH_LINE
def test_the_command_line_takes_every_line(line):
    passed, told = parsed(words_of(line))
    assert passed, told
    flags = [word.removeprefix("--").replace("-", "_") for word in words_of(line) if word.startswith("--")]
    assert set(flags) <= set(passed)


@pytest.mark.parametrize("line", ["descenso train --epocs 3", "descenso plot --to onnx", "descenso predict"])
def test_a_line_that_the_command_line_does_not_take_is_seen(line):
    assert parsed(words_of(line))[0] is None


def write_rows(path, columns, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def small_mnist():
    data = ds.load("mnist")
    train, test = (
        part._replace(inputs=part.inputs[:200], labels=part.labels[:200]) for part in (data.train, data.test)
    )
    return {"x_train": train.inputs, "y_train": train.labels, "x_test": test.inputs, "y_test": test.labels}


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A folder with all that the lines read."""
    folder = tmp_path_factory.mktemp("readme")
    iris, mnist = load_iris(), small_mnist()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    species = [str(iris.target_names[label]) for label in iris.target]
    rows = [[*row, name] for row, name in zip(iris.data.tolist(), species, strict=True)]
    write_rows(folder / "iris.csv", [*names, "species"], rows)
    dated = [[f"P{number}", "2026-05-01", *row] for number, row in enumerate(rows)]
    write_rows(folder / "plants.csv", ["id", "date", *names, "species"], dated)
    write_rows(folder / "plantas.csv", ["id", "fecha", *names, "especie"], dated)
    for number, label in enumerate(mnist["y_train"][:60]):
        place = folder / "photos" / f"digit {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mnist["x_train"][number]).resize((40, 40)).save(place / f"{number}.png")
    shutil.copytree(folder / "photos", folder / "fotos")
    for name in ("digit.png", "digito.png"):
        Image.fromarray(mnist["x_test"][0]).save(folder / name)
    digits = load_digits()
    for name in ("digits.npz", "digitos.npz"):
        np.savez(folder / name, x=digits.images.astype(np.uint8), y=digits.target)
    np.savez(folder / "small.npz", **mnist)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None,
            "source": ["import tensorflow as tf\n", "x = tf.placeholder(tf.float32, [None, 784])\n"]}  # fmt: skip
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "tutorial.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    run(Block("sh", "descenso train --epochs 2"), folder)  # runs/mnist-softmax-001
    return folder


def shortened(line):
    return functools.reduce(lambda line, part: line.replace(f" {part} ", f" {SHORTER[part]} "), SHORTER, line)


def claimed(line):
    """The accuracy that the remark of a line promises, where the line is run whole."""
    found = re.search(r"\b0[.,]\d+", line.partition("#")[2])
    return float(found[0].replace(",", ".")) if found and shortened(line) == line else None


@pytest.mark.slow
@EACH_LINE
def test_every_line_runs(line, inputs, tmp_path):
    folder = shutil.copytree(inputs, tmp_path / "here")
    code = next((code for part, code in EXIT_CODES.items() if f" {part} " in line), 0)
    printed = run(Block("sh", shortened(line)), folder, code)
    assert printed
    if (accuracy := claimed(line)) is not None:
        (made,) = set((folder / "runs").iterdir()) - {folder / "runs" / "mnist-softmax-001"}
        assert abs(ds.open_run(made).test_accuracy - accuracy) < CLOSE


@pytest.mark.slow
@pytest.mark.parametrize("language", PAGES)
def test_the_default_run_prints_what_the_page_says(language, tmp_path):
    """Its costs and its accuracy; the times and the bits are a machine's own."""
    printed = run(Block("sh", f"descenso --lang {language} train"), tmp_path)
    own = re.compile(r"\d+[.,]\d\d s|[0-9a-f]{12}…")
    printed = own.sub("#", re.sub(r"\b[0-9a-f]{13,64}\b", lambda found: found[0][:12] + "…", printed))
    for line in block_of(language, lambda block: block.text.startswith("[0] cost")).splitlines():
        assert line == "…" or said(own.sub("#", line), printed), f"not said: {line}\n{printed}"


def arrays_for(language):
    """The arrays that the page's Python takes from its reader."""
    iris = load_iris()
    return {"X": iris.data, "y": iris.target, {"en": "X_new", "es": "X_nuevas"}[language]: iris.data[:3]}


@pytest.mark.parametrize("language", PAGES)
def test_the_python_block_runs(language, tiny, tiny_folder, tmp_path, monkeypatch, capsys):
    """Here on a few rows in place of MNIST."""
    monkeypatch.chdir(tmp_path)
    for name in ("digit.png", "digito.png"):
        Image.fromarray(tiny.test.inputs[0]).save(name)
    folders, load = {"mnist": str(tiny_folder)}, ds.load
    monkeypatch.setattr(ds, "load", lambda name: load(folders[name]))
    exec(block_of(language, lambda block: block.language == "python"), arrays_for(language))  # noqa: S102
    assert "(64, 4)" in capsys.readouterr().out
    assert Path("loss.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("language", PAGES)
def test_the_python_block_runs_as_it_stands(language, inputs, tmp_path):
    folder = shutil.copytree(inputs, tmp_path / "here")
    np.savez(folder / "reader.npz", **arrays_for(language))
    before = "import numpy as np\nglobals().update(np.load('reader.npz'))\n"
    block = block_of(language, lambda block: block.language == "python")
    cost, accuracy, rest = run(Block("python", before + block), folder).split(maxsplit=2)
    assert float(cost) < 0.5
    assert float(accuracy) > 0.9
    assert rest.startswith("(784, 10)")
