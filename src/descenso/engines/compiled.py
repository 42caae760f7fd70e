"""Compiled: many steps are one program, a loop that XLA compiles where it can, and TensorFlow runs where not."""

import ctypes
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Scaling, Split
from descenso.data.order import Order
from descenso.descent.problem import (
    Batch,
    MakeStep,
    Model,
    Params,
    Problem,
    State,
    Step,
    Tensor,
    TrainState,
    Update,
    descend,
    make_step,
    start,
)
from descenso.engines.base import Rows, Trace, Walk, arguments, shapes_of, shared, trace_of, warn_of_xla

BLOCK_BYTES = 2**25  # the most that is gathered at once of an epoch's batches; two such blocks are in memory


class Block(NamedTuple):
    """Some steps of an order, with the rows of their batches.

    Attributes:
        full: as many full batches in every block, (most_steps, batch_rows, ...); those beyond `steps` are not defined.
        rest: the order's last, smaller batch, (rest_rows, ...), or padding.
        steps: how many of the full batches count.
        closing: whether the smaller batch follows them.
        last: whether the order ends with this block.
    """

    full: Batch
    rest: Batch
    steps: int
    closing: bool
    last: bool


def walk(
    step: Step,
    state: TrainState,
    full: Batch,
    rest: Batch,
    steps: Tensor,
    closing: Tensor,
    closing_step: Step | None = None,
    apart: bool = False,
) -> tuple[TrainState, Tensor]:
    """Take the steps of a block from `state`, as far as the first cost that is not finite.

    Args:
        step: one step. Its cost has the shape of `state.rate`: a scalar, or (K,) where K trainings share a step, which
            then go on while one of them is finite.
        state: the state before the first step.
        full, rest, steps, closing: as those of `Block`.
        closing_step: the step on the smaller batch; by default `step`, where that batch has rows.
        apart: whether `step` is to stay a function, see `runs_apart`.

    Returns:
        The last state, and the costs, (most_steps + 1, ...), the smaller batch's last; zero where no step was taken.
    """
    zero = tf.zeros(state.rate.shape, next(iter(state.params.values())).dtype)
    looped = _not_inlined(step) if apart else step

    def finite(cost: Tensor) -> Tensor:
        return tf.reduce_any(tf.math.is_finite(cost))

    def going(i: Tensor, cost: Tensor, *_: Tensor) -> Tensor:
        return (i < steps) & finite(cost)

    def following(i: Tensor, _: Tensor, state: TrainState, costs: Tensor) -> tuple[Tensor, ...]:
        state, cost = looped(state, full.map(lambda rows: rows[i]))
        return i + 1, cost, state, costs.write(i, cost)

    first = [0, zero, state, tf.TensorArray(zero.dtype, full.labels.shape[0], element_shape=zero.shape)]
    _i, cost, state, written = tf.while_loop(going, following, first)
    last = zero
    if closing_step or rest.labels.shape[0]:
        on_rest = closing_step or step
        state, last = tf.cond(closing & finite(cost), lambda: on_rest(state, rest), lambda: (state, zero))
    return state, tf.concat([written.stack(), last[tf.newaxis]], axis=0)


def runs_apart(model: Model, xla: bool) -> bool:
    """Whether the step of `model` is to stay a function within a loop, which is or is not compiled by XLA.

    TensorFlow otherwise inlines it. By the order in which it then happens to visit the operations of the loop, oneDNN
    computes the gradient of a maximum in some processes, and in others a kernel that takes several times as long
    (docs/performance.md). The call takes as long as many a step of a model without convolutions.
    """
    if xla or model.layers is None:
        return False
    from descenso.descent.keras_models import convolves  # softmax needs no Keras, which takes a second to import

    return convolves(model.layers)


def _not_inlined(step: Step) -> Step:
    try:
        kept: Step = tf.function(step, autograph=False, experimental_attributes={"_noinline": True})
    except (TypeError, ValueError):  # of a TensorFlow without this argument, an experimental one; the numbers are equal
        return step
    return kept


def updating_by_xla(problem: Problem) -> Update:
    """Make an update whose many small operations XLA fuses; it is compiled once for all batches."""

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def fused(state: TrainState, gradients: Params) -> TrainState:
        return descend(problem, state, gradients, {})

    def update(_: Problem, state: TrainState, gradients: Params, model_state: State) -> TrainState:
        updated: TrainState = fused(state._replace(model_state={}), gradients)
        return updated._replace(model_state=model_state)

    return update


def _return_memory() -> None:
    """Return what compiling has freed, some 30 MB, to the system, where the C library has a function for it (glibc)."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def xla_serves(model: Model) -> bool:
    """Whether XLA is to compile `model` on this machine's device."""
    return ("GPU" if tf.config.list_logical_devices("GPU") else "CPU") in model.xla


class Compiled:
    """Runs one block of an epoch as one program, while a thread gathers the rows of the next."""

    def __init__(
        self, problem: Problem, train: Split, batch_rows: int, step: MakeStep, like: TrainState | None
    ) -> None:
        self._rows, self._scaling = Rows(train), arguments(problem.scaling)
        self._ahead = ThreadPoolExecutor(1, "descenso-gather")
        steps, rest_rows = divmod(len(train.labels), batch_rows)
        blocks = min(steps, -(-train.inputs.nbytes // BLOCK_BYTES))
        self._shape = -(-steps // blocks), batch_rows
        self._padding = np.zeros(rest_rows, np.int32)
        then = perf_counter()
        first = self._first_block()

        def bound(problem: Problem) -> tuple[Any, Any]:
            begin, traced = like or start(problem, 0), self._traced_program(problem, step)
            program = traced.get_concrete_function(begin, self._scaling, *_arguments(first))  # halves a call's time
            with self._computing():
                program(begin, self._scaling, *_arguments(first))  # XLA compiles parts of a step in their first step
            return traced, program

        def make() -> tuple[Any, Any]:
            try:
                return bound(problem)
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                if not problem.xla:
                    raise
                made = bound(problem.without_xla())
                warn_of_xla(problem.model.name, str(error))
                return made

        shapes = shapes_of(like), shapes_of(first[:2])
        self._traced, self._program = shared(problem, make, type(self).__name__, step, *shapes)
        _return_memory()
        self.compile_seconds = perf_counter() - then

    @property
    def traces(self) -> int:
        return int(self._traced.experimental_get_tracing_count())

    def _blocks(self, order: Order) -> Iterator[Block]:
        most = self._shape[0]
        for first in range(0, max(1, len(order.batches)), most):
            numbers = order.batches[first : first + most]
            steps = len(numbers)
            last = first + steps == len(order.batches)
            closing = last and len(order.rest) > 0
            rest = self._batch(order.rest if closing else self._padding)
            yield Block(self._batch(numbers, most), rest, steps, closing, last)

    def _batch(self, numbers: NDArray[np.int32], length: int = 0) -> Batch:
        """Gather the rows of full batches, (steps, batch_rows) int32, or of the smaller batch, (rest_rows,)."""
        return self._rows.batch(numbers[..., self._mine(numbers.shape[-1])], length)

    def _first_block(self) -> Block:
        """Make a block of one step, and of one on the smaller batch, where there is one."""
        most, rows = self._shape
        full = self._batch(np.arange(rows, dtype=np.int32)[np.newaxis], most)
        return Block(full, self._batch(self._padding), 1, closing=len(self._padding) > 0, last=True)

    def _computing(self) -> AbstractContextManager[None]:
        """Return the context in which a program is called."""
        return nullcontext()

    def _mine(self, rows: int) -> slice:
        """Return the rows of a batch that this process computes: all."""
        return slice(rows)

    def _traced_program(self, problem: Problem, step: MakeStep) -> Any:
        return _program(problem, step)

    def _call(self, state: TrainState, block: Block) -> tuple[TrainState, NDArray[np.floating]]:
        """Take the steps of `block`; return the last state, and their costs."""
        state, costs = self._program(state, self._scaling, *_arguments(block))
        costs = costs.numpy()
        return state, np.concatenate([costs[: block.steps], costs[-1:] if block.closing else costs[:0]])

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        coming = (block for order in orders for block in self._blocks(order))
        gathering = self._ahead.submit(next, coming, None)
        then, costs, waited = perf_counter(), list[NDArray[np.floating]](), 0.0
        while True:
            asked = perf_counter()
            if (block := gathering.result()) is None:
                return
            waited += perf_counter() - asked
            gathering = self._ahead.submit(next, coming, None)
            state, of_block = self._call(state, block)
            costs.append(of_block)
            seconds = perf_counter() - then
            trace: Trace = trace_of(np.concatenate(costs), seconds, None if self._rows.in_memory else waited)
            last, block = block.last, None  # releases its rows before the next ones are gathered
            if last or not trace.finite:
                yield state, trace
                if not trace.finite:
                    return
                then, costs, waited = perf_counter(), [], 0.0

    def close(self) -> None:
        """Let the gathering thread end."""
        self._ahead.shutdown(cancel_futures=True)
        _return_memory()


def _program(problem: Problem, step: MakeStep) -> Any:
    """Make the loop over a block's steps, compiled by XLA where it compiles the model."""
    by_xla = xla_serves(problem.model)
    if step is make_step and problem.xla and not by_xla:
        step = partial(make_step, update=updating_by_xla(problem))
    apart = runs_apart(problem.model, by_xla)

    @tf.function(jit_compile=by_xla, autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def program(
        state: TrainState, scaling: Scaling, full: Batch, rest: Batch, steps: Tensor, closing: Tensor
    ) -> tuple[TrainState, Tensor]:
        if tf.is_tensor(scaling.scale):
            scaling = Scaling(scaling.shift, tf.cast(scaling.scale, problem.dtype))  # once, outside the loop
        return walk(step(problem._replace(scaling=scaling)), state, full, rest, steps, closing, apart=apart)

    return program


def _arguments(block: Block) -> tuple[Batch, Batch, Tensor, Tensor]:
    return block.full, block.rest, tf.constant(block.steps), tf.constant(block.closing)
