"""Models and rules with state of their own: a resume restores all of it."""

from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

import descenso as ds
from conformance.conformance_limits import limit
from descenso.runs.checkpoints import newest
from descenso.runs.directory import open_directory
from descenso.training.plan import ENGINES
from stopping import EVERY, WITH_REST, kept, position, resume_and_stop, start_and_stop


class Member(NamedTuple):
    """Settings of a run, the chunks until it is interrupted, and names of arrays that its checkpoint must hold."""

    settings: dict[str, Any]
    chunks: int
    carried: list[str]


SETTINGS = {"batch_size": WITH_REST, "checkpoint_every": EVERY}
CNN = {**SETTINGS, "model": "cnn", "filters": "4", "hidden": "8", "dropout": 0.3, "rule": "momentum"}
STATISTICS = ["batch_normalization/moving_mean", "batch_normalization/moving_variance"]
MEMBERS = {
    "dropout, adam and an average": Member(
        {**SETTINGS, "model": "mlp", "hidden": "16", "dropout": 0.3, "rule": "adam", "average": 0.9, "epochs": 3},
        4,
        ["model_state/dropout/draw", "rule_state/rule/count", "rule_state/rule/mean/dense/kernel",
         "rule_state/rule/squares/dense/kernel", "rule_state/average/dense/kernel"],
    ),
    "normalisation and augmentation": Member(
        {**CNN, "augment": 1.0, "learning_rate": 0.05, "epochs": 3},
        4,
        ["model_state/augment/draw", "model_state/dropout/draw", "rule_state/velocity/conv2d/kernel",
         *(f"model_state/{name}" for name in STATISTICS)],
    ),
    "the best on validation": Member(  # the best epoch is the third; two worse ones follow
        {**CNN, "learning_rate": 0.3, "epochs": 12, "seed": 8, "validation_size": 40, "patience": 2},
        10,
        ["best/params/conv2d/kernel", *(f"best/model_state/{name}" for name in STATISTICS)],
    ),
}  # fmt: skip


def walk(case, engine, data, path):
    """Train without interruption, and return the results of the run."""
    ds.train(data, out=path, engine=engine, **MEMBERS[case].settings)
    return kept(path)


def stop_twice(case, engine, data, path):
    """Train with two interruptions; return the arrays of the checkpoint at the first one and the results of the run."""
    start_and_stop(data, path, MEMBERS[case].chunks, engine=engine, **MEMBERS[case].settings)
    held = newest(path / "checkpoints")[0].arrays
    resume_and_stop(data, path, 2)
    ds.resume(path, data=data)
    return held, kept(path)


@pytest.mark.parametrize(
    "engine", [*(pytest.param(name, marks=pytest.mark.slow) for name in ENGINES if name != "function"), "function"]
)
@pytest.mark.parametrize("case", MEMBERS)
def test_what_a_member_carries_comes_back(case, engine, tiny, tmp_path):
    held, found = stop_twice(case, engine, tiny, tmp_path / "stopped")
    assert set(MEMBERS[case].carried) <= held.keys()
    assert found == walk(case, engine, tiny, tmp_path / "whole")


def test_the_best_epoch_before_an_interruption_stays_the_best(tiny, tmp_path):
    """The resumed run has as much patience left as it had, and ends with the weights of the best epoch."""
    case, path = "the best on validation", tmp_path / "run"
    start_and_stop(tiny, path, MEMBERS[case].chunks, engine="function", **MEMBERS[case].settings)
    assert position(path) == (3, 3)
    checkpoint = newest(path / "checkpoints")[0]
    assert checkpoint.about["best"]["epoch"] == 2
    run = ds.resume(path, data=tiny)
    assert (run.outcome, len(run.history.epochs), run.status["best_epoch"]) == ("stopped early", 5, 2)
    np.testing.assert_array_equal(run.weights["conv2d/kernel"], checkpoint.arrays["best/params/conv2d/kernel"])


def test_variables_of_a_users_model_are_restored(tiny, tmp_path):
    """Keras's Dropout holds its seed in a variable."""

    def make():
        layers = [keras.layers.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dropout(0.5), keras.layers.Dense(4)]
        return keras.Sequential(layers)

    settings = {**SETTINGS, "model": make, "epochs": 3, "engine": "function"}
    ds.train(tiny, out=tmp_path / "whole", **settings)
    path = tmp_path / "run"
    start_and_stop(tiny, path, 4, **settings)
    held = newest(path / "checkpoints")[0].arrays
    assert any("seed" in name for name in held), held.keys()
    ds.resume(path, data=tiny, model=make)
    assert kept(path) == kept(tmp_path / "whole")


@pytest.mark.parametrize(
    "case", [next(iter(MEMBERS)), *(pytest.param(name, marks=pytest.mark.slow) for name in list(MEMBERS)[1:])]
)
def test_a_run_resumed_on_another_engine_is_within_the_tolerance(case, tiny, tmp_path):
    settings = {**MEMBERS[case].settings, "dtype": "float64"}
    whole = ds.train(tiny, out=tmp_path / "whole", engine="function", **settings)
    path = tmp_path / "moved"
    start_and_stop(tiny, path, MEMBERS[case].chunks, engine="function", **settings)
    run = ds.resume(path, data=tiny, engine="eager")
    assert run.status["exact"] is False
    assert (run.outcome, run.status.get("best_epoch")) == (whole.outcome, whole.status.get("best_epoch"))
    found, expected = (open_directory(each).weights()[0] for each in (path, tmp_path / "whole"))
    assert found.keys() == expected.keys()
    allowed = limit(settings["model"], settings["rule"], "float64")
    for name, value in expected.items():
        assert np.abs(found[name] - value).max() <= allowed * np.abs(value).max(), name
    assert (run.history.costs, run.history.validation_costs) == (
        pytest.approx(whole.history.costs, rel=allowed), pytest.approx(whole.history.validation_costs, rel=allowed)
    )  # fmt: skip
