"""Inputs without labels, to be classified by a model: images, arrays and tables, brought to what it reads."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.arrays import suited
from descenso.data.digits import as_mnist
from descenso.data.formats.images import in_mode, open_image
from descenso.data.formats.npz import read_arrays
from descenso.data.formats.tables import SUFFIXES, read_table
from descenso.data.limits import Limits
from descenso.errors import DataError
from descenso.text import _

AT_ONCE = 2**20  # pixels of images of one size that are made digits together

Part = tuple[Path, NDArray[np.generic], list[str]]  # where some rows end, they themselves, and what to call each


class Expected(NamedTuple):
    """What a model reads.

    Attributes:
        input_shape: of one row.
        columns: names of the inputs, where it learned from a table that has them.
        stored: "uint8", as pictures are, or "float64".
        like_mnist: whether images are to be made as MNIST's were.
    """

    input_shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    stored: str = "uint8"
    like_mnist: bool = False


def read_inputs(paths: Sequence[Path], like: Expected, limits: Limits) -> tuple[NDArray[np.generic], list[str]]:
    """The inputs in `paths`, and what to call each row.

    An image (PNG, JPEG) of any size and mode is one row, brought to the model's size and to grey or colour as it
    reads; for digits see `descenso.data.digits`. Of an NPZ file, the array `x` or `x_test` or the only one; of a CSV
    or Parquet file, the columns that the model reads, by name.

    Returns:
        inputs: (rows, *input_shape), of the type that `like` has; unscaled, as stored.
        names: one a row, `path` for an image, else `path:row` as a person counts, from 1.

    Raises:
        DataError: naming the file that cannot be read, or does not fit the model.
    """
    parts, names = list[NDArray[np.generic]](), list[str]()
    rows = 0
    for path, part, of_part in _parts(paths, like, limits):
        names += of_part
        rows += len(part)
        limits.check("rows", rows, path)
        limits.check("array_bytes", rows * part[:1].nbytes, path)
        parts.append(part)
    return np.concatenate(parts) if len(parts) > 1 else parts[0], names


def _parts(paths: Sequence[Path], like: Expected, limits: Limits) -> Iterator[Part]:
    """Some rows of `paths` after the other."""
    for suffix, group in groupby(paths, key=lambda path: path.suffix.lower()):
        if suffix not in (".npz", *SUFFIXES):
            yield from _from_images(group, like, limits)
            continue
        for path in group:
            part = (_from_npz if suffix == ".npz" else _from_table)(path, like, limits)
            yield path, part, [f"{path}:{row + 1}" for row in range(len(part))]


def _from_images(paths: Iterable[Path], like: Expected, limits: Limits) -> Iterator[Part]:
    """Images that follow one another in one size are made digits together, which takes a fraction of the time."""
    images = ((path, _pixels(path, like, limits)) for path in paths)
    for shape, alike in groupby(images, key=lambda image: image[1].shape):
        most = max(1, AT_ONCE // math.prod(shape))
        while some := list(islice(alike, most)):
            these, pixels = zip(*some, strict=True)
            rows = suited(str(these[0]), np.stack(pixels), like.stored)
            yield these[-1], as_mnist(rows, these) if like.like_mnist else rows, list(map(str, these))


def _pixels(path: Path, like: Expected, limits: Limits) -> NDArray[np.generic]:
    """The image in `path`, grey or in colour as the model reads; in its own size where it is to be made a digit."""
    shape = like.input_shape
    if path.is_dir():
        raise DataError(_("{path}: a folder; name the files in it, {path}/*").format(path=path))
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in (1, 3)):
        raise DataError(
            _("{path}: the model reads rows of {shape}, and no images; give it a table or an NPZ file").format(
                path=path, shape="×".join(map(str, shape))
            )
        )
    image = in_mode(open_image(path, limits), "RGB" if shape[2:] == (3,) else "L")
    if like.like_mnist:
        return np.asarray(image)
    return np.asarray(image.resize((shape[1], shape[0]))).reshape(shape)


def _from_npz(path: Path, like: Expected, limits: Limits) -> NDArray[np.generic]:
    arrays = read_arrays(path, limits)
    name = next((name for name in ("x", "x_test") if name in arrays), "")
    if not name and len(arrays) != 1:
        raise DataError(
            _("{path}: its arrays are {found}; which holds the inputs? call it x").format(
                path=path, found=", ".join(arrays) or _("none")
            )
        )
    inputs = arrays[name] if name else next(iter(arrays.values()))
    if inputs.shape[1:] != like.input_shape or not len(inputs):
        raise DataError(
            _("{path}: an array of shape {got}, the model reads rows of {expected}").format(
                path=path, got=inputs.shape, expected="×".join(map(str, like.input_shape))
            )
        )
    values = suited(str(path), inputs, like.stored)
    broken = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
    if len(broken):
        raise DataError(
            _("{path}: row {row} holds a value that is not finite").format(path=path, row=int(broken[0]) + 1)
        )
    return values


def _from_table(path: Path, like: Expected, limits: Limits) -> NDArray[np.generic]:
    table = read_table(path, limits, None, like.columns)
    if (len(table.columns),) != like.input_shape:
        raise DataError(
            _("{path}: {got} columns, the model reads rows of {expected}").format(
                path=path, got=len(table.columns), expected="×".join(map(str, like.input_shape))
            )
        )
    return table.inputs.astype(np.float64, copy=False)
