"""Descents side by side: how fast each is, and, of the engines, whether all walk one path."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

import numpy as np

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.studies.comparison.paths import SAME_PATH, Path, Walked, costs_apart, find_parting, gaps, walk
from descenso.studies.comparison.result import ENGINES, MULTIPLE, Comparison, Result, Verdict
from descenso.text import _
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan
from descenso.training.session import make_deterministic

LEAST_DRIFT = float(np.finfo(np.float32).eps)  # one unit of rounding, which may by chance not show
MOST = 0.01  # beyond which no drift makes two paths one


class Contender(NamedTuple):
    """What is compared: a name for it, its settings and its rows."""

    name: str
    config: TrainConfig
    data: Dataset


class _Lane:
    """A contender bound to its engine, and its paths."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        plan = Plan.of(contender.config, contender.data)
        self.plan = plan._replace(validation=plan.validation.rows(slice(0)))  # held back, and not looked at
        self.runner = self.plan.bind()
        self.paths = list[Path]()
        self.seconds = list[float]()

    def walk(self) -> None:
        """Train once more; only the first path is kept."""
        path = walk(self.plan, self.runner)
        self.seconds += path.seconds
        self.paths = self.paths or [path]

    @property
    def walked(self) -> Walked:
        return Walked(self.plan, self.runner, self.paths[0])

    def close(self) -> None:
        self.runner.close()

    def result(self, verdict: Verdict | None) -> Result:
        path = self.paths[0]
        finite = all(np.isfinite(array).all() for array in (path.costs[-1], *path.weights[-1].values()))
        accuracy = None
        if finite:
            accuracy = evaluate(Predictor.of_state(self.plan.problem, path.state), self.contender.data.test).accuracy
        rows = self.plan.step_rows
        costs = (float(np.average(costs, weights=rows[: len(costs)])) for costs in path.costs)
        return Result(
            name=self.contender.name,
            compile_seconds=self.runner.compile_seconds,
            seconds=tuple(self.seconds),
            steps=self.plan.steps_per_epoch,
            costs=tuple(costs),
            test_accuracy=accuracy,
            verdict=verdict,
        )


def compare_all(
    axis: str, contenders: Sequence[Contender], repeats: int, progress: Callable[[str], None]
) -> Comparison:
    """Walk all contenders, in each repeat by turns and each time beginning with another one; they share this process.

    Args:
        axis: what they differ in; engines are held against the first of them.
        contenders: at least two.
        repeats: how many times each walks, at least 1; the path that is looked at is that of the first time.
        progress: hears of each descent that begins.
    """
    config = contenders[0].config
    if config.deterministic:
        make_deterministic()
    with ExitStack() as stack:
        lanes = [stack.enter_context(closing(_Lane(each))) for each in contenders]
        for repeat in range(repeats):
            first = repeat % len(lanes)
            for lane in lanes[first:] + lanes[:first]:
                told = _("repeat {repeat} of {repeats}: {name}")
                progress(told.format(repeat=repeat + 1, repeats=repeats, name=lane.contender.name))
                lane.walk()
        if axis != ENGINES:
            return Comparison(axis, config.dtype, tuple(lane.result(None) for lane in lanes))
        drift = () if config.dtype == "float64" else _drift(lanes[0], progress)
        allowed = [min(MOST, MULTIPLE * max(LEAST_DRIFT, each)) for each in drift] or [SAME_PATH["float64"]]
        limits = tuple(allowed[min(epoch, len(allowed) - 1)] for epoch in range(config.epochs))
        results = [lane.result(_judge(lane, lanes[0], limits)) for lane in lanes]
        return Comparison(axis, config.dtype, tuple(results), limits, drift)


def _drift(lane: _Lane, progress: Callable[[str], None]) -> tuple[float, ...]:
    """How far rounding takes a path from itself in float64: the largest gap so far, after each epoch."""
    contender = lane.contender
    progress(_("{name} in float64, to see what rounding does").format(name=contender.name))
    exact = contender._replace(config=contender.config.model_copy(update={"dtype": "float64"}))
    with closing(_Lane(exact)) as other:
        other.walk()
        apart = [max(gap) for gap in gaps(lane.paths[0], other.paths[0])]
    return tuple(map(float, np.maximum.accumulate(apart)))


def _judge(lane: _Lane, reference: _Lane, limits: Sequence[float]) -> Verdict | None:
    if lane is reference:
        return None
    path, other = lane.paths[0], reference.paths[0]
    steps = [costs_apart(mine, theirs) for mine, theirs in zip(path.costs, other.costs, strict=False)]
    parting = find_parting(lane.walked, reference.walked, limits)
    return Verdict(gaps(path, other), np.concatenate(steps), parting)
