"""Convert rows with labels of any kind to the form that an engine reads."""

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.checks import ALL, MOST_CLASSES, check_classes, check_finite, check_rows, shape_text, share_to_test
from descenso.data.dataset import Dataset, Split, is_mapped, row_chunks
from descenso.data.file_rows import FileRows, left_in_file
from descenso.data.labels import coded, plain_labels
from descenso.errors import DataError
from descenso.text import _, prose

BYTE = 255  # the largest value of a pixel in 8 bits
SHUFFLED = 2**20  # rows among which those to test on are drawn at a time
LEAST_VALUES = 64  # in rows of so many values, the largest of all shows the scale


class Rows(NamedTuple):
    """Inputs, and labels as the user has them: whole numbers or text."""

    inputs: NDArray[np.generic]
    labels: NDArray[np.generic]


def split_rows(
    name: str, rows: Rows, test_rows: Rows | None, test_fraction: float, seed: int, validation: Rows | None = None
) -> Dataset:
    """Make a dataset of `rows` and of `test_rows`, or of a share of `rows` to test on; finite, but not yet scaled.

    Pictures with their channels first are brought to (rows, height, width, channels), and labels in a column to one
    axis. Rows to validate on become the first training rows; they are given beside test rows only.

    Raises:
        ConfigError: for a test fraction beside test rows, and for none without them.
        DataError: naming the row, for values that are no numbers or not finite, for a label that no training row has,
            and for test rows or validation rows on another scale than the training rows.
    """
    stored = rows.inputs
    rows = Rows(channels_last(stored), plain_labels(name, "y_train", rows.labels))
    said = said_of_channels(stored, rows.inputs)
    test_fraction, notes = share_to_test(name, test_fraction, has_test=test_rows is not None)
    what = _("{name}, training rows").format(name=name)
    check_rows(Split(*rows), rows.inputs.shape[1:], what, encoded=False)
    rows = rows._replace(inputs=left_in_file(rows.inputs))
    check_finite(rows.inputs, what)
    names = in_order(name, {str(label) for label in np.unique(rows.labels)})
    if rows.inputs.ndim == 2 and test_fraction != ALL:  # a class may have only a few images
        check_classes(name, "y", names, len(rows.labels), column=False)
    train = Split(numbers(rows.inputs), coded(name, "y_train", rows.labels, names))
    if test_rows is None:
        train, test = divided(train, test_fraction, seed)
    else:
        test = _like(train, names, test_rows, _("{name}, test rows").format(name=name), (name, "y_test"))
    held = 0
    if validation:
        first = _like(train, names, validation, _("{name}, validation rows").format(name=name), (name, "y_val"))
        held = len(first.labels)
        train = Split(*(np.concatenate(pair) for pair in zip(first[:2], train[:2], strict=True)))
        notes = (*notes, said_of_validation(held))
    return Dataset(name, train, test, tuple(names), notes=(*said, *notes), validation=held)


def _like(train: Split, names: list[str], rows: Rows, what: str, place: tuple[str, str]) -> Split:
    """Bring other rows of a dataset to the form of its training rows; `place` names the data and the labels."""
    labels = plain_labels(*place, rows.labels)
    inputs = left_in_file(as_shape(rows.inputs, train.inputs.shape[1:]))
    check_rows(Split(inputs, labels), train.inputs.shape[1:], what, encoded=False)
    check_finite(inputs, what)
    check_scale(what, inputs, train.inputs)
    inputs = as_pixels(what, inputs) if train.inputs.dtype == np.uint8 else numbers(inputs)
    return Split(inputs, coded(*place, labels, names))


def check_scale(what: str, inputs: NDArray[Any], train: NDArray[Any]) -> None:
    """Refuse rows in [0, 1] where the training rows hold pixels up to 255, and the reverse.

    Raises:
        DataError: with the line that brings both to one scale.
    """
    if math.prod(train.shape[1:]) < LEAST_VALUES:
        return
    if inputs.dtype == train.dtype == np.uint8 and _in_two(inputs) == _in_two(train):
        return
    (least, most), (low, high) = (_extremes(array) for array in (inputs, train))
    if least < 0 or low < 0:
        return
    if most <= 1 and BYTE / 2 < high <= BYTE:
        mend = "(255 * X).round().astype('uint8')" if train.dtype == np.uint8 else "255 * X"
        mend = "255 * X" if inputs.dtype == np.uint8 else mend
    elif high <= 1 and BYTE / 2 < most <= BYTE:
        mend = "(X > 127).astype('uint8')" if train.dtype == np.uint8 else "X / 255"
    else:
        return
    message = _("{what}: values up to {most:g}, but the training rows have values up to {high:g}; bring them to the "
                "same scale: {mend}")  # fmt: skip
    raise DataError(prose(message, what=what, most=most, high=high, mend=mend))


def _in_two(pixels: NDArray[Any]) -> bool:
    """Tell whether pixels are nothing but 0 and 1."""
    return all(pixels[rows].max() <= 1 for rows in (slice(100), *row_chunks(pixels)))


def _extremes(array: NDArray[Any]) -> tuple[float, float]:
    ends = [(array[rows].min(), array[rows].max()) for rows in row_chunks(array)]
    return float(min(least for least, _most in ends)), float(max(most for _least, most in ends))


def said_of_validation(count: int) -> str:
    """Say what rows to validate on are used for."""
    message = _("validation rows, counted among the training rows, on which each epoch is measured: {count}")
    return message.format(count=count)


def channels_last(inputs: NDArray[Any]) -> NDArray[Any]:
    """Move the channels of pictures to the last axis, where they can only be the second one.

    That is so where the second axis has 1, 3 or 4 elements, and the last, which would be the channels, more than 4: or
    4, beside 1 or 3. Memory-mapped pictures are not copied.

    >>> channels_last(np.zeros((9, 3, 28, 28))).shape, channels_last(np.zeros((9, 28, 28, 3))).shape
    ((9, 28, 28, 3), (9, 28, 28, 3))
    """
    first = inputs.ndim == 4 and inputs.shape[1] in (1, 3, 4) and inputs.shape[3] >= max(4, inputs.shape[1] + 1)
    return _moved(inputs) if first else inputs


def _moved(inputs: NDArray[Any]) -> NDArray[Any]:
    moved = np.moveaxis(inputs, 1, -1)
    return moved if is_mapped(inputs) else np.ascontiguousarray(moved)


def said_of_channels(stored: NDArray[Any], read: NDArray[Any]) -> tuple[str, ...]:
    """Say that pictures are read with their channels last, where they are stored otherwise."""
    if stored.shape == read.shape:
        return ()
    message = _("pictures of shape {got}, channels first, are read as {became}, channels last")
    return (message.format(got=shape_text(stored.shape[1:]), became=shape_text(read.shape[1:])),)


def as_shape(inputs: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring rows to the shape that a model reads, where there is one way only; else return them as they are.

    Args:
        inputs: (rows, *shape); or with another last axis of 1, with the channels first, or flat for grey pictures:
            those with colours may be flat in two ways.
        shape: of one row.
    """
    got = inputs.shape[1:]
    grey = len(shape) < 3 or shape[-1] == 1
    if got == shape:
        return inputs
    if (*got, 1) == shape or got == (*shape, 1) or (grey and got == (math.prod(shape),)):
        return inputs.reshape(len(inputs), *shape)
    if inputs.ndim == 4 and (*got[1:], got[0]) in (shape, (*shape, 1)):
        return _moved(inputs).reshape(len(inputs), *shape)
    return inputs


def as_model_reads(name: str, inputs: NDArray[Any], stored: str) -> NDArray[Any]:
    """Convert `inputs` to the type that a model reads, which learned from rows of type `stored`.

    Raises:
        DataError: for floats that are no pixels where it learned from pictures in uint8, and the other way round: what
            the values mean depends on how they were scaled.
    """
    if inputs.dtype.kind not in "iufb":
        message = _("{path}: values of type {got}, the model reads {expected}")
        expected = "uint8" if stored == "uint8" else _("numbers")
        raise DataError(message.format(path=name, got=inputs.dtype, expected=expected))
    if stored == "uint8":
        return as_pixels(name, inputs)
    if inputs.dtype == np.uint8 and inputs.ndim > 2:
        message = _(
            "{path}: pictures as stored, of type uint8; the model learned from floats: give it floats, in an NPZ file"
        )
        raise DataError(message.format(path=name))
    as_it_is = is_mapped(inputs) and inputs.dtype.kind == "f"  # a conversion would read all of it
    return inputs if as_it_is else inputs.astype(np.float64, copy=False)


def as_pixels(name: str, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers from 0 to 255 as uint8.

    Raises:
        DataError: for what does not hold pixels as they are stored, with the line that mends it.
    """
    if inputs.dtype == np.uint8 or not inputs.size:
        return inputs.astype(np.uint8, copy=False)
    with np.errstate(invalid="ignore"):
        whole = all((rows.astype(np.uint8) == rows).all() for rows in map(inputs.__getitem__, row_chunks(inputs)))
    if not whole or (inputs.dtype.kind == "f" and inputs.max() <= 1):
        message = _(
            "{path}: values of type {got}, the model reads pixels as stored, whole numbers from 0 to 255; {mend}"
        )
        scaled = inputs.min() >= 0 and inputs.max() <= 1
        mend = _("try (255 * X).round().astype('uint8')") if scaled else _("give them before any scaling")
        raise DataError(message.format(path=name, got=inputs.dtype, mend=mend))
    return inputs.astype(np.uint8)


def numbers(inputs: NDArray[np.generic]) -> NDArray[np.generic]:
    """Convert inputs to what an engine reads: pictures of bytes or truth values as uint8, else floats of each value."""
    if inputs.dtype in (np.uint8, np.bool_) and inputs.ndim > 2:
        return inputs.astype(np.uint8, copy=False)
    narrow = inputs.dtype.itemsize <= 2 or inputs.dtype == np.float32
    return inputs.astype(np.float32 if narrow else np.float64, copy=False)


def random_of(seed: int) -> np.random.Generator:
    """Return the generator that shuffles and splits rows; its stream differs from that of every epoch's order."""
    return np.random.default_rng([seed % 2**32, 0, seed // 2**32, 1])


def stratified(labels: NDArray[np.int32], test_fraction: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw the numbers of the training rows and of the test rows, each shuffled: a pure function of its arguments.

    Of a class with n ≥ 2 rows, round(test_fraction · n) are test rows, but at least one, and not all; a single row is a
    training row. With `ALL`, the rows keep their order.

    Args:
        labels: (rows,) whole numbers from 0.
        test_fraction: in (0, 1], 1 being `ALL`.
        seed: at least 0.

    >>> train, test = stratified(np.array([0, 0, 0, 0, 1, 1]), 0.25, seed=0)
    >>> len(train), len(test)
    (4, 2)
    """
    if test_fraction == ALL:
        return np.arange(0), np.arange(len(labels))
    shuffled = random_of(seed).permutation(len(labels))
    counts = np.bincount(labels)
    wanted = np.maximum(np.minimum(np.maximum(np.rint(counts * test_fraction), 1), counts - 1), 0).astype(np.intp)
    tested, before = np.zeros(len(labels), np.bool_), np.zeros_like(counts)  # rows of each class so far
    for first in range(0, len(labels), SHUFFLED):
        part = labels[shuffled[first : first + SHUFFLED]]
        here, by_class = np.bincount(part, minlength=len(counts)), np.argsort(part, kind="stable")
        ranks = np.empty(len(part), np.intp)
        ranks[by_class] = np.arange(len(part)) - np.repeat(np.cumsum(here) - here, here)
        tested[first : first + SHUFFLED] = before[part] + ranks < wanted[part]
        before += here
    return shuffled[~tested], shuffled[tested]


def divided(rows: Split, test_fraction: float, seed: int) -> tuple[Split, Split]:
    """Split `rows` into training rows and test rows; of rows that stay in files, each in the order of the files."""
    drawn = stratified(rows.labels, test_fraction, seed)
    if isinstance(rows.inputs, FileRows):
        drawn = np.sort(drawn[0]), np.sort(drawn[1])
    return rows.rows(drawn[0]), rows.rows(drawn[1])


def in_order(path: object, names: Iterable[str]) -> list[str]:
    """Sort class names: by value where all are whole numbers, else as text.

    Raises:
        DataError: for more than `MOST_CLASSES`.

    >>> in_order("file", ["10", "9"]), in_order("file", ["b10", "b9"])
    (['9', '10'], ['b10', 'b9'])
    """
    unsorted = list(names)
    if len(unsorted) > MOST_CLASSES:
        message = _("{path}: {count} different labels, at most {most} can be classes; is the label the right one?")
        raise DataError(message.format(path=path, count=len(unsorted), most=MOST_CLASSES))
    whole = all(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", name) for name in unsorted)
    return sorted(unsorted, key=int if whole else str)
