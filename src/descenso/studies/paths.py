"""Paths of training runs, how far two lie apart, and where they part."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from descenso.data.order import Order
from descenso.descent.problem import Arrays, TrainState, weights
from descenso.engines.base import Runner, Trace
from descenso.training.loop import beginning
from descenso.training.loop import walk as train_by_chunks
from descenso.training.plan import Plan

SAME_PATH = {"float32": 1e-4, "float64": 1e-9}  # tolerance where the drift of rounding is not measured
COST = "cost"  # in place of a parameter's name


class Path(NamedTuple):
    """The path of one training run."""

    costs: tuple[NDArray[np.float64], ...]  # of each epoch, (steps,)
    weights: tuple[Arrays, ...]  # after each epoch, in the user's form
    seconds: tuple[float, ...]  # of each epoch
    state: TrainState  # at the end


class Gap(NamedTuple):
    """Difference of one epoch of two paths, relative to the largest value of each array."""

    cost: float  # of the costs of its steps
    weights: float  # of the parameters at its end, the largest over all of them


class Parting(NamedTuple):
    """The first step, counted from 0, whose cost or whose update differs between two paths."""

    epoch: int
    step: int
    tensor: str  # "cost", or the parameter with the largest difference after that step
    difference: float
    limit: float  # the allowed difference


class Walked(NamedTuple):
    """The path of a training run, with its plan and runner."""

    plan: Plan
    runner: Runner
    path: Path


def walk(plan: Plan, runner: Runner, state: TrainState | None = None) -> Path:
    """Train from the start, or from another `state`, and record the path; it ends early where a cost is not finite."""
    costs, params, seconds = list[NDArray[np.float64]](), list[Arrays](), list[float]()
    traces = list[Trace]()
    begin = beginning(plan)
    begin = begin if state is None else begin._replace(state=state)
    for progress in train_by_chunks(plan, runner, begin):
        traces += [progress.trace] if progress.trace else []
        if progress.ended:
            costs.append(np.concatenate([trace.costs for trace in traces]))
            seconds.append(progress.ended.seconds)
            params.append(weights(plan.problem, progress.state))
            traces = []
    return Path(tuple(costs), tuple(params), tuple(seconds), progress.state)


def relative(found: NDArray[np.generic], expected: NDArray[np.generic]) -> float:
    """Compute the largest difference of two arrays over the largest value of `expected`; infinite for other shapes.

    Relative to the largest, since a single component may lie as near zero as it likes, where rounding does not shrink
    with it. What is equally not finite is equal.

    >>> relative(np.array([1.0, 4.5]), np.array([1.0, -4.5])), relative(np.array([np.nan]), np.array([np.nan]))
    (2.0, 0.0)
    """
    if found.shape != expected.shape:
        return np.inf
    mine, theirs = (array.astype(np.float64).ravel() for array in (found, expected))
    return float(costs_apart(mine, theirs).max(initial=0))


def gaps(path: Path, reference: Path) -> tuple[Gap, ...]:
    """Compute the gap of each epoch of both paths; where one ended before the other, the last of these is infinite."""
    both = zip(path.costs, path.weights, reference.costs, reference.weights, strict=False)
    return tuple(Gap(relative(cost, its_cost), _furthest(mine, its)[1]) for cost, mine, its_cost, its in both)


def _furthest(found: Arrays, expected: Arrays) -> tuple[str, float]:
    """Find the parameter with the largest difference, and the difference."""
    apart = {name: relative(found[name], array) for name, array in expected.items()}
    name = max(apart, key=lambda each: apart[each])
    return name, apart[name]


def find_parting(one: Walked, reference: Walked, limits: Sequence[float]) -> Parting | None:
    """Find where `one` leaves `reference` by more than the limit of the epoch; None where it does not. Epochs without a
    limit are not judged.

    The epoch, and the first cost that is not the same, are read off the paths. Which update was the first is found by
    walking the first steps of that epoch again, on both engines, as many as halving asks for.
    """
    judged = zip(gaps(one.path, reference.path), limits, strict=False)
    epoch = next((e for e, (gap, limit) in enumerate(judged) if max(gap) > limit), None)
    if epoch is None:
        return None
    limit, order = limits[epoch], one.plan.order(epoch)
    begun = [(each, _state_before(each, epoch)) for each in (one, reference)]

    def after(steps: int) -> tuple[str, float]:
        """Find the parameter with the largest difference after so many steps of the epoch."""
        found, expected = (_weights_after(each, state, order.between(0, steps)) for each, state in begun)
        return _furthest(found, expected)

    first, cost_apart = _first_cost_apart(one.path.costs[epoch], reference.path.costs[epoch], limit)
    if first == 0 or after(first)[1] <= limit:  # equal weights: other rows, or another cost
        if cost_apart:
            return Parting(epoch, first, COST, cost_apart, limit)
        return Parting(epoch, first - 1, *_furthest(one.path.weights[epoch], reference.path.weights[epoch]), limit)
    agree, differ = 0, first
    while differ - agree > 1:
        middle = (agree + differ) // 2
        agree, differ = (agree, middle) if after(middle)[1] > limit else (middle, differ)
    return Parting(epoch, differ - 1, *after(differ), limit)


def costs_apart(found: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the difference of each step's cost, relative to the largest of `expected`, of the steps that both took.

    Infinite where only one is finite.
    """
    common = min(len(found), len(expected))
    mine, theirs = found[:common], expected[:common]
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(mine - theirs) / np.abs(expected[np.isfinite(expected)]).max(initial=0)
    apart[(mine == theirs) | (np.isnan(mine) & np.isnan(theirs))] = 0
    return np.where(np.isnan(apart), np.inf, apart)


def _first_cost_apart(found: NDArray[np.float64], expected: NDArray[np.float64], limit: float) -> tuple[int, float]:
    """Find the first step whose cost differs, and by how much; the number of steps and 0 where none does."""
    apart = costs_apart(found, expected)
    if (apart > limit).any():
        step = int(np.argmax(apart > limit))
        return step, float(apart[step])
    return len(apart), 0.0 if len(found) == len(expected) else np.inf


def _state_before(walked: Walked, epoch: int) -> TrainState:
    """Return the state before an epoch."""
    begin, orders = walked.plan.start(), map(walked.plan.order, range(epoch))
    return [begin, *(state for state, _trace in walked.runner.walk(begin, orders))][-1]


def _weights_after(walked: Walked, state: TrainState, order: Order) -> Arrays:
    ((last, _trace),) = walked.runner.walk(state, [order])
    return weights(walked.plan.problem, last)
