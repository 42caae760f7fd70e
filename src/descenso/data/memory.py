"""Datasets of what is in memory already: NumPy arrays, and frames of polars or pandas."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from descenso.data.arrays import Rows, ready, recoded, split_rows
from descenso.data.dataset import Dataset, Split
from descenso.data.formats.tables import table_of
from descenso.data.limits import Limits
from descenso.data.split import check_fraction, divided


def from_arrays(
    inputs: ArrayLike,
    labels: ArrayLike,
    *,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    test_fraction: float = 0.0,
    seed: int = 0,
    name: str = "arrays",
) -> Dataset:
    """A dataset of arrays.

    Args:
        inputs: (rows, columns), or (rows, height, width[, channels]); finite numbers.
        labels: (rows,), whole numbers or text.
        test: inputs and labels to test on; without them, a share of the rows is drawn from each class.
        test_fraction: that share, in (0, 1).
        seed: of that draw.
        name: what the data is called in errors and in runs, which cannot find it again by themselves.

    Raises:
        ConfigError: for no rows to test on, and for two sorts of them.
        DataError: for what cannot be learned from.

    >>> data = from_arrays([[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"], test_fraction=0.5)
    >>> data.class_names, len(data.train.labels)
    (('high', 'low'), 2)
    """
    rows, *others = (Rows(np.asarray(x), np.asarray(y)) for x, y in ((inputs, labels), *([test] if test else [])))
    return ready(split_rows(name, rows, others[0] if others else None, test_fraction, seed))


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
    """A dataset of a frame: numbers in columns, and one column of labels (extra `tables`).

    Args:
        frame: of polars or pandas, without missing values.
        label: the column of the labels, text or whole numbers.
        test: a frame to test on; its columns may come in another order.
        test_fraction, seed, name: as those of `from_arrays`.
        limits: what to refuse as too large.

    Raises:
        ConfigError: for a column that there is not, no rows to test on, and two sorts of them.
        DataError: naming row and column, for what is missing, no number or not finite.
    """
    limits = limits or Limits()
    label = str(label)
    table = table_of(name, frame, limits, label)
    check_fraction(name, test_fraction, has_test=test is not None)
    if test is None:
        train, held = divided(Split(table.inputs, table.labels), test_fraction, seed)
    else:
        other = table_of(name, test, limits, label, table.columns)
        train = Split(table.inputs, table.labels)
        held = recoded(name, Split(other.inputs, other.labels), other.class_names, table.class_names)
    return ready(Dataset(name, train, held, table.class_names, input_scale=1.0, columns=table.columns))
