"""The plots of the panel of learning rates, drawn by Bokeh: costs by rate, and the landscape."""

from typing import Any

import numpy as np
from bokeh.models import BasicTickFormatter, ColumnDataSource
from bokeh.models.annotations import BoxAnnotation
from contourpy import contour_generator
from numpy.typing import NDArray

from descenso.lab.graded import by_logarithm
from descenso.lab.panel_plots import columns
from descenso.lab.panel_rates import colour_of
from descenso.lab.plots import INK, empty_figure
from descenso.lab.protocol import View
from descenso.lab.rates import PathPlane, Rates
from descenso.lab.shapes import VERMILLION
from descenso.text import _

LEVELS = 14  # contours
LABELLED = 3  # of so many contours, one has its cost written on it
EDGE = 0.07  # of a plane's width and height, along its sides, in which no cost is written
MARGIN = 1.12  # of a logarithmic axis
LINES, POINTS = ("xs", "ys", "colour"), ("x", "y", "colour")


class RatesPlots:
    """The plots of the panel; `draw` sends what has changed since the last view."""

    def __init__(self) -> None:
        self._sources: dict[str, ColumnDataSource] = {}
        self._drawn: dict[str, int] = {}
        self.curves = empty_figure("sweep-curves", _("Epoch"), _("Cost"), y_axis_type="log")
        self._add_lines(self.curves, "curves", line_width=2)
        self.ends = empty_figure("sweep-ends", _("learning rate"), _("Cost"), x_axis_type="log", y_axis_type="log")
        self.edge = BoxAnnotation(left=1, right=2, fill_color=VERMILLION, fill_alpha=0.15, visible=False)
        self.ends.add_layout(self.edge)
        self._add_lines(self.ends, "between", line_width=1)
        for where, name in ((self.curves, "curves"), (self.ends, "ends")):
            where.yaxis.ticker.desired_num_ticks = 4
            where.x_range.start, where.yaxis.formatter = 0.1, BasicTickFormatter(use_scientific=False)
            self._add_points(where, f"{name}-dots", size=6)
            self._add_points(where, f"{name}-crosses", marker="x", size=9, line_width=2)
        self._add_points(self.ends, "best", marker="star", size=17, line_color=INK)
        self.landscape = empty_figure("landscape", _("principal direction 1"), _("principal direction 2"))
        self.landscape.grid.visible = False
        self._add_lines(self.landscape, "contours", line_width=0.8)
        self._sources["levels"] = ColumnDataSource({"x": [], "y": [], "text": []})
        look = {"text_font_size": "10px", "text_align": "center", "text_baseline": "middle", "text_color": INK}
        halo = {"background_fill_color": "#ffffff", "background_fill_alpha": 0.8}
        self.landscape.text("x", "y", text="text", source=self._sources["levels"], **look, **halo)
        self._add_lines(self.landscape, "path", line_width=3)
        self._add_points(self.landscape, "start", size=8, line_color=INK)
        self._add_points(self.landscape, "newest", marker="star", size=16, line_color=INK)

    @property
    def roots(self) -> list[Any]:
        """The models to embed."""
        return [self.curves, self.ends, self.landscape]

    def _add_lines(self, where: Any, name: str, **look: Any) -> None:
        self._sources[name] = ColumnDataSource(columns(LINES, []))
        where.multi_line("xs", "ys", color="colour", source=self._sources[name], line_join="round", **look)

    def _add_points(self, where: Any, name: str, **look: Any) -> None:
        self._sources[name] = ColumnDataSource(columns(POINTS, []))
        look = {"color": "colour", **look}
        if "line_color" in look:
            look["fill_color"] = look.pop("color")
        where.scatter("x", "y", source=self._sources[name], **look)

    def draw(self, view: View, tab: str) -> None:
        """Draw what has changed, where the panel is open."""
        if tab != "tab-rates":
            return
        if view.rates is not None and self._is_new("rates", view.rates.number):
            self._draw_curves(view.rates)
            self._draw_ends(view.rates)
        if view.plane is not None and self._is_new("plane", view.plane.number):
            self._draw_landscape(view.plane)

    def _is_new(self, name: str, number: int) -> bool:
        before, self._drawn[name] = self._drawn.get(name), number
        return before != number

    def _set(self, name: str, keys: tuple[str, ...], rows: Any) -> None:
        self._sources[name].data = columns(keys, rows)

    def _draw_curves(self, rates: Rates) -> None:
        """Draw a line a lane, from the first epoch; a diverged one ends in a cross at the top."""
        first = [lane.costs[0] for lane in rates.lanes if lane.costs and lane.diverged_at is None]
        every = [cost for lane in rates.lanes for cost in lane.costs if np.isfinite(cost) and cost > 0]
        top = 2 * max(first or every or [1.0])
        lines, dots, crosses = [], [], []
        for lane in rates.lanes:
            colour = colour_of(rates, lane)
            known = [(epoch + 1, cost) for epoch, cost in enumerate(lane.costs) if np.isfinite(cost) and cost > 0]
            x, y = [float(epoch) for epoch, _cost in known], [cost for _epoch, cost in known]
            lines.append((x, y, colour))
            dots += [(epoch, cost, colour) for epoch, cost in known]
            if lane.diverged_at is not None:
                crosses.append((float(lane.diverged_at[0] + 1), top / MARGIN, colour))
        self._set("curves", LINES, lines)
        self._set("curves-dots", POINTS, dots)
        self._set("curves-crosses", POINTS, crosses)
        self.curves.x_range.update(start=0.8, end=rates.span.epochs + 0.2)
        self.curves.xaxis.ticker = list(range(1, rates.span.epochs + 1))
        self.curves.y_range.update(start=min(every or [0.1]) / MARGIN, end=top)

    def _draw_ends(self, rates: Rates) -> None:
        """Draw the newest cost of each rate, the edge of divergence, and a star for the best."""
        sound = [lane for lane in rates.lanes if np.isfinite(lane.score) and lane.score > 0]
        scores = [lane.score for lane in sound] or [1.0]
        top = max(scores) * MARGIN**3
        diverged = [lane for lane in rates.lanes if lane.diverged_at is not None]
        self._set("between", LINES, [([lane.rate for lane in sound], [lane.score for lane in sound], INK)])
        self._set("ends-dots", POINTS, [(lane.rate, lane.score, colour_of(rates, lane)) for lane in sound])
        self._set("ends-crosses", POINTS, [(lane.rate, top / MARGIN, colour_of(rates, lane)) for lane in diverged])
        best = [rates.lanes[rates.best]] if rates.best is not None else []
        self._set("best", POINTS, [(lane.rate, lane.score, colour_of(rates, lane)) for lane in best])
        wide = (rates.span.last / rates.span.first) ** 0.04
        self.ends.x_range.update(start=rates.span.first / wide, end=rates.span.last * wide)
        self.ends.y_range.update(start=min(scores) / MARGIN**2, end=top)
        if rates.edge:
            self.edge.update(left=rates.edge[0], right=rates.edge[1])
        self.edge.visible = rates.edge is not None

    def _draw_landscape(self, plane: PathPlane) -> None:
        """Draw the contours of the cost, and the path in pieces of the colour of their true cost."""
        if plane.state != "done":
            return
        contours, levels = _contours(plane)
        self._set("contours", LINES, contours)
        self._set("levels", ("x", "y", "text"), levels)
        low, high = float(plane.costs.min()), float(plane.costs.max())
        x, y = plane.points.T
        self._set("path", LINES, [
            (x[place : place + 2], y[place : place + 2], by_logarithm(float(cost), low, high))
            for place, cost in enumerate((plane.costs[:-1] + plane.costs[1:]) / 2)
        ])  # fmt: skip
        ends = [(float(x[p]), float(y[p]), by_logarithm(float(plane.costs[p]), low, high)) for p in (0, -1)]
        self._set("start", POINTS, ends[:1])
        self._set("newest", POINTS, ends[1:])
        for axis, sides, values in (
            (self.landscape.x_range, plane.across, x),
            (self.landscape.y_range, plane.along, y),
        ):
            axis.update(start=min(sides[0], values.min()), end=max(sides[-1], values.max()))


def _contours(plane: PathPlane) -> tuple[list[tuple[Any, Any, str]], list[tuple[float, float, str]]]:
    """Return contours of the cost, and places and text of the costs written on some."""
    finite = plane.surface[np.isfinite(plane.surface)]
    low, high = min(plane.costs.min(), finite.min()), max(plane.costs.max(), finite.max())
    heights = np.geomspace(low, high, LEVELS) if 0 < low < high else np.linspace(low, high + 1e-12, LEVELS)
    found = contour_generator(plane.across, plane.along, np.where(np.isfinite(plane.surface), plane.surface, high))
    lines, levels = list[tuple[Any, Any, str]](), list[tuple[float, float, str]]()
    for place, height in enumerate(heights):
        pieces: Any = found.lines(height)
        lines += [(piece[:, 0], piece[:, 1], "#8a96a3") for piece in pieces]
        if place % LABELLED == 0 and pieces:
            longest = max(pieces, key=len)
            inside = longest[_inside(longest[:, 0], plane.across) & _inside(longest[:, 1], plane.along)]
            levels += [(float(x), float(y), f"{height:.2g}") for x, y in inside[len(inside) // 3 :][:1]]
    return lines, levels


def _inside(values: NDArray[np.float64], sides: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which places are so far from the sides of the plane that a number on them is not cut off."""
    apart = EDGE * (sides[-1] - sides[0])
    return np.asarray((values > sides[0] + apart) & (values < sides[-1] - apart))
