"""Evidence of a training run: a step at its start, a step at its end, and a search for the learning rate."""

from contextlib import closing
from time import perf_counter
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import Order
from descenso.descent.problem import Batch, Own, Problem, TrainState, scaled, tape_gradient
from descenso.doctor.checks_run import LEAST_EARLY, suspicious
from descenso.doctor.evidence import FIND_SECONDS, SAMPLE, SINGLE_ROWS, Array, Course, Evidence, Rows, Step, size_read
from descenso.registry import LOSSES, is_own
from descenso.runs.history import Epoch
from descenso.runs.trained import Trained
from descenso.studies.sweep.find_rate import grid_around, search
from descenso.training.plan import Plan, bind

EARLY = 100  # steps that are walked again, of the first epoch
TIMED_STEPS = 10  # by which the length of a search for the learning rate is chosen
LEAST_STEPS, MOST_STEPS = 20, 200  # of each run of that search


class Walked(NamedTuple):
    """A training run, as its directory records it.

    Attributes:
        config: its settings.
        data: what it learned from, validation's rows not yet held back.
        epochs: its history.
        outcome: how it ended, or "running".
        trained: what it learned; None where nothing was kept.
        own: what of it is the user's own; None for nothing.
        early: (at most EARLY,) finite costs of its first steps, in nats; None where they are not known.
    """

    config: TrainConfig
    data: Dataset
    epochs: tuple[Epoch, ...] = ()
    outcome: str = "running"
    trained: Trained | None = None
    own: Own | None = None
    early: tuple[float, ...] | None = None


def evidence_of(
    walked: Walked, before: Evidence | None = None, searched: bool = True, hurried: bool = False
) -> Evidence:
    """Gather the evidence of a training run, with a search for the learning rate where its costs are suspicious.

    Args:
        walked: the training run, so far.
        before: the evidence gathered earlier in the same run; its rows, its first step and its search are kept.
        searched: whether to search for a learning rate.
        hurried: whether to take the first steps, of which LEAST_EARLY suffice, for an epoch before one ends, and not to
            search.
    """
    config, data = walked.config, walked.data
    plan = Plan.of(config, data, walked.own)
    problem, begin = plan.problem, plan.start()
    rows = _some(plan.train, config.seed)
    known = before.course if before else None
    early = walked.early or (known.early if known else ())
    if walked.early is None and not known:
        early = tuple(_costs(problem, plan.train, begin, plan.order(0).between(0, EARLY), plan.batch_rows))
    course = Course.of(config, data, walked.epochs, walked.outcome)._replace(early=early)
    if known:
        course = course._replace(suggested_rate=known.suggested_rate, tested=known.tested)
    if hurried and not course.costs and len(early) >= LEAST_EARLY:
        course = course._replace(steps=len(early), costs=[float(np.mean(early))])
    if searched and not hurried and not course.tested and suspicious(course):
        course = course._replace(suggested_rate=suggested_rate(walked), tested=True)
    first = before.step if before and before.step else _first(plan, begin, rows)
    last, test = _at_end(problem, begin, walked.trained, (rows, _some(data.test, config.seed)))
    trained_on = before.rows if before and before.rows else Rows.of(data._replace(train=plan.train), config.order)
    return Evidence(trained_on, first, last, test, course)


def _first(plan: Plan, begin: TrainState, rows: Split) -> Step:
    """Compute a step from the initial weights, and from single rows the size of what the first layer reads."""
    single = range(min(SINGLE_ROWS, len(rows.labels)))
    gradients = (_step(plan.problem, begin, rows.rows([row])).gradients for row in single)
    kind = "classes" if plan.config.loss in LOSSES else ""  # ln C is the first cost of these, and not of the user's own
    return _step(plan.problem, begin, rows)._replace(first=True, loss=kind, read=size_read(gradients))


def _at_end(
    problem: Problem, begin: TrainState, trained: Trained | None, splits: tuple[Split, Split]
) -> tuple[Step | None, Step | None]:
    """Compute a step with training rows and one with test rows from the final weights; None without these or rows."""
    if trained is None:
        return None, None
    held = {name: tf.constant(value) for name, value in problem.model.from_user(trained.params).items()}
    carried = {name: tf.constant(value) for name, value in trained.model_state.items()}
    state = begin._replace(params=held, model_state=carried)
    last, test = (_step(problem, state, split) if len(split.labels) else None for split in splits)
    return last, test


def _some(split: Split, seed: int) -> Split:
    return split.rows(np.random.default_rng(seed).permutation(len(split.labels))[:SAMPLE])


def _step(problem: Problem, state: TrainState, rows: Split) -> Step:
    batch = Batch(*rows).map(tf.constant)
    cost, gradients, _state = tape_gradient(problem, state, batch)
    inputs = scaled(batch.inputs, problem.dtype, problem.scaling)
    outputs, _state = problem.model.apply(state.params, state.model_state, inputs, False)
    arrays, weights = (
        dict(problem.model.to_user({name: np.asarray(value) for name, value in values.items()}))
        for values in (gradients, state.params)
    )
    weights = {name: array for name, array in weights.items() if array.ndim > 1}
    return Step(float(cost), outputs.numpy(), True, arrays, first=False, labels=rows.labels, weights=weights)


def suggested_rate(walked: Walked) -> float | None:
    """Find the learning rate as `descenso find-rate` does, in about `FIND_SECONDS` at most: by short runs at constant
    rates around the rule's own, as many and as long as the time allows.

    Returns:
        None where no rate is safe, where the cost hardly falls with any, or where the time does not suffice for the
        shortest search.
    """
    given = walked.config
    data, _validation = walked.data.hold_back(given.validation_rows(len(walked.data.train.labels)))
    engine = "function" if walked.own else "compiled"  # which compiles once, but each run with code of the user's own
    alone = {"engine": engine, "schedule": "constant", "patience": 0, "validation_size": 0}
    config = given.model_copy(update=alone)

    def plan_of(rate: float, seed: int) -> Plan:
        return Plan.of(config.model_copy(update={"learning_rate": rate, "seed": seed}), data, walked.own)

    rates, binding, stepping = grid_around(_usual_rate(config)), *_times(plan_of(_usual_rate(config), config.seed))
    for grid, seeds in ((rates, 2), (rates, 1), (rates[::2], 1)):
        steps = int((FIND_SECONDS / (len(grid) * seeds) - binding) / stepping)
        if steps >= LEAST_STEPS:
            numbers = [config.seed + place for place in range(seeds)]
            found = search(plan_of, grid, numbers, min(steps, MOST_STEPS))
            return found.best if found.falls else None
    return None


def _usual_rate(config: TrainConfig) -> float:
    """Return the learning rate that the rule brings; of a rule of the user's own, that of the run."""
    if is_own("rule", config.rule):
        return config.learning_rate
    return TrainConfig.of(model=config.model, preset=config.preset, rule=config.rule).learning_rate


def _times(plan: Plan) -> tuple[float, float]:
    """Return the seconds that it takes to bind a second plan like this one, and those of a step."""
    order = plan.order(0).between(0, TIMED_STEPS)
    for _turn in range(2):  # the first one compiles
        begun = perf_counter()
        with closing(plan.bind()) as runner:
            bound = perf_counter()
            _state, trace = next(runner.walk(plan.start(), [order]))
    return bound - begun, trace.seconds / max(1, len(trace.costs))


def _costs(problem: Problem, train: Split, begin: TrainState, order: Order, batch_rows: int) -> Array:
    """Return the costs of the steps of `order` from `begin`, as long as they are finite."""
    with closing(bind("function", problem, train, batch_rows)) as runner:
        _state, trace = next(runner.walk(begin, [order]))
    return trace.costs[np.isfinite(trace.costs)]
