"""Draw comparisons of training runs."""

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from descenso.reports.figures import SMALL, Picture, add_legend, draw_costs, look, plain_text
from descenso.text import _

BOTTOM = 1e-17  # differences of 0 on a logarithmic axis, below the rounding unit of float64
MOST_TITLE = 40  # letters


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
    draw_costs(first, costs, SMALL)
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
            (lines[name],) = axes.plot(epochs, drawn, **look(number))
    edges = np.arange(len(limits) + 1)
    lines[_("allowed")] = axes.stairs(limits, edges, baseline=None, color="black", linestyle="--")
    if drift:
        lines[_("rounding alone")] = axes.stairs(drift, edges[: len(drift) + 1], baseline=None, color="grey")
    title, style = plain_text(_("Cost, apart from {name}").format(name=names[0]), MOST_TITLE)
    axes.set_title(title, **style)
    axes.set(xlabel=_("Epoch #"), ylabel=_("relative difference so far (none: 1e-17)"), yscale="log")
    axes.yaxis.label.set_fontsize(SMALL)
    axes.set_ylim(BOTTOM / 2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    add_legend(axes, lines, SMALL)


def _draw_seconds(axes: Axes, seconds: Mapping[str, Sequence[float]]) -> None:
    """Draw a bar for each contender, the fastest at the top, and how many times as long as that it takes."""
    middles = {name: median(values) for name, values in seconds.items()}
    ranked, colours = (
        sorted(middles, key=lambda name: middles[name]),
        {n: look(i)["color"] for i, n in enumerate(seconds)},
    )
    least = middles[ranked[0]]
    for place, name in enumerate(ranked):
        axes.barh(place, middles[name], color=colours[name], alpha=0.8)
        axes.plot([min(seconds[name]), max(seconds[name])], [place, place], color="black", linewidth=1)
    names, styles = zip(*map(plain_text, ranked), strict=True)
    axes.set_yticks(range(len(ranked)), names)
    for text, style in zip(axes.get_yticklabels(), styles, strict=True):
        text.set(fontsize=SMALL, **style)
    axes.invert_yaxis()
    times = [_("{seconds} s, × {ratio}").format(seconds=number(middles[name]), ratio=number(middles[name] / least))
             for name in ranked]  # fmt: skip
    _beside(axes, list(range(len(ranked))), times)
    axes.set_title(_("Seconds an epoch, × the fastest"))
    axes.set_xlim(left=0)


def _beside(axes: Axes, places: Sequence[float], labels: Sequence[str]) -> None:
    """Write a label at each height to the right of the frame, where it hides nothing and no frame cuts it."""
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.set_yticks(places, labels, fontsize=SMALL)
    right.tick_params(length=0)


def number(value: float) -> str:
    """Write a number with three digits, and without an exponent.

    >>> number(0.01834), number(1234.5), number(0.00001234), number(-2.5)
    ('0.0183', '1234', '0.0000123', '-2.5')
    """
    if abs(value) >= 100:
        return f"{value:.0f}"
    return np.format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")


def ladder_figure(seconds: Mapping[str, float], items: Sequence[tuple[str, float, float]]) -> Figure:
    """Draw the seconds on each rung of a ladder, and the seconds that each step down saves.

    Args:
        seconds: of the same steps by the name of the rung; the last two are drawn apart.
        items: name, and least and largest seconds saved, of each step down and of that between the last two.
    """
    figure = Picture(figsize=(8.4, 0.55 * len(seconds) + 1.4), layout="constrained")
    axes = figure.subplots()
    names, values = list(seconds), list(seconds.values())
    places = [*range(len(values) - 2), len(values) - 1.5, len(values) - 0.5]
    axes.barh(places, values, height=0.5, color="C0")
    tops = [*range(len(values) - 3), len(values) - 2]  # the upper rung of each step down
    heights, labels, slower = [places[rung] + 0.4 for rung in tops], list[str](), False
    for rung, place, (name, low, high) in zip(tops, heights, items, strict=True):
        top, bottom = values[rung], values[rung + 1]
        lost = high < 0  # leaving it out made the steps slower
        colour = "C1" if lost else "C3" if low > 0 else "C7"
        axes.barh(place, top - bottom, left=bottom, height=0.25, color=colour, alpha=0.6)
        axes.plot([bottom + low, bottom + high], [place, place], color="black", linewidth=1)
        labels.append(_item(name, top - bottom, low, high))
        slower = slower or lost
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    meaning = _("seconds; in red what the step down saves")
    if slower:
        meaning = _("seconds; in red what the step down saves, in orange what it costs")
    axes.set(title=_("Where the time goes"), xlabel=meaning)
    _beside(axes, heights, labels)
    axes.set_xlim(left=min(0.0, *(value for line in axes.lines for value in np.asarray(line.get_xdata()))))
    return figure


def _item(name: str, saved: float, low: float, high: float) -> str:
    """Say what leaving out `name` saves, in seconds, with its interval from `low` to `high`."""
    text = _("{name}: {milliseconds} ms")
    if high < 0:
        text = _("without {name}: {milliseconds} ms longer")
    elif low <= 0:
        text = _("{name}: not distinguishable")
    return text.format(name=name, milliseconds=number(1e3 * abs(saved)))
