import gzip
import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from descenso.data.formats.idx import read_idx
from descenso.data.sources import Limits
from descenso.errors import DataError
from idx_files import HUGE, beyond, header, refused, values
from samples import CODES, idx_bytes

GZIP_MAGIC = b"\x1f\x8b"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One path, reused by all examples of Hypothesis."""
    return tmp_path_factory.mktemp("idx") / "scratch"


ABSURD = {
    "three": (HUGE, HUGE, HUGE),
    "eight": (HUGE,) * 8,
    "first": (HUGE, 1, 1),
    "second": (1, HUGE, 1),
    "third": (1, 1, HUGE),
    "just too many": (2**31 // 28 + 1, 28, 1),
    "wraps to 0 in 64 bits": (2**31, 2**31, 4),
    "wraps to 131072 in 32 bits": (65537 * 2, 65536, 1),
    "no rows": (0, HUGE, HUGE),
    "no columns": (HUGE, HUGE, 0),
    "nothing in eight": (HUGE, 0) + (HUGE,) * 6,
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("sizes", ABSURD.values(), ids=ABSURD)
def test_absurd_sizes_are_refused_without_memory(sizes, zipped, tmp_path):
    path = tmp_path / "file"
    content = header(*sizes) + bytes(100)
    path.write_bytes(gzip.compress(content) if zipped else content)
    claimed = math.prod(max(size, 1) for size in sizes)
    for limits in (Limits(), Limits._make([2**300] * len(Limits._fields))):  # the defaults, and none
        with refused(path, 4, f"{claimed} bytes claimed, the file cannot hold them"):
            read_measured(path, limits)


def test_a_claim_is_held_against_the_size_of_the_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(header(2**20, 2**11) + bytes(100))  # 2 GiB, the limit
    with refused(path, 4, f"{2**31} bytes claimed, the file cannot hold them"):
        read_measured(path)
    path.write_bytes(header(101) + bytes(100))
    with refused(path, 4, "101 bytes claimed, the file cannot hold them"):
        read_measured(path)


def test_a_claim_is_held_against_the_most_that_gzip_can_expand(tmp_path):
    path = tmp_path / "file.gz"
    stored = len(gzip.compress(header(0), compresslevel=0))  # uncompressed: the length does not depend on the content
    possible = stored * 1032 - len(header(0))  # the most that deflate can expand (zlib's manual)
    path.write_bytes(gzip.compress(header(possible + 1), compresslevel=0))
    assert path.stat().st_size == stored
    with refused(path, 4, f"{possible + 1} bytes claimed, the file cannot hold them"):
        read_measured(path)
    path.write_bytes(gzip.compress(header(possible), compresslevel=0))
    with refused(path, 8, f"the data ends {possible} bytes early"):
        read_idx(path)


def test_the_densest_gzip_is_read(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(header(3000, 1000) + bytes(3_000_000), compresslevel=9))
    assert path.stat().st_size * 1000 < 3_000_000  # close to the maximum
    assert not read_idx(path).any()


LIMITS = {
    "file_bytes": (Limits(file_bytes=87), 88),
    "array_bytes": (Limits(array_bytes=71), 72),
    "rows": (Limits(rows=2), 3),
    "pixels": (Limits(pixels=11), 12),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_beyond_a_limit_is_refused_and_at_the_limit_read(name, tmp_path):
    path, array = tmp_path / "file", values("i2", (3, 4, 3))
    path.write_bytes(idx_bytes(array))
    limits, value = LIMITS[name]
    with beyond(path, name, value, value - 1):
        read_measured(path, limits)
    np.testing.assert_array_equal(read_idx(path, limits._replace(**{name: value})), array, strict=True)


def read_measured(path, limits=None):
    """Call `read_idx`, and check that it needs no more memory than the buffers of an open file."""
    tracemalloc.start()
    try:
        return read_idx(path, limits)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**19, f"{peak} bytes were allocated"


BASES = {
    (kind, zipped): gzip.compress(idx_bytes(values(kind, (2, 3, 3))), mtime=0)
    if zipped
    else idx_bytes(values(kind, (2, 3, 3)))
    for kind in ("u1", "i4", "f8")
    for zipped in (False, True)
}
FLIP = st.tuples(st.just("flip"), st.integers(0, 300), st.integers(1, 255))
CUT = st.tuples(st.just("cut"), st.integers(0, 300), st.just(0))
PAD = st.tuples(st.just("pad"), st.integers(1, 40), st.integers(0, 255))


def mutated(content, changes):
    content = bytearray(content)
    for what, where, value in changes:
        if what == "flip" and content:
            content[where % len(content)] ^= value
        elif what == "cut":
            del content[where % (len(content) + 1) :]
        elif what == "pad":
            content += bytes([value]) * where
    return bytes(content)


@given(base=st.sampled_from(sorted(BASES)), changes=st.lists(FLIP | CUT | PAD, min_size=1, max_size=3))
@settings(max_examples=800)
@example(base=("u1", False), changes=[("flip", 4, 255), ("flip", 5, 255), ("flip", 11, 3)])
def test_a_changed_file_is_refused_or_is_what_it_says(scratch, base, changes):
    content = mutated(BASES[base], changes)
    scratch.write_bytes(content)
    try:
        array = read_idx(scratch)
    except DataError as error:
        assert str(error).startswith(str(scratch))
        return
    plain = gzip.decompress(content) if content[:2] == GZIP_MAGIC else content
    assert plain[:4] == bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    assert plain[4:] == sizes + array.astype(array.dtype.newbyteorder()).tobytes()
