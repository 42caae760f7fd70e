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
NAMED = 12  # pictures, of which each has its name below it
INK, RULE, GRID = "#1d2733", "#d5dbe1", "#eceff2"
Line = tuple[NDArray[Any], NDArray[np.float64], str, float]  # x, y, colour, width


class Plots:
    """The plots of a page. `draw` sends what has changed since the last view.

    Args:
        desk: gives each run its colour.
    """

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._sources: dict[str, ColumnDataSource] = {}
        self._drawn: dict[str, object] = {}
        self.cost = empty_figure("cost", _("Epoch"), _("Cost, in nats"))
        self.broken = empty_figure("broken", _("Epoch"), _("Cost, in nats"))  # the same, in the panel of planted faults
        self.broken.x_range, self.broken.y_range = self.cost.x_range, self.cost.y_range
        for where in (self.cost, self.broken):
            self._add_lines(where, "steps", alpha=0.25)
            self._add_lines(where, "epochs")
            self._add_lines(where, "validation", dash="dashed")
            self._add_points(where, "dots")
        self.norms = empty_figure("norms", _("Epoch"), _("Norm"), y_axis_type="log")
        self._add_lines(self.norms, "gradients")
        self._add_lines(self.norms, "updates", dash="dashed")
        self._add_points(self.norms, "norm-dots")
        self.weights = empty_figure("weights", "", "", match_aspect=True)
        self._add_pictures()
        self.race = {
            "race-epochs": empty_figure("race-epochs", _("Epoch"), _("Cost")),
            "race-seconds": empty_figure("race-seconds", _("Seconds"), _("Cost")),
        }
        for name, where in self.race.items():
            self._add_lines(where, name)
            self._add_points(where, f"{name}-ends")

    @property
    def roots(self) -> list[Any]:
        """The models to embed."""
        return [self.cost, self.broken, self.norms, self.weights, *self.race.values()]

    def _add_lines(self, where: Any, name: str, alpha: float = 1.0, dash: str = "solid") -> None:
        empty = ColumnDataSource({"xs": [], "ys": [], "colour": [], "width": []})
        source = self._sources.setdefault(name, empty)
        look = {"line_color": "colour", "line_width": "width", "line_alpha": alpha, "line_dash": dash}
        where.multi_line("xs", "ys", source=source, line_join="round", **look)

    def _add_points(self, where: Any, name: str) -> None:
        source = self._sources.setdefault(name, ColumnDataSource({"x": [], "y": [], "colour": []}))
        where.scatter("x", "y", color="colour", size=5, source=source)

    def _add_pictures(self) -> None:
        self._sources["pictures"] = ColumnDataSource({"image": [], "width": [], "height": []})
        self._sources["names"] = ColumnDataSource({"x": [], "y": [], "text": []})
        self.weights.image_rgba("image", x=0, y=0, dw="width", dh="height", source=self._sources["pictures"])
        look = {"text_font_size": "11px", "text_align": "center", "text_baseline": "top", "text_color": INK}
        self.weights.text("x", "y", text="text", source=self._sources["names"], **look)
        self.weights.axis.visible = False
        self.weights.grid.visible = False

    def draw(self, view: View, tab: str) -> None:
        """Draw what has changed, of the tab that is open."""
        if tab in ("tab-training", "tab-faults") and self._is_new("curves", view.curves):
            self._draw_costs(view)
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

    def _draw_costs(self, view: View) -> None:
        rows: dict[str, list[Line]] = {"steps": [], "epochs": [], "validation": []}
        dots: list[tuple[float, float, str]] = []
        heights = [0.1]
        for curve in self._desk.curves(view):
            colour, current = self._desk.colour_of(curve.name), curve is view.curves[-1]
            if current:
                x, y = thinned(np.asarray(curve.steps) / max(curve.steps_per_epoch, 1), curve.costs)
                rows["steps"].append((x, y, colour, 1.0))
                heights += [float(np.quantile(y, 0.98))] if len(y) else []
            for name, values in (("epochs", curve.epochs), ("validation", curve.validation)):
                x, y = thinned(np.arange(1, len(values) + 1), values)
                rows[name].append((x, y, colour, 2.4 if current else 1.4))
                heights += [float(y.max())] if len(y) else []
                if len(y) <= FEW:
                    dots += [(float(a), float(b), colour) for a, b in zip(x, y, strict=True)]
        for name, lines in rows.items():
            self._set_lines(name, lines)
        self._set_points("dots", dots)
        self.cost.y_range.update(start=0, end=1.08 * min(max(heights), HIGHEST))
        epochs = [len(curve.epochs) for curve in view.curves]
        self.cost.x_range.update(start=0, end=max([*epochs, view.epoch + (view.step > 0), 1]))

    def _draw_norms(self, view: View) -> None:
        per = max(view.steps_per_epoch, 1)
        lines: dict[str, list[Line]] = {"gradients": [], "updates": []}
        for place, each in enumerate(view.norms):
            for name, store in lines.items():
                x, y = thinned(np.asarray(each.steps) / per, getattr(each, name))
                store.append((x[y > 0], y[y > 0], COLOURS[place % len(COLOURS)], 1.6))  # the axis is logarithmic
        for name, store in lines.items():
            self._set_lines(name, store)
        few = [line for store in lines.values() for line in store if 0 < len(line[0]) <= FEW]
        dots = [(float(a), float(b), colour) for x, y, colour, _width in few for a, b in zip(x, y, strict=True)]
        self._set_points("norm-dots", dots)
        shown = [line for store in lines.values() for line in store if len(line[0])]
        if shown:
            low, high = min(float(y.min()) for x, y, *_more in shown), max(float(y.max()) for x, y, *_more in shown)
            self.norms.y_range.update(start=low / 1.5, end=high * 1.5)
            self.norms.x_range.update(start=0, end=max(float(x[-1]) for x, *_more in shown) or 1)

    def _draw_pictures(self, view: View) -> None:
        images = np.asarray(view.pictures.images, np.float64)
        count = len(images)
        if not count:
            self._sources["pictures"].data = {"image": [], "width": [], "height": []}
            self._sources["names"].data = {"x": [], "y": [], "text": []}
            return
        named = count <= NAMED
        columns = 5 if count <= 10 else 4 if named else math.ceil(math.sqrt(1.6 * count))
        height, width = images.shape[1:]
        gap = max(1, round((0.22 if named else 0.08) * height))
        whole = mosaic(diverging(images), columns, gap)
        tall, wide = whole.shape[:2]
        packed = np.ascontiguousarray(whole[::-1]).view(np.uint32).reshape(tall, wide)  # Bokeh's rows begin below
        self._sources["pictures"].data = {"image": [packed], "width": [wide], "height": [tall]}
        places = [(place % columns, place // columns) for place in range(count if named else 0)]
        self._sources["names"].data = {
            "x": [column * (width + gap) + width / 2 for column, row in places],
            "y": [tall - row * (height + gap) - height for column, row in places],
            "text": [name[:9] for name in view.pictures.names[: len(places)]],
        }
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
                lines.append((x, y, COLOURS[place % len(COLOURS)], width))
            lines = [line for line in lines if len(line[0])]
            self._set_lines(name, lines)
            self._set_points(f"{name}-ends", [(float(x[-1]), float(y[-1]), colour) for x, y, colour, _width in lines])
            where.x_range.update(start=0, end=1.05 * max([float(x[-1]) for x, *_more in lines] or [1]))
            where.y_range.update(start=0, end=1.08 * max([float(y.max()) for x, y, *_more in lines] or [1]))

    def _set_lines(self, name: str, lines: Sequence[Line]) -> None:
        self._sources[name].data = columns(("xs", "ys", "colour", "width"), lines)

    def _set_points(self, name: str, points: Sequence[tuple[float, float, str]]) -> None:
        self._sources[name].data = columns(("x", "y", "colour"), points)


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
