"""The plots of a page, drawn by Bokeh: costs, norms, pictures of the weights, the race."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from descenso.lab.protocol import View
from descenso.lab.shapes import COLOURS, diverging, mosaic
from descenso.text import _

if TYPE_CHECKING:
    from descenso.lab.desk import Desk

MOST_POINTS = 1000  # of a line
HIGHEST = 25.0  # nats: higher costs lie outside the plot
FEW = 2  # points, of which a line alone would hardly be seen
ENDS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # of axes, times a power of ten
NAMED = 12  # pictures, of which each has its name below it
INK, RULE, GRID = "#1d2733", "#d5dbe1", "#eceff2"
LINE, DOT, PICTURE, NAME = (  # columns of sources
    ("xs", "ys", "colour", "width", "alpha", "dash"),
    ("x", "y", "colour"),
    ("image", "width", "height"),
    ("x", "y", "text"),
)
SOLID, DASHED, FAINT = (1.0, "solid"), (1.0, "dashed"), (0.25, "solid")  # alpha and dash of a line
Dot = tuple[float, float, str]  # x, y, colour
Line = tuple[NDArray[Any], NDArray[np.float64], str, float, float, str]  # the columns of `LINE`


class Plots:
    """The plots of a page. `draw` sends what has changed since the last view.

    Args:
        desk: gives each run its colour.
    """

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._sources: dict[str, ColumnDataSource] = {}
        self._rows: dict[str, Sequence[Sequence[Any]]] = {}  # of each source, as they were sent last
        self._drawn: dict[str, object] = {}
        self.cost = empty_figure("cost", _("Epoch"), _("Cost, in nats"))
        self.broken = empty_figure("broken", _("Epoch"), _("Cost, in nats"))  # the same, in the panel of planted faults
        self.norms = empty_figure("norms", _("Epoch"), _("Norm"), y_axis_type="log")
        self.weights = empty_figure("weights", "", "", match_aspect=True)
        self._add_pictures()
        self.race = {
            "race-epochs": empty_figure("race-epochs", _("Epoch"), _("Cost")),
            "race-seconds": empty_figure("race-seconds", _("Seconds"), _("Cost")),
        }
        for where in (self.cost, self.broken, self.norms, *self.race.values()):
            self._add_lines(where)

    @property
    def roots(self) -> list[Any]:
        """The models to embed."""
        return [self.cost, self.broken, self.norms, self.weights, *self.race.values()]

    def _add_lines(self, where: Any) -> None:
        lines = self._sources[where.name] = ColumnDataSource(columns(LINE, []))
        look = {"line_color": "colour", "line_width": "width", "line_alpha": "alpha", "line_dash": "dash"}
        where.multi_line("xs", "ys", source=lines, line_join="round", **look)
        dots = self._sources[f"{where.name}-dots"] = ColumnDataSource(columns(DOT, []))
        where.scatter("x", "y", color="colour", size=5, source=dots)

    def _add_pictures(self) -> None:
        self._sources["pictures"] = ColumnDataSource(columns(PICTURE, []))
        self._sources["names"] = ColumnDataSource(columns(NAME, []))
        self.weights.image_rgba("image", x=0, y=0, dw="width", dh="height", source=self._sources["pictures"])
        look = {"text_font_size": "11px", "text_align": "center", "text_baseline": "top", "text_color": INK}
        self.weights.text("x", "y", text="text", source=self._sources["names"], **look)
        self.weights.axis.visible = False
        self.weights.grid.visible = False

    def draw(self, view: View, tab: str) -> None:
        """Draw what has changed, of the tab that is open."""
        if tab == "tab-training" and self._is_new("cost", view.curves):
            self._draw_costs(self.cost, view)
        if tab == "tab-faults" and self._is_new("broken", view.curves):
            self._draw_costs(self.broken, view)
        if tab == "tab-training" and self._is_new("norms", view.norms):
            self._draw_norms(view)
        if tab == "tab-training" and self._is_new("pictures", view.pictures):
            self._draw_pictures(view)
        if tab == "tab-race" and self._is_new("race", view.race):
            self._draw_race(view)

    def _is_new(self, name: str, value: object) -> bool:
        new = name not in self._drawn or self._drawn[name] is not value
        self._drawn[name] = value
        return new

    def _draw_costs(self, where: Any, view: View) -> None:
        lines, dots, heights = list[Line](), list[Dot](), [0.1]
        for curve in self._desk.curves(view):
            colour, current = self._desk.colour_of(curve.name), curve is view.curves[-1]
            if current:
                x, y = thinned(np.asarray(curve.steps) / max(curve.steps_per_epoch, 1), curve.costs)
                lines.append((x, y, colour, 1.0, *FAINT))
                heights += [float(np.quantile(y, 0.98))] if len(y) else []
            for look, values in ((SOLID, curve.epochs), (DASHED, curve.validation)):
                x, y = thinned(np.arange(1, len(values) + 1), values)
                lines.append((x, y, colour, 2.4 if current else 1.4, *look))
                heights += [float(y.max())] if len(y) else []
                dots += _dots(lines[-1])
        self._set_lines(where, lines, dots)
        where.y_range.update(start=0, end=rounded(min(max(heights), HIGHEST)))
        epochs = [len(curve.epochs) for curve in view.curves]
        where.x_range.update(start=0, end=_until(max([*epochs, view.epoch + (view.step > 0), 1]), view))

    def _draw_norms(self, view: View) -> None:
        per = max(view.steps_per_epoch, 1)
        lines = list[Line]()
        for place, each in enumerate(view.norms):
            for look, values in ((SOLID, each.gradients), (DASHED, each.updates)):
                x, y = thinned(np.asarray(each.steps) / per, values)
                x, y = x[y > 0], y[y > 0]  # the axis is logarithmic
                if len(x):
                    lines.append((x, y, COLOURS[place % len(COLOURS)], 1.6, *look))
        self._set_lines(self.norms, lines, [dot for line in lines for dot in _dots(line)])
        if lines:
            low, high = min(float(y.min()) for x, y, *_more in lines), max(float(y.max()) for x, y, *_more in lines)
            start = 10.0 ** math.floor(math.log10(low))  # whole decades, two at least: else their labels overlap
            self.norms.y_range.update(start=start, end=max(10.0 ** math.ceil(math.log10(high)), 100 * start))
            self.norms.x_range.update(start=0, end=_until(max(view.epoch + (view.step > 0), 1), view))

    def _draw_pictures(self, view: View) -> None:
        images = np.asarray(view.pictures.images, np.float64)
        count = len(images)
        if not count:
            self._set("pictures", PICTURE, [])
            self._set("names", NAME, [])
            return
        named = count <= NAMED
        columns = 5 if count <= 10 else 4 if named else math.ceil(math.sqrt(1.6 * count))
        height, width = images.shape[1:]
        gap = max(1, round((0.22 if named else 0.08) * height))
        whole = mosaic(diverging(images), columns, gap)
        tall, wide = whole.shape[:2]
        packed = np.ascontiguousarray(whole[::-1]).view(np.uint32).reshape(tall, wide)  # Bokeh's rows begin below
        self._set("pictures", PICTURE, [(packed, wide, tall)])
        places = [(place % columns, place // columns) for place in range(count if named else 0)]
        self._set("names", NAME, [
            (column * (width + gap) + width / 2, tall - row * (height + gap) - height, name[:9])
            for (column, row), name in zip(places, view.pictures.names, strict=False)
        ])  # fmt: skip
        self.weights.x_range.update(start=-1, end=wide + 1)
        self.weights.y_range.update(start=-gap if named else -1, end=tall + 1)

    def _draw_race(self, view: View) -> None:
        lanes = [] if view.race is None else list(enumerate(view.race.lanes))
        for name, where in self.race.items():
            lines: list[Line] = []
            for place, lane in lanes:
                x, y = thinned(np.arange(1, len(lane.costs) + 1), lane.costs)
                x = x if name == "race-epochs" else x * lane.seconds / max(len(lane.costs), 1)
                width = 9.0 - 2.4 * place if name == "race-epochs" else 2.4  # equal lines remain visible
                lines.append((x, y, COLOURS[place % len(COLOURS)], width, *SOLID))
            lines = [line for line in lines if len(line[0])]
            self._set_lines(where, lines, [(float(x[-1]), float(y[-1]), colour) for x, y, colour, *_more in lines])
            where.x_range.update(start=0, end=1.05 * max([float(x[-1]) for x, *_more in lines] or [1]))
            where.y_range.update(start=0, end=1.08 * max([float(y.max()) for x, y, *_more in lines] or [1]))

    def _set_lines(self, where: Any, lines: Sequence[Line], dots: Sequence[Dot]) -> None:
        self._set(where.name, LINE, lines)
        self._set(f"{where.name}-dots", DOT, dots)

    def _set(self, name: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Send the rows of a source, unless they are those that were sent before: the page would draw them again."""
        before = self._rows.get(name, ())
        pairs = [pair for a, b in zip(before, rows, strict=False) for pair in zip(a, b, strict=True)]
        if len(before) != len(rows) or not all(np.array_equal(a, b) for a, b in pairs):
            self._rows[name] = rows
            self._sources[name].data = columns(names, rows)


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


def empty_figure(name: str, x: str, y: str, **more: Any) -> Any:
    """Make an empty plot that fills its place, without tools that move it: all pages show the same."""
    plot = figure(
        name=name, sizing_mode="stretch_both", toolbar_location=None, tools="", min_border=2,
        x_range=Range1d(start=0, end=1), y_range=Range1d(start=0.001, end=2.5),
        x_axis_label=x or None, y_axis_label=y or None,
        background_fill_color="#ffffff", border_fill_color="#ffffff", outline_line_color=None, **more,
    )  # fmt: skip
    for axis in (plot.xaxis, plot.yaxis):
        axis.axis_label_text_font = axis.major_label_text_font = "system-ui"
        axis.axis_label_text_font_style, axis.axis_label_text_font_size = "normal", "12px"
        axis.major_label_text_font_size = "11px"
        axis.axis_line_color, axis.major_tick_line_color, axis.minor_tick_line_color = RULE, RULE, None
        axis.axis_label_text_color = axis.major_label_text_color = INK
    plot.grid.grid_line_color = GRID
    return plot


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
