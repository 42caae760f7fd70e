"""Comparisons: the engines follow one path; a path that departs is reported with its epoch and step."""

import json

import keras
import numpy as np
import pytest

import descenso as ds
from command import run
from descenso.errors import ConfigError
from descenso.studies import lanes
from descenso.studies.paths import relative
from descenso.training import loop as chunks
from descenso.training import plan
from faulty import EPOCH, STEP, STEPS

SMALL = {"model": "softmax", "epochs": 2, "batch_size": 20, "learning_rate": 0.1, "repeats": 1}
W_OR_B = ("W", "b")


@pytest.fixture(autouse=True)
def _whole_epochs(monkeypatch):
    """Make each chunk an epoch, on a machine of any speed, since some faults count chunks as epochs."""
    monkeypatch.setattr(chunks, "FIRST_STEPS", 10**6)
    monkeypatch.setattr(chunks, "CHUNK_SECONDS", 10.0**6)


@pytest.fixture
def plant(monkeypatch):
    """A function that replaces the engine `function` by a faulty one."""
    return lambda fault: monkeypatch.setitem(plan.ENGINES, "function", f"faulty:{fault}")


def compared(data, **settings):
    return ds.compare(data, **{**SMALL, "engines": ["graph", "function"], **settings})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_engines_walk_one_path(tiny, dtype):
    found = ds.compare(tiny, **SMALL, dtype=dtype)
    assert found.coincide
    assert [each.name for each in found.results] == list(plan.ENGINES)
    answer = found.as_json()
    assert list(answer) == ["dtype", "tolerance", "coincide", "engines"]
    assert (answer["dtype"], answer["coincide"]) == (dtype, True)
    if dtype == "float64":
        assert answer["tolerance"] == 1e-9
    else:  # a multiple of the measured effect of rounding
        assert answer["tolerance"] == pytest.approx(8 * found.drift[-1])
        assert 1e-7 < found.drift[-1] < 1e-5
    for each in answer["engines"]:
        assert set(each) == {
            "name", "seconds_per_epoch", "compile_seconds", "max_cost_difference", "max_weight_difference",
            "test_accuracy",
        }  # fmt: skip
        assert set(each["seconds_per_epoch"]) == {"median", "min", "max"}
        assert max(each["max_cost_difference"], each["max_weight_difference"]) <= answer["tolerance"] / 2
        assert each["test_accuracy"] > 0.5
    assert found.sentences()[0].startswith("Same path")


FAULTS = {
    "RateOffByAThousandth": (0, 0, W_OR_B),
    "MissingUpdate": (EPOCH, STEP, W_OR_B),
    "MissingLastUpdate": (EPOCH, STEPS - 1, W_OR_B),
    "HiddenShift": (EPOCH, STEP, ("b",)),
    "SwappedBatch": (EPOCH, STEP, ("cost",)),
    "MissingStep": (EPOCH, STEP, ("cost",)),
    "Float32": (0, 0, ("cost", *W_OR_B)),
}


@pytest.mark.parametrize(
    ("fault", "dtype"),
    [
        (fault, dtype)
        for fault in FAULTS
        for dtype in ("float64", "float32")
        if (fault, dtype) != ("Float32", "float32")
    ],
)
def test_faults_are_reported_at_their_epoch_and_step(tiny, plant, fault, dtype):
    plant(fault)
    found = compared(tiny, dtype=dtype)
    assert not found.coincide
    parting = found.results[1].verdict.parting
    epoch, step, tensors = FAULTS[fault]
    assert (parting.epoch, parting.step) == (epoch, step)
    assert parting.tensor in tensors
    assert parting.difference > parting.limit == found.limits[epoch]
    assert f"function leaves graph at epoch {epoch}, step {step}, in {parting.tensor} " in found.sentences()[0]


@pytest.mark.parametrize(("fault", "same"), [("ShiftInFloat32", True), ("SwappedBatch", False)])
def test_float64_decides_where_float32_cannot(tiny, plant, monkeypatch, fault, same):
    monkeypatch.setattr(lanes, "_drift", lambda lane, progress: (1e-6, 0.5))  # a large effect of rounding in epoch 1
    plant(fault)
    lines = []
    found = compared(tiny, progress=lines.append)
    assert (found.unsure, found.coincide, found.exact.coincide) == (1, same, same)
    assert found.results[1].verdict.parting is None
    first, second, *_how = found.sentences()
    assert first.startswith("float32 cannot tell: from epoch 1 on rounding alone takes graph")
    assert second.startswith("Tried in float64: Same path" if same else "Tried in float64: Paths part: function leaves")
    assert "float32 cannot tell: once more in float64" in lines
    answer = found.as_json()
    assert (answer["coincide"], answer["unsure_from_epoch"], answer["float64"]["coincide"]) == (same, 1, same)
    json.dumps(answer, allow_nan=False)


def test_what_float32_can_tell_is_told_without_float64(tiny, plant, monkeypatch):
    monkeypatch.setattr(lanes, "_drift", lambda lane, progress: (1e-6, 0.5))
    plant("RateOffByAThousandth")  # shows in epoch 0
    found = compared(tiny)
    assert (found.coincide, found.unsure, found.exact) == (False, None, None)
    assert found.results[1].verdict.parting[:2] == (0, 0)


def test_a_model_that_cannot_be_made_in_float64_is_judged_without(tiny, monkeypatch):
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(4)])
    assert compared(tiny, model=model).drift[-1] < 1e-4
    monkeypatch.setattr(lanes, "MOST", 0.0)
    monkeypatch.setattr(lanes, "MULTIPLE", 1.0)
    found = compared(tiny, model=model, engines=["graph", "compiled"])
    assert (found.unsure, found.exact, found.coincide) == (0, None, False)
    assert "float64 can: give a function that makes the model" in found.sentences()[1]


def test_a_fault_of_the_first_engine_is_no_excuse_for_the_others(tiny, plant):
    plant("RateOffByAThousandth")  # its float32 drift is measured against itself, and is small
    found = compared(tiny, engines=["function", "graph"])
    assert found.results[1].verdict.parting[:2] == (0, 0)


def test_rows_kept_back_are_not_walked(tiny):
    assert [each.steps for each in compared(tiny, validation_size=100).results] == [6, 6]


def test_a_step_later_than_the_last_epoch_walked_is_not_missed(tiny, plant):
    plant("MissingUpdate")
    assert compared(tiny, dtype="float64", epochs=1).coincide


def test_engines_that_diverge_at_the_same_step_walk_one_path(tiny, plant):
    wild = {"dtype": "float64", "learning_rate": 1e5, "loss": "naive"}
    found = compared(tiny, **wild)
    assert found.coincide
    assert [each.test_accuracy for each in found.results] == [None, None]
    assert not np.isfinite(found.results[0].costs[-1])
    plant("MissingUpdate")
    assert compared(tiny, **wild).coincide  # training diverged before the fault
    answer = compared(tiny, **wild).as_json()
    json.dumps(answer, allow_nan=False)


def test_differences_are_relative_to_the_largest():
    assert relative(np.array([1.0, 4.0]), np.array([1.0, -5.0])) == 9 / 5
    assert relative(np.array([0.0]), np.array([0.0])) == 0
    assert relative(np.array([1e-30]), np.array([0.0])) == np.inf
    assert relative(np.array([1.0, 2.0]), np.array([1.0])) == np.inf
    assert relative(np.array([np.nan, np.inf]), np.array([np.nan, np.inf])) == 0
    assert relative(np.array([np.nan, 1.0]), np.array([2.0, 1.0])) == np.inf


@pytest.mark.parametrize(
    ("axis", "values", "names"),
    [
        ("rules", ["sgd", "adam:beta_1=0.8,beta_2=0.99"], ["sgd", "adam:beta_1=0.8,beta_2=0.99"]),
        ("batch_sizes", [20, "full"], ["20", "full"]),
        ("learning_rates", [0.1, 0.01], ["0.1", "0.01"]),
    ],
)
def test_other_things_side_by_side(tiny, axis, values, names):
    settings = {name: value for name, value in SMALL.items() if not axis.startswith(name)}
    found = ds.compare(tiny, **settings, **{axis: values})
    assert found.coincide
    assert [each["name"] for each in found.as_json()[axis]] == names
    assert len({each.costs for each in found.results}) == 2
    assert [each.steps for each in found.results] == ([11, 1] if axis == "batch_sizes" else [11, 11])
    assert len(found.plot().axes) == 3  # curves, bars, and labels beside the bars
    alone = ds.compare(tiny, **settings, **{axis: [values[1], values[0]]}).results
    assert alone[0].costs == found.results[1].costs


def test_datasets_side_by_side(tiny):
    other = tiny._replace(name="other", test=tiny.test._replace(labels=(tiny.test.labels + 1) % 4))
    found = ds.compare(datasets=[tiny, other], **SMALL)
    assert [each.name for each in found.results] == ["tiny", "other"]
    assert found.results[0].costs == found.results[1].costs
    assert found.results[0].test_accuracy > 0.9 > 0.1 > found.results[1].test_accuracy


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engines": ["graph"]}, "engines must be two or more, each once, got graph; leave it out"),
        ({"rules": ["sgd", "sgd"]}, "rules must be two or more, each once, got sgd, sgd"),
        (
            {"rules": ["sgd", "adam"], "engines": ["graph", "eager"]},
            "one thing at a time, got engines, rules; try --eng",
        ),
        ({"engines": ["graph", "eager"], "engine": "graph"}, "one thing at a time, got engines, engine"),
        ({"engines": ["graph", "tree"]}, "each of engines must be one of graph.*got 'tree'"),
        ({"batch_sizes": [10, 0]}, "each of batch-sizes must be full, or"),
        (
            {"batch_sizes": [10, 1000]},
            "at most the 203 training rows, got 1000; try --batch-sizes 10,203$",
        ),
        ({"repeats": 0}, "repeats must be at least 1, got 0; try --repeats 3"),
    ],
)
def test_what_cannot_be_compared_is_told(tiny, settings, message):
    with pytest.raises(ConfigError, match=message):
        ds.compare(tiny, **settings)


@pytest.mark.slow
def test_command(tiny_folder, tmp_path, monkeypatch, plant):
    monkeypatch.chdir(tmp_path)
    small = ("-e", 2, "-b", 20, "-r", 0.1, "--repeats", 2, "--engines", "graph,function", "--dtype", "float64")
    ended = run("compare", tiny_folder, *small, "--json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["coincide"] is True
    assert "repeat 2 of 2: graph" in ended.stderr
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")

    plant("SwappedBatch")
    ended = run("compare", tiny_folder, *small, "--out", "other.png")
    assert ended.exit_code == 1
    assert "Paths part: function leaves graph at epoch 1, step 3, in cost" in ended.stdout
    assert (tmp_path / "other.png").exists()
    ended = run("compare", tiny_folder, *small[:-4], "--rules", "sgd,adam:beta_1=0.8,beta_2=0.99", "--json")
    assert ended.exit_code == 0
    assert [each["name"] for each in json.loads(ended.stdout)["rules"]] == ["sgd", "adam:beta_1=0.8,beta_2=0.99"]
