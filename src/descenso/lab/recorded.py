"""Parameters along the path of a run, kept while it trains."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.generic]]
MOST, FEWEST = 80, 8  # points that are kept
MOST_BYTES = 2**26  # of all points together, while there are more than `FEWEST`


class Recorded:
    """Parameters of a run after numbers of steps that are about evenly spaced.

    Attributes:
        points: number of steps taken and parameters, ascending; replaced as a whole, since other threads read it.
    """

    def __init__(self) -> None:
        self.points: tuple[tuple[int, Arrays], ...] = ()
        self._every = 1

    def add(self, step: int, params: Callable[[], Arrays]) -> None:
        """Keep the parameters after `step` steps, where they are far enough from the point before."""
        points = self.points
        if points and step < points[-1][0] + self._every:
            return
        points = *points, (step, params())
        size = sum(array.nbytes for array in points[-1][1].values())
        most = min(max(MOST_BYTES // max(size, 1), FEWEST), MOST)
        if len(points) > most:
            points = points[::2]
            self._every = max(2 * self._every, -(-2 * (step - points[0][0]) // most))
        self.points = points

    def cut(self, step: int) -> None:
        """Drop the points after `step` steps."""
        self.points = tuple(point for point in self.points if point[0] <= step)

    def finite(self) -> tuple[tuple[int, Arrays], ...]:
        """Return the points whose parameters are finite."""
        return tuple(point for point in self.points if finite(point[1]))


def finite(params: Arrays) -> bool:
    """Whether all parameters are finite."""
    return all(bool(np.isfinite(array).all()) for array in params.values())
