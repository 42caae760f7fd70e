"""Arrays under the names that libraries use, in one archive or in several files of a folder."""

import os
import pickle
import re

import numpy as np
import pytest

import descenso as ds
from descenso.api import inference
from descenso.data.dataset import is_mapped
from descenso.data.formats import array_files
from descenso.data.formats.array_files import read_npy, read_parts
from descenso.data.formats.parts import choose, place_of
from descenso.data.sources import Limits
from descenso.errors import DataError
from idx_files import beyond

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.integers(256, size=(40, 6, 5), dtype=np.uint8), np.arange(40) % 4
TRAIN, TEST = slice(30), slice(30, 40)
NAMES = {
    "Keras": ("x_train", "y_train", "x_test", "y_test"),
    "MedMNIST": ("train_images", "train_labels", "test_images", "test_labels"),
    "in capitals": ("X_train", "Y_train", "X_test", "Y_test"),
    "part first": ("train_x", "train_y", "test_x", "test_y"),
    "joined": ("Xtrain", "ytrain", "Xtest", "ytest"),
    "data": ("train_data", "train_target", "test_data", "test_target"),
    "with a group": ("digits_images_train", "digits_labels_train", "digits_images_test", "digits_labels_test"),
    "training": ("training.images", "training.labels", "testing.images", "testing.labels"),
}


def parts(names):
    return dict(zip(names, (X[TRAIN], Y[TRAIN][:, None], X[TEST], Y[TEST]), strict=True))


def assert_split(data):
    np.testing.assert_array_equal(data.train.inputs, X[TRAIN])
    np.testing.assert_array_equal(data.train.labels, Y[TRAIN])
    np.testing.assert_array_equal(data.test.inputs, X[TEST])
    np.testing.assert_array_equal(data.test.labels, Y[TEST])


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        return tmp_path

    return save


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_of_arrays_and_of_files(names, save, tmp_path):
    np.savez(tmp_path / "rows.npz", **parts(names))
    assert_split(ds.load(str(tmp_path / "rows.npz")))
    (tmp_path / "rows.npz").unlink()
    folder = save(**parts(names))
    assert_split(ds.load(str(folder)))
    for name in names:
        assert_split(ds.load(str(folder / f"{name}.npy")))


@pytest.mark.parametrize("names", ["X y", "data target", "images labels", "features labels", "image label"])
def test_names_without_a_part(names, save, tmp_path):
    arrays = dict(zip(names.split(), (X, Y), strict=True))
    np.savez(tmp_path / "rows.npz", **arrays)
    of_archive = ds.load(str(tmp_path / "rows.npz"))
    (tmp_path / "rows.npz").unlink()
    of_files = ds.load(str(save(**arrays)))
    assert len(of_archive.test.labels) == 8
    assert "a fifth of the rows is kept" in of_files.notes[0]
    np.testing.assert_array_equal(of_archive.train.inputs, of_files.train.inputs)


def test_a_bunch_of_scikit_learn(tmp_path):
    bunch = {"data": X.reshape(40, -1), "target": Y, "images": X, "target_names": np.arange(4), "DESCR": np.array("?")}
    np.savez(tmp_path / "digits.npz", **bunch)
    data = ds.load(str(tmp_path / "digits.npz"))
    assert data.input_shape == (6, 5)
    assert data.notes[0] == "images, target are read, data left out"


def test_kmnist_has_an_archive_for_each_array(tmp_path):
    for part, rows in (("train", TRAIN), ("test", TEST)):
        np.savez_compressed(tmp_path / f"kmnist-{part}-imgs.npz", X[rows])
        np.savez_compressed(tmp_path / f"kmnist-{part}-labels.npz", Y[rows])
    for path in (tmp_path, tmp_path / "kmnist-train-imgs.npz", tmp_path / "kmnist-test-labels.npz"):
        assert_split(ds.load(str(path)))
    np.savez_compressed(tmp_path / "k49-train-imgs.npz", X)
    np.savez_compressed(tmp_path / "k49-train-labels.npz", Y)
    told = rf"it holds several datasets, k49, kmnist; give one of the files, such as {tmp_path}/k49-train-imgs\.npz$"
    with pytest.raises(DataError, match=told):
        ds.load(str(tmp_path))
    assert len(ds.load(str(tmp_path / "k49-train-imgs.npz")).train.labels) == 32


@pytest.mark.parametrize("kind", ["archive", "files"])
def test_rows_to_validate_on(kind, save, tmp_path):
    arrays = parts(NAMES["MedMNIST"])
    held = {"val_images": X[:7], "val_labels": Y[:7]}

    def load(**arrays):
        if kind == "files":
            return ds.load(str(save(**arrays)))
        np.savez(tmp_path / "rows.npz", **arrays)
        return ds.load(str(tmp_path / "rows.npz"))

    alone = {name: array for name, array in arrays.items() if "test" not in name}
    data = load(**alone, **held)
    np.testing.assert_array_equal(data.test.inputs, X[:7])
    assert data.notes == ("val_images and val_labels: rows to validate on, taken to test on",)
    data = load(**arrays, **held)
    assert data.validation == 7
    np.testing.assert_array_equal(data.train.inputs, np.concatenate([X[:7], X[TRAIN]]))
    assert data.notes == ("validation rows, counted among the training rows, on which each epoch is measured: 7",)
    assert_split(data._replace(train=data.hold_back(7)[0].train))
    with pytest.raises(DataError, match="y_val has label 9, which no training row has"):
        load(**arrays, val_images=X[:7], val_labels=np.full(7, 9))


def test_rows_to_validate_on_beside_a_mapped_file_are_left_out(save, monkeypatch):
    monkeypatch.setattr(array_files, "CHUNK_BYTES", 8)
    data = ds.load(str(save(X_train=X[TRAIN], y_train=Y[TRAIN], X_test=X[TEST], y_test=Y[TEST], X_val=X[:7],
                            y_val=Y[:7])))  # fmt: skip
    assert not data.validation
    assert is_mapped(data.train.inputs)
    assert [note[:38] for note in data.notes] == ["X_val and y_val: rows to validate on, "]


@pytest.mark.parametrize(("train", "other", "mend"), [
    (np.uint8, np.float32, r"\(255 \* X\)\.round\(\)\.astype\('uint8'\)"),
    (np.int64, np.float64, r"255 \* X"),
    (np.float32, np.uint8, "X / 255"),
    (np.float64, np.int16, "X / 255"),
    (np.uint8, np.bool_, r"[(]?255 \* X"),
    (np.bool_, np.uint8, r"(\(X > 127\)\.astype\('uint8'\)|X / 255)"),
])  # fmt: skip
@pytest.mark.parametrize("part", ["test", "val"])
@pytest.mark.parametrize("flat", [False, True])
def test_parts_on_different_scales_are_refused(train, other, mend, part, flat, tmp_path):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (24, 64) if flat else (24, 8, 8))
    labels = np.arange(24) % 2

    def stored(rows, kind):
        rows = rows > 127 if kind == np.bool_ else rows
        return (rows / 255 if np.issubdtype(kind, np.floating) else rows).astype(kind)

    rows = {"x_train": stored(pixels, train), "y_train": labels, "x_test": stored(pixels, train), "y_test": labels}
    np.savez(tmp_path / "alike.npz", **rows)
    assert len(ds.load(str(tmp_path / "alike.npz")).test.labels) == 24
    np.savez(tmp_path / "rows.npz", **{**rows, f"x_{part}": stored(pixels, other), f"y_{part}": labels})
    if flat and train == np.uint8:
        mend = r"255 \* X"
    with pytest.raises(DataError, match=f"values up to .*, but the training rows .* bring them to the same.*: {mend}"):
        ds.load(str(tmp_path / "rows.npz"))


def test_rows_to_test_on_alone(save, tmp_path):
    folder = save(X_test=X[TEST], y_test=Y[TEST])
    with pytest.raises(
        DataError, match=r"the files with arrays are X_test\.npy, y_test\.npy; expected X\.npy and y\.npy"
    ):
        ds.load(str(folder / "X_test.npy"))
    run = ds.train(ds.from_arrays(X, Y, test=(X[TEST], Y[TEST])), epochs=1, engine="eager", out=tmp_path / "run")
    assert run.evaluate(folder / "y_test.npy").accuracy == run.evaluate().accuracy
    assert len(run.predict(folder / "X_test.npy")) == 10


def test_what_is_missing_is_named(save, tmp_path):
    folder = save(X=X)
    expected = r"expected X\.npy and y\.npy beside each other, or X_train\.npy and y_train\.npy, and maybe"
    for path in (folder, folder / "X.npy"):
        with pytest.raises(DataError, match=rf"{re.escape(str(path))}: the files with arrays are X\.npy; {expected}"):
            ds.load(str(path))
    np.save(folder / "y_test.npy", Y)
    np.save(folder / "y.npy", Y)
    with pytest.raises(DataError, match="of x_test and y_test there is one only; give both, or none"):
        ds.load(str(folder))
    np.savez(tmp_path / "other.npz", a=X, b=Y)
    told = (
        r"other\.npz: its arrays are a \(40, 6, 5\) uint8, b \(40,\) int64; expected x_train and y_train, or x and y$"
    )
    with pytest.raises(DataError, match=told):
        ds.load(str(tmp_path / "other.npz"))


def test_an_array_of_a_value_for_each_row_that_is_not_read_is_said(tmp_path):
    np.savez(tmp_path / "made.npz", x=X, y=Y, sample_weight=np.ones(40), names=np.array(["a", "b", "c"]), mean=3.0)
    assert "x, y are read, sample_weight left out" in ds.load(str(tmp_path / "made.npz")).notes


def test_a_folder_of_archives_says_which_to_give(tmp_path):
    for name in ("made.npz", "other.npz"):
        np.savez(tmp_path / name, x=X, y=Y)
        told = r"the files with arrays are made\.npz.*; give the one with inputs and labels, such as .*made\.npz$"
        with pytest.raises(DataError, match=told):
            ds.load(str(tmp_path))


def test_large_files_are_mapped_and_trained_on_so(save, tmp_path):
    """Files of more than 32 MB (here 3,000 × 3,000 float32) are memory-mapped, also in Fortran order."""
    rows = RANDOM.normal(size=(3000, 3000)).astype(np.float32)
    labels = np.arange(3000) % 2
    folder = save(X_train=rows, y_train=labels, X_test=rows[:9], y_test=labels[:9])
    data = ds.load(str(folder))
    assert is_mapped(data.train.inputs)
    assert not is_mapped(data.test.inputs)
    np.testing.assert_array_equal(data.train.inputs[[0, 2999]], rows[[0, 2999]])
    np.save(tmp_path / "X_train.npy", np.asfortranarray(rows))
    mapped = read_npy(tmp_path / "X_train.npy", Limits())
    assert is_mapped(mapped)
    np.testing.assert_array_equal(mapped, rows)
    swapped = rows.astype(">f4")
    np.save(tmp_path / "X_train.npy", swapped)
    np.testing.assert_array_equal(read_npy(tmp_path / "X_train.npy", Limits()), rows, strict=True)


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (4, 2, 3)])
@pytest.mark.parametrize("dtype", ["u1", ">f8", "<U3", "?"])
def test_small_files_are_what_was_saved(shape, dtype, tmp_path):
    saved = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", saved)
    found = read_npy(tmp_path / "a.npy", Limits())
    np.testing.assert_array_equal(found, saved.astype(saved.dtype.newbyteorder("=")), strict=True)


class Trap:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_nothing_is_unpickled(save, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(X=X, y=np.array([Trap()] * 40, object))
    with pytest.raises(DataError, match=r"y\.npy: Python objects, which are never unpickled; save numbers or text"):
        ds.load(str(tmp_path))
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match=r"y\.npy: not an array \(it starts with 80 04"):
        ds.load(str(tmp_path / "X.npy"))
    assert not (tmp_path / "pwned").exists()


def test_damaged_files_and_limits(save, tmp_path):
    save(X=X, y=Y)
    content = (tmp_path / "X.npy").read_bytes()
    for changed, told in (
        (content[:-1], ": 1200 bytes claimed, the file cannot hold them"),
        (content + b"1", ": 1200 bytes claimed, the file cannot hold them"),
        (content[:20], ": not an NPY file, or damaged"),
        (b"", r": not an array \(it starts with \)"),
    ):
        (tmp_path / "X.npy").write_bytes(changed)
        with pytest.raises(DataError, match=rf"X\.npy{told}"):
            ds.load(str(tmp_path))
    (tmp_path / "X.npy").write_bytes(content)
    for name, value in (("rows", 40), ("pixels", 30), ("array_bytes", 1200), ("file_bytes", 1328)):
        with beyond(tmp_path / "X.npy", name, value, value - 1):
            read_parts(tmp_path, Limits()._replace(**{name: value - 1}))


def test_links_out_of_the_folder(save, tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    np.save(folder / "X.npy", X)
    np.save(tmp_path / "labels.npy", Y)
    (folder / "y.npy").symlink_to(tmp_path / "labels.npy")
    with pytest.raises(DataError, match=r"y\.npy: a link out of the folder; copy the file into it"):
        ds.load(str(folder))


def test_photos_beside_an_array_stay_photos(tmp_path):
    from PIL import Image

    for name in "ab":
        (tmp_path / name).mkdir()
        for place in range(5):
            Image.fromarray(X[place]).save(tmp_path / name / f"{place}.png")
    np.save(tmp_path / "features.npy", X)
    with pytest.raises(DataError, match=r"features\.npy: beside the folders of images"):
        ds.load(str(tmp_path))


def test_scaled_pixels_in_a_file_are_refused(save, tmp_path):
    run = ds.train(ds.from_arrays(X, Y, test=(X, Y)), epochs=1, engine="eager", out=tmp_path / "run")
    wanted = np.asarray(run.predict(X))
    save(X=X.astype(np.int64), scaled=X / 255)
    np.testing.assert_array_equal(np.asarray(run.predict(tmp_path / "X.npy")), wanted)
    with pytest.raises(DataError, match=r"scaled\.npy: values of type float64, the model reads pixels .*; try \(255"):
        inference.predict(run, tmp_path / "scaled.npy")


def test_variants_of_names_are_recognised():
    assert place_of("train_images")[:3] == ("", "train", "x")
    assert place_of("target_names")[:3] == ("names", "", "y")
    assert place_of("weights")[:3] == ("weights", "", "")
    assert choose(["x_train", "y_train", "x", "y"]).parts["train"] == ("x_train", "y_train")
    assert choose(["x_val", "y"]).alone == ("x_val", "y")
