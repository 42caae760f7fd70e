"""Find the Parquet files that make up one dataset by their names, such as `train-00000-of-00002.parquet`, and read
those of a table.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from descenso.data.encoding_words import listed
from descenso.data.formats.class_labels import likely, names_in
from descenso.data.formats.columns import by_names
from descenso.data.formats.frames import Frame, as_composed, check_size, choose, typed_columns
from descenso.data.formats.parts import PARTS
from descenso.data.sources import Request, refusals
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _

if TYPE_CHECKING:
    import polars as pl

NAME = re.compile(r"(?P<part>[a-z]+)(-(?P<number>\d{5})-of-(?P<count>\d{5})(-\w+)?)?\.parquet", re.IGNORECASE)


def files_by_part(folder: Path) -> dict[str, list[Path]]:
    """List the Parquet files in `folder` and in its folders, by the part that they hold: "train", "test" or "val".

    Those of another part, as `unsupervised-00000-of-00001.parquet` is by its name, are listed under "".
    """
    found: dict[str, list[Path]] = {}
    with refusals(folder):
        inner = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        folders = [path for path in inner if path.is_dir() and path.name.lower() in (*PARTS, "data")]
        paths = [path for path in inner if path.suffix.lower() == ".parquet"]
        paths += [path for one in folders for path in sorted(one.glob("*.parquet"))]
    for path in paths:
        names = path.relative_to(folder).parts
        named = NAME.fullmatch(path.name)
        words = [named["part"].lower() if named else "", *(name.lower() for name in names[:-1])]
        other = "" if named and named["count"] else "train"
        part = next((PARTS[word] for word in words if word in PARTS), other)
        found.setdefault(part, []).append(inside(folder, *names))
    return found


def known_parts(files: dict[str, list[Path]]) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    """Leave out the parts of other names beside one to train on; without one, they are the rows to train on."""
    files = dict(files)
    others = files.pop("", [])
    if not others or "train" not in files:
        return ({**files, "train": others} if others else files), ()
    message = _("{names}: left out, as by their names they are no part to train, validate or test on")
    return files, (message.format(names=listed([path.name for path in others])),)


def check_complete(files: list[Path]) -> None:
    """Refuse files of which the last part of their names says that there are more."""
    counts = {int(name["count"]) for path in files if (name := NAME.fullmatch(path.name)) and name["count"]}
    if len(counts) == 1 and len(files) < max(counts):
        message = _("{path}: by its name one of {count} files, of which {found} are here; add the others")
        raise DataError(message.format(path=files[0], count=max(counts), found=len(files)))


def are_numbered(paths: list[Path]) -> bool:
    """Tell whether the names of several files are numbers, or say which parts they are of how many of one dataset."""
    names = [NAME.fullmatch(path.name) for path in paths]
    parts = {name["part"].lower() if name and name["count"] else "" for name in names}
    return len(paths) == 1 or all(path.stem.isdecimal() for path in paths) or (len(parts) == 1 and "" not in parts)


def files_beside(path: Path) -> dict[str, list[Path]]:
    """List the files of the dataset that the file `path` belongs to, by part; itself alone if its name says nothing."""
    name = NAME.fullmatch(path.name)
    if name and name["part"].lower() in PARTS and path.parent.is_dir():
        files = files_by_part(path.parent)
        if any(path in some for some in files.values()):
            return files
    return {"train": [path]}


def read_parquet(request: Request) -> Frame:
    """Read a Parquet file, or the files of a request one after the other; their columns have types."""
    import polars as pl

    files = request.files or {"train": [request.path]}
    parts = {part: _joined(files[part]) for part in ("val", "train", "test") if part in files}
    rows = {part: lazy.select(pl.len()).collect().item() for part, lazy in parts.items()}
    lazy = _joined([path for part in parts for path in files[part]])
    named, names = names_in(files.get("train", [request.path])[0]), lazy.collect_schema().names()
    inputs, label = choose(request, names)
    if request.label == "" and not (label or request.encoded) and (chosen := likely(inputs, named)):
        inputs, label = choose(request._replace(label=chosen), names)
    check_size(request, sum(rows.values()), len(inputs))
    frame = typed_columns(request, lazy.select(by_names([*inputs, *filter(None, [label])])), inputs, label)
    return frame._replace(class_names=named, validated=rows.get("val", 0), tested=rows.get("test", 0))


def _joined(files: Sequence[Path]) -> "pl.LazyFrame":
    """Scan Parquet files as one table.

    Raises:
        DataError: naming two files whose columns have other names.
    """
    import polars as pl

    scans = [pl.scan_parquet(path, glob=False, hive_partitioning=False) for path in files]
    schemas = [scan.collect_schema().names() for scan in scans]
    scans = [scan.rename(as_composed(path, names)) for path, scan, names in zip(files, scans, schemas, strict=True)]
    names, *others = (scan.collect_schema().names() for scan in scans)
    for path, found in zip(files[1:], others, strict=True):
        if set(found) != set(names):
            message = _("{path}: its columns are not those of {other}: only one of the two has {names}; for one table, "
                        "all files need the same columns; else give the path of the file to read")  # fmt: skip
            differ = listed(sorted({*found} ^ {*names}))
            raise DataError(message.format(path=path, other=files[0], names=differ))
    if len(scans) > 1:  # whose categories may differ
        scans = [scan.with_columns(pl.selectors.by_dtype(pl.Categorical, pl.Enum).cast(pl.String)) for scan in scans]
    return pl.concat([scan.select(by_names(names)) for scan in scans], how="vertical_relaxed")
