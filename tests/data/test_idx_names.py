"""IDX files named as in the datasets derived from MNIST."""

import gzip

import numpy as np
import pytest

import descenso as ds
from descenso.errors import DataError, DataNote
from samples import idx_bytes

X, Y = np.random.default_rng(0).integers(256, size=(40, 6, 5), dtype=np.uint8), np.arange(40, dtype=np.uint8) % 4


def write(folder, prefix, rows, labels=None, dot="-", zipped=False):
    labels = Y[rows] if labels is None else labels
    kind = "idx2-int" if labels.ndim == 2 else "idx1-ubyte"
    for name, array in ((f"{prefix}-images{dot}idx3-ubyte", X[rows]), (f"{prefix}-labels{dot}{kind}", labels)):
        content = idx_bytes(array)
        (folder / f"{name}{'.gz' * zipped}").write_bytes(gzip.compress(content) if zipped else content)


@pytest.mark.parametrize(("dot", "zipped"), [("-", False), ("-", True), (".", False)])
@pytest.mark.parametrize(("before", "test"), [("", "t10k"), ("", "test"), ("mine-", "test"), ("fashion-", "t10k")])
def test_a_folder_and_each_of_its_files(before, test, dot, zipped, tmp_path):
    write(tmp_path, f"{before}train", slice(30), dot=dot, zipped=zipped)
    write(tmp_path, f"{before}{test}", slice(30, 40), dot=dot, zipped=zipped)
    for path in (tmp_path, *tmp_path.iterdir()):
        data = ds.load(str(path))
        np.testing.assert_array_equal(data.train.inputs, X[:30])
        np.testing.assert_array_equal(data.test.labels, Y[30:])
        assert (data.notes, data.scaling.scale) == ((), 1 / 255)


def test_emnist_is_turned_upright_and_that_is_said(tmp_path):
    for name in ("emnist-balanced", "emnist-digits"):
        write(tmp_path, f"{name}-train", slice(30), zipped=True)
        write(tmp_path, f"{name}-test", slice(30, 40), zipped=True)
    told = (
        r"it holds several datasets, emnist-balanced, emnist-digits; give one of the files, such as .*emnist-digits-te"
    )
    with pytest.raises(DataError, match=told):
        ds.load(str(tmp_path))
    path = tmp_path / "emnist-digits-train-images-idx3-ubyte.gz"
    data = ds.load(str(path))
    np.testing.assert_array_equal(data.train.inputs, X[:30].transpose(0, 2, 1))
    np.testing.assert_array_equal(data.test.inputs, X[30:].transpose(0, 2, 1))
    assert data.notes == ("EMNIST's images are stored column by column; they are turned upright",)
    run = ds.train(data, epochs=1, engine="eager", out=tmp_path / "run")
    turned = np.asarray(run.predict(X[30:].transpose(0, 2, 1)))
    np.testing.assert_array_equal(np.asarray(run.predict(tmp_path / "emnist-digits-test-images-idx3-ubyte.gz")), turned)
    with pytest.warns(DataNote, match="turned upright"):
        assert run.evaluate(path).accuracy == run.evaluate().accuracy


def test_qmnist_has_the_label_in_the_first_of_eight_columns(tmp_path):
    labels = np.stack([Y.astype(">i4")] + [np.arange(40, dtype=">i4")] * 7, axis=1)
    write(tmp_path, "qmnist-train", slice(30), labels[:30], zipped=True)
    write(tmp_path, "qmnist-test", slice(30, 40), labels[30:], zipped=True)
    data = ds.load(str(tmp_path))
    np.testing.assert_array_equal(data.train.labels, Y[:30])
    assert data.class_names == ("0", "1", "2", "3")


def test_labels_from_1_and_classes_that_are_missing(tmp_path):
    write(tmp_path, "train", slice(40), Y + 1)
    assert ds.load(str(tmp_path)).class_names == ("1", "2", "3", "4")
    write(tmp_path, "train", slice(40), Y * 3)
    assert ds.load(str(tmp_path)).class_names == ("0", "3", "6", "9")


def test_without_test_rows_a_share_is_split_off(tmp_path):
    write(tmp_path, "train", slice(40))
    data = ds.load(str(tmp_path), test_fraction=0.5)
    assert (len(data.train.labels), len(data.test.labels)) == (20, 20)
    assert "a fifth of the rows is kept to test on" in ds.load(str(tmp_path)).notes[0]


@pytest.mark.parametrize("before", ["", "emnist-letters-"])
@pytest.mark.parametrize("missing", ["images-idx3-ubyte", "labels-idx1-ubyte"])
def test_missing_files_are_named(before, missing, tmp_path):
    write(tmp_path, f"{before}train", slice(40))
    (tmp_path / f"{before}train-{missing}").unlink()
    with pytest.raises(DataError, match=f"there is no {before}train-{missing}, nor {before}train-{missing}.gz$"):
        ds.load(str(tmp_path))


def test_a_file_of_another_name(tmp_path):
    (tmp_path / "digits-ubyte").write_bytes(idx_bytes(X))
    with pytest.raises(
        DataError, match="IDX files are found by their names; call it train-images-idx3-ubyte, or t10k-…"
    ):
        ds.load(str(tmp_path / "digits-ubyte"))


def test_test_rows_alone_are_for_evaluate(tmp_path):
    write(tmp_path, "t10k", slice(30, 40))
    with pytest.raises(DataError, match="there is no train-images-idx3-ubyte"):
        ds.load(str(tmp_path))
    run = ds.train(ds.from_arrays(X, Y, test=(X[30:], Y[30:])), epochs=1, engine="eager", out=tmp_path / "run")
    assert run.evaluate(tmp_path / "t10k-images-idx3-ubyte").accuracy == run.evaluate().accuracy
