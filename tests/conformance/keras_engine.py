"""An engine whose rule is a Keras optimizer: running the suite on it tests the tests."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import Batch, Problem, TrainState, objective
from descenso.engines.base import Engine, Walk, trace_of
from descenso.registry import RULES, parse

K = keras.optimizers
OPTIMIZERS = {  # those with the same formula; Keras's nadam has another μ, see `descenso.descent.rules`
    "sgd": K.SGD,
    "momentum": K.SGD,
    "nesterov": partial(K.SGD, nesterov=True),
    "adagrad": partial(K.Adagrad, initial_accumulator_value=0.0),
    "rmsprop": K.RMSprop,
    "adadelta": K.Adadelta,
    "adam": K.Adam,
    "adamw": K.AdamW,
    "lion": K.Lion,
}


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of descenso for Keras, which would round a plain number to float32 whatever the variables' dtype."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def __call__(self, step: Any) -> Any:
        return self._problem.learning_rate * self._problem.schedule(tf.cast(step, tf.int32))


class KerasRunner:
    """Compute the gradients of the problem's objective with a tape, and update with a Keras optimizer."""

    compile_seconds = 0.0
    traces = 0

    def __init__(self, rule: str, problem: Problem, train: Split, batch_rows: int, *_: Any) -> None:
        name, options = parse(rule, RULES)
        self._optimizer = OPTIMIZERS[name](learning_rate=Rate(problem), **options)
        self._problem = problem
        self._train = train

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        names = list(state.params)
        variables = [keras.Variable(state.params[name], dtype=self._problem.dtype) for name in names]
        for order in orders:
            costs = []
            for rows in order:
                with tf.GradientTape() as tape:
                    params = {name: tf.convert_to_tensor(v.value) for name, v in zip(names, variables, strict=True)}
                    tape.watch(params)
                    batch = Batch(*self._train.rows(rows)).map(tf.constant)
                    cost, _ = objective(self._problem, params, state.model_state, batch)
                gradients = tape.gradient(cost, params)
                self._optimizer.apply([gradients[name] for name in names], variables)
                costs.append(float(cost))
            params = {name: tf.convert_to_tensor(v.value) for name, v in zip(names, variables, strict=True)}
            yield state._replace(params=params), trace_of(np.array(costs), 0.0)

    def close(self) -> None:
        """Do nothing: the runner holds no resources."""


def keras_engine(rule: str) -> Engine:
    """Return an engine that updates with Keras's optimizer for the rule called `rule`."""
    return partial(KerasRunner, rule)
