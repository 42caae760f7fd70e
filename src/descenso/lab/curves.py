"""Costs of steps, thinned to few points that keep the least and the largest cost of each stretch."""

import numpy as np
from numpy.typing import NDArray

MOST = 1_000  # points


class Thinned:
    """The costs of a run's steps, as points of a curve.

    Steps are grouped into stretches of equal length, a power of 2, of each of which the points of the least and the
    largest cost are kept; the length grows with the run.
    """

    def __init__(self) -> None:
        self._length = 1
        self.points: tuple[NDArray[np.int64], NDArray[np.float32]] = np.empty(0, np.int64), np.empty(0, np.float32)

    def add(self, first: int, costs: NDArray[np.floating]) -> None:
        """Add the costs of the steps from number `first` on."""
        steps = np.concatenate([self.points[0], first + np.arange(len(costs))])
        both = steps, np.concatenate([self.points[1], costs.astype(np.float32)])
        points = _extremes(*both, self._length)
        while len(points[0]) > MOST:
            self._length *= 2
            points = _extremes(*points, self._length)
        self.points = points  # replaced as a whole: other threads read it

    def cut(self, step: int) -> None:
        """Drop the points from number `step` on."""
        steps, costs = self.points
        self.points = steps[steps < step], costs[steps < step]


def _extremes(
    steps: NDArray[np.int64], costs: NDArray[np.float32], length: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the points of the least and the largest cost of each stretch; a NaN counts as the largest."""
    if length == 1:
        return steps, costs
    stretches = steps // length
    order = np.lexsort((costs, stretches))
    last = np.flatnonzero(np.diff(stretches, append=-1))  # of each stretch
    first = np.concatenate([[0], last[:-1] + 1])[: len(last)]
    kept = np.unique(order[np.concatenate([first, last])])
    return steps[kept], costs[kept]
