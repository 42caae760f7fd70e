"""Read what Hugging Face keeps of labels in a Parquet file: names of the classes, and −1 where a label is missing."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import normalize

from descenso.data.encoding_words import listed
from descenso.data.formats.columns import by_names
from descenso.data.formats.frames import LABELS
from descenso.errors import DataError
from descenso.text import _

MISSING = -1  # in place of the number of a class


def names_in(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes, in the order of their numbers, of each column of numbers that has them.

    Names of columns and of classes are in Unicode's form NFC.
    """
    import polars as pl

    try:
        features = json.loads(pl.read_parquet_metadata(path)["huggingface"])["info"]["features"].items()
        codes = {column for column, dtype in pl.read_parquet_schema(path).items() if dtype.is_numeric()}
        found = {column: feature["names"] for column, feature in features if column in codes and "names" in feature}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, pl.exceptions.PolarsError):
        return {}
    found = {column: names for column, names in found.items() if _are_names(names)}
    return {normalize("NFC", column): tuple(normalize("NFC", name) for name in found[column]) for column in found}


def check_alike(paths: Sequence[Path], but: Iterable[str]) -> None:
    """Check that files have the same names of classes for each column.

    Raises:
        DataError: naming two files that differ in a column, unless it is among `but`.
    """
    seen, left_out = dict[str, tuple[tuple[str, ...], Path]](), {normalize("NFC", name) for name in but}
    for path in paths:
        for column, names in names_in(path).items():
            before, other = seen.setdefault(column, (names, path))
            if names != before and column not in left_out:
                message = _("{path}: the classes of column {column!r} are {names}, but {others} in {other}; write all "
                            "files with the same")  # fmt: skip
                shown = {"names": listed(names), "others": listed(before)}
                raise DataError(message.format(path=path, column=column, other=other, **shown))


def _are_names(names: object) -> bool:
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        return False
    return len(set(names)) == len(names)


def renamed(path: object, classes: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes: those among `names`, where all classes are places in it.

    Raises:
        DataError: where there are names, and rows whose label is missing.
    """
    if names and str(MISSING) in classes:
        message = _("{path}: rows with the label −1, which Hugging Face writes where a label is missing; leave these "
                    "rows out")  # fmt: skip
        raise DataError(message.format(path=path))
    codes = [int(name) if name.isdecimal() else -1 for name in classes]
    fits = names and all(0 <= code < len(names) for code in codes)
    return tuple(names[code] for code in codes) if fits else tuple(classes)


def without_labels(paths: Iterable[Path], label: str, drop: Iterable[str]) -> bool:
    """Tell whether each label in some files is missing, in the column `label` or, if empty, the likely one."""
    import polars as pl

    for path in paths:
        columns = {normalize("NFC", column): column for column in pl.read_parquet_schema(path)}
        named, left_out = names_in(path), {normalize("NFC", name) for name in drop}
        column = normalize("NFC", label) or likely([name for name in columns if name not in left_out], named)
        if column not in named:
            return False
        labels = pl.scan_parquet(path, glob=False, hive_partitioning=False).select(by_names([columns[column]]))
        if labels.select(by_names([columns[column]]).fill_null(MISSING)).unique().collect().to_series().to_list() != [
            MISSING
        ]:
            return False
    return True


def likely(columns: Iterable[str], named: Iterable[str]) -> str:
    """Return the column of labels among `columns`, of which those `named` have names of classes; empty if in doubt."""
    columns = [*columns]
    usual, classes = [name for name in columns if name.lower() in LABELS], {*named}
    for choices in (usual, *([name for name in some if name in classes] for some in (usual, columns))):
        if len(choices) == 1:
            return choices[0]
    return ""
