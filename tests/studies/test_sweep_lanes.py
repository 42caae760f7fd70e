"""Lanes of sweeps drawn at random, each compared with the run of its settings, trained alone by the eager engine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import descenso as ds
from descenso.registry import RULES, SCHEDULES
from descenso.studies.paths import relative
from descenso.studies.sweep.directory import SweepDirectory
from descenso.studies.sweep.walk import train_alone
from descenso.training.control import Control
from descenso.training.plan import Plan

ROUNDING = 1e-9  # allowed in float64
COMMON = {"epochs": 3, "batch_size": 16, "dtype": "float64", "validation_size": 12}
LAYERS = [
    {"model": "mlp", "hidden": "4", "dropout": 0.3, "engine": "function"},
    {"model": "cnn", "filters": "2", "hidden": "3", "dropout": 0.3, "engine": "function"},
]
CLIPPING = [{"clip_norm": 0.3, "clip_value": 0.1}, {"clip_norm": 0.3}, {"clip_value": 0.05}, {}]


def some(names, most):
    return st.lists(st.sampled_from(sorted(names)), min_size=min(2, most - 1), max_size=most, unique=True)


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(90, 4, 4))
    labels = (inputs.reshape(90, 16) @ random.normal(size=(16, 3)) + random.normal(size=(90, 3))).argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


DRAWN = {
    "rules": some(RULES, 3),
    "schedules": some(SCHEDULES, 2),
    "clipping": st.sampled_from(CLIPPING),
    "average": st.sampled_from([0.9, 0.0]),
    "patience": st.sampled_from([0, 1]),
    "weight_decay": st.sampled_from([0.05, 0.0]),
    "seeds": st.integers(1, 2),
}


@pytest.mark.slow
@settings(max_examples=6)
@given(**DRAWN)
def test_every_lane_of_softmax_is_the_run_of_its_settings(data, tmp_path_factory, **drawn):
    compare(data, tmp_path_factory.mktemp("drawn") / "sweep", model="softmax", **drawn)


@pytest.mark.slow
@settings(max_examples=3)
@given(layers=st.sampled_from(LAYERS), **DRAWN)
def test_every_lane_of_layers_is_the_run_of_its_settings(data, tmp_path_factory, layers, **drawn):
    compare(data, tmp_path_factory.mktemp("drawn") / "sweep", **layers, **drawn)


def compare(data, path, rules, schedules, clipping, **given):
    given |= {"weight_decay": 0.0} if "adamw" in rules else {}  # which has its own
    ds.sweep(data, out=path, verify="none", rules=rules, schedules=schedules, **COMMON, **clipping, **given)
    found = SweepDirectory(path)
    assert len(found.records) == len(found.lanes) == len(rules) * len(schedules) * given["seeds"]
    for number, record in found.records.items():
        config = found.lanes[number].config.model_copy(update={"engine": "eager"})
        alone, weights = train_alone(Plan.of(config, data), Control())
        assert record.outcome == alone.outcome
        assert record.best_epoch == alone.best_epoch
        assert record.diverged_at == alone.diverged_at
        np.testing.assert_allclose(record.costs, alone.costs, rtol=ROUNDING)
        np.testing.assert_allclose(record.validation_costs, alone.validation_costs, rtol=ROUNDING)
        assert found.weights(number).keys() == weights.keys()
        for name, array in weights.items():
            assert relative(found.weights(number)[name], array) <= ROUNDING
