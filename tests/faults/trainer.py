"""A small descent without TensorFlow, saved as `descenso.train` saves one: `python trainer.py RUN` begins or goes on.

A noisy line is fitted by momentum, under Dropout: so there are parameters, a rule's state, and a random state, each of
which must come back to the bit. It says where it stands, a line each, so that whoever kills it may choose when.
"""

import importlib.util
import shutil
import sys
import types
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from descenso.config import TrainConfig
from descenso.errors import CheckpointError, DataError
from descenso.runs.checkpoints import Position, drop_newer, is_empty, newest
from descenso.runs.directory import create, open_directory, reopen
from descenso.runs.history import Epoch

EPOCHS, STEPS, BATCH, EVERY = 8, 6, 5, 4  # a checkpoint every EVERY steps
CONFIG = TrainConfig.of(epochs=EPOCHS, batch_size=BATCH, checkpoint_every=str(EVERY))
ROWS = np.random.default_rng(7).normal(size=(STEPS * BATCH, 6))
TARGETS = ROWS @ np.arange(1.0, 7.0) + np.random.default_rng(8).normal(size=len(ROWS))


class Progress(NamedTuple):
    """As `descenso.training.loop` has it; the state is a dict of arrays, none of which is ever changed."""

    position: Position
    state: dict[str, Any]
    costs: Any
    seconds: float
    best: None = None


def journal_module():
    """`descenso.training.journal` itself, with stand-ins for what it imports that would import TensorFlow."""
    stand_ins = {f"descenso.training.{name}": types.ModuleType(name) for name in ("loop", "checkpointing")}
    stand_ins["descenso.training.loop"].Progress = Progress
    stand_ins["descenso.training.checkpointing"].snapshot = lambda state, best: dict(state)
    spec = importlib.util.find_spec("descenso.training.journal")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, stand_ins):
        spec.loader.exec_module(module)
    return module


def beginning():
    random = np.random.PCG64(11).state
    state = {
        "step": np.asarray(0),
        "params/w": np.zeros(6),
        "rule_state/velocity/w": np.zeros(6),
        "model_state/random": _packed(random["state"]),
    }
    return Progress(Position(0, 0), state, np.empty(0), 0.0)


def _packed(random):
    """A generator's two numbers of 128 bits as four of 64."""
    return np.array([random[name] >> shift & 2**64 - 1 for name in ("state", "inc") for shift in (64, 0)], np.uint64)


def _generator(packed):
    """The generator that `packed` is the state of."""
    words = [int(word) for word in packed]
    bits = np.random.PCG64(0)
    bits.state = {
        "bit_generator": "PCG64", "has_uint32": 0, "uinteger": 0,
        "state": {"state": words[0] << 64 | words[1], "inc": words[2] << 64 | words[3]},
    }  # fmt: skip
    return np.random.Generator(bits)


def step(state, rows, targets):
    """One step of momentum under Dropout: the next state, and the cost before it."""
    random = _generator(state["model_state/random"])
    inputs = rows * (random.random(rows.shape) < 0.8)
    errors = inputs @ state["params/w"] - targets
    rate = 0.02 / (1 + 0.01 * state["step"])
    velocity = 0.9 * state["rule_state/velocity/w"] - rate * inputs.T @ errors / len(rows)
    after = {
        "step": state["step"] + 1,
        "params/w": state["params/w"] + velocity,
        "rule_state/velocity/w": velocity,
        "model_state/random": _packed(random.bit_generator.state["state"]),
    }
    return {name: np.asarray(value) for name, value in after.items()}, float(errors @ errors) / len(rows)


def walk(progress, journal, say):
    """As `descenso.training.loop` walks, a step at a time."""
    if progress.position == (0, 0):
        journal.commit(progress)
    for walked in range(progress.position.epoch * STEPS + progress.position.step, EPOCHS * STEPS):
        (epoch, number), state, costs, seconds, _best = progress
        started = perf_counter()
        rows = slice(number * BATCH, (number + 1) * BATCH)
        state, cost = step(state, ROWS[rows], TARGETS[rows])
        costs, seconds = np.append(costs, cost), seconds + perf_counter() - started
        progress = Progress(Position(epoch, number + 1), state, costs, seconds)
        if number + 1 == STEPS:
            journal.epoch(Epoch(epoch, float(costs.mean()), seconds))
            progress = Progress(Position(epoch + 1, 0), state, np.empty(0), 0.0)
        if (walked + 1) % EVERY == 0 or progress.position.epoch == EPOCHS:
            journal.commit(progress)
        say(f"step {walked}")
    return progress.state


def begin(path):
    """The run at `path` and where it stands, as `descenso.api.train` begins or goes on."""
    try:
        open_directory(path)
    except DataError:
        if path.exists():  # what a killed `create` left: its owner removes it
            shutil.rmtree(path)
        return create(CONFIG, {}, path), beginning()
    directory = reopen(path)
    try:
        return directory, _go_on(directory)
    except BaseException:
        directory.close()
        raise


def _go_on(directory):
    if not directory.history_bytes and is_empty(directory.checkpoints):
        return beginning()
    checkpoint, warnings = newest(directory.checkpoints)
    if warnings:
        raise CheckpointError(f"a kill damages nothing: {warnings}")
    state = dict(checkpoint.arrays)
    costs = state.pop("costs")
    if state.keys() != beginning().state.keys() or len(costs) != checkpoint.position.step:
        raise CheckpointError(f"not a checkpoint of this run: {sorted(state)}, {len(costs)} costs")
    drop_newer(directory.checkpoints, checkpoint.position)
    directory.cut_history(checkpoint.about["history_bytes"])
    if len(directory.history.epochs) != checkpoint.position.epoch:
        raise CheckpointError("the history is not the checkpoint's")
    directory.write("status.json", {"outcome": "running", "epochs_done": checkpoint.position.epoch})
    return Progress(checkpoint.position, state, costs, checkpoint.about["seconds"])


def train(path, say):
    """Begin the run at `path` or go on with it, to its end."""
    say("begins")
    directory, progress = begin(path)
    say("goes on")
    with closing(directory):
        with closing(journal_module().RunJournal(directory, {"config": {}})) as journal:
            state = walk(progress, journal, say)
        directory.write_weights({"w": state["params/w"]}, {})
        directory.write("status.json", {"outcome": "completed", "epochs_done": EPOCHS})


if __name__ == "__main__":
    train(Path(sys.argv[1]), lambda word: print(word, flush=True))  # noqa: T201 - whoever kills it listens
