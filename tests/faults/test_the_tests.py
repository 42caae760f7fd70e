"""Tests of the tests: without each safeguard of the package, the test for it fails."""

import itertools
import os
from contextlib import suppress
from unittest import mock

import numpy as np
import pytest

from descenso import files
from descenso.errors import CheckpointError
from descenso.runs import checkpoints, directory
from descenso.runs.directory import RunDirectory
from material import checkpoint
from shim import Disk
from test_damaged_checkpoints import assert_all_seen
from test_kills import assert_resumes_exactly
from test_operations import SCENES, assert_only_told_states
from test_power_loss import assert_survives, assert_what_is_there_is_kept


def nothing(*arguments, **named):
    pass


def unsynced(path, content):
    path.write_bytes(content)


def in_place(path, contents):
    path.mkdir()
    for name, content in contents.items():
        files._write_synced(path / name, content)
    files.sync_folder(path)
    files.sync_folder(path.parent)


def file_in_place(path, content):
    with files.disk_errors(path):
        files._write_synced(path, content)
        files.sync_folder(path.parent)


UNSYNCED = {
    "no file is synced": (files, "_write_synced", unsynced),
    "no folder is synced": (files, "sync_folder", nothing),
    "the history is not synced": (RunDirectory, "sync_history", nothing),
    "the history's name is not synced": (directory, "sync_folder", nothing),
    "a new run's name is not synced": (directory, "make_folder", lambda path: path.mkdir(parents=True, exist_ok=True)),
    "checkpoints are written in place": (checkpoints, "write_folder", in_place),
    "status and weights are written in place": (directory, "write_file", file_in_place),
}


@pytest.mark.parametrize("fault", UNSYNCED)
def test_a_power_loss_shows_the_fault(fault, tmp_path, monkeypatch):
    monkeypatch.setattr(*UNSYNCED[fault])
    with pytest.raises(AssertionError, match="^seed [0-9]+; cut before operation"):
        for seed in range(500):
            assert_survives(seed, tmp_path / str(seed))


def test_a_power_loss_shows_that_an_existing_checkpoint_is_not_synced_again(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "sync_folder", nothing)
    with pytest.raises(AssertionError, match="^crash before operation"):
        assert_what_is_there_is_kept(tmp_path)


MISPLACED = {
    "checkpoints are written in place": ("save and rotate", checkpoints, "write_folder", in_place),
    "status and weights are written in place": ("finish", directory, "write_file", file_in_place),
    "errors of the system are let through": ("save and rotate", files, "disk_errors", lambda *more: suppress()),
    "nothing is swept": ("save and rotate", checkpoints, "sweep", nothing),
}


@pytest.mark.parametrize("fault", MISPLACED)
def test_a_failed_operation_shows_the_fault(fault, tmp_path, monkeypatch):
    scene, *patch = MISPLACED[fault]
    prepare, act = SCENES[scene]
    with Disk(tmp_path).mounted():
        prepare(tmp_path / "template")
    monkeypatch.setattr(*patch)
    kinds = itertools.product(["crash after", "torn write", 28], [False])
    with pytest.raises((AssertionError, CheckpointError, OSError)):
        for number, (how, stays) in enumerate(kinds):
            (tmp_path / str(number)).mkdir()
            assert_only_told_states(tmp_path / "template", act, how, stays, tmp_path / str(number))


def without(real, part, forgotten):
    """Return a `save` that leaves out the arrays of `part`, or writes them as zeros."""

    def save(arrays):
        if forgotten:
            return real({name: array for name, array in arrays.items() if not name.startswith(part)})
        return real({name: np.asarray(array * (not name.startswith(part))) for name, array in arrays.items()})

    return save


@pytest.mark.parametrize("part", ["params", "rule_state", "model_state", "step", "rate", "costs"])
@pytest.mark.parametrize("forgotten", [True, False], ids=["left out", "as at the start"])
def test_an_interrupted_run_shows_what_was_not_saved(part, forgotten, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", nothing)
    monkeypatch.setattr(checkpoints, "save", without(checkpoints.save, part, forgotten))
    with pytest.raises((AssertionError, CheckpointError, KeyError)):
        assert_resumes_exactly(tmp_path, range(5, 40, 5))


def test_an_interrupted_run_shows_that_the_history_is_not_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", nothing)
    monkeypatch.setattr(RunDirectory, "cut_history", nothing)
    with pytest.raises((AssertionError, CheckpointError)):
        assert_resumes_exactly(tmp_path, [6])  # the first epoch has ended since the last checkpoint


def test_damage_shows_that_hashes_are_not_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints.hashlib, "sha256", lambda content: mock.Mock(hexdigest=lambda: "0" * 64))
    checkpoints.prepare(tmp_path / "store")
    for epoch in (1, 2):
        checkpoints.write_checkpoint(tmp_path / "store", checkpoint(epoch, 4))
    with pytest.raises(AssertionError, match=r"^seed 1, damage [0-9]+, (state|manifest)"):
        assert_all_seen(tmp_path / "store", 1, 300)
