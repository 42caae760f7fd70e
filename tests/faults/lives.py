"""The file operations of a training run, as `descenso.api.train` makes them, in one thread and with made-up numbers."""

from contextlib import closing
from pathlib import Path

import numpy as np

from descenso.config import TrainConfig
from descenso.errors import DataError
from descenso.files import make_folder, write_file, write_folder
from descenso.runs.checkpoints import Position, drop_newer, is_empty, newest, write_checkpoint
from descenso.runs.directory import create, open_directory, reopen
from descenso.runs.history import Epoch
from material import assert_same, checkpoint

CONFIG = TrainConfig.of(epochs=5, seed=3)
STEPS = 4  # per epoch


def lines(epochs):
    """Return the history after that many epochs."""
    return "".join(Epoch(epoch, 1 / (epoch + 1), 0.25).line for epoch in range(epochs)).encode()


def made(position):
    """Return the only checkpoint that may be written at `position`."""
    return checkpoint(*position, history_bytes=len(lines(position.epoch)))


def after(position, steps=2):
    """Return the position of a save `steps` steps later, at most the end of the epoch."""
    epoch, step = position
    return Position(epoch + 1, 0) if step + steps >= STEPS else Position(epoch, step + steps)


def start(path):
    """Create a run; return it and its position."""
    return create(CONFIG, {"python": "3"}, path), Position(0, 0)


def go_on(path):
    """Reopen the run at `path`, cut it back to its newest checkpoint, and return it and its position."""
    run = reopen(path)
    try:
        position = Position(0, 0)
        if run.history_bytes or not is_empty(run.checkpoints):
            found, _ = newest(run.checkpoints)
            position = found.position
            assert_same(found, made(position))
            drop_newer(run.checkpoints, position)
            run.cut_history(found.about["history_bytes"])
            assert len(run.history.epochs) == position.epoch
        run.write("status.json", {"outcome": "running", "epochs_done": position.epoch})
    except BaseException:
        run.close()
        raise
    return run, position


def save(run, position):
    """Write what `Checkpointing` writes at `position`: the line of an epoch that ends there, and a checkpoint."""
    if position.step == 0 and position.epoch:
        run.append(Epoch(position.epoch - 1, 1 / position.epoch, 0.25))
    run.sync_history()
    write_checkpoint(run.checkpoints, made(position))


def finish(run, position):
    """End the run as completed: write the weights first, then the status."""
    run.write_weights({"W": np.full((2, 3), position.epoch, np.float32)}, {"model": "softmax"})
    run.write("status.json", {"outcome": "completed", "epochs_done": position.epoch, "test_accuracy": 0.5})


def diverge(run, position):
    """End the run as diverged: remove any weights, then write the status."""
    run.drop_weights()
    run.write("status.json", {"outcome": "diverged", "epochs_done": position.epoch})


EXPORTED = {"graph": b"graph", "variables/data": bytes(999)}


def export(path):
    """Write an export as `descenso.exporting` does."""
    make_folder(path.parent)
    write_folder(path, EXPORTED)


def exported(path):
    """Return the content of the files of an export, by relative path."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def assert_readable(path):
    """Check that the files of the run at `path` are complete, as written, and consistent."""
    run = open_directory(path)
    status = run.status
    assert run.config == CONFIG
    assert run.environment == {"python": "3"}
    if status["outcome"] == "completed":
        assert (run.weights()[0]["W"] == status["epochs_done"]).all()
    elif status["outcome"] == "diverged":
        assert not (path / "model" / "weights.safetensors").exists()


def first_sitting(path, saves=3):
    """Make a run that is interrupted after `saves` saves; return its position."""
    run, position = start(path)
    with closing(run):
        save(run, position)
        for _ in range(saves):
            position = after(position)
            save(run, position)
    return position


def spoil(path, turn=1):
    """Flip a bit in the middle of the file `path`."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= turn
    write_file(path, bytes(content))


def is_there(path):
    """Return whether there is a run at `path`."""
    try:
        open_directory(Path(path))
    except DataError:
        return False
    return True
