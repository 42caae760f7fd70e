"""The shim sees all that the package changes, however it asks; and nothing of what a library does beside it."""

import errno
import os
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import safetensors.numpy

from descenso.runs import files
from descenso.runs import files as lock
from descenso.runs.files import LOCK
from power import Power
from shim import Disk, seen_by_python
from test_operations import SCENES, assert_only_told_states


def assert_shim_sees_all(act, path, folder):
    """What Python reports of `act` was recorded, and the recorded operations lead to what is at `path` now."""
    power = Power(path)
    with Disk(path).mounted() as disk, seen_by_python(disk) as seen:
        act(path)
    silent = ("write", "truncate", "fsync", "sync folder")  # which Python tells nobody of
    told = [operation for operation in disk.done if operation.kind not in silent]
    told = [operation for operation in told if operation.kind != "open" or operation.file >= 0]  # not folders
    assert seen == [(kind.replace("create", "open"), path) for kind, path, *_ in told]
    for operation in disk.done:
        power.follow(operation)
    power.lost(random.Random(0), 1, folder)  # noqa: S311 - of which nothing is drawn
    assert content(path) == content(folder)
    return disk.done


def content(path):
    """Every file and folder below `path`, without what belongs to the lock."""
    found = {str(each.relative_to(path)): each.read_bytes() if each.is_file() else None for each in path.rglob("*")}
    return {name: data for name, data in found.items() if not Path(name).name.startswith(LOCK)}


@pytest.mark.parametrize("scene", SCENES)
def test_the_shim_sees_all_that_is_changed(scene, tmp_path):
    """Else a fault would be left out, and nobody would know."""
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
    """The package locks by a library that makes and removes files in the run in many ways."""
    library = ModuleType("probing")
    exec(compile(PROBING, "probing.py", "exec"), vars(library))  # noqa: S102 - not a file of this folder
    monkeypatch.setattr(lock, "FileLock", library.ProbingLock)


@pytest.mark.parametrize("scene", SCENES)
def test_what_a_library_does_in_the_run_is_not_the_packages(scene, tmp_path, request):
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
    with open(path, "wb") as file:  # noqa: PTH123 - the way that is tried
        file.write(content)


def linked(path, content):
    file = path.with_name("other")
    file.write_bytes(content)
    os.link(file, path)


def saved_by_a_library(path, content):
    safetensors.numpy.save_file({"content": np.frombuffer(content, np.uint8)}, path)  # which opens it outside Python


UNKNOWN = {
    "os.open": (opened_by_number, "for folders only"),
    "a mode of Path.open": (opened_to_update, r"does not know the mode x\+b"),
    "open": (opened_by_name, "open"),
    "os.link": (linked, "os.link"),
}


@pytest.mark.parametrize("way", UNKNOWN)
def test_a_way_to_write_that_the_shim_does_not_know_is_seen(way, tmp_path, monkeypatch):
    write, told = UNKNOWN[way]
    assert_seen(write, told, tmp_path, monkeypatch)


def test_the_shim_shows_that_a_library_wrote_a_file_of_the_run(tmp_path, monkeypatch):
    assert_seen(saved_by_a_library, "weights", tmp_path, monkeypatch)


def assert_seen(write, told, folder, monkeypatch):
    """`write` in place of what writes the weights fails the test of the shim."""
    prepare, act = SCENES["finish"]
    prepare(folder / "run")
    real = files._write_synced
    either = lambda path, content: (write if "weights" in path.name else real)(path, content)  # noqa: E731
    monkeypatch.setattr(files, "_write_synced", either)
    with pytest.raises((AssertionError, KeyError), match=told):
        assert_shim_sees_all(act, folder / "run", folder / "again")
