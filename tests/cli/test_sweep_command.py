"""`descenso sweep`: what it prints, its files, its exit codes; and `descenso resume` of a sweep."""

import csv
import json
import shutil
import signal
import time

import numpy as np
import pytest

from shell import descenso, running

pytestmark = pytest.mark.slow  # some twenty processes, each of which starts TensorFlow

FEW = ("-m", "softmax", "-e", 2, "-b", 20, "--validation-size", 20)


@pytest.fixture(scope="module")
def swept(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    data = trained.folder / "digits"
    told = descenso("sweep", data, "--learning-rates", "0.01,0.05,0.2", "--seeds", 2, *FEW, "--out", "s", cwd=folder)
    return folder, told


def test_a_sweep_prints_ranks_verdicts_and_where_everything_is(swept):
    folder, told = swept
    assert told.returncode == 0, told.stderr
    assert "median cost" in told.stdout
    assert told.stdout.count("trained alone: the same run") == 2
    assert "The test rows chose nothing" in told.stdout or "Not told apart by 2 seeds" in told.stdout
    assert "Traceback" not in told.stderr
    for name in ("sweep.json", "ledger.jsonl", "table.csv", "best.json", "plots/sweep.png"):
        assert (folder / "s" / name).stat().st_size > 0
    with (folder / "s" / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["learning_rate"], row["seed"]) for row in rows] == [
        (rate, seed) for rate in ("0.01", "0.05", "0.2") for seed in "01"
    ]
    assert {row["outcome"] for row in rows} == {"completed"}


def test_json_is_one_object_with_every_lane(swept, trained):
    folder, _told = swept
    answer = json.loads(descenso("resume", "s", "--json", cwd=folder).stdout)
    assert len(answer["lanes"]) == 6
    lane = answer["lanes"][answer["best"]]
    assert {"learning_rate", "seed", "costs", "outcome", "diverged_at", "test_accuracy", "width"} <= set(lane)
    assert lane["width"] == 3  # the lanes of a seed see the same batches
    assert {"lanes", "largest_cost_difference", "largest_weight_difference"} == set(answer["verified"])
    assert answer["seconds"] > 0


def test_runs_lists_a_sweep_and_other_commands_say_what_it_is(swept):
    folder, _told = swept
    (row,) = json.loads(descenso("runs", ".", "--json", cwd=folder).stdout)["runs"]
    assert (row["outcome"], row["lanes"], row["lanes_ended"]) == ("completed", 6, 6)
    assert "s" in descenso("runs", ".", cwd=folder).stdout
    refused = descenso("evaluate", "s", cwd=folder)
    assert refused.returncode == 3
    assert "sweep of many runs" in refused.stderr
    assert "descenso train --config s/best.json" in refused.stderr


def test_the_best_is_trained_by_the_command_that_is_printed(swept):
    folder, told = swept
    assert "descenso train --config s/best.json" in told.stdout
    again = descenso("train", "--config", "s/best.json", "--json", cwd=folder)
    answer = json.loads(descenso("resume", "s", "--json", cwd=folder).stdout)
    best = answer["lanes"][answer["best"]]
    assert json.loads(again.stdout)["test_accuracy"] == pytest.approx(best["test_accuracy"])


def test_resuming_a_sweep_takes_no_settings(swept):
    folder, _told = swept
    refused = descenso("resume", "s", "--epochs", 5, cwd=folder)
    assert refused.returncode == 2
    assert "goes on with the settings that it has" in refused.stderr


def test_where_all_lanes_diverge_the_exit_code_says_so(trained, tmp_path):
    data = trained.folder / "digits"
    told = descenso("sweep", data, "--learning-rates", "1e30,1e38", *FEW, "--loss", "naive", cwd=tmp_path)
    assert told.returncode == 8
    assert "No lane is best" in told.stdout
    assert "diverged at epoch 0" in told.stdout
    assert not list(tmp_path.glob("runs/*/best.json"))


def test_a_directory_that_is_taken_is_refused_before_anything_is_trained(swept):
    folder, _told = swept
    before = (folder / "s" / "ledger.jsonl").read_bytes()
    refused = descenso("sweep", "--out", "s", cwd=folder)
    assert refused.returncode == 2
    assert "s is not empty" in refused.stderr
    assert (folder / "s" / "ledger.jsonl").read_bytes() == before


@pytest.mark.parametrize("lines", ["not json\n", '0123456789abcdef {"lane": "x"}\n'])
def test_a_damaged_ledger_is_named(swept, tmp_path, lines):
    folder, _told = swept
    shutil.copytree(folder / "s", tmp_path / "s")
    ledger = tmp_path / "s" / "ledger.jsonl"
    ledger.write_text(lines + ledger.read_text())
    refused = descenso("resume", "s", cwd=tmp_path)
    assert refused.returncode == 3
    assert "ledger.jsonl: line 1 is damaged" in refused.stderr


def test_a_sweep_killed_repeatedly_is_resumed_to_the_same_table(trained, tmp_path):
    """Each process is killed shortly after it has written to the ledger, until one completes."""
    line = (
        "sweep",
        trained.folder / "digits",
        "--learning-rates",
        "0.01,0.1",
        "--seeds",
        3,
        "-e",
        30,
        "-b",
        1,
        "-m",
        "softmax",
    )
    line = (*line, "--verify", "none", "--out")
    assert descenso(*line, "whole", cwd=tmp_path).returncode == 0
    chance, part, kills = np.random.default_rng(7), tmp_path / "part", 0
    for _life in range(4):
        words = ("resume", "part") if (part / "sweep.json").exists() else (*line, "part")
        before = lines_of(part)
        with running(*words, cwd=tmp_path, stdout=-3, stderr=-3) as process:
            while process.poll() is None and lines_of(part) == before:
                time.sleep(0.005)
            time.sleep(0.2 * chance.random())
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
    assert kills
    assert descenso("resume", "part", cwd=tmp_path).returncode == 0
    assert (part / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()
    lanes = [json.loads(text).get("lane") for text in (row.partition(" ")[2] for row in lines_of(part))]
    assert len(list(filter(None, lanes))) == len(set(filter(None, lanes))) == 6


def lines_of(folder):
    """Return the lines of a sweep's ledger, none if there is no file."""
    ledger = folder / "ledger.jsonl"
    return ledger.read_text().splitlines() if ledger.exists() else []
