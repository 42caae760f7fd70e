"""Small valid archives, tables and images, and changes that keep their containers valid."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from damage import HEADERS, SIZES, bytes_with, pick

PIXELS = np.random.default_rng(7).integers(256, size=(12, 5, 4), dtype=np.uint8)
LABELS = np.arange(12, dtype=np.int64) % 3
CHUNKS = [b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"acTL", b"fdAT"]
CLAIMS = [  # claims of an array's header and of the archive around it
    *SIZES, *HEADERS, b"'O'", b"'|O'", b"'<f8'", b"'>i4'", b"'V99'", b"'U9'", b"'<M8[s]'", b"[('a', 'O')]", b"True",
    b"(2**62,)", b"(9999999999,)", b"(-1,)", b"((((", b"__import__('os')", b"\x93NUMPY\3\0", b"9L", b"'" * 7, b"\n\n",
]  # fmt: skip
NAMES = ["x_train", "x.npy", "y.npy", "../../x.npy", "/x_test.npy", "Y_TEST.npy", "\x1b[31m.npy", "y/", "__proto__"]


def make_npz(folder: Path) -> None:
    """Write an archive as Keras ships MNIST."""
    with (folder / "data.npz").open("wb") as file:
        np.savez(file, x_train=PIXELS[:9], y_train=LABELS[:9], x_test=PIXELS[9:], y_test=LABELS[9:])


def table() -> pl.DataFrame:
    """Return a table with columns of floats, integers and booleans, and labels as words."""
    words = [("red", "green", "año")[label] for label in LABELS]
    columns = {"a": np.linspace(-1, 1, 12), "b": LABELS, "c": LABELS > 1, "colour": words}
    return pl.DataFrame(columns)


def make_csv(folder: Path) -> None:
    table().write_csv(folder / "data.csv")


def make_parquet(folder: Path) -> None:
    table().write_parquet(folder / "data.parquet", compression="snappy")


def make_npy(folder: Path) -> None:
    """Write training and test data, one array per file."""
    for name, array in (
        ("X_train", PIXELS[:9]),
        ("y_train", LABELS[:9]),
        ("X_test", PIXELS[9:]),
        ("y_test", LABELS[9:]),
    ):
        np.save(folder / f"{name}.npy", array)


def image_table(cells: list[bytes], compression: str = "uncompressed") -> bytes:
    """Return a Parquet file of images as Hugging Face writes them."""
    rows = {"image": [{"bytes": cell, "path": "a.png"} for cell in cells], "label": LABELS[np.arange(len(cells)) % 12]}
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer, compression=compression)
    return buffer.getvalue()


def saved_png(pixels: np.ndarray) -> bytes:
    """Return `pixels` as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_image_table(folder: Path) -> None:
    (folder / "train.parquet").write_bytes(image_table([saved_png(pixels) for pixels in PIXELS]))


def make_images(suffix: str, folder: Path) -> None:
    """Write training and test images of two classes."""
    for row, pixels in enumerate(PIXELS[:8]):
        path = folder / ("train", "test")[row > 5] / "ab"[row % 2] / f"{row}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def zip_member(random: np.random.Generator, content: bytes) -> bytes:
    """Change one member of an archive, and pack the archive correctly again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [[member.filename, archive.read(member)] for member in archive.infolist()]
    changed = pick(random, members)
    if random.integers(9):
        changed[1] = bytes_with(CLAIMS)(random, changed[1][:80]) + changed[1][80:]
    else:
        changed[0] = pick(
            random, ["x_train", "y.npy", "../../x.npy", "/x_test.npy", "Y_TEST.npy", "\x1b[31m.npy", "y/"]
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", pick(random, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for name, member in members:
            archive.writestr(zipfile.ZipInfo(name), member, archive.compression)
    return packed.getvalue()


def png_chunk(random: np.random.Generator, content: bytes) -> bytes:
    """Change, duplicate, rename or drop one chunk of a PNG, and make its checksum right."""
    chunks, start = [], 8
    while start < len(content):
        size = int.from_bytes(content[start : start + 4], "big")
        chunks.append((content[start + 4 : start + 8], content[start + 8 : start + 8 + size]))
        start += 12 + size
    where, kind = int(random.integers(len(chunks))), random.integers(5)
    name, body = chunks[where]
    if kind < 2:
        chunks[where] = (name, bytes_with(SIZES)(random, body))
    elif kind == 2:
        chunks.insert(int(random.integers(len(chunks))), (name, body))
    elif kind == 3:
        chunks[where] = (pick(random, CHUNKS), body)
    else:
        del chunks[where]
    return png(*chunks)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of these chunks with the right checksums."""
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def of_size(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size, with almost no data."""
    return png(
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(9))),
        (b"IEND", b""),
    )
