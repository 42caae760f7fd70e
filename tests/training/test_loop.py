"""The training loop: records of epochs, outcomes, and commands from outside."""

import math
import os
import signal
import threading
from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
import oracle
from descenso.config import TrainConfig
from descenso.data.dataset import Dataset, Split
from descenso.data.order import epoch_order
from descenso.descent.problem import weights
from descenso.errors import ConfigError, Interruption
from descenso.training.control import Callback, Control, Outcome
from descenso.training.loop import walk
from descenso.training.plan import Plan

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def planned(data, **settings):
    return Plan.of(TrainConfig.of(**{"engine": "function", "dtype": "float64", **settings}), data)


def chunks_of(plan, begin=None, control=None, at_epoch=lambda record: None):
    """Return the progress after each chunk; signals stop training."""
    control, chunks = control or Control(), []
    with Interruption(control), closing(plan.bind()) as runner:
        for progress in walk(plan, runner, begin, control):
            chunks.append(progress)
            if progress.ended:
                at_epoch(progress.ended)
    return chunks


def last_of(data, at_epoch=lambda record: None, **settings):
    """Return the records of the epochs and the last progress."""
    chunks = chunks_of(planned(data, **settings), at_epoch=at_epoch)
    return [chunk.ended for chunk in chunks if chunk.ended], chunks[-1]


def one_weight(rows):
    """Return a dataset of `rows` rows with one input, 1, all of the first of two classes."""
    split = Split(np.ones((rows, 1), np.uint8), np.zeros(rows, np.int32))
    return Dataset("ones", split, split, ("0", "1"))


def test_epochs_cost_weighs_the_last_batch_by_its_rows():
    """The first step leads from zero to z = (2·½, −2·½)·rate, where the cost is log(1 + e^(−2·rate))."""
    rate = 0.7
    epochs, _last = last_of(one_weight(3), batch_size=2, learning_rate=rate, epochs=1)
    first, last = math.log(2), math.log1p(math.exp(-2 * rate))
    assert [epoch.cost for epoch in epochs] == [pytest.approx((2 * first + 1 * last) / 3, rel=1e-15)]


@pytest.mark.parametrize("order", ["permutation", "sequential", "buffer:20"])
@pytest.mark.parametrize("batch_size", [2, 50, 203], ids=["102 steps, in chunks", "smaller last batch", "one step"])
def test_walks_the_orders_of_the_config(tiny, order, batch_size):
    settings = {"batch_size": batch_size, "order": order, "seed": 11, "epochs": 3, "learning_rate": 0.05}
    epochs, last = last_of(tiny, **settings)
    orders = [epoch_order(order, 203, batch_size, 11, epoch) for epoch in range(3)]
    zero = {"W": np.zeros((64, 4)), "b": np.zeros(4)}
    truth = oracle.descend("softmax", "sgd", zero, tiny.train.inputs, tiny.train.labels, orders, 0.05, 1 / 255)
    averages = [
        np.average(costs, weights=each.weights)
        for costs, each in zip(np.split(truth.costs, 3), orders, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose([epoch.cost for epoch in epochs], averages, rtol=1e-13, err_msg="seed 11")
    for name, value in truth.params.items():
        found = weights(planned(tiny, **settings).problem, last.state)[name]
        np.testing.assert_allclose(found, value, atol=1e-14, err_msg="seed 11")


def test_completed(tiny):
    chunks = chunks_of(planned(tiny, epochs=3))
    assert [chunk.outcome for chunk in chunks] == [None] * (len(chunks) - 1) + [Outcome.COMPLETED]
    epochs = [chunk.ended for chunk in chunks if chunk.ended]
    assert [record.epoch for record in epochs] == [0, 1, 2]
    assert all(record.seconds > 0 for record in epochs)
    assert chunks[-1].position == (3, 0)


def test_nothing_is_left_to_do_after_the_last_epoch(tiny):
    plan = planned(tiny, epochs=2)
    last = chunks_of(plan)[-1]
    [progress] = chunks_of(plan, begin=last._replace(outcome=None))
    assert (progress.outcome, progress.position) == (Outcome.COMPLETED, (2, 0))


def test_callbacks_are_called_in_order(tiny, tmp_path):
    class Notes(Callback):
        def __init__(self):
            self.calls = []

        def on_begin(self, run, config, data):
            self.calls.append(("begin", run, config.epochs, data.name))

        def on_compiled(self, compile_seconds):
            self.calls.append(("compiled", compile_seconds > 0))

        def on_chunk(self, progress, problem):
            if progress.ended:
                self.calls.append(("chunk", int(progress.state.step), problem.model.name))

        def on_epoch(self, epoch):
            self.calls.append(("epoch", epoch.epoch))

        def on_end(self, status):
            self.calls.append(("end", status["outcome"]))

    one, other = Notes(), Notes()
    settings = {"model": "softmax", "epochs": 2, "engine": "function", "batch_size": 50, "out": tmp_path / "run"}
    ds.train(tiny, callbacks=[one, other], **settings)
    assert one.calls == [
        ("begin", tmp_path / "run", 2, "tiny"), ("compiled", True), ("chunk", 5, "softmax"), ("epoch", 0),
        ("chunk", 10, "softmax"), ("epoch", 1), ("end", "completed"),
    ]  # fmt: skip
    assert one.calls == other.calls


@pytest.mark.parametrize("engine", ["function", "compiled"])
def test_diverged_tells_at_which_step(tiny, engine):
    """The first step makes the weights so large that the naive loss of the second is not finite."""
    settings = {"engine": engine, "loss": "naive", "learning_rate": 1e6, "batch_size": 50, "epochs": 5}
    epochs, last = last_of(tiny, **settings)
    assert (last.outcome, last.position) == (Outcome.DIVERGED, (0, 2))
    [record] = epochs
    assert not math.isfinite(record.cost)


def test_weights_that_are_not_finite_are_divergence_too(tiny):
    """The cost of the only step is finite, but not the weights after it."""
    _epochs, last = last_of(tiny, learning_rate=1e300, dtype="float32", batch_size=203, epochs=1)
    assert (last.outcome, last.position) == (Outcome.DIVERGED, (0, 1))


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("engine", ["function", "compiled"])
def test_a_signal_stops_after_the_epoch_it_came_in(tiny, number, engine):
    def at_epoch(record):
        if record.epoch == 1:
            os.kill(os.getpid(), number)

    before, control = [signal.getsignal(each) for each in SIGNALS], Control()
    chunks = chunks_of(planned(tiny, engine=engine, epochs=1000), control=control, at_epoch=at_epoch)
    last = chunks[-1]
    assert (last.outcome, control.signal) == (Outcome.INTERRUPTED, number)
    assert [chunk.ended.epoch for chunk in chunks if chunk.ended] == [0, 1]
    assert last.position == (2, 0)
    as_far = last_of(tiny, engine=engine, epochs=2)[1]
    np.testing.assert_array_equal(last.state.params["W"], as_far.state.params["W"])
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_in_the_last_epoch_changes_nothing(tiny):
    _epochs, last = last_of(tiny, lambda record: os.kill(os.getpid(), signal.SIGINT), epochs=1)
    assert last.outcome is Outcome.COMPLETED


@pytest.fixture
def interrupts():
    """Let SIGINT raise KeyboardInterrupt, also if the tests were started in the background, where it is ignored."""
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
        last_of(tiny, at_epoch, epochs=1000)
    assert heard == [0]
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_trains_outside_the_main_thread(tiny):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(last_of(tiny, epochs=2)[1].outcome))
    thread.start()
    thread.join(60)
    assert outcomes == [Outcome.COMPLETED]


def test_an_error_of_the_caller_ends_the_engines_thread(tiny):
    class CallbackError(Exception):
        pass

    def at_epoch(record):
        raise CallbackError

    threads = set(threading.enumerate())
    with pytest.raises(CallbackError):
        last_of(tiny, at_epoch, engine="compiled")
    assert {thread for thread in set(threading.enumerate()) - threads if "descenso" in thread.name} == set()


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored(which):
    before = signal.signal(which, signal.SIG_IGN)
    try:
        control = Control()
        with Interruption(control):
            os.kill(os.getpid(), which)
        assert (control.signal, control.stopped) == (0, False)
        assert signal.getsignal(which) is signal.SIG_IGN
    finally:
        signal.signal(which, before)


def test_a_picture_that_fails_does_not_lose_the_run(tiny, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no font")

    monkeypatch.setattr("descenso.training.session._draw", fail)
    with pytest.raises(RuntimeError, match="no font"):
        ds.train(tiny, model="softmax", epochs=2, engine="eager", out=tmp_path / "run")
    run = ds.open_run(tmp_path / "run")
    assert (run.outcome, run.weights["W"].shape) == ("completed", (64, 4))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"model": "softmax", "dtype": "mixed_bfloat16"}, "dtype: softmax has no layers"),
        ({"model": "nowhere:factory"}, "model: nowhere:factory cannot be imported"),
        ({"dtype": "float33", "model": lambda: None}, "dtype must be one of"),
    ],
)
def test_invalid_settings_leave_no_run(settings, told, tiny, tmp_path):
    with pytest.raises(ConfigError, match=told):
        ds.train(tiny, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_training_within_a_graph_is_refused(tiny, tmp_path):
    with tf.Graph().as_default(), pytest.raises(ConfigError, match="training begins outside of TensorFlow's graphs"):
        ds.train(tiny, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
