"""Rows with labels as somebody has them, brought to the form in which an engine takes them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.checks import check_dataset
from descenso.data.dataset import Dataset, Split
from descenso.data.scaling import scaling
from descenso.data.split import check_fraction, divided, in_order
from descenso.errors import DataError
from descenso.text import _


class Rows(NamedTuple):
    """Inputs, and labels as they were given: whole numbers or text."""

    inputs: NDArray[np.generic]
    labels: NDArray[np.generic]


def ready(data: Dataset) -> Dataset:
    """`data`, once it has been checked, and with the scaling that suits its training rows.

    Raises:
        DataError: for what cannot be learned from.
    """
    shift, scale = scaling(check_dataset(data).train.inputs, data.name)
    return data._replace(input_shift=shift, input_scale=scale)


def split_rows(name: str, rows: Rows, test_rows: Rows | None, test_fraction: float, seed: int) -> Dataset:
    """A dataset of `rows`, and of `test_rows` or a share of `rows` to test on; not yet checked or scaled.

    Raises:
        ConfigError: for a share to test on where there are test rows, and for none where there are none.
        DataError: naming the row, for what is no number or not finite, and for a label that no training row has.
    """
    rows, test_rows = _named(rows), test_rows and _named(test_rows)
    check_fraction(name, test_fraction, has_test=test_rows is not None)
    names = in_order(name, {str(label) for label in np.unique(_one_each(name, "x_train", rows))})
    train = Split(numbers(rows.inputs), _coded(name, "y_train", rows.labels, names))
    if test_rows is None:
        train, test = divided(train, test_fraction, seed)
    else:
        _one_each(name, "x_test", test_rows)
        test = Split(numbers(test_rows.inputs), _coded(name, "y_test", test_rows.labels, names))
    return Dataset(name, train, test, tuple(names), input_scale=1.0)


def _named(rows: Rows) -> Rows:
    """`rows`, whose labels are NumPy's own text where they were objects that are all text, or bytes."""
    inputs, labels = rows
    if labels.dtype.kind == "S":
        return Rows(inputs, np.array([each.decode("utf-8", "replace") for each in labels.flat]).reshape(labels.shape))
    if labels.dtype.kind == "T" or (labels.dtype.kind == "O" and all(isinstance(each, str) for each in labels.flat)):
        return Rows(inputs, labels.astype(str))
    return rows


def recoded(name: str, rows: Split, class_names: tuple[str, ...], wanted: tuple[str, ...], first: int = 0) -> Split:
    """`rows`, whose labels say places in `class_names`, with labels that say places in `wanted`.

    An error counts rows from `first`.

    Raises:
        DataError: for a label that is none of those.
    """
    return Split(rows.inputs, _coded(name, "y", np.array(class_names)[rows.labels], list(wanted), first))


def _one_each(name: str, array: str, rows: Rows) -> NDArray[np.generic]:
    """The labels, once there is one whole number or text for each row of inputs, which are finite numbers."""
    inputs, labels = rows
    if labels.ndim != 1 or inputs.ndim < 2 or len(inputs) != len(labels) or labels.dtype.kind not in "iubU":
        raise DataError(
            _(
                "{path}: inputs of shape {inputs} and {input_type}, labels of shape {labels} and {label_type}; "
                "each row needs one label, text or a whole number{mend}"
            ).format(
                path=name, inputs=inputs.shape, input_type=inputs.dtype, labels=labels.shape, label_type=labels.dtype,
                mend=_mend(labels),
            )
        )  # fmt: skip
    if inputs.dtype.kind not in "iufb":
        raise DataError(_("{path}: inputs of type {dtype}, expected numbers").format(path=name, dtype=inputs.dtype))
    finite = np.isfinite(inputs).reshape(len(inputs), -1) if inputs.size else np.ones((1, 1), np.bool_)
    broken = np.flatnonzero(~finite.all(axis=1))
    if len(broken):
        raise DataError(
            _("{path}: row {row} of {array} holds a value that is not finite; leave it out or fill it in").format(
                path=name, row=int(broken[0]), array=array
            )
        )
    return labels


def _mend(labels: NDArray[np.generic]) -> str:
    """What makes labels of those that were meant for a loss of another form."""
    if labels.ndim == 2:
        return _("; if they are one-hot, give numpy.argmax(labels, axis=1)")
    return _("; try labels.astype('int32')") if labels.dtype.kind == "f" else ""


def _coded(name: str, array: str, labels: NDArray[np.generic], names: list[str], first: int = 0) -> NDArray[np.int32]:
    """Each label as its place among the names."""
    codes = {name: code for code, name in enumerate(names)}
    values, places = np.unique(labels, return_inverse=True)
    unseen = [value for value in values if str(value) not in codes]
    if unseen:
        raise DataError(
            _("{path}: row {row} of {array} has label {label}, which no training row has").format(
                path=name, row=first + int(np.flatnonzero(labels == unseen[0])[0]), array=array, label=unseen[0]
            )
        )
    return np.array([codes[str(value)] for value in values], np.int32)[places]


def suited(name: str, inputs: NDArray[np.generic], stored: str) -> NDArray[np.generic]:
    """`inputs` in the type that a model reads, which learned from rows of type `stored`.

    Raises:
        DataError: for numbers where it learned from pictures as stored, and the other way round: what they mean
            hangs on how they were scaled.
    """
    pictures = inputs.dtype == np.uint8 and inputs.ndim > 2
    if inputs.dtype.kind not in "iufb" or (stored == "uint8" and inputs.dtype != np.uint8):
        raise DataError(
            _("{path}: values of type {got}, the model reads {expected}").format(
                path=name, got=inputs.dtype, expected="uint8" if stored == "uint8" else _("numbers")
            )
        )
    if stored != "uint8" and pictures:
        raise DataError(
            _("{path}: pictures as stored, of type uint8; the model learned from floats: give it such, in an NPZ file")
            .format(path=name)
        )  # fmt: skip
    return inputs if stored == "uint8" else inputs.astype(np.float64, copy=False)


def numbers(inputs: NDArray[np.generic]) -> NDArray[np.generic]:
    """Inputs as an engine takes them: pictures as they are, anything else as floats that hold every value."""
    if inputs.dtype == np.uint8 and inputs.ndim > 2:
        return inputs
    narrow = inputs.dtype.itemsize <= 2 or inputs.dtype == np.float32
    return inputs.astype(np.float32 if narrow else np.float64, copy=False)
