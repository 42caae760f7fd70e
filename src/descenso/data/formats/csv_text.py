"""Find out how a CSV file is written: its line ends, separator and header."""

import contextlib
import csv
import io
import itertools
import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn
from unicodedata import normalize

from descenso.data.formats.csv_bytes import check_utf8, codec_of, decoded, rewrite
from descenso.data.sources import Request, opened
from descenso.errors import DataError
from descenso.text import _, option, plural

SCALE = 3  # columns, whose names may be decimals that rise or fall, as wavelengths do
SAMPLE = 100  # rows that are looked at
SEPARATORS = ";,\t|"  # a semicolon first: beside it, commas may be decimal
SEPARATOR = re.compile('"?sep=([;,\t|])"?')  # a first line of spreadsheets
COMMENT = ("#", "|")  # with which a comment begins
BLANK = f"{SEPARATORS} \r\n"  # what a line without any values is made of
MISSING = ("", "na", "n/a", "nan", "null", "?")  # marks of a missing value, in lower case
TRUTH = {"true": 1.0, "false": 0.0}
PLAIN = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")  # a number as programs write it
NUMBER = re.compile(r"[+-]?[0-9.,'\u00a0\u202f ]*[0-9][0-9.,]*([eE][+-]?[0-9]+)?")  # or as people do


class Text(NamedTuple):
    """How a CSV file is written.

    Attributes:
        source: what polars reads: the file, or its content where that had to be changed.
        names: of the columns.
        separator: between cells.
        header: whether the first row holds the names.
        rows: the first rows below it.
        nameless: the columns without a name in the header, which are called by their number.
        notes: sentences that say what was found.
    """

    source: Path | bytes
    names: tuple[str, ...]
    separator: str
    header: bool
    rows: list[list[str]]
    nameless: tuple[str, ...]
    notes: tuple[str, ...]


def examine(request: Request) -> Text:
    """Examine the beginning of a CSV file, and read it whole where polars could not read it as it is.

    Rows for a model that learned from a file without a header have none either; of them, the label may be missing.

    Raises:
        DataError: for a file that is empty, no text, or has columns of one name.
        ConfigError: for an unknown encoding.
    """
    path, unnamed = request.path, request.encoded.unnamed if request.encoded else ()
    with opened(path, request.limits) as file:
        begin, codec = codec_of(request, file)
        sample = decoded(request, begin, codec)
        macintosh = "\n" not in sample and "\r" in sample
        sample = sample.replace("\r", "\n") if macintosh else sample
        comment = _comment(sample)
        source: Path | bytes = path
        if codec != "utf-8" or comment or macintosh:
            source = _rewritten(request, file, codec, len(comment), macintosh)
    sample = sample[len(comment) :]
    said = [line.strip() for line in comment.split("\n") if line.strip(BLANK)]
    told = next((found[1] for line in said if (found := SEPARATOR.fullmatch(line))), "")
    separator = told or _separator(sample)
    rows = _rows(path, sample, separator)
    message = _("a line before the rows is left out: {line!r}")
    notes = [message.format(line=line[:60]) for line in said if not SEPARATOR.fullmatch(line)]
    if codec == "cp1252" and not request.encoding:
        notes.append(
            _("read as windows-1252, since it is not UTF-8; another encoding: {mend}").format(
                mend=option("encoding", "mac-roman")
            )
        )
    header = request.header == "yes" or (request.header != "no" and not unnamed and not _is_data(rows))
    if header and not unnamed:
        return _named(request, source, separator, rows, notes)
    if not request.header and not unnamed:
        notes.append(_("the first row is data, like those below it, so that the columns are called col1, col2, …; "
                       "if it holds their names: --header yes"))  # fmt: skip
    names = _numbered(path, rows[0], request, unnamed)
    return Text(source, names, separator, header, rows[header:], (), tuple(notes))


def _rewritten(request: Request, file: BinaryIO, codec: str, skipped: int, macintosh: bool) -> Path | bytes:
    """Return a file as polars reads it, UTF-8 with line feeds and without its first `skipped` characters."""
    if request.scratch:
        rewrite(request, file, codec, skipped, path := request.scratch.new_file(".csv"), macintosh=macintosh)
        return path
    request.limits.check("array_bytes", 4 * os.fstat(file.fileno()).st_size, request.path)  # of text, and its copies
    file.seek(0)
    text = decoded(request, file.read(), codec, whole=True)[skipped:]
    return (text.replace("\r", "\n") if macintosh else text).encode("utf-8", "replace")


def _named(request: Request, source: Path | bytes, separator: str, rows: list[list[str]], notes: list[str]) -> Text:
    """Name the columns as the header, the first of `rows`, does; those without a name are called by their number."""
    names = tuple(normalize("NFC", name.strip()) or f"col{place}" for place, name in enumerate(rows[0], start=1))
    notes += _on_blanks(rows[0])
    if not request.header and not request.encoded and (numbers := [*filter(NUMBER.fullmatch, names)]):
        message = _("the first row is taken for the names of the columns, with {name!r} among them; if it is data: "
                    "--header no")  # fmt: skip
        notes.append(message.format(name=numbers[0]))
    nameless = tuple(name for name, given in zip(names, rows[0], strict=True) if not given.strip())
    _refuse_separators(request, names, separator, rows[1:])
    return Text(source, names, separator, True, rows[1:], nameless, tuple(notes))


def _on_blanks(names: Sequence[str]) -> list[str]:
    blanks = sum(name != name.strip() for name in names)
    note = plural("blanks around the name of {count} column are taken off",
                  "blanks around the names of {count} columns are taken off", blanks)  # fmt: skip
    return [note.format(count=blanks)] if blanks else []


def _refuse_separators(request: Request, names: Sequence[str], separator: str, rows: list[list[str]]) -> None:
    """Refuse rows to learn from that are one cell each, and cells that another separator divides."""
    if request.encoded:
        return
    if len(names) == 1:
        message = _("{path}: it has one column, {name!r}; separate the cells by commas, semicolons, tabs or |")
        raise DataError(message.format(path=request.path, name=names[0][:60]))
    for place, name in enumerate(names):
        for mark in SEPARATORS.replace(separator, ""):
            if mark in name and rows and all(mark in row[place] for row in rows if len(row) > place):
                message = _("{path}: cells are separated by {mark!r}, and by {other!r} in column {name!r}; give all "
                            "one separator")  # fmt: skip
                raise DataError(message.format(path=request.path, mark=separator, other=mark, name=name))


def _comment(text: str) -> str:
    """Return the lines at the beginning that are no rows: blank ones, `sep=;` of a spreadsheet, comments, a title.

    A comment begins with `#` or `|` and has fewer cells than the first line that does not; a title has one cell.
    """
    taken = 0
    while stop := text.find("\n", taken) + 1:
        line, lines = text[taken:stop].strip(), text[stop:].split("\n", SAMPLE)
        below = next((other for other in lines if other.strip(BLANK) and other[0] not in COMMENT), "")
        cells, more = (max(map(each.count, SEPARATORS)) for each in (line[1:], below))
        if line.count('"') % 2 and not line.startswith(COMMENT):
            break  # a cell goes on in the next line
        is_comment = line[:1] in COMMENT and cells < more
        is_title = cells == 0 < more or (cells > 1 and _is_title(line, below))
        if line.strip(BLANK) and not (SEPARATOR.fullmatch(line) or is_comment or is_title):
            break
        taken = stop
    return text[:taken]


def _is_title(line: str, below: str) -> bool:
    """Tell whether the first cell of a line alone is filled, and those of the line below it all are, with words."""
    mark = max(SEPARATORS, key=line.count)
    cells = below.split(mark)
    alone = line.rstrip(BLANK)
    return mark not in alone and all(cell.strip() and not NUMBER.fullmatch(cell.strip()) for cell in cells)


def _separator(text: str) -> str:
    """Choose the separator that splits all lines into the same number of cells, and leaves the others inside none."""
    lines = text.split("\n", SAMPLE)
    lines = lines[:-1] if len(lines) > SAMPLE else lines
    first = re.sub(r'"[^"]*"', "", text.split("\n", 1)[0])
    best: tuple[tuple[float, ...], str] = ((), "")
    for place, mark in enumerate(SEPARATORS):
        try:
            rows = [row for row in csv.reader(lines, delimiter=mark) if row]
        except csv.Error:
            continue
        cells = [cell for row in rows for cell in row]
        if len({len(row) for row in rows}) != 1 or len(rows[0]) == 1:
            continue
        unclean = sum(any(other in cell for other in SEPARATORS) and not NUMBER.fullmatch(cell) for cell in cells)
        best = max(best, ((-unclean / len(cells), len(rows[0]), -place), mark))
    return best[1] or max(",;\t|", key=first.count)


def _rows(path: Path, text: str, separator: str) -> list[list[str]]:
    """Read the first row and those below it."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if row or rows:
                rows.append(row)
            if len(rows) > SAMPLE:
                break
    except csv.Error as error:
        if len(rows) < 2:
            message = _("{path}: cannot be read as a table ({reason})")
            raise DataError(message.format(path=path, reason=error)) from None
    return rows


def _is_data(rows: list[list[str]]) -> bool:
    """Tell whether the first row is like those below it: numbers above numbers, or text that comes again."""
    first, below = rows[0], [row for row in rows[1:] if row]
    if not below:
        return False
    numbers, inside, again = list[float](), 0, 0
    for cell, *column in itertools.zip_longest(first, *below, fillvalue=""):
        filled = [value for value in map(str.strip, column) if value.lower() not in MISSING]
        cell = cell.strip()
        if filled and all(map(NUMBER.fullmatch, filled)) and cell.lower() not in MISSING:
            if not NUMBER.fullmatch(cell):
                return False  # a word above numbers is a header
            numbers.append(_value(cell))
            inside += min(map(_value, filled)) <= numbers[-1] <= max(map(_value, filled))
        else:
            again += cell in filled
    counts_up = len(numbers) > 1 and all(one < other for one, other in itertools.pairwise(numbers))
    is_scale = len(numbers) >= SCALE and (counts_up or all(one > other for one, other in itertools.pairwise(numbers)))
    if again and not is_scale and any(number % 1 for number in numbers if math.isfinite(number)):
        return True  # names are hardly decimals beside a text that comes again
    return again > 1 or bool(numbers and 2 * inside >= len(numbers) and (again or not counts_up))


def _value(cell: str) -> float:
    """Return the approximate value of a number, which is only compared with others."""
    return float(cell if PLAIN.fullmatch(cell) else re.sub(r"[^0-9eE+-]", "", cell))


def _numbered(path: Path, row: Sequence[str], request: Request, unnamed: tuple[str, ...]) -> tuple[str, ...]:
    """Name the columns of a file without a header by their numbers, or as those of the training data."""
    if not unnamed:
        return tuple(f"col{place}" for place in range(1, len(row) + 1))
    without = tuple(name for name in unnamed if name != (request.encoded.label if request.encoded else ""))
    for names in (unnamed, without):
        if len(row) == len(names):
            return names
    message = plural("{path}: {got} column without a header, the model learned from {expected} and the label",
                     "{path}: {got} columns without a header, the model learned from {expected} and the label",
                     len(row))  # fmt: skip
    raise DataError(message.format(path=path, got=len(row), expected=len(without)))


def complain(request: Request, text: Text) -> None:
    """Refuse a row that has more cells than there are columns, or a first row with fewer, or a quotation mark within a
    cell, or bytes that are no text.

    Raises:
        DataError: naming the row, or the byte.
    """
    path = request.path
    with contextlib.ExitStack() as stack:
        file: BinaryIO = io.BytesIO(text.source) if isinstance(text.source, bytes) else \
            stack.enter_context(opened(path, request.limits))  # fmt: skip
        check_utf8(request, file)
        file.seek(0)
        lines = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            _check_lengths(path, text, lines)
            file.seek(0)
            _check_quotes(path, text, lines)
        finally:
            lines.detach()


def _check_lengths(path: Path, text: Text, lines: Iterable[str]) -> None:
    with contextlib.suppress(csv.Error):
        for row, cells in enumerate(csv.reader(lines, delimiter=text.separator), start=0 if text.header else 1):
            too_few = row == 1 and cells and len(cells) < len(text.names)  # polars counts the columns of that row
            if (len(cells) > len(text.names) or too_few) and not any("\n" in cell for cell in cells):
                message = plural("{path}, row {row}: {got} values, the header names {expected} column",
                                 "{path}, row {row}: {got} values, the header names {expected} columns",
                                 len(text.names))  # fmt: skip
                raise DataError(message.format(path=path, row=row, got=len(cells), expected=len(text.names)))


def _check_quotes(path: Path, text: Text, lines: Iterable[str]) -> None:
    mark = re.escape(text.separator)
    within = re.compile(rf'[^"{mark}\n]"(?!["{mark}\r\n]|$)|^[^"]*"[^"]*$')  # as of inches; or one alone in its line
    for number, line in enumerate(lines, start=1):
        if within.search(line):
            message = _("{path}, line {line}: a quotation mark that has no other; put the cell between quotation "
                        "marks, and write those in it twice")  # fmt: skip
            raise DataError(message.format(path=path, line=number))


def refuse(path: Path, row: int, column: str, reason: str) -> NoReturn:
    """Refuse the value in one row and column of a table, for `reason`."""
    message = _("{path}, row {row}, column {column!r}: {reason}")
    raise DataError(message.format(path=path, row=row, column=column, reason=reason))
