"""Find the labels of a table: the column that holds them, and the classes that they name."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import in_order
from descenso.data.checks import ALL, check_classes
from descenso.data.encoding import MOST_LISTED, Cells, LeftOut
from descenso.data.encoding_words import listed
from descenso.data.formats.class_labels import renamed
from descenso.data.formats.columns import different, joined
from descenso.data.formats.csv_text import MISSING, TRUTH, refuse
from descenso.data.formats.frames import LABELS, Frame
from descenso.data.labels import LARGEST
from descenso.data.sources import Request
from descenso.errors import ConfigError, DataError
from descenso.text import _, option

if TYPE_CHECKING:
    import polars as pl

USUAL = {  # words in the names of columns that people predict, beside `LABELS`
    *("category", "type", "kind", "group", "result", "outcome", "survived", "diagnosis", "status", "response", "vote"),
    *("variety", "cultivar", "grade", "quality", "risk", "churn", "default", "income", "fraud", "spam", "sentiment"),
    *("disease", "digit", "genre", "decision", "approved", "winner"),
    *("categoria", "tipo", "grupo", "resultado", "diagnostico", "estado", "calidad", "riesgo", "genero", "voto"),
}  # fmt: skip
FEW_NUMBERS = 10  # different whole numbers that are likely to be classes
MANY_CLASSES = 20  # with more classes that are numbers, a note doubts them
ROWS_OF_CLASS = 20  # unless there are on average so many rows of each


def chosen(request: Request, found: Mapping[str, Cells | LeftOut], names: Sequence[str]) -> str:
    """Return the column of the labels where no name decided: the only one of text, unless another has a usual name.

    Raises:
        ConfigError: where there is none, or several; the likeliest is named.
    """
    text = [name for name, one in found.items() if _is_text(one, request.numeric_only)]
    usual = [name for name, one in found.items() if _is_usual(name) and _suits(one) and name not in text]
    if len(text) == 1 and (not usual or _is_usual(text[0])):
        return text[0]
    likely, last, middle = likeliest(found, names), names[-1], ""
    message = _("{path}: which column holds the labels? its columns are {columns}; try {mend}")
    if likely not in (*text, *usual) and (numbers := _to_predict(request, last, found.get(last))) is not None:
        message = _("{path}: which column holds the labels? its columns are {columns}; {last!r} is a number to "
                    "predict, and no class: make a few classes of it, such as above and below {middle}, or give "
                    "another column: {mend}")  # fmt: skip
        middle, likely = f"{np.median(numbers):g}", "NAME" if likely == last else likely
    mend, columns = option("label", likely), listed(list(names))
    raise ConfigError(message.format(path=request.path, columns=columns, mend=mend, last=last, middle=middle))


def _to_predict(request: Request, name: str, one: Cells | LeftOut | None) -> NDArray[Any] | None:
    """Return the values of a column of numbers that are refused as classes; None of any other."""
    if isinstance(one, Cells) and one.kind == "number":
        values: NDArray[Any] = one.values[~np.isnan(one.values)]
        try:
            check_classes(request.path, name, list(map(str, np.unique(values))), len(values))
        except DataError:
            return values
    return None


def likeliest(found: Mapping[str, Cells | LeftOut], names: Sequence[str]) -> str:
    """Return the name of the column that is most likely to hold the labels.

    A usual name counts most, then text or few whole numbers as values, then the last place.
    """
    ends = names[-1:]

    def rank(name: str) -> tuple[bool, ...]:
        one = found.get(name)
        suits = one is not None and _suits(one)
        is_text = isinstance(one, Cells) and one.kind == "category"
        return suits and name.lower() in LABELS, suits and _is_usual(name), is_text, suits, name in ends

    return max(reversed(names), key=rank)


def _is_usual(name: str) -> bool:
    """Tell whether a word of the name is usual for labels."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    plain = str.maketrans("áéíóú", "aeiou")
    return any(word.translate(plain) in USUAL or word in LABELS for word in words)


def _suits(one: Cells | LeftOut) -> bool:
    """Tell whether a column may hold classes: text with few values, truth values, or few whole numbers."""
    if isinstance(one, LeftOut) or one.kind != "number":
        return isinstance(one, Cells)
    values = np.unique(one.values[~np.isnan(one.values)])
    return 1 < len(values) <= FEW_NUMBERS and bool((values == np.rint(values)).all())


def _is_text(one: Cells | LeftOut, numeric_only: bool) -> bool:
    return numeric_only and one.reason == "text" if isinstance(one, LeftOut) else one.kind == "category"


def read(request: Request, frame: Frame) -> tuple[NDArray[np.int32], list[str], list[str]]:
    """Return the labels of a table as indices into the names of the classes, these names, and sentences on doubts.

    Raises:
        DataError: for labels that are missing, of another type than text and numbers, or that are no classes.
    """
    import polars as pl

    path, label = request.path, frame.label
    column, dtype = frame.columns[label], frame.columns[label].dtype
    if dtype.is_float():
        column = column.mapped(lambda rows: rows.fill_nan(None))  # as pandas writes a missing label
    if dtype.is_float() and all((rows.is_null() | _is_whole(rows)).all() for rows in column):
        column = column.mapped(lambda rows: rows.cast(pl.Int64))  # as whole numbers are where one is missing
    elif dtype.is_float():
        check_classes(path, label, list(map(str, different(column).to_list())), column.rows)
    elif not (dtype.is_integer() or dtype in (pl.String, pl.Boolean)):
        refuse(path, 1, label, _("labels of type {dtype}, expected text or whole numbers").format(dtype=dtype))
    text = column.mapped(lambda rows: rows.cast(pl.String))
    before = 0
    for rows in text:
        gaps = rows.is_null() | (rows == "")
        if gaps.any():
            refuse(path, before + int(gaps.arg_max() or 0) + 1, label, _("no value; fill it in, or leave the row out"))
        before += len(rows)
    if all(value.lower() in TRUTH for value in different(text).to_list()):
        text = text.mapped(lambda rows: rows.str.to_titlecase())  # True and False, as Python writes them
    names = in_order(path, different(text).to_list())
    if request.test_fraction != ALL:
        check_classes(path, label, names, column.rows)
    codes = joined(text, lambda rows: rows.replace_strict(names, list(range(len(names))), return_dtype=pl.Int32)
                   .to_numpy().astype(np.int32))  # fmt: skip
    names = [*renamed(path, names, frame.class_names.get(label, ()))]
    return codes, names, [] if request.encoded else doubts(label, names, np.bincount(codes))


def _is_whole(rows: "pl.Series") -> "pl.Series":
    return (rows == rows.round()) & (rows.abs() < LARGEST)


def doubts(label: str, names: list[str], counts: NDArray[np.int64]) -> list[str]:
    """Return warnings on doubtful classes: a missing value, numbers, classes with one row only."""
    message = _("warning: a class is called {name!r}; if that says that the label is missing, leave those rows out")
    said = [message.format(name=name) for name in names if name.lower() in MISSING]
    numbers = [float(name) for name in names if re.fullmatch(r"[+-]?[0-9]{1,15}([.][0-9]*)?", name)]
    counted = sorted(numbers) == [min(numbers) + place for place in range(len(names))] if numbers else False
    if len(numbers) == len(names) > MANY_CLASSES and (not counted or counts.sum() < ROWS_OF_CLASS * len(names)):
        message = _("warning: {label!r} holds {count} different numbers, each a class without an order; "
                    "is it a number to predict?")  # fmt: skip
        said.append(message.format(label=label, count=len(names)))
    single = [repr(name) for name, count in zip(names, counts.tolist(), strict=True) if count == 1]
    if single and len(single) <= MOST_LISTED:
        message = _("warning: classes with one row only, which are never tested on: {names}")
        said.append(message.format(names=listed(single)))
    return said
