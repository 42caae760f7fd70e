"""Rules and schedules on numbers that can be checked by hand, and a whole step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from descenso.data.dataset import Scaling
from descenso.descent import schedules
from descenso.descent.models import cross_entropy, softmax
from descenso.descent.problem import Batch, Problem, constant, descend, make_step, objective, start, weights
from descenso.descent.rules import RULES, build, sgd
from descenso.registry import SCHEDULES as MEMBERS


def problem(dtype="float64", learning_rate=0.5):
    return Problem(softmax((2,), 2), cross_entropy, sgd(), constant, dtype, Scaling(scale=0.5), learning_rate)


def test_sgd_goes_against_the_gradient_by_the_rate():
    rule = sgd()
    params = {"W": tf.constant([[1.0, -2.0]]), "b": tf.constant([0.5])}
    gradients = {"W": tf.constant([[4.0, 8.0]]), "b": tf.constant([-2.0])}
    state = rule.init(params)
    assert state == {}
    updates, state = rule.update(gradients, state, params, tf.constant(0.25))
    assert {name: value.numpy().tolist() for name, value in updates.items()} == {"W": [[-1.0, -2.0]], "b": [0.5]}
    assert state == {}


@pytest.mark.parametrize("name", list(RULES))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rule_keeps_the_type_and_the_shape(name, dtype):
    params = {"W": tf.ones([3, 2], dtype)}
    rule = build(name)
    updates, _ = rule.update(params, rule.init(params), params, tf.constant(0.1, dtype))
    assert updates["W"].dtype == dtype
    assert updates["W"].shape == (3, 2)


WEIGHTS = {"W": np.array([[3.0, -4.0]]), "b": np.array([12.0])}  # their norm is 13
STEPS = [{"W": np.array([[6.0, -8.0]]), "b": np.array([24.0])}, {"W": np.array([[0.5, 0.25]]), "b": np.array([-1.0])}]


def walked(rule, learning_rate=0.5):
    """Return the parameters and the state after updating `WEIGHTS` with each gradient of `STEPS`."""
    params = {name: tf.constant(value) for name, value in WEIGHTS.items()}
    state = rule.init(params)
    for gradients in STEPS:
        given = {name: tf.constant(value) for name, value in gradients.items()}
        updates, state = rule.update(given, state, params, tf.constant(learning_rate, tf.float64))
        params = {name: value + updates[name] for name, value in params.items()}
    return params, state


def keras_walked(**options):
    optimizer = keras.optimizers.SGD(learning_rate=0.5, **options)
    variables = [keras.Variable(value, dtype="float64") for value in WEIGHTS.values()]
    for gradients in STEPS:
        optimizer.apply([tf.constant(value) for value in gradients.values()], variables)
    return optimizer, variables


@pytest.mark.parametrize(
    ("ours", "keras_options"),
    [
        ({"clip_value": 5.0}, {"clipvalue": 5.0}),
        ({"clip_norm": 6.5}, {"global_clipnorm": 6.5}),
        ({"clip_norm": 1e3}, {}),
        ({"weight_decay": 0.125}, {"weight_decay": 0.125}),
    ],
)
def test_wrappers_agree_with_those_of_keras(ours, keras_options):
    found, _state = walked(build("sgd", **ours))
    _optimizer, expected = keras_walked(**keras_options)
    for mine, theirs in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(mine, theirs.value, rtol=1e-15)


def test_the_average_is_the_result():
    rule = build("sgd", average=0.75)
    params, state = walked(rule)
    first = {name: WEIGHTS[name] - 0.5 * STEPS[0][name] for name in WEIGHTS}
    second = {name: first[name] - 0.5 * STEPS[1][name] for name in WEIGHTS}
    for name, value in rule.result(params, state).items():
        np.testing.assert_allclose(value, 0.75 * first[name] + 0.25 * second[name], rtol=1e-15)
        np.testing.assert_allclose(params[name], second[name], rtol=1e-15)


def test_the_average_agrees_with_that_of_keras():
    params, state = walked(rule := build("sgd", average=0.75))
    optimizer, expected = keras_walked(use_ema=True, ema_momentum=0.75)
    optimizer.finalize_variable_values(expected)
    for mine, theirs in zip(rule.result(params, state).values(), expected, strict=True):
        np.testing.assert_allclose(mine, theirs.value, rtol=1e-15)


def test_steps_of_nadam_tend_to_the_length_of_the_rate():
    """For a constant gradient, a step tends to η once the momentum is built up; Keras's is 3/4 of that at first."""
    rule, params = build("nadam"), {"W": tf.constant([1.0], tf.float64)}
    state, lengths = rule.init(params), []
    for _step in range(10):
        updates, state = rule.update({"W": tf.constant([2.0], tf.float64)}, state, params, tf.constant(1.0, tf.float64))
        lengths.append(-float(updates["W"][0]))
    assert lengths[0] > 1.25
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == pytest.approx(1, abs=1e-3)


T = 40


def test_every_schedule_of_the_registry_is_a_share_of_the_rate():
    assert set(MEMBERS) == {*schedules.SCHEDULES, "constant"}
    for name in MEMBERS:
        shares = schedules.shares(name, T)
        assert shares.shape == (T + 1,)
        assert ((shares >= 0) & (shares <= 1)).all(), name


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("cosine:final=0.25", lambda t: 0.25 + 0.75 * (1 + np.cos(np.pi * t / T)) / 2),
        ("exponential:final=0.0625", lambda t: 0.0625 ** (t / T)),
        ("step:factor=0.5,every=0.25", lambda t: 0.5 ** (t * 4 // T)),
        ("warm-up:rise=0.5", lambda t: np.minimum((t + 1) / 20, 1)),
        ("constant", np.ones_like),
    ],
)
def test_schedules_are_their_formulas(spec, expected):
    steps = np.arange(T + 1)
    shares = np.array([float(schedules.build(spec, T)(tf.constant(t, tf.int32))) for t in steps])
    np.testing.assert_allclose(shares, expected(steps.astype(float)), rtol=1e-12)


def test_one_cycle_goes_up_and_down_as_it_says():
    schedule = schedules.build("one-cycle:rise=0.25,start=0.5,final=0.125", T)
    rates = [2.0 * float(schedule(tf.constant(t, tf.int32))) for t in range(T + 2)]
    assert rates[0] == pytest.approx(1.0)
    assert rates[5] == pytest.approx(1.5)  # halfway up
    assert rates[10] == max(rates) == pytest.approx(2.0)
    assert rates[25] == pytest.approx((2.0 + 0.25) / 2)  # halfway down
    assert rates[40] == rates[41] == pytest.approx(0.25)


@pytest.mark.parametrize("step", [0, 1, 10**9])
def test_constant_is_the_whole_rate_at_every_step(step):
    share = constant(tf.constant(step))
    assert share.dtype == tf.float64
    assert float(share) == 1


def test_equal_arguments_give_the_same_functions_again():
    assert build("adam", average=0.5) is build("adam", average=0.5)
    assert build("adam", average=0.5) is not build("adam", average=0.6)
    assert schedules.build("cosine", 10) is schedules.build("cosine", 10)
    assert schedules.build("cosine", 10) is not schedules.build("cosine", 11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rate_comes_from_the_state_and_is_rounded_once(dtype):
    before = start(problem(dtype), seed=0)
    assert (before.rate.dtype, float(before.rate)) == (tf.float64, 0.5)
    gradients = {"W": tf.ones([2, 2], dtype), "b": tf.ones([2], dtype)}
    after = descend(problem(dtype), before._replace(rate=tf.constant(0.3, tf.float64)), gradients, {})
    assert float(after.rate) == 0.3
    np.testing.assert_array_equal(after.params["b"], np.full(2, -0.3, dtype))


def test_descend_adds_the_updates_and_counts_the_step():
    before = start(problem(), seed=0)
    gradients = {"W": tf.constant([[1.0, 2.0], [3.0, 4.0]], tf.float64), "b": tf.constant([-1.0, 1.0], tf.float64)}
    after = descend(problem(), before, gradients, {})
    assert int(before.step) == 0
    assert int(after.step) == 1
    assert after.step.dtype == tf.int32
    np.testing.assert_array_equal(after.params["W"], [[-0.5, -1.0], [-1.5, -2.0]])
    np.testing.assert_array_equal(after.params["b"], [0.5, -0.5])


def test_the_schedule_gets_the_number_of_the_step():
    asked = problem()._replace(schedule=lambda step: tf.cast(step, tf.float64), learning_rate=1.0)
    gradients = {"W": tf.ones([2, 2], tf.float64), "b": tf.ones([2], tf.float64)}
    once = descend(asked, start(asked, 0), gradients, {})
    twice = descend(asked, once, gradients, {})
    assert once.params["b"].numpy().tolist() == [0, 0]
    assert twice.params["b"].numpy().tolist() == [-1, -1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_objective_scales_stored_inputs_in_the_problems_type(dtype):
    """With W = [[1, 0], [0, 0]] and scale 1/2, the row (4, 9) has logits (2, 0) and cost log(1 + e⁻²)."""
    params = {"W": tf.constant([[1, 0], [0, 0]], dtype), "b": tf.zeros([2], dtype)}
    cost, _ = objective(problem(dtype), params, {}, Batch(tf.constant([[4, 9]], tf.uint8), tf.constant([0])))
    assert cost.dtype == dtype
    np.testing.assert_allclose(cost, np.log1p(np.exp(-2)), rtol=4 * np.finfo(dtype).eps)


def test_one_step_by_hand():
    """The row (2, 4) of class 0 is scaled to (1, 2); the update is half of it, against the logits' gradient (−½, ½)."""
    state, cost = make_step(problem())(start(problem(), 0), Batch(tf.constant([[2, 4]], tf.uint8), tf.constant([0])))
    assert float(cost) == pytest.approx(np.log(2), rel=1e-15)
    learned = weights(problem(), state)
    np.testing.assert_allclose(learned["W"], [[0.25, -0.25], [0.5, -0.5]], rtol=1e-15)
    np.testing.assert_allclose(learned["b"], [0.25, -0.25], rtol=1e-15)
