"""The epoch loop: what it records of each epoch, and the three ways in which it ends."""

import math
import os
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
import oracle
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import epoch_order
from descenso.errors import ConfigError
from descenso.training.loop import descend_all
from descenso.training.observer import Observer, both
from descenso.training.outcome import Interruption, Outcome

SIGNALS = [signal.SIGINT, signal.SIGTERM]


class Notes:
    """A journal that keeps in memory what it is given."""

    def __init__(self):
        self.epochs, self.positions = [], []

    def epoch(self, record):
        self.epochs.append(record)

    def commit(self, progress):
        self.positions.append(tuple(progress.position))


def descend(data, at_epoch=lambda record: None, journal=None, **settings):
    config = TrainConfig.of(**{"engine": "function", "dtype": "float64", **settings})
    return descend_all(config, data, Observer(lambda seconds: None, at_epoch), journal or Notes())


def one_weight(rows):
    """`rows` rows of one input, 1, all of class 0 of two."""
    split = Split(np.ones((rows, 1), np.uint8), np.zeros(rows, np.int32))
    return Dataset("ones", split, split, ("0", "1"), input_scale=1.0)


def test_epochs_cost_weighs_the_last_batch_by_its_rows():
    """By hand: from zero the first step goes to z = (2·½, −2·½)·rate, where the cost is log(1 + e^(−2·rate))."""
    rate = 0.7
    descent = descend(one_weight(3), batch_size=2, learning_rate=rate, epochs=1)
    first, last = math.log(2), math.log1p(math.exp(-2 * rate))
    assert [epoch.cost for epoch in descent.epochs] == [pytest.approx((2 * first + 1 * last) / 3, rel=1e-15)]


@pytest.mark.parametrize("order", ["permutation", "sequential", "buffer:20"])
@pytest.mark.parametrize("batch_size", [2, 50, 203], ids=["102 steps, in pieces", "smaller last batch", "one step"])
def test_walks_the_orders_of_the_config(tiny, order, batch_size):
    descent = descend(tiny, batch_size=batch_size, order=order, seed=11, epochs=3, learning_rate=0.05)
    orders = [epoch_order(order, 203, batch_size, 11, epoch) for epoch in range(3)]
    zero = {"W": np.zeros((64, 4)), "b": np.zeros(4)}
    truth = oracle.descend("softmax", "sgd", zero, *tiny.train, orders, 0.05, 1 / 255)
    averages = [
        np.average(costs, weights=each.weights)
        for costs, each in zip(np.split(truth.costs, 3), orders, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose([epoch.cost for epoch in descent.epochs], averages, rtol=1e-13, err_msg="seed 11")
    for name, value in truth.params.items():
        np.testing.assert_allclose(descent.params[name], value, atol=1e-14, err_msg="seed 11")


def test_completed(tiny):
    heard, journal = [], Notes()
    descent = descend(tiny, heard.append, journal, epochs=3)
    assert descent.outcome is Outcome.COMPLETED
    assert (descent.signal, descent.diverged_at) == (0, None)
    assert heard == descent.epochs == journal.epochs
    assert [record.epoch for record in heard] == [0, 1, 2]
    assert all(record.seconds > 0 for record in heard)
    assert descent.compile_seconds > 0
    assert (journal.positions[0], journal.positions[-1]) == ((0, 0), (3, 0))


def test_observer_hears_of_compiling_once_and_first(tiny):
    heard = []
    observer = Observer(lambda seconds: heard.append(("bound", seconds)), lambda record: heard.append(record.epoch))
    config = TrainConfig.of(engine="function", epochs=2)
    descent = descend_all(config, tiny, observer, Notes())
    assert heard == [("bound", descent.compile_seconds), 0, 1]


@pytest.mark.parametrize("engine", ["function", "compiled"])
def test_diverged_says_at_which_step_and_keeps_nothing_of_it(tiny, engine):
    """The naive loss's second cost is not finite once the first step has thrown the weights far away."""
    journal = Notes()
    descent = descend(tiny, journal=journal, engine=engine, loss="naive", learning_rate=1e6, batch_size=50, epochs=5)
    assert descent.outcome is Outcome.DIVERGED
    assert descent.diverged_at == (0, 1)
    [record] = descent.epochs
    assert not math.isfinite(record.cost)
    assert journal.positions == [(0, 0)]


def test_weights_beyond_all_numbers_are_divergence_too(tiny):
    """The only step's cost is finite; what it leads to is not."""
    descent = descend(tiny, learning_rate=1e300, dtype="float32", batch_size=203, epochs=1)
    assert descent.outcome is Outcome.DIVERGED
    assert descent.diverged_at == (0, 0)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("engine", ["function", "compiled"])
def test_a_signal_stops_after_the_epoch_it_came_in(tiny, number, engine):
    def at_epoch(record):
        if record.epoch == 1:
            os.kill(os.getpid(), number)

    before, journal = [signal.getsignal(each) for each in SIGNALS], Notes()
    descent = descend(tiny, at_epoch, journal, engine=engine, epochs=1000)
    assert descent.outcome is Outcome.INTERRUPTED
    assert descent.signal == number
    assert [record.epoch for record in descent.epochs] == [0, 1]
    assert journal.positions[-1] == (2, 0)
    as_far = descend(tiny, engine=engine, epochs=2)
    np.testing.assert_array_equal(descent.params["W"], as_far.params["W"])
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_in_the_last_epoch_changes_nothing(tiny):
    descent = descend(tiny, lambda record: os.kill(os.getpid(), signal.SIGINT), epochs=1)
    assert descent.outcome is Outcome.COMPLETED


@pytest.fixture
def interrupts():
    """SIGINT raises KeyboardInterrupt, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_a_second_signal_interrupts_at_once(tiny):
    def at_epoch(record):
        heard.append(record.epoch)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    heard, before = [], [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(KeyboardInterrupt):
        descend(tiny, at_epoch, epochs=1000)
    assert heard == [0]
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_descends_outside_the_main_thread(tiny):
    descents = []
    thread = threading.Thread(target=lambda: descents.append(descend(tiny, epochs=2)))
    thread.start()
    thread.join(60)
    assert [descent.outcome for descent in descents] == [Outcome.COMPLETED]


def test_an_observers_error_is_passed_on_and_the_thread_ends(tiny):
    class ObserverError(Exception):
        pass

    def at_epoch(record):
        raise ObserverError

    threads = set(threading.enumerate())
    with pytest.raises(ObserverError):
        descend(tiny, at_epoch, engine="compiled")
    assert {thread for thread in set(threading.enumerate()) - threads if "descenso" in thread.name} == set()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_is_to_be_ignored_still_is(which):
    before = signal.signal(which, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), which)
        assert interruption.signal == 0
        assert signal.getsignal(which) is signal.SIG_IGN
    finally:
        signal.signal(which, before)


def test_a_picture_that_fails_costs_no_run(tiny, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no font")

    monkeypatch.setattr("descenso.training.session._draw", fail)
    with pytest.raises(RuntimeError, match="no font"):
        ds.train(tiny, epochs=2, engine="eager", out=tmp_path / "run")
    run = ds.open_run(tmp_path / "run")
    assert (run.outcome, run.weights["W"].shape) == ("completed", (64, 4))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"dtype": "mixed_bfloat16"}, "dtype: softmax has no layers"),
        ({"model": "nowhere:factory"}, "model: nowhere:factory cannot be imported"),
        ({"dtype": "float33", "model": lambda: None}, "dtype must be one of"),
    ],
)
def test_what_cannot_be_meant_leaves_no_run(settings, told, tiny, tmp_path):
    with pytest.raises(ConfigError, match=told):
        ds.train(tiny, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_descent_within_a_graph_is_refused(tiny, tmp_path):
    with tf.Graph().as_default(), pytest.raises(ConfigError, match="a descent begins outside of TensorFlow's graphs"):
        ds.train(tiny, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_observers_hear_the_same():
    told = {name: [] for name in Observer._fields}
    first = Observer(**{name: lambda *given, name=name: told[name].append(("first", *given)) for name in told})
    second = Observer(**{name: lambda *given, name=name: told[name].append(("second", *given)) for name in told})
    for name, tell in both(first, second)._asdict().items():
        tell(1, name)
        assert told[name] == [("first", 1, name), ("second", 1, name)]
