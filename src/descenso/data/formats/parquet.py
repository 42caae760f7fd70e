"""Read Parquet files: those with a column of images, as Hugging Face writes them, here; others as tables.

A column of images holds files such as PNG and JPEG, as bytes or as a struct with a field `bytes`. A dataset may be in
several files, whose names begin with the part that they hold: `train-00000-of-00002.parquet`.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import Rows, as_model_reads, split_rows
from descenso.data.checks import ALL
from descenso.data.dataset import Dataset
from descenso.data.digits import as_mnist
from descenso.data.encoding_words import listed
from descenso.data.formats import tables
from descenso.data.formats.class_labels import check_alike, likely, names_in, renamed, without_labels
from descenso.data.formats.frames import LABELS, polars
from descenso.data.formats.image_files import Pixels, read_pixels
from descenso.data.formats.images import check_size, note_converted, parse_size, read_as_learned
from descenso.data.formats.parts import INPUTS, with_test
from descenso.data.formats.ranges import in_one_range, scaling_of
from descenso.data.formats.shards import are_numbered, check_complete, files_beside, files_by_part, known_parts
from descenso.data.sources import Expected, Limits, Part, Request, numbered, opened
from descenso.errors import ConfigError, DataError
from descenso.text import _, closest, option, spelled

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
    return any(files_by_part(folder).values())


def of_tables(request: Request) -> tuple[Request, tuple[str, ...]] | None:
    """Return a request for the files of a table, and sentences that say which; None where there are images in them.

    A file is one of several by a name such as `train-00000-of-00002.parquet` only; those of a folder belong together.
    """
    path, files, notes = request.path, dict[str, list[Path]](), tuple[str, ...]()
    if path.is_dir() or "-of-" in path.name:
        files, notes = files_of(request)
    some = [one for several in files.values() for one in several] or [path]
    if any(images_in(one, request.limits) for one in some):
        return None
    return request._replace(files=files if files != {"train": [path]} else {}), notes


def read(request: Request) -> Dataset:
    """Read the dataset in a Parquet file, in a folder of them, or in the files of its folder that belong to it."""
    if found := of_tables(request):
        _refuse(request, ("resize",), _("folders of images"))
        data = tables.read(found[0])
        return data._replace(notes=(*found[1], *data.notes))
    if not request.expected:
        _refuse(request, ("decimal", "numeric_only"), "CSV")
    _refuse(request, ("input_shape",), "CSV, NPZ, NPY")
    check_size(request)
    files, notes = files_of(request)
    return _dataset(request, {part: _read(some, request) for part, some in files.items()}, notes)


def files_of(request: Request) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    """Find the files with images that a request names, by their part, and sentences that say what was found."""
    found = files_by_part(request.path) if request.path.is_dir() else files_beside(request.path)
    if request.test_fraction == ALL:
        part = next((part for part, some in found.items() if request.path in some), "test")
        found = {"train": found[part]} if part in found else found
    for some in found.values():
        check_complete(some)
    found, left_out = known_parts(found)
    found, unlabelled = _with_labels(found, request)
    files, notes = with_test(found, {part: some[0].name for part, some in found.items()})
    check_alike([path for some in files.values() for path in some], request.drop)
    notes = (*left_out, *unlabelled, *notes)
    for some in (some for some in files.values() if not are_numbered(some)):
        message = _("files that are read as one: {count}, {names}; to read one of these alone, give its path")
        notes = (*notes, message.format(count=len(some), names=listed([path.name for path in some])))
    if "train" not in files:
        message = _("{path}: no file for training, whose name begins with train, as in train-00000-of-00001.parquet")
        raise DataError(message.format(path=request.path))
    return files, notes


def _with_labels(files: dict[str, list[Path]], request: Request) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    """Leave out the parts without labels, which some competitions publish to test or validate on."""
    kept, notes = files, tuple[str, ...]()
    for part in ("val", "test"):
        if part not in files:
            continue
        with _explained(files[part][0], request.limits):
            missing = without_labels(files[part], request.label or "", request.drop)
        if missing:
            kept = {other: some for other, some in kept.items() if other != part}
            message = _("{name}: left out, as all its labels are missing")
            notes = (*notes, message.format(name=files[part][0].name))
    return kept, notes


def _dataset(request: Request, read: "dict[str, _Read]", notes: tuple[str, ...]) -> Dataset:
    """Make a dataset of the parts "train" and maybe "test" and "val", whose pictures have one range."""
    pictures = [one for part in read.values() for one in part.pictures]
    places = [one for part in read.values() for one in part.places]
    inputs, pixel_range = _stacked(pictures, places), None
    if request.expected:
        pixel_range = request.expected.pixel_range
    else:
        inputs, pixel_range, said = in_one_range(inputs, [one.depth for one in pictures], places)
        notes = (*notes, *said)
    ends = np.cumsum([len(part.places) for part in read.values()])[:-1]
    rows = {part: Rows(some, read[part].labels) for part, some in zip(read, np.split(inputs, ends), strict=True)}
    data = split_rows(
        request.name, rows["train"], rows.get("test"), request.test_fraction, request.seed, rows.get("val")
    )
    return data._replace(notes=(*notes, *data.notes), scaling=scaling_of(pixel_range), pixel_range=pixel_range,
                         class_names=renamed(request.name, data.class_names, read["train"].class_names))  # fmt: skip


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the images of each file, or the columns of a table that the model reads."""
    for path in paths:
        columns = None if expected.columns else images_in(path, limits)
        if not columns:
            yield from tables.read_inputs([path], expected, limits)
            continue
        made, converted = list[NDArray[Any]](), list[Path]()
        for place, content in contents(path, columns, limits):
            picture = read_as_learned(place, expected, limits, content)
            made.append(_as_digit(picture.values, place) if expected.like_mnist else picture.values)
            converted += [place] * picture.converted
            limits.check("array_bytes", len(made) * made[0].nbytes, path)
        note_converted(converted, expected)
        yield numbered(path, as_model_reads(str(path), np.stack(made), expected.stored))


def _as_digit(drawn: NDArray[Any], place: Path) -> NDArray[np.uint8]:
    digits, refused = as_mnist(drawn[np.newaxis])
    if refused:
        raise DataError(f"{place}: {refused[0]}")
    return np.asarray(digits[0])


def _refuse(request: Request, options: tuple[str, ...], formats: str) -> None:
    """Refuse settings of tables for images, and of images for tables."""
    for given in options:
        if getattr(request, given):
            message = _("{path}: --{option} is for {formats} only; leave --{option} out")
            raise ConfigError(message.format(path=request.name, option=spelled(given), formats=formats))


def images_in(path: Path, limits: Limits) -> Columns | None:
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


def contents(
    path: Path, columns: Columns, limits: Limits, begin: int = 0, end: int | None = None
) -> Iterator[tuple[Path, io.BytesIO]]:
    """Yield the bytes of the images in rows [begin, end), and what errors call each: the file and the row, from 1."""
    import polars as pl

    cell = pl.col(columns.images).struct.field("bytes") if columns.is_struct else pl.col(columns.images)
    lazy = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    with _explained(path, limits):
        rows = lazy.select(pl.len()).collect().item()
        limits.check("rows", rows, path)
        if not rows:
            raise DataError(_("{path}: no rows; give at least one").format(path=path))
        end = rows if end is None else end
        for first in range(begin, end, AT_ONCE):
            part = lazy.select(cell.alias("bytes")).slice(first, min(AT_ONCE, end - first)).collect()["bytes"]
            for row, content in enumerate(part, start=first + 1):
                place = Path(f"{path}:{row}")
                if content is None:
                    message = _("{path}: no image, or its path alone; the file must hold its bytes")
                    raise DataError(message.format(path=place))
                limits.check("file_bytes", len(content), place)
                yield place, io.BytesIO(content)


class _Read(NamedTuple):
    """The images of some files, their names and labels, and the names of the classes where the first file has them."""

    pictures: list[Pixels]
    places: list[Path]
    labels: NDArray[Any]
    class_names: tuple[str, ...]


def _read(files: list[Path], request: Request) -> _Read:
    """Read the images and labels of several files."""
    limits, taken = request.limits, 0
    pictures, places, found = list[Pixels](), list[Path](), dict[Path, Columns]()
    for path in files:
        columns = images_in(path, limits)
        if not columns:
            raise DataError(_("{path}: no column of images, unlike {other}").format(path=path, other=files[0]))
        found[path] = columns
    named = {path: label_of(request, path, columns) for path, columns in found.items()}
    labels = np.concatenate([column_of(path, label, limits) for path, label in named.items()])
    for path, columns in found.items():
        for place, content in contents(path, columns, limits):
            pictures.append(_picture(request, place, content))
            places.append(place)
            taken += pictures[-1].values.nbytes
            limits.check("array_bytes", max(taken, pictures[0].values.nbytes * len(labels)), path)
    limits.check("rows", len(pictures), files[0])
    return _Read(pictures, places, labels, names_in(files[0]).get(normalize("NFC", named[files[0]]), ()))


def column_of(path: Path, name: str, limits: Limits) -> NDArray[Any]:
    """Read a column, (rows,)."""
    import polars as pl

    with _explained(path, limits):
        return pl.read_parquet(path, columns=[name], glob=False, hive_partitioning=False)[name].to_numpy()


def _picture(request: Request, place: Path, content: io.BytesIO) -> Pixels:
    """Read an image as it is, or as a trained model reads it; digits in such files have been prepared already."""
    if request.expected:
        return read_as_learned(place, request.expected._replace(like_mnist=False), request.limits, content)
    size = parse_size(request.resize) if request.resize else None
    return read_pixels(place, request.limits, size, file=content)


def _stacked(pictures: list[Pixels], places: list[Path]) -> NDArray[Any]:
    """Make one array of pictures, in colour if any has colour; refuse those of another size."""
    like, colour = pictures[0].values, any(one.values.ndim == 3 for one in pictures)
    dtype = np.result_type(*{one.values.dtype for one in pictures})
    stacked = np.empty((len(pictures), *like.shape[:2], *([3] if colour else [])), dtype)
    for row, (one, place) in enumerate(zip(pictures, places, strict=True)):
        values = one.values
        if values.shape[:2] != like.shape[:2]:
            message = _("{path}: {got}, but {other}: {expected}; give --resize 64x64, or another HEIGHTxWIDTH, to "
                        "bring all to one size")  # fmt: skip
            got, expected = ("×".join(map(str, shape[:2])) for shape in (values.shape, like.shape))
            raise DataError(message.format(path=place, got=got, other=places[0], expected=expected))
        stacked[row] = values[..., np.newaxis] if colour and values.ndim == 2 else values
    return stacked


def label_of(request: Request, path: Path, columns: Columns) -> str:
    """Return the column of the labels: the one given, the likely one of those with names of classes, one with a usual
    name, or the only other column."""
    others = columns.others
    given = next((name for name in others if normalize("NFC", name) == normalize("NFC", request.label or "")), "")
    if request.label and not given:
        message = _("{path}: there is no column {name!r}{hint}; its columns are {columns}")
        hint = closest(request.label, others)
        raise ConfigError(message.format(path=path, name=request.label, hint=hint, columns=listed(list(others))))
    found = given or likely(others, names_in(path))
    choices = [found] if found else [name for name in others if name.lower() in LABELS] or list(others)
    if len(choices) != 1:
        message = _("{path}: which column holds the labels? its columns are {columns}; try {mend}")
        columns_there, name = listed(list(others)) or _("none"), (choices or ["label"])[0]
        raise ConfigError(message.format(path=path, columns=columns_there, mend=option("label", name)))
    return str(choices[0])
