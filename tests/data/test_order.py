import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descenso.data.order import epoch_order

SEEDS = st.integers(0, 2**63 - 1)
EPOCHS = st.integers(0, 100_000)
KINDS = st.sampled_from(["permutation", "sequential"]) | st.integers(1, 400).map("buffer:{}".format)


@st.composite
def questions(draw):
    rows = draw(st.integers(1, 300))
    return draw(KINDS), rows, draw(st.integers(1, rows)), draw(SEEDS), draw(EPOCHS)


def flat(*question):
    return np.concatenate(list(epoch_order(*question)))


@given(questions())
def test_each_row_comes_exactly_once(question):
    rows = question[1]
    assert sorted(flat(*question).tolist()) == list(range(rows))


@given(questions())
def test_steps_are_full_batches_and_the_rest(question):
    _, rows, batch_size, _, _ = question
    order = epoch_order(*question)
    assert order.batches.shape == (rows // batch_size, batch_size)
    assert order.rest.shape == (rows % batch_size,)
    assert order.batches.dtype == order.rest.dtype == np.int32
    steps = list(order)
    assert [len(step) for step in steps] == [batch_size] * (rows // batch_size) + [rows % batch_size] * (
        rows % batch_size > 0
    )
    assert order.weights.tolist() == [len(step) for step in steps]
    np.testing.assert_array_equal(np.concatenate(steps), [*order.batches.ravel(), *order.rest])


@given(questions(), st.data())
def test_an_order_in_parts_is_the_whole(question, data):
    order = epoch_order(*question)
    steps = list(order)
    first = data.draw(st.integers(0, len(steps)))
    last = data.draw(st.integers(first, len(steps)))
    part = order.between(first, last)
    assert [step.tolist() for step in part] == [step.tolist() for step in steps[first:last]]
    assert part.weights.tolist() == order.weights.tolist()[first:last]


@given(questions(), SEEDS)
def test_it_is_a_function_of_seed_and_epoch_alone(question, other):
    expected = flat(*question)
    np.random.default_rng(other)
    np.random.seed(other % 2**32)
    epoch_order(*question[:3], other, 0)
    before = np.random.get_state()[1]
    np.testing.assert_array_equal(flat(*question), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@given(questions(), st.data())
def test_the_batch_size_does_not_change_who_comes_when(question, data):
    kind, rows, _, seed, epoch = question
    other = data.draw(st.integers(1, rows))
    np.testing.assert_array_equal(flat(kind, rows, other, seed, epoch), flat(*question))


SHUFFLED = st.sampled_from(["permutation", "buffer:30", "buffer:60", "buffer:1000"])  # at least 30! orders


@given(SHUFFLED, SEEDS, SEEDS, EPOCHS)
def test_seeds_differ(kind, seed, other, epoch):
    same = np.array_equal(flat(kind, 60, 7, seed, epoch), flat(kind, 60, 7, other, epoch))
    assert same == (seed == other)


@given(SHUFFLED, SEEDS, EPOCHS, EPOCHS)
def test_epochs_differ(kind, seed, epoch, other):
    same = np.array_equal(flat(kind, 60, 7, seed, epoch), flat(kind, 60, 7, seed, other))
    assert same == (epoch == other)


def test_no_two_pairs_of_seed_and_epoch_give_the_same_order():
    seeds = [0, 1, 2, 3, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**33, 2**33 + 1, 2**62, 2**63 - 1]
    orders = {}
    for seed, epoch in itertools.product(seeds, range(5)):
        same = orders.setdefault(tuple(flat("permutation", 60, 7, seed, epoch)), (seed, epoch))
        assert same == (seed, epoch), f"seed and epoch {same} and {(seed, epoch)} have one order"


@given(st.integers(1, 300), SEEDS, EPOCHS)
def test_sequential_is_as_stored(rows, seed, epoch):
    np.testing.assert_array_equal(flat("sequential", rows, 7 % rows + 1, seed, epoch), np.arange(rows))
    np.testing.assert_array_equal(flat("buffer:1", rows, 7 % rows + 1, seed, epoch), np.arange(rows))


@given(st.integers(1, 300), st.integers(1, 400), SEEDS, EPOCHS)
def test_no_row_leaves_the_buffer_before_it_has_entered(rows, size, seed, epoch):
    position = np.argsort(flat(f"buffer:{size}", rows, 1, seed, epoch))
    assert (position >= np.arange(rows) - size + 1).all()


def test_every_row_of_the_buffer_may_come_first_and_wait_longest():
    orders = np.array([flat("buffer:4", 9, 1, 0, epoch) for epoch in range(3000)])
    assert set(orders[:, 0]) == {0, 1, 2, 3}
    assert set(orders[:, -1]) == set(range(9))  # even the first row may stay in the buffer until the end
    assert set(orders[:, 3]) == set(range(7))


@pytest.mark.parametrize("kind", ["permutation", "buffer:4", "buffer:5", "buffer:1000"])
def test_a_buffer_of_all_rows_is_a_uniform_permutation(kind):
    times = 4800
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for epoch in range(times):
        counts[tuple(flat(kind, 4, 1, 11, epoch).tolist())] += 1
    expected = times / 24
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 23 + 5 * np.sqrt(2 * 23), f"23 degrees of freedom, seed 11: {chi_square}"


def places(orders):
    """Return the share of orders in which a row is at a position, of shape (rows, positions)."""
    rows = orders.shape[1]
    return np.array([(orders == row).mean(axis=0) for row in range(rows)])


@pytest.mark.parametrize(("rows", "size"), [(12, 2), (12, 4), (12, 11), (7, 7), (7, 20)])
def test_the_buffer_is_that_of_tf_data(rows, size):
    import tensorflow as tf

    times = 3000
    shuffled = tf.data.Dataset.range(rows).shuffle(size, seed=5, reshuffle_each_iteration=True).batch(rows)
    theirs = np.array(list(shuffled.repeat(times).as_numpy_iterator()))
    ours = np.array([flat(f"buffer:{size}", rows, 1, 5, epoch) for epoch in range(times)])
    assert theirs.shape == ours.shape == (times, rows)
    a, b = places(theirs), places(ours)
    spread = np.sqrt((a * (1 - a) + b * (1 - b)) / times)  # standard error of the difference of two shares
    worst = np.max(np.abs(a - b) - 5 * spread)
    assert worst <= 0, f"seed 5: shares of rows by position differ by {worst} more than chance allows:\n{a}\n{b}"

    positions = np.argsort(theirs, axis=1), np.argsort(ours, axis=1)
    means = [each.mean(axis=0) for each in positions]
    spread = np.sqrt((positions[0].var(axis=0) + positions[1].var(axis=0)) / times)
    assert (np.abs(means[0] - means[1]) <= 5 * spread).all(), f"seed 5: mean position of each row: {means}"
