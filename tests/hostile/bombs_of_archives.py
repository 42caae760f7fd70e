"""Bombs in archives, tables and images."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from archives import LABELS, PIXELS, image_table, make_image_table, make_npy, of_size, saved_png
from descenso.data.catalog import load
from descenso.data.convert import convert
from powder import OUT, Bomb, instead, link, sparse

Put = Callable[[Path], Any] | bytes
FLOOD = zlib.compressobj(9, wbits=-15)
ZEROS = FLOOD.compress(bytes(2**24)) + FLOOD.flush(zlib.Z_FULL_FLUSH)  # 16 megabytes in 16 kilobytes, repeatable


def file_of(name: str, put: Put, told: str, **options: Any) -> Bomb:
    """Return a bomb in a file of rows."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(put) if isinstance(put, bytes) else put(folder / name)

    return Bomb(make, lambda folder: load(str(folder / name), **options), r".*/" + name + told)


def npz(put: Put, told: str = r": not an NPZ file, or damaged \(.*\)") -> Bomb:
    return file_of("data.npz", put, told)


def array(put: Put, told: str, name: str = "X_train.npy") -> Bomb:
    """Return a bomb in one of several files of arrays."""
    return Bomb(instead(make_npy, name, put), lambda folder: load(str(folder)), r".*/" + name + told)


def converted(name: str, put: Put, told: str) -> Bomb:
    """Return a bomb in a file that is too large to be loaded, and is converted some rows at a time."""
    bomb = file_of(name, put, told)
    if name.endswith(".npy"):
        bomb = array(put, told, name)
    return bomb._replace(read=lambda folder: convert(folder / name, folder / "out"))


def images_in(put: Put, told: str) -> Bomb:
    """Return a bomb in a Parquet file of images."""
    make = instead(make_image_table, "train.parquet", put)
    return Bomb(make, lambda folder: load(str(folder)), r".*train\.parquet" + told)


def csv(put: Put, told: str) -> Bomb:
    return file_of("data.csv", put, told, label="y", test_fraction=0.5)


def parquet(put: Put, told: str = r": cannot be read as a table \(.*\)") -> Bomb:
    return file_of("data.parquet", put, told, label="y", test_fraction=0.5)


def npy(text: str, data: bytes = b"") -> bytes:
    """Return an NPY file with the header `text`."""
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + data


def of_shape(shape: str, dtype: str = "|u1", data: bytes = b"") -> bytes:
    return npy(f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}\n", data)


def packed(x: bytes, *others: tuple[str, bytes]) -> bytes:
    """Return an archive of training rows whose inputs are the bytes `x`."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("x_train.npy", x), *others):
            archive.writestr(zipfile.ZipInfo(name), content)
        labels = io.BytesIO()
        np.save(labels, LABELS)
        archive.writestr(zipfile.ZipInfo("y_train.npy"), labels.getvalue())
    return whole.getvalue()


def by_hand(start: bytes, times: int, claimed: int, method: int = 8, flags: int = 0) -> bytes:
    """Return an archive of `start` and `times` times `ZEROS`, with any claims about its content."""
    first = zlib.compressobj(9, wbits=-15)
    data = first.compress(start) + first.flush(zlib.Z_FULL_FLUSH) + times * ZEROS + b"\3\0"
    about = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, 0, len(data), claimed, 11, 0)
    local = b"PK\3\4" + about + b"x_train.npy" + data
    central = b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"x_train.npy"
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def saved(kind: str) -> bytes:
    whole = io.BytesIO()
    Image.fromarray(PIXELS[0]).save(whole, kind)
    return whole.getvalue()


GIGABYTE = of_shape("(1024, 1024, 1024)")
ONE = of_shape("(1,)", data=b"1")
NO_FILE = r": cannot be read \(not a regular file\)"
UNHELD = r":x_train: \d+ bytes claimed, the file cannot hold them"
SYSTEM = b"cos\nsystem\n(S'touch pwned'\ntR."

ARCHIVE_BOMBS = {
    "NPZ, a gigabyte, as it says": npz(
        by_hand(GIGABYTE, 64, 2**30 + len(GIGABYTE)), r"\S*: it holds more than there is memory for"
    ),
    "NPZ, four gigabytes": npz(by_hand(of_shape(f"(4, {2**30})"), 9, 2**32 - 1), UNHELD),
    "NPZ, a gigabyte after the end": npz(by_hand(of_shape("(9,)", data=bytes(9)), 64, len(of_shape("(9,)")) + 9)),
    "NPZ, an absurd size": npz(packed(of_shape(f"({2**62},)")), UNHELD),
    "NPZ, a size that comes to 0": npz(packed(of_shape(f"({2**32}, {2**32})")), UNHELD),
    "NPZ, no rows of absurd size": converted(
        "data.npz", packed(of_shape(f"(0, {2**62})")), r":x_train: columns would be .*"
    ),
    "NPZ, a size below 0": npz(packed(of_shape("(-1,)")), r":x_train: no shape of an array: \(-1,\)"),
    "NPZ, a size of 5,000 digits": npz(packed(of_shape(f"({'9' * 5000},)"))),
    "NPZ, Python objects": npz(
        packed(of_shape("(1,)", "|O", SYSTEM)), r":x_train: Python objects, which are never unpickled; .*"
    ),
    "NPZ, objects in fields": npz(
        packed(npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,)}\n", SYSTEM)),
        r":x_train: Python objects, which are never unpickled; .*",
    ),
    "NPZ, a pickle": npz(packed(SYSTEM), r":x_train: not an array \(it starts with .*\)"),
    "NPZ, a header with a command": npz(packed(npy("__import__('os').system('touch pwned')\n"))),
    "NPZ, a header of brackets": npz(packed(npy("(" * 9000))),
    "NPZ, a header of signs": npz(
        packed(npy("-" * 9000 + "1")), r"(: it holds more than there is memory for|: not an NPZ file, .*)"
    ),
    "NPZ, a header as Python 2 wrote it": npz(
        packed(of_shape("(9L,)")), r"(:x_train: 9 bytes claimed, the file cannot hold them|: not an NPZ file, .*)"
    ),
    "NPZ, an element of a gigabyte": npz(
        packed(of_shape("(1,)", f"|V{2**30}")), r":x_train: elements of type .*, expected numbers or text"
    ),
    "NPZ, a text of a gigabyte": npz(
        packed(of_shape("(1,)", f"<U{2**28}")), r":x_train: elements of type .*, expected numbers or text"
    ),
    "NPZ, a hundred members": npz(
        packed(b"", *((f"{number}.npy", b"") for number in range(98))), r": 100 members, expected at most 64"
    ),
    "NPZ, ten thousand members": npz(packed(b"", *((f"{number}.npy", b"") for number in range(10**4)))),
    "NPZ, one name twice": npz(
        packed(of_shape("(1,)", data=b"1"), ("X_TRAIN.npy", of_shape("(1,)", data=b"1"))),
        r": two arrays are called x_train",
    ),
    "NPZ, under a password": npz(by_hand(GIGABYTE, 1, 99, flags=1)),
    "NPZ, by another method": npz(by_hand(GIGABYTE, 1, 99, method=12), r":x_train: compressed in a way that .*"),
    "NPZ, that is an image": npz(saved("PNG")),
    "NPZ, a pipe": npz(os.mkfifo, NO_FILE),
    "NPZ, zeros without end": npz(link("/dev/zero"), NO_FILE),
    "NPZ, a terabyte without room": converted("data.npz", sparse(2**40), r": not an NPZ file, or damaged \(.*\)"),
    "CSV, a terabyte without room": converted("data.csv", sparse(2**40), ": no row ends within 1048576 bytes"),
    "Parquet, a terabyte without room": converted("data.parquet", sparse(2**40), r": cannot be read .*"),
    "NPZ, a gigabyte of zeros": npz(sparse(2**30)),
    "NPY, absurd sizes": array(of_shape(f"({2**62}, 9, 9)"), r": \d+ bytes claimed, the file cannot hold them"),
    "NPY, no rows of absurd size": array(
        of_shape(f"(0, {2**62}, 9)"), r": \d+ bytes claimed, the file cannot hold them"
    ),
    "NPY, objects": array(of_shape("(9,)", "|O", bytes(72)), r": Python objects, which are never unpickled; .*"),
    "NPY, a pickle": array(SYSTEM, r": not an array \(it starts with 63 6f 73 0a .*\)"),
    "NPY, a header that is code": array(
        npy("__import__('os').mkdir('pwned')\n"), r": not an NPY file, or damaged \(.*"
    ),
    "NPY, a header without end": array(b"\x93NUMPY\2\0" + bytes([255]) * 99, r": not an array \(it starts with .*\)"),
    "NPY, a terabyte without room": converted(
        "X_train.npy", sparse(2**40, of_shape("(9, 5, 4)")), ": 180 bytes claimed, the file cannot hold them"
    ),
    "NPY, more than its header says": array(sparse(2**29, of_shape("(9, 5, 4)")), r": 180 bytes claimed, the file .*"),
    "NPY, a pipe": array(os.mkfifo, NO_FILE),
    "NPY, a folder": array(Path.mkdir, r": cannot be read \(Is a directory\)"),
    "NPY, a file of the machine": Bomb(
        instead(make_npy, "y_train.npy", link("/etc/passwd")), lambda folder: load(str(folder)), OUT
    ),
    "CSV, ten thousand columns": csv(
        b",".join(b"c%d" % n for n in range(10**4)) + b"\n", r": columns would be 10000, the limit is 4096; .*"
    ),
    "CSV, a line without end": csv(sparse(2**30, b"a,y\n"), r": .*|, byte .*"),
    "CSV, a header without end": csv(b"a" * 2**21, r": no row ends within 1048576 bytes"),
    "CSV, a mark that is never closed": csv(b'a,y\n"' + b"1,2\n" * 10**5, r".*"),
    "CSV, a number too large": csv(b"a,y\n1e999,u\n2,v\n", r", row 1, column 'a': inf is no number"),
    "CSV, of zeros": csv(b"a,y\n" + bytes(10**6), r".*"),
    "CSV, text of two bytes a letter": csv(
        "a,y\n1,u\n".encode("utf-16-le"), r", byte 1: not UTF-8 text; .*utf-16-le.*"
    ),
    "CSV, packed a thousandfold": csv(zlib.compress(b"a,y\n" + b"1,u\n" * 10**6), r", byte \d+: not UTF-8 text; .*"),
    "CSV, a class for each row": csv(
        b"a,y\n" + b"".join(b"%d,c%d\n" % (n % 7, n) for n in range(10**5)),
        r": 100000 different labels, at most 4096 can be .*",
    ),
    "CSV, a pipe": csv(os.mkfifo, NO_FILE),
    "CSV, zeros without end": csv(link("/dev/zero"), NO_FILE),
    "Parquet, nothing but its mark": parquet(b"PAR1" * 3),
    "Parquet, a footer of absurd length": parquet(b"PAR1" + bytes(99) + struct.pack("<I", 2**32 - 1) + b"PAR1"),
    "Parquet, a footer of zeros": parquet(b"PAR1" + bytes(10**6) + struct.pack("<I", 10**6) + b"PAR1"),
    "Parquet, of tables in tables": parquet(
        lambda path: pl.DataFrame({"a": [{"b": 1}] * 6, "y": ["u", "v"] * 3}).write_parquet(path),
        r": no column is left to learn from: Column 'a' is left out: values of type .*",
    ),
    "Parquet, a pipe": parquet(os.mkfifo, NO_FILE),
    "images in Parquet, half a gigabyte in 200 kilobytes": images_in(
        lambda path: path.write_bytes(image_table([b"%d" % row + bytes(2**20) for row in range(500)], "zstd")),
        r":1: no image, or of a format that is not read; .*",
    ),
    "images in Parquet, 65535 times 65535": images_in(
        image_table([of_size(65535, 65535)] * 12), r":1: more pixels than \d+, which no image of a dataset has"
    ),
    "images in Parquet, cut short": images_in(
        image_table([saved_png(PIXELS[0])[:-30]] * 12), r":1: a damaged image \(.*\)"
    ),
    "images in Parquet, PostScript": images_in(
        image_table([b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch pwned) (w) file\n"] * 12),
        r":1: no image, or of a format .*",
    ),
    "images in Parquet, paths of the machine": images_in(
        lambda path: pl.DataFrame(
            {"image": [{"bytes": None, "path": "/etc/passwd"}] * 6, "label": [0, 1] * 3},
            schema_overrides={"image": pl.Struct({"bytes": pl.Binary, "path": pl.String})},
        ).write_parquet(path),
        r":1: no image, or its path alone; the file must hold its bytes",
    ),
    "images in Parquet, a pipe": images_in(os.mkfifo, NO_FILE),
    "images in Parquet, of the machine": Bomb(
        instead(make_image_table, "train.parquet", link("/etc/passwd")), lambda folder: load(str(folder)), OUT
    ),
    "Parquet, a gigabyte of zeros": parquet(sparse(2**30), r": cannot be read .*"),
}
