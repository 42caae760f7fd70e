"""Writing that either happens whole or not at all: the only place that writes what must not be lost."""

import contextlib
import errno
import itertools
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from descenso.errors import DiskError
from descenso.text import _

MOST_LETTERS = 100  # of a name that we make: file systems take 255 bytes
DEVICE = re.compile(
    r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE
)  # what Windows takes for a device, whatever follows a dot
TEMPORARY = ".tmp"  # how names end that a crash may leave behind; nothing reads them, and `sweep` removes them


@contextlib.contextmanager
def disk_errors(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn what the operating system says about `path` into a `DiskError` that names it, and the bytes it wanted."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and size is not None:
            message = _("{path}: the disk is full, {size} bytes are needed; free some space, or try --out elsewhere")
        elif error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = _("{path}: the disk is full; free some space, or try --out on another disk")
        else:
            message = _("{path}: cannot be written ({reason}); try --out DIR with a directory of yours")
        raise DiskError(message.format(path=path, reason=reason, size=size)) from error


def make_folder(path: Path) -> None:
    """Make the folder `path` where it is not there, and those above it; a power cut leaves what was made.

    Raises:
        DiskError: and some of those above it may be made.
    """
    with disk_errors(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)


def fresh_folder(root: Path, stem: str) -> Path:
    """Claim the first free `<root>/<stem>-<number>` by making that folder.

    Raises:
        DiskError: where none can be made.
    """
    make_folder(root)
    with disk_errors(root):
        for number in itertools.count(1):
            path = root / f"{stem}-{number:03}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            sync_folder(root)
            return path
    raise AssertionError


def portable_name(name: str) -> str:
    """Replace what some file system does not take in a name: Windows takes no colon, and no device's name.

    >>> portable_name("mnist-python:sequential"), portable_name("con.csv-mlp"), portable_name("año 1-cnn")
    ('mnist-python-sequential', '_con.csv-mlp', 'año-1-cnn')
    """
    name = re.sub(r"[^\w.-]+", "-", name)[:MOST_LETTERS].lstrip(".-") or "run"
    return f"_{name}" if DEVICE.fullmatch(name.partition(".")[0]) else name


def write_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`: a reader sees the old file or the new one, never a part, even after a power cut.

    Raises:
        DiskError: and the old file stands, or the new one where only the last sync failed.
    """
    sibling = _sibling(path)
    with disk_errors(path, len(content)):
        try:
            _write_synced(sibling, content)
            sibling.replace(path)
        except BaseException:
            sibling.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Make the folder `path` with these files in it and in folders of it: it appears with all of them, or not at all.

    Raises:
        DiskError: and nothing is left of it, or all where only the last sync failed. `path` must not exist.
    """
    sibling = _sibling(path)
    with disk_errors(path, sum(map(len, contents.values()))):
        try:
            folders = sorted({sibling, *(sibling / each for name in contents for each in Path(name).parents)})
            for folder in folders:  # those above before those below
                folder.mkdir()
            for name, content in contents.items():
                _write_synced(sibling / name, content)
            for folder in folders:
                sync_folder(folder)
            sibling.rename(path)
        except BaseException:
            shutil.rmtree(sibling, ignore_errors=True)
            raise
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove the folder `path`: whoever looks finds all of it, or nothing under its name."""
    doomed = _sibling(path)
    with disk_errors(path):
        path.rename(doomed)
        _remove(doomed)


def sweep(folder: Path) -> None:
    """Remove what a crash left half written in `folder`."""
    for path in folder.glob(f".*{TEMPORARY}"):
        with disk_errors(path):
            _remove(path)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _sibling(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See onto the disk which names `folder` holds: syncing a file sees to its content only."""
    if os.name != "posix":  # elsewhere a folder cannot be opened to be synced
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
