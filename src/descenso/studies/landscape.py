"""The cost over the plane in which training runs move most, and how far they lie from that plane."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.order import Order
from descenso.descent.problem import Arrays, weights
from descenso.errors import ConfigError
from descenso.studies import plain
from descenso.studies.costs import MOST_ROWS, Cost, spread
from descenso.text import _, aligned, prose
from descenso.training.plan import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 40  # of each path, about
GRID = 31  # points along each side of the plane
MARGIN = 0.15  # of the paths' extent, on each side
LEAST_EXPLAINED = 0.8  # of the variance, below which contours mislead

Points = NDArray[np.float64]


class Trail(NamedTuple):
    """The path of a training run through the space of its parameters.

    Attributes:
        name: of the run.
        points: (points, 2) where it lies on the plane.
        distances: (points,) from the plane, in the units of the parameters.
        costs: (points,) true cost of its parameters, off the plane, in nats.
    """

    name: str
    points: Points
    distances: NDArray[np.float64]
    costs: NDArray[np.float64]


class Landscape(NamedTuple):
    """The cost over a plane.

    Attributes:
        trails: one for each run.
        across, along: (GRID,) coordinates of the plane, in the units of the parameters.
        costs: (GRID, GRID) cost at each point, in nats; rows are those of `along`.
        explained: share of the variance of the paths that the plane explains, in [0, 1].
        rows: training rows on which costs were computed.
        plane: the plane itself, on which further points can be placed.
    """

    trails: tuple[Trail, ...]
    across: NDArray[np.float64]
    along: NDArray[np.float64]
    costs: NDArray[np.float64]
    explained: float
    rows: int
    plane: "Plane"

    def sentences(self) -> list[str]:
        """Say how much of the paths the plane shows, and warn where that is little."""
        lines = [
            prose(_("Share of the paths' variance that the plane explains: {share:.1f} %."), share=100 * self.explained)
        ]
        if self.explained < LEAST_EXPLAINED:
            lines.append(_("That is less than 80 %: the paths lie far from the plane, and its contours mislead."))
        return lines

    def tables(self) -> list[list[list[str]]]:
        """One row a run: cost at the start and at the end, and the largest distance from the plane."""
        rows = [[_("run"), _("first cost"), _("last cost"), _("farthest from the plane"), _("length of the path")]]
        for trail in self.trails:
            length = np.linalg.norm(np.diff(trail.points, axis=0), axis=1).sum()
            numbers = (trail.costs[0], trail.costs[-1], trail.distances.max(), length)
            rows.append([trail.name, *(f"{number:.4g}" for number in numbers)])
        return [rows]

    def as_json(self) -> dict[str, Any]:
        """Return plain values, with None for numbers that are not finite."""
        runs = [
            {"run": trail.name, "points": trail.points.tolist(), "costs": trail.costs.tolist(),
             "distances": trail.distances.tolist()} for trail in self.trails
        ]  # fmt: skip
        plane = {"across": self.across.tolist(), "along": self.along.tolist(), "costs": self.costs.tolist()}
        return dict(plain({"explained": self.explained, "rows": self.rows, "runs": runs, **plane}))

    def plot(self) -> "Figure":
        """Draw the contours of the cost, and each path coloured by its true cost."""
        from descenso.reports.landscape import Path, landscape_figure

        paths = [Path(trail.name, trail.points, trail.costs, float(trail.distances.max())) for trail in self.trails]
        return landscape_figure(paths, (self.across, self.along, self.costs), self.explained, LEAST_EXPLAINED)

    def __repr__(self) -> str:
        return "\n".join([*map(aligned, self.tables()), *self.sentences()])


def survey(
    plans: Sequence[tuple[str, Plan]], grid: int = GRID, told: Callable[[float], None] = lambda share: None
) -> Landscape:
    """Train runs again, and compute the cost over the plane of their two principal directions.

    The plane goes through the mean of all points of all paths; its directions are the first two principal components of
    these points. A cost is the mean over training rows, evenly spaced, of the model as it is evaluated.

    Args:
        plans: name and training run; all of one model on data of one shape.
        grid: points along each side.
        told: called with the share that is done.

    Source: Li et al., Visualizing the Loss Landscape of Neural Nets (2018), section 7.2.

    Raises:
        ConfigError: for runs whose parameters differ in name or shape, and for one that does not move.
    """
    walked = _walked(plans, lambda share: told(0.5 * share))
    paths = [(name, path) for (name, _plan), path in zip(plans, walked, strict=True)]
    return over_paths(plans[0][1], paths, grid, MOST_ROWS, lambda share: told(0.5 + 0.5 * share))


def over_paths(
    plan: Plan, paths: Sequence[tuple[str, Sequence[Arrays]]], grid: int, rows: int, told: Callable[[float], None]
) -> Landscape:
    """Compute the cost over the plane of the two principal directions of paths, as `survey` does.

    Args:
        plan: whose model and training rows give the cost.
        paths: names, and the parameters along each, in the user's form.
        grid: points along each side.
        rows: on which costs are computed, at most.
        told: called with the share that is done; what it raises ends the computation.

    Raises:
        ConfigError: for paths that do not move.
    """
    flat = [np.stack([_flat(params) for params in path]) for _name, path in paths]
    every = np.concatenate(flat)
    centre = every.mean(axis=0)
    directions, explained = _principal(every - centre)
    plane = Plane(centre, directions, Cost(plan.problem, spread(plan.train, rows)))
    trails = tuple(plane.trail(name, path) for name, path in paths)
    across, along = _axes(np.concatenate([trail.points for trail in trails]), grid)
    surface = np.empty((grid, grid))
    for row, y in enumerate(along):
        surface[row] = plane.costs(np.stack([across, np.full(grid, y)], axis=1), paths[0][1][0])
        told((row + 1) / grid)
    return Landscape(trails, across, along, surface, explained, len(plane.cost.rows.labels), plane)


def _walked(plans: Sequence[tuple[str, Plan]], told: Callable[[float], None]) -> list[list[Arrays]]:
    """Return the points of each path."""
    walked = list[list[Arrays]]()
    for place, (_name, plan) in enumerate(plans):
        walked.append([])
        for params in path_of(plan):
            walked[-1].append(params)
            told((place + min(len(walked[-1]) / (POINTS + 1), 1)) / len(plans))
    shapes = [{name: array.shape for name, array in path[0].items()} for path in walked]
    if any(each != shapes[0] for each in shapes):
        raise ConfigError(_("landscape: the runs are of models whose parameters differ; give runs of one model"))
    return walked


def path_of(plan: Plan) -> Iterator[Arrays]:
    """Train, and yield the parameters at the start, at the end, and at evenly spaced steps between."""
    total = plan.config.epochs * plan.steps_per_epoch
    marks = {round(place * total / POINTS) for place in range(1, POINTS + 1)}
    return (params for _taken, params in states(plan, marks))


def states(plan: Plan, marks: Collection[int]) -> Iterator[tuple[int, Arrays]]:
    """Train to the last of some steps, or until the cost is not finite, and yield steps taken and parameters at each.

    Args:
        plan: the training run; it ends as after all its epochs, whether or not it has a patience.
        marks: numbers of steps from the start; the start itself is yielded in any case.
    """
    begin = plan.start()
    yield 0, weights(plan.problem, begin)
    with closing(plan.bind()) as runner:
        taken = 0
        for state, trace in runner.walk(begin, _cut(plan, sorted(marks))):
            taken += len(trace.costs)
            if not trace.finite:
                return
            if taken in marks:
                yield taken, weights(plan.problem, state)
            if taken >= max(marks):
                return


def _cut(plan: Plan, marks: Sequence[int]) -> Iterator[Order]:
    """Yield the orders of all epochs, cut at `marks`, numbers of steps from the start."""
    for epoch in range(plan.config.epochs):
        begin = epoch * plan.steps_per_epoch
        edges = sorted({0, plan.steps_per_epoch, *(m - begin for m in marks if 0 < m - begin < plan.steps_per_epoch)})
        order = plan.order(epoch)
        for first, last in pairwise(edges):
            yield order.between(first, last)


def _flat(params: Arrays) -> NDArray[np.float64]:
    return np.concatenate([np.asarray(params[name], np.float64).ravel() for name in sorted(params)])


def _shaped(point: NDArray[np.float64], like: Arrays) -> Arrays:
    """Invert `_flat`."""
    params, first = dict[str, Any](), 0
    for name in sorted(like):
        size = like[name].size
        params[name] = point[first : first + size].reshape(like[name].shape).astype(like[name].dtype)
        first += size
    return params


def _principal(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the first two principal directions, (2, size), and the share of the variance that they explain."""
    products = centred @ centred.T  # (points, points): there are far fewer points than parameters
    values, vectors = np.linalg.eigh(products)
    if values[-1] <= 0:
        raise ConfigError(_("landscape: the runs do not move; give one with a larger learning rate, or more epochs"))
    directions = vectors[:, [-1, -2]].T @ centred
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions / np.where(lengths > 0, lengths, 1)
    return directions, float(values[-2:].sum() / np.clip(values, 0, None).sum())


def _axes(points: Points, grid: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(high - low, (high - low).max() / 4)  # a straight path has no second direction to speak of
    middle = (low + high) / 2
    sides = [
        np.linspace(m - s * (0.5 + MARGIN), m + s * (0.5 + MARGIN), grid) for m, s in zip(middle, size, strict=True)
    ]
    return sides[0], sides[1]


class Plane(NamedTuple):
    """A plane through the space of a model's parameters.

    Attributes:
        centre: (size,) a point of it, all parameters one after another.
        directions: (2, size) of length 1, orthogonal.
        cost: computes costs of parameters.
    """

    centre: NDArray[np.float64]
    directions: NDArray[np.float64]
    cost: Cost

    def trail(self, name: str, path: Sequence[Arrays]) -> Trail:
        """Project parameters in the user's form onto the plane, and compute their true costs."""
        apart = np.stack([_flat(params) for params in path]) - self.centre
        placed = apart @ self.directions.T
        return Trail(name, placed, np.linalg.norm(apart - placed @ self.directions, axis=1), self.cost.of(path))

    def costs(self, points: Points, like: Arrays) -> NDArray[np.float64]:
        """Compute the costs at points of the plane, (points, 2), for parameters of the shapes of `like`."""
        return self.cost.of([_shaped(point, like) for point in self.centre + points @ self.directions])
