"""Take rows from a `tf.data.Dataset`."""

from typing import Any

import numpy as np

from descenso.doctor.evidence import Array
from descenso.errors import DataError
from descenso.text import _

MOST_BYTES = 2**30  # of the rows that are taken
MOST_ROWS = 100_000


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
    first, second = (tuple(part.shape) for part in spec[:2])
    batched = bool(first) and bool(second) and first[0] == second[0]
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
