"""Read NPZ, NumPy's archive of arrays, header first; nothing is ever unpickled.

An archive is a ZIP file with a member `NAME.npy` for each array: six magic bytes, a version, the length of the
header, the header (a Python literal: type, order, shape), then the elements. Source: NumPy's NEP 1.
"""

import contextlib
import io
import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from descenso.data.arrays import Rows, as_model_reads, split_rows
from descenso.data.checks import check_finite, check_shape
from descenso.data.dataset import Dataset, aligned
from descenso.data.formats.flat import unflattened
from descenso.data.formats.idx import MAX_DEFLATE_RATIO, fill
from descenso.data.sources import Expected, Limits, Part, Request, numbered, opened
from descenso.errors import DataError
from descenso.text import _

MOST_MEMBERS = 64
MOST_AT_ONCE = 2**17  # bytes of the archive's table of contents, and of one read after it
KINDS = {"u": 8, "i": 8, "f": 8, "b": 1, "U": 2**16, "S": 2**16}  # of elements, and the most bytes each may have


def read(request: Request) -> Dataset:
    """Read the dataset in an NPZ file."""
    train, test = read_raw(request.path, request.limits)
    return split_rows(request.name, train, test, request.test_fraction, request.seed)


def read_inputs(paths: Iterable[Path], expected: Expected, limits: Limits) -> Iterator[Part]:
    """Read the array `x` or `x_test`, or the only one, of each file."""
    for path in paths:
        arrays = read_arrays(path, limits)
        name = next((name for name in ("x", "x_test") if name in arrays), "")
        if not name and len(arrays) != 1:
            message = _("{path}: its arrays are {found}; which holds the inputs? call it x")
            raise DataError(message.format(path=path, found=", ".join(arrays) or _("none")))
        inputs = arrays[name] if name else next(iter(arrays.values()))
        inputs = unflattened(inputs, expected, str(path))
        check_shape(inputs, expected.input_shape, str(path))
        rows = as_model_reads(str(path), inputs, expected.stored)
        check_finite(rows, str(path), first=1)
        yield numbered(path, rows)


def read_raw(path: Path, limits: Limits) -> tuple[Rows, Rows | None]:
    """Read the training rows in `path`, and its test rows where it has some, as they are stored."""
    arrays = read_arrays(path, limits)
    for x, y in (("x_train", "y_train"), ("x", "y")):
        if x in arrays and y in arrays:
            break
    else:
        message = _("{path}: its arrays are {found}; expected x_train and y_train, or x and y")
        raise DataError(message.format(path=path, found=", ".join(arrays) or _("none")))
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise DataError(_("{path}: of x_test and y_test there is one only; give both, or none").format(path=path))
    test = Rows(arrays["x_test"], arrays["y_test"]) if "x_test" in arrays else None
    return Rows(arrays[x], arrays[y]), test


def read_arrays(path: Path, limits: Limits) -> dict[str, NDArray[np.generic]]:
    """Read the arrays in `path` by name, in lower case and in the machine's byte order.

    Raises:
        DataError: if the file is no such archive, is damaged, is beyond `limits`, or would need to be unpickled.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    with opened(path, limits) as file, _explained(path), zipfile.ZipFile(_Sips(file)) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            message = _("{path}: {count} members, expected at most {most}")
            raise DataError(message.format(path=path, count=len(members), most=MOST_MEMBERS))
        left = limits.array_bytes
        for member in members:
            name = member.filename.removesuffix(".npy").lower()
            if name in arrays:
                raise DataError(_("{path}: two arrays are called {name}").format(path=path, name=name))
            with archive.open(member) as stream:
                arrays[name] = _read(stream, member, Path(f"{path}:{name}"), limits._replace(array_bytes=left))
            left -= arrays[name].nbytes
    return arrays


class _Sips:
    """A file that limits the size of one read: `zipfile` reads a table of contents of any size that the file claims."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.seek, self.tell, self.seekable = raw.seek, raw.tell, raw.seekable

    def read(self, size: int = -1) -> bytes:
        content = self._raw.read(min(size, MOST_AT_ONCE + 1) if size >= 0 else MOST_AT_ONCE + 1)
        if len(content) > MOST_AT_ONCE:
            raise zipfile.BadZipFile(_("its table of contents is too large"))
        return content


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataError, MemoryError, OSError):
        raise
    except Exception as error:  # all: neither `zipfile` nor NumPy says what it raises; TokenError, … were seen
        raise DataError(_("{path}: not an NPZ file, or damaged ({reason})").format(path=path, reason=error)) from error


def _read(stream: IO[bytes], member: zipfile.ZipInfo, path: Path, limits: Limits) -> NDArray[np.generic]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(_("{path}: compressed in a way that NumPy does not use").format(path=path))
    head = stream.read(10)
    if head[:8] != b"\x93NUMPY\x01\x00":  # further versions are for types that are refused below
        raise DataError(_("{path}: not an array (it starts with {magic})").format(path=path, magic=head[:8].hex(" ")))
    header = stream.read(int.from_bytes(head[8:], "little"))
    shape, fortran, dtype = npy.read_array_header_1_0(io.BytesIO(head[8:] + header))
    if dtype.hasobject:
        raise DataError(_("{path}: Python objects, which are never unpickled; save numbers or text").format(path=path))
    if dtype.kind not in KINDS or not 0 < dtype.itemsize <= KINDS[dtype.kind]:
        raise DataError(_("{path}: elements of type {dtype}, expected numbers or text").format(path=path, dtype=dtype))
    extent = _extent(shape, dtype, path)
    claimed = math.prod(shape) * dtype.itemsize
    start = len(head) + len(header)
    if member.file_size != start + claimed or member.compress_size * MAX_DEFLATE_RATIO < claimed or extent >= 2**63:
        message = _("{path}: {claimed} bytes claimed, the file cannot hold them")
        raise DataError(message.format(path=path, claimed=extent))
    limits.check("array_bytes", extent, path)
    limits.check("rows", (*shape, 0)[0], path)
    limits.check("columns" if len(shape) == 2 else "pixels", math.prod(shape[1:]), path)
    array = aligned(shape[::-1] if fortran else shape, dtype)
    fill(_Narrow(stream), array.reshape(-1).view(np.uint8).data, path, start)
    native = array.astype(dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(native.T) if fortran else native


def _extent(shape: tuple[int, ...], dtype: np.dtype[np.generic], path: Path) -> int:
    """Check the shape, and return the bytes that it spans."""
    if any(type(size) is not int or size < 0 for size in shape) or len(shape) > 8:
        raise DataError(_("{path}: no shape of an array: {shape}").format(path=path, shape=shape))
    return math.prod(max(size, 1) for size in shape) * dtype.itemsize


class _Narrow:
    """A member that is read in pieces no larger than `_Sips` gives."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, MOST_AT_ONCE))
