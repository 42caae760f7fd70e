"""Write, replace and remove files and folders atomically, as all files of a run are, and lock a run."""

import contextlib
import errno
import itertools
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from descenso.data.formats import of_file
from descenso.errors import ConfigError, DataError, DiskError, RunInUse
from descenso.text import _, reason_of

SWEEP = "sweep.json"  # by which the directory of a sweep is recognised
LOCK = ".lock"  # never removed: otherwise two processes could lock two files of one name

MOST_LETTERS = 100  # of a name that descenso makes: file systems allow 255 bytes
# On Windows these names are devices, with any extension.
DEVICE = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
TEMPORARY = ".tmp"  # suffix of temporary names, which a crash may leave behind and `sweep` removes


@contextlib.contextmanager
def disk_errors(path: Path, size: int | None = None) -> Iterator[None]:
    """Turn an `OSError` into a `DiskError` that names `path` and the `size` in bytes that was needed."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and size is not None:
            message = _("{path}: the disk is full, {size} bytes are needed; free some space, or use another disk")
        elif error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = _("{path}: the disk is full; free some space, or use another disk")
        else:
            message = _("{path}: cannot be written ({reason}); use a directory of yours")
        raise DiskError(message.format(path=path, reason=reason_of(error), size=size)) from error


def make_folder(path: Path) -> None:
    """Make the folder `path` and its missing parents, and sync them to disk.

    Raises:
        DiskError: if it cannot be made; some of its parents may be.
    """
    with disk_errors(path):
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)


def check_output(path: Path) -> Path:
    """Return `path` after making its folder and writing a file of another name there, so that work is not in vain.

    Raises:
        ConfigError: if `path` is a folder, or cannot be a path.
        DiskError: if no file can be written there.
    """
    try:
        if path.is_dir():
            message = _("out: {path} is a folder, expected a file; try --out {file}")
            raise ConfigError(message.format(path=path, file=path / "out.png"))
        make_folder(path.parent)
        temporary = _temporary(path)
        with disk_errors(path):
            temporary.touch()
            temporary.unlink()
    except ValueError as error:  # a null byte, half of a surrogate pair
        if isinstance(error, ConfigError):
            raise
        raise not_a_path(path, error) from None
    return path


def not_a_path(path: Path, error: ValueError) -> ConfigError:
    """Return the error that says why `path` cannot be one."""
    return ConfigError(
        _("out must be a path, got {path!r} ({reason}); try --out runs/mine").format(path=str(path), reason=error)
    )


def fresh_folder(root: Path, stem: str) -> Path:
    """Make the folder `<root>/<stem>-<number>` with the first free number.

    Raises:
        DiskError: if it cannot be made.
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


def run_name(data: str, model: str) -> str:
    """Name the runs of a model on a dataset: by the file's name without its ending, such as .csv or .csv.gz.

    >>> run_name("data/iris.csv", "softmax"), run_name("mnist", "cnn"), run_name("photos.v2", "cnn")
    ('iris-softmax', 'mnist-cnn', 'photos.v2-cnn')
    """
    name = Path(data).name
    while of_file(Path(name)) or name.endswith(".gz"):
        name = Path(name).stem
    return portable_name(f"{name}-{model}")


def portable_name(name: str) -> str:
    """Replace the characters and names that some file system refuses: on Windows, colons and names of devices.

    >>> portable_name("mnist-python:sequential"), portable_name("con.csv-mlp"), portable_name("año 1-cnn")
    ('mnist-python-sequential', '_con.csv-mlp', 'año-1-cnn')
    """
    name = re.sub(r"[^\w.-]+", "-", name)[:MOST_LETTERS].lstrip(".-") or "run"
    return f"_{name}" if DEVICE.fullmatch(name.partition(".")[0]) else name


def write_file(path: Path, content: bytes) -> None:
    """Replace the file `path` atomically: a reader sees the old content or the new, also after a power cut.

    Raises:
        DiskError: if it cannot be written; the old file is unchanged, unless only the last sync failed.
    """
    temporary = _temporary(path)
    with disk_errors(path, len(content)):
        try:
            _write_synced(temporary, content)
            temporary.replace(path)
        except BaseException:  # Ctrl-C too: no temporary file is left
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write the folder `path` atomically, with files by their paths in it; `path` must not exist.

    Raises:
        DiskError: if it cannot be written; nothing of it is left, unless only the last sync failed.
    """
    temporary = _temporary(path)
    with disk_errors(path, sum(map(len, contents.values()))):
        try:
            folders = sorted({temporary, *(temporary / parent for name in contents for parent in Path(name).parents)})
            for folder in folders:  # parents first
                folder.mkdir()
            for name, content in contents.items():
                _write_synced(temporary / name, content)
            for folder in folders:
                sync_folder(folder)
            temporary.rename(path)
        except BaseException:  # Ctrl-C too: no temporary folder is left
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Remove the folder `path`, renamed first: a reader finds all of it, or nothing under its name."""
    renamed = _temporary(path)
    with disk_errors(path):
        path.rename(renamed)
        _remove(renamed)


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders that a crash left in `folder`."""
    for path in folder.glob(f".*{TEMPORARY}"):
        with disk_errors(path):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in `folder` to disk; syncing a file syncs its content only."""
    if os.name != "posix":  # on other systems a folder cannot be opened for a sync
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_sweep(path: Path) -> bool:
    """Tell whether `path` is the directory of a sweep."""
    with contextlib.suppress(OSError, ValueError):
        return (path / SWEEP).is_file()
    return False


def no_run(path: Path) -> DataError:
    """Return the error that says that there is no run at `path`."""
    message = _("{path}: there is no run; `descenso runs` lists those there are")
    if is_sweep(path):
        message = _("{path} is a sweep of many runs; to train its best: descenso train --config {path}/best.json")
    return DataError(message.format(path=path))


def locked(run: Path) -> FileLock:
    """Acquire the lock of the directory `run`, held until it is released or this process ends.

    Raises:
        RunInUse: if another process holds it; nothing is changed.
        DiskError: if the directory cannot be written.
    """
    with disk_errors(run):
        lock = FileLock(run / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunInUse(
                _("{path}: another process is writing this run; wait for it, or use another directory").format(path=run)
            ) from None
    return lock


def is_held(run: Path) -> bool:
    """Whether a process holds the lock of `run`; also True if the lock cannot be opened."""
    if not (run / LOCK).exists():
        return False
    try:
        with FileLock(run / LOCK, timeout=0):
            return False
    except OSError:  # Timeout is one
        return True


def refuse_full(folder: Path) -> None:
    """Raise ConfigError unless `folder` is empty."""
    if any(entry.name != LOCK for entry in folder.iterdir()):
        message = _("{path} is not empty, and no run is ever overwritten; try --out with a new name")
        raise ConfigError(message.format(path=folder))
