"""Small synthetic data and IDX files of it, for all tests."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Dataset, Scaling, Split

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}  # from the description of the format


def tiny_dataset(train_rows: int = 203, test_rows: int = 61, num_classes: int = 4) -> Dataset:
    """Return 8×8 uint8 images: a pattern per class, with noise, so that there is something to learn.

    203 rows leave a smaller last batch at every usual batch size. The arrays are read-only, so that no test changes the
    data of another.
    """
    random = np.random.default_rng(2026)
    patterns = random.choice([70.0, 180.0], size=(num_classes, 8, 8))

    def split(rows: int) -> Split:
        labels = random.integers(num_classes, size=rows, dtype=np.int32)
        inputs = np.clip(patterns[labels] + random.normal(0, 60, (rows, 8, 8)), 0, 255).astype(np.uint8)
        inputs.setflags(write=False)
        labels.setflags(write=False)
        return Split(inputs, labels)

    names = tuple(str(label) for label in range(num_classes))
    return Dataset("tiny", split(train_rows), split(test_rows), names, scaling=Scaling(scale=1 / 255))


def idx_bytes(array: NDArray[np.generic]) -> bytes:
    """Return `array` as an IDX file, packed by `struct`, independently of the package's reader."""
    code = CODES[array.dtype.newbyteorder("=").str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    letter = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[array.dtype.str[1:]]
    return header + struct.pack(f">{array.size}{letter}", *array.ravel().tolist())


def write_folder(folder: Path, data: Dataset, zipped: bool = True) -> Path:
    """Write the four files of `data` into `folder` under MNIST's names."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, split in (("train", data.train), ("t10k", data.test)):
        for name, array in (("images-idx3", split.inputs), ("labels-idx1", split.labels.astype(np.uint8))):
            content = idx_bytes(array)
            stem = f"{prefix}-{name}-ubyte"
            path = folder / (f"{stem}.gz" if zipped else stem)
            path.write_bytes(gzip.compress(content, mtime=0) if zipped else content)
    return folder
