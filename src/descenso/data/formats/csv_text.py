"""Find out how a CSV file is written: its encoding, line ends, separator and header."""

import codecs
import contextlib
import csv
import io
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

from descenso.data.sources import Request, opened
from descenso.errors import ConfigError, DataError
from descenso.text import _, plural

MOST_HEADER = 2**20  # bytes that the header and the first row may take
SAMPLE = 100  # rows that are looked at
SEPARATORS = ";,\t|"  # a semicolon first: beside it, commas may be decimal
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
CODECS = re.compile(r"(utf|iso|latin|cp|windows|mac|koi8|gb|big5|shift|euc|ascii)[-_0-9a-z]*", re.IGNORECASE)
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
        begin, codec = _codec(request, file)
        sample = _text(request, begin, codec)
        macintosh = "\n" not in sample and "\r" in sample
        sample = sample.replace("\r", "\n") if macintosh else sample
        comment = _comment(sample)
        source: Path | bytes = path
        if codec != "utf-8" or comment or macintosh:
            request.limits.check("array_bytes", 4 * os.fstat(file.fileno()).st_size, path)  # of text, and its copies
            file.seek(0)
            text = _text(request, file.read(), codec, whole=True)[len(comment) :]
            source = (text.replace("\r", "\n") if macintosh else text).encode("utf-8", "replace")
    sample = sample[len(comment) :]
    told = comment.strip().removeprefix("sep=")
    separator = told if len(told) == 1 and told in SEPARATORS else _separator(sample)
    rows = _rows(path, sample, separator)
    notes = [_("the first line is no row: {line!r}").format(line=comment.strip()[:60])] if len(told) > 1 else []
    header = request.header == "yes" or (request.header != "no" and not unnamed and not _is_data(rows))
    if header:
        names = tuple(name.strip() or f"col{place}" for place, name in enumerate(rows[0], start=1))
        notes += _on_blanks(rows[0])
        nameless = tuple(name for name, given in zip(names, rows[0], strict=True) if not given.strip())
        return Text(source, names, separator, True, rows[1:], nameless, tuple(notes))
    if not request.header and not unnamed:
        notes.append(_("the first row is data, like those below it, so that the columns are called col1, col2, …; "
                       "if it holds their names: --header yes"))  # fmt: skip
    return Text(source, _numbered(path, rows[0], request, unnamed), separator, False, rows, (), tuple(notes))


def _on_blanks(names: Sequence[str]) -> list[str]:
    blanks = sum(name != name.strip() for name in names)
    note = plural("blanks around the name of {count} column are taken off",
                  "blanks around the names of {count} columns are taken off", blanks)  # fmt: skip
    return [note.format(count=blanks)] if blanks else []


def _codec(request: Request, file: BinaryIO) -> tuple[bytes, str]:
    """Return the beginning of the file, and the codec of its text: UTF-8 where it is that, else what is named."""
    path, wanted = request.path, request.encoding
    begin = file.read(MOST_HEADER)
    if not begin.strip():
        raise DataError(_("{path}: an empty file").format(path=path))
    marked = next((codec for mark, codec in MARKS.items() if begin.startswith(mark)), None)
    if marked or not wanted:
        return begin, marked or "utf-8"
    try:
        if not CODECS.fullmatch(wanted):
            raise LookupError
        codec = codecs.lookup(wanted).name
    except LookupError:
        message = _("encoding must be that of a text, got {got!r}; try --encoding latin-1")
        raise ConfigError(message.format(got=wanted)) from None
    file.seek(0)
    try:
        _check_utf8(request, file)
    except DataError:
        return begin, codec
    return begin, codec if b"\0" in begin else "utf-8"


def _text(request: Request, content: bytes, codec: str, *, whole: bool = False) -> str:
    """Decode the content, or its beginning up to the end of a line."""
    path, trained = request.path, request.encoded is not None
    if not whole and len(content) == MOST_HEADER:
        end = content.rfind(b"\n") if b"\n" in content else content.rfind(b"\r")
        content = content[: end + 1 + (codec == "utf-16-le")]
        if end < 0 or (content.count(b"\n") or content.count(b"\r")) < 2:
            raise DataError(_("{path}: no row ends within {most} bytes").format(path=path, most=MOST_HEADER))
    if codec == "utf-8" and content[1::2].count(0) > len(content) // 4:  # each second byte, of what most text has
        refuse_bytes(path, 1, codec, trained, "utf-16-le")
    if codec.startswith("utf-16"):
        content = content[: len(content) // 2 * 2]
    try:
        text = content.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        refuse_bytes(path, error.start, codec, trained)
    except ValueError:  # of a codec for something else than text
        refuse_bytes(path, 0, codec, trained)
    place = next((place for place, mark in enumerate(text[:SAMPLE]) if ord(mark) < 32 and mark not in "\t\r\n"), None)
    if place is not None or "\0" in text:
        refuse_bytes(path, 0, codec, trained, "")
    if not text.strip():
        raise DataError(_("{path}: an empty file").format(path=path))
    return text


def refuse_bytes(path: Path, byte: int, codec: str, trained: bool, likely: str = "windows-1252") -> NoReturn:
    """Refuse a file that is no text in `codec`; rows for a `trained` model are read in the encoding of its run."""
    if codec != "utf-8":
        message = _("{path}, byte {byte}: no text in {codec}")
    elif trained:
        message = _("{path}, byte {byte}: not UTF-8 text; save it in UTF-8")
    elif likely:
        message = _("{path}, byte {byte}: not UTF-8 text; if it is text in another encoding: --encoding {likely}")
    else:
        message = _("{path}, byte {byte}: not UTF-8 text")
    raise DataError(message.format(path=path, byte=byte, codec=codec, likely=likely))


def _comment(text: str) -> str:
    """Return the first line where it is no row: the separator for a spreadsheet, or a comment of other length."""
    blank = text[: len(text) - len(text.lstrip("\r\n"))]
    first, end, rest = text[len(blank) :].partition("\n")
    if re.fullmatch(r"sep=[;,\t|]\r?", first):
        return blank + first + end
    second = rest.partition("\n")[0]
    is_shorter = max(map(first[1:].count, SEPARATORS)) < max(map(second.count, SEPARATORS))
    return blank + (first + end if first[:1] in ("|", "#") and is_shorter else "")


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
                return False  # a word above numbers is their name
            numbers.append(_value(cell))
            inside += min(map(_value, filled)) <= numbers[-1] <= max(map(_value, filled))
        else:
            again += cell in filled
    counts_up = len(numbers) > 1 and all(one < other for one, other in itertools.pairwise(numbers))
    return again > 1 or bool(numbers and 2 * inside >= len(numbers) and (again or not counts_up))


def _value(cell: str) -> float:
    """Return a number that nothing depends on but whether it is like others."""
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
    """Refuse the first row that has more cells than there are columns, or bytes that are no text, if there are any.

    Raises:
        DataError: naming the row, or the byte.
    """
    path = request.path
    with contextlib.ExitStack() as stack:
        file: BinaryIO = io.BytesIO(text.source) if isinstance(text.source, bytes) else \
            stack.enter_context(opened(path, request.limits))  # fmt: skip
        _check_utf8(request, file)
        file.seek(0)
        lines = io.TextIOWrapper(file, "utf-8-sig", newline="")
        try:
            _check_lengths(path, text, lines)
        finally:
            lines.detach()


def _check_utf8(request: Request, file: BinaryIO) -> None:
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    while chunk := file.read(MOST_HEADER):
        kept = len(decoder.getstate()[0])  # bytes of a letter that the chunk before began
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            refuse_bytes(request.path, done - kept + error.start, "utf-8", request.encoded is not None)
        done += len(chunk)


def _check_lengths(path: Path, text: Text, lines: Iterable[str]) -> None:
    with contextlib.suppress(csv.Error):
        for row, cells in enumerate(csv.reader(lines, delimiter=text.separator), start=0 if text.header else 1):
            if len(cells) > len(text.names):
                message = plural("{path}, row {row}: {got} values, the header names {expected} column",
                                 "{path}, row {row}: {got} values, the header names {expected} columns",
                                 len(text.names))  # fmt: skip
                raise DataError(message.format(path=path, row=row, got=len(cells), expected=len(text.names)))


def refuse(path: Path, row: int, column: str, reason: str) -> NoReturn:
    """Refuse the value in one row and column of a table, for `reason`."""
    message = _("{path}, row {row}, column {column!r}: {reason}")
    raise DataError(message.format(path=path, row=row, column=column, reason=reason))
