"""Rows that stay in files are those of an array, one by one, and are never read as a whole."""

import re

import numpy as np
import pytest

import descenso as ds
from descenso.data import file_rows, streams
from descenso.data.checks import check_fit
from descenso.data.dataset import data_fingerprint, is_mapped
from descenso.data.file_rows import FileRows, left_in_file
from descenso.data.sources import Limits
from descenso.errors import DataError

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.integers(256, size=(230, 4, 3), dtype=np.uint8), RANDOM.integers(3, size=230)
CHOSEN = RANDOM.permutation(230)[:170]
INDICES = [3, -1, slice(5, 90, 7), slice(None), np.array([5, 0, -2, 169, 5]), np.arange(170) % 3 == 0, slice(0, 0),
           (slice(2, 9), 1), (4, slice(None), 2)]  # fmt: skip


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """`X` in three files, of which pages are released after each few rows."""
    monkeypatch.setattr(file_rows, "REGION_BYTES", 50)
    monkeypatch.setattr(file_rows, "MOST_REGIONS", 3)
    for number, rows in enumerate(np.split(X, [100, 101])):
        np.save(tmp_path / f"{number}.npy", rows)
    return [np.load(tmp_path / f"{number}.npy", mmap_mode="r") for number in range(3)]


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """`X.npy` and `y.npy`, larger than what is read into memory."""
    for module, name, most in ((file_rows, "MOST_IN_MEMORY", 2000), (streams, "MOST_IN_MEMORY", 2000)):
        monkeypatch.setattr(module, name, most)
    monkeypatch.setattr("descenso.data.formats.array_files.CHUNK_BYTES", 8)
    monkeypatch.setattr("descenso.data.dataset.CHUNK_BYTES", 999)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    return tmp_path / "X.npy"


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("chosen", [None, CHOSEN], ids=["all", "chosen"])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexed_as_an_array(index, chosen, dtype, parts):
    rows, expected = FileRows(parts), X
    if chosen is not None:
        rows, expected = rows.rows(chosen), X[chosen]
    elif isinstance(index, np.ndarray) and index.dtype == bool:
        index = np.arange(230) % 3 == 0
    rows, expected = rows.astype(dtype), expected.astype(dtype)
    assert (rows.shape, rows.dtype, rows.nbytes) == (expected.shape, expected.dtype, expected.nbytes)
    np.testing.assert_array_equal(rows[index], expected[index], strict=True)
    assert (rows.min(), rows.max()) == (expected.min(), expected.max())
    np.testing.assert_array_equal(rows.reshape(len(rows), 12)[:], expected.reshape(-1, 12), strict=True)


def test_taken_as_of_an_array(parts):
    rows, numbers = FileRows(parts), RANDOM.integers(230, size=(7, 20))
    out = np.empty((7, 20, 4, 3), np.uint8)
    np.take(rows, numbers, axis=0, out=out, mode="clip")
    np.testing.assert_array_equal(out, X[numbers])
    np.testing.assert_array_equal(np.take(rows.rows(CHOSEN), numbers % 170, axis=0), X[CHOSEN][numbers % 170])
    with pytest.raises(IndexError, match=re.escape("row numbers must be in [-230, 230)")):
        rows[[230]]


def test_changes_in_memory_are_kept(tmp_path):
    """Of a file that is mapped copy-on-write, pages that were released would be the file's again."""
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="c")
    mapped[7] = 9
    rows = FileRows([mapped.reshape(230, 12)])
    for _time in range(200):
        assert (rows[[7]] == 9).all()


def test_a_pair_of_files_is_split_and_never_read_as_a_whole(pair):
    data = ds.load(str(pair), test_fraction=0.3)
    assert all(isinstance(split.inputs, FileRows) and is_mapped(split.inputs) for split in (data.train, data.test))
    held = ds.from_arrays(X.copy(), Y, test_fraction=0.3)
    for mine, theirs in ((data.train, held.train), (data.test, held.test)):  # the same rows, in the file's order
        rows = np.sort(np.array([np.flatnonzero((row == X).all(axis=(1, 2)))[0] for row in theirs.inputs]))
        np.testing.assert_array_equal(mine.inputs[:], X[rows])
        np.testing.assert_array_equal(mine.labels, Y[rows])
    assert data.scaling == held.scaling
    in_memory = data._replace(train=data.train._replace(inputs=data.train.inputs[:]),
                              test=data.test._replace(inputs=data.test.inputs[:]))  # fmt: skip
    assert data_fingerprint(data) == data_fingerprint(in_memory)
    with pytest.raises(DataError, match=r"at once: 161 of 4×3, of 0\.0 GB in all; take some .*: inputs\[:1000\]"):
        np.asarray(data.train.inputs.astype(np.float32))


def test_a_file_may_be_larger_than_the_limits_of_what_is_read(pair):
    limits = Limits(file_bytes=500, array_bytes=500)
    assert len(ds.load(str(pair), sources=ds.Sources(limits)).train.labels) == 184


@pytest.mark.parametrize(("sort", "warned"), [(True, True), (False, False)])
def test_rows_to_validate_on_are_drawn_from_all(sort, warned, pair):
    if sort:
        np.save(pair.with_name("y.npy"), np.sort(Y))
    data = ds.load(str(pair))
    kept, held = data.hold_back(50)
    assert sorted(map(bytes, [*kept.train.inputs, *held.inputs])) == sorted(map(bytes, data.train.inputs))
    assert len(held.labels) == 50
    assert min(np.bincount(held.labels, minlength=3)) > 5
    config = check_fit(
        data, ds.TrainConfig.of(data=str(pair), model="softmax", validation_size=50), {"validation_size"}
    )
    assert config.order == f"blocks:{2**14}x1024"  # of 12 bytes a row
    config = config.model_copy(update={"order": "blocks:40x1"})
    note = streams.with_mixing_noted(data, config).notes[-1]
    assert (
        "rows are read in the order blocks:40x1: the shares of the classes in consecutive rows, 40 at a time, differ"
        in note
    )
    assert ("sorted by class; to mix them more: --order blocks:5x8, or --order permutation" in note) == warned


def test_small_rows_and_an_order_that_was_given_stay(pair, monkeypatch):
    data, settings = ds.load(str(pair)), {"data": str(pair), "model": "softmax", "order": "sequential"}
    assert check_fit(data, ds.TrainConfig.of(**settings), settings).order == "sequential"
    monkeypatch.setattr(file_rows, "MOST_IN_MEMORY", 2**30)
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", 2**30)
    array = np.load(pair, mmap_mode="r")
    assert left_in_file(array) is array
    assert check_fit(ds.load(str(pair)), ds.TrainConfig.of(data=str(pair)), ()).order == "permutation"
