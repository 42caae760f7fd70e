"""Read tables, CSV and Parquet, with polars (extra `tables`): numbers in columns, and one column of labels.

Rows are counted as a person counts them: row 1 is the first after the header.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import divided, in_order
from descenso.data.checks import check_fraction, check_shape
from descenso.data.dataset import Dataset, Split
from descenso.data.formats.csv_text import (
    MISSING,
    MOST_HEADER,
    TRUTH,
    complain,
    head,
    may_be_number,
    refuse,
    refuse_text,
)
from descenso.data.sources import Expected, Limits, Part, Request, numbered, opened
from descenso.errors import ConfigError, DataError
from descenso.text import _, closest

if TYPE_CHECKING:
    import polars as pl


class Table(NamedTuple):
    """Numbers in columns, and labels.

    Attributes:
        inputs: (rows, columns) float64, or float32 where the file's columns all are.
        columns: their names.
        labels: (rows,) int32, each an index into the class names; empty where no label was read.
        class_names: the different labels, sorted.
    """

    inputs: NDArray[np.generic]
    columns: tuple[str, ...]
    labels: NDArray[np.int32]
    class_names: tuple[str, ...]


def read(request: Request) -> Dataset:
    """Read the dataset in a CSV or Parquet file."""
    check_fraction(request.name, request.test_fraction, has_test=False)
    table = read_table(request)
    train, test = divided(Split(table.inputs, table.labels), request.test_fraction, request.seed)
    return Dataset(request.name, train, test, table.class_names, columns=table.columns)


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the columns that the model reads, by name, of each file."""
    for path in paths:
        inputs = read_table(Request(str(path), limits, label=None, columns=expected.columns)).inputs
        check_shape(inputs, expected.input_shape, str(path))
        yield numbered(path, inputs.astype(np.float64, copy=False))


def read_table(request: Request) -> Table:
    """Read a CSV file, in UTF-8 with a header and separated by commas, semicolons or tabs, or a Parquet file.

    Raises:
        ConfigError: for a label that is missing or no column, and where polars is not installed.
        DataError: naming row and column, for values that are missing, no numbers or not finite; for rows of different
            lengths, columns of one name, and sizes beyond the limits.
    """
    path, pl = request.path, _polars(request.path)
    faults = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
    with opened(path, request.limits) as file:
        try:
            is_text = path.suffix.lower() != ".parquet"
            frame, wanted = _read_csv(request, file.read(MOST_HEADER)) if is_text else _read_parquet(request)
        except faults as error:
            message = _("{path}: cannot be read as a table ({reason})")
            raise DataError(message.format(path=path, reason=str(error).split("\n")[0])) from None
    return _table(request, frame, wanted)


def table_of(frame: Any, request: Request) -> Table:
    """Convert `frame`, of polars or pandas, to a table."""
    pl = _polars(request.path)
    if not isinstance(frame, pl.DataFrame):
        names = [str(name) for name in frame.columns]
        _choose(request, names)  # before columns of one name become one
        series = (frame.iloc[:, place] for place in range(len(names)))
        cells = (
            one.to_numpy() if one.dtype.kind in "iufb" else one.astype(object).where(one.notna(), None).to_list()
            for one in series
        )
        frame = pl.DataFrame(dict(zip(names, cells, strict=True)), strict=False)
    wanted = _choose(request, frame.columns)
    _check_size(request, len(frame), len(wanted))
    return _table(request, _as_numbers(request, frame, wanted), wanted)


def _polars(path: Path) -> Any:
    try:
        import polars
    except ImportError:
        message = _("{path}: tables are read by polars, which is not installed; try pip install 'descenso[tables]'")
        raise ConfigError(message.format(path=path)) from None
    return polars


def _choose(request: Request, names: list[str]) -> tuple[str, ...]:
    """Check the names of the columns, and choose those of the inputs."""
    path, label, columns, drop = request.path, request.label, request.columns, request.drop
    request.limits.check("columns", len(names), path)
    twice = [name for name, following in itertools.pairwise(sorted(names)) if name == following]
    if twice:
        raise DataError(_("{path}: two columns are called {name!r}; rename one").format(path=path, name=twice[0]))
    if label == "":
        message = _("{path}: which column holds the labels? its columns are {columns}; try --label {last}")
        raise ConfigError(message.format(path=path, columns=", ".join(names), last=names[-1]))
    absent = next((name for name in (*filter(None, [label]), *drop) if name not in names), None)
    if absent is not None:
        message = _("{path}: there is no column {name!r}{hint}; its columns are {columns}")
        raise ConfigError(message.format(path=path, name=absent, hint=closest(absent, names), columns=", ".join(names)))
    missing = [name for name in columns if name not in names]
    if missing:
        message = _("{path}: the columns {missing} are missing, which the model reads; its columns are {columns}")
        raise DataError(message.format(path=path, missing=", ".join(missing), columns=", ".join(names)))
    wanted = columns or tuple(name for name in names if name != label and name not in drop)
    if not wanted:
        raise DataError(_("{path}: no column besides the labels'; there is nothing to learn from").format(path=path))
    return wanted


def _read_csv(request: Request, begin: bytes) -> tuple["pl.DataFrame", tuple[str, ...]]:
    import polars as pl

    path, limits = request.path, request.limits
    names, first, separator = head(path, begin)
    wanted = _choose(request, names)
    words = [name for name, cell in zip(names, first, strict=False) if name in wanted and not may_be_number(cell)]
    if words:
        refuse_text(path, words, first[names.index(words[0])], bool(request.columns))
    truths = {name for name, cell in zip(names, first, strict=False) if name in wanted and cell.lower() in TRUTH}
    schema = {name: pl.Float64() if name in wanted and name not in truths else pl.String() for name in names}
    most = min(limits.rows, limits.array_bytes // (8 * len(wanted)))
    try:
        frame = pl.read_csv(path, schema=schema, separator=separator, columns=[*wanted, *filter(None, [request.label])],
                            n_rows=most + 1, null_values=dict.fromkeys(wanted, MISSING), glob=False)  # fmt: skip
    except pl.exceptions.ComputeError:
        complain(path, separator, names, set(wanted), limits)
        raise
    while len(frame) and all(column.is_null()[-1] for column in frame):  # blank lines at the end
        frame = frame[:-1]
    _check_size(request, len(frame), len(wanted))
    text = {name: frame[name].str.to_lowercase().replace_strict(TRUTH, default=None) for name in truths}
    for name, numbers in text.items():
        _refuse_first(path, frame, name, numbers.is_null() & frame[name].is_not_null())
        frame = frame.with_columns(numbers.cast(pl.Float64).alias(name))
    return frame, wanted


def _read_parquet(request: Request) -> tuple["pl.DataFrame", tuple[str, ...]]:
    import polars as pl

    path = request.path
    lazy = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    schema = lazy.collect_schema()
    wanted = _choose(request, schema.names())
    _check_types(request, schema, wanted)
    rows = lazy.select(pl.len()).collect().item()
    _check_size(request, rows, len(wanted))
    frame = pl.read_parquet(path, columns=[*wanted, *filter(None, [request.label])], n_rows=rows, glob=False,
                            hive_partitioning=False)  # fmt: skip
    return _as_numbers(request, frame, wanted), wanted


def _check_types(request: Request, schema: "pl.Schema", wanted: tuple[str, ...]) -> None:
    wrong = [name for name in wanted
             if not (schema[name].is_numeric() or schema[name].base_type().__name__ == "Boolean")]  # fmt: skip
    if wrong:
        message = _("{path}, column {column!r}: type {dtype}, expected numbers; make them such, or --drop {names}")
        if request.columns:
            message = _("{path}, column {column!r}: type {dtype}, expected numbers, which the model reads")
        names = ",".join(wrong)
        raise DataError(message.format(path=request.path, column=wrong[0], dtype=schema[wrong[0]], names=names))


def _as_numbers(request: Request, frame: "pl.DataFrame", wanted: tuple[str, ...]) -> "pl.DataFrame":
    """Cast the inputs of `frame` to float64, or to float32 where all of them are."""
    import polars as pl

    _check_types(request, frame.schema, wanted)
    kind = pl.Float32 if all(frame.schema[name] == pl.Float32 for name in wanted) else pl.Float64
    return frame.with_columns(pl.col(wanted).cast(kind))


def _check_size(request: Request, rows: int, columns: int) -> None:
    request.limits.check("rows", rows, request.path)
    request.limits.check("array_bytes", 8 * rows * columns, request.path)
    if not rows:
        raise DataError(_("{path}: no rows; give at least one").format(path=request.path))


def _table(request: Request, frame: "pl.DataFrame", wanted: tuple[str, ...]) -> Table:
    import polars as pl

    path, label = request.path, request.label
    gaps = [(int(frame[name].is_null().arg_max() or 0), name) for name in frame.columns if frame[name].null_count()]
    if gaps:
        refuse(path, min(gaps)[0] + 1, min(gaps)[1], _("no value; fill it in, or leave the row out"))
    for name in wanted:
        _refuse_first(path, frame, name, ~frame[name].is_finite())
    inputs = frame.select(wanted).to_numpy(order="c")
    if not label:
        return Table(inputs, wanted, np.zeros(0, np.int32), ())
    column = frame[label]
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if not (column.dtype.is_integer() or column.dtype in (pl.String, pl.Boolean)):
        refuse(path, 1, label, _("labels of type {dtype}, expected text or whole numbers").format(dtype=column.dtype))
    text = column.cast(pl.String)
    if all(value.lower() in TRUTH for value in text.unique().to_list()):
        text = text.str.to_titlecase()  # True and False, as Python writes them
    names = in_order(path, text.unique().to_list())
    codes = text.replace_strict(names, list(range(len(names))), return_dtype=pl.Int32)
    return Table(inputs, wanted, codes.to_numpy().astype(np.int32), tuple(names))


def _refuse_first(path: Path, frame: "pl.DataFrame", name: str, wrong: "pl.Series") -> None:
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        refuse(path, row + 1, name, _("{value!r} is no number").format(value=frame[name][row]))
