"""Decide what the columns of a table are: numbers, truth values, categories, or nothing that can be learned from."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from descenso.data.encoding import Cells, LeftOut
from descenso.data.formats.columns import Chunks, different, joined
from descenso.data.formats.csv_text import MISSING, TRUTH, refuse
from descenso.data.formats.numbers import GROUPS, LIKELY, parsed
from descenso.data.labels import LARGEST
from descenso.text import _, prose, typed

if TYPE_CHECKING:
    import polars as pl

MOST_CATEGORIES = 100  # of a column
MOST_COUNTED = 2**16  # different values of a column of text, which are counted to say why it is left out
MOST_WITH_UNIT = 10  # different numbers with a unit, or with a few words, that are taken for categories
FEW_WORDS = 3  # different words among more numbers, which mark missing values or are mistakes
LEAST_COUNTED = 10  # with so many rows, a column that counts them is not an input
LONGEST = 2**64  # from `LARGEST` on, different whole numbers below this one may be the same float
MONTHS = (
    "jan(uary)?|feb(ruary|rero)?|mar(ch|zo)?|apr(il)?|mayo?|june?|july?|aug(ust)?|sept?(ember|iembre)?|oct(ober|ubre)?|"
    "nov(ember|iembre)?|dec(ember)?|ene(ro)?|abr(il)?|jun(io)?|jul(io)?|ago(sto)?|dic(iembre)?"
)
DATES = (
    r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}([T ].*)?$|^[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}([T ].*)?$|"
    rf"^[0-9]{{1,2}}:[0-9]{{2}}(:[0-9.]+)?( ?[ap]m)?$|"
    rf"(?i)^([0-9]{{1,2}}[. -]+(de )?)?({MONTHS})[.]?( de)?[ ,-]+[0-9].*$"
)


def stripped(column: "pl.Series") -> "pl.Series":
    """Return text without blanks around it; null where it is a mark of a missing value."""
    import polars as pl

    text = column.str.strip_chars()
    gaps = text.str.to_lowercase().is_in(list(MISSING))
    return pl.select(pl.when(gaps).then(None).otherwise(text)).to_series() if gaps.any() else text


def of_text(path: Path, name: str, chunks: Chunks, decimal: str, unnamed: bool = False) -> Cells | LeftOut:
    """Decide what a column of text is; the values are those of `stripped`.

    Raises:
        DataError: naming row and value, for a word in a column of numbers.
    """
    rows, filled, numbers = map(sum, zip(*(_counts(values, decimal) for values in chunks), strict=True))
    if not filled:
        return LeftOut(name, "empty")
    if numbers == filled:
        return of_numbers(path, name, joined(chunks, lambda values: _floats(parsed(values, decimal))), unnamed)
    words, distinct = filled - numbers, different(chunks, MOST_COUNTED)
    is_truth = bool(distinct.str.to_lowercase().is_in(list(TRUTH)).all())
    few = words <= (1 - LIKELY) * filled or (2 * words <= filled and _are_marks(chunks, decimal))
    if few and not is_truth:
        refuse_word(path, name, chunks, lambda values: parsed(values, decimal))
    first = next(values.drop_nulls()[0][:40] for values in chunks if values.null_count() < len(values))
    if len(distinct) == 1 and filled == rows > 1:
        return LeftOut(name, "constant", first)
    if is_truth:
        return Cells(name, "truth", joined(chunks, lambda values: _floats(_truths(values))))
    if all(values.drop_nulls().str.contains(DATES).all() for values in chunks):
        return LeftOut(name, "dates")
    if len(distinct) > MOST_WITH_UNIT and _with_unit(chunks):
        return LeftOut(name, "unit", first)
    if len(distinct) > MOST_CATEGORIES or len(distinct) > filled / 2:
        more = _("more than {count}").format(count=MOST_COUNTED)
        return LeftOut(name, "text", str(len(distinct)) if len(distinct) <= MOST_COUNTED else more)
    return as_category(name, chunks)


def _counts(values: "pl.Series", decimal: str) -> tuple[int, int, int]:
    """Return how many rows there are, how many have a value, and how many a number."""
    numbers = parsed(values, decimal)
    return len(values), len(values) - values.null_count(), len(values) - numbers.null_count()


def _are_marks(chunks: Chunks, decimal: str) -> bool:
    """Tell whether a column has many different numbers, and beside them few words, as marks of a missing value are."""

    numbers = different((parsed(values, decimal) for values in chunks), MOST_WITH_UNIT)
    words = different((values.filter(parsed(values, decimal).is_null()) for values in chunks), FEW_WORDS)
    return len(numbers) > MOST_WITH_UNIT and len(words) <= FEW_WORDS


def _with_unit(chunks: Chunks) -> bool:
    """Tell whether all values are numbers with one unit behind them, or a sign of money before them."""
    number = rf"[+−-]?[0-9][0-9.,{GROUPS}]*"

    def all_are(pattern: str) -> bool:
        return all(values.drop_nulls().str.contains(pattern).all() for values in chunks)

    around = different((values.str.replace(number, "").str.strip_chars() for values in chunks), 1)
    return len(around) == 1 and (all_are(rf"^[+−-]?[$€£¥] ?{number}$") or all_are(rf"^{number} ?[^0-9]{{1,20}}$"))


def of_numbers(path: Path, name: str, values: NDArray[Any], unnamed: bool = False) -> Cells | LeftOut:
    """Decide whether a column of numbers, NaN where one is missing, is an input."""
    check_finite(path, name, values)
    rows, gaps = len(values), np.isnan(values)
    if gaps.all():
        return LeftOut(name, "empty")
    if rows > 1 and not gaps.any():
        if (values == values[0]).all():
            return LeftOut(name, "rounded" if LARGEST <= abs(values[0]) < LONGEST else "constant", f"{values[0]:g}")
        if rows >= LEAST_COUNTED and values[0] in (0, 1) and (values == values[0] + np.arange(rows)).all():
            return LeftOut(name, "index")
        if unnamed and (values == np.rint(values)).all() and len(np.unique(values)) == rows:
            return LeftOut(name, "index")
    return Cells(name, "number", values)


def of_strict(path: Path, name: str, chunks: Chunks, decimal: str) -> Cells | LeftOut:
    """Read text as numbers or truth values; a column that begins with a word is left out, for the caller to refuse."""
    first = next((found[:1] for values in chunks if len(found := values.drop_nulls())), None)
    if first is not None and parsed(first, decimal).null_count() and first[0].lower() not in TRUTH:
        return LeftOut(name, "text", first[0][:40])
    return as_kind(path, name, "number", chunks, decimal, trained=False)


def as_kind(path: Path, name: str, kind: str, chunks: Chunks, decimal: str, *, trained: bool = True) -> Cells:
    """Read text as the kind that it has in the training data; the values are those of `stripped`.

    Raises:
        DataError: naming row and value, for what is no number where a number is read.
    """
    if kind == "category":
        return as_category(name, chunks)

    def numbers(values: "pl.Series") -> "pl.Series":
        found = parsed(values, decimal)
        return found.fill_null(_truths(values)) if found.null_count() > values.null_count() else found

    if any(numbers(values).null_count() > values.null_count() for values in chunks):
        refuse_word(path, name, chunks, numbers, trained=trained)
    floats = joined(chunks, lambda values: _floats(numbers(values)))
    check_finite(path, name, floats)
    if kind == "truth":
        check_truth(path, name, floats)
    return Cells(name, kind, floats)


def as_category(name: str, chunks: Chunks) -> Cells:
    """Return the column as indices into its different values, which are sorted."""
    import polars as pl

    categories = different(chunks).sort().to_list()
    if not categories:
        return Cells(name, "category", joined(chunks, lambda values: np.full(len(values), -1, np.int32)))
    kind = pl.Enum(categories)
    codes = joined(chunks, lambda values: values.cast(kind).to_physical().cast(pl.Int32).fill_null(-1).to_numpy())
    return Cells(name, "category", codes, tuple(categories))


def refuse_word(
    path: Path, name: str, chunks: Chunks, numbers: "Callable[[pl.Series], pl.Series]", *, trained: bool = False
) -> NoReturn:
    """Refuse the first value of which `numbers` makes no number, and say how to mend it; `trained` models need it."""
    rows, filled, count, row, word = 0, 0, 0, 0, ""
    for values in chunks:
        wrong = numbers(values).is_null() & values.is_not_null()
        if not count and wrong.any():
            first = int(wrong.arg_max() or 0)
            row, word = rows + first, values[first]
        rows, filled, count = rows + len(values), filled + len(values) - values.null_count(), count + int(wrong.sum())
    message = _("{value!r} is no number, and neither are {more} others of {rows} values; make it one, or empty where "
                "the value is missing, or leave the column out: --drop {name}")  # fmt: skip
    if count == 1:
        message = _("{value!r} is no number; make it one, or empty where the value is missing, or leave the column "
                    "out: --drop {name}")  # fmt: skip
    if trained:
        message = _("{value!r} is no number, which the model reads; make it one, or empty where the value is missing")
    if row == rows - 1 and count == 1 and rows > 1 and not trained:
        message = _("{value!r} is no number; if the last row holds totals, leave it out")
    refuse(path, row + 1, name, message.format(value=word[:40], more=count - 1, rows=filled, name=typed(name)))


def check_finite(path: Path, name: str, values: NDArray[Any]) -> None:
    """Refuse infinite numbers."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        refuse(path, row + 1, name, _("{value!r} is no number").format(value=float(values[row])))


def check_truth(path: Path, name: str, values: NDArray[Any]) -> None:
    """Refuse numbers that are no truth values, where a model reads these."""
    others = ~(np.isnan(values) | (values == 0) | (values == 1))
    if others.any():
        row = int(others.argmax())
        message = _("{value:g} is neither true nor false, as values of this column in the training data are")
        refuse(path, row + 1, name, prose(message, value=values[row]))


def _truths(values: "pl.Series") -> "pl.Series":
    import polars as pl

    numbers: pl.Series = values.str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Float64)
    return numbers


def _floats(numbers: "pl.Series") -> NDArray[Any]:
    return numbers.fill_null(float("nan")).to_numpy()
