"""Read the columns of CSV and Parquet files as polars has them: numbers as numbers, and all else as text."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import normalize

import numpy as np

from descenso.data.encoding_words import listed
from descenso.data.formats.columns import CHUNK, Columns, by_names
from descenso.data.formats.csv_text import MISSING, PLAIN, Text, complain, examine
from descenso.data.formats.numbers import check_mark, decimal_mark, evidence
from descenso.data.sources import Request
from descenso.errors import ConfigError, DataError
from descenso.text import _, closest, mark, plural

if TYPE_CHECKING:
    import polars as pl

LABELS = ("label", "labels", "class", "target", "y", "species", "etiqueta", "clase", "especie")  # in lower case
COMMA = mark("numbers have a decimal comma")
COMPOSABLE = r"[^\x00-\x{2FF}]"  # characters below are the same in NFC; combining marks, jamo and the sign Å are above


class Frame(NamedTuple):
    """The columns of a table.

    Attributes:
        columns: by name, inputs and label; text without blanks around it.
        inputs: names of the inputs, in their order.
        label: name of the label; empty where it is still to be chosen, or where none is read.
        decimal: the decimal mark of numbers in text.
        unnamed: the columns of a file without a header.
        nameless: the columns without a name in the header, which are called by their number.
        notes: sentences that say what was found.
        class_names: names of the classes by column, in the order of their numbers, where the file has them.
        validated, tested: how many of the first rows are to validate on, and of the last to test on.
    """

    columns: Columns
    inputs: tuple[str, ...]
    label: str = ""
    decimal: str = "."
    unnamed: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    class_names: Mapping[str, tuple[str, ...]] = {}  # never changed
    validated: int = 0
    tested: int = 0


def choose(request: Request, names: Sequence[str], hint: str = "") -> tuple[tuple[str, ...], str]:
    """Check the names of the columns; choose those of the inputs, and the label where names decide it.

    Raises:
        ConfigError: for a label, or a column to leave out, that is not there.
        DataError: for columns of one name, and where a column is missing that the model reads.
    """
    path, label, encoded = request.path, request.label and normalize("NFC", request.label), request.encoded
    drop = tuple(normalize("NFC", name) for name in request.drop)
    request.limits.check("columns", len(names), path)
    check_names(path, names)
    if label == "":
        likely = [name for name in names if name.lower() in LABELS]
        label = encoded.label if encoded else likely[0] if len(likely) == 1 else ""
    absent = next((name for name in (*filter(None, [label]), *drop) if name not in names), None)
    if absent is not None:
        message = _("{path}: there is no column {name!r}{hint}; its columns are {columns}")
        columns = listed(list(names)) + hint
        raise ConfigError(message.format(path=path, name=absent, hint=closest(absent, names), columns=columns))
    if encoded:
        missing = [column.name for column in encoded.columns if column.name not in names]
        if missing:
            message = _("{path}: the columns {missing} are missing, which the model reads; its columns are {columns}")
            raise DataError(message.format(path=path, missing=listed(missing), columns=listed(list(names))))
        return tuple(column.name for column in encoded.columns), label or ""
    wanted = tuple(name for name in names if name != label and name not in drop)
    if not wanted:
        raise DataError(_("{path}: no column besides the labels'; there is nothing to learn from").format(path=path))
    return wanted, label or ""


def read_csv(request: Request) -> Frame:
    """Read a CSV file: columns that hold nothing but plain numbers as float64, which is fast, and the others as text.

    Raises:
        ConfigError, DataError: for a file that cannot be read as a table; where is named.
    """
    import polars as pl

    text = examine(request)
    numbered = _("; its first row is data, so they are numbered; if it holds their names: --header yes")
    inputs, label = choose(request, text.names, "" if text.header or request.encoded else numbered)
    decimal = request.decimal or (request.encoded.decimal if request.encoded else "")
    table = None
    if text.separator != ";" and decimal != ",":
        try:
            table = _read(request, text, inputs, label, _numbers(request, text, inputs))
        except pl.exceptions.PolarsError:
            table = None
    if table is None or (not decimal and any(evidence(_text_of(table, inputs)))):
        table = _read(request, text, inputs, label, ())
    notes = list(text.notes)
    if request.label is not None:  # of rows to predict, each gets an answer
        empty = pl.all_horizontal(pl.all().is_null())
        if count := table.select(empty.sum()).collect().item():
            table = _settled(request, table.filter(~empty))
            notes.append(_("rows without any value are left out: {count}").format(count=count))
    blanks = sum(int((words.str.strip_chars() != words).sum()) for rows in _text_of(table).values() for words in rows)
    if blanks:
        note = plural("blanks around {count} value are taken off", "blanks around {count} values are taken off", blanks)
        notes.append(note.format(count=blanks))
    if request.encoded and not request.decimal:
        numbers = [column.name for column in request.encoded.columns if column.kind == "number"]
        check_mark(request.path, _text_of(table, numbers), decimal, text.separator)
    decimal = decimal or decimal_mark(request.path, _text_of(table, inputs, label), text.separator)
    if decimal == "," and not (request.encoded or request.decimal):
        notes.append(_(COMMA))
    unnamed = () if text.header else text.names
    return Frame(_columns(table), inputs, label, decimal, unnamed, text.nameless, tuple(notes))


def _is_blank(row: list[str]) -> bool:
    return not "".join(row[:1]).strip() and len(row) < 2


def _text_of(table: "pl.LazyFrame", inputs: Sequence[str] | None = None, label: str = "") -> Columns:
    """Return the columns of text among `inputs`, without blanks around it; by default all, as they are."""
    import polars as pl

    types = table.collect_schema()
    text = [name for name in types if types[name] in (pl.String, pl.Categorical, pl.Enum) and name != label]
    if inputs is None:
        return Columns(table.select(by_names(text)))
    chosen = table.select(by_names([name for name in inputs if name in text]))
    return Columns(chosen, lambda column: column.cast(pl.String).str.strip_chars())


def _numbers(request: Request, text: Text, inputs: Sequence[str]) -> dict[str, str]:
    """Return the columns that seem to hold plain numbers, each with its mark of a missing value."""
    if request.encoded:
        return {column.name: "NA" for column in request.encoded.columns if column.kind == "number"}
    found, wanted = {}, set(inputs)
    for name, *cells in itertools.zip_longest(text.names, *text.rows, fillvalue=""):
        if name in wanted and all(PLAIN.fullmatch(cell) or cell.lower() in MISSING for cell in cells):
            found[name] = next((cell for cell in cells if cell and not PLAIN.fullmatch(cell)), "NA")
    return found


def _read(
    request: Request, text: Text, inputs: Sequence[str], label: str, numbers: "dict[str, str] | tuple[()]"
) -> "pl.LazyFrame":
    """Read the columns `numbers` as float64, the others as text."""
    import polars as pl

    limits = request.limits
    places = {name: f"column_{place}" for place, name in enumerate(text.names, start=1)}  # as polars calls them
    schema = {place: pl.Float64() if name in numbers else pl.String() for name, place in places.items()}
    wanted = dict.fromkeys([*inputs, *filter(None, [label])])
    nulls = {places[name]: gap for name, gap in dict(numbers).items()}
    most = min(limits.rows, limits.array_bytes // (8 * len(inputs)))
    blank = sum(1 for _row in itertools.takewhile(_is_blank, text.rows)) if text.header else 0  # below the header
    try:
        table = pl.scan_csv(text.source, schema=schema, separator=text.separator, has_header=False, n_rows=most + 1,
                            skip_rows=text.header + blank, null_values=nulls or None, glob=False)  # fmt: skip
        table = _settled(request, table.select(pl.col(places[name]).alias(name) for name in wanted))
    except pl.exceptions.PolarsError:
        if not numbers:
            complain(request, text)
        raise
    filled = table.select(~pl.all_horizontal(pl.all().is_null())).collect().to_series()
    rows = len(filled) - int(filled.reverse().arg_max() or 0) if filled.any() else 0  # without blank lines at the end
    if not rows and len(text.rows) > 1:
        complain(request, text)
    check_size(request, rows, len(inputs))
    return table.head(rows)


def of_frame(request: Request, frame: "pl.DataFrame") -> Frame:
    """Return the columns of a frame of polars."""
    frame = frame.rename(as_composed(request.path, frame.columns))
    inputs, label = choose(request, frame.columns)
    check_size(request, len(frame), len(inputs))
    return typed_columns(request, frame.lazy(), inputs, label)


def typed_columns(request: Request, table: "pl.LazyFrame", inputs: tuple[str, ...], label: str) -> Frame:
    """Return the columns of a table whose columns have types."""
    import polars as pl

    text = any(dtype in (pl.String, pl.Categorical, pl.Enum) for dtype in table.collect_schema().dtypes())
    if text or request.scratch is None:  # numbers are read as a whole, and need no file of another order
        table = _settled(request, table)
    decimal = request.decimal or (request.encoded.decimal if request.encoded else "")
    if request.encoded and not request.decimal:
        numbers = [column.name for column in request.encoded.columns if column.kind == "number"]
        check_mark(request.path, _text_of(table, numbers), decimal, "")
    decimal = decimal or decimal_mark(request.path, _text_of(table, inputs, label), "")
    notes = (_(COMMA),) if decimal == "," and not (request.encoded or request.decimal) else ()
    return Frame(_columns(table), inputs, label, decimal, notes=notes)


def _settled(request: Request, table: "pl.LazyFrame") -> "pl.LazyFrame":
    """Compute a table, into memory or into a file of the request's."""
    import polars as pl

    if request.scratch is None:
        return table.collect().lazy()
    path = request.scratch.new_file(".parquet")
    table.sink_parquet(path, compression="lz4", row_group_size=CHUNK)
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _columns(table: "pl.LazyFrame") -> Columns:
    """Return the columns of a table, text without blanks around it."""
    import polars as pl

    def made(rows: "pl.Series") -> "pl.Series":
        is_text = isinstance(rows.dtype, pl.Categorical | pl.Enum) or rows.dtype == pl.String
        return composed(rows.cast(pl.String).str.strip_chars()) if is_text else rows

    return Columns(table, made)


def as_composed(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return names of columns in Unicode's form NFC, by the names that they have, where these differ."""
    check_names(path, [normalize("NFC", name) for name in names])
    return {name: made for name in names if (made := normalize("NFC", name)) != name}


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse two columns of one name."""
    twice = [name for name, following in itertools.pairwise(sorted(names)) if name == following]
    if twice:
        raise DataError(_("{path}: two columns are called {name!r}; rename one").format(path=path, name=twice[0]))


def composed(column: "pl.Series") -> "pl.Series":
    """Return text in Unicode's form NFC: each accent and its letter as one character, as most programs write them."""
    return column.str.normalize("NFC") if column.str.contains(COMPOSABLE).any() else column


def check_size(request: Request, rows: int, columns: int) -> None:
    """Check the number of rows, and the size of their numbers."""
    request.limits.check("rows", rows, request.path)
    request.limits.check("array_bytes", 8 * rows * columns, request.path)
    if not rows:
        raise DataError(_("{path}: no rows; give at least one").format(path=request.path))


def as_frame(frame: Any, request: Request) -> "pl.DataFrame":
    """Convert a frame of pandas to one of polars."""
    import polars as pl

    if isinstance(frame, pl.DataFrame | pl.LazyFrame):
        return frame.lazy().collect()
    if not hasattr(frame, "iloc"):
        message = _("{name}: {kind} is no frame; make one, as by pandas.DataFrame(data)")
        raise ConfigError(message.format(name=request.name, kind=type(frame).__name__))
    names = [normalize("NFC", str(name)) for name in frame.columns]
    choose(request, names)  # before columns of one name become one
    series = (frame.iloc[:, place] for place in range(len(names)))
    cells = (
        one.to_numpy()
        if isinstance(one.dtype, np.dtype) and one.dtype.kind in "iufb"
        else one.astype(object).where(one.notna(), None).to_list()
        for one in series
    )
    return pl.DataFrame(dict(zip(names, cells, strict=True)), strict=False)


def polars(path: Path) -> Any:
    """Import polars.

    Raises:
        ConfigError: where it is not installed.
    """
    try:
        import polars
    except ImportError:
        message = _("{path}: tables are read by polars, which is not installed; try pip install 'descenso[tables]'")
        raise ConfigError(message.format(path=path)) from None
    return polars
