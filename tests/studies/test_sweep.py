"""Sweeps: each lane equals the run of its settings, and lanes do not affect each other."""

import itertools
import json
import math

import numpy as np
import polars as pl
import pytest

import descenso as ds
from descenso.errors import ConfigError, DataError
from descenso.studies.sweep import grid, ledger, result
from descenso.training.control import Control

ROUNDING = 1e-9  # tolerance in float64


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(90, 6))
    labels = (inputs @ random.normal(size=(6, 3)) + random.normal(size=(90, 3))).argmax(axis=1)
    return ds.from_arrays(inputs, labels, test_fraction=0.2)


SMALL = {"model": "softmax", "epochs": 3, "batch_size": 16, "dtype": "float64"}


def test_the_model_is_that_of_train(data, tmp_path):
    found = ds.sweep(data, learning_rates=[0.01], epochs=1, batch_size=16, out=tmp_path / "sweep", verify="none")
    assert found.lanes[0].config.model == "mlp"
    assert any("No model is named, so mlp is trained" in line for line in found.sentences())


def test_lanes_of_a_sweep_from_before_there_was_a_setting_keep_their_names(data, tmp_path):
    ds.sweep(data, learning_rates=[0.1], out=tmp_path / "sweep", verify="none", **{**SMALL, "epochs": 1})
    file = tmp_path / "sweep" / "sweep.json"
    content = json.loads(file.read_text())
    del content["config"]["padding"]
    file.write_text(json.dumps(content))
    lane = ds.open_sweep(tmp_path / "sweep").lanes[0]
    assert lane.name == grid.digest(content["config"] | content["lanes"][0]["config"])
    assert lane.config.padding == "same", "what such sweeps were trained with"


@pytest.mark.slow
def test_values_are_given_as_numpy_or_a_grid_search_has_them(data, tmp_path):
    how = {**SMALL, "epochs": 1, "verify": "none"}
    found = ds.sweep(data, learning_rates=np.array([0.1, 0.2]), out=tmp_path / "array", **how)
    same = ds.sweep(data, learning_rate=[0.1, 0.2], out=tmp_path / "list", **how)
    assert [lane.varied for lane in found.lanes] == [{"learning_rate": 0.1}, {"learning_rate": 0.2}]
    assert [lane.name for lane in same.lanes] == [lane.name for lane in found.lanes]


def alone(data, lane, path):
    settings = lane.config.model_dump(exclude={"data"})
    return ds.train(data, out=path, progress=False, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {"learning_rates": [0.01, 0.3, 2.0], "rules": ["sgd", "momentum", "adam"], "weight_decays": [0, 0.01]},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"learning_rates": [0.1, 0.5], "schedules": ["constant", "cosine", "one-cycle"], "clip_norm": 0.3},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"learning_rates": "1e-2..1:5", "average": 0.9, "clip_value": 0.05, "rule": "nesterov"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"learning_rates": [0.1, 0.5, 5.0], "epochs": 12, "validation_size": 0.3, "patience": 2},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {
                "learning_rates": [0.1, 0.5],
                "batch_size": None,
                "batch_sizes": [7, 72],
                "seeds": [0, 5],
                "order": "buffer:20",
            },
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"learning_rates": [0.01, 0.1], "model": "mlp", "hidden": "4", "dropout": 0.3}, marks=pytest.mark.slow
        ),
    ],
    ids=["rules-decays", "schedules-clipping", "average", "patience", "batches-seeds", "mlp"],
)
def test_every_lane_is_the_run_of_its_settings(data, tmp_path, settings):
    settings = {name: value for name, value in {**SMALL, **settings}.items() if value is not None}
    found = ds.sweep(data, out=tmp_path / "sweep", verify="all", **settings)
    assert found.holds
    assert len(found.verified) == len(found.lanes) == len(found.records)
    for number in sorted({0, len(found.lanes) // 2, len(found.lanes) - 1}):
        record, run = found.records[number], alone(data, found.lanes[number], tmp_path / str(number))
        assert record.outcome == run.outcome
        np.testing.assert_allclose(record.costs, run.history.costs, rtol=ROUNDING)
        assert record.test_accuracy == run.test_accuracy
        np.testing.assert_allclose(record.validation_costs, run.history.validation_costs, rtol=ROUNDING)
        assert record.best_epoch == run.status.get("best_epoch")


@pytest.mark.slow
def test_a_lane_that_diverges_changes_no_bit_of_the_others(data, tmp_path):
    rates = [0.05, 0.3, 1e6, 0.8]
    settings = {**SMALL, "loss": "naive", "verify": "none"}
    found = ds.sweep(data, learning_rates=rates, out=tmp_path / "with", **settings)
    without = ds.sweep(data, learning_rates=[*rates[:2], 0.2, rates[3]], out=tmp_path / "without", **settings)
    assert found.records[2].outcome == "diverged"
    for number in (0, 1, 3):
        assert found.records[number] == without.records[number]
    run = alone(data, found.lanes[2], tmp_path / "alone")
    assert run.outcome == "diverged"
    assert list(found.records[2].diverged_at) == list(run.status["diverged_at"])
    assert found.best != 2


@pytest.mark.slow
def test_all_lanes_may_diverge(data, tmp_path):
    found = ds.sweep(data, learning_rates=[1e6, 1e7], out=tmp_path / "sweep", **SMALL, loss="naive")
    assert found.best is None
    assert found.edge is None
    assert any("No lane is best" in line for line in found.sentences())


@pytest.mark.parametrize(
    "epochs", [pytest.param(epochs, marks=() if epochs == 1 else pytest.mark.slow) for epochs in range(5)]
)
def test_a_stopped_sweep_is_resumed_to_the_same_table(data, tmp_path, epochs):
    settings = {**SMALL, "learning_rates": [0.1, 1.0], "seeds": 2, "epochs": 3}
    whole = ds.sweep(data, out=tmp_path / "whole", **settings)
    control, told = ds.Control(), []

    def stop(now):
        told.append(now)
        if len(told) > epochs:
            control.stop()

    part = ds.sweep(data, out=tmp_path / "part", told=stop, control=control, keep="best", **settings)
    assert not (tmp_path / "part" / "best").exists()  # nothing is trained after a stop
    assert len(part.records) < len(part.lanes)
    ended = dict(part.records)
    again = ds.resume_sweep(tmp_path / "part", data=data)
    assert ds.open_run(tmp_path / "part" / "best").outcome == "completed"  # as it was begun
    assert len(again.verified) == len(whole.verified) > 0
    assert again.records == whole.records
    assert {number: again.records[number] for number in ended} == ended
    assert (tmp_path / "part" / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()
    lines = [entry["lane"] for entry in ledger.read(tmp_path / "part") if "lane" in entry]
    assert len(lines) == len(set(lines)) == len(whole.lanes)


def test_a_sweep_is_not_resumed_on_other_data(data, tmp_path):
    ds.sweep(data, out=tmp_path / "sweep", learning_rates=[0.1, 0.2], **SMALL)
    other = ds.from_arrays(data.train.inputs * 2, data.train.labels, test_fraction=0.2)
    with pytest.raises(ds.errors.CheckpointError, match="data"):
        ds.resume_sweep(tmp_path / "sweep", data=other)


@pytest.mark.slow
def test_a_sweep_of_a_frame_goes_on_with_its_label_and_without_what_was_dropped(tmp_path):
    columns = np.random.default_rng(0).normal(size=(60, 3))
    frame = pl.DataFrame({"a": columns[:, 0], "noise": columns[:, 1], "kind": np.where(columns[:, 0] > 0, "u", "v")})
    given = {**SMALL, "label": "kind", "drop": "noise", "learning_rates": [0.1, 0.5], "engine": "eager"}
    control = Control()
    ds.sweep(frame, out=tmp_path / "part", told=lambda now: now.lanes and control.stop(), control=control, **given)
    found = ds.resume_sweep(tmp_path / "part", data=frame, verify="none")
    whole = ds.sweep(frame, out=tmp_path / "whole", verify="none", **given)
    assert found.records == whole.records
    assert len(found.records) == 2


def test_the_best_lane_is_kept_as_a_run(data, tmp_path):
    found = ds.sweep(data, out=tmp_path / "sweep", learning_rates=[0.1, 0.5], keep="best", **SMALL)
    run = ds.open_run(tmp_path / "sweep" / "best")
    assert run.outcome == "completed"
    assert run.config.learning_rate == found.lanes[found.best].config.learning_rate
    np.testing.assert_allclose(run.history.costs, found.records[found.best].costs, rtol=ROUNDING)


def record(name, score, outcome="completed"):
    costs = (math.nan,) if outcome == "diverged" else (score,)
    return ledger.Record(name, outcome, costs, diverged_at=(0, 1) if outcome == "diverged" else None)


def ranked(scores, seeds):
    """Return a sweep of points with these scores, one per seed; None for a diverged lane."""
    axes = {"learning_rates": [0.1 * (place + 1) for place in range(len(scores))], "seeds": seeds}
    lanes = grid.lanes_of({}, axes)
    flat = list(itertools.chain(*scores))
    records = {
        number: record(lane.name, score or 0.0, "completed" if score is not None else "diverged")
        for number, (lane, score) in enumerate(zip(lanes, flat, strict=True))
    }
    return result.Sweep(None, lanes, records)


def test_seeds_are_repetitions():
    found = ranked([[0.5, 0.9, 0.1], [0.4, 0.45, 0.47], [0.3, None, 0.3]], 3)
    assert [point.median for point in found.points] == [0.45, 0.5, math.inf]
    assert found.best == 4
    assert found.told_apart is False
    assert any("Not told apart by 3 seeds" in line for line in found.sentences())
    assert ranked([[0.1, 0.2], [0.3, 0.4]], 2).told_apart is True
    assert ranked([[0.1], [0.3]], 1).told_apart is None


def test_the_best_lane_never_diverged():
    random = np.random.default_rng(0)
    for _ in range(1000):
        points, seeds = random.integers(1, 5), int(random.integers(1, 4))
        table = [
            [None if random.random() < 0.4 else float(random.random()) for _ in range(seeds)] for _ in range(points)
        ]
        found = ranked(table, seeds)
        sound = [scores for scores in table if None not in scores]
        if not sound:
            assert found.best is None
            continue
        scores = table[found.best // seeds]
        assert None not in scores
        assert np.median(scores) == min(np.median(each) for each in sound)
        assert found.records[found.best].outcome != "diverged"


def test_a_lane_that_is_another_run_is_said():
    lanes = grid.lanes_of({}, {"learning_rates": [0.1]})
    apart = ledger.Verified(0, "best", 1e-3, 1e-7, 2, 1e-6, True)
    found = result.Sweep(None, lanes, {0: record(lanes[0].name, 0.5)}, (apart,))
    assert not found.holds
    assert any("ANOTHER run" in line for line in found.sentences())
    assert apart._replace(limit=1.0).holds is None
    assert apart._replace(cost_difference=0.0).holds
    assert not apart._replace(cost_difference=0.0, same_end=False).holds


def test_the_edge_is_next_to_what_diverged():
    lanes = grid.lanes_of({}, {"learning_rates": [0.1, 1.0, 10.0], "rules": ["sgd", "adam"]})
    outcomes = ["completed"] * 4 + ["diverged", "completed"]
    records = {
        n: record(lane.name, 0.5, outcome) for n, (lane, outcome) in enumerate(zip(lanes, outcomes, strict=True))
    }
    assert result.Sweep(None, lanes, records).edge == 2  # sgd at 1.0, not adam at 10


def test_values_are_lists_ranges_and_numbers():
    def values(**axes):
        lanes = grid.lanes_of({}, axes)
        return [tuple(lane.varied.values()) for lane in lanes]

    assert values(learning_rates="1e-3..1:4") == [(0.001,), (0.01,), (0.1,), (1.0,)]
    assert values(learning_rates="0.01, 0.1") == [(0.01,), (0.1,)]
    assert values(seeds="3") == values(seeds=3) == [(0,), (1,), (2,)]
    assert values(seeds="3,5") == [(3,), (5,)]
    assert values(batch_sizes="32,full") == [(32,), ("full",)]
    assert values(rules="sgd,adam:beta_1=0.8,beta_2=0.9") == [("sgd",), ("adam:beta_1=0.8,beta_2=0.9",)]
    assert values(learning_rates=[0.1, 0.2], seeds=2) == [(0.1, 0), (0.1, 1), (0.2, 0), (0.2, 1)]
    assert len(values()) == grid.RATES
    rates = {lane.config.rule: lane.config.learning_rate for lane in grid.lanes_of({}, {"rules": "sgd,adam"})}
    assert rates == {"sgd": 0.01, "adam": 0.001}


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"learning_rates": "1..x:3"}, "no range FIRST..LAST:COUNT"),
        ({"learning_rates": "0..1:3"}, "no range FIRST..LAST:COUNT"),
        ({"learning_rates": "1..2:1"}, "no range FIRST..LAST:COUNT"),
        ({"learning_rates": "1..2"}, "no range FIRST..LAST:COUNT"),
        ({"weight_decays": "0.1, 1..2:3"}, "no range FIRST..LAST:COUNT"),
        ({"learning_rates": "0.1,0.1"}, "each once"),
        ({"learning_rates": []}, "one or more values"),
        ({"learning_rates": "-1"}, "each of learning-rates must be"),
        ({"rules": "sgdd"}, "sgdd"),
        ({"seeds": "0"}, "one or more values"),
        ({"learning_rates": "1e-3..1:200", "seeds": 100}, "at most 10000 lanes"),
    ],
)
def test_wrong_values_are_refused(axes, message):
    with pytest.raises(ConfigError, match=message):
        grid.lanes_of({}, axes)


def test_what_is_varied_is_not_given_besides():
    with pytest.raises(ConfigError, match="varied by the sweep"):
        grid.lanes_of({"learning_rate": 0.1}, {"learning_rates": [0.1, 0.2]})


def test_a_ledger_forgets_a_line_that_was_cut_and_refuses_a_damaged_one(tmp_path):
    entries = [record(name, 0.5)._asdict() for name in "abc"]
    ledger.append(tmp_path, entries)
    path = tmp_path / ledger.LEDGER
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        ledger.cut(tmp_path)
        assert len(ledger.read(tmp_path)) == whole[:size].count(b"\n")
    path.write_bytes(whole.replace(b"0.5", b"0.6", 1))
    with pytest.raises(DataError, match="line 1 is damaged"):
        ledger.read(tmp_path)
