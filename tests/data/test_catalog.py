import gzip
import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from descenso.data import named
from descenso.data.catalog import NAMES, load
from descenso.data.dataset import Split
from descenso.data.formats import suffixes
from descenso.data.named import BUNDLED
from descenso.data.sources import Limits, Sources
from descenso.errors import ConfigError, DataError
from samples import idx_bytes, tiny_dataset, write_folder

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
# Rows of each digit, as published: Deng, The MNIST Database of Handwritten Digit Images (2012), and many since.
TRAIN_ROWS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_ROWS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(scope="module")
def mnist():
    return load("mnist")


def test_mnist_is_what_was_published(mnist):
    assert mnist.name == "mnist"
    assert mnist.class_names == tuple("0123456789")
    assert mnist.num_classes == 10
    assert mnist.input_shape == (28, 28)
    assert mnist.scaling.scale == pytest.approx(1 / 255, rel=1e-15)
    for split, rows in ((mnist.train, TRAIN_ROWS), (mnist.test, TEST_ROWS)):
        assert split.inputs.shape == (sum(rows), 28, 28)
        assert split.labels.shape == (sum(rows),)
        assert split.inputs.dtype == np.uint8
        assert split.labels.dtype == np.int32
        assert np.bincount(split.labels).tolist() == rows
        assert (split.inputs.min(), split.inputs.max()) == (0, 255)


def test_known_rows_of_mnist_are_in_their_places(mnist):
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    pixels = mnist.train.inputs / 255
    assert pixels.mean() == pytest.approx(0.1307, abs=5e-5)  # the values of PyTorch's examples
    assert pixels.std() == pytest.approx(0.3081, abs=5e-5)
    first = mnist.train.inputs[0]  # the well-known 5, upright and not transposed
    assert first[5, 12:24].tolist() == [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127]


def test_the_bundled_files_are_those_of_their_checksums():
    listed = dict(line.split()[::-1] for line in (BUNDLED / "SHA256SUMS").read_text().splitlines())
    for name in FILES:
        packed = (BUNDLED / f"{name}.gz").read_bytes()
        assert hashlib.sha256(packed).hexdigest() == listed[f"{name}.gz"]
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == listed[name]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    return shutil.copytree(BUNDLED, tmp_path_factory.mktemp("bundle") / "mnist")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_one_flipped_byte_of_the_bundle_is_told(name, place, copied, monkeypatch):
    monkeypatch.setattr(named, "BUNDLED", copied)
    path = copied / f"{name}.gz"
    offset = {"first": 0, "middle": path.stat().st_size // 2, "last": path.stat().st_size - 1}[place]
    flip(path, offset)
    message = f"{path}: its SHA-256 is not the one published; install descenso again"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load("mnist")
    flip(path, offset)


def flip(path, offset):
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def test_a_link_out_of_the_folder_is_not_followed(tiny, tmp_path):
    write_folder(tmp_path / "elsewhere", tiny)
    folder = write_folder(tmp_path / "tiny", tiny)
    path = folder / f"{FILES[2]}.gz"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere" / path.name)
    message = f"{path}: a link out of the folder; copy the file into it"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load(str(folder))
    path.unlink()
    path.write_bytes((tmp_path / "elsewhere" / path.name).read_bytes())
    path.rename(folder / "kept")
    path.symlink_to("kept")
    (tmp_path / "other name").symlink_to(folder)
    assert load(str(tmp_path / "other name")).input_shape == (8, 8)


def test_limits_are_those_of_each_file(tiny_folder):
    assert len(load(str(tiny_folder), sources=Sources(Limits(rows=203, pixels=64))).train.labels) == 203
    path = tiny_folder / f"{FILES[0]}.gz"
    for limits, told in ((Limits(rows=202), "rows would be 203"), (Limits(pixels=63), "pixels would be 64")):
        with pytest.raises(DataError, match=f"^{re.escape(f'{path}: {told}, the limit is ')}"):
            load(str(tiny_folder), sources=Sources(limits))
    assert load("mnist", sources=Sources(Limits(rows=1))).input_shape == (
        28,
        28,
    )  # limits do not apply to the bundled data


def test_an_incomplete_bundle_is_told(tmp_path, monkeypatch):
    (tmp_path / "SHA256SUMS").write_bytes((BUNDLED / "SHA256SUMS").read_bytes())
    monkeypatch.setattr(named, "BUNDLED", tmp_path)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: there is no {FILES[0]}, nor {FILES[0]}.gz")):
        load("mnist")


@pytest.mark.parametrize("zipped", [True, False], ids=["gzip", "plain"])
def test_a_folder_of_idx_files(tiny, zipped, tmp_path):
    folder = write_folder(tmp_path / "tiny", tiny, zipped)
    data = load(str(folder))
    assert data.name == str(folder)
    assert data.class_names == ("0", "1", "2", "3")
    assert data.scaling.scale == 1 / 255
    for split, expected in ((data.train, tiny.train), (data.test, tiny.test)):
        np.testing.assert_array_equal(split.inputs, expected.inputs, strict=True)
        np.testing.assert_array_equal(split.labels, expected.labels, strict=True)


def test_a_folder_below_the_working_directory(tiny_folder, monkeypatch):
    monkeypatch.chdir(tiny_folder.parent)
    assert load("tiny").name == str(tiny_folder.resolve())
    assert load("tiny/").input_shape == (8, 8)


def test_part_zipped_and_part_not(tiny, tmp_path):
    write_folder(tmp_path, tiny)
    packed = tmp_path / f"{FILES[1]}.gz"
    (tmp_path / FILES[1]).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    np.testing.assert_array_equal(load(str(tmp_path)).train.labels, tiny.train.labels)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, tiny, tmp_path):
    write_folder(tmp_path, tiny)
    (tmp_path / f"{name}.gz").unlink()
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}: there is no {name}, nor {name}.gz")):
        load(str(tmp_path))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.zeros((2, 2), np.uint8), "2 dimensions of uint8"),
        (np.zeros((2, 2, 2, 2), np.uint8), "4 dimensions of uint8"),
        (np.zeros((2, 8, 8), np.float32), "3 dimensions of float32"),
        (np.zeros(2, np.int8), "1 dimension of int8"),
    ],
)
def test_a_file_of_another_kind_is_refused(name, array, got, tiny, tmp_path):
    write_folder(tmp_path, tiny)
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(idx_bytes(array)))
    expected = 3 if "images" in name else 1
    with pytest.raises(DataError, match=re.escape(f"{path}: {got}, expected {expected} of uint8")):
        load(str(tmp_path))


def test_a_damaged_file_of_a_folder(tiny, tmp_path):
    write_folder(tmp_path, tiny, zipped=False)
    path = tmp_path / FILES[0]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match=re.escape(f"{path}, byte {16 + 203 * 64}: more bytes follow")):
        load(str(tmp_path))


def with_test(data, inputs=None, labels=None):
    inputs = data.test.inputs if inputs is None else inputs
    labels = data.test.labels if labels is None else labels
    return data._replace(test=Split(inputs, labels))


def test_a_test_label_unseen_in_training(tiny, tmp_path):
    labels = tiny.test.labels.copy()
    labels[17] = 4
    write_folder(tmp_path, with_test(tiny, labels=labels))
    message = f"{tmp_path}: row 17 of y_test has label 4, which no training row has"
    with pytest.raises(DataError, match=re.escape(message)):
        load(str(tmp_path))


def test_test_images_of_another_size(tiny, tmp_path):
    write_folder(tmp_path, with_test(tiny, inputs=np.zeros((61, 8, 7), np.uint8)))
    with pytest.raises(DataError, match=r"test rows: inputs of shape 8×7, expected 8×8; the model reads one size"):
        load(str(tmp_path))


def test_fewer_labels_than_images(tiny, tmp_path):
    write_folder(tmp_path, tiny._replace(train=Split(tiny.train.inputs, tiny.train.labels[1:])))
    with pytest.raises(DataError, match=r"training rows: 203 rows of inputs and 202 labels; each row needs one$"):
        load(str(tmp_path))


def test_one_class_only(tmp_path):
    write_folder(tmp_path, tiny_dataset(num_classes=1))
    with pytest.raises(DataError, match=r": one class only; give rows of at least two$"):
        load(str(tmp_path))


def test_no_rows(tiny, tmp_path):
    write_folder(tmp_path / "test", with_test(tiny, tiny.test.inputs[:0], tiny.test.labels[:0]))
    with pytest.raises(DataError, match=r"test rows: no rows; give at least one$"):
        load(str(tmp_path / "test"))
    write_folder(tmp_path / "train", tiny._replace(train=Split(tiny.train.inputs[:0], tiny.train.labels[:0])))
    with pytest.raises(DataError, match=r"training rows: no rows; give at least one$"):
        load(str(tmp_path / "train"))


def test_an_unknown_name():
    names = ", ".join(NAMES)
    message = f"there is no dataset 'mnits' (did you mean 'mnist'?); the names are {names}, or give a folder or a file"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        load("mnits")
    with pytest.raises(ConfigError, match=r"^there is no dataset 'MNIST' \(did you mean 'mnist'\?\)"):
        load("MNIST")
    with pytest.raises(
        ConfigError,
        match=r"^there is no dataset 'spirals'; the names are mnist, fashion-mnist, kmnist, emnist-letters, or give",
    ):
        load("spirals")


@pytest.mark.parametrize("name", ["./nowhere", "nowhere/at/all", "nowhere.csv", "nowhere.NPZ", "nowhere.parquet"])
def test_a_path_that_is_nowhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"^{re.escape(name)}: there is no such file or folder$"):
        load(name)


@pytest.mark.parametrize("name", ["data.xlsx", "DATA.ODS", "data.xls"])
def test_a_spreadsheet_is_to_be_saved_as_csv(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=f"{name}: a spreadsheet; save its sheet as CSV, and give that file$"):
        load(str(tmp_path / name))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ("adult.data", "adult.names", "adult.test"),
            r"train on, such as .*adult\.data; the test .* --data .*adult\.test$",
        ),
        (("train.csv", "test.csv"), r"train on, such as .*train\.csv; the test file .* --data .*test\.csv$"),
        (("contest.csv", "train.csv"), r"a folder of tables; give one of the files, such as .*train\.csv$"),
        (("a.tsv",), r"a folder of tables; give one of the files, such as .*a\.tsv$"),
        (("a.xlsx", "notes.md"), r"a folder of tables; give one of the files, such as .*a\.xlsx$"),
    ],
)
@pytest.mark.parametrize("label", ["", "kind"])
def test_a_folder_of_tables_says_which_file_to_give(names, told, label, tmp_path):
    for name in names:
        (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=told):
        load(str(tmp_path), label=label)


@pytest.mark.parametrize("name", ["file", "data.json", "npz"])
def test_a_file_of_no_known_kind(name, tmp_path):
    path = tmp_path / name
    path.touch()
    message = f"{path}: not a kind of data; give a folder, or a file whose name ends in {suffixes()}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load(str(path))


def test_an_empty_folder(tmp_path):
    with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path))}: an empty folder; put images in"):
        load(str(tmp_path))


def test_settings_that_the_data_has_no_use_for(tiny_folder, tmp_path):
    for name in ("mnist", str(tiny_folder)):
        for settings, told in (
            ({"numeric_only": True}, "--numeric-only is for CSV, Parquet only; leave --numeric-only out"),
            ({"header": "no"}, "--header is for CSV only; leave --header out"),
            ({"label": "y"}, "--label is for CSV, Parquet only; leave --label out"),
            ({"resize": "8x8"}, "--resize is for Parquet, folders of images only; leave --resize out"),
            ({"test_fraction": 0.2}, "it has test rows of its own; leave --test-fraction out"),
        ):
            with pytest.raises(ConfigError, match=f"^{re.escape(f'{name}: {told}')}$"):
                load(name, **settings)


def test_a_path_too_long(tmp_path):
    for name in ("a" * 300, str(tmp_path / ("a" * 300))):
        with pytest.raises(DataError, match=r"a: cannot be read \(File name too long\)$"):
            load(name)


def test_a_folder_that_may_not_be_entered(tiny, tmp_path, as_stranger):
    write_folder(Path("shut"), tiny).chmod(0)
    with as_stranger(), pytest.raises(DataError, match=r"^shut: cannot be read \(Permission denied\)$"):
        load("shut")


def test_hold_back_keeps_the_first_rows(tiny):
    rest, held = tiny.hold_back(50)
    np.testing.assert_array_equal(held.inputs, tiny.train.inputs[:50])
    np.testing.assert_array_equal(held.labels, tiny.train.labels[:50])
    np.testing.assert_array_equal(rest.train.inputs, tiny.train.inputs[50:])
    np.testing.assert_array_equal(rest.train.labels, tiny.train.labels[50:])
    assert rest._replace(train=tiny.train) == tiny
    nothing_held = tiny.hold_back(0)
    assert len(nothing_held[0].train.labels) == 203
    assert len(nothing_held[1].labels) == 0
