"""Datasets as plain records of NumPy arrays; their scaling, and their fingerprint."""

import hashlib
import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.errors import DataError
from descenso.text import _, printable

if TYPE_CHECKING:
    from descenso.data.encoding import Encoding

CHUNK_BYTES = 2**25


class Scaling(NamedTuple):
    """Scaling of inputs on the device: (inputs − shift) · scale.

    Attributes:
        shift: a number, or an array of input_shape.
        scale: a number, or an array of input_shape; 1/255 for uint8 pixels.
    """

    shift: float | NDArray[np.float64] = 0.0
    scale: float | NDArray[np.float64] = 1.0


PIXELS = Scaling(0.0, 1 / 255)  # of pictures in uint8


class Split(NamedTuple):
    """Rows with labels, to train or to test on.

    Attributes:
        inputs: (rows, *input_shape), as stored: uint8 stays uint8, and is scaled inside the step. An array in memory,
            or a `numpy.memmap` or `FileRows`, which are read in chunks.
        labels: (rows,) int32, each in [0, num_classes).
        weights: (rows,) float, each in (0, inf): how many times the cost of a row counts; None for 1 each.
    """

    inputs: NDArray[np.generic]
    labels: NDArray[Any]
    weights: NDArray[np.floating] | None = None

    def __repr__(self) -> str:
        shape, weighed = "×".join(map(str, self.inputs.shape[1:])), "" if self.weights is None else ", weighed"
        return f"<Split: {len(self.labels)} rows of {shape} {self.inputs.dtype}{weighed}>"

    def rows(self, chosen: Any) -> "Split":
        """The rows that `chosen` selects, a slice or an array of row numbers."""
        weights = None if self.weights is None else self.weights[chosen]
        inputs: Any = self.inputs
        inputs = inputs.rows(chosen) if in_files(inputs) else inputs[chosen]
        return Split(inputs, self.labels[chosen], weights)


class Dataset(NamedTuple):
    """A named dataset.

    Attributes:
        name: of a dataset with a name, or of rows in memory; else the full path of the file or folder.
        train: rows to train on.
        test: rows to test on.
        class_names: one a class; num_classes of them.
        scaling: of the inputs, applied on the device in each step.
        columns: names of the inputs of a table.
        encoding: how the columns of a table became these inputs.
        notes: sentences that say how the data was read, to be shown to the user.
        pixel_range: the least and largest value of pictures as stored, which are scaled to 0 and 1, where these are not
            0 and 255; None otherwise.
        validation: how many of the first training rows are for validation, where the data says so.
    """

    name: str
    train: Split
    test: Split
    class_names: tuple[str, ...]
    scaling: Scaling = Scaling()
    columns: tuple[str, ...] = ()
    encoding: "Encoding | None" = None
    notes: tuple[str, ...] = ()
    pixel_range: tuple[float, float] | None = None
    validation: int = 0

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
        """Split off `validation_size` training rows; return the dataset without them, and those rows.

        The first rows, as TensorFlow 1's own MNIST helper kept back its 5,000. Rows that stay in files keep the files'
        order, which may be sorted by class, so that any of them are drawn; the draw depends on the counts alone.
        """
        first = validation_size if self.validation or not in_files(self.train.inputs) else 0
        rows = len(self.train.labels)
        drawn: Any = slice(validation_size)
        kept: Any = slice(validation_size, None)
        if not first and validation_size:
            is_held = np.zeros(rows, np.bool_)
            is_held[np.random.default_rng([rows, validation_size]).choice(rows, validation_size, replace=False)] = True
            drawn, kept = np.flatnonzero(is_held), np.flatnonzero(~is_held)
        return self._replace(train=self.train.rows(kept), validation=0), self.train.rows(drawn)


def aligned(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Allocate an array that starts at a multiple of 64 bytes, so that TensorFlow may read it without a copy."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    first = -memory.ctypes.data % 64
    return memory[first : first + size].view(dtype).reshape(shape)


def in_files(array: Any) -> bool:
    """Tell whether `array` is a `FileRows`, whose rows stay in their files until they are asked for."""
    return getattr(array, "in_files", False)


def is_mapped(array: Any) -> bool:
    """Tell whether the elements of `array` lie in a memory-mapped file: a `FileRows`, an `np.memmap` or its view."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap) or in_files(base)


def row_chunks(array: NDArray[Any]) -> Iterator[slice]:
    """Yield slices that cover the rows of `array` in turn.

    Args:
        array: (rows, ...). Memory-mapped, each slice is of about 32 MB; else one slice covers all rows, so that a sum
            over slices adds in NumPy's own order.

    >>> list(row_chunks(np.zeros((3, 2))))
    [slice(0, 3, None)]
    """
    rows = len(array)
    size = max(1, CHUNK_BYTES // max(1, array[:1].nbytes)) if is_mapped(array) else max(1, rows)
    for first in range(0, max(1, rows), size):
        yield slice(first, min(first + size, rows))


def scaling(
    train: NDArray[np.generic], what: str, weights: NDArray[np.float64] | None = None, columns: Sequence[str] = ()
) -> Scaling:
    """Compute the scaling of training inputs.

    Args:
        train: (rows, *input_shape). Pictures in uint8 (two dimensions a row and more) are brought to [0, 1]: by 1/255,
            unless they hold nothing but 0 and 1. A table's columns are each brought to mean 0 and standard deviation 1;
            a column of one value becomes 0. Other arrays are standardised by one mean and deviation for all: one for
            each element would blow up those hardly used.
        what: name of the rows, for the error.
        weights: (rows,), the weight of each row, all in (0, inf); None for 1 each.
        columns: names of the columns of a table, for the error.

    Raises:
        DataError: for values so large that they have no mean or deviation.

    >>> scaling(np.array([[1.0], [3.0]]), "made")
    Scaling(shift=array([2.]), scale=array([1.]))
    """
    if train.dtype == np.uint8 and train.ndim > 2:
        return PIXELS if any(train[rows].max() > 1 for rows in (slice(100), *row_chunks(train))) else Scaling(0.0, 1.0)
    axis = 0 if train.ndim == 2 else None
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean, deviation = _moments(train, axis, weights)
        least, most = ([extreme(train[rows], axis=axis) for rows in row_chunks(train)] for extreme in (np.min, np.max))
        constant = np.asarray(np.min(least, axis=0) == np.max(most, axis=0))  # the deviation may round to 1e-17
        shift = np.where(constant, train[:1].reshape(-1)[: constant.size].reshape(constant.shape), mean)
        deviation = np.where(constant, 1.0, deviation)
        scale = 1 / deviation
    broken = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(deviation) & np.isfinite(scale)))
    if len(broken):
        message = _("{what}: column {column} holds values too large, or too close to each other, to be standardised; "
                    "leave it out, or bring it to another unit")  # fmt: skip
        column = repr(columns[broken[0]]) if columns else int(broken[0]) + 1
        raise DataError(message.format(what=what, column=column))
    return Scaling(shift, scale) if axis == 0 else Scaling(float(shift), float(scale))


def _moments(
    train: NDArray[np.generic], axis: int | None, weights: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute mean and standard deviation over the rows, or with axis None over all values; of a memory-mapped array by
    chunks, in other last digits than NumPy's.
    """
    chunks = list(row_chunks(train))
    if weights is None and len(chunks) == 1:
        rows = train[chunks[0]]
        return np.asarray(rows.mean(axis, np.float64)), np.asarray(rows.std(axis, np.float64))
    if weights is None:
        count = len(train) if axis == 0 else train.size
        mean = sum(train[rows].sum(axis, np.float64) for rows in chunks) / count
        squares = sum(((train[rows].astype(np.float64) - mean) ** 2).sum(axis) for rows in chunks)
        return np.asarray(mean), np.asarray(np.sqrt(squares / count))
    flat = train.reshape(len(train), -1).astype(np.float64)
    mean = np.average(flat, axis=0, weights=weights)
    mean = mean if axis == 0 else np.asarray(mean.mean())
    squares = np.average((flat - mean) ** 2, axis=0, weights=weights)
    return np.asarray(mean), np.asarray(np.sqrt(squares if axis == 0 else squares.mean()))


def fingerprint(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """Return the SHA-256, in hexadecimal, of names, dtypes, shapes and elements, in the order of the names.

    >>> fingerprint({"a": np.zeros(2)}) == fingerprint({"a": np.zeros(2)})
    True
    >>> fingerprint({"a": np.zeros(2)}) == fingerprint({"a": np.zeros((2, 1))})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name] if is_mapped(arrays[name]) else np.atleast_1d(arrays[name])
        little = array.dtype.newbyteorder("<")
        digest.update(f"{name} {little.str} {array.shape}\n".encode())
        for rows in row_chunks(array):
            chunk = np.ascontiguousarray(array[rows]).astype(little, copy=False)
            digest.update(chunk.reshape(-1).view(np.uint8).data)
            del chunk  # before the next one is read
    return digest.hexdigest()


def data_fingerprint(data: Dataset) -> str:
    """Return the fingerprint of all rows of `data`, and of their scaling."""
    arrays = {f"{name}/{part}": array for name in ("train", "test")
              for part, array in getattr(data, name)._asdict().items() if array is not None}  # fmt: skip
    return fingerprint(
        {**arrays, "input_scale": np.asarray(data.scaling.scale), "input_shift": np.asarray(data.scaling.shift)}
    )
