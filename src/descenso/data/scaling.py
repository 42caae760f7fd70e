"""How inputs are brought to a size that a descent goes well with: decided from the training rows, and recorded."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.errors import DataError
from descenso.text import _

__all__ = ["Scaling", "scaling"]


class Scaling(NamedTuple):
    """What the device does to inputs: (inputs − shift) · scale."""

    shift: float | NDArray[np.float64]
    scale: float | NDArray[np.float64]


def scaling(train: NDArray[np.generic], what: str) -> Scaling:
    """The scaling that suits training inputs.

    Args:
        train: (rows, *input_shape). Pictures in uint8 (two dimensions a row and more) are brought to [0, 1], and a
            table's columns each to mean 0 and standard deviation 1; a column of one value becomes 0. Other arrays are
            standardised by one mean and deviation for all: one for each element would blow up those hardly used.
        what: whose they are, for the error.

    Raises:
        DataError: for values so large that they have no mean or deviation.

    >>> scaling(np.array([[1.0], [3.0]]), "made")
    Scaling(shift=array([2.]), scale=array([1.]))
    """
    if train.dtype == np.uint8 and train.ndim > 2:
        return Scaling(0.0, 1 / 255)
    axis = 0 if train.ndim == 2 else None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean = np.asarray(train.mean(axis=axis, dtype=np.float64))
        deviation = np.asarray(train.std(axis=axis, dtype=np.float64))
        constant = np.asarray(train.min(axis=axis) == train.max(axis=axis))  # whose deviation may still round to 1e-17
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
