"""What the plots of a page show: costs, norms, pictures of the weights, the race. Without Bokeh.

Entries for a plot are ("cost-lines", "data", columns of a source) and ("cost-x", "range", ends of an axis).
"""

import base64
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descenso.lab.protocol import Pictures, View
from descenso.lab.shapes import COLOURS, diverging, escaped, mosaic
from descenso.lab.showing import Entry, Showing

MOST_POINTS = 600  # of a line: more than its plot has pixels
HIGHEST = 25.0  # nats: higher costs lie outside the plot
FEW = 2  # points, of which a line alone would hardly be seen
ENDS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # of axes, times a power of ten
NAMED = 12  # pictures, of which each has its name below it
PRECISE = 5  # digits of what is drawn
LINE, DOT = ("xs", "ys", "colour", "width", "alpha", "dash"), ("x", "y", "colour")  # columns of sources
SOLID, DASHED, FAINT = (1.0, "solid"), (1.0, "dashed"), (0.25, "solid")  # alpha and dash of a line
Dot = tuple[float, float, str]  # x, y, colour
Line = tuple[list[float], list[float], str, float, float, str]  # the columns of `LINE`


def costs(page: Showing, view: View, name: str) -> Iterator[Entry]:
    """Yield the plot `name` of the costs of each step and epoch."""
    lines, dots, heights = list[Line](), list[Dot](), [0.1]
    for curve in page.desk.curves(view):
        colour, current = page.desk.colour_of(curve.name), curve is view.curves[-1]
        if current:
            x, y = thinned(np.asarray(curve.steps) / max(curve.steps_per_epoch, 1), curve.costs)
            lines.append(_line(x, y, colour, 1.0, FAINT))
            heights += [float(np.quantile(y, 0.98))] if len(y) else []
        for look, values in ((SOLID, curve.epochs), (DASHED, curve.validation)):
            x, y = thinned(np.arange(1, len(values) + 1), values)
            lines.append(_line(x, y, colour, 2.4 if current else 1.4, look))
            heights += [float(y.max())] if len(y) else []
            dots += _dots(lines[-1])
    yield from _drawn(name, lines, dots)
    yield f"{name}-y", "range", [0, rounded(min(max(heights), HIGHEST))]
    epochs = [len(curve.epochs) for curve in view.curves]
    yield f"{name}-x", "range", [0, _until(max([*epochs, view.epoch + (view.step > 0), 1]), view)]


def norms(view: View) -> Iterator[Entry]:
    """Yield the plot of the norms of gradient and update by layer."""
    per = max(view.steps_per_epoch, 1)
    lines = list[Line]()
    for place, each in enumerate(view.norms):
        for look, values in ((SOLID, each.gradients), (DASHED, each.updates)):
            x, y = thinned(np.asarray(each.steps) / per, values)
            x, y = x[y > 0], y[y > 0]  # the axis is logarithmic
            if len(x):
                lines.append(_line(x, y, COLOURS[place % len(COLOURS)], 1.6, look))
    yield from _drawn("norms", lines, [dot for line in lines for dot in _dots(line)])
    if lines:
        low, high = min(min(y) for x, y, *_more in lines), max(max(y) for x, y, *_more in lines)
        start = 10.0 ** math.floor(math.log10(low))  # whole decades, two at least: else their labels overlap
        yield "norms-y", "range", [start, max(10.0 ** math.ceil(math.log10(high)), 100 * start)]


def epochs_of_norms(view: View) -> Iterator[Entry]:
    """Yield the axis of epochs of that plot, which moves on while no norms are measured."""
    if view.norms:
        yield "norms-x", "range", [0, _until(max(view.epoch + (view.step > 0), 1), view)]


def pictures(page: Showing, view: View) -> Iterator[Entry]:
    """Yield the pictures of the weights, and their names: the pixels of the canvas `weights`, and HTML above it."""
    yield "weights", "pixels", page.made_of("weights", view.pictures, _pixels)
    yield "weights-names", "innerHTML", page.made_of("names", view.pictures.names, _names, view.pictures)


def palette() -> str:
    """Return the colours of the bytes of pictures, 256 of RGBA in base64: 0 is transparent, 128 a weight of 0."""
    share = (np.arange(256) - 128) / 127
    colours = diverging(share * np.abs(share))
    colours[0] = 0
    return base64.b64encode(colours.tobytes()).decode()


def _laid_out(shown: Pictures) -> tuple[int, int, int]:
    """Return columns, gap between pictures, and margin below the last row for its names, in pixels."""
    count, height = len(shown.images), shown.images.shape[1]
    named = count <= NAMED
    columns = 5 if count <= 10 else 4 if named else math.ceil(math.sqrt(1.6 * count))
    gap = max(1, round((0.22 if named else 0.08) * height))
    return min(columns, count), gap, gap if named else 0


def _pixels(shown: Pictures) -> list[Any]:
    """Return width and height of the canvas, and a byte a pixel in base64, the place of its colour in `palette`."""
    if not len(shown.images):
        return [1, 1, "AA=="]
    columns, gap, below = _laid_out(shown)
    weights = np.clip(np.nan_to_num(shown.images), -1, 1)
    places = np.round(128 + 127 * np.sign(weights) * np.sqrt(np.abs(weights))).astype(np.uint8)  # evenly in colour
    whole = np.pad(mosaic(places, columns, gap), ((0, below), (0, 0)))
    return [whole.shape[1], whole.shape[0], base64.b64encode(whole.tobytes()).decode()]


def _names(names: Sequence[str], shown: Pictures) -> str:
    """Return the HTML of the names, each below its picture."""
    if not 0 < len(shown.images) <= NAMED:
        return ""
    columns, gap, below = _laid_out(shown)
    count, height, width = shown.images.shape
    wide, tall = columns * (width + gap) - gap, -(-count // columns) * (height + gap) - gap + below
    return "".join(
        f'<span style="left:{100 * (place % columns * (width + gap) + width / 2) / wide:.2f}%;'
        f'top:{100 * (place // columns * (height + gap) + height) / tall:.2f}%">{escaped(name[:9])}</span>'
        for place, name in enumerate(names)
    )


def race(view: View) -> Iterator[Entry]:
    """Yield the two plots of the race."""
    lanes = [] if view.race is None else list(enumerate(view.race.lanes))
    for name in ("race-epochs", "race-seconds"):
        lines: list[Line] = []
        for place, lane in lanes:
            x, y = thinned(np.arange(1, len(lane.costs) + 1), lane.costs)
            x = x if name == "race-epochs" else x * lane.seconds / max(len(lane.costs), 1)
            width = 9.0 - 2.4 * place if name == "race-epochs" else 2.4  # equal lines remain visible
            lines.append(_line(x, y, COLOURS[place % len(COLOURS)], width, SOLID))
        lines = [line for line in lines if len(line[0])]
        yield from _drawn(name, lines, [(x[-1], y[-1], colour) for x, y, colour, *_more in lines])
        yield f"{name}-x", "range", [0, 1.05 * max([x[-1] for x, *_more in lines] or [1])]
        yield f"{name}-y", "range", [0, 1.08 * max([max(y) for x, y, *_more in lines] or [1])]


def _line(x: NDArray[Any], y: NDArray[Any], colour: str, width: float, look: tuple[float, str]) -> Line:
    return _short(x), _short(y), colour, width, *look


def _short(values: NDArray[Any]) -> list[float]:
    """Return numbers rounded to a few digits, since they travel as text.

    >>> _short(np.array([0, 0.00123456789, 1 / 3, 1234567.0]))
    [0.0, 0.0012346, 0.33333, 1234600.0]
    """
    largest = np.maximum(np.abs(values.astype(np.float64)), 1e-300)
    tens = 10.0 ** (PRECISE - 1 - np.floor(np.log10(largest)))
    rounded_off: list[float] = (np.round(values * tens) / tens).tolist()
    return rounded_off


def _drawn(name: str, lines: Sequence[Line], dots: Sequence[Dot]) -> Iterator[Entry]:
    yield f"{name}-lines", "data", columns(LINE, lines)
    yield f"{name}-dots", "data", columns(DOT, dots)


def rounded(value: float) -> float:
    """Return the least end of an axis that is at least 1.02 times a positive value. An axis that has the same end for
    many frames is laid out once, and does not move under the curve.

    >>> [rounded(value) for value in (0.93, 1, 2.3, 47)]
    [1.0, 1.2, 2.5, 50.0]
    """
    least = 1.02 * value
    ten = 10.0 ** math.floor(math.log10(least))
    return next(end for part in ENDS if (end := part * ten) >= least)


def _dots(line: Line) -> list[Dot]:
    """Return the points of a line that has so few that alone it would hardly be seen; none of others."""
    x, y, colour, *_more = line
    return [(float(a), float(b), colour) for a, b in zip(x, y, strict=True)] if len(x) <= FEW else []


def _until(epochs: float, view: View) -> float:
    """Return the end of an axis of epochs: that of the run where it is near."""
    last = view.settings.epochs
    return float(last) if epochs <= last <= rounded(epochs) else rounded(epochs)


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return rows as the columns of a source, by name."""
    found = [list(column) for column in zip(*rows, strict=True)] or [[] for _name in names]
    return dict(zip(names, found, strict=True))


def thinned(x: Any, y: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the finite points of a line, at most 1,000: of each stretch, its least and its largest.

    >>> x, y = thinned(np.arange(10_000), np.sin(np.arange(10_000.0)))
    >>> len(x) <= 1000, bool(y.max() > 0.9999)
    (True, True)
    """
    x, y = np.asarray(x), np.asarray(y, np.float64)
    known = np.isfinite(y)
    x, y = x[known], y[known]
    if len(y) <= MOST_POINTS:
        return x, y
    stretches = np.array_split(np.arange(len(y)), MOST_POINTS // 2)
    kept = sorted({int(part[pick(y[part])]) for part in stretches for pick in (np.argmin, np.argmax)})
    return x[kept], y[kept]
