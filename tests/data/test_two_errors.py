"""The two errors shown in the article, as they occur in descenso: labels of a wrong shape and of a wrong type."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import descenso as ds
from descenso.cli.tf1 import explain
from descenso.cli.train import train
from descenso.data.dataset import Split
from descenso.errors import DataError
from descenso.text import use

ERRORS = {  # how labels are made wrong, and the errors for a Dataset and for a file
    "shape": (
        lambda labels: np.eye(4, dtype=np.float32)[labels],
        "tiny, training rows: labels of shape 203×4 beside inputs of shape 203×8×8, expected one label a row; "
        "if they are one-hot, give numpy.argmax(labels, axis=1)",
        "rows.npz, training rows: labels of shape 203×4 beside inputs of shape 203×8×8, expected one label a row; "
        "if they are one-hot, give numpy.argmax(labels, axis=1)",
    ),
    "type": (
        lambda labels: labels + 0.5,
        "tiny, training rows: labels such as {value}; a number to predict is no class; make a few classes of it, such "
        "as (labels > {median}).astype('int32')",
        "rows.npz: row 0 of y_train is {value}, of type float64; labels are whole numbers or text: a number to "
        "predict is no class, make a few of it, such as low and high",
    ),
}


@pytest.fixture(params=ERRORS)
def error(request, tiny, tmp_path, monkeypatch):
    """A dataset with wrong labels, and the errors for it and for a file with the same rows."""
    monkeypatch.chdir(tmp_path)
    wrong, of_data, of_file = ERRORS[request.param]
    rows = Split(tiny.train.inputs, wrong(tiny.train.labels))
    np.savez("rows.npz", x_train=rows.inputs, y_train=rows.labels)
    return tiny._replace(train=rows), of_data, of_file


def run(command, *words):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(words))


def test_in_python_and_at_the_command_line(error, tmp_path):
    data, of_data, of_file = error
    with pytest.raises(DataError) as raised:
        ds.train(data, out=tmp_path / "run")
    labels = data.train.labels
    assert str(raised.value) == of_data.format(value=labels[0], median=np.median(labels))
    ended = run(train, "rows.npz", "--test-fraction", "0.2", "--out", str(tmp_path / "run"))
    assert isinstance(ended.exception, DataError)
    assert str(ended.exception) == f"{tmp_path}/{of_file}".format(value=data.train.labels[0])
    assert ended.exception.exit_code == 3
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("language", ["en", "es"])
def test_explain_has_a_lesson_on_both_errors(error, language):
    data, _of_data, _of_file = error
    use(language)
    for call in (lambda: ds.train(data), lambda: ds.load("rows.npz", test_fraction=0.2)):
        with pytest.raises(DataError) as raised:
            call()
        told = run(explain, "--json", f"descenso: {raised.value}")
        assert json.loads(told.stdout)["lessons"][0]["lesson"] == "labels"


def test_the_mend_works(error):
    """Training succeeds after the code in the message is applied."""
    data, of_data, _of_file = error
    labels = data.train.labels
    line = of_data.format(value=labels[0], median=np.median(labels)).split(" give ")[-1].split(" such as ")[-1]
    mended = eval(line, {"numpy": np, "labels": labels})  # noqa: S307
    run = ds.train(data.train.inputs, mended, out="run", model="softmax", epochs=1, batch_size=20)
    assert run.outcome == "completed"
