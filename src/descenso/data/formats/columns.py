"""The columns of a table, which are read one by one, and columns of text some rows at a time."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

CHUNK = 2**18  # rows of a column of text that are in memory at a time

Chunks = Iterable["pl.Series"]  # of the rows of a column, one behind the other; they can be gone through again


class Column(Iterable["pl.Series"]):
    """A column of a table; iterating over it reads it some rows at a time.

    Args:
        table: that holds it.
        name: of the column.
        rows: of the table.
        made: is called with the rows that are read, and returns what they become; each by itself.
    """

    def __init__(self, table: "pl.LazyFrame", name: str, rows: int, made: "Callable[[pl.Series], pl.Series]") -> None:
        self._table, self.name, self.rows, self._made = table.select(by_names([name])), name, rows, made

    def __iter__(self) -> "Iterator[pl.Series]":
        return (self._read(self._table.slice(first, CHUNK)) for first in range(0, max(1, self.rows), CHUNK))

    def whole(self) -> "pl.Series":
        """Return all rows at once."""
        return self._read(self._table)

    @property
    def dtype(self) -> "pl.DataType":
        """The type of the rows."""
        return self._read(self._table.head(0)).dtype

    def _read(self, table: "pl.LazyFrame") -> "pl.Series":
        return self._made(table.collect().to_series())

    def mapped(self, function: "Callable[[pl.Series], pl.Series]") -> "Column":
        """Return the column that `function` makes of this one, of each of its rows by itself."""
        return Column(self._table, self.name, self.rows, lambda rows: function(self._made(rows)))


class Columns(Mapping[str, Column]):
    """The columns of a table by name.

    Args:
        table: that holds them.
        made: as of `Column`.
    """

    def __init__(self, table: "pl.LazyFrame", made: "Callable[[pl.Series], pl.Series]" = lambda rows: rows) -> None:
        self._table, self._made, self._names = table, made, table.collect_schema().names()

    @functools.cached_property
    def rows(self) -> int:
        """The number of rows."""
        import polars as pl

        return int(self._table.select(pl.len()).collect().item())

    def __getitem__(self, name: str) -> Column:
        return Column(self._table, name, self.rows, self._made)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def by_names(names: Sequence[str]) -> Any:
    """Return the expression of the columns of these names, which polars would else read as patterns."""
    from polars.selectors import by_name

    return by_name(*dict.fromkeys(names))


def different(chunks: Chunks, most: float = float("inf")) -> "pl.Series":
    """Return the different values, without null; once there are more than `most`, those that were found so far."""
    import polars as pl

    parts = (rows.drop_nulls().unique() for rows in chunks)
    found = next(parts)
    while len(found) <= most and (new := next(parts, None)) is not None:
        found = pl.concat([found, new]).unique()
    return found


def joined(chunks: Chunks, function: "Callable[[pl.Series], NDArray[Any]]") -> NDArray[Any]:
    """Return what `function` makes of the rows of a column, one array behind the other."""
    arrays = [function(rows) for rows in chunks]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
