"""Datasets by name or by folder."""

from pathlib import Path

import numpy as np
import pooch

from descenso.config import closest
from descenso.data.checks import check_dataset
from descenso.data.dataset import Dataset, Split
from descenso.data.idx import read_idx
from descenso.data.limits import Limits
from descenso.errors import ConfigError, DataError
from descenso.text import _

__all__ = ["NAMES", "load"]

NAMES = ("mnist",)
BUNDLED = Path(__file__).parent / "mnist"
PARTS = {"train": "train", "test": "t10k"}  # the MNIST files' own names for the two splits


def load(name: str, limits: Limits | None = None) -> Dataset:
    """The dataset called `name`, or the one in the folder of that path.

    Args:
        name: "mnist" (bundled: 60,000 training and 10,000 test rows of 28×28 uint8 pixels, 10 classes), or
            a folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
            `t10k-labels-idx1-ubyte`, gzipped (`.gz`) or not.

        limits: what to refuse as too large; by default what suits a laptop.

    Raises:
        ConfigError: for a name that is neither.
        DataError: for files that are missing, damaged, too large, or do not fit together.

    >>> load("mnist").train.inputs.shape
    (60000, 28, 28)
    """
    if name == "mnist":
        return _from_folder(BUNDLED, name, Limits(), num_classes=10, digests=_digests())
    folder = Path(name)
    try:
        if folder.is_dir():
            return _from_folder(folder, name, limits)
        is_path = folder.exists() or folder.name != name
    except OSError as error:  # a name too long, a folder that may not be entered
        raise DataError(_("{path}: cannot be read ({reason})").format(path=name, reason=error.strerror)) from None
    if is_path:
        raise DataError(_("{path}: not a folder; give one that holds the four IDX files").format(path=name))
    raise ConfigError(
        _("there is no dataset {name!r}{hint}; the names are {names}, or give a folder of IDX files").format(
            name=name, hint=closest(name, NAMES), names=", ".join(NAMES)
        )
    )


def _from_folder(
    folder: Path,
    name: str,
    limits: Limits | None,
    num_classes: int | None = None,
    digests: dict[str, str] | None = None,
) -> Dataset:
    splits = {}
    for split, prefix in PARTS.items():
        arrays = {}
        for kind, dimensions in (("images", 3), ("labels", 1)):
            path = _find(folder, f"{prefix}-{kind}-idx{dimensions}-ubyte")
            if digests:
                _verify(path, digests)
            arrays[kind] = read_idx(path, limits)
            if arrays[kind].ndim != dimensions or arrays[kind].dtype != np.uint8:
                raise DataError(
                    _("{path}: {got} dimensions of {dtype}, expected {expected} of uint8").format(
                        path=path, got=arrays[kind].ndim, dtype=arrays[kind].dtype, expected=dimensions
                    )
                )
        splits[split] = Split(arrays["images"], arrays["labels"].astype(np.int32))
    classes = num_classes or int(splits["train"].labels.max(initial=-1)) + 1
    names = tuple(str(label) for label in range(classes))
    return check_dataset(Dataset(name, splits["train"], splits["test"], names, input_scale=1 / 255))


def _find(folder: Path, stem: str) -> Path:
    for candidate in (folder / f"{stem}.gz", folder / stem):
        if candidate.exists():
            if not candidate.resolve().is_relative_to(folder.resolve()):
                raise DataError(_("{path}: a link out of the folder; copy the file into it").format(path=candidate))
            return candidate
    raise DataError(_("{folder}: there is no {stem}, nor {stem}.gz").format(folder=folder, stem=stem))


def _digests() -> dict[str, str]:
    rows = (line.split() for line in (BUNDLED / "SHA256SUMS").read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in rows}


def _verify(path: Path, digests: dict[str, str]) -> None:
    if pooch.file_hash(str(path)) != digests[path.name]:
        raise DataError(_("{path}: its SHA-256 is not the one published; install descenso again").format(path=path))
