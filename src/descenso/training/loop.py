"""The epoch loop: orders go in, epochs come out, and the run directory hears of each."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import numpy as np

from descenso.config import TrainConfig
from descenso.data.dataset import Dataset
from descenso.data.order import Order, epoch_order
from descenso.descent.losses import LOSSES
from descenso.descent.models import MODELS
from descenso.descent.problem import Arrays, Problem, start, weights
from descenso.descent.rules import RULES
from descenso.descent.schedules import constant
from descenso.engines import bind
from descenso.runs.history import Epoch
from descenso.training.outcome import Interruption, Outcome

__all__ = ["Descent", "Observer", "descend_all", "problem_of"]


class Observer(NamedTuple):
    """Who hears of a descent as it goes.

    Attributes:
        bound: called once with the seconds that tracing and compiling took, before the first epoch.
        epoch: called after each epoch.
    """

    bound: Callable[[float], None]
    epoch: Callable[[Epoch], None]


class Descent(NamedTuple):
    """Where a descent ended.

    Attributes:
        problem: what was descended.
        params: the last parameters, as a textbook writes them.
        epochs: one record an epoch.
        outcome: how it ended.
        signal: number of the signal that interrupted it, or 0.
        diverged_at: (epoch, step) of the cost that was not finite, both counted from 0, or None.
        compile_seconds: tracing and compiling, apart from the rest.
        train_seconds: the sum of the epochs' seconds.
    """

    problem: Problem
    params: Arrays
    epochs: list[Epoch]
    outcome: Outcome
    signal: int
    diverged_at: tuple[int, int] | None
    compile_seconds: float
    train_seconds: float


def problem_of(config: TrainConfig, data: Dataset) -> Problem:
    """The problem that `config` poses on `data`."""
    return Problem(
        model=MODELS[config.model](data.input_shape, data.num_classes),
        loss=LOSSES[config.loss],
        rule=RULES[config.rule](),
        schedule=constant(config.learning_rate),
        dtype=config.dtype,
        input_scale=data.input_scale,
    )


def orders_of(config: TrainConfig, rows: int) -> Iterator[Order]:
    """The order of each epoch of `config` in turn, drawn when asked for."""
    for epoch in range(config.epochs):
        yield epoch_order(config.order, rows, config.batch_size, config.seed, epoch)


def descend_all(config: TrainConfig, data: Dataset, observer: Observer) -> Descent:
    """Walk the epochs of `config` on `data.train`.

    A signal stops it between two epochs; a cost that is not finite stops it at that step.
    """
    problem = problem_of(config, data)
    rows = len(data.train.labels)
    batch_rows = epoch_order("sequential", rows, config.batch_size, 0, 0).weights
    state, epochs, outcome, diverged_at = start(problem, config.seed), list[Epoch](), Outcome.COMPLETED, None
    with Interruption() as interruption, closing(bind(config.engine, problem, data.train, config.batch_size)) as runner:
        observer.bound(runner.compile_seconds)
        with closing(runner.epochs(state, orders_of(config, rows))) as walk:
            for number, (state, trace) in enumerate(walk):
                cost = float(np.average(trace.costs, weights=batch_rows[: len(trace.costs)]))
                epochs.append(Epoch(number, cost, trace.seconds))
                observer.epoch(epochs[-1])
                if not trace.finite:
                    outcome, diverged_at = Outcome.DIVERGED, (number, len(trace.costs) - 1)
                elif interruption.signal and number + 1 < config.epochs:
                    outcome = Outcome.INTERRUPTED
                    break
        compile_seconds = runner.compile_seconds
    return Descent(
        problem, weights(problem, state), epochs, outcome, interruption.signal, diverged_at, compile_seconds,
        sum(epoch.seconds for epoch in epochs),
    )  # fmt: skip
