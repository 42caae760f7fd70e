"""Seeded random changes of bytes, of numbers in headers, and of values in JSON that stays valid."""

import copy
import gzip
import json
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

Change = Callable[[np.random.Generator, bytes], bytes]

BYTES = b'\0\1\x08\x7f\x80\xff"\\{}[]:,.-+eE0\n \x1b'
SIZES = [
    struct.pack(f"{order}I", size) for order in "<>" for size in (0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
]
HEADERS = [struct.pack("<Q", size) for size in (0, 1, 8, 100, 2**20, 2**31, 2**63, 2**64 - 1)]
WORDS = [
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"inf", b"1e999", b"-1", b"0", b"null", b"true", b"[]", b"{}", b'""',
    b"1" + b"0" * 400, b"9" * 5000, b"0x" + b"f" * 5000, b"[" * 3000, b'{"a":' * 3000, b"a." * 3000, b"\xff\xfe",
    b"\xed\xa0\x80", b'"\\ud800"', b'"\\u0000"', b"\x1b[31m", b"[red]", b"../../x", b"__proto__", b'"F64"', b'"BF16"',
    b'"I8"', b"[[a]]\n", b"'''", b'"running"', b'"damaged"', b",", b"\n", b"\r", b'"', b"1970-01-01",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 3, 0.5, 10**30, 10**4000, 2**63, 1e308, -0.0, float("nan"), float("inf"), "", "1", "\x1b[31m",
    "../../x", "\ud800", "a\0b", [], {}, [[]], {"bytes": 1}, [1, 2], [0, 2**62], "F64", "x" * 5000, "running",
]  # fmt: skip


def pick(random: np.random.Generator, choices: Any) -> Any:
    """Return one of `choices`."""
    return choices[int(random.integers(len(choices)))]


def bytes_with(words: list[bytes]) -> Change:
    """Return a change that alters bytes one to four times, by `words` among others, and sometimes cuts the end off."""

    def change(random: np.random.Generator, content: bytes) -> bytes:
        for _ in range(random.integers(1, 5)):
            first, last = sorted(random.integers(len(content) + 1, size=2).tolist())
            last = min(last, first + int(random.integers(1, 40)))
            piece, word, kind = content[first:last], pick(random, words), random.integers(6)
            if kind == 0:
                piece = bytes([piece[0] ^ 1 << int(random.integers(8))]) + piece[1:] if piece else b""
            elif kind == 1:
                piece = bytes([pick(random, BYTES)]) + piece[1:]
            elif kind == 2:
                piece = 2 * piece if random.integers(2) else b""
            elif kind == 3:
                piece = word
            elif kind == 4:  # where a header has a size
                first = 4 * int(random.integers(4))
                last, piece = first + len(word), word
            elif numbers := [*re.finditer(rb"[0-9.]+", content)]:
                (first, last), piece = pick(random, numbers).span(), word
            content = content[:first] + piece + content[last:]
        return content[: random.integers(len(content) + 1)] if random.integers(8) == 0 else content

    return change


def values_in(random: np.random.Generator, about: Any) -> Any:
    """Replace one to three values, names or entries of `about`, which comes from JSON."""
    for _ in range(random.integers(1, 4)):
        place = about
        while random.integers(3) and (below := [each for each in _entries(place).values() if _entries(each)]):
            place = pick(random, below)
        name, value = pick(random, [*_entries(place), "new"]), copy.deepcopy(pick(random, VALUES))
        if name == "new":
            place.append(value) if isinstance(place, list) else place.update(new=value)
        elif random.integers(5):
            place[name] = value
        elif random.integers(2) and isinstance(place, dict):
            place[str(pick(random, VALUES[-14:]))[:20]] = place.pop(name)
        else:
            del place[name]
    return about


def _entries(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}


def dumped(about: Any) -> bytes:
    """Return `about` as JSON, with Python's extensions such as NaN."""
    return json.dumps(about).encode()


def json_line(random: np.random.Generator, content: bytes) -> bytes:
    """Replace values in one line of JSON Lines."""
    lines = content.splitlines(keepends=True)
    where = int(random.integers(len(lines)))
    lines[where] = dumped(values_in(random, json.loads(lines[where]))) + b"\n"
    return b"".join(lines)


def json_whole(random: np.random.Generator, content: bytes) -> bytes:
    """Replace values in a JSON file."""
    return dumped(values_in(random, json.loads(content)))


def safetensors_header(random: np.random.Generator, content: bytes) -> bytes:
    """Change the header of a safetensors file, and make its length right."""
    size = int.from_bytes(content[:8], "little")
    header = dumped(values_in(random, json.loads(content[8 : 8 + size])))
    return struct.pack("<Q", len(header)) + header + content[8 + size :]


def either(*changes: Change) -> Change:
    """Return a change that applies one of `changes`."""
    return lambda random, content: pick(random, changes)(random, content)


def zipped(change: Change) -> Change:
    """Return a change of gzip data, before or after compression."""

    def changed(random: np.random.Generator, content: bytes) -> bytes:
        if random.integers(3):
            return gzip.compress(change(random, gzip.decompress(content)), mtime=0)
        return change(random, content)

    return changed
