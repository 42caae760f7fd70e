"""The plots of a page, made with Bokeh: costs, norms, the race. Their lines are entries; see `panel_plots`."""

from typing import Any

from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from descenso.lab.panel_plots import DOT, LINE, columns
from descenso.text import _

INK, RULE, GRID = "#1d2733", "#d5dbe1", "#eceff2"


def plots() -> list[Any]:
    """Make the plots, without lines."""
    epoch, cost = _("Epoch"), _("Cost, in nats")
    made = [
        empty_figure("cost", epoch, cost),
        empty_figure("broken", epoch, cost),  # the same, in the panel of planted faults
        empty_figure("norms", epoch, _("Norm"), y_axis_type="log"),
        empty_figure("race-epochs", epoch, _("Cost")),
        empty_figure("race-seconds", _("Seconds"), _("Cost")),
    ]
    for each in made:
        _add_lines(each)
    return made


def _add_lines(where: Any) -> None:
    """Add lines and dots, whose sources and ranges have names, by which entries reach them."""
    lines = ColumnDataSource(columns(LINE, []), name=f"{where.name}-lines")
    look = {"line_color": "colour", "line_width": "width", "line_alpha": "alpha", "line_dash": "dash"}
    where.multi_line("xs", "ys", source=lines, line_join="round", **look)
    dots = ColumnDataSource(columns(DOT, []), name=f"{where.name}-dots")
    where.scatter("x", "y", color="colour", size=5, source=dots)
    where.x_range.name, where.y_range.name = f"{where.name}-x", f"{where.name}-y"


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
