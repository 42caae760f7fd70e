import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descenso.data.arrays import MOST_CLASSES, in_order, stratified
from descenso.data.dataset import scaling
from descenso.errors import DataError

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=80).map(lambda drawn: np.array(drawn, np.int32))
FRACTIONS = st.floats(0.001, 0.999)
SEEDS = st.integers(0, 2**63 - 1)


@given(LABELS, FRACTIONS, SEEDS)
def test_every_row_is_on_one_side_and_every_class_on_both(labels, fraction, seed):
    train, test = stratified(labels, fraction, seed)
    assert sorted([*train, *test]) == list(range(len(labels)))
    for label, count in enumerate(np.bincount(labels)):
        tested = np.sum(labels[test] == label)
        if count >= 2:
            assert tested == min(max(round(fraction * count), 1), count - 1)
        else:
            assert tested == 0


@given(LABELS, FRACTIONS, SEEDS)
def test_a_split_is_a_function_of_its_arguments(labels, fraction, seed):
    for one, other in zip(stratified(labels, fraction, seed), stratified(labels, fraction, seed), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("other", [1, 2**32, 2**63 - 1])
def test_seeds_differ(other):
    labels = np.zeros(60, np.int32)
    assert stratified(labels, 0.5, 0)[0].tolist() != stratified(labels, 0.5, other)[0].tolist()


def test_the_first_rows_are_a_fair_sample():
    """The rows are sorted by class; the first 100 of the shuffled split must contain all classes in similar numbers."""
    labels = np.repeat(np.arange(10, dtype=np.int32), 120)
    for rows in stratified(labels, 1 / 6, seed=3):
        first = np.bincount(labels[rows[:100]], minlength=10)
        assert first.min() >= 2, f"seed 3: {first}"
        assert first.max() <= 25, f"seed 3: {first}"


def test_names_in_order():
    assert in_order("file", {"10", "9", "-1", "0"}) == ["-1", "0", "9", "10"]
    assert in_order("file", {"10", "9", "x"}) == ["10", "9", "x"]
    assert in_order("file", {"01", "1", "2"}) == ["01", "1", "2"]  # sorted as text, since as numbers two are equal
    assert in_order("file", {"²", "٣", "9" * 5000}) == ["9" * 5000, "²", "٣"]  # str.isdigit() is true of all


def test_more_labels_than_can_be_classes():
    assert len(in_order("file", map(str, range(MOST_CLASSES)))) == MOST_CLASSES
    message = "file: 4097 different labels, at most 4096 can be classes; is the label the right one?"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        in_order("file", map(str, range(MOST_CLASSES + 1)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_are_standardised(dtype):
    random = np.random.default_rng(5)
    rows = (random.normal(size=(500, 4)) * [1, 1e-3, 50, 2] + [0, 7, -3, 1e3]).astype(dtype)
    shift, scale = scaling(rows, "made")
    scaled = (rows - shift) * scale
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -7.0, 1e300, 123456.789])
def test_a_column_of_one_value_becomes_nothing(value):
    """The standard deviation of equal values may not round to 0: for ten times 0.1 it is 1.4e-17."""
    rows = np.column_stack([np.full(10, value), np.arange(10)])
    shift, scale = scaling(rows, "made")
    assert ((rows - shift) * scale)[:, 0].tolist() == [0.0] * 10
    assert scale[0] == 1.0


def test_pictures_and_other_arrays_have_one_scale():
    random = np.random.default_rng(5)
    pictures = random.integers(0, 256, (6, 4, 3), np.uint8)
    assert scaling(pictures, "made") == (0.0, 1 / 255)
    assert scaling(pictures[..., None].repeat(3, axis=-1), "made") == (0.0, 1 / 255)
    shift, scale = scaling(pictures.astype(np.float32), "made")
    assert (shift, scale) == (pytest.approx(pictures.mean()), pytest.approx(1 / pictures.std()))
    assert scaling(np.full((3, 2, 2), 7.0), "made") == (7.0, 1.0)


@pytest.mark.parametrize("values", [[1e308, -1e308], [1e200, -1e200], [1e-320, 0]])
def test_values_that_cannot_be_standardised(values):
    told = (
        "holds values too large, or too close to each other, to be standardised; leave it out, or bring it to another"
    )
    for columns, column in (((), "2"), (("a", "b"), "'b'")):
        with pytest.raises(DataError, match=f"^made: column {column} {re.escape(told)} unit$"):
            scaling(np.column_stack([[1.0, 2.0], values]), "made", columns=columns)
