"""Read inputs without labels, to predict on: images, arrays and tables, in the shape and type that a model reads."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from descenso.data.formats import FORMATS, of_file, titles
from descenso.data.sources import Expected, Limits
from descenso.errors import DataError
from descenso.text import _


def read_inputs(paths: Sequence[Path], expected: Expected, limits: Limits) -> tuple[NDArray[np.generic], list[str]]:
    """Read the inputs in `paths`.

    An image of any size and mode is one row, resized and converted to grey or colour as the model reads, and so is each
    in a folder; for digits see `descenso.data.digits`. Of an NPZ file, the array `x` or `x_test` or the only one; of a
    CSV or Parquet file, the columns that the model reads, by name.

    Returns:
        inputs: (rows, *input_shape), of the type that `expected` has; unscaled, as stored.
        names: one a row, `path` for an image, else `path:row`, counted from 1.

    Raises:
        DataError: naming the file that cannot be read, or does not fit the model.
    """
    parts, names = list[NDArray[np.generic]](), list[str]()
    rows = 0
    for file_format, group in groupby(paths, key=lambda path: of_file(path) or FORMATS["images"]):
        files = list(group)
        if file_format is FORMATS["images"]:
            _check_images(files, expected)
        for path, part, part_names in file_format.reader.read_inputs(files, expected, limits):
            names += part_names
            rows += len(part)
            limits.check("rows", rows, path)
            limits.check("array_bytes", rows * part[:1].nbytes, path)
            parts.append(part)
    return np.concatenate(parts) if len(parts) > 1 else parts[0], names


def how_prepared(paths: Sequence[Path], expected: Expected) -> str:
    """Say how images were brought to what the model reads; nothing of other inputs."""
    if not any((of_file(path) or FORMATS["images"]) is FORMATS["images"] for path in paths):
        return ""
    height, width, *_channels = expected.input_shape
    if expected.like_mnist:
        return _(
            "Prepared as MNIST's digits were: light on dark, so that dark ink on light paper is inverted; the shade of "
            "the ground taken away; fitted into 20×20 pixels; centred by mass in 28×28."
        )
    message = _("Resized to {height}×{width} pixels in grey.")
    if len(expected.input_shape) == 3:
        message = _("Resized to {height}×{width} pixels in colour.")
    return message.format(height=height, width=width)


def _check_images(files: list[Path], expected: Expected) -> None:
    """Check that the model reads rows of the shape of an image."""
    if not expected.is_of_images:
        message = _("{path}: the model reads rows of {shape}, and no images; give it a file of rows: {formats}")
        raise DataError(message.format(path=files[0], shape="×".join(map(str, expected.input_shape)), formats=titles()))
