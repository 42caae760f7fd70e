"""Read Parquet files: those with a column of images, as Hugging Face writes them, here; others as tables.

A column of images holds PNG or JPEG files, as bytes or as a struct with a field `bytes`. A dataset may be in several
files, whose names begin with the part that they hold: `train-00000-of-00002.parquet`.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import Rows, as_model_reads, split_rows
from descenso.data.checks import ALL
from descenso.data.dataset import Dataset
from descenso.data.digits import as_mnist
from descenso.data.encoding_words import listed
from descenso.data.formats import tables
from descenso.data.formats.frames import LABELS, polars
from descenso.data.formats.images import decoded, in_mode, parse_size
from descenso.data.formats.parts import INPUTS, PARTS, without_validation
from descenso.data.sources import Expected, Limits, Part, Request, numbered, opened, refusals
from descenso.errors import ConfigError, DataError
from descenso.files import inside
from descenso.text import _, closest, option, spelled

NAME = re.compile(r"(?P<part>[a-z]+)(-(?P<number>\d{5})-of-(?P<count>\d{5})(-\w+)?)?\.parquet", re.IGNORECASE)
AT_ONCE = 64  # rows whose bytes are in memory together: packed, they may be a thousand times smaller


class Columns(NamedTuple):
    """The columns of a file with images.

    Attributes:
        images: the column of images.
        is_struct: whether it holds structs, with the file in the field `bytes`.
        others: names of the other columns.
    """

    images: str
    is_struct: bool
    others: tuple[str, ...]


def recognises(folder: Path) -> bool:
    """Tell whether `folder` holds Parquet files, or folders train and test with some."""
    return any(_files(folder).values())


def read(request: Request) -> Dataset:
    """Read the dataset in a Parquet file, in a folder of them, or in the files that lie beside one of them."""
    found = _files(request.path) if request.path.is_dir() else {"": [request.path]}
    first = next(iter(found.values()))[0]
    if not _columns(first, request.limits):
        if sum(map(len, found.values())) > 1:
            message = _("{path}: it holds several tables; give one of the files, such as {file}")
            raise DataError(message.format(path=request.path, file=first))
        _refuse(request, ("resize",), _("folders of images"))
        return tables.read(request._replace(name=str(first)))
    _refuse(request, ("decimal", "numeric_only"), "CSV")
    if not request.path.is_dir():
        found = _beside(request.path)
    if request.test_fraction == ALL and "test" in found:
        found = {"train": found["test"]}
    for some in found.values():
        _check_complete(some)
    files, notes = without_validation(found, {part: some[0].name for part, some in found.items()})
    if "train" not in files:
        message = _("{path}: no file for training, whose name begins with train, as in train-00000-of-00001.parquet")
        raise DataError(message.format(path=request.path))
    rows, names = _rows(files["train"], request)
    test = _rows(files["test"], request)[0] if "test" in files else None
    data = split_rows(request.name, rows, test, request.test_fraction, request.seed)
    return _named(data, names)._replace(notes=(*notes, *data.notes))


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the images of each file, or the columns of a table that the model reads."""
    for path in paths:
        columns = None if expected.columns else _columns(path, limits)
        if not columns:
            yield from tables.read_inputs([path], expected, limits)
            continue
        shape = expected.input_shape
        made = []
        for place, content in _contents(path, columns, limits):
            image = in_mode(decoded(content, place, limits), "RGB" if shape[2:] == (3,) else "L")
            if expected.like_mnist:
                made.append(as_mnist(np.asarray(image)[np.newaxis], [place])[0])
            else:
                made.append(np.asarray(image.resize((shape[1], shape[0]))).reshape(shape))
            limits.check("array_bytes", len(made) * made[0].nbytes, path)
        yield numbered(path, as_model_reads(str(path), np.stack(made), expected.stored))


def _refuse(request: Request, options: tuple[str, ...], formats: str) -> None:
    """Refuse settings of tables for images, and of images for tables."""
    for given in options:
        if getattr(request, given):
            message = _("{path}: --{option} is for {formats} only; leave --{option} out")
            raise ConfigError(message.format(path=request.name, option=spelled(given), formats=formats))


def _files(folder: Path) -> dict[str, list[Path]]:
    """List the Parquet files in `folder` and in its folders, by the part that they hold: "train", "test" or "val"."""
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
        part = next((PARTS[word] for word in words if word in PARTS), "train")
        found.setdefault(part, []).append(inside(folder, *names))
    return found


def _check_complete(files: list[Path]) -> None:
    """Refuse files of which the last part of their names says that there are more."""
    counts = {int(name["count"]) for path in files if (name := NAME.fullmatch(path.name)) and name["count"]}
    if len(counts) == 1 and len(files) < max(counts):
        message = _("{path}: by its name one of {count} files, of which {found} are here; add the others")
        raise DataError(message.format(path=files[0], count=max(counts), found=len(files)))


def _beside(path: Path) -> dict[str, list[Path]]:
    """List the files of the dataset that the file `path` belongs to, by part; itself alone if its name says nothing."""
    name = NAME.fullmatch(path.name)
    if name and name["part"].lower() in PARTS and path.parent.is_dir():
        files = _files(path.parent)
        if any(path in some for some in files.values()):
            return files
    return {"train": [path]}


def _columns(path: Path, limits: Limits) -> Columns | None:
    """Find the column of images; None in a table."""
    pl = polars(path)
    with _explained(path, limits):
        schema = pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()
    for name, dtype in schema.items():
        is_struct = isinstance(dtype, pl.Struct) and any(
            field.name == "bytes" and field.dtype == pl.Binary for field in dtype.fields
        )
        if is_struct or (dtype == pl.Binary and name.lower() in INPUTS):
            return Columns(name, is_struct, tuple(other for other in schema if other != name))
    return None


@contextlib.contextmanager
def _explained(path: Path, limits: Limits) -> Iterator[None]:
    """Turn the errors of polars into a `DataError` that names `path`."""
    pl = polars(path)
    with opened(path, limits):
        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            message = _("{path}: cannot be read as a table ({reason})")
            raise DataError(message.format(path=path, reason=str(error).split("\n")[0])) from None


def _contents(path: Path, columns: Columns, limits: Limits) -> Iterator[tuple[Path, io.BytesIO]]:
    """Yield the bytes of each image, with a name for it: the file and the row, counted from 1."""
    import polars as pl

    cell = pl.col(columns.images).struct.field("bytes") if columns.is_struct else pl.col(columns.images)
    lazy = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with _explained(path, limits):
        rows = lazy.select(pl.len()).collect().item()
        limits.check("rows", rows, path)
        if not rows:
            raise DataError(_("{path}: no rows; give at least one").format(path=path))
        for first in range(0, rows, AT_ONCE):
            part = lazy.select(cell.alias("bytes")).slice(first, AT_ONCE).collect()["bytes"]
            for row, content in enumerate(part, start=first + 1):
                place = Path(f"{path}:{row}")
                if content is None:
                    message = _("{path}: no image, or its path alone; the file must hold its bytes")
                    raise DataError(message.format(path=place))
                limits.check("file_bytes", len(content), place)
                yield place, io.BytesIO(content)


def _rows(files: list[Path], request: Request) -> tuple[Rows, tuple[str, ...]]:
    """Read the images and labels of several files, and the names of the classes where the first file has them."""
    import polars as pl

    limits, size = request.limits, parse_size(request.resize) if request.resize else None
    pictures, labels = list[tuple[Path, NDArray[Any]]](), list[NDArray[Any]]()
    taken = 0
    label = ""
    for path in files:
        columns = _columns(path, limits)
        if not columns:
            raise DataError(_("{path}: no column of images, unlike {other}").format(path=path, other=files[0]))
        label = _label(request, path, columns)
        for place, content in _contents(path, columns, limits):
            image = decoded(content, place, limits)
            pixels = np.asarray(image.resize(size[::-1]) if size else image)
            taken += pixels.nbytes
            limits.check("array_bytes", taken, path)
            pictures.append((place, pixels))
        with _explained(path, limits):
            column = pl.read_parquet(path, columns=[label], glob=False, hive_partitioning=False)[label]
            labels.append(column.to_numpy())
    limits.check("rows", len(pictures), files[0])
    return Rows(_stacked(pictures), np.concatenate(labels)), _class_names(files[0], label)


def _stacked(pictures: list[tuple[Path, NDArray[Any]]]) -> NDArray[np.uint8]:
    """Make one array of pictures, in colour if any has colour; refuse those of another size."""
    (first, like), colour = pictures[0], any(pixels.ndim == 3 for _place, pixels in pictures)
    stacked = np.empty((len(pictures), *like.shape[:2], *([3] if colour else [])), np.uint8)
    for row, (place, pixels) in enumerate(pictures):
        if pixels.shape[:2] != like.shape[:2]:
            message = _("{path}: {got}, but {other}: {expected}; give --resize HEIGHTxWIDTH to bring all to one size")
            got, expected = ("×".join(map(str, shape[:2])) for shape in (pixels.shape, like.shape))
            raise DataError(message.format(path=place, got=got, other=first, expected=expected))
        stacked[row] = pixels[..., np.newaxis] if colour and pixels.ndim == 2 else pixels
    return stacked


def _label(request: Request, path: Path, columns: Columns) -> str:
    """Return the column of the labels: as given, or of a likely name, or the only one beside the images."""
    others = columns.others
    if request.label and request.label not in others:
        message = _("{path}: there is no column {name!r}{hint}; its columns are {columns}")
        hint = closest(request.label, others)
        raise ConfigError(message.format(path=path, name=request.label, hint=hint, columns=listed(list(others))))
    likely = [name for name in others if name.lower() in (*LABELS, "labels")]
    choices = [request.label] if request.label else likely or list(others)
    if len(choices) != 1:
        message = _("{path}: which column holds the labels? its columns are {columns}; try {mend}")
        columns_there, name = listed(list(others)) or _("none"), (choices or ["label"])[0]
        raise ConfigError(message.format(path=path, columns=columns_there, mend=option("label", name)))
    return str(choices[0])


def _class_names(path: Path, label: str) -> tuple[str, ...]:
    """Return the names of the classes that Hugging Face keeps in a file, in the order of the labels; else none."""
    import polars as pl

    try:
        about = json.loads(pl.read_parquet_metadata(path)["huggingface"])
        names = about["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError, pl.exceptions.PolarsError):
        return ()
    good = isinstance(names, list) and all(isinstance(name, str) and name.strip() for name in names)
    return tuple(names) if good and len(set(names)) == len(names) else ()


def _named(data: Dataset, names: tuple[str, ...]) -> Dataset:
    """Call the classes by `names`, where their labels are places in it."""
    codes = [int(name) if name.isdecimal() else -1 for name in data.class_names]
    if not names or not all(0 <= code < len(names) for code in codes):
        return data
    return data._replace(class_names=tuple(names[code] for code in codes))
