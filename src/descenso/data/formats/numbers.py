"""Read numbers as people write them: with a decimal point or comma, and marks between thousands."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.formats.columns import Columns
from descenso.data.formats.csv_text import MISSING
from descenso.data.sources import note
from descenso.errors import ConfigError
from descenso.text import _, option

if TYPE_CHECKING:
    import polars as pl

GROUPS = "'’\u00a0\u202f "  # marks between thousands that are no decimal marks
WHOLE = rf"(?:[0-9]+|[0-9]{{1,3}}(?:[M{GROUPS}][0-9]{{3}})+)"
LIKE = rf"^[+−-]?[0-9][0-9.,{GROUPS}]*(?:[eE][+-]?[0-9]+)?$|^[+−-]?[.,][0-9]+$"
EITHER = "[0-9]{1,3}D[0-9]{3}"  # "1,234": decimals, or thousands
LIKELY = 0.9  # share of the values that are numbers in a column of numbers


class Evidence(NamedTuple):
    """Values of a file that show how its numbers are written, one of each kind, with their columns; None for none.

    Attributes:
        point, comma: in which it must be the decimal mark.
        either_point, either_comma: in which it may be that, or stand between thousands.
        codes_point, codes_comma: in which the other one stands between groups, as many in each row of the column: whole
            numbers of similar size, or codes such as addresses of the internet.
    """

    point: tuple[str, str] | None = None
    comma: tuple[str, str] | None = None
    either_point: tuple[str, str] | None = None
    either_comma: tuple[str, str] | None = None
    codes_point: tuple[str, str] | None = None
    codes_comma: tuple[str, str] | None = None


def pattern(decimal: str) -> str:
    """Return the regular expression of numbers with the decimal mark `decimal`.

    >>> [bool(re.match(pattern(","), number)) for number in ("1.234,5", "-1,5e3", "1.5", "1.23,4")]
    [True, True, False, False]
    """
    whole = WHOLE.replace("M", re.escape("," if decimal == "." else "."))
    mark = re.escape(decimal)
    return rf"^[+−-]?(?:{whole}{mark}?|{whole}?{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?$|^[+-]?(?i:inf|infinity)$"


def parsed(values: "pl.Series", decimal: str) -> "pl.Series":
    """Read text without blanks around it as numbers, float64; null where it is none."""
    import polars as pl

    text = values.str.replace_all("−", "-", literal=True)
    if values.str.contains(f"[,{GROUPS}]").any() or decimal == ",":
        text = text.str.replace_all(f"[{GROUPS}{',' if decimal == '.' else '.'}]", "")
        text = text.str.replace(",", ".", literal=True) if decimal == "," else text
    return (
        pl.DataFrame({"text": text, "is": values.str.contains(pattern(decimal))})
        .select(pl.when("is").then(pl.col("text").cast(pl.Float64, strict=False)).otherwise(None))
        .to_series()
    )


def decimal_mark(path: Path, columns: Columns, separator: str) -> str:
    """Find the decimal mark of a file by the numbers in its columns of text.

    Raises:
        ConfigError: where it cannot be known; the option that says it is named.
    """
    seen = evidence(columns)
    if seen.point and seen.comma:
        reason = _("{one!r} in column {column!r} has a decimal point, {other!r} in column {last!r} a decimal comma")
        _refuse(path, reason, seen.point, seen.comma)
    if seen.point or seen.comma:
        return "," if seen.comma else "."
    if seen.codes_point and not seen.either_comma and not seen.codes_comma:
        return "."
    if seen.codes_comma and not seen.either_point and not seen.codes_point:
        return ","
    if seen.codes_comma or seen.codes_point:
        first = (seen.either_point if seen.codes_comma else seen.either_comma) or seen.codes_comma
        _refuse(path, _("{one!r} in column {column!r} may have decimals, or thousands"), first, first)
    if separator == ";" and seen.either_comma and not seen.either_point:
        return ","
    if seen.either_comma or (separator == ";" and seen.either_point):
        first = seen.either_comma or seen.either_point
        _refuse(path, _("{one!r} in column {column!r} may have decimals, or thousands"), first, first)
    return "."


def check_mark(path: Path, columns: Columns, decimal: str, separator: str) -> None:
    """Check that numbers for a trained model may have the decimal mark of its training data; say if not sure.

    Raises:
        ConfigError: where they show another one; the option that says it is named.
    """
    seen = evidence(columns)
    other = (seen.comma or seen.codes_comma) if decimal == "." else (seen.point or seen.codes_point)
    mend = option("decimal", "," if decimal == "." else ".")
    if separator == ";" and decimal == "." and not seen.point:
        other = other or seen.either_comma
    if other:
        message = _(
            "{path}: {value!r} in column {column!r} has another decimal mark than the training data; try {mend}"
        )
        raise ConfigError(message.format(path=path, value=other[0][:40], column=other[1], mend=mend))
    own, doubtful = (seen.point, seen.either_comma) if decimal == "." else (seen.comma, seen.either_point)
    if doubtful and not own:
        message = _("{value!r} in column {column!r} is read as {digits}, since {decimal!r} is the decimal mark of the "
                    "training data; if the mark here is one: {mend}")  # fmt: skip
        digits = re.sub("[.,]", "", doubtful[0])
        note(path, message.format(value=doubtful[0], column=doubtful[1], digits=digits,
                                  decimal=decimal, mend=mend))  # fmt: skip


def evidence(columns: Columns) -> Evidence:
    """Gather evidence in the columns whose values look like numbers."""
    found: dict[str, tuple[str, str]] = {}
    for name, column in columns.items():
        seen, every, of_numbers = dict[str, str](), list[NDArray[Any]](), list[NDArray[Any]]()
        groups: dict[str, set[int]] = {"point": set(), "comma": set()}
        for rows in column:
            values = rows.drop_nulls().unique(maintain_order=True)
            values = values.filter(~values.str.to_lowercase().is_in(list(MISSING)))
            like = values.filter(values.str.contains(LIKE))
            every.append(values.hash().to_numpy())
            of_numbers.append(like.hash().to_numpy())
            seen = _evidence(like) | seen
            for word, counts in groups.items():
                counts |= _groups(like, "," if word == "point" else ".")
        for word, counts in groups.items():
            if word in seen and len(counts) == 1 and min(counts) > 1:
                seen[f"codes_{word}"] = seen.pop(word)
        count = _distinct(every)
        if count and _distinct(of_numbers) >= LIKELY * count:
            found = {key: (value, name) for key, value in seen.items()} | found
    return Evidence(**found)


def _groups(like: "pl.Series", mark: str) -> set[int]:
    """Return how many groups of three digits the values have behind `mark`; 0 for a value that is written otherwise."""
    import polars as pl

    mark = re.escape(mark)
    grouped = like.str.contains(rf"^[+−-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+$")
    counts = pl.select(pl.when(grouped).then(like.str.count_matches(mark)).otherwise(0)).to_series()
    return set(counts.unique().to_list())


def _distinct(hashes: list[NDArray[Any]]) -> int:
    """Count the different values in all rows of a column, by their hashes, of which a chunk has each once."""
    return len(hashes[0]) if len(hashes) == 1 else len(np.unique(np.concatenate(hashes)))


def _evidence(like: "pl.Series") -> dict[str, str]:
    """Return the first of some numbers of each kind of evidence."""
    found = dict[str, str]()
    for decimal, other, word in ((".", ",", "point"), (",", ".", "comma")):
        numbers = like.filter(like.str.contains(pattern(decimal)))
        mark, group = re.escape(decimal), re.escape(other)
        both = numbers.str.contains(rf"^[+−-]?{EITHER.replace('D', mark)}$") & ~numbers.str.contains("^[+−-]?0")
        certain = numbers.filter(
            (numbers.str.contains(mark) & ~both) | numbers.str.contains(f"{group}.*{group}|{group}.*{mark}")
        )
        for key, some in ((word, certain), (f"either_{word}", numbers.filter(both))):
            if len(some):
                found[key] = some[0]
    return found


def _refuse(path: Path, reason: str, one: tuple[str, str] | None, other: tuple[str, str] | None) -> None:
    if one and other:
        reason = reason.format(one=one[0][:40], column=one[1], other=other[0][:40], last=other[1])
        message = _("{path}: {reason}; say which mark comes before the decimals: {comma} or {point}")
        comma, point = option("decimal", ","), option("decimal", ".")
        raise ConfigError(message.format(path=path, reason=reason, comma=comma, point=point))
