"""Take rows from a `tf.data.Dataset`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.errors import DataError
from descenso.text import _

Array = NDArray[Any]
MOST_BYTES = 2**30  # of the rows that are taken
MOST_ROWS = 100_000
MOST_ROWS_IN_ALL = 10**8  # as of other data, `Limits.rows`
FEW = 8  # elements, by whose labels a batch is told from a one-hot label
ENDLESS = -1  # `tf.data.INFINITE_CARDINALITY`


def is_dataset(value: Any) -> bool:
    """Tell whether `value` is a `tf.data.Dataset`, without an import of TensorFlow."""
    return hasattr(value, "element_spec") and hasattr(value, "as_numpy_iterator")


def take(dataset: Any, what: str, rows: int = MOST_ROWS) -> tuple[Array, Array]:
    """Take inputs and labels, (rows, …), in the order of the dataset.

    Args:
        dataset: of pairs (inputs, labels), in batches or not; further parts, such as weights, are left out.
        what: name of the dataset, for the error.
        rows: the number from which on no more are taken; an endless dataset has no last one.

    Raises:
        DataError: if its elements are no such pairs, or if there is none.
    """
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2 or not all(hasattr(part, "shape") for part in spec[:2]):
        raise DataError(_("{what}: a tf.data.Dataset of {spec}; expected pairs of inputs and labels, one tensor each")
                        .format(what=what, spec=spec))  # fmt: skip
    batched = _is_batched(dataset)
    parts: list[tuple[Array, Array]] = []
    taken = size = 0
    for inputs, labels, *_more in (dataset if batched else dataset.batch(1024)).as_numpy_iterator():
        parts.append((inputs, labels))
        taken, size = taken + len(inputs), size + inputs.nbytes
        if taken >= rows or size >= MOST_BYTES:
            break
    if not taken:
        raise DataError(_("{what}: an empty tf.data.Dataset").format(what=what))
    inputs, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return inputs, labels


def _is_batched(dataset: Any) -> bool:
    """Tell whether the elements of `dataset` are batches.

    Shapes alone do not tell (28, 28) pixels and a one-hot label of 28 classes from 28 rows of 28 columns.
    """
    first, second = (tuple(part.shape) for part in dataset.element_spec[:2])
    if len(first) < 2 or not second or first[0] != second[0]:
        return False
    if first[0] is None or len(second) > 1:
        return True
    labels = (element[1] for element in dataset.take(FEW).as_numpy_iterator())
    return not all(np.isin(label, (0, 1)).all() and label.sum() == 1 for label in labels)


def take_all(dataset: Any, what: str) -> tuple[Array, Array]:
    """Take all inputs and labels, (rows, …), in the order of the dataset.

    Args:
        dataset, what: as of `take`.

    Raises:
        DataError: as `take`, for rows with weights, for an endless dataset, and for one beyond `MOST_BYTES`.
    """
    if isinstance(dataset.element_spec, tuple) and len(dataset.element_spec) > 2:
        message = _("{what}: a tf.data.Dataset whose elements have {count} parts; expected pairs of inputs and labels; "
                    "row weights belong to descenso.Classifier().fit(X, y, sample_weight=w)")  # fmt: skip
        raise DataError(message.format(what=what, count=len(dataset.element_spec)))
    if int(dataset.cardinality()) == ENDLESS:
        message = _("{what}: a tf.data.Dataset without an end; leave .repeat() out, an epoch passes over all rows once")
        raise DataError(message.format(what=what))
    inputs, labels = take(dataset, what, MOST_ROWS_IN_ALL)
    if inputs.nbytes >= MOST_BYTES or len(inputs) >= MOST_ROWS_IN_ALL:
        message = _("{what}: a tf.data.Dataset too large to be read into memory; save its rows as an NPY file, and "
                    "give numpy.load(file, mmap_mode='r')")  # fmt: skip
        raise DataError(message.format(what=what))
    return inputs, labels
