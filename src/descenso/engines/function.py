"""Function: one step is traced once into a graph with `tf.function`; Python turns the loop."""

import math
from collections.abc import Iterable
from time import perf_counter

import tensorflow as tf

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import Problem, Tensor, TrainState, start, tape_step
from descenso.engines.base import Epochs, step_trace
from descenso.engines.rows import as_tensor


class Function:
    """The rows lie on the device; a step takes their numbers, gathers them and descends, in one call."""

    def __init__(self, problem: Problem, train: Split, batch_size: int) -> None:
        self._rows = as_tensor(train.inputs), as_tensor(train.labels)
        then = perf_counter()

        # The rows are arguments: what a graph captures lives as long as it does, and TensorFlow keeps some for ever.
        @tf.function  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def step(state: TrainState, chosen: Tensor, inputs: Tensor, labels: Tensor) -> tuple[TrainState, Tensor]:
            return tape_step(problem, state, tf.gather(inputs, chosen), tf.gather(labels, chosen))

        self._traced = step
        any_rows = tf.TensorSpec([None], tf.int32)  # one trace serves the last, smaller batch too
        self._step = step.get_concrete_function(start(problem, 0), any_rows, *self._rows)
        self.compile_seconds = perf_counter() - then

    @property
    def traces(self) -> int:
        return int(self._traced.experimental_get_tracing_count())

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        for order in orders:
            then, costs = perf_counter(), list[float]()
            for rows in order:
                state, cost = self._step(state, tf.constant(rows), *self._rows)
                costs.append(float(cost))
                if not math.isfinite(costs[-1]):
                    break
            trace = step_trace(costs, perf_counter() - then)
            yield state, trace
            if not trace.finite:
                return

    def close(self) -> None:
        """Nothing is held but memory."""
