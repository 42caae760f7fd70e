import gzip
import os
import re
from pathlib import Path

import numpy as np
import pytest

from descenso.data.formats import idx
from descenso.data.formats.idx import read_idx
from descenso.errors import DataError
from idx_files import header, refused, values
from samples import CODES, idx_bytes

GZIP_MAGIC = b"\x1f\x8b"


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", CODES)
def test_every_type_comes_back_as_it_went(kind, zipped, tmp_path):
    array, path = values(kind, (3, 5, 2)), tmp_path / "file"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if zipped else content)
    read = read_idx(path)
    assert read.dtype == np.dtype(kind)
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    np.testing.assert_array_equal(np.signbit(read), np.signbit(array))


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 1, 2, 1, 2, 1, 2, 3), (0,), (0, 28, 28)])
def test_shapes_come_back(shape, tmp_path):
    path = tmp_path / "file"
    array = np.arange(np.prod(shape, dtype=np.uint64), dtype="i4").reshape(shape)
    path.write_bytes(idx_bytes(array))
    np.testing.assert_array_equal(read_idx(path), array, strict=True)


@pytest.mark.parametrize("rows", range(1, 9))
def test_pixels_lie_where_tensorflow_can_read_them_in_place(rows, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(idx_bytes(values("u1", (rows, 3)))))
    assert read_idx(path).ctypes.data % 64 == 0


@pytest.mark.parametrize("chunk", [1, 7, 60, 61, 1000])
def test_data_read_in_pieces_is_whole(chunk, tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "CHUNK", chunk)
    path, array = tmp_path / "file", values("f4", (3, 5))
    path.write_bytes(gzip.compress(idx_bytes(array)))
    np.testing.assert_array_equal(read_idx(path), array, strict=True)


def test_gzip_of_several_members_is_one_file(tmp_path):
    path, array = tmp_path / "file.gz", values("u1", (9, 4))
    content = idx_bytes(array)
    path.write_bytes(b"".join(gzip.compress(content[part : part + 6]) for part in range(0, len(content), 6)))
    np.testing.assert_array_equal(read_idx(path), array, strict=True)
    path.write_bytes(path.read_bytes() + gzip.compress(b"!"))
    with refused(path, 48, "more bytes follow than the header claims"):
        read_idx(path)


MAGICS = {
    b"": "nothing",
    b"\0": "00",
    b"\0\0\x08": "00 00 08",
    b"\x89PNG\r\n": "89 50 4e 47",
    b"\0\x01\x08\x01": "00 01 08 01",
    header(1, code=0x0A): "00 00 0a 01",
    GZIP_MAGIC[:1]: "1f",
}


@pytest.mark.parametrize(("content", "shown"), MAGICS.items(), ids=MAGICS.values())
def test_what_is_not_idx(content, shown, tmp_path):
    for stored in (content, gzip.compress(content)):
        path = tmp_path / "file"
        path.write_bytes(stored)
        with refused(path, 0, f"not an IDX file (it starts with {shown})"):
            read_idx(path)


@pytest.mark.parametrize("count", [0, 9, 255])
def test_number_of_dimensions(count, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(header(*[1] * count) + b"\0")
    with refused(path, 3, f"{count} dimensions, expected 1 to 8"):
        read_idx(path)


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_every_truncation_says_where(zipped, tmp_path):
    path, content = tmp_path / "file", idx_bytes(values("i2", (2, 3)))
    for length in range(4, len(content)):
        path.write_bytes(gzip.compress(content[:length]) if zipped else content[:length])
        if length < 12:
            reason = "the header ends early"
        elif zipped:
            reason = f"the data ends {len(content) - length} bytes early"
        else:  # the size of an uncompressed file is checked before reading
            reason = "12 bytes claimed, the file cannot hold them"
        with refused(path, 4 if "claimed" in reason else length, reason):
            read_idx(path)


@pytest.mark.parametrize("extra", [1, 2, 5000])
def test_trailing_bytes(extra, tmp_path):
    content = idx_bytes(values("u1", (2, 3)))
    for stored in (content + bytes(extra), gzip.compress(content + bytes(extra))):
        path = tmp_path / "file"
        path.write_bytes(stored)
        with refused(path, 18, "more bytes follow than the header claims"):
            read_idx(path)


def test_damaged_gzip(tmp_path):
    path, whole = tmp_path / "file.gz", gzip.compress(idx_bytes(values("u1", (20, 20))))
    cases = {
        "the checksum": (whole[:-8] + bytes(8), "CRC check failed"),
        "the length": (whole[:-4] + bytes(4), "Incorrect length of data produced"),
        "the end": (whole[:-9], "Compressed file ended before"),
        "the head": (whole[:5], "Compressed file ended before"),
        "the method": (whole[:2] + b"\x07" + whole[3:], "Unknown compression method"),
        "what follows": (whole + b"abc", "Not a gzipped file"),
        "the stream": (whole[:10] + b"\xff" * 9 + whole[19:], "Error -3 while decompressing"),
    }
    for name, (content, reason) in cases.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match=re.escape(f"{path}: damaged gzip data ({reason}")):
            pytest.fail(f"{name} was damaged, and {read_idx(path)} was read")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("missing", "No such file or directory"),
        ("directory", "Is a directory"),
        ("fifo", "not a regular file"),
        ("loop", "Too many levels of symbolic links"),
    ],
)
def test_only_a_regular_file_is_opened(what, reason, tmp_path):
    path, handle = tmp_path / what, None
    if what == "directory":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path)
    elif what == "fifo":
        os.mkfifo(path)
        handle = os.open(path, os.O_RDWR)  # filled, so that a faulty reader would not block
        os.write(handle, header(3) + b"abc")
    try:
        with pytest.raises(DataError, match=f"^{re.escape(f'{path}: cannot be read ({reason})')}$"):
            read_idx(path)
        if handle is not None:
            assert os.read(handle, 99) == header(3) + b"abc"  # the pipe was not read
    finally:
        if handle is not None:
            os.close(handle)


def test_unreadable(tmp_path, as_stranger):
    path = Path("file")
    path.write_bytes(idx_bytes(values("u1", (2, 3))))
    assert read_idx(path).shape == (2, 3)
    path.chmod(0)
    with as_stranger(), pytest.raises(DataError, match=r"^file: cannot be read \(Permission denied\)$"):
        read_idx(path)


def test_more_than_there_is_memory_for(tmp_path, monkeypatch):
    def none_left(*arguments):
        raise MemoryError

    path = tmp_path / "file"
    path.write_bytes(idx_bytes(values("u1", (2, 3))))
    monkeypatch.setattr(np, "empty", none_left)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: it holds more than there is memory for$"):
        read_idx(path)


def test_a_name_too_long(tmp_path):
    with pytest.raises(DataError, match=r"a: cannot be read \(File name too long\)$"):
        read_idx(tmp_path / ("a" * 300))
