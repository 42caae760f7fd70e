"""Find the images that are to be converted, in a folder or in Parquet files, and read them some at a time."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import in_order, random_of
from descenso.data.conversion import Part, Source, state_of
from descenso.data.formats import parquet
from descenso.data.formats.class_labels import names_in, renamed
from descenso.data.formats.converted import TRAIN, VALIDATION
from descenso.data.formats.folders import Inspection, find
from descenso.data.formats.image_files import EIGHT, UPPER, has_channels, read_pixels
from descenso.data.formats.images import check_classes, parse_size, unlike_others
from descenso.data.labels import coded, plain_labels
from descenso.data.sources import Request, refusals
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _

Image = tuple[Path, BinaryIO | None]  # what errors call it, and its content where that is no file of this name


def of_folder(request: Request) -> Source:
    """Find the images of a folder, and shuffle them."""
    source = request.path
    listed = find(source, request.limits)
    check_classes(source, listed.parts)
    names, inspection = list(listed.parts[TRAIN]), Inspection(source, request.skip_unreadable)
    inspection.beside(listed.beside)
    inspection.settle(1)
    files = {part: [(path, names.index(name)) for name, paths in classes.items() for path in paths]
             for part, classes in listed.parts.items()}  # fmt: skip
    shuffled = {part: [rows[row] for row in random_of(0).permutation(len(rows))] for part, rows in files.items()}
    paths = {part: [path for path, _label in rows] for part, rows in shuffled.items()}
    every = [path for some in paths.values() for path in some]
    state, reader = state_of(every), _Reader(request)
    reader.settle(partial(_opened, every), in_colour=bool(request.resize))
    found = {}
    for part, rows in shuffled.items():
        labels = np.array([label for _path, label in rows], np.int32)
        found[part] = Part(labels, partial(_key, reader, paths[part]), partial(_read_files, reader, paths[part]))
    return Source(tuple(every), state, found, tuple(names), int(np.prod(reader.shape)), listed.notes, pictures=True)


def _opened(paths: Iterable[Path]) -> Iterator[Image]:
    return ((path, None) for path in paths)


def _key(reader: "_Reader", paths: list[Path], first: int, last: int) -> str:
    """Write what the pixels of some images depend on."""
    root = reader.root
    with refusals(root):
        stats = [(path.relative_to(root), path.stat()) for path in paths[first:last]]
    return f"{' '.join(f'{path} {stat.st_size} {stat.st_mtime_ns}' for path, stat in stats)} {reader.about}"


def _read_files(
    reader: "_Reader", paths: list[Path], first: int, last: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    return reader.read(_opened(paths[first:last]), last - first)


def of_parquet(request: Request) -> Source:
    """Find the images in Parquet files, which keep their order."""
    files, notes = parquet.files_of(request)
    every = tuple(path for some in files.values() for path in some)
    state, reader = state_of(every), _Reader(request)
    reader.settle(partial(_contents, request, every), in_colour=True)
    by_file = {path: parquet.column_of(path, _label_of(request, path), request.limits) for path in every}
    labels = {part: plain_labels(request.name, f"y_{part}", np.concatenate([by_file[path] for path in some]))
              for part, some in files.items()}  # fmt: skip
    codes = in_order(request.name, {str(label) for label in np.unique(labels[TRAIN])})
    first = files[TRAIN][0]
    names = renamed(request.name, codes, names_in(first).get(normalize("NFC", _label_of(request, first)), ()))
    found = {}
    for part, some in files.items():
        key = partial("{} {} {} {}".format, state, reader.about)
        read = partial(_read_parquet, reader, request, {path: len(by_file[path]) for path in some})
        name = VALIDATION if part == "val" else part
        found[name] = Part(coded(request.name, f"y_{part}", labels[part], codes), key, read)
    return Source(every, state, found, names, int(np.prod(reader.shape)), notes, pictures=True)


def _columns(request: Request, path: Path) -> parquet.Columns:
    columns = parquet.images_in(path, request.limits)
    if columns is None:
        raise DataError(_("{path}: no column of images, unlike {other}").format(path=path, other=request.path))
    return columns


def _label_of(request: Request, path: Path) -> str:
    return parquet.label_of(request, path, _columns(request, path))


def _contents(request: Request, files: Iterable[Path]) -> Iterator[Image]:
    for path in files:
        yield from parquet.contents(path, _columns(request, path), request.limits)


def _read_parquet(
    reader: "_Reader", request: Request, files: dict[Path, int], first: int, last: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Read the images of rows [first, last) of several files, one behind the other, with so many rows each."""

    def images() -> Iterator[Image]:
        before = 0
        for path, rows in files.items():
            begin, end = max(first - before, 0), min(last - before, rows)
            if begin < end:
                yield from parquet.contents(path, _columns(request, path), request.limits, begin, end)
            before += rows

    return reader.read(images(), last - first)


class _Reader:
    """Reads images, which all get the shape of the first one that can be read.

    Attributes:
        shape: of an image.
        about: what the pixels depend on beside the files, as text.
    """

    shape: tuple[int, ...]

    def __init__(self, request: Request) -> None:
        self.root, self.skip, self.limits = request.path, request.skip_unreadable, request.limits
        self.size, self.mode, self.first = parse_size(request.resize) if request.resize else None, "", request.path

    @property
    def about(self) -> str:
        return f"{self.shape} {self.size} {self.mode} {self.skip}"

    def settle(self, images: Any, *, in_colour: bool) -> None:
        """Find out the shape of all images, by the first one that can be read.

        Args:
            images: makes an iterator over all of them.
            in_colour: whether all are brought to colour where one has colour.
        """
        if in_colour and any(self._has_channels(*image) for image in images()):
            self.mode = "RGB"
        inspection = Inspection(self.root, False)
        for path, content in images():
            values = self._one(path, content, inspection)
            if values is not None:
                self.first, self.shape = path, values.shape
                return
        raise DataError(inspection.refusal(0))

    def read(self, images: Iterator[Image], count: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Read so many images; those that cannot be used are named together, or left out."""
        inspection = Inspection(self.root, self.skip)
        rows, kept = np.empty((count, *self.shape), np.uint8), np.zeros(count, np.bool_)
        for place, (path, content) in enumerate(islice(images, count)):
            values = self._one(path, content, inspection)
            if values is None:
                continue
            if values.shape != self.shape:
                raise DataError(unlike_others(path, values.shape, self.first, self.shape))
            rows[place], kept[place] = values, True
        if refusal := inspection.refusal(count):
            raise DataError(refusal)
        return rows[kept], kept

    def _has_channels(self, path: Path, content: BinaryIO | None) -> bool:
        try:
            return has_channels(self._file(path, content), self.limits, content)
        except DataError:  # which reading it names
            return False

    def _one(self, path: Path, content: BinaryIO | None, inspection: Inspection) -> NDArray[Any] | None:
        """Read one image; what cannot be used is noted."""
        try:
            picture = read_pixels(self._file(path, content), self.limits, self.size, self.mode, content)
            if picture.depth not in (EIGHT, UPPER):
                raise DataError(_("{path}: more than 8 bits a value; save it with 8 bits").format(path=path))
        except DataError as error:
            inspection.refuse(path, error)
            return None
        return picture.values

    def _file(self, path: Path, content: BinaryIO | None) -> Path:
        return path if content else inside(self.root, *path.relative_to(self.root).parts)
