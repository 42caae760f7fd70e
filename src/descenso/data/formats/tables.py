"""Read tables, CSV and Parquet, with polars (extra `tables`): columns of any kind, and one column of labels.

Rows are counted as a person counts them: row 1 is the first after the header.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import said_of_validation, stratified
from descenso.data.checks import ALL, check_shape, share_to_test
from descenso.data.dataset import Dataset, Split
from descenso.data.encoding import Cells, Encoding, LeftOut
from descenso.data.encoding_words import other_scale, sentences
from descenso.data.formats import kinds, labels
from descenso.data.formats.flat import unflattened
from descenso.data.formats.frames import Frame, as_frame, of_frame, polars, read_csv
from descenso.data.formats.shards import read_parquet
from descenso.data.sources import Expected, Limits, Part, Request, note, numbered, opened, refusals
from descenso.errors import DataError
from descenso.text import _, typed

if TYPE_CHECKING:
    import polars as pl


class Table(NamedTuple):
    """The columns of a table, and labels.

    Attributes:
        cells: of the inputs.
        labels: (rows,) int32, each an index into the class names; zeros where no label was read.
        class_names: the different labels, sorted; none where no label was read.
        encoding: of the columns, not yet fitted unless the request has one.
        notes: sentences that say what was found.
        validated, tested: how many of the first rows are to validate on, and of the last to test on.
    """

    cells: tuple[Cells, ...]
    labels: NDArray[np.int32]
    class_names: tuple[str, ...]
    encoding: Encoding
    notes: tuple[str, ...] = ()
    validated: int = 0
    tested: int = 0

    def fitted(self, rows: NDArray[np.intp], request: Request) -> "Table":
        """Fit the encoding to the rows whose numbers are `rows`, unless it is given."""
        if self.encoding.columns:
            return self
        cells = request.scratch.one_by_one(self.cells) if request.scratch else self.cells
        return self._replace(encoding=self.encoding.fit(cells, rows, request.name))


def read(request: Request) -> Dataset:
    """Read the dataset in a CSV or Parquet file."""
    if request.test_fraction == ALL and not request.encoded:  # rows for a model that did not learn from a table
        request = request._replace(numeric_only=True)
    return split_table(request, read_table(request))


def split_table(request: Request, table: Table) -> Dataset:
    """Split a table into training and test rows, and encode both as its training rows suggest."""
    table, (train, test), notes = fitted_to_training(request, table)
    encoding, cells = table.encoding, table.cells
    unlike = tuple(other_scale(encoding, cells)) if request.encoded else ()
    splits = []
    for rows in (train, test):
        inputs, unseen = encoding.apply(cells, rows)
        splits.append(Split(inputs, table.labels[rows]))
    said = () if request.encoded else sentences(encoding, cells)
    notes = (*table.notes, *notes, *said, *unseen, *unlike)
    return Dataset(request.name, splits[0], splits[1], table.class_names, columns=encoding.inputs, encoding=encoding,
                   notes=notes, validation=table.validated)  # fmt: skip


def fitted_to_training(
    request: Request, table: Table
) -> tuple[Table, tuple[NDArray[np.intp], NDArray[np.intp]], tuple[str, ...]]:
    """Draw training rows and test rows, unless the table says which are which; fit the encoding to training rows.

    Returns:
        The table, the numbers of its training rows and test rows, and sentences on the draw.
    """
    fraction, notes = share_to_test(request.name, request.test_fraction, has_test=table.tested > 0)
    if table.tested:
        train, test = np.split(np.arange(len(table.labels)), [-table.tested])
    else:
        train, test = stratified(table.labels, fraction, request.seed)
    if table.validated:
        notes = (*notes, said_of_validation(table.validated))
    table = table.fitted(train if len(train) else test, request)
    _check_inputs(request, table)
    return table, (train, test), notes


def read_inputs(paths: Iterable[Any], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the columns that the model reads, by name, of each file."""
    encoded = expected.encoding or (Encoding.of_numbers(expected.columns) if expected.columns else None)
    for path in paths:
        request = Request(str(path), limits, None, encoded=encoded, numeric_only=not encoded, **expected.how)
        inputs = unflattened(encoded_rows(read_table(request), request), expected, str(path))
        check_shape(inputs, expected.input_shape, str(path))
        yield numbered(path, inputs if inputs.dtype == np.uint8 else inputs.astype(np.float64, copy=False))


def encoded_rows(table: Table, request: Request) -> NDArray[Any]:
    """Encode all rows of a table, and say which values no training row has."""
    rows = np.arange(len(table.labels))
    table = table.fitted(rows, request)
    _check_inputs(request, table)
    inputs, notes = table.encoding.apply(table.cells, rows)
    for sentence in (*notes, *other_scale(table.encoding, table.cells)):
        note(request.name, sentence)
    return inputs


def _check_inputs(request: Request, table: Table) -> None:
    """Check the size of the encoded inputs."""
    width = len(table.encoding.inputs)
    request.limits.check("columns", width, request.path)
    request.limits.check("array_bytes", 8 * len(table.labels) * width, request.path)


def read_table(request: Request) -> Table:
    """Read a CSV file or a Parquet file.

    Raises:
        ConfigError: for a label that is missing or no column, and where polars is not installed.
        DataError: naming row and column, for values that cannot be read; for rows of different lengths, columns of one
            name, and sizes beyond the limits.
    """
    path, pl = request.path, polars(request.path)
    for file in [one for some in request.files.values() for one in some] or [path]:
        with opened(file, request.limits):
            pass  # it can be, and is not too large
    with refusals(path):
        try:
            frame = (read_parquet if request.files or path.suffix.lower() == ".parquet" else read_csv)(request)
            return _table(request, frame)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            message = _("{path}: cannot be read as a table ({reason})")
            raise DataError(message.format(path=path, reason=str(error).split("\n")[0])) from None


def table_of(frame: Any, request: Request) -> Table:
    """Convert `frame`, of polars or pandas, to a table."""
    polars(request.path)
    return _table(request, of_frame(request, as_frame(frame, request)))


def _table(request: Request, frame: Frame) -> Table:
    path, notes = request.path, list(frame.notes)
    if request.encoded:
        cells = tuple(_known(request, frame, column.name, column.kind) for column in request.encoded.columns)
        found = dict[str, Cells | LeftOut]()
    else:
        found = {name: _found(request, frame, name) for name in frame.inputs}
        label = frame.label or ("" if request.label is None else labels.chosen(request, found, tuple(frame.columns)))
        found.pop(label, None)
        frame = frame._replace(label=label)
        cells = tuple(one for one in found.values() if isinstance(one, Cells))
        if request.numeric_only:
            _refuse_text(request, found)
        if not request.label and label:
            notes.insert(0, _("column {name!r} is taken for the label; another: --label NAME").format(name=label))
    left_out = tuple(one for one in found.values() if isinstance(one, LeftOut))
    encoding = request.encoded or Encoding((), left_out, frame.label, frame.decimal, frame.unnamed,
                                           strict=request.numeric_only)  # fmt: skip
    if encoding.strict:
        _refuse_gaps(path, cells)
    if not cells:
        message = _("{path}: no column is left to learn from: {sentences}; columns of numbers are needed, or of text "
                    "with few values")  # fmt: skip
        raise DataError(message.format(path=path, sentences="; ".join(sentences(encoding))))
    if not frame.label:
        rows = len(cells[0].values)
        return Table(cells, np.zeros(rows, np.int32), (), encoding, tuple(notes))
    codes, names, doubts = labels.read(request, frame)
    parts = frame.validated, frame.tested
    return Table(cells, codes, tuple(names), encoding, (*notes, *doubts), *parts)


def _found(request: Request, frame: Frame, name: str) -> Cells | LeftOut:
    """Find out what a column is; its values are in a file where the request has some for them."""
    one = _read_column(request, frame, name)
    if request.scratch is None or isinstance(one, LeftOut):
        return one
    return one._replace(values=request.scratch.stored(one.values))


def _read_column(request: Request, frame: Frame, name: str) -> Cells | LeftOut:
    import polars as pl

    path, column = request.path, frame.columns[name]
    if column.dtype == pl.String:
        text = column.mapped(kinds.stripped)
        if request.numeric_only:
            return kinds.of_strict(path, name, text, frame.decimal)
        return kinds.of_text(path, name, text, frame.decimal, name in frame.nameless)
    values = _typed(column.whole())
    if isinstance(values, LeftOut):
        return values
    if request.numeric_only or values.kind == "truth":
        kinds.check_finite(path, name, values.values)
        return values
    return kinds.of_numbers(path, name, values.values, name in frame.nameless)


def _typed(column: "pl.Series") -> Cells | LeftOut:
    """Return the values of a column that is no text."""
    import polars as pl

    dtype, name = column.dtype, column.name
    if dtype == pl.Boolean:
        return Cells(name, "truth", column.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    if dtype.is_numeric():
        kind = pl.Float32 if dtype == pl.Float32 else pl.Float64
        return Cells(name, "number", column.cast(kind).fill_null(float("nan")).to_numpy())
    if dtype.is_temporal():
        return LeftOut(name, "dates")
    return LeftOut(name, "empty") if dtype == pl.Null else LeftOut(name, "type", str(dtype))


def _known(request: Request, frame: Frame, name: str, kind: str) -> Cells:
    """Read a column as the kind that it has in the training data."""
    import polars as pl

    path, column = request.path, frame.columns[name]
    if column.dtype == pl.String:
        return kinds.as_kind(path, name, kind, column.mapped(kinds.stripped), frame.decimal)
    if kind == "category":
        return kinds.as_category(name, column.mapped(lambda rows: kinds.stripped(rows.cast(pl.String))))
    values = _typed(column.whole())
    if isinstance(values, LeftOut) and values.reason == "empty":
        return Cells(name, kind, np.full(column.rows, np.nan))
    if isinstance(values, LeftOut):
        message = _("{path}, column {column!r}: type {dtype}, expected numbers, which the model reads")
        raise DataError(message.format(path=path, column=name, dtype=column.dtype))
    kinds.check_finite(path, name, values.values)
    if kind == "truth":
        kinds.check_truth(path, name, values.values)
    return values


def _refuse_text(request: Request, found: dict[str, Cells | LeftOut]) -> None:
    """Refuse columns that hold no numbers."""
    wrong = [one for one in found.values() if isinstance(one, LeftOut) and one.reason != "empty"]
    if wrong:
        message = _("{path}, column {column!r}: {value!r} is no number; make it one, --drop {names}, or leave "
                    "--numeric-only out")  # fmt: skip
        if request.input_shape:
            message = _("{path}, column {column!r}: {value!r} is no number, and so no pixel; try --drop {names}")
        names = typed(",".join(column.name for column in wrong))
        raise DataError(message.format(path=request.path, column=wrong[0].name, value=wrong[0].detail, names=names))


def _refuse_gaps(path: object, cells: Sequence[Cells]) -> None:
    """Refuse missing values.

    Raises:
        DataError: naming row and column of the first.
    """
    gaps = [(int(one.missing().argmax()), one.name) for one in cells if one.missing().any()]
    if gaps:
        message = _("{path}, row {row}, column {column!r}: no value; fill it in, or leave the row out")
        raise DataError(message.format(path=path, row=min(gaps)[0] + 1, column=min(gaps)[1]))
