"""Files and folders that are written and removed atomically."""

import errno
import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from descenso.errors import DescensoError, DiskError
from descenso.files import disk_errors, remove_folder, sweep, write_file, write_folder

FULL = "the disk is full, 3 bytes are needed; free some space, or use another disk"


def told(path, reason):
    return f"^{re.escape(f'{path}: cannot be written ({reason}); use a directory of yours')}$"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fails(error):
    def call(*arguments, **named):
        raise error

    return call


def kind(handle):
    return "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "file"
    for content in (b"first", b"", bytes(range(256)) * 1000):
        write_file(path, content)
        assert path.read_bytes() == content
        assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("where", [(os, "fsync"), (Path, "replace"), (Path, "open")], ids=lambda where: where[1])
@pytest.mark.parametrize("old", [b"the old content", None], ids=["old", "none"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(where, old, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    with monkeypatch.context() as patched:
        patched.setattr(*where, fails(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(DiskError, match=told(path, "Input/output error")) as caught:
            write_file(path, b"the new content")
    assert caught.value.exit_code == 5
    assert isinstance(caught.value.__cause__, OSError)
    assert names(tmp_path) == ([] if old is None else ["file"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=repr)
def test_an_interruption_leaves_no_temporary(error, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fails(error))
    with pytest.raises(type(error)):
        write_file(path, b"new")
    assert names(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_the_content_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    """Otherwise a power loss could leave the name without the content."""
    seen, real_replace = [], Path.replace
    path = tmp_path / "file"
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(kind(handle)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (seen.append("replace"), real_replace(self, to))[1])
    write_file(path, b"content")
    assert seen == ["file", "replace", "folder"]


def test_a_reader_sees_the_old_file_until_the_end(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(path.read_bytes()))
    write_file(path, b"new")
    assert seen == [b"old", b"new"]  # before it is renamed, and when the folder is synced


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(number, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fails(OSError(number, os.strerror(number))))
    with pytest.raises(DiskError, match=f"^{re.escape(f'{path}: {FULL}')}$"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    message = "place: the disk is full; free some space, or use another disk"
    with pytest.raises(DiskError, match=f"^{re.escape(message)}$"), disk_errors(Path("place")):
        raise OSError(number, os.strerror(number))


def test_a_path_below_a_regular_file(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    path = tmp_path / "file" / "below"
    with pytest.raises(DiskError, match=told(path, "Not a directory")):
        write_file(path, b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_folder_that_may_not_be_written(tmp_path, as_stranger):
    folder = Path("theirs")
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    folder.chmod(0o555)
    with as_stranger(), pytest.raises(DiskError, match=told("theirs/file", "Permission denied")):
        write_file(folder / "file", b"new")
    assert names(folder) == ["file"]
    assert (folder / "file").read_bytes() == b"old"


def test_errors_without_a_number_keep_their_words():
    with pytest.raises(DiskError, match=told("place", "something odd")), disk_errors(Path("place")):
        raise OSError("something odd")


def test_only_errors_of_the_system_are_converted():
    for error in (ValueError("no"), DiskError("as it is"), DescensoError("ours")):
        with pytest.raises(type(error), match=f"^{error}$") as caught, disk_errors(Path("place")):
            raise error
        assert caught.value is error


def test_success_raises_nothing():
    with disk_errors(Path("place")):
        pass


FILES = {"one": b"1" * 1000, "two": b"", "three": bytes(range(256))}


def test_a_folder_is_written_whole(tmp_path):
    write_folder(tmp_path / "folder", FILES)
    assert names(tmp_path) == ["folder"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()} == FILES


def test_a_folder_of_folders_is_written_and_synced(tmp_path, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(kind(handle)), real(handle)))
    write_folder(tmp_path / "folder", {"a": b"a", "b/c": b"c", "b/d/e": b"e"})
    found = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"folder/a": b"a", "folder/b/c": b"c", "folder/b/d/e": b"e"}
    assert synced == [*["file"] * 3, *["folder"] * 4]  # the folder, b, b/d, and the parent


@pytest.mark.parametrize("where", [(os, "fsync"), (Path, "rename"), (Path, "open")], ids=lambda where: where[1])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()], ids=repr)
def test_a_folder_that_fails_leaves_nothing(where, error, tmp_path, monkeypatch):
    monkeypatch.setattr(*where, fails(error))
    with pytest.raises(DiskError if isinstance(error, OSError) else KeyboardInterrupt):
        write_folder(tmp_path / "folder", FILES)
    monkeypatch.undo()
    assert names(tmp_path) == []


def test_a_folder_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fails(OSError(errno.ENOSPC, "No space left on device")))
    message = f"{tmp_path / 'folder'}: the disk is full, 1256 bytes are needed; free some space, or use another disk"
    with pytest.raises(DiskError, match=f"^{re.escape(message)}$"):
        write_folder(tmp_path / "folder", FILES)


def test_an_existing_folder_is_kept(tmp_path):
    write_folder(tmp_path / "folder", {"old": b"old"})
    with pytest.raises(DiskError, match=told(tmp_path / "folder", "Directory not empty")):
        write_folder(tmp_path / "folder", FILES)
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["old"]


def test_the_files_of_a_folder_are_on_the_disk_before_it_appears(tmp_path, monkeypatch):
    seen, path = [], tmp_path / "folder"
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append((kind(handle), path.exists())))
    write_folder(path, FILES)
    assert seen == [("file", False)] * 3 + [("folder", False), ("folder", True)]


def test_a_removed_folder_is_gone_at_once(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    write_folder(path, FILES)
    seen = []
    real = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", lambda doomed: (seen.append((path.exists(), names(doomed))), real(doomed)))
    remove_folder(path)
    assert seen == [(False, sorted(FILES))]  # it is renamed before its first file is removed
    assert names(tmp_path) == []
    with pytest.raises(DiskError, match=told(path, "No such file or directory")):
        remove_folder(path)


def test_a_leftover_link_is_removed_and_not_its_target(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "swept").mkdir()
    (tmp_path / "swept" / ".link.tmp").symlink_to("../kept")
    sweep(tmp_path / "swept")
    assert names(tmp_path / "swept") == []
    assert names(tmp_path / "kept") == ["file"]


def test_leftovers_of_a_crash_are_removed_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / ".status.json.17.tmp").write_bytes(b"half")
    (tmp_path / ".00000001-0000000000.17.tmp").mkdir()
    (tmp_path / ".00000001-0000000000.17.tmp" / "state").write_bytes(b"half")
    kept = [".lock", ".tmp.txt", "mine.tmp", "status.json"]
    for name in kept:
        (tmp_path / name).write_bytes(b"kept")
    sweep(tmp_path)
    assert names(tmp_path) == kept
    sweep(tmp_path / "nowhere")


@pytest.mark.parametrize("write", [write_file, lambda path, content: write_folder(path, {"file": content})])
def test_a_partly_written_file_has_a_name_that_is_removed_later(write, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append([*tmp_path.iterdir()]))
    write(tmp_path / "00000001-0000000000", b"content")
    for each in seen[0]:
        each.touch() if write is write_file else each.mkdir()
    sweep(tmp_path)
    assert names(tmp_path) == ["00000001-0000000000"]
