"""Writing that either happens whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from descenso.errors import DiskError
from descenso.text import _

__all__ = ["disk_errors", "write_file"]


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into a `DiskError` that names it."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOSPC:
            message = _("{path}: the disk is full; free some space, or try --out on another disk")
        else:
            message = _("{path}: cannot be written ({reason}); try --out DIR with a directory of yours")
        raise DiskError(message.format(path=path, reason=reason)) from error


def write_file(path: Path, content: bytes) -> None:
    """Write `content` to `path`: a reader sees the old file or the new one, never a part, even after a power cut.

    Raises:
        DiskError: and the old file stands.
    """
    sibling = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            with sibling.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            sibling.replace(path)
        except BaseException:
            sibling.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened to be synced
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
