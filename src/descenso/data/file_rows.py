"""Rows that stay in memory-mapped files, and are read as they are asked for."""

import math
import mmap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import is_mapped
from descenso.errors import DataError
from descenso.text import _, prose

MOST_IN_MEMORY = 2**30  # bytes of the rows of an array; more stay in their files, and are not read at once
COPIED_BYTES = 2**22  # of rows that are in memory twice, while they are put in another order
REGION_BYTES = 2**21  # of a file, which Linux may map at the first byte that is read of it
MOST_REGIONS = 16  # after which their pages are released
MOST_ASKED = 1024  # rows of a file that the system is asked to read at the same time
Column = TypeVar("Column")


class FileRows:
    """An array, (rows, *row_shape), of chosen rows of files; indexing reads the rows it names into memory.

    It does what readers of rows need: `shape`, `dtype`, `len`, indexing along the first axis, `take`, `astype`, `min`
    and `max`. Reading more than 1 GB at once is refused.

    Args:
        parts: memory-mapped arrays with the same row shape and dtype, one behind the other.
        chosen: (rows,) int64, numbers of rows of all parts; None for all in turn.
        dtype: that rows are converted to as they are read; by default that of the files.
    """

    in_files = True  # by which `dataset.in_files` knows these rows, without importing this module

    def __init__(
        self, parts: Sequence[NDArray[Any]], chosen: NDArray[np.int64] | None = None, dtype: Any = None
    ) -> None:
        self.parts, self.chosen = tuple(parts), chosen
        self._ends = np.cumsum([len(part) for part in parts])
        self.dtype: np.dtype[Any] = np.dtype(parts[0].dtype if dtype is None else dtype)
        self.shape: tuple[int, ...] = (int(self._ends[-1]) if chosen is None else len(chosen), *parts[0].shape[1:])
        self.ndim, self.size = len(self.shape), math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize
        self._mappings = [_read_only_mapping(part) for part in parts]
        self._entered = 0  # regions of the files, since their pages were released

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, chosen: Any) -> "FileRows":
        """Return the rows that a slice or an array of row numbers selects, unread."""
        return FileRows(self.parts, self._numbers(chosen), self.dtype)

    def astype(self, dtype: Any, copy: bool = True) -> "FileRows":
        """Return the rows, unread, to be converted to `dtype` as they are read."""
        return FileRows(self.parts, self.chosen, dtype)

    def reshape(self, rows: int, *row_shape: int) -> "FileRows":
        """Return the rows, unread, each in another shape."""
        return FileRows([part.reshape(len(part), *row_shape) for part in self.parts], self.chosen, self.dtype)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        whole: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
        rows, others = whole[0], whole[1:]
        if isinstance(rows, int | np.integer):
            row: NDArray[Any] = self.take([range(len(self))[rows]])[(0,) + others]  # noqa: RUF005 - Python 3.10
            return row
        found = self._read_rows(self._numbers(rows))
        return found[(slice(None),) + others] if others else found  # noqa: RUF005

    def take(self, numbers: Any, axis: int = 0, out: NDArray[Any] | None = None, mode: str = "raise") -> NDArray[Any]:
        """Read rows by number, as `numpy.take` does along the first axis: (…) -> (…, *row_shape)."""
        numbers = np.asarray(numbers)
        flat = self._numbers(numbers.reshape(-1))
        into = None if out is None else out.reshape(-1, *self.shape[1:])
        found: NDArray[Any] = self._read_rows(flat, into).reshape(numbers.shape + self.shape[1:])
        return found

    def min(self) -> np.generic:
        """Return the least value of all rows."""
        return cast(np.generic, min(part.min() for part in self._slices()))

    def max(self) -> np.generic:
        """Return the largest value of all rows."""
        return cast(np.generic, max(part.max() for part in self._slices()))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)

    def _slices(self) -> Iterator[NDArray[Any]]:
        step = max(1, REGION_BYTES * MOST_REGIONS // max(1, math.prod(self.shape[1:]) * self.dtype.itemsize))
        return (self[first : first + step] for first in range(0, len(self), step))

    def _numbers(self, chosen: Any) -> NDArray[np.int64]:
        """Return the numbers, among the rows of all files, of the rows that an index selects."""
        if isinstance(chosen, slice):
            if self.chosen is not None:
                return self.chosen[chosen]
            return np.arange(*chosen.indices(len(self)), dtype=np.int64)
        numbers = np.asarray(chosen)
        if numbers.dtype == np.bool_:
            numbers = np.flatnonzero(numbers)
        numbers = numbers.astype(np.int64, copy=False)
        if len(numbers) and not -len(self) <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"row numbers must be in [{-len(self)}, {len(self)})")
        numbers = np.where(numbers < 0, numbers + len(self), numbers)
        return numbers if self.chosen is None else self.chosen[numbers]

    def _read_rows(self, numbers: NDArray[np.int64], into: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read rows by their numbers among the rows of all files."""
        size = len(numbers) * math.prod(self.shape[1:]) * self.dtype.itemsize
        if into is None and size > MOST_IN_MEMORY:
            message = _("too many rows to be read into memory at once: {count} of {shape}, of {size:.1f} GB in all; "
                        "take some of them, such as the first 1000: inputs[:1000]")  # fmt: skip
            shape = "×".join(map(str, self.shape[1:]))
            raise DataError(prose(message, count=len(numbers), shape=shape, size=size / 1e9))
        found = np.empty((len(numbers), *self.shape[1:]), self.dtype) if into is None else into
        step = max(1, COPIED_BYTES * len(numbers) // max(1, size))
        ascends = bool((numbers[:-1] <= numbers[1:]).all())
        order = None if ascends else np.argsort(numbers)
        ascending = numbers if order is None else numbers[order]
        for piece in self._pieces(ascending):
            number = int(np.searchsorted(self._ends, ascending[piece][0], side="right"))
            part = self.parts[number]
            local = ascending[piece] - (self._ends[number] - len(part))
            self._ask_for(number, local)
            if order is None and part.dtype == found.dtype and part.flags.c_contiguous:
                np.take(part, local, axis=0, out=found[piece], mode="clip")  # "raise" would take a buffer
            else:
                places = np.arange(piece.start, piece.stop) if order is None else order[piece]
                for first in range(0, len(local), step):  # each is copied twice
                    found[places[first : first + step]] = part[local[first : first + step]]
            self._release()
        return found

    def _pieces(self, ascending: NDArray[np.int64]) -> Iterator[slice]:
        """Yield slices of ascending row numbers that are of one part each, and in few of its regions."""
        if not len(ascending):
            return
        row_bytes = math.prod(self.shape[1:]) * self.parts[0].dtype.itemsize
        regions = ascending * row_bytes // REGION_BYTES
        entered = np.cumsum(np.diff(regions, prepend=regions[:1] - 1) > 0)  # regions so far
        keys = entered // MOST_REGIONS + np.searchsorted(self._ends, ascending, side="right") * (1 + entered[-1])
        cuts = np.flatnonzero(np.diff(keys)) + 1
        for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(ascending)], strict=True):
            self._entered += int(entered[last - 1] - entered[first]) + 1
            yield slice(first, last)

    def _release(self) -> None:
        """Release pages that this process has read, now and then; they stay in the system's cache."""
        if self._entered >= MOST_REGIONS and hasattr(mmap, "MADV_DONTNEED"):
            self._entered = 0
            for mapping in filter(None, self._mappings):
                mapping.madvise(mmap.MADV_DONTNEED)

    def _ask_for(self, number: int, local: NDArray[np.int64]) -> None:
        """Ask the system to read some rows of a part, ascending, all at the same time and not one after the other."""
        mapping, part = self._mappings[number], self.parts[number]
        if mapping is None or len(local) > MOST_ASKED or not hasattr(mmap, "MADV_WILLNEED"):
            return
        before = part.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
        first = (before + local * part.strides[0]) // mmap.PAGESIZE
        last = (before + (local + 1) * part.strides[0] - 1) // mmap.PAGESIZE
        begins = np.flatnonzero(np.append(True, first[1:] > last[:-1] + 1))
        for begin, end in zip(begins, np.append(begins[1:], len(local)), strict=True):
            start = int(first[begin]) * mmap.PAGESIZE
            with suppress(OSError):  # it is a hint
                mapping.madvise(mmap.MADV_WILLNEED, start, int(last[end - 1] + 1) * mmap.PAGESIZE - start)


class Scratch:
    """Files for columns of a table that are not to be in memory together.

    Args:
        folder: holds the files; the caller makes and removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._count, self._mappings = folder, 0, list[mmap.mmap]()

    def new_file(self, suffix: str) -> Path:
        """Return a path at which there is no file."""
        self._count += 1
        return self.folder / f"{self._count}{suffix}"

    def stored(self, column: NDArray[Any]) -> NDArray[Any]:
        """Write a column, (rows,), to a file, and return it memory-mapped; float64 as uint8 where that loses no bit."""
        path = self.new_file(".npy")
        with np.errstate(invalid="ignore"):
            narrow = column.astype(np.uint8)
        wide = column.dtype == np.float64 and (narrow.astype(np.float64).view(np.int64) == column.view(np.int64)).all()
        np.save(path, narrow if wide else column)
        mapped = np.load(path, mmap_mode="r")
        self._mappings += filter(None, [_read_only_mapping(mapped)])
        return np.asarray(mapped)

    def one_by_one(self, columns: Iterable[Column]) -> Iterator[Column]:
        """Yield what has its values in these files, and release the pages after each."""
        for column in columns:
            yield column
            self.release()

    def release(self) -> None:
        """Release the pages of all columns; they stay in the system's cache."""
        for mapping in self._mappings if hasattr(mmap, "MADV_DONTNEED") else ():
            mapping.madvise(mmap.MADV_DONTNEED)


def left_in_file(array: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of `array`, unread, where it is a large array in a memory-mapped file; else `array` itself."""
    return in_file(array) if array.nbytes > MOST_IN_MEMORY else array


def in_file(array: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of `array`, unread, where it is an array in a memory-mapped file; else `array` itself."""
    unread = isinstance(array, np.ndarray) and is_mapped(array)
    return cast("NDArray[Any]", FileRows([array])) if unread else array


def _read_only_mapping(array: NDArray[Any]) -> mmap.mmap | None:
    """Return the mapping of a file that NumPy mapped to be read only; changes in other mappings would be lost."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode != "r":
            return None
        if isinstance(base, np.memmap) and isinstance(base.base, mmap.mmap):
            return base.base
        base = base.base
    return None
