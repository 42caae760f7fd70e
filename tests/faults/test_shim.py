"""The shim records all changes of the package, made in any way, and none that a library makes."""

import errno
import os
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import safetensors.numpy

from descenso import files
from descenso.runs import files as lock
from descenso.runs.files import LOCK
from power import Power
from shim import Disk, seen_by_python
from test_operations import SCENES, assert_only_told_states


def assert_shim_sees_all(act, path, folder):
    """Check that all changes by `act` that Python reports are recorded, and that they lead to what is at `path`."""
    power = Power(path)
    with Disk(path).mounted() as disk, seen_by_python(disk) as seen:
        act(path)
    silent = ("write", "truncate", "fsync", "sync folder")  # Python reports no audit events for these
    told = [operation for operation in disk.done if operation.kind not in silent]
    told = [operation for operation in told if operation.kind != "open" or operation.file >= 0]  # except folders
    assert seen == [(kind.replace("create", "open"), path) for kind, path, *_ in told]
    for operation in disk.done:
        power.follow(operation)
    power.lost(random.Random(0), 1, folder)  # noqa: S311 - nothing is drawn
    assert content(path) == content(folder)
    return disk.done


def content(path):
    """Return every file and folder below `path`, except those of the lock."""
    found = {str(each.relative_to(path)): each.read_bytes() if each.is_file() else None for each in path.rglob("*")}
    return {name: data for name, data in found.items() if not Path(name).name.startswith(LOCK)}


@pytest.mark.parametrize("scene", SCENES)
def test_the_shim_records_all_changes(scene, tmp_path):
    """Otherwise operations would never be made to fail, and no test would notice."""
    prepare, act = SCENES[scene]
    prepare(tmp_path / "run")
    assert len(assert_shim_sees_all(act, tmp_path / "run", tmp_path / "again")) > 5


PROBING = """
import os, shutil, tempfile
from pathlib import Path
from filelock import FileLock


class ProbingLock:
    def __init__(self, path, **named):
        self._folder, self._lock = Path(path).parent, FileLock(path, **named)

    def acquire(self, **named):
        self._probe()
        self._lock.acquire(**named)

    def release(self, **named):
        self._lock.release(**named)
        self._probe()

    def __enter__(self):
        self.acquire()

    def __exit__(self, *error):
        self.release()

    def _probe(self):
        probe = self._folder / "probe"
        handle = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        os.write(handle, b"probe")
        os.fsync(handle)
        os.close(handle)
        os.rename(probe, f"{probe}-2")
        Path(f"{probe}-2").rename(probe)
        with probe.open("r+") as file:
            file.truncate(2)
        os.link(probe, f"{probe}-2")
        os.unlink(probe)
        Path(f"{probe}-2").unlink()
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            Path(name, "deep").mkdir()
            Path(name, "deep", "file").write_bytes(b"")
        probe.mkdir()
        shutil.rmtree(probe, onerror=None)
"""


@pytest.fixture
def probing(monkeypatch):
    """Make the package use a lock library that creates and removes files in the run in many ways."""
    library = ModuleType("probing")
    exec(compile(PROBING, "probing.py", "exec"), vars(library))  # noqa: S102 - the code above
    monkeypatch.setattr(lock, "FileLock", library.ProbingLock)


@pytest.mark.parametrize("scene", SCENES)
def test_changes_by_a_library_are_not_recorded(scene, tmp_path, request):
    prepare, act = SCENES[scene]
    done = []
    for place in (tmp_path / "plain", tmp_path / "probed"):
        prepare(place / "run")
        done.append(assert_shim_sees_all(act, place / "run", place / "again"))
        request.getfixturevalue("probing")
    kinds = [[(operation.kind, operation.path.name) for operation in each] for each in done]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("how", ["crash after", errno.ENOSPC])
def test_faults_do_not_reach_a_library(how, tmp_path, probing):
    prepare, act = SCENES["resume"]
    prepare(tmp_path / "template")
    assert_only_told_states(tmp_path / "template", act, how, True, tmp_path)


def opened_by_number(path, content):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(handle, content)
    os.close(handle)


def opened_to_update(path, content):
    with path.open("x+b") as file:
        file.write(content)


def opened_by_name(path, content):
    with open(path, "wb") as file:  # noqa: PTH123 - the way under test
        file.write(content)


def linked(path, content):
    file = path.with_name("other")
    file.write_bytes(content)
    os.link(file, path)


def saved_by_a_library(path, content):
    safetensors.numpy.save_file({"content": np.frombuffer(content, np.uint8)}, path)  # opens the file outside Python


UNKNOWN = {
    "os.open": (opened_by_number, "for folders only"),
    "a mode of Path.open": (opened_to_update, r"does not know the mode x\+b"),
    "open": (opened_by_name, "open"),
    "os.link": (linked, "os.link"),
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_an_unknown_way_to_write_is_detected(way, tmp_path, monkeypatch):
    write, told = UNKNOWN[way]
    assert_seen(write, told, tmp_path, monkeypatch)


def test_a_file_of_the_run_written_by_a_library_is_detected(tmp_path, monkeypatch):
    assert_seen(saved_by_a_library, "weights", tmp_path, monkeypatch)


def assert_seen(write, told, folder, monkeypatch):
    """Check that the test of the shim fails when `write` writes the weights."""
    prepare, act = SCENES["finish"]
    prepare(folder / "run")
    real = files._write_synced
    either = lambda path, content: (write if "weights" in path.name else real)(path, content)  # noqa: E731
    monkeypatch.setattr(files, "_write_synced", either)
    with pytest.raises((AssertionError, KeyError), match=told):
        assert_shim_sees_all(act, folder / "run", folder / "again")
