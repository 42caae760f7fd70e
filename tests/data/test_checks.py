import re

import numpy as np
import pytest

from descenso.config import TrainConfig
from descenso.data.checks import check_dataset, check_fit, check_split, defaults_for_few_rows
from descenso.data.dataset import Split
from descenso.errors import ConfigError, DataError
from samples import tiny_dataset

ROWS = np.zeros((5, 2, 3), np.uint8)
LABELS = np.array([0, 1, 2, 1, 0], np.int32)


def refused(message):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


def check(inputs=ROWS, labels=LABELS, shape=(2, 3)):
    return check_split(Split(inputs, labels), 3, shape, "mine, training rows")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_whole_numbers_of_any_width_become_int32(dtype):
    split = check(labels=LABELS.astype(dtype))
    np.testing.assert_array_equal(split.labels, LABELS, strict=True)
    assert split.inputs is ROWS


@pytest.mark.parametrize(
    ("inputs", "got"), [(ROWS[:, :, :2], "2×2"), (ROWS[..., None], "2×3×1"), (ROWS[:, 0, 0], "()"), (ROWS.T, "2×5")]
)
def test_inputs_of_another_shape(inputs, got):
    with refused(f"mine, training rows: inputs of shape {got}, expected 2×3; the model reads one size only"):
        check(inputs)


@pytest.mark.parametrize(("labels", "got"), [(np.eye(5, dtype=int), "5×5"), (np.eye(5, 3) / 2, "5×3")])
def test_one_hot_labels(labels, got):
    with refused(
        f"mine, training rows: labels of shape {got} beside inputs of shape 5×2×3, expected one label a row; "
        "if they are one-hot, give numpy.argmax(labels, axis=1)"
    ):
        check(labels=labels)


@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_a_label_for_each_row(count):
    with refused(f"mine, training rows: 5 rows of inputs and {count} label{'s' * (count != 1)}; each row needs one"):
        check(labels=np.zeros(count, np.int32))


def test_no_rows():
    with refused("mine, training rows: no rows; give at least one"):
        check(ROWS[:0], LABELS[:0])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0,)])
def test_inputs_that_hold_nothing(shape):
    with refused(f"mine, training rows: inputs of shape {'×'.join(map(str, shape))}, which hold nothing"):
        check(np.zeros((5, *shape), np.uint8), shape=shape)


@pytest.mark.parametrize("dtype", ["float64", "bool", "<U1", "object"])
def test_labels_that_are_no_whole_numbers(dtype):
    with refused(
        f"mine, training rows: labels of type {dtype} beside inputs of type uint8, expected whole numbers; "
        "try labels.astype('int32')"
    ):
        check(labels=LABELS.astype(dtype))


@pytest.mark.parametrize(("row", "label"), [(0, 3), (2, -1), (4, 2**31 - 1), (3, -(2**31))])
def test_labels_outside_the_classes(row, label):
    labels = LABELS.copy()
    labels[row] = label
    with refused(f"mine, training rows: row {row} has label {label}, expected one in [0, 3)"):
        check(labels=labels)


def test_the_first_of_many_is_named():
    with refused("mine, training rows: row 1 has label 9, expected one in [0, 3)"):
        check(labels=np.array([0, 9, 8, 2, -7], np.int32))


def test_a_dataset_that_holds_together_is_given_back(tiny):
    checked = check_dataset(tiny)
    assert checked._replace(train=None, test=None) == tiny._replace(train=None, test=None)
    assert all(a is b for a, b in zip(checked.train + checked.test, tiny.train + tiny.test, strict=True))


def test_labels_of_both_splits_become_int32(tiny):
    narrow = (Split(split.inputs, split.labels.astype(np.uint8)) for split in (tiny.train, tiny.test))
    checked = check_dataset(tiny._replace(**dict(zip(("train", "test"), narrow, strict=True))))
    np.testing.assert_array_equal(checked.train.labels, tiny.train.labels, strict=True)
    np.testing.assert_array_equal(checked.test.labels, tiny.test.labels, strict=True)


def test_both_splits_are_checked(tiny):
    wrong = np.full(203, 4, np.int32)
    with refused("tiny, training rows: row 0 has label 4, expected one in [0, 4)"):
        check_dataset(tiny._replace(train=tiny.train._replace(labels=wrong)))
    with refused("tiny, test rows: row 0 has label 4, expected one in [0, 4)"):
        check_dataset(tiny._replace(test=tiny.test._replace(labels=wrong[:61])))
    with refused("tiny, test rows: inputs of shape 8×7, expected 8×8; the model reads one size only"):
        check_dataset(tiny._replace(test=tiny.test._replace(inputs=tiny.test.inputs[:, :, 1:])))


def test_one_class_only():
    with refused("tiny: one class only; give rows of at least two"):
        check_dataset(tiny_dataset(num_classes=1))


GIVEN = ("batch_size", "epochs", "weight_decay", "activation")


@pytest.mark.parametrize(
    ("model", "rows", "batch_size", "epochs"),
    [("softmax", 60_000, 100, 100), ("softmax", 120, 8, 667), ("softmax", 30, 8, 1000),
     ("mlp", 120, 8, 400), ("mlp", 6, 6, 1000),
     ("cnn", 60_000, 64, 3), ("cnn", 500, 31, 36), ("mlp", 2_000, 100, 300), ("mlp", 60_000, 100, 12)],
)  # fmt: skip
def test_few_rows_get_smaller_batches_and_more_epochs_unless_they_are_given(model, rows, batch_size, epochs):
    config = TrainConfig.of(model=model)
    found = defaults_for_few_rows(config, (), rows)
    assert (found.batch_size, found.epochs) == (batch_size, epochs)
    assert defaults_for_few_rows(config, GIVEN, rows) == config
    assert defaults_for_few_rows(TrainConfig.of(model=model, batch_size="full"), ("batch_size",), rows).epochs == epochs
    assert defaults_for_few_rows(config, ("batch_size",), max(rows, 100)).batch_size == config.batch_size


@pytest.mark.parametrize(
    ("model", "rows", "given", "decay", "activation"),
    [
        ("mlp", 9_999, (), 0.5, "gelu"),
        ("mlp", 10_000, (), 0, "relu"),
        ("softmax", 100, (), 0, "relu"),
        ("cnn", 100, (), 0, "relu"),
        ("mlp", 100, ("rule",), 0, "gelu"),
        ("mlp", 100, ("learning_rate",), 0, "gelu"),
        ("mlp", 100, ("weight_decay",), 0, "gelu"),
        ("mlp", 100, ("activation",), 0.5, "relu"),
        ("mlp", 100, ("epochs", "batch_size"), 0.5, "gelu"),
    ],
)
def test_an_mlp_of_few_rows_gets_gelu_and_weight_decay_at_its_own_rate(model, rows, given, decay, activation):
    found = defaults_for_few_rows(TrainConfig.of(model=model), given, rows)
    assert (found.weight_decay, found.activation) == (decay, activation)


@pytest.mark.parametrize(("validation_size", "batch_size"), [(0, 1), (0, 203), (190, 1), (103, 100)])
def test_settings_that_the_rows_suffice_for(tiny, validation_size, batch_size):
    check_fit(tiny, TrainConfig.of(validation_size=validation_size, batch_size=batch_size), GIVEN)


@pytest.mark.parametrize("size", [203, 204, 10**12])
def test_validation_must_leave_rows(tiny, size):
    message = f"validation_size must leave training rows, got {size} of 203; try --validation-size 20"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        check_fit(tiny, TrainConfig.of(validation_size=size, batch_size=1), GIVEN)


@pytest.mark.parametrize(("validation_size", "batch_size", "rows"), [(0, 204, 203), (103, 101, 100), (190, 14, 13)])
def test_a_batch_must_fit(tiny, validation_size, batch_size, rows):
    message = f"batch_size must be at most the {rows} training rows, got {batch_size}; try --batch-size {rows}"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        check_fit(tiny, TrainConfig.of(validation_size=validation_size, batch_size=batch_size), GIVEN)


def test_shares_and_all_rows_suffice(tiny):
    check_fit(tiny, TrainConfig.of(validation_size=0.5, batch_size="full"), GIVEN)
    with pytest.raises(ConfigError, match="patience needs validation rows, and there are none; try --validation-size"):
        check_fit(tiny, TrainConfig.of(patience=2), GIVEN)
    with pytest.raises(ConfigError, match=r"batch_size must be at most the 101 training rows, got 102;"):
        check_fit(tiny, TrainConfig.of(validation_size=0.5, batch_size=102), GIVEN)


def test_a_class_without_training_rows(tiny):
    """The rows are sorted by class, and validation takes all rows of the first class."""
    rows = np.argsort(tiny.train.labels, kind="stable")
    data = tiny._replace(train=Split(tiny.train.inputs[rows], tiny.train.labels[rows]))
    first = int(np.bincount(tiny.train.labels)[0])
    check_fit(data, TrainConfig.of(validation_size=first - 1, batch_size=1), GIVEN)
    with refused(
        "tiny, training rows: no row of class 0; give some, and shuffle the rows where they are sorted by class"
    ):
        check_fit(data, TrainConfig.of(validation_size=first, batch_size=1), GIVEN)


@pytest.mark.parametrize("dtype", ["O", "U3", "?", "c8"])
def test_inputs_that_are_no_numbers_are_refused(tiny, dtype):
    inputs = np.zeros(tiny.train.inputs.shape, dtype)
    with pytest.raises(DataError, match=r"training rows: inputs of type .*, expected numbers; try inputs\.astype"):
        check_dataset(tiny._replace(train=tiny.train._replace(inputs=inputs)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_named(tiny, value):
    inputs = tiny.train.inputs.astype(np.float32)
    inputs[7, 0, 0] = value
    with pytest.raises(DataError, match="training rows: row 7 holds a value that is not finite"):
        check_dataset(tiny._replace(train=tiny.train._replace(inputs=inputs)))
