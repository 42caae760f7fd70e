"""The edge of stability in theory: the learning rate from which on full-batch gradient descent diverges."""

from collections.abc import Iterable
from contextlib import closing

import tensorflow as tf

from descenso.data.order import Order
from descenso.descent.problem import Batch, Params, Problem, Tensor, objective
from descenso.engines.base import Rows
from descenso.registry import RULES, is_own, parse
from descenso.training.plan import Plan

ITERATIONS, CLOSE = 200, 1e-4  # of the power iteration: at most so many, until the eigenvalue moves by less


def edge_in_theory(plan: Plan, orders: Iterable[Order]) -> float | None:
    """Return 2 (1 + μ) / λ, with λ the largest eigenvalue of the Hessian where a run stands after `orders`, and μ the
    momentum; None for other rules.

    Source: Polyak (1964), for the heavy ball on a quadratic; Cohen et al., Gradient Descent on Neural Networks
    Typically Occurs at the Edge of Stability (2021), section 2.
    """
    config = plan.config
    if is_own("rule", config.rule) or config.weight_decay or config.clip_norm or config.clip_value:
        return None
    name, options = parse(config.rule, RULES)
    if name not in ("sgd", "momentum"):
        return None
    with closing(plan.bind()) as runner:
        states = [state for state, _trace in runner.walk(plan.start(), orders)]
    rows = Rows(plan.train).tensors
    largest = largest_eigenvalue(plan.problem, states[-1].params, states[-1].model_state, rows)
    return 2 * (1 + float(options.get("momentum", 0.0))) / largest


def largest_eigenvalue(problem: Problem, params: Params, model_state: Params, batch: Batch) -> float:
    """Return the largest eigenvalue of the Hessian of a batch's cost, by power iteration.

    Source: Golub and Van Loan, Matrix Computations (2013), section 7.3.1.
    """

    def slope(held: Params) -> Params:
        with tf.GradientTape() as tape:
            tape.watch(held)
            cost, _state = objective(problem, held, model_state, batch)
        slopes: Params = tape.gradient(cost, held, unconnected_gradients="zero")
        return slopes

    @tf.function(autograph=False)  # type: ignore[untyped-decorator] # TensorFlow publishes no types
    def times(vector: Params) -> Params:
        with tf.GradientTape() as tape:
            tape.watch(params)
            slopes = slope(params)
            along = tf.add_n([tf.reduce_sum(slopes[name] * vector[name]) for name in vector])
        product: Params = tape.gradient(along, params, unconnected_gradients="zero")
        return product

    def length(vector: Params) -> Tensor:
        return tf.sqrt(tf.add_n([tf.reduce_sum(value * value) for value in vector.values()]))

    normal = tf.random.stateless_normal
    vector = {name: normal(value.shape, [1, 2], dtype=value.dtype) for name, value in params.items()}
    before, found = 0.0, float("inf")
    for _iteration in range(ITERATIONS):
        norm = length(vector)
        product = times({name: value / norm for name, value in vector.items()})
        found, vector = float(length(product)), product
        if abs(found - before) <= CLOSE * found:
            break
        before = found
    return found
