"""Read the header of a CSV file, and find the cell that polars refused, with Python's own reader."""

import contextlib
import csv
import io
import re
from pathlib import Path
from typing import NoReturn

from descenso.data.sources import Limits, opened
from descenso.errors import DataError
from descenso.text import _

MOST_HEADER = 2**20  # bytes that the header and the first row may take
TRUTH = {"true": 1.0, "false": 0.0}
MISSING = "NA"  # what R writes where a number is missing


def head(path: Path, begin: bytes) -> tuple[list[str], list[str], str]:
    """Read header and first row, and choose the separator: the most frequent one in the header."""
    if not begin.strip():
        raise DataError(_("{path}: an empty file").format(path=path))
    try:
        text = begin[: begin.rfind(b"\n") + 1 or None].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(_("{path}, byte {byte}: not UTF-8 text").format(path=path, byte=error.start)) from None
    if len(begin) == MOST_HEADER and text.count("\n") < 2:
        raise DataError(_("{path}: no row ends within {most} bytes").format(path=path, most=MOST_HEADER))
    first = text.split("\n", 1)[0]
    if any(ord(character) < 32 and character not in "\t\r" for character in first):  # packed, and not text
        raise DataError(_("{path}, byte {byte}: not UTF-8 text").format(path=path, byte=0))
    bare = re.sub(r'"[^"]*"', "", first)
    separator = max(",;\t", key=bare.count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        return next(rows), next(rows, []), separator
    except csv.Error as error:
        raise DataError(_("{path}: cannot be read as a table ({reason})").format(path=path, reason=error)) from None


def complain(path: Path, separator: str, names: list[str], wanted: set[str], limits: Limits) -> None:
    """Raise a `DataError` for the row and column that polars refused, if Python's own reader finds them."""
    with (
        opened(path, limits) as file,
        io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="") as text,
        contextlib.suppress(csv.Error),
    ):
        rows = csv.reader(text, delimiter=separator)
        next(rows)
        for row, cells in enumerate(rows, start=1):
            if len(cells) > len(names):
                message = _("{path}, row {row}: {got} values, the header names {expected} columns")
                raise DataError(message.format(path=path, row=row, got=len(cells), expected=len(names)))
            for name, cell in zip(names, cells, strict=False):
                if name in wanted and cell and not _is_number(cell):
                    refuse(path, row, name, _("{value!r} is no number").format(value=cell[:40]))


def may_be_number(cell: str) -> bool:
    """Tell whether a column whose first value is `cell` may hold numbers, of which the first may be missing."""
    return not cell or _is_number(cell) or cell == MISSING


def refuse_text(path: Path, columns: list[str], cell: str, trained: bool) -> NoReturn:
    """Refuse columns whose first row holds text, which are no inputs; `cell` is the first one's.

    `trained` says whether a trained model reads them, so that none can be left out.
    """
    comma = _(" (numbers are read with a point, 1.5)") if _is_number(cell.replace(",", ".")) else ""
    message = _("{path}, row 1, column {column!r}: {value!r} is no number{comma}; make it one, or --drop {names}")
    if trained:
        message = _(
            "{path}, row 1, column {column!r}: {value!r} is no number{comma}; make it one, which the model reads"
        )
    raise DataError(message.format(path=path, column=columns[0], value=cell[:40], comma=comma, names=",".join(columns)))


def _is_number(cell: str) -> bool:
    with contextlib.suppress(ValueError):
        float(cell)
        return True
    return cell.lower() in TRUTH


def refuse(path: Path, row: int, column: str, reason: str) -> NoReturn:
    """Refuse the value in one row and column of a table, for `reason`."""
    message = _("{path}, row {row}, column {column!r}: {reason}")
    raise DataError(message.format(path=path, row=row, column=column, reason=reason))
