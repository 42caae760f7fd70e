"""Decide what the columns of a table are: numbers, truth values, categories, or nothing that can be learned from."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from descenso.data.encoding import Cells, LeftOut
from descenso.data.formats.csv_text import MISSING, TRUTH, refuse
from descenso.data.formats.numbers import GROUPS, LIKELY, parsed
from descenso.text import _, typed

if TYPE_CHECKING:
    import polars as pl

MOST_CATEGORIES = 100  # of a column
MOST_WITH_UNIT = 10  # different numbers with a unit, or with a few words, that are taken for categories
FEW_WORDS = 3  # different words among more numbers, which mark missing values or are mistakes
LEAST_COUNTED = 10  # with so many rows, a column that counts them is not an input
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic"
DATES = (
    r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}([T ].*)?$|^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}([T ].*)?$|"
    rf"^[0-9]{{1,2}}:[0-9]{{2}}(:[0-9.]+)?( ?[ap]m)?$|(?i)^([0-9]{{1,2}}[. -]+)?({MONTHS})[a-z.]*[ ,-]+[0-9].*$"
)


def stripped(column: "pl.Series") -> "pl.Series":
    """Return text without blanks around it; null where it is a mark of a missing value."""
    import polars as pl

    text = column.str.strip_chars()
    gaps = text.str.to_lowercase().is_in(list(MISSING))
    return pl.select(pl.when(gaps).then(None).otherwise(text)).to_series() if gaps.any() else text


def of_text(path: Path, name: str, values: "pl.Series", decimal: str, unnamed: bool = False) -> Cells | LeftOut:
    """Decide what a column of text is; `values` are those of `stripped`.

    Raises:
        DataError: naming row and value, for a word in a column of numbers.
    """
    filled = values.drop_nulls()
    if not len(filled):
        return LeftOut(name, "empty")
    numbers = parsed(values, decimal)
    words = len(filled) - (len(numbers) - numbers.null_count())
    distinct = filled.n_unique()
    if not words:
        return of_numbers(path, name, _floats(numbers), unnamed)
    few = words <= (1 - LIKELY) * len(filled) or (
        2 * words <= len(filled)
        and numbers.drop_nulls().n_unique() > MOST_WITH_UNIT
        and values.filter(numbers.is_null()).drop_nulls().n_unique() <= FEW_WORDS
    )
    if few and not filled.str.to_lowercase().is_in(list(TRUTH)).all():
        refuse_word(path, name, values, numbers)
    if distinct == 1 and len(filled) == len(values) > 1:
        return LeftOut(name, "constant", filled[0][:40])
    if filled.str.to_lowercase().is_in(list(TRUTH)).all():
        return Cells(name, "truth", _floats(_truths(values)))
    if filled.str.contains(DATES).all():
        return LeftOut(name, "dates")
    if distinct > MOST_WITH_UNIT and _with_unit(filled):
        return LeftOut(name, "unit", filled[0][:40])
    if distinct > MOST_CATEGORIES or distinct > len(filled) / 2:
        return LeftOut(name, "text", str(distinct))
    return as_category(name, values)


def _with_unit(values: "pl.Series") -> bool:
    """Tell whether all values are numbers with one unit behind them, or a sign of money before them."""
    number = rf"[+−-]?[0-9][0-9.,{GROUPS}]*"
    around = values.str.replace(number, "").str.strip_chars()
    is_money = values.str.contains(rf"^[+−-]?[$€£¥] ?{number}$").all()
    return around.n_unique() == 1 and (is_money or bool(values.str.contains(rf"^{number} ?[^0-9]{{1,20}}$").all()))


def of_numbers(path: Path, name: str, values: NDArray[Any], unnamed: bool = False) -> Cells | LeftOut:
    """Decide whether a column of numbers, NaN where one is missing, is an input."""
    check_finite(path, name, values)
    rows, gaps = len(values), np.isnan(values)
    if gaps.all():
        return LeftOut(name, "empty")
    if rows > 1 and not gaps.any():
        if (values == values[0]).all():
            return LeftOut(name, "constant", f"{values[0]:g}")
        if rows >= LEAST_COUNTED and values[0] in (0, 1) and (values == values[0] + np.arange(rows)).all():
            return LeftOut(name, "index")
        if unnamed and (values == np.rint(values)).all() and len(np.unique(values)) == rows:
            return LeftOut(name, "index")
    return Cells(name, "number", values)


def of_strict(path: Path, name: str, values: "pl.Series", decimal: str) -> Cells | LeftOut:
    """Read text as numbers or truth values; a column that begins with a word is left out, for the caller to refuse."""
    first = values.drop_nulls()[:1]
    if len(first) and parsed(first, decimal).null_count() and first[0].lower() not in TRUTH:
        return LeftOut(name, "text", first[0][:40])
    return as_kind(path, name, "number", values, decimal, trained=False)


def as_kind(path: Path, name: str, kind: str, values: "pl.Series", decimal: str, *, trained: bool = True) -> Cells:
    """Read text as the kind that it has in the training data; `values` are those of `stripped`.

    Raises:
        DataError: naming row and value, for what is no number where a number is read.
    """
    if kind == "category":
        return as_category(name, values)
    numbers = parsed(values, decimal)
    if numbers.null_count() > values.null_count():
        numbers = numbers.fill_null(_truths(values))
        if numbers.null_count() > values.null_count():
            refuse_word(path, name, values, numbers, trained=trained)
    floats = _floats(numbers)
    check_finite(path, name, floats)
    return Cells(name, kind, floats)


def as_category(name: str, values: "pl.Series") -> Cells:
    """Return the column as indices into its different values, which are sorted."""
    import polars as pl

    categories = values.drop_nulls().unique().sort().to_list()
    if not categories:
        return Cells(name, "category", np.full(len(values), -1, np.int32))
    codes = values.cast(pl.Enum(categories)).to_physical().cast(pl.Int32).fill_null(-1)
    return Cells(name, "category", codes.to_numpy(), tuple(categories))


def refuse_word(path: Path, name: str, values: "pl.Series", numbers: "pl.Series", *, trained: bool = False) -> NoReturn:
    """Refuse the first of `values` that is not among `numbers`, and say how to mend it; `trained` models need it."""
    wrong = numbers.is_null() & values.is_not_null()
    row, count = int(wrong.arg_max() or 0), int(wrong.sum())
    message = _("{value!r} is no number, and neither are {more} others of {rows} values; make it one, or empty where "
                "the value is missing, or leave the column out: --drop {name}")  # fmt: skip
    if count == 1:
        message = _("{value!r} is no number; make it one, or empty where the value is missing, or leave the column "
                    "out: --drop {name}")  # fmt: skip
    if trained:
        message = _("{value!r} is no number, which the model reads; make it one, or empty where the value is missing")
    if row == len(values) - 1 and count == 1:
        message = _("{value!r} is no number; if the last row holds totals, leave it out")
    filled = len(values) - values.null_count()
    refuse(path, row + 1, name, message.format(value=values[row][:40], more=count - 1, rows=filled, name=typed(name)))


def check_finite(path: Path, name: str, values: NDArray[Any]) -> None:
    """Refuse infinite numbers."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        refuse(path, row + 1, name, _("{value!r} is no number").format(value=float(values[row])))


def _truths(values: "pl.Series") -> "pl.Series":
    import polars as pl

    numbers: pl.Series = values.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Float64)
    return numbers


def _floats(numbers: "pl.Series") -> NDArray[Any]:
    return numbers.fill_null(float("nan")).to_numpy()
