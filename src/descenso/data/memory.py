"""Make datasets of NumPy arrays, memory-mapped ones too, and of frames of polars or pandas."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descenso.data.arrays import Rows, recoded, split_rows
from descenso.data.checks import ALL, check_and_scale, share_to_test
from descenso.data.dataset import Dataset, Split
from descenso.data.encoding_words import sentences
from descenso.data.formats.tables import inputs_of, split_table, table_of
from descenso.data.sources import Limits, Request


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
        inputs: (rows, columns), or (rows, height, width[, channels]); finite numbers. Memory-mapped rows in float32 or
            float64, and pictures in uint8, are not copied where `test` is given.
        labels: (rows,), whole numbers or text.
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
    rows = Rows(_as_array(inputs), np.asarray(labels))
    test_rows = Rows(_as_array(test[0]), np.asarray(test[1])) if test else None
    return check_and_scale(split_rows(name, rows, test_rows, test_fraction, seed))


def _as_array(inputs: ArrayLike) -> NDArray[Any]:
    return inputs if isinstance(inputs, np.memmap) else np.asarray(inputs)


def from_frame(
    frame: Any,
    label: str,
    *,
    test: Any = None,
    test_fraction: float = 0.0,
    seed: int = 0,
    name: str = "frame",
    limits: Limits | None = None,
) -> Dataset:
    """Make a dataset of a frame: numbers in columns, and one column of labels (extra `tables`).

    Args:
        frame: of polars or pandas; columns of numbers, truth values, and text with few different values.
        label: the column of the labels, text or whole numbers; empty as for `load`.
        test: a frame to test on; its columns may come in another order.
        test_fraction, seed, name: as those of `from_arrays`.
        limits: what to refuse as too large.

    Raises:
        ConfigError: for an unknown column, and as of `from_arrays`.
        DataError: naming row and column, for values that cannot be read.
    """
    request = Request(name, limits or Limits(), str(label), test_fraction=test_fraction, seed=seed)
    table = table_of(frame, request)
    if test is None:
        return check_and_scale(split_table(request, table))
    share_to_test(name, test_fraction, has_test=True)
    table = table.fitted(np.arange(len(table.labels)), name)
    other = table_of(test, request._replace(encoded=table.encoding, test_fraction=ALL))
    train = Split(inputs_of(table, request), table.labels)
    held = recoded(name, Split(inputs_of(other, request), other.labels), other.class_names, table.class_names)
    encoding, notes = table.encoding, (*table.notes, *sentences(table.encoding, table.cells))
    return check_and_scale(
        Dataset(name, train, held, table.class_names, columns=encoding.inputs, encoding=encoding, notes=notes)
    )
