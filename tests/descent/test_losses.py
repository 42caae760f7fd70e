"""Cross-entropy compared with its formula, its gradient with central differences, and the naive loss with both."""

import numpy as np
import pytest
import tensorflow as tf

from descenso.descent.models import LOSSES as NAMED
from descenso.descent.models import cross_entropy, cross_entropy_by_columns, naive_cross_entropy

LOSSES = {**NAMED, "by columns": cross_entropy_by_columns}
SEEDS = [0, 1, 2]
EPSILONS = {"float32": np.finfo(np.float32).eps, "float64": np.finfo(np.float64).eps}
in_both_forms = pytest.mark.parametrize("loss", [cross_entropy, cross_entropy_by_columns])
in_both_precisions = pytest.mark.parametrize("dtype", list(EPSILONS))


def batch(seed, dtype="float64", rows=7, classes=5, spread=3.0):
    random = np.random.default_rng(seed)
    logits = random.normal(0, spread, (rows, classes)).astype(dtype)
    return logits, random.integers(classes, size=rows, dtype=np.int32)


def by_formula(logits, labels):
    """Return the mean of log Σ exp(z) − z_y in float64; np.logaddexp avoids overflow."""
    z = logits.astype(np.float64)
    return np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(labels)), labels])


def gradient_of(loss, logits, labels):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        cost = loss(logits, labels)
    return tape.gradient(cost, logits).numpy()


@in_both_precisions
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_value_equals_the_formula(name, seed, dtype):
    logits, labels = batch(seed, dtype)
    cost = LOSSES[name](tf.constant(logits), labels)
    assert cost.dtype == dtype
    assert cost.shape == ()
    np.testing.assert_allclose(cost, by_formula(logits, labels), rtol=4 * EPSILONS[dtype])


@in_both_forms
def test_value_by_hand(loss):
    """softmax(0, 0) gives each class 1/2; softmax(log 3, 0) gives the first class 3/4."""
    logits = np.array([[0, 0], [np.log(3), 0], [np.log(3), 0]])
    expected = (np.log(2) + np.log(4 / 3) + np.log(4)) / 3
    assert float(loss(tf.constant(logits), np.array([1, 0, 1]))) == pytest.approx(expected, rel=1e-15)


@in_both_forms
@in_both_precisions
@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_is_that_of_tensorflow(seed, dtype, loss):
    def theirs(logits, labels):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))

    logits, labels = batch(seed, dtype)
    ours = gradient_of(loss, logits, labels)
    np.testing.assert_allclose(ours, gradient_of(theirs, logits, labels), rtol=0, atol=EPSILONS[dtype])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_gradient_equals_central_differences(name, seed):
    """The differences have errors of about step² (7e-12) and of rounding divided by step (2e-16 · 3 / 3e-6 = 2e-10)."""
    logits, labels = batch(seed)
    step, slopes = 3e-6, np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        up, down = logits.copy(), logits.copy()
        up[place] += step
        down[place] -= step
        slopes[place] = (by_formula(up, labels) - by_formula(down, labels)) / (2 * step)
    np.testing.assert_allclose(gradient_of(LOSSES[name], logits, labels), slopes, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", list(LOSSES))
def test_gradient_is_multiplied_by_the_upstream_gradient(name):
    logits, labels = batch(0)
    tripled = gradient_of(lambda z, y: -3 * LOSSES[name](z, y), logits, labels)
    np.testing.assert_allclose(tripled, -3 * gradient_of(LOSSES[name], logits, labels), rtol=1e-13)


@pytest.mark.parametrize("name", list(LOSSES))
def test_each_row_weighs_alike(name):
    """The gradient of a batch is the mean of those of its rows."""
    logits, labels = batch(0)
    rows = [gradient_of(LOSSES[name], logits[i : i + 1], labels[i : i + 1])[0] for i in range(len(labels))]
    np.testing.assert_allclose(gradient_of(LOSSES[name], logits, labels), np.array(rows) / len(labels), atol=1e-16)


@in_both_forms
@in_both_precisions
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_extreme_logits_stay_finite_and_right(size, dtype, loss):
    logits, labels = np.array([[size, 0, -size]] * 3, dtype), np.array([0, 1, 2], np.int32)
    np.testing.assert_allclose(loss(tf.constant(logits), labels), by_formula(logits, labels), rtol=4 * EPSILONS[dtype])
    wanted = np.array([[0, 0, 0], [1, -1, 0], [1, 0, -1]]) / 3  # softmax is (1, 0, 0) in each row
    np.testing.assert_allclose(gradient_of(loss, logits, labels), wanted, atol=EPSILONS[dtype])


@in_both_precisions
@pytest.mark.parametrize(
    ("logits", "label", "expected"),
    [
        ([1e4, -1e4], 0, np.nan),  # also if the right class has probability 1: 0 · log 0 of the other class is NaN
        ([1e4, -1e4], 1, np.inf),
        ([1e4, -1e4, -1e4], 1, np.nan),
    ],
)
def test_naive_is_not_finite_once_a_probability_underflows(logits, label, expected, dtype):
    np.testing.assert_equal(float(naive_cross_entropy(tf.constant([logits], dtype), np.array([label]))), expected)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "XLA"])
@pytest.mark.parametrize("name", list(LOSSES))
def test_same_in_a_graph_and_under_xla(name, jit_compile):
    logits, labels = batch(0)
    compiled = tf.function(lambda z: gradient_of_traced(LOSSES[name], z, labels), jit_compile=jit_compile)
    cost, gradient = compiled(tf.constant(logits))
    np.testing.assert_allclose(cost, by_formula(logits, labels), rtol=1e-15)
    np.testing.assert_allclose(gradient, gradient_of(LOSSES[name], logits, labels), atol=1e-16)
    spoilt, _ = compiled(tf.constant(logits * 1e5))
    assert np.isfinite(spoilt) == (name != "naive")


def gradient_of_traced(loss, logits, labels):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        cost = loss(logits, labels)
    return cost, tape.gradient(cost, logits)
