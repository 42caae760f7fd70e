"""Datasets as plain records of NumPy arrays."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.text import printable


class Scaling(NamedTuple):
    """Scaling of inputs on the device: (inputs − shift) · scale.

    Attributes:
        shift: a number, or an array of input_shape.
        scale: a number, or an array of input_shape; 1/255 for uint8 pixels.
    """

    shift: float | NDArray[np.float64] = 0.0
    scale: float | NDArray[np.float64] = 1.0


class Split(NamedTuple):
    """Rows with labels, to train or to test on.

    Attributes:
        inputs: (rows, *input_shape), as stored: uint8 stays uint8, and is scaled inside the step. An array in memory,
            or a `numpy.memmap`, which is read in chunks.
        labels: (rows,) int32, each in [0, num_classes).
        weights: (rows,) float, each in (0, inf): how many times the cost of a row counts; None for 1 each.
    """

    inputs: NDArray[np.generic]
    labels: NDArray[Any]
    weights: NDArray[np.floating] | None = None

    def rows(self, chosen: Any) -> "Split":
        """The rows that `chosen` selects, a slice or an array of row numbers."""
        weights = None if self.weights is None else self.weights[chosen]
        return Split(self.inputs[chosen], self.labels[chosen], weights)


class Dataset(NamedTuple):
    """A named dataset.

    Attributes:
        name: as given to `load`, or the folder's path.
        train: rows to train on.
        test: rows to test on.
        class_names: one a class; num_classes of them.
        scaling: of the inputs, applied on the device in each step.
        columns: names of the inputs of a table.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    scaling: Scaling = Scaling()
    columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows = f"{len(self.train.labels)} + {len(self.test.labels)} rows"
        shape, dtype = "×".join(map(str, self.input_shape)), self.train.inputs.dtype
        return f"<Dataset {printable(self.name)}: {rows} of {shape} {dtype}, {self.num_classes} classes>"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row's inputs, (28, 28) for MNIST."""
        return self.train.inputs.shape[1:]

    @property
    def stored(self) -> str:
        """Type of the rows that a model reads: "uint8", as pictures are stored, or "float64"."""
        return "uint8" if self.train.inputs.dtype == np.uint8 else "float64"

    def hold_back(self, validation_size: int) -> tuple["Dataset", Split]:
        """Split off the first `validation_size` training rows; return the dataset without them, and those rows.

        The first rows, as TensorFlow 1's own MNIST helper kept back its 5,000.
        """
        held, kept = (self.train.rows(part) for part in (slice(validation_size), slice(validation_size, None)))
        return self._replace(train=kept), held
