"""Datasets made from arrays and frames."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import descenso as ds
from descenso.data import batches, memory
from descenso.data.sources import Limits
from descenso.errors import ConfigError, DataError

WIDTHS, HEIGHTS = [1.0, 2.0, 3.0, 4.0], [10, 30, 20, 40]
KINDS = ["a", "b", "a", "b"]
COLUMNS = {"width": WIDTHS, "kind": KINDS, "height": HEIGHTS}
on_both = pytest.mark.parametrize("frame_of", [pd.DataFrame, pl.DataFrame])


@on_both
def test_a_frame_is_its_columns_and_its_labels(frame_of):
    test = frame_of({"height": [20], "kind": ["b"], "width": [1.5]})
    data = ds.from_frame(frame_of(COLUMNS), "kind", test=test, name="made")
    np.testing.assert_array_equal(data.train.inputs, np.column_stack([WIDTHS, HEIGHTS]))
    np.testing.assert_array_equal(data.train.labels, [0, 1, 0, 1])
    np.testing.assert_array_equal(data.test.inputs, [[1.5, 20]])
    np.testing.assert_array_equal(data.test.labels, [1])  # class 1, although the test frame has no other label
    assert (data.columns, data.class_names) == (("width", "height"), ("a", "b"))
    np.testing.assert_allclose(data.scaling.shift, [2.5, 25])
    np.testing.assert_allclose(data.scaling.scale, [1 / np.std(WIDTHS), 1 / np.std(HEIGHTS)])


@on_both
def test_a_frame_is_read_as_a_file_of_it_is(frame_of, tmp_path):
    pl.DataFrame(COLUMNS).write_csv(tmp_path / "made.csv")
    (read, framed) = (
        ds.load(str(tmp_path / "made.csv"), label="kind", test_fraction=0.5, seed=3),
        ds.from_frame(frame_of(COLUMNS), "kind", test_fraction=0.5, seed=3),
    )
    for file, frame in zip((read.train, read.test), (framed.train, framed.test), strict=True):
        np.testing.assert_array_equal(file.inputs, frame.inputs)
        np.testing.assert_array_equal(file.labels, frame.labels)


@on_both
@pytest.mark.parametrize(
    ("columns", "label", "said"),
    [
        (COLUMNS, "sort", "frame: there is no column 'sort'; its columns are width, kind, height"),
        ({**COLUMNS, "sort": KINDS}, "", "frame: which column holds the labels"),
        ({**COLUMNS, "height": [1.0, np.inf, 3.0, 4.0]}, "kind", "frame, row 2, column 'height': inf is no number"),
        ({**COLUMNS, "kind": ["a", None, "b", "b"]}, "kind", "frame, row 2, column 'kind': no value"),
        (
            {"width": ["1 m", "2 m", "3 m", "4 m"], "kind": KINDS},
            "kind",
            "frame: no column is left to learn from: Column",
        ),
        ({"width": [], "kind": []}, "kind", "frame: no rows; give at least one"),
        ({"kind": KINDS}, "kind", "frame: no column besides the labels'"),
    ],
)
def test_a_frame_that_cannot_be_learned_from(frame_of, columns, label, said):
    with pytest.raises((ConfigError, DataError), match=said):
        ds.from_frame(frame_of(columns), label, test_fraction=0.5)


def test_columns_of_pandas_with_one_name_are_refused():
    twice = pd.DataFrame([[1.0, 2.0, "a"]], columns=["x", "x", "kind"])
    with pytest.raises(DataError, match="frame: two columns are called 'x'; rename one"):
        ds.from_frame(twice, "kind", test_fraction=0.5)


def test_a_label_that_no_training_row_has():
    test = pl.DataFrame({"width": [1.0], "height": [1.0], "kind": ["c"]})
    with pytest.raises(DataError, match="frame: row 0 of y has label c, which no training row has"):
        ds.from_frame(pl.DataFrame(COLUMNS), "kind", test=test)


def test_rows_to_test_on_come_from_one_place():
    frame = pl.DataFrame(COLUMNS)
    with pytest.raises(ConfigError, match="test rows of its own"):
        ds.from_frame(frame, "kind", test=frame, test_fraction=0.5)
    with pytest.raises(DataError, match="frame: rows would be 4, the limit is 3; try --limit rows=4"):
        ds.from_frame(frame, "kind", test_fraction=0.5, limits=Limits(rows=3))


def test_arrays_are_what_they_are():
    pictures = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    data = ds.from_arrays(pictures, [3, 9, 3, 9], test=(pictures[:1], [9]), name="made")
    np.testing.assert_array_equal(data.train.inputs, pictures)
    assert data.train.inputs.dtype == np.uint8
    np.testing.assert_array_equal(data.train.labels, [0, 1, 0, 1])
    np.testing.assert_array_equal(data.test.labels, [1])
    assert (data.class_names, data.scaling.scale, data.name) == (("3", "9"), 1 / 255, "made")


@pytest.mark.parametrize(
    ("inputs", "labels", "said"),
    [
        (
            np.ones((4, 2)),
            [0, 1, 0],
            r"arrays, training rows: 4 rows of inputs and 3 labels; each row needs one",
        ),
        (
            np.ones((4, 2)),
            np.eye(4),
            r"labels of shape 4×4 beside inputs of shape 4×2, .*; if they are one-hot, give numpy.argmax",
        ),
        (
            [[1.0], [np.nan], [1.0], [2.0]],
            [0, 1, 0, 1],
            "arrays, training rows: row 1 holds a value that is not finite",
        ),
        ([["1"], ["2"]], [0, 1], "arrays, training rows: inputs of type <U1, expected numbers"),
        (np.ones((4, 2)), [1, 1, 1, 1], "arrays: one class only"),
    ],
)
def test_arrays_that_cannot_be_learned_from(inputs, labels, said):
    with pytest.raises(DataError, match=said):
        ds.from_arrays(inputs, labels, test_fraction=0.5)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.arange(60) / 7, "row 1 of y_train is 0.14.*, of type float64; .*: a number to predict is no class"),
        (np.arange(60) // 2 * 10, "'y' has 30 classes in 60 rows: a number to predict is no class; give other labels"),
        (np.arange(60) + 500, "'y' has 60 classes in 60 rows: it names or counts the rows; give other labels"),
        (np.array([f"name {row}" for row in range(60)]), "'y' has 60 classes in 60 rows: it names or counts the rows"),
    ],
)
def test_a_number_to_predict_is_no_class(labels, told):
    with pytest.raises(DataError, match=told):
        ds.from_arrays(np.zeros((60, 2)), labels, test_fraction=0.2)


def test_pictures_of_few_rows_in_a_class_are_taken():
    pictures = np.zeros((60, 4, 4), np.uint8)
    assert ds.from_arrays(pictures, np.arange(60) // 2, test_fraction=0.2).num_classes == 30


def test_a_frame_beside_its_labels_keeps_the_names_of_its_columns(tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 3))
    labels = np.where(inputs[:, 0] > 0, "yes", "no")
    frames = (
        pd.DataFrame(inputs, columns=["a", "b", "c"], index=range(500, 560)),
        pl.DataFrame(inputs, schema=list("abc")),
    )
    for frame in frames:
        made = memory.dataset_of(frame, labels, {})
        assert made.name == "arrays"
        assert len(made.columns) == 3
    data = memory.dataset_of(frames[0], pd.Series(labels, name="a"), {})  # a column has that name already
    assert data.columns == ("a", "b", "c")
    assert data.class_names == ("no", "yes")
    with pytest.raises(DataError, match="labels of shape 5 beside a frame of shape 60×3, expected one label a row"):
        memory.dataset_of(frames[0], labels[:5], {})


class Batches:
    """Stand-in for a `tf.data.Dataset`, for tests without TensorFlow."""

    def __init__(self, *parts, length=3):
        self.parts, self.length = parts, length
        self.element_spec = tuple(type("Spec", (), {"shape": (None, *part.shape[1:])}) for part in parts)

    def cardinality(self):
        return self.length

    def as_numpy_iterator(self):
        return iter([tuple(part[first : first + 4] for part in self.parts) for first in range(0, 20, 4)])


def test_a_dataset_of_tensorflow_is_read_as_a_whole():
    inputs, labels = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    made = memory.dataset_of(Batches(inputs, labels), None, {})
    same = memory.dataset_of(inputs, labels, {})
    assert np.array_equal(made.train.inputs, same.train.inputs)
    assert np.array_equal(made.test.labels, same.test.labels)


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        (Batches(np.ones((20, 2)), np.ones(20), length=-1), None, r"without an end; leave \.repeat\(\) out"),
        (
            Batches(np.ones((20, 2)), np.ones(20), np.ones(20)),
            None,
            "elements have 3 parts; .* sample_weight=w",
        ),
        (Batches(np.ones((20, 2)), np.ones(20)), Batches(np.ones((20, 2)), np.ones(20)), "given as two; try data=desc"),
        ((np.ones((20, 2)), np.ones(20)), (np.ones((20, 2)), np.ones(20)), r"test=\(X_test, y_test\)\)$"),
        (np.ones((20, 2)), "species", "labels must be one a row, got 'species'; if it is a column: --label species"),
    ],
)
def test_what_keras_users_give_beside_inputs_is_answered(data, labels, message):
    with pytest.raises(ValueError, match=message):
        memory.dataset_of(data, labels, {})


def test_more_rows_than_memory_should_hold_are_not_cut_off(monkeypatch):
    monkeypatch.setattr(batches, "MOST_BYTES", 100)
    with pytest.raises(DataError, match=r"too large .*; save its rows as an NPY file, and give numpy\.load"):
        memory.dataset_of(Batches(np.ones((20, 2)), np.ones(20)), None, {})
