"""Gradient check of a model on a batch of rows; softmax regression also has a formula by hand."""

from collections.abc import Collection

import numpy as np
import tensorflow as tf

from descenso.config import TrainConfig
from descenso.data.checks import check_fit
from descenso.data.dataset import Dataset, Split
from descenso.descent.problem import Arrays, Batch, Problem, Tensor, objective, scaled, start
from descenso.studies.gradcheck.check import GradCheck, ParameterCheck, gradcheck
from descenso.training.plan import Plan

NOISE = 0.05  # standard deviation added to the start, where zeros and symmetry would hide faults


def check_model(
    config: TrainConfig, data: Dataset, components: int, tolerance: float, given: Collection[str] = ()
) -> GradCheck:
    """Check the gradient of a model's cost on the first batch of the first epoch.

    Args:
        config: the settings, with dtype float64.
        data: the dataset.
        components, tolerance: as of `gradcheck`.
        given: names of the settings that the user gave; others are fitted to small datasets.
    """
    config = check_fit(data, config, given)
    plan = Plan.of(config, data)
    batch = plan.train.rows(next(iter(plan.order(0))))
    return check_problem(plan.problem, batch, components, tolerance, config.seed)


def check_problem(problem: Problem, batch: Split, components: int, tolerance: float, seed: int) -> GradCheck:
    """Check the gradient of a problem's cost on `batch`, at its initial parameters plus a little noise.

    Args:
        problem: the problem, in float64.
        batch: some rows.
        components, tolerance: as of `gradcheck`.
        seed: seed of the initial parameters, the noise and the drawn components.
    """
    state, random = start(problem, seed), np.random.default_rng(seed)
    held = {name: np.asarray(value) for name, value in state.params.items()}
    moved: Arrays = {name: value + random.normal(0, NOISE, value.shape) for name, value in held.items()}
    rows = Batch(*batch).map(tf.constant)

    def loss(params: dict[str, Tensor]) -> Tensor:
        return objective(problem, params, state.model_state, rows)[0]

    def by_hand(params: Arrays) -> Arrays:
        return problem.model.from_user(_softmax_by_hand(problem, problem.model.to_user(params), batch))

    formula = by_hand if problem.model.name == "softmax" else None
    result = gradcheck(loss, moved, by_hand=formula, components=components, tolerance=tolerance, seed=seed)
    return result._replace(parameters=tuple(_as_textbook(problem, moved, check) for check in result.parameters))


def _softmax_by_hand(problem: Problem, params: Arrays, batch: Split) -> Arrays:
    """Compute ∂/∂W = xᵀ δ and ∂/∂b = Σ δ, with δ = (softmax(x W + b) − one_hot(y)) / rows."""
    rows = scaled(batch.inputs, "float64", problem.scaling).numpy()
    x = rows.reshape(len(rows), -1)  # (batch, num_inputs)
    logits = x @ params["W"] + params["b"]  # (batch, num_classes)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))  # (batch, num_classes)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    delta = (probabilities - np.eye(problem.model.num_classes)[batch.labels]) / len(x)
    return {"W": x.T @ delta, "b": delta.sum(axis=0)}


def _as_textbook(problem: Problem, params: Arrays, check: ParameterCheck) -> ParameterCheck:
    """Convert the index of `check` to the textbook form of the parameter, which may be transposed."""
    one_hot: Arrays = {name: np.zeros(value.shape) for name, value in params.items()}
    one_hot[check.name][check.place] = 1.0
    place = np.argwhere(problem.model.to_user(one_hot)[check.name])[0]
    return check._replace(place=tuple(map(int, place)))
