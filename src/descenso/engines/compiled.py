"""Compiled: many steps are one program, a loop that XLA compiles for this processor."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.data.order import Order, epoch_order
from descenso.descent.problem import Problem, Tensor, TrainState, start, tape_step
from descenso.engines.base import Epochs, step_trace
from descenso.engines.memory import as_tensor

__all__ = ["Compiled"]

PART_BYTES = 2**24  # an epoch's batches are gathered in parts of about this size; two parts are in memory at once
Batch = tuple[Tensor, Tensor]  # inputs (..., batch_size, *input_shape), labels (..., batch_size)


class Part(NamedTuple):
    """Some steps of an epoch.

    Attributes:
        full: as many full batches in every part, (most_steps, batch_size, ...); those beyond `steps` are padding.
        rest: the epoch's last, smaller batch, (rest_rows, ...).
        steps: int32 scalar, how many of the full batches count.
        closing: bool scalar, whether the smaller batch follows.
    """

    full: Batch
    rest: Batch
    steps: Tensor
    closing: Tensor


def walk(problem: Problem, state: TrainState, part: Part) -> tuple[TrainState, Tensor]:
    """Walk the steps of `part` from `state`, no further than the first cost that is not finite.

    Returns the last state, and (most_steps + 1,) costs, the smaller batch's last; zero where no step was taken.
    """
    inputs, labels = part.full
    zero = tf.zeros([], problem.dtype)

    def going(i: Tensor, cost: Tensor, *_: Tensor) -> Tensor:
        return (i < part.steps) & tf.math.is_finite(cost)

    def step(i: Tensor, _: Tensor, state: TrainState, costs: Tensor) -> tuple[Tensor, ...]:
        state, cost = tape_step(problem, state, inputs[i], labels[i])
        return i + 1, cost, state, costs.write(i, cost)

    first = [0, zero, state, tf.TensorArray(problem.dtype, inputs.shape[0])]
    _, cost, state, written = tf.while_loop(going, step, first)
    last = zero
    if part.rest[1].shape[0]:
        follows = part.closing & tf.math.is_finite(cost)
        state, last = tf.cond(follows, lambda: tape_step(problem, state, *part.rest), lambda: (state, zero))
    return state, tf.concat([written.stack(), [last]], axis=0)


class Compiled:
    """While the processor walks one part of an epoch, a thread gathers the rows of the next."""

    def __init__(self, problem: Problem, train: Split, batch_size: int) -> None:
        self._inputs, self._labels = as_tensor(train.inputs), as_tensor(train.labels)
        self._ahead = ThreadPoolExecutor(1, "descenso-gather")
        steps = len(train.labels) // batch_size
        parts = min(steps, -(-train.inputs.nbytes // PART_BYTES))
        self._most_steps = -(-steps // parts)

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def walk_part(state: TrainState, part: Part) -> tuple[TrainState, Tensor]:
            return walk(problem, state, part)

        self._walk = walk_part
        then = perf_counter()
        as_stored = next(self._parts(epoch_order("sequential", len(train.labels), batch_size, 0, 0)))
        nowhere = as_stored._replace(steps=tf.constant(0), closing=tf.constant(False))
        self._walk(start(problem, 0), nowhere)  # traces and compiles, and takes no step
        self.compile_seconds = perf_counter() - then

    @property
    def traces(self) -> int:
        return int(self._walk.experimental_get_tracing_count())

    def _parts(self, order: Order) -> Iterator[Part]:
        def gather(rows: NDArray[np.int32]) -> Batch:
            return tf.gather(self._inputs, rows), tf.gather(self._labels, rows)

        for first in range(0, len(order.batches), self._most_steps):
            rows = order.batches[first : first + self._most_steps]
            padding = np.zeros((self._most_steps - len(rows), rows.shape[1]), rows.dtype)
            closing = first + len(rows) == len(order.batches)
            full = gather(np.concatenate([rows, padding]))
            yield Part(full, gather(order.rest), tf.constant(len(rows)), tf.constant(closing))

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        coming = (part for order in orders for part in self._parts(order))
        gathering = self._ahead.submit(next, coming, None)
        then, costs = perf_counter(), list[NDArray[np.floating]]()
        while (part := gathering.result()) is not None:
            gathering = self._ahead.submit(next, coming, None)
            state, walked = self._walk(state, part)
            steps, closing, resting = int(part.steps), bool(part.closing), len(part.rest[1])
            del part  # give its rows back before the next ones are gathered
            walked = walked.numpy()
            costs.append(walked[:steps])
            if closing and resting:
                costs.append(walked[-1:])
            if closing or not np.isfinite(costs[-1]).all():
                trace = step_trace(np.concatenate(costs), perf_counter() - then)
                yield state, trace
                if not trace.finite:
                    return
                then, costs = perf_counter(), []

    def close(self) -> None:
        """Let the gathering thread end."""
        self._ahead.shutdown(cancel_futures=True)
