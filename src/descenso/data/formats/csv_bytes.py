"""Decode the text of a CSV file: UTF-8, UTF-16 with a mark, Western text of Windows, or what the user names."""

import codecs
import re
from pathlib import Path
from typing import BinaryIO, NoReturn

from descenso.data.sources import Request
from descenso.errors import ConfigError, DataError
from descenso.text import _

MOST_HEADER = 2**20  # bytes that the header and the first row may take
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
CODECS = re.compile(r"(utf|iso|latin|cp|windows|mac|koi8|gb|big5|shift|euc|ascii)[-_0-9a-z]*", re.IGNORECASE)
LETTERS = "A-Za-zªºÀ-ÖØ-öø-þŒœŠšŽž"
WESTERN = re.compile(  # words and numbers of Western languages, as windows-1252 has them
    rf"[\x20-\x7e\t\r\n{LETTERS}€£°²³µ½¼«»¡¿§©®™“”‘’–—…·\xa0]*"
)
UNLIKELY = re.compile(  # in such words: many accents together, a small letter before a capital, a sign within
    rf"[^\x00-\x7f]{{3}}|[a-zß-þšžœ][À-ÞŠŽŒ]|[{LETTERS}][€£°²³µ½¼«»¡¿§©®™“”–—…][{LETTERS}]"
)
CONTROLLED = 100  # first characters; a control character among them shows that it is no text


def codec_of(request: Request, file: BinaryIO) -> tuple[bytes, str]:
    """Return the beginning of the file, and the codec of its text.

    It is UTF-8 if that is valid, else the one that is named, or "cp1252" where the beginning is likely to be that.
    """
    path, wanted = request.path, request.encoding
    begin = file.read(MOST_HEADER)
    if not begin.strip():
        raise DataError(_("{path}: an empty file").format(path=path))
    if begin.startswith(b"\x1f\x8b"):
        raise DataError(_("{path}: an archive; unpack it, and give what is in it").format(path=path))
    if begin.startswith(b"PK\x03\x04"):
        raise DataError(_("{path}: a spreadsheet; save its sheet as CSV, and give that file").format(path=path))
    marked = next((codec for mark, codec in MARKS.items() if begin.startswith(mark)), None)
    if marked or not wanted:
        return begin, marked or ("cp1252" if _is_western(begin) else "utf-8")
    try:
        if not CODECS.fullmatch(wanted):
            raise LookupError
        codec = codecs.lookup(wanted).name
    except LookupError:
        message = _("encoding must be that of a text, got {got!r}; try --encoding latin-1")
        raise ConfigError(message.format(got=wanted)) from None
    file.seek(0)
    try:
        check_utf8(request, file)
    except DataError:
        return begin, codec
    return begin, codec if b"\0" in begin else "utf-8"


def _is_western(begin: bytes) -> bool:
    """Tell whether the beginning of a file is no UTF-8, and likely to be in windows-1252, or in Latin-1.

    >>> [_is_western("Málaga; año".encode(codec)) for codec in ("cp1252", "utf-8", "mac-roman", "cp850")]
    [True, False, False, False]
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin)
    except UnicodeDecodeError:
        text = begin.decode("cp1252", "replace")
        return bool(WESTERN.fullmatch(text)) and not UNLIKELY.search(text)
    return False


def decoded(request: Request, content: bytes, codec: str, *, whole: bool = False) -> str:
    """Decode the content, or its beginning up to the end of a line."""
    path = request.path
    if not whole and len(content) == MOST_HEADER:
        end = content.rfind(b"\n") if b"\n" in content else content.rfind(b"\r")
        content = content[: end + 1 + (codec == "utf-16-le")]
        if end < 0 or (content.count(b"\n") or content.count(b"\r")) < 2:
            raise DataError(_("{path}: no row ends within {most} bytes").format(path=path, most=MOST_HEADER))
    if codec == "utf-8" and content[1::2].count(0) > len(content) // 4:  # as most UTF-16 has
        refuse_bytes(path, 1, codec, "utf-16-le")
    if codec.startswith("utf-16"):
        content = content[: len(content) // 2 * 2]
    try:
        text = content.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        refuse_bytes(path, error.start, codec)
    except ValueError:  # of a codec that is not for text
        refuse_bytes(path, 0, codec)
    controls = (place for place, mark in enumerate(text[:CONTROLLED]) if ord(mark) < 32 and mark not in "\t\r\n")
    place = next(controls, text.find("\0"))
    if place >= 0:
        message = _("{path}, line {line}: a control character, which text does not have; is it a CSV file?")
        raise DataError(message.format(path=path, line=text.count("\n", 0, place) + 1))
    if not text.strip():
        raise DataError(_("{path}: an empty file").format(path=path))
    return text


def rewrite(request: Request, file: BinaryIO, codec: str, skipped: int, path: Path, *, macintosh: bool) -> None:
    """Write the text of a file as UTF-8 to `path`, some of it at a time, without its first `skipped` characters.

    Args:
        request: that errors name.
        file: the file, open.
        codec: of its text.
        skipped: characters at the beginning that are left out, besides a byte order mark.
        path: of the new file.
        macintosh: whether the ends of lines are carriage returns, which become line feeds.
    """
    decoder, done = codecs.getincrementaldecoder(codec)(), 0
    file.seek(0)
    with path.open("wb") as out:
        while True:
            chunk = file.read(MOST_HEADER)
            kept = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                refuse_bytes(request.path, done - kept + error.start, codec)
            text = text if done else text.removeprefix("\ufeff")[skipped:]
            out.write((text.replace("\r", "\n") if macintosh else text).encode("utf-8", "replace"))
            done += len(chunk)
            if not chunk:
                return


def refuse_bytes(path: Path, byte: int, codec: str, likely: str = "windows-1252") -> NoReturn:
    """Refuse a file that is no text in `codec`, and name the encoding that is likely."""
    if codec != "utf-8":
        message = _("{path}, byte {byte}: no text in {codec}")
    else:
        message = _("{path}, byte {byte}: not UTF-8 text; if it is text in another encoding: --encoding {likely}")
    raise DataError(message.format(path=path, byte=byte, codec=codec, likely=likely))


def check_utf8(request: Request, file: BinaryIO) -> None:
    """Refuse a file that is not in UTF-8, naming the first byte that is not."""
    decoder, done = codecs.getincrementaldecoder("utf-8")(), 0
    while chunk := file.read(MOST_HEADER):
        kept = len(decoder.getstate()[0])  # bytes of a letter that the chunk before began
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            refuse_bytes(request.path, done - kept + error.start, "utf-8")
        done += len(chunk)
