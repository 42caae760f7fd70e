"""Slices of rows; memory-mapped rows are never all in memory."""

import tracemalloc

import numpy as np
import pytest

from descenso.data import dataset as chunks
from descenso.data.checks import check_dataset
from descenso.data.dataset import Dataset, Scaling, Split, data_fingerprint, fingerprint, is_mapped, row_chunks
from descenso.data.memory import from_arrays
from descenso.errors import DataError

ROWS = 20_000


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """20 MB of memory-mapped rows and their labels, read in slices of 1 MB."""
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 2**20)
    inputs = np.memmap(tmp_path / "inputs", np.float32, "w+", shape=(ROWS, 256))
    inputs[:] = np.random.default_rng(0).random((ROWS, 256), np.float32)
    return inputs, (np.arange(ROWS) % 3).astype(np.int32)


def peak(function):
    """Return the bytes that `function` allocates at most, and its result."""
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def dataset(inputs, labels):
    return Dataset("mapped", Split(inputs, labels), Split(inputs[:500], labels[:500]), ("a", "b", "c"), Scaling())


def test_an_array_in_memory_is_one_slice(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1)
    for rows in (0, 1, 5):
        assert list(row_chunks(np.zeros((rows, 2)))) == [slice(0, rows)]


def test_slices_of_mapped_rows_cover_them(mapped):
    inputs, _labels = mapped
    for array in (inputs, inputs[10:], np.asarray(inputs), inputs.reshape(-1, 4, 64)):
        assert is_mapped(array)
        covered = list(row_chunks(array))
        assert [each.stop for each in covered[:-1]] == [each.start for each in covered[1:]]
        assert (covered[0].start, covered[-1].stop) == (0, len(array))
        assert {array[each].nbytes for each in covered[:-1]} == {2**20}
    assert not is_mapped(inputs[np.arange(3)])
    assert not is_mapped(inputs.astype(np.float64))


def test_a_row_larger_than_a_slice(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 1)
    array = np.memmap(tmp_path / "inputs", np.uint8, "w+", shape=(3, 2))
    assert list(row_chunks(array)) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_mapped_rows_are_checked_and_fingerprinted_in_slices(mapped):
    data = dataset(*mapped)
    bytes_, checked = peak(lambda: check_dataset(data))
    assert bytes_ < 2**21
    assert checked.train.inputs is data.train.inputs
    for inputs in (mapped[0], mapped[0].view(">f4")):  # the second needs a conversion
        bytes_, print_ = peak(lambda inputs=inputs: data_fingerprint(dataset(inputs, mapped[1])))
        assert bytes_ < 2**22
        assert print_ == data_fingerprint(dataset(np.array(inputs), mapped[1]))


def test_the_row_that_is_not_finite_is_named_in_any_slice(mapped):
    inputs, labels = mapped
    inputs[15_001, 7] = np.nan
    with pytest.raises(DataError, match="^mapped, training rows: row 15001 holds a value that is not finite"):
        check_dataset(dataset(inputs, labels))


def test_pictures_pass_through_from_arrays_without_a_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 2**20)
    inputs = np.memmap(tmp_path / "pictures", np.uint8, "w+", shape=(ROWS, 32, 32))
    labels = np.arange(ROWS) % 3
    bytes_, data = peak(lambda: from_arrays(inputs, labels, test=(inputs[:500], labels[:500])))
    assert data.train.inputs is inputs
    assert is_mapped(data.test.inputs)
    assert bytes_ < inputs.nbytes / 10


def test_floats_pass_through_from_arrays_where_they_lie(mapped):
    inputs, labels = mapped
    data = from_arrays(inputs, labels, test=(inputs[:500], labels[:500]))
    assert data.train.inputs is inputs
    assert is_mapped(data.test.inputs)


def test_fingerprints_are_those_of_earlier_versions():
    arrays = {
        "a": np.arange(24, dtype=np.float32).reshape(4, 3, 2),
        "b": np.asarray(1 / 255),
        "c": np.arange(6, dtype=">i4").reshape(2, 3).T,
        "d": np.zeros((0, 3), np.uint8),
    }
    assert fingerprint(arrays) == "081ee53ef5e2b9c02d2d1f98efd35fef190033f832a9e1a62b45e44171871134"
