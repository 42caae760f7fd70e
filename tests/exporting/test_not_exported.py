"""Exports that are refused, and files that are not overwritten."""

import logging
import re
import sys

import numpy as np
import pytest

import descenso as ds
from descenso.data.dataset import Scaling
from descenso.errors import ConfigError, DataError, DiskError
from descenso.exporting import FORMATS, export
from takeaway import FAST, assert_same, table, truth


@pytest.mark.parametrize("to", FORMATS)
def test_a_run_that_diverged(to, tiny, tmp_path):
    run = ds.train(tiny, out=tmp_path / "run", loss="naive", **{**FAST, "learning_rate": 1e6})
    again = r"descenso train --config .*config\.json --learning-rate \S+$"
    message = rf"run: no weights were kept \(outcome: diverged\); again: {again}"
    with pytest.raises(DataError, match=message):
        export(run.path, to, tmp_path / f"model{FORMATS[to]}")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_format_that_there_is_not(runs):
    message = (
        "to must be one of keras, savedmodel, onnx, litert, npz, numpy-script, got 'onyx' (did you mean 'onnx'?); "
        "try --to onnx"
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        export(runs["softmax"] / "run", "onyx")


@pytest.mark.parametrize("there", [lambda path: path.write_text("mine"), lambda path: path.mkdir(),
                                   lambda path: path.symlink_to("nowhere")])  # fmt: skip
@pytest.mark.parametrize("to", ["npz", "savedmodel"])
def test_nothing_is_overwritten(runs, to, there, tmp_path):
    path = tmp_path / "model"
    there(path)
    with pytest.raises(ConfigError, match=r"model is there already, and nothing is overwritten; try --out with a new"):
        export(runs["softmax"] / "run", to, path)
    assert path.is_symlink() or path.is_dir() or path.read_text() == "mine"


@pytest.mark.parametrize("to", ["npz", "savedmodel"])
def test_a_disk_that_fails_leaves_nothing(runs, to, tmp_path, monkeypatch):
    def fails(handle):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(DiskError, match=r"model: cannot be written \(Input/output error\); use a directory of yours"):
        export(runs["softmax"] / "run", to, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_nothing_is_said_of_the_folder_that_tensorflow_writes_to(runs, tmp_path):
    """At an interactive prompt, TensorFlow's logger says it."""
    import tensorflow as tf

    logger, said, handler = tf.get_logger(), [], logging.Handler()
    level, handler.emit = logger.level, said.append
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        export(runs["softmax"] / "run", "savedmodel", tmp_path / "model")
        assert (said, logger.level) == ([], logging.INFO)
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def test_onnx_without_tf2onnx(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ConfigError, match=r"tf2onnx, which is not installed; try pip install 'descenso\[export\]'$"):
        export(runs["softmax"] / "run", "onnx", tmp_path / "model.onnx")


def test_names_by_the_run(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "2nd-try").symlink_to(runs["softmax"] / "run")
    assert str(export(runs["softmax"] / "run", "npz")) == "run.npz"
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    monkeypatch.chdir(moved)
    assert str(export(runs["softmax"] / "run", "numpy-script")) == "run.py"


@pytest.fixture(scope="module")
def seconds(tmp_path_factory):
    """A run on a table whose amounts are seconds since 1970, all within a few hours."""
    folder = tmp_path_factory.mktemp("seconds")
    data = table()
    inputs = [split.inputs * [1, 1, 0.2] + [0, 0, 1.7e9] for split in (data.train, data.test)]
    shift, scale = data.scaling.shift * [1, 1, 0.2] + [0, 0, 1.7e9], data.scaling.scale / [1, 1, 0.2]
    splits = {"train": ds.Split(inputs[0], data.train.labels), "test": ds.Split(inputs[1], data.test.labels)}
    ds.train(data._replace(**splits, scaling=Scaling(shift, scale)), out=folder / "run", **FAST)
    np.save(folder / "rows.npy", inputs[1])
    return folder


def test_litert_refuses_what_float32_cannot_tell_apart(seconds, tmp_path):
    message = r"^column amount: its values lie \d{6} standard .* cannot distinguish them; try --to onnx$"
    with pytest.raises(DataError, match=message):
        export(seconds / "run", "litert", tmp_path / "model.tflite")


def test_the_others_shift_in_float64(seconds, tmp_path):
    import keras
    import onnxruntime
    import tensorflow as tf

    rows, path = np.load(seconds / "rows.npy"), {}
    for to in ("keras", "savedmodel", "onnx"):
        path[to] = str(export(seconds / "run", to, tmp_path / f"model{FORMATS[to]}"))
    session = onnxruntime.InferenceSession(path["onnx"])
    assert_same(session.run(None, {"inputs": rows})[0], truth(seconds))
    assert_same(np.asarray(keras.saving.load_model(path["keras"])(rows)), truth(seconds))
    loaded = tf.saved_model.load(path["savedmodel"])
    assert_same(loaded.serve(rows).numpy(), truth(seconds))
