"""Compiled: a whole epoch is one program, a loop of steps that XLA compiles for this processor."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.data.order import Order, epoch_order
from descenso.descent.problem import Problem, Tensor, TrainState, start, tape_step
from descenso.engines.base import Epochs, step_trace

__all__ = ["Compiled"]

Batch = tuple[Tensor, Tensor]  # inputs (..., batch_size, *input_shape), labels (..., batch_size)


def walk(problem: Problem, state: TrainState, full: Batch, rest: Batch, steps: Tensor) -> tuple[TrainState, Tensor]:
    """Walk an epoch: `steps` of the full batches, then the smaller one, where there is one.

    It goes no further than the first cost that is not finite. Returns the last state, and the costs of all
    steps, (all_steps,), zero where none was taken.
    """
    inputs, labels = full

    def going(i: Tensor, cost: Tensor, *_: Tensor) -> Tensor:
        return (i < steps) & tf.math.is_finite(cost)

    def step(i: Tensor, _: Tensor, state: TrainState, costs: Tensor) -> tuple[Tensor, ...]:
        state, cost = tape_step(problem, state, inputs[i], labels[i])
        return i + 1, cost, state, costs.write(i, cost)

    written = tf.TensorArray(problem.dtype, inputs.shape[0])
    first = [0, tf.zeros([], problem.dtype), state, written]
    _, _, state, written = tf.while_loop(going, step, first)
    costs = written.stack()
    if rest[1].shape[0]:
        state, cost = tape_step(problem, state, *rest)
        costs = tf.concat([costs, [cost]], axis=0)
    return state, costs


class Compiled:
    """Its rows lie on the device; while one epoch runs, a thread gathers the next one's batches."""

    def __init__(self, problem: Problem, train: Split, batch_size: int) -> None:
        self._inputs, self._labels = tf.constant(train.inputs), tf.constant(train.labels)
        self._ahead = ThreadPoolExecutor(1, "descenso-gather")

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def epoch(state: TrainState, full: Batch, rest: Batch, steps: Tensor) -> tuple[TrainState, Tensor]:
            return walk(problem, state, full, rest, steps)

        self._epoch = epoch
        then = perf_counter()
        as_stored = epoch_order("sequential", len(train.labels), batch_size, 0, 0)
        self._epoch(start(problem, 0), *self._gather(as_stored), tf.constant(0))  # compiles, and takes no full step
        self.compile_seconds = perf_counter() - then

    def _gather(self, order: Order) -> tuple[Batch, Batch]:
        def batch(rows: NDArray[np.int32]) -> Batch:
            return tf.gather(self._inputs, rows), tf.gather(self._labels, rows)

        return batch(order.batches), batch(order.rest)

    @property
    def traces(self) -> int:
        return int(self._epoch.experimental_get_tracing_count())

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        coming = map(self._gather, orders)
        gathering = self._ahead.submit(next, coming, None)
        while True:
            then = perf_counter()
            batches = gathering.result()
            if batches is None:
                return
            gathering = self._ahead.submit(next, coming, None)
            state, costs = self._epoch(state, *batches, tf.constant(len(batches[0][1])))
            trace = step_trace(costs.numpy(), perf_counter() - then)
            del batches  # give the rows back before the next epoch's are gathered
            yield state, trace
            if not trace.finite:
                return

    def close(self) -> None:
        """Let the gathering thread end."""
        self._ahead.shutdown(cancel_futures=True)
