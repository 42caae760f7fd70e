"""Function: one step is traced once into a graph with `tf.function`; Python runs the loop."""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any

import tensorflow as tf

from descenso.data.dataset import Scaling, Split
from descenso.data.order import Order
from descenso.descent.problem import Batch, MakeStep, Problem, Tensor, TrainState, start
from descenso.engines.base import Rows, Walk, arguments, gathered, shapes_of, shared, specs, step_by_step


class Function:
    """Rows in memory lie on the device: a step takes their numbers, gathers them and descends, in one call."""

    def __init__(
        self, problem: Problem, train: Split, batch_rows: int, step: MakeStep, like: TrainState | None
    ) -> None:
        self._rows, self._scaling = Rows(train), arguments(problem.scaling)
        in_memory, any_rows = self._rows.in_memory, specs(train, (None,))
        then = perf_counter()

        def make() -> tuple[Any, Any]:
            begin = like or start(problem, 0)
            numbers = tf.TensorSpec([None], tf.int32)  # the last, smaller batch, too
            traced = _on_rows(problem, step) if in_memory else _on_batch(problem, step)
            given = (numbers, any_rows) if in_memory else (any_rows,)
            return traced, traced.get_concrete_function(begin, self._scaling, *given)

        self._traced, self._step = shared(problem, make, "function", step, shapes_of(like), in_memory, any_rows)
        self.compile_seconds = perf_counter() - then

    @property
    def traces(self) -> int:
        return int(self._traced.experimental_get_tracing_count())

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        rows = self._rows

        def step(state: TrainState, numbers: Any) -> Any:
            given = (numbers, rows.tensors) if rows.in_memory else (rows.batch(numbers),)
            return self._step(state, self._scaling, *given)

        on_device = map(_Numbers, orders) if rows.in_memory else orders
        return step_by_step(step, state, on_device, read=lambda state: state)

    def close(self) -> None:
        """Nothing is held but memory."""


class _Numbers:
    """An order whose row numbers become tensors together: one by one takes a tenth of a small step."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def __iter__(self) -> Iterator[Tensor]:
        yield from tf.unstack(tf.constant(self._order.batches))
        if len(self._order.rest):
            yield tf.constant(self._order.rest)


def _on_batch(problem: Problem, step: MakeStep) -> Any:
    @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def traced(state: TrainState, scaling: Scaling, batch: Batch) -> tuple[TrainState, Tensor]:
        return step(problem._replace(scaling=scaling))(state, batch)

    return traced


def _on_rows(problem: Problem, step: MakeStep) -> Any:
    """Trace the step on row numbers.

    The rows are arguments: a graph keeps alive what it captures, and TensorFlow keeps some graphs for ever.
    """

    @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def traced(state: TrainState, scaling: Scaling, numbers: Tensor, rows: Batch) -> tuple[TrainState, Tensor]:
        return step(problem._replace(scaling=scaling))(state, gathered(rows, numbers))

    return traced
