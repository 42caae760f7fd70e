"""Small walks, fixed by a seed, by an engine or by the oracle, and their comparison."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import oracle
from binding import bind_way
from descenso.config import TrainConfig
from descenso.data.dataset import Scaling, Split
from descenso.data.order import Order, epoch_order
from descenso.descent import models, rules
from descenso.descent.models import loss_of
from descenso.descent.problem import Model, Problem, TrainState, constant, start, weights
from descenso.registry import RULES, parse
from oracle import Walk

INPUT_SHAPE = (4, 3)
NUM_CLASSES = 5
BATCH_SIZE = 8
REST = 3
INPUT_SCALE = 1 / 255
LEARNING_RATE = 0.3  # neither a float32 nor a float64, so that rounding on the way shows


class Case(NamedTuple):
    """All that a walk depends on except the arithmetic: rows, initial parameters, and the order of each epoch."""

    train: Split
    params: Mapping[str, NDArray[np.float64]]
    orders: tuple[Order, ...]
    model: str = "softmax"
    rule: str = "sgd"
    learning_rate: float = LEARNING_RATE


def make_split(rows: int, seed: int) -> Split:
    """Return rows of uint8 inputs that depend on their label, so that there is something to learn."""
    random = np.random.default_rng(seed)
    labels = random.integers(NUM_CLASSES, size=rows, dtype=np.int32)
    leaning = random.integers(128, size=(NUM_CLASSES, *INPUT_SHAPE))[labels]
    return Split((leaning + random.integers(128, size=(rows, *INPUT_SHAPE))).astype(np.uint8), labels)


def make_model(name: str, dtype: str, **settings: Any) -> Model:
    """Build a small model of this kind for the inputs and classes of a case."""
    small = {"mlp": {"hidden": "6", "dropout": 0}, "cnn": {"hidden": "6", "filters": "2,3", "dropout": 0}}.get(name, {})
    config = TrainConfig.of(model=name, dtype=dtype, **{**small, **settings})
    return models.build(config, INPUT_SHAPE, NUM_CLASSES)


def make_case(steps: int, rest: bool = False, seed: int = 0, model: str = "softmax", rule: str = "sgd") -> Case:
    """Return a case of `steps` full batches, at most ten per epoch, with a smaller last one in each epoch if `rest`.

    Its initial parameters are random, because with zeros many errors do not show.
    """
    steps_an_epoch = min(steps, 10)
    rows = steps_an_epoch * BATCH_SIZE + (REST if rest else 0)
    random = np.random.default_rng([seed, 1])
    shapes = {name: value.shape for name, value in make_model(model, "float32").init(seed)[0].items()}
    params = {name: random.normal(0, 0.5, shape) for name, shape in shapes.items()}
    epochs = range(steps // steps_an_epoch)
    orders = tuple(epoch_order("permutation", rows, BATCH_SIZE, seed, epoch) for epoch in epochs)
    rate = LEARNING_RATE if rule == "sgd" else 10 * RULES[rule.partition(":")[0]].learning_rate
    return Case(make_split(rows, seed), params, orders, model, rule, rate)


def make_problem(case: Case, dtype: str, **changes: Any) -> Problem:
    """Return the problem of `case`, with the parts in `changes` replaced."""
    model = make_model(case.model, dtype)
    problem = Problem(
        model=model,
        loss=loss_of("cross_entropy", model),
        rule=rules.build(case.rule),
        schedule=constant,
        dtype=dtype,
        scaling=Scaling(scale=INPUT_SCALE),
        learning_rate=case.learning_rate,
    )
    return problem._replace(**changes)


def begin(problem: Problem, params: Mapping[str, NDArray[np.generic]]) -> TrainState:
    """Return the state before the first step, from `params` in the user's layout."""
    held = {name: tf.constant(value, problem.dtype) for name, value in problem.model.from_user(dict(params)).items()}
    return start(problem, 0)._replace(params=held, rule_state=problem.rule.init(held))


def walk_epochs(engine: Any, problem: Problem, case: Case) -> list[Walk]:
    """Return the walk of `case` up to the end of each epoch; `engine` is one of `binding.WAYS` or a function."""
    bound = (problem, case.train, case.orders[0].batches.shape[1])
    walks, costs = [], []
    with closing(bind_way(engine, *bound) if isinstance(engine, str) else engine(*bound)) as runner:
        for state, trace in runner.walk(begin(problem, case.params), case.orders):
            costs.append(trace.costs)
            walks.append(Walk(np.concatenate(costs), weights(problem, state)))
    return walks


def walk(engine: Any, problem: Problem, case: Case) -> Walk:
    """Return the walk of `case` to its end."""
    return walk_epochs(engine, problem, case)[-1]


def truth(case: Case, epochs: int | None = None) -> Walk:
    """Return the oracle's walk of `case`, or of its first `epochs` epochs."""
    orders = case.orders[:epochs]
    rule, options = parse(case.rule, RULES)
    walked = case.model, rule, case.params, case.train.inputs, case.train.labels, orders
    return oracle.descend(*walked, case.learning_rate, INPUT_SCALE, **options)


def difference(found: Walk, expected: Walk) -> float:
    """Return the largest difference of any cost or parameter; infinite if shapes differ or values are not finite.

    Each difference is relative to the largest value of its array: single weights may be arbitrarily close to zero, but
    their rounding errors are not.
    """
    if found.params.keys() != expected.params.keys():
        return np.inf
    pairs = [(found.costs, expected.costs), *((found.params[name], expected.params[name]) for name in found.params)]
    if any(mine.shape != theirs.shape for mine, theirs in pairs):
        return np.inf
    gaps = [np.abs(mine.astype(np.float64) - theirs).max() / np.abs(theirs).max() for mine, theirs in pairs]
    return float(max(gaps)) if np.all(np.isfinite(gaps)) else np.inf
