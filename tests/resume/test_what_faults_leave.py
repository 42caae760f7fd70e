"""Resume after a fault: a damaged checkpoint, no checkpoint, a full disk, a run that diverged."""

import errno
import json
import math
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import descenso as ds
from descenso.errors import CheckpointError, ConfigError, DataError, DiskError
from descenso.runs.checkpoints import MANIFEST, STATE, newest, read_checkpoint
from descenso.runs.directory import open_directory
from descenso.training import plan
from descenso.training.control import Callback
from stopping import WITH_REST, below, kept, position, start_and_stop

SETTINGS = {
    "model": "softmax",
    "engine": "function",
    "epochs": 3,
    "learning_rate": 0.5,
    "seed": 7,
    "checkpoint_every": "4",
}


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Results of the uninterrupted run."""
    path = tmp_path_factory.mktemp("whole") / "run"
    ds.train(tiny, out=path, batch_size=WITH_REST, **SETTINGS)
    return kept(path)


@pytest.fixture(scope="module")
def original(tiny, tmp_path_factory):
    """The same run, interrupted at step 2 of its third epoch."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    start_and_stop(tiny, path, 7, batch_size=WITH_REST, **SETTINGS)
    assert position(path) == (2, 2)
    return path


def resume(path, data, **changes):
    """Resume the run; return it and the warnings."""
    warnings = []
    return ds.resume(path, data=data, warn=warnings.append, **changes), warnings


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("name", [STATE, MANIFEST])
@pytest.mark.parametrize("damage", [flip, shorten, empty, os.unlink])
def test_a_damaged_newest_checkpoint_is_reported_and_skipped(damage, name, stopped, tiny, whole):
    [older, damaged] = sorted((stopped / "checkpoints").iterdir())
    damage(damaged / name)
    assert position(stopped) == tuple(map(int, older.name.split("-")))
    run, warnings = resume(stopped, tiny)
    assert run.outcome == "completed"
    [warning] = warnings
    assert re.fullmatch(rf"{re.escape(str(damaged / name))}: (damaged|cannot be read \(No such file.*\))", warning)
    assert kept(stopped) == whole, "seed 7"


def test_no_valid_checkpoint_left(stopped, tiny):
    paths = sorted((stopped / "checkpoints").iterdir(), reverse=True)
    for path in paths:
        flip(path / STATE)
    before = below(stopped)
    reasons = "; ".join(f"{path / STATE}: damaged" for path in paths)
    told = f"{stopped / 'checkpoints'}: no valid checkpoint ({reasons}); train again with the run's config.json"
    with pytest.raises(CheckpointError, match=f"^{re.escape(told)}$") as caught:
        resume(stopped, tiny)
    assert caught.value.exit_code == 7
    assert below(stopped) == before


def test_removed_checkpoints_are_not_mistaken_for_a_run_that_never_began(stopped, tiny):
    shutil.rmtree(stopped / "checkpoints")
    with pytest.raises(CheckpointError, match=r"no valid checkpoint \(there is none\)"):
        resume(stopped, tiny)


def test_what_is_not_a_checkpoint_is_left_alone(stopped, tiny, whole):
    """Each of them used to count as a checkpoint, so that two of them replaced all real ones."""
    for name in ("zz a copy", "zz another"):
        (stopped / "checkpoints" / name).mkdir()
    (stopped / "checkpoints" / "notes.txt").write_text("mine")
    run, warnings = resume(stopped, tiny)
    assert (run.outcome, warnings) == ("completed", [])
    assert {"zz a copy", "zz another", "notes.txt"} <= {path.name for path in (stopped / "checkpoints").iterdir()}
    assert kept(stopped) == whole, "seed 7"


def test_killed_before_its_first_checkpoint_it_starts_again(tiny, whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    with monkeypatch.context() as never:
        never.setattr(
            "descenso.training.session.Checkpointing.commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            ds.train(tiny, out=path, batch_size=WITH_REST, **SETTINGS)
    assert not list((path / "checkpoints").iterdir())
    run, warnings = resume(path, tiny, epochs=5)
    assert (len(run.history.epochs), run.config.epochs, warnings) == (5, 5, []), "it was asked for five"
    assert resume_shorter(path, tiny) == 5


def resume_shorter(path, data):
    """Check that the run cannot be made shorter, and return its number of epochs."""
    with pytest.raises(ConfigError, match="epochs must be at least 5"):
        resume(path, data, epochs=3)
    return open_directory(path).config.epochs


def test_a_run_killed_before_its_first_checkpoint_ends_with_the_same_bits(stopped, tiny, whole):
    for path in (stopped / "checkpoints").iterdir():
        shutil.rmtree(path)
    (stopped / "history.jsonl").unlink()
    (stopped / "status.json").write_text('{"outcome": "running", "epochs_done": 0}')
    assert open_directory(stopped).outcome == "killed"
    run, warnings = resume(stopped, tiny)
    assert (run.outcome, warnings) == ("completed", [])
    assert kept(stopped) == whole, "seed 7"


class FullDisk:
    """A disk that is full from the sync number `number` on, counted from 0, until `free` is called."""

    def __init__(self, monkeypatch, number):
        self.done, self.number = 0, number
        real = os.fsync

        def fsync(handle):
            self.done += 1
            if self.done > self.number:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(handle)

        monkeypatch.setattr(os, "fsync", fsync)

    def free(self):
        self.number = math.inf


def fill_up_and_go_on(number, data, path, expected, monkeypatch):
    """Train on a disk that is full from a sync on; resume what it left once there is space. Return the error."""
    disk = FullDisk(monkeypatch, number)
    told = rf"^{re.escape(str(path))}\S*: the disk is full(, \d+ bytes are needed)?; free some space"
    with pytest.raises(DiskError, match=told) as caught:
        ds.train(data, out=path, batch_size=WITH_REST, **SETTINGS)
    assert caught.value.exit_code == 5
    disk.free()
    if not (path / "status.json").exists():
        return str(caught.value)
    for checkpoint in (path / "checkpoints").iterdir():  # all of them are valid
        read_checkpoint(checkpoint)
    run, warnings = resume(path, data)
    assert (run.outcome, warnings) == ("completed", [])
    assert kept(path) == expected, f"seed 7, full at sync {number}"
    return str(caught.value)


@pytest.fixture(scope="module")
def syncs(tiny, tmp_path_factory):
    """The number of syncs in a run."""
    with pytest.MonkeyPatch.context() as counted:
        disk = FullDisk(counted, math.inf)
        ds.train(tiny, out=tmp_path_factory.mktemp("syncs") / "run", batch_size=WITH_REST, **SETTINGS)
    return disk.done


@pytest.mark.parametrize("part", [0, 0.2, 0.4, 0.6, 0.8])
def test_a_disk_that_fills_up(part, syncs, tiny, whole, tmp_path, monkeypatch):
    fill_up_and_go_on(round(part * syncs), tiny, tmp_path / "run", whole, monkeypatch)
    assert position(tmp_path / "run") == (3, 0) if part else not (tmp_path / "run" / "status.json").exists()


@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_moment(syncs, tiny, whole, tmp_path, monkeypatch):
    told = [fill_up_and_go_on(n, tiny, tmp_path / str(n), whole, monkeypatch) for n in range(syncs)]
    assert all("the disk is full" in message for message in told), told
    assert any("checkpoints" in message and "bytes are needed" in message for message in told), told


def test_a_full_disk_says_how_much_a_checkpoint_needs(tiny, tmp_path, monkeypatch):
    """The directory of the second checkpoint cannot be made: the first stays."""
    path, real = tmp_path / "run", Path.mkdir

    def mkdir(folder, *arguments, **named):
        if folder.name.startswith(".00000000-0000000004"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(folder, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(DiskError) as caught:
        ds.train(tiny, out=path, batch_size=WITH_REST, **SETTINGS)
    place = re.escape(str(path / "checkpoints" / "00000000-0000000004"))
    told = re.fullmatch(rf"{place}: the disk is full, (\d+) bytes are needed; free some space, .*", str(caught.value))
    [first] = (path / "checkpoints").iterdir()
    needed = sum(file.stat().st_size for file in first.iterdir())
    assert needed < int(told[1]) < needed + 200, "it needs what the one before took, and four costs"
    assert position(path) == (0, 0)


NAIVE = {**SETTINGS, "loss": "naive"}
EXPLODES_AT = 14  # the sixth of nine steps in the second epoch


@pytest.fixture
def exploding(monkeypatch):
    """A schedule that makes one huge step, after which the naive loss is not finite."""

    def schedule(step):
        usual, huge = tf.constant(1.0, tf.float64), tf.constant(2e9, tf.float64)  # multiples of a learning rate of 0.5
        return tf.where(tf.equal(step, EXPLODES_AT), huge, usual)

    monkeypatch.setattr(plan, "constant", schedule)


def assert_diverged(path):
    """Check that the last good checkpoint is kept and that there are no weights to export; return its position."""
    directory = open_directory(path)
    assert directory.outcome == "diverged"
    with pytest.raises(DataError, match=r"no weights were kept \(outcome: diverged\)"):
        directory.weights()
    checkpoint, damaged = newest(directory.checkpoints)
    assert not damaged
    assert all(np.isfinite(array).all() for array in checkpoint.arrays.values())
    assert directory.status["diverged_at"] == [1, 6]
    assert [(epoch.epoch, math.isfinite(epoch.cost)) for epoch in directory.history.epochs] == [(0, True), (1, False)]
    return tuple(checkpoint.position)


def test_a_run_that_diverged_keeps_its_last_good_checkpoint(tiny, tmp_path, exploding):
    path = tmp_path / "run"
    ds.train(tiny, out=path, batch_size=WITH_REST, **NAIVE)
    assert assert_diverged(path) == (1, 3), "step 12, the last at which one was due"
    run, warnings = resume(path, tiny)
    assert (run.outcome, warnings) == ("diverged", [])
    assert assert_diverged(path) == (1, 3), "gone on with, it diverges at the same step"


def test_a_finished_run_that_diverges_when_extended(tiny, tmp_path, exploding):
    """The weights of the shorter run are not presented as those of the longer one."""
    path = tmp_path / "run"
    assert ds.train(tiny, out=path, batch_size=WITH_REST, **{**NAIVE, "epochs": 1}).outcome == "completed"
    assert open_directory(path).weights()
    assert resume(path, tiny, epochs=3)[0].outcome == "diverged"
    assert_diverged(path)


@pytest.mark.parametrize("at", [0, 1])
def test_a_callback_that_raises_leaves_a_run_that_can_be_resumed(at, tiny, whole, tmp_path):
    """The exception passes through, and no progress is lost."""
    path = tmp_path / "run"

    class Failing(Callback):
        def on_epoch(self, epoch):
            if epoch.epoch == at:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ds.train(tiny, out=path, callbacks=[Failing()], batch_size=WITH_REST, **SETTINGS)
    status = json.loads((path / "status.json").read_text())
    assert status == {"outcome": "interrupted", "epochs_done": at + 1, "exact": True}
    resume(path, tiny)
    assert kept(path) == whole, "seed 7"
