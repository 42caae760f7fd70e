"""Runs that are killed at any time resume to the same bits."""

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

import trainer
from descenso.runs.checkpoints import Position, newest
from descenso.runs.directory import create, open_directory
from descenso.runs.history import Epoch
from material import leftovers

TRAINER = str(Path(trainer.__file__))
LAST = trainer.EPOCHS * trainer.STEPS - 1


class Stop(BaseException):
    """Raised instead of a kill where the run trains in the test's own process."""


def train(path, stop=None):
    """Train in this process; interrupt it when it reports `stop`."""

    def say(word):
        if word == stop:
            raise Stop

    trainer.train(path, say)


def end(path):
    """Return the results of the run at `path`, without its times."""
    run = open_directory(path)
    found, warnings = newest(run.checkpoints)
    assert warnings == []
    assert leftovers(path) == []
    return {
        "outcome": run.outcome,
        "position": found.position,
        "state": {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in found.arrays.items()},
        "history": [(epoch, np.float64(cost).tobytes()) for epoch, cost, *_ in run.history.epochs],
        "weights": {name: array.tobytes() for name, array in run.weights()[0].items()},
    }


def assert_resumes_exactly(folder, steps):
    """Check that a run interrupted after each of `steps` and resumed ends like an uninterrupted one."""
    train(folder / "whole")
    for stop in steps:
        with pytest.raises(Stop):
            train(folder / "stopped", f"step {stop}")
        if stop:
            assert open_directory(folder / "stopped").outcome == "killed"
    train(folder / "stopped")
    assert end(folder / "stopped") == end(folder / "whole"), f"stopped after steps {steps}"


@pytest.mark.parametrize("stride", [1, 3, 5, 7, 11])
def test_stops_after_steps(stride, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nothing loses power here, so syncing would only take time
    assert_resumes_exactly(tmp_path, range(stride, LAST, stride))


class Killer:
    """Start the trainer in processes of its own, and kill them at times drawn by `draw`."""

    def __init__(self, path, draw, save_seconds):
        self.path, self.draw, self._save_seconds = path, draw, save_seconds
        self.said = "step -1"  # the last step that any process reported

    def run(self, kill):
        """Run one process, and kill it if `kill`. Return the last word it reported, or None if it was not killed."""
        target = self.target() if kill else None
        command = [sys.executable, TRAINER, str(self.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            words = []
            for line in process.stdout:
                words.append(line.strip())
                if words[-1] == target:
                    self.strike(process)
            told = process.stderr.read()
        assert process.returncode in (0, -signal.SIGKILL), told
        assert told == ""
        self.said = ([word for word in words if word.startswith("step")] or [self.said])[-1]
        if not process.returncode:
            return None
        return words[-1] + ", while writing" * bool(self.path.exists() and leftovers(self.path))

    def target(self):
        """Return the word to kill after: that of the start, or of some later step."""
        done = int(self.said.split()[1])
        if self.draw.random() < 0.35 or done >= LAST:
            return "begins"
        return f"step {self.draw.randint(done + 1, min(done + 12, LAST))}"

    def strike(self, process):
        """Kill the process within the time of two saves."""
        try:
            process.wait(timeout=self.draw.uniform(0, 2 * self._save_seconds))
        except subprocess.TimeoutExpired:
            process.kill()


def assert_killed_runs_end_alike(folder, seed, kills):
    """Compare runs that are killed `kills` times in all, at times drawn from `seed`, with an uninterrupted run."""
    started = perf_counter()
    train(folder / "whole")
    save_seconds = (perf_counter() - started) / (1 + LAST // trainer.EVERY)
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    landed, number = [], 0
    while len(landed) < kills:
        number += 1
        assert number <= kills, f"seed {seed}: {len(landed)} kills in {number} runs; the trainer ends too soon"
        killer = Killer(folder / str(number), draw, save_seconds)
        try:
            for _ in range(draw.randint(3, 8)):
                word = killer.run(kill=len(landed) < kills)
                if word is None:
                    break
                landed.append(word)
            killer.run(kill=False)
            assert end(killer.path) == end(folder / "whole")
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, run {number}, killed after {landed}: {error}") from error
    return landed


@pytest.mark.slow
def test_kills(tmp_path):
    assert len(assert_killed_runs_end_alike(tmp_path, 1, 6)) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_100_kills(seed, tmp_path):
    landed = assert_killed_runs_end_alike(tmp_path, seed, 25)  # where they land depends on the timing
    assert len(landed) >= 25, f"seed {seed}: {landed}"


def test_no_epoch_is_appended_before_there_is_a_checkpoint(tmp_path, monkeypatch):
    """Otherwise a kill between the two would leave a history without a checkpoint, which cannot be resumed."""
    module, may_go_on = trainer.checkpointing_module(), threading.Event()
    seen, real = [], module.write_checkpoint

    def slow(folder, checkpoint):
        may_go_on.wait(timeout=10)
        seen.append((folder.parent / "history.jsonl").stat().st_size)
        return real(folder, checkpoint)

    monkeypatch.setattr(module, "write_checkpoint", slow)
    with (
        closing(create(trainer.CONFIG, {}, tmp_path / "run")) as run,
        closing(module.Checkpointing(run, trainer.PLAN, {})) as checkpointing,
    ):
        checkpointing.commit(trainer.beginning())
        appending = threading.Thread(
            target=checkpointing.append, args=[trainer.beginning()._replace(ended=Epoch(0, 1.0, 0.5))]
        )
        appending.start()
        appending.join(timeout=0.2)  # long enough to append, if it did not wait
        may_go_on.set()
        appending.join()
        assert seen == [0]
        assert len(run.history.epochs) == 1
        assert newest(run.checkpoints)[0].position == Position(0, 0)
