"""Prepare drawn digits as MNIST's were: light on dark, fitted into 20×20 pixels, and centred by mass in 28×28.

Source: LeCun, Cortes and Burges, The MNIST Database of Handwritten Digits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from descenso.data.light import evened
from descenso.text import _

DIGIT, FIELD = 20, 28  # pixels: MNIST's digits were brought to fit 20×20, and then placed in 28×28
MIDDLE = 14  # the row and column, counted from 0, at which the centre of mass of every MNIST digit is
OFF = 0.53  # pixels: the largest distance from there in MNIST, whose digits are placed on whole pixels
FAINT = 16  # of 255: the least contrast of ink to its ground
CELLS = 32  # along each side, in which lines and borders are looked for
ALONG, MOST = 0.9, 0.6  # shares: of an edge that a border fills; of the picture that a digit covers
TALL, MUCH = 0.75, 0.2  # shares of height and of ink that each of two digits has
EDGE = 48  # of 255, at full contrast: where a digit begins; less is the halo of a scan or of resizing


def as_mnist(drawn: NDArray[np.uint8], *, photo: bool = True) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Convert digits drawn on images of one size to MNIST's form; those that have it already stay as they are.

    The background is the median of the border; the ink is lighter or darker, whichever has more mass. Differences from
    the background that are no larger than those of the border itself are no ink, and are cut away around the digit.

    Args:
        drawn: (rows, height, width), grey, uint8.
        photo: whether they may be photos, whose light is uneven, and on which there may be more than one digit, which
            is refused; false for strokes on an even canvas.

    Returns:
        (rows that are not refused, 28, 28); and of those that are, by their numbers, why.
    """
    done = _have_the_form(drawn)
    fields, refused = np.zeros((len(drawn), FIELD, FIELD), np.uint8), dict[int, str]()
    if done.any():
        fields[done] = drawn[done]
    others = np.flatnonzero(~done)
    if len(others):
        digits, why = _converted(drawn[others], photo)
        refused = {int(others[row]): reason for row, reason in why.items()}
        fields[[row for row in others.tolist() if row not in refused]] = digits
    return fields[[row for row in range(len(drawn)) if row not in refused]], refused


def _have_the_form(drawn: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell of each image whether it is as MNIST's are: 28×28, its ink 20 long on ground of 0, centred by mass."""
    if drawn.shape[1:] != (FIELD, FIELD):
        return np.zeros(len(drawn), np.bool_)
    inked = drawn > 0
    (top, bottom), (left, right) = (_span(np.asarray(inked.any(axis=axis))) for axis in (2, 1))
    longest = np.maximum(bottom - top, right - left)
    off = np.abs(_centres(drawn) - MIDDLE).max(axis=1)
    return np.asarray((longest >= DIGIT - 1) & (longest <= DIGIT) & (off <= OFF))


def _converted(drawn: NDArray[np.uint8], photo: bool) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Convert digits as `as_mnist` does."""
    grey = drawn.astype(np.float64)
    ink = _ink(evened(grey) if photo else grey)
    most = ink.max(axis=(1, 2))
    refused = {int(row): _("nothing is drawn on it, every pixel is nearly the same")
               for row in np.flatnonzero(most < FAINT)}  # fmt: skip
    kept = np.array([row not in refused for row in range(len(drawn))], np.bool_)
    ink, most = ink[kept], most[kept]
    ink *= (255 / most)[:, None, None]
    inked = ink > EDGE
    doubtful = _doubts(inked) if photo else {}
    if doubtful:
        rows = np.flatnonzero(kept)
        refused |= {int(rows[row]): reason for row, reason in doubtful.items()}
        chosen = np.array([row not in doubtful for row in range(len(ink))], np.bool_)
        ink, inked = ink[chosen], inked[chosen]
    shapes, fitted = _fitted(np.rint(ink).astype(np.uint8), inked)
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


def _doubts(inked: NDArray[np.bool_]) -> dict[int, str]:
    """Find pictures that hold something else than one digit, by the rows and columns of cells with ink.

    Returns:
        Why, by the number of the picture.
    """
    if not len(inked):
        return {}
    cells = _pooled(inked)
    doubts = {}
    covered = inked.mean(axis=(1, 2)) > MOST  # of a picture with a border, the ground is taken for ink
    ends = (cells[:, 0], cells[:, -1], cells[:, :, 0], cells[:, :, -1])
    touched = np.stack([end.any(axis=1) for end in ends], axis=1)
    gaps = (np.diff(cells.any(axis=1).astype(np.int8), axis=1) == 1).sum(axis=1) + cells[:, :, 0].any(axis=1) > 1
    for row in np.flatnonzero(touched.any(axis=1) | gaps | covered).tolist():
        picture = cells[row]
        if inked[row].mean() > MOST or _runs_along_an_edge(picture):
            doubts[row] = _("something runs along its edge, a border or a shadow; crop it to the digit")
        elif _is_ruled(picture) or _is_ruled(picture.T):
            doubts[row] = _("lines go from edge to edge, as on ruled paper; crop it to the digit, or use blank paper")
        elif _is_two(inked[row]):
            doubts[row] = _("two digits stand side by side on it; give a picture of each")
    return doubts


def _pooled(inked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell of each of at most CELLS×CELLS cells of the pictures whether there is ink in it."""
    starts = [np.unique(np.arange(min(size, CELLS)) * size // min(size, CELLS)) for size in inked.shape[1:]]
    return np.logical_or.reduceat(np.logical_or.reduceat(inked, starts[0], axis=1), starts[1], axis=2)


def _bands(some: Any) -> list[tuple[int, int]]:
    """Return where runs of true values begin and end."""
    steps = np.flatnonzero(np.diff(np.concatenate([[0], some, [0]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in steps.reshape(-1, 2)]


def _runs_along_an_edge(cells: NDArray[np.bool_]) -> bool:
    """Tell whether ink fills an edge, apart from other ink."""
    for picture in (cells, cells[::-1], cells.T, cells.T[::-1]):
        bands = _bands(picture.any(axis=1))
        if picture[0].mean() >= ALONG and len(bands) > 1 and bands[0][0] == 0:
            return True
    return False


def _is_ruled(cells: NDArray[np.bool_]) -> bool:
    """Tell whether thin lines go from the left edge to the right one: two, or one that touches no other ink."""
    full = (cells[:-1] | cells[1:]).all(axis=1)  # over two rows of cells, since lines are not quite level
    thin = [(begin, end) for begin, end in _bands(full) if end - begin <= len(cells) // 6]
    bands = _bands(cells.any(axis=1))
    alone = [band for band in bands if any(band[0] <= begin and end < band[1] + 1 for begin, end in thin)
             and band[1] - band[0] <= len(cells) // 6]  # fmt: skip
    return len(thin) > 1 or (len(alone) == 1 and len(bands) > 1)


def _is_two(inked: NDArray[np.bool_]) -> bool:
    """Tell whether ink stands in two columns that nothing joins, both of about the height of the whole."""
    rows = np.flatnonzero(inked.any(axis=1))
    tall = rows[-1] - rows[0] + 1
    parts = 0
    for begin, end in _bands(inked.any(axis=0)):
        part = inked[:, begin:end]
        inside = np.flatnonzero(part.any(axis=1))
        parts += (inside[-1] - inside[0] + 1 >= TALL * tall) and part.sum() >= MUCH * inked.sum()
    return parts > 1


def _span(some: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the index of the first true value of each row, and the index after the last one."""
    return some.argmax(axis=1), some.shape[1] - some[:, ::-1].argmax(axis=1)


def _centres(digits: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the row and column of each centre of mass in square images, 0 without mass: (rows, 2)."""
    mass = np.maximum(digits.sum(axis=(1, 2)), 1)
    sums = [digits.sum(axis=axis) @ np.arange(digits.shape[1]) for axis in (2, 1)]
    return np.asarray(np.stack(sums, axis=1) / mass[:, None])
