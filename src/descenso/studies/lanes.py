"""Train what is compared by turns, measure what rounding does, and judge the engines."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.descent.problem import Own, TrainState
from descenso.errors import ConfigError
from descenso.studies import MOST, MULTIPLE
from descenso.studies.comparison import ENGINES, Comparison, Result, Verdict
from descenso.studies.paths import SAME_PATH, Path, Walked, costs_apart, find_parting, gaps, walk
from descenso.text import _
from descenso.training.evaluation import Predictor, evaluate
from descenso.training.plan import Plan
from descenso.training.session import make_deterministic

LEAST_DRIFT = float(np.finfo(np.float32).eps)  # one unit of rounding, since the measured drift may be 0 by chance
NUDGES = 2  # paths from a start changed by one rounding, besides the one in float64: samples of what rounding does


class Contender(NamedTuple):
    """A training run that is compared: its name, settings and data, and what of it is the user's own."""

    name: str
    config: TrainConfig
    data: Dataset
    own: Own | None = None
    exact: Callable[[], Own | None] = lambda: None  # makes `own` in float64; raises ConfigError where it cannot be

    def in_float64(self) -> "Contender | None":
        """Return the contender in float64, or None where the user's own model cannot be made in it."""
        try:
            own = self.exact()
        except ConfigError:
            return None
        return self._replace(config=self.config.model_copy(update={"dtype": "float64"}), own=own)


class _Lane:
    """A contender bound to its engine, and its paths."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        plan = Plan.of(contender.config, contender.data, contender.own)
        self.plan = plan._replace(validation=plan.validation.rows(slice(0)))  # held back, but not evaluated
        self.runner = self.plan.bind()
        self.paths = list[Path]()
        self.seconds = list[float]()

    def walk(self) -> None:
        """Train once more; only the first path is kept."""
        path = walk(self.plan, self.runner)
        self.seconds += path.seconds
        self.paths = self.paths or [path]

    def close(self) -> None:
        self.runner.close()

    def result(self, verdict: Verdict | None) -> Result:
        path = self.paths[0]
        finite = all(np.isfinite(array).all() for array in (path.costs[-1], *path.weights[-1].values()))
        predictor, rows = Predictor.of_state(self.plan.problem, path.state), self.plan.step_rows
        costs = (float(np.average(costs, weights=rows[: len(costs)])) for costs in path.costs)
        return Result(
            name=self.contender.name,
            compile_seconds=self.runner.compile_seconds,
            seconds=tuple(self.seconds),
            steps=self.plan.steps_per_epoch,
            costs=tuple(costs),
            test_accuracy=evaluate(predictor, self.contender.data.test).accuracy if finite else None,
            verdict=verdict,
        )


def compare_all(
    axis: str, contenders: Sequence[Contender], repeats: int, progress: Callable[[str], None]
) -> Comparison:
    """Train all contenders by turns in this process, each repeat beginning with another one.

    Args:
        axis: what differs; engines are compared with the first of them.
        contenders: at least two.
        repeats: times that each is trained, at least 1; the path that is compared is the first.
        progress: called with a line when a training run begins.
    """
    config = contenders[0].config
    if config.deterministic:
        make_deterministic()
    with ExitStack() as stack:
        lanes = [stack.enter_context(closing(_Lane(each))) for each in contenders]
        for repeat in range(repeats):
            first = repeat % len(lanes)
            for lane in lanes[first:] + lanes[:first]:
                line = _("repeat {repeat} of {repeats}: {name}")
                progress(line.format(repeat=repeat + 1, repeats=repeats, name=lane.contender.name))
                lane.walk()
        if axis != ENGINES:
            return Comparison(axis, config.dtype, tuple(lane.result(None) for lane in lanes))
        drift = () if config.dtype == "float64" else _drift(lanes[0], progress)
        return _judged(lanes, drift, progress)


def _judged(lanes: Sequence[_Lane], drift: tuple[float, ...], progress: Callable[[str], None]) -> Comparison:
    """Judge the engines; where rounding alone does too much, judge them again in float64."""
    config = lanes[0].contender.config
    wanted = [MULTIPLE * max(LEAST_DRIFT, each) for each in drift] or [SAME_PATH["float64"]]
    wanted = [wanted[min(epoch, len(wanted) - 1)] for epoch in range(config.epochs)]
    limits = tuple(min(MOST, each) for each in wanted)
    sure = next((epoch for epoch, each in enumerate(wanted) if each > MOST), config.epochs)  # epochs that can be judged
    results = tuple(lane.result(_judge(lane, lanes[0], limits[:sure])) for lane in lanes)
    comparison = Comparison(ENGINES, config.dtype, results, limits, drift)
    later = (max(gap) > MOST for each in results if each.verdict for gap in each.verdict.gaps[sure:])
    if not comparison.coincide or not any(later):
        return comparison
    contenders = [lane.contender.in_float64() for lane in lanes]
    exact = None
    if all(contenders):
        progress(_("{dtype} cannot tell: once more in float64").format(dtype=config.dtype))
        exact = compare_all(ENGINES, [each for each in contenders if each], 1, progress)
    return comparison._replace(unsure=sure, exact=exact)


def _drift(lane: _Lane, progress: Callable[[str], None]) -> tuple[float, ...]:
    """Measure what rounding alone does to a path: the largest of its differences so far, after each epoch, from itself
    in float64, and from itself begun one rounding away.
    """
    progress(_("{name} in float64, and begun one rounding away").format(name=lane.contender.name))
    others = [walk(lane.plan, lane.runner, nudged(lane.plan, seed)) for seed in range(NUDGES)]
    exact = lane.contender.in_float64()
    if exact:
        with closing(_Lane(exact)) as other:
            other.walk()
            others += other.paths
    epochs = min(len(other.weights) for other in others)
    apart = [
        max(max(gap) for gap in epoch) for epoch in zip(*(gaps(lane.paths[0], each) for each in others), strict=False)
    ]
    return tuple(map(float, np.maximum.accumulate(apart[:epochs])))


def nudged(plan: Plan, seed: int) -> TrainState:
    """Return the start with each parameter moved up or down by one unit of rounding; zeros stay."""
    begin, random = plan.start(), np.random.default_rng(seed)
    signs = {name: random.choice([-1.0, 1.0], value.shape) for name, value in begin.params.items()}
    moved = {
        name: value * tf.constant(1 + np.finfo(value.dtype.as_numpy_dtype).eps * signs[name], value.dtype)
        for name, value in begin.params.items()
    }
    return begin._replace(params=moved)


def _judge(lane: _Lane, reference: _Lane, limits: Sequence[float]) -> Verdict | None:
    if lane is reference:
        return None
    path, other = lane.paths[0], reference.paths[0]
    steps = [costs_apart(mine, theirs) for mine, theirs in zip(path.costs, other.costs, strict=False)]
    walked, expected = (Walked(each.plan, each.runner, each.paths[0]) for each in (lane, reference))
    return Verdict(gaps(path, other), np.concatenate(steps), find_parting(walked, expected, limits))
