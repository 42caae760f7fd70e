"""Engines with one fault each, to replace a correct engine in the registry."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import Problem, TrainState
from descenso.engines.base import Walk
from descenso.engines.function import Function

EPOCH, STEP, OTHER = 1, 3, 5  # epoch and step of the fault, and a second step
STEPS = 11  # steps per epoch: 203 rows in batches of 20


class RateOffByAThousandth(Function):
    def __init__(self, problem: Problem, train: Split, batch_rows: int, *more: Any) -> None:
        super().__init__(
            problem._replace(schedule=lambda step: 1.001 * problem.schedule(step)), train, batch_rows, *more
        )


class MissingUpdate(Function):
    """Skips one update, at a step known from the state, like a fault in a schedule."""

    missing = EPOCH * STEPS + STEP

    def __init__(self, problem: Problem, train: Split, batch_rows: int, *more: Any) -> None:
        def schedule(step: Any) -> Any:
            return tf.where(tf.equal(step, self.missing), tf.zeros([], tf.float64), problem.schedule(step))

        super().__init__(problem._replace(schedule=schedule), train, batch_rows, *more)


class MissingLastUpdate(MissingUpdate):
    """Skips the last update, after which no cost is computed."""

    missing = 2 * STEPS - 1


class HiddenShift(Function):
    """Adds the same value to every class's bias once, which changes no cost of any step."""

    def __init__(self, problem: Problem, train: Split, batch_rows: int, *more: Any) -> None:
        def schedule(step: Any) -> Any:
            rate = problem.schedule(step)
            return tf.where(tf.equal(step, EPOCH * STEPS + STEP), -rate, rate)

        def update(gradients: Any, state: Any, params: Any, rate: Any) -> Any:
            updates, state = problem.rule.update(gradients, state, params, tf.abs(rate))
            return {**updates, "b": updates["b"] + tf.cast(rate < 0, rate.dtype)}, state

        faulty = problem._replace(schedule=schedule, rule=problem.rule._replace(update=update))
        super().__init__(faulty, train, batch_rows, *more)


class ShiftInFloat32(HiddenShift):
    """Has the shift in float32 only, like a model that amplifies rounding."""

    def __new__(cls, problem: Problem, *more: Any) -> Any:
        return HiddenShift(problem, *more) if problem.dtype == "float32" else Function(problem, *more)


class OtherOrder(Function):
    """Changes the batches of one epoch; the fault does not show if training stops earlier in that epoch."""

    def batches(self, batches: Any) -> Any:
        raise NotImplementedError

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        return super().walk(state, self._faulty(orders))

    def _faulty(self, orders: Iterable[Order]) -> Iterator[Order]:
        for epoch, order in enumerate(orders):
            yield order._replace(batches=self.batches(order.batches)) if epoch == EPOCH else order


class SwappedBatch(OtherOrder):
    def batches(self, batches: Any) -> Any:
        swapped = batches.copy()
        swapped[[STEP, OTHER]] = swapped[[OTHER, STEP]]
        return swapped


class MissingStep(OtherOrder):
    def batches(self, batches: Any) -> Any:
        return np.delete(batches, STEP, axis=0)


class Float32(Function):
    """Computes in float32, whatever the problem's dtype."""

    def __init__(self, problem: Problem, train: Split, batch_rows: int, *more: Any) -> None:
        super().__init__(problem._replace(dtype="float32"), train, batch_rows, *more)

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        rounded = tf.nest.map_structure(
            lambda each: tf.cast(each, tf.float32) if each.dtype.is_floating else each, state
        )
        return super().walk(rounded._replace(rate=state.rate), orders)
