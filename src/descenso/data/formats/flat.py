"""Read the flat rows of a table or of an array as images (`input_shape`)."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Dataset, Split, is_mapped, row_chunks
from descenso.data.sources import Expected
from descenso.errors import ConfigError, DataError
from descenso.text import _

CHANNELS = (1, 3, 4)
LEAST_BYTES = 128  # whole numbers below 256 are 8-bit pixels if the largest is at least this
ROUGHER = 2.0  # how much more neighbours must differ in one order of channels than in the other


def parse_shape(given: str | Sequence[int]) -> tuple[int, ...]:
    """Parse "HEIGHTxWIDTH" or "HEIGHTxWIDTHxCHANNELS", or these numbers.

    Raises:
        ConfigError: for anything else, and for channels that do not come last.

    >>> parse_shape("28x28"), parse_shape((32, 32, 3))
    ((28, 28), (32, 32, 3))
    """
    words = given.split("x") if isinstance(given, str) else list(map(str, given))
    shape = tuple(int(word) for word in words if word.isdecimal())
    if len(shape) != len(words) or len(shape) not in (2, 3) or not all(shape):
        message = _("input_shape must be HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS, got {got!r}; try --input-shape 28x28")
        raise ConfigError(message.format(got=given))
    if len(shape) == 3 and shape[2] not in CHANNELS:
        message = _("input_shape: {got}: the channels, 1, 3 or 4, come last, as in 32x32x3; where they come first in "
                    "the rows, change the order of the columns")  # fmt: skip
        raise ConfigError(message.format(got="x".join(words)))
    return shape


def shaped(data: Dataset, input_shape: str | Sequence[int], expected: Expected | None = None) -> Dataset:
    """Give the flat rows of `data` the shape of images.

    Whole numbers from 0 to 255 become uint8, as pictures are stored, if the largest is at least 128.

    Args:
        data: inputs (rows, columns).
        input_shape: as of `parse_shape`.
        expected: what a trained model reads; then it says whether they become uint8.

    Raises:
        DataError: where the columns are not as many as the pixels; it says which shapes fit.
    """
    shape = parse_shape(input_shape)
    splits = [data.train, data.test]
    inputs = [_reshaped(split.inputs, shape, data.name) for split in splits]
    if expected is not None:
        inputs = [_as_stored(rows, expected, data.name) for rows in inputs]
    elif all(map(_are_bytes, inputs)) and max(rows.max() for rows in inputs if len(rows)) >= LEAST_BYTES:
        inputs = [rows.astype(np.uint8) for rows in inputs]
    train, test = (Split(rows, split.labels, split.weights) for rows, split in zip(inputs, splits, strict=True))
    notes = data.notes if expected else (*data.notes, *doubts(inputs[0]))
    return data._replace(train=train, test=test, notes=notes)


def of_columns(
    columns: Sequence[NDArray[Any]], input_shape: str | Sequence[int], what: str
) -> tuple[tuple[int, ...], bool]:
    """Return the shape of the images whose pixels are in `columns`, each (rows,), and whether they become uint8.

    Raises:
        DataError: as of `shaped`.
    """
    shape = parse_shape(input_shape)
    _reshaped(np.empty((1, len(columns))), shape, what)
    return shape, all(map(_are_bytes, columns)) and max(column.max() for column in columns) >= LEAST_BYTES


def unflattened(rows: NDArray[Any], expected: Expected, what: str) -> NDArray[Any]:
    """Give flat rows the shape and type that a model reads, if it learned from flat rows; return others unchanged."""
    if not expected.flat or rows.ndim != 2:
        return rows
    return _as_stored(_reshaped(rows, expected.input_shape, what), expected, what)


def _reshaped(rows: NDArray[Any], shape: tuple[int, ...], what: str) -> NDArray[Any]:
    if rows.shape[1:] == shape:
        return rows
    count = math.prod(rows.shape[1:])
    if rows.ndim != 2 or count != math.prod(shape):
        message = _("{what}: values in a row: {count}; pixels of {shape}: {pixels}; {mend}")
        fitting = _fitting(count)
        mend = _("what fits: {fitting}").format(fitting=", ".join(fitting))
        if not fitting:
            mend = _("no shape of an image fits; leave out columns that are no pixels: --drop NAME")
        name = "×".join(map(str, shape))
        raise DataError(message.format(what=what, count=count, shape=name, pixels=math.prod(shape), mend=mend))
    return (rows if is_mapped(rows) else np.ascontiguousarray(rows)).reshape(len(rows), *shape)


def _fitting(count: int) -> list[str]:
    """Return shapes of images of `count` values, those that are nearest to a square first.

    >>> _fitting(784), _fitting(3072), _fitting(785)
    (['28x28', '16x49', '14x56'], ['32x32x3', '48x64', '32x96'], [])
    """
    found = []
    for channels in (1, 3):
        pixels = count // channels if count % channels == 0 else 0
        sides = [(side, pixels // side) for side in range(math.isqrt(pixels), 0, -1) if pixels % side == 0]
        found += [(wide / tall, f"{tall}x{wide}" + "x3" * (channels == 3)) for tall, wide in sides if wide <= 4 * tall]
    return [name for _ratio, name in sorted(found)][:3]


def _are_bytes(rows: NDArray[Any]) -> bool:
    with np.errstate(invalid="ignore"):
        return all((some == some.astype(np.uint8)).all() for some in (rows[chunk] for chunk in row_chunks(rows)))


def _as_stored(rows: NDArray[Any], expected: Expected, what: str) -> NDArray[Any]:
    if expected.stored != "uint8":
        return rows
    if not _are_bytes(rows):
        message = _("{what}: values that are no pixels, whole numbers from 0 to 255, which the model learned from")
        raise DataError(message.format(what=what))
    return rows.astype(np.uint8)


def doubts(rows: NDArray[Any]) -> list[str]:
    """Say where rows look as if they held one channel after the other, which would be scrambled."""
    if rows.ndim != 4 or rows.shape[3] == 1 or not len(rows):
        return []
    some = rows[:100].astype(np.float64)
    count, height, width, channels = some.shape
    other = some.reshape(count, channels, height, width)
    mixed, apart = np.abs(np.diff(some, axis=2)).mean(), np.abs(np.diff(other, axis=3)).mean()
    if mixed <= ROUGHER * apart:
        return []
    return [_("neighbouring pixels differ {times:.1f} times as much as if each row held one channel after the other; "
              "check the pictures, and change the order of the columns to height, width, channels"
              ).format(times=mixed / max(apart, 1e-9))]  # fmt: skip
