"""Compiled: many steps are one program, a loop that XLA compiles where it serves, and TensorFlow runs where not."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.data.order import Order, epoch_order
from descenso.descent.problem import (
    Descend,
    Model,
    Params,
    Problem,
    State,
    Tensor,
    TrainState,
    descend,
    start,
    tape_step,
)
from descenso.engines.base import Epochs, step_trace
from descenso.engines.rows import as_tensor

PART_BYTES = 2**25  # the most that is gathered at once of an epoch's batches; two such parts are in memory
Batch = tuple[Tensor, Tensor]  # inputs (..., batch_size, *input_shape), labels (..., batch_size)


class Part(NamedTuple):
    """Some steps of an order.

    Attributes:
        full: as many full batches in every part, (most_steps, batch_size, ...); those beyond `steps` are padding.
        rest: the order's last, smaller batch, (rest_rows, ...), or padding.
        steps: how many of the full batches count.
        closing: whether the smaller batch follows them.
        last: whether the order ends with this part.
    """

    full: Batch
    rest: Batch
    steps: int
    closing: bool
    last: bool


def walk(
    problem: Problem,
    state: TrainState,
    full: Batch,
    rest: Batch,
    steps: Tensor,
    closing: Tensor,
    further: Descend = descend,
) -> tuple[TrainState, Tensor]:
    """Walk a part's steps from `state`, no further than the first cost that is not finite.

    Returns the last state, and (most_steps + 1,) costs, the smaller batch's last; zero where no step was taken.
    """
    inputs, labels = full
    zero = tf.zeros([], problem.dtype)

    def going(i: Tensor, cost: Tensor, *_: Tensor) -> Tensor:
        return (i < steps) & tf.math.is_finite(cost)

    def step(i: Tensor, _: Tensor, state: TrainState, costs: Tensor) -> tuple[Tensor, ...]:
        state, cost = tape_step(problem, state, inputs[i], labels[i], further)
        return i + 1, cost, state, costs.write(i, cost)

    first = [0, zero, state, tf.TensorArray(problem.dtype, inputs.shape[0])]
    _, cost, state, written = tf.while_loop(going, step, first)
    last = zero
    if rest[1].shape[0]:
        follows = closing & tf.math.is_finite(cost)
        state, last = tf.cond(follows, lambda: tape_step(problem, state, *rest, further), lambda: (state, zero))
    return state, tf.concat([written.stack(), [last]], axis=0)


def _arguments(part: Part) -> tuple[Batch, Batch, Tensor, Tensor]:
    return part.full, part.rest, tf.constant(part.steps), tf.constant(part.closing)


def _descend_compiled(problem: Problem, state: TrainState, gradients: Params, model_state: State) -> TrainState:
    """`descend`, of whose many small operations XLA makes one: a sixth of a convolutional network's step."""

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def further(state: TrainState, gradients: Params) -> TrainState:
        return descend(problem, state, gradients, {})

    moved: TrainState = further(state._replace(model_state={}), gradients)
    return moved._replace(model_state=model_state)


def xla_serves(model: Model) -> bool:
    """Whether XLA is to compile `model` on this machine's device."""
    return ("GPU" if tf.config.list_logical_devices("GPU") else "CPU") in model.xla


class Compiled:
    """While the processor walks one part of an epoch, a thread gathers the rows of the next."""

    def __init__(self, problem: Problem, train: Split, batch_size: int) -> None:
        self._inputs, self._labels = as_tensor(train.inputs), as_tensor(train.labels)
        self._ahead = ThreadPoolExecutor(1, "descenso-gather")
        steps, rest_rows = divmod(len(train.labels), batch_size)
        parts = min(steps, -(-train.inputs.nbytes // PART_BYTES))
        self._shape = -(-steps // parts), batch_size
        self._padding = np.zeros(rest_rows, np.int32)

        serves = xla_serves(problem.model)
        further = _descend_compiled if problem.model.xla and not serves else descend  # not where it is switched off

        @tf.function(jit_compile=serves)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def walk_part(
            state: TrainState, full: Batch, rest: Batch, steps: Tensor, closing: Tensor
        ) -> tuple[TrainState, Tensor]:
            return walk(problem, state, full, rest, steps, closing, further)

        self._traced = walk_part
        then = perf_counter()
        as_stored = next(self._parts(epoch_order("sequential", len(train.labels), batch_size, 0, 0)))
        nowhere = as_stored._replace(steps=0, closing=False)
        begin = start(problem, 0)
        self._walk = walk_part.get_concrete_function(begin, *_arguments(nowhere))  # half the time a call takes
        self._call(begin, nowhere)  # compiles, and takes no step
        self.compile_seconds = perf_counter() - then

    @property
    def traces(self) -> int:
        return int(self._traced.experimental_get_tracing_count())

    def _parts(self, order: Order) -> Iterator[Part]:
        def gather(rows: NDArray[np.int32]) -> Batch:
            return tf.gather(self._inputs, rows), tf.gather(self._labels, rows)

        most = self._shape[0]
        for first in range(0, max(1, len(order.batches)), most):
            rows = np.zeros(self._shape, np.int32)
            steps = len(order.batches[first : first + most])
            rows[:steps] = order.batches[first : first + most]
            last = first + steps == len(order.batches)
            closing = last and len(order.rest) > 0
            yield Part(gather(rows), gather(order.rest if closing else self._padding), steps, closing, last)

    def _call(self, state: TrainState, part: Part) -> tuple[TrainState, NDArray[np.floating]]:
        """Walk `part`: its last state, and the costs of its own steps."""
        state, costs = self._walk(state, *_arguments(part))
        costs = costs.numpy()
        return state, np.append(costs[: part.steps], costs[-1:] if part.closing else [])

    def epochs(self, state: TrainState, orders: Iterable[Order]) -> Epochs:
        coming = (part for order in orders for part in self._parts(order))
        gathering = self._ahead.submit(next, coming, None)
        then, costs = perf_counter(), list[NDArray[np.floating]]()
        while (part := gathering.result()) is not None:
            gathering = self._ahead.submit(next, coming, None)
            state, walked = self._call(state, part)
            costs.append(walked)
            last, part = part.last, None  # gives its rows back before the next ones are gathered
            if last or not np.isfinite(walked).all():
                trace = step_trace(np.concatenate(costs), perf_counter() - then)
                yield state, trace
                if not trace.finite:
                    return
                then, costs = perf_counter(), []

    def close(self) -> None:
        """Let the gathering thread end."""
        self._ahead.shutdown(cancel_futures=True)
