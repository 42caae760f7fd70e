"""What is learned from: plain records of NumPy arrays."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.text import printable


class Split(NamedTuple):
    """Rows to learn from or to test on.

    Attributes:
        inputs: (rows, *input_shape), as stored: uint8 stays uint8, and is scaled inside the step.
        labels: (rows,) int32, each in [0, num_classes); to learn from also as `descenso.descent.losses` says.
    """

    inputs: NDArray[np.generic]
    labels: NDArray[Any]


class Dataset(NamedTuple):
    """A named dataset.

    Attributes:
        name: as given to `load`, or the folder's path.
        train: rows to learn from.
        test: rows never learned from.
        class_names: one a class; num_classes of them.
        input_scale: what inputs are multiplied by on the device, 1/255 for uint8 pixels; one number, or an array of
            input_shape.
        input_shift: what is taken from inputs before that, in their own precision.
        columns: names of the inputs of a table.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    input_scale: float | NDArray[np.float64]
    input_shift: float | NDArray[np.float64] = 0.0
    columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows = f"{len(self.train.labels)} + {len(self.test.labels)} rows"
        shape, dtype = "×".join(map(str, self.input_shape)), self.train.inputs.dtype
        return f"<Dataset {printable(self.name)}: {rows} of {shape} {dtype}, {self.num_classes} classes>"

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row's inputs, (28, 28) for MNIST."""
        return self.train.inputs.shape[1:]

    @property
    def stored(self) -> str:
        """The type of the rows as a model will read them: "uint8", as pictures are stored, or "float64"."""
        return "uint8" if self.train.inputs.dtype == np.uint8 else "float64"

    def hold_back(self, validation_size: int) -> tuple["Dataset", Split]:
        """This dataset without its first `validation_size` training rows, and those rows.

        The first rows, as TensorFlow 1's own MNIST helper kept back its 5,000.
        """
        kept = Split(self.train.inputs[validation_size:], self.train.labels[validation_size:])
        held = Split(self.train.inputs[:validation_size], self.train.labels[:validation_size])
        return self._replace(train=kept), held
