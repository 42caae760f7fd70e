"""Fingerprints: SHA-256 of arrays, so that equal means equal to the last bit."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Dataset


def fingerprint(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """SHA-256, in hexadecimal, of names, dtypes, shapes and elements, in the order of the names.

    >>> fingerprint({"a": np.zeros(2)}) == fingerprint({"a": np.zeros(2)})
    True
    >>> fingerprint({"a": np.zeros(2)}) == fingerprint({"a": np.zeros((2, 1))})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little.dtype.str} {array.shape}\n".encode())
        digest.update(little.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def data_fingerprint(data: Dataset) -> str:
    """The fingerprint of all rows of `data`, and of how they are scaled."""
    arrays = {f"{name}/{part}": array for name in ("train", "test")
              for part, array in getattr(data, name)._asdict().items()}  # fmt: skip
    return fingerprint(
        {**arrays, "input_scale": np.asarray(data.input_scale), "input_shift": np.asarray(data.input_shift)}
    )
