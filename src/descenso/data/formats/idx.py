"""Read IDX, the format of the original MNIST files, with hostile input in mind.

A file is two zero bytes, a byte for the element's type, a byte for the number of dimensions, one
big-endian uint32 a dimension, then the elements, row-major; gzipped or not. Source: the format's
description on the MNIST page (LeCun, Cortes, Burges).
"""

import contextlib
import gzip
import hashlib
import math
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from descenso.data.checks import ALL, check_shape
from descenso.data.dataset import Dataset, Scaling, Split, aligned
from descenso.data.sources import Expected, Limits, Part, Request, numbered, opened, refusals
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _, mark, plural

PREFIXES = ("train", "t10k")  # MNIST's own names for the two splits
TESTS = ("t10k", "test")  # words for rows to test on
NAME = re.compile(
    r"(?:(?P<dataset>\w[\w-]*)-)?(?P<part>train|t10k|test)-(images|labels)[-.]idx[123]-(ubyte|int)(\.gz)?"
)

SIDEWAYS = "emnist"  # names of datasets whose images are stored column by column
TURNED = mark("EMNIST's images are stored column by column; they are turned upright")
TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 8
MAX_DEFLATE_RATIO = 1032  # no deflate stream can expand further than this
CHUNK = 2**24


class Readable(Protocol):
    """An open file, or a part of one."""

    def read(self, size: int, /) -> bytes: ...


def read_idx(path: Path, limits: Limits | None = None) -> NDArray[np.generic]:
    """Read the array in the IDX file `path`, in the machine's byte order.

    The sizes in the header are compared with what the file can contain before anything is allocated; then exactly that
    many bytes must follow.

    Raises:
        DataError: with path and offset, if the file is missing, unreadable, not IDX, truncated, padded, damaged, or
            beyond `limits`.
    """
    limits = limits or Limits()
    with open_idx(path, limits) as (stream, ceiling):
        shape, dtype, start = read_header(stream, path, ceiling, limits)
        array = aligned(shape, dtype)
        fill(stream, array.reshape(-1).view(np.uint8).data, path, start)
        check_end(stream, path, start + array.nbytes)
        return array.astype(dtype.newbyteorder("="), copy=False)


@contextlib.contextmanager
def open_idx(path: Path, limits: Limits) -> Iterator[tuple[BinaryIO | gzip.GzipFile, int]]:
    """Open an IDX file, gzipped or not; yield its bytes, and how many there can be."""
    with opened(path, limits) as raw:
        stored = os.fstat(raw.fileno()).st_size
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            yield raw, stored
            return
        patient: Any = _Patience(raw, stored)  # gzip calls only its `read`
        try:
            with gzip.GzipFile(fileobj=patient) as stream:
                yield stream, stored * MAX_DEFLATE_RATIO
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise DataError(_("{path}: damaged gzip data ({reason})").format(path=path, reason=error)) from None


def check_end(stream: Readable, path: Path, end: int) -> None:
    """Refuse bytes after the elements, which end at the offset `end`."""
    if stream.read(1):
        _refuse(path, end, _("more bytes follow than the header claims"))


def read_header(
    stream: BinaryIO | gzip.GzipFile, path: Path, ceiling: int, limits: Limits
) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    """Read the header: shape, type, and the offset of the first element."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        _refuse(path, 0, _("not an IDX file (it starts with {magic})").format(magic=magic.hex(" ") or _("nothing")))
    if not 1 <= magic[3] <= MAX_DIMENSIONS:
        _refuse(path, 3, _("{count} dimensions, expected 1 to {most}").format(count=magic[3], most=MAX_DIMENSIONS))
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        _refuse(path, 4 + len(sizes), _("the header ends early"))
    shape = struct.unpack(f">{magic[3]}I", sizes)
    dtype = np.dtype(TYPES[magic[2]])
    start = 4 + len(sizes)
    extent = math.prod(max(size, 1) for size in shape) * dtype.itemsize  # Python integers: no overflow
    claimed = math.prod(shape) * dtype.itemsize
    if start + claimed > ceiling or extent >= 2**63:  # too much for NumPy; a higher limit would not help
        _refuse(path, 4, _("{claimed} bytes claimed, the file cannot hold them").format(claimed=extent))
    limits.check("array_bytes", extent, path)  # even if a size is 0: NumPy checks the others
    limits.check("rows", shape[0], path)
    limits.check("pixels", math.prod(shape[1:]), path)
    return shape, dtype, start


class _Patience:
    """A file that limits the number of reads: gzip reads names, comments, padding and empty members byte by byte."""

    def __init__(self, raw: BinaryIO, stored: int) -> None:
        self._raw, self._left = raw, 2**16 + stored // 2**12

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise gzip.BadGzipFile(_("too much of it is no data"))
        return self._raw.read(size)


def fill(stream: Readable, target: memoryview, path: Path, start: int) -> None:
    """Read exactly as many bytes as `target` holds; `start` is their offset in the file, for the error."""
    done = 0
    while done < len(target):
        piece = stream.read(min(CHUNK, len(target) - done))
        if not piece:
            _refuse(path, start + done, _("the data ends {missing} bytes early").format(missing=len(target) - done))
        target[done : done + len(piece)] = piece
        done += len(piece)


def unpack(stream: Readable, target: Path, path: Path, first: int, last: int) -> None:
    """Write the bytes [first, last) of what `stream` unpacks `path` to, the next ones, to the file `target`."""
    with target.open("wb") as out:
        for begin in range(first, last, CHUNK):
            chunk = bytearray(min(CHUNK, last - begin))
            fill(stream, memoryview(chunk), path, begin)
            out.write(chunk)


def _refuse(path: Path, offset: int, reason: str) -> NoReturn:
    raise DataError(_("{path}, byte {offset}: {reason}").format(path=path, offset=offset, reason=reason))


class Files(NamedTuple):
    """The files of one dataset in a folder.

    Attributes:
        name: what stands before the part in their names, such as "emnist-balanced"; often nothing.
        parts: beginnings of the names, training first, and those to test on where there are any.
    """

    name: str
    parts: tuple[str, ...]


def _names(stem: str) -> tuple[str, ...]:
    """Return the names of a file: as most have it, or with a point, as the original archives do once unpacked."""
    dotted = stem.replace("-idx", ".idx")
    return f"{stem}.gz", stem, f"{dotted}.gz", dotted


def holds(folder: Path, prefixes: Sequence[str] = PREFIXES) -> int:
    """Count the files of `prefixes`, four where there are two, that are there."""
    stems = [f"{prefix}-{kind}-ubyte" for prefix in prefixes for kind in ("images-idx3", "labels-idx1")]
    return sum(any((folder / name).exists() for name in _names(stem)) for stem in stems)


def recognises(folder: Path) -> bool:
    """Tell whether any file of MNIST's names, maybe with that of another dataset before them, is in `folder`."""
    return bool(_datasets(folder))


def _datasets(folder: Path) -> dict[str, set[str]]:
    """Return the datasets in `folder` by name, with the words for training and testing that their files have."""
    found: dict[str, set[str]] = {}
    with refusals(folder):
        for path in folder.iterdir():
            if name := NAME.fullmatch(path.name):
                found.setdefault(name["dataset"] or "", set()).add(name["part"])
    return found


def files_of(path: Path) -> Files:
    """Find the files of the dataset in the folder `path`, or of the one that the file `path` belongs to.

    Raises:
        DataError: for a folder with files of several datasets, and a file of another name.
    """
    folder, given = (path, None) if path.is_dir() else (path.parent, NAME.fullmatch(path.name))
    found = _datasets(folder)
    if path != folder and not given:
        message = _("{path}: IDX files are found by their names; call it {expected}, or t10k-…, with labels beside it")
        raise DataError(message.format(path=path, expected="train-images-idx3-ubyte"))
    if not given and len(found) > 1:
        message = _("{path}: it holds several datasets, {names}; give one of the files, such as {file}")
        names = sorted(found)
        file = next(file for file in sorted(path.iterdir()) if file.name.startswith(f"{names[-1]}-"))
        raise DataError(message.format(path=path, names=", ".join(filter(None, names)), file=file))
    name = (given["dataset"] or "") if given else next(iter(found))
    test = next((word for word in TESTS if word in found.get(name, ())), "")
    before = f"{name}-" if name else ""
    return Files(name, (f"{before}train", *([f"{before}{test}"] if test else [])))


def read(request: Request) -> Dataset:
    """Read the dataset in a folder of IDX files; some rows are drawn to test on where there are none for it."""
    from descenso.data.arrays import Rows, split_rows  # MNIST itself does without

    path, (name, parts) = request.path, files_of(request.path)
    folder = path if path.is_dir() else path.parent
    alone = request.test_fraction == ALL and len(parts) == 2 and not holds(folder, parts[:1])
    splits = read_folder(folder, request.limits, parts[1:] if alone else parts)
    notes: tuple[str, ...] = ()
    if name.startswith(SIDEWAYS):
        splits = [part._replace(inputs=np.ascontiguousarray(part.inputs.swapaxes(1, 2))) for part in splits]
        notes = (_(TURNED),)
    rows = [Rows(part.inputs, part.labels) for part in splits]
    data = split_rows(request.name, rows[0], rows[1] if rows[1:] else None, request.test_fraction, request.seed)
    return data._replace(scaling=Scaling(scale=1 / 255), notes=(*notes, *data.notes))


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the images in each file."""
    from descenso.data.arrays import as_model_reads, as_shape

    for path in paths:
        inputs = read_idx(path, limits)
        if path.name.startswith(SIDEWAYS) and inputs.ndim == 3:
            inputs = np.ascontiguousarray(inputs.swapaxes(1, 2))
        inputs = as_shape(inputs, expected.input_shape)
        check_shape(inputs, expected.input_shape, str(path))
        yield numbered(path, as_model_reads(str(path), inputs, expected.stored))


def read_folder(
    folder: Path,
    limits: Limits,
    prefixes: Sequence[str] = PREFIXES,
    digests: Mapping[str, str] | None = None,
    read: Callable[[Path, Limits], NDArray[np.generic]] = read_idx,
) -> list[Split]:
    """Read the training rows and the test rows in `folder`.

    Args:
        folder: with `PREFIX-images-idx3-ubyte` and `PREFIX-labels-idx1-ubyte` of both prefixes, gzipped (`.gz`) or not;
            or with `PREFIX-labels-idx2-int`, whose first column is the label, as QMNIST has it.
        limits: what to refuse as too large.
        prefixes: beginnings of the names, training first.
        digests: published SHA-256 by file name; None to trust the files.
        read: reads or maps the array in a file.

    Raises:
        DataError: for files that are missing, damaged, too large, or of other types and dimensions.
    """
    splits = []
    for prefix in prefixes:
        arrays = []
        for kind, dimensions in (("images", 3), ("labels", 1)):
            path = _find(folder, f"{prefix}-{kind}-idx{dimensions}-ubyte")
            if digests and hashlib.sha256(path.read_bytes()).hexdigest() != digests[path.name]:
                message = _("{path}: its SHA-256 is not the one published; install descenso again")
                raise DataError(message.format(path=path))
            array = _of_kind(read(path, limits), path, dimensions)
            arrays.append(array)
        splits.append(Split(arrays[0], arrays[1].astype(np.int32)))
    return splits


def _of_kind(array: NDArray[Any], path: Path, dimensions: int) -> NDArray[Any]:
    """Check the type and the dimensions of an array; of QMNIST's labels return the first column."""
    expected = "uint8"
    if "idx2-int" in path.name and array.ndim == 2 and array.dtype == np.int32 and array.shape[1]:
        array, expected = array[:, 0], "int32"
    if array.ndim != dimensions or array.dtype != expected:
        message = plural(
            "{path}: {got} dimension of {dtype}, expected {expected} of uint8",
            "{path}: {got} dimensions of {dtype}, expected {expected} of uint8",
            array.ndim,
        )
        raise DataError(message.format(path=path, got=array.ndim, dtype=array.dtype, expected=dimensions))
    return array


def _find(folder: Path, stem: str) -> Path:
    for name in (*_names(stem), *_names(stem.replace("labels-idx1-ubyte", "labels-idx2-int"))):
        if (folder / name).exists():
            return inside(folder, name)
    raise DataError(_("{folder}: there is no {stem}, nor {stem}.gz").format(folder=folder, stem=stem))
