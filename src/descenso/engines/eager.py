"""Eager: Python calls each operation as it comes, as the second of the two classic programs does."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.data.order import Order
from descenso.descent.problem import MakeStep, Problem, Tensor, TrainState
from descenso.engines.base import Rows, Walk, step_by_step


class Eager:
    """No graph: a tape records the operations of each step, and plays them back for the gradient."""

    compile_seconds = 0.0
    traces = 0

    def __init__(
        self, problem: Problem, train: Split, batch_rows: int, step: MakeStep, like: TrainState | None
    ) -> None:
        self._step, self._rows = step(problem), Rows(train)

    def walk(self, state: TrainState, orders: Iterable[Order]) -> Walk:
        state = tf.nest.map_structure(tf.convert_to_tensor, state)  # a tape watches no NumPy array

        def step(state: TrainState, numbers: NDArray[np.int32]) -> tuple[TrainState, Tensor]:
            return self._step(state, self._rows.arrays(numbers).map(tf.constant))

        return step_by_step(step, state, orders, read=lambda state: state)

    def close(self) -> None:
        """Nothing is held."""
