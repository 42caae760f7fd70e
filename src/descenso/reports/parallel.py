"""Draw the lanes of a sweep over one axis for each setting that varies, and one for each measure."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from descenso.reports.figures import SMALL, Picture, add_note, plain_text
from descenso.reports.sweep import COLOURS, SEED, Line, varied_by
from descenso.text import _, spelled

NEXT = 0.055  # least distance of two ticks that are both labelled; an axis is 1 long
ZERO = 0.1  # height at which a logarithmic axis begins, where 0 has a tick below it
OVER, INFINITE = 1.09, 1.18  # heights of the ticks for costs beyond the scale, and for lanes that diverged
MOST_TIMES = 100  # the lowest cost: beyond, costs are off the scale
SPREAD = 0.3  # of the distance between two values, to each side, over which lanes with one value are drawn
WIDEST = 0.08  # the same, at most
MOST_LABEL = 18  # letters of a value


class _Axis(NamedTuple):
    """One vertical axis.

    Attributes:
        title: above it.
        place: gives the height of a value, in [0, 1], or above for one off the scale; None for a missing one.
        ticks: height and label of each.
        spread: how far lanes with one value are drawn apart, to each side.
    """

    title: str
    place: Callable[[Any], float | None]
    ticks: list[tuple[float, str]]
    spread: float = 0.0


class _Point(NamedTuple):
    """The lanes that differ in nothing but the seed, and the heights at which their settings are drawn."""

    lines: Sequence[Line]
    heights: list[float | None]

    @property
    def score(self) -> float:
        """Median score; infinite if a lane diverged."""
        scores = [line.score for line in self.lines]
        return math.inf if math.inf in scores else median(scores)

    @property
    def dropped(self) -> bool:
        return any(line.dropped for line in self.lines)

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Orders points: those that were dropped after the others, those with a diverged lane last."""
        return self.score == math.inf, self.dropped, self.score


def parallel_figure(lines: Sequence[Line], score: str) -> Figure:
    """Draw lanes over parallel axes: settings that vary, the score, and the other measures of the lanes.

    Numbers are on a logarithmic scale where they are positive. Seeds are thin lines below that of their median. A lane
    that diverged ends at a tick of its own; a missing value leaves a gap.

    Args:
        lines: the lanes that have ended, in which at least two settings besides the seed vary.
        score: what the score is, for its axis.
    """
    settings = [name for name in varied_by(lines) if name != SEED]
    axes = [_setting_axis(name, [line.varied[name] for line in lines]) for name in settings]
    measured = [_score_axis(score, [line.score for line in lines])]
    names = list(dict.fromkeys(name for line in lines for name in line.measures))
    measured += [_measure_axis(name, [line.measures.get(name) for line in lines]) for name in names]
    figure = Picture(figsize=(1.9 * len(axes + measured) + 1, 5.2), layout="constrained")
    canvas = figure.subplots()
    points = _points(lines, settings, axes)
    seeds = any(len(point.lines) > 1 for point in points)
    _draw_lines(canvas, points, [axis.place for axis in measured], names)
    _draw_axes(canvas, axes + measured)
    canvas.set_title(_("Settings and results of the lanes"), loc="left")
    note = _(
        "Lanes with the same value of a setting are drawn side by side, the lowest cost at the bottom. "
        "Colour: rank by cost, from dark, the lowest, to bright."
    )
    notes = [note, _("Thick: median over the seeds; thin: each seed.")] if seeds else [note]
    if any(point.dropped for point in points):
        notes.append(_("Dotted: dropped by halving; they come after all others, and their cost is the last they had."))
    add_note(figure, "\n".join(notes))
    return figure


def _points(lines: Sequence[Line], settings: Sequence[str], axes: Sequence[_Axis]) -> list[_Point]:
    """Return the points, the best last, with the heights of their settings, spread where several have one value."""
    together = dict[tuple[str, ...], list[Line]]()
    for line in lines:
        together.setdefault(tuple(repr(line.varied[name]) for name in settings), []).append(line)
    points = sorted((_Point(same, []) for same in together.values()), key=lambda point: point.order)
    for name, axis in zip(settings, axes, strict=True):
        alike = dict[str, list[_Point]]()
        for point in points:
            alike.setdefault(repr(point.lines[0].varied[name]), []).append(point)
        for same in alike.values():
            middle = (len(same) - 1) / 2
            for rank, point in enumerate(same):
                height = axis.place(point.lines[0].varied[name])
                shift = axis.spread * (rank - middle) / middle if middle else 0.0
                point.heights.append(None if height is None else height + shift)
    return points[::-1]


def _draw_lines(
    canvas: Axes, points: Sequence[_Point], places: Sequence[Callable[[Any], float | None]],
    names: Sequence[str],
) -> None:  # fmt: skip
    """Draw the lines of all points, in the colour of their rank, the best last; and a legend."""
    sound, some_dropped = sum(point.score < math.inf for point in points), any(point.dropped for point in points)
    lowest = _("lowest cost of those not dropped") if some_dropped else _("lowest cost")
    legend = dict[str, Any]()
    for rank, point in zip(range(len(points) - 1, -1, -1), points, strict=True):
        diverged, best = point.score == math.inf, rank == 0 and sound > 0 and not point.dropped
        colour = "C3" if diverged else "black" if best else COLOURS(0.9 * rank / sound)
        dashes = "--" if diverged else ":" if point.dropped else "-"
        style: dict[str, Any] = {"color": colour, "linestyle": dashes, "zorder": 4 if best else 2}
        begin, first = point.heights, len(point.heights) - 1
        if len(point.lines) > 1:
            for line in point.lines:
                ends = [begin[-1], *_ends([line], places, names)]
                _draw(canvas, first, ends, **style, linewidth=0.5, alpha=0.5)
        whole = [*begin, *_ends(point.lines, places, names)]
        (drawn,) = _draw(canvas, 0, whole, **style, linewidth=2.8 if best else 1.1, alpha=1.0 if best else 0.75)
        if best or diverged or point.dropped:
            legend[lowest if best else _("diverged") if diverged else _("dropped")] = drawn
    if legend:
        canvas.legend(
            list(legend.values()), list(legend), loc="lower right", bbox_to_anchor=(1, 1), fontsize=SMALL, ncols=2
        )


def _ends(
    lines: Sequence[Line], places: Sequence[Callable[[Any], float | None]], names: Sequence[str]
) -> list[float | None]:
    """Return the heights of the measures of lanes, or of the medians of several."""
    scores = [line.score for line in lines]
    ends = [places[0](math.inf if math.inf in scores else median(scores))]
    for name, place in zip(names, places[1:], strict=True):
        values = [line.measures.get(name) for line in lines]
        known = [value for value in values if value is not None]
        ends.append(place(median(known)) if len(known) == len(values) else None)
    return ends


def _draw(canvas: Axes, first: int, heights: Sequence[float | None], **style: Any) -> Any:
    """Draw a line from the axis `first` on, with a gap where a height is missing."""
    places = [first + number for number in range(len(heights))]
    shown = [math.nan if height is None else height for height in heights]
    return canvas.plot(places, shown, marker="o", markersize=2.5 if style["linewidth"] > 1 else 1, **style)


def _setting_axis(name: str, values: Sequence[Any]) -> _Axis:
    """Make the axis of a setting: of numbers to scale, or else of words, evenly spaced in the order of the lists."""
    known = list({repr(value): value for value in values if value is not None}.values())
    if all(isinstance(value, int | float) for value in known):
        scale = _scale([float(value) for value in known])
        heights = {repr(value): scale(value) for value in sorted(known)}
        labels = [f"{value:.3g}" if isinstance(value, float) else str(value) for value in sorted(known)]
    else:
        heights = {repr(value): (place + 0.5) / len(known) for place, value in enumerate(known)}
        labels = [str(value) for value in known]
    apart = min((high - low for low, high in pairwise(heights.values())), default=1.0)
    ticks = _thinned(list(zip(heights.values(), labels, strict=True)))
    return _Axis(spelled(name), lambda value: heights.get(repr(value)), ticks, min(WIDEST, SPREAD * apart))


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """Return the heights of numbers: logarithmic where those that are not 0 are positive, with a tick for 0 below."""
    positive = [value for value in values if value > 0]
    if min(values) < 0 or not positive:
        norm, begin = Normalize(min(values), max(values)), 0.0
    else:
        norm, begin = LogNorm(min(positive), max(positive)), ZERO if 0 in values else 0.0
    if norm.vmin == norm.vmax:
        return lambda value: (begin + 1) / 2 if value or not begin else 0.0
    return lambda value: 0.0 if begin and value == 0 else begin + (1 - begin) * float(norm(value))


def _score_axis(title: str, scores: Sequence[float]) -> _Axis:
    """Make the axis of the score, with ticks above it for costs off the scale, and for lanes that diverged."""
    finite = [score for score in scores if score < math.inf]
    limit = MOST_TIMES * abs(min(finite)) if finite and min(finite) > 0 else math.inf
    shown = [score for score in finite if score <= limit]
    scale, ticks = _scaled(shown, logarithmic=bool(shown) and min(shown) > 0)
    if len(shown) < len(finite):
        ticks.append((OVER, f"> {limit:.3g}"))
    if len(finite) < len(scores):
        ticks.append((INFINITE, f"∞ {_('diverged')}"))
    return _Axis(title, lambda s: INFINITE if s == math.inf else OVER if s > limit else scale(s), ticks)


def _measure_axis(title: str, values: Sequence[float | None]) -> _Axis:
    """Make the axis of a measure, such as an accuracy, on a linear scale."""
    known = [value for value in values if value is not None]
    scale, ticks = _scaled(known, logarithmic=False)
    return _Axis(title, lambda value: None if value is None else scale(value), ticks)


def _scaled(values: Sequence[float], logarithmic: bool) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """Return the heights of measured numbers, and ticks: the least, the largest, and round ones between."""
    if not values or min(values) == max(values):
        return lambda value: 0.5, [(0.5, f"{value:.4g}") for value in values[:1]]
    low, high = min(values), max(values)
    norm: Normalize = LogNorm(low, high) if logarithmic else Normalize(low, high)
    locator = LogLocator(subs=(1, 2, 5)) if logarithmic else MaxNLocator(5)
    between = [float(tick) for tick in locator.tick_values(low, high) if low < tick < high]
    ticks = [(float(norm(tick)), f"{tick:.4g}") for tick in (low, *between, high)]
    return lambda value: float(norm(value)), _thinned(ticks)


def _thinned(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out ticks whose labels would touch; the first and the last stay."""
    kept = list(ticks[:1])
    for tick in ticks[1:-1]:
        if tick[0] - kept[-1][0] >= NEXT and ticks[-1][0] - tick[0] >= NEXT:
            kept.append(tick)
    return [*kept, *ticks[1:][-1:]]


def _draw_axes(canvas: Axes, axes: Sequence[_Axis]) -> None:
    """Draw the axes, with titles above and labels at the left of each."""
    top = max([1.0, *(height for axis in axes for height, _label in axis.ticks)])
    for place, axis in enumerate(axes):
        canvas.plot([place, place], [0, 1], color="0.3", linewidth=1, zorder=3)
        title, style = plain_text(axis.title, 2 * MOST_LABEL)
        canvas.text(
            place, top + 0.11, title.replace(" (", "\n("), ha="center", va="center", fontsize=SMALL + 1, **style
        )
        for height, label in axis.ticks:
            canvas.plot([place - 0.02, place], [height, height], color="0.3", linewidth=1, zorder=3)
            shown, style = plain_text(label, MOST_LABEL)
            behind: Mapping[str, Any] = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
            canvas.text(place - 0.035, height, shown, ha="right", va="center", fontsize=SMALL, zorder=5, bbox=behind,
                        **style)  # fmt: skip
    canvas.set(xlim=(-0.6, len(axes) - 0.85), ylim=(-WIDEST - 0.02, top + 0.18))
    canvas.axis("off")
