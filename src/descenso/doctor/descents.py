"""Evidence of a training run: a step at its start, a step at its end, and a range test of the learning rate."""

from contextlib import closing
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import Order, epoch_order
from descenso.descent.problem import Batch, Own, Problem, TrainState, scaled, start, tape_gradient
from descenso.doctor.checks_run import suspicious
from descenso.doctor.evidence import SAMPLE, SINGLE_ROWS, Array, Course, Evidence, Rows, Step, size_read
from descenso.registry import LOSSES
from descenso.runs.history import Epoch
from descenso.runs.trained import Trained
from descenso.training.plan import Plan, bind

RATES = np.geomspace(1e-6, 1e2, 97)  # twelve to a decade
SMOOTHED = 5  # steps
EARLY = 100  # steps that are walked again, of the first epoch
STILL = 0.9  # of the first cost; where none is lower, no rate makes progress
BELOW_BEST = 10  # how many times smaller than the rate of the lowest cost, where the cost still falls


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


def evidence_of(walked: Walked, before: Evidence | None = None, hurried: bool = False) -> Evidence:
    """Gather the evidence of a training run, with a range test where its costs are suspicious.

    Args:
        walked: the training run, so far.
        before: the evidence gathered earlier in the same run; its rows, its first step and its range test are kept.
        hurried: whether to leave out the range test, and to take the first EARLY steps for an epoch before one ends.
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
    if hurried and not course.costs and len(early) == EARLY:
        course = course._replace(steps=EARLY, costs=[float(np.mean(early))])
    if not hurried and not course.tested and suspicious(course):
        course = course._replace(suggested_rate=suggested_rate(plan), tested=True)
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


def suggested_rate(plan: Plan) -> float | None:
    """Suggest a learning rate by a range test from the start: steps at rates from 1e-6 to 100, each a
    fifth larger than the one before, until the cost is not finite; a tenth of the rate where the cost was lowest.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3.

    Returns:
        None where the cost was lowest at the start, so that no rate does well.
    """
    rates = tf.constant(RATES, tf.float64)
    model = plan.problem.model._replace(shared=False)  # this schedule's program serves once
    ranged = plan.problem._replace(model=model, schedule=lambda step: tf.gather(rates, step), learning_rate=1.0)
    rows, seed = len(plan.train.labels), plan.config.seed
    batch = min(plan.batch_rows, SAMPLE, rows)
    epochs = -(-len(RATES) * batch // rows)
    flat = np.concatenate([epoch_order("permutation", rows, rows, seed, epoch).batches[0] for epoch in range(epochs)])
    order = Order(flat[: len(RATES) * batch].reshape(-1, batch), flat[:0])
    costs = _costs(ranged, plan.train, start(ranged, seed), order, batch)
    if len(costs) < 2 * SMOOTHED:
        return None
    smooth = np.convolve(costs, np.ones(SMOOTHED) / SMOOTHED, "valid")
    lowest = int(smooth.argmin())
    return float(RATES[lowest + SMOOTHED // 2] / BELOW_BEST) if smooth[lowest] < STILL * smooth[0] else None


def _costs(problem: Problem, train: Split, begin: TrainState, order: Order, batch_rows: int) -> Array:
    """Return the costs of the steps of `order` from `begin`, as long as they are finite."""
    with closing(bind("function", problem, train, batch_rows)) as runner:
        _state, trace = next(runner.walk(begin, [order]))
    return trace.costs[np.isfinite(trace.costs)]
