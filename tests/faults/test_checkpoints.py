"""Checkpoints: written, read, verified and removed."""

import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from descenso.errors import CheckpointError, DiskError
from descenso.runs import checkpoints
from descenso.runs.checkpoints import (
    KEPT,
    MANIFEST,
    STATE,
    Position,
    drop_newer,
    is_empty,
    newest,
    prepare,
    read_checkpoint,
    write_checkpoint,
)
from material import assert_newest, assert_same, checkpoint, leftovers, names


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "checkpoints"
    prepare(folder)
    return folder


def refused(path, reason=""):
    return pytest.raises(CheckpointError, match=f"^{re.escape(str(path))}.*: {reason}")


def spoil(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_what_is_written_is_read_back(store):
    written = checkpoint(3, 7)
    path = write_checkpoint(store, written)
    assert names(path) == [MANIFEST, STATE]
    assert_same(read_checkpoint(path), written)
    assert_newest(store, written)


@pytest.mark.parametrize(
    "array",
    [
        np.asarray(2**62),
        np.zeros((0, 3)),
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.arange(10)[::-3],
        np.array([True, False]),
        np.array([np.nan, -np.inf, -0.0, 5e-324]),
        np.array([1.5, -2], np.float16),
        np.array([1, 2], ">i4").astype("<i4"),
        np.frombuffer(b"\x01\x00\xc0\x7f", np.float32),  # a NaN with a payload
    ],
    ids=["scalar", "empty", "transposed", "strided", "bool", "special", "half", "int", "NaN's bits"],
)
def test_every_array_keeps_its_bits(array, store):
    written = checkpoint(1)._replace(arrays={"a": array})
    write_checkpoint(store, written)
    assert_newest(store, written)


def test_positions_in_order_and_the_last_two_are_kept(store):
    walk = [(0, 0), (0, 9), (0, 10), (1, 0), (9, 0), (10, 0), (10, 2**33), (99_999_999, 1), (100_000_000, 0)]
    for number, (epoch, step) in enumerate(walk):
        written = checkpoint(epoch, step)
        write_checkpoint(store, written)
        assert_newest(store, written)
        assert len(names(store)) == min(number + 1, KEPT)
    assert KEPT == 2
    assert read_checkpoint(store / names(store)[1]).position == (99_999_999, 1)


def test_one_position_is_written_once(store):
    first = write_checkpoint(store, checkpoint(1))
    before = (first / MANIFEST).stat().st_mtime_ns
    assert write_checkpoint(store, checkpoint(1)) == first
    assert (first / MANIFEST).stat().st_mtime_ns == before


def test_a_damaged_one_of_the_same_position_is_written_again(store):
    path = write_checkpoint(store, checkpoint(1))
    spoil(path / STATE)
    write_checkpoint(store, checkpoint(1))
    assert_newest(store, checkpoint(1))


@pytest.mark.parametrize("file", [STATE, MANIFEST])
def test_a_damaged_one_is_skipped_and_named(file, store):
    for epoch in range(3):
        path = write_checkpoint(store, checkpoint(epoch))
    spoil(path / file)
    assert_newest(store, checkpoint(1), damaged=[path / file])
    with refused(path / file, "damaged$"):
        read_checkpoint(path)


def test_the_two_that_are_kept_are_valid(store):
    write_checkpoint(store, checkpoint(0))
    damaged = write_checkpoint(store, checkpoint(1))
    spoil(damaged / STATE)
    newer = write_checkpoint(store, checkpoint(2))
    assert len(names(store)) == 3
    spoil(newer / STATE)
    assert_newest(store, checkpoint(0), damaged=[newer / STATE, damaged / STATE])
    for epoch in (3, 4):
        write_checkpoint(store, checkpoint(epoch))
    assert len(names(store)) == 2  # two of them are valid, so older ones are removed


def test_no_valid_checkpoint(store):
    told = rf"^{re.escape(str(store))}: no valid checkpoint \({{}}\); train again with the run's config\.json$"
    with pytest.raises(CheckpointError, match=told.format("there is none")) as caught:
        newest(store)
    assert caught.value.exit_code == 7
    for epoch in range(2):
        spoil(write_checkpoint(store, checkpoint(epoch)) / STATE)
    with pytest.raises(CheckpointError, match=told.format(".*1-0.*: damaged; .*0-0.*: damaged")) as caught:
        newest(store)
    assert caught.value.exit_code == 7


def test_an_unreadable_checkpoint_is_not_absent(store, monkeypatch):
    for epoch in range(2):
        path = write_checkpoint(store, checkpoint(epoch))
    real = Path.open

    def fails(self, mode="r", *more, **named):
        if self.name == STATE and mode == "rb":
            raise OSError(errno.EIO, "Input/output error")
        return real(self, mode, *more, **named)

    monkeypatch.setattr(Path, "open", fails)
    assert not is_empty(store)
    with refused(path / STATE, r"cannot be read \(Input/output error\)"):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match=rf"no valid checkpoint \({re.escape(str(path))}.*cannot be read"):
        newest(store)
    write_checkpoint(store, checkpoint(2))
    monkeypatch.undo()
    assert len(names(store)) == 3  # nor is it removed: it may be the only valid one
    assert_newest(store, checkpoint(2))


@pytest.mark.parametrize("kind", [errno.EACCES, errno.EIO])
def test_a_store_that_cannot_be_read_is_not_empty(kind, store, monkeypatch):
    write_checkpoint(store, checkpoint(1))

    def fails(self):
        raise OSError(kind, os.strerror(kind))

    monkeypatch.setattr(Path, "iterdir", fails)
    look = (is_empty, newest, lambda it: drop_newer(it, Position(0, 0)), lambda it: write_checkpoint(it, checkpoint(2)))
    for function in look:
        with pytest.raises(DiskError, match=f"^{re.escape(str(store))}: cannot be read \\({os.strerror(kind)}\\)$"):
            function(store)
    monkeypatch.undo()
    assert_newest(store, checkpoint(1))


def test_a_store_that_may_not_be_entered(store, monkeypatch, as_stranger):
    write_checkpoint(store, checkpoint(1))
    monkeypatch.chdir(store.parent)
    store.chmod(0o000)
    with as_stranger():
        for function in (is_empty, newest, lambda it: write_checkpoint(it, checkpoint(2))):
            with pytest.raises(DiskError, match="checkpoints: cannot be .*Permission denied") as caught:
                function(Path("checkpoints"))
            assert caught.value.exit_code == 5
    store.chmod(0o700)
    assert_newest(store, checkpoint(1))


def test_a_missing_store(tmp_path):
    assert is_empty(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="there is none"):
        newest(tmp_path / "nowhere")


def test_another_schema_is_refused(store, monkeypatch):
    write_checkpoint(store, checkpoint(1))
    monkeypatch.setattr(checkpoints, "SCHEMA", 3)
    path = write_checkpoint(store, checkpoint(2))
    monkeypatch.undo()
    with refused(path / MANIFEST, "its schema is 3, this version of descenso reads schema 2$"):
        read_checkpoint(path)
    assert_newest(store, checkpoint(1), damaged=[path / MANIFEST])


def test_a_checkpoint_under_another_name(store):
    write_checkpoint(store, checkpoint(1))
    path = write_checkpoint(store, checkpoint(2)).rename(store / "00000009-0000000000")
    with refused(path, r"it holds another position, Position\(epoch=2, step=0\)$"):
        read_checkpoint(path)
    assert_newest(store, checkpoint(1), damaged=[path])


@pytest.mark.parametrize("file", [STATE, MANIFEST])
def test_files_of_two_checkpoints_mixed(file, store):
    old, new = (write_checkpoint(store, checkpoint(epoch)) for epoch in (1, 2))
    (new / file).write_bytes((old / file).read_bytes())
    with refused(new):
        read_checkpoint(new)
    assert newest(store)[0].position == (1, 0)


def replaced_by(what, path):
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "link":
        path.symlink_to("/dev/zero")


@pytest.mark.parametrize("file", [STATE, MANIFEST])
@pytest.mark.parametrize("what", ["nothing", "folder", "pipe", "link"])
def test_what_is_not_a_regular_file(what, file, store):
    write_checkpoint(store, checkpoint(1))
    path = write_checkpoint(store, checkpoint(2))
    replaced_by(what, path / file)
    assert_newest(store, checkpoint(1), damaged=[path / file])
    drop_newer(store, Position(1, 0))
    assert len(names(store)) == 1


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_is_not_a_folder(what, store, tmp_path):
    write_checkpoint(store, checkpoint(1))
    path, elsewhere = store / "00000002-0000000000", tmp_path / "elsewhere"
    elsewhere.mkdir()
    path.touch() if what == "file" else path.symlink_to(elsewhere)
    assert_newest(store, checkpoint(1), damaged=[path / MANIFEST])
    drop_newer(store, Position(1, 0))
    assert len(names(store)) == 1
    assert elsewhere.is_dir()


def test_unknown_entries_are_left_alone(store):
    write_checkpoint(store, checkpoint(1))
    (store / "notes.txt").write_text("mine")
    (store / "old").mkdir()
    (store / ".hidden").mkdir()
    (store / "٠٠٠٠٠٠٠٩-٠٠٠٠٠٠٠٠٠٠").mkdir()  # digits, but not ASCII
    for epoch in (2, 3):
        write_checkpoint(store, checkpoint(epoch))
    assert_newest(store, checkpoint(3))
    drop_newer(store, Position(2, 0))
    prepare(store)
    assert_newest(store, checkpoint(2))
    assert len(names(store)) == 5


def sealed(path, **changes):
    """Replace entries of the manifest in `path` and make its SHA-256 match: forged, not damaged."""
    about = json.loads((path / MANIFEST).read_bytes())["manifest"]
    about.update(changes)
    (path / MANIFEST).write_bytes(checkpoints._sealed({k: v for k, v in about.items() if v is not ...}))


ODD = [
    {"schema": ...},
    {"schema": [1]},
    {"files": ...},
    {"files": []},
    {"files": {}},
    {"files": {STATE: {}}},
    {"files": {STATE: 7}},
    {"epoch": ...},
    {"epoch": "2"},
    {"epoch": 2.0},
    {"epoch": -1},
    {"epoch": True},
    {"step": None},
    {"step": [0]},
]


@pytest.mark.parametrize("changes", ODD, ids=str)
def test_a_manifest_with_invalid_entries(changes, store):
    write_checkpoint(store, checkpoint(1))
    path = write_checkpoint(store, checkpoint(2))
    sealed(path, **changes)
    with refused(path):
        read_checkpoint(path)
    assert newest(store)[0].position == (1, 0)


@pytest.mark.parametrize("body", ["[]", "7", '"x"', "null", "[[1, 2]]", "{}"])
def test_a_manifest_of_another_kind(body, store):
    path = write_checkpoint(store, checkpoint(2))
    (path / MANIFEST).write_bytes(checkpoints._sealed(json.loads(body)))
    with refused(path / MANIFEST, "(damaged|its schema is None)"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 100_000, bytes(8), b"null", b'""'])
def test_a_manifest_that_is_not_json(content, store):
    path = write_checkpoint(store, checkpoint(2))
    (path / MANIFEST).write_bytes(content)
    with refused(path / MANIFEST, "damaged"):
        read_checkpoint(path)


def test_newer_ones_are_dropped(store):
    for epoch in (1, 2):
        write_checkpoint(store, checkpoint(epoch, 5))
    drop_newer(store, Position(2, 5))
    assert len(names(store)) == 2
    drop_newer(store, Position(2, 4))
    assert_newest(store, checkpoint(1, 5))
    assert not is_empty(store)
    drop_newer(store, Position(0, 0))
    assert is_empty(store)
    assert names(store) == []


def test_leftovers_of_a_crash_are_removed(store):
    write_checkpoint(store, checkpoint(1))
    (store / ".00000002-0000000000.77.tmp").mkdir()
    (store / ".00000002-0000000000.77.tmp" / STATE).write_bytes(b"half")
    (store / ".file.77.tmp").touch()
    (store / ".link.77.tmp").symlink_to(store)
    assert is_empty(store) is False
    assert_newest(store, checkpoint(1))
    prepare(store)
    assert leftovers(store) == []
    assert_newest(store, checkpoint(1))
