"""What every engine guarantees besides its arithmetic: it continues from a state, draws orders only when needed, takes
rows as they are stored, and leaves eager code alone.
"""

import gc
import itertools
import math
import weakref
from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

from binding import WAYS, bind_way, in_time
from descenso.config import choices
from descenso.data.dataset import Split, aligned
from descenso.data.order import Order
from descenso.descent import rules
from descenso.descent.problem import weights
from descenso.engines.base import ALIGNMENT, LARGE, Rows, as_tensor
from descenso.settings import ALONE
from descenso.training.plan import ENGINES, WORKERS
from walks import BATCH_SIZE, NUM_CLASSES, Walk, begin, difference, make_case, make_problem, truth, walk

CASE = make_case(30, rest=True, seed=3)
PROBLEM = make_problem(CASE, "float64")
STEPS_AN_EPOCH = 11
LIMIT = 6e-15  # as in conformance/conformance_limits.py
on_every_engine = pytest.mark.parametrize("way", WAYS)


def test_the_setting_names_the_engines():
    assert choices("engine") == (*ENGINES, *WORKERS)
    assert tuple(ENGINES) == ALONE


@pytest.fixture(scope="module")
def runners():
    """One runner per way to bind, bound to CASE; the tests leave them as they are."""
    bound = {way: bind_way(way, PROBLEM, CASE.train, BATCH_SIZE) for way in WAYS}
    yield bound
    for runner in bound.values():
        runner.close()


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_freed(way):
    """A process that fits many models does not keep the rows of all of them in memory."""
    case = make_case(30, rest=True, seed=3)
    shape = case.train.inputs.shape[1:]
    rows = aligned((len(case.train.labels), *shape), case.train.inputs.dtype)  # TensorFlow does not copy aligned rows
    held = weakref.ref(rows)
    runner = bind_way(way, PROBLEM, Split(rows, case.train.labels), BATCH_SIZE)
    runner.close()
    del rows, runner
    gc.collect()
    assert held() is None


@pytest.fixture
def first():
    """The state before the first step."""
    return begin(PROBLEM, CASE.params)


@on_every_engine
def test_epochs_walked_one_at_a_time_give_the_same_bits(runners, way, first):
    at_once = list(runners[way].walk(first, CASE.orders))
    state, apart = first, []
    for order in CASE.orders:
        [(state, trace)] = runners[way].walk(state, [order])
        apart.append((state, trace))
    for walked in (at_once, apart):
        assert [int(state.step) for state, _ in walked] == [11, 22, 33]
    for (one, trace), (other, others_trace) in zip(at_once, apart, strict=True):
        np.testing.assert_array_equal(trace.costs, others_trace.costs, "seed 3")
        for name, value in weights(PROBLEM, one).items():
            np.testing.assert_array_equal(value, weights(PROBLEM, other)[name], "seed 3")


@pytest.mark.parametrize("pair", list(itertools.permutations(WAYS, 2)), ids=" then ".join)
def test_another_engine_continues_from_a_state(runners, pair, first):
    state, costs = first, []
    for way, order in zip(itertools.cycle(pair), CASE.orders, strict=False):
        [(state, trace)] = runners[way].walk(state, [order])
        costs.append(trace.costs)
    assert difference(Walk(np.concatenate(costs), weights(PROBLEM, state)), truth(CASE)) <= LIMIT, "seed 3"


@on_every_engine
def test_states_do_not_change_later(runners, way, first):
    given = [first, *(state for state, _ in runners[way].walk(first, CASE.orders))]
    [(after_one, _)] = runners[way].walk(first, CASE.orders[:1])
    np.testing.assert_array_equal(weights(PROBLEM, given[0])["W"], CASE.params["W"])
    np.testing.assert_array_equal(weights(PROBLEM, given[1])["W"], weights(PROBLEM, after_one)["W"])
    assert [int(state.step) for state in given] == [0, 11, 22, 33]


@on_every_engine
def test_first_cost_from_zero_weights_is_that_of_guessing(runners, way):
    zero = {name: np.zeros_like(value) for name, value in CASE.params.items()}
    [(_, trace)] = runners[way].walk(begin(PROBLEM, zero), CASE.orders[:1])
    assert trace.costs[0] == pytest.approx(math.log(NUM_CLASSES), rel=1e-15)
    assert trace.costs.dtype == np.float64
    assert trace.costs.shape == (STEPS_AN_EPOCH,)
    assert trace.seconds > 0


@on_every_engine
def test_orders_are_drawn_when_needed_and_may_be_endless(runners, way, first):
    drawn = []

    def orders():
        for epoch in itertools.count():
            drawn.append(epoch)
            yield CASE.orders[epoch % len(CASE.orders)]

    def walk_five():
        epochs = runners[way].walk(first, orders())
        assert drawn == []
        for walked, _ in enumerate(itertools.islice(epochs, 5), start=1):
            assert walked <= len(drawn) <= walked + 1
        epochs.close()

    in_time(walk_five)


@on_every_engine
def test_no_orders_no_epochs(runners, way, first):
    assert in_time(lambda: list(runners[way].walk(first, iter(())))) == []


@on_every_engine
def test_epochs_closed_early_leave_the_runner_usable(runners, way, first):
    def walk_twice():
        epochs = runners[way].walk(first, itertools.cycle(CASE.orders))
        _, trace = next(epochs)
        epochs.close()
        return trace, [trace for _, trace in runners[way].walk(first, CASE.orders)]

    before, after = in_time(walk_twice)
    np.testing.assert_array_equal(before.costs, after[0].costs)
    assert len(after) == len(CASE.orders)


class OutOfOrdersError(Exception):
    """An error raised by the generator of orders."""


@on_every_engine
@pytest.mark.parametrize("good", [0, 1, 2])
def test_an_error_of_the_orders_is_passed_on(runners, way, good, first):
    def orders():
        yield from CASE.orders[:good]
        raise OutOfOrdersError

    def walk_twice():
        with pytest.raises(OutOfOrdersError):
            list(runners[way].walk(first, orders()))
        return list(runners[way].walk(first, CASE.orders))

    assert len(in_time(walk_twice)) == len(CASE.orders)


@on_every_engine
def test_orders_of_another_length_are_walked(runners, way, first):
    order = CASE.orders[0]
    orders = (
        Order(order.batches[:7], order.rest),
        Order(order.batches, order.rest[:0]),
        Order(order.batches[:0], order.rest),
        order,
    )
    walked = list(runners[way].walk(first, orders))
    assert [len(trace.costs) for _, trace in walked] == [8, 10, 1, 11]
    found = Walk(np.concatenate([trace.costs for _, trace in walked]), weights(PROBLEM, walked[-1][0]))
    assert difference(found, truth(CASE._replace(orders=orders))) <= LIMIT, "seed 3"


@on_every_engine
def test_eager_code_works_before_during_and_after_a_walk(runners, way, first):
    answers = []

    def ask():
        answers.append(tf.executing_eagerly() and int(tf.constant(20) + tf.Variable(1) * 2))

    def orders():
        for order in CASE.orders:
            ask()
            yield order

    default = tf.compat.v1.get_default_graph()
    with closing(bind_way("graph", PROBLEM, CASE.train, BATCH_SIZE)) as graph:
        ask()
        pairs = zip(runners[way].walk(first, orders()), graph.walk(first, CASE.orders), strict=True)
        for (state, _), (other, _) in pairs:
            ask()
            np.testing.assert_allclose(weights(PROBLEM, state)["W"], weights(PROBLEM, other)["W"], rtol=1e-12)
    ask()
    assert answers == [22] * (2 + 2 * len(CASE.orders))
    assert tf.compat.v1.get_default_graph() is default


def reversed_twice(train):
    return type(train)(*(np.ascontiguousarray(array[::-1])[::-1] for array in train[:2]))


def in_float32(train):
    return train._replace(inputs=train.inputs.astype(np.float32))


@pytest.mark.parametrize("way", ENGINES)
@pytest.mark.parametrize("stored", [reversed_twice, in_float32], ids=lambda stored: stored.__name__)
def test_rows_may_be_stored_in_any_layout(way, stored):
    case = CASE._replace(train=stored(CASE.train))
    assert difference(walk(way, PROBLEM, case), truth(CASE)) <= LIMIT, "seed 3"


@pytest.mark.parametrize("offset", [0, 1, 32])
@pytest.mark.parametrize("writeable", [True, False])
def test_memory_is_shared_only_where_that_is_safe(offset, writeable):
    memory = np.arange(200, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT + offset
    array = memory[start : start + 12].reshape(3, 4)
    array.setflags(write=writeable)
    expected, tensor = array.copy(), as_tensor(array)
    np.testing.assert_array_equal(tensor.numpy(), expected)
    assert tensor.dtype == tf.uint8
    memory[:] = 0
    shared = offset == 0 and writeable
    np.testing.assert_array_equal(tensor.numpy(), np.zeros_like(expected) if shared else expected)


def test_memory_of_a_block_is_used_again_once_no_tensor_shares_it():
    inputs = np.arange(4 * LARGE, dtype=np.float32).reshape(4, -1)
    rows = Rows(Split(inputs, np.arange(4, dtype=np.int32)))

    def gather(row):
        return rows.batch(np.array([row], np.int32)).inputs

    kept = [gather(0), gather(1)]
    held = kept[1][0, :3]  # of its own memory or not, it must not change either
    for row in (2, 3):
        np.testing.assert_array_equal(gather(row), inputs[[row]])
    for row, tensor in enumerate(kept):
        np.testing.assert_array_equal(tensor, inputs[[row]])
    places = {np.from_dlpack(tensor).ctypes.data for tensor in kept}
    kept.clear()
    assert {np.from_dlpack(tensor).ctypes.data for tensor in [gather(2), gather(3)]} & places
    np.testing.assert_array_equal(held, inputs[1, :3])


def test_graph_reads_its_state_before_it_assigns_the_next():
    """The first step of an average depends on a flag alone: without control dependencies, some walks were wrong."""
    problem = make_problem(CASE, "float64", rule=rules.build("sgd", average=0.9))
    first, order = begin(problem, CASE.params), CASE.orders[0].between(0, 1)
    with closing(bind_way("eager", problem, CASE.train, BATCH_SIZE)) as eager:
        [(state, _trace)] = eager.walk(first, [order])
        expected = weights(problem, state)["W"]
    with closing(bind_way("graph", problem, CASE.train, BATCH_SIZE)) as graph:
        for _ in range(200):
            [(state, _trace)] = graph.walk(first, [order])
            np.testing.assert_allclose(weights(problem, state)["W"], expected, rtol=1e-12)


@pytest.mark.parametrize("way", ENGINES)
def test_weights_of_rows_count(way):
    """A row of weight 2 counts as two rows: the cost is the batch mean of weighted costs, computed in NumPy."""
    train = CASE.train._replace(weights=np.linspace(0.5, 2, len(CASE.train.labels)))
    with closing(bind_way(way, PROBLEM, train, BATCH_SIZE)) as runner:
        [(_state, trace)] = runner.walk(begin(PROBLEM, CASE.params), [CASE.orders[0].between(0, 1)])
    rows = CASE.orders[0].batches[0]
    params = {name: np.asarray(value, np.float64) for name, value in CASE.params.items()}
    logits = train.inputs[rows].reshape(len(rows), -1) / 255 @ params["W"] + params["b"]
    costs = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(rows)), train.labels[rows]]
    assert trace.costs[0] == pytest.approx(np.mean(train.weights[rows] * costs), rel=1e-13)
