"""Eager: Python calls each operation as it comes, as the second of the two classic programs does."""

import math
from collections.abc import Iterable
from time import perf_counter

import tensorflow as tf

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import Problem, TrainState, tape_step
from descenso.engines.base import Epochs, step_trace


class Eager:
    """No graph: a tape records each step's operations, and plays them back for the gradient."""

    compile_seconds = 0.0
    traces = 0

    def __init__(self, problem: Problem, train: Split, batch_size: int) -> None:
        self._problem = problem
        self._inputs, self._labels = train

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        state = tf.nest.map_structure(tf.convert_to_tensor, state)  # a tape watches no NumPy array
        for order in orders:
            then, costs = perf_counter(), list[float]()
            for rows in order:
                batch = tf.constant(self._inputs[rows]), tf.constant(self._labels[rows])
                state, cost = tape_step(self._problem, state, *batch)
                costs.append(float(cost))
                if not math.isfinite(costs[-1]):
                    break
            trace = step_trace(costs, perf_counter() - then)
            yield state, trace
            if not trace.finite:
                return

    def close(self) -> None:
        """Nothing is held."""
