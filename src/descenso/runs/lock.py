"""Lock a run directory for the process that writes it; the system releases the lock when that process ends."""

from pathlib import Path

from filelock import FileLock, Timeout

from descenso.errors import RunInUse
from descenso.runs.files import disk_errors
from descenso.text import _

LOCK = ".lock"  # never removed: otherwise two processes could lock two files of one name


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
                _("{path}: another process is writing this run; wait for it, or try another --out").format(path=run)
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
