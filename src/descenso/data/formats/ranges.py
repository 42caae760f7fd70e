"""Find the range of the values of pictures, and bring pictures of another depth to the range that a model reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from descenso.data.dataset import Scaling
from descenso.data.formats.image_files import EIGHT, FLOATS, UPPER, WHOLE, Pixels
from descenso.data.sources import Expected
from descenso.errors import DataError
from descenso.text import _, prose

Range = tuple[float, float]
FULL = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # the largest values of 8, 10, 12, 14 and 16 bits
FAINT = 31  # of 255: where no value of 8 bits exceeds it, the range ends at the largest value
LEAST_UPPER = 64  # of the upper 8 of 16 bits: with less, the lower ones may hold the picture
FULL_SCALES = (1.0, 255.0, 65535.0)  # ends of ranges that correspond to 255 in 8 bits


def range_of(low: float, high: float, depth: str) -> Range | None:
    """Return the range of pictures whose values lie in [low, high]; None for that of 8 bits, [0, 255].

    It begins at 0, unless there are negative values, and ends at the next full scale of 1, 8, 10, 12, 14 or 16 bits;
    where all values are far below, or above all of these, at the largest value.

    >>> range_of(0, 250, WHOLE), range_of(3, 4000, WHOLE), range_of(0, 0.97, FLOATS), range_of(-20, 37.5, FLOATS)
    ((0.0, 255.0), (0.0, 4095.0), (0.0, 1.0), (-20.0, 37.5))
    """
    if depth in (EIGHT, UPPER):
        return (0.0, float(high)) if 0 < high <= FAINT else None
    if low == high:
        return (float(low), float(low) + 1)
    if low < 0 or high > FULL[-1]:
        return (float(low), float(high))
    scales = (1.0, *FULL) if depth == FLOATS else FULL
    scale = next(scale for scale in scales if high <= scale)
    return (0.0, float(high) if high <= scale * FAINT / 255 and scale <= FULL[0] else scale)


def scaling_of(pixel_range: Range | None) -> Scaling:
    """Return the scaling that brings the range to [0, 1]."""
    low, high = pixel_range or (0.0, 255.0)
    return Scaling(low, 1 / (high - low))


def in_one_range(
    pictures: NDArray[Any], depths: Sequence[str], paths: Sequence[Path]
) -> tuple[NDArray[Any], Range | None, tuple[str, ...]]:
    """Find the range of a folder's pictures, and bring those of 8 bits to it where it is that of more bits.

    Args:
        pictures: (rows, height, width[, 3]), uint8, or float32 where some have more than 8 bits; may be changed.
        depths: of each.
        paths: of each, for the error.

    Returns:
        The pictures, their range, and sentences that say so.

    Raises:
        DataError: naming two files whose values cannot be compared.
    """
    kinds = np.array(depths)
    upper = np.flatnonzero(kinds == UPPER)
    if len(upper) and pictures[upper].max() < LEAST_UPPER:
        _refuse_upper(paths[upper[0]])
    wide = np.flatnonzero(np.isin(kinds, (WHOLE, FLOATS)))
    depth = depths[wide[0]] if len(wide) else EIGHT
    other = np.flatnonzero(kinds[wide] != depth)
    if len(other):
        message = _("{path}: floats, but {other}: whole numbers; bring all to one type")
        first, second = paths[wide[0]], paths[wide[other[0]]]
        names = (first, second) if depth == FLOATS else (second, first)
        raise DataError(message.format(path=names[0], other=names[1]))
    values = pictures[wide] if len(wide) else pictures
    least, most = float(values.min()), float(values.max())
    pixel_range = range_of(least, most, depth)
    if pixel_range is None:
        return pictures, None, ()
    narrow = np.flatnonzero(~np.isin(kinds, (WHOLE, FLOATS))) if len(wide) else np.arange(0)
    if len(narrow):
        pictures[narrow] *= _factor(pixel_range, paths[narrow[0]])
    message = _("the pictures' values reach from {least:g} to {most:g}: [{low:g}, {high:g}] is scaled to [0, 1]")
    return pictures, pixel_range, (prose(message, least=least, most=most, low=pixel_range[0], high=pixel_range[1]),)


def as_learned(picture: Pixels, path: Path, expected: Expected) -> NDArray[Any]:
    """Bring a picture to the range of those that a model learned from: uint8, or float64 where they have more bits.

    A digit that is to be prepared as MNIST's is brought from its own range to [0, 255].

    Raises:
        DataError: where its own depth does not say what its values mean there.
    """
    values, wanted = picture.values, expected.pixel_range
    if picture.depth == UPPER and values.max() < LEAST_UPPER:
        _refuse_upper(path)
    if expected.like_mnist:
        return _stretched(values) if values.dtype != np.uint8 else values
    if expected.stored == "uint8":
        return _as_uint8(picture, path, wanted)
    if wanted is None:
        message = _("{path}: a picture; the model learned from floats, scaled before: give it floats, in an NPZ file")
        raise DataError(message.format(path=path))
    if picture.depth in (EIGHT, UPPER):
        return np.asarray(values * np.float64(_factor(wanted, path)))
    outside = wanted[0] == 0 and wanted[1] in (1.0, *FULL) and (values.max() > wanted[1] or values.min() < 0)
    if outside or (picture.depth == FLOATS and values.min() >= 0 and values.max() <= 1 < wanted[1]):
        _refuse_range(path, values, wanted)
    return values.astype(np.float64)


def _as_uint8(picture: Pixels, path: Path, wanted: Range | None) -> NDArray[np.uint8]:
    values = picture.values
    if picture.depth == WHOLE and wanted is None and FULL[-2] < values.max() <= FULL[-1] and values.min() >= 0:
        return np.rint(values / 257).astype(np.uint8)
    if values.dtype != np.uint8 or (wanted and values.max() > wanted[1]):
        _refuse_range(path, values, wanted or (0.0, 255.0))
    return values


def _factor(pixel_range: Range, path: Path) -> float:
    """Return what pixels of 8 bits are multiplied by in a range of more bits."""
    low, high = pixel_range
    if low != 0 or high not in FULL_SCALES:
        message = _("{path}: pixels of 8 bits, where the others are in [{low:g}, {high:g}]; which of these is 255?"
                    " Give it in the type of the others")  # fmt: skip
        raise DataError(prose(message, path=str(path), low=low, high=high))
    return high / 255


def _stretched(values: NDArray[Any]) -> NDArray[np.uint8]:
    least, most = float(values.min()), float(values.max())
    return np.rint((values - least) * (255 / max(most - least, 1e-30))).astype(np.uint8)


def _refuse_range(path: Path, values: NDArray[Any], wanted: Range) -> NoReturn:
    message = _("{path}: values from {least:g} to {most:g}, the model learned from pictures in [{low:g}, {high:g}]; "
                "bring it to that range")  # fmt: skip
    least, most = float(values.min()), float(values.max())
    raise DataError(prose(message, path=str(path), least=least, most=most, low=wanted[0], high=wanted[1]))


def _refuse_upper(path: Path) -> NoReturn:
    message = _("{path}: colours of 16 bits, of which the upper 8 are read, and those are dark; save it with 8 bits")
    raise DataError(message.format(path=path))
