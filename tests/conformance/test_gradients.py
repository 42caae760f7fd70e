"""Gradients that the engines use, compared with central differences in float64, for each model and loss."""

import numpy as np
import pytest
import tensorflow as tf

from descenso.descent.models import LOSSES
from descenso.descent.problem import Batch, objective
from descenso.registry import MODELS
from walks import begin, make_case, make_model, make_problem

STEP = 1e-6  # its square and 1e-16 / STEP are both far below the tolerance
TOLERANCE = 1e-8  # of the largest component; measured: 1e-10
EACH = 12  # components of each parameter, or all where there are fewer


def costs(problem, state, batch):
    """Return the cost as a function of the parameters."""
    return lambda params: objective(problem, params, state.model_state, batch)[0]


def by_tape(cost, params):
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = cost(params)
    return {name: gradient.numpy() for name, gradient in tape.gradient(value, params).items()}


def by_differences(cost, params, name, place):
    def moved(by):
        value = params[name].numpy()
        value[place] += by
        return float(cost({**params, name: tf.constant(value)}))

    return (moved(STEP) - moved(-STEP)) / (2 * STEP)


def farthest(problem, case):
    """Return the largest difference between the two gradients, relative to the largest component of the gradient."""
    state, random = begin(problem, case.params), np.random.default_rng(0)
    cost = costs(problem, state, Batch(*case.train).map(tf.constant))
    gradients, gaps = by_tape(cost, state.params), []
    for name, gradient in gradients.items():
        for flat in random.choice(gradient.size, min(EACH, gradient.size), replace=False):
            place = np.unravel_index(flat, gradient.shape)
            gaps.append(abs(by_differences(cost, state.params, name, place) - gradient[place]))
    assert all(np.abs(gradient).max() > 0 for gradient in gradients.values())
    return max(gaps) / max(np.abs(gradient).max() for gradient in gradients.values())


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS)
def test_gradient_is_the_slope_of_the_cost(model, loss, seed):
    case = make_case(2, model=model, seed=seed)
    problem = make_problem(case, "float64", loss=LOSSES[loss])
    assert farthest(problem, case) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"dropout": 0.5}, {"augment": 1}])
def test_gradient_is_the_slope_where_a_layer_draws_at_random(settings):
    case = make_case(2, model="cnn")
    problem = make_problem(case, "float64", model=make_model("cnn", "float64", **settings))
    assert farthest(problem, case) < TOLERANCE


@tf.custom_gradient
def off_by_a_thousandth(logits):
    return logits, lambda upstream: 1.001 * upstream


def test_a_gradient_off_by_a_thousandth_is_detected():
    case = make_case(2)
    loss = LOSSES["cross_entropy"]
    problem = make_problem(case, "float64", loss=lambda logits, *rows: loss(off_by_a_thousandth(logits), *rows))
    assert farthest(problem, case) > 1000 * TOLERANCE
