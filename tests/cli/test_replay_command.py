"""`descenso replay`, and what other commands print about a steered run."""

import json

import pytest

import descenso as ds
from command import run
from descenso.training.control import Callback, Control


@pytest.fixture(scope="module")
def steered(tiny_folder, tmp_path_factory):
    control = Control()

    class Halve(Callback):
        def on_epoch(self, epoch):
            if epoch.epoch == 1:
                control.change_rate(0.05)

    given = {"epochs": 3, "batch_size": 20, "learning_rate": 0.1, "control": control, "callbacks": [Halve()]}
    return ds.train(str(tiny_folder), out=tmp_path_factory.mktemp("steered") / "run", **given)


@pytest.mark.slow
def test_a_steered_run_is_replayed(steered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("replay", steered.path)
    assert result.exit_code == 0, result.output
    assert "changes of the learning rate: 1" in result.stdout
    assert "Equal: the costs of all epochs to the last bit, and the bytes of the weights." in result.stdout
    assert len(list((tmp_path / "runs").iterdir())) == 1
    answer = json.loads(run("replay", steered.path, "--out", "new", "--json").stdout)
    assert (answer["run"], answer["replayed"], answer["equal"]) == ("new", str(steered.path), True)
    assert answer["fingerprint"] == steered.status["fingerprint"]


@pytest.mark.slow
def test_commands_say_that_a_run_was_steered(steered):
    assert "Steered: the learning rate was changed by hand" in run("evaluate", steered.path).stdout
    assert "0.1 → 0.05" in run("runs", steered.path.parent).stdout
    (row,) = json.loads(run("runs", steered.path.parent, "--json").stdout)["runs"]
    assert row["steered"] == [0.05]
    assert "Steered: changes of the learning rate by hand: 1" in run("resume", steered.path).stdout


@pytest.mark.slow
def test_a_replay_that_parts_ends_with_1(steered, tmp_path, tiny_folder):
    other = ds.train(str(tiny_folder), out=tmp_path / "other", epochs=2, batch_size=20, learning_rate=0.1)
    path = other.path / "history.jsonl"
    path.write_text('{"epoch": 0, "step": 3, "learning_rate": 0.2}\n' + path.read_text())
    result = run("replay", other.path, "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert "Not equal: they part in epoch 0: cost 1." in result.stdout
