"""Bombs in images."""

import os
import struct
import zlib
from functools import partial
from pathlib import Path

from archives import PIXELS, make_images, of_size, png
from bombs_of_archives import NO_FILE, SYSTEM, Put, saved
from descenso.data.catalog import load
from powder import OUT, Bomb, instead, link, listening, sparse

END, ROWS = (b"IEND", b""), zlib.compress(b"".join(b"\0" + row.tobytes() for row in PIXELS[0]))
FOREIGN = r".*0\.png: no image, or of a format that is not read; .*"
DAMAGED = r".*0\.png: a damaged image \(.*\)"
TOO_MANY = r".*0\.png: more pixels than \d+, which no image of a dataset has"
ON = r"(; to go on without: --skip-unreadable)?"
LARGE = r".*0\.png: pixels would be \d+, the limit is 16777216; .*"
OF_2_28 = r".*0\.png: pixels would be 268435456, the limit is 16777216; .*"


def image(put: Put, told: str, name: str = "train/a/0.png") -> Bomb:
    """Return a bomb in one of the files of a folder of images."""
    make = instead(partial(make_images, "png"), name, put)
    return Bomb(make, lambda folder: load(str(folder)), told + ON)


def with_chunk(name: bytes, body: bytes) -> bytes:
    return png((b"IHDR", struct.pack(">IIBBBBB", 4, 5, 8, 0, 0, 0, 0)), (name, body), (b"IDAT", ROWS), END)


def jpeg(width: int, height: int) -> bytes:
    """Return a JPEG whose header claims a size."""
    content = saved("JPEG")
    where = content.index(b"\xff\xc0") + 5
    return content[:where] + struct.pack(">HH", height, width) + content[where + 4 :]


def webp(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk + bytes(99)


def bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 99, 0, 0, 54) + header + bytes(99)


def gif(width: int, height: int, blocks: bytes = b"") -> bytes:
    frame = b"," + struct.pack("<HHHHBB", 0, 0, width, height, 0, 2) + b"\2\x4c\1\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + blocks + frame


def tiff(changed: dict[int, int]) -> bytes:
    """Return a TIFF file with one directory, in which the tags `changed` are replaced."""
    tags = {256: 4, 257: 5, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 5, 279: 20, **changed}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(99)


IMAGE_BOMBS = {
    "PNG, 65535 times 65535": image(of_size(65535, 65535), TOO_MANY),
    "PNG, 2**31 - 1 times 1": image(of_size(2**31 - 1, 1), TOO_MANY),
    "PNG, 10,000 times 10,000": image(of_size(10**4, 10**4), TOO_MANY),
    "PNG, 5,000 times 5,000": image(
        of_size(5000, 5000), r".*0\.png: pixels would be 25000000, the limit is 16777216; .*"
    ),
    "PNG, no size": image(of_size(0, 0), r".*"),
    "PNG, a text that swells": image(with_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**26))), DAMAGED),
    "PNG, cut short": image(saved("PNG")[:-30], DAMAGED),
    "PNG, a piece of absurd length": image(saved("PNG")[:33] + b"\xff\xff\xff\xffIDAT", DAMAGED),
    "JPEG, 65535 times 65535": image(jpeg(65535, 65535), TOO_MANY),
    "JPEG, cut short": image(saved("JPEG")[:-200], DAMAGED),
    "WebP, a canvas of 16384 times 16384": image(webp(b"VP8X", bytes(4) + b"\xff\x3f\0" * 2), OF_2_28),
    "WebP without loss, 16384 times 16384": image(webp(b"VP8L", b"\x2f" + b"\xff\xff\xff\x0f"), OF_2_28),
    "WebP, 16383 times 16383": image(webp(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + b"\xff\x3f" * 2), LARGE),
    "BMP, 100,000 times 100,000": image(bmp(10**5, 10**5), TOO_MANY),
    "BMP, 5,000 times 5,000": image(bmp(5000, 5000), LARGE),
    "BMP, -2**31 high": image(bmp(4, -(2**31)), TOO_MANY),
    "GIF, 65535 times 65535": image(gif(65535, 65535), TOO_MANY),
    "GIF, comments without end": image(gif(4, 5, b"!\xfe" + b"\1a" * 10**6), DAMAGED),
    "GIF, a frame beyond the screen": image(gif(4, 5, b"," + b"\xff" * 8 + b"\0\2"), r".*0\.png: .*"),
    "TIFF, 65535 times 65535": image(tiff({256: 65535, 257: 65535}), TOO_MANY),
    "TIFF, a tile of 65,536 times 65,536": image(tiff({322: 65536, 323: 65536, 324: 8, 325: 8}), LARGE),
    "TIFF, a directory without end": image(b"II*\0\x08\0\0\0" + b"\xff\xff" + bytes(99), r".*0\.png: .*"),
    "PGM, 100,000 times 100,000": image(b"P5 100000 100000 255\n" + bytes(99), TOO_MANY),
    "PGM, 5,000 times 5,000": image(b"P5 5000 5000 255\n" + bytes(99), LARGE),
    "PGM, a comment without end": image(b"P5\n#" + b"a" * 10**7, DAMAGED),
    "PGM, more digits than a number has": image(b"P5 " + b"9" * 10**6, DAMAGED),
    "PostScript for a PNG": image(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch pwned) (w) file\n", FOREIGN
    ),
    "a page for a PNG": image(
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', r".*0\.png: an SVG drawing; .*"
    ),
    "a pickle for a PNG": image(SYSTEM, FOREIGN),
    "nothing for a PNG": image(b"", r".*0\.png: an empty file"),
    "an image that is a pipe": image(os.mkfifo, r".*0\.png" + NO_FILE),
    "an image that is a socket": image(listening, r".*0\.png" + NO_FILE),
    "an image that is a folder": image(Path.mkdir, r".*0\.png: cannot be read \(Is a directory\)"),
    "an image of zeros without end": image(link("/dev/zero"), OUT),
    "an image of the machine": image(link("/etc/passwd"), OUT),
    "an image that links to itself": image(link("0.png"), r".*0\.png: .*"),
    "an image, a terabyte without room": image(sparse(2**40), r".*0\.png: file_bytes would be .*"),
    "a class of the machine": image(link("/usr"), OUT, "train/a"),
    "a class that is all there is": image(link("."), r".*files that cannot be used: 2 \(.*\)", "train/a"),
    "a class that is a pipe": image(os.mkfifo, r".*train: one class only, b; .*", "train/a"),
}
