"""Find the rows of arrays, IDX files and tables that are to be converted, without reading them into memory."""

import gzip
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import Rows, channels_last, in_order, said_of_channels
from descenso.data.checks import check_finite, check_rows
from descenso.data.dataset import Split
from descenso.data.encoding import Encoding
from descenso.data.encoding_words import sentences
from descenso.data.file_rows import MOST_IN_MEMORY, Scratch, in_file
from descenso.data.formats import FORMATS, flat, idx, tables
from descenso.data.formats.array_files import SUFFIXES, read_parts
from descenso.data.formats.converted import VALIDATION
from descenso.data.formats.parts import place_of
from descenso.data.labels import coded, plain_labels
from descenso.data.sources import Limits, Request, refusals
from descenso.files import check_free_space
from descenso.text import _


class Part(NamedTuple):
    """Rows of a source that are to be trained, validated or tested on.

    Attributes:
        labels: (rows,) int32, which index the class names.
        key: from (first, last) to a text that differs where the rows between would be others.
        read: from (first, last) to the inputs of these rows, and which of the rows there are.
    """

    labels: NDArray[np.int32]
    key: Callable[[int, int], str]
    read: Callable[[int, int], tuple[NDArray[Any], NDArray[np.bool_]]]


class Source(NamedTuple):
    """What is converted.

    Attributes:
        files: in which it is.
        state: of these files, as of `state_of`, before they were looked at.
        parts: its rows, by the name of the part.
        class_names: that the labels index.
        row_bytes: of the inputs of a row.
        notes: sentences that say how it was read.
        pictures: whether the rows were read from image files.
        encoding: how the columns of a table became inputs.
    """

    files: tuple[Path, ...]
    state: str
    parts: dict[str, Part]
    class_names: tuple[str, ...]
    row_bytes: int
    notes: tuple[str, ...]
    pictures: bool = False
    encoding: Encoding | None = None

    @property
    def rows(self) -> int:
        """The number of rows of all parts."""
        return sum(len(part.labels) for part in self.parts.values())


def state_of(files: Iterable[Path]) -> str:
    """Write names, sizes and times of files, which differ where one has changed."""
    states = []
    for file in files:
        with refusals(file):
            stat = file.stat()
        states.append(f"{file.name} {stat.st_size} {stat.st_mtime_ns}")
    return " ".join(states)


def of_arrays(source: Path, limits: Limits, scratch: Scratch) -> Source:
    """Find the rows of arrays; large ones are mapped, those of NPZ files in copies that are unpacked."""
    files = arrays_beside(source)
    state = state_of(files)
    return _of_rows(source, files, state, *read_parts(source, limits, new_file=partial(scratch.new_file, ".array")))


def of_idx(source: Path, limits: Limits, scratch: Scratch) -> Source:
    """Find the rows of IDX files; images are mapped, of gzipped files in a copy that is unpacked."""
    files = beside(source, FORMATS["idx-file"].suffixes)
    state, (name, prefixes) = state_of(files), idx.files_of(source)
    folder = source if source.is_dir() else source.parent
    splits = idx.read_folder(folder, limits, prefixes, read=partial(_read_or_map, scratch))
    notes: tuple[str, ...] = ()
    if name.startswith(idx.SIDEWAYS):
        splits = [part._replace(inputs=part.inputs.swapaxes(1, 2)) for part in splits]
        notes = (_(idx.TURNED),)
    parts = {part: Rows(*rows[:2]) for part, rows in zip(("train", "test"), splits, strict=False)}
    return _of_rows(source, files, state, parts, notes)


def arrays_beside(source: Path) -> tuple[Path, ...]:
    """List the files with arrays in a folder, or those whose names belong to the same dataset as that of `source`."""
    files = beside(source, SUFFIXES)
    if source.is_dir():
        return files
    group = place_of(source.stem).group
    return tuple(path for path in files if path.name == source.name or place_of(path.stem).group == group)


def beside(source: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """List the files of these endings in the folder that `source` is, or is in."""
    folder = source if source.is_dir() else source.parent
    return tuple(sorted(path for path in folder.iterdir() if path.name.lower().endswith(suffixes) and path.is_file()))


def _read_or_map(scratch: Scratch, path: Path, limits: Limits) -> NDArray[Any]:
    """Read the labels in an IDX file, or map the images."""
    if "labels" in path.name:
        return idx.read_idx(path, limits)
    with idx.open_idx(path, limits) as (stream, ceiling):
        shape, dtype, start = idx.read_header(stream, path, ceiling, limits)
        end = start + int(np.prod(shape)) * dtype.itemsize
        if not isinstance(stream, gzip.GzipFile):
            stream.seek(end)
            idx.check_end(stream, path, end)
            return np.memmap(path, dtype, "r", start, shape)
        unpacked = scratch.new_file(".idx")
        check_free_space(scratch.folder, end - start)
        idx.unpack(stream, unpacked, path, start, end)
        idx.check_end(stream, path, end)
        return np.memmap(unpacked, dtype, "r", 0, shape)


def _of_rows(
    source: Path, files: tuple[Path, ...], state: str, parts: Mapping[str, Rows], notes: tuple[str, ...]
) -> Source:
    """Make a source of rows as they are stored, which keep their order."""
    rows = {name: Rows(channels_last(part.inputs), plain_labels(str(source), f"y_{name}", part.labels))
            for name, part in parts.items()}  # fmt: skip
    notes = (*said_of_channels(parts["train"].inputs, rows["train"].inputs), *notes)
    names = in_order(source, {str(label) for label in np.unique(rows["train"].labels)})
    shape, found = rows["train"].inputs.shape[1:], {}
    for name, part in rows.items():
        what = f"{source}, {name}"
        check_rows(Split(*part), shape, what, encoded=False)
        labels = coded(str(source), f"y_{name}", part.labels, names)
        key = partial("{} {} {} {}".format, state, name)
        found[VALIDATION if name == "val" else name] = Part(labels, key, partial(_slice, in_file(part.inputs), what))
    return Source(files, state, found, tuple(names), max(1, rows["train"].inputs[:1].nbytes), notes)


def _slice(inputs: NDArray[Any], what: str, first: int, last: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    rows = inputs[first:last]
    check_finite(rows, what, first)
    return rows.astype(np.uint8) if rows.dtype == np.bool_ else rows, np.ones(last - first, np.bool_)


def of_table(request: Request, scratch: Scratch) -> Source:
    """Find the rows of a table, encoded as `descenso.load` encodes them, with its training rows and test rows.

    Each column is looked at as a whole, one after the other, before the first row is encoded. Up to 1 GB, rows come in
    the order in which they are when the table is loaded; more of them in that of the table.
    """
    files = tuple(path for some in request.files.values() for path in some) or (request.path,)
    state = state_of(files)
    about = f"{state} {request._replace(name='', limits=Limits(), files={})}"
    request = request._replace(scratch=scratch, numeric_only=request.numeric_only or bool(request.input_shape))
    table, drawn, notes = tables.fitted_to_training(request, tables.read_table(request))
    encoding, cells = table.encoding, table.cells
    shape: tuple[int, ...] = (len(encoding.inputs),)
    stored: np.dtype[Any] = encoding.encoded(cells, drawn[0][:1]).dtype
    if request.input_shape:
        shape, pixels = flat.of_columns([one.values for one in cells], request.input_shape, request.name)
        stored = np.dtype(np.uint8) if pixels else stored
        some = encoding.encoded(cells, drawn[0][:100])
        notes = (*notes, *flat.doubts(some.reshape(-1, *shape).astype(stored)))
    row_bytes = int(np.prod(shape)) * stored.itemsize
    ordered = [np.sort(rows) for rows in drawn] if len(table.labels) * row_bytes > MOST_IN_MEMORY else list(drawn)

    def read(rows: NDArray[np.intp], first: int, last: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        inputs = encoding.encoded(cells, rows[first:last])
        scratch.release()
        return inputs.reshape(-1, *shape).astype(stored, copy=False), np.ones(last - first, np.bool_)

    train, test = ordered
    split = {VALIDATION: train[: table.validated], "train": train[table.validated :], "test": test}
    parts = {name: Part(table.labels[rows], partial("{} {} {} {}".format, about, name), partial(read, rows))
             for name, rows in split.items() if len(rows) or name != VALIDATION}  # fmt: skip
    notes = (*table.notes, *notes, *sentences(encoding, scratch.one_by_one(cells)),
             *encoding.unseen(scratch.one_by_one(cells), drawn[1]))  # fmt: skip
    return Source(files, state, parts, table.class_names, row_bytes, notes, encoding=encoding)
