"""Engines take a step of the caller's own: workers that share a batch, and a sweep of learning rates."""

from contextlib import closing
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from descenso.descent.models import naive_cross_entropy
from descenso.descent.problem import graph_gradient, make_step, tape_gradient, weights
from descenso.training.plan import ENGINES, bind
from walks import BATCH_SIZE, begin, make_case, make_problem

CASE = make_case(20, rest=True, seed=5)
PROBLEM = make_problem(CASE, "float64", loss=naive_cross_entropy)
RATES = [0.05, 0.3, 1.0]
UNSTABLE = 1e9  # a learning rate at which the naive loss is NaN after a step


def walked(engine, step=make_step, first=None):
    with closing(bind(engine, PROBLEM, CASE.train, BATCH_SIZE, step, first)) as runner:
        return list(runner.walk(first or begin(PROBLEM, CASE.params), CASE.orders))


def one_of_two_workers(gradient, problem):
    """Return the step of a worker that has the first half of each batch; `reduce` averages in the other half."""

    def step(state, batch):
        rows = tf.shape(batch.labels)[0]
        mine, theirs = batch.map(lambda r: r[: rows // 2]), batch.map(lambda r: r[rows // 2 :])
        share = tf.cast(rows // 2, tf.float64) / tf.cast(rows, tf.float64)

        def reduce(cost, gradients, model_state):
            other_cost, other_gradients, _ = gradient(problem, state, theirs)
            mean = {name: share * g + (1 - share) * other_gradients[name] for name, g in gradients.items()}
            return share * cost + (1 - share) * other_cost, mean, model_state

        return make_step(problem, gradient=gradient, reduce=reduce)(state, mine)

    return step


@pytest.mark.parametrize("engine", ENGINES)
def test_workers_exchange_gradients_inside_the_step(engine):
    gradient = graph_gradient if engine == "graph" else tape_gradient
    expected, found = walked(engine), walked(engine, partial(one_of_two_workers, gradient))
    for (state, trace), (other, others_trace) in zip(expected, found, strict=True):
        np.testing.assert_allclose(others_trace.costs, trace.costs, rtol=1e-13)
        for name, value in weights(PROBLEM, state).items():
            np.testing.assert_allclose(weights(PROBLEM, other)[name], value, rtol=1e-10, atol=1e-13)


def side_by_side(problem):
    """Return the step of K training runs on the same batch; one whose cost is not finite keeps its parameters."""
    alone = make_step(problem)

    def step(state, batch):
        def lane(rate, params):
            following, cost = alone(state._replace(rate=rate, params=params), batch)
            return following.params, cost

        params, costs = tf.vectorized_map(lambda given: lane(*given), (state.rate, state.params))
        alive = tf.math.is_finite(costs)

        def kept(after, before):
            return tf.where(tf.reshape(alive, [-1] + [1] * (before.shape.rank - 1)), after, before)

        params = {name: kept(value, state.params[name]) for name, value in params.items()}
        return state._replace(step=state.step + 1, params=params), costs

    return step


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["eager", "function", "compiled"])
def test_a_sweep_is_one_step_of_states_side_by_side(engine):
    lanes = [begin(PROBLEM._replace(learning_rate=rate), CASE.params) for rate in (*RATES, UNSTABLE)]
    first = tf.nest.map_structure(lambda *values: tf.stack(values), *lanes)._replace(step=lanes[0].step)
    found = walked(engine, side_by_side, first)
    for lane in range(len(RATES)):
        for (state, trace), (others, together) in zip(walked(engine, first=lanes[lane]), found, strict=True):
            np.testing.assert_allclose(together.costs[:, lane], trace.costs, rtol=1e-11)
            for name, value in state.params.items():
                np.testing.assert_allclose(others.params[name][lane], value, rtol=1e-9, atol=1e-12)
    assert not np.isfinite(np.concatenate([trace.costs for _, trace in found])[:, -1]).all()
