"""The operations of a run on its directory, as of `descenso.api.train`, in one thread and with made-up numbers."""

from contextlib import closing
from pathlib import Path

import numpy as np

from descenso.config import TrainConfig
from descenso.errors import DataError
from descenso.runs.checkpoints import Position, drop_newer, is_empty, newest, write_checkpoint
from descenso.runs.directory import create, open_directory, reopen
from descenso.runs.files import make_folder, write_file, write_folder
from descenso.runs.history import Epoch
from material import assert_same, checkpoint

CONFIG = TrainConfig.of(epochs=5, seed=3)
STEPS = 4  # an epoch


def lines(epochs):
    """The history after so many epochs."""
    return "".join(Epoch(epoch, 1 / (epoch + 1), 0.25).line for epoch in range(epochs)).encode()


def made(position):
    """The one checkpoint of `position`."""
    return checkpoint(*position, history_bytes=len(lines(position.epoch)))


def after(position, steps=2):
    """Where a save `steps` steps later would be, at the latest at the end of the epoch."""
    epoch, step = position
    return Position(epoch + 1, 0) if step + steps >= STEPS else Position(epoch, step + steps)


def start(path):
    """A new run, and where it stands."""
    return create(CONFIG, {"python": "3"}, path), Position(0, 0)


def go_on(path):
    """The run at `path` opened again, cut back to its newest checkpoint, and where it stands."""
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
    """What `Checkpointing` writes at `position`: the epoch that ended there, and a checkpoint."""
    if position.step == 0 and position.epoch:
        run.append(Epoch(position.epoch - 1, 1 / position.epoch, 0.25))
    run.sync_history()
    write_checkpoint(run.checkpoints, made(position))


def finish(run, position):
    """The end: weights, then the word that there are some."""
    run.write_weights({"W": np.full((2, 3), position.epoch, np.float32)}, {"model": "softmax"})
    run.write("status.json", {"outcome": "completed", "epochs_done": position.epoch, "test_accuracy": 0.5})


def diverge(run, position):
    """The other end: no weights, not even those that there were."""
    run.drop_weights()
    run.write("status.json", {"outcome": "diverged", "epochs_done": position.epoch})


EXPORTED = {"graph": b"graph", "variables/data": bytes(999)}


def export(path):
    """A folder, as `descenso.exporting` writes one."""
    make_folder(path.parent)
    write_folder(path, EXPORTED)


def exported(path):
    """What a reader finds of it."""
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def assert_readable(path):
    """What the run at `path` says of itself is whole, and as it was written, and true."""
    run = open_directory(path)
    status = run.status
    assert run.config == CONFIG
    assert run.environment == {"python": "3"}
    if status["outcome"] == "completed":
        assert (run.weights()[0]["W"] == status["epochs_done"]).all()
    elif status["outcome"] == "diverged":
        assert not (path / "model" / "weights.safetensors").exists()


def first_sitting(path, saves=3):
    """A run that was stopped after so many saves; where it stands."""
    run, position = start(path)
    with closing(run):
        save(run, position)
        for _ in range(saves):
            position = after(position)
            save(run, position)
    return position


def spoil(path, turn=1):
    """Turn a bit of the file `path`."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= turn
    write_file(path, bytes(content))


def is_there(path):
    """Whether there is a run at `path`."""
    try:
        open_directory(Path(path))
    except DataError:
        return False
    return True
