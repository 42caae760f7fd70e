"""Split rows into training rows and test rows, where the data does not do so."""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.errors import ConfigError, DataError
from descenso.text import _

MOST_CLASSES = 2**12  # of a confusion matrix, whose size is their square
ALL = 1.0  # the test fraction that tests on every row


def check_fraction(path: object, test_fraction: float, has_test: bool) -> None:
    """Check that test rows come from the data or are drawn from it, and not both.

    Raises:
        ConfigError: for a fraction of 0 without test rows, and for another beside them.
    """
    if has_test and test_fraction not in (0, ALL):
        raise ConfigError(_("{path}: it has test rows of its own; leave --test-fraction out").format(path=path))
    if not has_test and not 0 < test_fraction <= ALL:
        raise ConfigError(
            _("{path}: no test rows of its own, and a test_fraction of {got}; try --test-fraction 0.2").format(
                path=path, got=test_fraction
            )
        )


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
    wanted = np.maximum(np.minimum(np.maximum(np.rint(counts * test_fraction), 1), counts - 1), 0)
    drawn = labels[shuffled]
    by_class = np.argsort(drawn, kind="stable")
    place = np.arange(len(labels)) - (np.cumsum(counts) - counts)[drawn[by_class]]  # of a row within its class
    tested = np.empty(len(labels), np.bool_)
    tested[by_class] = place < wanted[drawn[by_class]]
    return shuffled[~tested], shuffled[tested]


def divided(rows: Split, test_fraction: float, seed: int) -> tuple[Split, Split]:
    """Split `rows` into training rows and test rows."""
    train, test = stratified(rows.labels, test_fraction, seed)
    return Split(rows.inputs[train], rows.labels[train]), Split(rows.inputs[test], rows.labels[test])


def in_order(path: object, names: Iterable[str]) -> list[str]:
    """Sort class names: by value where all are whole numbers, else as text.

    Raises:
        DataError: for more than `MOST_CLASSES`.

    >>> in_order("file", ["10", "9"]), in_order("file", ["b10", "b9"])
    (['9', '10'], ['b10', 'b9'])
    """
    unsorted = list(names)
    if len(unsorted) > MOST_CLASSES:
        raise DataError(
            _("{path}: {count} different labels, at most {most} can be classes; is the label the right one?").format(
                path=path, count=len(unsorted), most=MOST_CLASSES
            )
        )
    whole = all(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", name) for name in unsorted)
    return sorted(unsorted, key=int if whole else str)
