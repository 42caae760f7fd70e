"""Read a folder of four IDX files, as MNIST and the datasets after it are published."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pooch

from descenso.data.dataset import Dataset, Scaling, Split
from descenso.data.formats.idx import read_idx
from descenso.data.limits import Limits
from descenso.data.request import Request
from descenso.errors import DataError
from descenso.files import inside
from descenso.text import _

PREFIXES = ("train", "t10k")  # MNIST's own names for the two splits


def holds(folder: Path, prefixes: tuple[str, str] = PREFIXES) -> int:
    """Count the four files that are there."""
    stems = [f"{prefix}-{kind}-ubyte" for prefix in prefixes for kind in ("images-idx3", "labels-idx1")]
    return sum((folder / stem).exists() or (folder / f"{stem}.gz").exists() for stem in stems)


def recognises(folder: Path) -> bool:
    """Tell whether any of the four files is in `folder`."""
    return holds(folder) > 0


def read(request: Request) -> Dataset:
    """Read the dataset in a folder of IDX files."""
    train, test = read_folder(request.path, request.limits)
    classes = int(train.labels.max(initial=-1)) + 1
    return Dataset(request.name, train, test, tuple(map(str, range(classes))), scaling=Scaling(scale=1 / 255))


def read_folder(
    folder: Path,
    limits: Limits,
    prefixes: tuple[str, str] = PREFIXES,
    digests: Mapping[str, str] | None = None,
) -> list[Split]:
    """Read the training rows and the test rows in `folder`.

    Args:
        folder: with `PREFIX-images-idx3-ubyte` and `PREFIX-labels-idx1-ubyte` of both prefixes, gzipped (`.gz`) or not.
        limits: what to refuse as too large.
        prefixes: beginnings of the names, training first.
        digests: published SHA-256 by file name; None to trust the files.

    Raises:
        DataError: for files that are missing, damaged, too large, or of other types and dimensions.
    """
    splits = []
    for prefix in prefixes:
        arrays = []
        for kind, dimensions in (("images", 3), ("labels", 1)):
            path = _find(folder, f"{prefix}-{kind}-idx{dimensions}-ubyte")
            if digests and pooch.file_hash(str(path)) != digests[path.name]:
                raise DataError(
                    _("{path}: its SHA-256 is not the one published; install descenso again").format(path=path)
                )
            array = read_idx(path, limits)
            if array.ndim != dimensions or array.dtype != np.uint8:
                raise DataError(
                    _("{path}: {got} dimensions of {dtype}, expected {expected} of uint8").format(
                        path=path, got=array.ndim, dtype=array.dtype, expected=dimensions
                    )
                )
            arrays.append(array)
        splits.append(Split(arrays[0], arrays[1].astype(np.int32)))
    return splits


def _find(folder: Path, stem: str) -> Path:
    for name in (f"{stem}.gz", stem):
        if (folder / name).exists():
            return inside(folder, name)
    raise DataError(_("{folder}: there is no {stem}, nor {stem}.gz").format(folder=folder, stem=stem))
