"""Name the folders of runs, check that outputs can be written, and lock a run."""

import contextlib
import itertools
import re
from pathlib import Path

from filelock import FileLock, Timeout

from descenso.data.formats import of_file
from descenso.errors import ConfigError, DataError, RunInUse
from descenso.files import disk_errors, make_folder, sync_folder, temporary_beside
from descenso.text import _

SWEEP = "sweep.json"  # by which the directory of a sweep is recognised
LOCK = ".lock"  # never removed: otherwise two processes could lock two files of one name

MOST_LETTERS = 100  # of a name that descenso makes: file systems allow 255 bytes
# On Windows these names are devices, with any extension.
DEVICE = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)


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
        temporary = temporary_beside(path)
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
