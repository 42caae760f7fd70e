"""The cost of many parameters of one model, on the same rows."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from descenso.data.dataset import Split
from descenso.descent.problem import Arrays, Batch, Params, Problem, State, Tensor, scaled
from descenso.engines.base import as_tensor

MOST_ROWS = 10_000  # on which costs are computed
ROWS_AT_ONCE = 1_000
AT_ONCE = 64  # parameters of softmax regression that are computed as one wide product


def spread(split: Split, most: int = MOST_ROWS) -> Split:
    """Return evenly spaced rows, at most `most`."""
    rows = len(split.labels)
    return split.rows(slice(0, rows, -(-rows // most)))


class Cost:
    """Computes the mean cost of rows for parameters, many at once where the model takes an axis of lanes."""

    def __init__(self, problem: Problem, rows: Split) -> None:
        self.rows, self._problem = rows, problem
        self._state: State = {name: tf.constant(value) for name, value in problem.model.init(0)[1].items()}
        self._at_once = AT_ONCE if problem.model.name == "softmax" else 1

        @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
        def costs(params: Params, batch: Batch) -> Tensor:
            inputs = scaled(batch.inputs, problem.dtype, problem.scaling)
            logits, _state = problem.model.apply(params, self._state, inputs, False)
            return problem.loss(logits, batch.labels, batch.weights)

        self._costs = costs

    def of(self, every: Sequence[Arrays]) -> NDArray[np.float64]:
        """Compute the costs of parameters in the user's form, (points,)."""
        return np.concatenate([
            self._some(every[first : first + self._at_once]) for first in range(0, len(every), self._at_once)
        ])  # fmt: skip

    def _some(self, every: Sequence[Arrays]) -> NDArray[np.float64]:
        held = [self._problem.model.from_user(params) for params in every]
        stacked = {name: np.stack([params[name] for params in held]) for name in held[0]}
        if self._at_once == 1:
            stacked = {name: value[0] for name, value in stacked.items()}
        params = {name: tf.constant(value) for name, value in stacked.items()}
        total, count = np.zeros(len(every)), len(self.rows.labels)
        for first in range(0, count, ROWS_AT_ONCE):
            part = Batch(*self.rows.rows(slice(first, first + ROWS_AT_ONCE))).map(as_tensor)
            total += np.asarray(self._costs(params, part), np.float64) * len(part.labels)
        return total / count
