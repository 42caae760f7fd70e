"""Make datasets and inputs of NumPy arrays, memory-mapped ones too, and of frames of polars or pandas."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descenso.data.arrays import Rows, as_pixels, as_shape, split_rows
from descenso.data.batches import is_dataset, take_all
from descenso.data.checks import ALL, TEST_FRACTION, check_and_scale, share_to_test
from descenso.data.dataset import Dataset, Split
from descenso.data.encoding import Encoding
from descenso.data.encoding_words import sentences
from descenso.data.formats.flat import shaped, unflattened
from descenso.data.formats.tables import Table, encoded_rows, split_table, table_of
from descenso.data.labels import plain_labels, recoded, warned
from descenso.data.named import NAMED
from descenso.data.sources import Expected, Limits, Request
from descenso.errors import ConfigError, DataError
from descenso.text import _


def from_arrays(
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    test_fraction: float = 0.0,
    seed: int = 0,
    name: str = "arrays",
) -> Dataset:
    """Make a dataset of arrays.

    Args:
        inputs: (rows, columns), or (rows, height, width[, channels]); finite numbers. Channels that can only be the
            second axis are moved to the last. Memory-mapped rows in float32 or float64, and pictures in uint8, are not
            copied where `test` is given. Tensors of TensorFlow or PyTorch are read as arrays.
        labels: (rows,) or (rows, 1), whole numbers, also as floats, truth values or text.
        test: inputs and labels to test on; else a share of the rows is drawn from each class.
        test_fraction: that share, in (0, 1).
        seed: of that draw.
        name: of the data, in errors and in runs; a run cannot find the data again by itself.

    Raises:
        ConfigError: for both `test` and `test_fraction`, and for neither.
        DataError: for data that no model can learn from.

    >>> data = from_arrays([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"], test_fraction=0.5)
    >>> data.class_names, len(data.train.labels)
    (('high', 'low'), 2)
    """
    rows = Rows(_as_array(inputs), _as_array(labels))
    test_rows = Rows(_as_array(test[0]), _as_array(test[1])) if test else None
    return warned(check_and_scale(split_rows(name, rows, test_rows, test_fraction, seed)))


def _as_array(values: Any) -> NDArray[Any]:
    """Return an array, of tensors of PyTorch, too, which may carry gradients or lie on another device."""
    if isinstance(values, np.memmap):
        return values
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
    return np.asarray(values)


def from_frame(
    frame: Any,
    label: str,
    *,
    test: Any = None,
    test_fraction: float = 0.0,
    seed: int = 0,
    name: str = "frame",
    input_shape: str | Sequence[int] = "",
    decimal: str = "",
    limits: Limits | None = None,
) -> Dataset:
    """Make a dataset of a frame: numbers in columns, and one column of labels (extra `tables`).

    Args:
        frame: of polars or pandas; columns of numbers, truth values, and text with few different values.
        label: the column of the labels, text or whole numbers; empty as for `load`.
        test: a frame to test on; its columns may come in another order.
        test_fraction, seed, name: as those of `from_arrays`.
        input_shape: height and width, and maybe channels, of the images that the rows hold; see `load`.
        decimal: the decimal mark of numbers in text, "." or ","; empty to find out.
        limits: what to refuse as too large.

    Raises:
        ConfigError: for an unknown column, and as of `from_arrays`.
        DataError: naming row and column, for values that cannot be read.
    """
    request = Request(name, limits or Limits(), str(label), (), "", test_fraction, seed, decimal,
                      numeric_only=bool(input_shape))  # fmt: skip
    table = table_of(frame, request)
    made = split_table(request, table) if test is None else _beside(request, table, test)
    return warned(check_and_scale(shaped(made, input_shape) if input_shape else made))


def _beside(request: Request, table: Table, test: Any) -> Dataset:
    """Make a dataset of a table to train on, and of a frame to test on."""
    name = request.name
    share_to_test(name, request.test_fraction, has_test=True)
    table = table.fitted(np.arange(len(table.labels)), request)
    other = table_of(test, request._replace(encoded=table.encoding, test_fraction=ALL))
    train = Split(encoded_rows(table, request), table.labels)
    held = recoded(name, Split(encoded_rows(other, request), other.labels), other.class_names, table.class_names)
    return Dataset(name, train, held, table.class_names, columns=table.encoding.inputs, encoding=table.encoding,
                   notes=(*table.notes, *sentences(table.encoding, table.cells)))  # fmt: skip


def dataset_of(data: Any, labels: Any, settings: dict[str, Any]) -> Any:
    """Make a dataset of what `train` is given in memory, by its settings, which are taken out; else return `data`.

    Args:
        data: inputs, or a pair of inputs and labels, or a `tf.data.Dataset` of such pairs, or a frame with a column of
            labels, which a setting names.
        labels: of the inputs, or None.
        settings: of the training run.
    """
    if labels is None and type(data) in (tuple, list) and len(data) == 2 and not _is_text(data[0]):
        data, labels = data
    _refuse_what_are_no_labels(data, labels)
    if is_dataset(data):
        data, labels = take_all(data, "data")
    decimal = settings.pop("decimal", "") if is_frame(data) else ""
    share = {"test_fraction": settings.get("test_fraction", TEST_FRACTION), "seed": settings.get("seed", 0)}
    input_shape = settings.pop("input_shape", "")
    if labels is None and is_frame(data):
        column, frame = settings.pop("label", ""), without(data, _names(settings.pop("drop", ())))
        made = from_frame(frame, column, input_shape=input_shape, decimal=decimal, **share)
    elif labels is None:
        settings.update({"input_shape": input_shape} if input_shape else {})
        return data
    elif is_frame(data):
        frame, column = with_labels(without(data, _names(settings.pop("drop", ()))), labels)
        made = from_frame(frame, column, input_shape=input_shape, decimal=decimal, name="arrays", **share)
    else:
        made = from_arrays(data, labels, **share)
        made = check_and_scale(shaped(made, input_shape)) if input_shape else made
    settings.pop("test_fraction", None)
    return made


def was_in_memory(name: str) -> bool:
    """Tell whether `name`, the data of a run, names rows in memory, which another process cannot find by it.

    Data in files is recorded by its full path, so that a file or folder called "arrays" is not mistaken for it.

    >>> was_in_memory("arrays"), was_in_memory("mnist")
    (True, False)
    """
    return name not in NAMED and not Path(name).is_absolute()


def call_with_data(function: str, run: object, data: str) -> str:
    """Write the call of a function of a run with the data, which was in memory, given again.

    >>> call_with_data("resume", "runs/arrays-softmax-001", "arrays")
    "descenso.resume('runs/arrays-softmax-001', data=(X, y))"
    """
    return f"descenso.{function}({str(run)!r}, data={'frame' if data == 'frame' else '(X, y)'})"


def is_frame(data: Any) -> bool:
    """Tell whether `data` is a frame of polars or pandas."""
    return hasattr(data, "columns") and (hasattr(data, "iloc") or hasattr(data, "get_column"))


def without(frame: Any, columns: list[str]) -> Any:
    """Return `frame` without some columns."""
    if not columns:
        return frame
    there = {normalize("NFC", str(name)): name for name in frame.columns}
    columns = [there.get(normalize("NFC", str(name)), name) for name in columns]
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        message = _("frame: there is no column {name!r}; its columns are {columns}")
        raise ConfigError(message.format(name=absent[0], columns=", ".join(map(str, frame.columns))))
    return frame.drop(columns=columns) if hasattr(frame, "iloc") else frame.drop(columns)


def with_labels(frame: Any, labels: Any) -> tuple[Any, str]:
    """Return `frame` with a column of `labels`, (rows,), and the name of that column.

    The labels are those of the rows in their order: an index that pandas keeps beside them is not read.
    """
    values = _as_array(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (len(frame),):
        message = _("labels of shape {labels} beside a frame of shape {frame}, expected one label a row")
        raise DataError(
            message.format(labels="×".join(map(str, values.shape)) or "()", frame="×".join(map(str, frame.shape)))
        )
    name = str(getattr(labels, "name", None) or "label")
    while name in frame.columns:
        name += "_"
    if hasattr(frame, "iloc"):
        return frame.assign(**{name: values}), name
    return frame.with_columns(type(frame)({name: values.tolist()})[name]), name


def _names(given: str | Sequence[str]) -> list[str]:
    return [name for name in (given.split(",") if isinstance(given, str) else given) if name]


def _refuse_what_are_no_labels(data: Any, labels: Any) -> None:
    """Refuse what Keras users give beside the inputs: the name of a column, or a pair of test rows."""
    if _is_text(labels):
        raise ConfigError(_("labels must be one a row, got {name!r}; if it is a column: --label {name}").format(
            name=labels))  # fmt: skip
    pairs = [type(each) is tuple and len(each) == 2 and all(np.ndim(part) for part in each) for each in (data, labels)]
    if all(pairs) or (is_dataset(data) and labels is not None):
        message = _("data: training rows and test rows are given as two; {mend}")
        raise ConfigError(message.format(mend="try data=descenso.from_arrays(X, y, test=(X_test, y_test))"))


def inputs_of(given: Any, expected: Expected, limits: Limits | None = None) -> NDArray[Any]:
    """Return rows in memory in the shape that a model reads, as they are stored.

    Args:
        given: (rows, *input_shape), one row alone, or rows as of `descenso.data.arrays.as_shape`; an array, lists, or a
            frame, whose columns are found by their names. Whole numbers from 0 to 255 are pixels where the model
            reads uint8.
        expected: what the model reads.
        limits: what to refuse as too large.

    Raises:
        DataError: for a column that is missing, and for values that are no numbers.

    >>> inputs_of([[0, 0, 0, 255]], Expected((2, 2))).tolist()
    [[[0, 0], [0, 255]]]
    """
    if is_frame(given) and expected.columns:
        encoded = expected.encoding or Encoding.of_numbers(expected.columns)
        request = Request("frame", limits or Limits(), None, decimal=expected.how.get("decimal", ""), encoded=encoded)
        return unflattened(encoded_rows(table_of(given, request), request), expected, "frame")
    try:
        inputs = _as_array(given)
    except ValueError:  # rows of different lengths
        inputs = np.empty((0,), object)
    if inputs.dtype.kind not in "iufb":
        message = _("inputs: values of type {got}, expected numbers in an array of shape (rows, {shape})")
        kind = type(given).__name__ if inputs.dtype == object else inputs.dtype
        raise DataError(message.format(got=kind, shape=", ".join(map(str, expected.input_shape))))
    shape = expected.input_shape
    if inputs.shape in (shape, (*shape, 1)):
        inputs = inputs[np.newaxis]
    inputs = as_shape(inputs, shape)
    return as_pixels("inputs", inputs) if expected.stored == "uint8" else inputs


def rows_to_test_on(
    inputs: NDArray[Any], labels: Any, class_names: tuple[str, ...], columns: tuple[str, ...] = ()
) -> Dataset:
    """Make a dataset whose test rows are these, with labels that name classes, or that are their numbers."""
    labels = plain_labels("arrays", "labels", _as_array(labels))
    is_code = labels.dtype.kind in "iu" and not set(map(str, np.unique(labels))) & set(class_names)
    if is_code and labels.size and labels.min() >= 0 and labels.max() < len(class_names):
        labels = np.array(class_names)[labels]
    return split_rows("arrays", Rows(inputs, labels), None, ALL, seed=0)._replace(columns=columns)


def _is_text(value: Any) -> bool:
    return isinstance(value, str | bytes)
