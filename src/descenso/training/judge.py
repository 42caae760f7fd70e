"""Validation: who looks at rows kept back after each epoch, and remembers the best that was seen."""

from typing import NamedTuple

import numpy as np

from descenso.data.dataset import Split
from descenso.descent.problem import Arrays, Problem, TrainState, weights
from descenso.training.evaluation import Evaluation, Predictor, evaluate


class Best(NamedTuple):
    """What did best on validation.

    Attributes:
        epoch: after which, counted from 0.
        cost: its validation cost, in nats.
        params: as a textbook writes them.
        model_state: what the model carried besides.
    """

    epoch: int
    cost: float
    params: Arrays
    model_state: Arrays


class Judge:
    """Evaluates a descent on rows kept back.

    Args:
        problem: what is descended.
        patience: of the descent; without any, nothing is remembered.
        validation: the rows.
    """

    def __init__(self, problem: Problem, patience: int, validation: Split) -> None:
        self._problem, self._patience, self._validation = problem, patience, validation

    def __call__(self, state: TrainState) -> Evaluation:
        """What the descent has come to at `state`."""
        return evaluate(Predictor.of_state(self._problem, state), self._validation)

    def better(self, epoch: int, cost: float, state: TrainState, best: Best | None) -> Best | None:
        """The better of `best` and of `state`, whose validation cost after `epoch` is `cost`."""
        if not self._patience or (best and not cost < best.cost):
            return best
        model_state = {name: np.asarray(value) for name, value in state.model_state.items()}
        return Best(epoch, cost, weights(self._problem, state), model_state)
