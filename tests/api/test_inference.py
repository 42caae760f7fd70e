"""Predict and evaluate on rows that the run was not trained on."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso.api import evaluation, inference
from descenso.errors import ConfigError, DataError
from descenso.runs.directory import open_directory
from descenso.runs.trained import weights_bytes

CLASSES = ["low", "middle", "high"]


def frame(rows, seed, classes=(0, 1, 2)):
    """Return a table of one column that determines the class and one of noise."""
    random = np.random.default_rng(seed)
    kind = random.choice(classes, rows)
    return pl.DataFrame(
        {"noise": random.normal(size=rows), "level": 10.0 * kind, "kind": [CLASSES[each] for each in kind]}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("using")
    frame(90, 0).write_csv(folder / "rows.csv")
    settings = {"label": "kind", "test_fraction": 0.2, "learning_rate": 0.5, "epochs": 30, "batch_size": 10}
    return ds.train(str(folder / "rows.csv"), out=folder / "run", engine="eager", **settings).path


@pytest.mark.slow
def test_another_table_is_tested_on_whole(run, tmp_path):
    other = frame(40, seed=1, classes=(1, 2))  # has two of the run's three classes: its class 0 is the run's class 1
    other.select("level", "kind", "noise").write_csv(tmp_path / "other.csv")  # columns in another order
    found, rows = evaluation.evaluate(run, str(tmp_path / "other.csv"))
    assert len(rows.labels) == 40
    assert found.accuracy == 1
    assert inference.read_trained(run)[1].class_names == ("high", "low", "middle")
    assert found.confusion.sum(axis=1).tolist() == [
        *((other["kind"] == name).sum() for name in ("high", "low", "middle")),
    ]


@pytest.mark.slow
def test_a_dataset_in_memory_is_tested_on_by_its_own_names(run):
    data = ds.from_frame(frame(40, seed=1, classes=(1, 2)), "kind", test_fraction=0.5)
    assert evaluation.evaluate(run, data)[0].accuracy == 1


def test_a_dataset_in_memory_is_read_by_the_names_of_its_columns(run):
    swapped = frame(40, seed=1).select("kind", "level", "noise")
    assert evaluation.evaluate(run, ds.from_frame(swapped, "kind", test_fraction=0.5))[0].accuracy == 1
    other = ds.from_frame(swapped.rename({"level": "height"}), "kind", test_fraction=0.5)
    with pytest.raises(DataError, match="frame: the columns level are missing, which the model reads; its columns are"):
        evaluation.evaluate(run, other)


def test_rows_without_a_label_are_refused(run):
    data = ds.from_frame(frame(40, seed=1), "kind", test_fraction=0.5)
    unlabelled = data._replace(test=data.test._replace(labels=np.full(len(data.test.labels), -1, np.int32)))
    with pytest.raises(DataError, match=r"frame, test rows: row 0 has label -1, expected one in \[0, 3\)"):
        evaluation.evaluate(run, unlabelled)


def test_the_label_may_have_another_name_elsewhere(run, tmp_path):
    frame(40, seed=1).rename({"kind": "species"}).write_csv(tmp_path / "other.csv")
    assert evaluation.evaluate(run, tmp_path / "other.csv", label="species")[0].accuracy == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda other: other.with_columns(kind=pl.lit("top")), "row 1 of y has label top, which no training row has"),
        (lambda other: other.drop("level"), "the columns level are missing, which the model reads"),
        (lambda other: other.drop("kind"), "there is no column 'kind'; its columns"),
    ],
)
def test_a_table_that_does_not_fit_the_run(change, said, run, tmp_path):
    change(frame(10, seed=1)).write_csv(tmp_path / "other.csv")
    with pytest.raises((ConfigError, DataError), match=said):
        evaluation.evaluate(run, str(tmp_path / "other.csv"))


def test_images_and_arrays_are_tested_on_whole(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(2, size=30)
    pictures = np.where(labels, 200, 20)[:, None, None].astype(np.uint8) * np.ones((1, 4, 4), np.uint8)
    data = ds.from_arrays(pictures, labels, test_fraction=0.2)
    run = ds.train(data, epochs=20, batch_size=10, learning_rate=1, engine="eager", out=tmp_path / "run").path
    np.savez(tmp_path / "other.npz", x=pictures, y=labels)
    found, rows = evaluation.evaluate(run, str(tmp_path / "other.npz"))
    assert (len(rows.labels), found.accuracy) == (30, 1)


def test_pictures_as_stored_are_not_taken_for_floats_nor_floats_for_them(tmp_path):
    """Either would give wrong predictions with high probabilities."""
    random = np.random.default_rng(0)
    labels = random.integers(2, size=60)
    pictures = (np.where(labels, 200, 20)[:, None, None] * np.ones((1, 4, 4))).astype(np.uint8)
    for kind, rows, others, told in (
        ("u1", pictures, pictures / 255, "values of type float64, the model reads pixels as stored, whole .*; try"),
        ("f8", pictures / 255, pictures, "pictures as stored, of type uint8; the model learned from floats"),
    ):
        data = ds.from_arrays(rows, labels, test_fraction=0.2)
        run = ds.train(data, epochs=1, engine="eager", out=tmp_path / kind).path
        assert inference.read_trained(run)[1].stored == {"u1": "uint8", "f8": "float64"}[kind]
        with pytest.raises(DataError, match=told):
            evaluation.evaluate(run, ds.from_arrays(others, labels, test_fraction=0.5))


def test_floats_whose_mean_is_zero_are_floats(tmp_path):
    rows = np.where(np.arange(40)[:, None, None] % 2, 0.5, -0.5) * np.ones((1, 4, 4))
    data = ds.from_arrays(rows, np.arange(40) % 2, test_fraction=0.5)
    run = ds.train(data, epochs=3, engine="eager", out=tmp_path / "run").path
    np.savez(tmp_path / "rows.npz", x=rows)
    assert inference.predict(run, [tmp_path / "rows.npz"]).probabilities.argmax(axis=1).tolist() == [0, 1] * 20


def test_files_are_given_as_text_or_paths_one_or_several(run, tmp_path):
    path = tmp_path / "rows.csv"
    frame(5, seed=2).write_csv(path)
    expected = inference.predict(run, [path]).probabilities
    assert expected.shape == (5, 3)
    for files in (path, str(path), [str(path)], (path,)):
        np.testing.assert_array_equal(inference.predict(run, files).probabilities, expected)


WITHOUT_TENSORFLOW = """
import sys
import descenso as ds
from descenso.api import evaluation, inference

for run in sys.argv[3:]:
    assert len(inference.predict(run, sys.argv[1]).probabilities) == 61
    assert len(inference.predict_rows(run, inference.predict(run, sys.argv[1]).inputs).probabilities) == 61
    assert evaluation.evaluate(run, sys.argv[2])[0].confusion.sum() == 61
loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
assert not loaded, loaded
"""


def test_softmax_and_mlp_need_no_tensorflow(tiny, tmp_path):
    settings = {"engine": "function", "epochs": 1, "batch_size": 50}
    models = {
        "softmax": {"model": "softmax"},
        "mlp": {"model": "mlp", "hidden": "9,8", "activation": "gelu", "dropout": 0.2},
    }
    runs = [ds.train(tiny, out=tmp_path / name, **settings, **model).path for name, model in models.items()]
    np.savez(tmp_path / "rows.npz", x=tiny.test.inputs)
    np.savez(tmp_path / "test.npz", x=tiny.test.inputs, y=tiny.test.labels)
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, tmp_path / "rows.npz", tmp_path / "test.npz", *runs]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_weights_of_another_shape_are_refused(model, tiny, tmp_path):
    run = ds.train(tiny, model=model, out=tmp_path / "run", engine="eager", epochs=1, batch_size=50).path
    directory = open_directory(run)
    arrays, about = directory.weights()
    arrays["b" if model == "softmax" else "dense/bias"] = np.zeros(3, np.float32)
    (run / "model" / "weights.safetensors").write_bytes(weights_bytes(arrays, about))
    with pytest.raises(
        DataError, match=r"another model; the first that differ: [\w/]+ has the shape \(3.*\), expected \("
    ):
        inference.predict_rows(run, tiny.test.inputs)


def test_rows_in_memory_are_predicted_as_those_in_files(run):
    rows = frame(5, seed=2)
    rows.write_csv(run / "rows.csv")
    expected = inference.predict(run, run / "rows.csv")
    found = inference.predict_rows(run, rows.select("noise", "level").to_numpy())
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert found.names == ["0", "1", "2", "3", "4"]
    assert inference.predict_rows(run, found.inputs, names="abcde").names == list("abcde")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (np.zeros((3, 4)), "inputs: inputs of shape 4, expected 2; the model reads one size only"),
        (np.zeros((0, 2)), "inputs: no rows; give at least one"),
        (np.array([[0, 1], [2, np.nan]]), "inputs: row 1 holds a value that is not finite"),
        (np.array([["a", "b"]]), "inputs: values of type <U1, the model reads numbers"),
    ],
)
def test_rows_in_memory_that_do_not_fit(inputs, said, run):
    with pytest.raises(DataError, match=said):
        inference.predict_rows(run, inputs)


def test_the_weights_of_test_rows_count(tiny, tmp_path):
    """The cost equals the run's own test cost."""
    weights = np.random.default_rng(0).uniform(0.01, 5, len(tiny.test.labels))
    data = tiny._replace(test=tiny.test._replace(weights=weights))
    weighted = ds.train(data, out=tmp_path / "run", engine="eager", epochs=2, batch_size=20)
    found, _rows = ds.evaluate(weighted.path, data)
    assert found.cost == pytest.approx(weighted.status["test_cost"], rel=1e-6)  # float32 of NumPy and of TensorFlow
    assert found.cost != pytest.approx(ds.evaluate(weighted.path, tiny)[0].cost, rel=1e-5)


def test_mapped_test_rows_are_not_copied(run, tmp_path):
    X, y = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32), np.arange(40) % 3
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    trained = ds.train(ds.from_arrays(X, y, test=(X, y)), out=tmp_path / "run", engine="eager", epochs=1)
    found, rows = ds.evaluate(trained.path, ds.from_arrays(mapped, y, test=(mapped, y)))
    assert isinstance(rows.inputs, np.memmap)
    assert found.cost == pytest.approx(trained.status["test_cost"], rel=1e-6)
