"""Read IDX, the format of the original MNIST files, with hostile input in mind.

A file is two zero bytes, a byte for the element's type, a byte for the number of dimensions, one
big-endian uint32 a dimension, then the elements, row-major; gzipped or not. Source: the format's
description on the MNIST page (LeCun, Cortes, Burges).
"""

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from descenso.data.checks import check_rows, share_to_test
from descenso.data.dataset import Dataset, Scaling, Split, aligned
from descenso.data.sources import Limits, Request, opened
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _, plural

PREFIXES = ("train", "t10k")  # MNIST's own names for the two splits

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_DIMENSIONS = 8
MAX_DEFLATE_RATIO = 1032  # no deflate stream can expand further than this
CHUNK = 2**24


def read_idx(path: Path, limits: Limits | None = None) -> NDArray[np.generic]:
    """Read the array in the IDX file `path`, in the machine's byte order.

    The sizes in the header are compared with what the file can contain before anything is allocated; then exactly that
    many bytes must follow.

    Raises:
        DataError: with path and offset, if the file is missing, unreadable, not IDX, truncated, padded, damaged, or
            beyond `limits`.
    """
    limits = limits or Limits()
    with opened(path, limits) as raw:
        stored = os.fstat(raw.fileno()).st_size
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            return _read(raw, path, stored, limits)
        patient: Any = _Patience(raw, stored)  # gzip asks it to read, and nothing else that a file can
        try:
            with gzip.GzipFile(fileobj=patient) as stream:
                return _read(stream, path, stored * MAX_DEFLATE_RATIO, limits)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise DataError(_("{path}: damaged gzip data ({reason})").format(path=path, reason=error)) from None


def _read(stream: BinaryIO | gzip.GzipFile, path: Path, ceiling: int, limits: Limits) -> NDArray[np.generic]:
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
    if start + claimed > ceiling or extent >= 2**63:  # which NumPy cannot count; no limit that is raised would help
        _refuse(path, 4, _("{claimed} bytes claimed, the file cannot hold them").format(claimed=extent))
    limits.check("array_bytes", extent, path)  # where one size is 0 too: NumPy allows for the product of the others
    limits.check("rows", shape[0], path)
    limits.check("pixels", math.prod(shape[1:]), path)
    array = aligned(shape, dtype)
    fill(stream, array.reshape(-1).view(np.uint8).data, path, start)
    if stream.read(1):
        _refuse(path, start + claimed, _("more bytes follow than the header claims"))
    return array.astype(dtype.newbyteorder("="), copy=False)


class _Patience:
    """A file that limits the number of reads: gzip reads names, comments, padding and empty members byte by byte."""

    def __init__(self, raw: BinaryIO, stored: int) -> None:
        self._raw, self._left = raw, 2**16 + stored // 2**12

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise gzip.BadGzipFile(_("too much of it is no data"))
        return self._raw.read(size)


class Readable(Protocol):
    """An open file, or a part of one."""

    def read(self, size: int, /) -> bytes: ...


def fill(stream: Readable, target: memoryview, path: Path, start: int) -> None:
    """Read exactly as many bytes as `target` holds; `start` is their offset in the file, for the error."""
    done = 0
    while done < len(target):
        piece = stream.read(min(CHUNK, len(target) - done))
        if not piece:
            _refuse(path, start + done, _("the data ends {missing} bytes early").format(missing=len(target) - done))
        target[done : done + len(piece)] = piece
        done += len(piece)


def _refuse(path: Path, offset: int, reason: str) -> NoReturn:
    raise DataError(_("{path}, byte {offset}: {reason}").format(path=path, offset=offset, reason=reason))


def _names(stem: str) -> tuple[str, ...]:
    """Return the names of a file: as most have it, or with a point, as the original archives do once unpacked."""
    dotted = stem.replace("-idx", ".idx")
    return f"{stem}.gz", stem, f"{dotted}.gz", dotted


def holds(folder: Path, prefixes: Sequence[str] = PREFIXES) -> int:
    """Count the files of `prefixes`, four where there are two, that are there."""
    stems = [f"{prefix}-{kind}-ubyte" for prefix in prefixes for kind in ("images-idx3", "labels-idx1")]
    return sum(any((folder / name).exists() for name in _names(stem)) for stem in stems)


def recognises(folder: Path) -> bool:
    """Tell whether any of the four files is in `folder`."""
    return holds(folder) > 0


def read(request: Request) -> Dataset:
    """Read the dataset in a folder of IDX files; some rows are drawn to test on where there are none for it."""
    has_test = holds(request.path, PREFIXES[1:]) > 0
    fraction, notes = share_to_test(request.name, request.test_fraction, has_test)
    splits = read_folder(request.path, request.limits, PREFIXES if has_test else PREFIXES[:1])
    from descenso.data.arrays import divided  # MNIST itself does without

    train, test = splits if has_test else divided(_fitting(splits[0], request.name), fraction, request.seed)
    classes = int(splits[0].labels.max(initial=-1)) + 1
    names = tuple(map(str, range(classes)))
    return Dataset(request.name, train, test, names, scaling=Scaling(scale=1 / 255), notes=notes)


def _fitting(rows: Split, name: str) -> Split:
    """Check that there are as many labels as images, before they are split."""
    check_rows(rows, rows.inputs.shape[1:], _("{name}, training rows").format(name=name))
    return rows


def read_folder(
    folder: Path,
    limits: Limits,
    prefixes: Sequence[str] = PREFIXES,
    digests: Mapping[str, str] | None = None,
) -> list[Split]:
    """Read the training rows and the test rows in `folder`.

    Args:
        folder: with `PREFIX-images-idx3-ubyte` and `PREFIX-labels-idx1-ubyte` of both prefixes, gzipped (`.gz`) or not.
        limits: what to refuse as too large.
        prefixes: beginnings of the names, training first.
        digests: published SHA-256 by file name; None to trust the files.

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
            array = read_idx(path, limits)
            if array.ndim != dimensions or array.dtype != np.uint8:
                message = plural(
                    "{path}: {got} dimension of {dtype}, expected {expected} of uint8",
                    "{path}: {got} dimensions of {dtype}, expected {expected} of uint8",
                    array.ndim,
                )
                raise DataError(message.format(path=path, got=array.ndim, dtype=array.dtype, expected=dimensions))
            arrays.append(array)
        splits.append(Split(arrays[0], arrays[1].astype(np.int32)))
    return splits


def _find(folder: Path, stem: str) -> Path:
    for name in _names(stem):
        if (folder / name).exists():
            return inside(folder, name)
    raise DataError(_("{folder}: there is no {stem}, nor {stem}.gz").format(folder=folder, stem=stem))
