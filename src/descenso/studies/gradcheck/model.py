"""The gradient of a model on a batch of rows, taken in every way; softmax regression has a formula by hand."""

import numpy as np
import tensorflow as tf

from descenso.data.dataset import Split
from descenso.descent.problem import Arrays, Problem, Tensor, objective, scaled, start
from descenso.studies.gradcheck.check import GradCheck, ParameterCheck, gradcheck

NOISE = 0.05  # how far parameters are moved from their start, where zeros and symmetry would hide much


def gradcheck_model(problem: Problem, batch: Split, components: int, tolerance: float, seed: int) -> GradCheck:
    """The gradient of a model's cost on a batch in every way, at its start moved by a little noise.

    Args:
        problem: in float64.
        batch: some rows.
        components, tolerance, seed: as of `gradcheck`.
    """
    state, random = start(problem, seed), np.random.default_rng(seed)
    held = {name: np.asarray(value) for name, value in state.params.items()}
    moved: Arrays = {name: value + random.normal(0, NOISE, value.shape) for name, value in held.items()}
    inputs, labels = tf.constant(batch.inputs), tf.constant(batch.labels)

    def loss(params: dict[str, Tensor]) -> Tensor:
        return objective(problem, params, state.model_state, inputs, labels)[0]

    def by_hand(params: Arrays) -> Arrays:
        return problem.model.textbook(_softmax_by_hand(problem, problem.model.textbook(params), batch))

    formula = by_hand if problem.model.name == "softmax" else None
    found = gradcheck(loss, moved, by_hand=formula, components=components, tolerance=tolerance, seed=seed)
    return found._replace(parameters=tuple(_by_the_book(problem, moved, each) for each in found.parameters))


def _softmax_by_hand(problem: Problem, params: Arrays, batch: Split) -> Arrays:
    """∂/∂W = xᵀ δ and ∂/∂b = Σ δ, with δ = (softmax(x W + b) − one_hot(y)) / rows."""
    rows = scaled(batch.inputs, "float64", problem.input_scale, problem.input_shift).numpy()
    x = rows.reshape(len(rows), -1)  # (batch, num_inputs)
    logits = x @ params["W"] + params["b"]  # (batch, num_classes)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))  # (batch, num_classes)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    delta = (probabilities - np.eye(problem.model.num_classes)[batch.labels]) / len(x)
    return {"W": x.T @ delta, "b": delta.sum(axis=0)}


def _by_the_book(problem: Problem, held: Arrays, check: ParameterCheck) -> ParameterCheck:
    """`check` with its index as a textbook counts, which may write the parameter transposed."""
    marked: Arrays = {name: np.zeros(value.shape) for name, value in held.items()}
    marked[check.name][check.place] = 1.0
    found = problem.model.textbook(marked)[check.name]
    return check._replace(place=tuple(map(int, np.argwhere(found)[0])))
