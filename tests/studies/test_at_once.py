"""Training runs of a sweep that are walked at once."""

import threading
from contextlib import closing

import numpy as np
import pytest

import descenso as ds
from descenso.config import TrainConfig
from descenso.studies.sweep import at_once as module
from descenso.studies.sweep import run
from descenso.studies.sweep.at_once import Trial, at_once, how_many, tried
from descenso.studies.sweep.directory import SweepDirectory
from descenso.training.plan import Plan

SECONDS = 20  # that a walk waits for another one before it fails


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(90, 6))
    labels = (inputs @ random.normal(size=(6, 3)) + random.normal(size=(90, 3))).argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


def counting(name, closed, items=3):
    try:
        yield from range(items)
    finally:
        closed.append(name)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_each_walk_yields_its_items_in_order_and_then_its_end(most):
    closed, found = [], {}
    for name, item in at_once(((name, counting(name, closed)) for name in "abcde"), most):
        found.setdefault(name, []).append(item)
    assert found == {name: [0, 1, 2, None] for name in "abcde"}
    assert sorted(closed) == [*"abcde"]


def test_two_walks_go_on_at_the_same_time():
    met = threading.Barrier(2)

    def meeting():
        for _time in range(3):
            met.wait(SECONDS)
            yield threading.current_thread()

    threads = {item for _name, item in at_once(((name, meeting()) for name in "ab"), 2)} - {None}
    assert len(threads) == 2
    assert threading.current_thread() not in threads


def test_walks_are_begun_one_ahead_in_the_thread_of_the_caller():
    begun, closed, alive = [], [], []

    def walks():
        for name in "abcdef":
            begun.append(threading.current_thread())
            yield name, counting(name, closed)

    for _name, _item in at_once(walks(), 2):
        alive.append(len(begun) - len(closed))
    assert {*begun} == {threading.current_thread()}
    assert max(alive) == 3


def test_all_walks_are_closed_when_the_caller_stops_or_one_fails():
    closed = []

    def failing():
        yield 0
        raise RuntimeError("planted")

    with closing(at_once(((name, counting(name, closed, 10**6)) for name in "abc"), 2)) as walked:
        next(walked)
    assert {"a", "b"} <= {*closed}  # the generator of one that was not begun has nothing to close
    closed.clear()
    walks = [("a", counting("a", closed, 10**6)), ("b", failing())]
    with pytest.raises(RuntimeError, match="planted"):
        list(at_once(walks, 2))
    assert closed == ["a"]


def test_dense_networks_on_the_compiled_engine_are_walked_two_at_once(data):
    dense, softmax = {"model": "mlp", "hidden": "3"}, {"model": "softmax"}
    for settings, most in ((dense, 2), (softmax, 2), ({**dense, "engine": "eager"}, 1), ({**dense, "xla": "off"}, 1)):
        assert how_many(Plan.of(TrainConfig.of(batch_size=16, **settings), data)) == most


@pytest.mark.slow
def test_lanes_at_once_are_those_one_after_another_to_the_same_bytes(data, tmp_path, monkeypatch):
    settings = {"model": "mlp", "hidden": "8", "dropout": 0.2, "epochs": 4, "batch_size": 16, "validation_size": 10,
                "learning_rates": [0.01, 0.1, 1e9], "rules": "sgd,adam", "loss": "naive", "verify": "none"}  # fmt: skip
    shares = []
    found = ds.sweep(data, out=tmp_path / "pairs", told=lambda now: shares.append(now.share), **settings)
    assert any(record.outcome == "diverged" for record in found.records.values())
    assert shares == sorted(shares)
    monkeypatch.setattr(run, "how_many", lambda plan: 1)
    ds.sweep(data, out=tmp_path / "single", **settings)
    tables = [(tmp_path / name / "table.csv").read_bytes() for name in ("pairs", "single")]
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_a_trial_decides_and_is_recorded(data, tmp_path, monkeypatch):
    plan = Plan.of(TrainConfig.of(model="mlp", hidden="3", batch_size=16, epochs=2), data)
    assert tried(plan, 2) is None  # over sooner than the trial would be
    monkeypatch.setattr(module, "WORTH_SECONDS", 0.0)
    assert tried(plan, 1) is None
    assert tried(Plan.of(TrainConfig.of(model="mlp", hidden="3", batch_size=16, engine="eager"), data), 9) is None
    trial = tried(plan, 2)
    assert (trial.runs == 2) == (trial.speed > 1)
    for runs, words in ((1, "lanes are trained one after another"), (2, "two lanes are trained at once")):
        out = tmp_path / str(runs)
        monkeypatch.setattr(module, "tried", lambda *_given, runs=runs: Trial(runs, 1.25))
        found = ds.sweep(data, out=out, model="mlp", hidden="3", batch_size=16, epochs=2, learning_rates=[0.1, 0.2],
                         verify="none")  # fmt: skip
        assert SweepDirectory(out).at_once == runs
        assert [note for note in found.notes if words in note and "1.25" in note]
