"""Make IDX files, and check the errors of those that are refused."""

import re
import struct

import numpy as np
import pytest

from descenso.errors import DataError

HUGE = 2**32 - 1


def values(kind, shape):
    """Return random values that include the extremes of the type."""
    random = np.random.default_rng(7)
    if kind.startswith("f"):
        extremes = [np.inf, -np.inf, np.nan, -0.0, np.finfo(kind).max, np.finfo(kind).tiny]
        array = random.normal(size=shape).astype(kind)
    else:
        extremes = [np.iinfo(kind).min, np.iinfo(kind).max]
        array = random.integers(*extremes, size=shape, dtype=kind, endpoint=True)
    array.flat[: len(extremes)] = extremes[: array.size]
    return array


def header(*sizes, code=8, dimensions=None):
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, code, len(sizes) if dimensions is None else dimensions, *sizes)


def refusal(path, offset, reason):
    return re.escape(f"{path}, byte {offset}: {reason}") + "$"


def refused(path, offset, reason):
    return pytest.raises(DataError, match=refusal(path, offset, reason))


def beyond(path, name, value, limit):
    message = f"{path}: {name} would be {value}, the limit is {limit}; try --limit {name}={value}"
    return pytest.raises(DataError, match=rf"^{re.escape(message)}(; or convert it, .* && descenso train .*)?$")
