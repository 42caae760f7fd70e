"""Scaling of inputs, computed from the training rows."""

import numpy as np
from numpy.typing import NDArray

from descenso.data.chunks import row_chunks
from descenso.data.dataset import Scaling
from descenso.errors import DataError
from descenso.text import _


def scaling(train: NDArray[np.generic], what: str, weights: NDArray[np.float64] | None = None) -> Scaling:
    """Compute the scaling of training inputs.

    Args:
        train: (rows, *input_shape). Pictures in uint8 (two dimensions a row and more) are brought to [0, 1], and a
            table's columns each to mean 0 and standard deviation 1; a column of one value becomes 0. Other arrays are
            standardised by one mean and deviation for all: one for each element would blow up those hardly used.
        what: name of the rows, for the error.
        weights: (rows,), the weight of each row, all in (0, inf); None for 1 each.

    Raises:
        DataError: for values so large that they have no mean or deviation.

    >>> scaling(np.array([[1.0], [3.0]]), "made")
    Scaling(shift=array([2.]), scale=array([1.]))
    """
    if train.dtype == np.uint8 and train.ndim > 2:
        return Scaling(0.0, 1 / 255)
    axis = 0 if train.ndim == 2 else None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean, deviation = _moments(train, axis, weights)
        least, most = ([extreme(train[rows], axis=axis) for rows in row_chunks(train)] for extreme in (np.min, np.max))
        constant = np.asarray(np.min(least, axis=0) == np.max(most, axis=0))  # its deviation may still round to 1e-17
        shift = np.where(constant, train[:1].reshape(-1)[: constant.size].reshape(constant.shape), mean)
        deviation = np.where(constant, 1.0, deviation)
        scale = 1 / deviation
    broken = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(deviation) & np.isfinite(scale)))
    if len(broken):
        raise DataError(
            _("{what}: column {column} holds values too large, or too close to each other, to be standardised").format(
                what=what, column=int(broken[0]) + 1
            )
        )
    return Scaling(shift, scale) if axis == 0 else Scaling(float(shift), float(scale))


def _moments(
    train: NDArray[np.generic], axis: int | None, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and standard deviation over the rows, or with axis None over all values; of a memory-mapped array by
    chunks, in other last digits than NumPy's.
    """
    chunks = list(row_chunks(train))
    if weights is None and len(chunks) == 1:
        return np.asarray(train.mean(axis, np.float64)), np.asarray(train.std(axis, np.float64))
    if weights is None:
        count = len(train) if axis == 0 else train.size
        mean = sum(train[rows].sum(axis, np.float64) for rows in chunks) / count
        squares = sum(((train[rows] - mean) ** 2).sum(axis, np.float64) for rows in chunks)
        return np.asarray(mean), np.asarray(np.sqrt(squares / count))
    flat = train.reshape(len(train), -1).astype(np.float64)
    mean = np.average(flat, axis=0, weights=weights)
    mean = mean if axis == 0 else np.asarray(mean.mean())
    squares = np.average((flat - mean) ** 2, axis=0, weights=weights)
    return np.asarray(mean), np.asarray(np.sqrt(squares if axis == 0 else squares.mean()))
