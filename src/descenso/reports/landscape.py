"""Draw the cost over a plane, and paths on it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from descenso.reports.figures import SMALL, STYLES, Picture, add_legend
from descenso.text import _, prose

LEVELS = 18


class Path(NamedTuple):
    """A path on the plane: its name, points (points, 2), true costs in nats, and largest distance from the plane."""

    name: str
    points: NDArray[np.float64]
    costs: NDArray[np.float64]
    distance: float


def landscape_figure(
    paths: Sequence[Path],
    surface: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    explained: float,
    least: float,
) -> Figure:
    """Draw contours of the cost over the plane, in grey, and each path in the colour of its true cost.

    Args:
        paths: at least one.
        surface: coordinates across and along, and the cost at each point, (along, across).
        explained: share of the paths' variance that the plane explains, in [0, 1].
        least: below which the picture warns.
    """
    across, along, costs = surface
    every = np.concatenate([path.costs for path in paths])
    finite = costs[np.isfinite(costs)]
    low, high = min(every.min(), finite.min()), max(every.max(), finite.max())
    scale: Normalize = LogNorm(low, high) if 0 < low < high else Normalize(low, high)
    figure = Picture(figsize=(7.4, 5.4), layout="constrained")
    axes = figure.subplots()
    levels = np.geomspace(low, high, LEVELS) if 0 < low < high else np.linspace(low, high + 1e-12, LEVELS)
    drawn = axes.contour(across, along, np.where(np.isfinite(costs), costs, high), levels, colors="0.6", linewidths=0.7)
    axes.clabel(drawn, levels[::3], fontsize=SMALL - 1, fmt="%.2g")
    add_legend(axes, _draw_paths(axes, paths, scale), SMALL)
    title = prose(_("Cost over the plane of the paths (variance explained: {share:.3g} %)"), share=100 * explained)
    if explained < least:
        title += "\n" + _("less than 80 %: contours mislead")
    axes.set(title=title, xlabel=_("first principal direction"), ylabel=_("second principal direction"))
    label = _("true cost along the paths (nats); ● start, ★ end")
    figure.colorbar(ScalarMappable(scale, "viridis"), ax=axes, label=label)
    return figure


def _draw_paths(axes: Axes, paths: Sequence[Path], scale: Normalize) -> dict[str, Any]:
    """Draw each path in the colour of its true cost; return what the legend shows of them."""
    legend = dict[str, Any]()
    for number, path in enumerate(paths):
        pieces = np.stack([path.points[:-1], path.points[1:]], axis=1)
        style = STYLES[number % len(STYLES)]
        line = LineCollection(list(pieces), cmap="viridis", norm=scale, linewidth=2, linestyle=style)
        line.set_array((path.costs[:-1] + path.costs[1:]) / 2)
        axes.add_collection(line)
        axes.plot(*path.points[0], marker="o", color="black", markersize=4)
        axes.plot(*path.points[-1], marker="*", color="black", markersize=9)
        label = prose(_("{run}: at most {distance:.2g} from the plane"), run=path.name, distance=path.distance)
        (legend[label],) = axes.plot([], [], color="0.2", linestyle=style)
    return legend
