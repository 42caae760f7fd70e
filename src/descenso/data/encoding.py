"""Encode the columns of a table as inputs: numbers, with medians where values are missing, and an input per category.

An encoding is fitted on training rows only. A run keeps it, so that rows to predict or to test on are encoded alike.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.errors import DataError
from descenso.text import _, plural, typed

KINDS = ("number", "truth", "category")
REASONS = ("dates", "text", "unit", "index", "constant", "rounded", "empty", "type")  # why a column is left out
MOST_LISTED = 10  # names in one sentence
MOST_BYTES = 2**19  # of an encoding as JSON, which is kept in the header of a weights file
BLOCK = 2**10  # rows that are written at once, so that a block of the matrix stays in the processor's cache


class Cells(NamedTuple):
    """A column of a table as it was read.

    Attributes:
        name: of the column.
        kind: "number", "truth" (0 and 1), or "category".
        values: (rows,) floats, NaN where a value is missing; of a category int32, an index into `categories`, or −1.
        categories: the different values, sorted; empty unless `kind` is "category".
    """

    name: str
    kind: str
    values: NDArray[Any]
    categories: tuple[str, ...] = ()

    def missing(self) -> NDArray[np.bool_]:
        """Tell of each row whether its value is missing."""
        return self.values < 0 if self.kind == "category" else np.isnan(self.values)


class Column(NamedTuple):
    """How one column becomes inputs.

    Attributes:
        name: of the column.
        kind: as of `Cells`.
        missing: whether training rows miss values, which a further input then says.
        fill: of a number: what stands where a value is missing, the median of the training rows.
        categories: of a category: the values in training rows, one input each.
    """

    name: str
    kind: str
    missing: bool = False
    fill: float = 0.0
    categories: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs.

        >>> Column("age", "number", missing=True).inputs
        ('age', 'age is missing')
        """
        values = [f"{self.name}={value}" for value in self.categories] if self.kind == "category" else [self.name]
        return (*values, f"{self.name} is missing") if self.missing else tuple(values)


class LeftOut(NamedTuple):
    """A column that is no input, and why: a key of `REASONS`, and what the sentence names."""

    name: str
    reason: str
    detail: str = ""


class Encoding(NamedTuple):
    """How the columns of a table become inputs.

    Attributes:
        columns: those that become inputs, in this order.
        left_out: the others, but for the label and those that the user drops.
        label: the column of the labels.
        decimal: the mark before the decimals of a number.
        unnamed: the columns of a file without a header, in its order; empty where it has one.
        strict: whether each value must be a number, and none missing.
    """

    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...] = ()
    label: str = ""
    decimal: str = "."
    unnamed: tuple[str, ...] = ()
    strict: bool = False

    @classmethod
    def of_numbers(cls, names: Sequence[str]) -> "Encoding":
        """Return the encoding of columns that hold numbers only."""
        return cls(tuple(Column(name, "number") for name in names), strict=True)

    def fit(self, cells: Iterable[Cells], rows: NDArray[np.intp], path: object) -> "Encoding":
        """Fit the columns to the training rows, whose numbers are `rows`.

        Raises:
            DataError: for names that are too long to be kept.
        """
        fitted = self._replace(columns=tuple(_fitted(one, rows) for one in cells))
        size = len(json.dumps(fitted.plain()))
        if size > MOST_BYTES:
            message = _(
                "{path}: the names of its columns and their values take {size} bytes, at most {most} can be kept; "
                "leave out those with many or long values: --drop {name}"
            )
            widest = max(fitted.columns, key=lambda column: sum(map(len, column.inputs)))
            raise DataError(message.format(path=path, size=size, most=MOST_BYTES, name=typed(widest.name)))
        return fitted

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(name for column in self.columns for name in column.inputs)

    def apply(self, cells: Sequence[Cells], rows: NDArray[np.intp]) -> tuple[NDArray[np.floating], tuple[str, ...]]:
        """Encode `rows` of `cells`, which hold the columns of the encoding in its order.

        Returns:
            inputs: (rows, inputs) float64, or float32 where all values are float32.
            notes: sentences on values that no training row has.
        """
        return self.encoded(cells, rows), tuple(self.unseen(cells, rows))

    def encoded(self, cells: Sequence[Cells], rows: NDArray[np.intp]) -> NDArray[np.floating]:
        """Encode `rows` of `cells`, as `apply` does."""
        width = sum(len(column.inputs) for column in self.columns)
        narrow = all(one.values.dtype == np.float32 for one in cells)
        dtype = np.dtype(np.float32 if narrow else np.float64)
        inputs = np.zeros((len(rows), width), dtype)
        places = [_places(column, one) for column, one in zip(self.columns, cells, strict=True)]
        for first in range(0, len(rows), BLOCK):
            part, block, offset = rows[first : first + BLOCK], inputs[first : first + BLOCK], 0
            for column, one, place in zip(self.columns, cells, places, strict=True):
                _write(column, one.values[part], place, block, offset)
                offset += len(column.inputs)
        return inputs

    def unseen(self, cells: Iterable[Cells], rows: NDArray[np.intp]) -> Iterator[str]:
        """Say which values of `rows` no training row has, and how many rows have them."""
        return _unseen(self.columns, cells, rows)

    def plain(self) -> dict[str, Any]:
        """Return the encoding as values of JSON."""
        about, usual = self._asdict(), Column("", "")._asdict()
        columns = ({**one._asdict(), "categories": list(one.categories)} for one in self.columns)
        about["columns"] = [
            {key: value for key, value in one.items() if value != usual[key] and value != []} for one in columns
        ]
        about["left_out"] = [one._asdict() for one in self.left_out]
        return {**about, "unnamed": list(self.unnamed)}

    @classmethod
    def of_plain(cls, about: Any) -> "Encoding":
        """Make an encoding of what `plain` returned.

        Raises:
            ValueError, TypeError, KeyError: where it is no such thing.

        >>> encoding = Encoding((Column("sex", "category", categories=("f", "m")),), (LeftOut("day", "dates"),), "y")
        >>> Encoding.of_plain(encoding.plain()) == encoding
        True
        """
        about = _dict(about)
        columns = tuple(_column_of(_dict(one)) for one in _list(about["columns"]))
        left_out = tuple(
            LeftOut(*(_text(_dict(one)[key]) for key in LeftOut._fields)) for one in _list(about["left_out"])
        )
        unnamed = tuple(map(_text, _list(about["unnamed"])))
        if not columns or any(one.reason not in REASONS for one in left_out) or about["decimal"] not in (".", ","):
            raise ValueError("an encoding without columns, or with an unknown reason")
        if type(about["strict"]) is not bool:
            raise TypeError("strict")
        return cls(columns, left_out, _text(about["label"]), about["decimal"], unnamed, about["strict"])


def _unseen(columns: Sequence[Column], cells: Iterable[Cells], rows: NDArray[np.intp]) -> Iterator[str]:
    """Say which values no training row has, and how many rows have them."""
    for column, one in zip(columns, cells, strict=True):
        gaps = int(one.missing()[rows].sum()) if not column.missing else 0
        if gaps and column.kind == "category":
            message = plural("{column}: missing in {count} row, and in no training row; none of its inputs is set",
                             "{column}: missing in {count} rows, and in no training row; none of its inputs is set",
                             gaps)  # fmt: skip
            yield message.format(column=column.name, count=gaps)
        elif gaps:
            message = plural("{column}: missing in {count} row, and in no training row; read as the median, {fill:g}",
                             "{column}: missing in {count} rows, and in no training row; read as the median, {fill:g}",
                             gaps)  # fmt: skip
            yield message.format(column=column.name, count=gaps, fill=column.fill)
        if column.kind == "category" and not set(one.categories) <= set(column.categories):
            known = np.isin(np.array(one.categories, str), np.array(column.categories, str))
            values = one.values[rows]
            counts = Counter(values[(values >= 0) & ~known[values]].tolist())
            if counts:
                shown = ", ".join(f"{one.categories[code][:40]!r}" for code, _n in counts.most_common(MOST_LISTED))
                message = plural(
                    "{column}: {values} in {count} row, and in no training row; none of its inputs is set",
                    "{column}: {values} in {count} rows, and in no training row; none of its inputs is set",
                    counts.total(),
                )
                yield message.format(column=column.name, values=shown, count=counts.total())


def _fitted(one: Cells, rows: NDArray[np.intp]) -> Column:
    values = one.values[rows]
    gaps = one._replace(values=values).missing()
    holed = bool(gaps.any())
    values = values[~gaps] if holed else values
    if one.kind == "category":
        seen = np.bincount(values, minlength=len(one.categories)) > 0
        kept = tuple(value for value, known in zip(one.categories, seen.tolist(), strict=True) if known)
        return Column(one.name, one.kind, holed, categories=kept)
    median = float(np.median(values, overwrite_input=True)) if len(values) else 0.0
    return Column(one.name, one.kind, holed, fill=median)


def _places(column: Column, one: Cells) -> NDArray[np.int32]:
    """Return the input of each value of a category, that of a missing one last; −1 for none."""
    codes = {value: code for code, value in enumerate(column.categories)}
    last = len(column.categories) if column.missing else -1
    return np.array([*(codes.get(value, -1) for value in one.categories), last], np.int32)


def _write(
    column: Column, values: NDArray[Any], place: NDArray[np.int32], block: NDArray[np.floating], offset: int
) -> None:
    """Write the inputs of one column of some rows into `block`, from its column `offset`."""
    if column.kind == "category":
        chosen = place[values]  # −1, a missing value, selects the last
        known = np.flatnonzero(chosen >= 0)
        block[known, offset + chosen[known]] = 1
        return
    gaps = np.isnan(values)
    block[:, offset] = values
    if gaps.any():
        block[gaps, offset] = column.fill
    if column.missing:
        block[:, offset + 1] = gaps


def _column_of(about: Mapping[str, Any]) -> Column:
    name, kind, missing = _text(about.get("name", "")), about["kind"], about.get("missing", False)
    categories, fill = tuple(map(_text, _list(about.get("categories", [])))), about.get("fill", 0.0)
    if kind not in KINDS or type(missing) is not bool or type(fill) not in (int, float) or not np.isfinite(fill):
        raise ValueError(f"a column {name!r} of kind {kind!r}")
    if len(set(categories)) < len(categories) or bool(categories) > (kind == "category"):
        raise ValueError(f"the categories of {name!r}")
    return Column(name, kind, missing, float(fill), categories)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
