"""Read images: a dataset from a folder for each class, or one by one to predict on."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import random_of, said_of_validation, stratified
from descenso.data.checks import ALL, share_to_test
from descenso.data.dataset import Dataset, Split
from descenso.data.digits import as_mnist
from descenso.data.formats.folders import TEST, TRAIN, VALIDATION, Inspection, find, pictures_below
from descenso.data.formats.image_files import Pixels, read_pixels
from descenso.data.formats.ranges import as_learned, in_one_range, scaling_of
from descenso.data.sources import Expected, Limits, Part, Request, note
from descenso.errors import ConfigError, DataError
from descenso.files import inside
from descenso.text import _

AT_ONCE = 2**20  # pixels of images of one size that are prepared as digits together
Labelled = dict[str, list[Path]]


def recognises(folder: Path) -> bool:
    """Tell whether `folder` holds anything: any folder without IDX files is read as one of images."""
    return any(folder.iterdir())


def read(request: Request) -> Dataset:
    """Read the images below a folder, where each class has a folder of its name.

    Above the classes there may be `train`, `val` and `test`; else some images are drawn to test on. Grey images are
    (height, width), those with colours or a palette (height, width, 3); what is transparent shows white. All must
    agree in that and in size, unless `resize` brings them to one size, and to colour if any has colour. Images of
    more than 8 bits become float32, and their range is found. Rows are shuffled by the seed, validation rows first.

    Raises:
        ConfigError: for a size that is not HEIGHTxWIDTH, or a test fraction that does not suit the folder.
        DataError: naming the files that cannot be used.
    """
    folder = request.path
    size = parse_size(request.resize) if request.resize else None
    found = find(folder, request.limits)
    inspection = Inspection(folder, request.skip_unreadable)
    inspection.beside(found.beside)
    if request.test_fraction == ALL:
        return _to_test_on(request, found.parts, inspection, found.notes)
    fraction, notes = share_to_test(folder, request.test_fraction, TEST in found.parts)
    _check_classes(folder, found.parts)
    names = list(found.parts[TRAIN])
    rows = {part: _numbered(files, names) for part, files in found.parts.items()}
    orders = {part: random_of(request.seed).permutation(len(labels)) for part, (_files, labels) in rows.items()}
    if TEST not in rows:
        rows[TEST] = rows[TRAIN]
        orders[TRAIN], orders[TEST] = stratified(rows[TRAIN][1], fraction, request.seed)
    parts = [part for part in (VALIDATION, TRAIN, TEST) if part in rows]
    files = [rows[part][0][row] for part in parts for row in orders[part].tolist()]
    labels = np.concatenate([rows[part][1][orders[part]] for part in parts])
    read = _read_all(folder, files, size, request.limits, inspection)
    sizes = [int(read.kept[part].sum()) for part in _slices([len(orders[part]) for part in parts])]
    labels, ends = labels[read.kept], np.cumsum([*sizes[:-1], 0])[-2]
    validation = sizes[0] if VALIDATION in rows else 0
    splits = [Split(read.inputs[part], labels[part]) for part in (slice(ends), slice(ends, None))]
    said = (*found.notes, *read.notes, *([said_of_validation(validation)] if validation else []), *notes)
    return Dataset(str(folder), splits[0], splits[1], tuple(names), scaling_of(read.pixel_range), notes=said,
                   pixel_range=read.pixel_range, validation=validation)  # fmt: skip


def _slices(sizes: Iterable[int]) -> Iterator[slice]:
    first = 0
    for size in sizes:
        yield slice(first, first + size)
        first += size


def _to_test_on(
    request: Request, parts: dict[str, Labelled], inspection: Inspection, notes: tuple[str, ...]
) -> Dataset:
    """Read the test rows, or all rows where there are none, as a model reads them."""
    chosen = [parts[TEST]] if TEST in parts else list(parts.values())
    names = list(dict.fromkeys(name for part in chosen for name in part))
    numbered = [_numbered(part, names) for part in chosen]
    files, labels = [path for part in numbered for path in part[0]], np.concatenate([part[1] for part in numbered])
    check_size(request)
    expected = cast(Expected, request.expected)
    read = list(_for_model(request.path, files, expected, request.limits, inspection))
    kept = {path for part in read for path in part[0]}
    said = (*notes, *inspection.settle(len(kept)))
    for sentence in said:
        note(request.name, sentence)
    labels = labels[[path in kept for path in files]]
    inputs = np.concatenate([rows for _paths, rows in read])
    return Dataset(str(request.path), Split(inputs[:0], labels[:0]), Split(inputs, labels), tuple(names),
                   scaling_of(expected.pixel_range), notes=said, pixel_range=expected.pixel_range)  # fmt: skip


def check_size(request: Request) -> None:
    """Check that a trained model, if the request has one, reads images, and that `resize` names no other size.

    Raises:
        ConfigError: for another size.
        DataError: for a model that reads no images.
    """
    expected = request.expected
    if expected is None:
        return
    shape = expected.input_shape
    if not expected.is_of_images:
        raise DataError(_("{path}: images, and the model reads none").format(path=request.name))
    if request.resize and parse_size(request.resize) != shape[:2]:
        message = _("{path}: the model reads images of {shape}; leave --resize out")
        raise ConfigError(message.format(path=request.name, shape="×".join(map(str, shape[:2]))))


def _check_classes(folder: Path, parts: dict[str, Labelled]) -> None:
    """Refuse a class that has images to validate or to test on, and none to learn from."""
    for classes in parts.values():
        unseen = sorted(set(classes) - set(parts[TRAIN]))
        if unseen:
            message = _("{path}: no class of the training rows has this name; the classes are {names}")
            first = classes[unseen[0]][0].parent
            raise DataError(message.format(path=first, names=", ".join(parts[TRAIN])))


def parse_size(resize: str) -> tuple[int, int]:
    """Parse "HEIGHTxWIDTH" into height and width, in pixels.

    Raises:
        ConfigError: for anything else.

    >>> parse_size("28x20")
    (28, 20)
    """
    height, _x, width = str(resize).partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        message = _("resize must be HEIGHTxWIDTH in pixels, got {got!r}; try --resize 28x28")
        raise ConfigError(message.format(got=resize))
    return int(height), int(width)


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read each image as one row, and those in folders; what cannot be used is named at once, or left out."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inner, notes = pictures_below(path, limits)
            files += inner
            for sentence in notes:
                note(path, sentence)
        else:
            files.append(path)
    inspection = Inspection(_("the images"), expected.skip_unreadable)
    parts = list(_for_model(None, files, expected, limits, inspection))
    for sentence in inspection.settle(sum(len(some) for some, _rows in parts)):
        note(_("predict"), sentence)
    for some, rows in parts:
        yield some[-1], rows, list(map(str, some))


def read_as_learned(path: Path, expected: Expected, limits: Limits, file: BinaryIO | None = None) -> Pixels:
    """Read the image in `path`, or in the open file `file` that errors call so, as a model reads it.

    A digit that is to be prepared as MNIST's keeps its own size.
    """
    shape = expected.input_shape
    size = None if expected.like_mnist else (shape[0], shape[1])
    mode = "RGB" if shape[2:] == (3,) else "L"
    picture = read_pixels(path, limits, size, mode, file)
    values = as_learned(picture, path, expected)
    return picture._replace(values=values if expected.like_mnist else values.reshape(shape))


def note_converted(paths: Sequence[Path], expected: Expected) -> None:
    """Note that the pictures in `paths` were converted to grey or colour; a photo of a digit may have any colour."""
    if not paths or expected.like_mnist:
        return
    message = _("pictures in colour are read in grey, as the model learned from them: {count}")
    if expected.input_shape[2:] == (3,):
        message = _("pictures in grey, though the model learned from pictures in colour: {count}")
    note(paths[0], message.format(count=len(paths)))


def _for_model(
    root: Path | None, files: Iterable[Path], expected: Expected, limits: Limits, inspection: Inspection
) -> Iterator[tuple[list[Path], NDArray[Any]]]:
    """Read images as a model reads them; digits of one size that follow each other are prepared together, for speed.

    Yields:
        Some paths, and their rows.
    """
    converted: list[Path] = []

    def read_one(path: Path) -> NDArray[Any] | None:
        try:
            path = path if root is None else inside(root, *path.relative_to(root).parts)
            picture = read_as_learned(path, expected, limits)
        except DataError as error:
            inspection.refuse(path, error)
            return None
        inspection.framed += [path] * picture.frames
        converted.extend([path] * picture.converted)
        return picture.values

    read = ((path, rows) for path in files if (rows := read_one(path)) is not None)
    for alike_shape, alike in groupby(read, key=lambda one: one[1].shape):
        most = max(1, AT_ONCE // math.prod(alike_shape))
        while some := list(islice(alike, most)):
            paths, pixels = [path for path, _rows in some], np.stack([rows for _path, rows in some])
            if expected.like_mnist:
                pixels, refused = as_mnist(pixels)
                for place, reason in refused.items():
                    inspection.refuse(paths[place], DataError(reason))
                paths = [path for place, path in enumerate(paths) if place not in refused]
            if paths:
                yield paths, pixels
    note_converted(converted, expected)


def _numbered(files: Labelled, names: list[str]) -> tuple[list[Path], NDArray[np.int32]]:
    labels = [names.index(name) for name, paths in files.items() for _path in paths]
    return [path for paths in files.values() for path in paths], np.array(labels, np.int32)


class _Read(NamedTuple):
    """The images of a folder: inputs (kept files, height, width[, 3]), which files were kept, range and sentences."""

    inputs: NDArray[Any]
    kept: NDArray[np.bool_]
    pixel_range: tuple[float, float] | None
    notes: tuple[str, ...]


def _read_all(
    folder: Path, files: Sequence[Path], size: tuple[int, int] | None, limits: Limits, inspection: Inspection
) -> _Read:
    """Read the images into one array, whose shape the first one decides."""
    inputs, depths = np.zeros((0, 0, 0), np.uint8), [""] * len(files)
    first: Path | None = None
    unlike = ""
    for row, path in enumerate(files):
        try:
            picture = read_pixels(inside(folder, *path.relative_to(folder).parts), limits, size)
        except DataError as error:
            inspection.refuse(path, error)
            continue
        picture = _in_colour(picture) if size and first and inputs.ndim == 4 else picture
        values, dtype = picture.values, np.promote_types(inputs.dtype, picture.values.dtype)
        if first is None or (size and values.ndim > inputs.ndim - 1) or dtype != inputs.dtype:
            inputs = _like(inputs, values, dtype, len(files), size, path, limits)
        first = first or path
        depths[row] = picture.depth
        if values.shape == inputs.shape[1:]:
            inputs[row] = values
        elif not unlike:  # files that cannot be used are named together with this
            message = _("{path}: {got}, but {other}: {expected}; give --resize 64x64, or another HEIGHTxWIDTH, to "
                        "bring all to one size")  # fmt: skip
            got, expected = _kind(values.shape), _kind(inputs.shape[1:])
            unlike = message.format(path=path, got=got, other=first, expected=expected)
        inspection.framed += [path] * picture.frames
    kept = np.array([bool(depth) for depth in depths])
    if unlike:
        raise DataError("; ".join(filter(None, [unlike, inspection.refusal(int(kept.sum()))])))
    said = inspection.settle(int(kept.sum()))
    inputs = inputs if kept.all() else inputs[kept]
    used = [path for path, depth in zip(files, depths, strict=True) if depth]
    inputs, pixel_range, notes = in_one_range(inputs, [depth for depth in depths if depth], used)
    return _Read(inputs, kept, pixel_range, (*said, *notes))


def _like(
    inputs: NDArray[Any], values: NDArray[Any], dtype: np.dtype[Any], rows: int, size: Any, path: Path, limits: Limits
) -> NDArray[Any]:
    """Return an array for all images, of the shape of `values` and of a type that holds all, with those read so far."""
    shape = values.shape if size or not len(inputs) else inputs.shape[1:]
    limits.check("array_bytes", rows * math.prod(shape) * dtype.itemsize, path)
    fresh = np.zeros((rows, *shape), dtype)
    if len(inputs):
        fresh[:] = inputs[..., None] if inputs.ndim < fresh.ndim else inputs
    return fresh


def _in_colour(picture: Pixels) -> Pixels:
    values = picture.values
    return picture if values.ndim == 3 else picture._replace(values=np.repeat(values[..., None], 3, axis=2))


def _kind(shape: tuple[int, ...]) -> str:
    text = _("{height}×{width} pixels in grey") if len(shape) == 2 else _("{height}×{width} pixels in colour")
    return text.format(height=shape[0], width=shape[1])
