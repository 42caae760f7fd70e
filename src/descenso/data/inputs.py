"""Inputs without labels, to be classified by a model: images, arrays and tables, brought to what it reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from descenso.data.images import open_image
from descenso.data.limits import Limits
from descenso.data.npz import read_arrays
from descenso.data.tables import SUFFIXES, read_table
from descenso.errors import DataError
from descenso.text import _

DIGIT, FIELD = 20, 28  # pixels: MNIST's digits were brought to fit 20×20, and then placed in 28×28
MIDDLE = 14  # the row and column, counted from 0, at which the centre of mass of every MNIST digit is
FAINT = 16  # of 255: the least contrast of ink to its ground
EDGE = 48  # of 255, at full contrast: where a digit begins; less is the halo of a scan or of resizing

__all__ = ["Expected", "read_inputs"]


class Expected(NamedTuple):
    """What a model reads.

    Attributes:
        input_shape: of one row.
        columns: names of the inputs, where it learned from a table that has them.
        kind: "u" for uint8, as pictures are stored, "f" for floats.
        like_mnist: whether images are to be made as MNIST's were.
    """

    input_shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    kind: str = "u"
    like_mnist: bool = False


def read_inputs(paths: Sequence[Path], like: Expected, limits: Limits) -> tuple[NDArray[np.generic], list[str]]:
    """The inputs in `paths`, and what to call each row.

    An image (PNG, JPEG) of any size and mode is one row, brought to the model's size and to grey or colour as it
    reads; see `as_mnist` for digits. Of an NPZ file, the array `x` or `x_test` or the only one; of a CSV or Parquet
    file, the columns that the model reads, by name.

    Returns:
        inputs: (rows, *input_shape), uint8 or float64 as `like` has it; unscaled, as stored.
        names: one a row, `path` for an image, else `path:row` as a person counts, from 1.

    Raises:
        DataError: naming the file that cannot be read, or does not fit the model.
    """
    parts, names = [], []
    rows = 0
    for path in paths:
        suffix = path.suffix.lower()
        if suffix == ".npz":
            part = _from_npz(path, like, limits)
        elif suffix in SUFFIXES:
            part = _from_table(path, like, limits)
        else:
            part = _from_image(path, like, limits)[None]
        names += [f"{path}:{row + 1}" for row in range(len(part))] if suffix in (".npz", *SUFFIXES) else [str(path)]
        rows += len(part)
        limits.check("rows", rows, path)
        limits.check("array_bytes", rows * part[:1].nbytes, path)
        parts.append(part)
    return np.concatenate(parts) if len(parts) > 1 else parts[0], names


def _from_image(path: Path, like: Expected, limits: Limits) -> NDArray[np.generic]:
    shape = like.input_shape
    if len(shape) != 2 and not (len(shape) == 3 and shape[2] in (1, 3)):
        raise DataError(
            _("{path}: the model reads rows of {shape}, and no images; give it a table or an NPZ file").format(
                path=path, shape="×".join(map(str, shape))
            )
        )
    image = open_image(path, limits).convert("RGB" if shape[2:] == (3,) else "L")
    if like.like_mnist:
        return as_mnist(image, path)
    pixels = np.asarray(image.resize((shape[1], shape[0]))).reshape(shape)
    return pixels if like.kind == "u" else pixels.astype(np.float64)


def as_mnist(image: Image.Image, path: Path) -> NDArray[np.uint8]:
    """A drawn digit as MNIST's were made: light on dark, fitted into 20×20 and centred by mass in 28×28.

    The ground is what the border mostly shows; where that is light, light and dark change places. What differs from it
    no more than the border itself does is no ink, and is cut away around the digit. Source: LeCun, Cortes and Burges,
    The MNIST Database of Handwritten Digits.

    Raises:
        DataError: where nothing is drawn.
    """
    drawn = np.asarray(image).astype(np.float64)
    border = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
    ground = float(np.median(border))
    noise = 4 * float(np.median(np.abs(border - ground)))  # nothing that half the border stays below is ink
    ink = np.clip((ground - drawn if ground > 127 else drawn - ground) - noise, 0, None)
    if ink.max() < FAINT:
        raise DataError(_("{path}: nothing is drawn on it, every pixel is nearly the same").format(path=path))
    ink *= 255 / ink.max()
    rows, columns = (np.flatnonzero((ink > EDGE).any(axis=axis)) for axis in (1, 0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ratio = DIGIT / max(digit.shape)
    height, width = (max(1, round(size * ratio)) for size in digit.shape)
    fitted = Image.fromarray(np.rint(digit).astype(np.uint8)).resize((width, height))
    pixels = np.asarray(fitted)
    mass = np.maximum(pixels.sum(), 1)
    centre = [np.arange(size) @ pixels.sum(axis=1 - axis) / mass for axis, size in enumerate(pixels.shape)]
    top, left = (
        int(np.clip(round(MIDDLE - middle), 0, FIELD - size)) for middle, size in zip(centre, pixels.shape, strict=True)
    )
    field = np.zeros((FIELD, FIELD), np.uint8)
    field[top : top + height, left : left + width] = pixels
    return field


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
    if inputs.dtype.kind not in ("u" if like.kind == "u" else "iufb") or (like.kind == "u" and inputs.dtype != "u1"):
        raise DataError(
            _("{path}: values of type {got}, the model reads {expected}").format(
                path=path, got=inputs.dtype, expected="uint8" if like.kind == "u" else _("numbers")
            )
        )
    if like.kind == "u":
        return inputs
    values = inputs.astype(np.float64)
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
