"""Draw sweeps: cost curves coloured by the learning rate, and the final cost against what varies."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from descenso.reports.figures import MOST_WITHIN, SMALL, Picture, add_legend, look
from descenso.text import _, mark, spelled

RATE, SEED = "learning_rate", "seed"
NAMES = {RATE: mark("learning rate"), "weight_decay": mark("weight decay"), "batch_size": mark("batch size")}
COLOURS = colormaps["viridis"]


class Line(NamedTuple):
    """One lane, as it is drawn.

    Attributes:
        varied: the settings in which lanes differ.
        costs: of each epoch, in nats; NaN where it diverged.
        score: by which it is ranked, in nats; infinite if it diverged.
        measures: what else is known of it, such as accuracies, by name; None for what is missing.
        dropped: number of epochs after which halving dropped it; None if it did not, or it diverged.
    """

    varied: dict[str, Any]
    costs: Sequence[float]
    score: float
    measures: Mapping[str, float | None] = {}
    dropped: int | None = None


def varied_by(lines: Sequence[Line]) -> list[str]:
    """Return the settings that have more than one value."""
    return [name for name in lines[0].varied if len({repr(line.varied[name]) for line in lines}) > 1] if lines else []


def sweep_figure(lines: Sequence[Line], score: str) -> Figure:
    """Draw the lanes of a sweep: their curves at the left, their scores at the right.

    The scores are drawn over the first setting whose values are numbers, preferably the learning rate; two such
    settings make a map, with the median over everything else.

    Args:
        lines: the lanes that have ended.
        score: what the score is, for its axis.
    """
    figure = Picture(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    axis = _axis(lines)
    _draw_curves(figure, left, lines, axis)
    numbers = [name for name in _varied(lines) if _numeric(lines, name) and name != SEED]
    if len(numbers) >= 2:
        _draw_map(figure, right, lines, (numbers[0], numbers[1]), score)
    else:
        _draw_scores(right, lines, axis, score)
    return figure


def _varied(lines: Sequence[Line]) -> list[str]:
    return list(lines[0].varied)


def _numeric(lines: Sequence[Line], name: str) -> bool:
    values = {line.varied[name] for line in lines}
    return len(values) > 1 and all(isinstance(value, int | float) for value in values)


def _axis(lines: Sequence[Line]) -> str:
    """Return the setting along which lanes are drawn."""
    names = [name for name in _varied(lines) if _numeric(lines, name)]
    others = [name for name in names if name != SEED] or names or _varied(lines)
    return RATE if RATE in names else others[0]


def _colour_scale(lines: Sequence[Line], name: str) -> Normalize | None:
    if not _numeric(lines, name):
        return None
    values = [float(line.varied[name]) for line in lines]
    return LogNorm(min(values), max(values)) if min(values) > 0 else Normalize(min(values), max(values))


def _draw_curves(figure: Figure, axes: Axes, lines: Sequence[Line], name: str) -> None:
    """Draw the cost of each epoch; a diverged lane ends in a cross at the top, as high as all others begin."""
    scale = _colour_scale(lines, name)
    finite = [cost for line in lines for cost in line.costs if np.isfinite(cost)]
    words = list(dict.fromkeys(str(line.varied[name]) for line in lines))
    top = _top(lines)
    legend = dict[str, Any]()
    for line in lines:
        place = words.index(str(line.varied[name]))
        style: dict[str, Any] = look(place) if scale is None else {"color": COLOURS(scale(float(line.varied[name])))}
        epochs = np.arange(1, len(line.costs) + 1)
        few = len(line.costs) < 3
        (drawn,) = axes.plot(epochs, line.costs, linewidth=1, marker="o" if few else None, markersize=3, **style)
        legend.setdefault(str(line.varied[name]), drawn)
        if line.score == float("inf"):
            axes.plot(len(line.costs), top, marker="x", markersize=5, clip_on=False, color=style["color"], zorder=3)
        if line.dropped:
            axes.plot(line.dropped, line.costs[line.dropped - 1], marker="v", markersize=4, color=style["color"])
    title = _("Cost of each epoch (×: diverged)")
    if any(line.dropped for line in lines):
        title = _("Cost of each epoch (×: diverged, ▼: dropped)")
    axes.set(title=title, xlabel=_("Epoch #"), ylabel=_("cost (nats)"))
    if finite and min(finite) > 0:
        axes.set_yscale("log")
        axes.set_ylim(min(finite) * 0.9, top)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if all(len(line.costs) < 2 for line in lines):
        axes.set(xlim=(0, 2), xticks=[1])  # around one epoch, the axis would have fractions of epochs
    axes.grid(alpha=0.3)
    if scale is not None:
        bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=axes, label=_name(name))
        bar.ax.tick_params(labelsize=SMALL)
    elif len(legend) <= MOST_WITHIN:
        add_legend(axes, legend, SMALL)


def _top(lines: Sequence[Line]) -> float:
    """Return the top of the axis of costs: twice the largest first cost of lanes that did not diverge."""
    first = [line.costs[0] for line in lines if line.score < float("inf") and np.isfinite(line.costs[0])]
    every = [cost for line in lines for cost in line.costs if np.isfinite(cost)]
    return 2 * max(first or every or [1.0])


def _draw_scores(axes: Axes, lines: Sequence[Line], name: str, score: str) -> None:
    """Draw the median score over seeds, with the band of all seeds, one line for each of the other settings; points
    that were dropped are beside the lines.
    """
    numeric = _numeric(lines, name)
    groups = dict[str, dict[Any, list[Line]]]()
    for line in lines:
        others = ", ".join(f"{spelled(k)} {v}" for k, v in line.varied.items() if k not in (name, SEED))
        groups.setdefault(others, {}).setdefault(line.varied[name], []).append(line)
    words = list(dict.fromkeys(line.varied[name] for line in lines))
    legend = dict[str, Any]()
    for number, (others, points) in enumerate(groups.items()):
        values = sorted(points) if numeric else [word for word in words if word in points]
        finite = [value for value in values if all(line.score < float("inf") for line in points[value])]
        places = finite if numeric else [words.index(value) for value in finite]
        kept, dropped = _draw_points(axes, places, [points[value] for value in finite], look(number))
        legend |= {others or score: kept} | ({_("dropped"): dropped} if dropped else {})
        if numeric:
            _mark_edge(axes, finite, [value for value in values if value not in finite])
    if numeric and min(words) > 0:
        axes.set_xscale("log")
    scores = [line.score for line in lines if line.score < float("inf")]
    if scores and 0 < min(scores) < max(scores) / 10:
        axes.set_yscale("log")
    if not numeric:
        axes.set_xticks(range(len(words)), [str(word) for word in words], fontsize=SMALL, rotation=30, ha="right")
    axes.set(title=_("Where it ends"), xlabel=_name(name), ylabel=score)
    axes.grid(alpha=0.3)
    if len(legend) > 1:
        add_legend(axes, legend, SMALL)


def _draw_points(axes: Axes, places: Sequence[Any], points: Sequence[Sequence[Line]], style: Mapping[str, Any]) -> Any:
    """Draw the median score of each point: a line with the band of all seeds, and marks for what was dropped; return
    both, None for the second where nothing was.
    """
    found: list[Any] = [None, None]
    for out in (False, True):
        shown = [n for n, point in enumerate(points) if any(line.dropped for line in point) == out]
        xs, scores = [places[n] for n in shown], [[line.score for line in points[n]] for n in shown]
        marks = (
            {"linestyle": "", "marker": "v", "markersize": 4, "alpha": 0.6} if out else {"marker": "o", "markersize": 3}
        )
        if shown or not out:
            (found[out],) = axes.plot(xs, [*map(median, scores)], **{"linewidth": 1, **style, **marks})
        low, high = [*map(min, scores)], [*map(max, scores)]
        if low != high and not out:
            axes.fill_between(xs, low, high, alpha=0.25, color=style["color"], linewidth=0)
    return found


def _mark_edge(axes: Axes, sound: Sequence[float], diverged: Sequence[float]) -> None:
    """Mark the edge of divergence: the gap between the last sound value and the first one beyond that diverged."""
    beyond = [value for value in diverged if not sound or value > max(sound)]
    if beyond and sound:
        axes.axvspan(max(sound), min(beyond), color="C3", alpha=0.15, linewidth=0)
        note = _("diverges from {value:.3g} on").format(value=min(beyond))
        axes.axvline(min(beyond), color="C3", linestyle=":", linewidth=1)
        axes.annotate(note, (min(beyond), 1), xycoords=("data", "axes fraction"), xytext=(-3, -4), fontsize=SMALL,
                      textcoords="offset points", rotation=90, ha="right", va="top", color="C3")  # fmt: skip


def _draw_map(figure: Figure, axes: Axes, lines: Sequence[Line], names: tuple[str, str], score: str) -> None:
    """Draw the median score over two settings: of the lanes that were not dropped, where there are any; white where a
    lane diverged, with a cross.
    """
    across, along = names
    xs, ys = (sorted({line.varied[name] for line in lines}) for name in names)
    cells = dict[tuple[int, int], list[Line]]()
    for line in lines:
        cells.setdefault((ys.index(line.varied[along]), xs.index(line.varied[across])), []).append(line)
    values, dropped = np.full((len(ys), len(xs)), np.nan), np.full((len(ys), len(xs)), False)
    for place, of in cells.items():
        kept = [line.score for line in of if not line.dropped]
        scores = kept or [line.score for line in of]
        values[place], dropped[place] = median(scores) if max(scores) < float("inf") else np.nan, not kept
        if np.isnan(values[place]) or not kept:
            axes.plot(place[1], place[0], marker="v" if not kept else "x", color="C3", markersize=5)
    finite = values[np.isfinite(values)]
    scale = LogNorm(finite.min(), finite.max()) if finite.size and 0 < finite.min() < finite.max() else None
    picture = axes.imshow(values, origin="lower", aspect="auto", cmap="viridis_r", norm=scale)
    if finite.size:
        ending = np.where(dropped | np.isnan(values), np.inf, values)
        best = np.unravel_index(ending.argmin(), values.shape)
        if ending[best] < np.inf:
            axes.plot(best[1], best[0], marker="*", color="white", markeredgecolor="black", markersize=11)
        figure.colorbar(picture, ax=axes, label=score).ax.tick_params(labelsize=SMALL)
    for which, ticks in (("x", xs), ("y", ys)):
        shown = range(0, len(ticks), -(-len(ticks) // 8))
        words = [f"{ticks[place]:.3g}" for place in shown]
        (axes.set_xticks if which == "x" else axes.set_yticks)(list(shown), words, fontsize=SMALL)
    title = (
        _("Where it ends (★ best, × diverged, ▼ dropped)") if dropped.any() else _("Where it ends (★ best, × diverged)")
    )
    axes.set(title=title, xlabel=_name(across), ylabel=_name(along))


def rates_figure(
    rates: Sequence[float],
    means: NDArray[np.float64],
    best: float | None,
    edge: tuple[float | None, float | None],
    theory: float | None,
) -> Figure:
    """Draw the mean cost of short training runs against their learning rate.

    Args:
        rates: ascending.
        means: (seeds, rates) mean cost of each run, in nats; infinite where it is not safe.
        best: the fastest safe rate.
        edge: the largest rate up to which all seeds are safe, and the smallest from which on none is.
        theory: the edge by the Hessian.
    """
    figure = Picture(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    legend, drawn = dict[str, Any](), np.where(np.isfinite(means), means, np.nan)
    for row in drawn:
        (legend[_("each seed")],) = axes.plot(rates, row, color="C0", alpha=0.4, linewidth=1, marker=".", markersize=3)
    middle = np.median(drawn, axis=0)
    (legend[_("median")],) = axes.plot(rates, middle, color="C0", marker="o", markersize=4)
    last, first = edge
    if last is not None and first is not None:
        legend[_("unsafe for some seeds")] = axes.axvspan(last, first, color="C3", alpha=0.15, linewidth=0)
    if first is not None:
        legend[_("unsafe for all seeds")] = axes.axvspan(first, rates[-1], color="C3", alpha=0.3, linewidth=0)
    if theory is not None:
        legend[_("edge by the Hessian")] = axes.axvline(theory, color="black", linestyle=":")
    if best is not None:
        legend[_("fastest safe rate")] = axes.axvline(best, color="C2", linestyle="--")
    axes.set(xscale="log", title=_("Short training runs at constant rates"), xlabel=_("learning rate"))
    axes.set_ylabel(_("mean cost of the steps (nats)"))
    axes.grid(alpha=0.3)
    add_legend(axes, legend, SMALL)
    return figure


def _name(setting: str) -> str:
    return _(NAMES.get(setting, setting))
