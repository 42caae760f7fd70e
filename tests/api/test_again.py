"""Runs trained on data in memory: to use one in another process, the data must be passed again."""

import re

import numpy as np
import pandas as pd
import pytest

import descenso as ds
from command import run as invoke
from descenso.errors import CheckpointError, DataError
from descenso.text import use_flags

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
y = (X[:, 0] + 0.5 * RNG.normal(size=90) > 0).astype(int)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(kind=np.where(y, "p", "q"), number=[f"n{i}" for i in range(90)])
QUICK = {"model": "softmax", "engine": "eager", "epochs": 2, "batch_size": 20, "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("again")


@pytest.fixture(scope="module")
def arrays(folder):
    return ds.train(X, y, test_fraction=0.4, out=folder / "arrays", **QUICK)


@pytest.fixture(scope="module")
def frame(folder):
    return ds.train(FRAME, label="kind", drop=["number"], test_fraction=0.3, out=folder / "frame", **QUICK)


@pytest.mark.parametrize("made", ["arrays", "frame"])
@pytest.mark.parametrize("call", [ds.evaluate, ds.resume, ds.doctor.run])
def test_the_message_holds_a_line_that_works(made, call, request):
    run = request.getfixturevalue(made)
    with pytest.raises(DataError, match=rf"its data '{made}' was in memory, where no other process finds it") as told:
        call(run.path)
    line = re.search(r"in Python: (descenso\.[\w.]+\(.*?data=(?:frame|\(X, y\))\))", str(told.value))[1]
    exec(line, {"descenso": ds, "X": X, "y": y, "frame": FRAME})  # noqa: S102 - the line that the message gives


def test_a_folder_that_is_called_like_rows_in_memory_is_not_taken_for_them(arrays, folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert (folder / "arrays").is_dir()
    with pytest.raises(DataError, match="its data 'arrays' was in memory"):
        ds.evaluate(arrays.path)
    assert ds.evaluate(arrays.path, (X, y))[0].accuracy == arrays.test_accuracy


def test_data_that_was_loaded_is_found_from_another_folder(folder, monkeypatch):
    np.savez(folder / "rows.npz", x=X, y=y)
    monkeypatch.chdir(folder)
    run = ds.train(ds.load("rows.npz"), out=folder / "loaded", **QUICK)
    monkeypatch.chdir("/")
    assert ds.evaluate(run.path)[0].accuracy == run.test_accuracy


@pytest.mark.parametrize(("made", "data"), [("arrays", (X, y)), ("frame", FRAME)])
def test_data_given_again_is_split_as_it_was(made, data, request):
    run = request.getfixturevalue(made)
    opened = ds.open_run(run.path)
    found, rows = ds.evaluate(opened, data)
    assert found.accuracy == run.test_accuracy
    assert len(rows.labels) == round(len(X) * run.config.test_fraction)
    resumed = opened.resume(data=data, epochs=len(opened.history.epochs) + 1)
    assert resumed.status["exact"]
    assert resumed.evaluate().accuracy == resumed.test_accuracy


def test_other_rows_in_memory_are_all_tested_on(arrays):
    assert len(ds.evaluate(arrays.path, X[:50], y[:50])[1].labels) == 50
    assert len(ds.evaluate(arrays.path, X + 1, y)[1].labels) == len(X)


def test_other_data_does_not_resume(arrays):
    with pytest.raises(CheckpointError, match=r"this changed: data: \w+ → \w+"):
        ds.resume(arrays.path, data=(X, 1 - y), epochs=9)
    with pytest.raises(DataError, match=r"data must be what train takes, got ndarray; try data=\(X, y\)"):
        ds.resume(arrays.path, data=X)


def test_a_file_that_has_moved_is_given_by_its_new_path(folder):
    FRAME.to_csv(folder / "here.csv", index=False)
    run = ds.train(folder / "here.csv", label="kind", drop="number", out=folder / "moved", **QUICK)
    (folder / "here.csv").rename(folder / "there.csv")
    assert ds.resume(run.path, data=folder / "there.csv", epochs=3).status["exact"]


def test_on_the_command_line_it_says_what_is_possible_there(arrays, folder):
    use_flags(True)
    with pytest.raises(DataError, match=r"with rows of a file: --data rows\.npz$"):
        invoke("evaluate", arrays.path)
    np.savez(folder / "rows.npz", x_train=X, y_train=y)
    assert invoke("evaluate", arrays.path, "--data", folder / "rows.npz").exit_code == 0
    for command in ("resume", "doctor"):
        with pytest.raises(DataError, match=r"in Python: descenso\."):
            invoke(command, arrays.path)


@pytest.mark.slow
def test_what_is_compared_is_given_as_train_takes_it():
    result = ds.compare(X, y, rules=["sgd", "adam"], repeats=1, test_fraction=0.4, **QUICK_COMPARED)
    assert [each.name for each in result.results] == ["sgd", "adam"]
    assert ds.compare(FRAME, label="kind", drop="number", engines=["eager", "function"], repeats=1, **QUICK_COMPARED)
    few = ds.from_arrays(X[:60], y[:60], test_fraction=0.2, name="few")
    assert ds.compare(datasets=[(X, y), few], engine="eager", repeats=1, **QUICK_COMPARED)


QUICK_COMPARED = {"epochs": 1, "batch_size": 20}
