"""Find what else is in a folder of data, so that one dataset out of several is never chosen in silence."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from descenso.data.formats import FORMATS, Format, of_file, parquet
from descenso.data.formats.folders import LEFT_BEHIND, is_image
from descenso.data.formats.shards import files_by_part
from descenso.data.sources import SPREADSHEETS, Limits
from descenso.errors import DataError
from descenso.text import _

PARTITIONS = ("*=*", "data/*=*")  # folders as Hive and Spark name them
MOST_NAMED = 10  # in one message


def beside(folder: Path, chosen: Format) -> list[str]:
    """List what is in `folder` and in no dataset of the format `chosen`: files of others, and folders of images."""
    found = list[str]()
    for path in _visible(folder):
        other = None if path.suffix.lower() == ".txt" else of_file(path)
        is_other = any(map(is_image, path.iterdir())) if path.is_dir() else other and other.module != chosen.module
        found += [path.name] if is_other else []
    return found[:MOST_NAMED]


def check_parquet(folder: Path, limits: Limits) -> None:
    """Refuse a folder of Parquet files that are tables, if it holds anything else.

    Raises:
        DataError: naming what there is, and the file to give.
    """
    tables = [path for files in files_by_part(folder).values() for path in files]
    tables = [] if any(parquet.images_in(path, limits) for path in tables) else tables
    others = [folder / name for name in beside(folder, FORMATS["parquets"])] if tables else []
    if not all(of_file(path) is FORMATS["csv"] for path in others):
        message = _("{path}: it holds {found}; give the one that you mean, such as {file}, or put the others elsewhere")
        names = ", ".join(path.name for path in (*tables, *others))
        raise DataError(message.format(path=folder, found=names, file=tables[0]))
    if others:
        _refuse_tables(folder, sorted([*tables, *others]))


def check_no_tables(folder: Path) -> None:
    """Refuse a folder that holds CSV files or spreadsheets, and neither images nor folders; and partitions of a table.

    Raises:
        DataError: naming the file to give.
    """
    files = _visible(folder)
    partitions = (path for pattern in PARTITIONS for path in folder.glob(pattern) if any(path.rglob("*.parquet")))
    if partition := next(partitions, None):
        message = _("{path}: Parquet files in partitions, such as {found}; make one file of them, as by polars: {mend}")
        mend = f"pl.read_parquet({str(folder)!r}).write_parquet('table.parquet')"
        raise DataError(message.format(path=folder, found=partition.relative_to(folder), mend=mend))
    tables = [path for path in files if of_file(path) is FORMATS["csv"] or path.suffix.lower() in SPREADSHEETS]
    if tables and not any(path.is_dir() or is_image(path) for path in files):
        _refuse_tables(folder, tables)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not LEFT_BEHIND.fullmatch(path.name))


def _refuse_tables(folder: Path, tables: Sequence[Path]) -> NoReturn:
    """Refuse a folder of tables, of which one is given to train on, and another to evaluate."""
    tests = [path for path in tables if {"test", "testing"} & set(re.findall("[a-z]+", path.name.lower()))]
    others = [path for path in tables if path not in tests]
    message = _("{path}: a folder of tables; give one of the files, such as {file}")
    if tests and others:
        message = _("{path}: a folder of tables; give the file to train on, such as {file}; the test file is for "
                    "evaluate, after training: --data {test}")  # fmt: skip
    first = next((path for path in others if "train" in path.name.lower()), (others or tables)[0])
    raise DataError(message.format(path=folder, file=first, test=str(tests[0]) if tests else ""))
