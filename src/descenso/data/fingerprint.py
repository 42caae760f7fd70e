"""Compute fingerprints of arrays: SHA-256, so that equal means equal to the last bit."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from descenso.data.chunks import row_chunks
from descenso.data.dataset import Dataset


def fingerprint(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """Return the SHA-256, in hexadecimal, of names, dtypes, shapes and elements, in the order of the names.

    >>> fingerprint({"a": np.zeros(2)}) == fingerprint({"a": np.zeros(2)})
    True
    >>> fingerprint({"a": np.zeros(2)}) == fingerprint({"a": np.zeros((2, 1))})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.atleast_1d(arrays[name])
        little = array.dtype.newbyteorder("<")
        digest.update(f"{name} {little.str} {array.shape}\n".encode())
        for rows in row_chunks(array):
            chunk = np.ascontiguousarray(array[rows]).astype(little, copy=False)
            digest.update(chunk.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def data_fingerprint(data: Dataset) -> str:
    """Return the fingerprint of all rows of `data`, and of their scaling."""
    arrays = {f"{name}/{part}": array for name in ("train", "test")
              for part, array in getattr(data, name)._asdict().items() if array is not None}  # fmt: skip
    return fingerprint(
        {**arrays, "input_scale": np.asarray(data.scaling.scale), "input_shift": np.asarray(data.scaling.shift)}
    )
