"""The time of a step of data-parallel gradient descent by a formula, fitted to measured all-reduces.

step = arithmetic(batch / N rows) + all-reduce + what else a step of several processes costs;
all-reduce in a ring = fixed + 2(N-1) messages + 2(N-1)/N · bytes / bandwidth.

Source: Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, Journal of Parallel
and Distributed Computing 69 (2009), pages 117 to 124.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from _network import Shape

__all__ = ["LOCAL", "LOOPBACK", "Costs", "Link", "Measured", "Point", "Prediction", "fit", "link_of", "points"]

LOCAL = "loopback"
SMALL = 512  # bytes of an all-reduce of means and variances, about
Measured = dict[str, Any]  # of JSON, so that it can be saved


class Link(NamedTuple):
    """What is between two workers. Attributes: seconds of delay, one way; seconds that the cable needs for a byte."""

    delay: float
    per_byte: float


LOOPBACK = Link(0.0, 0.0)


class Point(NamedTuple):
    """A measured all-reduce. Attributes: number of workers; bytes of one worker's array; link; seconds."""

    workers: int
    size: int
    link: Link
    seconds: float


class Costs(NamedTuple):
    """The costs of TensorFlow's all-reduce.

    Attributes:
        fixed: seconds of an all-reduce.
        message: seconds of a message, besides the link's delay.
        delays: how many times a message waits for the link's delay.
        per_byte: seconds of a byte that is sent, besides the link's.
    """

    fixed: float
    message: float
    delays: float
    per_byte: float

    def seconds(self, workers: int, size: int, link: Link) -> float:
        """Return the seconds of an all-reduce of `size` bytes."""
        return float(_terms(workers, size, link) @ np.array(self) + _cable(workers, size, link))


def _terms(workers: int, size: int, link: Link) -> NDArray[np.float64]:
    messages, sent = 2 * (workers - 1), 2 * (workers - 1) / workers * size
    return np.array([1.0, messages, messages * link.delay, sent])


def _cable(workers: int, size: int, link: Link) -> float:
    return 2 * (workers - 1) / workers * size * link.per_byte


def fit(points: Sequence[Point]) -> Costs:
    """Fit the costs by least squares of relative differences; none becomes negative."""
    measured = np.array([each.seconds for each in points])
    terms = np.array([_terms(*each[:3]) for each in points]) / measured[:, None]
    wanted = 1 - np.array([_cable(*each[:3]) for each in points]) / measured
    used = list(range(terms.shape[1]))
    while True:
        found = np.linalg.lstsq(terms[:, used], wanted, rcond=None)[0]
        if (found >= 0).all():
            costs = np.zeros(terms.shape[1])
            costs[used] = found
            return Costs(*map(float, costs))
        used.pop(int(found.argmin()))


def arithmetic(measured: Mapping[float, float], rows: float) -> float:
    """Return the seconds of a step on so many rows, from some that are measured: in between by powers, and beyond the
    largest in proportion to the rows; a step on less than the fewest takes as long as on these.
    """
    known = sorted(measured)
    if rows > known[-1]:
        return measured[known[-1]] * rows / known[-1]
    return float(np.exp(np.interp(np.log(rows), np.log(known), np.log([measured[each] for each in known]))))


def link_of(network: str) -> Link:
    """Return what is between workers on a network that was measured."""
    shape = None if network == LOCAL else Shape.of(network)
    return Link(shape.delay, 8 / shape.bits) if shape else LOOPBACK


def points(found: Measured) -> dict[str, list[Point]]:
    """Return the measured all-reduces by network."""
    by_network: dict[str, list[Point]] = {name: [] for name in (LOCAL, *found["networks"])}
    for each in found["reduce"]:
        link = link_of(each["network"])
        measured = Point(each["workers"], 4 * each["floats"], link, median(each["seconds"]))
        by_network[each["network"]].append(measured)
    return by_network


class Prediction:
    """Predicts the seconds of a step of workers, each of them a machine like this one.

    Args:
        runs: what was measured; the first one has the arithmetic, all have steps of two workers.
        costs: of an all-reduce.

    Attributes:
        besides: by model, by rows of a worker: seconds of a step that are neither arithmetic nor all-reduce.
    """

    def __init__(self, runs: Sequence[Measured], costs: Costs) -> None:
        self._costs = costs
        self._arithmetic = {
            name: {float(rows): median(seconds) for rows, seconds in of_model.items()}
            for name, of_model in runs[0]["arithmetic"].items()
        }
        self._sizes = dict[str, list[int]]()
        self.besides: dict[str, dict[float, float]] = {name: {} for name in runs[0]["models"]}
        for name, of_model in ((name, run["models"][name]) for run in runs for name in run["models"]):
            seconds = {key: median(told) for key, told in of_model["seconds"].items()}
            self._sizes[name] = [4 * of_model["floats"], *[SMALL] * (of_model["reduces"] - 1)]
            known = seconds["halves, no exchange"] + seconds[f"all-reduce, {LOCAL}"]
            known += sum(costs.seconds(2, size, LOOPBACK) for size in self._sizes[name][1:])
            self.besides[name][of_model["rows"] / 2] = max(1e-9, seconds[f"two workers, {LOCAL}"] - known)

    def step(self, name: str, batch: int, workers: int, link: Link) -> float:
        """Return the seconds of a step."""
        alone = arithmetic(self._arithmetic[name], batch / workers)
        return alone if workers == 1 else alone + self.shared(name, batch, workers, link)

    def shared(self, name: str, batch: int, workers: int, link: Link) -> float:
        """Return the seconds of a step of several workers besides its arithmetic."""
        besides = arithmetic(self.besides[name], batch / workers)
        return besides + sum(self._costs.seconds(workers, size, link) for size in self._sizes[name])

    def speed(self, name: str, batch: int, workers: int, link: Link) -> float:
        """Return how many times as fast as one process the workers are."""
        return self.step(name, batch, 1, link) / self.step(name, batch, workers, link)
