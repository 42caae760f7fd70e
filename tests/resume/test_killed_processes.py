"""Runs in processes that are killed at random moments resume to the same bits."""

import numpy as np
import pytest

import descenso as ds
from processes import Descenso, saving, stands_at
from stopping import WITH_REST, kept

pytestmark = pytest.mark.workers
EPOCHS, STEPS = 12, 9  # with the 203 rows of `tiny` in batches of 25
SETTINGS = {
    "model": "softmax",
    "epochs": EPOCHS,
    "learning_rate": 0.5,
    "batch_size": WITH_REST,
    "checkpoint_every": "2",
}


def flags(settings):
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]


def some_steps_later(run, random, most):
    """Draw a position up to `most` steps after that of `run`, and a delay of up to 20 ms."""
    epoch, step = stands_at(run)
    walked = max(epoch, 0) * STEPS + step + int(random.integers(1, most))
    return divmod(walked, STEPS), float(random.uniform(0, 0.02))


def kill_somewhere(descenso, run, random):
    (epoch, step), seconds = some_steps_later(run, random, 20)
    descenso.until(lambda: stands_at(run) >= (epoch, step))
    descenso.ended_within(seconds)
    descenso.kill()


def kill_while_saving(descenso, run, random):
    (epoch, step), _ = some_steps_later(run, random, 20)
    descenso.until(lambda: stands_at(run) >= (epoch, step))
    descenso.kill_while(lambda: saving(run))
    assert saving(run)


def kill_while_resuming(descenso, run, random):
    """Kill it as soon as it has written its status, while it drops what is newer than the checkpoint."""
    before = (run / "status.json").stat().st_ino
    descenso.until(lambda: (run / "status.json").stat().st_ino != before)
    descenso.kill()


def walk_and_kill(folder, data, kills, seed, settings):
    """Start a run, kill and resume it once for each of `kills`, then let it finish."""
    random = np.random.default_rng([2026, seed])
    run = folder / "killed"
    command = ["train", data, "--out", run, *flags(settings)]
    for kill in kills:
        with Descenso(folder, *command) as descenso:
            kill(descenso, run, random)
        command = ["resume", run]
        assert ds.open_run(run).outcome == "killed"
    with Descenso(folder, *command) as descenso:
        assert descenso.end() == 0, descenso.err
    return run


def assert_same_as_uninterrupted(run, data, settings, told):
    whole = run.with_name("whole")
    ds.train(str(data), out=whole, **settings)
    assert kept(run) == kept(whole), told
    assert not saving(run), told


@pytest.mark.slow
def test_a_run_killed_while_saving_ends_with_the_same_bits(tiny_folder, tmp_path):
    settings = {**SETTINGS, "engine": "function", "dtype": "float64"}
    run = walk_and_kill(tmp_path, tiny_folder, [kill_while_saving], 0, settings)
    assert_same_as_uninterrupted(run, tiny_folder, settings, "seed 0")


NETWORK = {"hidden": "16", "dropout": 0.3, "learning_rate": 0.01}
RUNS = {
    "softmax, graph": {"engine": "graph"},
    "softmax, compiled": {"engine": "compiled", "dtype": "float64"},
    "mlp, dropout, adam, average": {"engine": "eager", "model": "mlp", "rule": "adam", "average": 0.9, **NETWORK},
    "cnn, batch normalisation, augmentation": {
        "engine": "function", "model": "cnn", "filters": "4", "augment": 1.0, **NETWORK
    },
}  # fmt: skip
KILLS = [kill_somewhere, kill_while_saving, kill_while_resuming, kill_while_saving]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "name"), list(enumerate(RUNS, start=1)))
def test_a_run_killed_four_times_ends_with_the_same_bits(seed, name, tiny_folder, tmp_path):
    """Sixteen kills in all: four at any time, eight while saving, four while resuming."""
    settings = {**SETTINGS, **RUNS[name]}
    run = walk_and_kill(tmp_path, tiny_folder, KILLS, seed, settings)
    assert_same_as_uninterrupted(run, tiny_folder, settings, f"seed {seed}, {name}")


@pytest.mark.slow
@pytest.mark.parametrize("deterministic", [True, False])
def test_three_fresh_processes_give_the_same_fingerprint(deterministic, tmp_path):
    """MNIST's matrix products are large enough for TensorFlow to split them among threads."""
    settings = [*flags({"epochs": 2, "batch_size": 100, "seed": 3}), *["--deterministic"] * deterministic]
    for number in range(3):
        with Descenso(tmp_path, "train", "mnist", "--out", f"run{number}", *settings) as descenso:
            assert descenso.end() == 0, descenso.err
    runs = [ds.open_run(tmp_path / f"run{number}") for number in range(3)]
    assert len({run.status["fingerprint"] for run in runs}) == 1
    assert len({tuple(run.history.costs) for run in runs}) == 1


@pytest.mark.slow
def test_a_deterministic_run_resumes_in_another_process(tiny_folder, tmp_path):
    """The number of threads is part of what must not change."""
    settings = [*flags({**SETTINGS, "epochs": 2}), "--deterministic"]
    for command in (["train", tiny_folder, "--out", "run", *settings], ["resume", "run", "--epochs", 3]):
        with Descenso(tmp_path, *command) as descenso:
            assert descenso.end() == 0, descenso.err
    assert ds.open_run(tmp_path / "run").status["exact"] is True
