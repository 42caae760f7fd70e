"""Read NPZ, NumPy's archive of arrays, header first; nothing is ever unpickled.

An archive is a ZIP file with a member `NAME.npy` for each array: six magic bytes, a version, the length of the
header, the header (a Python literal: type, order, shape), then the elements. Source: NumPy's NEP 1.
"""

import contextlib
import io
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from descenso.data.dataset import CHUNK_BYTES, aligned
from descenso.data.formats.idx import MAX_DEFLATE_RATIO, Readable, fill, unpack
from descenso.data.sources import Limits, opened
from descenso.errors import DataError
from descenso.files import check_free_space
from descenso.text import _

MOST_MEMBERS = 64
MOST_AT_ONCE = 2**17  # bytes of the archive's table of contents, and of one read after it
NewFile = Callable[[], Path]  # returns a path at which there is no file
KINDS = {"u": 8, "i": 8, "f": 8, "b": 1, "U": 2**16, "S": 2**16}  # of elements, and the most bytes each may have


def read_arrays(path: Path, limits: Limits, new_file: NewFile | None = None) -> dict[str, NDArray[np.generic]]:
    """Read the arrays in `path` by name, in lower case and in the machine's byte order.

    With `new_file`, those of more than 32 MB are unpacked into files and memory-mapped.

    Raises:
        DataError: if the file is no such archive, is damaged, is beyond `limits`, or would need to be unpickled.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    with opened(path, limits) as file, explained(path), zipfile.ZipFile(_Sips(file)) as archive:
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
                left_to = limits._replace(array_bytes=left)
                arrays[name] = _read(stream, member, Path(f"{path}:{name}"), left_to, new_file)
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
def explained(path: Path, title: str = "NPZ") -> Iterator[None]:
    """Turn every error of a library into a `DataError` that names `path`."""
    try:
        yield
    except (DataError, MemoryError, OSError):
        raise
    except Exception as error:  # `zipfile` and NumPy do not document theirs; tokenize.TokenError, … occur
        raise DataError(
            _("{path}: not an {format} file, or damaged ({reason})").format(path=path, format=title, reason=error)
        ) from error


class Header(NamedTuple):
    """What the header of an array says, and where its elements begin."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[np.generic]
    start: int

    @property
    def claimed(self) -> int:
        """Size of the elements, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes], path: Path) -> Header:
    """Read the header of an array, and check that its elements are numbers or text.

    Raises:
        DataError: for any other type, and where there is no array.
    """
    head = stream.read(10)
    if head[:8] != b"\x93NUMPY\x01\x00":  # further versions are for types that are refused below
        raise DataError(_("{path}: not an array (it starts with {magic})").format(path=path, magic=head[:8].hex(" ")))
    header = stream.read(int.from_bytes(head[8:], "little"))
    shape, fortran, dtype = npy.read_array_header_1_0(io.BytesIO(head[8:] + header))
    if dtype.hasobject:
        raise DataError(_("{path}: Python objects, which are never unpickled; save numbers or text").format(path=path))
    if dtype.kind not in KINDS or not 0 < dtype.itemsize <= KINDS[dtype.kind]:
        raise DataError(_("{path}: elements of type {dtype}, expected numbers or text").format(path=path, dtype=dtype))
    if any(type(size) is not int or size < 0 for size in shape) or len(shape) > 8:
        raise DataError(_("{path}: no shape of an array: {shape}").format(path=path, shape=shape))
    return Header(shape, fortran, dtype, len(head) + len(header))


def check_size(header: Header, held: bool, path: Path, limits: Limits) -> None:
    """Check the size that a header claims; `held` says whether so many bytes follow.

    Raises:
        DataError: for more than the file holds, or than the limits allow.
    """
    shape, extent = header.shape, math.prod(max(size, 1) for size in header.shape) * header.dtype.itemsize
    if not held or extent >= 2**63:
        message = _("{path}: {claimed} bytes claimed, the file cannot hold them")
        raise DataError(message.format(path=path, claimed=extent))
    limits.check("array_bytes", extent, path)
    limits.check("rows", (*shape, 0)[0], path)
    limits.check("columns" if len(shape) == 2 else "pixels", math.prod(shape[1:]), path)


def read_elements(stream: Readable, header: Header, path: Path) -> NDArray[np.generic]:
    """Read the elements of an array into memory, in the machine's byte order."""
    array = aligned(header.shape[::-1] if header.fortran else header.shape, header.dtype)
    fill(stream, array.reshape(-1).view(np.uint8).data, path, header.start)
    native = array.astype(header.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(native.T) if header.fortran else native


def _read(
    stream: IO[bytes], member: zipfile.ZipInfo, path: Path, limits: Limits, new_file: NewFile | None
) -> NDArray[np.generic]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(_("{path}: compressed in a way that NumPy does not use").format(path=path))
    header = read_header(stream, path)
    held = member.file_size == header.start + header.claimed
    check_size(header, held and member.compress_size * MAX_DEFLATE_RATIO >= header.claimed, path, limits)
    if new_file is None or header.claimed <= CHUNK_BYTES or not header.dtype.isnative:
        return read_elements(_Narrow(stream), header, path)
    check_free_space((unpacked := new_file()).parent, header.claimed)
    unpack(_Narrow(stream), unpacked, path, header.start, header.start + header.claimed)
    return np.memmap(unpacked, header.dtype, "r", 0, header.shape, "F" if header.fortran else "C")


class _Narrow:
    """A member that is read in pieces no larger than `_Sips` gives."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, MOST_AT_ONCE))
