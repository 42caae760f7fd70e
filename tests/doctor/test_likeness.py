"""`doctor RUN --like RUN…`: no finding for a healthy run, findings for departures from healthy ones."""

import json
import re
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import descenso as ds
from command import run
from descenso.doctor.likeness import departures
from descenso.errors import ConfigError

SETTINGS = {"model": "mlp", "hidden": "16", "epochs": 3, "batch_size": 50, "engine": "function", "progress": False}


@pytest.fixture(scope="module")
def few():
    mnist = ds.load("mnist")
    train, test = mnist.train.rows(slice(2000)), mnist.test.rows(slice(500))
    return mnist._replace(train=train, test=test)


def timed(folder, seconds):
    """Set the recorded time of each epoch of a run, so that the load of the machine does not matter."""
    path = folder / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**line, "seconds": seconds}) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def healthy(few, tmp_path_factory):
    folder = tmp_path_factory.mktemp("healthy")
    for seed in range(5):
        ds.train(few, out=folder / str(seed), seed=seed, validation_size=200, **SETTINGS)
    return [timed(folder / str(seed), 0.1 + seed / 100) for seed in range(5)]


def kinds(found):
    return {each.kind for each in found.departures}


@pytest.mark.slow
def test_each_healthy_run_beside_the_others(healthy, few):
    for one in healthy:
        found = ds.doctor.like(one, healthy, few)
        assert found.departures == ()
        assert len(found.compared) == 4
        assert found.sentences() == ["Nothing departs from the healthy runs, of which there are 4."]


@pytest.mark.slow
def test_a_wrong_rate(healthy, few, tmp_path):
    for name, rate in (("high", 0.3), ("low", 1e-6)):
        ds.train(few, out=tmp_path / name, seed=7, validation_size=200, learning_rate=rate, **SETTINGS)
        found = ds.doctor.like(tmp_path / name, healthy, few)
        assert {"cost", "validation_cost", "update"} <= kinds(found)
        assert found.settings["learning_rate"] == (rate, (ds.open_run(healthy[0]).config.learning_rate,))
        assert re.search("learning.rate is", repr(found))


def altered(healthy, folder, change):
    """Return the folder of a copy of a healthy run with changed arrays."""
    shutil.copytree(healthy[0], folder)
    path = folder / "model" / "weights.safetensors"
    with safe_open(path, "np") as file:
        about = file.metadata()
    arrays = load_file(path)
    change(arrays)
    save_file(arrays, path, about)
    return folder


@pytest.mark.slow
def test_dead_units(healthy, few, tmp_path):
    def kill(arrays):
        (bias,) = (name for name in arrays if arrays[name].shape == (16,))
        arrays[bias][:5] = -100.0

    found = ds.doctor.like(altered(healthy, tmp_path / "dead", kill), healthy[1:], few)
    (dead,) = (each for each in found.departures if each.kind == "dead_units")
    assert (dead.layer, dead.value) == ("dense/kernel", 5 / 16)
    assert "cost" not in kinds(found)


@pytest.mark.slow
def test_a_slower_machine(healthy, few, tmp_path):
    slow = shutil.copytree(healthy[0], tmp_path / "slow")
    assert kinds(ds.doctor.like(timed(slow, 0.35), healthy[1:], few)) == {"step_seconds"}
    assert kinds(ds.doctor.like(timed(slow, 0.01), healthy[1:], few)) == set()  # faster is no departure


@pytest.mark.slow
def test_runs_that_are_not_comparable_are_left_out_with_the_reason(healthy, few, tmp_path):
    ds.train(few, out=tmp_path / "batch", **{**SETTINGS, "batch_size": 100})
    other = few._replace(train=few.train.rows(slice(1000)))
    ds.train(other, out=tmp_path / "rows", **SETTINGS)
    ds.train(few, out=tmp_path / "longer", **{**SETTINGS, "epochs": 4})
    paths = [tmp_path / "batch", tmp_path / "rows", tmp_path / "none"]
    found = ds.doctor.like(healthy[0], [*healthy[1:3], *paths], few)
    reasons = [reason.replace("-", "_") for reason in found.left_out.values()]
    assert reasons[:2] == ["its batch_size is 100, and here 50", "it was trained on other rows"]
    assert "there is no run" in reasons[2]
    assert found.limited == ()
    longer = ds.doctor.like(tmp_path / "longer", healthy, few)
    assert longer.limited == ("The ends are not compared: too few of the healthy runs are as long (epochs: 4).",)
    with pytest.raises(ConfigError, match=r"1 of the runs given are comparable, expected 2 at least \(.*other rows"):
        ds.doctor.like(healthy[0], [healthy[0], healthy[1], tmp_path / "rows"], few)
    with pytest.raises(ConfigError, match=r"0 of the runs given are comparable.*no others were given"):
        ds.doctor.like(healthy[0], [healthy[0]], few)


@pytest.mark.slow
def test_the_command(tiny_folder, tmp_path):
    settings = {"model": "softmax", "engine": "function", "epochs": 20, "progress": False}
    for seed in range(3):
        ds.train(str(tiny_folder), out=tmp_path / str(seed), seed=seed, **settings)
        timed(tmp_path / str(seed), 0.1)
    ds.train(str(tiny_folder), out=tmp_path / "slow", learning_rate=1e-6, **settings)
    paths = [tmp_path / str(seed) for seed in range(3)]
    shown = run("doctor", tmp_path / "slow", "--like", *paths)
    assert shown.exit_code == 1
    assert "spreads beyond" in shown.stdout
    assert "learning-rate is 1e-06 here" in shown.stdout
    told = run("doctor", tmp_path / "slow", "--like", *paths, "--json")
    answer = json.loads(told.stdout)
    assert set(answer) == {"departures", "settings", "compared", "left_out", "limited"}
    assert {each["kind"] for each in answer["departures"]} >= {"cost", "update"}
    assert all(each["spreads"] > 2 for each in answer["departures"])
    well = run("doctor", paths[0], "--like", *paths)
    assert (well.exit_code, well.stdout) == (0, "Nothing departs from the healthy runs, of which there are 2.\n")


def test_the_command_needs_two_runs():
    with pytest.raises(ConfigError, match="--like takes a run and earlier ones; try descenso doctor runs/new --like"):
        run("doctor", "runs/a", "--like")


def test_how_far_beyond_is_counted_in_spreads():
    costs = [{("cost", "", 0): cost, ("cost", "", 1): cost / 2} for cost in (0.4, 0.5, 0.6)]
    (found,) = departures({("cost", "", 0): 1.1, ("cost", "", 1): 0.9}, costs, 2.3)
    assert (found.epoch, found.low, found.high, found.spreads) == (1, 0.2, 0.3, pytest.approx(6.0))
    (found,) = departures({("cost", "", 0): float("nan")}, costs, 2.3)
    assert found.spreads == np.inf
    assert departures({("cost", "", 0): 0.75}, costs, 2.3) == ()
    alike = [{("gradient", "W", -1): 1.0}] * 2  # a spread of 0 counts as the least spread
    assert departures({("gradient", "W", -1): 2.0}, alike, 2.3) == ()
    assert departures({("gradient", "W", -1): 3.0}, alike, 2.3) != ()
    assert departures({("gradient", "W", -1): 9.0}, alike[:1], 2.3) == ()
