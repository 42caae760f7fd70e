"""Walk the rows of an array in slices, so that a memory-mapped one is never in memory as a whole."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 2**25


def is_mapped(array: NDArray[Any]) -> bool:
    """Tell whether the elements of `array` lie in a memory-mapped file, as those of `np.memmap` and its views do."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


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
