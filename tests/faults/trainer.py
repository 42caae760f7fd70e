"""A small training run without TensorFlow, saved as `descenso.train` does.

`python trainer.py RUN` starts or resumes a run. It fits a noisy line by momentum with Dropout: so there are parameters,
the state of a rule and a random state, each of which must be restored bit for bit. It prints a line for each step, so
that a test can choose when to kill it.
"""

import importlib.util
import shutil
import sys
from contextlib import closing
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from descenso.config import TrainConfig
from descenso.errors import CheckpointError, DataError
from descenso.runs.checkpoints import Position, drop_newer, is_empty, newest
from descenso.runs.directory import create, open_directory, reopen
from descenso.runs.history import Epoch

EPOCHS, STEPS, BATCH, EVERY = 8, 6, 5, 4  # a checkpoint every EVERY steps
CONFIG = TrainConfig.of(epochs=EPOCHS, batch_size=BATCH, checkpoint_every=str(EVERY), learning_rate=0.02)
PLAN = SimpleNamespace(config=CONFIG, problem=None, steps_per_epoch=STEPS, parts=1)  # what checkpoints need
ROWS = np.random.default_rng(7).normal(size=(STEPS * BATCH, 6))
TARGETS = ROWS @ np.arange(1.0, 7.0) + np.random.default_rng(8).normal(size=len(ROWS))


class State(NamedTuple):
    """Like `descenso.descent.problem.TrainState`, but of NumPy arrays, which are never changed in place."""

    step: Any
    rate: Any
    params: dict[str, Any]
    model_state: dict[str, Any]
    rule_state: dict[str, Any]


class Progress(NamedTuple):
    """Like the parts of `descenso.training.loop.Progress` that a checkpoint holds."""

    position: Position
    state: State
    costs: Any
    seconds: float
    best: None = None
    ended: Any = None
    changed: None = None


def checkpointing_module() -> ModuleType:
    """Load `descenso.training.checkpointing` itself, with stand-ins for the modules that import TensorFlow."""
    stand_ins: dict[str, Any] = {
        "tensorflow": SimpleNamespace(constant=np.asarray),
        "descenso.descent.problem": SimpleNamespace(
            Arrays=dict, Problem=None, TrainState=State, start=lambda *_: beginning().state, weights=lambda *_: {}
        ),
        "descenso.training.loop": SimpleNamespace(Best=object, Progress=Progress, steps_between_checkpoints=int),
        "descenso.training.plan": SimpleNamespace(Plan=None),
    }
    spec = importlib.util.find_spec("descenso.training.checkpointing")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, stand_ins):
        spec.loader.exec_module(module)
    return module


def beginning():
    random = np.random.PCG64(11).state
    state = State(
        step=np.asarray(0),
        rate=np.asarray(CONFIG.learning_rate),
        params={"w": np.zeros(6)},
        model_state={"random": _packed(random["state"])},
        rule_state={"velocity": {"w": np.zeros(6)}},
    )
    return Progress(Position(0, 0), state, np.empty(0), 0.0)


def _packed(random):
    """Return the two 128-bit numbers of a generator as four of 64 bits."""
    return np.array([random[name] >> shift & 2**64 - 1 for name in ("state", "inc") for shift in (64, 0)], np.uint64)


def _generator(packed):
    """Return the generator whose state is `packed`."""
    words = [int(word) for word in packed]
    bits = np.random.PCG64(0)
    bits.state = {
        "bit_generator": "PCG64", "has_uint32": 0, "uinteger": 0,
        "state": {"state": words[0] << 64 | words[1], "inc": words[2] << 64 | words[3]},
    }  # fmt: skip
    return np.random.Generator(bits)


def step(state, rows, targets):
    """Take one step of momentum with Dropout; return the next state, and the cost before it."""
    random = _generator(state.model_state["random"])
    inputs = rows * (random.random(rows.shape) < 0.8)
    errors = inputs @ state.params["w"] - targets
    rate = state.rate / (1 + 0.01 * state.step)
    velocity = 0.9 * state.rule_state["velocity"]["w"] - rate * inputs.T @ errors / len(rows)
    after = State(
        step=np.asarray(state.step + 1),
        rate=state.rate,
        params={"w": state.params["w"] + velocity},
        model_state={"random": _packed(random.bit_generator.state["state"])},
        rule_state={"velocity": {"w": velocity}},
    )
    return after, float(errors @ errors) / len(rows)


def walk(progress, checkpointing, say):
    """Train as `descenso.training.session` does, one step at a time."""
    if progress.position == (0, 0):
        checkpointing.commit(progress)
    for done in range(progress.position.epoch * STEPS + progress.position.step, EPOCHS * STEPS):
        (epoch, number), state, costs, seconds = progress[:4]
        started = perf_counter()
        rows = slice(number * BATCH, (number + 1) * BATCH)
        state, cost = step(state, ROWS[rows], TARGETS[rows])
        costs, seconds = np.append(costs, cost), seconds + perf_counter() - started
        progress = Progress(Position(epoch, number + 1), state, costs, seconds)
        if number + 1 == STEPS:
            checkpointing.append(progress._replace(ended=Epoch(epoch, float(costs.mean()), seconds)))
            progress = Progress(Position(epoch + 1, 0), state, np.empty(0), 0.0)
        if checkpointing.is_due(progress) or progress.position.epoch == EPOCHS:
            checkpointing.commit(progress)
        say(f"step {done}")
    return progress.state


def begin(path, module):
    """Create or resume the run at `path` as `descenso.api.train` does; return it and its progress."""
    try:
        open_directory(path)
    except DataError:
        if path.exists():  # left by a killed `create`; removing it is up to its owner
            shutil.rmtree(path)
        return create(CONFIG, {}, path), beginning()
    directory = reopen(path)
    try:
        return directory, _resume(directory, module)
    except BaseException:
        directory.close()
        raise


def _resume(directory, module):
    if not directory.history_bytes and is_empty(directory.checkpoints):
        return beginning()
    checkpoint, warnings = newest(directory.checkpoints)
    if warnings:
        raise CheckpointError(f"a kill damages nothing: {warnings}")
    progress = module.progress_of(checkpoint, PLAN)
    drop_newer(directory.checkpoints, checkpoint.position)
    directory.cut_history(checkpoint.about["history_bytes"])
    if len(directory.history.epochs) != progress.position.epoch:
        raise CheckpointError("the history is not the checkpoint's")
    directory.write("status.json", {"outcome": "running", "epochs_done": progress.position.epoch})
    return progress


def train(path, say):
    """Train the run at `path` to its end, from its checkpoint if there is one."""
    say("begins")
    module = checkpointing_module()
    directory, progress = begin(path, module)
    say("goes on")
    with closing(directory):
        about = {"config": CONFIG.model_dump()}
        with closing(module.Checkpointing(directory, PLAN, about)) as checkpointing:
            state = walk(progress, checkpointing, say)
        directory.write_weights(state.params, {})
        directory.write("status.json", {"outcome": "completed", "epochs_done": EPOCHS})


if __name__ == "__main__":
    train(Path(sys.argv[1]), lambda word: print(word, flush=True))  # noqa: T201 - read by the test that kills it
