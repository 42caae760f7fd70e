"""Replay of steered runs: the same bytes, or the first difference."""

import json

import numpy as np
import pytest

import descenso as ds
from descenso.errors import CheckpointError, ConfigError
from descenso.training.control import Callback, Control

SETTINGS = {"epochs": 4, "batch_size": 50, "learning_rate": 0.2}


class Steered(Callback):
    """Callback that gives a run random commands, drawn from a seed, at the ends of chunks."""

    def __init__(self, control, seed, commands=("change_rate", "one_step", "one_epoch", "pause", "undo")):
        self.control, self.random, self.commands = control, np.random.default_rng(seed), commands
        self.given = []

    def on_chunk(self, progress, problem):
        if progress.outcome or len(self.given) > 12:
            self.control.go_on()
            return
        command = str(self.random.choice(["", *self.commands]))
        self.given += [command] if command else []
        if command == "change_rate":
            self.control.change_rate(float(self.random.uniform(0.05, 0.5)))
        elif command:
            getattr(self.control, command)()
        if self.control.paused:  # as a user would continue later
            getattr(self.control, str(self.random.choice(["go_on", "one_step", "one_epoch"])))()


def steered(tiny, out, seed, **more):
    control = Control(chunk_seconds=1e-9)  # chunks of one step
    return ds.train(tiny, out=out, control=control, callbacks=[Steered(control, seed)],
                    **{**SETTINGS, "checkpoint_every": 3, **more})  # fmt: skip


@pytest.mark.parametrize("seed", range(1))
def test_a_steered_run_is_replayed_to_the_same_bytes(seed, tiny, tmp_path):
    run = steered(tiny, tmp_path / "run", seed)
    again = run.replay(tmp_path / "again")
    assert (again.equal, again.parting) == (True, "")
    assert again.run.history.costs == run.history.costs
    for name, value in run.weights.items():
        assert value.tobytes() == again.run.weights[name].tobytes()
    assert ds.train(tiny, out=tmp_path / "plain", **SETTINGS).status["fingerprint"] != run.status["fingerprint"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_twenty_random_sequences_are_replayed(seed, tiny, tmp_path):
    kinds = [{}, {"engine": "eager", "rule": "momentum"}, {"engine": "graph"}, {"model": "mlp", "hidden": "8",
             "batch_size": 20, "dropout": 0.3, "average": 0.9, "validation_size": 40}]  # fmt: skip
    run = steered(tiny, tmp_path / "run", seed, **kinds[seed % len(kinds)])
    assert run.replay(tmp_path / "again").equal


def test_an_interrupted_run_is_replayed_to_where_it_stopped(tiny, tmp_path):
    control = Control()

    class AtStep(Callback):
        def on_chunk(self, progress, problem):
            if progress.position == (1, 2) and not progress.changed:
                control.change_rate(0.01)
            if progress.position == (2, 3):
                control.stop()

    run = ds.train(tiny, out=tmp_path / "run", control=control, callbacks=[AtStep()], checkpoint_every=1, **SETTINGS)
    assert (run.outcome, run.history.changes) == ("interrupted", ((1, 2, 0.01),))
    again = run.replay(tmp_path / "again")
    assert (again.equal, again.run.outcome, again.run.history.changes) == (True, "interrupted", run.history.changes)
    resumed = run.resume()
    assert (resumed.outcome, resumed.replay(tmp_path / "resumed").equal) == ("completed", True)


def test_a_diverged_run_is_replayed(tiny, tmp_path):
    settings = {**SETTINGS, "learning_rate": 1e35, "model": "mlp", "hidden": "8", "rule": "sgd"}
    run = ds.train(tiny, out=tmp_path / "run", **settings)
    again = run.replay(tmp_path / "again")
    assert (run.outcome, again.equal) == ("diverged", True)


def test_a_changed_line_of_the_log_is_found(tiny, tmp_path):
    """Replay follows the log: with another learning rate in it, the replayed run differs."""
    run = steered(tiny, tmp_path / "run", seed=1)
    path = tmp_path / "run" / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    changed = next(line for line in lines if "learning_rate" in line)
    changed["learning_rate"] *= 1.5
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = run.replay(tmp_path / "again")
    assert not again.equal
    assert (
        again.parting.startswith("they part in epoch ") or again.parting == "the costs are equal, the weights are not"
    )


@pytest.mark.slow
def test_what_cannot_be_replayed_is_refused(tiny, tmp_path):
    run = ds.train(tiny, out=tmp_path / "run", **SETTINGS)
    other = tiny._replace(train=tiny.train._replace(labels=tiny.train.labels[::-1]))
    with pytest.raises(CheckpointError, match=r"run: it cannot be replayed to the same bits, for this changed: data: "):
        ds.replay(run, tmp_path / "again", data=other)
    assert not (tmp_path / "again").exists()
    ds.resume(run, data=tiny, epochs=5, learning_rate=0.3, force=True)
    with pytest.raises(ConfigError, match=r"run: it was resumed after something had changed, so that no single run "):
        ds.replay(run, data=tiny)
    (tmp_path / "run" / "status.json").write_text('{"outcome": "running"}')
    with pytest.raises(ConfigError, match=r"it has not ended \(outcome: killed\), .*; try descenso"):
        ds.replay(run, data=tiny)
