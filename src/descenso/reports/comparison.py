"""Draw comparisons of training runs."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from descenso.reports.figures import Picture, add_legend, draw_costs
from descenso.text import _, printable

BOTTOM = 1e-17  # differences of 0 on a logarithmic axis, below the rounding unit of float64
STYLES = ["-", "--", "-.", ":"]  # different, because curves may coincide
SMALL = 8  # font size, in points


def comparison_figure(
    costs: Mapping[str, Sequence[float]],
    seconds: Mapping[str, Sequence[float]],
    apart: Mapping[str, NDArray[np.float64]],
    limits: Sequence[float],
    drift: Sequence[float],
) -> Figure:
    """Draw the cost of each epoch, the differences between the costs, and the seconds of an epoch.

    Args:
        costs: by contender, the cost of each epoch, in nats.
        seconds: by contender, the seconds of each measured epoch.
        apart: by contender, the largest relative difference from the first contender's costs up to each step; empty if
            the contenders need not agree.
        limits: allowed difference in each epoch.
        drift: difference by rounding alone in each epoch; empty in float64.
    """
    panels = 3 if apart else 2
    figure = Picture(figsize=(4.2 * panels, 3.8), layout="constrained")
    first, *middle, last = figure.subplots(1, panels)
    draw_costs(first, costs, STYLES, SMALL)
    first.grid(alpha=0.3)
    if apart:
        _draw_apart(middle[0], list(costs), apart, limits, drift)
    _draw_seconds(last, seconds)
    return figure


def _draw_apart(
    axes: Axes,
    names: Sequence[str],
    apart: Mapping[str, NDArray[np.float64]],
    limits: Sequence[float],
    drift: Sequence[float],
) -> None:
    lines, most = dict[str, Artist](), max(map(len, apart.values()))
    for number, name in enumerate(names):
        if name in apart:
            epochs = np.arange(1, len(apart[name]) + 1) * len(limits) / most
            drawn = np.clip(apart[name], BOTTOM, None)
            (lines[name],) = axes.plot(epochs, drawn, STYLES[number % len(STYLES)], color=f"C{number}")
    edges = np.arange(len(limits) + 1)
    lines[_("allowed")] = axes.stairs(limits, edges, baseline=None, color="black", linestyle="--")
    if drift:
        lines[_("rounding alone")] = axes.stairs(drift, edges[: len(drift) + 1], baseline=None, color="grey")
    title = _("Cost, apart from {name}").format(name=printable(names[0]))
    axes.set(title=title, xlabel=_("Epoch #"), ylabel=_("relative difference so far (none: 1e-17)"), yscale="log")
    axes.set_ylim(BOTTOM / 2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    add_legend(axes, lines, SMALL)


def _draw_seconds(axes: Axes, seconds: Mapping[str, Sequence[float]]) -> None:
    middles = [median(values) for values in seconds.values()]
    for place, (values, middle) in enumerate(zip(seconds.values(), middles, strict=True)):
        axes.barh(place, middle, color=f"C{place}", alpha=0.8)
        axes.plot([min(values), max(values)], [place, place], color="black", linewidth=1)
        label = _("{seconds:.3g} s, × {ratio:.3g}").format(seconds=middle, ratio=middle / min(middles))
        axes.annotate(
            label, (max(values), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=SMALL
        )
    axes.set_yticks(range(len(seconds)), list(map(printable, seconds)), parse_math=False)
    axes.invert_yaxis()
    axes.set(title=_("Seconds an epoch, from least to most"), xlim=(0, 1.5 * max(map(max, seconds.values()))))


def ladder_figure(seconds: Mapping[str, float], items: Sequence[tuple[str, float, float]]) -> Figure:
    """Draw the seconds of an epoch on each rung of a ladder, and the seconds that each step down saves.

    Args:
        seconds: seconds of an epoch by the name of the rung; the last two are drawn apart.
        items: name, and least and largest seconds saved, of each step down and of that between the last two.
    """
    figure = Picture(figsize=(8.4, 0.55 * len(seconds) + 1.4), layout="constrained")
    axes = figure.subplots()
    names, values = list(seconds), list(seconds.values())
    places = [*range(len(values) - 2), len(values) - 1.5, len(values) - 0.5]
    axes.barh(places, values, height=0.5, color="C0")
    tops = [*range(len(values) - 3), len(values) - 2]  # rungs above the steps down
    ends = [max(values[top], values[top + 1] + high) for top, (_name, _low, high) in zip(tops, items, strict=True)]
    for number, end, (name, low, high) in zip(tops, ends, items, strict=True):
        top, bottom, place = values[number], values[number + 1], places[number] + 0.4
        axes.barh(place, top - bottom, left=bottom, height=0.25, color="C3", alpha=0.6)
        axes.plot([bottom + low, bottom + high], [place, place], color="black", linewidth=1)
        label = _("{name}: {milliseconds:.3g} ms").format(name=name, milliseconds=1e3 * (top - bottom))
        axes.annotate(label, (end, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(title=_("What an epoch's seconds go to"), xlabel=_("seconds an epoch; in red what the step down saves"))
    axes.set_xlim(0, 1.3 * max([*values, *ends]))
    return figure
