"""Read one image file with Pillow: PNG, JPEG, WebP, BMP, GIF, TIFF and PGM, within the limits.

What a plugin would allocate or repeat before the size of the image is known is checked here first.
"""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from descenso.data.sources import Limits, opened, refusals
from descenso.errors import DataError
from descenso.text import _, mark

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm")
NAMES = "PNG, JPEG, WebP, BMP, GIF, TIFF, PGM, PPM"
EIGHT, UPPER, WHOLE, FLOATS = "8 bits", "upper 8 of 16 bits", "16 bits", "floats"  # depths
GREY = ("1", "L", "LA", "La")  # Pillow's modes of images without colour, of up to 8 bits
WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # Pillow's modes of more than 8 bits
NEARLY_GREY = 16  # difference between the channels of a pixel, up to which it is grey
MOST_READS = 2**14  # while a header is read: PGM and GIF have comments that are read byte by byte, or in small blocks
ADVICE = mark("{path}: {kind}; save it as PNG or JPEG")
BEGINNINGS = (  # (offset, bytes, kind) of files that are recognised and not read
    (4, b"ftypheic", mark("a HEIC photo, as phones take")), (4, b"ftypheix", mark("a HEIC photo, as phones take")),
    (4, b"ftypmif1", mark("a HEIC photo, as phones take")), (4, b"ftyphevc", mark("a HEIC photo, as phones take")),
    (4, b"ftypavif", mark("an AVIF image")), (4, b"ftypavis", mark("an AVIF image")),
    (4, b"ftypcrx", mark("a raw photo of a camera")), (4, b"ftyp", mark("a film")),
    (0, b"%PDF", mark("a PDF document")),
    (0, b"<svg", mark("an SVG drawing")), (0, b"FUJIFILMCCD-RAW", mark("a raw photo of a camera")),
    (0, b"IIRO", mark("a raw photo of a camera")), (0, b"IIU\0", mark("a raw photo of a camera")),
    (8, b"CR\2", mark("a raw photo of a camera")), (0, b"8BPS", mark("a file of Photoshop")),
    (0, b"gimp xcf", mark("a file of GIMP")), (0, b"\0\0\0\x0cjP", mark("a JPEG 2000 image")),
    (0, b"\xff\x0a", mark("a JPEG XL image")), (0, b"\0\0\0\x0cJXL", mark("a JPEG XL image")),
    (128, b"DICM", mark("a DICOM image")), (0, b"\x00\x00\x01\x00", mark("an icon")),
)  # fmt: skip
RAW = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw")  # of cameras, mostly TIFF inside
PACKED = (b"PK\3\4", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
TIFF_COMPRESSIONS = {1, 5, 8, 32773, 32946}  # none, LZW, deflate, PackBits: their decoders need no more than a strip


class Pixels(NamedTuple):
    """The pixels of an image.

    Attributes:
        values: (height, width) or, in colour, (height, width, 3); uint8, or float32 where an image has more bits.
        depth: EIGHT; UPPER, colours of 16 bits of which Pillow keeps the upper 8; WHOLE, whole numbers of more than 8
            bits; or FLOATS.
        frames: whether the file holds further frames or pages, which are not read.
        converted: whether colours were converted to grey, or grey to colour, as `mode` says.
    """

    values: NDArray[Any]
    depth: str = EIGHT
    frames: bool = False
    converted: bool = False


def read_pixels(
    path: Path, limits: Limits, size: tuple[int, int] | None = None, mode: str = "", file: BinaryIO | None = None
) -> Pixels:
    """Read the image in `path`, upright, transparent parts white.

    Args:
        path: of the file.
        limits: what to refuse as too large; pixels are counted before any is unpacked.
        size: height and width to resize it to.
        mode: "L" or "RGB" to convert it to grey or colour; by default as it is.
        file: an open file with the image, which errors call `path`; by default that one.

    Raises:
        DataError: if it is no image of these formats, is damaged, or larger than the limits.
    """
    with opened(path, limits) if file is None else nullcontext(file) as source, refusals(path), _explained(path):
        return _decoded(source, path, limits, size, mode)


def has_channels(path: Path, limits: Limits, content: BinaryIO | None = None) -> bool:
    """Tell by the header of an image whether it is read in colour; `content` is the open file, by default `path`."""
    with opened(path, limits) if content is None else nullcontext(content) as file, refusals(path), _explained(path):
        _refuse_others(path, file.read(512))
        file.seek(0)
        patient: Any = _Patience(file)
        with Image.open(patient, formats=FORMATS) as image:
            return image.mode not in (*GREY, *WIDE)


def _decoded(file: BinaryIO, path: Path, limits: Limits, size: tuple[int, int] | None, mode: str) -> Pixels:
    begin = file.read(512)
    _refuse_others(path, begin)
    if begin[:4] == b"RIFF":
        limits.check("pixels", _webp_pixels(begin), path)
    file.seek(0)
    patient: Any = _Patience(file)
    with Image.open(patient, formats=FORMATS) as image:
        limits.check("pixels", image.width * image.height, path)
        depth = _depth(image, begin, path)
        limits.check("pixels", _tile_pixels(image), path)
        frames = image.format != "MPO" and bool(getattr(image, "is_animated", False))  # MPO: a photo and previews
        patient.left = -1
        with _unheard() if image.format == "TIFF" else nullcontext():
            image.load()
        ImageOps.exif_transpose(image, in_place=True)
        plain = _plain(image, depth, path)
        converted = _has_colour(plain) if mode == "L" else mode == "RGB" and plain.mode != "RGB"
        return Pixels(_sized(plain, size, mode), depth, frames, converted)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Keep libtiff, which prints what it finds wrong, from file descriptor 2."""
    if sys.__stderr__ is not None:
        sys.__stderr__.flush()
    with Path(os.devnull).open("wb") as nowhere:
        shown = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def _has_colour(image: Image.Image) -> bool:
    """Tell whether the channels of an image differ; many grey images are stored in three channels."""
    if image.mode != "RGB":
        return False
    red, green, blue = image.split()
    pairs = ((red, green), (green, blue), (blue, red))
    return any(any(ImageChops.difference(*pair).histogram()[NEARLY_GREY + 1 :]) for pair in pairs)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Convert `image` to `mode`, without the copy that Pillow makes where it has it already."""
    return image if image.mode == mode else image.convert(mode)


def _plain(image: Image.Image, depth: str, path: Path) -> Image.Image:
    """Convert the image to "L" or "RGB", or to "F" where it has more than 8 bits."""
    if depth in (WHOLE, FLOATS):
        values = np.asarray(image).astype(np.float32)
        if not np.isfinite(values).all():
            raise DataError(_("{path}: values that are not finite; fill them in").format(path=path))
        return Image.fromarray(values)
    final = "L" if image.mode in GREY else "RGB"
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return in_mode(image, final)


def _sized(image: Image.Image, size: tuple[int, int] | None, mode: str) -> NDArray[Any]:
    if image.mode != "F":
        image = in_mode(image, mode) if mode else image
        return np.asarray(image.resize(size[::-1]) if size else image)
    values = np.asarray(image)
    if size:  # cubic interpolation overshoots at edges; Pillow clips pictures of 8 bits itself
        values = np.asarray(image.resize(size[::-1])).clip(values.min(), values.max())
    return np.repeat(values[..., None], 3, axis=2) if mode == "RGB" else values


def _depth(image: Image.Image, begin: bytes, path: Path) -> str:
    """Return the depth of an image that is not yet unpacked, and refuse what Pillow would misread."""
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    if image.format == "TIFF" and tags.get(259, 1) not in TIFF_COMPRESSIONS:
        raise DataError(_(ADVICE).format(path=path, kind=_("a TIFF image compressed in an unusual way")))
    if image.format == "BMP" and image.info.get("compression") in (1, 2):
        raise DataError(_(ADVICE).format(path=path, kind=_("a compressed BMP image")))
    if image.mode == "LAB":
        raise DataError(_(ADVICE).format(path=path, kind=_("an image with colours in CIELAB")))
    if image.mode not in WIDE:
        bits = begin[24] if image.format == "PNG" and len(begin) > 24 else max(tags.get(258, (8,)))
        return UPPER if bits == 16 else EIGHT
    if tags.get(262) == 0:
        raise DataError(_(ADVICE).format(path=path, kind=_("a TIFF image of more than 8 bits in which 0 is white")))
    return FLOATS if image.mode == "F" else WHOLE


def _tile_pixels(image: Image.Image) -> int:
    """Return the pixels of a tile of a TIFF image, which libtiff allocates whole."""
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    width, height = (int(np.max(tags.get(tag, 0))) for tag in (322, 323))
    return width * height


def _webp_pixels(begin: bytes) -> int:
    """Return the pixels of a WebP image by its first chunk: libwebp allocates the canvas before Pillow can look at it.

    Source: Google, WebP Container Specification.
    """
    kind, body = begin[12:16], begin[20:30]
    if begin[8:12] != b"WEBP" or len(body) < 10:
        return 0
    if kind == b"VP8X":
        sides = [1 + int.from_bytes(body[start : start + 3], "little") for start in (4, 7)]
    elif kind == b"VP8L":
        word = int.from_bytes(body[1:5], "little")
        sides = [1 + (word & 0x3FFF), 1 + (word >> 14 & 0x3FFF)]
    else:
        sides = [int.from_bytes(body[start : start + 2], "little") & 0x3FFF for start in (6, 8)]
    return sides[0] * sides[1]


def _refuse_others(path: Path, begin: bytes) -> None:
    """Refuse files of kinds that are recognised and not read, and say what to do."""
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n")
    kind = next((kind for start, magic, kind in BEGINNINGS if begin[start:].startswith(magic)), "")
    if path.suffix.lower() in RAW:
        kind = mark("a raw photo of a camera")
    elif text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!DOCTYPE svg")) and b"<svg" in text):
        kind = mark("an SVG drawing")
    if kind:
        raise DataError(_(ADVICE).format(path=path, kind=_(kind)))
    if begin.startswith(PACKED):
        raise DataError(_("{path}: an archive; unpack it").format(path=path))
    if not begin:
        raise DataError(_("{path}: an empty file").format(path=path))


class _Patience:
    """A file that limits the number of reads to `left`, unless that is negative."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self.left = raw, MOST_READS

    def read(self, size: int = -1) -> bytes:
        if self.left == 0:
            raise ValueError(_("too much of it is no data"))
        self.left -= self.left > 0
        return self._raw.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn every error of Pillow's into a `DataError` that names `path`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (DataError, MemoryError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        message = _("{path}: more pixels than {most}, which no image of a dataset has")
        raise DataError(message.format(path=path, most=Image.MAX_IMAGE_PIXELS)) from None
    except UnidentifiedImageError:
        message = _("{path}: no image, or of a format that is not read; those are {names}")
        raise DataError(message.format(path=path, names=NAMES)) from None
    except Exception as error:  # Pillow's plugins do not document theirs; IndexError, SyntaxError, … occur
        reason = str(error) or type(error).__name__
        raise DataError(_("{path}: a damaged image ({reason})").format(path=path, reason=reason)) from error
