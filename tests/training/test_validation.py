"""Validation, early stopping and best weights, as a user of a run sees them."""

import numpy as np
import pytest

import descenso as ds
from descenso.api.inference import load_trained
from descenso.cli.train import finish
from descenso.training.evaluation import evaluate

TOO_FAST = {
    "model": "softmax",
    "learning_rate": 30.0,
    "epochs": 12,
    "batch_size": 20,
    "engine": "function",
    "validation_size": 50,
}


@pytest.fixture(scope="module")
def stopped(tiny, tmp_path_factory):
    """A run that stopped early, whose validation cost goes up and down."""
    return ds.train(tiny, out=tmp_path_factory.mktemp("stopped") / "run", patience=3, **TOO_FAST)


def test_history_holds_the_cost_of_the_held_back_rows(stopped, tiny):
    assert len(stopped.history.validation_costs) == len(stopped.history.epochs)
    best = min(stopped.history.epochs, key=lambda epoch: epoch.validation_cost)
    _train, validation = tiny.hold_back(50)
    found = evaluate(load_trained(stopped.path).predictor, validation)
    assert (found.cost, found.accuracy) == (pytest.approx(best.validation_cost), best.validation_accuracy)
    assert stopped.status["validation_accuracy"] == best.validation_accuracy


def test_stops_when_patience_is_over_and_keeps_the_best(stopped):
    costs = stopped.history.validation_costs
    assert stopped.outcome == "stopped early"
    assert len(costs) < TOO_FAST["epochs"]
    assert stopped.status["best_epoch"] == int(np.argmin(costs)) == len(costs) - 1 - 3


def test_the_best_weights_are_those_of_the_best_epoch(stopped, tiny, tmp_path):
    shorter = {**TOO_FAST, "epochs": stopped.status["best_epoch"] + 1}
    there = ds.train(tiny, out=tmp_path / "run", **shorter)
    np.testing.assert_array_equal(stopped.weights["W"], there.weights["W"])


def test_without_patience_the_last_weights_are_kept(tiny, tmp_path):
    run = ds.train(tiny, out=tmp_path / "run", **TOO_FAST)
    assert (run.outcome, len(run.history.validation_costs)) == ("completed", 12)
    assert run.status.get("best_epoch") is None


def test_resumed_without_patience_the_last_weights_are_kept(tiny, tmp_path):
    """The best epoch so far is forgotten once `patience` is 0, and does not replace the later weights."""
    slow = {**TOO_FAST, "learning_rate": 0.1}
    shorter = ds.train(tiny, out=tmp_path / "run", **{**slow, "epochs": 3}, patience=5)
    longer = ds.resume(shorter.path, data=tiny, epochs=12, patience=0)
    never = ds.train(tiny, out=tmp_path / "never", **slow)
    assert longer.status.get("best_epoch") is None
    assert longer.status["fingerprint"] == never.status["fingerprint"]


def test_the_command_says_that_it_stopped(stopped, capsys):
    finish(stopped, as_json=False)
    best = stopped.status["best_epoch"]
    assert f"the weights are those after epoch {best}, which had the lowest validation cost" in capsys.readouterr().out


def test_a_run_that_stopped_early_resumes_with_more_patience(stopped, tiny, tmp_path):
    early = ds.train(tiny, out=tmp_path / "early", patience=1, **TOO_FAST)
    assert len(early.history.epochs) < len(stopped.history.epochs)
    assert ds.resume(early.path, data=tiny).history == early.history, "there is no patience left"
    longer = ds.resume(early.path, data=tiny, patience=3)
    assert (longer.outcome, longer.status["exact"]) == ("stopped early", True)
    assert longer.history.validation_costs == stopped.history.validation_costs
    np.testing.assert_array_equal(longer.weights["W"], stopped.weights["W"])
