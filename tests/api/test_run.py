"""Methods of `Run`: predict, evaluate, export, resume, its model; all functions accept a run in place of its path."""

import io
import os
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.datasets import load_iris

import descenso as ds
from descenso.errors import ConfigError, DataError
from descenso.training import session

FAST = {"model": "softmax", "engine": "function", "epochs": 2, "batch_size": 50}


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """A run of pixels of 8×8, in four classes; to be read, not changed."""
    return ds.train(tiny, out=tmp_path_factory.mktemp("run") / "done", learning_rate=0.2, **FAST)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X.assign(kind=np.array(["setosa", "versicolor", "virginica"])[y])


@pytest.fixture(scope="module")
def table(iris, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "table"
    return ds.train(iris, label="kind", drop=["sepal width (cm)"], engine="eager", epochs=15, out=out)


def polars(frame):
    return pl.DataFrame({name: frame[name].to_list() for name in frame})


def network():
    layers = [keras.layers.Flatten(), keras.layers.Dense(6, "tanh"), keras.layers.BatchNormalization(),
              keras.layers.Dropout(0.1), keras.layers.Dense(4)]  # fmt: skip
    return keras.Sequential([keras.Input((8, 8)), *layers])


def test_it_predicts_rows_in_memory(run, tiny):
    rows = tiny.test.inputs[:5]
    predicted = run.predict(rows)
    logits = rows.reshape(5, 64) / 255 @ run.weights["W"] + run.weights["b"]
    assert predicted.labels.tolist() == [tiny.class_names[place] for place in logits.argmax(axis=1)]
    np.testing.assert_allclose(np.asarray(predicted).sum(axis=1), 1, rtol=1e-6)
    assert (len(predicted), predicted.names) == (5, ["0", "1", "2", "3", "4"])
    assert repr(predicted).startswith(f"<Predictions: 5 rows, 4 classes: {predicted.labels[0]} (0.")
    assert len(repr(predicted)) < 120


@pytest.mark.parametrize(
    "shaped",
    [
        lambda rows: rows.tolist(),
        lambda rows: rows.reshape(5, 64),
        lambda rows: rows[..., np.newaxis],
        lambda rows: rows.astype(np.int64),
        lambda rows: rows.astype(np.float32),
        lambda rows: keras.ops.convert_to_tensor(rows),
    ],
    ids=["lists", "flat", "one channel", "int64", "whole floats", "a tensor"],
)
def test_rows_may_have_another_form(run, tiny, shaped):
    rows = tiny.test.inputs[:5]
    np.testing.assert_array_equal(np.asarray(run.predict(shaped(rows))), np.asarray(run.predict(rows)))


def test_one_row_is_enough(run, tiny):
    row = tiny.test.inputs[0]
    np.testing.assert_array_equal(np.asarray(run.predict(row)), np.asarray(run.predict(row[np.newaxis])))


def test_it_predicts_files(run, tiny, tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, tiny.test.inputs, strict=False):
        Image.fromarray(image).save(path)
    expected = np.asarray(run.predict(tiny.test.inputs[:2]))
    np.testing.assert_array_equal(np.asarray(run.predict(paths)), expected)
    np.testing.assert_array_equal(np.asarray(run.predict([str(path) for path in paths])), expected)
    np.testing.assert_allclose(np.asarray(run.predict(str(paths[0]))), expected[:1], rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda rows: rows / 255, r"values of type float64, the model reads pixels .*; try \(255 \* X\).round\(\)"),
        (lambda rows: rows - 300.0, "the model reads pixels as stored, .*; give them before any scaling"),
        (lambda rows: rows[:, :7], "inputs of shape 7×8, expected 8×8"),
        (lambda rows: rows.reshape(5, 4, 16), "inputs of shape 4×16, expected 8×8"),
        (lambda rows: [[1, 2], [3]], r"values of type list, expected numbers in an array of shape \(rows, 8, 8\)"),
        (lambda rows: rows[:0], "no rows; give at least one"),
        (lambda rows: rows.astype(str), "values of type <U3, expected numbers"),
        (lambda rows: None, "values of type NoneType, expected numbers"),
        (lambda rows: ["nowhere.png"], "nowhere.png: cannot be read"),
    ],
    ids=["scaled", "shifted", "narrow", "another shape", "ragged", "none", "text", "None", "no file"],
)  # fmt: skip
def test_rows_that_do_not_fit(run, tiny, rows, message):
    with pytest.raises(DataError, match=message):
        run.predict(rows(tiny.test.inputs[:5]))


@pytest.mark.parametrize("frame", [lambda iris: iris, lambda iris: iris[iris.columns[::-1]], polars],
                         ids=["pandas", "in another order", "polars"])  # fmt: skip
def test_columns_of_a_frame_are_found_by_name(table, iris, frame):
    assert table.config.epochs == 15
    assert table.evaluate(frame(iris[::-1])).accuracy > 0.7
    iris = iris[1:]  # not the run's own data, of which evaluate would use only the test rows
    expected = (table.predict(iris).labels == iris["kind"]).mean()
    assert table.evaluate(frame(iris), label="kind").accuracy == pytest.approx(expected)
    assert table.evaluate(frame(iris), frame(iris)["kind"]).accuracy == pytest.approx(expected)


def test_frames_that_do_not_fit(table, iris):
    with pytest.raises(DataError, match=r"frame: the columns petal width \(cm\) are missing, which the model reads"):
        table.predict(iris.drop(columns="petal width (cm)"))
    assert table.evaluate(iris).accuracy == table.evaluate(iris, label="kind").accuracy
    with pytest.raises(DataError, match=r"evaluate: the labels are missing; try label='sort'$"):
        table.evaluate(iris.rename(columns={"kind": "sort"}))
    with pytest.raises(DataError, match=r"evaluate: the labels are missing; try labels=y$"):
        table.evaluate(iris[list(iris.columns[:4])].drop(columns="sepal width (cm)"))
    with pytest.raises(ConfigError, match=r"frame: which column holds the labels\? .*; try label='kind'$"):
        ds.train(iris.assign(place=["here", "there"] * 75)[["place", *iris.columns]])
    with pytest.raises(ConfigError, match="frame: there is no column 'colour'"):
        ds.train(iris, label="kind", drop="colour")


def test_it_evaluates_its_own_test_rows_and_others(run, tiny):
    assert run.evaluate().accuracy == run.test_accuracy
    inputs, labels = tiny.train[:2]
    expected = run.evaluate(tiny._replace(test=tiny.train)).accuracy
    assert run.evaluate(inputs, labels).accuracy == expected
    assert run.evaluate((inputs, labels)).accuracy == expected
    assert run.evaluate(inputs, np.array(tiny.class_names)[labels]).accuracy == expected
    assert repr(run.evaluate()) == f"<Evaluation: accuracy {run.test_accuracy:.4f} on 61 rows, cost " + (
        f"{run.evaluate().cost:.4f} nats>"
    )


def test_labels_that_no_class_has(run, tiny):
    with pytest.raises(DataError, match="row 0 of y has label 9, which no training row has"):
        run.evaluate(tiny.test.inputs[:1], [9])


def test_arrays_are_split_and_kept_by_the_run(tmp_path, iris):
    X, y = iris.to_numpy()[:, :4].astype(float), iris["kind"].to_numpy()
    run = ds.train(X, y, model="softmax", engine="eager", epochs=3, out=tmp_path / "run")
    assert run.evaluate().confusion.sum(axis=1).tolist() == [10, 10, 10]
    pair = ds.train((X, y), model="softmax", engine="eager", epochs=3, out=tmp_path / "pair")
    assert pair.history.costs == run.history.costs
    assert len(run.resume(epochs=4).history.costs) == 4
    other = ds.train(X, y, test_fraction=0.5, seed=3, engine="eager", epochs=1, out=tmp_path / "other")
    assert other.evaluate().confusion.sum() == 75
    with pytest.raises(ConfigError, match=r"data must be a Dataset, .* got ndarray; try data=\(X, y\)"):
        ds.train(X)


def test_functions_take_a_run_for_its_path(run, tiny, tmp_path):
    assert os.fspath(run) == str(run.path)
    assert ds.open_run(run).summary() == run.summary()
    assert ds.evaluate(run, tiny)[0].accuracy == run.test_accuracy
    assert len(ds.predict(run, tiny.test.inputs[:3])) == 3
    assert ds.export(run, "npz", tmp_path / "a.npz").read_bytes()
    assert ds.doctor.run(run, tiny) == []
    assert run.export("npz", tmp_path / "b.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()


def test_it_resumes_where_its_data_and_model_are_at_hand(tiny, tmp_path):
    run = ds.train(tiny, out=tmp_path / "run", **FAST | {"model": network})
    resumed = run.resume(epochs=4)
    assert len(resumed.history.costs) == 4
    assert resumed.evaluate().accuracy == resumed.test_accuracy
    whole = ds.train(tiny, out=tmp_path / "whole", **FAST | {"epochs": 4, "model": network})
    assert resumed.status["fingerprint"] == whole.status["fingerprint"]


def test_its_keras_model_predicts_the_same(run, tiny):
    rows = tiny.test.inputs[:20]
    model = run.model
    np.testing.assert_allclose(model.predict(rows, verbose=0), np.asarray(run.predict(rows)), atol=1e-6)
    assert run.model is model
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.evaluate(tiny.test.inputs, tiny.test.labels, verbose=0)[1] == pytest.approx(run.test_accuracy)


def test_training_leaves_the_weights_in_the_model_given(tiny, tmp_path):
    model = network()
    start = [value.copy() for value in model.get_weights()]
    run = ds.train(tiny, out=tmp_path / "run", average=0.9, **FAST | {"model": model})
    rows = tiny.test.inputs
    probabilities = keras.ops.softmax(model.predict(rows / np.float32(255), verbose=0))
    np.testing.assert_allclose(probabilities, np.asarray(run.predict(rows)), atol=1e-5)
    assert all(np.abs(a - b).max() > 0 for a, b in zip(model.get_weights()[:6], start[:6], strict=True))
    run.resume(epochs=3)
    assert not np.array_equal(keras.ops.softmax(model.predict(rows / np.float32(255), verbose=0)), probabilities)


def test_a_run_that_diverged_leaves_the_model_as_it_was(tiny, tmp_path):
    model = network()
    start = model.get_weights()
    run = ds.train(tiny, out=tmp_path / "run", rule="sgd", learning_rate=1e30, **FAST | {"model": model})
    assert run.outcome == "diverged"
    for before, after in zip(start, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_notebook_shows_its_picture(run):
    figure = run.plot()
    assert Image.open(io.BytesIO(figure._repr_png_())).format == "PNG"
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_what_is_printed_is_short(run, tiny):
    shown = [run, tiny, tiny.train, run.config, run.history, run.evaluate(), run.predict(tiny.test.inputs)]
    assert max(len(repr(each)) for each in shown) < 200
    assert repr(tiny.train) == "<Split: 203 rows of 8×8 uint8>"
    assert repr(run.history).startswith("<History: 2 epochs, cost ")
    config = ds.TrainConfig.of(model="mlp", hidden=(64, 32), rule="adam")
    assert repr(config) == "TrainConfig(data='mnist', model='mlp', hidden='64,32')"
    assert eval(repr(run.config), {"TrainConfig": ds.TrainConfig}) == run.config  # noqa: S307 - of our own making


def test_slow_convolutions_are_warned_of(tiny, tmp_path, monkeypatch):
    """On CPUs without AVX-512 TensorFlow disables oneDNN unless TF_ENABLE_ONEDNN_OPTS is set before its import."""
    convolutions = {"model": "cnn", "filters": "2", "hidden": "4", "epochs": 1, "engine": "eager", "batch_size": 100}
    monkeypatch.setattr(session, "onednn", lambda: False)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    with pytest.warns(
        UserWarning, match="TensorFlow was imported before descenso, .*; import descenso first, or set TF_"
    ):
        ds.train(tiny, out=tmp_path / "slow", **convolutions)
    ds.train(tiny, out=tmp_path / "softmax", **FAST)  # a warning would be an error
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    ds.train(tiny, out=tmp_path / "as asked", **convolutions)


def python(code, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)


QUIET = """
    import descenso as ds
    run = ds.train({folder!r}, model="mlp", hidden=(4,), epochs=1, batch_size=50, out={out!r})
    print(len(run.predict(ds.load({folder!r}).test.inputs)))
"""


@pytest.mark.slow
def test_tensorflow_prints_nothing_unless_asked_to(tiny_folder, tmp_path):
    code = QUIET.format(folder=str(tiny_folder), out=str(tmp_path / "run"))
    ended = python(code)
    assert (ended.stdout, ended.stderr) == ("61\n", "")
    ended = python(code.replace("/run", "/loud"), TF_CPP_MIN_LOG_LEVEL="0")
    assert ended.stdout == "61\n"
    assert "StreamExecutor" in ended.stderr or "TensorFlow" in ended.stderr


def test_progress_is_shown_where_it_is_asked_for(tiny, tmp_path, capsys):
    ds.train(tiny, out=tmp_path / "quiet", **FAST)
    assert capsys.readouterr() == ("", "")
    ds.train(tiny, out=tmp_path / "shown", progress=True, **FAST)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [line.split(" ")[0] for line in shown.err.splitlines()] == ["[0]", "[1]"]


def test_ctrl_c_saves_the_run_and_is_raised(tiny, tmp_path):
    class Press(ds.Callback):
        def on_epoch(self, epoch):
            if epoch.epoch == 1:
                signal.raise_signal(signal.SIGINT)

    started = []
    with pytest.raises(
        KeyboardInterrupt, match=r"interrupted after \d+ of 1000 epochs, and saved; to go on: desc"
    ) as stop:
        for rate in (0.1, 0.2, 0.3):
            started.append(rate)
            ds.train(tiny, out=tmp_path / str(rate), learning_rate=rate, callbacks=Press(), **FAST | {"epochs": 1000})
    assert started == [0.1]
    run = ds.open_run(stop.value.run)
    assert (run.outcome, run.path.name) == ("interrupted", "0.1")
    assert run.weights
    assert f"descenso.resume('{run.path}', data=(X, y))" in str(stop.value)
    assert len(ds.resume(run, data=tiny, epochs=len(run.history.epochs) + 1).history.epochs) > 1


LOOP = """
    import descenso as ds, sys
    for rate in (0.1, 0.2, 0.3):
        print(rate, flush=True)
        class Say(ds.Callback):
            def on_epoch(self, epoch): print("epoch", flush=True)
        out = {out!r} + str(rate)
        ds.train({folder!r}, learning_rate=rate, engine="eager", epochs=100000, callbacks=Say(), out=out)
"""


@pytest.mark.slow
@pytest.mark.workers
@pytest.mark.parametrize(("which", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_one_signal_ends_a_loop_over_runs(which, code, tiny_folder, tmp_path):
    program = textwrap.dedent(LOOP.format(folder=str(tiny_folder), out=str(tmp_path / "run")))
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as one:
        assert [one.stdout.readline() for _line in range(2)] == ["0.1\n", "epoch\n"]
        one.send_signal(which)
        out, err = one.communicate(timeout=60)
    assert one.returncode == code
    assert "0.2" not in out
    assert ("KeyboardInterrupt: interrupted after" in err) == (which == signal.SIGINT)
    assert ds.open_run(tmp_path / "run0.1").outcome == "interrupted"
    assert not (tmp_path / "run0.2").exists()


def test_a_frame_of_pandas_is_history(run):
    assert list(pd.DataFrame(run.history.epochs)["cost"]) == run.history.costs
