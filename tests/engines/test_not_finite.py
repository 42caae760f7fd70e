"""Engines stop at the first cost that is not finite, all at the same step; and `close` frees what a runner holds."""

import itertools
import threading
from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

from binding import WAYS, bind_way, in_time
from descenso.descent.models import naive_cross_entropy
from descenso.training.plan import ENGINES
from walks import BATCH_SIZE, begin, make_case, make_problem, truth

CASE = make_case(30, rest=True, seed=3)
STEPS_AN_EPOCH = 11
SMALL_RATE = 0.1
on_every_engine = pytest.mark.parametrize("way", WAYS)


def explode_at_step_zero(step):
    """Return a huge share of the learning rate at step 0, wherever counting began, and a small one at all others."""
    huge, small = tf.constant(1e9, tf.float64), tf.constant(SMALL_RATE, tf.float64)
    return tf.where(tf.equal(step, 0), huge, small)


NAIVE = make_problem(CASE, "float32", loss=naive_cross_entropy, schedule=explode_at_step_zero, learning_rate=1.0)


@pytest.fixture(scope="module")
def runners():
    """One runner per way to bind, bound to the naive loss and the exploding schedule."""
    bound = {way: bind_way(way, NAIVE, CASE.train, BATCH_SIZE) for way in WAYS}
    yield bound
    for runner in bound.values():
        runner.close()


@on_every_engine
@pytest.mark.parametrize("broken", [*range(1, 12), 15, 21, 22, 32], ids=lambda step: f"{step // 11}:{step % 11}")
def test_stops_at_the_first_cost_that_is_not_finite(runners, way, broken):
    """The cost of step number `broken` is not finite: steps are counted from 1 − broken, so that it follows step 0."""
    first = begin(NAIVE, CASE.params)._replace(step=tf.constant(1 - broken))
    traces = in_time(lambda: [trace for _, trace in runners[way].walk(first, CASE.orders)])
    costs = np.concatenate([trace.costs for trace in traces])
    assert np.isfinite(costs).tolist() == [True] * broken + [False]
    assert [trace.finite for trace in traces] == [True] * (broken // STEPS_AN_EPOCH) + [False]
    finite = truth(CASE._replace(learning_rate=SMALL_RATE)).costs[:broken]
    np.testing.assert_allclose(costs[:-1], finite, rtol=6e-6, err_msg="seed 3")


@on_every_engine
def test_a_walk_that_diverged_draws_no_further_epoch(runners, way):
    drawn = []

    def orders():
        for order in itertools.cycle(CASE.orders):
            drawn.append(order)
            yield order

    first = begin(NAIVE, CASE.params)._replace(step=tf.constant(-4))
    in_time(lambda: list(runners[way].walk(first, orders())))
    assert 1 <= len(drawn) <= 2


@pytest.mark.parametrize("way", ENGINES)
def test_a_huge_rate_stops_the_naive_loss_at_one_step_and_not_the_stable_one(way):
    case = CASE._replace(learning_rate=1e6)
    ended = {}
    for name, change in (("naive", {"loss": naive_cross_entropy}), ("stable", {})):
        problem = make_problem(case, "float32", **change)
        with closing(bind_way(way, problem, case.train, BATCH_SIZE)) as runner:
            traces = [trace for _, trace in runner.walk(begin(problem, case.params), case.orders)]
        ended[name] = [(len(trace.costs), trace.finite) for trace in traces]
    assert ended == {"naive": [(2, False)], "stable": [(STEPS_AN_EPOCH, True)] * len(case.orders)}


@pytest.mark.parametrize("way", ENGINES)
def test_close_ends_every_thread_of_the_runner(way):
    def own():
        return {thread for thread in threading.enumerate() if "descenso" in thread.name}

    others = own()
    problem = make_problem(CASE, "float32")
    with closing(bind_way(way, problem, CASE.train, BATCH_SIZE)) as runner:
        epochs = runner.walk(begin(problem, CASE.params), itertools.cycle(CASE.orders))
        next(epochs)
        assert bool(own() - others) == (way == "compiled")
    assert not own() - others
    epochs.close()
    if way in ("graph", "compiled"):  # the two that hold resources
        with pytest.raises(RuntimeError):
            next(runner.walk(begin(problem, CASE.params), CASE.orders))
