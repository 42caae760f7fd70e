"""Records that tell a reader what to read."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.limits import Limits

Part = tuple[Path, NDArray[np.generic], list[str]]  # the last file of some rows, the rows, and a name for each


def numbered(path: Path, rows: NDArray[np.generic]) -> Part:
    """Name the rows of a file `path:row`, counted from 1."""
    return path, rows, [f"{path}:{row + 1}" for row in range(len(rows))]


class Request(NamedTuple):
    """How to read a dataset from a folder or a file.

    Attributes:
        name: its path as the user gave it; errors name it.
        limits: what to refuse as too large.
        label: the column of a table that holds the labels; None to read inputs only.
        drop: columns of a table to leave out.
        resize: "HEIGHTxWIDTH" of all images, or empty.
        test_fraction: share of each class's rows to test on, in [0, 1]; 1 is `descenso.data.split.ALL`.
        seed: of the shuffle and of the split.
        columns: the columns of a table to read as inputs, in this order; empty for all.
    """

    name: str
    limits: Limits = Limits()
    label: str | None = ""
    drop: tuple[str, ...] = ()
    resize: str = ""
    test_fraction: float = 0.0
    seed: int = 0
    columns: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The folder or file."""
        return Path(self.name)


class Expected(NamedTuple):
    """What a model reads.

    Attributes:
        input_shape: of one row.
        columns: names of the inputs, where the model learned from a table.
        stored: "uint8", as pictures are stored, or "float64".
        like_mnist: whether to prepare images of digits as MNIST's were.
    """

    input_shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    stored: str = "uint8"
    like_mnist: bool = False
