"""The lock of a run: whoever writes a run holds it, and the system takes it back when that process ends."""

from pathlib import Path

from filelock import FileLock, Timeout

from descenso.errors import RunInUse
from descenso.runs.files import disk_errors
from descenso.text import _

LOCK = ".lock"  # stays when the run has ended: removing it would let two processes lock two files of one name


def locked(run: Path) -> FileLock:
    """The lock of the directory `run`, held until it is released or this process ends, however it ends.

    Raises:
        RunInUse: where another process holds it; nothing is changed.
        DiskError: where the directory cannot be written.
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
    """Whether a process writes `run`; yes, where its lock may not be tried."""
    if not (run / LOCK).exists():
        return False
    try:
        with FileLock(run / LOCK, timeout=0):
            return False
    except OSError:  # Timeout is one
        return True
