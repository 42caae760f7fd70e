"""Rows that do not all count alike: the weight of a row stands at its label, so that no engine needs to know of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def weighted(
    labels: NDArray[np.int32], weights: NDArray[np.float64], num_classes: int, dtype: str
) -> NDArray[np.floating]:
    """(rows, num_classes): the weight of each row at its label, 0 elsewhere, as `descenso.descent.losses` reads them.

    Args:
        labels: (rows,), each in [0, num_classes).
        weights: (rows,), each in (0, inf).

    >>> weighted(np.array([1, 0]), np.array([2.0, 0.5]), 2, "float32").tolist()
    [[0.0, 2.0], [0.5, 0.0]]
    """
    placed = np.zeros((len(labels), num_classes), dtype)
    placed[np.arange(len(labels)), labels] = weights
    return placed


def labels_and_weights(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(rows,) labels and (rows,) weights of what `weighted` made; labels that have no weights as they are, and None."""
    return (labels, None) if labels.ndim == 1 else (labels.argmax(axis=1), labels.sum(axis=1))
