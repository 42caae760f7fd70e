"""Bombs in IDX files and in folders of them."""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from descenso.data.catalog import load
from descenso.data.formats.idx import read_idx
from formats import make_data
from powder import OUT, Bomb, instead, link, listening, sparse, written
from samples import idx_bytes

BIG = 2**32 - 1
HELLO = idx_bytes(np.arange(5, dtype="u1"))
IMAGES, LABELS, TEST_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"
MEGABYTE = gzip.compress(bytes(10**6), 9, mtime=0)  # a kilobyte; concatenated members form a stream
PDF = b"%PDF-1.7\n" + gzip.compress(HELLO, mtime=0)


def header(*sizes: int, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, kind, len(sizes), *sizes)


def idx(content: Callable[[Path], Any] | bytes, told: str) -> Bomb:
    """Return a bomb in an IDX file."""
    make = written("file", content) if isinstance(content, bytes) else lambda folder: content(folder / "file")
    return Bomb(make, lambda folder: read_idx(folder / "file"), r".*/file" + told)


def long(start: bytes, piece: bytes, times: int) -> Callable[[Path], Any]:
    """Return a function that writes a large file when it is needed, since it would count as the reader's memory."""
    return lambda path: path.write_bytes(start + times * piece)


def claim(size: int, limit: str = "array_bytes", most: int = 2**31) -> str:
    return f": {limit} would be {size}, the limit is {most}; try --limit {limit}={size}"


def unheld(size: int) -> str:
    return f", byte 4: {size} bytes claimed, the file cannot hold them"


def folder_of(name: str, put: Callable[[Path], Any] | bytes, told: str) -> Bomb:
    """Return a bomb in one of the files of a folder of IDX files."""
    return Bomb(instead(make_data, name, put), lambda folder: load(str(folder)), told)


def path_of(name: str, told: str, refused: str = "DataError") -> Bomb:
    """Return a bomb that is a path alone, with no file of the test behind it."""
    return Bomb(lambda _: None, lambda _: load(name), told, refused)


def member(flags: int, extra: bytes = b"") -> bytes:
    """Return the beginning of a gzip member, with something before the data."""
    return struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, flags, 0, 0, 255) + extra


NO_FILE = r": cannot be read \(not a regular file\)"
NO_IDX = r", byte 0: not an IDX file \(it starts with .*\)"
MUCH = r": damaged gzip data \(too much of it is no data\)"

DATA_BOMBS = {
    "IDX, three absurd sizes": idx(header(BIG, BIG, BIG), unheld(BIG**3)),
    "IDX, eight absurd sizes": idx(header(*[BIG] * 8), unheld(BIG**8)),
    "IDX, sizes that come to 0 in 64 bits": idx(header(2**31, 2**31, 4), unheld(2**64)),
    "IDX, sizes that come to little in 32 bits": idx(header(131074, 65536), unheld(131074 * 65536)),
    "IDX, no images of absurd size": idx(header(0, BIG, BIG), unheld(BIG**2)),
    "IDX, elements that make a size absurd": idx(header(2**28 + 1, kind=0x0E), unheld(2**31 + 8)),
    "IDX, more than two gigabytes, which gzip could hold": idx(
        sparse(2**22, gzip.compress(header(2**31 + 1), mtime=0)), claim(2**31 + 1)
    ),
    "IDX, more rows than anyone has": idx(sparse(8 + 10**8 + 1, header(10**8 + 1)), claim(10**8 + 1, "rows", 10**8)),
    "IDX, images too large": idx(sparse(2**25, header(1, 4097, 4096)), claim(4097 * 4096, "pixels", 2**24)),
    "IDX, two gigabytes in a kilobyte": idx(header(2**7, 2**12, 2**12) + bytes(1000), unheld(2**31)),
    "IDX, 255 dimensions": idx(header(*[1] * 255), r", byte 3: 255 dimensions, expected 1 to 8"),
    "IDX, no dimension": idx(b"\0\0\x08\0", r", byte 3: 0 dimensions, expected 1 to 8"),
    "IDX, no type": idx(b"\0\0\xff\1" + bytes(9), NO_IDX),
    "IDX, and then a zip": idx(HELLO + b"PK\5\6" + bytes(18), r", byte 13: more bytes follow than the header claims"),
    "IDX, a terabyte without room": idx(sparse(2**40, HELLO), claim(2**40, "file_bytes", 2**30)),
    "IDX, a gigabyte without room": idx(
        sparse(2**30, header(2**18 - 1, 2**12)), r": it holds more than there is memory for"
    ),
    "gzip, a gigabyte after the end": idx(
        long(gzip.compress(HELLO), MEGABYTE, 1000), r", byte 13: more bytes follow than the header claims"
    ),
    "gzip, a gigabyte, as it says": idx(
        long(gzip.compress(header(60, 2**12, 2**12)), MEGABYTE, 1100), r": it holds more than there is memory for"
    ),
    "gzip, empty members without end": idx(long(gzip.compress(header(9)), gzip.compress(b"", mtime=0), 10**6), MUCH),
    "gzip, padding without end": idx(long(gzip.compress(HELLO[:7]), b"\0", 10**7), MUCH),
    "gzip, a name without end": idx(long(member(8), b"a", 10**7), MUCH),
    "gzip, a comment without end": idx(long(member(16), b"a", 10**7), MUCH),
    "gzip, a field that ends early": idx(member(4, b"\xff\xff" + b"a" * 99), r": damaged gzip data \(.*\)"),
    "gzip in gzip": idx(gzip.compress(gzip.compress(HELLO)), NO_IDX),
    "gzip, another method": idx(b"\x1f\x8b\x07" + bytes(9), r": damaged gzip data \(Unknown compression method\)"),
    "gzip in a PDF": idx(PDF, NO_IDX),
    "a pickle for IDX": idx(b"cos\nsystem\n(S'touch pwned'\ntR.", NO_IDX),
    "a pipe for IDX": idx(os.mkfifo, NO_FILE),
    "a socket for IDX": idx(listening, NO_FILE),
    "a folder for IDX": idx(Path.mkdir, r": cannot be read \(Is a directory\)"),
    "a link to zeros without end for IDX": idx(link("/dev/zero"), NO_FILE),
    "a link to itself for IDX": idx(link("file"), r": cannot be read \(Too many levels of symbolic links\)"),
    "a link to this process's memory for IDX": idx(link("/proc/self/mem"), r": cannot be read \(Input/output error\)"),
    "images linked to zeros without end": folder_of(IMAGES, link("/dev/zero"), OUT),
    "images linked to a file of the machine": folder_of(IMAGES, link("/etc/passwd"), OUT),
    "labels linked to what lies above": folder_of(LABELS, link("../../../../../../etc/hostname"), OUT),
    "labels linked through a folder of the process": folder_of(LABELS, link("/proc/self/fd/0"), OUT),
    "labels that are a pipe": folder_of(LABELS, os.mkfifo, r".*labels.*" + NO_FILE),
    "labels that are images": folder_of(LABELS, link(IMAGES), r".*: 3 dimensions of uint8, expected 1 of uint8"),
    "labels of doubles": folder_of(
        LABELS, idx_bytes(np.full(17, np.inf)), r".*: 1 dimension of float64, expected 1 of uint8"
    ),
    "more labels than images": folder_of(
        LABELS, idx_bytes(np.arange(18, dtype="u1") % 3), r".*: 17 rows of inputs and 18 labels; each row needs one"
    ),
    "labels of no class": folder_of(
        TEST_LABELS, idx_bytes(np.full(5, 255, "u1")), r".*row 0 of y_test has label 255, which no training row has"
    ),
    "zeros without end for a dataset": path_of("/dev/zero", r"/dev/zero: .*"),
    "the process's own memory for a dataset": path_of("/proc/self/mem", r"/proc/self/mem: .*"),
    "a name too long for a dataset": path_of("a/" * 5000, r"(a/)+: cannot be read \(File name too long\)"),
}
