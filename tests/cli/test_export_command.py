"""The command `descenso export`."""

import json
import re

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from descenso import exporting
from descenso.cli.inference import export
from descenso.errors import ConfigError
from shell import descenso


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(export)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_it_says_where(trained, command, tmp_path):
    path = tmp_path / "new" / "model.npz"
    said = command(trained.folder / "first", "--to", "npz", "--out", path)
    assert (said.exit_code, said.stdout) == (0, f"Exported: {path}\nHow to call it: {path}.md\n")
    with np.load(path) as arrays:
        assert {"W", "b", "class_names"} <= set(arrays)


def test_as_json(trained, command, tmp_path):
    said = command(trained.folder / "first", "--to", "numpy-script", "--out", tmp_path / "model.py", "--json")
    answer = {"run": str(trained.folder / "first"), "format": "numpy-script", "path": str(tmp_path / "model.py")}
    answer["readme"] = str(tmp_path / "model.py.md")
    assert json.loads(said.stdout) == answer
    assert (tmp_path / "model.py").is_file()


def test_the_help_names_every_format(command):
    said = "".join(re.findall(r"[\w-]+", command("--help").output))  # regardless of line breaks and frames
    assert all(name in said for name in exporting.FORMATS), said


def test_a_wrong_format(trained, command):
    said = command(trained.folder / "first", "--to", "pickle")
    assert isinstance(said.exception, ConfigError)


def test_in_a_process_of_its_own(trained, tmp_path):
    process = descenso("export", trained.folder / "first", "--to", "npz", "-o", "model.npz", cwd=tmp_path)
    assert (process.returncode, process.stdout, process.stderr) == (
        0,
        "Exported: model.npz\nHow to call it: model.npz.md\n",
        "",
    )
    again = descenso("export", trained.folder / "first", "--to", "npz", "-o", "model.npz", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("descenso: model.npz is there already")
