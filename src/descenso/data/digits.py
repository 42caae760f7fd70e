"""Prepare drawn digits as MNIST's were: light on dark, fitted into 20×20 pixels, and centred by mass in 28×28.

Source: LeCun, Cortes and Burges, The MNIST Database of Handwritten Digits.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from descenso.text import _

DIGIT, FIELD = 20, 28  # pixels: MNIST's digits were brought to fit 20×20, and then placed in 28×28
MIDDLE = 14  # the row and column, counted from 0, at which the centre of mass of every MNIST digit is
FAINT = 16  # of 255: the least contrast of ink to its ground
EDGE = 48  # of 255, at full contrast: where a digit begins; less is the halo of a scan or of resizing


def as_mnist(drawn: NDArray[np.generic]) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Convert digits drawn on images of one size to MNIST's form.

    The background is the median of the border; the ink is lighter or darker, whichever has more mass. Differences from
    the background that are no larger than those of the border itself are no ink, and are cut away around the digit.

    Args:
        drawn: (rows, height, width), grey, uint8.

    Returns:
        (rows that are not refused, 28, 28); and of those that are, by their numbers, why.
    """
    ink = _ink(drawn.astype(np.float64))
    most = ink.max(axis=(1, 2))
    refused = {int(row): _("nothing is drawn on it, every pixel is nearly the same")
               for row in np.flatnonzero(most < FAINT)}  # fmt: skip
    kept = np.array([row not in refused for row in range(len(drawn))], np.bool_)
    ink, most = ink[kept], most[kept]
    ink *= (255 / most)[:, None, None]
    shapes, fitted = _fitted(np.rint(ink).astype(np.uint8), ink > EDGE)
    fields = np.zeros((len(ink), FIELD, FIELD), np.uint8)
    places = np.clip(np.rint(MIDDLE - _centres(fitted)).astype(int), 0, FIELD - shapes)
    for field, digit, (top, left), (height, width) in zip(
        fields, fitted, places.tolist(), shapes.tolist(), strict=True
    ):
        field[top : top + height, left : left + width] = digit[:height, :width]
    return fields, refused


def _ink(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each pixel's distance from its image's background, less the noise of the border: (rows, height, width)."""
    border = np.concatenate([drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1]], axis=1)
    ground = np.median(border, axis=1, keepdims=True)  # (rows, 1)
    noise = 4 * np.median(np.abs(border - ground), axis=1)[:, None, None]
    ground = ground[:, :, None]
    darker, lighter = np.maximum(ground - drawn - noise, 0), np.maximum(drawn - ground - noise, 0)
    mostly_dark = darker.sum(axis=(1, 2)) > lighter.sum(axis=(1, 2))
    return np.asarray(np.where(mostly_dark[:, None, None], darker, lighter))


def _fitted(pixels: NDArray[np.uint8], inked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Resize the inked part of each image to fit 20×20; return heights and widths, and the parts, in the upper left."""
    rows, above, across = pixels.shape
    column = Image.fromarray(pixels.reshape(rows * above, across))  # all of them, one below the other: few conversions
    fitted = Image.new("L", (DIGIT, rows * DIGIT))
    shapes = np.empty((rows, 2), np.int64)
    spans = [_span(np.asarray(inked.any(axis=axis))) for axis in (2, 1)]
    for row, (top, bottom, left, right) in enumerate(np.stack([*spans[0], *spans[1]], axis=1).tolist()):
        ratio = DIGIT / max(bottom - top, right - left)
        height, width = (max(1, round(size * ratio)) for size in (bottom - top, right - left))
        digit = column.crop((left, row * above + top, right, row * above + bottom)).resize((width, height))
        fitted.paste(digit, (0, row * DIGIT))
        shapes[row] = height, width
    return shapes, np.asarray(fitted).reshape(rows, DIGIT, DIGIT)


def _span(some: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the index of the first true value of each row, and the index after the last one."""
    return some.argmax(axis=1), some.shape[1] - some[:, ::-1].argmax(axis=1)


def _centres(digits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the row and column of each centre of mass, 0 without mass: (rows, 2)."""
    mass = np.maximum(digits.sum(axis=(1, 2)), 1)
    sums = [digits.sum(axis=axis) @ np.arange(DIGIT) for axis in (2, 1)]
    return np.asarray(np.stack(sums, axis=1) / mass[:, None])
