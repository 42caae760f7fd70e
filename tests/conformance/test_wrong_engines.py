"""Planted faults: the comparison of the grid must detect each of them, by a wide margin."""

import numpy as np
import pytest
import tensorflow as tf

from conformance_limits import GRID
from descenso.data.dataset import Scaling
from descenso.data.order import Order
from descenso.descent.problem import Rule
from walks import Walk, difference, make_case, make_problem, truth, walk

STEPS = 100
MARGIN = 10  # a fault differs by at least this many limits, so that rounding cannot be taken for one


def flipped_sign(problem, case):
    return problem._replace(rule=twisted(problem.rule, lambda name, update: -update)), case


def flipped_sign_of_the_bias(problem, case):
    return problem._replace(rule=twisted(problem.rule, lambda name, update: -update if name == "b" else update)), case


def rate_off_by_a_thousandth(problem, case):
    return problem._replace(learning_rate=case.learning_rate * 1.001), case


def rate_rounded_to_float32(problem, case):
    return problem._replace(learning_rate=float(np.float32(case.learning_rate))), case


def scale_rounded_to_float32(problem, case):
    return problem._replace(scaling=Scaling(scale=float(np.float32(problem.scaling.scale)))), case


def float32_arithmetic(problem, case):
    return problem._replace(dtype="float32"), case


def missing_step(problem, case):
    def schedule(step):
        return tf.where(tf.equal(step, STEPS // 2), tf.zeros([], tf.float64), problem.schedule(step))

    return problem._replace(schedule=schedule), case


def swapped_batch(problem, case):
    batches = case.orders[-1].batches.copy()
    batches[[-2, -1]] = batches[[-1, -2]]
    return problem, with_last_order(case, Order(batches, case.orders[-1].rest))


def swapped_row(problem, case):
    batches = case.orders[-1].batches.copy()
    batches[-2, 0], batches[-1, 0] = batches[-1, 0], batches[-2, 0]
    return problem, with_last_order(case, Order(batches, case.orders[-1].rest))


def forgotten_smaller_batch(problem, case):
    return problem, with_last_order(case, Order(case.orders[-1].batches, case.orders[-1].rest[:0]))


def smaller_batch_divided_as_a_full_one(problem, case):
    def loss(logits, labels, weights):
        share = tf.cast(tf.shape(labels)[0], logits.dtype) / len(case.orders[0].batches[0])
        return problem.loss(logits, labels, weights) * share

    return problem._replace(loss=loss), case


def twisted(rule, twist):
    def update(gradients, state, params, learning_rate):
        updates, state = rule.update(gradients, state, params, learning_rate)
        return {name: twist(name, value) for name, value in updates.items()}, state

    return Rule(rule.init, update)


def with_last_order(case, order):
    return case._replace(orders=(*case.orders[:-1], order))


FAULTS = [
    flipped_sign,
    flipped_sign_of_the_bias,
    rate_off_by_a_thousandth,
    missing_step,
    swapped_batch,
    swapped_row,
    forgotten_smaller_batch,
    smaller_batch_divided_as_a_full_one,
]
FAULTS_OF_PRECISION = [rate_rounded_to_float32, scale_rounded_to_float32, float32_arithmetic]


@pytest.mark.parametrize(
    ("fault", "dtype"),
    [(fault, dtype) for fault in FAULTS for dtype in GRID] + [(fault, "float64") for fault in FAULTS_OF_PRECISION],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_planted_fault_is_detected(fault, dtype):
    case = make_case(STEPS, rest=True, seed=STEPS)  # without the fault, the difference is within the limit
    found = walk("function", *fault(make_problem(case, dtype), case))
    assert difference(found, truth(case)) > MARGIN * GRID[dtype], f"seed {STEPS}"


WALK = Walk(np.array([2.0, 1.0]), {"W": np.array([[1.0, -4.0]])})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (WALK, 0),
        (WALK._replace(costs=np.array([2.0, 1.5])), 0.25),
        (WALK._replace(params={"W": np.array([[1.0, -5.0]])}), 0.25),
        (WALK._replace(costs=np.array([2.0])), np.inf),
        (WALK._replace(costs=np.array([2.0, np.nan])), np.inf),
        (WALK._replace(params={"W": np.array([[np.inf, -4.0]])}), np.inf),
        (WALK._replace(params={"W": np.array([[1.0], [-4.0]])}), np.inf),
        (WALK._replace(params={}), np.inf),
        (WALK._replace(params={**WALK.params, "b": np.zeros(1)}), np.inf),
    ],
)
def test_difference_by_hand(found, expected):
    assert difference(found, WALK) == expected
