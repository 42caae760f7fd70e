"""Records of the panel of learning rates: a sweep of them, and the plane of a run's path. Without TensorFlow."""

import math
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.errors import ConfigError
from descenso.studies.sweep.grid import lanes_of
from descenso.text import _

FEWEST_RATES, MOST_RATES, MOST_EPOCHS = 2, 16, 10
WIDE = 100.0  # factor of the default range below and above the learning rate that is set
TEMPLATES = 5  # rates whose templates are shown, at most
CLOSEST = 1.01  # factor between two rates
LEAST_RATE, LARGEST_RATE = 1e-30, 1e30


class Span(NamedTuple):
    """What a page chooses of a sweep.

    Attributes:
        first, last: the range of learning rates.
        lanes: number of rates, evenly spaced in the logarithm.
        epochs: of each lane.
    """

    first: float
    last: float
    lanes: int = 9
    epochs: int = 3

    @classmethod
    def around(cls, rate: float) -> "Span":
        """Return the default range, with `rate` in its middle, in three digits."""
        rate = min(max(rate, LEAST_RATE), LARGEST_RATE)
        return cls(float(f"{rate / WIDE:.3g}"), float(f"{rate * WIDE:.3g}"))

    @property
    def text(self) -> str:
        """The rates as `--learning-rates` takes them."""
        return f"{self.first:.6g}..{self.last:.6g}:{self.lanes}"

    def rates(self) -> tuple[float, ...]:
        """Return the learning rates, ascending, as the sweep makes them.

        Raises:
            ConfigError: where the last is too close to the first for so many rates, or below it.
        """
        least = self.first * CLOSEST ** (self.lanes - 1)
        if not least <= self.last:
            message = _("the highest rate must be at least {least:.6g} for {lanes} rates from {first:g}, got {last:g}")
            raise ConfigError(message.format(least=least, lanes=self.lanes, first=self.first, last=self.last))
        return tuple(lane.config.learning_rate for lane in lanes_of({}, {"learning_rates": self.text}))


class RateLane(NamedTuple):
    """One learning rate of a sweep.

    Attributes:
        rate: the learning rate.
        costs, validation_costs: of each epoch so far, in nats; NaN in the epoch in which it diverged.
        diverged_at: epoch and step of the first cost that was not finite, from 0; None if it did not diverge.
        accuracy: on the test rows, a fraction; NaN before the lane has ended, and if it diverged.
    """

    rate: float
    costs: tuple[float, ...] = ()
    validation_costs: tuple[float, ...] = ()
    diverged_at: tuple[int, int] | None = None
    accuracy: float = math.nan

    @property
    def score(self) -> float:
        """The newest cost by which the sweep ranks lanes, in nats; infinite if it diverged, NaN before an epoch."""
        if self.diverged_at is not None:
            return math.inf
        return next((costs[-1] for costs in (self.validation_costs, self.costs) if costs), math.nan)


class Templates(NamedTuple):
    """The templates of one rate.

    Attributes:
        rate: the learning rate.
        images: (classes, height, width) float32 in [-1, 1], divided by the largest absolute weight.
        scale: the largest absolute weight.
    """

    rate: float
    images: NDArray[np.float32]
    scale: float


class Rates(NamedTuple):
    """A sweep of learning rates.

    Attributes:
        number: grows with each change.
        span: what was chosen.
        path: directory of the sweep; None before it is made.
        state: "waiting" while the steps are compiled, "running", "done", "stopped", or "failed".
        share: of the epochs of all lanes, in [0, 1].
        lanes: by ascending rate.
        best: place of the best lane among them, by the sweep's rule, once all have ended; None if all diverged.
        templates: of at most `TEMPLATES` rates that did not diverge, all after the same number of steps.
        class_names: of the templates.
        command: the `descenso sweep …` that trains the same lanes.
    """

    span: Span
    number: int = 0
    path: Path | None = None
    state: Literal["waiting", "running", "done", "stopped", "failed"] = "waiting"
    share: float = 0.0
    lanes: tuple[RateLane, ...] = ()
    best: int | None = None
    templates: tuple[Templates, ...] = ()
    class_names: tuple[str, ...] = ()
    command: str = ""

    @property
    def going(self) -> bool:
        """Whether lanes are being trained, or are about to be."""
        return self.state in ("waiting", "running")

    @property
    def validated(self) -> bool:
        """Whether lanes are ranked by the cost of validation rows."""
        return any(lane.validation_costs for lane in self.lanes)

    @property
    def edge(self) -> tuple[float, float] | None:
        """The largest rate that did not diverge, and the least above it that did; None where there are not both."""
        sound = [lane.rate for lane in self.lanes if lane.diverged_at is None and lane.costs]
        diverged = [lane.rate for lane in self.lanes if lane.diverged_at is not None]
        beyond = [rate for rate in diverged if rate > max(sound, default=0)]
        return (max(sound), min(beyond)) if sound and beyond else None


class PathPlane(NamedTuple):
    """The cost over the plane of the two principal directions of a run's path, and the path on it.

    Attributes:
        run: directory of the run.
        number: grows with each change.
        state: "computing", "done" or "stopped".
        share: that is computed, in [0, 1].
        across, along: (grid,) coordinates of the plane, in the units of the parameters.
        surface: (grid, grid) cost at each point, in nats; rows are those of `along`.
        steps: (points,) number of steps taken at each point of the path; -1 where it is not known.
        points: (points, 2) where the path lies on the plane.
        costs: (points,) true cost of each point, off the plane, in nats.
        distances: (points,) from the plane, in the units of the parameters.
        known: number of points from which the plane was computed; those after them came later.
        explained: share of the variance of the `known` points that the plane explains, in [0, 1].
        least: below which the plane misleads.
        rows: training rows on which costs were computed.
        steered: whether the run was steered, so that `descenso landscape` refuses it.
    """

    run: Path
    number: int = 0
    state: Literal["computing", "done", "stopped"] = "computing"
    share: float = 0.0
    across: NDArray[np.float64] = np.empty(0)
    along: NDArray[np.float64] = np.empty(0)
    surface: NDArray[np.float64] = np.empty((0, 0))
    steps: NDArray[np.int64] = np.empty(0, np.int64)
    points: NDArray[np.float64] = np.empty((0, 2))
    costs: NDArray[np.float64] = np.empty(0)
    distances: NDArray[np.float64] = np.empty(0)
    known: int = 0
    explained: float = 0.0
    least: float = 0.0
    rows: int = 0
    steered: bool = False
