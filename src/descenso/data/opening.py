"""Files of other people: regular ones only, no larger than the limits, and what goes wrong with them told."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from descenso.data.limits import Limits
from descenso.errors import DataError
from descenso.text import _


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Within it, a want of memory and whatever the system refuses are a `DataError` that names `path`."""
    try:
        yield
    except MemoryError:
        raise DataError(_("{path}: it holds more than there is memory for").format(path=path)) from None
    except OSError as error:
        raise DataError(
            _("{path}: cannot be read ({reason})").format(path=path, reason=error.strerror or error)
        ) from None


@contextlib.contextmanager
def opened(path: Path, limits: Limits) -> Iterator[BinaryIO]:
    """The regular file `path`, open to be read; a pipe or a device, which may have no end, is not opened.

    Raises:
        DataError: where it cannot be read, is something else, or is larger than the limits.
    """
    with told(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise DataError(_("{path}: not a regular file").format(path=path))
        limits.check("file_bytes", found.st_size, path)
        with path.open("rb") as file:
            yield file


def inside(path: Path, folder: Path) -> Path:
    """`path`, once it is no link out of `folder`.

    Raises:
        DataError: where it is one.
    """
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise DataError(_("{path}: a link out of the folder; copy the file into it").format(path=path))
    return path
